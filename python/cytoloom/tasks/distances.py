"""How far every object pixel is from its rim and from other objects: what separates them.

The seeds of two touching objects must not meet, and one object must not fall apart where it is
narrow. So what is learned is not the plain distance to the boundary: a rim pixel that meets
another object is low, one that meets background far from any other object is high already.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

FREE_GAP_PX = 3
"""A rim pixel this far from any other object counts as free."""


def separation(
    labels: Array,
    known: Array | None = None,
    *,
    reach_px: float,
    spacing: Sequence[float] | None = None,
) -> NDArray[np.float32]:
    """Measure how well each object pixel is separated from other objects, 0 to 1.

    The rim of an object is what has a face neighbour that is known not to belong to it. A rim
    pixel is at height 0.5 px plus its gap, the number of pixels (at most 3) between it and the
    nearest other object; any other pixel is at the smallest sum of a rim pixel's height and the
    distance to it. Heights end at `reach_px`, by which they are divided.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x) or (z, y, x)
        0 is background.
    known : ndarray of bool, optional
        Pixels whose label is known; all by default. What is unknown or outside the array is
        neither another object nor background, so an object cut by it goes on there.
    reach_px : float
        Height at which the value is 1, in units of the smallest `spacing`.
    spacing : sequence of float, optional
        Pixel size per axis, in any unit; equal by default.

    Returns
    -------
    ndarray of float32
        0 on background and on unknown pixels; above 0, at most 1, inside objects. No value
        depends on a pixel farther away than ``context(reach_px)`` along any axis.

    Examples
    --------
    Where 1 and 2 touch the value is 0.5 / 4; the end of 2 is free: (0.5 + 3) / 4.

    >>> separation(np.array([[1, 1, 1, 2, 2, 2, 2, 0, 0]]), reach_px=4)
    array([[0.625, 0.375, 0.125, 0.125, 0.375, 0.625, 0.875, 0.   , 0.   ]],
          dtype=float32)
    """
    ratio = np.ones(labels.ndim) if spacing is None else np.asarray(spacing) / min(spacing)
    inside = labels > 0 if known is None else (labels > 0) & known
    objects = np.where(inside, labels, 0)
    height = np.full(labels.shape, reach_px, np.float32)
    for gap, rim in _rims_by_gap(objects, rim_of(labels, known), ratio):
        base = 0.5 + gap
        if base < reach_px and rim.any():
            np.minimum(height, near(rim, reach_px - base, ratio) + np.float32(base), out=height)
    height *= np.float32(1 / reach_px)
    height[~inside] = 0
    return height


def context(reach_px: float) -> int:
    """Pixels around a window that `separation` must see to be exact inside it."""
    return math.ceil(reach_px + 0.5)


def rim_of(labels: Array, known: Array | None = None) -> NDArray[np.bool_]:
    """Object pixels that have a known face neighbour of another label.

    Examples
    --------
    >>> rim_of(np.array([[1, 1, 1, 2, 2, 0]])).astype(int)
    array([[0, 0, 1, 1, 1, 0]])
    """
    rim = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        low, high = shifted(axis, 1)
        differs = labels[low] != labels[high]
        if known is not None:
            differs &= known[low] & known[high]
        rim[low] |= differs
        rim[high] |= differs
    rim &= labels > 0
    return rim


def near(marked: Array, reach: float, ratio: NDArray[np.float64]) -> NDArray[np.float32]:
    """Euclidean distance to the nearest marked pixel, truncated at `reach`.

    Sums are formed from the nearest pixels only and in one order, so that a window gives the
    very same bits as the whole image; a general distance transform does not promise that, and
    for a short reach takes four times as long.

    Examples
    --------
    >>> near(np.array([[True, False, False, False]]), 2.5, np.ones(2))
    array([[0. , 1. , 2. , 2.5]], dtype=float32)
    """
    square = np.where(marked, np.float32(0), np.float32(reach * reach))
    for axis, step in enumerate(ratio):
        before = square
        square = before.copy()
        for k in range(1, min(math.floor(reach / step), before.shape[axis] - 1) + 1):
            low, high = shifted(axis, k)
            cost = np.float32((k * step) ** 2)
            np.minimum(square[low], before[high] + cost, out=square[low])
            np.minimum(square[high], before[low] + cost, out=square[high])
    return np.sqrt(square)


def shifted(axis: int, k: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Two views of an array that are `k` pixels apart along an axis, as indices."""
    before = (slice(None),) * axis
    return (*before, slice(None, -k)), (*before, slice(k, None))


def _rims_by_gap(
    objects: Array, rim: NDArray[np.bool_], ratio: NDArray[np.float64]
) -> list[tuple[int, NDArray[np.bool_]]]:
    """Split the rim by its gap to the nearest other object: 0, 1, 2 and free."""
    parts = []
    left = np.flatnonzero(rim)
    if left.size and objects.max() != objects.ravel()[left].min():
        rings = _rings(tuple(ratio))
        margin = np.abs(np.concatenate(rings)).max(axis=0)
        padded = np.pad(objects, [(m, m) for m in margin]).ravel()
        strides = np.cumprod([1, *(np.array(objects.shape) + 2 * margin)[:0:-1]])[::-1]
        for gap, ring in enumerate(rings):
            at = (np.stack(np.unravel_index(left, objects.shape), axis=-1) + margin) @ strides
            around = padded[at + (ring @ strides)[:, np.newaxis]]
            close = ((around > 0) & (around != padded[at])).any(axis=0)
            part = np.zeros(objects.shape, bool)
            part.ravel()[left[close]] = True
            parts.append((gap, part))
            left = left[~close]
    free = np.zeros(objects.shape, bool)
    free.ravel()[left] = True
    return [*parts, (FREE_GAP_PX, free)]


@functools.lru_cache(maxsize=16)
def _rings(ratio: tuple[float, ...]) -> list[NDArray[np.intp]]:
    """Return offsets (n, axes) of what is in the box of each gap and not in a smaller one."""
    rings, seen = [], {(0,) * len(ratio)}
    for gap in range(FREE_GAP_PX):
        radius = [max(1, int((gap + 1) / r)) for r in ratio]
        box = itertools.product(*(range(-r, r + 1) for r in radius))
        ring = [offset for offset in box if offset not in seen]
        seen.update(ring)
        rings.append(np.array(ring, np.intp).reshape(-1, len(ratio)))
    return rings
