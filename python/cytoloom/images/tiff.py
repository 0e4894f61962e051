"""Read TIFF by its own description of axes and scale (OME, ImageJ, plain); write labels."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from ..errors import invalid
from ..storage.atomic import write_whole
from .cache import CHUNKS, state_of
from .image import AnyArray, ImageInfo, arrangement, check_axes, guess_axes
from .reader import Part, Reader, Region, arranged_box, different, stored_box

if TYPE_CHECKING:
    import tifffile
from ..messages import Setting, say

# What it logs about odd files is said by our own errors, or does not matter.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_MEANING = {"T": "t", "Z": "z", "Y": "y", "X": "x", "C": "c", "S": "c"}
_UM_PER_UNIT = {
    "nm": 1e-3, "um": 1.0, "µm": 1.0, "μm": 1.0, "\\u00b5m": 1.0, "micron": 1.0, "microns": 1.0,
    "micrometer": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6,
}  # fmt: skip
_ALPHA = (1, 2)


CHUNK_PX = 2**22
"""Images with larger strips or tiles are read whole: each region would decode most of them."""


class Tiff(Reader):
    """TIFF: of OME, of ImageJ and plain; pages are time, z or channels as its metadata says."""

    name = "TIFF"
    suffixes = (".tif", ".tiff")
    starts = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")

    def info(self, path: Path, part: Part) -> ImageInfo:
        """Read shape, type, axes, pixel size and channel names."""
        import tifffile

        with tifffile.TiffFile(path) as tiff:
            return _header(tiff, _series(tiff, path), path, part.axes)

    def pixels(self, path: Path, part: Part) -> AnyArray:
        """Decode a part.

        A colour map becomes colours and "white is zero" is turned round, except in files of
        ImageJ, which writes both only to say how to show the values.
        """
        return _decoded(path, part, raw=False)

    def values(self, path: Path, part: Part) -> tuple[AnyArray, AnyArray | None]:
        """Decode values as stored: indices of colours, 1-bit as 0 and 1."""
        return _decoded(path, part, raw=True), None


def write(path: Path, labels: AnyArray, pixel_size_um: tuple[float, ...] | None) -> None:
    """Write unsigned ``(y, x)`` or ``(z, y, x)``, compressed, renamed when complete."""
    import tifffile

    scale = _scale(labels, pixel_size_um)
    write_whole(path, lambda name: tifffile.imwrite(name, labels, compression="zlib", **scale))


def _decoded(path: Path, part: Part, *, raw: bool) -> AnyArray:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        series = _series(tiff, path)
        letters = _letters(tiff, series, path, part.axes)
        box = stored_box(series.shape, letters, part, str(path))
        stored, shape = _stored(series, box), tuple(series.shape)
        colours = None if raw else _colour_map(tiff)
        if colours is not None:
            stored, shape, letters = colours[stored], (*shape, 3), letters + "c"
        # labels keep their numbers; masks of 1 bit are turned round too, as every viewer shows them
        elif _white_is_zero(tiff) and (not raw or stored.dtype == bool):
            stored = ~stored if stored.dtype == bool else np.iinfo(stored.dtype).max - stored
        array = arranged_box(stored, shape, letters)
        array = array[..., :-1] if _has_alpha(tiff, array.shape[-1]) else array
        if array.dtype == bool:
            return array.astype(np.uint8) * np.uint8(1 if raw else 255)
        return array


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


def _series(tiff: tifffile.TiffFile, path: Path) -> tifffile.TiffPageSeries:
    first = tiff.series[0]
    alike = sum(s.shape == first.shape and s.axes == first.axes for s in tiff.series)
    if alike > 1:
        remedy = "Save each of them as its own file (Fiji: Bio-Formats, then Save As > Tiff)."
        raise invalid(str(path), expected="one image", received=f"{alike} images", remedy=remedy)
    return first


def _stored(series: tifffile.TiffPageSeries, box: Region) -> AnyArray:
    """Read a box of a series: by memory map, or decoding only the chunks that it meets."""
    lead = _paged_axes(series)
    if all(b == slice(0, n) for b, n in zip(box, series.shape, strict=True)):
        whole: AnyArray = series.asarray()
        return whole
    if _is_contiguous(series):
        return np.array(_mapped(series)[box])
    if lead is None:
        part: AnyArray = series.asarray()[box]
        return part
    return _of_pages(series, box, lead)


def _of_pages(series: tifffile.TiffPageSeries, box: Region, lead: int) -> AnyArray:
    """Decode a box of a series whose first `lead` axes run over pages."""
    # pages and chunks that were never written hold this value
    out = np.full([b.stop - b.start for b in box], series.keyframe.nodata, series.dtype)
    longer = [b for b, n in zip(box[lead:], series.shape[lead:], strict=True) if n != 1]
    for at in itertools.product(*(range(b.start, b.stop) for b in box[:lead])):
        page = series[_ravel(at, series.shape)]
        if page is not None:
            _fill(out[tuple(i - b.start for i, b in zip(at, box, strict=False))], page, longer)
    return out


def _is_contiguous(series: tifffile.TiffPageSeries) -> bool:
    return series.dataoffset is not None and not series.is_multifile and _is_plain(series)


def _is_plain(series: tifffile.TiffPageSeries) -> bool:
    """Whether pixels are what is stored; some microscopes' files are computed on when read."""
    return getattr(series, "transform", None) is None


def _mapped(series: tifffile.TiffPageSeries) -> AnyArray:
    pages = series.keyframe.parent
    dtype = np.dtype(pages.byteorder + series.dtype.char)
    return np.memmap(pages.filehandle.path, dtype, "r", series.dataoffset, tuple(series.shape))


def _paged_axes(series: tifffile.TiffPageSeries) -> int | None:
    """Count the leading axes that run over pages; None where pages do not fit the axes."""
    if not _is_plain(series):
        return None
    page = [n for n in series.keyframe.shaped if n != 1]
    for lead in range(len(series.shape) + 1):
        rest = [n for n in series.shape[lead:] if n != 1]
        if rest == page and math.prod(series.shape[:lead]) == len(series):
            return lead
    return None


def _has_regions(series: tifffile.TiffPageSeries) -> bool:
    small = math.prod(_chunk(series.keyframe)) <= CHUNK_PX
    return _is_contiguous(series) or (small and _paged_axes(series) is not None)


def _fill(out: AnyArray, page: Any, longer: Sequence[slice]) -> None:
    """Fill `out` with the box of a page, of which `longer` are the axes not of size 1."""
    shaped, steps = page.keyframe.shaped, _chunk(page.keyframe)
    given = iter(longer)
    box = [next(given) if n != 1 else slice(0, 1) for n in shaped]
    target = out.reshape([b.stop - b.start for b in box])
    spans = [range(b.start // n, -(-b.stop // n)) for b, n in zip(box, steps, strict=False)]
    counts = [-(-size // n) for size, n in zip(shaped, steps, strict=False)]
    wanted = [_ravel(at, counts) for at in itertools.product(*spans)]
    for found, corner in _chunks(page, wanted):
        into, of = [], []
        for b, start, size in zip(box, corner, (1, *found.shape), strict=True):
            low, high = max(b.start, start), min(b.stop, start + size)
            into.append(slice(low - b.start, high - b.start))
            of.append(slice(low - start, high - start))
        target[tuple(into)] = found[np.newaxis][tuple(of)]


def _chunk(page: Any) -> tuple[int, int, int, int]:
    """Return the size of a strip or tile: planes of samples, depth, length, width."""
    if page.is_tiled:
        return 1, page.tiledepth, page.tilelength, page.tilewidth
    return 1, 1, min(page.rowsperstrip, page.imagelength), page.imagewidth


def _chunks(page: Any, wanted: Sequence[int]) -> Iterator[tuple[AnyArray, tuple[int, ...]]]:
    """Decode strips or tiles ``(depth, length, width, samples)``; yield each with its corner."""
    file, key = page.parent.filehandle, page.keyframe
    tables = {"jpegtables": page.jpegtables, "jpegheader": key.jpegheader}
    state = state_of(Path(file.path))
    closed = file.closed  # other files of a series that spans several
    if closed:
        file.open()

    def decoded(index: int, offset: int) -> AnyArray:
        """Read and decode one strip or tile."""
        file.seek(offset)
        data = file.read(page.databytecounts[index])
        if len(data) < page.databytecounts[index]:
            raise ValueError(f"strip or tile {index} is cut off")
        found: AnyArray = key.decode(data, index, **tables)[0]
        return found

    try:
        for index in wanted:
            offset = page.dataoffsets[index]
            if offset and page.databytecounts[index]:  # else never written
                found = CHUNKS.get((state, offset), partial(decoded, index, offset))
                yield found, key.decode(None, index)[1]
    finally:
        if closed:
            file.close()


def _ravel(at: Sequence[int], sizes: Sequence[int]) -> int:
    """Return the position of an index in an array of such sizes, counted in C order."""
    found = 0
    for i, n in zip(at, sizes, strict=False):
        found = found * n + i
    return found


def _header(
    tiff: tifffile.TiffFile, series: tifffile.TiffPageSeries, path: Path, axes: str | None
) -> ImageInfo:
    letters, stored = _letters(tiff, series, path, axes), tuple(series.shape)
    colours = _colour_map(tiff)
    if colours is not None:
        letters, stored = letters + "c", (*stored, 3)
    shape, _, ordered = arrangement(stored, letters)
    if _has_alpha(tiff, shape[-1]):
        shape = (*shape[:-1], shape[-1] - 1)
    dtype = np.dtype(np.uint8) if colours is not None or series.dtype == bool else series.dtype
    size = _pixel_size_um(tiff, "z" in ordered)
    names, regions = _channel_names(tiff, shape[-1]), _has_regions(series)
    return ImageInfo(shape, np.dtype(dtype), ordered, size, names, regions=regions)


def _letters(
    tiff: tifffile.TiffFile, series: tifffile.TiffPageSeries, path: Path, axes: str | None
) -> str:
    """Return one of t z y x c per stored axis: as given, as the file says, or a stack is z."""
    if axes is not None:
        return check_axes(axes, len(series.shape), str(path))
    unnamed = [a for a in series.axes if a not in _MEANING]
    if not unnamed:
        return "".join(_MEANING[a] for a in series.axes)
    if unnamed in (["Q"], ["I"]) and len(series.axes) == 3 and "S" not in series.axes:
        return guess_axes(tuple(series.shape), str(path))
    if len(unnamed) == 1 and "Z" not in series.axes:
        return "".join(_MEANING.get(a, "z") for a in series.axes)
    remedy = say("Say what its axes are, for example {}.", Setting("axes", "tzyx"))
    got = say("axes {} of sizes {}", series.axes, tuple(series.shape))
    raise invalid(str(path), expected="axes among T, Z, C, Y, X", received=got, remedy=remedy)


def _colour_map(tiff: tifffile.TiffFile) -> AnyArray | None:
    page = tiff.pages[0]
    if tiff.is_imagej or tiff.is_ome or page.photometric != 3 or page.colormap is None:
        return None
    colours: AnyArray = (np.asarray(page.colormap).T >> 8).astype(np.uint8)
    return colours


def _white_is_zero(tiff: tifffile.TiffFile) -> bool:
    page = tiff.pages[0]
    return not tiff.is_imagej and page.photometric == 0 and page.dtype.kind in "bu"


def _has_alpha(tiff: tifffile.TiffFile, channels: int) -> bool:
    extra = tiff.pages[0].extrasamples
    return bool(extra) and int(extra[-1]) in _ALPHA and channels in (2, 4)


def _pixel_size_um(tiff: tifffile.TiffFile, stack: bool) -> tuple[float, ...] | None:
    """Return (y, x) or (z, y, x) micrometres of OME or ImageJ; z without a step is as y."""
    found = _ome_size_um(tiff) if tiff.is_ome else _imagej_size_um(tiff)
    if "y" not in found or "x" not in found:
        return None
    plane = (found["y"], found["x"])
    return (found.get("z", found["y"]), *plane) if stack else plane


def _ome_pixels(tiff: tifffile.TiffFile) -> ElementTree.Element | None:
    try:
        root = ElementTree.fromstring(tiff.ome_metadata or "<none/>")
    except ElementTree.ParseError:
        return None
    return root.find(".//{*}Pixels")


def _ome_size_um(tiff: tifffile.TiffFile) -> dict[str, float]:
    pixels_ = _ome_pixels(tiff)
    found = {}
    for axis in "zyx" if pixels_ is not None else "":
        assert pixels_ is not None
        text = pixels_.get(f"PhysicalSize{axis.upper()}")
        unit = pixels_.get(f"PhysicalSize{axis.upper()}Unit", "µm").lower()
        if text and unit in _UM_PER_UNIT and float(text) > 0:
            found[axis] = float(text) * _UM_PER_UNIT[unit]
    return found


def _imagej_size_um(tiff: tifffile.TiffFile) -> dict[str, float]:
    metadata = tiff.imagej_metadata or {}
    scale = _UM_PER_UNIT.get(str(metadata.get("unit", "")).lower())
    if scale is None:
        return {}
    found = {}
    for axis, tag in (("y", "YResolution"), ("x", "XResolution")):
        per_unit, over = tiff.pages[0].tags[tag].value if tag in tiff.pages[0].tags else (0, 1)
        if per_unit:
            found[axis] = scale * over / per_unit
    if float(metadata.get("spacing", 0) or 0) > 0:
        found["z"] = scale * float(metadata["spacing"])
    return found


def _channel_names(tiff: tifffile.TiffFile, channels: int) -> tuple[str, ...] | None:
    names: list[str] = []
    if tiff.is_ome:
        pixels_ = _ome_pixels(tiff)
        found = [] if pixels_ is None else pixels_.findall("{*}Channel")
        names = [c.get("Name", "") for c in found]
    elif tiff.is_imagej:
        slices = (tiff.imagej_metadata or {}).get("Labels", [])
        slices = [slices] if isinstance(slices, str) else slices
        names = [str(v).split(" - ", 1)[-1] for v in slices]
    if len(names) == channels > 1 or (len(names) == 1 == channels and tiff.is_ome):
        return different(names)
    return ("red", "green", "blue") if tiff.pages[0].photometric == 2 and channels == 3 else None


TIFF = Tiff()
