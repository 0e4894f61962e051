"""From a foreground and a separation map to objects, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..runtime.machine import cores
from ..runtime.parallel import side_by_side
from .boxes import ASIDE_PX, WHOLE_PX, Box, Stack, blocks, pixels_in, stacks, strips, within
from .objects import Array, Labels
from .separation import shifted

Pieces = list[tuple[int, Box]]
"""Numbers of pieces and where they are."""


def separate(
    foreground: Array,
    distance: Array,
    *,
    foreground_threshold: float,
    seed_threshold: float,
    min_seed_px: int = 1,
) -> Labels:
    """Label objects: seeds grow by watershed inside their connected piece of foreground.

    A connected piece of foreground (diagonal neighbours connect) with one seed or none is one
    object. Any other is divided by a watershed of `distance`, from the seeds down.

    Parameters
    ----------
    foreground, distance : ndarray of float, shape (y, x) or (z, y, x)
        Maps; may be memory-mapped.
    foreground_threshold : float
        Objects are where `foreground` is larger.
    seed_threshold : float
        Seeds are connected pieces (by faces) of foreground where `distance` is larger.
    min_seed_px : int, default 1
        Smaller seeds are no seeds.

    Returns
    -------
    ndarray of int32
        0 is background; ids 1 to the number of objects.

    Notes
    -----
    Beyond the maps and the result it takes 6 bytes per pixel and a fixed amount.

    Examples
    --------
    >>> distance = np.array([[0.6, 0.9, 0.1, 0.8, 0.0, 0.1]])
    >>> separate(distance > 0, distance, foreground_threshold=0.5, seed_threshold=0.5)
    array([[1, 1, 1, 2, 0, 3]], dtype=int32)
    """
    from scipy import ndimage as ndi

    # in strips, since maps of large images lie in files and a whole mask of floats would not
    mask = np.empty(foreground.shape, bool)
    for rows in strips(mask.shape):
        np.greater(foreground[rows], foreground_threshold, out=mask[rows])
    pieces = np.empty(mask.shape, np.int32)
    count = ndi.label(mask, structure=np.ones((3,) * mask.ndim), output=pieces)
    for rows in strips(mask.shape):
        mask[rows] &= distance[rows] > seed_threshold
    labels: Labels = np.empty(mask.shape, np.int32)
    ndi.label(mask, output=labels)
    del mask  # a byte per pixel less while the pieces are flooded
    divided = spread_single_seeds(labels, pieces, count, min_seed_px)
    # in a small image threads would take longer to start than their work takes
    workers = cores() if labels.size > ASIDE_PX else 1

    def work(group: Pieces) -> None:
        """Flood pieces of which none belongs to another group."""
        if _is_large(group):
            flood_in_blocks(labels, distance, pieces, *group[0], seed_threshold)
        else:
            flood(labels, distance, pieces, group)

    # large ones alone: each may take as much memory as all the others together
    with side_by_side(floods(pieces, divided), work, workers, _is_large) as jobs:
        for _, finish in jobs:
            finish()
    return labels


def _is_large(group: Pieces) -> bool:
    return pixels_in(group[0][1]) > WHOLE_PX


def spread_single_seeds(
    labels: Labels, pieces: Labels, count: int, min_seed_px: int = 1
) -> NDArray[np.bool_]:
    """Give each piece that has at most one seed one id, in place, and find the others.

    Parameters
    ----------
    labels : ndarray of int32
        Seeds, numbered from 1 on in the order of their first pixels; changed in place.
    pieces : ndarray of int32
        Connected pieces of foreground, 1 to `count`.
    min_seed_px : int, default 1
        Smaller seeds are dropped, and the others renumbered.

    Returns
    -------
    ndarray of bool, shape (count + 1,)
        Whether the piece has several seeds.
    """
    area, piece_of_seed = _seeds(labels, pieces)
    kept = area >= max(min_seed_px, 1)
    seeds = int(np.count_nonzero(kept))
    number = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    per_piece = np.bincount(piece_of_seed[kept], minlength=count + 1)
    own = np.zeros(count + 1, np.int32)
    own[piece_of_seed[kept]] = np.arange(1, seeds + 1)
    seedless = np.flatnonzero(per_piece[1:] == 0) + 1
    own[seedless] = seeds + 1 + np.arange(len(seedless))
    divided: NDArray[np.bool_] = per_piece > 1
    own[divided] = 0
    for rows in strips(labels.shape):
        starts, of_seed, of_piece = _runs(labels[rows], pieces[rows])
        # the larger wins: where a seed is, its piece has the same id or 0
        value = np.maximum(number[of_seed], own[of_piece])
        length = np.diff(starts, append=labels[rows].size)
        labels[rows] = np.repeat(value, length).reshape(labels[rows].shape)
    return divided


def _seeds(labels: Labels, pieces: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels of each seed, and the piece that it is in; of number 0 there are none."""
    area, piece = np.zeros((2, int(labels.max(initial=0)) + 1), np.int64)
    for rows in strips(labels.shape):
        starts, of_seed, of_piece = _runs(labels[rows], pieces[rows])
        np.add.at(area, of_seed, np.diff(starts, append=labels[rows].size))
        piece[of_seed] = of_piece
    area[0] = 0
    return area, piece


def _runs(labels: Labels, pieces: Labels) -> tuple[NDArray[np.intp], Labels, Labels]:
    """Where runs of pixels begin, flat, in which both are the same, and what they are there.

    Some thirty times fewer than pixels.
    """
    begins = np.ones(labels.size, bool)
    one, other = labels.ravel(), pieces.ravel()
    np.not_equal(one[1:], one[:-1], out=begins[1:])
    begins[1:] |= other[1:] != other[:-1]
    starts = np.flatnonzero(begins)
    return starts, one[starts], other[starts]


def floods(pieces: Labels, divided: NDArray[np.bool_]) -> Iterator[Pieces]:
    """Which divided pieces to flood at once; large ones alone."""
    from scipy import ndimage as ndi

    boxes = ndi.find_objects(pieces) if divided.any() else []
    yield from stacks([(k, boxes[k - 1]) for k in np.flatnonzero(divided).tolist()])


def flood(labels: Labels, distance: Array, pieces: Labels, group: Pieces) -> None:
    """Grow the seeds within pieces, in place."""
    stack = Stack(group)
    mask, height = stack.own(pieces), stack.up(distance)
    grown = grow(stack.up(labels) * mask, height, mask, from_seeds=True)
    for box, place in stack:
        np.copyto(labels[box], grown[place], where=mask[place])


def flood_in_blocks(
    labels: Labels, distance: Array, pieces: Labels, piece: int, box: Box, seed_threshold: float
) -> None:
    """Grow the seeds within one large piece, in place.

    Each block starts from the seeds that it sees; where these do not reach, it starts again
    from what its neighbours have written, until no block gets any further.
    """
    todo = list(blocks(box))
    # In the first pass seeds count, not what blocks before have written; afterwards all of it.
    lowest = seed_threshold
    while todo:
        left = []
        for inner, outer in todo:
            stack = Stack([(piece, outer)])
            mask, height = stack.own(pieces), stack.up(distance)
            seeds = stack.up(labels) * (mask & (height > lowest))
            grown = grow(seeds, height, mask, from_seeds=lowest >= 0)
            core = within(inner, outer, rim=1)
            empty = mask[core] & (labels[inner] == 0)
            labels[inner][empty] = grown[core][empty]
            if (empty & (grown[core] == 0)).any():
                left.append((inner, outer))
        # no block got any further: what is left touches no seed
        if len(left) == len(todo) and lowest < 0:
            return
        todo, lowest = left, -1.0


def grow(labels: Labels, height: Array, mask: NDArray[np.bool_], *, from_seeds: bool) -> Labels:
    """Watershed inside `mask`: over faces, then over corners to what only these reach.

    Over corners at once, rim pixels would go to the neighbour about as often as not.

    Parameters
    ----------
    labels : ndarray of int32
        0 where to grow, and at the border of the array; changed in place.
    height : ndarray of float
        Grown into from the highest down.
    from_seeds : bool
        Whether all labels are higher than what is beside them.
    """
    empty = mask & (labels == 0)
    if from_seeds:
        _grow_by_one(labels, empty, height)
        empty &= labels == 0
    for corners in (False, True):
        if empty.any():
            _flood_empty(labels, empty, height, corners)
            empty &= labels == 0
    return labels


def _grow_by_one(labels: Labels, empty: NDArray[np.bool_], height: Array) -> None:
    """Grow seeds into what is beside them over faces, in place.

    A watershed comes to all seed pixels before any other, to the highest first, and so gives each
    pixel the label of the highest seed pixel beside it. Done at once the queue is half as long.
    """
    at = np.flatnonzero(_with_neighbours(labels > 0, corners=False) & empty)
    ids, heights = labels.ravel(), height.ravel()
    new, highest = np.zeros(at.size, labels.dtype), np.full(at.size, -np.inf, height.dtype)
    for axis in range(labels.ndim):
        step = math.prod(labels.shape[axis + 1 :])
        for beside in (at - step, at + step):
            better = (ids[beside] > 0) & (heights[beside] > highest)
            new = np.where(better, ids[beside], new)
            highest = np.where(better, heights[beside], highest)
    ids[at] = new


def _flood_empty(labels: Labels, empty: NDArray[np.bool_], height: Array, corners: bool) -> None:
    """Grow labels into empty pixels, in place.

    Labels with nothing empty beside them are left out: the queue is a third as long over faces,
    a hundredth over corners, with the same result.
    """
    reached = _with_neighbours(empty, corners) & (empty | (labels > 0))
    np.copyto(labels, watershed(height, labels, reached, corners=corners), where=empty)


def watershed(
    height: Array, markers: Labels, mask: NDArray[np.bool_], *, corners: bool = False
) -> Labels:
    """Flood a mask from markers, the highest pixels first, as if each object were alone.

    Markers of the same height come in their order in the array. To scikit-image they are equal:
    which comes first depends on what else is in its queue.

    Examples
    --------
    >>> markers = np.array([[1, 0, 0, 0, 2]], np.int32)
    >>> watershed(np.array([[0.9, 0.4, 0.5, 0.6, 0.9]]), markers, markers >= 0)
    array([[1, 1, 2, 2, 2]], dtype=int32)
    """
    from skimage import segmentation

    depth = np.negative(height, dtype=np.float64)
    at = np.flatnonzero(mask & (markers > 0))
    # by less than the next number that a float32 can be, also where it is 0
    order = np.arange(at.size, 0, -1) * 2.0**-49
    depth.ravel()[at] -= order * (np.abs(depth.ravel()[at]) + 2.0**-900)
    connectivity = mask.ndim if corners else 1
    found: Labels = segmentation.watershed(depth, markers, connectivity=connectivity, mask=mask)
    return found


def _with_neighbours(mask: NDArray[np.bool_], corners: bool) -> NDArray[np.bool_]:
    """Return a mask with all neighbours of its pixels, over faces or over corners too."""
    grown = mask.copy()
    for axis in range(mask.ndim):
        before = grown.copy() if corners else mask
        low, high = shifted(axis, 1)
        grown[low] |= before[high]
        grown[high] |= before[low]
    return grown
