"""A stack as one flat picture: planes at right angles and a projection, side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

GAP_PX = 4
WIDEST = 1.0
"""Planes along z take at most so many times the longer side, however far apart they are."""


def middle(labels: NDArray[Any] | None, shape: Sequence[int]) -> tuple[int, int, int]:
    """Return where a stack is cut: the plane with most objects, and the middle of y and x.

    Examples
    --------
    >>> middle(np.array([[[0, 0]], [[1, 2]], [[1, 0]]]), (3, 1, 2))
    (1, 0, 1)
    """
    z = shape[0] // 2
    if labels is not None and labels.any():
        z = int(np.argmax([np.unique(plane).size for plane in labels]))
    return z, shape[1] // 2, shape[2] // 2


def flat(
    stack: NDArray[Any],
    at: Sequence[int],
    spacing: Sequence[float] | None = None,
    gap: float = 0,
) -> NDArray[Any]:
    """Lay out a stack: (y, x), beside it (y, z) and the largest values along z, below it (z, x).

    Parameters
    ----------
    stack : ndarray (z, y, x) or (z, y, x, c)
        Pixels or labels.
    at : (int, int, int)
        Where it is cut.
    spacing : sequence of float, optional
        Of z, y, x: planes along z are stretched by it.
    gap : float, default 0
        Value between and beside the parts.

    Returns
    -------
    ndarray (height, width) or (height, width, c)

    Examples
    --------
    >>> flat(np.arange(8).reshape(2, 2, 2), (0, 0, 0), gap=-1).shape
    (8, 14)
    """
    z, y, x = at
    depth = _depth(stack.shape, spacing)
    rows = np.minimum(np.arange(depth) * stack.shape[0] // depth, stack.shape[0] - 1)
    along_y, along_x = stack[rows, y], stack[rows, :, x].swapaxes(0, 1)
    top = [stack[z], along_x, stack.max(axis=0)]
    height, width = stack.shape[1], sum(part.shape[1] for part in top) + 2 * GAP_PX
    whole = np.full((height + GAP_PX + depth, width, *stack.shape[3:]), gap, stack.dtype)
    start = 0
    for part in top:
        whole[:height, start : start + part.shape[1]] = part
        start += part.shape[1] + GAP_PX
    whole[height + GAP_PX :, : stack.shape[2]] = along_y
    return whole


def _depth(shape: Sequence[int], spacing: Sequence[float] | None) -> int:
    """Return how many pixels the planes take side by side."""
    factor = 1.0
    if spacing is not None and len(spacing) == 3:
        factor = spacing[0] / max(spacing[1], 1e-9)
    most = WIDEST * max(shape[1], shape[2])
    wanted = shape[0] * factor if math.isfinite(factor) else shape[0]
    return max(1, round(min(max(wanted, shape[0]), max(most, shape[0]))))
