"""Which labels of two images meet, and on how many pixels: what all scores start from.

The table is sparse and made in a single pass over the pixels in blocks, so that an image of
8192 x 8192 pixels costs a few megabytes beyond itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import invalid
from ..messages import Argument, say

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

UNKNOWN = -1
UNKNOWN_VALUE = Argument("unknown")
BLOCK_PX = 1 << 20
"""Pixels counted at a time: their keys take 8 MB each, whatever the size of the image."""
LARGEST_ID = 2**31 - 1
"""Two ids below this make one 64-bit key."""
FEW_PAIRS = 2**20
"""Pairs of blocks, 16 MB, that are kept before they are added up."""
IDS = f"labels from 0 to {LARGEST_ID}"
RENUMBER = "Renumber the objects 1, 2, 3, ..."


@dataclass(frozen=True, eq=False)
class Contingency:
    """The overlaps of two label images as parallel arrays, one entry for each pair that meets.

    Attributes
    ----------
    truth, found : int64 arrays (n,)
        The two labels; 0 is background and -1 in `truth` stands for unknown pixels.
    pixels : int64 array (n,)
        How many pixels carry both. Background with background is not listed.

    Examples
    --------
    >>> contingency([[0, 1]], [[0, 2]]).pixels
    array([1])
    """

    truth: Ints
    found: Ints
    pixels: Ints


def contingency(truth: ArrayLike, found: ArrayLike, *, unknown: int | None = None) -> Contingency:
    """Count the pixels that each pair of labels shares.

    Parameters
    ----------
    truth, found : array of bool or integers, any shape, the same for both
        Labels from 0 to 2**31 - 1.
    unknown : int, optional
        Value of `truth` (it may be negative) whose pixels are listed under truth -1.

    Returns
    -------
    Contingency
        Sorted by truth, then found. Time grows with the pixels, memory with the pairs.

    Raises
    ------
    InvalidError
        Shapes that differ; values that are no labels.

    Examples
    --------
    >>> table = contingency([[1, 1, 2, 2]], [[5, 5, 5, 0]])
    >>> np.stack([table.truth, table.found, table.pixels], axis=1).tolist()
    [[1, 5, 2], [2, 0, 1], [2, 5, 1]]
    """
    true, seen = label_pair(truth, found)
    width = _checked_top(seen, "found", None) + 1
    _checked_top(true, "truth", unknown)
    counted = [_count(t, f, width, unknown) for t, f in _blocks(true, seen)]
    keys, pixels = _add_up(
        np.concatenate([k for k, _ in counted] or [np.empty(0, np.int64)]),
        np.concatenate([n for _, n in counted] or [np.empty(0, np.int64)]),
    )
    true_ids, found_ids = keys // width - 1, keys % width
    listed = (true_ids != 0) | (found_ids != 0)
    return Contingency(true_ids[listed], found_ids[listed], pixels[listed])


def added_up(tables: Iterable[Contingency]) -> Contingency:
    """Add up the tables of the blocks of two label images: the table of the whole.

    Parameters
    ----------
    tables : iterable of Contingency
        Of blocks that share no pixel, made with the same `unknown`; each is let go when it has been
        added.

    Examples
    --------
    >>> blocks = [([[1, 1]], [[4, 0]]), ([[1, 0]], [[4, 4]])]
    >>> whole = added_up(contingency(*one) for one in blocks)
    >>> np.stack([whole.truth, whole.found, whole.pixels], axis=1).tolist()
    [[0, 4, 1], [1, 0, 1], [1, 4, 2]]
    """
    total = Total()
    for table in tables:
        total.add(table)
    return total.table()


class Total:
    """Tables of the blocks of two label images, added up as they come.

    Examples
    --------
    >>> total = Total()
    >>> for _ in range(2):
    ...     total.add(contingency([[1, 0]], [[4, 4]]))
    >>> total.table().pixels.tolist()
    [2, 2]
    """

    def __init__(self) -> None:
        self._parts: list[tuple[Ints, Ints]] = []
        self._most = FEW_PAIRS

    def add(self, table: Contingency) -> None:
        """Add the table of a block, made with the same value for unknown."""
        keys = (table.truth - UNKNOWN) * (LARGEST_ID + 1) + table.found
        self._parts.append((keys, table.pixels))
        # not block by block, for each time all that is there is sorted
        if sum(keys.size for keys, _ in self._parts) > self._most:
            self._most = FEW_PAIRS + 2 * self._together().size

    def table(self) -> Contingency:
        """Return the table of all that was added."""
        keys = self._together()
        width = LARGEST_ID + 1
        return Contingency(keys // width + UNKNOWN, keys % width, self._parts[0][1])

    def _together(self) -> Ints:
        """Add up what is there to one part, and return its keys."""
        none = (np.empty(0, np.int64), np.empty(0, np.int64))
        every = zip(none, *self._parts, strict=True)
        keys, pixels = (np.concatenate(one) for one in every)
        self._parts = [_add_up(keys, pixels)]
        return self._parts[0][0]


def sums(ids: Ints, pixels: Ints, wanted: Ints) -> Ints:
    """Total of `pixels` for each of the sorted ids in `wanted`.

    Examples
    --------
    >>> sums(np.array([3, 7, 3]), np.array([10, 5, 1]), np.array([3, 4])).tolist()
    [11, 0]
    """
    if not wanted.size:
        return np.zeros(0, np.int64)
    place = np.minimum(np.searchsorted(wanted, ids), wanted.size - 1)
    hit = wanted[place] == ids
    # float64 weights are exact: no image has 2**53 pixels
    total = np.bincount(place[hit], weights=pixels[hit], minlength=wanted.size)
    return total.astype(np.int64)


def label_pair(truth: ArrayLike, found: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return both as arrays of whole numbers; raise where they are none, or differ in shape."""
    true, seen = _as_labels(truth, "truth"), _as_labels(found, "found")
    if true.shape != seen.shape:
        raise invalid(
            "found", expected=say("the shape of truth, {}", true.shape), received=seen.shape
        )
    return np.atleast_1d(true), np.atleast_1d(seen)


def _as_labels(value: ArrayLike, name: str) -> NDArray[Any]:
    array = np.asarray(value)
    if array.dtype == bool:
        return array.view(np.uint8)
    if array.dtype.kind in "iu":
        return array
    # R hands over doubles
    if array.dtype.kind == "f" and _are_whole(array):
        return array.astype(np.int64)
    raise invalid(
        name,
        expected="labels (bool or whole numbers)",
        received=f"{array.dtype} values",
        remedy="Threshold probabilities first.",
    )


def _are_whole(array: NDArray[Any]) -> bool:
    """Whether floats are whole numbers, and small enough to be exactly these."""
    largest = float(np.abs(array).max(initial=0))
    return largest < 2**53 and bool((array == np.floor(array)).all())


def _checked_top(labels: NDArray[Any], name: str, unknown: int | None) -> int:
    if not labels.size:
        return 0
    low, top = int(labels.min()), int(labels.max())
    if low < 0 and low == unknown:
        low = min(int(labels[labels != unknown].min(initial=0)), 0)
    if low < 0 or (top > LARGEST_ID and top != unknown):
        raise invalid(
            name,
            expected=IDS,
            received=f"values from {low} to {top}",
            remedy=say("{}, or name the value of unknown pixels with {}.", RENUMBER, UNKNOWN_VALUE),
        )
    return top


def _blocks(true: NDArray[Any], seen: NDArray[Any]) -> Iterator[tuple[Ints, Ints]]:
    step = max(1, BLOCK_PX * true.shape[0] // max(true.size, 1))
    for start in range(0, true.shape[0], step):
        block = slice(start, start + step)
        yield true[block].ravel().astype(np.int64), seen[block].ravel().astype(np.int64)


def _count(true: Ints, seen: Ints, width: int, unknown: int | None) -> tuple[Ints, Ints]:
    if unknown is not None:
        true[true == unknown] = UNKNOWN
    keys = (true + 1) * width + seen
    # Labels come in runs along x: only runs are sorted, some ten times fewer than pixels.
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])[: keys.size])
    return _add_up(keys[starts], np.diff(starts, append=keys.size))


def _add_up(keys: Ints, pixels: Ints) -> tuple[Ints, Ints]:
    ids = np.unique(keys)
    return ids, sums(keys, pixels, ids)
