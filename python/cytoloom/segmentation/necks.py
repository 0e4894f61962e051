"""Divide objects by their shape: where a narrow neck joins two wide parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..images.labels import renumbered
from ..runtime.machine import cores
from ..runtime.parallel import side_by_side
from .boxes import ASIDE_PX, WHOLE_PX, Box, pixels_in, together
from .objects import Labels
from .separation import Line, near, shifted

MARGIN_PX = 16
"""How far around an object others are seen: more than smoothing and the search for tops reach."""
SMOOTHED_PX = 4
"""How far the smoothing of depths reaches."""
TOP_PX = 2
"""A top is highest among pixels as near as this."""
NEAR_PX = {2: 64, 3: 20}
"""Up to this depth, by dimensions, counting it step by step is faster than SciPy's transform, whose
time does not depend on the depth (512 x 512 px with nuclei: 5 instead of 29 ms)."""


def divide_at_necks(labels: Labels, neck: float, spacing: Sequence[float] | None = None) -> Labels:
    """Divide objects where they are narrow, in place; new ids follow the largest one.

    An object's parts are the basins of the distance to its rim. Two parts are one object if the
    passage between them is wider than `neck` times the narrower part. Objects in boxes larger
    than `WHOLE_PX` stay as they are.

    Parameters
    ----------
    labels : ndarray of int32, shape (y, x) or (z, y, x)
        Objects.
    neck : float
        Width of the passage by that of the narrower part, 0 to 1; 0 divides nothing.
    spacing : sequence of float, optional
        Pixel size per axis, in any unit; equal by default.

    Examples
    --------
    Two discs of radius 8 px whose centres are 13 px apart.

    >>> y, x = np.mgrid[:20, :34]
    >>> disc = lambda at: (y - 10) ** 2 + (x - at) ** 2 < 64
    >>> labels = (disc(10) | disc(23)).astype(np.int32)
    >>> int(divide_at_necks(labels.copy(), 0.5).max()), int(divide_at_necks(labels, 0.9).max())
    (1, 2)
    """
    from scipy import ndimage as ndi

    if neck == 0:
        return labels
    numbers, ids = renumbered(labels)
    if numbers is not labels:
        divide_at_necks(numbers, neck, spacing)
        new = np.arange(1, int(numbers.max()) + 2 - len(ids)) + ids[-1]
        labels[...] = np.concatenate([ids, new])[numbers]
        return labels
    boxes = ndi.find_objects(labels)
    chosen = np.array([False, *(box is not None and pixels_in(box) <= WHOLE_PX for box in boxes)])
    largest = len(boxes)
    ratio = np.ones(labels.ndim) if spacing is None else np.asarray(spacing) / min(spacing)
    margin = round(MARGIN_PX * ratio.max())
    # A bound on the depth, so that `_depth` counts no farther: half of the narrowest side of the
    # box, measured to the first pixel outside on either side.
    across = [[s.stop - s.start + 1 for s in box] if box else [0] * labels.ndim for box in boxes]
    deep = np.min([[0] * labels.ndim, *across] * ratio, axis=1) / 2
    groups = (
        (tuple(slice(max(0, s.start - margin), s.stop + margin) for s in box), members)
        for box, members in together(boxes, chosen)
    )

    def parts(job: tuple[Box, list[int]]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        # Smoothing mixes in neighbours' pixels up to `SMOOTHED_PX` away, which are no deeper than
        # that: counted up to there, no depth depends on who else is in the group.
        deepest = max(deep[job[1]].max(), SMOOTHED_PX * ratio.max())
        return _parts(labels, *job, neck, ratio, deepest)

    # in a small image threads would take longer to start than their work takes
    workers = cores() if labels.size > ASIDE_PX else 1
    with side_by_side(groups, parts, workers) as jobs:
        divided = [(box, finish()) for (box, _), finish in jobs]
    # Written after all groups are done: they see each other's objects, and the result must not
    # depend on which thread was first.
    for box, (at, number) in divided:
        if at.size:
            labels[box][np.unravel_index(at, labels[box].shape)] = largest + number
            largest += int(number.max())
    return labels


def _parts(
    labels: Labels,
    box: Box,
    members: list[int],
    neck: float,
    ratio: NDArray[np.float64],
    deepest: float,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Find the pixels, flat in the box, of parts that are to be objects, numbered from 1.

    No pixel of a member is farther than `deepest` from its rim.
    """
    from scipy import ndimage as ndi
    from skimage.segmentation import watershed

    objects = np.pad(labels[box], 1)
    inside = objects > 0
    # Both pixels of a contact count as outside: the depth of an object is that of its own shape,
    # as if the neighbour that it touches were background.
    for axis in range(objects.ndim):
        low, high = shifted(axis, 1)
        meet = (objects[low] != objects[high]) & (objects[low] > 0) & (objects[high] > 0)
        inside[low] &= ~meet
        inside[high] &= ~meet
    width = _depth(inside, ratio, deepest)
    # unsmoothed, every notch of a rim makes a top of its own
    width = ndi.gaussian_filter(width, 1 / ratio, radius=SMOOTHED_PX) * inside
    highest = _highest(width, np.maximum(1, np.rint(TOP_PX / ratio)).astype(int))
    chosen = np.zeros(int(objects.max(initial=0)) + 1, bool)
    chosen[members] = True
    highest &= inside & chosen[objects]
    tops, count = ndi.label(highest, structure=np.ones((3,) * inside.ndim))
    at = np.flatnonzero(tops)
    owner = np.zeros(count + 1, np.int64)
    owner[tops.ravel()[at]] = objects.ravel()[at]
    # most objects have one top: they need no watershed
    several = np.bincount(owner, minlength=len(chosen)) > 1
    several[0] = False
    if not several.any():
        return np.zeros(0, np.int32), np.zeros(0, np.int32)
    objects *= several[objects]
    inside &= objects > 0
    basins = np.ascontiguousarray(watershed(-width, tops * inside, mask=inside))
    passages = _passages(basins, objects, width)
    _spread(basins, objects)
    height = np.zeros(count + 1, np.float32)
    np.maximum.at(height, tops.ravel()[at], width.ravel()[at])
    root = _joined(height, passages, neck)
    own = np.zeros(len(several), np.int64)  # the part that keeps the id: that of the first basin
    # assigned backwards, so that the first basin of each object is written last
    own[owner[::-1]] = root[::-1]
    apart = np.flatnonzero(root != own[owner])
    apart = np.unique(root[apart])
    number = np.zeros(count + 1, np.int32)
    number[apart] = np.arange(1, len(apart) + 1)
    within = basins[(slice(1, -1),) * inside.ndim].ravel()
    at = np.flatnonzero(within)
    part = number[root[within[at]]]
    return at[part > 0].astype(np.int32), part[part > 0]


def _depth(
    inside: NDArray[np.bool_], ratio: NDArray[np.float64], deepest: float
) -> NDArray[np.float32]:
    """Euclidean distance to the nearest pixel outside, right up to `deepest`."""
    from scipy import ndimage as ndi

    if deepest > NEAR_PX[inside.ndim]:
        return np.asarray(ndi.distance_transform_edt(inside, sampling=ratio), np.float32)
    line = Line(inside.shape, math.floor(deepest))
    return line.back(near(line.up(~inside), deepest, line, ratio))


def _highest(values: NDArray[np.float32], reach: NDArray[np.int_]) -> NDArray[np.bool_]:
    """Whether no pixel as near as this along each axis, in a box, is higher."""
    top = values
    for axis, far in enumerate(reach.tolist()):
        before, top = top, top.copy()
        for k in range(1, far + 1):
            low, high = shifted(axis, k)
            np.maximum(top[low], before[high], out=top[low])
            np.maximum(top[high], before[low], out=top[high])
    highest: NDArray[np.bool_] = values == top
    return highest


def _spread(basins: Labels, objects: Labels) -> None:
    """Give pixels that no basin reached the one beside them in their object, in place.

    Those are the pixels at contacts, which were left out, and those that hang on a corner.
    Arrays have a rim of background, so that every pixel has neighbours.
    """
    steps = [
        (int(np.abs(way).sum()), int(np.ravel_multi_index(way + 1, basins.shape)))
        for way in np.array(list(product((-1, 0, 1), repeat=basins.ndim)))
        if way.any()
    ]
    middle = int(np.ravel_multi_index((1,) * basins.ndim, basins.shape))
    of, inside = basins.ravel(), objects.ravel()
    left = np.flatnonzero((of == 0) & (inside > 0))
    # Over faces until nothing changes, only then over corners: a pixel with a neighbour on either
    # side would otherwise go to whichever step comes first.
    for reach in (1, basins.ndim):
        found = True
        while found and left.size:
            found = False
            for apart, step in steps:
                if apart > reach:
                    continue
                near = left + step - middle
                new = (of[near] > 0) & (inside[near] == inside[left])
                of[left[new]] = of[near[new]]
                left = left[~new]
                found |= bool(new.any())


def _passages(
    basins: Labels, objects: Labels, width: NDArray[np.float32]
) -> list[tuple[float, int, int]]:
    """(width, one, other) of the widest passage between neighbouring basins, widest first."""
    found = []
    for axis in range(basins.ndim):
        low, high = shifted(axis, 1)
        meet = (basins[low] != basins[high]) & (basins[low] > 0) & (basins[high] > 0)
        meet &= objects[low] == objects[high]
        one, other = basins[low][meet], basins[high][meet]
        wide = np.minimum(width[low][meet], width[high][meet])
        found.append(np.stack([wide, np.minimum(one, other), np.maximum(one, other)]))
    wide, one, other = np.concatenate(found, axis=1)
    # ids break ties, so that equal widths are joined in the same order on any machine
    order = np.lexsort((other, one, -wide))
    return [(float(wide[k]), int(one[k]), int(other[k])) for k in order]


def _joined(
    height: NDArray[np.float32], passages: list[tuple[float, int, int]], neck: float
) -> NDArray[np.int64]:
    """For each basin, the basin that stands for the part to which it belongs."""
    root = np.arange(len(height))

    def top(k: int) -> int:
        while root[k] != k:
            k = int(root[k])
        return k

    # Widest first: a part's height is that of all it was joined with when a narrower passage is
    # held against it.
    for wide, one, other in passages:
        a, b = sorted((top(one), top(other)), key=lambda k: (-height[k], k))
        if a != b and wide > neck * height[b]:
            root[b] = a
    return np.array([top(k) for k in range(len(root))])
