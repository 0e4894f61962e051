"""Irregular ellipsoids, in 2-D or 3-D, placed so that they may press against each other."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..errors import invalid

Labels = NDArray[np.int32]
Floats = NDArray[np.float32]

_ATTEMPTS = 40
"""Places tried for a body; after these there is taken to be no room left."""
_LARGEST_LOSS = 0.3
"""Share of a body that neighbours may hide when it is placed; half as much of theirs."""
_CONTACT, _CLEARANCE = 1.02, 1.25
"""Normalised radii: a neighbour within the first touches, and a body alone has none within the
second."""


@dataclass(frozen=True)
class Body:
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

    def shrunk(self, factor: float, rng: Generator) -> Body:
        """Return a smaller body of its own shape inside this one, a little off its centre."""
        away = rng.normal(0, 0.06, self.centre.size) * self.reach
        return replace(
            self,
            centre=self.centre + away,
            matrix=self.matrix / factor,
            phases=rng.uniform(0, 2 * np.pi, self.phases.size),
            radius=self.radius * factor,
            reach=self.reach * factor,
        )


def scatter(
    shape: tuple[int, ...],
    count: int,
    rng: Generator,
    diameter: tuple[float, float],
    touching: float,
    spacing: tuple[float, ...] | None = None,
) -> tuple[Labels, Floats, list[Body]]:
    """Place bodies: labels, normalised depth in the own body (1 outside), and the bodies."""
    _check_scene(shape, count, diameter, touching, spacing)
    step = np.array(spacing or (1.0,) * len(shape))
    labels, depth = np.zeros(shape, np.int32), np.ones(shape, np.float32)
    bodies: list[Body] = []
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
    neighbours: list[Body],
) -> Body | None:
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
    return Body(
        centre=centre,
        matrix=step[:, None] * turn / semi_axes,
        waves=rng.normal(0, 2.0, (ndim, 3)),
        phases=rng.uniform(0, 2 * np.pi, 3),
        radius=radius,
        reach=1.25 * semi_axes.max() / step,
    )


def _settle(body: Body, labels: Labels, depth: Floats, areas: list[int], crowd: bool) -> bool:
    """Enter a body where it lies deepest, unless it would hide too much or stand wrongly."""
    if labels[tuple(body.centre.astype(int))]:
        return False
    box, radius = body.depth(labels.shape)
    here = labels[box]
    inside = radius < 1
    wins = inside & (radius < depth[box])
    # one of a crowd must touch a neighbour, another one must keep its distance
    near = here[radius < (_CONTACT if crowd else _CLEARANCE)] > 0
    if near.any() != crowd or not wins.any():
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


def seams(labels: Labels) -> NDArray[np.bool_]:
    """Pixels with a face neighbour in another body."""
    seam = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        view, line = np.moveaxis(labels, axis, 0), np.moveaxis(seam, axis, 0)
        meet = (view[1:] != view[:-1]) & (view[1:] > 0) & (view[:-1] > 0)
        line[1:] |= meet
        line[:-1] |= meet
    return seam


def _most(shape: tuple[int, ...], diameter: float, spacing: tuple[float, ...] | None) -> int:
    """Return how many bodies are worth a try: as many as fill the image, of a small one 1000.

    Examples
    --------
    >>> _most((2048, 2048), 16.0, None), _most((64, 64), 16.0, None)
    (20860, 1000)
    """
    one = math.pi / (2 * len(shape)) * diameter ** len(shape)
    return max(1000, int(math.prod(shape) * math.prod(spacing or ()) / one))


def _check_scene(
    shape: tuple[int, ...],
    count: int,
    diameter: tuple[float, float],
    touching: float,
    spacing: tuple[float, ...] | None,
) -> None:
    if min(shape) < 1:
        raise invalid("shape", expected="1 or more pixels along each axis", received=shape)
    if not 0 < diameter[0] <= diameter[1]:
        name = "diameter_px" if spacing is None else "diameter_um"
        raise invalid(name, expected="the smallest and the largest, above 0", received=diameter)
    most = _most(shape, diameter[0], spacing)
    if not 0 <= count <= most:
        expected = f"0 to {most}, for more find no room in the image"
        raise invalid("count", expected=expected, received=count)
    if not 0 <= touching <= 1:
        raise invalid("touching", expected="0 to 1", received=touching)
