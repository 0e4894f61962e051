"""Does `train` keep the network busy? Against a bare `train_on_batch` loop of the same network.

`train` reads files, samples, augments, makes targets, keeps history and writes a checkpoint in
each block; its validations lie outside of the blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cytoloom as cl

from . import blocks, reference
from .blocks import Row

SECONDS = {"full": 20.0, "quick": 3.0, "toy": 0.2}
FOREVER = 10**9
CHECKPOINT_S = 12.0  # five times as often as by default; one takes 0.06 to 0.12 s
AHEAD = 4  # one more than the batches that `train` makes beforehand


def rows(size: str, work: Path) -> list[Row]:
    """Measure training speed and the cost of batches."""
    seconds = SECONDS[size]
    data = reference.nuclei_folder(work / "nuclei", 4 if size == "toy" else 20)
    network = reference.unet(size)
    settings = {"patch_px": 32, "batch_size": 2} if size == "toy" else {}
    trainer = cl.Trainer(iterations=FOREVER, checkpoint_s=CHECKPOINT_S, **settings)
    bare = reference.bare(data, network, trainer)
    step = bare.stepper()
    training = Training(data, network, trainer, work / "speed.cytoloom")

    def bare_steps() -> float:
        blocks.settle()
        return blocks.per_second(step, seconds)

    try:
        speed = blocks.ratio(
            "training: images/s of train() / of a bare train_on_batch loop",
            lambda: training.steps_per_second(seconds),
            bare_steps,
            aim=0.95,
            note="reading, augmentation and checkpoints included",
        )
    finally:
        training.close()
    if size == "quick":
        return [speed]
    return [speed, _batch_cost(bare, seconds)]


def _batch_cost(bare: reference.Bare, seconds: float) -> Row:
    """Core time of making a batch over that of a step."""
    step, numbers = bare.stepper(), iter(range(FOREVER))

    def batches() -> float:
        blocks.settle()
        return 1 / blocks.per_second(lambda: bare.make(next(numbers)), seconds / 4, "cores")

    def steps() -> float:
        blocks.settle()
        return 1 / blocks.per_second(step, seconds / 4, "cores")

    blocks.per_second(lambda: bare.make(next(numbers)), seconds / 4)
    return blocks.ratio(
        "training: core time of making a batch / of the step",
        batches,
        steps,
        aim=0.10,
        at_least=False,
    )


class Training:
    """A running `train` that can be held and let go.

    Parameters
    ----------
    data, network, trainer
        As for `train`.
    out : Path
        Where checkpoints go.
    """

    def __init__(self, data: Any, network: cl.UNet, trainer: cl.Trainer, out: Path) -> None:
        self._events: Iterator[Any] = cl.train.events(
            data, network=network, trainer=trainer, out=out, overwrite=True
        )
        for _ in range(AHEAD):
            self._step()

    def _step(self) -> None:
        """Go on to the next event of an iteration."""
        for event in self._events:
            if event.kind == "progress" and event.message.startswith("iteration"):
                return
        raise RuntimeError("training ended before it was measured")

    def steps_per_second(self, seconds: float) -> float:
        """Measure for so long; batches made while it was held are used up before."""
        for _ in range(AHEAD):
            self._step()
        return blocks.per_second(self._step, seconds)

    def close(self) -> None:
        """End the training and its threads."""
        self._events.close()  # type: ignore[attr-defined]


if __name__ == "__main__":
    blocks.main(rows, __doc__)
