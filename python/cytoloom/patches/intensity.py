"""Changes of intensity of one channel: float32 in, new float32 out, nothing clipped.

Images are normalised first: background lies near 0 and bright structures near 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]


def gamma(plane: Plane, exponent: float) -> Plane:
    """Bend intensities by a power, keeping the ends of 0 ... 1 (or of the plane, if wider).

    Examples
    --------
    >>> gamma(np.array([0.0, 0.5, 1.0], np.float32), 2.0)
    array([0.  , 0.25, 1.  ], dtype=float32)
    >>> gamma(np.array([-1.0, 0.0, 1.0], np.float32), 2.0)
    array([-1. , -0.5,  1. ], dtype=float32)
    """
    # a power of a negative number is none: what lies outside 0 ... 1 widens the range instead
    low, high = min(float(plane.min()), 0.0), max(float(plane.max()), 1.0)
    span = np.float32(high - low)
    bent: Plane = np.power((plane - np.float32(low)) / span, np.float32(exponent))
    return bent * span + np.float32(low)


def contrast_brightness(plane: Plane, factor: float, shift: float) -> Plane:
    """Stretch intensities about the plane's mean by `factor` and add `shift`.

    Examples
    --------
    >>> contrast_brightness(np.array([0.0, 1.0], np.float32), 0.5, 0.25)
    array([0.5, 1. ], dtype=float32)
    """
    offset = float(plane.mean()) * (1.0 - factor) + shift
    return plane * np.float32(factor) + np.float32(offset)


def illumination(plane: Plane, slopes: Sequence[float]) -> Plane:
    """Multiply by a linear gradient through 1 at the centre.

    Parameters
    ----------
    plane : ndarray
        float32 ``(spatial...)``.
    slopes : sequence of float
        Change of the factor from the centre to the end of each axis.

    Examples
    --------
    >>> illumination(np.ones((1, 3), np.float32), (0.0, 0.5))
    array([[0.5, 1. , 1.5]], dtype=float32)
    """
    factor = np.ones((1,) * plane.ndim, np.float32)
    for axis, (size, slope) in enumerate(zip(plane.shape, slopes, strict=True)):
        ramp = np.linspace(-slope, slope, size, dtype=np.float32) if size > 1 else np.zeros(1)
        shape = [size if k == axis else 1 for k in range(plane.ndim)]
        factor = factor + ramp.astype(np.float32).reshape(shape)
    return plane * factor


def blur(plane: Plane, sigmas_px: Sequence[float]) -> Plane:
    """Blur by a Gaussian of `sigmas_px` per axis, mirrored outside.

    Examples
    --------
    >>> spot = blur(np.array([0, 0, 0, 1, 0, 0, 0], np.float32), (0.5,))
    >>> spot[3].round(2), spot.sum().round(4)
    (np.float32(0.79), np.float32(1.0))
    """
    from scipy import ndimage

    for axis, sigma in enumerate(sigmas_px):
        # below this a Gaussian sampled at whole pixels has no neighbour above 4e-6
        if sigma > 0.2:
            plane = ndimage.gaussian_filter1d(plane, sigma, axis, mode="mirror", truncate=3.0)
    return plane


def noise(plane: Plane, sigma: float, photons: float | None, rng: np.random.Generator) -> Plane:
    """Add read noise and shot noise.

    Parameters
    ----------
    plane : ndarray
        float32 ``(spatial...)``.
    sigma : float
        Standard deviation of the read noise.
    photons : float or None
        Photons that intensity 1 stands for; None: no shot noise.
    rng : numpy.random.Generator
        Draws it.

    Notes
    -----
    Shot noise is the Gaussian of the Poisson distribution's variance, ``intensity / photons``:
    close to it from about ten photons on, many times cheaper, and defined for the intensities
    below 0 that a normalised image has (which get none).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> noise(np.zeros(2, np.float32), 0.0, 100.0, rng)
    array([0., 0.], dtype=float32)
    """
    draws = rng.standard_normal(plane.shape, dtype=np.float32)
    if photons is None:
        return plane + draws * np.float32(sigma)
    variance = np.maximum(plane, 0) * np.float32(1 / photons) + np.float32(sigma * sigma)
    noisy: Plane = plane + draws * np.sqrt(variance)
    return noisy
