"""PNG, JPEG and BMP: depths, interlace, palettes, transparency, gamma, and which way is up."""

from __future__ import annotations

import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image as Pillow

from cytoloom.errors import GuessWarning, InvalidError
from cytoloom.images import probe, read, read_labels

ALPHA = "marked as alpha and left out; keep it with axes='yxc'"
RNG = np.random.default_rng(7)
GREY = RNG.integers(0, 256, (13, 18)).astype(np.uint8)
COLOURS = RNG.integers(0, 256, (13, 18, 3)).astype(np.uint8)
LABELS = np.zeros((13, 18), int)
LABELS[2:6, 3:9], LABELS[7:12, 10:17] = 1, 2
SMOOTH = np.add.outer(np.arange(16) * 9, np.arange(24) * 4).astype(np.uint8)
ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
         (1, 0, 2, 1)]  # fmt: skip


def quietly(path, **options):
    """Read, seeing that the header alone says the same, and nothing had to be guessed."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        info, image = probe(path, **options), read(path, **options)
    assert (info.shape, info.dtype) == (image.array.shape, image.array.dtype)
    return image.array


def png(path, array, depth, kind, interlaced=False, **chunks):
    """Write a PNG by hand: `kind` is its colour type, `chunks` what comes before the pixels."""

    def chunk(name, body):
        whole = name.encode() + body
        return struct.pack(">I", len(body)) + whole + struct.pack(">I", zlib.crc32(whole))

    def rows(part):
        if depth == 16:
            return b"".join(b"\0" + row.astype(">u2").tobytes() for row in part)
        bits = np.unpackbits(part.astype(np.uint8)[..., None], axis=-1)[..., -depth:]
        packed = np.packbits(bits.reshape(len(part), -1), axis=1)
        return b"".join(b"\0" + row.tobytes() for row in packed)

    passes = [array[y::dy, x::dx] for y, x, dy, dx in ADAM7] if interlaced else [array]
    data = b"".join(rows(part) for part in passes if part.size)
    head = struct.pack(">IIBBBBB", *array.shape[1::-1], depth, kind, 0, 0, interlaced)
    extra = b"".join(chunk(name, body) for name, body in chunks.items())
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk("IHDR", head) + extra + chunk("IDAT", zlib.compress(data))
        + chunk("IEND", b"")
    )  # fmt: skip
    return path


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_grey_png_of_any_depth_interlaced_or_not(tmp_path, depth, interlaced):
    """Images are stretched to their type, as viewers show them; labels keep their numbers."""
    values = RNG.integers(0, 2**depth, (13, 18))
    path = png(tmp_path / "a.png", values, depth, 0, interlaced)
    stretched = values if depth == 16 else values * (255 // (2**depth - 1))
    np.testing.assert_array_equal(quietly(path)[..., 0], stretched)
    labels = np.minimum(LABELS, 2**depth - 1)
    path = png(tmp_path / "b.png", labels, depth, 0, interlaced)
    np.testing.assert_array_equal(read_labels(path), labels)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("alpha", [False, True])
def test_colour_png_with_and_without_alpha(tmp_path, depth, interlaced, alpha):
    array = RNG.integers(0, 2**depth, (13, 18, 3 + alpha))
    path = png(tmp_path / "a.png", array, depth, 2 + 4 * alpha, interlaced)
    if not alpha:
        np.testing.assert_array_equal(quietly(path), array)
        return
    with pytest.warns(GuessWarning, match=ALPHA):
        np.testing.assert_array_equal(read(path).array, array[..., :3])
    np.testing.assert_array_equal(quietly(path, axes="yxc"), array)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_palettes_of_any_depth_give_colours_and_numbers(tmp_path, depth):
    labels = np.minimum(LABELS, 2**depth - 1)
    colours = np.array([(0, 0, 9), (255, 0, 0), (0, 99, 255)], np.uint8)
    palette = colours[: 2**depth].tobytes()
    path = png(tmp_path / "a.png", labels, depth, 3, PLTE=palette, tRNS=b"\x80\x40")
    with pytest.warns(GuessWarning, match=ALPHA):
        np.testing.assert_array_equal(read(path).array, colours[labels])
    opaque = np.array([128, 64, 255], np.uint8)[labels]
    np.testing.assert_array_equal(quietly(path, axes="yxc"), np.dstack([colours[labels], opaque]))
    np.testing.assert_array_equal(read_labels(path), labels)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", [0, 2])
def test_a_colour_that_is_transparent_stays_what_it_is(tmp_path, depth, kind):
    """And takes no channel."""
    array = RNG.integers(0, 2**depth, (13, 18, 3) if kind else (13, 18))
    named = array[0, 0].reshape(-1)
    path = png(tmp_path / "a.png", array, depth, kind, tRNS=struct.pack(f">{len(named)}H", *named))
    np.testing.assert_array_equal(quietly(path).squeeze(), array)


def test_gamma_and_profiles_are_ways_of_showing(tmp_path):
    """Values are those that were measured."""
    path = png(tmp_path / "a.png", GREY, 8, 0, gAMA=struct.pack(">I", 45455), sRGB=b"\0")
    np.testing.assert_array_equal(quietly(path)[..., 0], GREY)


def exif(orientation):
    found = Pillow.Exif()
    found[0x0112] = orientation
    return found


def turned(array, orientation):
    """Return what is stored so that it is shown as `array`, by Pillow, another program."""
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    return Pillow.fromarray(array).transpose(Pillow.Transpose(back[orientation]))


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("form", ["jpg", "png", "deep.png"])
def test_photographs_are_turned_upright_all_ways(tmp_path, orientation, form):
    path = tmp_path / f"a.{form}"
    shown = SMOOTH if form != "deep.png" else SMOOTH.astype(np.uint16) * 200
    if form == "deep.png":
        stored = np.asarray(turned(SMOOTH, orientation)).astype(np.uint16) * 200
        png(path, stored, 16, 0, eXIf=exif(orientation).tobytes().removeprefix(b"Exif\0\0"))
    else:
        turned(SMOOTH, orientation).save(path, exif=exif(orientation), quality=100)
    with pytest.warns(GuessWarning, match=rf"turned upright.*Orientation {orientation}"):
        found = read(path).array[..., 0].astype(int)
    assert found.shape == shown.shape
    assert np.abs(found - shown).max() <= (3 if form == "jpg" else 0)


@pytest.mark.parametrize("form", ["png", "jpg"])
def test_labels_are_turned_as_their_images_are(tmp_path, form):
    """A mask of two values, the only one that JPEG keeps."""
    mask = np.zeros((16, 24), np.uint8)
    mask[:8, :16] = 255
    path = tmp_path / f"a.{form}"
    turned(mask, 6).save(path, exif=exif(6), quality=100)
    with pytest.warns(GuessWarning, match="turned upright"):
        np.testing.assert_array_equal(read_labels(path), mask)


def test_jpeg_of_inks_and_in_several_passes(tmp_path):
    """CMYK becomes colours; progressive files are no others."""
    flat = np.full((16, 16, 3), (200, 100, 30), np.uint8)
    Pillow.fromarray(flat).convert("CMYK").save(tmp_path / "a.jpg", quality=100)
    assert np.abs(quietly(tmp_path / "a.jpg").astype(int) - flat).max() <= 4
    Pillow.fromarray(SMOOTH).save(tmp_path / "b.jpg", quality=100, progressive=True)
    assert np.abs(quietly(tmp_path / "b.jpg")[..., 0].astype(int) - SMOOTH).max() <= 3


def test_alpha_of_a_bmp_is_left_out_and_said_unless_asked_for(tmp_path):
    """Only with a mask for it: the fourth byte is unused otherwise."""
    array, path = RNG.integers(0, 256, (2, 3, 4)).astype(np.uint8), tmp_path / "a.bmp"
    head = struct.pack("<IiiHHIIiiII", 108, 3, 2, 1, 32, 3, 24, 2835, 2835, 0, 0)
    head += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + bytes(52)
    pixels = array[::-1, :, [2, 1, 0, 3]].tobytes()
    path.write_bytes(b"BM" + struct.pack("<IHHI", 146, 0, 0, 122) + head + pixels)
    with pytest.warns(GuessWarning, match=ALPHA):
        np.testing.assert_array_equal(read(path).array, array[..., :3])
    np.testing.assert_array_equal(quietly(path, axes="yxc"), array)


@pytest.mark.parametrize("axes", ["cyx", "tyx", "zyx"])
def test_axes_that_a_picture_cannot_have_are_refused(tmp_path, axes):
    path = png(tmp_path / "a.png", COLOURS, 8, 2)
    with pytest.raises(InvalidError, match=r"yx or yxc, as .* is a picture"):
        read(path, axes=axes)


def test_bmp_of_every_kind(tmp_path):
    """One bit, greys, a palette, colours, and colours with alpha."""
    mask = (LABELS > 0).astype(np.uint8) * np.uint8(255)
    for name, picture, shown, labels in [
        ("bit", Pillow.fromarray(mask).convert("1"), mask[..., None], LABELS > 0),
        ("grey", Pillow.fromarray(GREY), GREY[..., None], GREY),
        ("colour", Pillow.fromarray(COLOURS), COLOURS, None),
        ("alpha", Pillow.fromarray(np.dstack([COLOURS, GREY])), COLOURS, None),
    ]:
        picture.save(tmp_path / f"{name}.bmp")
        np.testing.assert_array_equal(quietly(tmp_path / f"{name}.bmp"), shown)
        if labels is not None:
            np.testing.assert_array_equal(read_labels(tmp_path / f"{name}.bmp"), labels)
    palette = Pillow.fromarray(LABELS.astype(np.uint8)).convert("P")
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
    palette.save(tmp_path / "p.bmp")
    np.testing.assert_array_equal(read_labels(tmp_path / "p.bmp"), LABELS)


def test_an_animation_is_refused_whose_later_pictures_nobody_would_see(tmp_path):
    first = Pillow.fromarray(np.zeros((5, 6), np.uint8))
    later = [Pillow.fromarray(np.full((5, 6), 9, np.uint8))]
    first.save(tmp_path / "a.png", save_all=True, append_images=later)
    for reads in (read, read_labels):
        with pytest.raises(InvalidError, match="2 in one PNG, an animation"):
            reads(tmp_path / "a.png")
