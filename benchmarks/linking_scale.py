"""Millions of positions, linked with error rates: a culture of points that wander and divide.

Cells walk at random and keep their distance; one in fifty divides in each frame and as many die, so
that their number stays; one detection in a hundred is none, one in a hundred is missed. A length of
1 is the side of the square, or the cube, that a cell has for itself.
"""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from cytoloom.tracks.linked import Linked, linked
from cytoloom.tracks.margins import SURE, p_wrong
from cytoloom.tracks.points import Points
from cytoloom.tracks.program import BEYOND, WINDOW

RATE, APART, DAUGHTERS = 0.02, 0.7, 0.35
"""Share of cells that divide in a frame; how near two come; half the way between daughters."""
FALSE, MISSING = 0.01, 0.01


@dataclass(frozen=True, eq=False)
class Culture:
    """Detections in the order of their frames.

    Parameters
    ----------
    frame : ndarray (n,) of int
    at : ndarray (n, axes) of float
    mother : ndarray (n,) of int
        The detection of the same cell, or its mother, in the frame before; -1 for none.
    before : ndarray (n,) of int
        The same two frames before, where it was missed in the one between.
    """

    frame: np.ndarray
    at: np.ndarray
    mother: np.ndarray
    before: np.ndarray


def culture(cells: int, frames: int, axes: int, step: float, seed: int = 0) -> Culture:
    """Let cells walk, divide and die; then leave some out and add some that are none."""
    rng = np.random.default_rng(seed)
    side = cells ** (1 / axes)
    at = rng.uniform(0, side, (cells, axes))
    for _ in range(20):
        at = _apart(at, side)
    places, mothers, counts = [], [], []
    mother, count = np.full(cells, -1), 0
    for _ in range(frames):
        places.append(at)
        mothers.append(mother)
        counts.append(len(at))
        own = count + np.arange(len(at))
        count += len(at)
        divides = rng.random(len(at)) < RATE
        stays = ~divides & (rng.random(len(at)) >= RATE)
        at = at + rng.normal(0, step, at.shape)
        away = rng.normal(size=(int(divides.sum()), axes))
        away *= DAUGHTERS / np.linalg.norm(away, axis=1, keepdims=True)
        at = _apart(np.concatenate([at[stays], at[divides] + away, at[divides] - away]), side)
        mother = np.concatenate([own[stays], own[divides], own[divides]])
    frame = np.repeat(np.arange(frames), counts)
    return _seen(frame, np.concatenate(places), np.concatenate(mothers), rng)


def _apart(at: np.ndarray, side: float) -> np.ndarray:
    """Move each away from its nearest, where that is too near."""
    away, which = cKDTree(at).query(at, k=2, distance_upper_bound=APART)
    near = np.isfinite(away[:, 1])
    away, which = np.maximum(away[near, 1], 1e-6), which[near, 1]
    moved = at.copy()
    moved[near] += (at[near] - at[which]) * ((APART - away) / 2 / away)[:, None]
    return np.clip(moved, 0, side)


def _seen(
    frame: np.ndarray, at: np.ndarray, mother: np.ndarray, rng: np.random.Generator
) -> Culture:
    n = len(frame)
    kept = np.flatnonzero(rng.random(n) >= MISSING)
    more = rng.integers(0, n, int(FALSE * n))
    places = np.concatenate([at[kept], rng.uniform(0, at.max(axis=0), (len(more), at.shape[1]))])
    frames = np.concatenate([frame[kept], frame[more]])
    order = np.argsort(frames, kind="stable")
    was = np.concatenate([kept, np.full(len(more), -1)])[order]
    now = np.full(n + 1, -1)  # the last is of none
    now[was[was >= 0]] = np.flatnonzero(was >= 0)
    mother = np.append(mother, -1)
    one = mother[was]
    other = np.where(now[one] < 0, mother[one], -1)
    return Culture(frames[order], places[order], now[one], now[other])


def measured(movie: Culture) -> dict[str, Any]:
    """Link a culture and say how long each part took, how much memory, and what is wrong."""
    n = len(movie.frame)
    unknown = np.full(n, np.nan)
    points = Points(movie.frame, movie.at, unknown, unknown, movie.at.min(axis=0),
                    movie.at.max(axis=0), np.zeros(n, bool))  # fmt: skip
    before = _now()
    times = [time.process_time()]
    work = linked(points, None, "optimal", False, True, True)
    try:
        while True:
            next(work)
            times.append(time.process_time())
    except StopIteration as end:
        found: Linked = end.value
    times.append(time.process_time())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    linking, margins = times[-2] - times[0], times[-1] - times[-2]
    windows = max(1.0, (movie.frame.max() + 1) / (WINDOW - BEYOND))
    return {
        "positions": n, "frames": int(movie.frame.max()) + 1, **judged(movie, found),
        "CPU s": times[-1] - times[0], "linking s": linking, "error rates s": margins,
        "s a window": (linking / 3 + margins) / windows,
        "ms a link": 1000 * margins / max(1, int(found.chosen.sum())),
        "MB": peak, "MB a million": 1e6 * peak / n,
    }  # fmt: skip


def judged(movie: Culture, found: Linked) -> dict[str, Any]:
    """Count what is wrong, and how well error rates say so."""
    source, target, p = (one[found.chosen] for one in (found.source, found.target, found.wrong))
    same = movie.mother[target] == source
    right = same | (movie.before[target] == source)
    true = int((movie.mother >= 0).sum())
    own, said = (np.bincount(one, minlength=len(movie.frame)) == 2
                 for one in (movie.mother[movie.mother >= 0], source))  # fmt: skip
    both = np.bincount(source[same], minlength=len(movie.frame)) == 2
    bins = np.minimum((np.nan_to_num(p) * 15).astype(int), 14)
    off = np.bincount(bins, p, 15) - np.bincount(bins, ~right, 15)
    return {
        "links": true,
        "wrong per 1000": 1000 * float((~right).mean()),
        "missed per 1000": 1000 * (1 - int(same.sum()) / true),
        "divisions": int(own.sum()), "exact": int(both.sum()),
        "false divisions": int((said & ~both).sum()),
        "ece": float(np.abs(off).sum() / len(p)),
        "flagged": float((p > 0.01).mean()), "left": float((~right & (p <= 0.01)).mean()),
        "bounded": float((p <= p_wrong(np.array(SURE))).mean()),
    }  # fmt: skip


def _now() -> float:
    """Return the memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
