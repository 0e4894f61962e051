"""HDF5, Imaris, BigDataViewer and N5: what is read of them, and what is refused."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

import cytoloom as cl
from cytoloom.datasets.ids import make_ids
from cytoloom.datasets.unlabelled import as_images
from cytoloom.errors import InvalidError
from cytoloom.images import probe, read, read_labels, scenes
from cytoloom.images.files import read_part
from cytoloom.images.inside import divided
from cytoloom.images.reader import Part
from extras import need
from volume_files import (
    letters_of,
    write_bdv,
    write_h5,
    write_ims,
    write_n5,
    write_n5_said,
)

h5py = need("h5py", "volumes")
need("tensorstore", "volumes")
rng = np.random.default_rng(0)
STACK = rng.integers(0, 60000, (5, 20, 30)).astype(np.uint16)
MOVIE = rng.integers(0, 60000, (2, 2, 5, 20, 30)).astype(np.uint16)


# HDF5


def test_the_data_sets_of_plant_seg_are_those_of_its_tiff(real_data):
    """The same crop as in plantseg_ovule_3d, there cut to another part: sizes and axes agree."""
    path = real_data / "io_fixtures" / "hdf5" / "ovule_nuclei_1135_mini.h5"
    image, labels = read(f"{path}:/raw"), read_labels(f"{path}:/label")
    assert (image.axes, image.array.shape, image.array.dtype) == ("zyxc", (100,) * 3 + (1,), "u1")
    assert image.pixel_size_um == pytest.approx((0.2837, 0.1268, 0.1268), abs=1e-4)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(image.array[..., 0], file["raw"][...])
        np.testing.assert_array_equal(labels, file["label"][...])
    with pytest.raises(InvalidError, match=r"a file of 2, with /raw, /label. Give .*h5:/raw"):
        read(path)


def test_data_sets_are_named_with_a_colon_or_a_slash_as_everybody_writes_them(tmp_path):
    write_h5(tmp_path / "a.b.h5", {"volumes/raw": STACK, "other": STACK + 1})
    for name in (":/volumes/raw", ":volumes/raw", "/volumes/raw", "://volumes/raw/"):
        image = read(f"{tmp_path / 'a.b.h5'}{name}", axes="zyx")
        np.testing.assert_array_equal(image.array[..., 0], STACK)
        assert image.name == "a.b"
    assert divided(r"C:\x y\a.HDF5:/raw")[1] == "raw"
    # a colon may be in the name of a file, and a folder be called as a file is
    if sys.platform != "win32":
        tifffile.imwrite(tmp_path / "a.tif:1.tif", STACK[0])
        assert read(tmp_path / "a.tif:1.tif").array.shape == (20, 30, 1)
    (tmp_path / "set.h5").mkdir()
    tifffile.imwrite(tmp_path / "set.h5" / "a.tif", STACK[0])
    assert read(tmp_path / "set.h5" / "a.tif").array.shape == (20, 30, 1)


def test_a_file_with_one_image_needs_no_name(tmp_path):
    """Tables of boxes, texts and single numbers are no images."""
    beside = {"boxes": np.zeros((9, 4)), "words": np.array([b"a"]), "n": np.array(3)}
    write_h5(tmp_path / "a.hdf5", {"exported_data": STACK[0], **beside})
    assert read(tmp_path / "a.hdf5").axes == "yxc"
    write_h5(tmp_path / "b.h5", beside | {"boxes": np.array([b"a"])})
    with pytest.raises(InvalidError, match="a file without"):
        read(tmp_path / "b.h5")


@pytest.mark.parametrize(
    ("said", "shape", "axes"),
    [
        ({"axistags": json.dumps({"axes": [{"key": k} for k in "tcyx"]})}, (2, 20, 30, 5), "tyxc"),
        ({"DIMENSION_LABELS": [b"c", b"z", b"y", b"x"]}, (5, 20, 30, 2), "zyxc"),
        ({"axis_names": ["z^", "z", "y", "x"], "axes": "zcyx"}, (2, 20, 30, 5), "zyxc"),
    ],
)
def test_axes_are_those_of_ilastik_and_of_hdf5(tmp_path, said, shape, axes):
    write_h5(tmp_path / "a.h5", {"raw": (MOVIE[0], said)})
    info = probe(tmp_path / "a.h5")
    assert (info.axes, info.shape, info.notes) == (axes, shape, ())


def test_sizes_are_those_of_plant_seg_and_funlib(tmp_path):
    """Of plant-seg always along z, y, x; 40 nm of funlib are 0.04 um."""
    said = {"element_size_um": np.array([2, 0.5, 0.25])}
    write_h5(tmp_path / "a.h5", {"raw": (STACK, said)})
    write_h5(tmp_path / "b.h5", {"raw": (STACK[0], said)})
    funlib = {"resolution": [40, 4, 4], "axis_names": ["z", "y", "x"], "units": ["nm"] * 3}
    write_h5(tmp_path / "c.h5", {"raw": (STACK, funlib)})
    write_h5(tmp_path / "d.h5", {"raw": (STACK, {"element_size_um": [0, 1, 1]})})
    sizes = [probe(tmp_path / f"{name}.h5").pixel_size_um for name in "abcd"]
    assert sizes[:2] == [(2, 0.5, 0.25), (0.5, 0.25)]
    assert sizes[2] == pytest.approx((0.04, 0.004, 0.004))
    assert sizes[3] == (1, 1, 1)


def test_regions_of_a_data_set_are_read_without_the_rest(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", data=STACK, chunks=(1, 20, 30), compression="gzip")
        place = file["raw"].id.get_chunk_info(4)
    with path.open("r+b") as file:
        file.seek(place.byte_offset)
        file.write(b"\xff" * 20)
    box = (slice(1, 3), slice(2, 9), slice(0, 7))
    assert probe(path, axes="zyx").regions
    np.testing.assert_array_equal(read_part(path, Part("zyx", region=box))[..., 0], STACK[box])
    with pytest.raises(InvalidError, match=r"in \[4:5.*that cannot be"):
        read_part(path, Part("zyx", region=(slice(4, 5), slice(0, 9), slice(0, 9))))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (":/nope", r"the data set /nope. Received: a file without, with /g/raw"),
        (":/g", "a group of this name"),
        (":/words", "a data set of numbers"),
        (":/empty", "an image with pixels"),
        (":/flat", "2 to 4 axes"),
        (":/six", "2 to 4 axes"),
        (":/out", "a link to /etc/hosts"),
        (":/up", r"a link to ../b.h5"),
        (":/raw_bytes", "a link to"),
        (":/loop", "a file without"),
    ],
)
def test_bad_data_sets_get_one_sentence(tmp_path, name, expected):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["g/raw"], file["words"] = STACK, np.array([b"a", b"b"])
        file["empty"], file["flat"] = np.zeros((0, 9)), np.zeros(9)
        file["six"] = np.zeros((2,) * 6)
        file["out"] = h5py.ExternalLink("/etc/hosts", "/raw")
        file["up"] = h5py.ExternalLink("../b.h5", "/raw")
        file["loop"] = h5py.SoftLink("/loop")
        outside = [(str(tmp_path / "secret"), 0, 600)]
        file.create_dataset("raw_bytes", (20, 30), np.uint8, external=outside)
    with pytest.raises(InvalidError, match=expected):
        read(f"{path}{name}")


def test_links_within_a_file_and_to_files_beside_it_are_followed(tmp_path):
    write_h5(tmp_path / "b.h5", {"raw": (STACK, {"axes": "zyx"})})
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["beside"] = h5py.ExternalLink("b.h5", "/raw")
        file["again"] = h5py.SoftLink("/beside")
        layout = h5py.VirtualLayout((1, *STACK.shape), np.uint16)
        layout[0] = h5py.VirtualSource("b.h5", "raw", STACK.shape)
        file.create_virtual_dataset("virtual", layout)
    for name in ("beside", "again"):
        found = read(f"{tmp_path / 'a.h5'}:/{name}")
        np.testing.assert_array_equal(found.array[..., 0], STACK)
    found = read(f"{tmp_path / 'a.h5'}:/virtual", axes="czyx")
    np.testing.assert_array_equal(found.array[..., 0], STACK)


def test_a_cut_off_file_gets_one_sentence(tmp_path):
    write_h5(tmp_path / "a.h5", {"raw": STACK})
    data = (tmp_path / "a.h5").read_bytes()
    for kept in (4, 100, len(data) // 2):
        (tmp_path / "a.h5").write_bytes(data[:kept])
        with pytest.raises(InvalidError, match=r"a\.h5"):
            read(f"{tmp_path / 'a.h5'}:/raw")
    with pytest.raises(InvalidError, match="nothing there"):
        read(f"{tmp_path / 'b.h5'}:/raw")


def test_labels_of_a_file_go_with_its_image(tmp_path):
    """Of one file or of two, in lists and in a table; folders of files pair by their names."""
    labels = np.zeros((20, 30), np.uint16)
    labels[3:9, 3:9], labels[12:18, 12:20] = 1, 2
    (tmp_path / "set").mkdir()
    for name in "ab":
        write_h5(tmp_path / "set" / f"{name}.h5", {"raw": STACK[0], "label": labels})
    image, label = (f"{tmp_path}/set/a.h5:/{n}" for n in ("raw", "label"))
    data = cl.Data.from_pairs([image, image.replace("a.h5", "b.h5")],
                              [label, label.replace("a.h5", "b.h5")])  # fmt: skip
    assert [item.id for item in data.items] == ["a", "b"]
    np.testing.assert_array_equal(data.items[1].annotations[0].read(), labels)
    (tmp_path / "set" / "set.csv").write_text("image,label\na.h5:/raw,a.h5:/label\n")
    assert cl.check(tmp_path / "set" / "set.csv").problems == ()
    table = cl.measure(label, image)
    assert table["area_px"].tolist() == [36, 48]
    for part in ("images", "labels"):
        (tmp_path / "two" / part).mkdir(parents=True)
    write_h5(tmp_path / "two" / "images" / "a.h5", {"raw": STACK[0]})
    write_h5(tmp_path / "two" / "labels" / "a.h5", {"label": labels})
    assert cl.check(tmp_path / "two").problems == ()


def test_a_folder_of_files_with_image_and_labels_trains_as_it_is(tmp_path):
    """As plant-seg writes them; with a third data set it is not clear which is meant."""
    labels = np.zeros((20, 30), np.uint16)
    labels[3:9, 3:9] = 1
    for k, name in enumerate(("a1", "a2", "b")):
        write_h5(tmp_path / f"{name}.h5", {"raw": STACK[k], "label": labels * (k + 1)})
    data = cl.Data.from_folder(tmp_path)
    assert [(item.id, item.group) for item in data.items] == [(n, None) for n in ("a1", "a2", "b")]
    for k, item in enumerate(data.items):
        np.testing.assert_array_equal(item.image.read()[..., 0], STACK[k])
        np.testing.assert_array_equal(item.annotations[0].read(), labels * (k + 1))
    assert cl.check(tmp_path).problems == ()
    assert [item.id for item in as_images(tmp_path)] == ["a1", "a2", "b"]
    with h5py.File(tmp_path / "b.h5", "r+") as file:
        file["raw_2x"] = STACK[0]
    with pytest.raises(InvalidError, match=r"a file of 3, with /raw, /raw_2x, /label"):
        as_images(tmp_path)[2].image.read()


def test_images_in_files_are_told_apart_by_name(tmp_path):
    assert make_ids(["x/a.h5:/raw", "x/b.h5:/raw"]) == ["a", "b"]
    assert make_ids(["x/a.h5:/t/1", "x/a.h5:/t/2"]) == ["a_t_1", "a_t_2"]
    assert make_ids(["x/a.h5:/raw", "y/a.h5:/raw"]) == ["x_a", "y_a"]


def test_a_pattern_may_name_a_data_set_in_each_file(tmp_path):
    for name in ("b", "a1", "a10", "a2"):
        mask = (STACK[1] > np.median(STACK[1])).astype(np.uint8)
        write_h5(tmp_path / f"{name}.h5", {"raw": STACK[0], "other": mask})
    items = as_images(f"{tmp_path}/a*.h5:/raw")
    assert [item.id for item in items] == ["a1", "a2", "a10"]
    np.testing.assert_array_equal(items[0].image.read()[..., 0], STACK[0])
    table = cl.measure(f"{tmp_path}/a*.h5:/other", f"{tmp_path}/a*.h5:/raw")
    assert set(table["image"]) == {"a1", "a2", "a10"}


def test_a_file_that_is_written_anew_is_read_anew(tmp_path):
    write_h5(tmp_path / "a.h5", {"raw": STACK[0]})
    (item,) = as_images(f"{tmp_path / 'a.h5'}:/raw")
    assert item.image.read().max() == STACK[0].max()
    write_h5(tmp_path / "a.h5", {"raw": STACK[0] // 2})
    assert item.image.read().max() == STACK[0].max() // 2


# Imaris


def test_imaris_gives_time_channels_voxels_and_no_padding(tmp_path):
    """30 um over 30 voxels from 10 um on: 1 um, the first centre at 10.5 um."""
    path = tmp_path / "a.ims"
    write_ims(path, MOVIE, [(10, 40), (0, 10), (-5, 5)])
    image = read(path)
    assert (image.axes, image.name) == ("tzyxc", "a")
    assert image.pixel_size_um == (2, 0.5, 1)
    assert image.channel_names == ("DAPI", "GFP")
    np.testing.assert_array_equal(image.array, np.moveaxis(MOVIE, 1, -1))
    assert probe(path).origin_um == (-4, 0.25, 10.5)
    one = read(path, frame=1, channels="GFP").array
    np.testing.assert_array_equal(one[..., 0], MOVIE[1, 1])
    box = (slice(1, 3), slice(5, 17), slice(9, 30))
    part = read_part(path, Part(frame=1, region=box))
    np.testing.assert_array_equal(part[..., 1], MOVIE[1, 1][box])
    # any data set of it, as of other HDF5; and under another name
    name = f"{path}:/DataSet/ResolutionLevel 1/TimePoint 0/Channel 0/Data"
    assert read(name, axes="zyx").array.shape == (8, 16, 16, 1)
    path.rename(tmp_path / "b.h5")
    assert read(tmp_path / "b.h5").array.shape == image.array.shape


def test_ten_time_points_of_imaris_are_in_the_order_of_their_numbers(tmp_path):
    """By their names, TimePoint 10 would come before TimePoint 2."""
    array = np.zeros((12, 1, 1, 8, 8), np.uint8)
    array += np.arange(12, dtype=np.uint8)[:, None, None, None, None]
    write_ims(tmp_path / "a.ims", array)
    assert read(tmp_path / "a.ims").array[:, 0, 0, 0].tolist() == list(range(12))


@pytest.mark.parametrize(
    ("unit", "size", "said"),
    [("nm", (0.001,) * 3, 0), ("mm", (1000.0,) * 3, 0), ("furlong", None, 1), ("", (1.0,) * 3, 0)],
)
def test_units_of_imaris(tmp_path, unit, size, said):
    write_ims(tmp_path / "a.ims", MOVIE, unit=unit)
    info = probe(tmp_path / "a.ims")
    assert info.pixel_size_um == (size and pytest.approx(size))
    assert len(info.notes) == said


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("DataSet/ResolutionLevel 0", "TimePoint 0"),
        ("DataSet/ResolutionLevel 0/TimePoint 0/Channel 1/Data", "Channel 1/Data"),
        ("smaller", "at least"),
        ("size", "voxels along z, y and x"),
    ],
)
def test_damaged_imaris_gets_one_sentence(tmp_path, change, expected):
    path = tmp_path / "a.ims"
    write_ims(path, MOVIE)
    channel = "DataSet/ResolutionLevel 0/TimePoint 0/Channel 1"
    with h5py.File(path, "r+") as file:
        if change == "size":
            file[channel.replace("1", "0")].attrs["ImageSizeX"] = letters_of(100)
        else:
            del file[f"{channel}/Data" if change == "smaller" else change]
        if change == "smaller":
            file[f"{channel}/Data"] = STACK[:2]
    with pytest.raises(InvalidError, match=expected):
        read(path)
    path.write_bytes(b"II*\0" + bytes(100))
    with pytest.raises(InvalidError, match=r"a\.ims"):
        read(path)


def test_an_imaris_file_without_sizes_has_none(tmp_path):
    path = tmp_path / "a.ims"
    write_ims(path, MOVIE)
    with h5py.File(path, "r+") as file:
        del file["DataSetInfo/Image"], file["DataSetInfo/Channel 0"]
    image = read(path)
    assert (image.pixel_size_um, image.channel_names) == (None, None)
    np.testing.assert_array_equal(image.array, np.moveaxis(MOVIE, 1, -1))


# BigDataViewer


@pytest.mark.parametrize("kind", ["hdf5", "n5"])
def test_big_data_viewer_gives_views_time_channels_and_voxels(tmp_path, kind):
    """Two angles are two images, of two channels each; values from 32768 on keep their sign."""
    views = {(c, a): MOVIE[:, c] // (a + 1) for a in (0, 1) for c in (0, 1)}
    path = tmp_path / "dataset.xml"
    write_bdv(path, views, kind=kind)
    assert scenes(path) == ("angle0", "angle1")
    image = read(path, scene="angle1")
    assert (image.axes, image.array.dtype) == ("tzyxc", np.uint16)
    assert image.pixel_size_um == (2, 0.5, 0.5)
    assert image.channel_names == ("DAPI", "GFP")
    np.testing.assert_array_equal(image.array, np.moveaxis(MOVIE // 2, 1, -1))
    assert MOVIE.max() > 32768
    box = (slice(1, 3), slice(5, 17), slice(9, 30))
    part = read_part(path, Part(frame=1, region=box, scene="angle0"))
    np.testing.assert_array_equal(part[..., 0], MOVIE[1, 0][box])
    with pytest.raises(InvalidError, match="angle0, angle1"):
        read(path)
    assert len(as_images(path)) == 4
    data = tmp_path / f"dataset.{'h5' if kind == 'hdf5' else 'n5'}"
    with pytest.raises(InvalidError, match="XML"):
        read(data)


@pytest.mark.parametrize("kind", ["hdf5", "n5"])
def test_in_a_folder_the_xml_stands_for_its_data(tmp_path, kind):
    write_bdv(tmp_path / "a.xml", {(0, 0): MOVIE[:1, 0]}, kind=kind)
    (tmp_path / "other.xml").write_text('<?xml version="1.0"?><other/>')
    assert [item.id for item in as_images(tmp_path)] == ["a"]


def test_a_view_that_was_never_taken_is_zeros_and_said(tmp_path):
    path = tmp_path / "a.xml"
    write_bdv(path, {(0, 0): MOVIE[:, 0], (1, 0): MOVIE[:, 1]}, missing=[(1, 0)])
    with pytest.warns(UserWarning, match=r"1 volume of it was never taken"):
        image = read(path)
    assert not image.array[1, ..., 0].any()
    np.testing.assert_array_equal(image.array[1, ..., 1], MOVIE[1, 1])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("<SpimData", "<!DOCTYPE a [<!ENTITY b 'c'>]><SpimData", "DOCTYPE"),
        ("</SpimData>", "", "whole XML"),
        ("bdv.hdf5", "bdv.imaris", "bdv.hdf5 or bdv.n5"),
        ("a.h5", "b.h5", r"none called b\.h5"),
        ("a.h5", "../../etc/passwd", "none called passwd"),
        ("30 20 5", "31 20 5", "31 voxels of setup 0"),
        ("30 20 5", "x", "a size along x, y and z"),
        ("<last>1</last>", "<last>2</last>", "time point 2 of setup 0"),
        ("<last>1</last>", "<last>9999999999</last>", "from the first to the last"),
        ("<id>0</id><name>setup", "<id>-1</id><name>setup", "numbers of setups"),
    ],
)
def test_bad_xml_gets_one_sentence(tmp_path, old, new, expected):
    path = tmp_path / "a.xml"
    write_bdv(path, {(0, 0): MOVIE[:, 0]})
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(InvalidError, match=expected):
        read(path)


RANGE = '<Timepoints type="range"><first>0</first><last>1</last></Timepoints>'


@pytest.mark.parametrize(
    ("written", "frames"),
    [
        ('<Timepoints type="pattern"><integerpattern>0-1</integerpattern></Timepoints>', [0, 1]),
        ('<Timepoints type="pattern"><integerpattern>1, 0</integerpattern></Timepoints>', [1, 0]),
        ('<Timepoints type="list"><Timepoint><id>1</id></Timepoint></Timepoints>', [1]),
        ("", [0]),
    ],
)
def test_time_points_are_a_range_a_list_or_a_pattern(tmp_path, written, frames):
    path = tmp_path / "a.xml"
    write_bdv(path, {(0, 0): MOVIE[:, 0]})
    text = path.read_text()
    assert RANGE in text
    path.write_text(text.replace(RANGE, written))
    image = read(path).array[..., 0]
    np.testing.assert_array_equal(image.reshape(-1, 5, 20, 30), MOVIE[frames, 0])


def test_views_of_which_nothing_is_said_are_called_by_their_numbers(tmp_path):
    path = tmp_path / "a.xml"
    write_bdv(path, {(0, 0): MOVIE[:, 0], (0, 1): MOVIE[:, 1]})
    path.write_text(re.sub(r"<attributes>.*?</attributes>|<voxelSize>.*?</voxelSize>", "",
                           path.read_text()))  # fmt: skip
    assert scenes(path) == ("setup0", "setup1")
    image = read(path, scene="setup1")
    assert (image.pixel_size_um, image.channel_names) == (None, None)
    np.testing.assert_array_equal(image.array[..., 0], MOVIE[:, 1])


def test_other_xml_is_no_image(tmp_path):
    (tmp_path / "a.xml").write_text('<?xml version="1.0"?><other/>')
    with pytest.raises(InvalidError, match=r"a file ending in \.xml"):
        read(tmp_path / "a.xml")


def test_voxels_of_big_data_viewer_without_a_unit_are_not_believed(tmp_path):
    write_bdv(tmp_path / "a.xml", {(0, 0): MOVIE[:, 0]}, unit="pixel")
    write_bdv(tmp_path / "b.xml", {(0, 0): MOVIE[:, 0]}, unit="furlong")
    assert [probe(tmp_path / f"{n}.xml").pixel_size_um for n in "ab"] == [None, None]
    assert "furlong" in probe(tmp_path / "b.xml").notes[0]


CALIBRATION = "1 0 0 0  0 1 0 0  0 0 4 0"  # as of BigStitcher: the least voxel is 1
TILE = "1 0 0 200  0 1 0 -30  0 0 1 8"


def origins_of(path, steps, count=2, **more):
    """Return the origin of each view of a file of `count` views of two time points."""
    views = {(0, angle): MOVIE[:, 0] for angle in range(count)}
    write_bdv(path, views, steps=steps, **more)
    return [probe(path, scene=name).origin_um for name in scenes(path) or [None]]


def every(steps):
    """The same transforms at both time points, by setup."""
    return {(t, s): affines for t in (0, 1) for s, affines in enumerate(steps)}


def test_a_shift_says_where_a_tile_lies(tmp_path):
    """Voxels of 2, 0.5, 0.5 um are 4, 1, 1 in the world, of which a unit is 0.5 um."""
    steps = every([[CALIBRATION], [TILE, CALIBRATION]])
    assert origins_of(tmp_path / "a.xml", steps) == [None, (4, -15, 100)]
    # applied first, the shift is one of 200 x 1, -30 x 1 and 8 x 4 in the world
    steps = every([[CALIBRATION], [CALIBRATION, TILE]])
    assert origins_of(tmp_path / "b.xml", steps) == [None, (16, -15, 100)]
    # an export of Fiji: the world is in micrometres
    fiji = every([["0.5 0 0 3 0 0.5 0 4 0 0 2 5"], ["0.5 0 0 0 0 0.5 0 0 0 0 2 6"]])
    assert origins_of(tmp_path / "c.xml", fiji) == [(5, 4, 3), (6, 0, 0)]
    # in a copy of half the size the first voxel lies half a voxel further, along y and x
    copy = probe(f"{tmp_path / 'c.xml'}:/1", scene="angle0")
    assert (copy.pixel_size_um, copy.origin_um) == ((2, 1, 1), (5, 4.25, 3.25))


def test_in_nanometres_a_place_is_in_micrometres_all_the_same(tmp_path):
    steps = every([[TILE, "500 0 0 0 0 500 0 0 0 0 2000 0"], []])
    path = tmp_path / "a.xml"
    write_bdv(path, {(0, 0): MOVIE[:, 0]}, voxel=(500, 500, 2000), unit="nm", steps=steps)
    assert probe(path).origin_um == pytest.approx((0.008, -0.03, 0.2))


@pytest.mark.parametrize(
    "affine",
    [
        "0 -1 0 200 1 0 0 -30 0 0 4 8",  # turned about z
        "1 0.1 0 200 0 1 0 -30 0 0 4 8",  # sheared by 2 voxels at the last of 20 rows
        "-1 0 0 200 0 1 0 -30 0 0 4 8",  # mirrored
        "1 0 0 200 0 1 0 -30 0 0 3.9 8",  # planes 2.5 % nearer than their voxels say
        "0 0 0 0 0 0 0 0 0 0 0 0",
    ],
)
def test_what_is_no_shift_has_no_origin(tmp_path, affine):
    assert origins_of(tmp_path / "a.xml", every([[affine]]), count=1) == [None]


def test_less_than_half_a_voxel_of_shear_and_a_percent_of_scale_are_none(tmp_path):
    affine = "1.005 0.02 0 200 0 1 0 -30 0 0 4 8"
    origin = origins_of(tmp_path / "a.xml", every([[affine]]), count=1)[0]
    assert origin == pytest.approx((4, -15, 100), rel=0.01)


def test_views_that_move_or_differ_between_channels_have_no_one_place(tmp_path):
    here, there = [TILE, CALIBRATION], ["1 0 0 1 0 1 0 0 0 0 1 0", TILE, CALIBRATION]
    moved = {(0, 0): here, (1, 0): there}
    assert origins_of(tmp_path / "a.xml", moved, count=1) == [None]
    assert origins_of(tmp_path / "b.xml", moved, count=1, missing=[(1, 0)]) == [(4, -15, 100)]
    assert origins_of(tmp_path / "c.xml", {(0, 0): here}, count=1) == [None]
    channels = {(0, 0): MOVIE[:, 0], (1, 0): MOVIE[:, 1]}
    for second, origin in ((there, None), (here, (4, -15, 100))):
        write_bdv(tmp_path / "d.xml", channels, steps=every([here, second]))
        assert probe(tmp_path / "d.xml").origin_um == origin


def test_the_world_tells_voxels_of_a_view_that_does_not(tmp_path):
    """The first view says that 1 is 0.5 um; the second has planes 6 apart, and no voxel size."""
    path = tmp_path / "a.xml"
    steps = every([[CALIBRATION], [TILE, "2 0 0 0 0 2 0 0 0 0 6 0"]])
    write_bdv(path, {(0, 0): MOVIE[:, 0], (0, 1): MOVIE[:, 1]}, steps=steps)
    before, first, rest = path.read_text().split("<voxelSize>")
    path.write_text(f"{before}<voxelSize>{first}{rest.split('</voxelSize>')[1]}")
    for scene, size, origin in (
        ("angle0", (2, 0.5, 0.5), None),
        ("angle1", (3, 1, 1), (4, -15, 100)),
    ):
        info = probe(path, scene=scene)
        assert (info.pixel_size_um, info.origin_um) == (size, origin)
    # where no view says it, the world has no unit
    path.write_text(re.sub(r"<voxelSize>.*?</voxelSize>", "", path.read_text()))
    info = probe(path, scene="angle1")
    assert (info.pixel_size_um, info.origin_um) == (None, None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (TILE, "1 0 0 200 0 1 0 -30 0 0 1"),
        (TILE, "1 0 0 nan 0 1 0 -30 0 0 1 8"),
        (CALIBRATION, "1e17 0 0 0 0 1e17 0 0 0 0 1e19 0"),
        (TILE, ""),
        ('type="affine"', 'type="spline"'),
    ],
)
def test_a_transform_that_cannot_be_read_places_nothing_and_is_said(tmp_path, old, new):
    path = tmp_path / "a.xml"
    write_bdv(path, {(0, 0): MOVIE[:, 0]}, steps=every([[TILE, CALIBRATION]]))
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.warns(UserWarning, match="where it lies is not known"):
        image = read(path)
    assert image.pixel_size_um == (2, 0.5, 0.5)
    assert probe(path).origin_um is None


def test_as_many_setups_as_time_points_are_looked_at_no_further_than_they_are_placed(tmp_path):
    """5,000 setups at 100,000 time points are 500 million views, of which one is placed."""
    path = tmp_path / "a.xml"
    write_bdv(path, {(0, 0): MOVIE[:, 0]}, steps={(0, 0): [CALIBRATION]})
    text = path.read_text().replace("<last>1</last>", "<last>99999</last>")
    setup = re.search(r"<ViewSetup>.*?</ViewSetup>", text)[0]
    others = "".join(setup.replace("<id>0</id>", f"<id>{k}</id>") for k in range(1, 5_000))
    path.write_text(text.replace(setup, setup + others))
    assert len(scenes(path)) == 5_000


def test_a_copy_of_a_tile_lies_where_it_does(tmp_path):
    write_bdv(tmp_path / "a.xml", {(0, 0): MOVIE[:1, 0]}, steps=every([[TILE, CALIBRATION]]))
    cl.convert(tmp_path / "a.xml", tmp_path / "a.zarr", progress=False)
    copied = probe(tmp_path / "a.zarr")
    assert (copied.pixel_size_um, copied.origin_um) == ((2, 0.5, 0.5), (4, -15, 100))


# N5


def test_n5_has_x_first_and_is_read_z_first(tmp_path):
    said = {"axes": ["x", "y", "z"], "units": ["nm"] * 3, "resolution": [4, 8, 40]}
    write_n5(tmp_path / "a.n5" / "volumes" / "raw", STACK, **said)
    write_n5_said(tmp_path / "a.n5", {"n5": "2.5.1"})
    store = tmp_path / "a.n5"
    for path in (f"{store}:/volumes/raw", store, store / "volumes" / "raw"):
        image = read(path)
        assert image.axes == "zyxc"
        assert image.pixel_size_um == pytest.approx((0.04, 0.008, 0.004))
        np.testing.assert_array_equal(image.array[..., 0], STACK)
    box = (slice(1, 3), slice(2, 19), slice(9, 30))
    np.testing.assert_array_equal(read_part(path, Part(region=box))[..., 0], STACK[box])


def test_of_several_resolutions_in_n5_the_full_one_is_read(tmp_path):
    """As n5-viewer writes them: 0.5 um in full, of which the half has 1 um."""
    size = {"pixelResolution": {"unit": "um", "dimensions": [0.5, 0.5, 2]}}
    write_n5_said(tmp_path / "a.n5", {"n5": "2.5.1"})
    write_n5_said(tmp_path / "a.n5" / "c0", size)
    write_n5(tmp_path / "a.n5" / "c0" / "s0", STACK)
    write_n5(tmp_path / "a.n5" / "c0" / "s1", STACK[:, ::2, ::2], downsamplingFactors=[2, 2, 1])
    with pytest.warns(UserWarning, match="taken for z, y, x"):
        image = read(tmp_path / "a.n5")
    assert (image.array.shape, image.pixel_size_um) == ((5, 20, 30, 1), (2, 0.5, 0.5))
    assert probe(tmp_path / "a.n5" / "c0" / "s1").pixel_size_um == (2, 1, 1)
    write_n5(tmp_path / "a.n5" / "c1" / "s0", STACK)
    with pytest.raises(InvalidError, match=r"a folder of 2: c0/s0, c1/s0. Give .*c0.s0"):
        read(tmp_path / "a.n5")


def test_bad_n5_gets_one_sentence(tmp_path):
    path = tmp_path / "a.n5"
    with pytest.raises(InvalidError, match="nothing there"):
        read(f"{path}:/raw")
    path.mkdir()
    with pytest.raises(InvalidError, match="a folder without"):
        read(path)
    write_n5(path / "raw", STACK)
    for k, (said, expected) in enumerate((
        ({"dataType": "object"}, "an array of numbers"),
        ({"dimensions": [30, 20, -5]}, "dimensions of whole numbers"),
        ({"dimensions": [30, 20, 0]}, "an image with pixels"),
        ({"blockSize": [2**40, 8, 5]}, "fits into memory"),
        ({"compression": {"type": "odd"}}, "an array of N5"),
    )):  # fmt: skip
        write_n5(path / f"bad{k}", STACK, **said)
        with pytest.raises(InvalidError, match=expected):
            read(path / f"bad{k}")
    next((path / "raw" / "0" / "0").iterdir()).write_bytes(b"\0\0\0\3")
    with pytest.raises(InvalidError, match="chunks that can be decoded"):
        read(path / "raw", axes="zyx")
    (path / "raw" / "attributes.json").write_text("{")
    with pytest.raises(InvalidError, match="metadata in JSON"):
        read(path / "raw")


def test_a_missing_package_is_named_with_the_extra_that_brings_it(tmp_path, monkeypatch):
    write_n5(tmp_path / "a.n5", STACK, axes=["x", "y", "z"])
    monkeypatch.setitem(sys.modules, "tensorstore", None)
    with pytest.raises(InvalidError, match=r"package tensorstore.*cytoloom\[volumes\]"):
        read(tmp_path / "a.n5")
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(InvalidError, match=r"https://host/b.zarr.*package aiohttp"):
        read("https://host/b.zarr")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes of this kind")
def test_a_block_that_is_a_pipe_is_not_waited_for(tmp_path):
    write_n5(tmp_path / "a.n5", STACK)
    block = next((tmp_path / "a.n5" / "0" / "0").iterdir())
    block.unlink()
    os.mkfifo(block)
    with pytest.raises(InvalidError, match="blocks in files"):
        read(tmp_path / "a.n5", axes="zyx")


# All of them


def test_each_becomes_ome_zarr(tmp_path):
    need("zarr", "volumes")
    write_h5(tmp_path / "a.h5", {"raw": (STACK, {"axes": "zyx"}), "b": STACK})
    write_ims(tmp_path / "a.ims", MOVIE, [(10, 40), (0, 10), (-5, 5)])
    write_bdv(tmp_path / "a.xml", {(0, 0): MOVIE[:, 0], (1, 0): MOVIE[:, 1]}, kind="n5")
    for k, name in enumerate(("a.h5:/raw", "a.ims", "a.xml", "a.n5/setup0/timepoint1/s0")):
        made = cl.convert(tmp_path / name, tmp_path / f"{k}.zarr", axes="zyx" if k == 3 else None)
        before, after = probe(tmp_path / name), probe(made)
        assert (after.shape, after.pixel_size_um) == (before.shape, before.pixel_size_um)
        assert after.origin_um == before.origin_um
        assert after.channel_names == before.channel_names
    np.testing.assert_array_equal(read(tmp_path / "2.zarr").array, np.moveaxis(MOVIE, 1, -1))
    np.testing.assert_array_equal(read(tmp_path / "3.zarr").array[..., 0], MOVIE[1, 0])


def test_a_conversion_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    from cytoloom.volumes import converted

    write_ims(tmp_path / "a.ims", MOVIE)
    monkeypatch.setattr(converted, "BOX_PX", 1)
    made = converted.Piece.make
    count = 0

    def stopped(self, *step):
        nonlocal count
        count += 1
        if count == 2:
            raise KeyboardInterrupt
        made(self, *step)

    monkeypatch.setattr(converted.Piece, "make", stopped)
    with pytest.raises(KeyboardInterrupt, match="goes on"):
        cl.convert(tmp_path / "a.ims", tmp_path / "a.zarr")
    cl.convert(tmp_path / "a.ims", tmp_path / "a.zarr")
    # the first box was not made again
    np.testing.assert_array_equal(read(tmp_path / "a.zarr").array, np.moveaxis(MOVIE, 1, -1))
    assert not list(tmp_path.glob(".a.zarr*"))


def test_a_data_set_of_hdf5_is_predicted_as_its_pixels_are(tmp_path):
    """From Python into a folder and into OME-Zarr, and on the command line: the same labels."""
    from cytoloom.cli import main

    model = Path(__file__).parents[2] / "inst" / "extdata" / "simulated.cytoloom"
    image, _ = cl.simulate.nuclei(shape=(128, 160), count=12, seed=3)
    write_h5(tmp_path / "a.h5", {"raw": (image, {"DIMENSION_LABELS": [b"y", b"x"]}), "b": image})
    path = f"{tmp_path / 'a.h5'}:/raw"
    wanted = cl.predict(cl.load(model), image, progress=False)["image"]
    found = cl.predict(cl.load(model), path, out=tmp_path / "out", progress=False)
    assert found.files["image"].tolist() == ["a"]
    np.testing.assert_array_equal(found["a"], wanted)
    assert main(["predict", str(model), path, "--out", str(tmp_path / "a.zarr"), "--quiet"]) == 0
    made = read_labels(tmp_path / "a.zarr")
    # there they are numbered by their first pixel
    np.testing.assert_array_equal(made > 0, wanted > 0)
    assert len(np.unique(made)) == len(np.unique(wanted)) > 5
    assert main(["convert", path, str(tmp_path / "b.zarr")]) == 0
    np.testing.assert_array_equal(read(tmp_path / "b.zarr").array[..., 0], image)
