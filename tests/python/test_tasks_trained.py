"""Each task learns one small image by heart, in 40 steps of a small network, and finds it again.

They learn together, each with heads of its own on one network: that is one training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import cytoloom as cl
from cytoloom.components import component
from cytoloom.metrics import average_precision, dice
from cytoloom.patches.sample import Sample
from cytoloom.segmentation.surfaces import beside_others
from cytoloom.tasks import Task

LABELS = np.zeros((48, 48), np.int32)
LABELS[8:22, 8:22], LABELS[8:22, 22:40], LABELS[24:40, 8:20], LABELS[28:40, 26:40] = 1, 2, 3, 4

LEARNED = {name: task() for name, task in cl.tasks.NAMES.items()}
# steps that fit into objects of 12 px and into what so small a network sees
NEAR = ((0, -1, 0), (0, 0, -1), (0, -4, 0), (0, 0, 4))
LEARNED["affinities"] = cl.tasks.Affinities(neighbourhood=NEAR)
LEARNED["lsds"] = cl.tasks.Affinities(neighbourhood=NEAR, lsds=True)


@component
@dataclass(frozen=True)
class AllTogether(Task):
    """All tasks at once: the heads of each under its name."""

    @property
    def heads(self):
        return {
            f"{name}_{head}": own
            for name, task in LEARNED.items()
            for head, own in task.heads.items()
        }

    @property
    def context_px(self):
        return max(task.context_px for task in LEARNED.values())

    def target(self, sample):
        return {
            f"{name}_{head}": pair
            for name, task in LEARNED.items()
            for head, pair in task.target(sample).items()
        }

    def decode(self, maps, spacing_um=None):
        return LEARNED["binary"].decode(of("binary", maps), spacing_um)


def of(name, maps):
    """Return the maps of one task, under the names that it knows."""
    return {head: maps[f"{name}_{head}"] for head in LEARNED[name].heads}


@pytest.fixture(scope="module")
def image():
    """Objects of two grey levels with dark rims; some noise, since what is constant is padding."""
    rim, _ = beside_others(LABELS, LABELS >= 0, 1, (1, 1))
    noise = np.random.default_rng(1).integers(0, 9, LABELS.shape)
    grey = np.array([20, 220, 160, 220, 160])[LABELS]
    return (grey - rim * grey // 2 + noise).astype(np.uint8)


@pytest.fixture(scope="module")
def model(image):
    """Trained on one image, which is the validation image, too."""
    pair = [image], [LABELS]
    trainer = cl.Trainer(
        iterations=40, batch_size=1, patch_px=(48,), augment=None, learning_rate=0.02
    )
    return cl.train(
        pair,
        task=AllTogether(),
        validation=pair,
        network=cl.UNet(filters=32, depth=1, stem_stride=1),
        trainer=trainer,
        progress=False,
    )


@pytest.fixture(scope="module")
def maps(model, image):
    return model.predict_maps(image)


@pytest.mark.parametrize("name", LEARNED)
def test_it_finds_what_it_has_learned_by_heart(name, maps):
    own = of(name, maps)
    task = LEARNED[name].tune([own], [(LABELS, None)])
    found = task.decode(own)
    assert dice(LABELS > 0, found.labels > 0) > 0.88
    if not found.semantic:
        assert average_precision(LABELS, found.labels) == 1


@pytest.mark.parametrize("name", LEARNED)
def test_its_maps_are_nearly_its_targets(name, maps):
    """By the mean difference where a pixel counts, of an untrained network 0.4 to 0.5."""
    target = LEARNED[name].target(Sample({"labels": LABELS}, {"labels": "labels"}))
    for head, (value, weight) in target.items():
        wrong = np.abs(of(name, maps)[head] - value)
        assert (wrong * weight).sum() / np.broadcast_to(weight, value.shape).sum() < 0.2, head
