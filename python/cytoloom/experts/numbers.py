"""What labels of several experts are: masks, numbers of classes, or objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.drawn import DrawnSource
from ..datasets.items import Item, shown_names
from ..errors import InvalidError, invalid
from ..images.labels import refuse_other_ids, renumbered, values_of
from ..messages import Setting, counted, joined, say
from ..segmentation.objects import components, in_pieces
from ..tasks.objects import is_mask
from .patterns import Patterns, patterns

Array = NDArray[Any]
TASKS = ("binary", "classes", "instances")
MOST_CLASSES = 256
FEW_NUMBERS, IN_PIECES = 3, 0.1
"""Classes may be as few; of objects no more are in pieces."""


def read(item: Item) -> tuple[dict[str, Array], dict[str, str]]:
    """Read what experts drew of an image.

    Returns
    -------
    (dict, dict)
        Labels by expert, and why those of others cannot be read.

    Raises
    ------
    InvalidError
        Fewer than two that can be read, or label images of different sizes.
    """
    drawn, failed = {}, {}
    for expert, source in zip(item.annotators, item.annotations, strict=True):
        try:
            labels = source.read()
            refuse_other_ids(labels, source.name)
            drawn[expert] = labels
        except (InvalidError, OSError) as error:
            failed[expert] = str(error)
    if len(drawn) < 2:
        got = ", ".join(drawn) or "none"
        raise invalid(
            item.id,
            expected="labels of two experts or more",
            received=joined("; ", [got, *failed.values()]),
        )
    _refuse_sizes(item.id, drawn)
    return drawn, failed


def _refuse_sizes(name: str, drawn: dict[str, Array]) -> None:
    by_size: dict[tuple[int, ...], list[str]] = {}
    for expert, labels in drawn.items():
        by_size.setdefault(labels.shape, []).append(expert)
    if len(by_size) > 1:
        got = "; ".join(
            f"{' x '.join(map(str, s))} of {', '.join(of)}" for s, of in by_size.items()
        )
        remedy = "Save them again at the size of the image, or take away those that are not its."
        raise invalid(name, expected="label images of one size", received=got, remedy=remedy)
    if 0 in next(iter(by_size)):
        raise invalid(name, expected="labels of at least one pixel", received="none")


def refuse_outlines(items: Sequence[Item]) -> None:
    """Raise where labels that are numbers of classes are outlines, whose numbers are of objects."""
    drawn = [one for item in items for one in item.annotations if isinstance(one, DrawnSource)]
    if drawn:
        raise invalid(
            "experts",
            expected="label images, whose values are numbers of classes",
            received=f"outlines, {drawn[0].name}",
            remedy=say(
                "Give label images, or pass {} or {}.",
                Setting("task", "instances"),
                Setting("task", "binary"),
            ),
        )


@dataclass(frozen=True)
class Seen:
    """What the labels of an image look like.

    Attributes
    ----------
    masks : bool
        Whether all are masks, 0/1 or 0/255, or empty.
    objects : bool
        Whether all others look like numbers of objects: many, and hardly any in pieces.
    values : integer array
        Which labels there are.
    """

    masks: bool
    objects: bool
    values: Array


def look(item: Item) -> Seen:
    """Look at what experts drew of an image."""
    drawn, _ = read(item)
    others = [one for one in drawn.values() if one.any() and not is_mask(one)]
    values = np.unique(np.concatenate([values_of(labels) for labels in drawn.values()]))
    return Seen(not others, all(map(_are_objects, others)), values)


def _are_objects(labels: Array) -> bool:
    count = len(values_of(labels)) - 1
    return count > FEW_NUMBERS and in_pieces(labels) <= IN_PIECES * count


def settled(task: str, seen: dict[str, Seen]) -> str:
    """Return what labels are: as is said, or what all images look like.

    Raises
    ------
    InvalidError
        Numbers that may be of classes as well as of objects.
    """
    if task != "auto":
        return task
    odd = {name: one for name, one in seen.items() if not one.masks}
    if not odd:
        return "binary"
    if all(one.objects for one in odd.values()):
        return "instances"
    raise invalid(
        "task",
        expected="to be told what numbers other than 0/1 or 0/255 mean",
        received=f"such numbers in {counted(len(odd), 'image')}: {shown_names(list(odd))}",
        remedy=say(
            "Pass {} where a number is a class, {} where it is an object, {} where all above 0 is "
            "foreground.",
            Setting("task", "classes"),
            Setting("task", "instances"),
            Setting("task", "binary"),
        ),
    )


@dataclass(frozen=True, eq=False)
class Said:
    """What experts said of an image.

    Attributes
    ----------
    experts : tuple of str
        Who.
    patterns : Patterns
        Their answers.
    values : integer array
        The label of each class of the answers.
    objects : list of integer arrays or None
        The objects of each expert, numbered; None where labels are not objects.
    """

    experts: tuple[str, ...]
    patterns: Patterns
    values: Array
    objects: list[Array] | None = None


def understood(drawn: dict[str, Array], task: str) -> Said:
    """Take what experts drew of an image for what it is.

    Examples
    --------
    >>> said = understood({"a": np.array([[0, 7]]), "b": np.array([[3, 7]])}, "classes")
    >>> said.values.tolist(), said.patterns.votes.tolist()
    ([0, 3, 7], [[0, 2], [1, 2]])
    >>> said = understood({"a": np.array([[0, 255]]), "b": np.array([[1, 1]])}, "instances")
    >>> said.patterns.votes.tolist(), [one.tolist() for one in said.objects]
    ([[0, 1], [1, 1]], [[[0, 1]], [[1, 1]]])
    """
    if task == "classes":
        # background first, whether or not somebody left some
        values = np.unique(np.concatenate([[0], *map(values_of, drawn.values())])).astype(np.int64)
        numbers = [np.searchsorted(values, labels) for labels in drawn.values()]
        return Said(tuple(drawn), patterns(numbers, len(values)), values)
    answers = patterns([labels > 0 for labels in drawn.values()], 2)
    objects = [_objects(one) for one in drawn.values()] if task == "instances" else None
    return Said(tuple(drawn), answers, np.arange(2), objects)


def _objects(labels: Array) -> Array:
    """Return objects numbered; of a mask its pieces."""
    return components(labels > 0) if is_mask(labels) else renumbered(labels)[0]
