"""Read TIFF by its own description of axes and scale (OME, ImageJ, plain); write labels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import invalid
from ..messages import Message, Setting, say
from ..storage.atomic import write_whole
from . import levels
from .image import (
    AnyArray,
    ImageInfo,
    arrangement,
    check_axes,
    guess_axes,
    guessed,
    turned,
    upright,
)
from .inside import divided
from .labels import as_shown
from .reader import Part, Reader, arranged_box, different, stored_box
from .tiff_chunks import has_regions, stored
from .tiff_scale import ome_pixels, pixel_size_um
from .tiff_series import Opened, members, opened

_MEANING = {"T": "t", "Z": "z", "Y": "y", "X": "x", "C": "c", "S": "c"}
_ALPHA = (1, 2)
# tags by number: looked for by name, one that is not there costs as much as reading all
_ORIENTATION, _SOFTWARE, _INK_SET = 274, 305, 332
_YCBCR = 6
# kinds of pixels that are neither grey values nor red, green and blue
_PHOTOMETRIC = {
    8: "colours in CIE L*a*b*", 9: "colours in CIE L*a*b*", 10: "colours in CIE L*a*b*",
    32844: "logarithms of brightness", 32845: "logarithms of brightness",
    32803: "the raw mosaic of a camera behind its colour filter",
}  # fmt: skip
# baseline ways of compressing bytes: unlike those of pictures, they turn no colours into RGB
_BYTES_ALONE = (1, 2, 3, 4, 5, 8, 32771, 32773, 32946, 34925, 50000)
_AS_RGB = "Open it in an image editor and save it as RGB or grey TIFF or PNG."
_JPEG, _JPEG_2000, _WEBP = (6, 7, 33007, 34892), (33003, 33004, 33005, 34712), 50001


class Tiff(Reader):
    """TIFF: of OME, ImageJ, slide scanners and plain; pages are what its metadata says."""

    name = "TIFF"
    # slides, too: what their scanners write is TIFF, of which tifffile knows the kinds
    suffixes = (".tif", ".tiff", ".btf", ".tf2", ".tf8", ".svs", ".ndpi", ".scn", ".bif", ".qptiff")
    starts = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")

    def info(self, path: Path, part: Part) -> ImageInfo:
        """Read shape, type, axes, pixel size and channel names."""
        with _opened(path) as file:
            return _header(file, path, part.axes)

    def pixels(self, path: Path, part: Part) -> AnyArray:
        """Decode a part.

        A colour map becomes colours and "white is zero" is turned round, except in files of
        ImageJ, which writes both only to say how to show the values.
        """
        with _opened(path) as file:
            array, shape, letters = _decoded(file, path, part)
            colours = _colour_map(file)
            if colours is not None:
                array, shape, letters = colours[array], (*shape, colours.shape[1]), letters + "c"
            elif _white_is_zero(file):
                array = _turned_round(array, file.page)
            array = _placed(array, shape, letters, file)
            if _has_alpha(file, array.shape[-1], part.axes):
                array = array[..., :-1]
            return array.astype(np.uint8) * np.uint8(255) if array.dtype == bool else array

    def is_lossy(self, path: Path) -> bool:
        """Whether strips or tiles are JPEG or alike, as in files of slide scanners and QuPath."""
        import tifffile

        with tifffile.TiffFile(divided(path)[0]) as tiff:
            return _is_lossy(tiff.pages.first)

    def values(self, path: Path, part: Part) -> tuple[AnyArray, AnyArray | None]:
        """Decode values as stored: indices of colours, 1-bit as 0 and 1; and alpha.

        Masks of two values are turned round as every viewer shows them; numbered labels are not.
        """
        with _opened(path) as file:
            array, shape, letters = _decoded(file, path, part)
            colours = _colour_map(file)
            if colours is not None:
                array = as_shown(array, colours)
            elif _white_is_zero(file) and _is_mask(array, file.page):
                array = _turned_round(array, file.page)
            array = _placed(array, shape, letters, file)
            array = array.astype(np.uint8) if array.dtype == bool else array
            if _has_alpha(file, array.shape[-1], part.axes):
                return array[..., :-1], array[..., -1]
            return array, None

    def colours(self, path: Path) -> AnyArray | None:
        """Return the colour map, unless it says only how to show the values."""
        with _opened(path) as file:
            return _colour_map(file)

    def members(self, path: Path) -> tuple[str, ...]:
        """Return the names of the files that are one image with this one, itself among them."""
        return members(path)

    def watched(self, path: Path, scene: str | None) -> tuple[Path, ...]:
        """Return the files that an image, or a smaller copy in it, is read from."""
        file = divided(path)[0]
        return tuple(file.parent / name for name in members(file))


@contextmanager
def _opened(path: Path) -> Iterator[Opened]:
    """Open a file, at the level of its pyramid that a path names."""
    container, name = divided(path)
    with opened(container) as file:
        if not name:
            yield file
            return
        level = levels.wanted(name)
        if level is None:
            expected = "the number of a level, or a pixel size such as 0.5um, behind the colon"
            raise invalid(str(container), expected=expected, received=name)
        copies = [file.series, *(s for s in file.series.levels[1:] if s.axes == file.series.axes)]
        size, _ = pixel_size_um(file, False)
        sizes = [_scaled(size, file.series, copy) for copy in copies]
        named = [dict(zip("yx", (one or ())[-2:], strict=False)) for one in sizes]
        number = levels.chosen(level, named, str(container))
        yield replace(file, series=copies[number], full=file.series)


def _scaled(size: tuple[float, ...] | None, full: Any, copy: Any) -> tuple[float, ...] | None:
    """Return the size of the pixels of a smaller copy, (y, x) or (z, y, x)."""
    if size is None:
        return None
    whole, small = (dict(zip(s.axes, s.shape, strict=True)) for s in (full, copy))
    letters = "ZYX"[-len(size) :]
    ratios = [whole.get(a, 1) / small.get(a, 1) for a in letters]
    return tuple(s * r for s, r in zip(size, ratios, strict=True))


def write(
    path: Path,
    labels: AnyArray,
    pixel_size_um: tuple[float, ...] | None,
    overwrite: bool = True,
) -> None:
    """Write unsigned ``(y, x)`` or ``(z, y, x)``, compressed, renamed when complete."""
    import tifffile

    how = {"compression": "zlib", "software": "cytoloom", **_scale(labels, pixel_size_um)}
    write_whole(path, lambda name: tifffile.imwrite(name, labels, **how), overwrite)


def _is_lossy(page: Any) -> bool:
    """Whether compression changed values, as the first strip or tile says; of others, not known."""
    file = page.parent.filehandle
    if int(page.compression) not in (*_JPEG, *_JPEG_2000, _WEBP) or not page.dataoffsets:
        return False
    file.seek(page.dataoffsets[0])
    head: bytes = file.read(min(page.databytecounts[0], 4096))
    if int(page.compression) in _JPEG:
        return b"\xff\xc3" not in head  # the frame of a lossless JPEG
    if int(page.compression) == _WEBP:
        return b"VP8L" not in head
    # the last byte of the coding style: 0 is the wavelet that cannot be reversed
    style = head.find(b"\xff\x52")
    return style >= 0 and head[style + 13 : style + 14] == b"\0"


def _scale(labels: AnyArray, pixel_size_um: tuple[float, ...] | None) -> dict[str, Any]:
    axes = "ZYX" if labels.ndim == 3 else "YX"
    if labels.dtype == np.uint32:
        # ImageJ's own description knows no 32-bit integers; it opens them with OME's.
        named = zip(axes, pixel_size_um or (), strict=False)
        sizes = {k: v for a, s in named for k, v in _ome_size(a, s).items()}
        return {"ome": True, "photometric": "minisblack", "metadata": {"axes": axes, **sizes}}
    metadata: dict[str, Any] = {"axes": axes}
    if pixel_size_um is None:
        return {"imagej": True, "metadata": metadata}
    metadata["unit"] = "um"
    if labels.ndim == 3:
        metadata["spacing"] = pixel_size_um[0]
    resolution = (1 / pixel_size_um[-1], 1 / pixel_size_um[-2])
    return {"imagej": True, "metadata": metadata, "resolution": resolution}


def _ome_size(axis: str, size: float) -> dict[str, Any]:
    return {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}


# Pixels


def _decoded(file: Opened, path: Path, part: Part) -> tuple[AnyArray, tuple[int, ...], str]:
    """Decode a part as it is stored; with it the shape of the whole and its axes."""
    _refuse_colours(file, path)
    letters, shape = _letters(file, path, part.axes), tuple(file.series.shape)
    box = stored_box(shape, letters, part, str(path), file.series.dtype)
    return stored(file.series, box), shape, letters


def _placed(array: AnyArray, shape: tuple[int, ...], letters: str, file: Opened) -> AnyArray:
    """Arrange the axes, and turn the picture as its tag says."""
    return upright(arranged_box(array, shape, letters), _orientation(file))


def _refuse_colours(file: Opened, path: Path) -> None:
    """Refuse pixels that are neither grey values nor red, green and blue."""
    page = file.page
    kind = int(page.photometric)
    got = _PHOTOMETRIC.get(kind, "")
    if kind == _YCBCR and int(page.compression) in _BYTES_ALONE:
        got = "colours as brightness and differences (YCbCr)"
    if kind == 5 and page.tags.valueof(_INK_SET, 1) == 1 and page.samplesperpixel >= 4:
        got = "the inks of a printer (CMYK)"
    if got:
        expected = "grey values, or red, green and blue"
        raise invalid(str(path), expected=expected, received=got, remedy=_AS_RGB)
    if page.dtype is None or file.series.dtype.kind not in "biufc":
        got = f"{page.bitspersample} bits a sample, in a format of number {page.sampleformat}"
        remedy = "Save it with 8, 16 or 32 bits."
        raise invalid(str(path), expected="pixels of a known type", received=got, remedy=remedy)


def _colour_map(file: Opened) -> AnyArray | None:
    """Return uint8 colours ``(n, 3)`` of indices, or greys ``(n, 1)``; None where there are none.

    ImageJ and OME write colour maps only to say how values are to be shown.
    """
    page = file.page
    if file.tiff.is_imagej or file.tiff.is_ome or page.photometric != 3 or page.colormap is None:
        return None
    colours = np.asarray(page.colormap).T
    # of 16 bits by the standard; some programs write 8
    colours = (colours if colours.max() < 256 else colours >> 8).astype(np.uint8)
    return colours[:, :1] if (colours == colours[:, :1]).all() else colours


def _white_is_zero(file: Opened) -> bool:
    page = file.page
    return not file.tiff.is_imagej and page.photometric == 0 and page.dtype.kind in "bu"


def _top(page: Any) -> int:
    bits: int = page.bitspersample
    return int(2**bits - 1)


def _turned_round(array: AnyArray, page: Any) -> AnyArray:
    turned: AnyArray = ~array if array.dtype == bool else array.dtype.type(_top(page)) - array
    return turned


def _is_mask(array: AnyArray, page: Any) -> bool:
    """Whether pixels are only black or white; white alone is the background of numbers as well."""
    ends = (array == 0) | (array == _top(page))
    return array.dtype == bool or bool(array.any() and ends.all())


def _has_alpha(file: Opened, channels: int, axes: str | None) -> bool:
    """Whether the last channel is how opaque a pixel is; not where axes were given.

    tifffile and OME's writers call the last of four channels so unasked, whatever it is, and
    pictures have no planes of their own for each colour: there it stays a channel, which
    `_guesses` says.
    """
    unasked = str(file.page.tags.valueof(_SOFTWARE, "")).startswith("tifffile")
    unasked |= file.series.kind in ("shaped", "ome") or int(file.page.planarconfig) == 2
    return axes is None and _says_alpha(file, channels) and not unasked


def _says_alpha(file: Opened, channels: int) -> bool:
    extra = file.page.extrasamples
    return bool(extra) and int(extra[-1]) in _ALPHA and channels in (2, 4)


def _orientation(file: Opened) -> int:
    value = file.page.tags.valueof(_ORIENTATION, 1)
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else 1


# The header


def _header(file: Opened, path: Path, axes: str | None) -> ImageInfo:
    _refuse_colours(file, path)
    letters, shape_ = _letters(file, path, axes), tuple(file.series.shape)
    colours = _colour_map(file)
    if colours is not None:
        letters, shape_ = letters + "c", (*shape_, colours.shape[1])
    shape, _, ordered = arrangement(shape_, letters)
    alpha = _has_alpha(file, shape[-1], axes)
    if alpha:
        shape = (*shape[:-1], shape[-1] - 1)
    bytes_ = colours is not None or file.series.dtype.kind == "b"
    dtype = np.dtype(np.uint8) if bytes_ else file.series.dtype
    size, odd = pixel_size_um(file, "z" in ordered)
    if file.full is not None:
        size = _scaled(size, file.full, file.series)
    orientation = _orientation(file)
    if orientation >= 5:
        shape = (*shape[:-3], shape[-2], shape[-3], shape[-1])
        size = size and (*size[:-2], size[-1], size[-2])
    notes = (*file.notes, *_guesses(file, shape, axes), *odd)
    regions = orientation == 1 and has_regions(file.series)
    names = _channel_names(file, shape[-1])
    kept = letters if alpha else ""
    return ImageInfo(shape, dtype, ordered, size, names, regions=regions, notes=notes, alpha=kept)


def _letters(file: Opened, path: Path, axes: str | None) -> str:
    """Return one of t z y x c per stored axis: as given, as the file says, or a stack is z."""
    series = file.series
    if axes is not None:
        return check_axes(axes, len(series.shape), str(path))
    unnamed = [a for a in series.axes if a not in _MEANING]
    if not unnamed:
        return "".join(_MEANING[a] for a in series.axes)
    if unnamed in (["Q"], ["I"]) and len(series.axes) == 3 and "S" not in series.axes:
        return guess_axes(tuple(series.shape), str(path))
    # other letters are names: of lifetimes, angles, positions, which are no planes
    if unnamed in (["Q"], ["I"]) and "Z" not in series.axes:
        return "".join(_MEANING.get(a, "z") for a in series.axes)
    remedy = say("Say what its axes are, for example {}.", Setting("axes", "tzyx"))
    got = say("axes {} of sizes {}", series.axes, tuple(series.shape))
    raise invalid(str(path), expected="axes among T, Z, C, Y, X", received=got, remedy=remedy)


def _guesses(file: Opened, shape: tuple[int, ...], axes: str | None) -> list[Message]:
    """Say what of the pixels is not as certain as it looks, and how to say it otherwise."""
    found: list[Message] = []
    unnamed = [a for a in file.series.axes if a not in _MEANING]
    if unnamed and axes is None:
        found += guessed(tuple(file.series.shape), _letters(file, Path(), None))
    if _says_alpha(file, shape[-1]) and axes is None:
        text = "the last of {} channels is marked as alpha, but kept; leave it out with {}"
        found.append(say(text, shape[-1], Setting("channels", list(range(shape[-1] - 1)))))
    found += turned(_orientation(file))
    names = _ome_names(file) if file.tiff.is_ome else []
    if 1 < len(names) == shape[-1] and all(names) and len(set(names)) < len(names):
        text = "several of its channels have one name ({}), and are taken in the order of the file"
        found.append(say(text, ", ".join(names)))
    if file.page.photometric == 0 and not file.tiff.is_imagej and file.page.dtype.kind != "b":
        rounds = "images and masks of two values are turned round, numbers of labels are not"
        kept = say("values of {} have no largest to turn them round by", file.page.dtype.name)
        found.append(say("white is zero by its tag: {}", rounds if _white_is_zero(file) else kept))
    return found


def _ome_names(file: Opened) -> list[str]:
    pixels_ = ome_pixels(file.tiff)
    found = [] if pixels_ is None else pixels_.findall("{*}Channel")
    return [c.get("Name", "") for c in found]


def _channel_names(file: Opened, channels: int) -> tuple[str, ...] | None:
    tiff, names = file.tiff, []
    if tiff.is_ome:
        names = _ome_names(file)
    elif tiff.is_imagej:
        slices = (tiff.imagej_metadata or {}).get("Labels", [])
        slices = [slices] if isinstance(slices, str) else slices
        names = [str(v).split(" - ", 1)[-1] for v in slices]
    if len(names) == channels > 1 or (len(names) == 1 == channels and tiff.is_ome):
        return different(names)
    coloured = file.page.photometric in (2, _YCBCR) and channels == 3
    return ("red", "green", "blue") if coloured else None


TIFF = Tiff()
