"""How far every object pixel is from its rim and from other objects: what separates them.

The seeds of two touching objects must not meet, and one object must not fall apart where it is
narrow. So what is learned is not the plain distance to the boundary: a rim pixel that meets
another object is low, one that meets background far from any other object is high already.
"""

from __future__ import annotations

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
    # On a grid of 2**-16 the float32 sums and differences below are exact, and the order in which
    # they are formed cannot show in the result.
    reach_px = round(reach_px * 2**16) / 2**16
    line = Line(labels.shape, max(FREE_GAP_PX, math.floor(reach_px)))
    sure = line.up(np.ones(labels.shape, bool) if known is None else known)
    top = int(labels.max(initial=0))
    # The smallest type that holds top + 1: `_rims_by_gap` makes background the largest value. Short
    # types are what makes minima over neighbours fast.
    objects = line.up(np.maximum(labels, 0).astype(np.min_scalar_type(top + 1)))
    objects *= sure
    height = np.full(objects.shape, reach_px, np.float32)
    for gap, rim in _rims_by_gap(objects, rim_of(objects, sure, line), line, ratio):
        # half a pixel: the rim runs between its pixel and the neighbour's
        base = 0.5 + gap
        if base < reach_px and rim.any():
            found = near(rim, reach_px - base, line, ratio)
            found += np.float32(base)
            np.minimum(height, found, out=height)
    # once, after all sums: dividing each would round each
    height *= np.float32(1 / reach_px)
    height *= objects > 0
    return np.ascontiguousarray(line.back(height))


def context(reach_px: float) -> int:
    """Pixels around a window that `separation` must see to be exact inside it."""
    return math.ceil(reach_px + 0.5)


class Line:
    """Pixels laid out one after the other, with room between rows (and planes).

    A neighbour along any axis is then so many steps along the line, and what lies outside the
    array is room that takes part in nothing. Work on a line is several times faster than on
    short rows.
    """

    def __init__(self, shape: Sequence[int], room: int) -> None:
        self._inner = tuple(slice(0, n) for n in shape)
        # no room behind the first axis: beyond its end the line ends
        self._padded = (shape[0], *(n + room for n in shape[1:]))
        self.steps = [math.prod(self._padded[axis + 1 :]) for axis in range(len(shape))]

    def up(self, array: Array) -> Array:
        """Lay an array out; room is 0."""
        padded = np.zeros(self._padded, array.dtype)
        padded[self._inner] = array
        return padded.ravel()

    def back(self, line: Array) -> Array:
        """View a line as the array that it was."""
        return line.reshape(self._padded)[self._inner]

    def apart(self, line: Array, axis: int, k: int) -> tuple[Array, Array]:
        """View the line twice, `k` pixels along an axis apart."""
        steps = k * self.steps[axis]
        return line[:-steps], line[steps:]


def rim_of(objects: Array, known: Array, line: Line) -> NDArray[np.bool_]:
    """Object pixels that have a known face neighbour of another label.

    Examples
    --------
    >>> line = Line((6,), 1)
    >>> rim_of(np.array([1, 1, 1, 2, 2, 0]), np.ones(6, bool), line).astype(int)
    array([0, 0, 1, 1, 1, 0])
    """
    rim = np.zeros(objects.shape, bool)
    for axis in range(len(line.steps)):
        (low, high), (first, second) = (line.apart(a, axis, 1) for a in (objects, known))
        differs = (low != high) & first & second
        for side in line.apart(rim, axis, 1):
            side |= differs
    rim &= objects > 0
    return rim


def near(
    marked: Array, reach: float, line: Line, ratio: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Euclidean distance to the nearest marked pixel, truncated at `reach`.

    Sums are formed from the nearest pixels only and in one order, so that a window gives the
    very same bits as the whole image; a general distance transform does not promise that, and
    for a short reach takes many times as long.

    Examples
    --------
    >>> near(np.array([True, False, False, False]), 2.5, Line((4,), 2), np.ones(1))
    array([0. , 1. , 2. , 2.5], dtype=float32)
    """
    # The parabolas of Felzenszwalb and Huttenlocher (doi:10.4086/toc.2012.v008a019), one axis after
    # the other, by trying every step: for a reach of some px that is cheaper than their envelope.
    square = _along_first(marked, reach, line, ratio)
    for axis, step in list(enumerate(ratio))[1:]:
        before = square
        square = before.copy()
        for k in range(1, math.floor(reach / step) + 1):
            # from `before`, not from `square`: a minimum taken along this axis must not be moved
            # along it again
            farther = before + before.dtype.type((k * step) ** 2)
            low, high = line.apart(square, axis, k)
            first, second = line.apart(farther, axis, k)
            np.minimum(low, second, out=low)
            np.minimum(high, first, out=high)
    return np.minimum(np.sqrt(square, dtype=np.float32), np.float32(reach))


def _along_first(marked: Array, reach: float, line: Line, ratio: NDArray[np.float64]) -> Array:
    """Square of the distance to what is marked along the first axis, or of `reach`.

    Small integers where these are exact. Distances along one axis add up, so that steps of 1, 2,
    4, ... pixels reach all of them; squares do not.
    """
    most = math.floor(reach / ratio[0])
    away: Array = ~marked * np.min_scalar_type(2 * most + 2).type(most + 1)
    k = 1
    while k <= most:
        before = away
        away = before.copy()
        low, high = line.apart(away, 0, k)
        first, second = line.apart(before + before.dtype.type(k), 0, k)
        np.minimum(low, second, out=low)
        np.minimum(high, first, out=high)
        k *= 2
    if (ratio != 1).any():
        real = np.square(away * ratio[0]).astype(np.float32)
        real[away > most] = reach * reach
        return np.asarray(real)
    farthest = math.ceil(reach * reach)
    # the steps along other axes add no more than the same again
    square = away.astype(np.min_scalar_type(2 * max(farthest, (most + 1) ** 2)))
    square *= square
    return np.asarray(np.minimum(square, farthest, out=square))


def _rims_by_gap(
    objects: Array, rim: NDArray[np.bool_], line: Line, ratio: NDArray[np.float64]
) -> list[tuple[int, NDArray[np.bool_]]]:
    """Split the rim by its gap to the nearest other object: 0, 1, 2 and free."""
    # Background must win neither: it is 0 for the highest label around a pixel and, by wrapping
    # round in an unsigned type, all ones for the lowest.
    highest, lowest = objects, objects - objects.dtype.type(1)
    own = lowest
    # one object at most: no gap to look for
    if int(highest.max(initial=0)) <= int(lowest.min(initial=0)) + 1:
        return [(FREE_GAP_PX, rim)]
    parts, reached = [], [0] * len(ratio)
    for gap in range(FREE_GAP_PX):
        for axis, step in enumerate(ratio):
            while reached[axis] < max(1, int((gap + 1) / step)):
                reached[axis] += 1
                highest = _wider(np.maximum, highest, line, axis)
                lowest = _wider(np.minimum, lowest, line, axis)
        close = rim & ((highest != objects) | (lowest != own))
        parts.append((gap, close))
        rim = rim & ~close
    return [*parts, (FREE_GAP_PX, rim)]


def _wider(extreme: np.ufunc, values: Array, line: Line, axis: int) -> Array:
    """Return the extreme of each pixel and its two neighbours along an axis."""
    found = values.copy()
    (low, high), (first, second) = (line.apart(a, axis, 1) for a in (found, values))
    extreme(low, second, out=low)
    extreme(high, first, out=high)
    return found


def shifted(axis: int, k: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Two views of an array that are `k` pixels apart along an axis, as indices."""
    before = (slice(None),) * axis
    return (*before, slice(None, -k)), (*before, slice(k, None))
