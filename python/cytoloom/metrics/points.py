"""Points found against true ones: which is which, and how many."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def matched(truth: Floats, found: Floats, within: float) -> tuple[Ints, Ints]:
    """Pair points one to one: as many as possible, and then with the smallest sum of distances.

    Parameters
    ----------
    truth, found : ndarray (n, d), (m, d)
        Points; their order changes nothing.
    within : float
        Largest distance of a pair, itself included.

    Returns
    -------
    (ndarray of int, ndarray of int)
        Rows of `truth`, ascending, and of `found`.

    Examples
    --------
    The nearest pair of all would leave the other two alone.

    >>> truth, found = np.array([[0.0], [3.0]]), np.array([[2.0], [5.5]])
    >>> [rows.tolist() for rows in matched(truth, found, 3)]
    [[0, 1], [0, 1]]
    """
    if not len(truth) or not len(found):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    # in an order of their own, so that ties do not hang on how they were listed
    one, other = np.lexsort(truth.T), np.lexsort(found.T)
    near = cKDTree(truth[one]).sparse_distance_matrix(
        cKDTree(found[other]), within, output_type="ndarray"
    )
    a, b, away = near["i"].astype(np.int64), near["j"].astype(np.int64), near["v"]
    n = len(truth)
    size = n + len(found)
    _, part = connected_components(coo_array((np.ones(len(a)), (a, n + b)), (size, size)), False)
    order = np.argsort(part[a], kind="stable")
    rows: list[Ints] = []
    columns: list[Ints] = []
    for own in np.split(order, np.flatnonzero(np.diff(part[a][order])) + 1):
        i, j = _assigned(a[own], b[own], away[own])
        rows.append(i)
        columns.append(j)
    left, right = one[np.concatenate(rows)], other[np.concatenate(columns)]
    by = np.argsort(left)
    return left[by], right[by]


def _assigned(a: Ints, b: Ints, away: Floats) -> tuple[Ints, Ints]:
    """Solve one group of points within reach of each other."""
    if len(a) < 2:
        return a, b
    left, i = np.unique(a, return_inverse=True)
    right, j = np.unique(b, return_inverse=True)
    # one pair more is worth more than all distances together
    none = (min(len(left), len(right)) + 1.0) * (away.max() + 1.0)
    cost = np.full((len(left), len(right)), none)
    cost[i, j] = away
    rows, columns = linear_sum_assignment(cost)
    real = cost[rows, columns] < none
    return left[rows[real]], right[columns[real]]
