"""How long the outlines of objects are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

LENGTHS = np.array([0, 1, math.sqrt(2), (1 + math.sqrt(2)) / 2])
KINDS = np.zeros(50, np.intp)
KINDS[[5, 7, 15, 17, 25, 27]], KINDS[[21, 33]], KINDS[[13, 23]] = 1, 2, 3
"""Which of the lengths a pixel of the outline adds, by 1 + 2 * (such pixels beside it) + 10 *
(diagonally)."""
BESIDE, DIAGONAL = 2, 10


AROUND = 2
"""Pixels to be seen around a box: whether a neighbour is of the outline depends on its own."""


def outline_kinds(framed: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Count the pixels of each kind on the outline of each object from 0 (which has none) on.

    Parameters
    ----------
    framed : ndarray of int (y, x)
        Labels of a box and of `AROUND` pixels around it; 0 is background, or outside the image.
    count : int
        The largest number of an object.

    Returns
    -------
    ndarray of int (count + 1, 4)
        Their sum over all boxes, times `LENGTHS`, is the length in px. Numbers of pixels, not
        lengths, are summed: these do not depend on the order.

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
    >>> square = np.pad(np.ones((5, 5), int), 1 + AROUND)
    >>> outline_kinds(square, 1) @ LENGTHS
    array([ 0., 16.])
    """
    inner = framed[1:-1, 1:-1]
    inside = inner == framed[:-2, 1:-1]
    for other in (framed[2:, 1:-1], framed[1:-1, :-2], framed[1:-1, 2:]):
        inside &= inner == other
    outline = inner.copy()
    outline[inside] = 0
    own = outline.copy()
    own[:, 0] = own[:, -1] = own[0] = own[-1] = 0
    flat, step = outline.ravel(), outline.shape[1]
    at = np.flatnonzero(own > 0)
    own = flat[at]
    code = np.ones(at.size, np.intp)
    for move in (1, step):
        code += BESIDE * ((flat[at - move] == own).astype(np.intp) + (flat[at + move] == own))
    for move in (step - 1, step + 1):
        code += DIAGONAL * ((flat[at - move] == own).astype(np.intp) + (flat[at + move] == own))
    size = (count + 1, len(LENGTHS))
    kinds = own.astype(np.intp) * size[1] + KINDS[code]
    return np.bincount(kinds, minlength=size[0] * size[1]).reshape(size)
