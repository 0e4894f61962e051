"""Which found object is which true object: one-to-one matches and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..components.arguments import checked
from ..errors import invalid
from .contingency import UNKNOWN, Contingency, Floats, Ints, contingency, sums


@dataclass(frozen=True, eq=False)
class Matches:
    """The objects of two label images, matched one to one.

    Attributes
    ----------
    truth, found : int64 arrays (tp,)
        The ids of each matched pair, sorted by `truth`.
    ious : float64 array (tp,)
        Intersection over union of each pair.
    missed, extra : int64 arrays (fn,) and (fp,)
        Ids of the true and of the found objects that have no partner.
    missed_ious, extra_ious : float64 arrays (fn,) and (fp,)
        Their largest IoU with any object of the other image; 0 where they touch none.
    threshold : float
        The IoU that a pair needs.

    Examples
    --------
    >>> matches = match([[1, 1, 0, 2]], [[1, 1, 0, 0]])
    >>> matches.precision, matches.recall, matches.missed.tolist()
    (1.0, 0.5, [2])
    """

    truth: Ints
    found: Ints
    ious: Floats
    missed: Ints
    extra: Ints
    missed_ious: Floats
    extra_ious: Floats
    threshold: float

    @property
    def tp(self) -> int:
        """Number of matched pairs."""
        return self.truth.size

    @property
    def fp(self) -> int:
        """Number of found objects without partner."""
        return self.extra.size

    @property
    def fn(self) -> int:
        """Number of true objects without partner."""
        return self.missed.size

    @property
    def precision(self) -> float:
        """TP / (TP + FP); no object in either image: 1."""
        return self._ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """TP / (TP + FN); no object in either image: 1."""
        return self._ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN); no object in either image: 1."""
        return self._ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def average_precision(self) -> float:
        """TP / (TP + FP + FN); no object in either image: 1."""
        return self._ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def panoptic_quality(self) -> float:
        """Sum of the pairs' IoU / (TP + FP / 2 + FN / 2); no object in either image: 1."""
        return self._ratio(float(self.ious.sum()), self.tp + (self.fp + self.fn) / 2)

    @property
    def mean_matched_score(self) -> float:
        """Mean IoU of the pairs; no pair: 0, but no object in either image: 1."""
        return self._ratio(float(self.ious.sum()), self.tp)

    @property
    def mean_true_score(self) -> float:
        """Sum of the pairs' IoU / number of true objects; no object in either image: 1."""
        return self._ratio(float(self.ious.sum()), self.tp + self.fn)

    def objects(self) -> list[dict[str, int | float | bool]]:
        """Every object as a row: pairs, then missed (found 0), then extra (truth 0).

        Returns
        -------
        list of dict
            Keys truth, found, iou, matched; iou of an unmatched object is its best overlap.

        Examples
        --------
        >>> match([[1, 1]], [[0, 0]]).objects()
        [{'truth': 1, 'found': 0, 'iou': 0.0, 'matched': False}]
        """
        none_missed, none_extra = np.zeros_like(self.missed), np.zeros_like(self.extra)
        truth = np.concatenate([self.truth, self.missed, none_extra]).tolist()
        found = np.concatenate([self.found, none_missed, self.extra]).tolist()
        ious = np.concatenate([self.ious, self.missed_ious, self.extra_ious]).tolist()
        return [
            {"truth": t, "found": f, "iou": i, "matched": bool(t and f)}
            for t, f, i in zip(truth, found, ious, strict=True)
        ]

    def _ratio(self, part: float, whole: float) -> float:
        if self.tp + self.fp + self.fn == 0:
            return 1.0
        return part / whole if whole else 0.0


@dataclass(frozen=True, eq=False)
class ObjectOverlaps:
    """Ids and areas of all objects, and every pair of them that overlaps."""

    true_ids: Ints
    found_ids: Ints
    true_px: Ints
    found_px: Ints
    row: NDArray[np.intp]
    column: NDArray[np.intp]
    shared_px: Ints

    @property
    def ious(self) -> Floats:
        """Intersection over union of each overlap."""
        union = self.true_px[self.row] + self.found_px[self.column] - self.shared_px
        ratio: Floats = self.shared_px / union
        return ratio


@checked
def match(
    truth: ArrayLike, found: ArrayLike, iou: float = 0.5, unknown: int | None = None
) -> Matches:
    """Match found objects with true objects, one to one.

    Parameters
    ----------
    truth, found : array of integers (y, x) or (z, y, x), the same shape
        Instance labels; 0 is background, ids need not be consecutive. An id is one object, in
        however many pieces.
    iou : float, default 0.5
        Intersection over union that a pair needs, above 0 to 1.
    unknown : int, optional
        Value of `truth` that marks pixels which count nowhere. A found object with more than
        half of its pixels there is left out.

    Returns
    -------
    Matches
        Pairs, what is left over, and the scores that follow.

    Raises
    ------
    InvalidError
        Shapes that differ, values that are no labels, or a threshold outside 0 to 1.

    Notes
    -----
    Among all one-to-one assignments of pairs with IoU >= `iou`, one with the most pairs is
    taken, and among these the one with the largest sum of IoU (Hungarian method [1]_). Above
    0.5 no object has two candidates, so nothing needs to be decided.

    References
    ----------
    .. [1] H. W. Kuhn, Naval Research Logistics Quarterly 2, 83 (1955),
       :doi:`10.1002/nav.3800020109`

    Examples
    --------
    >>> result = match([[1, 1, 1, 0, 2, 2]], [[4, 4, 0, 0, 0, 9]], iou=0.6)
    >>> result.truth.tolist(), result.found.tolist(), result.ious.tolist()
    ([1], [4], [0.6667])
    >>> result.tp, result.fp, result.fn
    (1, 1, 1)
    """
    return matches_of(object_overlaps(truth, found, unknown), checked_iou(iou))


def checked_iou(iou: float) -> float:
    """Return an IoU threshold as a float; raise where it is not above 0 and at most 1."""
    if not isinstance(iou, (int, float)) or not 0 < iou <= 1:
        raise invalid("iou", expected="one value above 0, at most 1", received=iou)
    return float(iou)


def object_overlaps(truth: ArrayLike, found: ArrayLike, unknown: int | None) -> ObjectOverlaps:
    """List all objects and their overlaps, without those found mostly on unknown pixels."""
    return overlaps_of(contingency(truth, found, unknown=unknown))


def overlaps_of(pairs: Contingency) -> ObjectOverlaps:
    """List objects and their overlaps, of images or of what their blocks add up to.

    Examples
    --------
    >>> from .contingency import added_up
    >>> blocks = [([[1, 1]], [[4, 0]]), ([[1, 0]], [[4, 4]])]
    >>> overlaps_of(added_up(contingency(*one) for one in blocks)).ious
    array([0.5])
    """
    hidden = pairs.truth == UNKNOWN
    all_found = np.unique(pairs.found[pairs.found > 0])
    known_px = sums(pairs.found[~hidden], pairs.pixels[~hidden], all_found)
    hidden_px = sums(pairs.found[hidden], pairs.pixels[hidden], all_found)
    found_ids = all_found[hidden_px <= known_px]
    found_px = known_px[hidden_px <= known_px]
    true_ids = np.unique(pairs.truth[pairs.truth > 0])
    both = (pairs.truth > 0) & np.isin(pairs.found, found_ids)
    return ObjectOverlaps(
        true_ids=true_ids,
        found_ids=found_ids,
        true_px=sums(pairs.truth, pairs.pixels, true_ids),
        found_px=found_px,
        row=np.searchsorted(true_ids, pairs.truth[both]),
        column=np.searchsorted(found_ids, pairs.found[both]),
        shared_px=pairs.pixels[both],
    )


def matches_of(table: ObjectOverlaps, threshold: float) -> Matches:
    """Match the objects of a table one to one, as `match` describes."""
    ious = table.ious
    candidate = np.flatnonzero(ious >= threshold)
    kept = candidate[_assign(table.row[candidate], table.column[candidate], ious[candidate])]
    kept = kept[np.argsort(table.row[kept])]
    rows, columns = table.row[kept], table.column[kept]
    missed = np.delete(np.arange(table.true_ids.size), rows)
    extra = np.delete(np.arange(table.found_ids.size), columns)
    return Matches(
        truth=table.true_ids[rows],
        found=table.found_ids[columns],
        ious=ious[kept],
        missed=table.true_ids[missed],
        extra=table.found_ids[extra],
        missed_ious=_largest(table.row, ious, table.true_ids.size)[missed],
        extra_ious=_largest(table.column, ious, table.found_ids.size)[extra],
        threshold=threshold,
    )


def _largest(place: NDArray[np.intp], ious: Floats, size: int) -> Floats:
    best = np.zeros(size)
    np.maximum.at(best, place, ious)
    return best


def _assign(row: NDArray[np.intp], column: NDArray[np.intp], ious: Floats) -> NDArray[np.bool_]:
    """Choose candidates so that no row and no column is used twice: most pairs, then most IoU."""
    # almost every object has one candidate, and the Hungarian method is for the few others
    contested = (np.bincount(row)[row] > 1) | (np.bincount(column)[column] > 1)
    chosen = ~contested
    if contested.any():
        chosen[contested] = _hungarian(row[contested], column[contested], ious[contested])
    return chosen


def _hungarian(row: NDArray[np.intp], column: NDArray[np.intp], ious: Floats) -> NDArray[np.bool_]:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    rows, r = np.unique(row, return_inverse=True)
    columns, c = np.unique(column, return_inverse=True)
    # Each row may also stay alone, in a column of its own at cost 2; a pair costs less than 1,
    # and all IoU together less than one more pair.
    cost = 1 - ious / (2 * rows.size)
    alone = np.arange(rows.size)
    graph = csr_array(
        (
            np.concatenate([cost, np.full(rows.size, 2.0)]),
            (np.concatenate([r, alone]), np.concatenate([c, columns.size + alone])),
        ),
        shape=(rows.size, columns.size + rows.size),
    )
    partner = np.empty(rows.size, np.intp)
    matched_rows, matched_columns = min_weight_full_bipartite_matching(graph)
    partner[matched_rows] = matched_columns
    chosen: NDArray[np.bool_] = partner[r] == c
    return chosen
