"""From a foreground and a separation map to objects, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backend import cores
from ..images.labels import border_labels
from .distances import shifted

Array = NDArray[Any]
Labels = NDArray[np.int32]
Box = tuple[slice, ...]
Job = tuple[Box, Callable[[Box], NDArray[np.bool_]]]

WHOLE_PX = 1 << 21
"""Boxes up to this size are flooded in one go: a watershed takes about 80 bytes per pixel."""
ASIDE_PX = 1 << 18
"""Pieces in boxes up to this size are flooded side by side, those of a cell of so many at once."""
BLOCK_PX = 1 << 19
HALO_PX = 64
"""Larger pieces are flooded in blocks that see this far into their neighbours."""


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

    mask = np.empty(foreground.shape, bool)
    for rows in strips(mask.shape):
        np.greater(foreground[rows], foreground_threshold, out=mask[rows])
    pieces = np.empty(mask.shape, np.int32)
    count = ndi.label(mask, structure=np.ones((3,) * mask.ndim), output=pieces)
    for rows in strips(mask.shape):
        mask[rows] &= distance[rows] > seed_threshold
    labels: Labels = np.empty(mask.shape, np.int32)
    ndi.label(mask, output=labels)
    del mask
    keep_objects(labels, min_area_px=min_seed_px)
    divided = spread_single_seeds(labels, pieces, count)
    large: list[Job] = []
    with ThreadPoolExecutor(cores(), thread_name_prefix="cytoloom-flood") as pool:
        waiting = []
        for job in floods(pieces, divided):
            if pixels_in(job[0]) > WHOLE_PX:
                large.append(job)
            else:
                waiting.append(pool.submit(flood, labels, distance, *job, seed_threshold))
        for done in waiting:
            done.result()
    for job in large:
        flood(labels, distance, *job, seed_threshold)
    return labels


def spread_single_seeds(labels: Labels, pieces: Labels, count: int) -> NDArray[np.bool_]:
    """Give each piece that has at most one seed one id, in place, and find the others.

    Parameters
    ----------
    labels : ndarray of int32
        Seeds, numbered from 1; changed in place.
    pieces : ndarray of int32
        Connected pieces of foreground, 1 to `count`.

    Returns
    -------
    ndarray of bool, shape (count + 1,)
        Whether the piece has several seeds.
    """
    seeds = int(labels.max(initial=0))
    piece_of_seed = np.zeros(seeds + 1, np.int64)
    for rows in strips(labels.shape):
        seeded = labels[rows] > 0
        piece_of_seed[labels[rows][seeded]] = pieces[rows][seeded]
    per_piece = np.bincount(piece_of_seed[1:], minlength=count + 1)
    own = np.zeros(count + 1, np.int32)
    own[piece_of_seed[1:]] = np.arange(1, seeds + 1)
    seedless = np.flatnonzero(per_piece[1:] == 0) + 1
    own[seedless] = seeds + 1 + np.arange(len(seedless))
    divided: NDArray[np.bool_] = per_piece > 1
    own[divided] = 0
    for rows in strips(labels.shape):
        np.maximum(labels[rows], own[pieces[rows]], out=labels[rows])
    return divided


def floods(pieces: Labels, divided: NDArray[np.bool_]) -> Iterator[Job]:
    """Where to flood: divided pieces that start close together at once, large ones alone.

    Yields
    ------
    box : tuple of slice
        A part of the image that holds all of what is to be flooded.
    mask : callable
        From a box within to its pixels that are.
    """
    from scipy import ndimage as ndi

    boxes = ndi.find_objects(pieces) if divided.any() else []
    for around, members in together(boxes, divided):
        yield around, partial(_belongs, pieces, members, len(divided))


def together(boxes: list[Box], chosen: NDArray[np.bool_]) -> Iterator[tuple[Box, list[int]]]:
    """Group the chosen ids, whose boxes these are, into cells of `ASIDE_PX`; large ones alone."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for k, box in enumerate(boxes, start=1):
        if chosen[k]:
            side = round(ASIDE_PX ** (1 / len(box)))
            cell = tuple(s.start // side for s in box)
            groups.setdefault(cell if pixels_in(box) <= ASIDE_PX else (k,), []).append(k)
    for members in groups.values():
        own = [boxes[k - 1] for k in members]
        around = tuple(
            slice(min(s.start for s in ax), max(s.stop for s in ax))
            for ax in zip(*own, strict=True)
        )
        yield around, members


def _belongs(pieces: Labels, members: list[int], count: int, at: Box) -> NDArray[np.bool_]:
    chosen = np.zeros(count, bool)
    chosen[members] = True
    found: NDArray[np.bool_] = chosen[pieces[at]]
    return found


def flood(
    labels: Labels,
    distance: Array,
    box: Box,
    mask_of: Callable[[Box], NDArray[np.bool_]],
    seed_threshold: float,
) -> None:
    """Grow the seeds within a mask, in place.

    A box above `WHOLE_PX` is done in blocks. Each starts from the seeds that it sees; where
    these do not reach, it starts again from what its neighbours have written, until no block
    gets any further.
    """
    todo = [(box, box)] if pixels_in(box) <= WHOLE_PX else list(blocks(box))
    lowest = seed_threshold
    while todo:
        left = []
        for inner, outer in todo:
            mask = mask_of(outer)
            seeded = mask & (distance[outer] > lowest)
            grown = grow(np.where(seeded, labels[outer], 0), distance[outer], mask)
            core = within(inner, outer)
            empty = mask[core] & (labels[inner] == 0)
            labels[inner][empty] = grown[core][empty]
            if (empty & (grown[core] == 0)).any():
                left.append((inner, outer))
        if len(left) == len(todo) and lowest < 0:
            return
        todo, lowest = left, -1.0


def grow(markers: Labels, distance: Array, mask: NDArray[np.bool_]) -> Labels:
    """Watershed inside `mask`: over faces, then over corners to what only these reach.

    Over corners at once, rim pixels would go to the neighbour about as often as not.
    """
    from skimage.segmentation import watershed

    depth = -np.asarray(distance)
    # what has markers all around cannot grow: without it the queue is less than half as long
    inner = _surrounded(markers > 0)
    grown: Labels = watershed(depth, np.where(inner, 0, markers), mask=mask & ~inner)
    grown[inner] = markers[inner]
    missed = np.nonzero((grown == 0) & mask)
    if missed[0].size:
        around = tuple(slice(max(0, i.min() - 1), i.max() + 2) for i in missed)
        grown[around] = watershed(
            depth[around], grown[around], connectivity=mask.ndim, mask=mask[around]
        )
    return grown


def _surrounded(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of a mask all of whose neighbours over faces belong to it."""
    inner = mask.copy()
    for axis in range(mask.ndim):
        low, high = shifted(axis, 1)
        inner[low] &= mask[high]
        inner[high] &= mask[low]
    return inner


def blocks(box: Box) -> Iterator[tuple[Box, Box]]:
    """Cut a box into blocks of at most `BLOCK_PX`, each with the larger box that it sees.

    Examples
    --------
    >>> [inner for inner, _ in blocks((slice(0, 1000), slice(0, 700)))]
    [(slice(0, 724, None), slice(0, 700, None)), (slice(724, 1000, None), slice(0, 700, None))]
    """
    side = round(BLOCK_PX ** (1 / len(box)))
    halo = min(HALO_PX, side // 4)
    starts = product(*(range(s.start, s.stop, side) for s in box))
    for corner in starts:
        pairs = list(zip(corner, box, strict=True))
        inner = tuple(slice(at, min(at + side, s.stop)) for at, s in pairs)
        outer = tuple(
            slice(max(i.start - halo, s.start), min(i.stop + halo, s.stop))
            for i, s in zip(inner, box, strict=True)
        )
        yield inner, outer


def within(inner: Box, outer: Box) -> Box:
    """Where `inner` lies in an array cut by `outer`.

    Examples
    --------
    >>> within((slice(5, 7),), (slice(4, 9),))
    (slice(1, 3, None),)
    """
    return tuple(
        slice(i.start - o.start, i.stop - o.start) for i, o in zip(inner, outer, strict=True)
    )


def pixels_in(box: Box) -> int:
    """Count the pixels of a box.

    Examples
    --------
    >>> pixels_in((slice(0, 3), slice(2, 4)))
    6
    """
    return int(np.prod([s.stop - s.start for s in box]))


def strips(shape: tuple[int, ...], pixels: int = 1 << 20) -> Iterator[slice]:
    """Slices of the first axis that hold about `pixels` each.

    Examples
    --------
    >>> list(strips((5, 10), pixels=20))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    rows = max(1, pixels // max(1, int(np.prod(shape[1:]))))
    for start in range(0, shape[0], rows):
        yield slice(start, min(start + rows, shape[0]))


def fill_holes(labels: Labels) -> Labels:
    """Fill background that one object alone encloses, in place.

    Background that reaches the border of the image, or two objects, stays.

    Examples
    --------
    >>> fill_holes(np.array([[3, 3, 3], [3, 0, 3], [3, 3, 3]], np.int32))
    array([[3, 3, 3],
           [3, 3, 3],
           [3, 3, 3]], dtype=int32)
    """
    from scipy import ndimage as ndi

    holes = np.empty(labels.shape, np.int32)
    count = ndi.label(labels == 0, output=holes)
    low = np.full(count + 1, np.iinfo(np.int32).max, np.int32)
    high = np.zeros(count + 1, np.int32)
    for rows in strips(labels.shape):
        # One row more, so that no neighbours along the first axis are missed.
        seen = slice(rows.start, rows.stop + 1)
        for ids, owners in _hole_neighbours(holes[seen], labels[seen]):
            np.minimum.at(low, ids, owners)
            np.maximum.at(high, ids, owners)
    owner = np.where(low == high, high, 0)
    owner[border_labels(holes)] = 0
    owner[0] = 0
    if owner.any():
        for rows in strips(labels.shape):
            np.maximum(labels[rows], owner[holes[rows]], out=labels[rows])
    return labels


def _hole_neighbours(holes: Labels, labels: Labels) -> Iterator[tuple[Labels, Labels]]:
    """Pairs of a background pixel's piece and the object beside it."""
    for axis in range(labels.ndim):
        low, high = shifted(axis, 1)
        for inner, outer in ((low, high), (high, low)):
            meet = (holes[inner] > 0) & (labels[outer] > 0)
            yield holes[inner][meet], labels[outer][meet]


def drop_flat(labels: Labels, height: Array, threshold: float) -> Labels:
    """Drop objects in which `height` is nowhere above a threshold, in place; 0 drops none.

    Examples
    --------
    >>> height = np.array([[0.2, 0.9, 0.0, 0.4, 0.5]])
    >>> drop_flat(np.array([[1, 1, 0, 2, 2]], np.int32), height, 0.6)
    array([[1, 1, 0, 0, 0]], dtype=int32)
    """
    if threshold == 0:
        return labels
    keep = np.zeros(int(labels.max(initial=0)) + 1, bool)
    for rows in strips(labels.shape):
        keep[labels[rows][height[rows] > threshold]] = True
    return _keep(labels, keep)


def tops(labels: Labels, height: Array) -> NDArray[np.float32]:
    """Return the largest `height` within each id from 0 to the largest.

    Examples
    --------
    >>> tops(np.array([[1, 1, 0, 2, 2]], np.int32), np.array([[0.25, 0.75, 1.0, 0.5, 0.25]]))
    array([1.  , 0.75, 0.5 ], dtype=float32)
    """
    top = np.zeros(int(labels.max(initial=0)) + 1, np.float32)
    np.maximum.at(top, labels.ravel(), np.asarray(height, np.float32).ravel())
    return top


def keep_objects(labels: Labels, *, min_area_px: int = 0, exclude_border: bool = False) -> Labels:
    """Drop objects that are too small or touch the border, and renumber the others, in place.

    Examples
    --------
    >>> keep_objects(np.array([[1, 0, 2, 2]], np.int32), min_area_px=2)
    array([[0, 0, 1, 1]], dtype=int32)
    """
    keep = areas(labels) >= max(min_area_px, 1)
    if exclude_border:
        keep[border_labels(labels)] = False
    return _keep(labels, keep)


def _keep(labels: Labels, keep: NDArray[np.bool_]) -> Labels:
    """Drop objects by id and renumber the others, in place."""
    keep[0] = False
    if keep[1:].all():
        return labels
    new = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    for rows in strips(labels.shape):
        labels[rows] = new[labels[rows]]
    return labels


def areas(labels: Array) -> NDArray[np.int64]:
    """Pixels of each id from 0 to the largest.

    Examples
    --------
    >>> areas(np.array([[0, 2], [2, 2]]))
    array([1, 0, 3])
    """
    count = np.zeros(int(labels.max(initial=0)) + 1, np.int64)
    for rows in strips(labels.shape):
        count += np.bincount(labels[rows].ravel(), minlength=len(count))
    return count


def split_pieces(labels: Array, share: float = 0.1) -> tuple[Array, int]:
    """Give the pieces of a label that do not touch ids of their own.

    Parameters
    ----------
    labels : ndarray of int
        Object ids; 0 is background.
    share : float, default 0.1
        A piece smaller than this share of its label's largest piece keeps the label's id.

    Returns
    -------
    (ndarray, int)
        `labels` itself and 0 where every label is in one piece, else new int32 labels and the
        number of labels that were divided. New ids follow the largest one.

    Examples
    --------
    >>> split_pieces(np.array([[1, 1, 0, 1, 0, 2]]))
    (array([[1, 1, 0, 3, 0, 2]], dtype=int32), 1)
    """
    from skimage.measure import label

    if labels.min(initial=0) < 0:
        return labels, 0  # refused by whoever checks labels
    pieces = label(labels, background=0, connectivity=labels.ndim)
    size = areas(pieces)
    owner = np.zeros(len(size), np.int64)
    owner[pieces.ravel()] = labels.ravel()
    owner[0] = 0
    largest = np.zeros(int(labels.max(initial=0)) + 1, np.int64)
    np.maximum.at(largest, owner[1:], size[1:])
    main = np.zeros(len(size), bool)
    order = np.lexsort((-size[1:], owner[1:])) + 1
    main[order[np.unique(owner[order], return_index=True)[1]]] = True
    apart = np.flatnonzero(~main & (size >= share * largest[owner]) & (owner > 0))
    if not apart.size:
        return labels, 0
    new = owner.astype(np.int32)
    new[apart] = len(largest) + np.arange(len(apart))
    return new[pieces], len(np.unique(owner[apart]))
