"""Distance of every object pixel to its object's boundary: what tells touching objects apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def boundary(labels: Array, known: Array | None = None) -> NDArray[np.bool_]:
    """Object pixels that have a face neighbour of another label.

    Neither the border of the array nor unknown pixels make a boundary: what lies there is not
    known to be another object.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x) or (z, y, x)
        0 is background.
    known : ndarray of bool, optional
        Pixels whose label is known; all by default.

    Returns
    -------
    ndarray of bool

    Examples
    --------
    >>> boundary(np.array([[1, 1, 1, 2, 2, 0]])).astype(int)
    array([[0, 0, 1, 1, 1, 0]])
    """
    edge = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        low = (slice(None),) * axis + (slice(None, -1),)
        high = (slice(None),) * axis + (slice(1, None),)
        differs = labels[low] != labels[high]
        if known is not None:
            differs &= known[low] & known[high]
        edge[low] |= differs
        edge[high] |= differs
    return edge & (labels > 0)


def boundary_distance(
    labels: Array,
    known: Array | None = None,
    *,
    reach_px: float,
    spacing: Sequence[float] | None = None,
) -> NDArray[np.float32]:
    """Distance to the object's boundary, truncated and divided by `reach_px`.

    A boundary pixel is half a pixel away from the boundary. The value depends on no pixel
    farther away than `reach_px`, so a window cut with that much context gives the same values.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x) or (z, y, x)
        0 is background.
    known : ndarray of bool, optional
        Pixels whose label is known; all by default.
    reach_px : float
        Distance at which the value is 1, in units of the smallest `spacing`.
    spacing : sequence of float, optional
        Pixel size per axis, in any unit; equal by default.

    Returns
    -------
    ndarray of float32
        0 on background and on unknown pixels, up to 1 inside objects.

    Examples
    --------
    >>> boundary_distance(np.array([[0, 1, 1, 1, 1, 2]]), reach_px=2)
    array([[0.  , 0.25, 0.75, 0.75, 0.25, 0.25]], dtype=float32)
    """
    from scipy import ndimage as ndi

    inside = labels > 0 if known is None else (labels > 0) & known
    edge = boundary(labels, known)
    if not edge.any():
        return inside.astype(np.float32)
    sampling = None if spacing is None else np.asarray(spacing, float) / min(spacing)
    distance = ndi.distance_transform_edt(~edge, sampling=sampling)
    value: NDArray[np.float32] = np.minimum((distance + 0.5) / reach_px, 1).astype(np.float32)
    value[~inside] = 0
    return value
