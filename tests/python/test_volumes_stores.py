"""Writing OME-Zarr: what programs find there; copies lie in place; whole or nothing."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import cytoloom as cl
from cytoloom.datasets.data import as_data
from cytoloom.errors import InvalidError
from cytoloom.images import probe, read
from cytoloom.images.ome_zarr_write import ImageWriter
from cytoloom.volumes import read_labels, write
from extras import need
from zarr_files import grey

yaozarrs = need("yaozarrs", "volumes")
judge = need("ome_zarr_models", "volumes")
zarr = need("zarr", "volumes")
VERSIONS = pytest.mark.parametrize("version", ["0.4", "0.5"])


def ome(path):
    """Return what a store says of itself."""
    attributes = dict(zarr.open_group(path, mode="r").attrs)
    return attributes.get("ome", attributes)


def levels(path):
    """Return array, scale and translation of each resolution."""
    image = ome(path)["multiscales"][0]
    for level in image["datasets"]:
        steps = {step["type"]: step[step["type"]] for step in level["coordinateTransformations"]}
        array = zarr.open_array(path / level["path"], mode="r")
        yield array, np.array(steps["scale"]), np.array(steps.get("translation", [0] * array.ndim))


def valid(path):
    """Let two other libraries judge a store, and the images in it."""
    yaozarrs.validate_zarr_store(str(path))
    group = zarr.open_group(path, mode="r")
    if group.metadata.zarr_format == 3:
        judge.open_ome_zarr(group)
    else:  # of groups of 0.4 it knows nothing with the newest pydantic
        said = dict(group.attrs)
        labels = "image-label" in said
        models = importlib.import_module(f"ome_zarr_models.v04.image{'_label' if labels else ''}")
        (models.ImageLabelAttrs if labels else models.ImageAttrs).model_validate(said)


@VERSIONS
def test_an_image_and_its_labels_are_as_the_format_wants_them(tmp_path, version):
    array = grey((2, 3, 600, 40))
    path = tmp_path / "a.zarr"
    channels = {"DAPI": "0000ff", "GFP": "00FF00"}
    write(path, array, axes="czyx", spacing_um=(2, 0.5, 0.5), channels=channels, version=version)
    labels = np.zeros((3, 600, 40), np.int64)
    labels[:, 5:9] = 300
    write(path / "labels/cells", labels)
    valid(path)
    valid(path / "labels/cells")
    if version == "0.5":
        judge.open_ome_zarr(zarr.open_group(path / "labels", mode="r"))
    said = ome(path)
    assert [(a["name"], a.get("unit")) for a in said["multiscales"][0]["axes"]] == [
        ("c", None), ("z", "micrometer"), ("y", "micrometer"), ("x", "micrometer")
    ]  # fmt: skip
    assert [c["label"] for c in said["omero"]["channels"]] == ["DAPI", "GFP"]
    assert [c["color"] for c in said["omero"]["channels"]] == ["0000FF", "00FF00"]
    assert ome(path / "labels")["labels"] == ["cells"]
    assert ome(path / "labels/cells")["image-label"]["source"] == {"image": "../../"}
    image = read(path)
    assert (image.axes, image.pixel_size_um) == ("zyxc", (2.0, 0.5, 0.5))
    assert image.channel_names == ("DAPI", "GFP")
    np.testing.assert_array_equal(image.array, np.moveaxis(array, 0, -1))
    found = read_labels(path)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, labels)
    assert probe(path / "labels/cells").pixel_size_um == (2.0, 0.5, 0.5)


def test_pieces_of_the_older_format_are_packed_as_bio_formats_reads_them(tmp_path):
    """JZarr, with which QuPath reads, knows Blosc, zlib and no packing at all."""
    write(tmp_path / "a.zarr", grey((600, 700)), axes="yx", version="0.4")
    for level in "01":
        said = json.loads((tmp_path / "a.zarr" / level / ".zarray").read_text())
        assert (said["compressor"]["id"], said["compressor"]["cname"]) == ("blosc", "lz4")
        assert said["dimension_separator"] == "/"


@VERSIONS
def test_each_copy_lies_where_it_says(tmp_path, version):
    """Of an image whose pixels are their own x in um, the copies say where they lie, too.

    x = 10 + 0.5 k: a copy of half the size has the means 10.25, 11.25, ...; labels keep the first.
    """
    k = np.arange(1600)
    x = np.broadcast_to(10 + 0.5 * k, (4, 1600))
    options = {"spacing_um": 0.5, "origin_um": (0, 10), "version": version}
    write(tmp_path / "a.zarr", x, axes="yx", **options)
    for array, scale, moved in levels(tmp_path / "a.zarr"):
        found = moved[1] + scale[1] * np.arange(array.shape[1])
        np.testing.assert_allclose(array[0], found)
    assert [array.shape for array, *_ in levels(tmp_path / "a.zarr")] == [
        (4, 1600), (2, 800), (1, 400)
    ]  # fmt: skip
    write(tmp_path / "b.zarr", np.broadcast_to(k, (4, 1600)), labels=True, **options)
    for array, scale, moved in levels(tmp_path / "b.zarr"):
        found = moved[1] + scale[1] * np.arange(array.shape[1])
        np.testing.assert_allclose(10 + 0.5 * array[0], found)
    assert probe(tmp_path / "b.zarr").origin_um == (0.0, 10.0)


def test_copies_of_labels_invent_none(tmp_path):
    labels = np.random.default_rng(0).choice([0, 3, 900], (700, 1030))
    write(tmp_path / "a.zarr", labels, labels=True)
    assert [set(np.unique(array[:])) for array, *_ in levels(tmp_path / "a.zarr")] == [
        {0, 3, 900}
    ] * 3


def test_axes_of_long_pixels_stay_until_the_others_have_caught_up(tmp_path):
    """Pixels of 4 x 1 x 1 um: z is halved with those of 4 um, not before."""
    write(tmp_path / "a.zarr", np.zeros((600, 2100, 8), np.uint8), spacing_um=(4, 1, 1))
    shapes = [array.shape for array, *_ in levels(tmp_path / "a.zarr")]
    assert shapes == [(600, 2100, 8), (600, 1050, 4), (600, 525, 2), (300, 263, 1)]


def test_means_are_rounded_and_a_last_pixel_stands_alone():
    writer = ImageWriter(None, (3, 3), "uint8", (3, 3))
    pixels = np.array([[1, 2, 7], [2, 2, 9], [255, 254, 8]], np.uint8)
    # (1 + 2 + 2 + 2) / 4 = 1.75; (7 + 9) / 2 = 8; (255 + 254) / 2 = 254.5, to the even one; 8
    assert writer.smaller(pixels, (2, 2)).tolist() == [[2, 8], [254, 8]]


def test_an_image_that_was_read_keeps_what_is_known_of_it(tmp_path):
    write(tmp_path / "a.zarr", grey((2, 30, 40)), axes="cyx", spacing_um=0.5, channels=["p", "q"])
    again = write(tmp_path / "b.zarr", read(tmp_path / "a.zarr"))
    assert (read(again).pixel_size_um, read(again).channel_names) == ((0.5, 0.5), ("p", "q"))
    np.testing.assert_array_equal(read(again).array, read(tmp_path / "a.zarr").array)


def test_time_comes_first_and_channels_next_as_the_format_wants(tmp_path):
    array = grey((3, 30, 40, 2))
    write(tmp_path / "a.zarr", array, axes="tyxc")
    assert [a["name"] for a in ome(tmp_path / "a.zarr")["multiscales"][0]["axes"]] == list("tcyx")
    np.testing.assert_array_equal(read(tmp_path / "a.zarr").array, array)
    assert read(tmp_path / "a.zarr").channel_names is None
    valid(tmp_path / "a.zarr")


def test_what_can_be_sliced_is_written_box_by_box(tmp_path):
    """Never all of it: of 40 planes no more than a chunk's 16."""

    class Lazy:
        shape, dtype, most = (40, 30, 20), np.dtype(np.uint16), 0

        def __getitem__(self, box):
            Lazy.most = max(Lazy.most, box[0].stop - box[0].start)
            return whole[box]

    whole = grey(Lazy.shape)
    write(tmp_path / "a.zarr", Lazy(), axes="zyx")
    assert Lazy.most == 16
    np.testing.assert_array_equal(read(tmp_path / "a.zarr").array[..., 0], whole)


@pytest.mark.parametrize(
    ("place", "array", "options", "words"),
    [
        ("a.tif", grey(), {}, "a place for a label image in Zarr"),
        ("new.zarr/labels/cells", grey(), {}, "labels of an image in OME-Zarr"),
        ("none/a.zarr", grey(), {}, "in a folder that exists"),
        ("there.zarr", grey(), {}, "a new file"),
        ("there.zarr/labels/cells", grey((30, 41)), {}, "as large as their image"),
        ("there.zarr/labels/cells", grey(), {"version": "0.4"}, "Expected 0.5, as"),
        ("there.zarr/labels/cells", grey() / 2, {}, "whole numbers"),
        ("there.zarr/labels/cells", grey() - 70000.0, {}, "whole numbers"),
        ("a.zarr", grey((2, 3, 4, 5, 6)), {}, "2 to 4 axes"),
        ("a.zarr", grey(), {"axes": "yxc"}, "2 letters"),
        ("a.zarr", grey(), {"spacing_um": -1}, "Invalid `spacing_um`"),
        ("a.zarr", grey(), {"origin_um": [1]}, "a number for each of y, x"),
        ("a.zarr", grey(), {"channels": ["a", "b"]}, "1 names"),
        ("a.zarr", grey(), {"channels": {"a": "blue"}}, "colours such as"),
        ("a.zarr", grey(), {"version": "0.6"}, '"0.5" or "0.4"'),
        ("a.zarr", np.array([["a"]]), {}, "an array of whole or real numbers"),
        ("a.zarr", np.zeros((0, 4)), {}, "pixels"),
    ],
)
def test_what_cannot_be_written_is_one_sentence_and_leaves_nothing(
    tmp_path, place, array, options, words
):
    write(tmp_path / "there.zarr", grey())
    before = sorted(str(p) for p in tmp_path.rglob("*"))
    with pytest.raises(InvalidError, match=words):
        write(tmp_path / place, array, **options)
    assert sorted(str(p) for p in tmp_path.rglob("*")) == before


def test_a_store_is_replaced_where_asked_and_another_folder_never(tmp_path):
    write(tmp_path / "a.zarr", grey())
    write(tmp_path / "a.zarr", grey(seed=1), overwrite=True)
    np.testing.assert_array_equal(read(tmp_path / "a.zarr").array[..., 0], grey(seed=1))
    write(tmp_path / "a.zarr/labels/cells", grey())
    write(tmp_path / "a.zarr/labels/cells", grey(seed=2), overwrite=True)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.zarr"), grey(seed=2))
    assert ome(tmp_path / "a.zarr/labels")["labels"] == ["cells"]


def test_what_fails_leaves_what_was_there(tmp_path, monkeypatch):
    write(tmp_path / "a.zarr", grey())
    monkeypatch.setattr(ImageWriter, "finish", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write(tmp_path / "a.zarr", grey(seed=1), overwrite=True)
    assert os.listdir(tmp_path) == ["a.zarr"]
    np.testing.assert_array_equal(read(tmp_path / "a.zarr").array[..., 0], grey())


def test_what_cannot_take_its_place_leaves_what_was_there(tmp_path, monkeypatch):
    write(tmp_path / "a.zarr", grey())
    replace = os.replace

    def full(old, new):
        if new == tmp_path / "a.zarr" and "cytoloom-" in str(old) and (old / "0").exists():
            if not moved:
                moved.append(new)
                raise OSError(28, "No space left on device")
        replace(old, new)

    moved = []
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InvalidError, match="No space left on device"):
        write(tmp_path / "a.zarr", grey(seed=1), overwrite=True)
    assert os.listdir(tmp_path) == ["a.zarr"]
    np.testing.assert_array_equal(read(tmp_path / "a.zarr").array[..., 0], grey())


def test_killed_in_the_middle_nothing_looks_whole(tmp_path):
    script = """
        import os, sys
        import numpy as np
        from cytoloom.volumes import write

        class Killing:
            shape, dtype = (64, 30, 40), np.dtype(np.uint16)

            def __getitem__(self, box):
                if box[0].start == 32:
                    os._exit(9)
                return np.ones([b.stop - b.start for b in box], np.uint16)

        write(sys.argv[1], Killing(), axes="zyx")
    """
    path = tmp_path / "a.zarr"
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(path)], check=False)
    assert done.returncode == 9
    assert not path.exists()
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".cytoloom-")
    assert "multiscales" not in json.dumps(ome(left))


def test_of_several_label_images_one_has_to_be_given(tmp_path):
    write(tmp_path / "a.zarr", grey())
    for k, name in enumerate(("cells", "nuclei")):
        write(tmp_path / "a.zarr/labels" / name, grey(seed=k))
    with pytest.raises(InvalidError, match=r"one label image. Received: cells, nuclei"):
        read_labels(tmp_path / "a.zarr")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.zarr/labels/nuclei"), grey(seed=1))
    assert not cl.check(tmp_path / "a.zarr").ok


@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_images_in_a_store_are_crops_to_train_on(tmp_path, version):
    image, labels = cl.simulate.nuclei(shape=(96, 128), count=12, seed=1)
    store = tmp_path / "data.zarr"
    for crop in ("train/a", "train/b", "test/c"):
        place = store / crop
        how = {"spacing_um": 0.5, "version": version}
        cl.volumes.write(place / "raw", image, **how)
        part = labels[16:80, 32:96]
        cl.volumes.write(place / "labels", part, labels=True, origin_um=(8, 16), spacing_um=0.5)
    for one in ("", "train", "train/a", "train/a/raw", "train/a/labels"):
        group = zarr.open_group(store / one, mode="r")
        assert group.metadata.zarr_format == (3 if version == "0.5" else 2)
    yaozarrs.validate_zarr_store(str(store / "train" / "a" / "labels"))
    data = as_data(store)
    assert [(i.id, i.split) for i in data.items] == [
        ("test_c", "test"), ("train_a", "train"), ("train_b", "train")
    ]  # fmt: skip
    assert cl.check(store).ok
    assert not list(store.rglob("*partial*"))
    with pytest.raises(InvalidError, match="outside of the images of a store"):
        cl.volumes.write(store / "train" / "a" / "raw" / "x", image)
    other = "0.4" if version == "0.5" else "0.5"
    with pytest.raises(InvalidError, match=f"`version`.*{version}, as .*data.zarr has"):
        cl.volumes.write(store / "train" / "d" / "raw", image, version=other)
    with pytest.raises(InvalidError, match="a folder that exists"):
        cl.volumes.write(tmp_path / "nowhere" / "data.zarr" / "train" / "raw", image)
    assert not (tmp_path / "nowhere").exists()


def test_an_image_is_converted_into_a_store(tmp_path):
    image, _ = cl.simulate.nuclei(shape=(64, 80), count=4, seed=1)
    cl.volumes.write(tmp_path / "a.zarr", image, spacing_um=0.5)
    out = cl.convert(
        tmp_path / "a.zarr", tmp_path / "set.zarr" / "train" / "a" / "raw", progress=False
    )
    assert cl.images.read(out).pixel_size_um == (0.5, 0.5)
    assert sorted(
        p.name for p in (tmp_path / "set.zarr" / "train" / "a").iterdir() if p.is_dir()
    ) == ["raw"]
