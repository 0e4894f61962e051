"""What labels of several experts are: masks, or numbers of classes; read as one kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.items import Item, shown_names
from ..errors import InvalidError, invalid
from ..images.labels import values_of
from ..messages import Setting, counted, say
from ..tasks.instances import is_mask
from ..tasks.labels import check_known_values

Array = NDArray[Any]
TASKS = ("binary", "classes")
MOST_CLASSES = 256


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
            for problem in check_known_values(labels, None):
                raise invalid(source.name, expected="whole numbers from 0 on", received=problem)
            drawn[expert] = labels
        except (InvalidError, OSError) as error:
            failed[expert] = str(error)
    if len(drawn) < 2:
        got = ", ".join(drawn) or "none"
        raise invalid(
            item.id,
            expected="labels of two experts or more",
            received="; ".join([got, *failed.values()]),
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
        raise invalid(name, expected="label images of one size", received=got)
    if 0 in next(iter(by_size)):
        raise invalid(name, expected="labels of at least one pixel", received="none")


def present(item: Item) -> tuple[bool, Array]:
    """Say whether all that experts drew of an image are masks or empty, and which labels occur."""
    drawn, _ = read(item)
    masks = all(is_mask(labels) or not labels.any() for labels in drawn.values())
    return masks, np.unique(np.concatenate([values_of(labels) for labels in drawn.values()]))


def refuse_numbers(task: str, odd: Sequence[str]) -> None:
    """Raise where nobody has said what labels are, and some are no masks."""
    if task == "auto" and odd:
        raise invalid(
            "task",
            expected="to be told what numbers other than 0/1 or 0/255 mean",
            received=f"such numbers in {counted(len(odd), 'image')}: {shown_names(odd)}",
            remedy=say(
                "Pass {} where a number is a class, {} where all above 0 is foreground.",
                Setting("task", "classes"),
                Setting("task", "binary"),
            ),
        )


def as_classes(drawn: dict[str, Array], task: str) -> tuple[list[Array], Array]:
    """Return the labels of an image as numbers from 0 on, the same for all experts.

    Returns
    -------
    (list of integer arrays, integer array)
        Numbers for each expert, and the label of each number: background first, whether or not
        somebody left some.

    Examples
    --------
    >>> numbers, values = as_classes({"a": np.array([0, 7]), "b": np.array([3, 7])}, "classes")
    >>> [one.tolist() for one in numbers], values.tolist()
    ([[0, 2], [1, 2]], [0, 3, 7])
    >>> as_classes({"a": np.array([0, 255]), "b": np.array([1, 1])}, "binary")[0][0].tolist()
    [0, 1]
    """
    if task == "binary":
        return [(labels > 0).astype(np.uint8) for labels in drawn.values()], np.arange(2)
    values = np.unique(np.concatenate([[0], *map(values_of, drawn.values())])).astype(np.int64)
    return [np.searchsorted(values, labels) for labels in drawn.values()], values
