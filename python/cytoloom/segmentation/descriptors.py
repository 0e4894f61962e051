"""Local shape descriptors: what the part of an object around a pixel looks like."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
TRUNCATE = 3
"""A Gaussian ends at so many sigma."""


def descriptors(
    labels: Array, sigma: float, spacing: Sequence[float], downsample: int = 1
) -> NDArray[np.float32]:
    """Describe the part of its object around each pixel, under a Gaussian window.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x) or (z, y, x)
        0 is background.
    sigma : float
        Of the window, in units of `spacing`; it ends at 3 sigma.
    spacing : sequence of float
        Pixel size per axis.
    downsample : int, default 1
        Every how many pixels along each axis are measured; in between the nearest counts. Twice
        as many are eight times as fast in 3-D, and as good to learn from.

    Returns
    -------
    ndarray of float32, shape (spatial..., 6 or 10)
        From 0 to 1, 0 on background: where the middle of that part lies, per axis (0.5: here),
        its spread per axis (1: that of the window), the correlations of each two axes (0.5:
        none), and the share of the window that it fills.

    Notes
    -----
    The descriptors of A. Sheridan et al., Nature Methods 20, 295 (2023),
    :doi:`10.1038/s41592-022-01711-z`, in units of the window.

    Examples
    --------
    >>> box = np.ones((9, 9), int)
    >>> descriptors(box, 2, (1, 1))[4, 4, [0, 1, 4]]
    array([0.5, 0.5, 0.5], dtype=float32)
    """
    coarse = labels[(slice(None, None, downsample),) * labels.ndim]
    sigmas = [sigma / size / downsample for size in spacing]
    seen = _at_every_pixel(coarse, sigmas)
    for axis in range(labels.ndim):
        seen = np.repeat(seen, downsample, axis=axis)
    seen = np.ascontiguousarray(seen[tuple(slice(0, n) for n in labels.shape)])
    seen[labels <= 0] = 0
    return seen


def _at_every_pixel(labels: Array, sigmas: Sequence[float]) -> NDArray[np.float32]:
    """Describe each object in its box and what of the window is around it."""
    from scipy import ndimage

    ndim = labels.ndim
    found = np.zeros((*labels.shape, channels(ndim)), np.float32)
    ids, numbers = np.unique(np.maximum(labels, 0), return_inverse=True)
    numbers = numbers.reshape(labels.shape) + (0 if ids[0] == 0 else 1)
    for number, box in enumerate(ndimage.find_objects(numbers), start=1):
        if box is not None:
            mask = numbers[box] == number
            found[box][mask] = _of_mask(mask, sigmas)[mask]
    return found


def _of_mask(mask: NDArray[np.bool_], sigmas: Sequence[float]) -> NDArray[np.float32]:
    from scipy import ndimage

    # in units of the window, from the middle of the box: differences stay small and so exact
    grid = np.meshgrid(
        *((np.arange(n) - n / 2) / s for n, s in zip(mask.shape, sigmas, strict=True)),
        indexing="ij",
    )
    weight = mask.astype(np.float64)

    def window(values: Array) -> Array:
        """Sum under a Gaussian; nothing is outside of the box."""
        return np.asarray(
            ndimage.gaussian_filter(values, sigmas, mode="constant", truncate=TRUNCATE)
        )

    mass = window(weight)
    safe = np.maximum(mass, 1e-9)
    means = [window(weight * x) / safe for x in grid]
    offsets = [m - x for m, x in zip(means, grid, strict=True)]
    spread = {
        (a, b): window(weight * grid[a] * grid[b]) / safe - means[a] * means[b]
        for a, b in itertools.combinations_with_replacement(range(mask.ndim), 2)
    }
    parts = [0.5 + offset / 2 for offset in offsets]
    parts += [spread[a, a] for a in range(mask.ndim)]
    for a, b in itertools.combinations(range(mask.ndim), 2):
        scale = np.sqrt(np.maximum(spread[a, a] * spread[b, b], 1e-12))
        parts.append(0.5 + spread[a, b] / scale / 2)
    parts.append(mass)
    return np.clip(np.stack(parts, axis=-1), 0, 1).astype(np.float32)


def channels(ndim: int) -> int:
    """How many numbers describe a pixel.

    Examples
    --------
    >>> channels(2), channels(3)
    (6, 10)
    """
    return 1 + 2 * ndim + math.comb(ndim, 2)
