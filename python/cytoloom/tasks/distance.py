"""Foreground and background by the distance to the surface between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..components import component
from ..components.rules import positive, ruled
from ..losses import LINEAR_LOSS, Loss
from ..metrics.distances import hausdorff, mean_false_distances, overlap_within
from ..segmentation.surfaces import signed_distance
from .binary import Binary
from .found import Found
from .head import Head
from .labels import Array, Spacing, labels_and_known, ratio, unknown_marked
from .task import Maps, Target

if TYPE_CHECKING:
    from ..patches.sample import Sample

REACH = 3
"""Distances are measured up to so many scales: tanh is 0.995 there."""
LARGEST_REACH_PX = 32
"""But no farther than this where the scale is in micrometres."""
SURE = 0.05
"""A target that unknown pixels leave open by more than this has no weight."""
TOLERANCE_PX = 2
DISTANCES = (
    "hausdorff",
    "hausdorff95",
    "mean_false_positive_distance",
    "mean_false_negative_distance",
)


@component
@dataclass(frozen=True)
class Distance(Binary):
    """Tell foreground from background by the distance to the surface between them.

    One head learns tanh(distance / scale), positive inside and negative outside. What is near
    the surface counts most, thin objects are found as well as thick ones, and each pixel says
    more than a yes or no. Pixels for which the border of what is known is nearer than the
    surface have no weight.

    Parameters
    ----------
    threshold : float, default 0.5
        Foreground is where (1 + the head) / 2 is larger, 0.5 being the surface. Training
        replaces it by the value with the best mean Dice on the validation images.
    loss : str or Loss, default "mse"
        "mse" or "l1", or a component of `losses`.
    scale_px : float, default 3.0
        Distance at which the target is tanh(1), 0.76, in units of the smallest pixel spacing.
    scale_um : float, optional
        The same in micrometres, where images have a pixel size; `scale_px` counts where they
        have none.

    Notes
    -----
    From the middle of a pixel to the surface, axes by their pixel size; measured up to 3 scales,
    and no farther than 32 px where the scale is in micrometres. It is DaCapo's distance task.

    Examples
    --------
    >>> from cytoloom.patches.sample import Sample
    >>> sample = Sample({"labels": np.array([[0, 1, 1, 1, 0]])}, {"labels": "labels"}, (9.0, 1.0))
    >>> value, weight = Distance(scale_px=1).target(sample)["distance"]
    >>> np.arctanh(value[..., 0]).round(3)
    array([[-0.5,  0.5,  1.5,  0.5, -0.5]], dtype=float32)
    """

    loss: str | Loss = ruled("mse", LINEAR_LOSS)
    scale_px: float = positive(3.0)
    scale_um: float | None = positive(None)

    @property
    def heads(self) -> dict[str, Head]:
        """One linear head, ``"distance"``."""
        return {"distance": Head(1, "linear", self.loss)}

    @property
    def class_heads(self) -> tuple[str, ...]:
        """None: a distance is no probability."""
        return ()

    @property
    def context_px(self) -> int:
        """How far distances are measured."""
        reach = REACH * self.scale_px
        return math.ceil((reach if self.scale_um is None else max(reach, LARGEST_REACH_PX)) + 0.5)

    def target(self, sample: Sample) -> Target:
        """Tanh of the signed distance; weight 0 where it is not known; see `Task.target`."""
        value, sure = self.distance(sample)
        return {"distance": (value[..., None], sure[..., None].astype(np.float32))}

    def distance(self, sample: Sample) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Tanh of the signed distance over the scale, and where it is known to within 0.05."""
        labels, known = labels_and_known(sample)
        scale = self._scale(sample.spacing_um)
        reach = REACH * scale
        if self.scale_um is not None and sample.spacing_um is not None:
            reach = min(reach, LARGEST_REACH_PX)
        away, less = signed_distance(labels, known, reach, ratio(sample.spacing_um, labels.ndim))
        value = np.tanh(away / np.float32(scale))
        open_by = np.abs(value) - np.tanh((np.abs(away) - less) / np.float32(scale))
        return value, known & (open_by <= SURE)

    def _scale(self, spacing_um: Spacing) -> float:
        """Return the scale in units of the smallest pixel spacing."""
        if self.scale_um is None or spacing_um is None:
            return self.scale_px
        return float(self.scale_um / min(spacing_um))

    def foreground(self, maps: Maps) -> NDArray[np.float32]:
        """(1 + tanh of the distance) / 2 (spatial...), from 0 to 1."""
        return half_of(maps["distance"][..., 0])

    def score(
        self, truth: Array, found: Found, known: Array | None = None, spacing_um: Spacing = None
    ) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Dice, IoU, precision and recall, and how far what is wrong lies from what is right.

        Hausdorff distance, that of 95 % and mean false distances (`metrics.hausdorff`,
        `metrics.mean_false_distances`) end in ``_um``, where no pixel size is known in ``_px``;
        where one of the masks is empty they are the image's diagonal. Precision, recall and F1
        within 2 px (the smallest spacing) are those of `metrics.overlap_within`.
        """
        scores, rows = super().score(truth, found, known, spacing_um)
        return scores | distance_scores(truth, found.labels, known, spacing_um), rows

    def score_range(self, metric: str) -> tuple[float, float]:
        """Say that distances have no end."""
        low, high = super().score_range(metric)
        return (low, math.inf if metric.startswith(DISTANCES) else high)

    def less_is_better(self, metric: str) -> bool:
        """Say so of distances."""
        return metric.startswith(DISTANCES) or super().less_is_better(metric)

    def never_below(self, metric: str) -> tuple[str, ...]:
        """Say that a percentile is not above the largest, and tolerance takes nothing away."""
        if metric.startswith("hausdorff_"):
            return (metric.replace("hausdorff", "hausdorff95", 1),)
        strict = {f"{a}_within_{TOLERANCE_PX}px": a for a in ("precision", "recall")}
        strict[f"f1_within_{TOLERANCE_PX}px"] = "dice"
        if metric in strict:
            return (strict[metric],)
        return super().never_below(metric)


def half_of(distance: Array) -> NDArray[np.float32]:
    """Map -1 to 1 onto 0 to 1, ends cut off.

    Examples
    --------
    >>> half_of(np.array([-1.5, 0, 0.5]))
    array([0.  , 0.5 , 0.75], dtype=float32)
    """
    half: NDArray[np.float32] = np.asarray(distance, np.float32) / np.float32(2) + np.float32(0.5)
    return np.clip(half, np.float32(0), np.float32(1))


def distance_scores(
    truth: Array, found: Array, known: Array | None, spacing_um: Spacing
) -> dict[str, float]:
    """Distances between two masks, and overlap with tolerance; NaN where both are empty.

    Examples
    --------
    >>> truth, found = np.array([[1, 1, 0, 0]]), np.array([[0, 1, 1, 0]])
    >>> distance_scores(truth, found, None, (0.5, 0.5))["hausdorff_um"]
    0.5
    """
    unit = "px" if spacing_um is None else "um"
    spacing = spacing_um or (1.0,) * truth.ndim
    tolerance = TOLERANCE_PX * min(spacing)
    marked = unknown_marked((truth > 0).astype(np.int32), known)
    seen = found > 0 if known is None else (found > 0) & known
    names = [f"{name}_{unit}" for name in DISTANCES]
    within = [f"{name}_within_{TOLERANCE_PX}px" for name in ("precision", "recall", "f1")]
    if not ((marked > 0).any() or seen.any()):
        return dict.fromkeys([*names, *within], float("nan"))
    away = [hausdorff(marked, seen, spacing, percentile=p, unknown=-1) for p in (100, 95)]
    away += mean_false_distances(marked, seen, spacing, unknown=-1)
    diagonal = math.hypot(*(n * size for n, size in zip(truth.shape, spacing, strict=True)))
    overlap = overlap_within(marked, seen, tolerance, spacing, unknown=-1)
    shares = (overlap.precision, overlap.recall, overlap.dice)
    return dict(zip(names, (min(one, diagonal) for one in away), strict=True)) | {
        name: float(share[0]) for name, share in zip(within, shares, strict=True)
    }
