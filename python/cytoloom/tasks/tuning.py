"""Fit the settings of a decoding to validation images, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..metrics.instances import counts_by_score
from .labels import Spacing, unknown_marked

if TYPE_CHECKING:
    from .task import Maps, Task, Truth

TUNED_IOUS = (0.5, 0.6, 0.7, 0.8, 0.9)
Settings = dict[str, Any]
SLACK = 0.002
"""Scores this close count as equal: trainings of other seeds differ by more, about 0.015."""


Steps = Iterable[tuple[str, Sequence[float] | Callable[[float], Sequence[float]]]]


def best_for_objects(
    task: Task,
    maps: Sequence[Maps],
    truths: Sequence[Truth],
    spacing_um: Spacing,
    steps: Steps,
) -> Settings:
    """Fit settings of a decoding by the mean average precision over images and IoU thresholds.

    Images without objects have no precision: what is found there counts as found on the others,
    an equal share on each, so that finding little on few images does not win.

    Parameters
    ----------
    task : Task
        Its fields are where the search begins.
    maps, truths, spacing_um
        As for `Task.tune`.
    steps : iterable of (str, values or function)
        As for `coordinate_ascent`.

    Returns
    -------
    dict
        The settings by name; none where no image has an object.
    """
    steps = list(steps)
    pairs = zip(maps, truths, strict=True)
    images = [(own, unknown_marked(labels, known)) for own, (labels, known) in pairs]
    filled = np.array([(truth > 0).any() for _, truth in images], bool)
    if not filled.any():
        return {}

    def precision(settings: Settings) -> float:
        """Score one setting."""
        chosen = replace(task, **settings)  # type: ignore[type-var]
        each = []
        for own, truth in images:
            labels = chosen.decode(own, spacing_um).labels
            alike = np.ones(int(labels.max(initial=0)) + 1)
            each.append(counts_by_score(truth, labels, alike, (0.0,), TUNED_IOUS, -1))
        right, objects = np.array(each).swapaxes(0, 1)
        extra = objects[~filled].sum(axis=0) / filled.sum()
        return float((right[filled] / (objects[filled] + extra)).mean())

    return coordinate_ascent(precision, {name: getattr(task, name) for name, _ in steps}, steps)


def coordinate_ascent(
    score: Callable[[Settings], float],
    start: Settings,
    steps: Steps,
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
