"""Separate objects by the boundaries between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..components import component
from ..components.rules import below_one, count, fraction, positive, ruled
from ..losses import LOSS, Loss
from ..segmentation.agglomeration import agglomerate
from ..segmentation.objects import keep_objects
from ..segmentation.surfaces import beside_others
from ..segmentation.watershed import separate
from .found import Found
from .head import Head
from .labels import Array, Spacing, foreground_of, labels_and_known, ratio, weight_of
from .objects import Partitions, correlation
from .task import Maps, Target, Truth
from .tuning import Steps, best_for_objects

if TYPE_CHECKING:
    from ..patches.sample import Sample

SEEDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
JOINED = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
STEPS: Steps = (
    ("boundary_threshold", SEEDS),
    ("merge_threshold", JOINED),
    ("boundary_threshold", SEEDS),
    ("merge_threshold", JOINED),
    ("foreground_threshold", (0.3, 0.5, 0.7)),
    ("min_seed_px", (1, 4, 10, 30)),
)
"""Which settings `Boundary.tune` tries, in which order."""


@component
@dataclass(frozen=True)
class Boundary(Partitions):
    """Separate objects by the boundaries between them: cells in tissue, neurites.

    Two heads are learned: the foreground, and the boundary, which are the object pixels beside
    another object or background. Seeds are where the second is low; they grow by watershed over
    the foreground, boundaries last. Pieces that lie side by side without a likely boundary
    between them are joined then, the least divided first.

    Parameters
    ----------
    min_area_px : int, default 0
        Smaller objects are dropped from the result (pixels, in 3-D voxels).
    thickness_px : float, default 1.0
        An object pixel is boundary where its middle is nearer than this to the surface of
        something else, in units of the smallest pixel spacing: along an axis whose pixels are
        more than twice as long, what lies beside makes no boundary.
    loss : str or Loss, default "ce_dice"
        Of the boundary: a name or a component of `losses`.
    foreground_threshold : float, default 0.5
        Foreground is where the probability is larger. Fitted by `tune`.
    boundary_threshold : float, default 0.5
        Seeds are where the probability of boundary is smaller. Fitted by `tune`.
    min_seed_px : int, default 4
        Smaller seeds are no seeds. Fitted by `tune`.
    merge_threshold : float, default 0.0
        Pieces are joined while the mean probability of boundary over the faces that they share is
        smaller; with 0 none are. Fitted by `tune`.

    Notes
    -----
    Joining is hierarchical agglomeration with average linkage,
    :doi:`10.1371/journal.pone.0071715`.

    Examples
    --------
    >>> from cytoloom.patches.sample import Sample
    >>> labels = np.zeros((12, 20), np.int32)
    >>> labels[2:10, 2:10], labels[2:10, 10:18] = 1, 2
    >>> task = Boundary()
    >>> target = task.target(Sample({"labels": labels}, {"labels": "labels"}))
    >>> found = task.decode({head: value for head, (value, weight) in target.items()})
    >>> bool((found.labels == labels).all())
    True
    """

    min_area_px: int = count(0, 0)
    thickness_px: float = positive(1.0)
    loss: str | Loss = ruled("ce_dice", LOSS)
    foreground_threshold: float = fraction(0.5)
    boundary_threshold: float = fraction(0.5)
    min_seed_px: int = count(4, 0)
    merge_threshold: float = below_one(0.0)

    def __post_init__(self) -> None:
        _ = self.heads  # a loss that does not go with its head is refused now

    @property
    def heads(self) -> dict[str, Head]:
        """Two sigmoid heads, ``"foreground"`` and ``"boundary"``."""
        return {
            "foreground": Head(1, "sigmoid", "ce_dice"),
            "boundary": Head(1, "sigmoid", self.loss),
        }

    @property
    def context_px(self) -> int:
        """How far a boundary reaches."""
        return math.ceil(self.thickness_px + 0.5)

    def keeping_all(self) -> Boundary:
        """Return this task without minimal area."""
        return replace(self, min_area_px=0)

    def kept(self, maps: Maps, found: Found) -> Found:
        """Drop small objects from a copy of what was found."""
        return Found(keep_objects(found.labels.copy(), min_area_px=self.min_area_px))

    def target(self, sample: Sample) -> Target:
        """Foreground and boundary, 0 or 1; see `Task.target`."""
        labels, known = labels_and_known(sample)
        spacing = ratio(sample.spacing_um, labels.ndim)
        near, doubt = beside_others(labels, known, self.thickness_px, spacing)
        return {
            "foreground": foreground_of(labels, known),
            "boundary": (near[..., None].astype(np.float32), weight_of(known & ~doubt)),
        }

    def decode(self, maps: Maps, spacing_um: Spacing = None) -> Found:
        """Seeds, watershed, joining, sizes; int32 labels, numbered from 1."""
        labels = separate(
            maps["foreground"][..., 0],
            1 - maps["boundary"][..., 0],
            foreground_threshold=self.foreground_threshold,
            seed_threshold=1 - self.boundary_threshold,
            min_seed_px=self.min_seed_px,
        )
        if self.merge_threshold:
            agglomerate(labels, maps["boundary"][..., 0], self.merge_threshold)
        if self.min_area_px > 1:
            keep_objects(labels, min_area_px=self.min_area_px)
        return Found(labels)

    def tune(
        self, maps: Sequence[Maps], truths: Sequence[Truth], spacing_um: Spacing = None
    ) -> Boundary:
        """Choose thresholds with the best mean average precision; see `Task.tune`."""
        return replace(self, **best_for_objects(self, maps, truths, spacing_um, STEPS))

    def coherence(self, maps: Maps, found: Found) -> float:
        """Correlation of the second map with the boundaries of what was found, inside it."""
        every = np.ones(found.labels.shape, bool)
        alike = (1.0,) * every.ndim
        near, _ = beside_others(found.labels, every, self.thickness_px, alike)
        return correlation(maps["boundary"][..., 0], near, found.labels > 0)

    def evidence(self, maps: Maps, labels: Array) -> dict[str, Array]:
        """How sure it is that a pixel is none of a boundary."""
        return {"inside": 1 - maps["boundary"][..., 0]}
