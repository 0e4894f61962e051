"""Converting to OME-Zarr: everything that is known comes along, and who was stopped goes on."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tifffile

import cytoloom as cl
from cytoloom.errors import DiskError, InvalidError
from cytoloom.images import probe, read, scenes
from cytoloom.images.ome_zarr_write import ImageWriter
from cytoloom.volumes import converted, read_labels, stores, write
from extras import need
from fuzz.vendor_files import write_lif
from zarr_files import grey

need("zarr", "volumes")


def same(one, other):
    """Check that two images are the same in all that is known of them."""
    first, second = read(one), read(other)
    assert first.array.dtype == second.array.dtype
    assert (first.axes, first.channel_names) == (second.axes, second.channel_names)
    assert first.pixel_size_um == pytest.approx(second.pixel_size_um)
    np.testing.assert_array_equal(first.array, second.array)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["YX", "ZYX", "TCYX", "TCZYX", "CYX"])
def test_an_ome_tiff_is_the_same_image_as_zarr(tmp_path, axes, version):
    sizes = {"T": 3, "C": 2, "Z": 5, "Y": 33, "X": 47}
    array = grey([sizes[a] for a in axes])
    said = {"axes": axes, "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5}
    said |= {"PhysicalSizeZ": 2.0} if "Z" in axes else {}
    said |= {"Channel": {"Name": ["DAPI", "GFP"]}} if "C" in axes else {}
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, array, metadata=said)
    out = cl.convert(path, tmp_path / "a.zarr", version=version, progress=False)
    assert sorted(os.listdir(tmp_path)) == ["a.ome.tif", "a.zarr"]
    same(path, out)


def test_it_is_read_box_by_box(tmp_path, monkeypatch):
    """Of 40 x 90 x 70 px at most 16 planes at once, and all pixels come through."""
    monkeypatch.setattr(converted, "BOX_PX", 16 * 90 * 70)
    array = grey((40, 90, 70))
    np.save(tmp_path / "a.npy", array)
    parts = []
    monkeypatch.setattr(converted.files, "read_part", lambda path, part: (
        parts.append(part.region), array[part.region][..., None])[1])  # fmt: skip
    out = cl.convert(tmp_path / "a.npy", tmp_path / "a.zarr", progress=False)
    assert [(z.start, z.stop) for z, *_ in parts] == [(0, 16), (16, 32), (32, 40)]
    np.testing.assert_array_equal(read(out).array[..., 0], array)


def test_images_of_a_file_become_a_series(tmp_path):
    need("liffile", "vendor")
    arrays = [grey((2, 20, 30), k) for k in range(2)]
    path = tmp_path / "a.lif"
    write_lif(path, [("first", arrays[0], "CYX"), ("second", arrays[1], "CYX")])
    for version in ("0.4", "0.5"):
        out = tmp_path / f"{version}.zarr"
        cl.convert(path, out, version=version, progress=False)
        assert scenes(out) == ("0", "1")
        np.testing.assert_array_equal(read(out, scene="1").array, read(path, scene="second").array)
    one = cl.convert(path, tmp_path / "one.zarr", scene="second", progress=False)
    np.testing.assert_array_equal(read(one).array, read(path, scene="second").array)


def test_labels_go_into_their_image(tmp_path):
    """They have its pixel size, and none of their smaller copies has another label."""
    write(tmp_path / "a.zarr", grey((600, 40)), spacing_um=0.5)
    labels = np.zeros((600, 40), np.uint16)
    labels[5:8, 3:9] = 700
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    out = cl.convert(tmp_path / "labels.tif", tmp_path / "a.zarr/labels/cells", progress=False)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.zarr"), labels)
    assert probe(out).pixel_size_um == (0.5, 0.5)
    said = json.loads((out / "zarr.json").read_text())["attributes"]["ome"]
    assert said["image-label"] == {"source": {"image": "../../"}}
    assert set(np.unique(read(out / "1").array)) == {0, 700}
    assert cl.check(tmp_path / "a.zarr").ok


SCRIPT = """
    import os, sys
    import cytoloom as cl
    from cytoloom.images.ome_zarr_write import ImageWriter
    from cytoloom.volumes import converted

    left, make = int(sys.argv[3]), converted.Piece.make
    converted.BOX_PX = 16 * 300 * 300

    def counting(*given):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        make(*given)

    converted.Piece.make = counting
    cl.convert(sys.argv[1], sys.argv[2], progress=False)
"""


def test_who_was_killed_goes_on_where_it_was(tmp_path, monkeypatch):
    """No box is made twice: 3 by who was killed, the others by who goes on."""
    monkeypatch.setattr(converted, "BOX_PX", 16 * 300 * 300)
    array = grey((40, 300, 600))
    np.save(tmp_path / "a.npy", array)
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT)]
    paths = [str(tmp_path / "a.npy"), str(tmp_path / "a.zarr")]
    assert subprocess.run([*command, *paths, "3"], check=False).returncode == 9
    assert sorted(os.listdir(tmp_path)) == [".a.zarr.converting", "a.npy"]
    made, make = [], converted.Piece.make
    monkeypatch.setattr(converted.Piece, "make", lambda *a: (made.append(a[1:]), make(*a))[1])
    cl.convert(*paths, progress=False)
    (piece,) = converted._pieces(
        tmp_path / "a.npy", tmp_path / "x", tmp_path / "x", "", converted.Settings()
    )
    assert made == list(piece.steps())[3:]
    assert sorted(os.listdir(tmp_path)) == ["a.npy", "a.zarr"]
    np.testing.assert_array_equal(read(tmp_path / "a.zarr").array[..., 0], array)


def test_another_image_under_the_name_begins_anew(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", grey())
    monkeypatch.setattr(converted, "_publish", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cl.convert(tmp_path / "a.npy", tmp_path / "a.zarr", progress=False)
    monkeypatch.undo()
    np.save(tmp_path / "a.npy", grey(seed=1))
    cl.convert(tmp_path / "a.npy", tmp_path / "a.zarr", progress=False)
    np.testing.assert_array_equal(read(tmp_path / "a.zarr").array[..., 0], grey(seed=1))


@pytest.mark.parametrize(
    ("image", "out", "options", "words"),
    [
        ("a.npy", "a.tif", {}, "Invalid `out`.*NAME.zarr|Invalid `out`.*cells.zarr"),
        ("a.npy", "there.zarr", {}, "Invalid `out`.*a new file"),
        ("a.npy", "none/a.zarr", {}, "Invalid `out`.*folder that exists"),
        ("there.zarr", "there.zarr", {"overwrite": True}, "another place than the image"),
        (".", "a.zarr", {}, "one image. Received: a folder"),
        ("none.tif", "a.zarr", {}, "nothing there"),
        ("bad.png", "a.zarr", {}, "bad.png"),
        ("a.npy", "a.zarr", {"axes": "xyzt"}, "Invalid `axes`"),
        ("a.npy", "a.zarr", {"version": "1"}, "Invalid `version`"),
        ("a.npy", "a.zarr", {"scene": "b"}, "Invalid `scene`"),
        ("half.npy", "a.zarr", {"labels": True}, "one channel of whole numbers"),
        ("a.npy", "there.zarr/labels/x", {}, "as large as their image"),
        ("a.npy", "a.npy/labels/x", {}, "Invalid `out`"),
    ],
)  # fmt: skip
def test_what_cannot_be_converted_is_one_sentence_and_leaves_nothing(
    tmp_path, image, out, options, words
):
    np.save(tmp_path / "a.npy", grey())
    np.save(tmp_path / "half.npy", grey() / 2)
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    write(tmp_path / "there.zarr", grey((20, 20)))
    before = sorted(str(p) for p in tmp_path.rglob("*"))
    with pytest.raises(InvalidError, match=words):
        cl.convert(tmp_path / image, tmp_path / out, progress=False, **options)
    assert sorted(str(p) for p in tmp_path.rglob("*")) == before


def test_an_image_that_breaks_off_leaves_nothing_that_looks_whole(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, grey((64, 64)), compression="zlib", rowsperstrip=8)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(InvalidError, match=r"a.tif"):
        cl.convert(path, tmp_path / "a.zarr", progress=False)
    assert os.listdir(tmp_path) == ["a.tif"]


@pytest.mark.parametrize("where", ["begin", "write", "shrink", "finish"])
def test_a_full_disk_is_said_with_the_place_and_what_helps(tmp_path, monkeypatch, where):
    """Wherever it fills up; with room again, the same call goes on."""
    np.save(tmp_path / "a.npy", grey((600, 40)))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ImageWriter, where, full)
        words = r"Invalid `out`.*a\.zarr: No space left on device. Make room"
        with pytest.raises(DiskError, match=words):
            cl.convert(tmp_path / "a.npy", tmp_path / "a.zarr", progress=False)
    assert not (tmp_path / "a.zarr").exists()
    cl.convert(tmp_path / "a.npy", tmp_path / "a.zarr", progress=False)
    assert sorted(os.listdir(tmp_path)) == ["a.npy", "a.zarr"]


def test_a_full_disk_in_the_list_of_labels_is_said_too(tmp_path, monkeypatch):
    write(tmp_path / "a.zarr", grey((20, 20)))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(stores, "list_label", full)
    with pytest.raises(DiskError, match=r"labels/x.*No space left on device. Make room"):
        write(tmp_path / "a.zarr/labels/x", np.ones((20, 20), np.uint8))


def test_one_conversion_at_a_time(tmp_path):
    """The second is refused, and takes nothing from the first."""
    np.save(tmp_path / "a.npy", grey())
    first = cl.convert.events(tmp_path / "a.npy", tmp_path / "a.zarr")
    assert next(first).kind == "progress"
    with pytest.raises(InvalidError, match="Wait until it has ended"):
        cl.convert(tmp_path / "a.npy", tmp_path / "a.zarr", progress=False)
    assert [event.kind for event in first][-1] == "result"
    np.testing.assert_array_equal(read(tmp_path / "a.zarr").array[..., 0], grey())


def test_an_image_of_a_microscope(tmp_path, real_data):
    need("czifile", "vendor")
    path = real_data / "io_fixtures" / "czi" / "DAPI_GFP.czi"
    same(path, cl.convert(path, tmp_path / "a.zarr", progress=False))
