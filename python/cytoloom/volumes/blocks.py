"""A large image cut into blocks: which pixels each decides, and which it has to see."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import invalid
from ..images.blocks import grown

Box = tuple[slice, ...]


@dataclass(frozen=True)
class Blocks:
    """An image cut into blocks on a regular grid; the last of an axis may be smaller.

    Parameters
    ----------
    shape : tuple of int
        Spatial shape of the image in px.
    block_px : tuple of int
        Edges of a block.
    margin_px : tuple of int
        What is seen around it, for objects that reach beyond it.

    Examples
    --------
    >>> blocks = Blocks((100, 250), (100, 100), (8, 8))
    >>> len(blocks), blocks.core(1), blocks.region(1)
    (3, (slice(0, 100, None), slice(100, 200, None)), (slice(0, 100, None), slice(92, 208, None)))
    """

    shape: tuple[int, ...]
    block_px: tuple[int, ...]
    margin_px: tuple[int, ...]

    def __post_init__(self) -> None:
        if len({len(self.shape), len(self.block_px), len(self.margin_px)}) > 1:
            got = f"{len(self.block_px)} for {len(self.shape)} axes"
            raise invalid("block_px", expected="one number per axis", received=got)
        if any(m > b for m, b in zip(self.margin_px, self.block_px, strict=True)):
            expected = f"blocks of at least {_words(self.margin_px)} px, which is seen around each"
            raise invalid("block_px", expected=expected, received=f"{_words(self.block_px)} px")

    @property
    def counts(self) -> tuple[int, ...]:
        """How many blocks there are along each axis."""
        return tuple(-(-n // b) for n, b in zip(self.shape, self.block_px, strict=True))

    def __len__(self) -> int:
        return math.prod(self.counts)

    def place(self, k: int) -> tuple[int, ...]:
        """Return where block `k` is in the grid; the last axis runs fastest."""
        found = []
        for count in reversed(self.counts):
            k, at = divmod(k, count)
            found.append(at)
        return tuple(reversed(found))

    def at(self, place: Sequence[int]) -> int | None:
        """Return the number of the block at a place of the grid; None outside of it."""
        k = 0
        for at, count in zip(place, self.counts, strict=True):
            if not 0 <= at < count:
                return None
            k = k * count + at
        return k

    def core(self, k: int) -> Box:
        """Return the pixels that block `k` decides: those of all are the image."""
        axes = zip(self.place(k), self.block_px, self.shape, strict=True)
        return tuple(slice(at * b, min((at + 1) * b, n)) for at, b, n in axes)

    def region(self, k: int) -> Box:
        """Return the pixels that it sees."""
        return grown(self.core(k), self.margin_px, self.shape)

    def behind(self, k: int, axis: int) -> list[int]:
        """List the blocks that follow block `k` along an axis, those at its edges and corners too.

        Examples
        --------
        >>> Blocks((4, 6), (2, 2), (1, 1)).behind(1, axis=0)
        [3, 4, 5]
        """
        here = self.place(k)
        steps = [(1,) if a == axis else (-1, 0, 1) for a in range(len(self.shape))]
        moved = (
            [at + step for at, step in zip(here, one, strict=True)]
            for one in itertools.product(*steps)
        )
        return [k for place in moved if (k := self.at(place)) is not None]

    @property
    def seen_more(self) -> float:
        """How many times as many pixels are seen as there are."""
        seen = sum(_size(self.region(k)) for k in self._few())
        return seen / sum(_size(self.core(k)) for k in self._few())

    def _few(self) -> range:
        # of very many blocks nearly all are alike
        return range(0, len(self), max(1, len(self) // 1000))


def shared(one: Box, other: Box) -> Box | None:
    """Return what two boxes have in common; None where that is nothing.

    Examples
    --------
    >>> shared((slice(0, 4),), (slice(3, 9),)), shared((slice(0, 3),), (slice(3, 9),))
    ((slice(3, 4, None),), None)
    """
    axes = zip(one, other, strict=True)
    found = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in axes)
    return found if all(s.start < s.stop for s in found) else None


def _size(box: Box) -> int:
    return math.prod(s.stop - s.start for s in box)


def _words(sizes: Sequence[int]) -> str:
    return (
        " x ".join(map(str, dict.fromkeys(sizes)))
        if len(set(sizes)) == 1
        else " x ".join(map(str, sizes))
    )
