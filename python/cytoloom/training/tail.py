"""How long a training will take once it has learned: thresholds, comparing, saving."""

from __future__ import annotations

import math
import time

import pandas as pd

from ..models.engine import Engine
from ..models.model import Model
from ..models.record import NETWORK, Part
from ..runtime import backend
from .compare import CHECKED_PX, worth_comparing
from .stages import Planned
from .trust import judge_each
from .tune import SEAM_PX, SMALL_PX, counted_px, fit, seams, seen, tune_px
from .watch import Watch

SAMPLE = 0.1
"""Share of the pixels of tuning on which it is tried; trying takes as much of its time."""
TRIED = (0.0, 0.3, 0.8)
"""Progress from which on tuning is tried, and again: a network that has hardly learned shows other
objects, and they are what takes time."""
LEARNED = 0.3
"""From this progress on what was tried is believed, however long it took."""
EARLY = 0.25
"""Share of the time given that tuning is believed to take before."""
COMPARE_S = 1.0
"""About what it takes to make OpenVINO's form of a network, before it predicts."""
DECODE_S_PER_PX = 5e-7
"""What decoding with one setting takes per pixel."""
SAVE_S = 0.5
"""What writing a model takes, beside building networks."""


class Tail:
    """Estimates the seconds from the last step to the model, from parts that were measured.

    Parameters
    ----------
    planned : Planned
        Images and the time given.
    part : Part
        What is learned.
    """

    def __init__(self, planned: Planned, part: Part) -> None:
        self._planned, self._part = planned, part
        self._tuning = 0.0
        self._tries = list(TRIED)

    def seconds(self, watch: Watch, progress: float) -> float:
        """Estimate, trying a part of the tuning where it is time for that."""
        if self._tries and progress >= self._tries[0]:
            self._tries = [at for at in self._tries if at > progress]
            self._tuning = self._try(watch)
            if progress < LEARNED:
                minutes = self._planned.trainer.length(1)[1] or 0.0
                self._tuning = min(self._tuning, EARLY * 60 * minutes)
        # two networks are still to be built: folded for prediction, and in float32 for its file
        per_px = watch.forward_s_per_px
        after = self._tuning + self._comparing(per_px) + self._out_of_fold(per_px)
        return SAVE_S + 2 * watch.warm_up_s + after

    def _try(self, watch: Watch) -> float:
        """Tune on a sample of what will be tuned on; return what all of it would take."""
        info = {"ndim": self._part.network.ndim}
        model = Model({NETWORK: self._part}, info, pd.DataFrame())
        workers = backend.workers()
        model.engine = Engine("", watch.forward, workers, workers)
        pixels = tune_px(self._planned)
        begun = time.monotonic()
        images = seen(self._planned, model, int(SAMPLE * pixels))
        spacing = self._planned.split.spacing_um
        task, each, _ = fit(self._part.task, images.maps, images.truths, spacing)
        judge_each(task, images, each, {})
        took = time.monotonic() - begun
        tried = sum(max(SMALL_PX, labels.size) for labels, _ in images.truths)
        return took * counted_px(self._planned, pixels) / tried

    def _out_of_fold(self, forward_s_per_px: float) -> float:
        """Estimate what scoring all images held out takes, thresholds of others first."""
        if self._planned.split.given.turn[1] == 1:
            return 0.0
        pixels = sum(math.prod(reader.size) for reader in self._planned.validation_readers)
        # decoded, scored and judged
        return self._tuning + pixels * (forward_s_per_px + 3 * DECODE_S_PER_PX)

    def _comparing(self, forward_s_per_px: float) -> float:
        """Estimate what follows the tuning: tiles against the whole, OpenVINO against Keras."""
        took = 3 * SEAM_PX**2 * forward_s_per_px if seams(self._planned.plan.network) else 0.0
        if worth_comparing(self._planned.precision):
            compared = counted_px(self._planned, CHECKED_PX)
            took += COMPARE_S + 2 * compared * (forward_s_per_px + DECODE_S_PER_PX)
        return took
