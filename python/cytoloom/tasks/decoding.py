"""From a foreground and a distance map to separate objects, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Box = tuple[slice, ...]

# Small enough for a watershed (about 80 bytes per pixel) on any laptop.
WHOLE_PX = 1 << 21
HALO_PX = 64


def separate(
    foreground: Array, distance: Array, foreground_threshold: float, seed_threshold: float
) -> NDArray[np.int32]:
    """Label objects: seeds grow by watershed inside their connected piece of foreground.

    Seeds are the connected pieces of foreground whose distance exceeds `seed_threshold`; a
    connected piece of foreground without a seed is one object.

    Parameters
    ----------
    foreground, distance : ndarray of float, shape (y, x) or (z, y, x)
        Maps; may be memory-mapped.
    foreground_threshold, seed_threshold : float
        Objects are where `foreground` is larger; seeds where `distance` is larger too.

    Returns
    -------
    ndarray of int32
        0 is background; ids 1 to the number of objects.
    """
    from scipy import ndimage as ndi

    mask = foreground > foreground_threshold
    pieces, count = ndi.label(mask, output=np.int32)
    labels: NDArray[np.int32]
    labels, seeds = ndi.label(mask & (distance > seed_threshold), output=np.int32)
    del mask
    several = grow_single_seeds(labels, seeds, pieces, count)
    for box in boxes_of(pieces, several):
        flood(labels, distance, pieces, several, box)
    return labels


def grow_single_seeds(
    labels: NDArray[np.int32], seeds: int, pieces: NDArray[np.int32], count: int
) -> NDArray[np.bool_]:
    """Give each piece that has at most one seed one id, in place; say which have several.

    Parameters
    ----------
    labels : ndarray of int32
        Seeds 1 to `seeds`; changed in place.
    pieces : ndarray of int32
        Connected pieces of foreground, 1 to `count`.

    Returns
    -------
    ndarray of bool, shape (count + 1,)
        Whether the piece has several seeds.
    """
    where = np.flatnonzero(labels)
    piece_of_seed = np.zeros(seeds + 1, np.int64)
    piece_of_seed[labels.ravel()[where]] = pieces.ravel()[where]
    del where
    per_piece = np.bincount(piece_of_seed[1:], minlength=count + 1)
    own = np.zeros(count + 1, np.int32)
    own[piece_of_seed[1:]] = np.arange(1, seeds + 1)
    lonely = np.flatnonzero(per_piece == 0)[1:] if count else np.empty(0, int)
    own[lonely] = seeds + 1 + np.arange(len(lonely))
    several = per_piece > 1
    own[several] = 0
    for rows in strips(labels.shape):
        np.maximum(labels[rows], own[pieces[rows]], out=labels[rows])
    return several


def boxes_of(pieces: NDArray[np.int32], wanted: NDArray[np.bool_]) -> Iterator[Box]:
    """Boxes to flood: the whole of a small image, else one per wanted piece."""
    from scipy import ndimage as ndi

    if not wanted.any():
        return
    if pieces.size <= WHOLE_PX:
        yield tuple(slice(0, size) for size in pieces.shape)
        return
    for found, want in zip(ndi.find_objects(pieces), wanted[1:], strict=True):
        if want:
            yield found


def flood(
    labels: NDArray[np.int32],
    distance: Array,
    pieces: NDArray[np.int32],
    wanted: NDArray[np.bool_],
    box: Box,
) -> None:
    """Watershed of one box, written into `labels`."""
    from skimage.segmentation import watershed

    mask = wanted[pieces[box]]
    markers = np.where(mask, labels[box], 0)
    grown = watershed(-distance[box], markers, mask=mask)
    labels[box][mask] = grown[mask]


def strips(shape: tuple[int, ...], pixels: int = 1 << 21) -> Iterator[slice]:
    """Slices of the first axis that hold about `pixels` each.

    Examples
    --------
    >>> list(strips((5, 10), pixels=20))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    rows = max(1, pixels // max(1, int(np.prod(shape[1:]))))
    for start in range(0, shape[0], rows):
        yield slice(start, min(start + rows, shape[0]))


def keep_objects(
    labels: NDArray[np.int32], *, min_area_px: int = 0, exclude_border: bool = False
) -> NDArray[np.int32]:
    """Drop objects that are too small or touch the border, and renumber the others, in place.

    Examples
    --------
    >>> keep_objects(np.array([[1, 0, 2, 2]], np.int32), min_area_px=2)
    array([[0, 0, 1, 1]], dtype=int32)
    """
    area = np.zeros(int(labels.max(initial=0)) + 1, np.int64)
    for rows in strips(labels.shape):
        area += np.bincount(labels[rows].ravel(), minlength=len(area))
    keep = area >= max(min_area_px, 1)
    keep[0] = False
    if exclude_border:
        for axis in range(labels.ndim):
            for end in (0, -1):
                keep[np.unique(labels.take(end, axis=axis))] = False
    new = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    for rows in strips(labels.shape):
        labels[rows] = new[labels[rows]]
    return labels


def fill_holes(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Fill background that one object alone encloses, in place.

    Background that meets the border of the image, or two objects, stays.

    Examples
    --------
    >>> fill_holes(np.array([[3, 3, 3], [3, 0, 3], [3, 3, 3]], np.int32))
    array([[3, 3, 3],
           [3, 3, 3],
           [3, 3, 3]], dtype=int32)
    """
    from scipy import ndimage as ndi

    holes, count = ndi.label(labels == 0, output=np.int32)
    low = np.full(count + 1, np.iinfo(np.int32).max, np.int32)
    high = np.zeros(count + 1, np.int32)
    for axis in range(labels.ndim):
        before = (slice(None),) * axis + (slice(None, -1),)
        after = (slice(None),) * axis + (slice(1, None),)
        for inner, outer in ((before, after), (after, before)):
            rim = (holes[inner] > 0) & (labels[outer] > 0)
            ids, owners = holes[inner][rim], labels[outer][rim]
            np.minimum.at(low, ids, owners)
            np.maximum.at(high, ids, owners)
        for end in (0, -1):
            high[holes.take(end, axis=axis)] = 0
            low[holes.take(end, axis=axis)] = -1
    owner = np.where(low == high, high, 0)
    owner[0] = 0
    for rows in strips(labels.shape):
        np.maximum(labels[rows], owner[holes[rows]], out=labels[rows])
    return labels
