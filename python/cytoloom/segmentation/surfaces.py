"""How far pixels are from the surface of a mask, and which lie beside another object."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .separation import shifted

Array = NDArray[Any]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]


def to_surface(mask: Mask, reach: float, spacing: Sequence[float]) -> Floats:
    """Euclidean distance of the middle of each pixel to the surface of a mask, up to `reach`.

    Pixels are boxes of the size of `spacing`: the middle of one beside the mask is half a pixel
    away from it.

    Parameters
    ----------
    mask : ndarray of bool, shape (y, x) or (z, y, x)
    reach : float
        Largest distance that is measured; what is farther away has it, too.
    spacing : sequence of float
        Pixel size per axis, in units of `reach`.

    Returns
    -------
    ndarray of float32
        0 in the mask. No value depends on a pixel farther away than ``reach / spacing + 0.5``
        along an axis, to the last bit.

    Examples
    --------
    >>> to_surface(np.array([[True, False, False, False, False]]), 3, (1, 1))
    array([[0. , 0.5, 1.5, 2.5, 3. ]], dtype=float32)
    """
    square = np.where(mask, np.float32(0), np.float32(reach * reach))
    for axis, step in enumerate(spacing):
        before = square
        square = before.copy()
        for k in range(1, min(math.ceil(reach / step + 0.5), mask.shape[axis])):
            # from `before`, not from `square`: a minimum taken along this axis must not be moved
            # along it again
            farther = before + np.float32(((k - 0.5) * step) ** 2)
            low, high = shifted(axis, k)
            np.minimum(square[low], farther[high], out=square[low])
            np.minimum(square[high], farther[low], out=square[high])
    away: Floats = np.sqrt(square, out=square)
    return np.minimum(away, np.float32(reach), out=away)


def to_end(shape: Sequence[int], spacing: Sequence[float]) -> Floats:
    """Distance of the middle of each pixel to the nearest side of the array.

    Examples
    --------
    >>> to_end((1, 4), (9, 1))
    array([[0.5, 1.5, 1.5, 0.5]], dtype=float32)
    """
    away = np.full(tuple(shape), np.inf, np.float32)
    for axis, (n, step) in enumerate(zip(shape, spacing, strict=True)):
        from_start = (np.arange(n) + 0.5) * step
        ends = np.minimum(from_start, from_start[::-1]).astype(np.float32)
        np.minimum(
            away, ends.reshape([-1 if a == axis else 1 for a in range(len(shape))]), out=away
        )
    return away


def signed_distance(
    labels: Array, known: Mask, reach: float, spacing: Sequence[float]
) -> tuple[Floats, Floats]:
    """Distance of each pixel to the surface of foreground, positive inside it, up to `reach`.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x) or (z, y, x)
        Foreground is above 0.
    known : ndarray of bool
        Pixels whose label is known.
    reach : float
        Largest distance.
    spacing : sequence of float
        Pixel size per axis, in units of `reach`.

    Returns
    -------
    (ndarray of float32, ndarray of float32)
        The distance, and how far it may be less where the surface could lie among pixels that
        are not known or outside of the array; both 0 where a pixel is not known.

    Examples
    --------
    >>> labels = np.array([[0, 0, 1, 1, 1, 0, 0]])
    >>> away, less = signed_distance(labels, labels >= 0, 5, (9, 1))
    >>> away
    array([[-1.5, -0.5,  0.5,  1.5,  0.5, -0.5, -1.5]], dtype=float32)
    >>> less
    array([[1., 0., 0., 0., 0., 0., 1.]], dtype=float32)
    """
    inside, outside = (labels > 0) & known, (labels <= 0) & known
    away = np.where(inside, to_surface(outside, reach, spacing), np.float32(0))
    away[outside] = to_surface(inside, reach, spacing)[outside]
    free = to_end(labels.shape, spacing)
    if not known.all():
        np.minimum(free, to_surface(~known, reach, spacing), out=free)
    less = np.maximum(away - free, 0)
    np.negative(away, out=away, where=outside)
    less[~known] = 0
    return away, less


def beside_others(
    labels: Array, known: Mask, reach: float, spacing: Sequence[float]
) -> tuple[Mask, Mask]:
    """Which object pixels lie within `reach` of something else, and of which nobody knows it.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x) or (z, y, x)
        0 is background.
    known : ndarray of bool
        Pixels whose label is known.
    reach : float
        From the middle of a pixel to the surface of one of another label, background too.
    spacing : sequence of float
        Pixel size per axis, in units of `reach`.

    Returns
    -------
    (ndarray of bool, ndarray of bool)
        Beside something else; not so, but with a pixel that is not known, or outside of the
        array, as near.

    Examples
    --------
    >>> labels = np.array([[1, 1, 1, 2, 2, 0]])
    >>> near, doubt = beside_others(labels, labels >= 0, 1, (9, 1))
    >>> near.astype(int), doubt.astype(int)
    (array([[0, 0, 1, 1, 1, 0]]), array([[1, 0, 0, 0, 0, 0]]))
    """
    near = np.zeros(labels.shape, bool)
    doubt = to_end(labels.shape, spacing) < reach
    for low, high in _pairs(labels.ndim, reach, spacing):
        both = known[low] & known[high]
        differ = both & (labels[low] != labels[high])
        for side in (low, high):
            near[side] |= differ
            doubt[side] |= ~both
    near &= (labels > 0) & known
    return near, doubt & (labels > 0) & known & ~near


def _pairs(
    ndim: int, reach: float, spacing: Sequence[float]
) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Give views of an array that are one step of at most `reach` apart, each pair once."""
    most = [math.ceil(reach / step + 0.5) for step in spacing]
    for step in itertools.product(*(range(-n, n + 1) for n in most)):
        gaps = [max(0.0, (abs(k) - 0.5) * size) for k, size in zip(step, spacing, strict=True)]
        if step > (0,) * ndim and math.hypot(*gaps) < reach:
            yield apart(step)


def apart(step: Sequence[int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Two views of an array, as indices: pixels that have one `step` away from them, and that one.

    Examples
    --------
    >>> here, there = apart((-1,))
    >>> np.arange(4)[here], np.arange(4)[there]
    (array([1, 2, 3]), array([0, 1, 2]))
    """
    here = tuple(slice(max(0, -k), min(0, -k) or None) for k in step)
    there = tuple(slice(max(0, k), min(0, k) or None) for k in step)
    return here, there
