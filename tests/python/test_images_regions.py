"""Regions of files: a region read alone equals that part of the whole, however it is stored."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from cytoloom.errors import InvalidError
from cytoloom.images import blocks, probe, read
from cytoloom.images.files import read_part
from cytoloom.images.reader import Part
from cytoloom.images.tiff import Tiff

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 2000, (70, 90)).astype(np.uint16)
STACK = RNG.integers(0, 2000, (5, 70, 90)).astype(np.uint16)
SERIES = RNG.integers(0, 2000, (2, 3, 4, 30, 40)).astype(np.uint16)
COLOURS = RNG.integers(0, 255, (70, 90, 3)).astype(np.uint8)
MASK = RNG.integers(0, 2, (70, 91)).astype(bool)
PALETTE = RNG.integers(0, 65535, (3, 256)).astype(np.uint16)
ZLIB = {"compression": "zlib"}
STRIPS = {**ZLIB, "rowsperstrip": 16}
TILES = {**ZLIB, "tile": (32, 16)}

KINDS = {
    "one strip": (GREY, {}),
    "strips": (GREY, {"rowsperstrip": 16}),
    "tiles": (GREY, {"tile": (32, 16)}),
    "LZW strips": (GREY, {"compression": "lzw", "rowsperstrip": 16}),
    "deflate strips": (GREY, STRIPS),
    "zstd strips": (GREY, {"compression": "zstd", "rowsperstrip": 16}),
    "LZW tiles": (GREY, {"compression": "lzw", "tile": (32, 16)}),
    "deflate tiles": (GREY, TILES),
    "predicted": (GREY, {**TILES, "predictor": True}),
    "predicted floats": (GREY.astype(np.float32), {**TILES, "predictor": True}),
    "JPEG tiles": (COLOURS, {"photometric": "rgb", "compression": "jpeg", "tile": (32, 32)}),
    "colours": (COLOURS, {"photometric": "rgb", **STRIPS}),
    "planar colours": (
        np.moveaxis(COLOURS, -1, 0),
        {"photometric": "rgb", "planarconfig": "separate", **STRIPS},
    ),
    "alpha": (
        np.concatenate([COLOURS, COLOURS[..., :1]], -1),
        {"photometric": "rgb", "extrasamples": ["unassalpha"], **TILES},
    ),
    "palette": (COLOURS[..., 0], {"photometric": "palette", "colormap": PALETTE, **STRIPS}),
    "white is zero": (COLOURS[..., 0], {"photometric": "miniswhite", **STRIPS}),
    "1 bit": (MASK, {}),
    "1 bit in strips": (MASK, STRIPS),
    "big endian": (STACK.astype(">u2"), {"byteorder": ">"}),
    "big endian tiles": (STACK.astype(">u2"), {"byteorder": ">", **TILES}),
    "stack": (STACK, {"metadata": None}),
    "stack in strips": (STACK, {"metadata": None, **STRIPS}),
    "tiles of a volume": (
        STACK,
        {"volumetric": True, "tile": (16, 16, 16), "compression": "zlib"},
    ),
    "pages that are rows": (
        np.arange(2400, dtype=np.float32).reshape(40, 30, 2),
        {"metadata": None, "photometric": "minisblack", "compression": "zlib"},
    ),
    "ImageJ": (SERIES, {"imagej": True, "metadata": {"axes": "TZCYX"}}),
    "ImageJ in strips": (
        SERIES,
        {"imagej": True, "metadata": {"axes": "TZCYX"}, "compression": "zlib"},
    ),
    "OME": (SERIES, {"ome": True, "metadata": {"axes": "TZCYX"}, "photometric": "minisblack"}),
    "OME in tiles": (
        SERIES,
        {
            "ome": True,
            "metadata": {"axes": "TCZYX"},
            "photometric": "minisblack",
            "compression": "zlib",
            "tile": (16, 16),
        },
    ),
}


def equals_the_whole(path, tries=20):
    """Compare random regions, empty ones too, with the same part of the whole."""
    info, rng = probe(path), np.random.default_rng(1)
    assert info.regions
    for frame in {0, info.frames - 1} if info.frames > 1 else [None]:
        whole = read(path, frame=frame).array
        for _ in range(tries):
            ends = [sorted(rng.integers(0, n + 1, 2).tolist()) for n in whole.shape[:-1]]
            region = tuple(slice(*pair) for pair in ends)
            found = read_part(path, Part(frame=frame, region=region))
            assert found.dtype == whole.dtype
            np.testing.assert_array_equal(found, whole[region])


@pytest.mark.parametrize("kind", KINDS)
def test_regions_of_every_kind_of_tiff_equal_the_whole(tmp_path, kind):
    """Whatever holds the pixels, strips, tiles, pages or one piece."""
    array, options = KINDS[kind]
    path = tmp_path / ("a.ome.tif" if options.get("ome") else "a.tif")
    tifffile.imwrite(path, array, **options)
    equals_the_whole(path)


@pytest.mark.parametrize("compression", [None, "group4"])
def test_regions_of_1_bit_pictures_of_other_programs_equal_the_whole(tmp_path, compression):
    """Eight pixels share a byte, so that no region starts where a byte does."""
    Pillow.fromarray(MASK).save(tmp_path / "a.tif", compression=compression)
    equals_the_whole(tmp_path / "a.tif")


@pytest.mark.parametrize("order", "CF")
def test_regions_of_an_array_equal_the_whole(tmp_path, order):
    """Rows or columns first on disk."""
    np.save(tmp_path / "a.npy", np.asarray(STACK, order=order))
    equals_the_whole(tmp_path / "a.npy")


def test_regions_of_real_files_equal_the_whole(real_data):
    """Of other programs, and of one image over several files."""
    for path in sorted((real_data / "io_fixtures").glob("*tiff/**/*.tif*")):
        equals_the_whole(path, tries=4)


def test_only_the_chunks_that_a_region_meets_are_decoded(tmp_path, monkeypatch):
    """A region of 20 x 20 px meets 2 x 2 of 6 x 8 tiles; one beside it two more."""
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((96, 128), np.uint8), tile=(16, 16), **ZLIB)
    decoded, original = [], tifffile.TiffPage.decode

    def counted(page):
        function = original.func(page)

        def decode(data, index, **rest):
            decoded.extend([index] if data is not None else [])
            return function(data, index, **rest)

        return decode

    monkeypatch.setattr(tifffile.TiffPage, "decode", property(counted))
    read_part(tmp_path / "a.tif", Part(region=(slice(8, 28), slice(20, 40))))
    assert decoded == [1, 2, 9, 10]
    read_part(tmp_path / "a.tif", Part(region=(slice(8, 28), slice(20, 55))))
    assert decoded == [1, 2, 9, 10, 3, 11]


def test_what_is_one_large_piece_is_not_decoded_for_each_region(tmp_path, monkeypatch):
    """Such an image is read whole; one in small strips by regions."""
    monkeypatch.setattr("cytoloom.images.tiff_chunks.CHUNK_PX", 1000)
    tifffile.imwrite(tmp_path / "a.tif", GREY, rowsperstrip=70, **ZLIB)
    assert not probe(tmp_path / "a.tif").regions
    tifffile.imwrite(tmp_path / "b.tif", GREY, rowsperstrip=10, **ZLIB)
    assert probe(tmp_path / "b.tif").regions
    Pillow.fromarray(COLOURS).save(tmp_path / "c.png")
    assert not probe(tmp_path / "c.png").regions


@pytest.mark.parametrize("options", [{}, {"rowsperstrip": 8}, {**STRIPS}, {**TILES}])
def test_a_region_beyond_the_end_of_a_file_cut_off_is_refused(tmp_path, options):
    """What is missing is not filled with zeros."""
    path = tmp_path / "broken.tif"
    tifffile.imwrite(path, GREY, **options)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(InvalidError, match="broken"):
        read_part(path, Part(region=(slice(60, 70), slice(0, 90))))


def test_a_file_written_anew_is_decoded_anew(tmp_path):
    """What is kept of the earlier one is not taken for it."""
    for value in (1, 2):
        tifffile.imwrite(tmp_path / "a.tif", np.full((64, 64), value, np.uint8), tile=(16, 16),
                         compression=[None, "zlib"][value - 1])  # fmt: skip
        assert read_part(tmp_path / "a.tif", Part(region=(slice(3), slice(3)))).max() == value


def test_a_time_point_that_is_not_there_is_refused(tmp_path):
    """Rather than read as an image without pixels."""
    tifffile.imwrite(tmp_path / "a.tif", STACK, metadata={"axes": "TYX"})
    with pytest.raises(InvalidError, match=r"Expected 0 to 4.*Received: 5"):
        read(tmp_path / "a.tif", frame=5)


@pytest.mark.parametrize("shape", [(7, 5), (3, 7, 5), (4, 1), (0, 5)])
@pytest.mark.parametrize("most_px", [1, 6, 15, 1000])
def test_boxes_are_an_image_in_order_and_no_larger_than_asked(shape, most_px):
    """One after the other they hold each pixel once, in C order; a row is never cut."""
    image = np.arange(np.prod(shape)).reshape(shape)
    parts = [image[box] for box in blocks.boxes(shape, most_px)]
    assert np.concatenate([image[:0].ravel(), *(p.ravel() for p in parts)]).tolist() == list(
        range(image.size)
    )
    assert all(p.size <= max(most_px, shape[-1]) for p in parts)


def test_a_reader_says_what_it_opens():
    """Both byte orders of TIFF and of BigTIFF."""
    starts = (b"II*\x00rest", b"MM\x00*rest", b"II+\x00rest", b"MM\x00+rest", b"II-\x00rest")
    assert [Tiff().can_open(None, start) for start in starts] == [True] * 4 + [False]
