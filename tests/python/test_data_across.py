"""Facts of images are compared across their set, and with the model."""

from __future__ import annotations

import numpy as np
import pytest

import cytoloom as cl
import small
from cytoloom.datasets.data import as_data
from cytoloom.datasets.unlabelled import gather_images
from cytoloom.images import Image

LABELS = np.zeros((6, 8), int)
LABELS[1:3, 1:4] = 1


def image(high=250, dtype=np.uint16, names=("DAPI", "GFP"), size=None, channels=2):
    pixels = np.zeros((6, 8, channels), dtype)
    pixels[2, 2] = np.arange(1, channels + 1) * high / channels
    return Image(pixels, "yxc", None if size is None else (size, size), names)


def check(*images):
    report = cl.check(([*images], [LABELS] * len(images)), progress=False)
    return [text for text in (*report.problems, *report.warnings) if "same pixels" not in text]


def test_channels_in_another_order_are_put_right():
    turned = Image(image().array[..., ::-1], "yxc", None, ("gfp", "DAPI"))
    data = as_data(([image(), turned], [LABELS] * 2))
    for found in (data, gather_images({"a": image(), "b": turned})):
        first, second = (item.image for item in found.items)
        assert second.channel_names == ("DAPI", "gfp")
        np.testing.assert_array_equal(first.read(), second.read())
        assert "in another order, and taken as DAPI, GFP" in found.notes[0]


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"names": ("DAPI", "RFP")}, "image_000: DAPI, GFP; image_001: DAPI, RFP"),
        ({"names": None}, "image_000: DAPI, GFP; image_001: no names"),
        ({"channels": 3, "names": None}, "image_000: 2 channels; image_001: 3 channels"),
        ({"dtype": np.uint8}, "pixel type: image_000: uint16; image_001: uint8"),
        ({"high": 60000}, "values of image_000 reach 250, those of others 60000"),
        ({"size": 0.5}, "the pixel size of image_000 is not known"),
    ],
)
def test_what_differs_in_a_set_is_said(others, said):
    (found,) = check(image(), image(**others))
    assert said in found


def test_fractions_among_other_numbers_are_said():
    (text,) = check(image(1, np.float32), image(250, np.float32))
    assert "values of image_000 reach 1, those of others 250" in text


def test_what_is_alike_is_not_said():
    assert check(image(100), image(3000), image(900)) == []
    assert check(image(size=0.5), image(size=0.55)) == []


def test_the_noise_floor_is_learned_from_what_files_hold():
    pixels = np.array([[[0], [300], [4000]]], np.uint16)
    stats = cl.Normalize().fit(pixels)
    for dtype in (np.int16, np.int32, np.int64, np.float32, np.float64):
        assert cl.Normalize().fit(pixels.astype(dtype)) == stats
    for other in (pixels / 4000, pixels - 300.0, pixels * 100.0, pixels + 0.5, pixels > 0):
        assert cl.Normalize().fit(other).dtype != "uint16"
    blank = np.full((4, 4, 1), 7.0)
    blank[0] = 9.0
    learned = cl.Normalize().with_floor([stats])
    np.testing.assert_array_equal(learned(blank), learned(blank.astype(np.uint16)))
    assert learned(blank).max() < 0.01


def test_what_differs_from_the_model_is_said(two_channels, capsys):
    images, labels = small.pairs_of_channels(1)
    other = Image((images[0].array // 256).astype(np.uint8), "yxc", None, ("Cy5", "B"))
    cl.predict(two_channels, {"a": other}, rescale=None)
    said = capsys.readouterr().err
    assert "Warning: a: channels Cy5, B, where the model was trained on A, B" in said
    assert "a: pixels of uint8, where the model was trained on uint16" in said
    cl.evaluate(two_channels, ([other], labels))
    assert "where the model was trained on A, B" in capsys.readouterr().err


def test_validation_images_of_their_own_are_compared_with_those_of_training(capsys):
    images, labels = small.pairs_of_channels()
    shallow = (images[2].array[..., ::-1] // 256).astype(np.uint8)
    held_out = Image(shallow, "yxc", None, ("B", "A"))
    small.train(
        data=(images[:2], labels[:2]), validation=([held_out], labels[2:]),
        trainer=small.trainer(iterations=1), progress=True,
    )  # fmt: skip
    said = capsys.readouterr().err
    assert "named differently" not in said
    assert "training and validation: images differ in pixel type: image: uint8" in said
