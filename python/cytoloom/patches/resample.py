"""Sampling arrays at fractional positions, and smooth fields from few control points."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Positions = Sequence[npt.NDArray[np.float32]]


def linear(region: Array, positions: Positions) -> npt.NDArray[np.float32]:
    """Interpolate an array linearly.

    Parameters
    ----------
    region : ndarray
        float32 ``(spatial..., c)``.
    positions : sequence of ndarray
        float32 ``(shape...)`` per axis, within ``0 ... size - 1``.

    Returns
    -------
    ndarray
        float32 ``(shape..., c)``, each channel contiguous in memory.

    Notes
    -----
    Equal to ``scipy.ndimage.map_coordinates(order=1)`` and here because that takes two to four
    times as long: the weights are shared by all channels and computed in float32.

    Examples
    --------
    >>> row = np.array([[0.0], [1.0], [3.0]], np.float32)
    >>> linear(row, np.array([[0.5, 1.0, 1.5]], np.float32)).ravel()
    array([0.5, 1. , 2. ], dtype=float32)
    """
    size = region.shape[:-1]
    cells = [
        np.minimum(p.astype(np.int32), max(n - 2, 0)) for p, n in zip(positions, size, strict=True)
    ]
    fractions = [p - c.astype(np.float32) for p, c in zip(positions, cells, strict=True)]
    index = _flat(cells, size)
    # an axis of one pixel has no neighbour: it is mixed with itself
    steps = [s if n > 1 else 0 for s, n in zip(_strides(size), size, strict=True)]
    out = np.empty((region.shape[-1], *positions[0].shape), np.float32)
    for c in range(region.shape[-1]):
        flat = np.ascontiguousarray(region[..., c]).ravel()
        out[c] = _between(flat, index, fractions, steps)
    return np.moveaxis(out, 0, -1)


def nearest(region: Array, positions: Positions) -> Array:
    """Take the nearest pixel of an array ``(spatial...)``; its dtype is kept.

    Examples
    --------
    >>> nearest(np.array([7, 8, 9]), np.array([[0.4, 0.6, 2.0]], np.float32))
    array([7, 8, 9])
    """
    cells = [np.rint(p).astype(np.int32) for p in positions]
    return np.ascontiguousarray(region).ravel().take(_flat(cells, region.shape), mode="clip")


def _between(
    flat: Array, index: Array, fractions: Sequence[Array], steps: Sequence[int], offset: int = 0
) -> Array:
    if not fractions:
        # the indices are within bounds by construction; "clip" only skips the check
        taken: Array = flat[offset:].take(index, mode="clip")
        return taken
    low = _between(flat, index, fractions[1:], steps[1:], offset)
    high = _between(flat, index, fractions[1:], steps[1:], offset + steps[0])
    # in place: temporary arrays of the patch's size would cost as much as the arithmetic
    high -= low
    high *= fractions[0]
    high += low
    return high


def _flat(cells: Sequence[Array], size: Sequence[int]) -> npt.NDArray[np.intp]:
    # in the small integers of the cells where these hold all positions: half the time
    kind = np.int32 if math.prod(size) <= np.iinfo(np.int32).max else np.intp
    index = np.zeros(cells[0].shape, kind)
    for cell, stride in zip(cells, _strides(size), strict=True):
        index += cell if stride == 1 else cell * kind(stride)
    return index.astype(np.intp)


def _strides(size: Sequence[int]) -> list[int]:
    return [math.prod(size[axis + 1 :]) for axis in range(len(size))]


def expand(
    controls: npt.NDArray[np.float32], shape: Sequence[int], spacing_px: Sequence[float]
) -> npt.NDArray[np.float32]:
    """Expand control points to a smooth field by cubic B-splines.

    Parameters
    ----------
    controls : ndarray
        float32 ``(n, controls...)`` with `control_counts` points per axis.
    shape : sequence of int
        Spatial shape of the field.
    spacing_px : sequence of float
        Pixels between control points per axis.

    Returns
    -------
    ndarray
        float32 ``(n, shape...)``.
    """
    field = controls
    # the last axis first, while the array is small, and each product on memory as it lies
    for axis in range(len(shape), 0, -1):
        basis = bspline_basis(shape[axis - 1], spacing_px[axis - 1])
        rows = field.reshape(*field.shape[: axis + 1], -1)
        field = (basis @ rows).reshape(*field.shape[:axis], len(basis), *field.shape[axis + 1 :])
    return field


def control_counts(shape: Sequence[int], spacing_px: Sequence[float]) -> tuple[int, ...]:
    """Count the control points that `expand` needs per axis.

    Examples
    --------
    >>> control_counts((64, 65), (32, 32))
    (5, 6)
    """
    return tuple(int((n - 1) // s) + 4 for n, s in zip(shape, spacing_px, strict=True))


@functools.lru_cache(maxsize=64)
def bspline_basis(size: int, spacing: float) -> npt.NDArray[np.float32]:
    """Weights of the control points at each pixel of one axis, ``(size, controls)`` float32.

    Examples
    --------
    >>> bspline_basis(2, 2.0).round(3)
    array([[0.167, 0.667, 0.167, 0.   ],
           [0.021, 0.479, 0.479, 0.021]], dtype=float32)
    """
    position = np.arange(size) / spacing
    cell = np.floor(position).astype(int)
    t = position - cell
    weights = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    )
    basis = np.zeros((size, *control_counts((size,), (spacing,))), np.float32)
    for k, w in enumerate(weights / 6):
        basis[np.arange(size), cell + k] = w
    basis.flags.writeable = False
    return basis
