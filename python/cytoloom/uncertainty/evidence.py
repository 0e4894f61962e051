"""What an image and its maps say of what was found in it: traits, from which trust is judged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..images.labels import renumbered
from ..objects.runs import blocks
from .linear import odds, share

if TYPE_CHECKING:
    from ..tasks.task import Task

Array = NDArray[Any]
BLOCK_PX = 2**20
NEAR_PX = 4
"""How far around an object foreground that belongs to none may be its own."""
OCTAVES = 4
"""Scales at which texture is measured: between neighbours, between blocks of 2 x 2 px and so on."""
SEEN_PX = {2: 1024, 3: 512}
"""Edge of the middle of an image in which its look is measured, by dimensions."""
SEEN_PLANES = 8
EXPOSURE = 0.1
"""What a logarithm of intensities counts: networks see them scaled, and half the exposure is no
other kind of image, however alike those of a training are."""
SATURATED = 1e-3
"""Share of pixels at the top that is nothing: of a small image one pixel is a larger share."""
FAINT = 0.1
"""What counts as the low end of objects: their tenth quantile."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one image and its maps say of what was found in it.

    Attributes
    ----------
    numbers : int array (n,)
        Of the objects.
    objects : float array (n, k)
        Traits of each object, of larger ones where these are surer: log odds of the mean
        foreground in it, of the overlap to be expected (foreground in it, over it and the
        foreground around it) and of what the task says of its pixels; length of its outline over
        what a square of its area has, and whether it touches the border.
    area_px : float array (n,)
        As the network saw them.
    left_px : float
        Foreground to be expected outside of all objects.
    image : float array (m,)
        Traits of the whole: means and low ends of those of its objects, how many there are, and
        how undecided it is.
    look : float array (l,)
        What it looks like beside its objects: contrast, texture, saturation, what is seen.
    """

    numbers: Array
    objects: Array
    area_px: Array
    left_px: float
    image: Array
    look: Array


def evidence_of(
    task: Task,
    maps: Mapping[str, Array],
    labels: Array,
    source: Any,
    stats: Any,
    normalize: Any,
    scale: float = 1.0,
) -> Evidence:
    """Gather what an image and its maps say of the objects found in it.

    Parameters
    ----------
    task : Task
        What its maps mean.
    maps : dict of ndarray, float32 (spatial..., channels)
        After activation; may be memory-mapped.
    labels : ndarray of int (spatial...)
        Objects.
    source : Source
        The image.
    stats, normalize
        What was measured on it, and what scales it for the network.
    scale : float, default 1
        Factor by which the network saw it enlarged.
    """
    numbers, names = renumbered(labels)
    sums = _Sums(len(names) - 1)
    margin = max(NEAR_PX, task.context_px)
    for rows in blocks(labels.shape, BLOCK_PX):
        wide = slice(max(0, rows.start - margin), min(labels.shape[0], rows.stop + margin))
        inner = slice(rows.start - wide.start, rows.stop - wide.start)
        part = {head: np.asarray(values[wide]) for head, values in maps.items()}
        sums.add(task, part, numbers[wide], inner)
    present = np.flatnonzero(sums.area)
    traits = sums.traits(present, labels.ndim)
    border = np.unique(np.concatenate([np.ravel(side) for side in _sides(numbers)]))
    objects = np.column_stack([traits, np.isin(present, border)])
    area = sums.area[present] * scale**labels.ndim
    image = _of_image(objects, area, sums)
    texture = texture_of(source, stats, normalize, scale)
    look = np.concatenate([texture, image[-3:], sums.usual_evidence()])
    return Evidence(
        names[present], objects, area, float(sums.left) * scale**labels.ndim, image, look
    )


class _Sums:
    """Sums over the pixels of objects, one block of an image after the other."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.area, self.inside, self.around, self.outline = (np.zeros(count + 1) for _ in range(4))
        self.said: dict[str, Array] = {}
        self.total = self.left = self.undecided = self.pixels = 0.0

    def add(self, task: Task, maps: Mapping[str, Array], labels: Array, inner: slice) -> None:
        """Add the pixels of the rows `inner` of a block."""
        foreground = task.foreground(maps)
        said = task.evidence(maps, labels)
        near, rim = _near(labels)[inner], _rim(labels)[inner]
        labels, foreground = labels[inner], foreground[inner].astype(float)
        at = np.flatnonzero(labels)
        ids = labels.ravel()[at].astype(np.intp, copy=False)
        inside = foreground.ravel()[at]
        self.area += np.bincount(ids, minlength=self.count + 1)
        self.inside += np.bincount(ids, inside, self.count + 1)
        self.outline += np.bincount(ids, rim.ravel()[at], self.count + 1)
        for name, values in said.items():
            own = self.said.setdefault(name, np.zeros(self.count + 1))
            own += np.bincount(ids, values[inner].ravel()[at], self.count + 1)
        free = labels == 0
        by = free & (near > 0)
        self.around += np.bincount(near[by].astype(np.intp), foreground[by], self.count + 1)
        self.total += foreground.sum()
        self.left += foreground[free].sum()
        self.undecided += (4 * foreground * (1 - foreground)).sum()
        self.pixels += foreground.size

    def traits(self, present: Array, ndim: int) -> Array:
        """Return traits of the objects that are there (n, k), without the border."""
        area, inside = self.area[present], self.inside[present]
        shares = [inside / area, inside / (area + self.around[present])]
        shares += [own[present] / area for own in self.said.values()]
        outline = self.outline[present] / area ** ((ndim - 1) / ndim)
        return np.column_stack([*map(odds, shares), outline])

    def usual_evidence(self) -> Array:
        """Return what a task says of the pixels of objects, means over all of them."""
        area = max(self.area[1:].sum(), 1)
        return np.array([odds(np.array(own[1:].sum() / area)) for own in self.said.values()])


def _of_image(objects: Array, area: Array, sums: _Sums) -> Array:
    """Return traits of the whole; NaN of objects where there are none."""
    if len(objects):
        of_objects = [*objects.mean(axis=0), *np.quantile(objects[:, :-2], FAINT, axis=0)]
        sizes = np.log(area)
        of_sizes = [sizes.mean(), sizes.std()]
    else:
        wide = objects.shape[1]
        of_objects, of_sizes = [math.nan] * (2 * wide - 2), [math.nan] * 2
    whole = sums.total + 1
    return np.array([
        *of_objects,
        *of_sizes,
        math.log1p(len(objects)),
        float(odds(np.array(sums.left / whole))),
        math.log(sums.undecided / whole + 1e-3),
        math.log(sums.total / max(sums.pixels, 1) + 1e-3),
    ])  # fmt: skip


def joined(
    numbers: Array, objects: Array, area_px: Array, whole: Mapping[str, float], texture: Array
) -> Evidence:
    """Put together what parts of an image say of the objects found in them.

    Parameters
    ----------
    numbers, objects, area_px
        Of all objects, see `Evidence`.
    whole : dict of str to float
        Sums over all pixels: ``total`` and ``left`` foreground, ``undecided`` and ``pixels``, as
        `sums_of` gives them; areas in pixels of the network.
    texture : ndarray of float
        Of `texture_of`.
    """
    sums = _Sums(0)
    sums.total, sums.left = whole["total"], whole["left"]
    sums.undecided, sums.pixels = whole["undecided"], whole["pixels"]
    image = _of_image(objects, area_px, sums)
    said = share(objects[:, 2:-2])
    usual = odds((said * area_px[:, None]).sum(axis=0) / max(area_px.sum(), 1))
    look = np.concatenate([texture, image[-3:], usual])
    return Evidence(numbers, objects, area_px, whole["left"], image, look)


def sums_of(task: Task, maps: Mapping[str, Array], labels: Array) -> dict[str, float]:
    """Return sums over the pixels of a part of an image, see `joined`."""
    foreground = task.foreground(maps).astype(float)
    return {
        "total": float(foreground.sum()),
        "left": float(foreground[labels == 0].sum()),
        "undecided": float((4 * foreground * (1 - foreground)).sum()),
        "pixels": float(foreground.size),
    }


def texture_of(source: Any, stats: Any, normalize: Any, scale: float) -> Array:
    """Measure contrast, saturation and texture in the middle of an image, as a network sees it."""
    pixels = np.asarray(source.read(_middle(source.shape)))
    grey = np.clip(np.asarray(normalize.apply(pixels, stats), np.float32).mean(axis=-1), -2, 3)
    away = grey - grey.mean()
    # not by **, which takes ten times as long
    skew = float((away * away * away).mean()) / (float(grey.std()) + 1e-3) ** 3
    bright = math.log10(float((pixels == pixels.max()).mean()) + SATURATED)
    low, high = float(np.mean(stats.low)), float(np.mean(stats.high))
    contrast = EXPOSURE * math.log(abs(high - low) + 1)
    dark = EXPOSURE * math.copysign(math.log1p(abs(low)), low)
    return np.array([*_details(grey, scale), float(grey.mean()), skew, bright, contrast, dark])


def _details(grey: Array, scale: float) -> list[float]:
    """Measure how much of the variance of planes is between neighbours, at each of `OCTAVES`.

    Means of blocks of 2 x 2 px, of blocks of these and so on: what a step takes away of the
    variance was within the blocks. NaN where an image is too small, or was enlarged and has none.
    """
    first = round(math.log2(1 / scale))
    levels = [math.nan] * max(0, -first)
    variances = []
    while min(grey.shape[-2:]) >= 2 and len(levels) + len(variances) <= OCTAVES + max(0, first):
        variances.append(float(grey.var()))
        y, x = (n // 2 * 2 for n in grey.shape[-2:])
        rows = grey[..., 0:y:2, :x] + grey[..., 1:y:2, :x]
        grey = (rows[..., 0::2] + rows[..., 1::2]) / 4
    lost = [math.log(max(a - b, 0.0) ** 0.5 + 1e-4) for a, b in pairwise(variances)]
    rest = math.log(variances[-1] ** 0.5 + 1e-4) if variances else math.nan
    levels += lost[max(0, first) :]
    return [*(levels + [math.nan] * OCTAVES)[:OCTAVES], rest]


def _middle(shape: Sequence[int]) -> tuple[slice, ...]:
    """Return the middle of an image, and some planes of a stack."""
    edges = [SEEN_PX[len(shape) - 1]] * (len(shape) - 1)
    if len(edges) == 3:
        edges[0] = SEEN_PLANES
    starts = [max(0, (n - e) // 2) for n, e in zip(shape, edges, strict=False)]
    return tuple(slice(a, min(n, a + e)) for a, n, e in zip(starts, shape, edges, strict=False))


def _near(labels: Array) -> Array:
    """Return the object within `NEAR_PX` of each pixel, of several that of the largest number."""
    from scipy import ndimage

    return np.asarray(ndimage.maximum_filter(labels, 2 * NEAR_PX + 1, mode="constant"))


def _rim(labels: Array) -> Array:
    """Return which pixels have a face neighbour that is of something else."""
    rim = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        ahead = tuple(slice(1, None) if k == axis else slice(None) for k in range(labels.ndim))
        behind = tuple(slice(None, -1) if k == axis else slice(None) for k in range(labels.ndim))
        other = labels[ahead] != labels[behind]
        rim[ahead] |= other
        rim[behind] |= other
    return rim


def _sides(labels: Array) -> list[Array]:
    """Return the first and the last of each axis."""
    return [np.take(labels, end, axis) for axis in range(labels.ndim) for end in (0, -1)]
