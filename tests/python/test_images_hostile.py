"""What is no image, or none that fits: one sentence, at once, and never a wait."""

from __future__ import annotations

import os
import socket
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

import cytoloom as cl
from cytoloom.datasets.checks import check
from cytoloom.datasets.unlabelled import as_images
from cytoloom.errors import InvalidError
from cytoloom.images import probe, read, read_labels
from cytoloom.images import reader as readers
from extras import need

READS = (probe, read, read_labels)


@pytest.fixture
def strange(tmp_path, monkeypatch):
    """Make pipes, sockets, devices and links that lead nowhere."""
    os.mkfifo(tmp_path / "pipe.png")
    os.mkfifo(tmp_path / "tube_seg.npy")
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as end:
        end.bind("socket.tif")
        (tmp_path / "device.tif").symlink_to("/dev/zero")
        (tmp_path / "circle.tif").symlink_to("circle.tif")
        (tmp_path / "nowhere.tif").symlink_to("gone.tif")
        (tmp_path / "here").symlink_to(".")
        yield tmp_path


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("pipe.png", "a pipe"), ("tube_seg.npy", "a pipe"), ("socket.tif", "a pipe"),
        ("device.tif", "a device"), ("circle.tif", "levels"), ("nowhere.tif", "nothing there"),
    ],
)  # fmt: skip
def test_what_is_no_file_is_not_opened(strange, name, match):
    """A pipe would be waited for, and /dev/zero has no end."""
    for reads in READS:
        with pytest.raises(InvalidError, match=rf"{name}.*{match}"):
            reads(strange / name)


def test_a_folder_with_such_files_is_walked_and_each_becomes_a_row(strange):
    assert len(as_images(strange)) == 6
    report = check((sorted(strange.glob("*.*")), [np.eye(4, dtype=int)] * 6))
    assert len(report.problems) >= 6


@pytest.mark.parametrize(
    "array",
    [
        np.array([["a", "bb"]]), np.array([[b"a"]]), np.zeros((4, 5), [("a", "u1"), ("b", "f4")]),
        np.zeros((4, 5), "M8[s]"), np.zeros((4, 5), "V3"), np.ones((4, 5), complex),
    ],
    ids=lambda array: array.dtype.kind,
)  # fmt: skip
def test_arrays_of_no_numbers_are_refused_as_that(tmp_path, array):
    """And not as damaged files."""
    np.save(tmp_path / "a.npy", array)
    for reads in READS:
        with pytest.raises(
            InvalidError, match=r"whole (or real )?numbers.*a\.npy|a\.npy"
        ) as caught:
            reads(tmp_path / "a.npy")
        assert "damaged" not in str(caught.value)


def tiff(path, side, data=b"\1" * 1000, compression=1, bits=8):
    """Write a page that says it is `side` px wide and long."""
    tags = [(256, side), (257, side), (258, bits), (259, compression), (262, 1), (273, 8),
            (277, 1), (278, side), (279, len(data))]  # fmt: skip
    body = b"".join(struct.pack("<HHII", code, 4, 1, value) for code, value in tags)
    start = b"II*\0" + struct.pack("<I", 8 + len(data))
    path.write_bytes(start + data + struct.pack("<H", len(tags)) + body + bytes(4))


def png(path, side, depth):
    """Write a PNG that says it is `side` px wide and long."""

    def chunk(kind, body):
        whole = kind + body
        return struct.pack(">I", len(body)) + whole + struct.pack(">I", zlib.crc32(whole))

    size = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, 0, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(100)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + size + data + chunk(b"IEND", b""))


@pytest.mark.parametrize("compression", [1, 8, 32773])
@pytest.mark.parametrize("data", [b"\1" * 1000, b""])
def test_a_page_that_says_it_has_2_to_the_31_pixels_is_refused(tmp_path, compression, data):
    """Before anything of that size is asked for, where the file could not hold it."""
    tiff(tmp_path / "a.tif", 46341, data, compression)
    for reads in (read, read_labels):
        with pytest.raises(InvalidError, match=r"a\.tif"):
            reads(tmp_path / "a.tif")


def test_a_size_that_its_tiles_do_not_fill_is_refused(tmp_path):
    """A width of other bytes: the rest would be zeros, a gigabyte of them."""
    image = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image, tile=(16, 16), compression="zlib", metadata=None)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        at = file.pages[0].tags[256].valueoffset
    data[at + 1] = 1
    (tmp_path / "a.tif").write_bytes(data)
    for reads in READS:
        with pytest.raises(InvalidError, match=r"a\.tif.*16 of the 80 strips or tiles"):
            reads(tmp_path / "a.tif")


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("form", ["tif", "png"])
def test_an_image_larger_than_the_free_memory_is_refused_before_it_is_asked_for(
    tmp_path, monkeypatch, form, depth
):
    path = tmp_path / f"a.{form}"
    tiff(path, 60000, bytes(9), 8, depth) if form == "tif" else png(path, 60000, depth)
    monkeypatch.setattr(readers, "free_memory_gb", lambda: 1.0)
    assert probe(path).shape == (60000, 60000, 1)
    for reads in (read, read_labels):
        with pytest.raises(InvalidError, match=r"60000 x 60000.*GB, where 1 GB are free"):
            reads(path)


def test_memory_that_is_not_there_after_all_is_said_with_the_file(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 9), np.uint8))

    def full(*_, **__):
        raise MemoryError

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", full)
    with pytest.raises(InvalidError, match=r"a\.tif.*fits into memory"):
        read(tmp_path / "a.tif")


def test_whole_numbers_near_2_to_the_64_are_read_and_refused_as_labels(tmp_path):
    """Without a wrap to negative numbers; as an image the loss of floats is told."""
    values = np.uint64(2**64 - 1) - np.arange(72, dtype=np.uint64).reshape(8, 9)
    np.save(tmp_path / "a.npy", values)
    assert read_labels(tmp_path / "a.npy").min() == 2**64 - 72
    labels = np.eye(8, 9, dtype=int)
    assert any(str(2**53) in text for text in check(([values], [labels])).warnings)
    assert any(f"0 to {2**31 - 1}" in text for text in check(([labels], [values])).problems)
    assert np.isfinite(cl.Normalize()(values[..., None])).all()
    with pytest.raises(InvalidError, match="huge values"):
        read_labels(_saved(tmp_path / "b.npy", np.full((4, 5), 1e300)))


def _saved(path, array):
    np.save(path, array)
    return path


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9])
@pytest.mark.parametrize(
    "name", ["DAPI_GFP", "FOV7_HV110_P0500510000", "CellDivision_T3_Z5_CH2_X240_Y170_comp1"]
)
def test_a_czi_that_is_cut_off_is_found_when_its_header_is_read(tmp_path, real_data, name, share):
    need("czifile", "vendor")
    data = (real_data / "io_fixtures" / "czi" / f"{name}.czi").read_bytes()
    (tmp_path / "a.czi").write_bytes(data[: int(share * len(data))])
    for reads in (probe, read):
        with pytest.raises(InvalidError, match=r"a\.czi.*(cut off|damaged)"):
            reads(tmp_path / "a.czi")


# "Cut off or damaged" is said of what is


@pytest.mark.parametrize("compression", [65535, 34712 + 1, 9])
def test_a_compression_that_is_not_known_is_no_damage(tmp_path, compression):
    tiff(tmp_path / "a.tif", 20, bytes(400), compression)
    with pytest.raises(InvalidError, match=r"a\.tif.*save it as") as caught:
        read(tmp_path / "a.tif")
    assert "damaged" not in str(caught.value)


def test_bmp_of_an_unknown_kind_is_no_damage(tmp_path):
    Pillow.fromarray(np.zeros((8, 9), np.uint8)).save(tmp_path / "a.bmp")
    data = bytearray((tmp_path / "a.bmp").read_bytes())
    data[30] = 77
    (tmp_path / "a.bmp").write_bytes(data)
    with pytest.raises(InvalidError, match=r"a\.bmp") as caught:
        read(tmp_path / "a.bmp")
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("form", ["png", "jpg", "tif", "npy"])
def test_bytes_that_are_wrong_are_damage(tmp_path, form):
    """In the midst of what is compressed, or gone from the end."""
    array = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    path = tmp_path / f"a.{form}"
    if form == "tif":
        tifffile.imwrite(path, array, compression="zlib")
    elif form == "npy":
        np.save(path, array)
    else:
        Pillow.fromarray(array).save(path)
    data = bytearray(path.read_bytes())
    if form == "npy":
        data = data[:-9]
    else:
        middle = len(data) // 2
        data[middle : middle + 200] = bytes(200)
    path.write_bytes(data if form != "jpg" else data[:middle])
    with pytest.raises(InvalidError, match=rf"a\.{form}.*damaged"):
        read(path)


@pytest.mark.parametrize("values", [np.uint8, np.uint16])
def test_a_byte_of_a_png_that_is_wrong_is_noticed_wherever_it_is(tmp_path, values):
    """Of images and of labels: the last rows, too, behind which decoders look at nothing."""
    array = (np.arange(48 * 40).reshape(48, 40) % 251).astype(values)
    Pillow.fromarray(array).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    start, end = whole.index(b"IDAT") + 4, whole.index(b"IEND") - 8
    for at in np.linspace(start, end - 1, 40).astype(int):
        data = bytearray(whole)
        data[at] ^= 16
        (tmp_path / "a.png").write_bytes(data)
        for reader in (read, read_labels):
            with pytest.raises(InvalidError, match=r"a\.png.*damaged"):
                reader(tmp_path / "a.png")
