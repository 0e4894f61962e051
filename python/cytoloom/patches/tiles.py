"""Tiles of an image as pure geometry: what to read, what to keep, where to write it.

A network that pools by `grid_px` gives, on a tile, exactly what it gives on the whole image when
the tile starts and ends on multiples of the grid and carries a halo as wide as what the network
sees. The image counts as mirrored at its far end up to a multiple of the grid, for one pass over
the whole image as for tiles, so both meet the same border.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import invalid

Slices = tuple[slice, ...]


@dataclass(frozen=True, repr=False)
class Tile1D:
    """One tile along one axis.

    Attributes
    ----------
    read : slice
        Pixels that the network gets, in the padded axis; both ends on the grid.
    write : slice
        Pixels of the image that this tile decides.
    crop : slice
        Where `write` lies within `read`.
    padded : int
        Length of the padded axis.
    grid : int
        Pixels per drawn character.

    Examples
    --------
    >>> for tile in tiles_1d(38, tile=16, halo=6, grid=4):
    ...     tile
    |###--.....| write 0:12 of read 0:20
    |.--###--..| write 12:24 of read 4:32
    |....--####| write 24:38 of read 16:40
    """

    read: slice
    write: slice
    crop: slice
    padded: int
    grid: int

    def __repr__(self) -> str:
        cells = np.full(self.padded // self.grid, ".")
        cells[self.read.start // self.grid : self.read.stop // self.grid] = "-"
        cells[self.write.start // self.grid : -(-self.write.stop // self.grid)] = "#"
        ends = f"write {_ends(self.write)} of read {_ends(self.read)}"
        return f"|{''.join(cells)}| {ends}"


@dataclass(frozen=True)
class Tile:
    """One tile of an image: per axis what to read, what to write, and the latter within the former.

    Attributes
    ----------
    read, write, crop : tuple of slice
        As in `Tile1D`, one slice per spatial axis.
    """

    read: Slices
    write: Slices
    crop: Slices

    def __repr__(self) -> str:
        axes = ", ".join(map(_ends, self.write))
        return f"Tile(write {axes}; read {', '.join(map(_ends, self.read))})"


def tiles_1d(
    size: int, tile: int | None, halo: int, grid: int, part: slice | None = None
) -> list[Tile1D]:
    """Cut one axis into tiles.

    Parameters
    ----------
    size : int
        Length of the axis in px.
    tile : int or None
        Pixels that one tile writes at most, rounded up to a multiple of `grid`; None: one tile.
    halo : int
        Pixels read on either side, rounded up to a multiple of `grid`.
    grid : int
        Total pooling of the network along this axis.
    part : slice, optional
        The part of the axis to cut, by default all of it; both ends on the grid, or at the end.

    Returns
    -------
    list of Tile1D
        In order; the `write` regions partition ``range(size)``, or `part` of it.
    """
    if min(size, 1 if tile is None else tile, grid) < 1 or halo < 0:
        raise invalid(
            "tiles",
            expected="size, tile and grid of 1 or more, halo of 0 or more",
            received=f"size={size}, tile={tile}, halo={halo}, grid={grid}",
        )
    part = part or slice(0, size)
    if part.start % grid or (part.stop % grid and part.stop != size):
        expected, got = f"a part that starts and ends on multiples of {grid} px", _ends(part)
        raise invalid("tiles", expected=expected, received=got)
    first = part.start // grid
    cells = -(-part.stop // grid) - first
    count = 1 if tile is None else -(-cells // -(-tile // grid))
    # shares that differ by one grid cell at most: no sliver at the end that is nearly all halo
    bounds = [(first + cells * i // count) * grid for i in range(count + 1)]
    # reading starts on the grid too, else poolings would pair other pixels than in the whole image
    edge = -(-halo // grid) * grid
    padded = -(-size // grid) * grid
    return [
        _tile_1d(start, stop, size, edge, padded, grid)
        for start, stop in itertools.pairwise(bounds)
    ]


def _tile_1d(start: int, stop: int, size: int, halo: int, padded: int, grid: int) -> Tile1D:
    first, last = max(start - halo, 0), min(stop + halo, padded)
    write = slice(start, min(stop, size))
    crop = slice(write.start - first, write.stop - first)
    return Tile1D(slice(first, last), write, crop, padded, grid)


def tiles(
    shape: Sequence[int],
    tile_px: int | Sequence[int] | None,
    halo_px: int | Sequence[int],
    grid_px: int | Sequence[int],
    part: Slices | None = None,
) -> list[Tile]:
    """Cut an image, or a part of one, into tiles, the last axis running fastest.

    Parameters
    ----------
    shape : sequence of int
        Spatial shape of the image in px, ``(y, x)`` or ``(z, y, x)``.
    tile_px : int, sequence of int, or None
        Pixels that a tile writes at most per axis, rounded up to the grid; None: one tile.
    halo_px : int or sequence of int
        Pixels read beyond that on either side, rounded up to the grid.
    grid_px : int or sequence of int
        Total pooling of the network per axis; `Tile.read` starts and ends on multiples of it.
    part : tuple of slice, optional
        What of the image to cut, by default all of it; on multiples of the grid, or at the end.

    Returns
    -------
    list of Tile
        The `write` regions partition the image, or that part. `read` stays within the image as
        padded by `padded_shape`; fetch it with `read_mirrored`.

    Examples
    --------
    >>> tiles((20, 30), tile_px=(32, 16), halo_px=8, grid_px=8)
    [Tile(write 0:20, 0:16; read 0:24, 0:24), Tile(write 0:20, 16:30; read 0:24, 8:32)]
    """
    axes = [_per_axis(v, shape) for v in (tile_px, halo_px, grid_px)]
    parts = part or tuple(slice(0, n) for n in shape)
    lists = [
        tiles_1d(n, t, h or 0, g or 1, p) for n, t, h, g, p in zip(shape, *axes, parts, strict=True)
    ]
    return [
        Tile(tuple(t.read for t in ts), tuple(t.write for t in ts), tuple(t.crop for t in ts))
        for ts in itertools.product(*lists)
    ]


def blended(
    tile: Tile, shape: Sequence[int], ramp_px: int
) -> tuple[Tile, tuple[npt.NDArray[np.float32], ...]]:
    """Widen what a tile writes, to be added up with weights instead of written.

    For networks that see farther than the halo: where two tiles meet, the one fades out while
    the other fades in.

    Parameters
    ----------
    tile : Tile
        As `tiles` made it.
    shape : sequence of int
        Spatial shape of the image in px.
    ramp_px : int
        How far beyond its own pixels a tile still counts; at most half a tile and its halo.

    Returns
    -------
    Tile
        Reading the same, writing up to `ramp_px` more on sides within the image.
    tuple of ndarray, float32
        Weights per axis of what it writes; those of all tiles add up to 1 in every pixel.

    Examples
    --------
    >>> left, right = tiles((8,), tile_px=4, halo_px=2, grid_px=2)
    >>> blended(left, (8,), 1)[1][0].tolist()
    [1.0, 1.0, 1.0, 0.75, 0.25]
    >>> blended(right, (8,), 1)[1][0].tolist()
    [0.25, 0.75, 1.0, 1.0, 1.0]
    """
    write, crop, weights = [], [], []
    for w, c, size in zip(tile.write, tile.crop, shape, strict=True):
        before = ramp_px if w.start > 0 else 0
        after = ramp_px if w.stop < size else 0
        write.append(slice(w.start - before, w.stop + after))
        crop.append(slice(c.start - before, c.stop + after))
        weight = np.ones(write[-1].stop - write[-1].start, np.float32)
        rise = ((np.arange(2 * ramp_px) + 0.5) / (2 * ramp_px)).astype(np.float32)
        if before:
            weight[: 2 * before] = rise
        if after:
            weight[-2 * after :] = rise[::-1]
        weights.append(weight)
    return Tile(tile.read, tuple(write), tuple(crop)), tuple(weights)


def padded_shape(shape: Sequence[int], grid_px: int | Sequence[int]) -> tuple[int, ...]:
    """Round a shape up to multiples of the grid.

    Examples
    --------
    >>> padded_shape((20, 32), 16)
    (32, 32)
    """
    grids = _per_axis(grid_px, shape)
    return tuple(-(-n // (g or 1)) * (g or 1) for n, g in zip(shape, grids, strict=True))


def read_mirrored(
    read: Callable[[Slices], npt.NDArray[Any]], shape: Sequence[int], window: Slices
) -> npt.NDArray[Any]:
    """Read a window that may leave the image; outside, the image is mirrored.

    Parameters
    ----------
    read : callable
        Takes a tuple of slices within the image, gives an array ``(spatial..., further axes)``.
    shape : sequence of int
        Spatial shape of the image in px.
    window : tuple of slice
        Start and stop per spatial axis; may be negative or beyond the end.

    Returns
    -------
    ndarray
        Of the window's size; only the part of the image that it needs is read.

    Notes
    -----
    The mirror stands on the centre of the border pixel, which is not repeated
    (``np.pad(mode="reflect")``).

    Examples
    --------
    >>> row = np.array([1, 2, 3])
    >>> read_mirrored(lambda at: row[at], row.shape, (slice(-2, 5),))
    array([3, 2, 1, 2, 3, 2, 1])
    """
    indices = [
        mirror_index(np.arange(w.start, w.stop), n) for w, n in zip(window, shape, strict=True)
    ]
    first = [int(i.min()) for i in indices]
    region = read(tuple(slice(f, int(i.max()) + 1) for f, i in zip(first, indices, strict=True)))
    for axis, (w, n) in enumerate(zip(window, shape, strict=True)):
        # along other axes the region is the window already, and np.take would copy it
        if w.start < 0 or w.stop > n:
            region = np.take(region, indices[axis] - first[axis], axis=axis)
    return region


def mirror_index(index: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """Mirror pixel positions, whole or fractional, into ``0 ... size - 1``.

    Examples
    --------
    >>> mirror_index(np.array([-2, -1, 0, 1, 2, 3, 4, 5]), 4)
    array([2, 1, 0, 1, 2, 3, 2, 1])
    """
    if size == 1:
        return np.zeros_like(index)
    # The mirrored axis repeats with this period. Positions are rarely farther out than one of it,
    # and the modulo of floats costs more than all the rest.
    period = 2 * (size - 1)
    wrapped: npt.NDArray[Any] = np.abs(index)
    if wrapped.max() > period:
        wrapped = np.mod(wrapped, period)
    mirrored: npt.NDArray[Any] = np.minimum(wrapped, period - wrapped)
    return mirrored


def _per_axis(value: int | Sequence[int] | None, shape: Sequence[int]) -> tuple[int | None, ...]:
    if value is None or isinstance(value, (int, np.integer)):
        return (value,) * len(shape)
    if len(value) != len(shape):
        raise invalid("tiles", expected=f"{len(shape)} values, one per axis", received=value)
    return tuple(value)


def _ends(s: slice) -> str:
    return f"{s.start}:{s.stop}"
