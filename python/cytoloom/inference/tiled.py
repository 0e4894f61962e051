"""From an image to the network's maps: normalise, cut into tiles, run, put together.

Tiles start on the network's grid and are read with its receptive field around them, so that
what is put together equals one pass over the whole image. Only where that field is wider than
`HALO_LIMIT_PX` are tiles cut short; they are then blended where they meet.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..patches.tiles import Tile, blended, read_mirrored, tiles
from ..runtime.parallel import side_by_side
from ..tasks.head import Head

HALO_LIMIT_PX = 256
"""A wider halo is cut short: around a tile of 1024 x 1024 px this one is already 1.25 times the
tile's own pixels."""
RAMP_PX = 64
"""Over this length two tiles fade into each other where their halos were cut short."""
TILE_PX = 2**21
"""Largest tile. Larger ones save little halo and cost memory: 8192 x 8192 px take 29.2 s and 11.7
bytes a pixel at 2**20, 28.4 s and 14.7 bytes at 2**21 (41.2 s and 9.5 bytes at 2**18)."""
LARGE_TILE_PX = 2**20
"""Largest tile of images above `LARGE_PX`, whose maps and labels need the memory."""
LARGE_TILE_PX_2D = 2**19
"""The same where tiles are worked on side by side, as on Keras: it keeps the peak at 15.3 bytes a
pixel. In stacks, where halos cost more, the larger tile stays."""
LARGE_PX = 2**24
SMALL_PX = 256
"""Tiles are not cut below this edge to give every core one: halos would cost more than it saves."""
Forward = Callable[[np.ndarray], dict[str, np.ndarray]]
Store = Callable[[str, tuple[int, ...]], np.ndarray]


def in_memory(head: str, shape: tuple[int, ...]) -> np.ndarray:
    """Make the array for a map, by default: float32 zeros in memory."""
    return np.zeros(shape, np.float32)


def tile_shape(shape: Sequence[int], tile_px: int | None, workers: int = 1) -> tuple[int, ...]:
    """Choose the tile: at most 2 million pixels, and enough of them.

    The longest edge is halved until tiles are as small as that, and as many as are worked on at
    once or their edges shorter than 512 px. Images above 16 million pixels, whose labels need the
    memory, have tiles of one million, those worked on side by side in 2-D of half of that.

    Parameters
    ----------
    shape : sequence of int
        Spatial shape in px.
    tile_px : int or None
        Edge length wanted by the caller, for every axis.
    workers : int, default 1
        Tiles that are worked on side by side.

    Examples
    --------
    >>> tile_shape((512, 512), None), tile_shape((512, 512), None, workers=2)
    ((512, 512), (256, 512))
    >>> tile_shape((512, 512), 128)
    (128, 128)
    >>> tile_shape((8192, 8192), None), tile_shape((8192, 8192), None, workers=2)
    ((1024, 1024), (512, 1024))
    """
    if tile_px is not None:
        return tuple(min(int(tile_px), n) for n in shape)
    most = TILE_PX
    if math.prod(shape) > LARGE_PX:
        most = LARGE_TILE_PX_2D if len(shape) == 2 and workers > 1 else LARGE_TILE_PX
    tile, count = [int(n) for n in shape], 1
    while True:
        longest = max(tile)
        enough = count >= workers or longest < 2 * SMALL_PX
        if enough and math.prod(tile) <= most:
            return tuple(tile)
        tile[tile.index(longest)] = -(-longest // 2)
        count *= 2


def predict_maps(
    forward: Forward,
    source: Any,
    normalized: Callable[[np.ndarray], np.ndarray],
    heads: Mapping[str, Head],
    *,
    halo: Sequence[int],
    grid: Sequence[int],
    tile_px: int | None = None,
    store: Store = in_memory,
    workers: int = 1,
    part: tuple[slice, ...] | None = None,
) -> dict[str, np.ndarray]:
    """Run the network over an image, or a part of it, tile by tile.

    Parameters
    ----------
    forward : callable
        From float32 (1, spatial..., c) to logits by head.
    source : Source
        Image (spatial..., c); read by regions.
    normalized : callable
        From a region as stored to a float32 region.
    heads : mapping of str to Head
        Channels and activation of each.
    halo, grid : sequence of int
        What the network needs around a tile, and its total pooling, px per axis.
    tile_px : int, optional
        Edge length of tiles; what comes out does not depend on it unless a halo exceeds
        `HALO_LIMIT_PX`.
    store : callable
        From head and shape to the array of zeros that takes its map; may be a memory map.
    workers : int, default 1
        Tiles that are worked on side by side.
    part : tuple of slice, optional
        Of which part of the image maps are wanted, by default of all; what is around it is read
        too, so that they are those of the whole. Starts and ends on multiples of twice the grid,
        or at the end of the image.

    Returns
    -------
    dict of ndarray, float32, shape (spatial..., channels)
        Maps of the image or the part, after activation by head.
    """
    shape = tuple(source.shape[:-1])
    part = part or tuple(slice(0, n) for n in shape)
    size = tuple(p.stop - p.start for p in part)
    margin = [min(h, HALO_LIMIT_PX) for h in halo]
    maps = {name: store(name, (*size, head.channels)) for name, head in heads.items()}
    # Tiles of an even number of grid cells: the backend's last bit differs between even and odd
    # sizes, and a tile would not give what the whole image gives.
    cells = [2 * g for g in grid]
    of_image = tiles(shape, tile_shape(size, tile_px, workers), margin, cells, part)
    # read from the image, written to the maps of the part
    cut = [Tile(tile.read, _moved(tile.write, part), tile.crop) for tile in of_image]
    # exact tiles are written side by side; only cut-short ones have seams that blending hides
    ramp = _ramp(cut, size, margin) if max(halo) > HALO_LIMIT_PX else 0

    def run(tile: Tile) -> dict[str, np.ndarray]:
        """Make the maps of one tile, without its margin."""
        region = normalized(read_mirrored(source.read, shape, tile.read))
        crop = blended(tile, size, ramp)[0].crop
        # cropped before the activation: NumPy's exp then runs over the pixels that are kept
        return {
            name: activate(logits[0][crop], heads[name].activation)
            for name, logits in forward(region[np.newaxis]).items()
        }

    with side_by_side(cut, run, min(workers, len(cut))) as worked:
        for tile, finish in worked:
            # added up here, in order and in one thread: sums do not depend on the number of workers
            wide, weights = blended(tile, size, ramp)
            for name, found in finish().items():
                if ramp == 0:
                    maps[name][wide.write] = found
                else:
                    _add(maps[name][wide.write], found, weights)
    return maps


def _moved(box: tuple[slice, ...], part: tuple[slice, ...]) -> tuple[slice, ...]:
    """Return a box as seen from the corner of a part."""
    return tuple(slice(b.start - p.start, b.stop - p.start) for b, p in zip(box, part, strict=True))


def _ramp(cut: Sequence[Tile], shape: Sequence[int], margin: Sequence[int]) -> int:
    """Return how far tiles fade into each other: at most `RAMP_PX`, half a tile and its halo."""
    lengths = [
        min((w.stop - w.start) // 2, halo)
        for tile in cut
        for w, size, halo in zip(tile.write, shape, margin, strict=True)
        if w.stop - w.start < size
    ]
    return min([RAMP_PX, *lengths]) if lengths else 0


def _add(part: np.ndarray, found: np.ndarray, weights: Sequence[np.ndarray]) -> None:
    """Add `found` to a part of the map, weighted per axis."""
    for axis, weight in enumerate(weights):
        found = found * weight.reshape([-1 if a == axis else 1 for a in range(found.ndim)])
    part += found


def activate(logits: np.ndarray, activation: str) -> np.ndarray:
    """Apply a head's activation to float32 logits, in place where it can.

    Parameters
    ----------
    logits : ndarray, float32 (spatial..., channels)
        Outputs of the network.
    activation : {"sigmoid", "softmax", "linear"}
        Of the head.

    Returns
    -------
    ndarray, float32
        Of the same shape; `logits` itself for "linear".

    Examples
    --------
    >>> activate(np.zeros(1, np.float32), "sigmoid")
    array([0.5], dtype=float32)
    """
    if activation == "linear":
        return logits
    if activation == "sigmoid":
        # float32 overflows at exp(89)
        powers = np.exp(-np.clip(logits, -80, 80))
        powers += 1
        return np.asarray(np.reciprocal(powers, out=powers))
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    powers /= powers.sum(axis=-1, keepdims=True)
    return np.asarray(powers)
