"""Crops around positions, on a grid of micrometres that turns and mirrors with its steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .graph import Floats

WIDE = 2.4
"""Edge of a crop, of the usual distance of neighbours: the cell, and what is next to it."""
EDGE = {2: 24, 3: 16}
"""Of a crop, in px of its own."""
THINNEST = 4
ROOM = 1.5
"""Crops that are turned and mirrored are cut out so much wider."""

Crops = NDArray[np.float32]


@dataclass(frozen=True)
class Grid:
    """Where crops are sampled.

    Parameters
    ----------
    size_px : tuple of int
        Of a crop.
    step : tuple of float
        Distance of its pixels, in the unit of `spacing`.
    spacing : tuple of float
        Of the image's pixels, in um, or px where their size is not known.

    Examples
    --------
    >>> Grid.for_cells(8.0, (1.0, 0.25, 0.25)).size_px
    (16, 16, 16)
    >>> Grid.for_cells(8.0, (5.0, 0.25, 0.25)).size_px
    (4, 16, 16)
    """

    size_px: tuple[int, ...]
    step: tuple[float, ...]
    spacing: tuple[float, ...]

    @classmethod
    def for_cells(cls, neighbours: float, spacing: Sequence[float]) -> Grid:
        """Return the grid for cells whose neighbours are so far away."""
        edge, wide = EDGE[len(spacing)], WIDE * neighbours
        fine = wide / edge
        size, step = [], []
        for own in spacing:
            # of what has fewer planes than that, no more are made up
            n = edge if own <= 1.5 * fine else max(THINNEST, 4 * math.ceil(wide / own / 4))
            size.append(min(n, edge))
            step.append(wide / min(n, edge))
        return cls(tuple(size), tuple(step), tuple(map(float, spacing)))

    def wider(self) -> Grid:
        """Return the grid of crops to turn."""
        size = tuple(2 * math.ceil(ROOM * n / 2) for n in self.size_px)
        return Grid(size, self.step, self.spacing)

    @property
    def points(self) -> Floats:
        """Where its pixels are, from the middle (pixels, axes)."""
        along = [(np.arange(n) - (n - 1) / 2) * s
                 for n, s in zip(self.size_px, self.step, strict=True)]  # fmt: skip
        return np.stack(np.meshgrid(*along, indexing="ij"), axis=-1).reshape(-1, len(along))

    def cut(self, image: NDArray[np.floating], places: Floats) -> Crops:
        """Cut crops out of an image.

        Parameters
        ----------
        image : ndarray of float (spatial..., c)
            Scaled.
        places : ndarray (n, axes) of float
            In px of the image.

        Returns
        -------
        ndarray float32 (n, size..., c)
            Linearly between pixels; mirrored outside of the image.
        """
        by = np.asarray(self.step) / np.asarray(self.spacing)
        blur = [math.sqrt(max(0.0, b * b - 1)) / 2 for b in by]
        offsets = self.points / np.asarray(self.spacing)
        at = (places[:, None, :] + offsets[None]).reshape(-1, len(by)).T
        channels = []
        for c in range(image.shape[-1]):
            one = np.asarray(image[..., c], np.float32)
            if max(blur) > 0:  # what is finer than the grid would be noise in it
                one = ndimage.gaussian_filter(one, blur, truncate=3.0)
            channels.append(ndimage.map_coordinates(one, at, order=1, mode="mirror"))
        shape = (len(places), *self.size_px, len(channels))
        return np.stack(channels, axis=-1).reshape(shape).astype(np.float32, copy=False)

    def turned(self, wide: NDArray[np.floating], by: Floats, shift: Floats) -> Crops:
        """Take the middle of wider crops, turned: a pixel at g is what was at ``by @ g + shift``.

        Parameters
        ----------
        wide : ndarray of float (n, wider size..., c)
            Of `wider`.
        by : ndarray (n, axes, axes)
            What turns, mirrors and stretches each of them, in the unit of `step`.
        shift : ndarray (n, axes)
            By how much its middle is off, in the same.
        """
        step = np.asarray(self.step)
        middle = (np.asarray(wide.shape[1:-1]) - 1) / 2
        found = np.empty((len(wide), len(self.points), wide.shape[-1]), np.float32)
        for k, crop in enumerate(wide):
            at = ((self.points @ by[k].T + shift[k]) / step + middle).T
            for c in range(wide.shape[-1]):
                one = np.asarray(crop[..., c], np.float32)
                found[k, :, c] = ndimage.map_coordinates(one, at, order=1, mode="nearest")
        return found.reshape(len(wide), *self.size_px, wide.shape[-1])


def turns(rng: np.random.Generator, count: int, axes: int, flat: bool) -> Floats:
    """Draw turns: about z, mirrored along any axis, stretched a little.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides everything.
    count : int
        How many.
    axes : int
        2 or 3.
    flat : bool
        Whether stacks are not mirrored along z: there are too few planes.

    Returns
    -------
    ndarray (count, axes, axes)

    Examples
    --------
    >>> turns(np.random.default_rng(0), 2, 3, False).shape
    (2, 3, 3)
    """
    found = np.tile(np.eye(axes), (count, 1, 1))
    angle = rng.uniform(-np.pi, np.pi, count)
    scale = np.exp(rng.normal(0, 0.08, count))
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    found[:, -2:, -2:] = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], axis=1)
    found[:, :, -1] *= rng.choice([-1.0, 1.0], (count, 1))
    if axes == 3 and not flat:
        found[:, :, 0] *= rng.choice([-1.0, 1.0], (count, 1))
    return found
