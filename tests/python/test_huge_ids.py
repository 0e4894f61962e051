"""Objects numbered up to 2**31, as cut from large volumes: nothing is as long as the number."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import cytoloom as cl
import small
from cytoloom.objects.measure import measure
from cytoloom.objects.size import diameters
from cytoloom.plots.overlays import outlines_rgb
from cytoloom.segmentation.necks import divide_at_necks
from cytoloom.segmentation.objects import drop_flat, keep_objects
from cytoloom.simulate import annotators
from cytoloom.tasks import Instances
from cytoloom.tasks.labels import components_of_classes

FIRST = 2_000_000_000
IMAGE, NUCLEI = cl.simulate.nuclei((64, 64), 6, seed=1)
HUGE = np.where(NUCLEI > 0, NUCLEI + FIRST, 0).astype(np.int32)


@pytest.fixture
def little_memory():
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # an array of one byte a number would take 2 GB
    assert peak < 300e6


def named(small_ids):
    return np.where(small_ids > 0, small_ids + FIRST, 0)


@pytest.mark.usefixtures("little_memory")
def test_tables_have_the_numbers_of_the_labels():
    plain, huge = measure(NUCLEI), measure(HUGE)
    assert huge["object"].tolist() == (plain["object"] + FIRST).tolist()
    assert huge.drop(columns="object").equals(plain.drop(columns="object"))
    assert diameters(HUGE).tolist() == diameters(NUCLEI).tolist()


@pytest.mark.usefixtures("little_memory")
def test_objects_are_kept_dropped_and_divided_alike():
    for change in (
        lambda labels: keep_objects(labels, min_area_px=120, exclude_border=True),
        lambda labels: drop_flat(labels, IMAGE[..., None][..., 0], 900.0),
    ):
        np.testing.assert_array_equal(change(HUGE.copy()), change(NUCLEI.copy()))
    one = (NUCLEI > 0).astype(np.int32)
    divided = divide_at_necks(one * FIRST, 0.9)
    np.testing.assert_array_equal(np.where(divided > 0, divided - FIRST + 1, 0),
                                  divide_at_necks(one.copy(), 0.9))  # fmt: skip


@pytest.mark.usefixtures("little_memory")
def test_scores_pieces_outlines_and_drawings_are_those_of_small_numbers():
    shifted = np.roll(NUCLEI, 2, axis=1)
    expected = cl.metrics.average_precision(NUCLEI, shifted)
    assert cl.metrics.average_precision(HUGE, named(shifted)) == expected
    assert Instances().prepare(HUGE) is HUGE
    assert Instances().describe_labels(HUGE) == []
    np.testing.assert_array_equal(outlines_rgb(IMAGE, HUGE), outlines_rgb(IMAGE, NUCLEI))
    one, other = annotators(NUCLEI, 1, seed=4)[0], annotators(HUGE, 1, seed=4)[0]
    np.testing.assert_array_equal(named(one), other)
    assert len(components_of_classes(HUGE)[1]) == len(components_of_classes(NUCLEI)[1])


def test_images_with_such_labels_are_checked_trained_on_and_scored(trained):
    images, labels = small.nuclei()
    huge = [named(one).astype(np.uint32) for one in labels]
    assert cl.check((images, huge), "instances").ok
    assert small.train(data=(images, huge), trainer=small.trainer(iterations=2))
    scores = [
        cl.evaluate(trained, (images, truth), allow_training_images=True, progress=False)
        for truth in (labels, huge)
    ]
    assert scores[0].per_image.equals(scores[1].per_image)


@pytest.mark.usefixtures("little_memory")
def test_a_value_to_ignore_may_be_larger_than_any_label():
    labels = NUCLEI.astype(np.uint32)
    labels[0] = 2**32 - 1
    assert cl.check(cl.Data.from_pairs([IMAGE], [labels], unknown=2**32 - 1), "instances").ok
    problem = cl.check(([IMAGE], [labels]), "instances").problems[0]
    assert f"0 to {2**31 - 1}" in problem
    assert "4294967295" in problem
