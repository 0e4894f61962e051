"""Several people drawing the same objects, and not agreeing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from ..components.arguments import checked
from ..errors import invalid
from ..images.labels import renumbered
from .optics import noise
from .scenes import seeded

MOST_IDS = 2**31 - 2**20
"""New ids follow the largest: int32 has room for the halves of a million objects cut in two."""
Labels = NDArray[np.int32]
Box = tuple[slice, ...]

_MARGIN_PX = 5
"""How far an outline may be drawn too wide: more than shift and wobble usually come to."""


@dataclass(frozen=True)
class _Habits:
    """How one person draws: what is shared by all objects of that person."""

    shift_px: float
    wobble_px: float
    misses: float
    merges: float
    splits: float

    @classmethod
    def draw(cls, rng: Generator, disagreement: float) -> _Habits:
        """Draw one person's habits; 0 is a person without errors, 1 the usual."""
        return cls(
            shift_px=disagreement * rng.normal(0, 0.8),
            wobble_px=disagreement * rng.uniform(0.4, 1.0),
            misses=min(disagreement * rng.uniform(0, 0.08), 1),
            merges=min(disagreement * rng.uniform(0, 0.10), 1),
            splits=min(disagreement * rng.uniform(0, 0.04), 1),
        )


@checked
def annotators(
    labels: ArrayLike,
    n: int = 5,
    seed: int | Sequence[int] = 0,
    *,
    disagreement: float = 1.0,
) -> list[Labels]:
    """Draw what several people would have drawn where `labels` is the truth.

    Each person draws outlines too wide or too narrow throughout, wobbles along them, misses
    some objects (small ones more often), takes some touching neighbours for one and cuts some
    objects in two.

    Parameters
    ----------
    labels : integer array (y, x) or (z, y, x)
        Instance labels; 0 is background.
    n : int, default 5
        Number of people.
    seed : int or sequence of int, default 0
        The same seed gives the same drawings.
    disagreement : float, default 1
        Scales every habit; 0: all draw the truth.

    Returns
    -------
    list of n int32 arrays, of the shape of `labels`
        An object keeps its id; one merged into another takes the other's, the second half of
        one cut in two gets a new id above all of `labels`.

    Raises
    ------
    InvalidError
        No people, or a disagreement below 0.

    Examples
    --------
    >>> truth = np.zeros((32, 32), int)
    >>> truth[8:20, 8:20] = 1
    >>> drawings = annotators(truth, n=3, seed=1)
    >>> len(drawings), drawings[0].dtype.name, drawings[0].shape
    (3, 'int32', (32, 32))
    """
    if n < 1:
        raise invalid("n", expected="1 or more", received=n)
    if disagreement < 0:
        raise invalid("disagreement", expected="0 or more", received=disagreement)
    truth = np.asarray(labels)
    whole = truth.dtype.kind in "bui" and truth.ndim in (2, 3) and truth.size > 0
    if not whole or int(truth.min()) < 0 or int(truth.max()) >= MOST_IDS:
        expected = f"whole numbers from 0 below {MOST_IDS}, (y, x) or (z, y, x)"
        raise invalid("labels", expected=expected, received=truth)
    truth = truth.astype(np.int32)
    numbers, ids = renumbered(truth)
    seeds = seeded(seed).spawn(n)
    drawn = [_drawing(numbers, np.random.default_rng(s), disagreement) for s in seeds]
    return drawn if numbers is truth else [_named(one, ids) for one in drawn]


def _named(drawn: Labels, ids: Labels) -> Labels:
    """Give objects their ids back; new ones follow the largest."""
    new = np.arange(1, int(drawn.max(initial=0)) + 2 - len(ids)) + ids[-1]
    return np.concatenate([ids, new])[drawn].astype(np.int32)


def _drawing(truth: Labels, rng: Generator, disagreement: float) -> Labels:
    from scipy import ndimage

    habits = _Habits.draw(rng, disagreement)
    wobble = habits.wobble_px * noise(truth.shape, rng, 3.0, (1.0,) * truth.ndim)
    understood = _misjudge(truth, habits, rng)
    drawn = np.zeros(truth.shape, np.int32)
    height = np.zeros(truth.shape, np.float32)
    for index, box in enumerate(ndimage.find_objects(understood), start=1):
        if box is not None:
            wide = _widened(box, truth.shape)
            inside = _inside(understood[wide] == index) + habits.shift_px + wobble[wide]
            wins = inside > height[wide]
            drawn[wide][wins] = index
            height[wide][wins] = inside[wins]
    return drawn


def _misjudge(truth: Labels, habits: _Habits, rng: Generator) -> Labels:
    """Miss, merge and split whole objects."""
    ids, areas = np.unique(truth[truth > 0], return_counts=True)
    if not ids.size:
        return truth.copy()
    meaning = np.arange(ids[-1] + 1, dtype=np.int32)
    small = np.sqrt(np.median(areas) / areas)
    meaning[ids[rng.random(ids.size) < habits.misses * small]] = 0
    for first, second in _neighbours(truth):
        if rng.random() < habits.merges and meaning[first] and meaning[second]:
            meaning[meaning == meaning[second]] = meaning[first]
    understood = meaning[truth]
    cut = [i for i in np.unique(understood[understood > 0]) if rng.random() < habits.splits]
    for new, index in enumerate(cut, start=int(ids[-1]) + 1):
        _split(understood, index, new)
    return understood


def _neighbours(truth: Labels) -> list[tuple[int, int]]:
    pairs: set[tuple[int, int]] = set()
    for axis in range(truth.ndim):
        view = np.moveaxis(truth, axis, 0)
        one, other = view[:-1], view[1:]
        meet = (one != other) & (one > 0) & (other > 0)
        met = np.stack([one[meet], other[meet]], axis=1)
        met.sort(axis=1)
        pairs.update((int(a), int(b)) for a, b in np.unique(met, axis=0))
    return sorted(pairs)


def _split(labels: Labels, index: int, new: int) -> None:
    """Cut an object across its longest axis, through its centre."""
    points = np.argwhere(labels == index)
    inner = points - points.mean(axis=0)
    longest = np.linalg.svd(inner, full_matrices=False)[2][0]
    labels[tuple(points[inner @ longest > 0].T)] = new


def _widened(box: Box, shape: tuple[int, ...]) -> Box:
    return tuple(
        slice(max(s.start - _MARGIN_PX, 0), min(s.stop + _MARGIN_PX, size))
        for s, size in zip(box, shape, strict=True)
    )


def _inside(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Signed distance to the outline: +0.5 on the last pixel inside, -0.5 on the first outside."""
    from scipy.ndimage import distance_transform_edt

    padded = np.pad(mask, 1, mode="edge")
    inside = distance_transform_edt(padded) if not padded.all() else np.full(padded.shape, 1e3)
    signed = np.where(padded, inside - 0.5, 0.5 - distance_transform_edt(~padded))
    core = tuple(slice(1, -1) for _ in range(mask.ndim))
    distance: NDArray[np.float32] = signed[core].astype(np.float32)
    return distance
