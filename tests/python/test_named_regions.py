"""Regions of images by name: each is an image of its own, whatever the format."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

import cytoloom as cl
from cytoloom.datasets.data import as_data
from cytoloom.datasets.files import FileSource
from cytoloom.datasets.ids import make_ids
from cytoloom.datasets.items import read_labels
from cytoloom.datasets.unlabelled import as_images
from cytoloom.errors import InvalidError
from cytoloom.images.formats import is_image_folder, stem
from cytoloom.images.inside import divided, is_there, matching
from cytoloom.images.regions import apart

pytest.importorskip("zarr")
STACK = np.arange(6 * 40 * 50, dtype=np.uint16).reshape(6, 40, 50)
UM = (2.0, 0.5, 0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """One stack in several formats, and pictures and labels of a plane."""
    import h5py

    folder = tmp_path_factory.mktemp("regions")
    cl.volumes.write(folder / "a.zarr", STACK, axes="zyx", spacing_um=UM)
    tifffile.imwrite(folder / "a.tif", STACK, imagej=True, metadata={"axes": "ZYX"})
    np.save(folder / "a.npy", STACK)
    with h5py.File(folder / "a.h5", "w") as file:
        file["raw"] = STACK
    Picture.fromarray((STACK[0] % 251).astype(np.uint8)).save(folder / "p.png")
    cl.images.write_labels(folder / "labels.tif", STACK[0] // 50)
    return folder


FILES = ("a.zarr:", "a.tif:", "a.npy:", "a.h5:/raw", "a.zarr:/0")


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("region", ["1:4, 10:20, 5:30", ":, :, :", "4:, :9, 7:", "2, 3:9, 0:50"])
def test_a_region_is_these_pixels(folder, file, region):
    path = f"{folder / file}[{region}]"
    wanted = eval(f"STACK[{region}]")
    axes = None if "zarr" in file or "tif" in file else "zyx"
    image = cl.images.read(path, axes=axes)
    assert image.axes == "zyxc"[4 - wanted.ndim - 1 :]
    np.testing.assert_array_equal(image.array[..., 0], wanted)
    info = cl.images.probe(path, axes=axes)
    assert (info.shape[:-1], info.name) == (wanted.shape, "a")


def test_a_region_of_a_region_is_read_alone(folder, monkeypatch):
    """What patches are cut from: of a store only the chunks that are met."""
    for file in FILES[:2]:
        source = FileSource(Path(f"{folder / file}[1:5, 10:40, 5:45]"))
        assert source.shape == (4, 30, 40, 1)
        box = (slice(1, 3), slice(2, 20), slice(30, 40))
        wanted = STACK[1:5, 10:40, 5:45][box]
        np.testing.assert_array_equal(source.read(box)[..., 0], wanted)
    plane = FileSource(Path(f"{folder / 'a.zarr'}:[3, 10:40, 5:45]"))
    box = (slice(2, 20), slice(30, 40))
    np.testing.assert_array_equal(plane.read(box)[..., 0], STACK[3, 10:40, 5:45][box])


def test_micrometres_are_rounded_to_pixels_and_the_place_is_known(folder):
    info = cl.images.probe(f"{folder / 'a.zarr'}:[2um:8um, 1.1um:5um, :10 um]")
    assert info.shape == (3, 8, 20, 1)
    assert info.origin_um == (2, 1, 0)
    assert info.origin_px == (1, 2, 0)
    plane = cl.images.probe(f"{folder / 'a.zarr'}:[3, 4:9, :]")
    assert (plane.axes, plane.pixel_size_um, plane.origin_um) == ("yxc", (0.5, 0.5), (2, 0))


def test_pictures_and_labels_have_regions(folder):
    image = cl.images.read(f"{folder / 'p.png'}:[3:9, 0:7]")
    np.testing.assert_array_equal(image.array[..., 0], (STACK[0] % 251)[3:9, 0:7])
    labels = cl.images.read_labels(f"{folder / 'labels.tif'}:[3:9, 0:7]")
    np.testing.assert_array_equal(labels, (STACK[0] // 50)[3:9, 0:7])


def test_palettes_are_cut_as_they_are_understood(tmp_path):
    picture = Picture.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4), "P")
    picture.putpalette([k for k in range(256) for _ in "rgb"])
    picture.save(tmp_path / "a.png")
    whole = cl.images.read_labels(tmp_path / "a.png")
    np.testing.assert_array_equal(
        cl.images.read_labels(f"{tmp_path / 'a.png'}:[1:3, 2:4]"), whole[1:3, 2:4]
    )


def test_a_time_series_has_regions_of_each_time_point(tmp_path):
    series = np.arange(4 * 8 * 9, dtype=np.uint8).reshape(4, 8, 9)
    np.save(tmp_path / "a.npy", series)
    path = f"{tmp_path / 'a.npy'}:[2:8, 1:4]"
    image = cl.images.read(path, axes="tyx")
    assert image.axes == "tyxc"
    np.testing.assert_array_equal(image.array[..., 0], series[:, 2:8, 1:4])
    one = cl.images.read(path, axes="tyx", frame=3)
    np.testing.assert_array_equal(one.array[..., 0], series[3, 2:8, 1:4])


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ("1:4, 3:4", r"a range for each of z, y, x. Received: \[1:4, 3:4\]"),
        ("1:99, :, :", r"a region within 6 x 40 x 50 px. Received: \[1:99, :, :\]"),
        ("3:3, :, :", "a region within"),
        ("6, :, :", "a region within"),
        ("5:2, :, :", "a region within"),
        ("a:b, :, :", "whole pixels, or micrometres"),
        ("1:4, 1.5:2, :", "whole pixels, or micrometres"),
        ("-3:4, :, :", "whole pixels, or micrometres"),
        ("um:4, :, :", "whole pixels, or micrometres"),
        (", :, :", "a region within"),
        ("1:2:3, :, :", "whole pixels, or micrometres"),
    ],
)
def test_what_is_no_region_is_one_sentence(folder, region, words):
    with pytest.raises(InvalidError, match=rf"a\.zarr`.*{words}.*Write \[0:64"):
        cl.images.read(f"{folder / 'a.zarr'}:[{region}]")


@pytest.mark.parametrize("odd", ["[0:64,0:64", "[]", "[0:2, 0:4]/1", "[3]", "/1[0:64, 0:64"])
def test_what_was_meant_for_a_region_is_said_to_be_none(folder, odd):
    """Wherever it is given: to be read, to predict, and as data."""
    path = f"{folder / 'a.zarr'}:{odd}"
    words = rf"a\.zarr`. Expected a region.* Received: {re.escape(odd)}\. Write \[0:64"
    for read in (cl.images.read, lambda path: as_images(path)[0].image.shape, as_data):
        with pytest.raises(InvalidError, match=words):
            read(path)


@pytest.mark.parametrize("image", ["none.zarr:[0:64, 0:64]", "none.tif:[0:64, 0:64]"])
def test_a_region_of_what_is_not_there_is_no_pattern(tmp_path, image):
    with pytest.raises(InvalidError, match=r"that is there. Received: .*none.*64\]"):
        as_images(tmp_path / image)


def test_micrometres_need_a_pixel_size(folder):
    with pytest.raises(InvalidError, match="Expected a pixel size to count by"):
        cl.images.read(f"{folder / 'a.tif'}:[0um:4um, :, :]")


def test_names_that_only_look_so_are_files(tmp_path):
    name = tmp_path / "a:[1:2].npy"
    np.save(name, STACK[0])
    assert cl.images.read(name).array.shape == (40, 50, 1)
    (tmp_path / "set:[1:2]").mkdir()
    assert apart(tmp_path / "set:[1:2]")[1] == ""
    assert apart(r"C:\set[1]")[1] == "" == apart("a.h5:/raw[0]")[1]
    assert divided(r"C:\d\a.tif:[0:1, 2:3]") == (Path(r"C:\d\a.tif"), "[0:1, 2:3]")


def test_paths_with_regions_are_paths_of_images(folder):
    path = f"{folder / 'a.zarr'}:[1:4, 0:9, 0:9]"
    assert is_image_folder(path)
    assert is_there(path)
    assert stem(path) == "a"
    assert matching(path) == [f"{folder / 'a.zarr'}:/[1:4, 0:9, 0:9]"]
    assert cl.images.read(matching(path)[0]).array.shape == (3, 9, 9, 1)
    both = make_ids([path, path.replace("1:4", "2:5")])
    assert both == ["a_1-4_0-9_0-9", "a_2-5_0-9_0-9"]


def test_a_region_that_was_written_anew_is_read_anew(tmp_path):
    path = Path(f"{tmp_path / 'a.npy'}:[2:4, 3:7]")
    for value in (1, 2):
        np.save(tmp_path / "a.npy", np.full((8, 9 + value), value, np.uint8))
        assert FileSource(path).read().tolist() == [[[value]] * 4] * 2


def test_labels_in_a_store_are_learned_from_in_the_same_region(tmp_path):
    store = tmp_path / "a.zarr"
    labels = (np.arange(32 * 48).reshape(32, 48) // 96 % 3).astype(np.uint16)
    cl.volumes.write(store, labels.astype(np.uint8) * 80, axes="yx", spacing_um=(1, 1))
    cl.volumes.write(store / "labels" / "cells", labels, axes="yx", spacing_um=(1, 1))
    data = as_data(f"{store}:[4:20, 8:40]")
    (item,) = data.items
    assert item.image.shape[:2] == (16, 32)
    np.testing.assert_array_equal(read_labels(item)[0], labels[4:20, 8:40])


def test_a_region_is_predicted_as_its_pixels_are(tmp_path):
    """Into a store of its own it says where it lies."""
    from test_prediction_volume import MODEL

    model = cl.load(MODEL)
    image = cl.simulate.nuclei(shape=(200, 220), count=30, seed=1)[0]
    cl.volumes.write(tmp_path / "a.zarr", image, axes="yx", spacing_um=(0.5, 0.5))
    path = f"{tmp_path / 'a.zarr'}:[20:180, 30:200]"
    settings = {"rescale": None, "progress": False}
    ((_, wanted),) = cl.predict(model, image[20:180, 30:200], **settings)
    ((_, found),) = cl.predict(model, path, **settings)
    np.testing.assert_array_equal(found, wanted)
    cl.predict(model, path, out=tmp_path / "cells.zarr", block_px=160, **settings)
    stored = cl.volumes.read_labels(tmp_path / "cells.zarr")
    pairs = np.unique(np.stack([stored.ravel(), wanted.ravel()]), axis=1)  # other numbers
    assert pairs.shape[1] == wanted.max() + 1 == stored.max() + 1 > 10
    assert cl.images.probe(tmp_path / "cells.zarr").origin_um == (10, 15)
    with pytest.raises(InvalidError, match="labels as large as the image"):
        cl.predict(model, path, out=tmp_path / "a.zarr" / "labels" / "cells", **settings)
