"""Batches: what patches made together hold is what each holds on its own."""

from __future__ import annotations

import numpy as np
import pytest

import cytoloom as cl
from cytoloom.datasets.sources import ArraySource
from cytoloom.patches.augment import Augment
from cytoloom.patches.sample import Reader, Sampler
from cytoloom.tasks.binary import Binary
from cytoloom.tasks.instances import Instances
from cytoloom.training.batches import UNKNOWN, batch_maker

SPACINGS = [
    (None, None),
    ((0.5, 0.5), (0.5, 0.5)),
    ((0.5, 0.5), (1.0, 0.5)),  # never in one piece
    ((2.0, 0.5, 0.5), (2.0, 0.5, 0.5)),
]


def touching(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Boxes one after the other, some next to another, and unknown pixels."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    for k in range(1, 12):
        start = [int(rng.integers(0, n - 4)) for n in shape]
        labels[tuple(slice(s, s + int(rng.integers(3, 9))) for s in start)] = k
    labels[rng.random(shape) < 0.01] = UNKNOWN
    return labels


def reader(labels: np.ndarray, spacing: tuple[float, ...] | None) -> Reader:
    image = np.maximum(labels, 0)[..., None].astype(np.float32)
    fitted = cl.Normalize()
    stats = fitted.fit(image)
    named = {"unknown": UNKNOWN, "spacing_um": spacing}
    pixels = ArraySource(image, axes="zyxc"[-image.ndim :])
    return Reader("a", pixels, stats, fitted, ArraySource(labels, role="labels"), **named)


TASKS = {"instances": Instances(), "odd reach": Instances(reach_px=8.3), "binary": Binary()}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("spacings", SPACINGS)
def test_a_batch_holds_the_targets_of_each_patch_alone(task, spacings):
    shape = (40, 50) if spacings[0] is None else (40, 50, 30)[: len(spacings[0])]
    readers = [reader(touching(shape, k), spacing) for k, spacing in enumerate(spacings)]
    patch = (16, 20, 12)[: len(shape)]
    sampler = Sampler(readers, patch, task.context_px, Augment(), balance=False)
    images, targets = batch_maker(task, sampler, 5, 4)(3)
    c = task.context_px
    middle = tuple(slice(c, c + n) for n in patch)
    for k, sample in enumerate(sampler.batch(5, 3, 4)):
        assert np.array_equal(images["image"][k], sample["image"])
        for head, (value, weight) in task.target(sample).items():
            alone = np.concatenate([value[middle], weight[middle]], axis=-1)
            assert targets[head][k].dtype == alone.dtype
            assert np.array_equal(targets[head][k], alone), head
