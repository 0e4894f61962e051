"""Run lengths of COCO: pixels counted down the columns, background first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
"""Pixels by their number, counted down the columns."""


def counts_of(place: Places, total: int) -> list[int]:
    """Return the lengths of runs of some of so many pixels.

    Parameters
    ----------
    place : int64 ndarray
        In order, at least one.
    total : int
        Pixels of the image.

    Examples
    --------
    >>> counts_of(np.array([1, 2, 3]), 6), places_of([1, 3, 2], 6).tolist()
    ([1, 3, 2], [1, 2, 3])
    """
    gaps = np.flatnonzero(np.diff(place) != 1)
    starts, stops = place[np.r_[0, gaps + 1]], place[np.r_[gaps, len(place) - 1]] + 1
    edges = np.stack([starts, stops], axis=1).ravel()
    counts = np.diff(np.r_[0, edges, total]).tolist()
    return counts if counts[-1] else counts[:-1]


def places_of(counts: str | Sequence[int], total: int) -> Places:
    """Return the pixels of runs, which may be written as a string.

    Parameters
    ----------
    counts : str or sequence of int
        Lengths of runs; compressed as pycocotools does it, or as they are.
    total : int
        Pixels of the image.

    Raises
    ------
    ValueError
        Lengths that are none, or more than there are pixels.

    Examples
    --------
    >>> places_of("13", 4).tolist(), places_of("132", 6).tolist()
    ([1, 2, 3], [1, 2, 3])
    """
    lengths = np.asarray(_read(counts) if isinstance(counts, str) else counts)
    if lengths.size and (lengths.ndim != 1 or lengths.dtype.kind not in "iu"):
        raise ValueError("lengths of runs that are no whole numbers")
    if lengths.size and (int(lengths.min()) < 0 or sum(lengths.tolist()) > total):
        raise ValueError(f"runs that are not within {total} pixels")
    stops = np.cumsum(lengths, dtype=np.int64)[1::2]
    inside = lengths[1::2].astype(np.int64)
    before = np.cumsum(inside) - inside
    return np.repeat(stops - inside - before, inside) + np.arange(int(inside.sum()))


def _read(text: str) -> list[int]:
    """Read lengths of five bits a character, from the third on less the last but one."""
    lengths: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise ValueError(f"the character {character!r} in run lengths")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:  # the sign
            value -= 1 << shift
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("run lengths that are cut off")
    return lengths
