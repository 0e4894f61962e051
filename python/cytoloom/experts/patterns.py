"""What several experts said of each pixel, counted once per pattern of answers.

An image of a million pixels has a few dozen patterns: all that follows is reckoned on these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..metrics.overlap import Overlap

Array = NDArray[Any]
Floats = NDArray[np.float64]
MOST_CODES = 1 << 16
"""Codes of patterns, up to which an array as long as these is cheap to count with."""


@dataclass(frozen=True, eq=False)
class Patterns:
    """The answers of experts that occur in an image.

    Attributes
    ----------
    votes : int64 array (experts, n)
        What each expert said, as numbers of classes from 0 on.
    pixels : int64 array (n,)
        How many pixels have this pattern.
    code : integer array, shape of the image
        Which pattern each pixel has.
    classes : int
        How many classes there are.

    Examples
    --------
    >>> found = patterns([np.array([0, 1, 1]), np.array([0, 1, 0])], classes=2)
    >>> found.votes.tolist(), found.pixels.tolist(), found.code.tolist()
    ([[0, 1, 1], [0, 0, 1]], [1, 1, 1], [0, 2, 1])
    """

    votes: Array
    pixels: Array
    code: Array
    classes: int

    def counts(self) -> Array:
        """How many experts said each class: int64 array (classes, n)."""
        return np.stack([(self.votes == k).sum(axis=0) for k in range(self.classes)])

    def overlap(self, one: Array, other: Array) -> Overlap:
        """Compare two answers, each a class per pattern."""
        ids = np.arange(1, self.classes)
        first, second = (x == ids[:, None] for x in (one, other))
        tp = (first & second) @ self.pixels
        return Overlap(ids, tp, second @ self.pixels - tp, first @ self.pixels - tp)


def patterns(drawn: Sequence[Array], classes: int) -> Patterns:
    """Find the patterns of answers that occur.

    Parameters
    ----------
    drawn : sequence of integer arrays, all of one shape
        What each expert said, as numbers of classes below `classes`.
    classes : int
        How many there are.

    Returns
    -------
    Patterns
    """
    code, known = np.zeros(drawn[0].shape, np.uint32), np.zeros((0, 1), np.int64)
    for one in drawn:
        code = code * np.uint32(classes) + one.astype(np.uint32)
        made = np.arange(known.shape[1] * classes)
        known = np.concatenate([known[:, made // classes], made[None] % classes])
        if len(made) > MOST_CODES:
            present, code = np.unique(code, return_inverse=True)
            code = code.reshape(drawn[0].shape).astype(np.uint32)
            known = known[:, present]
    pixels = np.bincount(code.ravel(), minlength=known.shape[1])
    occurs = pixels > 0
    place = (np.cumsum(occurs) - 1).astype(np.uint32)
    return Patterns(known[:, occurs], pixels[occurs], place[code], classes)
