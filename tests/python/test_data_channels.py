"""Channels by index, by name, and as sums, in every verb and face."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

import cytoloom as cl
import small
from cytoloom.cli import main
from cytoloom.datasets.data import as_data
from cytoloom.errors import InvalidError
from cytoloom.r import functions

NAMES = ("DAPI", "red", "far-red")


def write(path, pixels, names=NAMES):
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"axes": "CYX", "Channel": {"Name": list(names)}}
    tifffile.imwrite(path, np.moveaxis(pixels, -1, 0), photometric="minisblack", metadata=metadata)
    return path


@pytest.mark.parametrize("channels", [[0, [1, 2]], ["DAPI", "red+far-red"], (0, ("RED", 2))])
def test_a_sum_of_channels_is_one_channel(tmp_path, channels):
    pixels = np.array([[[1, 200, 100], [2, 250, 250]]], np.uint8).repeat(4, 0)
    file = write(tmp_path / "a.ome.tif", pixels)
    image = cl.images.read(file, channels=channels)
    assert (image.array.dtype, image.channel_names) == (np.uint16, ("DAPI", "red+far-red"))
    assert image.array[0].tolist() == [[1, 300], [2, 500]]
    labels = np.ones((4, 2), int)
    for x in (file, cl.images.Image(pixels, "yxc", channel_names=NAMES)):
        source = as_data(([x], [labels]), channels=channels).items[0].image
        assert (source.shape, source.dtype) == ((4, 2, 2), np.uint16)
        assert source.channel_names == image.channel_names
        part = source.read((slice(0, 1), slice(0, 2)))
        np.testing.assert_array_equal(part[0], [[1, 300], [2, 500]])


def test_sums_of_floats_and_wide_integers_keep_their_type():
    wider = {"float32": "float32", "uint16": "uint32", "uint64": "uint64", "bool": "uint16"}
    for dtype, wide in wider.items():
        pixels = np.ones((4, 5, 2), dtype)
        source = as_data(([pixels], [np.ones((4, 5), int)]), channels=[[0, 1]]).items[0].image
        assert source.dtype == source.read().dtype == wide
        assert (source.read() == 2).all()


@pytest.mark.parametrize("channels", [[[0, 7]], ["DAPI+GFP"], [[]], [[0, True]], [1.5], "x+y"])
def test_channels_that_are_not_there(tmp_path, channels):
    file = write(tmp_path / "a.ome.tif", np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(InvalidError, match="channels"):
        cl.images.read(file, channels=channels)


def test_sums_in_every_verb_and_face(tmp_path, capsys):
    images, labels = small.nuclei(3)
    for part in ("train", "test"):
        for k, (image, truth) in enumerate(zip(images, labels, strict=True)):
            thirds = np.stack([image // 3 + (part == "test")] * 3, -1)
            for name, pixels in (("images", thirds), ("labels", truth)):
                path = tmp_path / part / name / f"{k}.tif"
                path.parent.mkdir(parents=True, exist_ok=True)
                tifffile.imwrite(path, pixels)
    chosen = {"channels": [0, [1, 2]]}
    data = as_data(tmp_path / "train", **chosen)
    model = small.train(data=data, trainer=small.trainer(iterations=2), out=tmp_path / "m.cytoloom")
    assert model.channels == 2
    test = as_data(tmp_path / "test", **chosen)
    assert cl.check(test).ok
    assert len(cl.evaluate(model, test, progress=False).per_image) == 3
    found = cl.predict(model, tmp_path / "test", rescale=None, progress=False, **chosen)
    python = dict(found)
    out = tmp_path / "out"
    options = ["--channels", "0", "1+2", "--rescale", "none", "--out", str(out), "--quiet"]
    assert main(["predict", str(model.path), str(tmp_path / "test"), *options]) == 0
    assert main(["check", str(tmp_path / "test"), "--channels", "0", "1+2"]) == 0
    given = {"model": str(model.path), "images": str(tmp_path / "test"), "rescale": None}
    given["channels"] = [0.0, [1.0, 2.0]]
    *_, event = functions.begin("predict", given)
    in_r = dict(event.value)
    for name, labels in python.items():
        np.testing.assert_array_equal(labels, cl.images.read_labels(out / f"labels/{name}.tif"))
        np.testing.assert_array_equal(labels, in_r[name])


def test_channels_in_another_order_are_put_right_for_each_image(tmp_path, two_channels):
    for k, image in enumerate(small.pairs_of_channels()[0]):
        write(tmp_path / f"same/{k}.ome.tif", image.array, ("A", "B"))
        turned = image.array[..., ::-1] if k == 2 else image.array
        write(tmp_path / f"mixed/{k}.ome.tif", turned, ("b", "A") if k == 2 else ("A", "B"))
    same, mixed = (
        cl.predict(two_channels, tmp_path / name, rescale=None, progress=False)
        for name in ("same", "mixed")
    )
    for name, found in same:
        np.testing.assert_array_equal(found, dict(mixed)[name])


def test_channels_asked_for_by_number_are_taken_in_this_order(tmp_path, two_channels, capsys):
    """Names of a file may be wrong: who says numbers knows better, and is told of the names."""
    image = small.pairs_of_channels()[0][0].array
    right = write(tmp_path / "right.ome.tif", image, ("A", "B"))
    misnamed = write(tmp_path / "misnamed.ome.tif", image[..., ::-1], ("A", "B"))
    asked = {"rescale": None, "progress": False}
    wanted = dict(cl.predict(two_channels, right, **asked))["right"]
    found = dict(cl.predict(two_channels, misnamed, channels=[1, 0], rescale=None))["misnamed"]
    words = "misnamed: channels B, A, where the model was trained on A, B; they are taken in this"
    assert words in capsys.readouterr().err
    np.testing.assert_array_equal(found, wanted)
    by_name = dict(cl.predict(two_channels, right, channels=["B", "A"], **asked))["right"]
    np.testing.assert_array_equal(by_name, wanted)


def test_channels_of_one_name_are_said(tmp_path):
    path = write(tmp_path / "a.ome.tif", np.ones((4, 5, 2), np.uint8), ("A", "A"))
    with pytest.warns(UserWarning, match=r"one name \(A, A\)"):
        assert cl.images.read(path).channel_names is None
