"""What tasks ask of labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..images.labels import values_of

if TYPE_CHECKING:
    from ..patches.sample import Sample


Array = NDArray[Any]
Spacing = Sequence[float] | None
OVERLAP = ("dice", "iou", "precision", "recall")
"""Scores of two masks."""
EMPTY = "n_found_on_empty"
"""Name of the score that counts the objects found on an image that has none. Only such images
have it, and tables only where there are such images."""


def components_of_classes(
    labels: Array, only_classes: bool = False
) -> tuple[Array, dict[int, int]]:
    """Label the connected components of each class, numbered class by class.

    Parameters
    ----------
    labels : ndarray of int
        Class ids, 0 is background.
    only_classes : bool, default False
        Leave the first part of the result zero, for callers that want the second.

    Returns
    -------
    (ndarray of int32, dict)
        Object ids and the class of each object id.
    """
    from scipy import ndimage as ndi

    objects = np.zeros(labels.shape, np.int32)
    classes: dict[int, int] = {}
    neighbours = np.ones((3,) * labels.ndim, bool)
    for class_id in (int(value) for value in values_of(labels) if value > 0):
        of_class = labels == class_id
        ids, count = ndi.label(of_class, structure=neighbours)
        if not only_classes:
            objects[of_class] = ids[of_class] + len(classes)
        classes.update(dict.fromkeys(range(len(classes) + 1, len(classes) + count + 1), class_id))
    return objects, classes


def labels_and_known(sample: Sample) -> tuple[Array, NDArray[np.bool_]]:
    """Return a sample's labels and the pixels that count (all where it does not say)."""
    labels = sample.arrays["labels"]
    known = sample.arrays.get("known")
    return labels, np.ones(labels.shape, bool) if known is None else np.asarray(known, bool)


def weight_of(known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Weight (spatial..., 1) of 1 where known and 0 elsewhere."""
    return known[..., None].astype(np.float32)


def foreground_of(
    labels: Array, known: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Value and weight (spatial..., 1) of a head that learns the foreground.

    Examples
    --------
    >>> value, weight = foreground_of(np.array([0, 3, 0]), np.array([True, True, False]))
    >>> value[:, 0].tolist(), weight[:, 0].tolist()
    ([0.0, 1.0, 0.0], [1.0, 1.0, 0.0])
    """
    return weight_of((labels > 0) & known), weight_of(known)


def two_classes(foreground: Array) -> NDArray[np.float32]:
    """Probabilities (spatial..., 2) of background and foreground."""
    return np.stack([1 - foreground, foreground], axis=-1).astype(np.float32, copy=False)


def check_known_values(labels: Array, known: Array | None) -> list[str]:
    """Return problems that any task has with labels: not whole numbers, or negative ones."""
    if not (np.issubdtype(labels.dtype, np.integer) or labels.dtype == bool):
        return [f"labels must be whole numbers, found {labels.dtype}"]
    values = labels if known is None else labels[known]
    if values.size and values.min() < 0:
        return [f"labels must not be negative, found {int(values.min())}"]
    return []


def unknown_marked(labels: Array, known: Array | None) -> Array:
    """Labels as int32 with -1 where not known.

    Examples
    --------
    >>> unknown_marked(np.array([1, 1], np.uint8), np.array([True, False])).tolist()
    [1, -1]
    """
    # a bare -1 would become 255 among bytes
    return labels if known is None else np.where(known, labels, np.int32(-1)).astype(np.int32)


def ratio(spacing_um: Spacing, ndim: int) -> tuple[float, ...]:
    """Pixel sizes in units of the smallest; equal where they are not known.

    Examples
    --------
    >>> ratio((0.5, 0.25, 0.25), 3), ratio(None, 2)
    ((2.0, 1.0, 1.0), (1.0, 1.0))
    """
    if spacing_um is None:
        return (1.0,) * ndim
    return tuple(float(size / min(spacing_um)) for size in spacing_um)
