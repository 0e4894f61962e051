"""Scenes with exactly known truth: nuclei, cells with nuclei, nuclei in 3-D."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..components.arguments import checked
from ..errors import invalid
from .bodies import Body, scatter, seams
from .optics import Optics, noise

Image = NDArray[np.uint16]
Labels = NDArray[np.int32]
Floats = NDArray[np.float32]
Seed = int | Sequence[int]


def seeded(seed: Seed) -> np.random.SeedSequence:
    """Return where random numbers start, or refuse a seed that is none.

    Examples
    --------
    >>> seeded(-1)
    Traceback (most recent call last):
    cytoloom.errors.InvalidError: Invalid `seed`. Expected whole numbers, 0 or more. Received: -1.
    """
    try:
        return np.random.SeedSequence(seed)
    except (ValueError, TypeError):
        raise invalid("seed", expected="whole numbers, 0 or more", received=seed) from None


@checked
def nuclei(
    shape: tuple[int, int] = (256, 256),
    count: int = 40,
    seed: Seed = 0,
    *,
    diameter_px: tuple[float, float] = (16.0, 30.0),
    touching: float = 0.6,
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
    touching : float, default 0.6
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
    rng = np.random.default_rng(seeded(seed))
    labels, depth, _ = scatter(shape, count, rng, diameter_px, touching)
    signal = _nuclear_light(labels, depth, rng, (1.0, 1.0), max(diameter_px) / 30)
    return (optics or Optics()).expose(signal, rng), labels


def _nuclear_light(
    labels: Labels, depth: Floats, rng: Generator, spacing: tuple[float, ...], scale: float
) -> Floats:
    """Chromatin with dark nucleoli, dimmer towards the rim and where two nuclei meet."""
    brightness = np.exp(rng.normal(0, 0.35, labels.max() + 1)).astype(np.float32)
    brightness[0] = 0
    light: Floats = brightness[labels] * (0.55 + 0.45 * np.sqrt(np.maximum(1 - depth**2, 0)))
    grain = [noise(labels.shape, rng, scale * size, spacing) for size in (1.2, 3.5, 2.0)]
    light *= np.clip(1 + 0.12 * grain[0] + 0.14 * grain[1], 0.4, 1.8)
    light *= np.where(grain[2] > 1.5, 0.65, 1)
    light[seams(labels)] *= 0.3
    return light


@checked
def nuclei_3d(
    shape: tuple[int, int, int] = (32, 96, 96),
    count: int = 20,
    seed: Seed = 0,
    *,
    spacing_um: tuple[float, float, float] = (1.0, 0.5, 0.5),
    diameter_um: tuple[float, float] = (8.0, 13.0),
    touching: float = 0.5,
    optics: Optics | None = None,
) -> tuple[Image, Labels]:
    """Make a stack of nuclei, sampled and blurred more coarsely along z.

    Parameters
    ----------
    shape : (int, int, int), default (32, 96, 96)
        Size in pixels, (z, y, x).
    count : int, default 20
        Nuclei to place; where there is no room left there are fewer.
    seed : int or sequence of int, default 0
        The same seed gives the same image.
    spacing_um : (float, float, float), default (1, 0.5, 0.5)
        Micrometres between planes, rows and columns.
    diameter_um : (float, float), default (8, 13)
        Smallest and largest mean diameter, in micrometres.
    touching : float, default 0.5
        Share of nuclei that are placed against another one, 0 to 1.
    optics : Optics, optional
        Blur, light and noise.

    Returns
    -------
    image : uint16 array (z, y, x)
        The picture.
    labels : int32 array (z, y, x)
        Exact truth before blur: 0 background, 1 to n the nuclei.

    Examples
    --------
    >>> image, labels = nuclei_3d(shape=(8, 32, 32), count=3, seed=1)
    >>> image.shape, image.dtype.name, labels.shape
    ((8, 32, 32), 'uint16', (8, 32, 32))
    """
    rng = np.random.default_rng(seeded(seed))
    labels, depth, _ = scatter(shape, count, rng, diameter_um, touching, spacing_um)
    scale = max(diameter_um) / spacing_um[-1] / 30
    signal = _nuclear_light(labels, depth, rng, spacing_um, scale)
    return (optics or Optics()).expose(signal, rng, spacing_um), labels


@checked
def cells(
    shape: tuple[int, int] = (256, 256),
    count: int = 20,
    seed: Seed = 0,
    *,
    diameter_px: tuple[float, float] = (38.0, 60.0),
    touching: float = 0.6,
    optics: Optics | None = None,
) -> tuple[Image, Labels]:
    """Make a two-channel image of cells and the classes of its pixels.

    Parameters
    ----------
    shape : (int, int), default (256, 256)
        Size in pixels, (y, x).
    count : int, default 20
        Cells to place; where there is no room left there are fewer.
    seed : int or sequence of int, default 0
        The same seed gives the same image.
    diameter_px : (float, float), default (38, 60)
        Smallest and largest mean diameter of a cell; its nucleus has about half of it.
    touching : float, default 0.6
        Share of cells that are placed against another one, 0 to 1.
    optics : Optics, optional
        Blur, light and noise of both channels.

    Returns
    -------
    image : uint16 array (y, x, 2)
        Channel 0 cytoplasm, channel 1 nucleus.
    classes : int32 array (y, x)
        0 background, 1 cytoplasm, 2 nucleus.

    Examples
    --------
    >>> image, classes = cells(shape=(96, 96), count=4, seed=1)
    >>> image.shape, np.unique(classes).tolist()
    ((96, 96, 2), [0, 1, 2])
    """
    rng = np.random.default_rng(seeded(seed))
    labels, depth, bodies = scatter(shape, count, rng, diameter_px, touching)
    inner, inner_depth = _nuclei_of(bodies, labels, rng)
    camera = optics or Optics()
    scale = max(diameter_px) / 60
    cytoplasm = _cytoplasm_light(labels, depth, inner > 0, rng, scale)
    nucleus = _nuclear_light(inner, inner_depth, rng, (1.0, 1.0), scale)
    image = np.stack([camera.expose(light, rng) for light in (cytoplasm, nucleus)], axis=-1)
    return image, (labels > 0).astype(np.int32) + (inner > 0)


def _nuclei_of(bodies: list[Body], labels: Labels, rng: Generator) -> tuple[Labels, Floats]:
    """Give every body a smaller one inside, off centre."""
    inner, depth = np.zeros_like(labels), np.ones(labels.shape, np.float32)
    for body in bodies:
        nucleus = body.shrunk(rng.uniform(0.42, 0.58), rng)
        box, radius = nucleus.depth(labels.shape)
        owner = labels[tuple(body.centre.astype(int))]
        inside = (radius < 1) & (labels[box] == owner) & (owner > 0)
        inner[box][inside] = owner
        depth[box][inside] = radius[inside]
    return inner, depth


def _cytoplasm_light(
    labels: Labels, depth: Floats, nuclear: NDArray[np.bool_], rng: Generator, scale: float
) -> Floats:
    """Grainy and fibrous, brighter towards the nucleus, dim in the nucleus and at contacts."""
    brightness = np.exp(rng.normal(0, 0.3, labels.max() + 1)).astype(np.float32)
    brightness[0] = 0
    light: Floats = brightness[labels] * (1.05 - 0.6 * depth)
    fibres = np.abs(noise(labels.shape, rng, 2.0 * scale, (1.0, 1.0)))
    grains = noise(labels.shape, rng, 1.0 * scale, (1.0, 1.0))
    light *= np.clip(1.25 - 0.35 * fibres + 0.15 * grains, 0.3, 2)
    light[nuclear] *= 0.45
    light[seams(labels)] *= 0.45
    return light
