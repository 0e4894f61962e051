"""How long the outlines of objects are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .runs import blocks

LENGTHS = np.array([0, 1, math.sqrt(2), (1 + math.sqrt(2)) / 2])
KINDS = np.zeros(50, np.intp)
KINDS[[5, 7, 15, 17, 25, 27]], KINDS[[21, 33]], KINDS[[13, 23]] = 1, 2, 3
"""Which of the lengths a pixel of the outline adds, by 1 + 2 * (such pixels beside it) + 10 *
(diagonally)."""
BESIDE, DIAGONAL = 2, 10


def perimeters(numbers: NDArray[Any], count: int, block_px: int) -> NDArray[np.float64]:
    """Length in px of the outline of each object from 0 (which has none) to `count`.

    Parameters
    ----------
    numbers : ndarray of int (y, x)
        0 is background.
    count : int
        The largest number.
    block_px : int
        Pixels looked at at a time.

    Notes
    -----
    As ``perimeter`` of scikit-image with 4 neighbours [1]_: of the object's pixels with a pixel
    above, below or beside that is not the object's (outside the image none is), each adds 1,
    sqrt(2) or the mean of both by how many such pixels are beside it and diagonally; outlines of
    holes count. It is 0 for fewer than some three pixels.

    References
    ----------
    .. [1] K. Benkrid, D. Crookes, Design and FPGA Implementation of a Perimeter Estimator,
       The Queen's University of Belfast (2000)

    Examples
    --------
    >>> square = np.pad(np.ones((5, 5), int), 1)
    >>> perimeters(square, 1, 100)
    array([ 0., 16.])
    """
    # numbers of pixels, not lengths, are summed: these do not depend on the order
    total = np.zeros((count + 1, len(LENGTHS)), np.int64)
    for rows in blocks(numbers.shape, block_px):
        total += _of_rows(numbers, rows, count)
    found: NDArray[np.float64] = total @ LENGTHS
    return found


def _of_rows(numbers: NDArray[Any], rows: slice, count: int) -> NDArray[np.int64]:
    """Count the pixels of each kind on the outlines in some rows."""
    height, width = numbers.shape
    # whether a neighbour is of the outline depends on its own neighbours: two rows more
    low, high = max(rows.start - 2, 0), min(rows.stop + 2, height)
    seen = np.zeros((rows.stop - rows.start + 4, width + 2), numbers.dtype)
    top = low - rows.start + 2
    seen[top : top + high - low, 1:-1] = numbers[low:high]
    inner = seen[1:-1, 1:-1]
    inside = inner == seen[:-2, 1:-1]
    for other in (seen[2:, 1:-1], seen[1:-1, :-2], seen[1:-1, 2:]):
        inside &= inner == other
    outline = seen[1:-1].copy()
    outline[:, 1:-1][inside] = 0
    flat, step = outline.ravel(), width + 2
    at = np.flatnonzero(outline[1:-1] > 0) + step
    own = flat[at]
    code = np.ones(at.size, np.intp)
    for move in (1, step):
        code += BESIDE * ((flat[at - move] == own).astype(np.intp) + (flat[at + move] == own))
    for move in (step - 1, step + 1):
        code += DIAGONAL * ((flat[at - move] == own).astype(np.intp) + (flat[at + move] == own))
    size = (count + 1, len(LENGTHS))
    kinds = own.astype(np.intp) * size[1] + KINDS[code]
    return np.bincount(kinds, minlength=size[0] * size[1]).reshape(size)
