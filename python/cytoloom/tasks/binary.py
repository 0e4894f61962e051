"""Foreground and background: one probability per pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..components import component
from ..components.rules import fraction, ruled
from ..images.labels import is_mask_255, values_of
from ..losses import LOSS, Loss
from .found import Found
from .head import Head
from .labels import (
    Array,
    Spacing,
    check_known_values,
    foreground_of,
    labels_and_known,
    two_classes,
)
from .task import Maps, Target, Task, Truth

if TYPE_CHECKING:
    from ..patches.sample import Sample


@component
@dataclass(frozen=True)
class Binary(Task):
    """Tell foreground from background.

    Objects of the result are connected components; where touching objects must be separated
    use `Instances`.

    Parameters
    ----------
    threshold : float, default 0.5
        Foreground is where the probability is larger. Training replaces it by the value with
        the best mean Dice on the validation images.
    loss : str or Loss, default "ce_dice"
        A name or a component of `losses`.

    Examples
    --------
    >>> found = Binary().decode({"foreground": np.array([[[0.2], [0.9]]], np.float32)})
    >>> found.labels
    array([[0, 1]], dtype=uint8)
    """

    threshold: float = fraction(0.5)
    loss: str | Loss = ruled("ce_dice", LOSS)

    def __post_init__(self) -> None:
        _ = self.heads  # a loss that does not go with its head is refused now

    @property
    def heads(self) -> dict[str, Head]:
        """One sigmoid head, ``"foreground"``."""
        return {"foreground": Head(1, "sigmoid", self.loss)}

    @property
    def class_heads(self) -> tuple[str, ...]:
        """The probability of foreground."""
        return ("foreground",)

    @property
    def locality(self) -> int | str:
        """A pixel's label depends on that pixel only."""
        return 0

    def target(self, sample: Sample) -> Target:
        """Return 1 on foreground, 0 on background; see `Task.target`."""
        labels, known = labels_and_known(sample)
        return {"foreground": foreground_of(labels, known)}

    def decode(self, maps: Maps, spacing_um: Spacing = None) -> Found:
        """Threshold the foreground probability; labels are uint8, 0 and 1."""
        return Found((self.foreground(maps) > self.threshold).astype(np.uint8), semantic=True)

    def tune(
        self, maps: Sequence[Maps], truths: Sequence[Truth], spacing_um: Spacing = None
    ) -> Binary:
        """Choose the threshold with the best mean Dice over images; see `Task.tune`.

        Thresholds are multiples of 0.02; among equals the one nearest to 0.5 wins. Images
        without foreground have no Dice: what is found there counts as found on the others, an
        equal share on each, so that finding little on few images does not win. Without any
        foreground nothing is chosen.
        """
        edges = np.arange(1, 50) / 50
        counts = [
            pixels_by_threshold(self.foreground(m), labels > 0, known, edges)
            for m, (labels, known) in zip(maps, truths, strict=True)
        ]
        filled = [(found, both, true) for found, both, true in counts if true]
        if not filled:
            return self
        extra = sum(found for found, _, true in counts if not true) / len(filled)
        mean = np.mean([2 * both / (found + true + extra) for found, both, true in filled], axis=0)
        best = max(range(len(edges)), key=lambda i: (round(mean[i], 9), -abs(edges[i] - 0.5)))
        return replace(self, threshold=float(edges[best]))

    def check_labels(self, labels: Array, known: Array | None = None) -> list[str]:
        """Refuse what is neither 0/1 nor 0/255 nor one object id per object."""
        return check_known_values(labels, known)

    def describe_labels(self, labels: Array) -> list[str]:
        """Say when 0/255 or object ids are read as foreground."""
        top = int(labels.max(initial=0))
        if top <= 1:
            return []
        what = "0/255" if is_mask_255(values_of(labels)) else f"values up to {top}"
        return [f"{what} read as a mask: every value above 0 is foreground"]

    def prepare(self, labels: Array) -> Array:
        """Return 0 and 1 (uint8), whatever values stand for foreground."""
        return (labels > 0).astype(np.uint8)

    def probabilities(self, maps: Maps) -> NDArray[np.float32]:
        """Probabilities (spatial..., 2) of background and foreground."""
        return two_classes(self.foreground(maps))

    def foreground(self, maps: Maps) -> NDArray[np.float32]:
        """Foreground probability (spatial...)."""
        return np.asarray(maps["foreground"][..., 0])


def pixels_by_threshold(
    foreground: Array, truth: Array, known: Array | None, edges: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Pixels of ``foreground > edge``, and those of `truth` among them, in one pass.

    Parameters
    ----------
    foreground : ndarray of float
        Probabilities.
    truth : ndarray of bool
        Same shape.
    known : ndarray of bool or None
        Pixels that count.
    edges : ndarray of float
        Ascending thresholds.

    Returns
    -------
    (ndarray of int64, ndarray of int64, int)
        Pixels found and pixels found rightly, one number per edge, and those of `truth`.

    Examples
    --------
    >>> p = np.array([0.2, 0.6, 0.9])
    >>> pixels_by_threshold(p, np.array([False, True, True]), None, np.array([0.1, 0.5, 0.7]))
    (array([3, 2, 1]), array([2, 2, 1]), 2)
    """
    if known is not None:
        foreground, truth = foreground[known], truth[known]
    level = np.searchsorted(edges, foreground.ravel(), side="left")
    count = np.bincount(level, minlength=len(edges) + 1)
    hit = np.bincount(level[truth.ravel()], minlength=len(edges) + 1)
    above = len(level) - np.cumsum(count)[:-1]
    true = int(hit.sum())
    return above, true - np.cumsum(hit)[:-1], true
