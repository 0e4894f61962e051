"""Each task learns one small image by heart, in 40 steps of a small network, and finds it again.

They learn together, each with heads of its own on one network: that is one training.
"""

from __future__ import annotations

import numpy as np
import pytest

import cytoloom as cl
from all_tasks import LABELS, AllTogether, image_of, learned, of
from cytoloom.metrics import average_precision, dice
from cytoloom.patches.sample import Sample

LEARNED = learned(2)


@pytest.fixture(scope="module")
def image():
    return image_of(LABELS)


@pytest.fixture(scope="module")
def model(image):
    """Trained on one image, which is the validation image, too."""
    pair = [image], [LABELS]
    trainer = cl.Trainer(
        iterations=40, batch_size=1, patch_px=(48,), augment=None, learning_rate=0.02
    )
    return cl.train(
        pair,
        task=AllTogether(classes=False),
        validation=pair,
        network=cl.UNet(filters=48, depth=1, stem_stride=1),
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
