"""Labels that are too large to be kept: what they show is looked for in some parts of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..images.image import AnyArray
from ..images.parts import Box, is_read_in_parts, parts_of
from .items import Item, read_labels

FEW, FEW_PX = 128, 2**18
"""How many parts of labels are looked at to tell what they show, and of how many pixels each."""


def parts_looked_at(item: Item) -> list[Box] | None:
    """Return the parts of an item's labels that are looked at; None where all of them are.

    Examples
    --------
    >>> from cytoloom.datasets.sources import ArraySource
    >>> labels = ArraySource(np.zeros((8, 8), int), role="labels")
    >>> parts_looked_at(Item("a", ArraySource(np.zeros((8, 8))), (labels,))) is None
    True
    """
    large = item.annotations and is_read_in_parts(item.annotations[0])
    return parts_of(item.annotations[0], FEW, FEW_PX) if large else None


def labels_looked_at(
    item: Item, unknown: int | None = None
) -> Iterator[tuple[AnyArray, AnyArray | None]]:
    """Yield labels as `read_labels` returns them: all, or part by part those of too many.

    Examples
    --------
    >>> from cytoloom.datasets.sources import ArraySource
    >>> labels = ArraySource(np.eye(2, dtype=int), role="labels")
    >>> [found.sum() for found, _ in labels_looked_at(Item("a", ArraySource(np.eye(2)), (labels,)))]
    [np.int64(2)]
    """
    for box in parts_looked_at(item) or [None]:
        yield read_labels(item, unknown, box)


def stacked_labels(item: Item, unknown: int | None = None) -> tuple[AnyArray, AnyArray | None]:
    """Return the labels that are looked at as one array, parts below each other."""
    several = list(labels_looked_at(item, unknown))
    if len(several) == 1:
        return several[0]
    labels = np.concatenate([found for found, _ in several])
    if all(known is None for _, known in several):
        return labels, None
    known = [np.ones(found.shape, bool) if own is None else own for found, own in several]
    return labels, np.concatenate(known)
