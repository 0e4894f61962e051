"""Evidence of images whose truth is known: which objects are real, and how many there are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..metrics.contingency import sums
from ..metrics.matching import matches_of, object_overlaps
from ..tasks.found import Found
from ..tasks.labels import unknown_marked
from .evidence import Evidence

if TYPE_CHECKING:
    from ..tasks.task import Task

Array = NDArray[Any]
REAL_IOU = 0.5
"""Overlap with a true object from which on one is real."""
AREA = "area"
"""What the mean area of true objects, over that of those found, is called among scores."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Evidence of one image whose truth is known.

    Attributes
    ----------
    evidence : Evidence
        What image and maps say of the objects that count: not of those mostly on unknown pixels.
    real : boolean array (n,)
        Whether a true object matches at IoU 0.5.
    holds : float array (n,)
        How many true objects have most of their pixels in it.
    count : int
        True objects.
    scores : dict of str to float
        By metric; NaN where there is nothing to measure.
    group : str or None
        Whose it is: near-copies are held out together.
    """

    evidence: Evidence
    real: Array
    holds: Array
    count: int
    scores: Mapping[str, float]
    group: str | None = None


def judge(
    task: Task,
    evidence: Evidence,
    found: Found,
    truth: Array,
    known: Array | None,
    scores: Mapping[str, float],
    group: str | None = None,
) -> Judged:
    """Hold what was found in an image against the truth.

    Parameters
    ----------
    task : Task
        Says which scores tell most.
    evidence : Evidence
        Of what was found.
    found : Found
        By the task.
    truth, known : ndarray
        Labels and which pixels count, as for `Task.score`.
    scores : dict of str to float
        By `Task.score`.
    group : str, optional
        Whose image it is.

    Examples
    --------
    >>> from cytoloom.tasks import Instances
    >>> truth, found = np.array([[1, 1, 2, 2, 0, 3]]), np.array([[5, 5, 5, 5, 0, 0]])
    >>> bare = Evidence(np.array([5]), np.zeros((1, 2)), np.array([4.0]), 0.0, *2 * [np.zeros(1)])
    >>> own = judge(Instances(), bare, Found(found), truth, None, {"ap50": 0.2, "n_truth": 3.0})
    >>> own.real.tolist(), own.holds.tolist(), own.count, own.scores["ap50"]
    ([True], [2.0], 3, 0.2)
    """
    true = replace(found, labels=truth)
    table = object_overlaps(
        unknown_marked(true.objects_labels, known), found.objects_labels, unknown=-1
    )
    pairs = matches_of(table, REAL_IOU)
    alike = [
        true.classes.get(int(t)) == found.classes.get(int(f))
        for t, f in zip(pairs.truth, pairs.found, strict=True)
    ]
    counts = np.isin(evidence.numbers, table.found_ids)
    kept = replace(
        evidence,
        numbers=evidence.numbers[counts],
        objects=evidence.objects[counts],
        area_px=evidence.area_px[counts],
    )
    most = 2 * table.shared_px > table.true_px[table.row]
    told = {name: scores.get(name, math.nan) for name in task.main_scores}
    return Judged(
        kept,
        np.isin(kept.numbers, pairs.found[np.array(alike, bool)]),
        sums(table.found_ids[table.column[most]], np.ones(int(most.sum()), np.int64), kept.numbers)
        .astype(float),
        table.true_ids.size,
        {**told, AREA: _ratio(table.true_px, table.found_px)},
        group,
    )  # fmt: skip


def _ratio(true: Array, found: Array) -> float:
    """Return the mean of areas over that of others; NaN where there are none."""
    return float(true.mean() / found.mean()) if true.size and found.size else math.nan
