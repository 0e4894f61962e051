"""Separate objects, touching ones too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..components import component
from ..components.rules import Rule, at_least, below_one, count, fraction, ruled
from ..losses import LOSS, Loss
from ..metrics.instances import counts_by_score
from ..segmentation.classed import classes_of, parted
from ..segmentation.necks import divide_at_necks
from ..segmentation.objects import drop_flat, fill_holes, keep_objects, tops
from ..segmentation.separation import FREE_GAP_PX, context, separation
from ..segmentation.watershed import separate
from .classed import (
    ACCURACY,
    CLASS_WEIGHT,
    MEAN,
    accuracy,
    check_names,
    class_scores,
    class_target,
    with_class_columns,
    without_classes,
)
from .found import Found
from .head import Head
from .labels import Array, Spacing, foreground_of, labels_and_known, unknown_marked
from .objects import Objects, correlation
from .pairs import Pairs
from .task import LOOK, Maps, Target, Truth
from .tuning import SLACK, TUNED_IOUS, Settings, coordinate_ascent, middle_of_best

if TYPE_CHECKING:
    from ..patches.sample import Sample

PEAKS = (0.0, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
STEPS: tuple[tuple[str, Any], ...] = (
    ("seed_threshold", (0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85)),
    ("foreground_threshold", (0.3, 0.4, 0.5, 0.6, 0.7)),
    ("min_seed_px", (1, 4, 10)),
    ("seed_threshold", lambda now: [round(now + step / 20, 2) for step in range(-2, 3)]),
    ("neck", (0.0, 0.6, 0.7, 0.8, 0.85, 0.9)),
)
"""Which settings `Instances.tune` tries, in which order; with each of them all of `PEAKS`."""


@component
@dataclass(frozen=True)
class Instances(Objects):
    """Find every object, and tell touching ones apart.

    Two heads are learned: the foreground, and how well each object pixel is separated from
    other objects (`segmentation.separation`): low where objects touch, high inside them. Seeds are
    where the second is high; they grow by watershed over the foreground. What has come out in
    one piece is divided at its necks. Where objects are of several classes a third head learns
    which: from the pixels of objects alone, and of those whose class is known.

    Parameters
    ----------
    min_area_px : int, default 0
        Smaller objects are dropped from the result (pixels, in 3-D voxels).
    fill_holes : bool, default True
        Fill background that one object encloses.
    exclude_border : bool, default False
        Drop objects that touch the border of the image.
    reach_px : float, default 5.0
        Depth inside an object at which the second head's target ends, in units of the smallest
        pixel spacing.
    distance_loss : str or Loss, default "ce"
        The second head's loss: a name or a component of `losses`.
    contact_weight : float, default 10.0
        How much more a pixel counts in that loss where objects meet: it weighs 1 plus this
        there, down to 1 where its target is that of a rim without neighbours. Contacts are few
        pixels, and a network that misses them merges objects.
    foreground_threshold : float, default 0.5
        Foreground is where the probability is larger. Fitted by `tune`.
    seed_threshold : float, default 0.25
        Seeds are where the second map is larger. Fitted by `tune`.
    min_seed_px : int, default 4
        Smaller seeds are no seeds. Fitted by `tune`.
    neck : float, default 0.0
        An object is divided where it is narrower than this share of the narrower part on either
        side (`necks.divide_at_necks`); 0 divides nothing. Fitted by `tune`.
    peak_threshold : float, default 0.0
        An object in which the second map is nowhere larger is dropped: so debris looks, and a
        nucleus out of focus. Fitted by `tune`.
    classes : tuple of str, optional
        Names of the classes that objects may have, such as live and dead. An object found is of
        the class with the largest sum of probabilities over its pixels. Default: none.
    class_loss : str or Loss, default "ce"
        Of the classes: a name or a component of `losses`.

    Examples
    --------
    >>> from cytoloom.patches.sample import Sample
    >>> labels = np.zeros((12, 20), np.int32)
    >>> labels[2:10, 2:10], labels[2:10, 10:18] = 1, 2
    >>> task = Instances()
    >>> target = task.target(Sample({"labels": labels}, {"labels": "labels"}))
    >>> found = task.decode({head: value for head, (value, weight) in target.items()})
    >>> bool((found.labels == labels).all())
    True

    Objects of which a class is known, see `segmentation.classed`:

    >>> from cytoloom.segmentation.classed import with_classes
    >>> task, truth = Instances(classes=("live", "dead")), with_classes(labels, {1: 2})
    >>> target = task.target(Sample({"labels": truth}, {"labels": "labels"}))
    >>> found = task.decode({head: value for head, (value, weight) in target.items()})
    >>> found.object_classes
    {1: 2}
    """

    min_area_px: int = count(0, 0)
    fill_holes: bool = True
    exclude_border: bool = False
    reach_px: float = at_least(2, 5.0)
    distance_loss: str | Loss = ruled("ce", LOSS)
    contact_weight: float = at_least(0, 10.0)
    foreground_threshold: float = fraction(0.5)
    seed_threshold: float = fraction(0.25)
    min_seed_px: int = count(4, 0)
    neck: float = below_one(0.0)
    peak_threshold: float = below_one(0.0)
    classes: tuple[str, ...] | None = ruled(
        None, Rule("2 to 255 different names", texts=2, high=255)
    )
    class_loss: str | Loss = ruled("ce", LOSS)

    def __post_init__(self) -> None:
        check_names(self.object_classes)
        _ = self.heads  # a loss that does not go with its head is refused now

    @property
    def heads(self) -> dict[str, Head]:
        """Sigmoid heads ``"foreground"`` and ``"distance"``; where wanted softmax ``"class"``."""
        heads = {
            "foreground": Head(1, "sigmoid", "ce_dice"),
            "distance": Head(1, "sigmoid", self.distance_loss),
        }
        if self.classes:
            heads["class"] = Head(len(self.classes), "softmax", self.class_loss, CLASS_WEIGHT)
        return heads

    @property
    def object_classes(self) -> tuple[str, ...]:
        """The class names."""
        return self.classes or ()

    @property
    def channel_names(self) -> dict[str, tuple[str, ...]]:
        """The class names, of their head."""
        return {"class": self.classes} if self.classes else {}

    @property
    def context_px(self) -> int:
        """How far the second head's target looks."""
        return context(self.reach_px)

    @property
    def locality(self) -> int | str:
        """Objects grow inside their connected piece of foreground."""
        return "component"

    def keeping_all(self) -> Instances:
        """Return this task without minimal area and peak, and with objects at the border."""
        return replace(self, min_area_px=0, peak_threshold=0.0, exclude_border=False)

    def target(self, sample: Sample) -> Target:
        """Foreground 0 or 1, separation 0 to 1, and classes; see `Task.target`."""
        labels, known = labels_and_known(sample)
        if self.classes:
            labels, classes = parted(labels)
        distance = separation(labels, known, reach_px=self.reach_px, spacing=sample.spacing_um)
        foreground, weight = foreground_of(labels, known)
        # height of a rim without neighbours: what lies below it is near another object
        free = (0.5 + FREE_GAP_PX) / self.reach_px
        close = np.maximum(0, 1 - distance[..., None] / np.float32(free)) * foreground
        near = weight * (1 + np.float32(self.contact_weight) * close)
        target = {"foreground": (foreground, weight), "distance": (distance[..., None], near)}
        if self.classes:
            target["class"] = class_target(classes, known, len(self.classes))
        return target

    def decode(self, maps: Maps, spacing_um: Spacing = None) -> Found:
        """Seeds, watershed, necks, holes, peaks, sizes; int32 labels, numbered from 1."""
        distance = maps["distance"][..., 0]
        labels = separate(
            maps["foreground"][..., 0],
            distance,
            foreground_threshold=self.foreground_threshold,
            seed_threshold=self.seed_threshold,
            min_seed_px=self.min_seed_px,
        )
        divide_at_necks(labels, self.neck, spacing_um)
        if self.fill_holes:
            fill_holes(labels)
        self._drop(labels, distance)
        return Found(labels, class_map=self.class_probabilities(maps))

    def kept(self, maps: Maps, found: Found) -> Found:
        """Drop objects that are flat, small or at the border from a copy of what was found."""
        labels = found.labels.copy()
        self._drop(labels, maps["distance"][..., 0])
        return replace(found, labels=labels)

    def _drop(self, labels: Array, distance: Array) -> None:
        drop_flat(labels, distance, self.peak_threshold)
        if self.min_area_px > 1 or self.exclude_border:
            keep_objects(labels, min_area_px=self.min_area_px, exclude_border=self.exclude_border)

    def tune(
        self, maps: Sequence[Maps], truths: Sequence[Truth], spacing_um: Spacing = None
    ) -> Instances:
        """Choose thresholds with the best mean average precision; see `Task.tune`.

        The mean is over images and IoU thresholds 0.5, 0.6, ... 0.9. Images without objects
        have no precision: what is found there counts as found on the others, an equal share on
        each, so that finding little on few images does not win. Without any object nothing is
        chosen.
        """
        images = [
            (own, unknown_marked(labels, known))
            for own, (labels, known) in zip(maps, truths, strict=True)
        ]
        filled = np.array([(truth > 0).any() for _, truth in images], bool)
        if not filled.any():
            return self

        def by_peak(settings: Settings) -> NDArray[np.float64]:
            """Score one setting at every peak threshold."""
            # one decoding gives the score at every peak threshold: those only drop objects
            task = replace(self, **settings, peak_threshold=0.0)
            each = []
            for own, truth in images:
                labels = task.decode(own).labels
                top = tops(labels, own["distance"][..., 0])
                each.append(counts_by_score(truth, labels, top, PEAKS, TUNED_IOUS, -1))
            pairs, objects = np.array(each).swapaxes(0, 1)
            extra = objects[~filled].sum(axis=0) / filled.sum()
            return np.asarray((pairs[filled] / (objects[filled] + extra)).mean(axis=(0, 2)))

        start: Settings = {
            "foreground_threshold": 0.5,
            "seed_threshold": 0.5,
            "min_seed_px": 4,
            "neck": 0.0,
        }
        best = coordinate_ascent(lambda settings: float(by_peak(settings).max()), start, STEPS)
        values = by_peak(best).tolist()
        # 0 keeps every object: no filter is used for a gain that may be chance
        needed = values[0] < max(values) - SLACK
        peak = PEAKS[middle_of_best(values, SLACK)] if needed else 0.0
        return replace(self, **best, peak_threshold=peak)

    def class_probabilities(self, maps: Maps) -> Array | None:
        """Return what the head of classes says; None without."""
        return maps["class"] if self.classes else None

    def objects(self, labels: Array) -> Array:
        """Return the numbers of objects, without their classes."""
        return parted(labels)[0] if self.classes else labels

    def describe_labels(self, labels: Array) -> list[str]:
        """Say what any task of objects says of labels, and how many have which class."""
        said = super().describe_labels(self.objects(labels))
        if not self.classes or not labels.size:
            return said
        return [*said, *self._unclassed(labels)]

    def _unclassed(self, labels: Array) -> list[str]:
        """Say so where some objects have no class, or none has one."""
        every = np.unique(self.objects(labels))
        lacking = int((every > 0).sum()) - len(classes_of(labels))
        text = "objects without a class: they are learned as objects, and their class is unknown"
        return [text] if lacking else []

    def score_pairs(self, pairs: Pairs) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Scores of all tasks of objects; with classes also those of each, see `class_scores`.

        ``class_accuracy`` is the share of matched objects whose class is right, and rows say of
        each object ``class_truth`` and ``class_found``.
        """
        if not self.classes:
            return super().score_pairs(pairs)
        true = classes_of(pairs.labels.truth)
        labels = without_classes(pairs.labels)
        scores, rows = super().score_pairs(
            replace(pairs, labels=labels, objects=lambda: (labels, {}))
        )
        rows = with_class_columns(rows, self.classes, true, pairs.object_classes)
        by_class = class_scores(self.classes, labels, true, pairs.object_classes)
        return {**scores, ACCURACY: accuracy(rows), **by_class}, rows

    def doubts(self, scores: Mapping[str, float]) -> list[str]:
        """Say of objects what any such task says, and so where no class is right."""
        said = super().doubts(scores)
        if not said and scores.get(MEAN) == 0:
            said = [f"No object of the validation images was found as one of its class. {LOOK}"]
        return said

    def coherence(self, maps: Maps, found: Found) -> float:
        """Correlation of the second map with its target for the objects found, inside these.

        A network that sees objects of a size it has learned knows how deep inside them a pixel
        lies; on others the map is flat, or has several tops.
        """
        deep = separation(found.labels, reach_px=self.reach_px)
        return correlation(maps["distance"][..., 0], deep, found.labels > 0)

    def evidence(self, maps: Maps, labels: Array) -> dict[str, Array]:
        """How deep inside an object each pixel is said to lie, and how well that fits it."""
        depth = maps["distance"][..., 0]
        fits = 1 - np.abs(separation(labels, reach_px=self.reach_px) - depth)
        return {"depth": depth, "fit": fits}
