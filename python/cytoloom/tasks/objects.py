"""What all tasks share that tell objects apart: which labels they take, and how they are scored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..metrics.contingency import Contingency
from ..metrics.instances import IOUS_50_95
from ..metrics.matching import matches_of, overlaps_of
from ..metrics.partitions import information_of, rand_error_of
from ..segmentation.objects import components, in_pieces
from .labels import Array, check_known_values
from .pairs import Pairs, overlap_scores
from .task import LOOK, Task

PARTITION = ("voi_split", "voi_merge", "adapted_rand_error")
"""Scores of how an image is divided, of which less is better."""


class Objects(Task):
    """Base of tasks whose labels are objects, each with a number of its own.

    Examples
    --------
    >>> Objects().label_names
    ('background', 'object')
    """

    @property
    def label_names(self) -> tuple[str, ...]:
        """Background and object."""
        return ("background", "object")

    @property
    def main_scores(self) -> tuple[str, ...]:
        """Average precision at IoU 0.5, then Dice of the foreground."""
        return ("ap50", "dice")

    def doubts(self, scores: Mapping[str, float]) -> list[str]:
        """Say so where no object was found though there were some, else where little area was."""
        if scores.get("ap50") == 0 and scores.get("n_truth", 1) > 0:
            none = "No object of the validation images was found: the model is of no use yet."
            return [f"{none} {LOOK}"]
        return super().doubts(scores)

    @property
    def class_heads(self) -> tuple[str, ...]:
        """The probability of foreground, where a head says that."""
        return ("foreground",) if "foreground" in self.heads else ()

    def objects(self, labels: Array) -> Array:
        """Return `labels`: each value is an object."""
        return labels

    def score_pairs(self, pairs: Pairs) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Average precision, F1, panoptic quality and foreground Dice; one row per object.

        Objects found mostly on unknown pixels count nowhere. Without objects in truth and
        result these are NaN; `n_found_on_empty` counts what is found where there is none.
        """
        overlaps = overlaps_of(pairs.labels)
        matches = matches_of(overlaps, 0.5)
        by_iou = np.array([matches_of(overlaps, iou).average_precision for iou in IOUS_50_95])
        n_truth, n_found = matches.tp + matches.fn, matches.tp + matches.fp
        scores = {
            "ap50": float(by_iou[0]),
            "ap70": float(by_iou[4]),
            "ap": float(by_iou.mean()),
            "f1_50": matches.f1,
            "panoptic_quality": matches.panoptic_quality,
        }
        if not n_truth + n_found:
            scores = dict.fromkeys(scores, float("nan"))
        return {
            **scores,
            "dice": overlap_scores(pairs.overlap())["dice"],
            "n_truth": float(n_truth),
            "n_found": float(n_found),
            **pairs.found_on_empty(),
        }, matches.objects()

    def never_below(self, metric: str) -> tuple[str, ...]:
        """Say that what matches at a larger IoU matches at a smaller one, and F1 is above AP."""
        pairs = {"ap50": ("ap70", "ap"), "f1_50": ("ap50", "panoptic_quality")}
        return pairs.get(metric, ())

    def check_labels(self, labels: Array, known: Array | None = None) -> list[str]:
        """Refuse what is not whole numbers from 0 on."""
        return check_known_values(labels, known)

    def describe_labels(self, labels: Array) -> list[str]:
        """Say when nothing is background, objects are pieces of a mask, a number is in pieces."""
        if not labels.size or labels.min() < 0:
            return []
        if labels.min() > 0:
            values, counts = np.unique(labels, return_counts=True)
            return [
                "no pixel is 0, which is background: all are of objects, most of object "
                f"{values[counts.argmax()]}; if that is the background, write it as 0"
            ]
        if is_mask(labels):
            return [
                "a mask without object ids: its connected components are taken for objects, so "
                "objects that touch are one"
            ]
        if not in_pieces(labels):
            return []
        return [
            "labels in pieces that do not touch: each number is one object, as scores count it; "
            "if numbers are classes, give every object a number of its own"
        ]

    def prepare(self, labels: Array) -> Array:
        """Return `labels`; a mask, 0/1 or 0/255, becomes its connected components.

        In all other labels a number is one object, in however many pieces.
        """
        return components(labels > 0) if is_mask(labels) else labels


class Partitions(Objects):
    """Base of tasks whose objects lie side by side: how an image is divided is scored, too.

    Examples
    --------
    >>> Partitions().less_is_better("voi_split")
    True
    """

    def score_pairs(self, pairs: Pairs) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Those of `Instances`, and bits of split and of merge and the adapted Rand error."""
        scores, rows = super().score_pairs(pairs)
        return scores | partition_scores(pairs.labels), rows

    def score_range(self, metric: str) -> tuple[float, float]:
        """Say that bits have no end."""
        low, high = super().score_range(metric)
        return (low, math.inf if metric.startswith("voi") else high)

    def less_is_better(self, metric: str) -> bool:
        """Say so of errors."""
        return metric in PARTITION or super().less_is_better(metric)


def correlation(seen: Array, drawn: Array, inside: Array) -> float:
    """Correlation of a map with its target for what was found, inside it; 0 where either is flat.

    Examples
    --------
    >>> seen, drawn = np.array([0.1, 0.2, 0.9]), np.array([1.0, 2.0, 0.0])
    >>> round(correlation(seen, drawn, np.array([True, True, False])), 6)
    1.0
    """
    seen, drawn = seen[inside], drawn[inside]
    if seen.size == 0 or min(seen.std(), drawn.std()) < 1e-6:
        return 0.0
    return float(np.corrcoef(seen, drawn)[0, 1])


def partition_scores(labels: Contingency) -> dict[str, float]:
    """Bits of split and of merge, and the adapted Rand error; NaN where nothing is true.

    Examples
    --------
    >>> from ..metrics.contingency import contingency
    >>> partition_scores(contingency([[1, 1, 1, 1]], [[1, 1, 2, 2]]))["voi_split"]
    1.0
    """
    counts = labels.truth > 0
    if not counts.any():
        return dict.fromkeys(PARTITION, float("nan"))
    table = Contingency(labels.truth[counts], labels.found[counts], labels.pixels[counts])
    return dict(zip(PARTITION, (*information_of(table), rand_error_of(table)), strict=True))


def is_mask(labels: Array) -> bool:
    """Whether labels are a mask without object ids: one value above 0, which is 1 or 255.

    Examples
    --------
    >>> is_mask(np.array([[0, 255]])), is_mask(np.array([[0, 7]])), is_mask(np.array([[0, 0]]))
    (True, False, False)
    """
    top = int(labels.max(initial=0))
    return top in (1, 255) and bool(((labels == 0) | (labels == top)).all())
