"""What members find on images that they have not seen: the honest score of a small data set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from ..models.model import Model
from ..patches.sample import Reader
from ..tasks.task import Task, Truth
from .batches import UNKNOWN
from .stages import Planned
from .tune import Maps, means, objects_first, seen, tune_px


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """What one member finds on the images that it has not seen.

    Attributes
    ----------
    model : Model
        Of the member alone.
    readers : list of Reader
        The images, those with objects first.
    maps, truths : list
        Of as many of them as thresholds are fitted to, the last one may be a part; see `seen`.
    groups : dict of str to str or None
        Whose each image is.
    pixels : int
        To how many thresholds are fitted.
    """

    model: Model
    readers: list[Reader]
    maps: list[Maps]
    truths: list[Truth]
    groups: Mapping[str, str | None]
    pixels: int

    @classmethod
    def of(cls, planned: Planned, model: Model) -> OutOfFold:
        """Predict the images on which thresholds are fitted."""
        readers = list(objects_first(planned.validation_readers))
        groups = {item.id: item.group for item in planned.split.validation.items}
        pixels = tune_px(planned)
        return cls(model, readers, *seen(planned, model, pixels), groups, pixels)

    def each(self, spacing_um: Any, task: Task) -> list[dict[str, float]]:
        """Score every image with a task's thresholds, predicting those that were not yet."""
        return [
            task.score(truth, task.decode(maps, spacing_um), known, spacing_um)[0]
            for maps, (truth, known) in map(self._whole, range(len(self.readers)))
        ]

    def _whole(self, k: int) -> tuple[Maps, Truth]:
        """Return maps and truth of a whole image."""
        reader = self.readers[k]
        if k < len(self.maps) and self.truths[k][0].shape == reader.size:
            return self.maps[k], self.truths[k]
        labels = reader.labels.read()
        maps = self.model.source_maps(reader.image, reader.stats)
        return maps, (np.maximum(labels, 0), labels != UNKNOWN)


def score_each(
    task: Task, parts: Sequence[OutOfFold], spacing_um: Any = None
) -> list[dict[str, Any]]:
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
    list of dict
        A row for each image: image, group, member, and its metrics.
    """
    rows = []
    for k, part in enumerate(parts):
        others = [other for other in parts if other is not part] or [part]
        fitted = task.tune(*_in_turn(others, part.pixels), spacing_um)
        scored = zip(part.readers, part.each(spacing_um, fitted), strict=True)
        rows += [
            {"image": r.id, "group": part.groups[r.id], "member": k + 1, **_plain(scores)}
            for r, scores in scored
        ]
    return rows


def mean_scores(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Average the metrics of rows of `score_each`, as validation scores are."""
    told = ("image", "group", "member")
    return means([
        {name: math.nan if v is None else v for name, v in row.items() if name not in told}
        for row in rows
    ])  # fmt: skip


def _in_turn(parts: Sequence[OutOfFold], pixels: int) -> tuple[list[Maps], list[Truth]]:
    """Take maps and truths, one of each fold in turn, up to so many pixels."""
    turns = zip_longest(*(zip(part.maps, part.truths, strict=True) for part in parts))
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
