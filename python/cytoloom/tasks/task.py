"""The task protocol: what is learned, how maps become labels, and how these are scored.

A task is the only place that knows what the network's heads mean. It turns the labels of a
patch into what each head should say (`Task.target`), turns the maps of a whole image back
into labels (`Task.decode`), fits the few numbers of that decoding to validation images
(`Task.tune`), and scores the outcome (`Task.score`). A new task is one new file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import invalid

if TYPE_CHECKING:
    from ..patches.sample import Sample

Array = NDArray[Any]
Target = dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]
Maps = Mapping[str, Array]
Spacing = Sequence[float] | None
Truth = tuple[Array, Array | None]


@dataclass(frozen=True)
class Head:
    """One output of the network.

    Parameters
    ----------
    channels : int
        Number of channels, at least 1.
    activation : {"sigmoid", "softmax", "linear"}
        Applied to the float32 logits in the loss and before decoding.
    loss : str, default "ce_dice"
        Name of a loss of ``metrics.losses``.
    weight : float, default 1.0
        Factor of this head's loss in the sum over heads.

    Examples
    --------
    >>> Head(1, "sigmoid")
    Head(channels=1, activation='sigmoid', loss='ce_dice', weight=1.0)
    """

    channels: int
    activation: Literal["sigmoid", "softmax", "linear"]
    loss: str = "ce_dice"
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Found:
    """What decoding found in one image.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x) or (z, y, x)
        0 is background; object ids for instances, class ids for a semantic task.
    semantic : bool, default False
        Whether `labels` holds class ids, so that objects are connected components of it.

    Examples
    --------
    >>> found = Found(np.array([[1, 1, 0, 2], [0, 0, 0, 2], [1, 0, 0, 0]]), semantic=True)
    >>> found.objects_labels
    array([[1, 1, 0, 3],
           [0, 0, 0, 3],
           [2, 0, 0, 0]], dtype=int32)
    >>> found.classes
    {1: 1, 2: 1, 3: 2}
    """

    labels: Array
    semantic: bool = False

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
    for class_id in range(1, int(labels.max(initial=0)) + 1):
        of_class = labels == class_id
        ids, count = ndi.label(of_class, structure=neighbours)
        if not only_classes:
            objects[of_class] = ids[of_class] + len(classes)
        classes.update(dict.fromkeys(range(len(classes) + 1, len(classes) + count + 1), class_id))
    return objects, classes


class Task:
    """Base of all tasks; a task is a component (frozen dataclass) that fills these in.

    Every method is a pure function of the task's fields and its arguments and needs NumPy,
    SciPy or scikit-image only.
    """

    @property
    def inputs(self) -> dict[str, int | None]:
        """Network inputs and their channels; None means as many as the images have."""
        return {"image": None}

    @property
    def heads(self) -> dict[str, Head]:
        """Network outputs by name."""
        raise NotImplementedError

    @property
    def context_px(self) -> int:
        """Pixels that `target` must see around a patch to be exact inside it."""
        return 0

    @property
    def locality(self) -> int | str:
        """How far a map's pixel reaches in `decode`: a radius in px, or ``"component"``."""
        raise NotImplementedError

    @property
    def label_names(self) -> tuple[str, ...]:
        """Name of each class id from 0 on; for tables and the model card."""
        raise NotImplementedError

    def target(self, sample: Sample) -> Target:
        """Make what the network learns from a sample's labels.

        Parameters
        ----------
        sample : Sample
            With arrays ``"labels"`` and, where some pixels are unknown, ``"known"``; larger
            than the patch by `context_px` on each side.

        Returns
        -------
        dict of (value, weight)
            Per head float32 arrays (spatial..., channels) and (spatial..., 1) of the sample's
            spatial shape; the caller crops the context away. Weight 0 means unknown.
        """
        raise NotImplementedError

    def decode(self, maps: Maps, spacing_um: Spacing = None) -> Found:
        """Turn one image's maps into labels.

        Parameters
        ----------
        maps : dict of ndarray, float32 (spatial..., channels)
            One map per head, after its activation; may be memory-mapped.
        spacing_um : sequence of float, optional
            Micrometres per pixel along each spatial axis.
        """
        raise NotImplementedError

    def tune(
        self, maps: Sequence[Maps], truths: Sequence[Truth], spacing_um: Spacing = None
    ) -> Task:
        """Fit the fields that `decode` uses to validation images.

        Parameters
        ----------
        maps : sequence of dict
            As for `decode`, one per image.
        truths : sequence of (labels, known or None)
            Labels and the boolean array of pixels that count, for the same images.
        spacing_um : sequence of float, optional
            Micrometres per pixel.

        Returns
        -------
        Task
            A new task of the same kind.
        """
        return self

    def score(
        self, truth: Array, found: Found, known: Array | None = None, spacing_um: Spacing = None
    ) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Score one image.

        Returns
        -------
        (dict, list of dict)
            Metric names and values, and one row per object with ``truth``, ``found``, ``iou``
            and ``matched``. A missing partner's id is 0.
        """
        raise NotImplementedError

    def check_labels(self, labels: Array, known: Array | None = None) -> list[str]:
        """Return one sentence per reason why `labels` cannot be truth for this task."""
        raise NotImplementedError

    def describe_labels(self, labels: Array) -> list[str]:
        """Return one sentence per thing that `prepare` will understand rather than read."""
        return []

    def prepare(self, labels: Array) -> Array:
        """Return `labels` as this task understands them, e.g. 0/255 as 0/1."""
        return labels

    def coherence(self, maps: Maps, found: Found) -> float:
        """How well the maps fit the objects made of them, at most 1; larger is better.

        For comparing sizes at which one image is shown to the network. NaN where a task has no
        way to tell.
        """
        return float("nan")

    def probabilities(self, maps: Maps) -> NDArray[np.float32]:
        """Class probabilities (spatial..., classes) that sum to 1, background first."""
        raise NotImplementedError

    def foreground(self, maps: Maps) -> NDArray[np.float32]:
        """Foreground probability (spatial...)."""
        raise NotImplementedError


def labels_and_known(sample: Sample) -> tuple[Array, NDArray[np.bool_]]:
    """Return a sample's labels and the pixels that count (all where it does not say)."""
    labels = sample.arrays["labels"]
    known = sample.arrays.get("known")
    return labels, np.ones(labels.shape, bool) if known is None else np.asarray(known, bool)


def weight_of(known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Weight (spatial..., 1) of 1 where known and 0 elsewhere."""
    return known[..., None].astype(np.float32)


def two_classes(foreground: Array) -> NDArray[np.float32]:
    """Probabilities (spatial..., 2) of background and foreground."""
    return np.stack([1 - foreground, foreground], axis=-1).astype(np.float32, copy=False)


def is_zero_255(labels: Array) -> bool:
    """Whether `labels` is an 8-bit style mask: no value but 0 and 255, and some 255."""
    return bool(labels.max(initial=0) == 255 and np.isin(labels, (0, 255)).all())


def check_known_values(labels: Array, known: Array | None) -> list[str]:
    """Return problems that any task has with labels: not whole numbers, or negative ones."""
    if not (np.issubdtype(labels.dtype, np.integer) or labels.dtype == bool):
        return [f"labels must be whole numbers, found {labels.dtype}"]
    values = labels if known is None else labels[known]
    if values.size and values.min() < 0:
        return [f"labels must not be negative, found {int(values.min())}"]
    return []


def fraction(name: str, value: float) -> None:
    """Refuse a `value` that is not strictly between 0 and 1."""
    if not 0 < value < 1:
        raise invalid(name, expected="a number between 0 and 1", received=value)
