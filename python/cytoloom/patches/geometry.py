"""Random geometry in micrometres: turns, rotations, scale, shear and elastic fields."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .resample import control_counts

Matrix = npt.NDArray[np.float64]
Field = npt.NDArray[np.float32]

# standard deviation of a cubic B-spline field per axis where its control points have 1:
# sqrt of the mean over a cell of the sum of squared weights, 151/315
SPLINE_SD = (151 / 315) ** 0.5


def alike(spacing_um: Sequence[float], shape: Sequence[int] | None = None) -> list[list[int]]:
    """Group the axes that may be swapped: those of equal spacing, to 1 %.

    Parameters
    ----------
    spacing_um : sequence of float
        Pixel size per axis.
    shape : sequence of int, optional
        Where given, axes must be of equal length too.

    Examples
    --------
    >>> alike((2.0, 0.5, 0.5)), alike((1.0, 1.0)), alike((1.0, 1.0), (64, 32))
    ([[0], [1, 2]], [[0, 1]], [[0], [1]])
    """
    groups: list[list[int]] = []
    for axis, spacing in enumerate(spacing_um):
        for group in groups:
            same = abs(spacing / spacing_um[group[0]] - 1) < 0.01
            if same and (shape is None or shape[axis] == shape[group[0]]):
                group.append(axis)
                break
        else:
            groups.append([axis])
    return groups


def turn(rng: np.random.Generator, groups: Sequence[Sequence[int]]) -> tuple[list[int], list[bool]]:
    """Draw one of all turns by right angles that keep each group of axes together.

    Returns
    -------
    axes : list of int
        Patch axis k runs along image axis ``axes[k]``.
    flips : list of bool
        Patch axis k runs backwards. Never a mirror image on the whole.
    """
    n = sum(map(len, groups))
    axes, flips = list(range(n)), [False] * n
    for group in groups:
        order = rng.permutation(len(group))
        signs = rng.random(len(group)) < 0.5
        # an odd number of swaps and flips mirrors: one more flip makes a rotation of it
        signs[-1] ^= (_swaps(order) + int(signs.sum())) % 2 == 1
        for axis, source, sign in zip(group, order, signs, strict=True):
            axes[axis], flips[axis] = group[int(source)], bool(sign)
    return axes, flips


def rotation(rng: np.random.Generator, free: Sequence[int], n: int, radians: float) -> Matrix:
    """Build a rotation by `radians`: in the plane of two free axes, about a random axis of three.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the axis.
    free : sequence of int
        The two or three axes that take part.
    n : int
        Number of axes.
    radians : float
        The angle.

    Examples
    --------
    >>> rotation(np.random.default_rng(0), (0, 1), 2, np.pi / 2).round(3) + 0.0
    array([[ 0., -1.],
           [ 1.,  0.]])
    """
    normal = np.array([1.0, 0.0, 0.0])
    if len(free) == 3:
        normal = rng.standard_normal(3)
        normal /= np.linalg.norm(normal)
    a, b, c = normal
    cross = np.array([[0, -c, b], [c, 0, -a], [-b, a, 0]])
    # Rodrigues' formula
    turned = np.eye(3) + np.sin(radians) * cross + (1 - np.cos(radians)) * cross @ cross
    matrix = np.eye(n)
    matrix[np.ix_(free, free)] = turned[-len(free) :, -len(free) :]
    return matrix


def shear(rng: np.random.Generator, free: Sequence[int], n: int, radians: float) -> Matrix:
    """Build a shear by `radians` of one random free axis along another."""
    along, by = rng.choice(np.asarray(free), 2, replace=False)
    matrix = np.eye(n)
    matrix[along, by] = np.tan(radians)
    return matrix


def elastic(
    rng: np.random.Generator,
    shape: Sequence[int],
    spacing_um: Sequence[float],
    amplitude_px: float,
    spacing_px: float,
) -> tuple[Field, tuple[float, ...]]:
    """Draw the control points of a smooth displacement field.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws them.
    shape : sequence of int
        Spatial shape of the patch in px.
    spacing_um : sequence of float
        Pixel size per axis.
    amplitude_px, spacing_px : float
        Root mean square of the displacement along each axis, and distance of the control
        points, both in px of the finest axis.

    Returns
    -------
    controls : ndarray
        float32 ``(n, controls...)`` in px of each axis.
    spacing_px : tuple of float
        Distance of the control points in px of each axis.
    """
    px = finest(spacing_um)
    # a coarse axis can have its control points no closer than its pixels
    steps = tuple(max(spacing_px * p, 1.0) for p in px)
    n = len(shape)
    controls = rng.standard_normal((n, *control_counts(shape, steps)), dtype=np.float32)
    # control points are wider than the field that they make, by SPLINE_SD per axis
    scale = (amplitude_px / SPLINE_SD**n * np.asarray(px)).astype(np.float32)
    return controls * scale.reshape(-1, *[1] * n), steps


def finest(spacing_um: Sequence[float]) -> tuple[float, ...]:
    """Count what one pixel of the finest axis is in pixels of each axis.

    Examples
    --------
    >>> finest((2.0, 0.5, 0.5))
    (0.25, 1.0, 1.0)
    """
    return tuple(min(spacing_um) / s for s in spacing_um)


def in_pixels(matrix: Matrix, spacing_um: Sequence[float]) -> Matrix:
    """Turn a matrix on micrometres into the same on pixels.

    Examples
    --------
    >>> in_pixels(np.array([[0.0, 1.0], [1.0, 0.0]]), (2.0, 1.0))
    array([[0. , 0.5],
           [2. , 0. ]])
    """
    spacing = np.asarray(spacing_um, np.float64)
    pixels: Matrix = matrix * spacing / spacing[:, None]
    return pixels


def _swaps(order: npt.NDArray[np.int64]) -> int:
    return sum(int(a > b) for a, b in itertools.combinations(order, 2))
