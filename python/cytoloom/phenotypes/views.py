"""A cell in its eight views: turned by right angles, and flipped."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

VIEWS = 8


def turned(crops: NDArray[Any], view: int) -> NDArray[Any]:
    """Turn crops by right angles, and flip them from the fifth view on.

    Parameters
    ----------
    crops : ndarray (..., y, x, channels)
        Square where the view swaps the axes.
    view : int
        0, as it is, to 7.

    Examples
    --------
    >>> crop = np.arange(4).reshape(2, 2, 1)
    >>> turned(crop, 1)[..., 0].tolist(), turned(crop, 4)[..., 0].tolist()
    ([[1, 3], [0, 2]], [[1, 0], [3, 2]])
    """
    found = np.flip(crops, axis=-2) if view >= VIEWS // 2 else crops
    return np.rot90(found, view % 4, axes=(-3, -2))


def views_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the views that crops of a shape can have: of oblong ones those without quarter turns.

    Examples
    --------
    >>> views_of((60, 60)), views_of((40, 60))
    ((0, 1, 2, 3, 4, 5, 6, 7), (0, 2, 4, 6))
    """
    square = shape[0] == shape[1]
    return tuple(range(VIEWS)) if square else tuple(range(0, VIEWS, 2))
