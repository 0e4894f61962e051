"""Fit the settings of a decoding to validation images, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .task import Array, Maps, Truth

Settings = dict[str, Any]
SLACK = 0.002


def climb(
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
    >>> climb(lambda s: -max(abs(s["t"] - 3), 1), {"t": 0}, [("t", range(7))])
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


def windows(
    maps: Sequence[Maps], truths: Sequence[Truth], max_px: int
) -> list[tuple[Maps, Array, Array | None]]:
    """Take at most about `max_px` pixels of the images: all, or the middle of each.

    Parameters
    ----------
    maps, truths : sequence
        As for `Task.tune`.
    max_px : int
        Pixels in all.

    Returns
    -------
    list of (maps, labels, known or None)
        Views.
    """
    total = sum(labels.size for labels, _ in truths)
    share = min(1.0, max_px / max(total, 1))
    taken: list[tuple[Maps, Array, Array | None]] = []
    for image_maps, (labels, known) in zip(maps, truths, strict=True):
        keep = share ** (1 / labels.ndim)
        sizes = [min(n, max(64, round(n * keep))) for n in labels.shape]
        middle = tuple(
            slice((n - k) // 2, (n - k) // 2 + k) for n, k in zip(labels.shape, sizes, strict=True)
        )
        cut = {head: values[middle] for head, values in image_maps.items()}
        taken.append((cut, labels[middle], None if known is None else known[middle]))
    return taken
