"""LapTrack (BSD, 10.1093/bioinformatics/btac799), which cytoloom does not depend on, to compare."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from scipy.spatial import cKDTree

CUTOFFS = (0.25, 0.5, 0.75, 1.0, 1.5)
"""Longest steps that are tried, as parts of the median distance to the nearest of the frame."""
Row = TypeVar("Row")


def laptracked(frame: np.ndarray, at: np.ndarray, cutoff: float) -> np.ndarray:
    """Return linked pairs: steps, gaps of a frame and divisions up to a distance."""
    try:
        from laptrack import LapTrack
    except ImportError:
        raise SystemExit("LapTrack is not installed. Install it: pip install laptrack.") from None
    rows = [np.flatnonzero(frame == t) for t in range(int(frame.max()) + 1)]
    most = cutoff**2
    tracker = LapTrack(cutoff=most, gap_closing_cutoff=most, gap_closing_max_frame_count=1,
                       splitting_cutoff=most, merging_cutoff=False)  # fmt: skip
    tree = tracker.predict([at[own] for own in rows])
    pairs = [sorted((a, b)) for a, b in tree.edges]
    return np.array([(rows[s][i], rows[t][k]) for (s, i), (t, k) in pairs]).reshape(-1, 2)


def cutoffs(frame: np.ndarray, at: np.ndarray) -> list[float]:
    """Return the longest steps to try."""
    near = [cKDTree(own).query(own, k=2)[0][:, 1]
            for own in (at[frame == t] for t in np.unique(frame)) if len(own) > 1]  # fmt: skip
    return [part * float(np.median(np.concatenate(near))) for part in CUTOFFS]


def best(
    frame: np.ndarray, at: np.ndarray, judge: Callable[[np.ndarray], dict[str, float]]
) -> dict[str, float]:
    """Return the row of the cutoff that has the fewest errors by the truth: in its favour."""
    rows = [judge(laptracked(frame, at, cutoff)) for cutoff in cutoffs(frame, at)]
    return min(rows, key=lambda row: row["wrong"] + row["missed"])
