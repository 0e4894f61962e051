"""Images that hold smaller copies of themselves: slides, pyramids of OME-TIFF, and others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

import cytoloom as cl
from cytoloom.datasets.unlabelled import as_images
from cytoloom.errors import InvalidError
from cytoloom.images import probe, read
from cytoloom.images.cache import CHUNKS
from cytoloom.images.files import read_part
from cytoloom.images.reader import Part
from slide_files import write_pyramid, write_svs
from volume_files import write_bdv, write_ims

rng = np.random.default_rng(0)
FINE = np.kron(rng.integers(0, 60000, (50, 75)), np.ones((4, 4))).astype(np.uint16)
COLOURS = np.stack([FINE >> 8, FINE >> 9, 255 - (FINE >> 8)], -1).astype(np.uint8)


@pytest.mark.parametrize("compression", ["jpeg", "lzw", "jpeg2000"])
@pytest.mark.parametrize("name", ["a.svs", "a.tif"])
def test_a_slide_is_its_largest_picture_whatever_lies_beside_it(tmp_path, name, compression):
    """Label, macro and thumbnail are passed over without a word; sizes are those of the scanner."""
    write_svs(tmp_path / name, COLOURS, compression=compression)
    image = read(tmp_path / name)
    assert (image.axes, image.array.shape) == ("yxc", (200, 300, 3))
    assert image.pixel_size_um == (0.499, 0.499)
    with tifffile.TiffFile(tmp_path / name) as file:
        np.testing.assert_array_equal(image.array, file.pages[0].asarray())
    assert probe(tmp_path / name).notes == ()


def test_of_a_slide_only_the_tiles_that_are_wanted_are_decoded(tmp_path):
    """Tiles of 64 px: a box within the first one needs none of the 19 others."""
    write_svs(tmp_path / "a.svs", COLOURS)
    assert probe(tmp_path / "a.svs").regions
    whole = read(tmp_path / "a.svs").array
    CHUNKS.clear()
    box = (slice(3, 60), slice(5, 64))
    np.testing.assert_array_equal(read_part(tmp_path / "a.svs", Part(region=box)), whole[box])
    assert CHUNKS.size_bytes == 64 * 64 * 3


def test_a_slide_without_a_size_has_none_and_a_cut_off_one_is_refused(tmp_path):
    path = tmp_path / "a.svs"
    write_svs(path, COLOURS, mpp="")
    assert probe(path).pixel_size_um is None
    data = path.read_bytes()
    for kept in (len(data) // 3, 200, 0):
        path.write_bytes(data[:kept])
        with pytest.raises(InvalidError, match=r"a\.svs"):
            read(path)


def test_sub_images_of_an_ome_tiff_are_no_images_of_their_own(tmp_path):
    levels = [np.stack([FINE, FINE // 2])[:, :: 2**k, :: 2**k] for k in range(3)]
    path = tmp_path / "a.ome.tif"
    write_pyramid(path, levels, "CYX", Channel={"Name": ["DAPI", "GFP"]})
    image = read(path)
    assert (image.axes, image.pixel_size_um) == ("yxc", (0.25, 0.25))
    assert image.channel_names == ("DAPI", "GFP")
    np.testing.assert_array_equal(image.array, np.moveaxis(levels[0], 0, -1))
    assert probe(path).notes == ()
    box = (slice(3, 60), slice(5, 64))
    np.testing.assert_array_equal(read_part(path, Part(region=box)), image.array[box])


def test_a_slide_becomes_ome_zarr(tmp_path):
    pytest.importorskip("zarr")
    write_svs(tmp_path / "a.svs", COLOURS)
    made = cl.convert(tmp_path / "a.svs", tmp_path / "a.zarr")
    assert probe(made).pixel_size_um == (0.499, 0.499)
    np.testing.assert_array_equal(read(made).array, read(tmp_path / "a.svs").array)


# Levels


HALVES = [FINE[:: 2**k, :: 2**k].copy() for k in range(3)]


def _svs(path):
    write_svs(path / "a.svs", COLOURS, mpp="0.25", compression="lzw")
    return path / "a.svs", [COLOURS, COLOURS[::4, ::4]]


def _tiff(path):
    write_pyramid(path / "a.ome.tif", HALVES)
    return path / "a.ome.tif", [one[..., None] for one in HALVES]


def _ims(path):
    pytest.importorskip("h5py")
    stack = np.stack([FINE, FINE // 2, FINE // 3])
    ends = [(0, 75), (0, 50), (0, 3)]
    write_ims(path / "a.ims", stack[None, None], ends, chunk=16)
    return path / "a.ims", [stack[..., None], stack[:, ::2, ::2, None]]


def _bdv(kind):
    def write(path):
        pytest.importorskip("h5py" if kind == "hdf5" else "tensorstore")
        stack = np.stack([FINE, FINE // 2, FINE // 3])
        write_bdv(path / "a.xml", {(0, 0): stack[None]}, (0.25, 0.25, 1), kind=kind)
        return path / "a.xml", [stack[..., None], stack[:, ::2, ::2, None]]

    return write


def _zarr(path):
    cl.volumes.write(path / "a.zarr", np.kron(FINE, np.ones((3, 3), np.uint16)), axes="yx",
                     spacing_um=0.25)  # fmt: skip
    levels = [read(path / "a.zarr").array, read(path / "a.zarr" / "1").array]
    assert levels[1].shape == (300, 450, 1)
    return path / "a.zarr", levels


ALL = pytest.mark.parametrize("write", [_svs, _tiff, _ims, _bdv("hdf5"), _bdv("n5"), _zarr])


@ALL
def test_a_level_is_an_image_with_pixels_of_its_own_size(tmp_path, write):
    """By its number, by the size of its pixels, or by one between two of them."""
    path, levels = write(tmp_path)
    full = probe(path).pixel_size_um
    ratio = levels[0].shape[-2] / levels[1].shape[-2]
    half = 0.25 * ratio
    for name, k in (("0", 0), ("1", 1), (f"{half}um", 1), (f"{half * 1.5:g} um", 1 + (
        len(levels) > 2 and half * 1.5 >= 1)), ("0.3um", 0), ("0.01um", 0)):  # fmt: skip
        image = read(f"{path}:/{name}")
        np.testing.assert_array_equal(image.array, levels[k])
        assert image.name == "a"
        assert image.pixel_size_um == (*full[:-2], *([0.25 * (ratio if k else 1)] * 2))
    box = tuple(slice(1, n - 1) for n in levels[1].shape[:-1])
    part = read_part(Path(f"{path}:/1"), Part(region=box))
    np.testing.assert_array_equal(part, levels[1][box])
    made = cl.convert(f"{path}:/1", tmp_path / "b.zarr")
    assert probe(made).pixel_size_um == probe(f"{path}:/1").pixel_size_um
    for bad, expected in (("7", r"a level among 0 \(0.25 um\), 1"), ("x", "Expected")):
        with pytest.raises(InvalidError, match=expected):
            read(f"{path}:/{bad}")


def test_a_level_goes_wherever_a_file_goes(tmp_path):
    """Measured with labels of its size, and read anew once the file is another one."""
    path, levels = _tiff(tmp_path)
    labels = np.zeros(levels[1].shape[:2], np.uint16)
    labels[3:9, 3:9] = 1
    table = cl.measure(labels, f"{path}:/0.5um")
    assert table["area_um2"].tolist() == [9]
    (item,) = as_images(f"{path}:/1")
    before = item.image.read().copy()
    write_pyramid(path, [one // 2 for one in HALVES])
    np.testing.assert_array_equal(item.image.read(), before // 2)


def test_without_a_pixel_size_levels_have_numbers_alone(tmp_path):
    write_svs(tmp_path / "a.svs", COLOURS, mpp="")
    assert read(f"{tmp_path / 'a.svs'}:/1").array.shape == (50, 75, 3)
    with pytest.raises(InvalidError, match="a pixel size to choose by"):
        read(f"{tmp_path / 'a.svs'}:/1um")
    tifffile.imwrite(tmp_path / "b.tif", FINE)
    with pytest.raises(InvalidError, match="level 1 of a file of 1 level"):
        read(f"{tmp_path / 'b.tif'}:/1")


def test_a_resolution_of_ome_zarr_has_the_axes_and_size_that_its_image_says(tmp_path):
    path, _ = _zarr(tmp_path)
    for k, size in ((0, 0.25), (1, 0.5)):
        info = probe(path / str(k))
        assert (info.axes, info.pixel_size_um, info.notes) == ("yxc", (size, size), ())
    assert read(f"{path}:/0").array.shape == (600, 900, 1)
    cl.convert(f"{path}:/0", path / "labels" / "own")
    assert read(f"{path}/labels/own:/0.5um").array.shape == (300, 450, 1)
    assert read(f"{path}:/labels/own").array.shape == (600, 900, 1)
