"""Each file format on pictures small enough to write down, and real files of other programs."""

from __future__ import annotations

import io
import os
import warnings

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from cytoloom.errors import GuessWarning, InvalidError
from cytoloom.images import probe, read, read_labels, write_labels
from cytoloom.images.files import SUFFIXES, read_labels_as
from cytoloom.images.formats import stem

GREY = np.array([[0, 50, 100], [150, 200, 250]], np.uint8)
COLOURS = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)


def save(folder, name, array, **options):
    path = folder / name
    Pillow.fromarray(array).save(path, **options)
    return path


def both(path, **options):
    """Read a file, having seen that its header alone says the same."""
    info, image = probe(path, **options), read(path, **options)
    assert (info.shape, info.dtype, info.axes) == (
        image.array.shape,
        image.array.dtype,
        image.axes,
    )
    assert info.pixel_size_um == image.pixel_size_um
    return image


# Bitmaps


def test_a_grey_png_has_one_channel(tmp_path):
    image = both(save(tmp_path, "a.png", GREY))
    assert (image.axes, image.name, image.pixel_size_um) == ("yxc", "a", None)
    np.testing.assert_array_equal(image.array[..., 0], GREY)


def test_a_colour_png_has_three_named_channels(tmp_path):
    image = both(save(tmp_path, "a.png", COLOURS))
    assert image.channel_names == ("red", "green", "blue")
    np.testing.assert_array_equal(image.array, COLOURS)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("alpha", [False, True])
def test_16_bit_pngs_keep_their_values_and_lose_alpha(tmp_path, channels, alpha):
    array = (np.arange(24, dtype=np.uint16) * 1000).reshape(2, 3, 4)[..., : channels + alpha]
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(array.squeeze().copy()))
    image = both(path)
    assert image.array.dtype == np.uint16
    np.testing.assert_array_equal(image.array, array[..., :channels])


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_left_out(tmp_path, mode):
    path = tmp_path / "a.png"
    Pillow.fromarray(COLOURS).convert(mode).save(path)
    expected = np.asarray(Pillow.fromarray(COLOURS).convert("L" if mode == "LA" else "RGB"))
    np.testing.assert_array_equal(both(path).array.squeeze(), expected)


def test_a_palette_gives_colours_to_images_and_indices_to_labels(tmp_path):
    picture = Pillow.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    path = tmp_path / "a.png"
    picture.save(path)
    assert both(path).array.tolist() == [[[0, 0, 0], [255, 0, 0], [0, 255, 0]]]
    assert read_labels(path).tolist() == [[0, 1, 2]]


def test_transparency_of_a_palette_is_left_out_and_said(tmp_path):
    picture = Pillow.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    picture.putpalette([0, 0, 0, 255, 0, 0])
    path = tmp_path / "a.png"
    picture.save(path, transparency=b"\x00\x80")
    with pytest.warns(GuessWarning, match="alpha and left out"):
        assert both(path).array.tolist() == [[[0, 0, 0], [255, 0, 0]]]


def test_a_palette_of_greys_gives_one_channel(tmp_path):
    picture = Pillow.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
    picture.putpalette([10, 10, 10, 20, 20, 20, 30, 30, 30])
    path = tmp_path / "a.png"
    picture.save(path)
    assert both(path).array.tolist() == [[[10], [20], [30]]]


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_1_bit_pictures_are_0_and_255_as_images_and_0_and_1_as_labels(tmp_path, name):
    path = tmp_path / name
    Pillow.fromarray(np.array([[0, 255], [255, 255]], np.uint8)).convert("1").save(path)
    assert both(path).array[..., 0].tolist() == [[0, 255], [255, 255]]
    assert read_labels(path).tolist() == [[0, 1], [1, 1]]


def test_labels_of_a_4_bit_png_are_not_stretched_to_255(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(four_bit_png([[0, 1, 2, 15]]))
    assert read_labels(path).tolist() == [[0, 1, 2, 15]]


def four_bit_png(rows):
    import struct
    import zlib

    def chunk(kind, body):
        whole = kind + body
        return struct.pack(">I", len(body)) + whole + struct.pack(">I", zlib.crc32(whole))

    lines = [
        bytes([0]) + bytes(a << 4 | b for a, b in zip(r[::2], r[1::2], strict=True)) for r in rows
    ]
    size = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 4, 0, 0, 0, 0)
    body = chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"".join(lines)))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def test_a_photograph_is_turned_upright(tmp_path):
    exif = Pillow.Exif()
    exif[0x0112] = 6
    wide = np.zeros((16, 32), np.uint8)
    wide[:, :16] = 255
    path = save(tmp_path, "a.jpg", wide, exif=exif, quality=100)
    image = both(path)
    assert image.array.shape == (32, 16, 1)
    assert image.array[:16].min() > 250
    assert image.array[16:].max() < 5


def test_very_large_pictures_are_read_though_pillow_suspects_an_attack(tmp_path, monkeypatch):
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 2)
    assert both(save(tmp_path, "a.png", GREY)).array.shape == (2, 3, 1)


# NPY


@pytest.mark.parametrize(
    ("shape", "axes", "expected"),
    [
        ((8, 9), "yxc", (8, 9, 1)),
        ((8, 9, 3), "yxc", (8, 9, 3)),
        ((5, 8, 9), "zyxc", (5, 8, 9, 1)),
        ((5, 8, 9, 2), "zyxc", (5, 8, 9, 2)),
    ],
)
def test_arrays_have_channels_last_where_there_are_at_most_4(tmp_path, shape, axes, expected):
    np.save(tmp_path / "a.npy", np.zeros(shape, np.float32))
    image = both(tmp_path / "a.npy")
    assert (image.axes, image.array.shape) == (axes, expected)


def test_axes_of_an_array_may_be_told(tmp_path):
    array = np.arange(5 * 2 * 3 * 4).reshape(5, 2, 3, 4)
    np.save(tmp_path / "a.npy", array)
    image = both(tmp_path / "a.npy", axes="tcyx")
    assert (image.axes, image.array.shape) == ("tyxc", (5, 3, 4, 2))
    np.testing.assert_array_equal(image.array[3, ..., 1], array[3, 1])
    np.testing.assert_array_equal(
        read(tmp_path / "a.npy", axes="tcyx", frame=3).array, image.array[3]
    )


@pytest.mark.parametrize("axes", ["yx", "tyy", "tyxq", "tzc"])
def test_axes_that_cannot_be_are_refused(tmp_path, axes):
    np.save(tmp_path / "a.npy", np.zeros((5, 8, 9)))
    with pytest.raises(InvalidError, match="axes"):
        read(tmp_path / "a.npy", axes=axes)


@pytest.mark.parametrize("name", ["a.npy", "a.tif"])
def test_complex_numbers_are_refused_when_the_header_is_read(tmp_path, name):
    pixels = np.ones((8, 8), np.complex64)
    np.save(tmp_path / name, pixels) if name == "a.npy" else tifffile.imwrite(
        tmp_path / name, pixels
    )
    for reads in (probe, read):
        with pytest.raises(InvalidError, match=rf"complex64 in .*{name}.*magnitude"):
            reads(tmp_path / name)


def test_axes_are_letters(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((8, 8)))
    with pytest.raises(InvalidError, match=r"axes.*letters"):
        read(tmp_path / "a.npy", axes=7)


def test_a_pickled_object_is_never_loaded(tmp_path):
    np.save(tmp_path / "a_seg.npy", {"masks": 1}, allow_pickle=True)
    with pytest.raises(InvalidError, match="pickles can run code and are never loaded"):
        read(tmp_path / "a_seg.npy")


# TIFF


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "float32", "float64"]
)
@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_tiff_of_any_type(tmp_path, dtype, compression):
    array = np.arange(12).reshape(3, 4).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", array, compression=compression)
    image = both(tmp_path / "a.tif")
    assert image.array.dtype == dtype
    np.testing.assert_array_equal(image.array[..., 0], array)


def test_big_endian_pixels_come_in_native_order(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY.astype(">u2"), byteorder=">")
    image = both(tmp_path / "a.tif")
    assert image.array.dtype.isnative
    np.testing.assert_array_equal(image.array[..., 0], GREY)


@pytest.mark.parametrize(
    ("stored", "axes", "expected"),
    [
        ("ZYX", "zyxc", (5, 6, 7, 1)),
        ("TYX", "tyxc", (5, 6, 7, 1)),
        ("CYX", "yxc", (6, 7, 5)),
        ("YXC", "yxc", (5, 6, 7)),
    ],
)
@pytest.mark.parametrize("ome", [False, True])
def test_pages_are_what_the_metadata_says(tmp_path, stored, axes, expected, ome):
    array = np.arange(210, dtype=np.uint16).reshape(5, 6, 7)
    name = "a.ome.tif" if ome else "a.tif"
    if ome and stored == "YXC":
        array, stored = np.moveaxis(array, -1, 0), "CYX"
    tifffile.imwrite(
        tmp_path / name, array, ome=ome, photometric="minisblack", metadata={"axes": stored}
    )
    image = both(tmp_path / name)
    assert (image.axes, image.array.shape, image.name) == (axes, expected, "a")


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_imagej_hyperstacks_and_single_frames(tmp_path, compression):
    array = np.arange(2 * 3 * 4 * 5 * 6, dtype=np.uint16).reshape(2, 3, 4, 5, 6)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, imagej=True, compression=compression, metadata={"axes": "TZCYX"})
    image = both(path)
    assert (image.axes, image.array.shape) == ("tzyxc", (2, 3, 5, 6, 4))
    np.testing.assert_array_equal(image.array[1, 2, ..., 3], array[1, 2, 3])
    frame = read(path, frame=1)
    assert frame.axes == "zyxc"
    np.testing.assert_array_equal(frame.array, image.array[1])


def test_a_plain_stack_is_z_unless_told_otherwise(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 16, 17), np.uint8), metadata=None)
    assert both(tmp_path / "a.tif").axes == "zyxc"
    assert both(tmp_path / "a.tif", axes="tyx").axes == "tyxc"
    assert both(tmp_path / "a.tif", axes="cyx").array.shape == (16, 17, 5)


def test_pages_that_are_rows_of_an_image_with_channels_last_are_put_right(tmp_path):
    """An array (y, x, 2) written without a word about axes arrives as y pages of x by 2."""
    array = np.arange(40 * 30 * 2, dtype=np.float32).reshape(40, 30, 2)
    tifffile.imwrite(tmp_path / "a.tif", array, metadata=None, photometric="minisblack")
    np.testing.assert_array_equal(both(tmp_path / "a.tif").array, array)


def test_rgb_tiff_interleaved_or_planar(tmp_path):
    for planar in ("contig", "separate"):
        array = COLOURS if planar == "contig" else np.moveaxis(COLOURS, -1, 0)
        tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", planarconfig=planar)
        image = both(tmp_path / "a.tif")
        assert image.channel_names == ("red", "green", "blue")
        np.testing.assert_array_equal(image.array, COLOURS)


def test_alpha_of_a_tiff_is_left_out(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    Pillow.fromarray(array).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(both(tmp_path / "a.tif").array, array[..., :3])


def test_a_colour_map_means_colours_except_in_imagej_files(tmp_path):
    colours = np.zeros((3, 256), np.uint16)
    colours[0] = 65535
    index = np.array([[0, 1, 2]], np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", index, photometric="palette", colormap=colours)
    assert both(tmp_path / "a.tif").array.tolist() == [[[255, 0, 0]] * 3]
    assert read_labels(tmp_path / "a.tif").tolist() == [[0, 1, 2]]
    tifffile.imwrite(tmp_path / "b.tif", index, imagej=True, colormap=colours)
    assert both(tmp_path / "b.tif").array[..., 0].tolist() == [[0, 1, 2]]


def test_white_is_zero_is_turned_round_for_images_and_left_for_grey_labels(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, photometric="miniswhite")
    np.testing.assert_array_equal(both(tmp_path / "a.tif").array[..., 0], 255 - GREY)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), GREY)


def test_several_images_in_one_file_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        writer.write(GREY, photometric="minisblack")
        writer.write(GREY, photometric="minisblack")
    with pytest.raises(InvalidError, match="2 images"):
        probe(tmp_path / "a.ome.tif")


@pytest.mark.parametrize(("unit", "size"), [("µm", 0.25), ("nm", 250.0), ("mm", 0.00025)])
def test_pixel_size_of_ome_in_any_unit(tmp_path, unit, size):
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "ZYX"}
    for axis, factor in (("Z", 4), ("Y", 1), ("X", 2)):
        metadata |= {f"PhysicalSize{axis}": factor * size, f"PhysicalSize{axis}Unit": unit}
    tifffile.imwrite(path, np.zeros((3, 4, 5), np.uint8), ome=True, metadata=metadata)
    assert both(path).pixel_size_um == pytest.approx((1.0, 0.25, 0.5))


def test_pixel_size_of_imagej(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, imagej=True, resolution=(4, 2), metadata={"unit": "micron"})
    assert both(path).pixel_size_um == (0.5, 0.25)


def test_dots_per_inch_are_no_pixel_size(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, resolution=(72, 72), resolutionunit="INCH")
    assert both(tmp_path / "a.tif").pixel_size_um is None


def test_channels_by_index_or_name(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}}
    tifffile.imwrite(path, array, ome=True, photometric="minisblack", metadata=metadata)
    assert probe(path).channel_names == ("DAPI", "GFP")
    image = read(path, channels="gfp")
    assert image.channel_names == ("GFP",)
    np.testing.assert_array_equal(image.array[..., 0], array[1])
    np.testing.assert_array_equal(read(path, channels=[1, "DAPI"]).array[..., 1], array[0])
    with pytest.raises(InvalidError, match=r"one of \"DAPI\", \"GFP\"\..*'RFP'"):
        read(path, channels="RFP")
    with pytest.raises(InvalidError, match=r"0 to 1.*2 channel"):
        read(path, channels=2)


# Labels


def test_interpolated_masks_are_refused(tmp_path):
    mask = np.zeros((40, 40), np.uint8)
    mask[10:30, 10:30] = 255
    path = save(tmp_path, "a.jpg", mask, quality=60)
    with pytest.raises(InvalidError, match=r"a\.jpg.*grey levels in a JPEG.*PNG or TIFF"):
        read_labels(path)
    scaled = np.asarray(Pillow.fromarray(mask).resize((90, 90), Pillow.Resampling.BILINEAR))
    with pytest.raises(InvalidError, match="at its edges"):
        read_labels(save(tmp_path, "a.png", scaled))


OBJECTS = np.zeros((64, 64), np.uint8)
OBJECTS[5:30, 8:30], OBJECTS[35:60, 20:50], OBJECTS[10:25, 40:60] = 3, 60, 150


@pytest.mark.parametrize(
    ("compression", "arguments"),
    [
        ("jpeg", {"level": 100}),
        ("jpeg2000", {"level": 40}),
        ("webp", {"level": 50, "lossless": False}),
    ],
)
def test_numbers_that_compression_inside_a_tiff_may_have_changed_are_refused(
    tmp_path, compression, arguments
):
    path, colour = tmp_path / "a.tif", compression == "webp"
    pixels = np.stack([OBJECTS] * 3, -1) if colour else OBJECTS
    tifffile.imwrite(path, pixels, compression=compression, compressionargs=arguments,
                     photometric="rgb" if colour else "minisblack")  # fmt: skip
    with pytest.raises(InvalidError, match=r"a\.tif.*(JPEG|colours)"):
        read_labels(path)


@pytest.mark.parametrize("compression", ["jpeg2000", "jpegxl", "zlib", "lzw"])
def test_numbers_that_compression_left_alone_are_read(tmp_path, compression):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, OBJECTS, compression=compression, photometric="minisblack")
    np.testing.assert_array_equal(read_labels(path), OBJECTS)


def test_0_255_and_rgb_masks_are_understood_and_said_so(tmp_path):
    mask = np.array([[0, 255]], np.uint8)
    assert read_labels_as(save(tmp_path, "a.png", mask))[1] == "0/255 mask"
    labels, said = read_labels_as(save(tmp_path, "b.png", np.stack([mask] * 3, -1)))
    assert (labels.tolist(), said) == ([[0, 255]], "RGB mask of equal red, green and blue")
    red = np.stack([mask, 0 * mask, 0 * mask], -1)
    labels, said = read_labels_as(save(tmp_path, "c.png", red))
    assert (labels.tolist(), said) == ([[0, 1]], "RGB mask of two colours")


def test_a_mask_drawn_in_alpha_is_understood(tmp_path):
    array = np.zeros((1, 3, 4), np.uint8)
    array[0, 1, 3] = 255
    labels, said = read_labels_as(save(tmp_path, "a.png", array))
    assert (labels.tolist(), said) == ([[0, 1, 0]], "mask drawn in alpha")


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_alpha_beside_labels_is_said_where_it_says_anything(tmp_path, name):
    numbers, opaque = np.array([[0, 1, 7]], np.uint8), np.array([[255, 255, 0]], np.uint8)
    path = save(tmp_path, name, np.dstack([numbers, opaque]))
    with pytest.warns(GuessWarning, match="numbers beside alpha, which is left out") as said:
        assert read_labels(path).tolist() == [[0, 1, 7]]
    assert len(said) == 1
    path = save(tmp_path, name, np.dstack([numbers, opaque * 0 + 255]))
    with warnings.catch_warnings(action="error"):
        assert read_labels(path).tolist() == [[0, 1, 7]]


def test_coloured_classes_are_refused(tmp_path):
    with pytest.raises(InvalidError, match=r"6 colours.*numbers"):
        read_labels(save(tmp_path, "a.png", COLOURS))


@pytest.mark.parametrize(
    ("top", "dtype"), [(1, "uint8"), (255, "uint8"), (256, "uint16"), (65536, "uint32")]
)
@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 5)])
def test_written_labels_come_back_in_the_smallest_type_with_pixel_size(tmp_path, top, dtype, shape):
    labels = np.zeros(shape, np.int64)
    labels[..., 1] = top
    size = (2.0, 0.5, 0.25)[-len(shape) :]
    path = write_labels(tmp_path / "a.tif", labels, size)
    assert probe(path).dtype == dtype
    assert probe(path).pixel_size_um == pytest.approx(size)
    np.testing.assert_array_equal(read_labels(path), labels)
    with tifffile.TiffFile(path) as tiff:
        assert tiff.pages[0].compression.name == "ADOBE_DEFLATE"
        assert tiff.is_imagej or dtype == "uint32"


@pytest.mark.parametrize("size", [5e-324, 1e300])
def test_a_pixel_size_that_tiff_does_not_hold_is_refused(tmp_path, size):
    with pytest.raises(InvalidError, match=r"`pixel_size_um`.*1e-5 to 1e9"):
        write_labels(tmp_path / "a.tif", np.eye(3, dtype=bool), size)


def test_boolean_labels_and_one_pixel_size_for_all_axes(tmp_path):
    path = write_labels(tmp_path / "a.tif", np.eye(3, dtype=bool), 0.5)
    assert probe(path).pixel_size_um == pytest.approx((0.5, 0.5))
    assert read_labels(path).tolist() == np.eye(3, dtype=int).tolist()


@pytest.mark.parametrize(
    ("name", "labels", "match"),
    [
        ("a.png", np.zeros((2, 2), int), "a name ending"),
        ("a.tif", np.zeros((2, 2)), "whole numbers"),
        ("a.tif", np.array([[-1, 0]]), "0 to 4294967295"),
        ("a.tif", np.zeros((2, 2, 2, 2), int), "shape"),
        ("none/a.tif", np.zeros((2, 2), int), "folder that exists"),
    ],
)
def test_labels_that_cannot_be_written_leave_nothing_behind(tmp_path, name, labels, match):
    with pytest.raises(InvalidError, match=match):
        write_labels(tmp_path / name, labels)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_replaced_only_where_that_is_asked_for(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.full((3, 3), 7, "u1"))
    before = path.read_bytes()
    with pytest.raises(InvalidError, match=r"`path`. Expected a new file. .*overwrite"):
        write_labels(path, np.eye(3, dtype=int))
    assert path.read_bytes() == before
    write_labels(path, np.eye(3, dtype=int), overwrite=True)
    assert (read_labels(path) == np.eye(3)).all()


def test_a_failed_write_keeps_the_file_that_was_there(tmp_path, monkeypatch):
    path = write_labels(tmp_path / "a.tif", np.eye(3, dtype=int))
    monkeypatch.setattr(tifffile, "imwrite", full_disk)
    with pytest.raises(OSError, match="full"):
        write_labels(path, np.zeros((3, 3), int), overwrite=True)
    assert list(tmp_path.iterdir()) == [path]
    assert read_labels(path).any()


def full_disk(*_, **__):
    raise OSError("disk full")


# What cannot be read


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".npy", ".bmp"])
@pytest.mark.parametrize("kept", [0, 20, 0.6])
def test_cut_off_files_are_named(tmp_path, suffix, kept):
    rng = np.random.default_rng(0)
    array = rng.integers(0, 255, (64, 64)).astype(np.uint8)
    whole = io.BytesIO()
    if suffix == ".npy":
        np.save(whole, array)
    elif suffix == ".tif":
        tifffile.imwrite(whole, array, compression="zlib", rowsperstrip=8)
    else:
        Pillow.fromarray(array).save(whole, {".png": "png", ".jpg": "jpeg", ".bmp": "bmp"}[suffix])
    data = whole.getvalue()
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(data[: kept if isinstance(kept, int) else int(kept * len(data))])
    with pytest.raises(InvalidError, match="broken"):
        read(path)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_cut_off_uncompressed_tiff_is_not_filled_with_zeros(tmp_path, dtype):
    path = tmp_path / "broken.tif"
    tifffile.imwrite(path, np.ones((64, 64), dtype))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InvalidError, match="broken"):
        read(path)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("a.oib", "bfconvert"),
        ("a.VSI", "Fiji"),
        ("a.npz", "pass the array"),
        ("a.zarr", "starts with"),
        ("a.gif", "PNG"),
        ("a.nii.gz", "Slicer"),
        ("a.mrxs", "bfconvert"),
        ("a.svs", "starts with"),
        ("RoiSet.zip", "a folder of labels"),
        ("a.roi", "a folder of labels"),
        ("a.xyz", "TIFF or PNG"),
    ],
)
def test_formats_not_read_come_with_the_way_to_convert_them(tmp_path, name, hint):
    (tmp_path / name).write_bytes(b"something")
    with pytest.raises(InvalidError, match=hint):
        read(tmp_path / name)


def test_a_missing_file_and_one_that_is_no_image_are_told_apart(tmp_path):
    with pytest.raises(InvalidError, match="nothing there"):
        read(tmp_path / "a.png")
    (tmp_path / "a.png").write_text("<html>")
    with pytest.raises(InvalidError, match="starts with"):
        read(tmp_path / "a.png")
    with pytest.raises(InvalidError, match="a folder"):
        read(tmp_path)


def test_content_decides_not_the_ending(tmp_path):
    Pillow.fromarray(GREY).save(tmp_path / "a.tif", format="PNG")
    np.testing.assert_array_equal(both(tmp_path / "a.tif").array[..., 0], GREY)


def test_names_without_ending():
    assert [stem(n) for n in ("a.ome.tiff", "a.b.png", "x/a.OME.TIF")] == ["a", "a.b", "a"]
    assert all(s.startswith(".") for s in SUFFIXES)


# Real files of other programs


@pytest.mark.parametrize(
    ("name", "axes", "shape", "dtype", "size"),
    [
        ("tiff/hela-cells.tif", "yxc", (512, 672, 3), "uint16", (0.0515, 0.0515)),
        ("tiff/cancer_cell_migration_crop.tif", "zyxc", (48, 130, 130, 1), "uint16", None),
        ("tiff/bbbc022_IXMtest_A02_s9.tif", "yxc", (395, 695, 3), "uint16", None),
        ("tiff/CH1_16bit.tif", "yxc", (408, 406, 1), "uint16", None),
        ("tiff/CH3_Fluorescence_8bit.tif", "yxc", (272, 275, 3), "uint8", None),
        ("tiff/Fluorescence_RGB.tif", "yxc", (272, 275, 3), "uint8", None),
        ("ome_tiff/multi-channel-time-series.ome.tif", "tyxc", (7, 167, 439, 3), "int8", None),
        ("ome_tiff/z-series.ome.tif", "zyxc", (5, 167, 439, 1), "int8", None),
        ("ome_tiff/single-channel.ome.tif", "yxc", (167, 439, 1), "int8", None),
        ("ome_tiff/companion/multifile-Z1.ome.tiff", "zyxc", (5, 24, 18, 1), "uint8", None),
        ("ome_tiff/companion/multifile-Z4.ome.tiff", "zyxc", (5, 24, 18, 1), "uint8", None),
        ("ome_tiff/master/multifile-Z3.ome.tiff", "zyxc", (5, 24, 18, 1), "uint8", None),
        ("ome_tiff/master/multifile-Z1.ome.tiff", "zyxc", (5, 24, 18, 1), "uint8", None),
        (
            "ome_tiff/170918_tn_neutrophil_migration_wave.ome.tif",
            "yxc",
            (1024, 1024, 1),
            "uint16",
            (1.0, 1.0),
        ),
        ("ome_tiff/FOV7_HV110_P0500510000.ome.tiff", "yxc", (512, 512, 1), "uint8", None),
    ],
)
def test_files_of_other_programs(real_data, name, axes, shape, dtype, size):
    image = both(real_data / "io_fixtures" / name)
    assert (image.axes, image.array.shape, image.array.dtype) == (axes, shape, dtype)
    assert image.pixel_size_um == (size and pytest.approx(size, abs=1e-4))
    assert image.array.any()


def test_every_real_image_and_label_is_read_as_its_header_says(real_data):
    for path in sorted(real_data.glob("[!di]*/**/images/*"))[::7]:
        both(path)
    for path in sorted(real_data.glob("[!i]*/**/labels/*.tif"))[::25]:
        labels, said = read_labels_as(path)
        assert (labels.dtype, said) == (np.uint16, "")


@pytest.mark.parametrize("linked", [True, False])
def test_a_file_that_comes_while_labels_are_written_stays(tmp_path, monkeypatch, linked):
    """Also on a disk without links."""
    path, plain = tmp_path / "a.tif", tifffile.imwrite

    def slow(*args, **settings):
        plain(*args, **settings)
        path.write_text("mine")

    def no_links(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(tifffile, "imwrite", slow)
    if not linked:
        monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(InvalidError, match=r"Expected a new file.*overwrite=True"):
        write_labels(path, np.eye(3, dtype=int))
    assert [one.read_text() for one in tmp_path.iterdir()] == ["mine"]
    path.unlink()
    monkeypatch.setattr(tifffile, "imwrite", plain)
    write_labels(path, np.eye(3, dtype=int))
    assert list(tmp_path.iterdir()) == [path]
