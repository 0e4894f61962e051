"""How well objects fit the maps that they were made of, where most of them are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .found import Found

if TYPE_CHECKING:
    from .task import Maps, Task


WINDOW_PX = {2: 512, 3: 80}
"""Edge of the part that is looked at, by dimensions: some tens of cells, in a second or two."""


def fit_as_is(task: Task, maps: Maps, labels: np.ndarray) -> float:
    """How well objects fit their maps, where most of them are."""
    window = window_around(labels.shape, densest_centre(labels), WINDOW_PX[labels.ndim])
    cut = {head: values[window] for head, values in maps.items()}
    return task.coherence(cut, Found(labels[window]))


def window_around(shape: Sequence[int], centre: Sequence[int], edge: int) -> tuple[slice, ...]:
    """Choose a window of at most `edge` px per axis around `centre`, within the image."""
    starts = [max(0, min(c - edge // 2, n - edge)) for n, c in zip(shape, centre, strict=True)]
    return tuple(slice(a, min(n, a + edge)) for n, a in zip(shape, starts, strict=True))


def densest_centre(labels: np.ndarray, edge: int | None = None) -> list[int]:
    """Return the pixel around which most object pixels lie.

    Parameters
    ----------
    labels : ndarray of int
        Objects are above 0.
    edge : int, optional
        About how far around is looked, px; default 512, in stacks 80.

    Examples
    --------
    >>> densest_centre(np.pad(np.ones((2, 2), int), ((50, 8), (70, 8))), edge=20)
    [50, 70]
    """
    from scipy import ndimage

    # counts of cells, 64 to 128 along each axis: smoothing them costs nothing, at any image size
    every = [max(1, n // 64) for n in labels.shape]
    starts = [np.arange(0, n, e) for n, e in zip(labels.shape, every, strict=True)]
    coarse = []
    for first in starts[0]:
        counts = (labels[first : first + every[0]] > 0).sum(axis=0)
        for axis, edges in enumerate(starts[1:]):
            counts = np.add.reduceat(counts, edges, axis=axis)
        coarse.append(counts)
    sigma = [(edge or WINDOW_PX[labels.ndim]) / 4 / e for e in every]
    crowd = ndimage.gaussian_filter(np.array(coarse, np.float32), sigma, mode="constant")
    at = np.unravel_index(int(np.argmax(crowd)), crowd.shape)
    return [int(a) * e + e // 2 for a, e in zip(at, every, strict=True)]
