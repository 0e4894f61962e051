"""Images at another size: what is resampled, and which size is chosen."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

import cytoloom as cl
from cytoloom.datasets.items import Item
from cytoloom.datasets.sources import ArraySource
from cytoloom.datasets.unlabelled import as_images
from cytoloom.images.resize import Resized, enlarged, resize_into
from cytoloom.models import rescale
from cytoloom.models.looks import Look, Seen
from cytoloom.models.rescale import factors_for
from cytoloom.segmentation.separation import separation
from cytoloom.tasks import Found
from cytoloom.tasks.coherence import densest_centre
from cytoloom.tasks.instances import Instances

SIZES = {"low": 18.0, "median": 20.0, "typical": 20.0, "least_typical": 18.0, "most_typical": 22.0}


def test_enlarging_a_ramp_keeps_it_a_ramp():
    # pixel centres stay in place: 0 1 2 3 at twice the size is -0.25 0.25 0.75 ... clipped
    ramp = ArraySource(np.arange(4.0).reshape(1, 4))
    found = enlarged(ramp, (1, 2)).read()[0, :, 0]
    assert found.tolist() == pytest.approx([0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])


def test_making_smaller_averages_instead_of_skipping():
    stripes = ArraySource(np.tile([0.0, 1.0], 16).reshape(1, 32))
    assert enlarged(stripes, (1, 0.5)).read()[0, 4:-4, 0] == pytest.approx(np.full(8, 0.5), abs=0.1)


@pytest.mark.parametrize("factor", [0.2, 0.45, 1.0, 2.3])
def test_resizing_is_a_gaussian_then_lines_between_pixels(factor):
    image = np.random.default_rng(0).random((41, 30), np.float32)
    shape = [round(n * factor) for n in image.shape]
    steps = [n / m for n, m in zip(image.shape, shape, strict=True)]
    smooth = ndimage.gaussian_filter(image, [max(0, (s - 1) / 2) for s in steps], mode="nearest")
    at = np.meshgrid(*((np.arange(m) + 0.5) * s - 0.5 for m, s in zip(shape, steps, strict=True)),
                     indexing="ij")  # fmt: skip
    wanted = ndimage.map_coordinates(smooth, at, order=1, mode="nearest")
    assert np.allclose(
        enlarged(ArraySource(image), (factor,) * 2).read()[..., 0], wanted, atol=1e-6
    )


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
    shown = []

    def maps(source, stats, **_):
        shown.append(source.shape[:-1])
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

    training = {"coherence": 0.8, "patch_px": [128]}
    info = {"diameter_px": SIZES, "training": training, "pixel_size_um": None}
    return SimpleNamespace(
        task=task, ndim=2, channels=1, info=info, source_maps=maps, shown=shown,
        normalize=cl.Normalize(0, 100), engine=SimpleNamespace(image_workers=1),
    )  # fmt: skip


def decided(model: SimpleNamespace, *images: np.ndarray, **details) -> tuple[list, str]:
    """Return what is decided for images of one folder, and what is said."""
    items = [Item(str(k), ArraySource(image), **details) for k, image in enumerate(images)]
    return drained(factors_for(model, items, "auto"))


def drained(work) -> tuple[list, str]:
    said = []
    while True:
        try:
            said.append(next(work).message)
        except StopIteration as end:
            return list(end.value.values()), " ".join(said)


@pytest.mark.parametrize("diameter", [5, 8, 40, 100])
def test_objects_of_another_size_are_brought_to_that_of_training(diameter):
    # discs of 5 px have 20 px: the task drops them, and no object is left
    (factors,), text = decided(ideal((14, 28)), discs(diameter, size=max(400, 8 * diameter)))
    assert 14 <= factors[0] * diameter <= 28
    assert f"rescaled by {factors[0]:g} (fit " in text
    assert "there about 0.80" in text
    assert f"Pass rescale=None to switch this off, rescale={factors[0]} to have it always." in text


@pytest.mark.parametrize("diameter", [18, 20, 40])
def test_objects_that_fit_as_in_training_are_left_alone(diameter):
    """What the network understands is looked at once, or at half and twice the size as well."""
    model = ideal((14, 45))
    assert decided(model, discs(diameter)) == ([None], "")
    assert len(model.shown) in (4, 12)


def test_most_sizes_are_looked_at_in_few_parts():
    """Of 8 parts 2 are looked at at each of ten sizes, and all only as they are and at the best."""
    model, images = ideal((14, 28)), [discs(80, 640)] * 4
    assert decided(model, *images)[0] == [[0.25, 0.25]] * 4
    assert len(model.shown) == 8 + 8 * 2 + 6


def test_objects_of_a_size_in_training_that_do_not_fit_are_looked_at():
    """Large objects fall apart into pieces of a size that training had."""
    model = ideal((14, 28))
    model.info["diameter_px"] = SIZES | {"most_typical": 60.0}
    (factors,), _ = decided(model, discs(50))
    assert 14 <= factors[0] * 50 <= 28


def test_a_folder_has_one_factor_whatever_single_images_would_have():
    odd, usual = discs(80, 640), discs(40)
    factors, text = decided(ideal((14, 28)), usual, usual, odd, usual)
    assert factors == [[0.5, 0.5]] * 4
    assert "better in 3 of 4 images looked at" in text


def test_an_image_leaves_the_factor_of_its_folder_only_beyond_doubt():
    """Many discs that the network knows as they are; with few of them it stays with the others."""
    usual, odd, few = discs(40), discs(20), discs(20)
    few[60:] = 0
    for image, own in ((odd, None), (few, [0.5, 0.5])):
        factors, text = decided(ideal((14, 28)), usual, usual, image, usual, usual)
        assert factors == [[0.5, 0.5], [0.5, 0.5], own, [0.5, 0.5], [0.5, 0.5]]
        assert ("2 fits at another size than the other images: left as it is" in text) is (
            own is None
        )


@pytest.mark.parametrize(
    ("ndim", "fit", "power", "believed"),
    [(2, 0.41, 2.5, True), (3, 0.41, 2.5, False), (3, 0.41, -1, True), (3, 0.57, -2.5, True)],
)
def test_in_stacks_each_octave_has_to_be_worth_it(ndim, fit, power, believed):
    """Noise of a stack, enlarged enough, looks like nuclei."""
    model = SimpleNamespace(ndim=ndim, info={"diameter_px": SIZES, "training": {"coherence": 0.44}})
    sizes = np.full(20, 20.0)
    as_is, enlarged = (Look((Seen(0, one, sizes, len(sizes)),), ndim) for one in (0.3, fit))
    assert rescale._Sizes(model, [])._better(enlarged, as_is, 1, power) is believed


def test_a_model_whose_objects_fit_nowhere_says_nothing_of_sizes():
    model = ideal((14, 28))
    model.info["training"]["coherence"] = 0.3
    assert decided(model, discs(40)) == ([None], "")
    assert model.shown == []


def test_images_that_do_not_agree_have_no_factor_together():
    """What one gains the other loses; only what is beyond doubt of one is done to it, and said."""
    few = discs(40)
    few[90:] = 0
    assert decided(ideal((14, 28)), few, discs(20))[0] == [None, None]
    factors, text = decided(ideal((14, 28)), discs(40), discs(20))
    assert factors == [[0.5, 0.5], None]
    assert "0 fits at another size than the other images: rescaled by 0.5." in text


def test_groups_and_folders_decide_on_their_own(tmp_path):
    model = ideal((14, 28))
    items = [
        Item(f"{group}{k}", ArraySource(discs(diameter)), group=group)
        for group, diameter in (("a", 20), ("b", 40))
        for k in range(2)
    ]
    factors, text = drained(factors_for(model, items, "auto"))
    assert factors == [None, None, [0.5, 0.5], [0.5, 0.5]]
    assert "b: objects look unlike" in text
    for name, diameter in (("one", 40), ("two", 20)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "x.npy", discs(diameter)[..., 0])
    files = as_images([tmp_path / "one", tmp_path / "two"])
    factors, text = drained(factors_for(model, files, "auto"))
    assert factors == [[0.5, 0.5], None]
    assert f"{tmp_path / 'one'}: objects look unlike" in text


def test_images_that_fit_at_no_size_are_said():
    factors, text = decided(ideal((0, 1)), discs(40))
    assert factors == [None]
    assert "no other size was found to fit. Check" in text


def test_a_factor_at_the_end_of_what_was_tried_is_not_believed(monkeypatch):
    monkeypatch.setattr("cytoloom.models.search.OCTAVES", (-1, 0, 1))
    factors, text = decided(ideal((14, 28)), discs(50))
    assert factors == [None]
    assert "no other size was found to fit" in text


@pytest.mark.parametrize("lacking", ["diameter_px", "training"])
def test_a_model_that_knows_no_sizes_is_not_asked(lacking):
    model = ideal((14, 28))
    model.info[lacking] = {}
    assert decided(model, discs(40)) == ([None], "")


def test_empty_images_are_left_alone_without_a_word():
    assert decided(ideal((14, 28)), np.zeros((200, 200, 1), np.uint8)) == ([None], "")


def test_few_objects_have_no_typical_size():
    assert decided(ideal((0, 200)), discs(60, size=180)) == ([None], "")


@pytest.mark.parametrize(("spacing", "factor"), [(0.65, 2.0), (1.3, 4.0), (0.11, 0.338)])
def test_pixel_sizes_are_believed_up_to_four(spacing, factor):
    model = ideal((14, 28))
    model.info["pixel_size_um"] = [0.325, 0.325]
    factors, text = decided(model, discs(20), discs(20), spacing_um=(spacing, spacing))
    assert factors == [[factor, factor]] * 2
    assert f"rescaled by {factor:g}. Pass rescale=None to switch this off" in text
    assert text.count("pixels of 2 images") == 1
    assert model.shown == []


@pytest.mark.parametrize(("spacing", "diameter", "factor"), [
    (0.0406, 160, 0.125), (0.0406, 20, 0.125), (352.8, 20, 1090), (1e-6, 20, 3.08e-06)
])  # fmt: skip
def test_pixel_sizes_farther_off_are_believed_if_objects_look_so(spacing, diameter, factor):
    """The factor of 72 dots per inch, 1086, is not even looked at."""
    believed = diameter == 160
    model = ideal((14, 28))
    model.info["pixel_size_um"] = [0.325, 0.325]
    (factors,), text = decided(model, discs(diameter, 1280), spacing_um=(spacing, spacing))
    assert factors == ([0.125, 0.125] if believed else None)
    assert ("is not believed. Pass `pixel_size_um` if that is wrong" in text) is not believed
    assert f"a factor of {factor:g} is not" in text or f"rescaled by {factor:g}. Pass" in text
    assert max(max(shape) for shape in model.shown) <= 160


def test_files_that_cannot_be_read_are_no_hindrance(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*")
    np.save(tmp_path / "b.npy", discs(40)[..., 0])
    factors, _ = drained(factors_for(ideal((14, 28)), as_images(tmp_path), "auto"))
    assert factors == [[0.5, 0.5]] * 2


def test_sparse_objects_are_not_overlooked():
    """The densest_centre part of a large image has the objects, though they are few and small."""
    labels = np.zeros((4000, 3000), np.int32)
    labels[3501:3511, 2001:2011] = 1
    row, column = densest_centre(labels)
    assert abs(row - 3506) < 300
    assert abs(column - 2006) < 300


def test_coherence_is_the_correlation_with_what_should_be():
    labels = np.zeros((12, 12), np.int32)
    labels[2:10, 2:10] = 1
    depth = separation(labels, reach_px=5)[..., None]
    task, found = Instances(), Found(labels)
    assert task.coherence({"distance": depth}, found) == pytest.approx(1)
    assert task.coherence({"distance": 0.5 - depth / 4}, found) == pytest.approx(-1)
    assert task.coherence({"distance": np.ones_like(depth)}, found) == 0
    assert task.coherence({"distance": depth}, Found(0 * labels)) == 0


@pytest.fixture
def fine(trained) -> cl.Model:
    """A model of pixels of 0.5 um, to which images with pixels of 1 um are enlarged twice."""
    return replace(trained, info={**trained.info, "pixel_size_um": [0.5, 0.5]})


def test_what_is_scored_is_what_is_predicted(fine, capsys):
    """Both are enlarged alike, and the factor that is in the tables gives the same again."""
    images, labels = [list(x) for x in zip(*(cl.simulate.nuclei((64, 64), 6, seed=k)
                                             for k in (70, 71)), strict=True)]  # fmt: skip
    data = cl.Data.from_pairs(images, labels, pixel_size_um=1.0)
    found = cl.predict(fine, data, progress=False)
    assert found.files["scale"].tolist() == [2.0, 2.0]
    assert found[found.names[0]].shape == (64, 64)
    assert capsys.readouterr().err.count("rescaled by 2. Pass rescale=None to switch") == 1
    scores = cl.evaluate(fine, data)
    assert "Scored as `predict` finds with rescale=2.0." in capsys.readouterr().err
    assert scores.per_image["scale"].tolist() == [2.0, 2.0]
    assert scores.per_image["n_found"].tolist() == found.files["objects"].tolist()
    assert "scale" not in set(scores.summary["metric"])
    again = cl.evaluate(fine, data, rescale=2, progress=False)
    assert again.per_image.equals(scores.per_image)
    given = cl.predict(fine, images[1], rescale=2.0, progress=False)
    assert np.array_equal(given["image"], found[found.names[1]])
    cl.evaluate(fine, data, rescale=None)
    assert "at the size that images have, as `predict` finds with rescale=None" in (
        capsys.readouterr().err
    )
    with pytest.raises(cl.InvalidError, match="1/16 to 16"):
        cl.evaluate(fine, data, rescale=0)


def test_images_of_floats_are_enlarged_as_others_are(fine):
    image = cl.simulate.nuclei((64, 64), 6, seed=70)[0]
    whole, same = (cl.predict(fine, x, rescale=2.0, progress=False)["image"]
                   for x in (image, image.astype(np.float32)))  # fmt: skip
    assert whole.max() > 0
    assert np.array_equal(same, whole)


def test_a_prediction_that_goes_on_keeps_its_factors(fine, tmp_path, monkeypatch):
    images = [cl.simulate.nuclei((64, 64), 6, seed=k)[0] for k in range(3)]
    given = {"images": images, "pixel_size_um": 1.0}
    whole = cl.predict(fine, images, pixel_size_um=1.0, progress=False)
    events = cl.predict.events(fine, **given, out=tmp_path / "r")
    while not list(tmp_path.glob("r/labels/*.tif")):
        next(events)
    events.close()
    monkeypatch.setattr("cytoloom.prediction.decided.factors_for", None)
    found = cl.predict(fine, **given, out=tmp_path / "r", progress=False)
    assert found.files["scale"].tolist() == [2.0] * 3
    assert all(np.array_equal(found[name], whole[name]) for name in whole.names)


def test_groups_of_a_table_are_groups_of_a_prediction(tmp_path):
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", np.zeros((8, 8)))
    (tmp_path / "t.csv").write_text("image,group\nb.npy,plate 2\na.npy,\n")
    assert [i.group for i in as_images(tmp_path / "t.csv")] == ["plate 2", None]


def test_every_image_counts_for_the_sizes_in_training(trained):
    sizes = trained.info["diameter_px"]
    assert sizes["least_typical"] <= sizes["typical"] <= sizes["most_typical"]
