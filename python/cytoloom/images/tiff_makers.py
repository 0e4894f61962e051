"""How large pixels are, where makers of scanners and microscopes say so in words of their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    import tifffile

Sizes = Mapping[str, tuple[Any, Any]]
"""For axes ``z``, ``y`` and ``x``: a number as it is written, and its unit."""


def makers_sizes(tiff: tifffile.TiffFile) -> Sizes:
    """Return what a maker's own description says; nothing where there is none or it is damaged."""
    for name, sizes in _MAKERS.items():
        if getattr(tiff, f"is_{name}"):
            try:
                return sizes(tiff)
            except (ValueError, TypeError, LookupError, AttributeError, ElementTree.ParseError):
                return {}
    return {}


def _both(size: Any, unit: Any) -> Sizes:
    return {"y": (size, unit), "x": (size, unit)}


def _aperio(tiff: tifffile.TiffFile) -> Sizes:
    found = re.search(r"\|\s*MPP\s*=\s*([^|\s]+)", tiff.pages.first.description)
    return _both(found[1], "um") if found else {}


def _philips(tiff: tifffile.TiffFile) -> Sizes:
    """Read DICOM's pixel spacing, rows first: the least is that of the image, not of its copies."""
    said = ElementTree.fromstring(tiff.philips_metadata or "<none/>").iter("Attribute")
    texts = [one.text or "" for one in said if one.get("Name") == "DICOM_PIXEL_SPACING"]
    y, x = min([float(n) for n in re.findall(r"[\d.eE+-]+", text)] for text in texts)
    return {"y": (y, "mm"), "x": (x, "mm")}


def _leica(tiff: tifffile.TiffFile) -> Sizes:
    """Divide the size of the largest picture in nanometres by its pixels."""
    found = []
    for image in ElementTree.fromstring(tiff.scn_metadata or "<none/>").iterfind(".//{*}image"):
        view, pixels = image.find("{*}view"), image.find("{*}pixels")
        if view is not None and pixels is not None:
            sides = [(float(view.get(k, 0)), int(pixels.get(k, 1))) for k in ("sizeY", "sizeX")]
            found.append((sides[0][1], [length / count for length, count in sides]))
    y, x = max(found)[1]
    return {"y": (y, "nm"), "x": (x, "nm")}


def _metamorph(tiff: tifffile.TiffFile) -> Sizes:
    said = (tiff.metaseries_metadata or {})["PlaneInfo"]
    unit = said["spatial-calibration-units"] if said.get("spatial-calibration-state") else ""
    return {a: (said[f"spatial-calibration-{a}"], unit) for a in "yx"}


def _metamorph_stack(tiff: tifffile.TiffFile) -> Sizes:
    said = tiff.stk_metadata or {}
    unit = said["CalibrationUnits"] if said.get("SpatialCalibration") else ""
    distances = [d for d in said.get("ZDistance", ()) if d]
    size = {"y": (float(said["YCalibration"]), unit), "x": (float(said["XCalibration"]), unit)}
    return {**size, "z": (distances[0], unit)} if distances else size


def _zeiss(tiff: tifffile.TiffFile) -> Sizes:
    said = tiff.lsm_metadata or {}
    return {a: (said[f"VoxelSize{a.upper()}"], "m") for a in "zyx"}


def _olympus(tiff: tifffile.TiffFile) -> Sizes:
    said = tiff.sis_metadata or {}
    return {"y": (said["pixelsizey"], "m"), "x": (said["pixelsizex"], "m")}


def _fluoview(tiff: tifffile.TiffFile) -> Sizes:
    said = (tiff.fluoview_metadata or {})["Dimensions"]
    known = {str(d[0]).strip().lower(): (d[3], d[4]) for d in said}
    return {axis: known[axis] for axis in "zyx" if axis in known}


def _fei(tiff: tifffile.TiffFile) -> Sizes:
    said = tiff.fei_metadata or {}
    scan = said.get("Scan") or said["EScan"]
    return {"y": (scan["PixelHeight"], "m"), "x": (scan["PixelWidth"], "m")}


def _zeiss_electrons(tiff: tifffile.TiffFile) -> Sizes:
    said = tiff.sem_metadata or {}
    _, size, unit = said.get("ap_image_pixel_size") or said["ap_pixel_size"]
    return _both(size, unit)


_MAKERS: dict[str, Callable[[tifffile.TiffFile], Sizes]] = {
    "svs": _aperio,
    "philips": _philips,
    "scn": _leica,
    "metaseries": _metamorph,
    "stk": _metamorph_stack,
    "lsm": _zeiss,
    "sis": _olympus,
    "fluoview": _fluoview,
    "fei": _fei,
    "sem": _zeiss_electrons,
}
"""By tifffile's names of the formats."""
