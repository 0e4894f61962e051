"""One geometric transform of a patch: which point of the image each pixel of the patch shows.

Everything is drawn in micrometres and applied in pixels: ``linear`` below already holds the
spacing. Flips and right angles alone move pixels without interpolation.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .resample import expand, linear, nearest
from .tiles import Slices, mirror_index, read_mirrored

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

    def positions(self, centre: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Position of each patch pixel, ``(n, shape...)``, where the window's is `centre`."""
        n = len(self.shape)
        parts = [np.asarray(centre, np.float64).reshape(n, *[1] * n)]
        for k, along in enumerate(self._per_step.T):
            steps = np.arange(self.shape[k]) - (self.shape[k] - 1) / 2
            parts.append(np.multiply.outer(along, steps).reshape(n, *_along(k, n)))
        # small before large: all but the last sum are of a few rows
        out = functools.reduce(np.add, parts[:-1]).astype(np.float32) + parts[-1].astype(np.float32)
        if self.elastic is not None:
            out += expand(self.elastic, self.shape, self.spacing_px)
        return out

    def reach(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Bounds of `positions` from the centre, lowest and highest along each image axis."""
        half = np.abs(self._per_step) @ ((np.array(self.shape) - 1) / 2)
        if self.elastic is None:
            return -half, half
        # a spline is a weighted mean of its control points
        field = self.elastic.reshape(len(half), -1)
        return field.min(axis=1) - half, field.max(axis=1) + half

    @functools.cached_property
    def _per_step(self) -> npt.NDArray[np.float64]:
        """Image px along each axis for a step of one pixel along each axis of the patch."""
        matrix = np.eye(len(self.shape)) if self.linear is None else self.linear
        return matrix[:, list(self.axes)] * np.where(self.flips, -1, 1)


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
    def _centre(self) -> npt.NDArray[np.float64]:
        return np.array(self.start) + (np.array(self.warp.source_shape) - 1) / 2

    @functools.cached_property
    def _spans(self) -> list[tuple[float, float]]:
        """Between which positions of the image all those of the patch lie, per axis."""
        low, high = (self._centre + side for side in self.warp.reach())
        return list(zip(low.tolist(), high.tolist(), strict=True))

    @functools.cached_property
    def _origin(self) -> tuple[int, ...]:
        """From where positions are counted: those outside of the image from its first pixel."""
        return tuple(
            # small numbers keep more digits behind the point in float32
            math.floor(low) if low >= 0 and high <= n - 1 else 0
            for (low, high), n in zip(self._spans, self.size, strict=True)
        )

    @functools.cached_property
    def _positions(self) -> npt.NDArray[np.float32]:
        return self.warp.positions(self._centre - self._origin)

    @functools.cached_property
    def _source(self) -> tuple[Slices, list[npt.NDArray[np.float32]]]:
        """What to read of the image, and where in it each patch pixel lies, per axis."""
        region, local = [], []
        for p, (low, high), n in zip(self._positions, self._spans, self.size, strict=True):
            # bounds of `reach` say without looking at positions that most patches lie inside
            if low < 0 or high > n - 1:
                at = mirror_index(p, n)
                low, high = float(at.min()), float(at.max())
                p = at - np.float32(math.floor(low))
            region.append(slice(math.floor(low), min(math.ceil(high) + 1, n)))
            local.append(p)
        return tuple(region), local

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
        axes = zip(self._positions, self._origin, self._spans, limits, strict=True)
        for p, origin, span, (low, high) in axes:
            if span[0] < low or span[1] > high - 1:
                known &= (p >= low - origin - 0.5) & (p < high - origin - 0.5)
        return known

    def linear(
        self, read: Read, prepare: Callable[[Array], Array], margin: int = 0
    ) -> npt.NDArray[np.float32]:
        """Sample an image ``(spatial..., c)``, mirrored outside, by linear interpolation.

        Parameters
        ----------
        read : callable
            Takes a tuple of slices within the image, gives that region ``(spatial..., c)``.
        prepare : callable
            Turns the region as read into float32 (normalisation).
        margin : int, default 0
            Pixels of the patch that are left out on every side.

        Returns
        -------
        ndarray
            float32 ``(shape..., c)``, less the margin.
        """
        middle = tuple(slice(margin, n - margin) for n in self.warp.shape)
        if self.warp.moves_whole_pixels:
            window = prepare(read_mirrored(read, self.size, self.window))
            # channels first in memory: what follows works on one channel at a time
            planes = np.moveaxis(self.warp.turn(window)[middle], -1, 0)
            return np.moveaxis(np.ascontiguousarray(planes, np.float32), 0, -1)
        region, positions = self._source
        return linear(prepare(read(region)), [p[middle] for p in positions])

    def nearest(self, read: Read) -> Array:
        """Sample labels ``(spatial...)``, mirrored outside, by the nearest pixel; dtype kept."""
        if self.warp.moves_whole_pixels:
            # a flip is a view with negative strides: what follows is slower on it than on a copy
            return np.ascontiguousarray(self.warp.turn(read_mirrored(read, self.size, self.window)))
        region, positions = self._source
        return nearest(read(region), positions)


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
