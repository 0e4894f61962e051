"""Cells as a lesson: crops in, the same crops out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models.record import Part
from ..training.lesson import Batch, Lesson
from ..training.transfer import transfer
from .views import turned

Floats = NDArray[np.floating]
WATCHED = 512
"""Cells of wells held out that training is watched on."""


class Crops(Lesson):
    """Learn to give crops back.

    Parameters
    ----------
    part : Part
        Task, network, scaling, inputs.
    crops, held_out : ndarray (cells, y, x, channels)
        Those that are learned from, and those that training is watched on; scaled.
    batch_size : int
        Cells of a batch.
    seed : int
        Decides weights and batches.
    facts : dict
        What must be the same for a started training to go on.
    start : Model, optional
        Whose weights are taken over.
    """

    def __init__(
        self, part: Part, crops: Floats, held_out: Floats, batch_size: int, seed: int,
        facts: dict[str, Any], start: Any = None,
    ) -> None:  # fmt: skip
        self.part, self.seed, self.batch_size = part, seed, batch_size
        self.images = len(crops)
        self._crops, self._held_out, self._facts, self._start = crops, held_out, facts, start

    def batch(self, i: int) -> Batch:
        """Draw cells."""
        rng = np.random.default_rng([self.seed, i])
        chosen = np.sort(rng.choice(len(self._crops), self.batch_size))
        crops = np.asarray(self._crops[chosen], np.float32)
        if self.part.task.turned:  # type: ignore[attr-defined]
            crops = np.stack(
                [
                    turned(c, int(k))
                    for c, k in zip(crops, rng.integers(8, size=len(crops)), strict=True)
                ]
            )
        return _both(crops)

    def validation(self) -> Sequence[Batch]:
        """Cut the cells that training is watched on into batches."""
        size = min(self.batch_size, len(self._held_out))
        starts = range(0, max(1, len(self._held_out) - size + 1), size)
        return [_both(np.asarray(self._held_out[k : k + size], np.float32)) for k in starts]

    def begin(self, network: Any) -> list[str] | None:
        """Take over the weights of the model that is gone on from."""
        if self._start is None:
            return None
        return transfer(self._start.network_of(1), network, self._start.part, self.part)

    def settings(self) -> dict[str, Any]:
        """Return what the cells are."""
        return self._facts


def _both(crops: NDArray[np.float32]) -> Batch:
    weight = np.ones((*crops.shape[:-1], 1), np.float32)
    return {"image": crops}, {"image": np.concatenate([crops, weight], axis=-1)}
