"""After learning: thresholds fitted to validation images, and what is worth knowing of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..datasets.sources import ArraySource
from ..datasets.views import CachedSource, part_of
from ..inference.tiled import HALO_LIMIT_PX
from ..messages import counted
from ..models.model import Model
from ..patches.sample import Reader
from ..tasks.coherence import densest_centre, fit_as_is
from ..tasks.found import Found, nowhere
from ..tasks.labels import EMPTY
from ..tasks.task import Task, Truth
from .batches import UNKNOWN
from .compare import compare
from .stages import Planned, Tuned
from .trainer import Trainer
from .trust import Maps, Seen, Told, calibrated, groups_of, judge_each, trusted

TUNE_PX = 8_000_000
"""Pixels of validation images that thresholds are fitted to at most. With 4.7 million, all there
were, instead of the middle thirds of most images average precision at 0.5 rose by .000 to .029."""
TUNE_PX_PER_MINUTE = 800_000
"""The same for short trainings: fitting takes some percent of the time, 8 s of 5 minutes."""
LEAST_TUNE_PX = 2**15
"""What is left of an image below this tells nothing."""
SMALL_PX = 2**14
"""An image counts as so many pixels at least: to try all settings on a crop of 48 x 48 px takes
longer than its pixels say."""
SEAM_PX = 1536
"""Edge of an image that is larger than a tile and its halos of `HALO_LIMIT_PX` on both sides."""
FEW_ITERATIONS = 100
"""After fewer a network has hardly learned, whatever it learns."""


def tune_px(planned: Planned) -> int:
    """Pixels of validation images that thresholds are fitted to: less when time is short.

    Of the image with which these are used up, the part with most objects.
    """
    minutes = planned.trainer.length(1)[1]
    if minutes is None:
        return TUNE_PX // planned.split.given.turn[1]
    # not fewer than a 512 x 512 px image, however short the training
    return int(min(TUNE_PX, max(250_000, minutes * TUNE_PX_PER_MINUTE)))


def counted_px(planned: Planned, pixels: int) -> int:
    """How many of so many pixels, small images counted as more, the validation images have."""
    return min(pixels, sum(max(SMALL_PX, math.prod(r.size)) for r in planned.validation_readers))


def tune(planned: Planned, model: Model) -> Tuned:
    """Fit the task's thresholds to validation images, and score these.

    Parameters
    ----------
    planned : Planned
        Has the images.
    model : Model
        With its network in memory and the thresholds of its task as they are.
    """
    images, calibration, pixels = calibrated(model.task, seen(planned, model, tune_px(planned)))
    task, each, coherence = fit(model.task, images.maps, images.truths, planned.split.spacing_um)
    judged = judge_each(task, images, each, groups_of(planned))
    told = trusted(calibration, judged, pixels)
    return tuned_on(planned, model, told, task, means([own for _, own in each]), coherence)


def tuned_on(
    planned: Planned,
    model: Model,
    told: Told,
    task: Task,
    scores: dict[str, float],
    coherence: float | None,
) -> Tuned:
    """Add to what was fitted what else is to be known of a model on validation images."""
    calibration, reliability = told
    part = replace(model.part, task=task, calibration=calibration)
    fitted = replace(model, parts={model.name: part})
    images = ((r.image, r.stats) for r in objects_first(planned.validation_readers))
    return Tuned(
        task,
        calibration,
        scores,
        reliability,
        fast=compare(fitted, images, planned.split.spacing_um),
        coherence=coherence,
        tile_difference=_tile_difference(planned, model),
    )


def doubts(
    trainer: Trainer, iterations: int, task: Task, scores: Mapping[str, float]
) -> Iterator[str]:
    """Say why a model may be of no use: hardly trained, or with such scores."""
    timed = trainer.length(1)[1] is not None
    if timed and iterations < FEW_ITERATIONS:
        yield (
            f"Only {counted(iterations, 'iteration')} fitted into the time given: the model "
            "has hardly learned. Give more minutes."
        )
    yield from task.doubts(scores)


def fit(
    task: Task,
    maps: Sequence[Maps],
    truths: Sequence[Truth],
    spacing_um: tuple[float, ...] | None = None,
) -> tuple[Task, list[tuple[Found, dict[str, float]]], float | None]:
    """Fit thresholds, and score with them.

    Parameters
    ----------
    task : Task
        With thresholds as they are.
    maps, truths : sequence
        From `seen`.
    spacing_um : tuple of float, optional
        Pixel size.

    Returns
    -------
    (Task, list of (Found, dict), float or None)
        The task with its thresholds, what it finds in each image with its scores, and how well
        objects usually fit their maps.
    """
    task = task.tune(maps, truths, spacing_um)
    each = []
    for own, (truth, known) in zip(maps, truths, strict=True):
        found = task.decode(own, spacing_um)
        each.append((found, task.score(truth, found, known, spacing_um)[0]))
    return task, each, _usual_fit(task, maps, [truth for truth, _ in truths])


def means(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Average each metric over the images that have something to measure; none: no such metric.

    What no image has, as a class, has no score either, though some of it may be found.

    Examples
    --------
    >>> means([{"dice": 0.5, "iou": math.nan}, {"dice": math.nan, "n_found_on_empty": 2.0}])
    {'dice': 0.5, 'n_found_on_empty': 2.0}
    >>> means([{"dice": 0.0, "n_found_on_empty": 3.0}])
    {'n_found_on_empty': 3.0}
    """
    names = dict.fromkeys(name for own in scores for name in own)
    known = {k: [s[k] for s in scores if not math.isnan(s.get(k, math.nan))] for k in names}
    empty = [k for k in known if k.startswith(EMPTY) and len(known[k]) == len(scores)]
    known = {k: known[k] for k in known if known[k] and k not in nowhere(known, empty)}
    return {k: float(np.mean(values)) for k, values in known.items()}


def objects_first(readers: Iterable[Reader]) -> Iterator[Reader]:
    """Put images without objects last: thresholds are fitted to objects, and time may be short."""
    empty = []
    for reader in readers:
        parts = getattr(reader.labels, "looked_at", None) or [None]
        if any((reader.labels.read(box) > 0).any() for box in parts):
            yield reader
        else:
            empty.append(reader)
    yield from empty


def seen(planned: Planned, model: Model, left: int) -> Seen:
    """Return maps and truths of as many validation images as make up so many pixels."""
    images = Seen([], [], [], [])
    for reader in objects_first(planned.validation_readers):
        # the first image is always used, however little is left for it
        if images.maps and left < min(LEAST_TUNE_PX, max(SMALL_PX, math.prod(reader.size))):
            break
        one = seen_part(reader, model, left)
        left -= max(SMALL_PX, math.prod(one.sources[0].shape[:-1]))
        for every, own in zip(images, one, strict=True):
            every.extend(own)
    return images


def seen_part(reader: Reader, model: Model, most: int) -> Seen:
    """Return maps and truth of an image; of one of more pixels than `most` the densest part."""
    part = part_of(reader.image, most, _densest(reader, most))  # type: ignore[arg-type]
    source = CachedSource(part)
    labels = reader.labels.read(tuple(slice(*ends) for ends in part.roi))
    truth = np.maximum(labels, 0), labels != UNKNOWN
    return Seen([model.source_maps(source, reader.stats)], [truth], [reader], [source])


def _densest(reader: Reader, left: int) -> list[int]:
    """Return the pixel of an image around which most object pixels lie."""
    parts = getattr(reader.labels, "looked_at", None)
    if parts is None:
        labels = reader.labels.read()
        return densest_centre(labels, round(left ** (1 / labels.ndim)))
    most = max(parts, key=lambda box: int((reader.labels.read(box) > 0).sum()))
    return [(one.start + one.stop) // 2 for one in most]


def _usual_fit(task: Task, maps: Sequence[Maps], truths: Sequence[np.ndarray]) -> float | None:
    """Median over images of how well objects fit their maps; None where a task has no measure."""
    found = [fit_as_is(task, m, t) for m, t in zip(maps, truths, strict=True) if t.any()]
    usual = float(np.median(found)) if found else math.nan
    return usual if math.isfinite(usual) else None


def seams(network: Any) -> bool:
    """Whether tiles make a difference: the network sees farther than they are read."""
    return network.ndim == 2 and max(network.halo_px or (0,)) > HALO_LIMIT_PX


def _tile_difference(planned: Planned, model: Model) -> float | None:
    """Measure the largest difference of tiles to a whole image, one mirrored until it is large.

    Zero where tiles are exact; None in 3-D where they are not, since whole volumes do not fit.
    """
    if not seams(model.network):
        return 0.0 if max(model.network.halo_px or (0,)) <= HALO_LIMIT_PX else None
    reader = planned.validation_readers[0]
    image = reader.image.read(tuple(slice(0, min(n, SEAM_PX)) for n in reader.size))
    missing = [(0, SEAM_PX - n) for n in image.shape[:2]]
    source = ArraySource(np.pad(image, (*missing, (0, 0)), mode="symmetric"))
    whole = model.source_maps(source, reader.stats, tile_px=SEAM_PX)
    tiled = model.source_maps(source, reader.stats, tile_px=SEAM_PX // 2)
    return max(float(np.abs(whole[head] - tiled[head]).max()) for head in whole)
