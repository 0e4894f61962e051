"""How much two segmentations share: Dice, IoU, precision and recall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..components.arguments import checked
from .contingency import UNKNOWN, Contingency, Floats, Ints, contingency, sums

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Overlap:
    """Pixel counts of each class, and the scores that follow from them.

    Attributes
    ----------
    classes : int64 array (k,)
        Class ids, background left out.
    tp, fp, fn : int64 arrays (k,)
        Pixels in both, in `found` only, in `truth` only.

    Examples
    --------
    >>> Overlap(np.array([1]), tp=np.array([3]), fp=np.array([1]), fn=np.array([0])).dice
    array([0.8571])
    """

    classes: Ints
    tp: Ints
    fp: Ints
    fn: Ints

    @property
    def dice(self) -> Floats:
        """2 TP / (2 TP + FP + FN) of each class; 1 where the class is in neither image."""
        return self._ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def iou(self) -> Floats:
        """TP / (TP + FP + FN) of each class; 1 where the class is in neither image."""
        return self._ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def precision(self) -> Floats:
        """TP / (TP + FP) of each class; 1 where the class is in neither image."""
        return self._ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> Floats:
        """TP / (TP + FN) of each class; 1 where the class is in neither image."""
        return self._ratio(self.tp, self.tp + self.fn)

    def _ratio(self, part: Ints, whole: Ints) -> Floats:
        absent = (self.tp + self.fp + self.fn) == 0
        return np.where(absent, 1.0, part / np.maximum(whole, 1))


@checked
def dice(
    truth: ArrayLike,
    found: ArrayLike,
    *,
    unknown: int | None = None,
    classes: Sequence[int] | None = None,
) -> float:
    """Dice coefficient of two masks, or its mean over the classes of two class maps.

    Parameters
    ----------
    truth, found : array of bool or integers, any shape, the same for both
        Masks (0/1 or 0/255) or class ids; 0 is background. Of instances, whose numbers mean
        nothing, pass ``truth > 0`` and ``found > 0``.
    unknown : int, optional
        Value of `truth` that marks pixels which count nowhere.
    classes : sequence of int, optional
        Classes to average over; one that is in neither image counts 1. Default: every class
        but background that occurs in `truth` or in `found`.

    Returns
    -------
    float
        0 to 1. Both empty: 1; one empty: 0.

    Raises
    ------
    InvalidError
        Shapes that differ, values that are no labels.

    Notes
    -----
    2 TP / (2 TP + FP + FN), counted in pixels [1]_; with several classes the unweighted mean
    of the classes' values. Pixels found as `unknown` count as found background.

    References
    ----------
    .. [1] L. R. Dice, Ecology 26, 297 (1945), :doi:`10.2307/1932409`

    Examples
    --------
    >>> dice([[1, 1, 0, 0]], [[0, 1, 1, 0]])
    0.5
    >>> dice([[1, 1, 2, 2]], [[1, 1, 2, 0]])  # (1 + 2/3) / 2
    0.8333
    """
    return _mean(per_class(truth, found, unknown=unknown, classes=classes).dice)


@checked
def iou(
    truth: ArrayLike,
    found: ArrayLike,
    *,
    unknown: int | None = None,
    classes: Sequence[int] | None = None,
) -> float:
    """Intersection over union (Jaccard index) of two masks, or its mean over classes.

    Parameters
    ----------
    truth, found : array of bool or integers, any shape, the same for both
        Masks (0/1 or 0/255) or class ids; 0 is background. Of instances, whose numbers mean
        nothing, pass ``truth > 0`` and ``found > 0``.
    unknown : int, optional
        Value of `truth` that marks pixels which count nowhere.
    classes : sequence of int, optional
        Classes to average over; one that is in neither image counts 1. Default: every class
        but background that occurs in `truth` or in `found`.

    Returns
    -------
    float
        0 to 1. Both empty: 1; one empty: 0.

    Raises
    ------
    InvalidError
        Shapes that differ, values that are no labels.

    Notes
    -----
    TP / (TP + FP + FN), counted in pixels [1]_; classes and unknown pixels count as in `dice`.

    References
    ----------
    .. [1] P. Jaccard, New Phytologist 11, 37 (1912), :doi:`10.1111/j.1469-8137.1912.tb05611.x`

    Examples
    --------
    >>> iou([[1, 1, 0, 0]], [[0, 1, 1, 0]])  # 1 pixel of 3
    0.3333
    """
    return _mean(per_class(truth, found, unknown=unknown, classes=classes).iou)


@checked
def precision(
    truth: ArrayLike,
    found: ArrayLike,
    *,
    unknown: int | None = None,
    classes: Sequence[int] | None = None,
) -> float:
    """Share of the found pixels that are right, or its mean over classes.

    Parameters
    ----------
    truth, found : array of bool or integers, any shape, the same for both
        Masks (0/1 or 0/255) or class ids; 0 is background. Of instances, whose numbers mean
        nothing, pass ``truth > 0`` and ``found > 0``.
    unknown : int, optional
        Value of `truth` that marks pixels which count nowhere.
    classes : sequence of int, optional
        Classes to average over; one that is in neither image counts 1. Default: every class
        but background that occurs in `truth` or in `found`.

    Returns
    -------
    float
        0 to 1. Both empty: 1; one empty: 0.

    Raises
    ------
    InvalidError
        Shapes that differ, values that are no labels.

    Notes
    -----
    TP / (TP + FP), counted in pixels; classes and unknown pixels count as in `dice`.

    Examples
    --------
    >>> precision([[1, 1, 1, 0]], [[0, 0, 1, 1]])
    0.5
    """
    return _mean(per_class(truth, found, unknown=unknown, classes=classes).precision)


@checked
def recall(
    truth: ArrayLike,
    found: ArrayLike,
    *,
    unknown: int | None = None,
    classes: Sequence[int] | None = None,
) -> float:
    """Share of the true pixels that were found, or its mean over classes.

    Parameters
    ----------
    truth, found : array of bool or integers, any shape, the same for both
        Masks (0/1 or 0/255) or class ids; 0 is background. Of instances, whose numbers mean
        nothing, pass ``truth > 0`` and ``found > 0``.
    unknown : int, optional
        Value of `truth` that marks pixels which count nowhere.
    classes : sequence of int, optional
        Classes to average over; one that is in neither image counts 1. Default: every class
        but background that occurs in `truth` or in `found`.

    Returns
    -------
    float
        0 to 1. Both empty: 1; one empty: 0.

    Raises
    ------
    InvalidError
        Shapes that differ, values that are no labels.

    Notes
    -----
    TP / (TP + FN), counted in pixels; classes and unknown pixels count as in `dice`.

    Examples
    --------
    >>> recall([[1, 1, 1, 0]], [[0, 0, 1, 1]])  # 1 pixel of 3
    0.3333
    """
    return _mean(per_class(truth, found, unknown=unknown, classes=classes).recall)


@checked
def per_class(
    truth: ArrayLike,
    found: ArrayLike,
    *,
    unknown: int | None = None,
    classes: Sequence[int] | None = None,
) -> Overlap:
    """Count, for each class, the pixels shared, invented and missed.

    Parameters
    ----------
    truth, found : array of bool or integers, any shape, the same for both
        Masks or class ids, as in `dice`.
    unknown : int, optional
        Value of `truth` that marks pixels which count nowhere.
    classes : sequence of int, optional
        Classes to count. Default: every class but background that occurs in either image.

    Returns
    -------
    Overlap
        Counts and scores of each class, to look at one by one or to add up over images.

    Raises
    ------
    InvalidError
        Shapes that differ, values that are no labels.

    Examples
    --------
    >>> result = per_class([[1, 1, 2, 2]], [[1, 1, 2, 0]])
    >>> result.classes.tolist(), result.dice.tolist()
    ([1, 2], [1.0, 0.6667])
    """
    table = contingency(truth, found, unknown=unknown)
    known = table.truth != UNKNOWN
    true, seen = table.truth[known], table.found[known]
    # 255 as a class of its own is meant where the caller says which values mean what
    if classes is None and unknown != 255:
        true, seen = _same_foreground(true, seen)
    pixels = table.pixels[known]
    present = np.union1d(true, seen) if classes is None else np.unique(np.asarray(classes))
    ids = present[(present != 0) & (present != unknown)].astype(np.int64)
    tp = sums(true[true == seen], pixels[true == seen], ids)
    return Overlap(ids, tp, sums(seen, pixels, ids) - tp, sums(true, pixels, ids) - tp)


def overlap_of(table: Contingency, true: Mask, seen: Mask) -> Overlap:
    """Count the pixels that two masks share, by a table of labels: of one class, numbered 1.

    Parameters
    ----------
    table : Contingency
        Of the labels that the masks are made of; unknown pixels count nowhere.
    true, seen : bool array (n,)
        Which entries of the table are in the one and in the other mask.

    Examples
    --------
    >>> table = contingency([[1, 1, 2, 0]], [[5, 5, 0, 5]])
    >>> overlap_of(table, table.truth > 0, table.found > 0).precision
    array([0.6667])
    """
    known = table.truth != UNKNOWN
    counts = (
        table.pixels[known & part].sum() for part in (true & seen, ~true & seen, true & ~seen)
    )
    return Overlap(np.ones(1, np.int64), *(np.array([n], np.int64) for n in counts))


def _same_foreground(true: Ints, seen: Ints) -> tuple[Ints, Ints]:
    """Let a 0/255 mask and a 0/1 mask mean the same."""
    values = [set(np.unique(ids)) - {0} for ids in (true, seen)]
    if max(map(len, values)) < 2 and set.union(*values) == {1, 255}:
        return np.minimum(true, 1), np.minimum(seen, 1)
    return true, seen


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else 1.0
