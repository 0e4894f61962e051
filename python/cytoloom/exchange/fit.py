"""How outlines lie in their image: what of them is outside, cut by its border, or too thin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import invalid
from ..messages import Message, counted, say

_MIDDLE = 0.5
"""So far beyond the border in px there is no middle of a pixel yet, and nothing is lost."""


@dataclass
class Fit:
    """Counts of outlines in an image.

    Parameters
    ----------
    path : Path
        Their file.
    shape : (int, int)
        Of the image.
    total, outside, cut, thin : int, default 0
        How many there are, lie beyond the border, across it, or go around no middle of a pixel.

    Examples
    --------
    >>> fit = Fit(Path("a.geojson"), (8, 9))
    >>> fit.add([np.array([[2.0, 2.0], [4.0, 2.0], [4.0, 4.0]])], 3)
    >>> fit.add([np.array([[20.0, 2.0], [24.0, 2.0], [24.0, 4.0]])], 0)
    >>> fit.said()
    ['1 of 2 outlines outside the image (8 x 9 px): are they of another size of the image?']
    """

    path: Path
    shape: tuple[int, ...]
    total: int = 0
    outside: int = 0
    cut: int = 0
    thin: int = 0

    def add(self, rings: Sequence[NDArray[np.float64]], pixels: int) -> None:
        """Count an object, of which so many pixels are in the image."""
        self.total += 1
        corners = np.concatenate([*rings, np.zeros((0, 2))])
        if not len(corners):
            self.thin += not pixels
            return
        low, high, limits = corners.min(axis=0), corners.max(axis=0), np.array(self.shape[::-1])
        beyond = bool((low < -_MIDDLE).any() or (high > limits + _MIDDLE).any())
        outside = not pixels and bool((high <= 0).any() or (low >= limits).any())
        self.outside += outside
        self.cut += beyond and not outside
        self.thin += not pixels and not beyond and not outside

    def said(self) -> list[Message]:
        """Say what is lost of them.

        Raises
        ------
        InvalidError
            All of them lie outside.
        """
        height, width = self.shape
        if self.outside and self.outside == self.total:
            raise invalid(
                str(self.path),
                expected=say("outlines within an image of {} x {} px", height, width),
                received=f"{counted(self.total, 'outline')}, all outside of it",
                remedy="Give the image that they were drawn on, of the same size and part.",
            )
        size = f"the image ({height} x {width} px)"
        of = f"of {self.total} outlines"
        asked = "are they of another size of the image?"
        lost = [f"{self.outside} {of} outside {size}"] if self.outside else []
        lost += [f"{self.cut} {of} cut at the border of {size}"] if self.cut else []
        said = [say("{}", f"{', '.join(lost)}: {asked}")] if lost else []
        thin = f"{self.thin} {of} too thin to go around the middle of a pixel: they are left out"
        return said + ([say("{}", thin)] if self.thin else [])
