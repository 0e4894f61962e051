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
from ..models.model import Model
from ..patches.sample import Reader
from ..tasks.coherence import densest_centre, fit_as_is
from ..tasks.task import Task
from .batches import UNKNOWN
from .compare import CHECKED_PX, compare, worth_comparing
from .stages import Planned, Tuned

TUNE_PX = 8_000_000
"""Pixels of validation images that thresholds are fitted to at most. With 4.7 million, all there
were, instead of the middle thirds of most images average precision at 0.5 rose by .000 to .029."""
TUNE_PX_PER_MINUTE = 800_000
"""The same for short trainings: fitting takes some percent of the time, 8 s of 5 minutes."""
TUNE_S_PER_PX = {2: 5e-6, 3: 8e-6}
"""What trying all settings of `Instances` took per pixel on two cores of a laptop."""
LEAST_TUNE_PX = 2**15
"""What is left of an image below this tells nothing."""
SEAM_PX = 1536
"""Edge of an image that is larger than a tile and its halos of `HALO_LIMIT_PX` on both sides."""
COMPARE_S = 1.0
"""About what it takes to make OpenVINO's form of a network, before it predicts."""
DECODE_S_PER_PX = 5e-7
"""What decoding with one setting takes per pixel."""
Maps = Mapping[str, np.ndarray]


def tune_px(planned: Planned) -> int:
    """Pixels of validation images that thresholds are fitted to: less when time is short.

    Of the image with which these are used up, the part with most objects.
    """
    minutes = planned.trainer.length(1)[1]
    if minutes is None:
        return TUNE_PX
    # not fewer than a 512 x 512 px image, however short the training
    return int(min(TUNE_PX, max(250_000, minutes * TUNE_PX_PER_MINUTE)))


def tune_seconds(planned: Planned, forward_s_per_px: float) -> float:
    """Estimate what `tune` and saving will take."""
    sizes = [math.prod(r.size) for r in planned.validation_readers]
    pixels = min(sum(sizes), tune_px(planned))
    seams = 3 * SEAM_PX**2 if _seams(planned.plan.network) else 0
    comparing = 0.0
    if worth_comparing(planned.precision):
        compared = min(sum(sizes), CHECKED_PX)
        comparing = COMPARE_S + 2 * compared * (forward_s_per_px + DECODE_S_PER_PX)
    each = TUNE_S_PER_PX[planned.plan.network.ndim]
    return 2.0 + comparing + pixels * each + (1.3 * pixels + seams) * forward_s_per_px


def tune(planned: Planned, model: Model) -> Tuned:
    """Fit the task's thresholds to validation images, and score these.

    Parameters
    ----------
    planned : Planned
        Has the images.
    model : Model
        With its network in memory and the thresholds of its task as they are.
    """
    spacing = planned.split.spacing_um
    maps, truths = _seen(planned, model)
    task = model.task.tune(maps, truths, spacing)
    scores = [
        task.score(truth, task.decode(found, spacing), known, spacing)[0]
        for found, (truth, known) in zip(maps, truths, strict=True)
    ]
    fitted = replace(model, parts={model.name: replace(model.part, task=task)})
    images = ((reader.image, reader.stats) for reader in planned.validation_readers)
    return Tuned(
        task,
        means(scores),
        fast=compare(fitted, images, spacing),
        coherence=_usual_fit(task, maps, [truth for truth, _ in truths]),
        tile_difference=_tile_difference(planned, model),
    )


def means(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Average each metric over the images that have something to measure; none: no such metric.

    Examples
    --------
    >>> means([{"dice": 0.5, "iou": math.nan}, {"dice": math.nan, "n_found_on_empty": 2.0}])
    {'dice': 0.5, 'n_found_on_empty': 2.0}
    """
    names = dict.fromkeys(name for own in scores for name in own)
    known = {k: [s[k] for s in scores if not math.isnan(s.get(k, math.nan))] for k in names}
    return {k: float(np.mean(values)) for k, values in known.items() if values}


def _objects_first(readers: Iterable[Reader]) -> Iterator[Reader]:
    """Put images without objects last: thresholds are fitted to objects, and time may be short."""
    empty = []
    for reader in readers:
        if (reader.labels.read() > 0).any():
            yield reader
        else:
            empty.append(reader)
    yield from empty


def _seen(planned: Planned, model: Model) -> tuple[list[Maps], list[tuple[Any, Any]]]:
    """Return maps and truths of as many validation images as there is time for."""
    maps: list[Maps] = []
    truths, left = [], tune_px(planned)
    for reader in _objects_first(planned.validation_readers):
        labels = reader.labels.read()
        # the first image is always used, however little is left for it
        if maps and left < min(LEAST_TUNE_PX, labels.size):
            break
        edge = round(left ** (1 / labels.ndim))
        part = part_of(reader.image, left, densest_centre(labels, edge))  # type: ignore[arg-type]
        left -= math.prod(part.shape[:-1])
        maps.append(model.source_maps(CachedSource(part), reader.stats))
        labels = labels[tuple(slice(*ends) for ends in part.roi)]
        truths.append((np.maximum(labels, 0), labels != UNKNOWN))
    return maps, truths


def _usual_fit(task: Task, maps: Sequence[Maps], truths: Sequence[np.ndarray]) -> float | None:
    """Median over images of how well objects fit their maps; None where a task has no measure."""
    found = [fit_as_is(task, m, t) for m, t in zip(maps, truths, strict=True) if t.any()]
    usual = float(np.median(found)) if found else math.nan
    return usual if math.isfinite(usual) else None


def _seams(network: Any) -> bool:
    """Whether tiles make a difference: the network sees farther than they are read."""
    return network.ndim == 2 and max(network.halo_px or (0,)) > HALO_LIMIT_PX


def _tile_difference(planned: Planned, model: Model) -> float | None:
    """Measure the largest difference of tiles to a whole image, one mirrored until it is large.

    Zero where tiles are exact; None in 3-D where they are not, since whole volumes do not fit.
    """
    if not _seams(model.network):
        return 0.0 if max(model.network.halo_px or (0,)) <= HALO_LIMIT_PX else None
    reader = planned.validation_readers[0]
    image = reader.image.read()[:SEAM_PX, :SEAM_PX]
    missing = [(0, SEAM_PX - n) for n in image.shape[:2]]
    source = ArraySource(np.pad(image, (*missing, (0, 0)), mode="symmetric"))
    whole = model.source_maps(source, reader.stats, tile_px=SEAM_PX)
    tiled = model.source_maps(source, reader.stats, tile_px=SEAM_PX // 2)
    return max(float(np.abs(whole[head] - tiled[head]).max()) for head in whole)
