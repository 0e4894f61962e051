"""Change label images object by object: fill, drop, renumber, divide."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images.labels import border_labels, renumbered
from .boxes import strips

Array = NDArray[Any]
Labels = NDArray[np.int32]


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
    enclosed = np.ones(count + 1, bool)
    enclosed[0] = enclosed[border_labels(holes)] = False
    if not enclosed.any():
        return labels
    low = np.full(count + 1, np.iinfo(np.int32).max, np.int32)
    high = np.zeros(count + 1, np.int32)
    flat, line = labels.ravel(), math.prod(labels.shape[1:])
    steps = [math.prod(labels.shape[axis + 1 :]) for axis in range(labels.ndim)]
    for rows in strips(labels.shape):
        at = np.flatnonzero(enclosed.take(holes[rows]))
        ids = holes[rows].ravel()[at]
        for step in steps:
            # what is enclosed touches no border: there are pixels on either side
            for beside in (step, -step):
                owners = flat[at + (rows.start * line + beside)]
                meet = owners > 0
                np.minimum.at(low, ids[meet], owners[meet])
                np.maximum.at(high, ids[meet], owners[meet])
    # one neighbour alone has the smallest and the largest id at once
    owner = np.where(enclosed & (low == high), high, 0)
    if owner.any():
        for rows in strips(labels.shape):
            np.maximum(labels[rows], owner.take(holes[rows]), out=labels[rows])
    return labels


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
    numbers, ids = renumbered(labels)
    keep = np.zeros(len(ids), bool)
    for rows in strips(labels.shape):
        keep[numbers[rows][height[rows] > threshold]] = True
    return _keep(labels, numbers, keep)


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
    numbers = renumbered(labels)[0]
    keep = areas(numbers) >= max(min_area_px, 1)
    if exclude_border:
        keep[border_labels(numbers)] = False
    return _keep(labels, numbers, keep)


def _keep(labels: Labels, numbers: Array, keep: NDArray[np.bool_]) -> Labels:
    """Drop objects by their number and renumber the others, in place."""
    keep[0] = False
    if numbers is labels and keep[1:].all():
        return labels
    new = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    for rows in strips(labels.shape):
        labels[rows] = new.take(numbers[rows])
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


def components(mask: NDArray[np.bool_]) -> Labels:
    """Give the connected pieces of a mask numbers from 1 on; diagonal neighbours connect.

    Examples
    --------
    >>> components(np.array([[True, True, False, True]]))
    array([[1, 1, 0, 2]], dtype=int32)
    """
    from skimage.measure import label

    pieces: Labels = label(mask, connectivity=mask.ndim).astype(np.int32)
    return pieces


def in_pieces(labels: Array, share: float = 0.1) -> int:
    """Count the labels that have another piece, not touching, of a tenth of their largest one.

    Parameters
    ----------
    labels : ndarray of int
        Object ids, 0 or more; 0 is background.
    share : float, default 0.1
        Pieces smaller than this share of the label's largest one are crumbs, and not counted.

    Examples
    --------
    >>> in_pieces(np.array([[1, 1, 0, 1, 0, 2]]))
    1
    """
    from skimage.measure import label

    # skimage's label tells touching objects apart, SciPy's would join them
    pieces = label(labels, background=0, connectivity=labels.ndim)
    size = areas(pieces)[1:]
    numbers, ids = renumbered(labels)
    owner = np.zeros(len(size) + 1, np.int64)
    owner[pieces.ravel()] = numbers.ravel()
    owner = owner[1:]
    largest = np.zeros(len(ids), np.int64)
    np.maximum.at(largest, owner, size)
    return int(np.count_nonzero(np.bincount(owner[size >= share * largest[owner]]) > 1))
