"""TIFF tags that change what pixels mean, for images and for labels, by other programs' writers."""

from __future__ import annotations

import re
import struct
import warnings

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

import cytoloom as cl
from cytoloom.datasets.checks import check
from cytoloom.datasets.unlabelled import as_images
from cytoloom.errors import InvalidError
from cytoloom.images import probe, read, read_labels

RNG = np.random.default_rng(3)
GREY = RNG.integers(0, 256, (24, 30)).astype(np.uint8)
COLOURS = RNG.integers(0, 256, (24, 30, 3)).astype(np.uint8)
LABELS = np.zeros((24, 30), np.uint8)
LABELS[3:9, 3:11], LABELS[12:20, 14:28] = 1, 2
MASK = (LABELS > 0).astype(np.uint8) * np.uint8(255)


def write(folder, array, name="a.tif", **options):
    """Write by tifffile, without a word of its own unless asked for."""
    tifffile.imwrite(folder / name, array, **({"metadata": None} | options))
    return folder / name


def pages(folder, *written, name="a.tif"):
    """Write several pages, each (array, options)."""
    with tifffile.TiffWriter(folder / name) as writer:
        for array, options in written:
            writer.write(array, **({"metadata": None} | options))
    return folder / name


def raw(folder, data, tags, name="a.tif"):
    """Write one strip of bytes under any tags, {code: value or values}: a TIFF by hand."""
    tags = {273: 8, 278: tags[257], 279: len(data), 277: 1, **tags}
    body, more = b"", b""
    at = 8 + len(data)
    behind = at + 2 + 12 * len(tags) + 4
    for code, value in sorted(tags.items()):
        values = value if isinstance(value, tuple) else (value,)
        kind, packed = 4, struct.pack(f"<{len(values)}I", *values)
        if code in (258, 259, 262, 266, 274, 277, 284, 338, 339):
            kind, packed = 3, struct.pack(f"<{len(values)}H", *values)
        if len(packed) > 4:
            packed, more = struct.pack("<I", behind + len(more)), more + packed
        body += struct.pack("<HHI", code, kind, len(values)) + packed.ljust(4, b"\0")
    directory = struct.pack("<H", len(tags)) + body + struct.pack("<I", 0)
    (folder / name).write_bytes(b"II*\0" + struct.pack("<I", at) + data + directory + more)
    return folder / name


def quietly(path, **options):
    """Read, seeing that the header alone says the same, and nothing of it had to be guessed."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        info, image = probe(path, **options), read(path, **options)
    assert (info.shape, info.dtype, info.axes) == (image.array.shape, image.array.dtype, image.axes)
    return image.array


def told(path, match):
    """Read what is said to be odd, in the header and by a warning."""
    info = probe(path)
    assert any(re.search(match, text) for text in info.notes_of_image), info
    with pytest.warns(UserWarning, match=f"{path.name}: .*{match}"):
        image = read(path)
    assert info.shape == image.array.shape
    return image.array


# What grey values and colours mean


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_white_is_zero_is_turned_round_at_any_depth(tmp_path, bits):
    """Images are, and masks; numbered labels keep their numbers."""
    top, dtype = 2**bits - 1, np.uint16 if bits > 8 else np.uint8
    shown = (GREY.astype(dtype) * 257 if bits > 8 else GREY >> (8 - bits)).astype(dtype)
    options = {"bitspersample": bits, "photometric": "miniswhite"}
    path = write(tmp_path, (top - shown).astype(dtype), **options)
    scale = 255 if bits == 1 else 1
    found = quietly(path) if bits == 1 else told(path, "turned round, numbers of labels are not")
    np.testing.assert_array_equal(found[..., 0], shown * scale)
    path = write(tmp_path, np.where(MASK > 0, 0, top).astype(dtype), **options)
    np.testing.assert_array_equal(read_labels(path) > 0, MASK > 0)
    if bits > 1:
        path = write(tmp_path, LABELS.astype(dtype), **options)
        np.testing.assert_array_equal(read_labels(path), LABELS)


def test_an_inverted_colour_map_of_imagej_leaves_a_mask_as_it_is(tmp_path):
    """ImageJ shows such masks black on white, and 255 is what was found."""
    path = write(tmp_path, MASK, photometric="miniswhite", description="ImageJ=1.54f\n")
    np.testing.assert_array_equal(read_labels(path), MASK)
    np.testing.assert_array_equal(quietly(path)[..., 0], MASK)


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_white_is_zero_has_no_top_in_other_types_which_is_said(tmp_path, dtype):
    path = write(tmp_path, GREY.astype(dtype), photometric="miniswhite")
    np.testing.assert_array_equal(told(path, "white is zero")[..., 0], GREY)


def palette(colours, size=256):
    """Return a colour map of 16 bits whose first entries are given with 8."""
    found = np.zeros((3, size), np.uint16)
    found[:, : len(colours)] = np.array(colours).T * 257
    return found


def test_colour_maps_give_colours_or_one_channel_of_greys(tmp_path):
    colours = palette([(0, 0, 0), (255, 0, 0), (0, 9, 255)])
    options = {"photometric": "palette", "colormap": colours}
    np.testing.assert_array_equal(
        quietly(write(tmp_path, LABELS, **options)), (colours.T[LABELS] >> 8)
    )
    options["colormap"] = palette([(k, k, k) for k in range(0, 250, 80)])
    np.testing.assert_array_equal(quietly(write(tmp_path, LABELS, **options))[..., 0], LABELS * 80)
    np.testing.assert_array_equal(read_labels(write(tmp_path, LABELS, **options)), LABELS)


def test_colour_maps_of_8_bits_are_not_taken_for_black(tmp_path):
    colours = np.stack([np.arange(256), np.zeros(256), np.zeros(256)]).astype(np.uint16)
    path = write(tmp_path, GREY, photometric="palette", colormap=colours)
    np.testing.assert_array_equal(quietly(path)[..., 0], GREY)


@pytest.mark.parametrize("form", ["tif", "png", "bmp"])
def test_a_mask_whose_white_has_the_number_0_is_what_it_shows(tmp_path, form):
    """As GIS and faxes write: the colour map says white first. Numbered labels keep theirs."""
    index = (MASK == 0).astype(np.uint8)
    picture = Pillow.fromarray(index).convert("P")
    picture.putpalette([255, 255, 255, 0, 0, 0])
    picture.save(tmp_path / f"a.{form}")
    np.testing.assert_array_equal(read_labels(tmp_path / f"a.{form}"), MASK > 0)
    np.testing.assert_array_equal(quietly(tmp_path / f"a.{form}")[..., 0], MASK)
    picture = Pillow.fromarray(LABELS).convert("P")
    picture.putpalette([255, 255, 255, 0, 0, 0, 9, 9, 9])
    picture.save(tmp_path / f"b.{form}")
    np.testing.assert_array_equal(read_labels(tmp_path / f"b.{form}"), LABELS)


WHITE_FIRST = {
    "two colours": [(255, 255, 255), (0, 0, 255)],
    "many colours": [(255, 255, 255), (0, 0, 255), (255, 0, 0), (0, 255, 0)],
    "greys": [(255, 255, 255), (0, 0, 0), (90, 90, 90)],
}


@pytest.mark.parametrize("form", ["tif", "png", "bmp"])
@pytest.mark.parametrize("colours", WHITE_FIRST.values(), ids=WHITE_FIRST)
def test_numbers_are_labels_whichever_of_the_colours_an_image_has(tmp_path, form, colours):
    """Glasbey's table begins with white: background of an empty image, and of one object."""
    path = tmp_path / f"a.{form}"
    for labels in (0 * LABELS, np.minimum(LABELS, 1)):
        if form == "tif":
            tifffile.imwrite(path, labels, photometric="palette", colormap=palette(colours))
        else:
            picture = Pillow.fromarray(labels).convert("P")
            picture.putpalette([part for colour in colours for part in colour])
            picture.save(path)
        np.testing.assert_array_equal(read_labels(path), labels)


def test_an_empty_image_is_no_mask_turned_round(tmp_path):
    """Numbers begin at white where white is zero, and an image without objects has no others."""
    empty = write(tmp_path, 0 * LABELS, photometric="miniswhite")
    with pytest.warns(UserWarning, match="white is zero"):
        assert not read_labels(empty).any()


@pytest.mark.parametrize("photometric", ["ycbcr", "rgb"])
def test_jpeg_in_tiff_gives_red_green_and_blue(tmp_path, photometric):
    """Whichever way its colours are stored."""
    smooth = np.broadcast_to(np.array([200, 100, 30], np.uint8), (32, 32, 3)).copy()
    if photometric == "ycbcr":
        path = write(tmp_path, smooth, photometric="rgb", compression="jpeg")
    else:
        path = tmp_path / "a.tif"
        Pillow.fromarray(smooth).save(path, compression="jpeg")
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].photometric.name.lower() == photometric
    assert np.abs(quietly(path).astype(int) - smooth).max() <= 3
    assert probe(path).channel_names == ("red", "green", "blue")


@pytest.mark.parametrize(
    ("photometric", "channels", "match"),
    [
        ("separated", 4, "inks"),
        ("ycbcr", 3, "YCbCr"),
        ("cielab", 3, r"L\*a\*b\*"),
        ("cfa", 1, "colour filter"),
    ],
)
def test_pixels_that_are_neither_grey_nor_rgb_are_refused(tmp_path, photometric, channels, match):
    """Taken for channels, each would mean something else."""
    array = RNG.integers(0, 256, (24, 30, channels)).astype(np.uint8).squeeze()
    path = write(tmp_path, array, photometric=photometric)
    for reads in (probe, read, read_labels):
        with pytest.raises(InvalidError, match=rf"a\.tif.*{match}.*save it as RGB"):
            reads(path)


def test_inks_that_are_no_cmyk_are_channels(tmp_path):
    array = RNG.integers(0, 256, (24, 30, 4)).astype(np.uint8)
    path = write(tmp_path, array, photometric="separated", extratags=[(332, 3, 1, 2, True)])
    np.testing.assert_array_equal(quietly(path), array)


# How samples are stored


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 24, 32])
def test_any_number_of_bits_gives_the_values_that_were_written(tmp_path, bits):
    dtype = np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32
    values = RNG.integers(0, 2**bits, (24, 30)).astype(dtype)
    path = write(tmp_path, values, bitspersample=bits)
    found = quietly(path)[..., 0]
    np.testing.assert_array_equal(found, values * np.uint8(255) if bits == 1 else values)
    np.testing.assert_array_equal(read_labels(write(tmp_path, LABELS, bitspersample=8)), LABELS)


@pytest.mark.parametrize("bits", [16, 24, 32, 64])
def test_floats_of_any_length(tmp_path, bits):
    values = (GREY.astype(np.float32) - 100) / 8
    tags = {256: 30, 257: 24, 258: bits, 262: 1, 339: 3}
    data = (
        imagecodecs.float24_encode(values)
        if bits == 24
        else values.astype(f"<f{bits // 8}").tobytes()
    )
    np.testing.assert_array_equal(quietly(raw(tmp_path, data, tags))[..., 0], values)


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_signed_values_stay_signed(tmp_path, bits):
    values = (GREY.astype(int) - 128).astype(f"int{bits}")
    np.testing.assert_array_equal(quietly(write(tmp_path, values))[..., 0], values)


def test_bits_in_the_other_order_are_turned(tmp_path):
    """FillOrder 2: the lowest bit of a byte comes first."""
    bits = RNG.integers(0, 2, (24, 32)).astype(bool)
    data = np.packbits(bits, axis=1, bitorder="little").tobytes()
    path = raw(tmp_path, data, {256: 32, 257: 24, 258: 1, 262: 1, 266: 2})
    np.testing.assert_array_equal(quietly(path)[..., 0], bits * np.uint8(255))
    np.testing.assert_array_equal(read_labels(path), bits)


def test_samples_of_unknown_types_are_refused_as_such(tmp_path):
    """Not as a damaged file."""
    path = raw(tmp_path, bytes(24 * 30 * 5), {256: 30, 257: 24, 258: 40, 262: 1, 339: 3})
    with pytest.raises(InvalidError) as caught:
        read(path)
    assert "damaged" not in str(caught.value)
    assert "40 bits" in str(caught.value)


@pytest.mark.parametrize("planar", [1, 2])
@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("predictor", [None, 2])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_planes_tiles_predictors_and_bytes_in_any_order(
    tmp_path, planar, tile, predictor, byteorder
):
    array = COLOURS.astype(np.uint16) * 200
    stored = array if planar == 1 else np.moveaxis(array, -1, 0)
    path = write(
        tmp_path, stored, photometric="rgb", planarconfig=planar, tile=tile, predictor=predictor,
        compression="zlib", byteorder=byteorder, bigtiff=byteorder == ">",
    )  # fmt: skip
    np.testing.assert_array_equal(quietly(path), array)


@pytest.mark.parametrize(
    "compression", ["packbits", "lzw", "zlib", "lzma", "zstd", "png", "jpeg2000", "jpegxl", "lerc"]
)
def test_lossless_compressions_keep_images_and_labels(tmp_path, compression):
    np.testing.assert_array_equal(
        quietly(write(tmp_path, GREY, compression=compression))[..., 0], GREY
    )
    path = write(tmp_path, LABELS, compression=compression)
    np.testing.assert_array_equal(read_labels(path), LABELS)


@pytest.mark.parametrize("compression", ["group3", "group4", "packbits", "tiff_lzw"])
def test_faxes_of_other_programs(tmp_path, compression):
    Pillow.fromarray(MASK).convert("1").save(tmp_path / "a.tif", compression=compression)
    np.testing.assert_array_equal(quietly(tmp_path / "a.tif")[..., 0], MASK)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), MASK > 0)


# Which way is up


def turned(array, orientation):
    """Return what is stored so that it is shown as `array`, by Pillow, another program."""
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # its names of what undoes each
    return np.asarray(Pillow.fromarray(array).transpose(Pillow.Transpose(back[orientation])))


@pytest.mark.parametrize("orientation", range(2, 9))
def test_an_orientation_is_applied_to_images_and_labels_and_said(tmp_path, orientation):
    """As for photographs: a label image with the tag, and one without, fit the same image."""
    tag = {"extratags": [(274, 3, 1, orientation, True)], "resolution": (25400, 12700)}
    path = write(tmp_path, turned(GREY, orientation), **tag, resolutionunit=2)
    np.testing.assert_array_equal(told(path, f"Orientation {orientation}")[..., 0], GREY)
    expected = (1.0, 2.0) if orientation >= 5 else (2.0, 1.0)
    assert probe(path).pixel_size_um == pytest.approx(expected)
    assert not probe(path).regions
    path = write(tmp_path, turned(LABELS, orientation), "b.tif", **tag)
    np.testing.assert_array_equal(read_labels(path), LABELS)


@pytest.mark.parametrize("orientation", [1, 0, 9])
def test_no_orientation_and_one_that_is_none_turn_nothing(tmp_path, orientation):
    path = write(tmp_path, GREY, extratags=[(274, 3, 1, orientation, True)])
    np.testing.assert_array_equal(quietly(path)[..., 0], GREY)


# Channels and alpha


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("said", [{"axes": "CYX"}, {"axes": "YXC"}, {}, None])
def test_four_channels_stay_four_whatever_their_writer_called_the_last(tmp_path, dtype, said):
    """tifffile calls it alpha unasked."""
    array = RNG.integers(1, 200, (24, 30, 4)).astype(dtype)
    stored = np.moveaxis(array, -1, 0) if said == {"axes": "CYX"} else array
    path = write(tmp_path, stored, metadata=said)
    np.testing.assert_array_equal(told(path, "marked as alpha"), array)
    with warnings.catch_warnings(action="error"):
        chosen = read(path, channels=[0, 1, 2])
    np.testing.assert_array_equal(chosen.array, array[..., :3])


def test_alpha_of_other_programs_is_left_out_and_masks_are_drawn_in_it(tmp_path):
    Pillow.fromarray(np.dstack([COLOURS, MASK])).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(told(tmp_path / "a.tif", "left out; keep it.*yxc"), COLOURS)
    np.testing.assert_array_equal(quietly(tmp_path / "a.tif", axes="yxc")[..., 3], MASK)
    Pillow.fromarray(np.dstack([GREY, MASK])).save(tmp_path / "b.tif")
    np.testing.assert_array_equal(told(tmp_path / "b.tif", "alpha and left out")[..., 0], GREY)
    warnings.simplefilter("ignore")
    for black in (np.zeros_like(COLOURS), np.zeros_like(GREY)):
        Pillow.fromarray(np.dstack([black, MASK])).save(tmp_path / "c.tif")
        with warnings.catch_warnings(action="error"):
            np.testing.assert_array_equal(read_labels(tmp_path / "c.tif"), MASK > 0)


@pytest.mark.parametrize(
    ("shape", "axes", "instead"),
    [
        ((4, 24, 30), "zyxc", "cyx"),
        ((9, 24, 30), "zyxc", "tyx"),
        ((24, 30, 5), "zyxc", "yxc"),
        ((24, 30, 3), "yxc", None),
    ],
)
@pytest.mark.parametrize("name", ["a.tif", "a.npy"])
def test_axes_that_nobody_names_are_guessed_aloud(tmp_path, shape, axes, instead, name):
    array = RNG.integers(0, 256, shape).astype(np.uint8)
    if name == "a.npy":
        np.save(tmp_path / name, array)
    else:
        write(tmp_path, array, photometric="minisblack" if instead else "rgb")
    if instead is None:
        quietly(tmp_path / name)
        return
    told(tmp_path / name, f"axes='{instead}'")
    assert probe(tmp_path / name).axes == axes
    quietly(tmp_path / name, axes=instead)


# Which image of a file is meant


SMALL = np.ascontiguousarray(GREY[::4, ::4])
OVERVIEW = {"subfiletype": 1}


@pytest.mark.parametrize(
    "written",
    [
        [(SMALL, OVERVIEW), (GREY, {})],
        [(GREY, {}), (SMALL, OVERVIEW)],
        [(GREY, {}), (GREY[::2, ::2].copy(), OVERVIEW), (SMALL, OVERVIEW)],
        [(GREY, {"subifds": 1}), (SMALL, OVERVIEW)],
        [(GREY, {}), (MASK > 0, {"subfiletype": 4, "photometric": "mask"})],
        [(COLOURS[::4, ::4].copy(), {**OVERVIEW, "photometric": "rgb"}), (GREY, {})],
    ],
)
def test_overviews_and_masks_that_say_so_are_not_the_image(tmp_path, written):
    path = pages(tmp_path, *written)
    np.testing.assert_array_equal(quietly(path)[..., 0], GREY)
    path = pages(tmp_path, *((LABELS if a is GREY else a, o) for a, o in written), name="b.tif")
    np.testing.assert_array_equal(read_labels(path), LABELS)


@pytest.mark.parametrize(
    "written", [[(SMALL, {}), (GREY, {})], [(GREY, {}), (SMALL, {})],
                [(GREY, {}), (GREY[::2, ::2].copy(), {}), (SMALL, {})]]
)  # fmt: skip
def test_smaller_copies_that_do_not_say_what_they_are_are_named(tmp_path, written):
    path = pages(tmp_path, *written)
    np.testing.assert_array_equal(told(path, "6 x 8.* overviews")[..., 0], GREY)


@pytest.mark.parametrize(
    "written",
    [
        [(GREY, {}), (GREY[:20].copy(), {})],
        [(GREY, {}), (GREY.astype(np.uint16), {})],
        [(GREY, {}), (COLOURS, {"photometric": "rgb"})],
        [(SMALL, {}), (GREY, {}), (GREY[:, :9].copy(), {})],
    ],
)
def test_images_of_which_either_may_be_meant_are_refused(tmp_path, written):
    path = pages(tmp_path, *written)
    for reads in (probe, read, read_labels):
        with pytest.raises(InvalidError, match=f"{len(written)} images: .*its own file"):
            reads(path)


def test_what_is_said_of_files_is_said_once_by_check(tmp_path):
    """With the images that it is about, and the way out in each face's spelling."""
    stack = np.stack([GREY] * 4)
    images = [write(tmp_path, stack, f"{k}.tif", photometric="minisblack") for k in range(7)]
    report = check((images, [np.stack([LABELS] * 4)] * 7))
    said = [text for text in report.warnings if "not named" in text]
    assert len(said) == 1
    assert said[0].startswith("0, 1, 2, 3, 4 and 2 more: ")


@pytest.mark.parametrize("name", ["a.btf", "a.tf2", "a.TF8", "a.ome.btf", "a.ome.tf2"])
def test_the_endings_of_bigtiff_are_read_and_listed(tmp_path, name):
    write(tmp_path, GREY, name, bigtiff=True)
    (item,) = as_images(tmp_path)
    assert (item.id, item.image.shape) == ("a", (24, 30, 1))
    np.testing.assert_array_equal(quietly(tmp_path / name)[..., 0], GREY)


def test_predict_says_once_what_had_to_be_guessed(tmp_path, trained):
    """With the images that it is about, before the first of them."""
    (tmp_path / "images").mkdir()
    turned_ = {"extratags": [(274, 3, 1, 3, True)]}
    for name in ("a", "b"):
        write(tmp_path / "images", GREY.astype(np.float32), f"{name}.tif", **turned_)
    events = list(cl.predict.events(trained, tmp_path / "images", rescale=None))
    said = [event.message for event in events if event.kind == "warning"]
    assert [text for text in said if "Orientation" in text] == [
        "a, b: turned upright, as its tag says (Orientation 3), which some programs ignore"
    ]


def test_an_array_with_the_channels_of_the_model_first_is_understood():
    """As an array with them last is; of other numbers z is guessed, aloud."""
    array = np.zeros((4, 24, 30))
    (item,) = as_images(array, taken=(2, 4))
    assert (item.image.shape, item.notes) == ((24, 30, 4), ())
    (item,) = as_images(array, taken=(3, 1))
    assert item.image.shape == (4, 24, 30, 1)
    assert "axes='cyx'" in item.notes[0]
    (item,) = as_images(array, axes="cyx")
    assert (item.image.shape, item.notes) == ((24, 30, 4), ())
