"""What a microscope and its camera make of a scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..components.arguments import checked
from ..errors import invalid

Image = NDArray[np.uint16]
Floats = NDArray[np.float32]


@checked
@dataclass(frozen=True)
class Optics:
    """Microscope and camera.

    Attributes
    ----------
    blur_px : float, default 1.2
        Standard deviation of the point-spread function in the focal plane; along z it is
        three times as wide in micrometres.
    photons : float, default 120
        Photons that a pixel of an average nucleus collects under full light; fewer is noisier.
    read_noise : float, default 2
        Standard deviation of the camera's noise, in photons.
    background : float, default 0.12
        Light where there is no nucleus, as a share of an average nucleus.
    haze : float, default 0.25
        Light from out of focus, as a share of what is nearby.
    unevenness : float, default 0.6
        How much less light the darkest corner gets: 0 even, 1 dark.

    Examples
    --------
    >>> from cytoloom import simulate
    >>> noisy, labels = simulate.nuclei((64, 64), count=3, optics=Optics(photons=20))
    >>> noisy.dtype.name
    'uint16'
    """

    blur_px: float = 1.2
    photons: float = 120.0
    read_noise: float = 2.0
    background: float = 0.12
    haze: float = 0.25
    unevenness: float = 0.6

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 0:
                raise invalid(name, expected="0 or more", received=value)
        if self.unevenness > 1:
            raise invalid("unevenness", expected="0 to 1", received=self.unevenness)

    def expose(
        self,
        signal: Floats,
        rng: Generator,
        spacing_um: tuple[float, ...] | None = None,
        lamp: NDArray[np.float64] | None = None,
    ) -> Image:
        """Take a picture.

        Parameters
        ----------
        signal : float32 array (y, x) or (z, y, x)
            Fluorescence, about 1 in an average nucleus.
        rng : numpy.random.Generator
            Draws the lamp's position and the noise.
        spacing_um : tuple of float, optional
            Distance of pixels along each axis; default: all the same.
        lamp : ndarray (2,), optional
            Where the lamp is, (y, x) as shares of the image, as in all frames of a movie; default:
            drawn anew.

        Returns
        -------
        uint16 array of the same shape
            Camera counts, 8 a photon, above an offset of 200.

        Examples
        --------
        >>> dark = Optics(background=0.0, read_noise=0.0)
        >>> dark.expose(np.zeros((1, 2), np.float32), np.random.default_rng(0))
        array([[200, 200]], dtype=uint16)
        """
        from scipy import ndimage

        sigma = _psf(self.blur_px, spacing_um or (1.0,) * signal.ndim)
        sharp = ndimage.gaussian_filter(signal, sigma)
        # light from out of focus is the same light, spread wide: no model of the layers around
        hazy = ndimage.gaussian_filter(sharp, [8 * s for s in sigma], truncate=2.5)
        lamp = lamp_of(rng) if lamp is None else lamp
        light = _illumination(signal.shape[-2:], self.unevenness, lamp)
        expected = (sharp + self.haze * hazy + self.background) * light * self.photons
        caught = rng.poisson(expected) + rng.normal(0, self.read_noise, expected.shape)
        counts: Image = np.clip(200 + 8 * caught, 0, 65535).astype(np.uint16)
        return counts


def noise(
    shape: tuple[int, ...], rng: Generator, size_px: float, spacing: tuple[float, ...]
) -> Floats:
    """Smooth noise of mean 0 and standard deviation 1."""
    from scipy import ndimage

    sigma = [size_px * spacing[-1] / s for s in spacing]
    white = rng.standard_normal(shape, dtype=np.float32)
    field = ndimage.gaussian_filter(white, sigma, mode="wrap", truncate=3)
    standard: Floats = (field - field.mean()) / max(float(field.std()), 1e-6)
    return standard


def lamp_of(rng: Generator) -> NDArray[np.float64]:
    """Draw where a lamp is, (y, x) as shares of the image."""
    return rng.uniform(0.1, 0.9, 2)


def _psf(blur_px: float, spacing: tuple[float, ...]) -> list[float]:
    lateral = blur_px * spacing[-1]
    axial = 3 * lateral if len(spacing) == 3 else lateral
    return [axial / spacing[0], *(lateral / s for s in spacing[1:])]


def _illumination(shape: tuple[int, ...], unevenness: float, lamp: NDArray[np.float64]) -> Floats:
    """Light of a lamp somewhere in the image: 1 under it, 1 - unevenness in the far corner."""
    y, x = (np.linspace(0, 1, n, dtype=np.float32) for n in shape)
    distance = (y[:, None] - lamp[0]) ** 2 + (x[None, :] - lamp[1]) ** 2
    light: Floats = (1 - unevenness * np.sqrt(distance / distance.max())).astype(np.float32)
    return light
