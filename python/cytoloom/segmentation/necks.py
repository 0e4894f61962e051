"""Divide objects by their shape: where a narrow neck joins two wide parts."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..images.labels import renumbered
from ..runtime.machine import cores
from ..runtime.parallel import side_by_side
from .boxes import ASIDE_PX, WHOLE_PX, Box, Stack, ends_of, stacks, together, within
from .objects import Labels
from .separation import Line, near, shifted
from .watershed import watershed

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
    ends = ends_of(boxes, labels.ndim)
    sides = ends[:, :, 1] - ends[:, :, 0]
    pixels = np.prod(sides, axis=1)
    largest = len(boxes)
    ratio = np.ones(labels.ndim) if spacing is None else np.asarray(spacing) / min(spacing)
    margin = round(MARGIN_PX * ratio.max())
    # A bound on the depth, so that `_depth` counts no farther: half of the narrowest side of the
    # box, measured to the first pixel outside on either side.
    deep = ((sides + 1) * ratio).min(axis=1) / 2
    groups = (
        (tuple(slice(max(0, s.start - margin), s.stop + margin) for s in box), members)
        for box, members in together(ends, (pixels > 0) & (pixels <= WHOLE_PX))
    )

    def parts(job: tuple[Box, list[int]]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Find what is divided within a group."""
        # Smoothing mixes in neighbours' pixels up to `SMOOTHED_PX` away, which are no deeper than
        # that: counted up to there, no depth depends on who else is in the group.
        around, members = job
        deepest = max(deep[np.array(members) - 1].max(), SMOOTHED_PX * ratio.max())
        seen = _seen(labels[around], ratio, deepest)
        height = _heights(seen, set(members))
        return _parts(seen, height, {k: within(boxes[k - 1], around, rim=1) for k in height}, neck)

    # in a small image threads would take longer to start than their work takes
    workers = cores() if labels.size > ASIDE_PX else 1
    with side_by_side(groups, parts, workers) as jobs:
        divided = [(box, finish()) for (box, _), finish in jobs]
    # Written after all groups are done: they see each other's objects, and the result must not
    # depend on which thread was first.
    for box, found in divided:
        largest += _write(labels[box], largest, *found)
    return labels


def _write(labels: Labels, largest: int, at: NDArray[np.int32], number: NDArray[np.int32]) -> int:
    """Give new ids to pixels that lie flat in the labels with a rim; return how many ids."""
    if not at.size:
        return 0
    rimmed = np.unravel_index(at, [n + 2 for n in labels.shape])
    labels[tuple(i - 1 for i in rimmed)] = largest + number
    return int(number.max())


class _Seen(NamedTuple):
    """A part of an image, with a rim of a pixel of background."""

    objects: Labels
    inside: NDArray[np.bool_]
    """Object pixels that touch no other object."""
    width: NDArray[np.float32]
    """How deep inside they are, smooth."""
    top: NDArray[np.bool_]
    """Whether none nearby is deeper."""


def _seen(labels: Labels, ratio: NDArray[np.float64], deepest: float) -> _Seen:
    """Measure depths; no pixel that counts is farther than `deepest` from its rim."""
    from scipy import ndimage as ndi

    objects = np.pad(labels, 1)
    solid = objects > 0
    inside = solid.copy()
    # Both pixels of a contact count as outside: the depth of an object is that of its own shape,
    # as if the neighbour that it touches were background.
    for axis in range(objects.ndim):
        low, high = shifted(axis, 1)
        meet = (objects[low] != objects[high]) & solid[low] & solid[high]
        inside[low] &= ~meet
        inside[high] &= ~meet
    width = _depth(inside, ratio, deepest)
    # unsmoothed, every notch of a rim makes a top of its own
    width = ndi.gaussian_filter(width, 1 / ratio, radius=SMOOTHED_PX) * inside
    top = _highest(width, np.maximum(1, np.rint(TOP_PX / ratio)).astype(int)) & inside
    return _Seen(objects, inside, width, top)


def _parts(
    seen: _Seen, height: Mapping[int, np.float32], boxes: Mapping[int, Box], neck: float
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Find the pixels, flat in what is seen, of parts that are to be objects, numbered from 1.

    Looked at are the objects of which the height and the box are given.
    """
    apart: list[tuple[int, Box]] = []
    for group in stacks([(k, boxes[k]) for k in height]):
        whole = _in_one(seen, Stack(group), [neck * height[k] for k, _ in group])
        apart += [named for named, one in zip(group, whole, strict=True) if not one]
    found = [_divided(seen, Stack(group), neck) for group in stacks(apart)]
    if not found:
        return np.zeros(0, np.int32), np.zeros(0, np.int32)
    first = np.concatenate([tops for tops, _, _ in found])
    # in the order of their tops, whatever the order in which objects were stacked
    number = np.argsort(np.argsort(first)).astype(np.int32) + 1
    before = np.cumsum([0, *(len(tops) for tops, _, _ in found)])
    parts = [part + n for (_, _, part), n in zip(found, before, strict=False)]
    return np.concatenate([at for _, at, _ in found]), number[np.concatenate(parts)]


def _heights(seen: _Seen, members: Container[int]) -> dict[int, np.float32]:
    """Depth of those of some objects that have more than one pixel at a top."""
    at = np.flatnonzero(seen.top)
    ids, which, count = np.unique(seen.objects.ravel()[at], return_inverse=True, return_counts=True)
    height = np.zeros(len(ids), np.float32)
    np.maximum.at(height, which, seen.width.ravel()[at])
    several = np.flatnonzero(count > 1)
    return {
        k: height[n] for n, k in zip(several, ids[several].tolist(), strict=True) if k in members
    }


def _in_one(seen: _Seen, stack: Stack, limits: Sequence[np.float32]) -> NDArray[np.bool_]:
    """For each object, whether passages wider than a limit join all its tops.

    With a limit of `neck` times its depth, no part is narrow then, and there is no need to know
    which pixels its parts have. Most objects with several tops are such.
    """
    from scipy import ndimage as ndi

    own = stack.own(seen.objects)
    wide = np.zeros(stack.shape, bool)
    for limit, (box, place) in zip(limits, stack, strict=True):
        np.greater(seen.width[box], limit, out=wide[place])
    joined, _ = ndi.label(wide & own)
    at = np.flatnonzero(stack.up(seen.top) & own)
    least, most = np.full(len(limits), wide.size), np.zeros(len(limits), np.int64)
    np.minimum.at(least, stack.index(at), joined.ravel()[at])
    np.maximum.at(most, stack.index(at), joined.ravel()[at])
    return np.asarray((least == most) & (most > 0))


def _divided(
    seen: _Seen, stack: Stack, neck: float
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
    """Divide objects: where parts have their tops, their pixels, and of which part these are.

    Positions are flat in what is seen; parts are numbered from 0 on. That with the first top of
    its object keeps the object's id, and is none of them.
    """
    from scipy import ndimage as ndi

    own, width = stack.own(seen.objects), stack.up(seen.width)
    tops, count = ndi.label(stack.up(seen.top) & own, structure=np.ones((3,) * own.ndim))
    basins = watershed(width, tops, stack.up(seen.inside) & own)
    basins = np.ascontiguousarray(basins)
    passages = _passages(basins, width)
    _spread(basins, own)
    at = np.flatnonzero(tops > 0)
    top, first = np.unique(tops.ravel()[at], return_index=True)
    owner, height = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.float32)
    owner[top] = stack.index(at[first]) + 1
    np.maximum.at(height, tops.ravel()[at], width.ravel()[at])
    root = _joined(height, passages, neck)
    keeps = np.zeros(len(stack.places) + 1, np.int64)
    # assigned backwards, so that the first basin of each object is written last
    keeps[owner[::-1]] = root[::-1]
    apart = np.unique(root[root != keeps[owner]])
    number = np.full(count + 1, -1)
    number[apart] = np.arange(len(apart))
    pixels = np.flatnonzero(basins > 0)
    part = number[root[basins.ravel()[pixels]]]
    new = part >= 0
    shape = seen.objects.shape
    begins = np.ravel_multi_index(stack.home(at[first[apart - 1]]), shape)
    where = np.ravel_multi_index(stack.home(pixels[new]), shape)
    return begins, where.astype(np.int32), part[new]


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


def _spread(basins: Labels, objects: NDArray[np.bool_]) -> None:
    """Give pixels that no basin reached the one beside them in their object, in place.

    Those are the pixels at contacts, which were left out, and those that hang on a corner.
    Objects are apart, and arrays have a rim of background, so that every pixel has neighbours.
    """
    steps = [
        (int(np.abs(way).sum()), int(np.ravel_multi_index(way + 1, basins.shape)))
        for way in np.array(list(product((-1, 0, 1), repeat=basins.ndim)))
        if way.any()
    ]
    middle = int(np.ravel_multi_index((1,) * basins.ndim, basins.shape))
    of = basins.ravel()
    left = np.flatnonzero((of == 0) & objects.ravel())
    # Over faces until nothing changes, only then over corners: a pixel with a neighbour on either
    # side would otherwise go to whichever step comes first.
    for reach in (1, basins.ndim):
        found = True
        while found and left.size:
            found = False
            for apart, step in steps:
                if apart > reach:
                    continue
                beside = of[left + (step - middle)]
                new = beside > 0
                of[left[new]] = beside[new]
                left = left[~new]
                found |= bool(new.any())


def _passages(basins: Labels, width: NDArray[np.float32]) -> list[tuple[float, int, int]]:
    """(width, one, other) of the widest passage between neighbouring basins, widest first."""
    found = []
    for axis in range(basins.ndim):
        low, high = shifted(axis, 1)
        meet = (basins[low] != basins[high]) & (basins[low] > 0) & (basins[high] > 0)
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
