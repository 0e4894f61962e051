"""Arrays that do not say the type of their file are taken for what the files of training are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cytoloom as cl
from cytoloom.datasets.data import as_data
from cytoloom.datasets.stored import as_trained, of_one_type, taken_for
from cytoloom.datasets.unlabelled import as_images

DIM = np.random.default_rng(0).normal(100, 3, (64, 64)).round().astype(np.uint16)
"""A field of noise of 16 bits whose values 8 bits would hold."""


def as_given(kind: str) -> np.ndarray:
    """Noise as readers of files and arithmetic give it."""
    kinds = {
        "int64": DIM.astype(np.int64),
        "int32": DIM.astype(np.int32),
        "whole float64": DIM.astype(float),
        "shares of 65535": DIM / 65535,
        "Fortran order": np.asfortranarray(DIM.astype(np.int64)),
        "a channel axis": (DIM / 65535)[..., None],
    }
    return kinds[kind]


@pytest.mark.parametrize(
    "kind",
    ["int64", "int32", "whole float64", "shares of 65535", "Fortran order", "a channel axis"],
)
def test_noise_is_the_same_noise_in_every_array(trained: cl.Model, kind: str) -> None:
    assert trained.pixel_type == "uint16"
    expected = cl.predict(trained, DIM, rescale=None, progress=False)
    found = cl.predict(trained, as_given(kind), rescale=None, progress=False)
    assert np.array_equal(found["image"], expected["image"])
    units = ["low", "high", *expected.objects.filter(like="_intensity_")]
    for table in ("files", "objects"):
        one, other = (
            getattr(of, table).drop(columns=units, errors="ignore") for of in (found, expected)
        )
        assert one.equals(other)
    with pytest.warns(UserWarning, match="held down"):
        assert np.array_equal(trained.predict(as_given(kind)), expected["image"])


def test_what_no_file_of_training_holds_is_a_row_or_an_error(trained: cl.Model) -> None:
    large, negative = DIM.astype(int) * 1000, DIM.astype(int) - 200
    with pytest.raises(cl.errors.InvalidError, match=r"whole numbers from 0 to 65535.*float32"):
        cl.predict(trained, large, progress=False)
    with pytest.raises(cl.errors.InvalidError, match=r"Received: -\d+\. .*int16"):
        trained.predict(negative * 2)
    # what is told to be done is taken
    assert trained.predict(negative.astype("int16")).shape == negative.shape
    several = {"dim": DIM, "large": large}
    found = cl.predict(trained, several, rescale=None, progress=False)
    assert found.files["status"].str.startswith("Invalid `large`").tolist() == [False, True]


def test_arrays_of_training_images_are_recognised(trained: cl.Model) -> None:
    import small

    images, labels = small.nuclei()
    for made in (np.int64, lambda image: image / 65535):
        arrays = ([made(image) for image in images], labels)
        with pytest.raises(cl.errors.InvalidError, match="the same pixels as"):
            cl.evaluate(trained, arrays, progress=False)


def types(*images: np.ndarray, prefer: str | None = None) -> list[str]:
    """Types of the images of a set whose last one is held out."""
    labels = [np.ones(image.shape, int) for image in images]
    parts = [as_data((list(images[:-1]), labels[:-1])), as_data(([images[-1]], labels[-1:]))]
    return [str(i.image.dtype) for part in of_one_type(parts, prefer) for i in part.items]


def test_a_training_set_has_one_type() -> None:
    dim, bright = DIM.astype(int), DIM.astype(int) * 10
    assert types(dim, dim) == ["uint8"] * 2
    # the held-out image decides with the others
    assert types(dim, bright) == ["uint16"] * 2
    assert types(dim, DIM) == ["uint16"] * 2
    assert types(dim, dim, prefer="uint16") == ["uint16"] * 2
    assert types(dim / 255, bright // 100 / 255) == ["uint8"] * 2
    # zeros are shares of anything
    assert types(dim / 65535, 0 * dim) == ["uint16"] * 2
    # what is neither stays as it is
    assert types(dim, dim - 200) == ["int64"] * 2
    assert types(dim, dim / 300) == ["int64", "float64"]


def test_what_is_not_certain_is_said_with_how_to_say_it() -> None:
    dim = DIM.astype(int)
    images = {"dim": dim, "sure": dim * 10, "smooth": np.sqrt(dim / 65535), "typed": DIM}
    said = [event.message for event in taken_for(as_trained(as_images(images), "uint16"))]
    assert len(said) == 2
    assert said[0].startswith("dim: whole numbers up to 255 are taken for pixels of uint16")
    assert said[0].endswith('image.astype("uint8").')
    assert said[0].spelled(cl.messages.R).endswith('attr(image, "dtype") <- "uint8".')
    assert said[1].startswith("smooth: fractions are taken for shares of 65535")


def test_eight_bits_are_found_in_fractions_whatever_the_model(tmp_path: Path) -> None:
    eight = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for trained in ("uint8", "uint16"):
        (item,) = as_trained(as_images(eight / 255), trained)
        assert np.array_equal(item.image.read()[..., 0], eight)
        assert item.image.dtype == np.uint8
    (item,) = as_trained(as_images(eight / 255), "float32")
    assert np.array_equal(item.image.read()[..., 0], (eight / 255).astype(np.float32))
    # what the file says is not judged by its values
    cl.images.write_labels(tmp_path / "a.tif", eight.astype(np.int64) * 300)
    for given in (tmp_path / "a.tif", cl.images.read(tmp_path / "a.tif")):
        (item,) = as_trained(as_images(given), "uint8")
        assert item.image.dtype == np.uint32


def test_what_cannot_be_a_share_decides_for_all_images_and_is_said_once(trained: cl.Model) -> None:
    """0.5 is half of 65535 in one image only if no other has 1.5: intensities never change."""
    shares = DIM / 65535
    beside = shares.copy()
    beside[0, 0] = 1.5
    blank = np.zeros_like(shares)
    hole = shares.copy()
    hole[5, 5] = np.nan
    items = as_trained(as_images({"a": shares, "blank": blank, "hole": hole}), "uint16")
    assert not list(taken_for(items))
    assert [str(item.image.dtype) for item in items] == ["uint16", "uint16", "float32"]
    seen = items[2].image.read()
    assert np.isnan(seen[5, 5, 0])
    assert seen[0, 0, 0] == DIM[0, 0]
    items = as_trained(as_images({"a": shares, "b": beside, "blank": blank}), "uint16")
    (said,) = taken_for(items)
    assert (said.kind, items[0].image.dtype.name) == ("warning", "float64")
    assert said.message.startswith("a, b: taken as they are and for no pixels of files, as b has")
    alone = as_trained(as_images({"b": beside}), "uint16")
    assert [event.kind for event in taken_for(alone)] == ["note"]


def test_intensities_are_in_the_units_of_what_was_passed(trained: cl.Model) -> None:
    """Those of predict and of measure are the same, and a pixel that is no number is left out."""
    image, labels = cl.simulate.nuclei(shape=(64, 64), count=6, seed=0)
    mixed = {"whole": image, "shares": image / 65535, "hole": image / 65535}
    y, x = np.argwhere(labels == 1)[0]
    mixed["hole"][y, x] = np.nan
    found = cl.predict(trained, mixed, rescale=None, progress=False)
    again = cl.measure(found, mixed, progress=False)
    columns = list(found.objects.filter(like="_intensity_"))
    assert np.array_equal(found.objects[columns], again[columns])
    assert not found.objects[columns].isna().any(axis=None)
    by_image = dict(iter(found.objects.groupby("image")))
    assert np.allclose(by_image["shares"][columns] * 65535, by_image["whole"][columns])
    ends = found.files.set_index("image")[["low", "high"]].astype(float)
    assert np.allclose(ends.loc["shares"] * 65535, ends.loc["whole"], rtol=1e-4)
    one = cl.measure(labels, mixed["hole"], progress=False)["mean_intensity_0"].iloc[0]
    inside = image[labels == 1].astype(float)
    assert one == pytest.approx((inside.sum() - image[y, x]) / (len(inside) - 1) / 65535)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_image_without_a_number_is_refused_and_no_field_without_objects(
    trained: cl.Model, value: float
) -> None:
    nothing = np.full((64, 64), value)
    for of in (trained.predict, lambda one: cl.predict(trained, one, progress=False)):
        with pytest.raises(cl.errors.InvalidError, match="pixels that are numbers"):
            of(nothing)
    assert not cl.check(([nothing], [np.ones((64, 64), int)])).ok
