"""Fit the thresholds of a decoding to validation images: grid search, coarse to fine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

Settings = dict[str, Any]


def best_on_grid(
    score: Callable[[Settings], float], grid: Mapping[str, Sequence[float]], start: Settings
) -> Settings:
    """Find the settings of the grid with the largest score; `start` wins against its equals.

    Parameters
    ----------
    score : callable
        Takes a dictionary with the keys of `grid`.
    grid : dict of sequences of float
        Values to try per name; all combinations are tried.
    start : dict
        What to keep unless something is better; tried first.

    Examples
    --------
    >>> best_on_grid(lambda s: -abs(s["t"] - 0.4), {"t": [0.1, 0.3, 0.6]}, {"t": 0.9})
    {'t': 0.3}
    """
    best, best_score = start, score(start)
    for values in product(*grid.values()):
        settings = dict(zip(grid, values, strict=True))
        value = score(settings)
        if value > best_score + 1e-9:
            best, best_score = settings, value
    return best
