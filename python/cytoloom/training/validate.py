"""Watch a training: loss and score on patches that stay the same, then thresholds fitted."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..datasets.sources import ArraySource
from ..datasets.views import CachedSource, part_of
from ..events import Event
from ..inference.tiled import HALO_LIMIT_PX, activate
from ..runtime import backend
from ..runtime.parallel import side_by_side
from ..tasks.coherence import fit_as_is, fullest
from .batches import UNKNOWN, batch_maker, batch_of, make_sampler
from .compare import CHECKED_PX, compare, worth_comparing
from .fit import agreement
from .run import Run

VALIDATION_PATCHES = 64
VALIDATION_SHARE = 0.1
BACKWARD_COST = 3
TUNE_PX = 8_000_000
TUNE_S_PER_PX = {2: 5e-6, 3: 8e-6}
LEAST_TUNE_PX = 2**15
SEAM_PX = 1536
COMPARE_S = 1.0
"""About what it takes to make OpenVINO's form of a network, before it predicts."""
DECODE_S_PER_PX = 5e-7


class Validation:
    """Loss and score on patches that stay the same, as many as the work allows."""

    def __init__(self, run: Run) -> None:
        from ..losses import losses

        self._run = run
        sampler = make_sampler(run, run.validation_readers, None)
        size = batch_of(run)
        make = batch_maker(run, sampler, run.seed + 1, size)
        self._batches = [make(k) for k in range(-(-VALIDATION_PATCHES // size))]
        self._size = size
        self._losses = {n: losses.get(h.loss, h.activation) for n, h in run.task.heads.items()}
        self._forward = backend.forward(run.keras)
        self._warm_up()

    def _warm_up(self) -> None:
        """Compile, then time inference."""
        images = self._batches[0][0]
        self._forward(images)
        begun = time.monotonic()
        self._forward(images)
        pixels = math.prod(images.shape[:-1])
        self._run.forward_s_per_px = (time.monotonic() - begun) / pixels

    def __call__(self, trained_patches: int) -> tuple[float, float]:
        """Return (loss, score), at a tenth of the work of training on so many patches."""
        allowed = VALIDATION_SHARE * BACKWARD_COST * trained_patches
        count = max(1, min(len(self._batches), int(allowed / self._size)))
        heads = self._run.task.heads
        total = 0.0
        kept: dict[str, tuple[list[np.ndarray], list[np.ndarray]]] = {h: ([], []) for h in heads}
        chosen = self._batches[:count]
        with side_by_side(chosen, lambda b: self._forward(b[0]), backend.at_once()) as batches:
            for (_, targets), finish in batches:
                logits = finish()
                for name, head in heads.items():
                    loss = np.asarray(self._losses[name](targets[name], logits[name]))
                    total += head.weight * float(loss.mean()) / count
                    kept[name][0].append(targets[name])
                    kept[name][1].append(activate(logits[name], head.activation))
        return total, float(np.mean([agreement(*pair) for pair in kept.values()]))


def _tune_px(run: Run) -> int:
    """Pixels of validation images that thresholds are fitted to: less when time is short.

    Of the image with which these are used up, the part with most objects.
    """
    minutes = run.trainer.length(1)[1]
    return TUNE_PX if minutes is None else int(min(TUNE_PX, max(250_000, minutes * 800_000)))


def tune_seconds(run: Run) -> float:
    """Estimate what `tune` and saving will take."""
    sizes = [math.prod(r.size) for r in run.validation_readers]
    pixels = min(sum(sizes), _tune_px(run))
    seams = 3 * SEAM_PX**2 if _seams(run) else 0
    compare = 0.0
    if worth_comparing(run.precision):
        compared = min(sum(sizes), CHECKED_PX)
        compare = COMPARE_S + 2 * compared * (run.forward_s_per_px + DECODE_S_PER_PX)
    each = TUNE_S_PER_PX[run.network.ndim]
    return 2.0 + compare + pixels * each + (1.3 * pixels + seams) * run.forward_s_per_px


def tune(run: Run) -> Iterator[Event]:
    """Fit the task's thresholds to validation images, and score these."""
    assert run.model is not None
    yield Event("progress", "fitting thresholds on the validation images", 1, 1)
    run.model._keras = run.keras
    maps, truths, left = [], [], _tune_px(run)
    for reader in run.validation_readers:
        labels = reader.labels.read()
        if maps and left < min(LEAST_TUNE_PX, labels.size):
            break
        edge = round(left ** (1 / labels.ndim))
        part = part_of(reader.image, left, fullest(labels, edge))
        left -= math.prod(part.shape[:-1])
        maps.append(run.model.source_maps(CachedSource(part), reader.stats))
        labels = labels[tuple(slice(*ends) for ends in part.roi)]
        truths.append((np.maximum(labels, 0), labels != UNKNOWN))
    run.task = run.task.tune(maps, truths, run.spacing_um)
    run.model.task = run.task
    scores = [
        run.task.score(truth, run.task.decode(m, run.spacing_um), known, run.spacing_um)[0]
        for m, (truth, known) in zip(maps, truths, strict=True)
    ]
    images = ((reader.image, reader.stats) for reader in run.validation_readers)
    run.fast = compare(run.model, images, run.spacing_um)
    run.tile_difference = _tile_difference(run)
    run.coherence = _usual_fit(run, maps, [truth for truth, _ in truths])
    run.scores = {k: float(np.nanmean([s[k] for s in scores])) for k in scores[0]}


def _usual_fit(run: Run, maps: list[Any], truths: list[np.ndarray]) -> float | None:
    """Median over images of how well objects fit their maps; None where a task cannot tell."""
    found = [fit_as_is(run.task, m, t) for m, t in zip(maps, truths, strict=True) if t.any()]
    usual = float(np.median(found)) if found else math.nan
    return usual if math.isfinite(usual) else None


def _seams(run: Run) -> bool:
    """Whether tiles make a difference: the network sees farther than they are read."""
    return run.network.ndim == 2 and max(run.network.halo_px) > HALO_LIMIT_PX


def _tile_difference(run: Run) -> float | None:
    """Measure the largest difference of tiles to a whole image, one mirrored until it is large.

    Zero where tiles are exact; None in 3-D where they are not, since whole volumes do not fit.
    """
    if not _seams(run):
        return 0.0 if max(run.network.halo_px) <= HALO_LIMIT_PX else None
    assert run.model is not None
    reader = run.validation_readers[0]
    image = reader.image.read()[:SEAM_PX, :SEAM_PX]
    missing = [(0, SEAM_PX - n) for n in image.shape[:2]]
    source = ArraySource(np.pad(image, (*missing, (0, 0)), mode="symmetric"))
    whole = run.model.source_maps(source, reader.stats, tile_px=SEAM_PX)
    tiled = run.model.source_maps(source, reader.stats, tile_px=SEAM_PX // 2)
    return max(float(np.abs(whole[head] - tiled[head]).max()) for head in whole)
