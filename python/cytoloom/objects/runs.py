"""Objects as runs of pixels along the last axis: some ten times fewer than pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Box = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs of pixels of one object, in the order of the pixels.

    Attributes
    ----------
    owner : int64 ndarray (n,)
        Number of the object.
    line : int64 ndarray (n,)
        Which line along the last axis, counted through all others.
    first, last : int64 ndarray (n,)
        Index of its first and last pixel on that axis.
    """

    owner: Ints
    line: Ints
    first: Ints
    last: Ints

    @property
    def pixels(self) -> Ints:
        """How many pixels each has."""
        return self.last - self.first + 1

    def part(self, chosen: slice | NDArray[np.bool_]) -> Runs:
        """Return some of them."""
        return Runs(self.owner[chosen], self.line[chosen], self.first[chosen], self.last[chosen])

    @property
    def groups(self) -> NDArray[np.intp]:
        """Where each object begins, of runs ordered by object."""
        return np.flatnonzero(changes(self.owner))


def runs_of(block: NDArray[Any]) -> Runs:
    """Find the runs of a label image, or of a box of it.

    Parameters
    ----------
    block : ndarray of int (..., x)
        0 is background.

    Examples
    --------
    >>> found = runs_of(np.array([[1, 1, 2], [0, 2, 2]]))
    >>> found.owner.tolist(), found.line.tolist(), found.first.tolist(), found.last.tolist()
    ([1, 2, 2], [0, 0, 1], [0, 2, 1], [1, 2, 2])
    """
    width = max(block.shape[-1], 1)
    lines = np.ascontiguousarray(block).reshape(-1, width)
    begins = np.ones(lines.shape, bool)
    np.not_equal(lines[:, 1:], lines[:, :-1], out=begins[:, 1:])
    starts = np.flatnonzero(begins)
    stops = np.append(starts[1:], lines.size)[: starts.size] - 1
    owner = lines.ravel()[starts]
    kept = owner > 0
    line, first = np.divmod(starts[kept], width)
    return Runs(owner[kept].astype(np.int64), line, first, stops[kept] % width)


def placed(runs: Runs, box: Box, shape: Sequence[int]) -> Runs:
    """Return runs of a box as runs of the image.

    Examples
    --------
    >>> found = placed(runs_of(np.array([[1, 0], [0, 1]])), np.s_[1:3, 4:6], (3, 6))
    >>> found.line.tolist(), found.first.tolist(), found.last.tolist()
    ([1, 2], [4, 5], [4, 5])
    """
    lines = np.unravel_index(runs.line, [s.stop - s.start for s in box[:-1]])
    whole = [one + part.start for one, part in zip(lines, box, strict=False)]
    line = np.asarray(np.ravel_multi_index(whole, tuple(shape[:-1])))
    return Runs(runs.owner, line, runs.first + box[-1].start, runs.last + box[-1].start)


def extents(found: Sequence[Runs]) -> Runs:
    """Join the runs of each object on each line to one from its first to its last pixel.

    Parameters
    ----------
    found : sequence of Runs
        Of boxes of one image, at least one, in C order.

    Returns
    -------
    Runs
        Ordered by object, then line.

    Examples
    --------
    >>> joined = extents([runs_of(np.array([[1, 2, 1, 0]]))])
    >>> joined.owner.tolist(), joined.first.tolist(), joined.last.tolist()
    ([1, 2], [0, 1], [2, 1])
    """
    owner, line, first, last = (
        np.concatenate([getattr(one, name) for one in found])
        for name in ("owner", "line", "first", "last")
    )
    if (line[1:] >= line[:-1]).all():
        # stable: lines, and pixels within each, stay in their order
        order = np.argsort(owner, kind="stable")
    else:
        order = np.lexsort((first, line, owner))
    owner, line = owner[order], line[order]
    begins = changes(owner) | changes(line)
    ends = np.append(begins[1:], True)[: owner.size]
    return Runs(owner[begins], line[begins], first[order][begins], last[order][ends])


def changes(values: Ints) -> NDArray[np.bool_]:
    """Whether a value differs from the one before it; the first does.

    Examples
    --------
    >>> changes(np.array([4, 4, 7]))
    array([ True, False,  True])
    """
    found = np.ones(values.size, bool)
    np.not_equal(values[1:], values[:-1], out=found[1:])
    return found


def boxes(sides: Runs, shape: Sequence[int]) -> tuple[Ints, Ints]:
    """Return the first px of each object's box and one past its last, both (objects, axes).

    Parameters
    ----------
    sides : Runs
        Ordered by object, then line.
    shape : sequence of int
        Of the label image.

    Examples
    --------
    >>> low, high = boxes(extents([runs_of(np.array([[0, 2, 2], [0, 2, 0]]))]), (2, 3))
    >>> low, high
    (array([[0, 1]]), array([[2, 3]]))
    """
    begins = sides.groups
    if not begins.size:
        return np.zeros((0, len(shape)), np.int64), np.zeros((0, len(shape)), np.int64)
    lines = np.unravel_index(sides.line, tuple(shape[:-1]))
    low = [np.minimum.reduceat(one, begins) for one in (*lines, sides.first)]
    high = [np.maximum.reduceat(one, begins) + 1 for one in (*lines, sides.last)]
    return np.stack(low, axis=1), np.stack(high, axis=1)


def blocks(shape: Sequence[int], pixels: int) -> list[slice]:
    """Slices of the first axis that hold about so many pixels each.

    Examples
    --------
    >>> blocks((5, 10), 20)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    rows = max(1, pixels // max(1, math.prod(shape[1:])))
    return [slice(k, min(k + rows, shape[0])) for k in range(0, shape[0], rows)]
