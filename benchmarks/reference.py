"""What cytoloom is held against: a bare loop, and a network that never changes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import cytoloom as cl
from cytoloom import losses
from cytoloom.events import result_of
from cytoloom.networks.ghost_batches import ghost_batches, parts_of
from cytoloom.runtime import backend
from cytoloom.tasks import resolve
from cytoloom.training.lesson import Batch
from cytoloom.training.prepare import plan, read, survey
from cytoloom.training.segment import Segmentation
from cytoloom.training.stages import Given

REFERENCE_FILTERS = (16, 32, 64)
ITERATIONS = {"full": 120, "quick": 60, "toy": 4}


@dataclass
class Bare:
    """A compiled network and batches in memory.

    Attributes
    ----------
    network : keras.Model
        As `train` builds and compiles it.
    make : callable
        From i to batch i, as `train` makes it.
    batches : list
        A few of them, made beforehand.
    """

    network: Any
    make: Callable[[int], Batch]
    batches: list[Batch]

    def stepper(self) -> Callable[[], object]:
        """Return a function that trains on the next batch, round and round."""
        turn = itertools.cycle(self.batches)
        return lambda: self.network.train_on_batch(*next(turn))


def bare(data: Any, network: cl.UNet, trainer: cl.Trainer, seed: int = 0) -> Bare:
    """Prepare the bare loop for a training of instances with these components."""
    given = Given(resolve("instances"), trainer, network, cl.Normalize(), seed)
    seen = result_of(survey(result_of(read(given, data, 0.2))))
    planned = plan(seen)
    lesson = Segmentation(planned)
    batches = [lesson.batch(i) for i in range(8)]
    built = _compiled(lesson, planned.trainer)
    # variables that are made while the first step is traced make Keras trace it twice
    images, targets = batches[0]
    built.optimizer.build(built.trainable_variables)
    built.compute_loss(y=targets, y_pred=built(images))
    built.train_on_batch(images, targets)
    return Bare(built, lesson.batch, batches)


def _compiled(lesson: Segmentation, trainer: cl.Trainer) -> Any:
    network = lesson.part.build(backend.resolve_precision(trainer.precision))
    parts = parts_of(lesson.batch_size) if backend.one_core_each() else 1
    built = ghost_batches(network, parts)
    heads = lesson.part.task.heads
    built.compile(
        optimizer=trainer.make_optimizer(backend.require()),
        loss={n: losses.get(h.loss, h.activation) for n, h in heads.items()},
        loss_weights={n: h.weight for n, h in heads.items()},
        jit_compile=backend.name() == "jax",
    )
    return built


def fixed_step(edge: int = 128, batch: int = 8) -> Callable[[], object]:
    """Return a training step of a network that must never change.

    Steps of the default recipe are counted in steps of this one, so that a stored ratio says
    something on another machine. Convolutions, pooling and upsampling in plain Keras, in the
    precision that cytoloom would choose.
    """
    keras = backend.require()
    layers = keras.layers
    with backend.policy(backend.resolve_precision("auto")):
        inputs = keras.Input((edge, edge, 1))
        x, skips = inputs, []
        for filters in REFERENCE_FILTERS:
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
            skips.append(x)
            x = layers.MaxPooling2D()(x)
        for filters, skip in zip(reversed(REFERENCE_FILTERS), reversed(skips), strict=True):
            x = layers.UpSampling2D()(x)
            x = layers.Concatenate()([x, skip])
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        outputs = layers.Conv2D(1, 1, dtype="float32")(x)
        network = keras.Model(inputs, outputs)
    network.compile(optimizer="adam", loss="mse", jit_compile=backend.name() == "jax")
    rng = np.random.default_rng(0)
    images = rng.random((batch, edge, edge, 1), np.float32)
    network.train_on_batch(images, images)
    return lambda: network.train_on_batch(images, images)


def nuclei_folder(folder: Path, images: int = 20) -> Path:
    """Write simulated nuclei to train on, unless they are there."""
    if not (folder / "images").is_dir():
        cl.simulate.write(folder, "nuclei", images=images, seed=0)
    return folder


def nuclei_model(work: Path, size: str) -> cl.Model:
    """Load the model for simulated nuclei, trained for a moment when it is not there yet."""
    path = work / "nuclei.cytoloom"
    if (path / "model.json").is_file():
        return cl.load(path)
    toy = size == "toy"
    cl.train(
        nuclei_folder(work / "nuclei", 4 if toy else 20),
        network=cl.UNet(filters=4, depth=2) if toy else None,
        trainer=cl.Trainer(iterations=ITERATIONS[size], patch_px=32 if toy else None),
        out=path,
        progress=False,
    )
    # loaded, so that what is measured is what a user has who comes back to it
    return cl.load(path)


def unet(size: str) -> cl.UNet:
    """Return the default network, or a tiny one for toys."""
    return cl.UNet(filters=4, depth=2) if size == "toy" else cl.UNet()
