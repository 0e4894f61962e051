"""Classes of objects: what a head learns of them, and how they are scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import invalid
from ..metrics.contingency import UNKNOWN, Contingency, added_up
from ..metrics.matching import matches_of, overlaps_of
from ..segmentation.classed import parted
from .found import Found
from .labels import EMPTY, Array, weight_of

MEAN, ACCURACY = "ap50_by_class", "class_accuracy"
"""The mean over classes, and the share of matched objects whose class is right."""
CLASS_WEIGHT = 0.2
"""Of the head of classes, beside 1 of the others: with 1 objects themselves were not found after
200 steps (five cell types, AP@0.5 .01 for .92), and junk was at the border of images."""
Row = dict[str, Any]


def check_names(names: Sequence[str]) -> None:
    """Refuse names of classes that tables could not tell apart.

    Examples
    --------
    >>> check_names(["live", "Live"])
    Traceback (most recent call last):
    cytoloom.errors.InvalidError: Invalid `classes`. Expected names that differ in more than ...
    """
    plain = [name.strip().casefold() for name in names]
    if len(set(plain)) < len(plain) or "" in plain:
        expected = "names that differ in more than case and blanks, none of them empty"
        raise invalid("classes", expected=expected, received=", ".join(names))


def class_target(
    classes: Array, known: NDArray[np.bool_], count: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Value (spatial..., classes) and weight of the head that learns classes of objects.

    Background, and objects without a class, have no weight.

    Parameters
    ----------
    classes : ndarray of int
        Class of each pixel's object, from 1 on; 0 where it has none.
    known : ndarray of bool
        Pixels that count.
    count : int
        Of the classes.

    Examples
    --------
    >>> value, weight = class_target(np.array([0, 2, 1]), np.array([True, True, False]), 2)
    >>> value.tolist(), weight[:, 0].tolist()
    ([[0.0, 0.0], [0.0, 1.0], [0.0, 0.0]], [0.0, 1.0, 0.0])
    """
    told = np.where(known, classes, 0)
    value = np.eye(count + 1, dtype=np.float32)[told][..., 1:]
    return value, weight_of(told > 0)


def found_drawn(labels: Array, count: int) -> Found:
    """Return labels that somebody drew as if a task had found them, with their classes.

    Examples
    --------
    >>> found_drawn(np.array([[0, 2097159]]), 2).object_classes
    {7: 2}
    """
    if not count:
        return Found(labels)
    objects, classes = parted(labels)
    return Found(objects, class_map=class_target(classes, objects > 0, count)[0])


def without_classes(labels: Contingency) -> Contingency:
    """Return a table of the numbers of true objects, of one of labels with their classes.

    Examples
    --------
    >>> from ..metrics.contingency import contingency
    >>> without_classes(contingency([[7, 2097159]], [[1, 1]])).pixels
    array([2])
    """
    marked = labels.truth < 0
    truth = np.where(marked, labels.truth, parted(np.where(marked, 0, labels.truth))[0])
    return added_up([Contingency(truth, labels.found, labels.pixels)])


def class_scores(
    names: Sequence[str],
    labels: Contingency,
    true: Mapping[int, int],
    seen: Mapping[int, int],
) -> dict[str, float]:
    """Average precision at IoU 0.5 of the objects of each class, and its mean over classes.

    An object found counts for the class that it is found as. Where it lies mostly on objects
    whose class is not known, it counts nowhere. A class that neither truth nor result has is
    NaN, and no part of the mean; so are all, where there are objects and no class is known.
    ``n_found_on_empty_<class>`` counts what is found of a class on an image without it.

    Parameters
    ----------
    names : sequence of str
        Of the classes, from 1 on.
    labels : Contingency
        Of true objects with those found.
    true, seen : dict of int to int
        The class of each that has one.

    Examples
    --------
    >>> from ..metrics.contingency import contingency
    >>> labels = contingency([[5, 0, 6]], [[1, 0, 2]])
    >>> class_scores(["live", "dead"], labels, {5: 1, 6: 1}, {1: 1, 2: 2})
    {'ap50_by_class': 0.25, 'ap50_live': 0.5, 'ap50_dead': 0.0, 'n_found_on_empty_dead': 1.0}
    """
    by = {f"ap50_{name}": float("nan") for name in names}
    if not true and (labels.truth > 0).any():
        return {MEAN: float("nan"), **by}
    told, got = looked_up(true, labels.truth), looked_up(seen, labels.found)
    counts = (labels.truth == 0) | (told > 0)
    extra: dict[str, float] = {}
    for number, name in enumerate(names, start=1):
        own = np.where(counts, np.where(told == number, labels.truth, 0), UNKNOWN)
        of_class = Contingency(own, np.where(got == number, labels.found, 0), labels.pixels)
        overlaps = overlaps_of(of_class)
        if overlaps.true_ids.size or (of_class.found > 0).any():
            by[f"ap50_{name}"] = matches_of(overlaps, 0.5).average_precision
        if not overlaps.true_ids.size:
            extra[f"{EMPTY}_{name}"] = float(overlaps.found_ids.size)
            if not overlaps.found_ids.size:
                by[f"ap50_{name}"] = float("nan")
    some = [value for value in by.values() if not np.isnan(value)]
    return {MEAN: float(np.mean(some)) if some else float("nan"), **by, **extra}


def with_class_columns(
    rows: Sequence[Row], names: Sequence[str], true: Mapping[int, int], found: Mapping[int, int]
) -> list[Row]:
    """Add to rows of objects of which class they are, and as which they were found.

    Examples
    --------
    >>> rows = [{"truth": 5, "found": 1, "iou": 1.0, "matched": True}]
    >>> one, = with_class_columns(rows, ["live", "dead"], {}, {1: 2})
    >>> one["class_truth"], one["class_found"]
    (None, 'dead')
    """
    called = dict(enumerate(names, start=1))
    return [
        {
            **row,
            "class_truth": called.get(true.get(row["truth"], 0)),
            "class_found": called.get(found.get(row["found"], 0)),
        }
        for row in rows
    ]


def accuracy(rows: Sequence[Row]) -> float:
    """Share of matched objects whose class is right, among those of which it is known; or NaN.

    Examples
    --------
    >>> row = {"matched": True, "class_truth": "live", "class_found": "live"}
    >>> accuracy([row, {**row, "class_found": "dead"}, {**row, "class_truth": None}])
    0.5
    """
    right = [
        row["class_truth"] == row["class_found"]
        for row in rows
        if row["matched"] and row["class_truth"] is not None
    ]
    return float(np.mean(right)) if right else float("nan")


def looked_up(classes: Mapping[int, int], labels: Array) -> NDArray[np.int32]:
    """Return the class of each pixel's object; 0 where it has none.

    Examples
    --------
    >>> looked_up({7: 2}, np.array([0, 7, 9])).tolist()
    [0, 2, 0]
    """
    numbers, place = np.unique(labels, return_inverse=True)
    told = np.array([classes.get(int(number), 0) for number in numbers], np.int32)
    return told[place].reshape(labels.shape)
