"""Images at another size: sampled linearly, smoothed before they are made smaller."""

from __future__ import annotations

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
        self._sigma = [max(0.0, (step - 1) / 2) for step in self._steps]
        self.shape = (*shape, channels)
        self.dtype = np.dtype(np.float32)

    def read(self, slices: tuple[slice, ...] | None = None) -> np.ndarray:
        """Return the region, float32 (spatial..., c)."""
        from scipy import ndimage

        wanted = slices or tuple(slice(0, n) for n in self.shape[:-1])
        needed, grid = self._needed(wanted)
        region = self._read(needed)
        shape = tuple(w.stop - w.start for w in wanted)
        found = np.empty((*shape, region.shape[-1]), np.float32)
        for channel in range(region.shape[-1]):
            plane = region[..., channel].astype(np.float32)
            if any(self._sigma):
                plane = ndimage.gaussian_filter(plane, self._sigma, mode="nearest")
            found[..., channel] = _separable(plane, grid)
        return found

    def _needed(
        self, wanted: Sequence[slice]
    ) -> tuple[tuple[slice, ...], list[tuple[np.ndarray, np.ndarray]]]:
        """Find the part to read for a region, and per axis where in it new pixels lie.

        That is the pixel below, and the share of the one above.
        """
        needed, grid = [], []
        for w, step, sigma, n in zip(wanted, self._steps, self._sigma, self._size, strict=True):
            points = (np.arange(w.start, w.stop) + 0.5) * step - 0.5
            reach = int(4 * sigma + 0.5) + 1  # scipy cuts a Gaussian off at 4 sigma
            low = np.clip(np.floor(points).astype(int), 0, n - 1)
            share = np.clip(points - low, 0, 1).astype(np.float32)
            first, last = max(0, low[0] - reach), min(n, low[-1] + 2 + reach)
            needed.append(slice(int(first), int(last)))
            grid.append((low - first, share))
        return tuple(needed), grid


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


def _separable(plane: np.ndarray, grid: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Interpolate linearly, one axis after the other."""
    for axis, (low, share) in enumerate(grid):
        high = np.minimum(low + 1, plane.shape[axis] - 1)
        above = share.reshape([-1 if a == axis else 1 for a in range(plane.ndim)])
        plane = np.take(plane, low, axis) * (1 - above) + np.take(plane, high, axis) * above
    return plane
