"""The list of formats, and what it takes to add one: here a folder that is an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cytoloom as cl
from cytoloom.datasets.data import as_data
from cytoloom.datasets.listing import walk
from cytoloom.datasets.unlabelled import as_images
from cytoloom.errors import InvalidError
from cytoloom.images import formats, probe, read
from cytoloom.images.image import ImageInfo
from cytoloom.images.reader import Part, Reader

PIXELS = np.arange(20, dtype=np.uint8).reshape(4, 5)


class Drawer(Reader):
    """A folder ``*.drawer`` with a paper in it."""

    name = "DRAWER"
    suffixes = (".drawer",)
    folders = True

    def can_open(self, path: Path, start: bytes) -> bool:
        return (path / "paper.npy").is_file()

    def info(self, path: Path, part: Part) -> ImageInfo:
        return ImageInfo((4, 5, 1), np.dtype(np.uint8), "yxc", regions=True)

    def pixels(self, path: Path, part: Part) -> np.ndarray:
        box = part.region or (slice(None), slice(None))
        return np.load(path / "paper.npy")[box][..., None]


@pytest.fixture
def drawers(tmp_path, monkeypatch):
    """Fill a folder with two images that are folders, and one that is a file."""
    monkeypatch.setattr(formats, "READERS", (*formats.READERS, Drawer()))
    for name in ("a", "b"):
        (tmp_path / "images" / f"{name}.drawer").mkdir(parents=True)
        np.save(tmp_path / "images" / f"{name}.drawer" / "paper.npy", PIXELS)
    np.save(tmp_path / "images" / "c.npy", PIXELS)
    return tmp_path / "images"


def test_a_folder_that_is_an_image_is_listed_and_not_looked_into(drawers):
    """The array inside is no image of its own."""
    assert walk(drawers).images == ["a.drawer", "b.drawer", "c.npy"]


def test_a_format_that_is_registered_is_read_like_the_others(drawers):
    """By name, in a folder, among labels, and from a list; it is named among those read."""
    one = drawers / "a.drawer"
    assert (probe(one).shape, probe(one).name) == ((4, 5, 1), "a")
    np.testing.assert_array_equal(read(one).array[..., 0], PIXELS)
    assert [item.id for item in as_images(drawers)] == ["a", "b", "c"]
    assert [item.id for item in as_images(one)] == ["a"]
    assert [item.id for item in as_images([one, drawers / "c.npy"])] == ["a", "c"]
    data = as_data(([one], [np.zeros((4, 5), int)]))
    np.testing.assert_array_equal(data.items[0].image.read()[..., 0], PIXELS)
    with pytest.raises(InvalidError, match="DRAWER"):
        read(Path(__file__))


def test_labels_are_paired_with_images_that_are_folders(drawers):
    """By name, as files are."""
    (drawers.parent / "labels").mkdir()
    for name in "abc":
        cl.images.write_labels(drawers.parent / "labels" / f"{name}.tif", np.eye(4, 5, dtype=int))
    data = as_data(drawers.parent)
    assert [(i.id, i.image.shape) for i in data.items] == [(n, (4, 5, 1)) for n in "abc"]
    assert cl.check(data).ok


def test_a_region_of_such_an_image_is_read_alone(drawers, monkeypatch):
    """The format says that it can, and the image is taken for a large one."""
    monkeypatch.setattr("cytoloom.images.blocks.LARGE_PX", 5)
    item = as_images(drawers / "a.drawer")[0]
    assert item.image.read((slice(1, 3), slice(0, 2)))[..., 0].tolist() == [[5, 6], [10, 11]]


def test_other_folders_stay_folders(drawers):
    """What the format does not claim is walked into as ever, whatever its name."""
    (drawers / "empty.drawer").mkdir()
    np.save(drawers / "empty.drawer" / "d.npy", PIXELS)
    assert "empty.drawer/d.npy" in walk(drawers).images
    with pytest.raises(InvalidError, match="a folder"):
        read(drawers / "empty.drawer")


def test_every_format_is_listed_once():
    """No two have an ending in common, and each says how it is recognised."""
    suffixes = formats.suffixes()
    assert len(set(suffixes)) == len(suffixes)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)
    for reader in formats.READERS:
        assert reader.name
        assert reader.starts or type(reader).can_open is not Reader.can_open


@pytest.mark.parametrize("start", [b"", b"\x00" * 16, b"p\x00\x00\x00\x00\x00\x00\x00+"])
def test_no_format_opens_what_is_not_its_own(start):
    """Nothing, zeros, and something that only begins like LIF."""
    assert not any(reader.can_open(Path("a.tif"), start) for reader in formats.READERS)


def test_an_ending_is_foreign_only_while_no_format_has_it(monkeypatch):
    """A reader for NRRD would take its advice away by being listed."""
    assert formats.is_foreign("a.nrrd")
    reader = Drawer()
    monkeypatch.setattr(reader, "suffixes", (".nrrd",), raising=False)
    monkeypatch.setattr(formats, "READERS", (*formats.READERS, reader))
    assert not formats.is_foreign("a.nrrd")
