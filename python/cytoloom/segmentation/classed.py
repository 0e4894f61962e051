"""Objects that have a class each, as one label image.

The number of a pixel's object and that of its class are put together to one, as Cityscapes and
other sets of panoptic segmentation do it: whatever crops, turns or keeps labels then moves both
alike. Without a class the label is the number of the object, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
OBJECTS = 2**20
"""Objects that have classes are numbered below this; a class adds its number times this."""
BLOCK_PX = 2**20
"""Pixels summed at a time."""
CLASSES = 2**31 // OBJECTS - 1
"""As many classes go into labels of 32 bits."""


def with_classes(labels: Array, classes: Mapping[int, int]) -> NDArray[np.int32]:
    """Put the classes of objects into their labels.

    Parameters
    ----------
    labels : ndarray of int
        Objects, numbered below `OBJECTS`.
    classes : dict of int to int
        The class of each object that has one, from 1 on.

    Returns
    -------
    ndarray of int32
        Of the same shape; 0, what is below, and objects without a class are as they were.

    Examples
    --------
    >>> with_classes(np.array([0, 7, 7, 9]), {7: 2}).tolist()
    [0, 2097159, 2097159, 9]
    """
    add = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
    for number, one in classes.items():
        if 0 < number < len(add):
            add[number] = one * OBJECTS
    found = labels.astype(np.int32)
    found += add[np.maximum(labels, 0)]
    return found


def parted(labels: Array) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the number of each pixel's object, and the class of that; 0 where it has none.

    Examples
    --------
    >>> objects, classes = parted(np.array([0, 2097159, 9]))
    >>> objects.tolist(), classes.tolist()
    ([0, 7, 9], [0, 2, 0])
    """
    labels = labels.astype(np.int32, copy=False)
    classes = np.maximum(labels, 0) // np.int32(OBJECTS)
    return labels - classes * np.int32(OBJECTS), classes


def classes_of(labels: Array) -> dict[int, int]:
    """Return the class of each object that has one.

    Examples
    --------
    >>> classes_of(np.array([0, 2097159, 2097159, 9]))
    {7: 2}
    """
    every = np.unique(labels)
    objects, classes = parted(every[every >= OBJECTS])
    return dict(zip(objects.tolist(), classes.tolist(), strict=True))


def by_majority(labels: Array, classes: Array) -> tuple[dict[int, int], int]:
    """Return the class that most pixels of each object have, and how many objects have several.

    Parameters
    ----------
    labels : ndarray of int
        Objects; 0 is background.
    classes : ndarray of int
        Class of each pixel; 0, which is none, does not count.

    Returns
    -------
    (dict, int)
        Among equals the smaller class; objects of which no pixel has a class are left out.

    Examples
    --------
    >>> by_majority(np.array([5, 5, 5, 6, 0]), np.array([2, 1, 2, 0, 1]))
    ({5: 2}, 1)
    """
    return most_common(meetings(labels, classes))


def meetings(labels: Array, classes: Array) -> NDArray[np.int64]:
    """Count on how many pixels each object has each class, a row each: object, class, pixels.

    Examples
    --------
    >>> meetings(np.array([5, 5, 5, 6, 0]), np.array([2, 1, 2, 0, 1])).tolist()
    [[5, 1, 1], [5, 2, 2]]
    """
    both = (labels > 0) & (classes > 0)
    pairs, pixels = np.unique(
        np.stack([labels[both], classes[both]]).astype(np.int64), axis=1, return_counts=True
    )
    return np.stack([*pairs, pixels], axis=1)


def meetings_of_all(parts: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Add up what `meetings` counts in parts of an image.

    Examples
    --------
    >>> meetings_of_all([np.array([[5, 1, 2]]), np.array([[5, 1, 3], [6, 1, 1]])]).tolist()
    [[5, 1, 5], [6, 1, 1]]
    """
    total = np.zeros((0, 3), np.int64)
    for part in parts:
        both = np.concatenate([total, part])
        pairs, at = np.unique(both[:, :2], axis=0, return_inverse=True)
        pixels = np.zeros(len(pairs), np.int64)
        np.add.at(pixels, at.ravel(), both[:, 2])
        total = np.column_stack([pairs, pixels])
    return total


def most_common(found: NDArray[np.int64]) -> tuple[dict[int, int], int]:
    """Return what `by_majority` does from what `meetings` counts.

    Examples
    --------
    >>> most_common(np.array([[5, 1, 1], [5, 2, 2]]))
    ({5: 2}, 1)
    """
    objects, classes, pixels = found.T
    # most pixels last, the smaller class after a larger one
    order = np.lexsort((-classes, pixels, objects))
    one_each = dict(zip(objects[order].tolist(), classes[order].tolist(), strict=True))
    return one_each, int((np.unique(objects, return_counts=True)[1] > 1).sum())


def class_sums(labels: Array, probabilities: Array, count: int) -> NDArray[np.float64]:
    """Sum what is said of classes over the pixels of each object.

    Parameters
    ----------
    labels : ndarray of int (spatial...)
        Objects from 1 on; 0 is background.
    probabilities : ndarray of float (spatial..., classes)
        Of the classes of each pixel.
    count : int
        The largest number of an object.

    Returns
    -------
    ndarray of float64 (count + 1, classes)
        Row k is of object k; that of background is 0.

    Examples
    --------
    >>> said = np.array([[0.9, 0.1], [0.25, 0.75], [0.25, 0.75], [0.5, 0.5]])
    >>> class_sums(np.array([0, 1, 1, 2]), said, 2).tolist()
    [[0.0, 0.0], [0.5, 1.5], [0.5, 0.5]]
    """
    sums = np.zeros((count + 1, probabilities.shape[-1]))
    # some rows at a time: probabilities may lie on the disk, and positions take 8 bytes a pixel
    step = max(1, BLOCK_PX // max(1, labels[:1].size))
    for start in range(0, len(labels), step):
        rows = slice(start, start + step)
        at = np.nonzero(labels[rows])
        ids, said = labels[rows][at], probabilities[rows][at]
        for k in range(sums.shape[-1]):
            sums[:, k] += np.bincount(ids, said[:, k], minlength=count + 1)
    return sums
