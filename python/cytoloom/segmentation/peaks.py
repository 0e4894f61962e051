"""Peaks of maps: where objects are that a map says the centres of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

LEAST = 1e-6


def peaks(
    values: NDArray[np.floating],
    radius: float,
    spacing: Sequence[float] | None = None,
    above: float = 0.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find the peaks of a map, none within a radius of a higher one.

    Parameters
    ----------
    values : ndarray of float (y, x) or (z, y, x)
        The map, from 0 up; floats, for among few levels neighbours are equally high.
    radius : float
        In the unit of `spacing`.
    spacing : sequence of float, optional
        Of pixels along each axis; default 1.
    above : float, default 0.0
        Peaks are higher than this.

    Returns
    -------
    (ndarray of float (n, axes), ndarray of float (n,))
        Where they are, in px with fractions, and how high; the highest first.

    Notes
    -----
    A peak is a pixel that none around it is above; several that are equally high and touch are one,
    in their middle. Of peaks within the radius of each other the highest stays. The fraction of a
    pixel is that of the parabola through the logarithms of a peak and its neighbours along each
    axis, which is exact for a Gaussian. Pixels at the border are pixels as any: a peak there is one
    if it is not below its neighbours in the image.

    Examples
    --------
    >>> x = np.arange(20.0)
    >>> two = np.exp(-((x - 4.3) ** 2) / 4) + 0.5 * np.exp(-((x - 13.0) ** 2) / 4)
    >>> places, heights = peaks(np.stack([0 * x, two, 0 * x]), 3.0, above=0.1)
    >>> places.round(1).tolist(), heights.round(2).tolist()
    ([[1.0, 4.3], [1.0, 13.0]], [0.98, 0.5])
    """
    values = np.asarray(values)
    around = ndimage.maximum_filter(values, size=3, mode="nearest")
    top = (values >= around) & (values > above)
    groups, count = ndimage.label(top, np.ones((3,) * values.ndim))
    if not count:
        return np.zeros((0, values.ndim)), np.zeros(0)
    at = np.nonzero(top)
    own = groups[at] - 1
    size = np.bincount(own)
    middle = np.stack([np.bincount(own, weights=axis) / size for axis in at], axis=-1)
    heights = np.empty(count)
    heights[own] = values[at]  # equally high
    order = np.lexsort((*middle.T[::-1], -heights))
    middle, heights = middle[order], heights[order]
    scale = np.ones(values.ndim) if spacing is None else np.asarray(spacing, float)
    kept = _apart(middle * scale, radius)
    return _refined(values, middle[kept]), heights[kept]


def _apart(places: NDArray[np.float64], radius: float) -> NDArray[np.intp]:
    """Return those, the first the best, that no better one of these is within the radius of."""
    near = cKDTree(places).query_pairs(radius, output_type="ndarray")
    later: dict[int, list[int]] = {}
    for a, b in np.sort(near, axis=1).tolist():
        later.setdefault(a, []).append(b)
    gone = np.zeros(len(places), bool)
    for first in sorted(later):
        if not gone[first]:
            gone[later[first]] = True
    return np.flatnonzero(~gone)


def _refined(values: NDArray[np.floating], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move peaks by fractions of a pixel."""
    at = np.rint(places).astype(int)
    moved = places.copy()
    here = _log(values, at)
    for axis, size in enumerate(values.shape):
        step = np.eye(values.ndim, dtype=int)[axis]
        inner = (at[:, axis] > 0) & (at[:, axis] < size - 1)
        # of a plateau the middle is as good as can be said
        inner &= places[:, axis] == at[:, axis]
        low, high = (_log(values, at[inner] + sign * step) for sign in (-1, 1))
        bend = 2 * here[inner] - low - high
        by = np.divide(high - low, 2 * bend, out=np.zeros_like(bend), where=bend > LEAST)
        moved[inner, axis] += np.clip(by, -0.5, 0.5)
    return moved


def _log(values: NDArray[np.floating], at: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.log(np.maximum(values[tuple(at.T)].astype(float), LEAST))
