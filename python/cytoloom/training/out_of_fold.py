"""What members find on images that they have not seen: the honest score of a small data set."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import numpy as np

from ..models.model import Model
from ..patches.sample import Reader
from ..tasks.task import Task, Truth
from ..uncertainty.calibration import Calibration
from ..uncertainty.judged import Judged
from .batches import UNKNOWN
from .stages import Planned
from .trust import Maps, Seen, groups_of, honest, judge_each
from .tune import means, objects_first, seen, seen_part, tune_px

IMAGES_OF_MEAN = 20
"""Of so many images it is looked whether the mean of members keeps what these promise."""


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """What one member finds on the images that it has not seen.

    Attributes
    ----------
    model : Model
        Of the member alone.
    readers : list of Reader
        The images, those with objects first.
    images : Seen
        As many of them as thresholds are fitted to.
    groups : dict of str to str or None
        Whose each image is.
    pixels : int
        To how many thresholds are fitted.
    """

    model: Model
    readers: list[Reader]
    images: Seen
    groups: Mapping[str, str | None]
    pixels: int

    @classmethod
    def of(cls, planned: Planned, model: Model) -> OutOfFold:
        """Predict the images on which thresholds are fitted."""
        readers = list(objects_first(planned.validation_readers))
        pixels = tune_px(planned)
        return cls(model, readers, seen(planned, model, pixels), groups_of(planned), pixels)

    def calibrated(self, calibration: Calibration) -> OutOfFold:
        """Return this with maps as a calibration makes them."""
        name, part = self.model.name, self.model.part
        model = replace(self.model, parts={name: replace(part, calibration=calibration)})
        maps = [honest(part.task, own, calibration) for own in self.images.maps]
        return replace(self, model=model, images=self.images._replace(maps=maps))

    def each(self, spacing_um: Any, task: Task) -> Iterator[tuple[dict[str, float], Judged]]:
        """Score and judge every image by a task, predicting those that were not yet."""
        for one in map(self._whole, range(len(self.readers))):
            (maps,), ((truth, known),), _, _ = one
            found = task.decode(maps, spacing_um)
            scores = task.score(truth, found, known, spacing_um)[0]
            yield scores, judge_each(task, one, [(found, scores)], self.groups)[0]

    def _whole(self, k: int) -> Seen:
        """Return a whole image alone; of one whose labels are not kept in memory a part."""
        reader = self.readers[k]
        kept = k < len(self.images.maps)
        if kept and (in_part(reader) or self.images.truths[k][0].shape == reader.size):
            return Seen(*([of[k]] for of in self.images))
        if in_part(reader):
            return seen_part(reader, self.model, self.pixels)
        labels = reader.labels.read()
        maps = self.model.source_maps(reader.image, reader.stats)
        truth = np.maximum(labels, 0), labels != UNKNOWN
        return Seen([maps], [truth], [reader], [reader.image])


def in_part(reader: Reader) -> bool:
    """Whether an image is too large to be scored as a whole: its labels are read in parts."""
    return getattr(reader.labels, "looked_at", None) is not None


def score_each(
    task: Task, parts: Sequence[OutOfFold], spacing_um: Any = None
) -> tuple[list[dict[str, Any]], list[Judged]]:
    """Score each image by the member that has not seen it, with thresholds of the other folds.

    Parameters
    ----------
    task : Task
        With thresholds as they are.
    parts : sequence of OutOfFold
        One a member.
    spacing_um : tuple of float, optional
        Pixel size.

    Returns
    -------
    (list of dict, list of Judged)
        A row for each image: image, group, member, and its metrics; and what is true of it.
    """
    rows, judged = [], []
    for k, part in enumerate(parts):
        others = [other for other in parts if other is not part] or [part]
        fitted = task.tune(*_in_turn(others, part.pixels), spacing_um)
        for reader, (scores, one) in zip(part.readers, part.each(spacing_um, fitted), strict=True):
            told = {"image": reader.id, "group": part.groups[reader.id], "member": k + 1}
            rows.append({**told, **_plain(scores)})
            judged.append(one)
    return rows, judged


def judged_by_all(
    mean: Model, task: Task, parts: Sequence[OutOfFold], spacing_um: Any = None
) -> list[Judged]:
    """Hold the mean of members against the truth of some images, one of each fold in turn.

    All members but one have seen them: the mean is as good here as it will ever be.

    Parameters
    ----------
    mean : Model
        Of all members, with their calibration.
    task : Task
        With the thresholds of all.
    parts : sequence of OutOfFold
        One a member.
    spacing_um : tuple of float, optional
        Pixel size.
    """
    turns = zip_longest(*([(part, reader) for reader in part.readers] for part in parts))
    judged: list[Judged] = []
    pixels = sum(part.pixels for part in parts)
    for part, reader in (pair for turn in turns for pair in turn if pair is not None):
        if pixels <= 0 or len(judged) == IMAGES_OF_MEAN:
            break
        pixels -= math.prod(reader.size)
        own = replace(part, model=mean, readers=[reader], images=Seen([], [], [], []))
        judged += [one for _, one in own.each(spacing_um, task)]
    return judged


def mean_scores(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Average the metrics of rows of `score_each`, as validation scores are."""
    told = ("image", "group", "member")
    return means([
        {name: math.nan if v is None else v for name, v in row.items() if name not in told}
        for row in rows
    ])  # fmt: skip


def _in_turn(parts: Sequence[OutOfFold], pixels: int) -> tuple[list[Maps], list[Truth]]:
    """Take maps and truths, one of each fold in turn, up to so many pixels."""
    each = (zip(part.images.maps, part.images.truths, strict=True) for part in parts)
    turns = zip_longest(*each)
    maps: list[Maps] = []
    truths: list[Truth] = []
    for found, truth in (pair for turn in turns for pair in turn if pair is not None):
        if maps and pixels <= 0:
            break
        maps.append(found)
        truths.append(truth)
        pixels -= truth[0].size
    return maps, truths


def _plain(scores: Mapping[str, float]) -> dict[str, float | None]:
    """Return metrics as JSON has them: nothing to measure is null."""
    return {name: None if math.isnan(value) else float(value) for name, value in scores.items()}
