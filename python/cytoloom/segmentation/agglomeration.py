"""Join pieces that lie side by side, the least divided first."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images.labels import renumbered
from .boxes import strips
from .objects import Labels, keep_objects
from .separation import shifted

Array = NDArray[Any]


def agglomerate(labels: Labels, boundary: Array, threshold: float) -> Labels:
    """Join pieces between which there is hardly any boundary, in place.

    Two pieces that share faces are as divided as the mean over these faces, of which each counts
    with the mean of its two pixels. The least divided two are joined, and what lies beside both
    is divided from them by the mean over all faces that it shares with either; and so on until
    none are divided by less than the threshold. Known as hierarchical agglomeration with average
    linkage of a region adjacency graph.

    Parameters
    ----------
    labels : ndarray of int32, shape (y, x) or (z, y, x)
        Pieces; 0 is background. Changed in place.
    boundary : ndarray of float, shape of `labels`
        Probability of boundary; may be memory-mapped.
    threshold : float
        Pieces divided by less are joined; with 0 none are.

    Returns
    -------
    ndarray of int32
        `labels`, numbered from 1 on.

    References
    ----------
    .. [1] J. Nunez-Iglesias et al., Machine learning of hierarchical clustering to segment 2D and
       3D images, PLoS ONE (2013), :doi:`10.1371/journal.pone.0071715`

    Examples
    --------
    The first two are divided by (0.2 + 0.0) / 2, the last two by (0.8 + 0.6) / 2.

    >>> pieces = np.array([[1, 1, 2, 2, 3, 3]], np.int32)
    >>> agglomerate(pieces, np.array([[0, 0.2, 0, 0.8, 0.6, 0]]), 0.5)
    array([[1, 1, 1, 1, 2, 2]], dtype=int32)
    """
    numbers, ids = renumbered(labels)
    joined = _joined(len(ids), *contacts(numbers, boundary), threshold)
    for rows in strips(labels.shape):
        labels[rows] = joined[numbers[rows]]
    return keep_objects(labels)


def contacts(labels: Labels, boundary: Array) -> tuple[Array, Array, Array]:
    """Find which pieces share faces, and how divided they are.

    Parameters
    ----------
    labels : ndarray of int32, shape (y, x) or (z, y, x)
        0 is background.
    boundary : ndarray of float, shape of `labels`

    Returns
    -------
    (ndarray of int, ndarray of int, ndarray of float)
        Each two pieces that share faces, shape (n, 2), the smaller id first; the number of their
        faces; and the sum of the boundary over these.

    Examples
    --------
    >>> contacts(np.array([[1, 1], [2, 0]], np.int32), np.array([[0.5, 0], [0.25, 1]]))
    (array([[1, 2]]), array([1]), array([0.375]))
    """
    size = int(labels.max(initial=0)) + 1
    keys, faces, sums = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    for axis in range(labels.ndim):
        low, high = shifted(axis, 1)
        one, other = (labels[low], labels[high])
        here, there = (boundary[low], boundary[high])
        for rows in strips(one.shape):
            first, second = one[rows].astype(np.int64), other[rows].astype(np.int64)
            between = (first != second) & (first > 0) & (second > 0)
            first, second = first[between], second[between]
            value = (here[rows][between].astype(float) + there[rows][between]) / 2
            key, pair = np.unique(
                np.minimum(first, second) * size + np.maximum(first, second), return_inverse=True
            )
            keys.append(key)
            faces.append(np.bincount(pair, minlength=len(key)))
            sums.append(np.bincount(pair, value, minlength=len(key)))
    key, pair = np.unique(np.concatenate(keys), return_inverse=True)
    count = np.bincount(pair, np.concatenate(faces), len(key)).astype(np.int64)
    total = np.bincount(pair, np.concatenate(sums), len(key))
    return np.stack([key // size, key % size], axis=-1), count, total


def _joined(
    size: int, pairs: Array, faces: Array, sums: Array, threshold: float
) -> NDArray[np.int32]:
    """Return for each number below `size` the smallest with which it is joined."""
    into = np.arange(size, dtype=np.int32)
    beside: list[dict[int, tuple[int, float]]] = [{} for _ in into]
    queue = []
    edges = zip(pairs.tolist(), faces.tolist(), sums.tolist(), strict=True)
    for (one, other), count, total in edges:
        beside[one][other] = beside[other][one] = count, total
        queue.append((total / count, one, other, count))
    heapq.heapify(queue)
    while queue and queue[0][0] < threshold:
        _, one, other, count = heapq.heappop(queue)
        if beside[one].get(other, (0,))[0] != count:  # joined with something else since
            continue
        into[other] = one
        del beside[one][other], beside[other][one]
        for third, (more, sum_more) in beside[other].items():
            count, total = beside[one].get(third, (0, 0.0))
            count, total = count + more, total + sum_more
            beside[one][third] = beside[third][one] = count, total
            del beside[third][other]
            heapq.heappush(queue, (total / count, min(one, third), max(one, third), count))
        beside[other] = {}
    for number, smaller in enumerate(into):
        into[number] = into[smaller]
    return into
