"""Which found object is which true object: matches, average precision, panoptic quality, AJI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import invalid
from .overlap import UNKNOWN, Floats, Ints, contingency, sums

IOUS_50_95 = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
"""The ten IoU thresholds 0.5, 0.55, ... 0.95 over which average precision is often averaged."""


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
class _Table:
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
        union = self.true_px[self.row] + self.found_px[self.column] - self.shared_px
        ratio: Floats = self.shared_px / union
        return ratio


def match(
    truth: ArrayLike, found: ArrayLike, iou: float = 0.5, unknown: int | None = None
) -> Matches:
    """Match found objects with true objects, one to one.

    Parameters
    ----------
    truth, found : array of integers (y, x) or (z, y, x), the same shape
        Instance labels; 0 is background, ids need not be consecutive.
    iou : float, default 0.5
        Intersection over union that a pair needs, above 0 to 1.
    unknown : int, optional
        Value of `truth` that marks pixels which count nowhere. A found object with more than
        half of its pixels there is left out.

    Returns
    -------
    Matches
        Pairs, what is left over, and the scores that follow.

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
    return _matches(_table(truth, found, unknown), _threshold(iou))


@overload
def average_precision(
    truth: ArrayLike, found: ArrayLike, iou: float = 0.5, unknown: int | None = None
) -> float: ...


@overload
def average_precision(
    truth: ArrayLike, found: ArrayLike, iou: Sequence[float], unknown: int | None = None
) -> Floats: ...


def average_precision(
    truth: ArrayLike,
    found: ArrayLike,
    iou: float | Sequence[float] = 0.5,
    unknown: int | None = None,
) -> float | Floats:
    """Average precision TP / (TP + FP + FN) of one pair of instance images.

    Parameters
    ----------
    truth, found, unknown
        As in `match`.
    iou : float or sequence of float, default 0.5
        One threshold, or several: `IOUS_50_95` is the series 0.5, 0.55, ... 0.95.

    Returns
    -------
    float or float64 array
        One value for each threshold. No object in either image: 1; in only one: 0.

    Notes
    -----
    The definition of the 2018 Data Science Bowl [1]_ and of StarDist. It is not the area under
    a precision-recall curve, which needs a confidence for each object.

    References
    ----------
    .. [1] J. C. Caicedo et al., Nature Methods 16, 1247 (2019),
       :doi:`10.1038/s41592-019-0612-7`

    Examples
    --------
    >>> truth, found = [[1, 1, 1, 0, 2, 2]], [[4, 4, 0, 0, 9, 9]]
    >>> average_precision(truth, found)
    1.0
    >>> average_precision(truth, found, iou=(0.5, 0.9))  # IoU 2/3 is no longer enough
    array([1.   , 0.3333])
    """
    table = _table(truth, found, unknown)
    if isinstance(iou, (int, float)):
        return _matches(table, _threshold(iou)).average_precision
    return np.array([_matches(table, _threshold(i)).average_precision for i in iou])


def precision_by_score(
    truth: ArrayLike,
    found: ArrayLike,
    scores: NDArray[np.floating[Any]],
    least: Sequence[float],
    iou: Sequence[float],
    unknown: int | None = None,
) -> Floats:
    """Average precision of what is left when found objects with low scores are dropped.

    Parameters
    ----------
    truth, found, unknown
        As in `match`.
    scores : float array (largest id + 1,)
        Score of each found object, by id.
    least : sequence of float
        Objects of this score or less are dropped.
    iou : sequence of float
        Thresholds, 0.5 or more: above, no object has two candidates, and a pair stays one
        whatever else is dropped.

    Returns
    -------
    float64 array (len(least), len(iou))
        As `average_precision`.

    Examples
    --------
    >>> truth, found = [[1, 1, 1, 0, 2, 2, 0]], [[1, 1, 1, 0, 0, 0, 2]]
    >>> precision_by_score(truth, found, np.array([0, 0.9, 0.4]), (0.0, 0.5, 0.9), [0.5])
    array([[0.3333],
           [0.5   ],
           [0.    ]])
    """
    table = _table(truth, found, unknown)
    kept = scores[table.found_ids] > np.asarray(least)[:, None]
    left = table.true_ids.size + kept.sum(axis=1)
    columns = []
    for threshold in iou:
        pairs = np.isin(table.found_ids, _matches(table, _threshold(threshold)).found)
        tp = (kept & pairs).sum(axis=1)
        columns.append(np.where(left == 0, 1.0, tp / np.maximum(left - tp, 1)))
    return np.stack(columns, axis=1)


def panoptic_quality(
    truth: ArrayLike, found: ArrayLike, iou: float = 0.5, unknown: int | None = None
) -> float:
    """Panoptic quality of one pair of instance images.

    Parameters
    ----------
    truth, found, iou, unknown
        As in `match`.

    Returns
    -------
    float
        0 to 1. No object in either image: 1; in only one: 0.

    Notes
    -----
    Sum of the matched pairs' IoU / (TP + FP / 2 + FN / 2): the mean IoU of the pairs times
    F1 [1]_. Pairs are those of `match`, so an IoU of exactly 0.5 counts here.

    References
    ----------
    .. [1] A. Kirillov et al., Panoptic segmentation, CVPR (2019),
       :doi:`10.1109/CVPR.2019.00963`

    Examples
    --------
    >>> panoptic_quality([[1, 1, 1, 0, 2, 2]], [[4, 4, 0, 0, 0, 0]])  # 2/3 / (1 + 1/2)
    0.4444
    """
    return match(truth, found, iou, unknown).panoptic_quality


def aggregated_jaccard(truth: ArrayLike, found: ArrayLike, unknown: int | None = None) -> float:
    """Compute the aggregated Jaccard index (AJI) of one pair of instance images.

    Parameters
    ----------
    truth, found, unknown
        As in `match`.

    Returns
    -------
    float
        0 to 1. No object in either image: 1; in only one: 0.

    Notes
    -----
    Each true object takes the found object of the largest IoU (the smaller id among equals);
    their intersections are added up and divided by the sum of their unions, of the areas of
    true objects that touch nothing, and of the areas of found objects never taken [1]_. A found
    object may be taken more than once, as in the original.

    References
    ----------
    .. [1] N. Kumar et al., IEEE Transactions on Medical Imaging 36, 1550 (2017),
       :doi:`10.1109/TMI.2017.2677499`

    Examples
    --------
    >>> aggregated_jaccard([[1, 1, 1, 0, 2, 2]], [[4, 4, 0, 5, 0, 0]])  # 2 / (3 + 2 + 1)
    0.3333
    """
    table = _table(truth, found, unknown)
    # Sorted by truth and falling IoU: the first line of each truth is its best partner.
    order = np.lexsort((table.column, -table.ious, table.row))
    best = order[np.unique(table.row[order], return_index=True)[1]]
    columns, shared = table.column[best], table.shared_px[best]
    taken = np.unique(columns)
    union = table.true_px.sum() + (table.found_px[columns] - shared).sum()
    union += table.found_px.sum() - table.found_px[taken].sum()
    return float(shared.sum() / union) if union else 1.0


def _threshold(iou: float) -> float:
    if not isinstance(iou, (int, float)) or not 0 < iou <= 1:
        raise invalid("iou", expected="one value above 0, at most 1", received=iou)
    return float(iou)


def _table(truth: ArrayLike, found: ArrayLike, unknown: int | None) -> _Table:
    pairs = contingency(truth, found, unknown=unknown)
    hidden = pairs.truth == UNKNOWN
    all_found = np.unique(pairs.found[pairs.found > 0])
    known_px = sums(pairs.found[~hidden], pairs.pixels[~hidden], all_found)
    hidden_px = sums(pairs.found[hidden], pairs.pixels[hidden], all_found)
    found_ids = all_found[hidden_px <= known_px]
    found_px = known_px[hidden_px <= known_px]
    true_ids = np.unique(pairs.truth[pairs.truth > 0])
    both = (pairs.truth > 0) & np.isin(pairs.found, found_ids)
    return _Table(
        true_ids=true_ids,
        found_ids=found_ids,
        true_px=sums(pairs.truth, pairs.pixels, true_ids),
        found_px=found_px,
        row=np.searchsorted(true_ids, pairs.truth[both]),
        column=np.searchsorted(found_ids, pairs.found[both]),
        shared_px=pairs.pixels[both],
    )


def _matches(table: _Table, threshold: float) -> Matches:
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
