"""Fit the settings of a decoding to validation images, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

Settings = dict[str, Any]
SLACK = 0.002
"""Scores this close count as equal: trainings of other seeds differ by more, about 0.015."""


def coordinate_ascent(
    score: Callable[[Settings], float],
    start: Settings,
    steps: Iterable[tuple[str, Sequence[float] | Callable[[float], Sequence[float]]]],
    slack: float = SLACK,
) -> Settings:
    """Improve one setting at a time.

    Among values that score within `slack` of the best, and lie side by side with it, the
    middle one is taken: what is flat around it holds for other images too.

    Parameters
    ----------
    score : callable
        Takes settings; larger is better. Called once per different settings.
    start : dict
        Settings by name.
    steps : iterable of (str, sequence of float or function)
        Names and the ascending values to try, in this order; a name may come again. A function
        makes the values from the one that is best so far.
    slack : float, default 0.002
        Difference in score that is not one.

    Examples
    --------
    >>> coordinate_ascent(lambda s: -max(abs(s["t"] - 3), 1), {"t": 0}, [("t", range(7))])
    {'t': 3}
    """
    known: dict[tuple[Any, ...], float] = {}

    def scored(settings: Settings) -> float:
        key = tuple(settings.values())
        if key not in known:
            known[key] = score(settings)
        return known[key]

    best = dict(start)
    for name, step in steps:
        values = step(best[name]) if callable(step) else step
        scores = [scored(best | {name: value}) for value in values]
        best[name] = values[middle_of_best(scores, slack)]
    return best


def middle_of_best(scores: Sequence[float], slack: float) -> int:
    """Index of the middle (of two, the first) of the run within `slack` of the largest score.

    Examples
    --------
    >>> middle_of_best([0.1, 0.9, 0.91, 0.9, 0.2, 0.9], slack=0.02)
    2
    """
    top = int(np.argmax(scores))
    first = last = top
    while first > 0 and scores[first - 1] >= scores[top] - slack:
        first -= 1
    while last + 1 < len(scores) and scores[last + 1] >= scores[top] - slack:
        last += 1
    return (first + last) // 2
