"""One geometric transform of a patch: which point of the image each pixel of the patch shows.

Everything is drawn in micrometres and applied in pixels: ``linear`` below already holds the
spacing. Flips and right angles alone move pixels without interpolation.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .resample import expand, linear, nearest
from .tiles import Slices, fold, read_mirrored

Array = npt.NDArray[Any]
Read = Callable[[Slices], Array]


@dataclass(frozen=True, eq=False)
class Warp:
    """How the pixels of a patch map into the image.

    Attributes
    ----------
    shape : tuple of int
        Spatial shape of the patch in px.
    axes : tuple of int
        Patch axis k runs along image axis ``axes[k]`` before `linear`.
    flips : tuple of bool
        Patch axis k runs backwards.
    linear : ndarray or None
        ``(n, n)`` float64, image px per px of the turned patch, both from their centres; None
        where flips and right angles are all.
    elastic : ndarray or None
        ``(n, controls...)`` float32 displacements in image px at B-spline control points.
    spacing_px : tuple of float
        Patch px between control points, per axis.

    Examples
    --------
    >>> quarter = Warp((2, 3), axes=(1, 0), flips=(False, True))
    >>> quarter.source_shape
    (3, 2)
    >>> quarter.turn(np.array([[1, 2], [3, 4], [5, 6]]))
    array([[5, 3, 1],
           [6, 4, 2]])
    """

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    flips: tuple[bool, ...]
    linear: npt.NDArray[np.float64] | None = None
    elastic: npt.NDArray[np.float32] | None = None
    spacing_px: tuple[float, ...] = ()

    @classmethod
    def identity(cls, shape: Sequence[int]) -> Warp:
        """Build the warp that changes nothing."""
        return cls(tuple(shape), tuple(range(len(shape))), (False,) * len(shape))

    @property
    def moves_whole_pixels(self) -> bool:
        """Whether flips and right angles are all there is, so that nothing is interpolated."""
        return self.linear is None and self.elastic is None

    @property
    def source_shape(self) -> tuple[int, ...]:
        """Shape of the window of the image that the patch covers before `linear` and `elastic`."""
        return tuple(self.shape[self.axes.index(a)] for a in range(len(self.shape)))

    def turn(self, window: Array) -> Array:
        """Apply flips and right angles to an array ``(source_shape..., further axes)``: a view."""
        n = len(self.axes)
        turned = window.transpose(*self.axes, *range(n, window.ndim))
        return turned[tuple(slice(None, None, -1 if f else 1) for f in self.flips)]

    def positions(self) -> npt.NDArray[np.float32]:
        """Image position of each patch pixel from the centre of the window, ``(n, shape...)``."""
        n = len(self.shape)
        matrix = np.eye(n) if self.linear is None else self.linear
        out = np.zeros((n, *self.shape), np.float32)
        for k, (axis, flip) in enumerate(zip(self.axes, self.flips, strict=True)):
            steps = np.arange(self.shape[k]) - (self.shape[k] - 1) / 2
            along = matrix[:, axis, None] * (-steps if flip else steps)
            out += along.astype(np.float32).reshape(n, *_along(k, n))
        if self.elastic is not None:
            out += expand(self.elastic, self.shape, self.spacing_px)
        return out


@dataclass(frozen=True, eq=False)
class Placed:
    """A `Warp` laid onto an image of `size` px with its source window starting at `start`.

    Attributes
    ----------
    warp : Warp
        The transform.
    start : tuple of int
        First pixel of the source window per axis; may be negative.
    size : tuple of int
        Spatial shape of the image in px.
    """

    warp: Warp
    start: tuple[int, ...]
    size: tuple[int, ...]

    @property
    def window(self) -> Slices:
        """The source window."""
        ends = zip(self.start, self.warp.source_shape, strict=True)
        return tuple(slice(s, s + n) for s, n in ends)

    @functools.cached_property
    def _positions(self) -> npt.NDArray[np.float32]:
        centres = [s + (n - 1) / 2 for s, n in zip(self.start, self.warp.source_shape, strict=True)]
        shift = np.asarray(centres, np.float32).reshape(-1, *[1] * len(self.size))
        return self.warp.positions() + shift

    @functools.cached_property
    def _mirrored(self) -> npt.NDArray[np.float32]:
        outside = [p.min() < 0 or p.max() > n - 1 for p, n in self._axes()]
        if not any(outside):
            return self._positions
        folded = (
            fold(p, n) if out else p for (p, n), out in zip(self._axes(), outside, strict=True)
        )
        return np.stack(tuple(folded))

    def _axes(self) -> zip[tuple[npt.NDArray[np.float32], int]]:
        return zip(self._positions, self.size, strict=True)

    @functools.cached_property
    def _region(self) -> Slices:
        flat = self._mirrored.reshape(len(self.size), -1)
        first = np.floor(flat.min(axis=1)).astype(int)
        last = np.ceil(flat.max(axis=1)).astype(int)
        return tuple(
            slice(int(a), min(int(b) + 1, n))
            for a, b, n in zip(first, last, self.size, strict=True)
        )

    def inside(self, bounds: Slices | None = None) -> npt.NDArray[np.bool_]:
        """Which patch pixels show a pixel within the image and, where given, within `bounds`."""
        limits = (
            [(0, n) for n in self.size]
            if bounds is None
            else [(b.start, b.stop) for b in map(_full, bounds, self.size)]
        )
        if self.warp.moves_whole_pixels:
            return self.warp.turn(_block(self.window, limits))
        known = np.ones(self.warp.shape, bool)
        for p, (low, high) in zip(self._positions, limits, strict=True):
            known &= (p >= low - 0.5) & (p < high - 0.5)
        return known

    def linear(self, read: Read, prepare: Callable[[Array], Array]) -> npt.NDArray[np.float32]:
        """Sample an image ``(spatial..., c)``, mirrored outside, by linear interpolation.

        Parameters
        ----------
        read : callable
            Takes a tuple of slices within the image, gives that region ``(spatial..., c)``.
        prepare : callable
            Turns the region as read into float32 (normalisation).

        Returns
        -------
        ndarray
            float32 ``(shape..., c)``.
        """
        if self.warp.moves_whole_pixels:
            window = prepare(read_mirrored(read, self.size, self.window))
            planes = np.moveaxis(self.warp.turn(window), -1, 0)
            return np.moveaxis(np.ascontiguousarray(planes, np.float32), 0, -1)
        return linear(prepare(read(self._region)), self._local)

    def nearest(self, read: Read) -> Array:
        """Sample labels ``(spatial...)``, mirrored outside, by the nearest pixel; dtype kept."""
        if self.warp.moves_whole_pixels:
            return np.ascontiguousarray(self.warp.turn(read_mirrored(read, self.size, self.window)))
        return nearest(read(self._region), self._local)

    @functools.cached_property
    def _local(self) -> npt.NDArray[np.float32]:
        first = np.array([s.start for s in self._region], np.float32)
        return self._mirrored - first.reshape(-1, *[1] * len(first))


def _block(window: Slices, limits: Sequence[tuple[int, int]]) -> npt.NDArray[np.bool_]:
    block = np.zeros([w.stop - w.start for w in window], bool)
    ends = zip(window, limits, strict=True)
    block[tuple(slice(max(a - w.start, 0), max(b - w.start, 0)) for w, (a, b) in ends)] = True
    return block


def _full(bounds: slice, size: int) -> slice:
    start, stop, _ = bounds.indices(size)
    return slice(start, stop)


def _along(axis: int, n: int) -> list[int]:
    return [-1 if k == axis else 1 for k in range(n)]
