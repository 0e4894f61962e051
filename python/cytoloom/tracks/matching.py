"""Which found position is which true one: the most pairs, and of these the nearest."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from .graph import Floats, Ints


def usual_distance(frame: Ints, places: Floats) -> float:
    """Return half the median distance from a point to the nearest one of its frame.

    Within it a point is nearer to its own cell than to the next one; infinite where no frame has
    two.

    Examples
    --------
    >>> usual_distance(np.array([0, 0, 1]), np.array([[0.0, 0], [0, 8], [5, 5]]))
    4.0
    """
    away = [np.zeros(0)]
    for one in np.unique(frame):
        own = places[frame == one]
        if len(own) > 1:
            away.append(cKDTree(own).query(own, k=2)[0][:, 1])
    every = np.concatenate(away)
    return float(np.median(every)) / 2 if len(every) else float("inf")


def overlapping(truth: Ints, found: Ints) -> tuple[Ints, Ints]:
    """Pair labels: a found one covers more than half of a true one, and of no other.

    Parameters
    ----------
    truth, found : integer ndarray, of the same shape
        Labels of one frame; 0 is background.

    Returns
    -------
    (ndarray of int, ndarray of int)
        Labels of the truth, and of what was found.

    Notes
    -----
    The rule of the Cell Tracking Challenge, :doi:`10.1371/journal.pone.0144959`; what covers two
    cells is paired with neither, for there is no telling which of them goes on.

    Examples
    --------
    >>> [k.tolist() for k in overlapping(np.array([1, 1, 1, 2]), np.array([5, 5, 0, 0]))]
    [[1], [5]]
    """
    wide = int(found.max(initial=0)) + 1
    pairs, count = np.unique(
        truth.astype(np.int64).ravel() * wide + found.ravel(), return_counts=True
    )
    a, b = pairs // wide, pairs % wide
    area = np.bincount(a, weights=count)
    own = (a > 0) & (b > 0) & (2 * count > area[a])
    a, b = a[own], b[own]
    once = np.bincount(b, minlength=wide)[b] == 1
    return a[once], b[once]
