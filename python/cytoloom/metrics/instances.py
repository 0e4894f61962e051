"""Scores of instance images: average precision, panoptic quality, aggregated Jaccard index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..components.arguments import checked
from .contingency import Floats
from .matching import checked_iou, match, matches_of, object_overlaps

IOUS_50_95 = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
"""The ten IoU thresholds 0.5, 0.55, ... 0.95 over which average precision is often averaged."""


@overload
def average_precision(
    truth: ArrayLike, found: ArrayLike, iou: float = 0.5, unknown: int | None = None
) -> float: ...


@overload
def average_precision(
    truth: ArrayLike, found: ArrayLike, iou: Sequence[float], unknown: int | None = None
) -> Floats: ...


@checked
def average_precision(
    truth: ArrayLike,
    found: ArrayLike,
    iou: float | Sequence[float] = 0.5,
    unknown: int | None = None,
) -> float | Floats:
    """Average precision TP / (TP + FP + FN) of one pair of instance images.

    Parameters
    ----------
    truth, found : array of integers (y, x) or (z, y, x), the same shape
        Instance labels; 0 is background, ids need not be consecutive. An id is one object, in
        however many pieces.
    iou : float or sequence of float, default 0.5
        One threshold, or several: `IOUS_50_95` is the series 0.5, 0.55, ... 0.95.
    unknown : int, optional
        Value of `truth` that marks pixels which count nowhere. A found object with more than
        half of its pixels there is left out.

    Returns
    -------
    float or float64 array
        One value for each threshold. No object in either image: 1; in only one: 0.

    Raises
    ------
    InvalidError
        Shapes that differ, values that are no labels, or a threshold outside 0 to 1.

    Notes
    -----
    TP, FP and FN are those of `match`: the definition of the 2018 Data Science Bowl [1]_ and of
    StarDist [2]_. It is not the area under a precision-recall curve, which needs a confidence
    for each object.

    References
    ----------
    .. [1] J. C. Caicedo et al., Nature Methods 16, 1247 (2019),
       :doi:`10.1038/s41592-019-0612-7`
    .. [2] U. Schmidt et al., MICCAI (2018), :doi:`10.1007/978-3-030-00934-2_30`

    Examples
    --------
    >>> truth, found = [[1, 1, 1, 0, 2, 2]], [[4, 4, 0, 0, 9, 9]]
    >>> average_precision(truth, found)
    1.0
    >>> average_precision(truth, found, iou=(0.5, 0.9))  # IoU 2/3 is no longer enough
    array([1.   , 0.3333])
    """
    table = object_overlaps(truth, found, unknown)
    if isinstance(iou, (int, float)):
        return matches_of(table, checked_iou(iou)).average_precision
    return np.array([matches_of(table, checked_iou(i)).average_precision for i in iou])


def counts_by_score(
    truth: ArrayLike,
    found: ArrayLike,
    scores: NDArray[np.floating[Any]],
    least: Sequence[float],
    iou: Sequence[float],
    unknown: int | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count pairs, and all objects, when found objects with low scores are dropped.

    Parameters
    ----------
    truth, found : array of integers (y, x) or (z, y, x), the same shape
        Instance labels; 0 is background, ids need not be consecutive.
    scores : float array (largest id + 1,)
        Score of each found object, by id.
    least : sequence of float
        Objects of this score or less are dropped.
    iou : sequence of float
        Thresholds, 0.5 or more: above, no object has two candidates, and a pair stays one
        whatever else is dropped.
    unknown : int, optional
        Value of `truth` that marks pixels which count nowhere. A found object with more than
        half of its pixels there is left out.

    Returns
    -------
    two int64 arrays (len(least), len(iou))
        TP, and TP + FP + FN: their ratio is `average_precision` of what is left.

    Examples
    --------
    >>> truth, found = [[1, 1, 1, 0, 2, 2, 0]], [[1, 1, 1, 0, 0, 0, 2]]
    >>> pairs, objects = counts_by_score(truth, found, np.array([0, 0.9, 0.4]), (0.0, 0.5), [0.5])
    >>> pairs.tolist(), objects.tolist()
    ([[1], [1]], [[3], [2]])
    """
    table = object_overlaps(truth, found, unknown)
    kept = scores[table.found_ids] > np.asarray(least)[:, None]
    left = table.true_ids.size + kept.sum(axis=1)
    ids = [matches_of(table, checked_iou(threshold)).found for threshold in iou]
    tp = np.stack([(kept & np.isin(table.found_ids, own)).sum(axis=1) for own in ids], axis=1)
    return tp, left[:, None] - tp


@checked
def panoptic_quality(
    truth: ArrayLike, found: ArrayLike, iou: float = 0.5, unknown: int | None = None
) -> float:
    """Panoptic quality of one pair of instance images.

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
    float
        0 to 1. No object in either image: 1; in only one: 0.

    Raises
    ------
    InvalidError
        Shapes that differ, values that are no labels, or a threshold outside 0 to 1.

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


@checked
def aggregated_jaccard(truth: ArrayLike, found: ArrayLike, unknown: int | None = None) -> float:
    """Compute the aggregated Jaccard index (AJI) of one pair of instance images.

    Parameters
    ----------
    truth, found : array of integers (y, x) or (z, y, x), the same shape
        Instance labels; 0 is background, ids need not be consecutive.
    unknown : int, optional
        Value of `truth` that marks pixels which count nowhere. A found object with more than
        half of its pixels there is left out.

    Returns
    -------
    float
        0 to 1. No object in either image: 1; in only one: 0.

    Raises
    ------
    InvalidError
        Shapes that differ, values that are no labels.

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
    table = object_overlaps(truth, found, unknown)
    # Sorted by truth and falling IoU: the first line of each truth is its best partner.
    order = np.lexsort((table.column, -table.ious, table.row))
    best = order[np.unique(table.row[order], return_index=True)[1]]
    columns, shared = table.column[best], table.shared_px[best]
    taken = np.unique(columns)
    union = table.true_px.sum() + (table.found_px[columns] - shared).sum()
    union += table.found_px.sum() - table.found_px[taken].sum()
    return float(shared.sum() / union) if union else 1.0
