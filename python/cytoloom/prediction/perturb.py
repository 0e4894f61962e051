"""Gentle changes of an image after which the same objects should be found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from ..patches.intensity import gamma

Array = np.ndarray
NOISE = 0.01, 0.05
"""Least and largest noise, in shares of the contrast: what augmentation adds at most."""
GAMMA = 0.8, 1.25
"""The ends of what "light" augmentation bends."""
ZOOM = 1 / 1.1, 1.1
"""Objects so much smaller or larger look as in training, of which the size varies by up to 1.25."""


@dataclass(frozen=True)
class Change:
    """One change: what the network is shown instead, and how its labels come back.

    Parameters
    ----------
    name : str
        Of what kind.
    image : ndarray (spatial..., c)
        In the type of the image.
    turned : callable
        From labels of the image to those of the changed one.
    zoom : float, default 1
        By how much larger the network is shown it; its maps come back at the image's size.
    """

    name: str
    image: Array
    turned: Callable[[Array], Array]
    zoom: float = 1.0


def changes(
    image: Array, low: Array, high: Array, seen: Array | None, square: bool, seed: Any
) -> Iterator[Change]:
    """Make one change of each kind: turned, noisy, darker or brighter, smaller or larger.

    Parameters
    ----------
    image : ndarray (spatial..., c)
        As it is stored.
    low, high : ndarray (c,)
        Its values of background and of bright structures.
    seen : ndarray of bool (spatial...), optional
        Where it is image; elsewhere it was filled up, and stays.
    square : bool
        Whether y and x may be swapped: pixels are square.
    seed : object
        Of NumPy's generator.

    Examples
    --------
    >>> image = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    >>> found = list(changes(image, np.zeros(1), np.full(1, 11), None, True, 0))
    >>> [one.name for one in found], found[0].image.shape
    (['turned', 'noise', 'gamma', 'zoom'], (4, 3, 1))
    """
    rng = np.random.default_rng(seed)
    quarters = int(rng.choice((1, 3) if square else (2,)))

    def turned(one: Array) -> Array:
        """Turn the plane of y and x."""
        first = one.ndim - 2 if one.ndim < image.ndim else one.ndim - 3
        return np.ascontiguousarray(np.rot90(one, quarters, (first, first + 1)))

    def as_stored(values: Array) -> Array:
        """Return float pixels in the type of the image; what is no image stays."""
        if image.dtype.kind in "iu":
            ends = np.iinfo(image.dtype)
            values = np.clip(np.rint(values), ends.min, ends.max)
        kept = np.isfinite(values) if seen is None else seen[..., None] & np.isfinite(values)
        return np.where(kept, values.astype(image.dtype), image)

    def same(labels: Array) -> Array:
        return labels

    contrast = np.maximum(np.asarray(high, np.float64) - low, 1e-12)
    yield Change("turned", turned(image), turned)
    level = np.clip(noise_of(image) / contrast, *NOISE) * contrast
    yield Change("noise", as_stored(image + level * rng.standard_normal(image.shape)), same)
    shares = np.nan_to_num((image - low) / contrast, posinf=1, neginf=0).astype(np.float32)
    exponent = float(rng.choice(GAMMA))
    bent = np.stack([gamma(plane, exponent) for plane in np.moveaxis(shares, -1, 0)], -1)
    yield Change("gamma", as_stored(bent * contrast + low), same)
    yield Change("zoom", image, same, float(rng.choice(ZOOM)))


def noise_of(image: Array) -> Array:
    """Estimate the noise of each channel: what a difference of Laplacians leaves, by its median.

    Parameters
    ----------
    image : ndarray (spatial..., c)
        With its own noise; other structures as fine as a pixel count as such.

    Returns
    -------
    ndarray of float (c,)
        Standard deviation.

    Notes
    -----
    J. Immerkaer, Computer Vision and Image Understanding 64, 300 (1996),
    :doi:`10.1006/cviu.1996.0060`; with the median, which edges hardly change.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(100, 7, (64, 64, 1))
    >>> noise_of(noise).round(0)
    array([7.])
    """
    values = np.nan_to_num(image.astype(np.float32), posinf=0, neginf=0)
    second = np.array([1.0, -2.0, 1.0], np.float32)
    for axis in (image.ndim - 3, image.ndim - 2):
        values = ndimage.convolve1d(values, second, axis)
    flat = np.abs(values).reshape(-1, image.shape[-1])
    return np.asarray(np.median(flat, axis=0) / (0.6745 * 6.0), np.float64)
