"""Divisions and merges that may have been missed, and those that are unlikely."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .graph import Bools, Floats, Ints


@dataclass(frozen=True, eq=False)
class Seen:
    """Links as rows of the positions.

    Attributes
    ----------
    positions : DataFrame
        Of `Tracks`.
    source, target : ndarray of int
        Links that were chosen.
    other_source, other_target, other : ndarray
        Candidates over one frame that were not, and their probability.
    """

    positions: pd.DataFrame
    source: Ints
    target: Ints
    other_source: Ints
    other_target: Ints
    other: Floats

    @property
    def out(self) -> Ints:
        """How many links lead out of each position."""
        return np.bincount(self.source, minlength=len(self.positions))

    @property
    def into(self) -> Ints:
        """How many lead into each."""
        return np.bincount(self.target, minlength=len(self.positions))


@dataclass(frozen=True, eq=False)
class Found:
    """Warnings of one kind: rows of the positions, a value and words for each."""

    kind: str
    rows: Ints
    value: Floats
    limit: str
    words: list[str]


def suspected(seen: Seen, used: dict[str, float]) -> Iterator[Found]:
    """Yield what divisions, and candidates that were not chosen, give to look at.

    Notes
    -----
    A cell that appears while a candidate link leads to it from a cell which goes on without it may
    be a daughter of that cell; a cell that is lost while one leads from it into a cell which comes
    from elsewhere may have been merged into it. Of several candidates the likeliest is told.
    """
    yield from _beside(seen, used["likely_link"])
    if "division_probability" in seen.positions:
        p = seen.positions["division_probability"].to_numpy(float)
        yield from _divisions(seen, p, used["likely_division"], used["min_division"])
    many = np.flatnonzero(seen.out > 2)
    yield Found("three daughters", many, seen.out[many].astype(float), "",
                [f"{k} daughters" for k in seen.out[many]])  # fmt: skip


def _beside(seen: Seen, limit: float) -> Iterator[Found]:
    at = seen.positions
    cell = at["track"].notna().to_numpy()
    begins, ends = cell & (seen.into == 0), cell & (seen.out == 0)
    if "leaving" in at:
        away = at["leaving"].to_numpy(bool)
        begins, ends = begins & ~away, ends & ~away
    one, two = seen.other_source, seen.other_target
    likely = seen.other > limit
    rows = _best(likely & begins[two] & (seen.out[one] == 1), two, seen.other)
    yield Found("missed division", one[rows], seen.other[rows], "likely_link",
                [f"object {n} appears beside it in the next frame"
                 for n in at["object"].to_numpy()[two[rows]]])  # fmt: skip
    rows = _best(likely & ends[one] & (seen.into[two] == 1), one, seen.other)
    yield Found("possible merge", two[rows], seen.other[rows], "likely_link",
                [f"object {n} of the frame before is lost beside it"
                 for n in at["object"].to_numpy()[one[rows]]])  # fmt: skip


def _best(which: Bools, key: Ints, value: Floats) -> Ints:
    """Return of those with equal keys the row with the largest value."""
    rows = np.flatnonzero(which)
    rows = rows[np.lexsort((-value[rows], key[rows]))]
    return rows[np.unique(key[rows], return_index=True)[1]]


def _divisions(seen: Seen, p: Floats, likely: float, least: float) -> Iterator[Found]:
    """Compare divisions to what was seen; a frame early or late is none the worse."""
    divides = seen.out > 1
    best = _largest_around(seen, p)
    odd = np.flatnonzero(divides & (best < least))
    yield Found("unlikely division", odd, best[odd], "min_division",
                [f"probability {v:.2g}" for v in best[odd]])  # fmt: skip
    near = _largest_around(seen, divides.astype(float)) > 0
    last = seen.positions.groupby("recording")["frame"].transform("max").to_numpy()
    here = seen.positions["track"].notna().to_numpy() & (
        seen.positions["frame"].to_numpy() < last)  # fmt: skip
    # of frames in a row the one in which it is seen best
    missed = np.flatnonzero(here & ~near & (p > likely) & (p == best))
    yield Found(
        "missed division",
        missed,
        p[missed],
        "likely_division",
        [f"it looks as if it divides, with a probability of {v:.2g}" for v in p[missed]],
    )


def _largest_around(seen: Seen, value: Floats) -> Floats:
    """Return the largest value of each position and of those that it is linked to."""
    best = np.nan_to_num(value, nan=-np.inf)
    found = best.copy()
    np.maximum.at(found, seen.source, best[seen.target])
    np.maximum.at(found, seen.target, best[seen.source])
    return np.where(np.isfinite(found), found, np.nan)
