"""Batches: what patches made together hold is what each holds on its own."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import cytoloom as cl
import small
from cytoloom.datasets.sources import ArraySource
from cytoloom.events import result_of
from cytoloom.experts.agreed import AgreedSource
from cytoloom.patches.augment import Augment
from cytoloom.patches.sample import Reader, Sampler
from cytoloom.tasks.binary import Binary
from cytoloom.tasks.instances import Instances
from cytoloom.training.batches import UNKNOWN, batch_maker
from cytoloom.training.prepare import faint_images, plan, read, survey
from cytoloom.training.segment import Segmentation
from cytoloom.training.stages import Given

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


def test_images_of_noise_do_not_set_the_floor_that_keeps_them_dark():
    """Nine of twelve are noise; and of three of nuclei one is a sixteenth as bright."""
    images, labels = small.nuclei(3)
    rng = np.random.default_rng(0)
    noise = [rng.normal(300, 20, (64, 64)).astype(np.uint16) for _ in range(9)]
    nothing = [np.zeros((64, 64), np.int32)] * 9
    data = ([*images[:2], images[2] // 16, *noise], [*labels, *nothing])
    given = Given(Instances(), cl.Trainer(), seed=1)
    held_out = [part[3:] for part in small.nuclei(4)]
    planned = plan(result_of(survey(result_of(read(given, data, tuple(held_out))))))
    # a quarter of the median range of the three with nuclei, which is that of the second
    second = planned.readers[1].stats
    assert planned.normalize.floor == pytest.approx([(second.high[0] - second.low[0]) / 4])
    dark = [r.id for r in planned.readers if planned.normalize.held_down(r.stats)]
    assert dark == [f"image_{k:03d}" for k in range(2, 12)]
    (said,) = faint_images(planned)
    assert "The contrast of 1 image was held down (image_002)" in said.message


def said(event) -> bool:
    """Whether a note says whose labels are learned."""
    return "several annotators" in event.message


def test_what_several_annotators_ask_for_is_learned_as_said():
    """The consensus; the mean of what each asks for; or one of them for each patch."""
    left, right = np.zeros((2, 16, 16), int)
    left[:, :4], right[:, :8] = 1, 1
    data = cl.datasets.data.as_data(([np.zeros((16, 16))] * 2, [left] * 2))
    sources = [ArraySource(one, "yx", role="labels") for one in (left, right, right)]
    items = tuple(dataclasses.replace(one, annotations=tuple(sources)) for one in data.items)
    alone, data = data, dataclasses.replace(data, items=items)
    assert not [e for e in read(Given(Binary(), small.trainer()), alone, 0.5) if said(e)]
    found = {}
    for how in ("consensus", "soft", "draw", "first"):
        trainer = small.trainer(annotators=how, patch_px=(16, 16), augment=None, batch_size=40)
        given = Given(Binary(), trainer, small.NETWORK)
        assert sum(said(event) for event in read(given, data, 0.5)) == 1
        planned = plan(result_of(survey(result_of(read(given, data, 0.5)))))
        lesson = Segmentation(planned)
        assert lesson.images == 1
        targets = lesson.batch(0)[1]["foreground"]
        assert (targets[..., 1] == 1).all()
        found[how] = targets[..., 0]
        agreed = 4 if how == "first" else 8
        assert (planned.validation_readers[0].labels.read() == (np.arange(16) < agreed)).all()
    assert (found["first"] == left).all()
    assert (found["consensus"] == right).all()
    assert found["soft"] == pytest.approx(np.broadcast_to((left + 2 * right) / 3, (40, 16, 16)))
    shown = [one.sum() for one in found["draw"]]
    assert set(shown) == {64, 128}
    assert 0.15 < np.mean([s == 64 for s in shown]) < 0.55


def test_what_one_annotator_does_not_know_counts_nowhere():
    one, other = np.array([[0, 1, 1, 9]]), np.array([[0, 1, 9, 1]])
    sources = [ArraySource(a, "yx", role="labels", unknown=9) for a in (one, other)]
    assert AgreedSource(sources, "classes", 9).read().tolist() == [[0, 1, 9, 9]]
