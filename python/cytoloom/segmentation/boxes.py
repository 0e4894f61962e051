"""Boxes and strips: large arrays worked on in parts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, ...]
WHOLE_PX = 1 << 21
"""Boxes up to this size are flooded in one go: a watershed takes about 80 bytes per pixel."""
ASIDE_PX = 1 << 18
"""Pieces in boxes up to this size are flooded in threads, all pieces of a cell of 512 x 512 px in
one call: a call for each would cost more than its flooding (0.85 to 0.48 s for 3312 nuclei)."""
BLOCK_PX = 1 << 19
"""Pieces in boxes above `WHOLE_PX` are flooded in blocks of this size, some 40 MB each."""
HALO_PX = 64
"""How far such a block sees into its neighbours: more than most objects' radius, so that a second
pass over a block is rare."""


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
