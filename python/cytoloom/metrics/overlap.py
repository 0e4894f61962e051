"""How much two segmentations share: Dice, IoU, precision, recall, boundary F-score.

All of them start from one sparse table of overlaps (`contingency`), made in a single pass over
the pixels in blocks, so that an image of 8192 x 8192 pixels costs a few megabytes beyond itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import invalid
from ..messages import say

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

UNKNOWN = -1
_BLOCK_PX = 1 << 20
_LARGEST_ID = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Contingency:
    """The overlaps of two label images as parallel arrays, one entry for each pair that meets.

    Attributes
    ----------
    truth, found : int64 arrays (n,)
        The two labels; 0 is background and -1 in `truth` stands for unknown pixels.
    pixels : int64 array (n,)
        How many pixels carry both. Background with background is not listed.
    """

    truth: Ints
    found: Ints
    pixels: Ints


@dataclass(frozen=True, eq=False)
class Overlap:
    """Pixel counts of each class, and the scores that follow from them.

    Attributes
    ----------
    classes : int64 array (k,)
        Class ids, background left out.
    tp, fp, fn : int64 arrays (k,)
        Pixels in both, in `found` only, in `truth` only.
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


def iou(
    truth: ArrayLike,
    found: ArrayLike,
    *,
    unknown: int | None = None,
    classes: Sequence[int] | None = None,
) -> float:
    """Intersection over union (Jaccard index) of two masks, or its mean over classes.

    Parameters, conventions and the mean are those of `dice`: TP / (TP + FP + FN) in pixels,
    background left out, both empty 1, one empty 0.

    Examples
    --------
    >>> iou([[1, 1, 0, 0]], [[0, 1, 1, 0]])  # 1 pixel of 3
    0.3333
    """
    return _mean(per_class(truth, found, unknown=unknown, classes=classes).iou)


def precision(
    truth: ArrayLike,
    found: ArrayLike,
    *,
    unknown: int | None = None,
    classes: Sequence[int] | None = None,
) -> float:
    """Share of the found pixels that are right, or its mean over classes.

    Parameters, conventions and the mean are those of `dice`: TP / (TP + FP) in pixels,
    background left out, both empty 1, one empty 0.

    Examples
    --------
    >>> precision([[1, 1, 1, 0]], [[0, 0, 1, 1]])
    0.5
    """
    return _mean(per_class(truth, found, unknown=unknown, classes=classes).precision)


def recall(
    truth: ArrayLike,
    found: ArrayLike,
    *,
    unknown: int | None = None,
    classes: Sequence[int] | None = None,
) -> float:
    """Share of the true pixels that were found, or its mean over classes.

    Parameters, conventions and the mean are those of `dice`: TP / (TP + FN) in pixels,
    background left out, both empty 1, one empty 0.

    Examples
    --------
    >>> recall([[1, 1, 1, 0]], [[0, 0, 1, 1]])  # 1 pixel of 3
    0.3333
    """
    return _mean(per_class(truth, found, unknown=unknown, classes=classes).recall)


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
    truth, found, unknown, classes
        As in `dice`.

    Returns
    -------
    Overlap
        Counts and scores of each class, to look at one by one or to add up over images.

    Examples
    --------
    >>> result = per_class([[1, 1, 2, 2]], [[1, 1, 2, 0]])
    >>> result.classes.tolist(), result.dice.tolist()
    ([1, 2], [1.0, 0.6667])
    """
    table = contingency(truth, found, unknown=unknown)
    known = table.truth != UNKNOWN
    true, seen = table.truth[known], table.found[known]
    if classes is None and unknown != 255:
        true, seen = _same_foreground(true, seen)
    pixels = table.pixels[known]
    present = np.union1d(true, seen) if classes is None else np.unique(np.asarray(classes))
    ids = present[(present != 0) & (present != unknown)].astype(np.int64)
    tp = sums(true[true == seen], pixels[true == seen], ids)
    return Overlap(ids, tp, sums(seen, pixels, ids) - tp, sums(true, pixels, ids) - tp)


def boundary_f(
    truth: ArrayLike,
    found: ArrayLike,
    tolerance_px: float = 2,
    *,
    unknown: int | None = None,
) -> float:
    """F-score of the outlines: how many boundary pixels have a partner nearby.

    Parameters
    ----------
    truth, found : array of bool or integers (y, x) or (z, y, x), the same shape
        Masks, class maps or instance labels; 0 is background.
    tolerance_px : float, default 2
        Largest Euclidean distance, in pixels, between partners.
    unknown : int, optional
        Value of `truth` that marks pixels which count nowhere; where an object meets an
        unknown region it has no boundary.

    Returns
    -------
    float
        0 to 1. Neither image has a boundary: 1; only one has: 0.

    Notes
    -----
    A boundary pixel is a labelled pixel with a face neighbour of another value (background or
    another label); the image's edge is no boundary. Precision is the share of found boundary
    pixels within the tolerance of a true one, recall the reverse, and the score their harmonic
    mean [1]_. All labels together: which label an outline has is not compared.

    References
    ----------
    .. [1] G. Csurka et al., What is a good evaluation measure for semantic segmentation?,
       BMVC (2013), :doi:`10.5244/C.27.32`

    Examples
    --------
    >>> truth = np.zeros((9, 9), int)
    >>> truth[2:5, 2:5] = 1
    >>> boundary_f(truth, np.roll(truth, 1, axis=1), tolerance_px=1)
    1.0
    >>> boundary_f(truth, np.roll(truth, 4, axis=1), tolerance_px=1)
    0.0
    """
    if tolerance_px < 0:
        raise invalid("tolerance_px", expected="0 or more", received=tolerance_px)
    true, seen = _label_pair(truth, found)
    known = None if unknown is None else true != unknown
    true_line, seen_line = boundary(true, known), boundary(seen, known)
    if not true_line.any() or not seen_line.any():
        return float(true_line.any() == seen_line.any())
    right = _near(true_line, tolerance_px)[seen_line].mean()
    caught = _near(seen_line, tolerance_px)[true_line].mean()
    return float(2 * right * caught / (right + caught)) if right + caught else 0.0


def boundary(labels: NDArray[Any], known: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """Labelled pixels with a face neighbour of another value: the inner outline of every object.

    Parameters
    ----------
    labels : integer array (y, x) or (z, y, x)
        0 is background.
    known : bool array of that shape, optional
        No outline runs between a known and an unknown pixel, nor between two unknown ones.

    Returns
    -------
    bool array of that shape

    Examples
    --------
    >>> boundary(np.array([[0, 1, 1, 1, 2, 0]])).astype(int)
    array([[0, 1, 0, 1, 1, 0]])
    """
    line = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        lower = tuple(slice(None, -1) if a == axis else slice(None) for a in range(labels.ndim))
        upper = tuple(slice(1, None) if a == axis else slice(None) for a in range(labels.ndim))
        edge = labels[lower] != labels[upper]
        if known is not None:
            edge &= known[lower] & known[upper]
        line[lower] |= edge
        line[upper] |= edge
    line &= labels != 0
    return line


def contingency(truth: ArrayLike, found: ArrayLike, *, unknown: int | None = None) -> Contingency:
    """Count the pixels that each pair of labels shares.

    Parameters
    ----------
    truth, found : array of bool or integers, any shape, the same for both
        Labels from 0 to 2**31 - 1.
    unknown : int, optional
        Value of `truth` (it may be negative) whose pixels are listed under truth -1.

    Returns
    -------
    Contingency
        Sorted by truth, then found. Time grows with the pixels, memory with the pairs.

    Raises
    ------
    InvalidError
        Shapes that differ; values that are no labels.

    Examples
    --------
    >>> table = contingency([[1, 1, 2, 2]], [[5, 5, 5, 0]])
    >>> np.stack([table.truth, table.found, table.pixels], axis=1).tolist()
    [[1, 5, 2], [2, 0, 1], [2, 5, 1]]
    """
    true, seen = _label_pair(truth, found)
    width = _checked_top(seen, "found", None) + 1
    _checked_top(true, "truth", unknown)
    counted = [_count(t, f, width, unknown) for t, f in _blocks(true, seen)]
    keys, pixels = _add_up(
        np.concatenate([k for k, _ in counted] or [np.empty(0, np.int64)]),
        np.concatenate([n for _, n in counted] or [np.empty(0, np.int64)]),
    )
    true_ids, found_ids = keys // width - 1, keys % width
    listed = (true_ids != 0) | (found_ids != 0)
    return Contingency(true_ids[listed], found_ids[listed], pixels[listed])


def sums(ids: Ints, pixels: Ints, wanted: Ints) -> Ints:
    """Total of `pixels` for each of the sorted ids in `wanted`.

    Examples
    --------
    >>> sums(np.array([3, 7, 3]), np.array([10, 5, 1]), np.array([3, 4])).tolist()
    [11, 0]
    """
    if not wanted.size:
        return np.zeros(0, np.int64)
    place = np.minimum(np.searchsorted(wanted, ids), wanted.size - 1)
    hit = wanted[place] == ids
    # float64 weights are exact: no image has 2**53 pixels
    total = np.bincount(place[hit], weights=pixels[hit], minlength=wanted.size)
    return total.astype(np.int64)


def _label_pair(truth: ArrayLike, found: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    true, seen = _as_labels(truth, "truth"), _as_labels(found, "found")
    if true.shape != seen.shape:
        raise invalid(
            "found", expected=say("the shape of truth, {}", true.shape), received=seen.shape
        )
    return np.atleast_1d(true), np.atleast_1d(seen)


def _as_labels(value: ArrayLike, name: str) -> NDArray[Any]:
    array = np.asarray(value)
    if array.dtype == bool:
        return array.view(np.uint8)
    if array.dtype.kind in "iu":
        return array
    # R hands over doubles
    if array.dtype.kind == "f" and bool((array == np.floor(array)).all()):
        return array.astype(np.int64)
    raise invalid(
        name,
        expected="labels (bool or whole numbers)",
        received=f"{array.dtype} values",
        remedy="Threshold probabilities first.",
    )


def _checked_top(labels: NDArray[Any], name: str, unknown: int | None) -> int:
    if not labels.size:
        return 0
    low, top = int(labels.min()), int(labels.max())
    if low < 0 and low == unknown:
        low = min(int(labels[labels != unknown].min(initial=0)), 0)
    if low < 0 or (top > _LARGEST_ID and top != unknown):
        raise invalid(
            name,
            expected=f"labels from 0 to {_LARGEST_ID}",
            received=f"values from {low} to {top}",
            remedy="Relabel, or name the value of unknown pixels with `unknown`.",
        )
    return top


def _blocks(true: NDArray[Any], seen: NDArray[Any]) -> Iterator[tuple[Ints, Ints]]:
    step = max(1, _BLOCK_PX * true.shape[0] // max(true.size, 1))
    for start in range(0, true.shape[0], step):
        block = slice(start, start + step)
        yield true[block].ravel().astype(np.int64), seen[block].ravel().astype(np.int64)


def _count(true: Ints, seen: Ints, width: int, unknown: int | None) -> tuple[Ints, Ints]:
    if unknown is not None:
        true[true == unknown] = UNKNOWN
    keys = (true + 1) * width + seen
    # Labels come in runs along x: only runs are sorted, some ten times fewer than pixels.
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])[: keys.size])
    return _add_up(keys[starts], np.diff(starts, append=keys.size))


def _add_up(keys: Ints, pixels: Ints) -> tuple[Ints, Ints]:
    ids = np.unique(keys)
    return ids, sums(keys, pixels, ids)


def _same_foreground(true: Ints, seen: Ints) -> tuple[Ints, Ints]:
    """Let a 0/255 mask and a 0/1 mask mean the same."""
    values = [set(np.unique(ids)) - {0} for ids in (true, seen)]
    if max(map(len, values)) < 2 and set.union(*values) == {1, 255}:
        return np.minimum(true, 1), np.minimum(seen, 1)
    return true, seen


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else 1.0


def _near(line: NDArray[np.bool_], tolerance_px: float) -> NDArray[np.bool_]:
    from scipy import ndimage

    reach = int(tolerance_px)
    offsets = np.indices((2 * reach + 1,) * line.ndim) - reach
    ball = (offsets**2).sum(axis=0) <= tolerance_px**2
    near: NDArray[np.bool_] = ndimage.binary_dilation(line, ball)
    return near
