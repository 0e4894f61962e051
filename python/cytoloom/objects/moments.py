"""Where objects are, how long and how turned: sums over their pixels, and the ellipse of these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .runs import Ints, Runs

Floats = NDArray[np.float64]
NAMES = {2: ("major", "minor"), 3: ("major", "middle", "minor")}
ROUND = 1e-9
"""Axes that differ by less are equally long: beyond it a difference is one of rounding."""


class Moments:
    """Sums of positions over the pixels of each object.

    Positions count from the object's first pixel, so that the sums are exact and an object has
    the same shape wherever it is.

    Parameters
    ----------
    shape : sequence of int
        Of the label image.
    count : int
        The largest number of an object.

    Notes
    -----
    Sums of whole numbers are exact up to 2**51, so that it does not matter in which order boxes
    of the image are added.
    """

    def __init__(self, shape: Sequence[int], count: int) -> None:
        self._shape, ndim = tuple(shape), len(shape)
        self._start = np.full((count + 1, ndim), -1)
        self.area = np.zeros(count + 1)
        self.first = np.zeros((count + 1, ndim))
        self.second = np.zeros((count + 1, ndim, ndim))

    def add(self, runs: Runs, sides: Runs, to: Ints) -> None:
        """Add the pixels of runs of a box, whose `extents` are `sides`.

        The runs are of objects of the box, numbered from 1 on; `to` are their numbers.
        """
        self._begin(sides, to)
        pixels = runs.pixels.astype(float)
        corner = self._start[to][runs.owner]
        lines = np.unravel_index(runs.line, self._shape[:-1])
        along = (runs.first - corner[:, -1], runs.last - corner[:, -1])
        # of a run: the mean position on each axis; the mean square differs on the last
        means = [line - corner[:, axis] for axis, line in enumerate(lines)]
        means.append((along[0] + along[1]) / 2)

        def total(weights: Floats) -> Floats:
            """Sum over the runs of each object."""
            return np.bincount(runs.owner, weights, minlength=len(to))

        self.area[to] += total(pixels)
        for i, one in enumerate(means):
            self.first[to, i] += total(pixels * one)
            for j, other in enumerate(means[: i + 1]):
                self.second[to, i, j] += total(pixels * one * other)
        self.second[to, -1, -1] += total(pixels * (pixels**2 - 1) / 12)

    def _begin(self, sides: Runs, to: Ints) -> None:
        """Let positions of objects count from the first pixel that was met of them."""
        one = sides.groups
        own = to[sides.owner[one]]
        lines = np.unravel_index(sides.line[one], self._shape[:-1])
        here = np.stack([*lines, sides.first[one]], axis=1)
        before = self._start[own]
        fresh = before[:, 0] < 0
        earlier = ~fresh
        earlier[~fresh] = self._place(here[~fresh]) < self._place(before[~fresh])
        self._move(own[earlier], here[earlier])
        self._start[own[fresh]] = here[fresh]

    def _place(self, pixels: Ints) -> Ints:
        """Return where pixels (n, axes) are in the image, in C order."""
        return np.asarray(np.ravel_multi_index(tuple(pixels.T), self._shape))

    def _move(self, own: Ints, start: Ints) -> None:
        """Let positions of some objects count from another pixel."""
        by = (self._start[own] - start).astype(float)
        area, first = self.area[own], self.first[own]
        cross = by[:, :, None] * first[:, None, :]
        square = area[:, None, None] * by[:, :, None] * by[:, None, :]
        self.second[own] += cross + cross.swapaxes(1, 2) + square
        self.first[own] = first + area[:, None] * by
        self._start[own] = start

    def centroids(self, present: NDArray[np.intp]) -> Floats:
        """Mean positions (objects, axes) from the corner of the image."""
        area = self.area[present, None]
        found: Floats = (self._start[present] * area + self.first[present]) / area
        return found

    def covariances(self, present: NDArray[np.intp]) -> Floats:
        """Mean products of the distances from the centroid, (objects, axes, axes)."""
        area = self.area[present, None, None]
        mean = self.first[present] / area[..., 0]
        lower = self.second[present] / area - mean[:, :, None] * mean[:, None, :]
        lower = np.tril(lower)
        return lower + np.tril(lower, -1).swapaxes(1, 2)


def axis_lengths(covariances: Floats) -> Floats:
    """Lengths (objects, axes) of the axes of the ellipse or ellipsoid with these second moments.

    Examples
    --------
    >>> axis_lengths(np.array([[[4.0, 0.0], [0.0, 1.0]]]))
    array([[8., 4.]])
    """
    ndim = covariances.shape[-1]
    if not len(covariances):
        return np.zeros((0, ndim))
    values = np.linalg.eigvalsh(covariances)[:, ::-1]
    # of an ellipse with semi-axis a the second moment is a**2 / 4, of an ellipsoid a**2 / 5
    return np.asarray(2 * np.sqrt((ndim + 2) * np.maximum(values, 0)))


def eccentricities(lengths: Floats) -> Floats:
    """Focal distance of the ellipse over its major axis: 0 of a circle, to 1 of a line.

    Examples
    --------
    >>> eccentricities(np.array([[5.0, 3.0], [2.0, 2.0], [0.0, 0.0]]))
    array([0.8, 0. , 0. ])
    """
    major, minor = lengths[:, 0], lengths[:, -1]
    ratio = np.divide(minor, major, out=np.ones_like(major), where=major > 0)
    return np.sqrt(1 - ratio**2)


def orientations(covariances: Floats) -> Floats:
    """Angle from the y axis to the major axis, -pi/2 to pi/2; NaN where no axis is longer.

    Examples
    --------
    >>> orientations(np.array([[[4.0, 0.0], [0.0, 1.0]], [[2.0, 1.0], [1.0, 2.0]], np.eye(2)]))
    array([0.        , 0.78539816,        nan])
    """
    across = covariances[:, 0, 0] - covariances[:, 1, 1]
    both = 2 * covariances[:, 0, 1]
    angle = np.arctan2(both, across) / 2
    size = np.trace(covariances, axis1=1, axis2=2)
    return np.where(np.hypot(across, both) > ROUND * size, angle, np.nan)


def shape_columns(covariances: Floats, pixel_size_um: Sequence[float] | None) -> dict[str, Any]:
    """Columns of the ellipse of each object, in px and um."""
    ndim = covariances.shape[-1]
    scale = np.ones(ndim) if pixel_size_um is None else np.asarray(pixel_size_um, float)
    scaled = covariances * np.outer(scale, scale)
    in_px, in_um = axis_lengths(covariances), axis_lengths(scaled)
    columns: dict[str, Any] = {}
    for k, name in enumerate(NAMES[ndim]):
        columns[f"{name}_axis_px"] = in_px[:, k]
        columns[f"{name}_axis_um"] = in_um[:, k] if pixel_size_um is not None else np.nan
    if ndim == 2:
        columns["eccentricity"] = eccentricities(in_um)
        columns["orientation"] = orientations(scaled)
    return columns
