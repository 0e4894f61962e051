"""Arrays side by side as one picture, without matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .overlays import RGB, grey_limits, stretched

GAP_PX = 4
SMALLEST_PX = 96
"""Smaller arrays are enlarged by whole factors, so that one sees something."""


def panels(arrays: Sequence[NDArray[Any]]) -> RGB:
    """Put arrays side by side, each channel count in its colours, each scaled by itself.

    Parameters
    ----------
    arrays : sequence of ndarray (y, x, c)
        Of any size and type. Values from 0 to 1 are shown as they are, all others between
        percentiles 1 and 99.8.

    Returns
    -------
    uint8 array (y, x, 3)
        White between the arrays.

    Examples
    --------
    >>> panels([np.zeros((100, 100, 1)), np.ones((100, 50, 1))]).shape
    (100, 154, 3)
    """
    pictures = [_picture(np.asarray(array)) for array in arrays]
    height = max(len(picture) for picture in pictures)
    gap = np.full((height, GAP_PX, 3), 255, np.uint8)
    row = [part for picture in pictures for part in (gap, _tall(picture, height))]
    return np.concatenate(row[1:], axis=1)


def _picture(array: NDArray[Any]) -> RGB:
    inside = array.size and array.min() >= 0 and array.max() <= 1
    limits = [(0.0, 1.0)] * array.shape[-1] if inside else grey_limits(array)
    times = -(-SMALLEST_PX // max(array.shape[:2]))
    return stretched(array, limits).repeat(times, axis=0).repeat(times, axis=1)


def _tall(picture: RGB, height: int) -> RGB:
    below = height - len(picture)
    return np.pad(picture, ((0, below), (0, 0), (0, 0)), constant_values=255)
