"""Objects of blocks put together: what is one object in the overlap of two is one in the whole.

Each block keeps, for each axis, the labels of its own first pixels and what it saw in the first
pixels behind its end. Where two blocks see the same object there, they see the same pixels of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images.blocks import grown, inside
from .blocks import Blocks, Box, shared

Labels = NDArray[Any]
SAME = 0.5
"""Two objects are one if they share more than this of what either has in the overlap. Where all
margins are wide enough they share all of it."""


@dataclass(frozen=True, eq=False)
class Faces:
    """What a block keeps of its ends, by axis.

    Attributes
    ----------
    first : tuple of ndarray
        Labels of the block's own first pixels, a slab of one pixel.
    behind : tuple of ndarray
        What it saw in the pixels right behind its end, and one pixel farther along other axes;
        empty at the end of the image.
    """

    first: tuple[Labels, ...]
    behind: tuple[Labels, ...]


def faces_of(labels: Labels, region: Box, core: Box, shape: Sequence[int]) -> Faces:
    """Take from the labels of a region what is compared with other blocks.

    Parameters
    ----------
    labels : ndarray of int
        Of the region.
    region, core : tuple of slice
        What a block sees, and what it decides.
    shape : sequence of int
        Of the whole image.
    """
    first, behind = [], []
    for axis in range(len(core)):
        first.append(labels[inside(_first(core, axis), region)].copy())
        beyond = _behind(core, axis, shape)
        behind.append(labels[inside(beyond, region)].copy() if beyond else labels[:0])
    return Faces(tuple(first), tuple(behind))


def same_objects(
    blocks: Blocks, faces: Mapping[int, Faces], starts: Sequence[int]
) -> tuple[NDArray[np.int64], int, NDArray[np.int64]]:
    """Find which objects of two blocks are one.

    Parameters
    ----------
    blocks : Blocks
        How the image was cut.
    faces : mapping of int to Faces
        Of each block; asked for one at a time.
    starts : sequence of int
        What to add to labels of each block, so that no two blocks have the same.

    Returns
    -------
    (int array (n, 2), int, int array (m,))
        Pairs of such labels; the pixels of overlaps that one block counts to an object and
        another does not, or to another object: 0 where margins were wide enough; and the labels
        that have such a pixel, of either block.
    """
    pairs, differing, odd = [np.zeros((0, 2), np.int64)], 0, [np.zeros(0, np.int64)]
    for k in range(len(blocks)):
        own = faces[k]
        for axis in range(len(blocks.shape)):
            beyond = _behind(blocks.core(k), axis, blocks.shape)
            for other in blocks.behind(k, axis) if beyond else ():
                assert beyond is not None
                there = _first(blocks.core(other), axis)
                common = shared(beyond, there)
                if common is None:
                    continue
                a = own.behind[axis][inside(common, beyond)]
                b = faces[other].first[axis][inside(common, there)]
                found, off, first, second = _matched(a, b)
                pairs.append(found + np.array([starts[k], starts[other]]))
                differing += off
                odd += [first + starts[k], second + starts[other]]
    return np.concatenate(pairs), differing, np.unique(np.concatenate(odd))


def joined(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the group of each of the labels 0 to `count`, groups numbered from 0; 0 is alone.

    Examples
    --------
    >>> joined(4, np.array([[1, 3]])).tolist()
    [0, 1, 2, 1, 3]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(pairs), np.int8)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(count + 1, count + 1))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def numbered(groups: NDArray[np.int64], first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give groups numbers from 1 on, in the order of the first pixel of all their labels.

    Parameters
    ----------
    groups : ndarray of int (count + 1,)
        Group of each label; that of label 0, background, is not numbered.
    first : ndarray of int (count + 1,)
        Position of the first pixel of each label in the whole image, in C order; of label 0
        nothing is asked.

    Returns
    -------
    ndarray of int (count + 1,)
        The number of each label; 0 of label 0.

    Examples
    --------
    >>> numbered(np.array([0, 1, 2, 1]), np.array([0, 7, 5, 9])).tolist()
    [0, 2, 1, 2]
    """
    begins = np.full(int(groups.max(initial=0)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(begins, groups[1:], first[1:])
    begins[groups[0]] = -1
    order = np.empty(len(begins), np.int64)
    order[np.argsort(begins, kind="stable")] = np.arange(len(begins))
    return order[groups]


def first_pixels(labels: Labels, count: int, corner: Sequence[int], shape: Sequence[int]) -> Any:
    """Return where each label 0 to `count` begins in the whole image, in C order; -1: nowhere.

    Parameters
    ----------
    labels : ndarray of int
        Of a box.
    count : int
        Their largest.
    corner : sequence of int
        Where the box begins in the whole.
    shape : sequence of int
        Of the whole.

    Examples
    --------
    >>> first_pixels(np.array([[0, 2], [2, 1]]), 2, (0, 1), (2, 3)).tolist()
    [-1, 5, 2]
    """
    found = np.full(count + 1, -1, np.int64)
    positions = np.flatnonzero(labels)[::-1]
    at = np.unravel_index(positions, labels.shape)
    whole = [a + c for a, c in zip(at, corner, strict=True)]
    # of several writes to one place the last stays, which is the first pixel
    found[labels.ravel()[positions]] = np.ravel_multi_index(whole, shape)
    return found


def cut_off(labels: Labels, region: Box, shape: Sequence[int]) -> NDArray[np.int64]:
    """List the labels that reach a side of a region that is no side of the image."""
    sides: list[Iterable[Any]] = [np.zeros(0, np.int64)]
    for axis, (part, n) in enumerate(zip(region, shape, strict=True)):
        if part.start > 0:
            sides.append(np.unique(np.take(labels, 0, axis)))
        if part.stop < n:
            sides.append(np.unique(np.take(labels, -1, axis)))
    found = np.unique(np.concatenate(sides)).astype(np.int64)  # type: ignore[arg-type]
    return found[found > 0]


def _first(core: Box, axis: int) -> Box:
    start = core[axis].start
    return (*core[:axis], slice(start, start + 1), *core[axis + 1 :])


def _behind(core: Box, axis: int, shape: Sequence[int]) -> Box | None:
    """Return the slab right behind a block, wider by a pixel along the other axes."""
    stop = core[axis].stop
    if stop >= shape[axis]:
        return None
    wide = grown(core, (1,) * len(core), shape)
    return (*wide[:axis], slice(stop, stop + 1), *wide[axis + 1 :])


def _matched(
    a: Labels, b: Labels
) -> tuple[NDArray[np.int64], int, NDArray[np.int64], NDArray[np.int64]]:
    """Return which labels of two images of the same pixels are one object, and what differs.

    That is how many pixels, and which labels of the first and of the second have them.

    Examples
    --------
    >>> pairs, differing, first, second = _matched(
    ...     np.array([1, 1, 0, 2, 2, 3]), np.array([5, 5, 0, 5, 6, 0]))
    >>> pairs.tolist(), differing, first.tolist(), second.tolist()
    ([[1, 5]], 3, [2, 3], [5, 6])

    What only the second has is of no object of the first block.
    """
    a, b = a.ravel().astype(np.int64), b.ravel().astype(np.int64)
    both = (a > 0) & (b > 0)
    alone = a[(a > 0) & (b == 0)]
    if not both.any():
        return np.zeros((0, 2), np.int64), len(alone), np.unique(alone), np.zeros(0, np.int64)
    width = int(b.max()) + 1
    codes, counts = np.unique(a[both] * width + b[both], return_counts=True)
    pairs = np.column_stack([codes // width, codes % width])
    most = np.maximum(np.bincount(a)[pairs[:, 0]], np.bincount(b)[pairs[:, 1]])
    same = counts > SAME * most
    first, second = pairs[~same].T
    first = np.unique(np.append(alone, first))
    return pairs[same], len(alone) + int(counts[~same].sum()), first, np.unique(second)
