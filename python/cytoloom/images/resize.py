"""Images at another size: sampled linearly, smoothed before they are made smaller."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

STRIP_PX = 2**22
"""Pixels of maps that are resized at a time, 16 MB a channel."""


class Resized:
    """An image of another size, of which regions are made as they are read.

    Pixel centres keep their places. What is made smaller is smoothed first by a Gaussian of half
    the pixels that are lost, so that nothing is skipped. A region has the same values as that
    part of the whole.

    Parameters
    ----------
    read : callable
        From a tuple of slices to that region (spatial..., c), any type of number.
    size : sequence of int
        Spatial shape of what is read.
    shape : sequence of int
        Spatial shape wanted.
    channels : int
        Number of channels c.

    Examples
    --------
    >>> ramp = np.arange(3.0).reshape(1, 3, 1)
    >>> Resized(ramp.__getitem__, (1, 3), (1, 6), 1).read()[0, :, 0]
    array([0.  , 0.25, 0.75, 1.25, 1.75, 2.  ], dtype=float32)
    """

    def __init__(
        self,
        read: Callable[[tuple[slice, ...]], np.ndarray],
        size: Sequence[int],
        shape: Sequence[int],
        channels: int,
    ) -> None:
        self._read = read
        self._size = tuple(size)
        self._steps = [old / new for old, new in zip(size, shape, strict=True)]
        self.shape = (*shape, channels)
        self.dtype = np.dtype(np.float32)

    def needed(self, slices: tuple[slice, ...]) -> tuple[slice, ...]:
        """Return what is read for a region.

        Examples
        --------
        >>> Resized(np.zeros((1, 3, 1)).__getitem__, (1, 3), (1, 6), 1).needed(np.s_[0:1, 0:2])
        (slice(0, 1, None), slice(0, 2, None))
        """
        steps = zip(slices, self._steps, self._size, strict=True)
        return tuple(_weights(*step)[0] for step in steps)

    def read(self, slices: tuple[slice, ...] | None = None) -> np.ndarray:
        """Return the region, float32 (spatial..., c)."""
        wanted = slices or tuple(slice(0, n) for n in self.shape[:-1])
        steps = zip(wanted, self._steps, self._size, strict=True)
        needed, weights = zip(*(_weights(*step) for step in steps), strict=True)
        region = self._read(needed)
        shape = tuple(w.stop - w.start for w in wanted)
        found = np.empty((*shape, region.shape[-1]), np.float32)
        smaller = math.prod(self._steps) > 1
        for channel in range(region.shape[-1]):
            found[..., channel] = _along_each(region[..., channel], weights, smaller)
        return found


def enlarged(source: Any, factors: Sequence[float]) -> Resized:
    """Return a source (spatial..., c) as seen `factors` times as large, per axis."""
    size = source.shape[:-1]
    shape = [max(1, round(n * f)) for n, f in zip(size, factors, strict=True)]
    return Resized(source.read, size, shape, source.shape[-1])


def resize_into(out: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Fill `out` (spatial..., c) with `values` at its size, in strips; return it."""
    # whole rows of strips: `values` may be a memory map, read from start to end
    resized = Resized(values.__getitem__, values.shape[:-1], out.shape[:-1], out.shape[-1])
    row_px = max(out[:1].size, values[:1].size)
    rows = max(1, STRIP_PX // max(1, row_px))
    whole = tuple(slice(0, n) for n in out.shape[1:-1])
    for start in range(0, out.shape[0], rows):
        strip = slice(start, min(start + rows, out.shape[0]))
        out[strip] = resized.read((strip, *whole))
    return out


def _weights(wanted: slice, step: float, size: int) -> tuple[slice, Any]:
    """Find along one axis what is to be read for new pixels, and what each old one adds to them.

    A new pixel lies between two old ones of the smoothed image, and only there it is smoothed.

    Parameters
    ----------
    wanted : slice
        The new pixels.
    step : float
        Distance between new pixels, in old ones.
    size : int
        Number of old pixels.

    Returns
    -------
    needed : slice
        The old pixels that count.
    weights : sparse array, float32, shape (new, old)
        To be multiplied with these.
    """
    from scipy import sparse

    points = (np.arange(wanted.start, wanted.stop) + 0.5) * step - 0.5
    low = np.clip(np.floor(points).astype(int), 0, size - 1)
    share = np.where(low < size - 1, np.clip(points - low, 0, 1), 0)[:, np.newaxis]
    gauss = _gaussian(max(0.0, (step - 1) / 2))
    reach = len(gauss) // 2
    taps = (1 - share) * np.append(gauss, 0) + share * np.append(0, gauss)
    at = np.clip(low[:, np.newaxis] + np.arange(-reach, reach + 2), 0, size - 1)
    first, last = int(at.min()), int(at.max()) + 1
    ends = np.arange(0, taps.size + 1, taps.shape[1])
    shape = len(points), last - first
    weights = sparse.csr_array((taps.ravel().astype(np.float32), at.ravel() - first, ends), shape)
    return slice(first, last), weights


def _gaussian(sigma: float) -> np.ndarray:
    """Return the weights of a Gaussian, cut off at 4 sigma; one weight without sigma."""
    reach = int(4 * sigma + 0.5)
    values: np.ndarray = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-9)) ** 2)
    values /= values.sum()
    return values


def _along_each(plane: np.ndarray, weights: Sequence[Any], smaller: bool) -> np.ndarray:
    """Multiply with the weights of one axis after the other.

    The first axis, for which nothing is copied, has its turn where there are most pixels.
    """
    for axis in range(plane.ndim) if smaller else reversed(range(plane.ndim)):
        turned = np.ascontiguousarray(np.moveaxis(plane, axis, 0), np.float32)
        made = weights[axis] @ turned.reshape(len(turned), -1)
        plane = np.moveaxis(made.reshape(-1, *turned.shape[1:]), 0, axis)
    return plane
