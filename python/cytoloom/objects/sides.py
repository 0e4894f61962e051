"""From where to where objects reach, and what their convex hulls hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .hulls import hull_px
from .runs import Ints, Runs, boxes, extents

KEPT = 2**22
"""Lines of objects that are kept before those of finished ones are looked for: 130 MB."""


class Sides:
    """The first and last pixel of each object on each line, until the object is whole.

    Parameters
    ----------
    shape : sequence of int
        Of the label image.
    count : int
        The largest number of an object.

    Attributes
    ----------
    low, high : int array (count + 1, axes)
        The first px of each object's box and one past its last.
    """

    def __init__(self, shape: Sequence[int], count: int) -> None:
        self._shape = tuple(shape)
        self.low = np.tile(np.asarray(self._shape), (count + 1, 1))
        self.high = np.zeros_like(self.low)
        self._hull = np.zeros(count + 1, np.int64)
        self._ended = np.zeros(count + 1, bool)
        self._open: list[Runs] = []
        self._most = KEPT

    def add(self, sides: Runs, to: Ints) -> None:
        """Add the `extents` of objects of a box, whose numbers are `to`."""
        low, high = boxes(sides, self._shape)
        own = to[sides.owner[sides.groups]]
        self.low[own] = np.minimum(self.low[own], low)
        self.high[own] = np.maximum(self.high[own], high)
        self._open.append(Runs(to[sides.owner], sides.line, sides.first, sides.last))

    def end(self, numbers: NDArray[Any]) -> None:
        """Say of which objects no more is added."""
        self._ended[numbers] = True
        if sum(len(one.owner) for one in self._open) > self._most:
            self._finish(self._ended)
            self._most = KEPT + 2 * sum(len(one.owner) for one in self._open)

    def hulls(self) -> Ints:
        """Return how many pixels the convex hull of each object holds, when all are whole."""
        self._finish(np.ones_like(self._ended))
        return self._hull

    def _finish(self, ended: NDArray[np.bool_]) -> None:
        """Measure the hulls of objects that are whole, and keep the lines of the others."""
        if not self._open:
            return
        every = extents(self._open)
        whole = ended[every.owner]
        done, self._open = every.part(whole), [every.part(~whole)]
        numbers, own = np.unique(done.owner, return_inverse=True)
        some = Runs(own.astype(np.int64) + 1, done.line, done.first, done.last)
        self._hull[numbers] = hull_px(some, self._shape, len(numbers))[1:]
