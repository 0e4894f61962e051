"""Read TIFF by its own description of axes and scale (OME, ImageJ, plain); write labels."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from ..errors import invalid
from ..messages import Setting, say
from .image import AnyArray, ImageInfo, arrange, arrangement, check_axes, guess_axes

# What it logs about odd files is said by our own errors, or does not matter.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_MEANING = {"T": "t", "Z": "z", "Y": "y", "X": "x", "C": "c", "S": "c"}
_UM_PER_UNIT = {
    "nm": 1e-3, "um": 1.0, "µm": 1.0, "μm": 1.0, "\\u00b5m": 1.0, "micron": 1.0, "microns": 1.0,
    "micrometer": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6,
}  # fmt: skip
_ALPHA = (1, 2)


def header(path: Path, axes: str | None = None) -> ImageInfo:
    """Read shape, type, axes, pixel size and channel names of a TIFF; no pixel is decoded."""
    with tifffile.TiffFile(path) as tiff:
        return _header(tiff, _series(tiff, path), path, axes)


def pixels(
    path: Path, axes: str | None = None, *, frame: int | None = None, raw: bool = False
) -> AnyArray:
    """Decode a TIFF into the axes that `header` names.

    A colour map becomes colours and "white is zero" is turned round, except in files of
    ImageJ, which writes both only to say how to show the values; `raw` keeps stored values.
    """
    with tifffile.TiffFile(path) as tiff:
        series = _series(tiff, path)
        letters = _letters(tiff, series, path, axes)
        stored, letters = _stored(tiff, series, letters, frame)
        colours = None if raw else _colour_map(tiff)
        if colours is not None:
            stored = colours[stored]
        elif _white_is_zero(tiff) and (not raw or stored.dtype == bool):
            stored = ~stored if stored.dtype == bool else np.iinfo(stored.dtype).max - stored
        array = arrange(stored, letters + ("c" if colours is not None else ""))[0]
        array = array[..., :-1] if _has_alpha(tiff, array.shape[-1]) else array
        if array.dtype == bool:
            return array.astype(np.uint8) * np.uint8(1 if raw else 255)
        return array


def write(path: Path, labels: AnyArray, pixel_size_um: tuple[float, ...] | None) -> None:
    """Write unsigned ``(y, x)`` or ``(z, y, x)``, compressed, renamed when complete."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".tif")
    os.close(handle)
    try:
        tifffile.imwrite(temporary, labels, compression="zlib", **_scale(labels, pixel_size_um))
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


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


def _stored(
    tiff: tifffile.TiffFile, series: tifffile.TiffPageSeries, letters: str, frame: int | None
) -> tuple[AnyArray, str]:
    """Decode all, or the pages of one time point where they lie one after the other."""
    if frame is None or "t" not in letters:
        return series.asarray(), letters
    planes = len(series.pages)
    frames = series.shape[letters.index("t")]
    if letters[0] == "t" and planes > 1 and planes % frames == 0:
        each = planes // frames
        key = range(frame * each, (frame + 1) * each)
        return tiff.asarray(key=key, series=0).reshape(series.shape[1:]), letters[1:]
    whole = series.asarray()
    return np.take(whole, frame, letters.index("t")), letters.replace("t", "")


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
    return ImageInfo(shape, np.dtype(dtype), ordered, size, _channel_names(tiff, shape[-1]))


def _letters(
    tiff: tifffile.TiffFile, series: tifffile.TiffPageSeries, path: Path, axes: str | None
) -> str:
    """Return one of t z y x c per stored axis: as told, as the file says, or a stack is z."""
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
    told = tiff.imagej_metadata or {}
    scale = _UM_PER_UNIT.get(str(told.get("unit", "")).lower())
    if scale is None:
        return {}
    found = {}
    for axis, tag in (("y", "YResolution"), ("x", "XResolution")):
        per_unit, over = tiff.pages[0].tags[tag].value if tag in tiff.pages[0].tags else (0, 1)
        if per_unit:
            found[axis] = scale * over / per_unit
    if float(told.get("spacing", 0) or 0) > 0:
        found["z"] = scale * float(told["spacing"])
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
        return tuple(names) if all(names) and len(set(names)) == len(names) else None
    return ("red", "green", "blue") if tiff.pages[0].photometric == 2 and channels == 3 else None
