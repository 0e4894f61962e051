"""Boxes and strips: large arrays worked on in parts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, ...]
WHOLE_PX = 1 << 21
"""Boxes up to this size are flooded in one go: a watershed takes about 80 bytes per pixel."""
ASIDE_PX = 1 << 18
"""Boxes up to this size are worked on in threads, many at once: a call for each would cost more
than its work (0.85 to 0.48 s for 3312 nuclei)."""
BLOCK_PX = 1 << 19
"""Pieces in boxes above `WHOLE_PX` are flooded in blocks of this size, some 40 MB each."""
HALO_PX = 64
"""How far such a block sees into its neighbours: more than most objects' radius, so that a second
pass over a block is rare."""


def ends_of(boxes: Sequence[Box | None], ndim: int) -> NDArray[np.int64]:
    """First px and one past the last of each box, (boxes, axes, 2); 0 where there is none.

    Examples
    --------
    >>> ends_of([(slice(0, 3), slice(2, 4)), None], 2).tolist()
    [[[0, 3], [2, 4]], [[0, 0], [0, 0]]]
    """
    none = [(0, 0)] * ndim
    ends = [[(s.start, s.stop) for s in box] if box else none for box in boxes]
    return np.array(ends, np.int64).reshape(-1, ndim, 2)


def together(ends: NDArray[np.int64], chosen: NDArray[np.bool_]) -> Iterator[tuple[Box, list[int]]]:
    """Group the chosen boxes into cells of `ASIDE_PX`; large ones alone.

    Parameters
    ----------
    ends : ndarray of int64
        Of boxes numbered from 1 on, see `ends_of`.
    chosen : ndarray of bool, shape (boxes,)
        Which are asked for.

    Yields
    ------
    around : box
        What holds all of a group.
    members : list of int
        Their numbers.
    """
    side = round(ASIDE_PX ** (1 / ends.shape[1]))
    large = np.prod(ends[:, :, 1] - ends[:, :, 0], axis=1) > ASIDE_PX
    cells = np.where(large[:, None], -1, ends[:, :, 0] // side).tolist()
    groups: dict[tuple[int, ...], list[int]] = {}
    for k in np.flatnonzero(chosen).tolist():
        groups.setdefault((k,) if large[k] else tuple(cells[k]), []).append(k)
    for members in groups.values():
        low, high = ends[members, :, 0].min(axis=0), ends[members, :, 1].max(axis=0)
        around = tuple(slice(*pair) for pair in zip(low.tolist(), high.tolist(), strict=True))
        yield around, [k + 1 for k in members]


class Stack:
    """Boxes of an image one upon the other, with a rim of 0 around each.

    Where few objects need work, these are far fewer pixels than lie between them.

    Parameters
    ----------
    named : sequence of (int, box)
        Numbers of objects and where they are; best of about the same size but for the first axis.

    Examples
    --------
    >>> stack = Stack([(2, (slice(0, 1), slice(1, 3))), (4, (slice(1, 2), slice(0, 2)))])
    >>> stack.up(np.array([[1, 2, 3], [4, 4, 6]]))
    array([[0, 0, 0, 0],
           [0, 2, 3, 0],
           [0, 0, 0, 0],
           [0, 4, 4, 0],
           [0, 0, 0, 0]])
    """

    def __init__(self, named: Sequence[tuple[int, Box]]) -> None:
        self.named = named
        self.places: list[Box] = []
        end = 1
        for _, box in named:
            first, *others = (s.stop - s.start for s in box)
            self.places.append((slice(end, end + first), *(slice(1, n + 1) for n in others)))
            end += first + 1
        sides = [max(place[axis].stop for place in self.places) for axis in range(1, len(box))]
        self.shape = (end, *(n + 1 for n in sides))

    def __iter__(self) -> Iterator[tuple[Box, Box]]:
        """Give each box of the image and its place in the stack."""
        return ((box, place) for (_, box), place in zip(self.named, self.places, strict=True))

    def up(self, image: NDArray[Any]) -> NDArray[Any]:
        """Copy the boxes of an image."""
        stacked = np.zeros(self.shape, image.dtype)
        for box, place in self:
            stacked[place] = image[box]
        return stacked

    def own(self, numbers: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether pixels are of the object of their box."""
        found = np.zeros(self.shape, bool)
        for (k, box), place in zip(self.named, self.places, strict=True):
            np.equal(numbers[box], k, out=found[place])
        return found

    def index(self, at: NDArray[np.intp]) -> NDArray[np.intp]:
        """Which box, from 0 on, pixels are in that lie flat in the stack."""
        starts = [place[0].start for place in self.places]
        rows = at // math.prod(self.shape[1:])
        return np.asarray(np.searchsorted(starts, rows, side="right") - 1)

    def home(self, at: NDArray[np.intp]) -> tuple[NDArray[np.intp], ...]:
        """Where pixels that lie flat in the stack are in the image."""
        shift = np.array([[b.start - p.start for b, p in zip(*pair, strict=True)] for pair in self])
        return tuple(np.array(np.unravel_index(at, self.shape)) + shift[self.index(at)].T)


def stacks(named: Sequence[tuple[int, Box]]) -> Iterator[list[tuple[int, Box]]]:
    """Group objects so that a `Stack` of each group has up to `ASIDE_PX`; larger ones alone.

    Those of similar width (in 3-D of similar planes) go together.

    Examples
    --------
    >>> long, small = (slice(0, 2), slice(0, 900)), (slice(2, 9), slice(2, 9))
    >>> [[k for k, _ in group] for group in stacks([(1, small), (2, long), (3, small)])]
    [[1, 3, 2]]
    """
    group: list[tuple[int, Box]] = []
    widest: tuple[int, ...] = ()
    rows = 0
    for k, box in sorted(named, key=lambda one: (math.prod(_across(one[1])), one[0])):
        more, wider = box[0].stop - box[0].start, _across(box)
        both = tuple(max(pair) for pair in zip(widest, wider, strict=True)) if group else wider
        if group and (rows + more) * math.prod(both) > ASIDE_PX:
            yield group
            group, rows, both = [], 0, wider
        group.append((k, box))
        rows, widest = rows + more, both
    if group:
        yield group


def _across(box: Box) -> tuple[int, ...]:
    """Return the sides of a box but that along the first axis."""
    return tuple(s.stop - s.start for s in box[1:])


def blocks(box: Box) -> Iterator[tuple[Box, Box]]:
    """Cut a box into blocks of at most `BLOCK_PX`, each with the larger box that it sees.

    Examples
    --------
    >>> [inner for inner, _ in blocks((slice(0, 1000), slice(0, 700)))]
    [(slice(0, 724, None), slice(0, 700, None)), (slice(724, 1000, None), slice(0, 700, None))]
    """
    side = round(BLOCK_PX ** (1 / len(box)))
    # in 3-D a block has an edge of 81 px: a halo of 64 would be 16 times the block itself
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


def within(inner: Box, outer: Box, rim: int = 0) -> Box:
    """Where `inner` lies in an array cut by `outer`, with a rim of so many pixels.

    Examples
    --------
    >>> within((slice(5, 7),), (slice(4, 9),)), within((slice(5, 7),), (slice(4, 9),), rim=1)
    ((slice(1, 3, None),), (slice(2, 4, None),))
    """
    return tuple(
        slice(i.start - o.start + rim, i.stop - o.start + rim)
        for i, o in zip(inner, outer, strict=True)
    )


def pixels_in(box: Box) -> int:
    """Count the pixels of a box.

    Examples
    --------
    >>> pixels_in((slice(0, 3), slice(2, 4)))
    6
    """
    return math.prod(s.stop - s.start for s in box)


def strips(shape: tuple[int, ...], pixels: int = 1 << 20) -> Iterator[slice]:
    """Slices of the first axis that hold about `pixels` each.

    Examples
    --------
    >>> list(strips((5, 10), pixels=20))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    rows = max(1, pixels // max(1, math.prod(shape[1:])))
    for start in range(0, shape[0], rows):
        yield slice(start, min(start + rows, shape[0]))
