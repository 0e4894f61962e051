"""Segmentation as a lesson: patches of images, and what a task makes of their labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..components import at_home, to_plain
from ..events import Work
from ..models.folder import ModelFolder
from ..models.identity import model_sha256
from ..models.record import Part
from ..patches.augment import Augment
from ..patches.sample import Reader, Sampler
from .batches import batch_maker
from .learn import Learned, learn
from .lesson import Batch, Lesson
from .prepare import learned_readers
from .rehearse import rehearse
from .stages import Planned
from .tail import Tail
from .transfer import transfer
from .watch import Watch

VALIDATION_PATCHES = 64
"""Enough to tell two states of a network apart; `watch.VALIDATION_SHARE` bounds what they cost."""


class Segmentation(Lesson):
    """Learn a task on patches of annotated images.

    Parameters
    ----------
    planned : Planned
        Images, task, network, patches.
    """

    def __init__(self, planned: Planned) -> None:
        given = planned.split.given
        channels = int(planned.split.train.items[0].image.shape[-1])
        self._planned, self.turn = planned, given.turn
        inputs = {name: count or channels for name, count in planned.task.inputs.items()}
        self.part = Part(planned.task, planned.plan.network, planned.normalize, inputs)
        self._tail = Tail(planned, self.part)
        self.seed, self.spacing_um = given.seed, planned.split.spacing_um
        self.images, self.batch_size = len(planned.readers), planned.batch_size
        augment = planned.trainer.augment
        augment = Augment.preset(augment) if isinstance(augment, str) else augment
        sampler = self._sampler(learned_readers(planned), augment)
        self._make = batch_maker(planned.task, sampler, self.seed, self.batch_size)

    def batch(self, i: int) -> Batch:
        """Draw and augment patches, and make their targets."""
        return self._make(i)

    def _sampler(self, readers: Sequence[Reader], augment: Augment | None) -> Sampler:
        planned = self._planned
        return Sampler(
            readers,
            planned.patch_px,
            planned.task.context_px,
            augment,
            foreground=planned.trainer.foreground,
            balance=planned.trainer.balance and planned.task.balances_classes,
            seed=self.seed,
        )

    def validation(self) -> list[Batch]:
        """Make patches of the validation images, not augmented."""
        sampler = self._sampler(self._planned.validation_readers, None)
        make = batch_maker(self._planned.task, sampler, self.seed + 1, self.batch_size)
        return [make(k) for k in range(-(-VALIDATION_PATCHES // self.batch_size))]

    def begin(self, network: Any) -> list[str] | None:
        """Take over what fits of the model that is fine-tuned."""
        start = self._planned.split.given.start
        if start is None:
            return None
        earlier = start.network_of(min(self.turn[0], start.members))
        return transfer(earlier, network, start.part, self.part)

    def settings(self) -> dict[str, Any]:
        """Return what the images and their labels are, and what training starts from."""
        split = self._planned.split
        start, parts = split.given.start, (split.train, split.validation)
        rows = self._planned.surveyed.manifest
        return {
            "start": model_sha256(start) if start is not None else None,
            "data": to_plain([rows, [[item.roi for item in part.items] for part in parts]]),
            "unknown": [part.unknown for part in parts],
            "weight": [
                item.weight if item.share is None else [item.weight, *item.share]
                for item in split.train.items
            ],
            "pixel_size_um": to_plain([[i.spacing_um for i in part.items] for part in parts]),
        }

    def reserve_s(self, watch: Watch, progress: float) -> float:
        """Estimate what fitting thresholds and saving will take."""
        return self._tail.seconds(watch, progress)


def taught(
    planned: Planned,
    folder: ModelFolder | None,
    started: float,
    keep_interrupted: bool,
) -> Work[tuple[Segmentation, Learned]]:
    """Learn what was planned; the arguments are those of `learn`."""
    lesson = Segmentation(planned)
    if not at_home(planned.task):
        rehearse(planned.task, lesson.batch)
    learned = yield from learn(
        lesson,
        planned.trainer,
        precision=planned.precision,
        folder=folder,
        started=started,
        keep_interrupted=keep_interrupted,
    )
    return lesson, learned
