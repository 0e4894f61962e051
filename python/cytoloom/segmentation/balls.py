"""Balls around points, as labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidError, invalid


def balls(
    shape: tuple[int, ...],
    places: NDArray[np.float64],
    numbers: NDArray[np.int64],
    radius: float,
    spacing: Sequence[float],
) -> NDArray[np.int64]:
    """Draw a ball at each place; what two would have is of the nearer, and each has a pixel.

    Parameters
    ----------
    shape : tuple of int
        Of the image.
    places : ndarray (n, axes) of float
        In pixels.
    numbers : ndarray (n,) of int
        Their labels, above 0.
    radius : float
        In the unit of `spacing`.
    spacing : tuple of float
        Of a pixel along each axis.

    Raises
    ------
    InvalidError
        A place outside the image, or so close to others that no pixel is left for it.

    Examples
    --------
    >>> balls((1, 7), np.array([[0.0, 1], [0, 4]]), np.array([1, 2]), 2.0, (1.0, 1.0))
    array([[1, 1, 1, 2, 2, 2, 2]])
    """
    image, nearest = np.zeros(shape, np.int64), np.full(shape, np.inf)
    reach = np.maximum(np.ceil(radius / np.asarray(spacing)), 1).astype(int)
    for place, number in zip(places, numbers, strict=True):
        box, away = _around(shape, place, reach, spacing)
        inside = (away <= radius**2) | (away == away.min())
        closer = inside & (away < nearest[box])
        image[box][closer], nearest[box][closer] = number, away[closer]
    for k in np.flatnonzero(~np.isin(numbers, image)):
        box, away = _around(shape, places[k], reach, spacing)
        counts = np.bincount(image.ravel())
        for at in np.argsort(away, axis=None, kind="stable"):
            pixel = np.unravel_index(at, away.shape)
            if counts[image[box][pixel]] > 1 or not image[box][pixel]:
                image[box][pixel] = numbers[k]
                break
        else:
            raise _no_room(places[k], "others so close that no pixel is left")
    return image


def _around(
    shape: tuple[int, ...],
    place: NDArray[np.float64],
    reach: NDArray[np.int64],
    spacing: Sequence[float],
) -> tuple[tuple[slice, ...], NDArray[np.float64]]:
    """Return the box around a place, and squared distances in it."""
    middle = np.rint(place).astype(int)
    if (middle < 0).any() or (middle >= shape).any():
        raise _no_room(place, f"an image of {' x '.join(map(str, shape))}")
    low, high = np.maximum(middle - reach, 0), np.minimum(middle + reach + 1, shape)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    away = np.zeros((1,) * len(shape))
    for axis, (a, b) in enumerate(zip(low, high, strict=True)):
        along = ((np.arange(a, b) - place[axis]) * spacing[axis]) ** 2
        away = away + along.reshape([-1 if k == axis else 1 for k in range(len(shape))])
    return box, away


def _no_room(place: NDArray[np.float64], received: str) -> InvalidError:
    at = ", ".join(f"{one:.4g}" for one in place)
    return invalid("tracks", expected=f"a pixel for the position at {at}", received=received)
