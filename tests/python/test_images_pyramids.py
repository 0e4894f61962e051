"""Images that hold smaller copies of themselves: slides, pyramids of OME-TIFF, and others."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

import cytoloom as cl
from cytoloom.errors import InvalidError
from cytoloom.images import probe, read
from cytoloom.images.cache import CHUNKS
from cytoloom.images.files import read_part
from cytoloom.images.reader import Part
from slide_files import write_pyramid, write_svs

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
