"""What decoding finds in one image: labels, and which objects they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from ..segmentation.classed import class_sums
from .labels import EMPTY, Array, components_of_classes


@dataclass(frozen=True, eq=False)
class Found:
    """What decoding found in one image.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x) or (z, y, x)
        0 is background; object ids for instances, class ids for a semantic task.
    semantic : bool, default False
        Whether `labels` holds class ids, so that objects are connected components of it.
    class_map : ndarray of float, shape (spatial..., classes), optional
        What is said of the classes of each pixel's object, where objects have classes.
    points : ndarray of float, shape (n, axes + 1), optional
        Where a task finds points: their places in px, with fractions, and how likely each is one;
        label k is the k-th.

    Examples
    --------
    >>> import numpy as np
    >>> found = Found(np.array([[1, 1, 0, 2], [0, 0, 0, 2], [1, 0, 0, 0]]), semantic=True)
    >>> found.objects_labels
    array([[1, 1, 0, 3],
           [0, 0, 0, 3],
           [2, 0, 0, 0]], dtype=int32)
    >>> found.classes
    {1: 1, 2: 1, 3: 2}
    >>> said = np.array([[[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]])
    >>> Found(np.array([[1, 2, 2]]), class_map=said).object_classes
    {1: 1, 2: 2}
    """

    labels: Array
    semantic: bool = False
    class_map: Array | None = None
    points: Array | None = None

    @cached_property
    def objects_labels(self) -> Array:
        """One id per object, shape and axes of `labels`; for the objects table.

        Objects of a semantic task are connected components (diagonal neighbours connect) of
        one class, numbered class by class.
        """
        return components_of_classes(self.labels)[0] if self.semantic else self.labels

    @cached_property
    def classes(self) -> dict[int, int]:
        """Class id of each object id of `objects_labels`; empty where objects have no class."""
        if not self.semantic:
            return {}
        return components_of_classes(self.labels, only_classes=True)[1]

    @cached_property
    def object_classes(self) -> dict[int, int]:
        """Class of each object, from 1 on: the one of the largest sum over its pixels."""
        if self.class_map is None:
            return {}
        sums = class_sums(self.labels, self.class_map, int(self.labels.max(initial=0)))
        return {k: int(sums[k].argmax()) + 1 for k in range(1, len(sums)) if sums[k].any()}


def nowhere(metrics: Iterable[str], empty: Iterable[str]) -> list[str]:
    """Name the metrics of what no image has: a class, or anything at all. They have no mean.

    What is found of it has a score of its own.

    Parameters
    ----------
    metrics : iterable of str
        All that there are.
    empty : iterable of str
        Those by `Pairs.found_on_empty` that every image has.

    Examples
    --------
    >>> nowhere(["dice", "dice_b", "n_found_on_empty_b"], ["n_found_on_empty_b"])
    ['dice_b']
    """
    kinds = tuple(one.removeprefix(EMPTY) for one in empty)
    return [one for one in metrics if kinds and one.endswith(kinds) and not one.startswith("n_")]
