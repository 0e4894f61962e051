"""One of several classes per pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..components import component
from ..components.rules import Between, Rule, ruled
from ..images.labels import is_mask_255, values_of
from ..losses import LOSS, Loss
from .found import Found
from .head import Head
from .labels import (
    OVERLAP,
    Array,
    Spacing,
    check_known_values,
    labels_and_known,
    weight_of,
)
from .pairs import Pairs, overlap_scores
from .task import Maps, Target, Task

if TYPE_CHECKING:
    from ..patches.sample import Sample


@component
@dataclass(frozen=True)
class Classes(Task):
    """Give every pixel one of several classes.

    Parameters
    ----------
    names : tuple of str, default ("background", "foreground")
        Name of each class id, from 0 (background) on; at least two, all different.
    class_weights : tuple of float or None, default None
        Pixel weight of each class in the loss; None weighs all classes alike.
    loss : str or Loss, default "ce_dice"
        A name or a component of `losses`.

    Examples
    --------
    >>> task = Classes(("background", "cytoplasm", "nucleus"))
    >>> task.decode({"classes": np.array([[[0.2, 0.3, 0.5], [0.8, 0.1, 0.1]]])}).labels
    array([[2, 0]], dtype=uint8)
    """

    names: tuple[str, ...] = ruled(
        ("background", "foreground"), Rule("2 to 255 different names", texts=2, high=255)
    )
    class_weights: tuple[float, ...] | None = ruled(None, Rule("numbers of 0 or more", 0, length=0))
    loss: str | Loss = ruled("ce_dice", LOSS)

    between: ClassVar = (
        Between(("class_weights", "names"), "as_many", "as many weights as there are names"),
    )

    def __post_init__(self) -> None:
        _ = self.heads  # a loss that does not go with its head is refused now

    @property
    def heads(self) -> dict[str, Head]:
        """One softmax head, ``"classes"``."""
        return {"classes": Head(len(self.names), "softmax", self.loss)}

    @property
    def class_heads(self) -> tuple[str, ...]:
        """The probability of each class."""
        return ("classes",)

    @property
    def locality(self) -> int | str:
        """A pixel's label depends on that pixel only."""
        return 0

    @property
    def label_names(self) -> tuple[str, ...]:
        """The class names."""
        return self.names

    @property
    def numbers_classes(self) -> bool:
        """Yes, also of two."""
        return True

    @property
    def channel_names(self) -> dict[str, tuple[str, ...]]:
        """The class names, of the only head."""
        return {"classes": self.names}

    def target(self, sample: Sample) -> Target:
        """One-hot classes; the weight is 0 where unknown, else the class's; `Task.target`."""
        labels, known = labels_and_known(sample)
        ids = np.where(known, labels, 0)
        value = np.eye(len(self.names), dtype=np.float32)[ids]
        value[~known] = 0
        weight = weight_of(known)
        if self.class_weights is not None:
            weight *= np.asarray(self.class_weights, np.float32)[ids][..., None]
        return {"classes": (value, weight)}

    def decode(self, maps: Maps, spacing_um: Spacing = None) -> Found:
        """Take the most probable class (the first among equals); labels are uint8."""
        probabilities = maps["classes"]
        labels = np.empty(probabilities.shape[:-1], np.uint8)
        # row by row, since argmax of a whole map makes 8 bytes a pixel
        for i, row in enumerate(probabilities):
            labels[i] = np.argmax(row, axis=-1)
        return Found(labels, semantic=True)

    def score_pairs(self, pairs: Pairs) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Dice, IoU, precision and recall, their mean over classes and per class.

        Background is no part of the mean. A class that is neither in `truth` nor in `found`
        has no score: NaN in its own columns, and no part of the mean, which is NaN where none
        is left. `n_found_on_empty` counts the objects found on an image without any class,
        `n_found_on_empty_<class>` those of a class on an image without it.
        """
        scores: dict[str, float] = {}
        present: list[dict[str, float]] = []
        extra = pairs.found_on_empty()
        for class_id, name in enumerate(self.names[1:], start=1):
            own = overlap_scores(pairs.overlap(class_id))
            present += [] if np.isnan(own["dice"]) else [own]
            scores |= {f"{metric}_{name}": value for metric, value in own.items()}
            of_class = pairs.found_on_empty(class_id)
            extra |= {f"{metric}_{name}": value for metric, value in of_class.items()}
        mean = {m: float(np.mean([s[m] for s in present])) if present else np.nan for m in OVERLAP}
        return mean | scores | extra, []

    def check_labels(self, labels: Array, known: Array | None = None) -> list[str]:
        """Refuse class ids that have no name."""
        problems = check_known_values(labels, known)
        if problems:
            return problems
        labels = self.prepare(labels)
        ids = np.unique(labels if known is None else labels[known])
        stray = ids[ids >= len(self.names)]
        if not stray.size:
            return []
        return [
            f"class ids must be 0 to {len(self.names) - 1} ({', '.join(self.names)}), found "
            f"{', '.join(map(str, stray[:5]))}{', ...' if stray.size > 5 else ''}; "
            "name all classes, background first, or one value as `unknown`"
        ]

    def describe_labels(self, labels: Array) -> list[str]:
        """Say when a two-class 0/255 mask is read as class ids 0 and 1."""
        return ["0/255 read as class ids 0 and 1"] if self._is_mask(labels) else []

    def prepare(self, labels: Array) -> Array:
        """Return `labels`; a 0/255 mask for two classes becomes 0/1."""
        return (labels > 0).astype(np.uint8) if self._is_mask(labels) else labels

    def probabilities(self, maps: Maps) -> NDArray[np.float32]:
        """Probabilities (spatial..., classes)."""
        return np.asarray(maps["classes"])

    def foreground(self, maps: Maps) -> NDArray[np.float32]:
        """Probability of anything but background (spatial...)."""
        return np.asarray(1 - maps["classes"][..., 0])

    def _is_mask(self, labels: Array) -> bool:
        may_be = len(self.names) == 2 and labels.max(initial=0) == 255
        return bool(may_be) and is_mask_255(values_of(labels))
