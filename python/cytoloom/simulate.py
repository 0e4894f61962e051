"""Microscopy with exactly known truth: nuclei, cells, 3-D nuclei, annotators who disagree.

An image is made in two steps. Bodies, slightly irregular ellipsoids that may press against each
other, are placed and give the truth: each pixel belongs to the body in which it lies deepest.
Then `Optics` takes the picture: blur, haze from out of focus, uneven illumination, Poisson and
read noise. Everything is a pure function of the arguments, `seed` among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .errors import invalid

Image = NDArray[np.uint16]
Labels = NDArray[np.int32]
Floats = NDArray[np.float32]
Seed = int | Sequence[int]

kinds = ("nuclei", "cells", "nuclei_3d", "annotators")
"""What `write` can make."""

_ATTEMPTS = 40
_LARGEST_LOSS = 0.3


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
        self, signal: Floats, rng: Generator, spacing_um: tuple[float, ...] | None = None
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

        Returns
        -------
        uint16 array of the same shape
            Camera counts, 8 a photon, above an offset of 200.
        """
        from scipy import ndimage

        sigma = _psf(self.blur_px, spacing_um or (1.0,) * signal.ndim)
        sharp = ndimage.gaussian_filter(signal, sigma)
        hazy = ndimage.gaussian_filter(sharp, [8 * s for s in sigma], truncate=2.5)
        light = _illumination(signal.shape[-2:], self.unevenness, rng)
        expected = (sharp + self.haze * hazy + self.background) * light * self.photons
        caught = rng.poisson(expected) + rng.normal(0, self.read_noise, expected.shape)
        return np.clip(200 + 8 * caught, 0, 65535).astype(np.uint16)


@dataclass(frozen=True)
class _Body:
    """One irregular ellipsoid: where it is, and how deep a point lies in it."""

    centre: NDArray[np.float64]
    matrix: NDArray[np.float64]
    waves: NDArray[np.float64]
    phases: NDArray[np.float64]
    radius: float
    reach: NDArray[np.float64]

    def depth(self, shape: tuple[int, ...]) -> tuple[tuple[slice, ...], Floats]:
        """Normalised radius (0 centre, 1 edge) in the part of an image that holds the body."""
        low = np.maximum(np.floor(self.centre - self.reach).astype(int), 0)
        high = np.minimum(np.ceil(self.centre + self.reach).astype(int) + 1, shape)
        box = tuple(slice(a, max(a, b)) for a, b in zip(low, high, strict=True))
        grid = np.stack(np.meshgrid(*(np.arange(s.start, s.stop) for s in box), indexing="ij"), -1)
        inner = (grid - self.centre) @ self.matrix
        radius = np.linalg.norm(inner, axis=-1)
        direction = inner / np.maximum(radius, 1e-6)[..., None]
        wobble = np.cos(direction @ self.waves + self.phases).sum(axis=-1)
        return box, (radius / (1 + 0.06 * wobble)).astype(np.float32)


def nuclei(
    shape: tuple[int, int] = (256, 256),
    count: int = 40,
    seed: Seed = 0,
    *,
    diameter_px: tuple[float, float] = (16.0, 30.0),
    touching: float = 0.5,
    optics: Optics | None = None,
) -> tuple[Image, Labels]:
    """Make a fluorescence image of nuclei, many of which touch.

    Parameters
    ----------
    shape : (int, int), default (256, 256)
        Size in pixels, (y, x).
    count : int, default 40
        Nuclei to place; where there is no room left there are fewer.
    seed : int or sequence of int, default 0
        The same seed gives the same image.
    diameter_px : (float, float), default (16, 30)
        Smallest and largest mean diameter.
    touching : float, default 0.5
        Share of nuclei that are placed against another one, 0 to 1.
    optics : Optics, optional
        Blur, light and noise.

    Returns
    -------
    image : uint16 array (y, x)
        The picture.
    labels : int32 array (y, x)
        Exact truth before blur: 0 background, 1 to n the nuclei.

    Examples
    --------
    >>> image, labels = nuclei(shape=(64, 96), count=6, seed=1)
    >>> image.shape, image.dtype.name, labels.dtype.name, int(labels.max())
    ((64, 96), 'uint16', 'int32', 6)
    """
    rng = np.random.default_rng(seed)
    labels, depth, _ = _scatter(shape, count, rng, diameter_px, touching)
    signal = _nuclear_light(labels, depth, rng, (1.0, 1.0), max(diameter_px) / 30)
    return (optics or Optics()).expose(signal, rng), labels


def _scatter(
    shape: tuple[int, ...],
    count: int,
    rng: Generator,
    diameter: tuple[float, float],
    touching: float,
    spacing: tuple[float, ...] | None = None,
) -> tuple[Labels, Floats, list[_Body]]:
    """Place bodies: labels, normalised depth in the own body (1 outside), and the bodies."""
    _check_scene(shape, count, diameter, touching)
    step = np.array(spacing or (1.0,) * len(shape))
    labels, depth = np.zeros(shape, np.int32), np.ones(shape, np.float32)
    bodies: list[_Body] = []
    areas = [0]
    for _ in range(count):
        crowd = bool(bodies) and rng.random() < touching
        for _attempt in range(_ATTEMPTS):
            body = _draw_body(shape, rng, diameter, step, bodies if crowd else [])
            if body is not None and _settle(body, labels, depth, areas, crowd):
                bodies.append(body)
                break
    return _tidy(labels, depth), depth, bodies


def _draw_body(
    shape: tuple[int, ...],
    rng: Generator,
    diameter: tuple[float, float],
    step: NDArray[np.float64],
    neighbours: list[_Body],
) -> _Body | None:
    ndim = len(shape)
    radius = rng.uniform(*diameter) / 2
    stretch = rng.uniform(0.7, 1.35, ndim)
    semi_axes = radius * stretch / np.prod(stretch) ** (1 / ndim)
    turn = np.linalg.qr(rng.normal(size=(ndim, ndim)))[0]
    centre = rng.uniform(0, np.array(shape) - 1)
    if neighbours:
        other = neighbours[rng.integers(len(neighbours))]
        way = rng.normal(size=ndim)
        way *= (radius + other.radius) * rng.uniform(0.75, 1.0) / np.linalg.norm(way)
        centre = other.centre + way / step
        if (centre < 0).any() or (centre > np.array(shape) - 1).any():
            return None
    return _Body(
        centre=centre,
        matrix=step[:, None] * turn / semi_axes,
        waves=rng.normal(0, 2.0, (ndim, 3)),
        phases=rng.uniform(0, 2 * np.pi, 3),
        radius=radius,
        reach=1.25 * semi_axes.max() / step,
    )


def _settle(body: _Body, labels: Labels, depth: Floats, areas: list[int], crowd: bool) -> bool:
    """Enter a body where it lies deepest, unless it would hide too much or stand wrongly."""
    if labels[tuple(body.centre.astype(int))]:
        return False
    box, radius = body.depth(labels.shape)
    here = labels[box]
    inside = radius < 1
    wins = inside & (radius < depth[box])
    if (here[radius < 1.15] > 0).any() != crowd or not wins.any():
        return False
    taken = np.bincount(here[wins], minlength=len(areas))[1:]
    if (
        wins.sum() < (1 - _LARGEST_LOSS) * inside.sum()
        or (taken > _LARGEST_LOSS / 2 * np.array(areas[1:])).any()
    ):
        return False
    here[wins] = len(areas)
    depth[box][wins] = radius[wins]
    areas.append(int(wins.sum()))
    return True


def _tidy(labels: Labels, depth: Floats) -> Labels:
    """Keep the largest piece of each body, and number them without gaps."""
    from scipy import ndimage

    number = 0
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        own = labels[box] == index
        pieces, n = ndimage.label(own)
        largest = np.bincount(pieces[own]).argmax() if n > 1 else 1
        number += 1
        labels[box][own] = np.where(pieces[own] == largest, number, 0)
    depth[labels == 0] = 1
    return labels


def _nuclear_light(
    labels: Labels, depth: Floats, rng: Generator, spacing: tuple[float, ...], scale: float
) -> Floats:
    """Chromatin with dark nucleoli, dimmer towards the rim and where two nuclei meet."""
    brightness = np.exp(rng.normal(0, 0.35, labels.max() + 1)).astype(np.float32)
    brightness[0] = 0
    light = brightness[labels] * (0.55 + 0.45 * np.sqrt(np.maximum(1 - depth**2, 0)))
    grain = [_noise(labels.shape, rng, scale * size, spacing) for size in (1.2, 3.5, 2.0)]
    light *= np.clip(1 + 0.12 * grain[0] + 0.14 * grain[1], 0.4, 1.8)
    light *= np.where(grain[2] > 1.5, 0.65, 1)
    light[_seams(labels)] *= 0.3
    return light


def _seams(labels: Labels) -> NDArray[np.bool_]:
    """Pixels with a face neighbour in another body."""
    seam = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        view, line = np.moveaxis(labels, axis, 0), np.moveaxis(seam, axis, 0)
        meet = (view[1:] != view[:-1]) & (view[1:] > 0) & (view[:-1] > 0)
        line[1:] |= meet
        line[:-1] |= meet
    return seam


def _noise(
    shape: tuple[int, ...], rng: Generator, size_px: float, spacing: tuple[float, ...]
) -> Floats:
    """Smooth noise of mean 0 and standard deviation 1."""
    from scipy import ndimage

    sigma = [size_px * spacing[-1] / s for s in spacing]
    white = rng.standard_normal(shape, dtype=np.float32)
    field = ndimage.gaussian_filter(white, sigma, mode="wrap", truncate=3)
    standard: Floats = (field - field.mean()) / max(float(field.std()), 1e-6)
    return standard


def _psf(blur_px: float, spacing: tuple[float, ...]) -> list[float]:
    lateral = blur_px * spacing[-1]
    axial = 3 * lateral if len(spacing) == 3 else lateral
    return [axial / spacing[0], *(lateral / s for s in spacing[1:])]


def _illumination(shape: tuple[int, ...], unevenness: float, rng: Generator) -> Floats:
    """Light of a lamp somewhere in the image: 1 under it, 1 - unevenness in the far corner."""
    y, x = (np.linspace(0, 1, n, dtype=np.float32) for n in shape)
    lamp = rng.uniform(0.1, 0.9, 2)
    distance = (y[:, None] - lamp[0]) ** 2 + (x[None, :] - lamp[1]) ** 2
    light: Floats = (1 - unevenness * np.sqrt(distance / distance.max())).astype(np.float32)
    return light


def _check_scene(
    shape: tuple[int, ...], count: int, diameter: tuple[float, float], touching: float
) -> None:
    if min(shape) < 1:
        raise invalid("shape", expected="1 or more pixels along each axis", received=shape)
    if count < 0:
        raise invalid("count", expected="0 or more", received=count)
    if not 0 < diameter[0] <= diameter[1]:
        raise invalid("diameter", expected="(smallest, largest), above 0", received=diameter)
    if not 0 <= touching <= 1:
        raise invalid("touching", expected="0 to 1", received=touching)
