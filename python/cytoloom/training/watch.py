"""Watch a training: loss and score on batches that stay the same, and a picture of one patch."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import losses
from ..inference.tiled import activate
from ..runtime import backend
from ..runtime.parallel import side_by_side
from .lesson import Arrays, Batch, Lesson
from .schedule import State
from .snapshots import Snapshots

VALIDATION_SHARE = 0.1
"""Share of the work of training that watching it may take."""
BACKWARD_COST = 3
"""A training step takes about three times as long as running the network forward."""


class Watch:
    """Loss and score on batches that stay the same, as many as the work allows.

    Parameters
    ----------
    lesson : Lesson
        Makes the batches, knows the heads, and scores.
    network : keras.Model
        As the part of the lesson builds it.
    snapshots : Snapshots
        Keeps a picture of the first patch.

    Attributes
    ----------
    forward : callable
        Runs the network as it is.
    warm_up_s, forward_s_per_px : float
        Seconds to compile that, and seconds that it takes per pixel.
    """

    def __init__(self, lesson: Lesson, network: Any, snapshots: Snapshots) -> None:
        self._lesson, self._snapshots = lesson, snapshots
        self._batches: Sequence[Batch] = lesson.validation()
        self._heads = lesson.part.task.heads
        self._losses = {n: losses.get(h.loss, h.activation) for n, h in self._heads.items()}
        self.forward = backend.forward(network)
        self.warm_up_s, self.forward_s_per_px = self._warm_up()

    def _warm_up(self) -> tuple[float, float]:
        """Compile, then time inference: seconds for the one, and seconds per pixel of the other."""
        inputs, begun = self._batches[0][0], time.monotonic()
        # the first call compiles
        self.forward(inputs)
        compiled = time.monotonic()
        self.forward(inputs)
        pixels = math.prod(next(iter(inputs.values())).shape[:-1])
        return compiled - begun, (time.monotonic() - compiled) / pixels

    def __call__(self, state: State, trained_patches: int) -> tuple[float, float]:
        """Return (loss, score), at a tenth of the work of training on so many patches."""
        allowed = VALIDATION_SHARE * BACKWARD_COST * trained_patches
        count = max(1, min(len(self._batches), int(allowed / self._lesson.batch_size)))
        total = 0.0
        seen: dict[str, tuple[list[Any], list[Any]]] = {h: ([], []) for h in self._heads}
        chosen = self._batches[:count]
        with side_by_side(chosen, lambda b: self.forward(b[0]), backend.workers()) as batches:
            for k, ((inputs, targets), finish) in enumerate(batches):
                logits = finish()
                maps = {n: activate(logits[n], h.activation) for n, h in self._heads.items()}
                total += self._loss(targets, logits) / count
                for name in self._heads:
                    seen[name][0].append(targets[name])
                    seen[name][1].append(maps[name])
                if k == 0:
                    self._snapshots.keep(state.iteration, inputs, targets, maps)
        return total, float(np.mean([self._lesson.score(*pair) for pair in seen.values()]))

    def _loss(self, targets: Arrays, logits: Arrays) -> float:
        plain = backend.require().ops.convert_to_numpy
        parts = (
            head.weight * float(plain(self._losses[n](targets[n], logits[n])).mean())
            for n, head in self._heads.items()
        )
        return sum(parts)
