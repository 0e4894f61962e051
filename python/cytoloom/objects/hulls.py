"""How many pixels the convex hulls of objects hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .runs import Runs, changes

Ints = NDArray[np.int64]


def hull_px(extents: Runs, shape: Sequence[int], count: int) -> Ints:
    """Count the pixels whose middle lies in the convex hull of each object from 0 to `count`.

    Parameters
    ----------
    extents : Runs
        One for each object and line, ordered by both.
    shape : sequence of int
        Of the label image.
    count : int
        The largest number.

    Notes
    -----
    As ``convex_hull_image`` of scikit-image: the hull is that of the middles of the faces of the
    object's pixels, and what lies on it counts.

    Examples
    --------
    >>> from .runs import extents, runs_of
    >>> corner = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 1]])
    >>> hull_px(extents([runs_of(corner)]), corner.shape, 1)
    array([0, 6])
    """
    if not extents.owner.size:
        return np.zeros(count + 1, np.int64)
    return _in_stack(extents, shape, count) if len(shape) == 3 else _in_plane(extents, count)


LINES = 2**20
"""Lines within hulls, in stacks times their faces, that are counted at a time: objects may have
pixels all over an image."""


def _in_plane(extents: Runs, count: int) -> Ints:
    starts = extents.groups
    ends = np.append(starts[1:], extents.owner.size) - 1
    lines = np.cumsum(extents.line[ends] - extents.line[starts] + 1)
    begins = starts[changes(lines // LINES)]
    found = np.zeros(count + 1, np.int64)
    for begin, end in zip(begins, [*begins[1:], extents.owner.size], strict=True):
        found += _of_some(extents.part(slice(begin, end)), count)
    return found


def _of_some(extents: Runs, count: int) -> Ints:
    # the left sides are right sides of the mirrored objects
    group = np.concatenate([extents.owner, extents.owner + count + 1])
    reach = np.concatenate([extents.last, -extents.first])
    owner, reached = _reach_of_hulls(group, np.concatenate([extents.line] * 2), reach)
    half = owner.size // 2
    pixels = reached[:half] + reached[half:] + 1
    return np.bincount(owner[:half], pixels, minlength=count + 1).astype(np.int64)


def _reach_of_hulls(group: Ints, y: Ints, reach: Ints) -> tuple[Ints, Ints]:
    """For each line that a group spans: the last whole position within its hull's right side."""
    # in half pixels: from (y, x) the middles of faces are at (2y, 2x + 1) and (2y +- 1, 2x)
    rows = (2 * y[:, None] + [-1, 0, 1]).ravel()
    ends = (2 * reach[:, None] + [0, 1, 0]).ravel()
    groups = np.repeat(group, 3)
    span = int(rows.max() - rows.min()) + 2
    key = groups * span + rows - int(rows.min())
    begins = np.flatnonzero(changes(key))
    key, ends = _upper_hull(groups[begins], key[begins], np.maximum.reduceat(ends, begins))
    starts = np.flatnonzero(changes(group))
    first, last = y[starts], y[np.append(starts[1:], y.size) - 1]
    heights = last - first + 1
    owner = np.repeat(group[starts], heights)
    lines = np.arange(owner.size) - np.repeat(np.cumsum(heights) - heights - first, heights)
    at = owner * span + 2 * lines - int(rows.min())
    k = np.searchsorted(key, at, side="right") - 1
    length = key[k + 1] - key[k]
    reached = ends[k] * length + (ends[k + 1] - ends[k]) * (at - key[k])
    return owner, reached // (2 * length)


def _upper_hull(group: Ints, place: Ints, value: Ints) -> tuple[Ints, Ints]:
    """Drop points that lie on or below the line from one before to one after in their group.

    All such points at once: what is below a line between two points is no corner of the hull,
    whether these are or not. Corners of hulls of whole numbers are few, so that it ends soon.
    """
    while True:
        inner = (group[1:-1] == group[:-2]) & (group[1:-1] == group[2:])
        rise = (value[1:-1] - value[:-2]) * (place[2:] - place[:-2])
        line = (value[2:] - value[:-2]) * (place[1:-1] - place[:-2])
        dropped = inner & (rise <= line)
        if not dropped.any():
            return place, value
        kept = np.concatenate([[True], ~dropped, [True]])
        group, place, value = group[kept], place[kept], value[kept]


def _in_stack(extents: Runs, shape: Sequence[int], count: int) -> Ints:
    z, y = np.divmod(extents.line, shape[1])
    starts = extents.groups
    stops = np.append(starts[1:], extents.owner.size)
    found = np.zeros(count + 1, np.int64)
    for start, stop in zip(starts, stops, strict=True):
        part = slice(start, stop)
        ends = [np.stack([z[part], y[part], x[part]], 1) for x in (extents.first, extents.last)]
        found[extents.owner[start]] = _voxels_in_hull(np.concatenate(ends))
    return found


def _voxels_in_hull(points: Ints) -> int:
    """Count whole positions in the hull of voxels, line by line along the last axis."""
    planes = _planes(points)
    low, high = points.min(axis=0), points.max(axis=0)
    depth, height = high[:2] - low[:2] + 1
    found, at_once = 0, max(1, LINES // (int(height) * len(planes)))
    for z in range(0, int(depth), at_once):
        size = min(at_once, int(depth) - z), int(height)
        found += _on_lines(np.argwhere(np.ones(size, bool)) + low[:2] + [z, 0], planes)
    return found


def _on_lines(grid: Ints, planes: NDArray[np.float64]) -> int:
    """Count whole positions between the faces of a hull on lines at (z, y)."""
    # each face bounds x: slope * x <= room; where it does not lean, it bounds the line
    slope, room = planes[:, 2], -(grid @ planes[:, :2].T + planes[:, 3]) + ROUND
    flat = np.abs(slope) < ROUND
    bound = np.divide(room, slope, out=np.zeros_like(room), where=~flat)
    to = np.where(~flat & (slope > 0), bound, np.inf).min(axis=1)
    since = np.where(~flat & (slope < 0), bound, -np.inf).max(axis=1)
    passes = (np.where(flat, room, 0) >= 0).all(axis=1)
    pixels = np.floor(to) - np.ceil(since) + 1
    return int(np.maximum(pixels, 0)[passes].sum())


ROUND = 1e-9
"""By how much a whole position may lie outside a face and count: rounding of coordinates."""


def _planes(points: Ints) -> NDArray[np.float64]:
    """Faces of the hull of voxels, as outward normals and offsets (faces, 4)."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        points = points[ConvexHull(points).vertices]
    except (QhullError, ValueError):
        pass  # fewer than four, or all in a plane
    faces = np.concatenate([np.eye(3), -np.eye(3)]) / 2
    around = np.unique((points[:, None] + faces).reshape(-1, 3), axis=0)
    found: NDArray[np.float64] = ConvexHull(around).equations
    return found
