"""A box of a label image, with what is to be seen around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images.blocks import grown, inside
from .runs import Box, Ints, blocks


@dataclass(frozen=True, eq=False)
class Part:
    """Labels of a box and of what is around it.

    Attributes
    ----------
    box : tuple of slice
        The pixels that are measured here.
    region : tuple of slice
        The pixels that are seen, the box among them.
    labels : ndarray of int
        Of the region: 0, or from 1 on which of the objects in `to`.
    to : int array
        The number that each of these objects has in the whole image, behind a 0 for background.

    Examples
    --------
    >>> seen = np.array([[1, 0], [2, 2]])
    >>> Part(np.s_[1:2, 0:2], np.s_[0:2, 0:2], seen, np.array([0, 7, 4])).own
    array([[2, 2]])
    """

    box: Box
    region: Box
    labels: NDArray[Any]
    to: Ints

    @property
    def own(self) -> NDArray[Any]:
        """Labels of the box."""
        return self.labels[inside(self.box, self.region)]

    def framed(self, by: int) -> NDArray[Any]:
        """Return the labels of the box and `by` pixels around it, 0 outside of the image."""
        found = np.zeros([s.stop - s.start + 2 * by for s in self.box], self.labels.dtype)
        axes = list(zip(self.box, self.region, strict=True))
        wide = [(max(r.start, b.start - by), min(r.stop, b.stop + by)) for b, r in axes]
        there = tuple(slice(*one) for one in wide)
        frame = tuple(slice(b.start - by, b.stop + by) for b in self.box)
        found[inside(there, frame)] = self.labels[inside(there, self.region)]
        return found


def rows_of(numbers: NDArray[Any], count: int, block_px: int, around: int = 0) -> Iterator[Part]:
    """Yield a label image in memory as parts of whole rows.

    Parameters
    ----------
    numbers : ndarray of int
        0 is background, the others objects from 1 to `count`.
    count : int
        The largest.
    block_px : int
        Pixels of a part, about.
    around : int, default 0
        Rows that are seen before and after it.
    """
    every = np.arange(count + 1)
    rest = tuple(slice(0, n) for n in numbers.shape[1:])
    for rows in blocks(numbers.shape, block_px):
        box = (rows, *rest)
        region = grown(box, [around] + [0] * len(rest), numbers.shape)
        yield Part(box, region, numbers[region], every)


def part_of(labels: NDArray[Any], names: NDArray[Any], box: Box, region: Box) -> Part:
    """Return a part of labels as they are.

    Parameters
    ----------
    labels : ndarray of int
        Of the region.
    names : ndarray of int
        All labels of the image, sorted, 0 first: an object's number is its place there.
    box, region : tuple of slice
        What is measured, and what was read.

    Examples
    --------
    >>> box = np.s_[0:1, 0:3]
    >>> part = part_of(np.array([[9, 0, 7]]), np.array([0, 5, 7, 9]), box, box)
    >>> part.labels, part.to
    (array([[2, 0, 1]]), array([0, 2, 3]))
    """
    here, own = np.unique(labels, return_inverse=True)
    own = own.reshape(labels.shape)
    if here[:1].tolist() != [0]:
        here, own = np.append(np.zeros(1, here.dtype), here), own + 1
    return Part(box, region, own, np.searchsorted(names, here))


def positions(labels: NDArray[Any]) -> tuple[Any, Any]:
    """Return where the pixels of objects are in flattened labels, and of which object each is."""
    flat = labels.ravel()
    found = np.flatnonzero(flat > 0)
    return found, flat[found].astype(np.intp, copy=False)


def boxes_of(shape: Sequence[int], edge_px: int) -> list[Box]:
    """Cut an image into boxes of this edge, in C order.

    Examples
    --------
    >>> [[(s.start, s.stop) for s in box] for box in boxes_of((3, 2), 2)]
    [[(0, 2), (0, 2)], [(2, 3), (0, 2)]]
    """
    counts = [-(-n // edge_px) for n in shape]
    return [
        tuple(slice(k * edge_px, min((k + 1) * edge_px, n)) for k, n in zip(at, shape, strict=True))
        for at in np.ndindex(*counts)
    ]
