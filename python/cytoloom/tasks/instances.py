"""Separate objects, touching ones too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..components import component
from ..errors import invalid
from ..metrics.matching import IOUS_50_95, average_precision, match
from .binary import overlap_scores
from .decoding import fill_holes, keep_objects, separate
from .distances import boundary_distance
from .task import (
    Array,
    Found,
    Head,
    Maps,
    Spacing,
    Target,
    Task,
    Truth,
    check_known_values,
    fraction,
    is_zero_255,
    labels_and_known,
    two_classes,
    weight_of,
)
from .tuning import Settings, best_on_grid

if TYPE_CHECKING:
    from ..patches.sample import Sample

TUNED_IOUS = (0.5, 0.6, 0.7, 0.8, 0.9)


@component
@dataclass(frozen=True)
class Instances(Task):
    """Find every object, and tell touching ones apart.

    Two heads are learned: the foreground, and each object pixel's distance to its object's
    boundary, truncated at `reach_px`. Objects are seeds of large distance, grown by watershed
    over the foreground.

    Parameters
    ----------
    min_area_px : int, default 0
        Smaller objects are dropped from the result (pixels, in 3-D voxels).
    fill_holes : bool, default True
        Fill background that one object encloses.
    exclude_border : bool, default False
        Drop objects that touch the border of the image.
    reach_px : float, default 8.0
        Distance at which the learned distance ends, in units of the smallest pixel spacing.
    distance_loss : str, default "ce"
        Name of the second head's loss.
    foreground_threshold : float, default 0.5
        Foreground is where the probability is larger. Fitted by `tune`.
    seed_threshold : float, default 0.3
        Seeds are where the distance map is larger. Fitted by `tune`.
    debris_px : int, default 0
        Smaller objects are taken for debris and dropped. Fitted by `tune`.
    """

    min_area_px: int = 0
    fill_holes: bool = True
    exclude_border: bool = False
    reach_px: float = 8.0
    distance_loss: str = "ce"
    foreground_threshold: float = 0.5
    seed_threshold: float = 0.15
    debris_px: int = 0

    def __post_init__(self) -> None:
        fraction("foreground_threshold", self.foreground_threshold)
        fraction("seed_threshold", self.seed_threshold)
        if self.reach_px < 1:
            raise invalid("reach_px", expected="1 or more", received=self.reach_px)
        if self.min_area_px < 0:
            raise invalid("min_area_px", expected="0 or more", received=self.min_area_px)

    @property
    def heads(self) -> dict[str, Head]:
        """Two sigmoid heads, ``"foreground"`` and ``"distance"``."""
        return {
            "foreground": Head(1, "sigmoid", "ce_dice"),
            "distance": Head(1, "sigmoid", self.distance_loss),
        }

    @property
    def context_px(self) -> int:
        """The reach of the distance, and the neighbour that makes a pixel a boundary."""
        return math.ceil(self.reach_px) + 1

    @property
    def locality(self) -> int | str:
        """Objects grow inside their connected piece of foreground."""
        return "component"

    @property
    def label_names(self) -> tuple[str, ...]:
        """Background and object."""
        return ("background", "object")

    def target(self, sample: Sample) -> Target:
        """Foreground 0/1, and distance / `reach_px` up to 1; see `Task.target`."""
        labels, known = labels_and_known(sample)
        distance = boundary_distance(
            labels, known, reach_px=self.reach_px, spacing=sample.spacing_um
        )
        weight = weight_of(known)
        foreground = ((labels > 0) & known)[..., None].astype(np.float32)
        return {"foreground": (foreground, weight), "distance": (distance[..., None], weight)}

    def decode(self, maps: Maps, spacing_um: Spacing = None) -> Found:
        """Seeds, watershed, holes, sizes; labels are int32, ids 1 to the number of objects."""
        labels = separate(
            maps["foreground"][..., 0],
            maps["distance"][..., 0],
            self.foreground_threshold,
            self.seed_threshold,
        )
        if self.fill_holes:
            fill_holes(labels)
        smallest = max(self.min_area_px, self.debris_px)
        return Found(keep_objects(labels, min_area_px=smallest, exclude_border=self.exclude_border))

    def tune(
        self, maps: Sequence[Maps], truths: Sequence[Truth], spacing_um: Spacing = None
    ) -> Instances:
        """Choose thresholds with the best mean average precision; see `Task.tune`.

        The mean is over images and IoU thresholds 0.5, 0.6, ... 0.9.
        """
        if not maps:
            return self
        shapes = [unknown_marked(labels, known) for labels, known in truths]

        def score(settings: Settings) -> float:
            task = replace(self, **settings)
            found = [task.decode(m, spacing_um).labels for m in maps]
            pairs = zip(shapes, found, strict=True)
            return float(np.mean([average_precision(t, f, TUNED_IOUS, -1) for t, f in pairs]))

        grid: dict[str, Sequence[float]] = {
            "foreground_threshold": (0.4, 0.5, 0.6),
            "seed_threshold": (0.1, 0.2, 0.4, 0.6),
        }
        start: Settings = {name: getattr(self, name) for name in grid}
        return replace(self, **best_on_grid(score, grid, start))

    def score(
        self, truth: Array, found: Found, known: Array | None = None, spacing_um: Spacing = None
    ) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Average precision, F1, panoptic quality and foreground Dice; one row per object.

        Objects found mostly on unknown pixels count nowhere.
        """
        marked = unknown_marked(truth, known)
        matches = match(marked, found.labels, unknown=-1)
        by_iou = average_precision(marked, found.labels, IOUS_50_95, unknown=-1)
        scores = {
            "ap50": float(by_iou[0]),
            "ap70": float(by_iou[4]),
            "ap": float(by_iou.mean()),
            "f1_50": matches.f1,
            "panoptic_quality": matches.panoptic_quality,
            "dice": overlap_scores(truth > 0, found.labels > 0, known)["dice"],
            "n_truth": float(matches.tp + matches.fn),
            "n_found": float(matches.tp + matches.fp),
        }
        return scores, matches.objects()

    def check_labels(self, labels: Array, known: Array | None = None) -> list[str]:
        """Refuse what is not whole numbers from 0 on."""
        return check_known_values(labels, known)

    def describe_labels(self, labels: Array) -> list[str]:
        """Say when a mask is split into connected components."""
        if not self._is_mask(labels):
            return []
        return [
            "a mask without object ids: its connected components are taken for objects, so "
            "touching objects are one"
        ]

    def prepare(self, labels: Array) -> Array:
        """Return `labels`; a mask of one value becomes its connected components."""
        if not self._is_mask(labels):
            return labels
        from scipy import ndimage as ndi

        return np.asarray(ndi.label(labels > 0, output=np.int32)[0])

    def probabilities(self, maps: Maps) -> NDArray[np.float32]:
        """Probabilities (spatial..., 2) of background and object."""
        return two_classes(self.foreground(maps))

    def foreground(self, maps: Maps) -> NDArray[np.float32]:
        """Foreground probability (spatial...)."""
        return np.asarray(maps["foreground"][..., 0])

    def _is_mask(self, labels: Array) -> bool:
        return is_zero_255(labels)


def unknown_marked(labels: Array, known: Array | None) -> Array:
    """Labels as int32 with -1 where not known."""
    return labels if known is None else np.where(known, labels, -1).astype(np.int32)
