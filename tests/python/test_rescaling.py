"""Images at another size: what is resampled, and which size is chosen."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

import cytoloom as cl
import small
from cytoloom.datasets.sources import ArraySource
from cytoloom.images.resize import Resized, enlarged, resize_into
from cytoloom.prediction.match_object_size import by_size
from cytoloom.segmentation.separation import separation
from cytoloom.tasks import Found
from cytoloom.tasks.coherence import densest_centre
from cytoloom.tasks.instances import Instances

SIZES = {"median": 20.0, "typical": 20.0, "least_typical": 18.0, "most_typical": 22.0}


def test_enlarging_a_ramp_keeps_it_a_ramp():
    # pixel centres stay in place: 0 1 2 3 at twice the size is -0.25 0.25 0.75 ... clipped
    ramp = ArraySource(np.arange(4.0).reshape(1, 4))
    found = enlarged(ramp, (1, 2)).read()[0, :, 0]
    assert found.tolist() == pytest.approx([0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])


def test_making_smaller_averages_instead_of_skipping():
    stripes = ArraySource(np.tile([0.0, 1.0], 16).reshape(1, 32))
    assert enlarged(stripes, (1, 0.5)).read()[0, 4:-4, 0] == pytest.approx(np.full(8, 0.5), abs=0.1)


@pytest.mark.parametrize("factors", [(1.7, 0.6), (0.2, 0.31), (3, 1)])
def test_a_region_has_the_values_of_the_whole(factors):
    image = np.random.default_rng(0).integers(0, 255, (61, 47, 2), np.uint8)
    source = enlarged(ArraySource(image), factors)
    whole = source.read()
    assert whole.shape == source.shape == (round(61 * factors[0]), round(47 * factors[1]), 2)
    for at in ((slice(0, 3), slice(4, 8)), (slice(5, 12), slice(2, whole.shape[1]))):
        assert np.array_equal(source.read(at), whole[at])


def test_maps_are_filled_strip_by_strip(monkeypatch):
    values = np.random.default_rng(0).random((30, 20, 1), np.float32)
    whole = Resized(values.__getitem__, (30, 20), (50, 11), 1).read()
    monkeypatch.setattr("cytoloom.images.resize.STRIP_PX", 60)
    assert np.array_equal(resize_into(np.zeros((50, 11, 1), np.float32), values), whole)


def discs(diameter: float, size: int = 400) -> np.ndarray:
    """Bright discs on a grid of two diameters."""
    y, x = np.mgrid[:size, :size] % (2 * diameter) - diameter
    return (200.0 * (y**2 + x**2 < diameter**2 / 4)).astype(np.uint8)[..., None]


def ideal(knows: tuple[float, float], task: Instances | None = None) -> SimpleNamespace:
    """A model that sees bright pixels, and how deep they lie where objects are as large as this."""
    task = task or Instances(min_area_px=40)

    def maps(source, stats):
        bright = source.read()[..., 0] > 100
        labels, count = ndimage.label(bright)
        across = 2 * np.sqrt(bright.sum() / max(count, 1) / np.pi)
        depth = separation(labels, reach_px=5)
        if not knows[0] <= across <= knows[1]:
            depth = np.where(bright, np.random.default_rng(0).random(bright.shape), 0)
        return {
            h: m[..., None].astype(np.float32)
            for h, m in (("foreground", bright), ("distance", depth))
        }

    info = {"diameter_px": SIZES, "training": {"coherence": 0.9}}
    return SimpleNamespace(task=task, ndim=2, info=info, source_maps=maps)


def chosen(model: SimpleNamespace, image: np.ndarray) -> tuple:
    maps = model.source_maps(ArraySource(image), None)
    return by_size(model, ArraySource(image), None, maps, model.task.decode(maps).labels)


@pytest.mark.parametrize("diameter", [5, 8, 40, 100])
def test_objects_of_another_size_are_brought_to_that_of_training(diameter):
    # discs of 5 px have 20 px: the task drops them, and no object is left
    (factor, _), text = chosen(ideal((14, 28)), discs(diameter, size=max(400, 6 * diameter)))
    assert 14 <= factor * diameter <= 28
    assert f"rescaled by {factor:.2f} (fit " in text
    assert "there 0.90" in text


@pytest.mark.parametrize("diameter", [18, 20, 40])
def test_objects_that_fit_as_in_training_are_left_alone(diameter):
    """Even if none so large were there: what the network understands need not be changed."""
    assert chosen(ideal((16, 45)), discs(diameter)) == (None, "")


def test_objects_of_a_size_in_training_that_do_not_fit_are_looked_at():
    """Large objects fall apart into pieces of a size that training had."""
    model = ideal((14, 28))
    model.info["diameter_px"] = SIZES | {"most_typical": 60.0}
    factors, _ = chosen(model, discs(50))
    assert 14 <= factors[0] * 50 <= 28


def test_images_that_fit_at_no_size_are_said():
    factors, text = chosen(ideal((0, 1)), discs(40))
    assert factors is None
    assert "no other size was found to fit. Check" in text


def test_sparse_objects_are_not_overlooked():
    """The densest_centre part of a large image has the objects, though they are few and small."""
    labels = np.zeros((4000, 3000), np.int32)
    labels[3501:3511, 2001:2011] = 1
    row, column = densest_centre(labels)
    assert abs(row - 3506) < 300
    assert abs(column - 2006) < 300


def test_a_little_better_is_not_enough():
    model = ideal((14, 28))
    model.info["training"]["coherence"] = 0.1
    assert chosen(model, discs(40)) == (None, "")


@pytest.mark.parametrize("lacking", ["diameter_px", "training"])
def test_a_model_that_knows_no_sizes_is_not_asked(lacking):
    model = ideal((14, 28))
    model.info[lacking] = {}
    assert chosen(model, discs(40)) == (None, "")


def test_empty_images_are_left_alone_without_a_word():
    assert chosen(ideal((14, 28)), np.zeros((200, 200, 1), np.uint8)) == (None, "")


def test_few_objects_have_no_typical_size():
    assert chosen(ideal((14, 28)), discs(60, size=180)) == (None, "")


def test_coherence_is_the_correlation_with_what_should_be():
    labels = np.zeros((12, 12), np.int32)
    labels[2:10, 2:10] = 1
    depth = separation(labels, reach_px=5)[..., None]
    task, found = Instances(), Found(labels)
    assert task.coherence({"distance": depth}, found) == pytest.approx(1)
    assert task.coherence({"distance": 0.5 - depth / 4}, found) == pytest.approx(-1)
    assert task.coherence({"distance": np.ones_like(depth)}, found) == 0
    assert task.coherence({"distance": depth}, Found(0 * labels)) == 0


def test_rescaling_is_said_and_is_in_the_table(trained, monkeypatch, capsys):
    image = small.nuclei(1)[0][0]
    enlarged_twice = (2.0, 2.0), "rescaled by 2."
    monkeypatch.setattr("cytoloom.prediction.apply.by_size", lambda *_: enlarged_twice)
    found = cl.predict(trained, image, progress=False)
    assert found.files["scale"].tolist() == [2.0]
    assert "rescaled by 2." in capsys.readouterr().err
    given = cl.predict(trained, image, rescale=2, progress=False)
    assert np.array_equal(found[found.names[0]], given[given.names[0]])
    assert given[given.names[0]].shape == (64, 64)


def test_every_image_counts_for_the_sizes_in_training(trained):
    sizes = trained.info["diameter_px"]
    assert sizes["least_typical"] <= sizes["typical"] <= sizes["most_typical"]
