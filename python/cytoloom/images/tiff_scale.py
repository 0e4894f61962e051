"""How large the pixels of a TIFF are, as OME, ImageJ, tifffile, makers and plain tags say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from ..messages import Argument, Message, say
from .tiff_makers import makers_sizes
from .tiff_series import Opened
from .units import PRINT_UM, along_axes, is_unknown, positive, um_per

if TYPE_CHECKING:
    import tifffile

# tags by number: looked for by name, one that is not there costs as much as reading all
_RESOLUTION_X, _RESOLUTION_Y, _UNIT = 282, 283, 296


def pixel_size_um(file: Opened, stack: bool) -> tuple[tuple[float, ...] | None, list[Message]]:
    """Return (y, x) or (z, y, x) micrometres, and what could not be understood of them."""
    tiff = file.tiff
    if tiff.is_ome:
        found, unknown = _ome_size_um(tiff)
    elif tiff.is_imagej:
        found, unknown = _said_size_um(tiff.imagej_metadata or {}, file.page)
    elif file.series.kind == "shaped" and (said := tiff.shaped_metadata[0]).get("unit"):
        found, unknown = _said_size_um(said, file.page)
    else:
        found, unknown = _makers_size_um(tiff)
        # Hamamatsu and Akoya use plain tags
        if not found and not unknown:
            found = _tag_size_um(file.page, um_per(_RESOLUTION.get(_unit_tag(file.page))))
    meant = Argument("pixel_size_um")
    text = "its pixel size is in {}, which is not understood; give it in micrometres with {}"
    notes = [say(text, unit, meant) for unit in unknown]
    size, guesses = along_axes(found, stack)
    return size, [*notes, *guesses]


def _ome_size_um(tiff: tifffile.TiffFile) -> tuple[dict[str, float], list[str]]:
    pixels_ = ome_pixels(tiff)
    units, sizes = {}, {}
    for axis in "ZYX" if pixels_ is not None else "":
        assert pixels_ is not None
        sizes[axis.lower()] = pixels_.get(f"PhysicalSize{axis}")
        units[axis.lower()] = pixels_.get(f"PhysicalSize{axis}Unit", "µm")
    return _in_um({axis: positive(size) for axis, size in sizes.items()}, units)


def _makers_size_um(tiff: tifffile.TiffFile) -> tuple[dict[str, float], list[str]]:
    said = makers_sizes(tiff)
    sizes = {axis: positive(size) for axis, (size, _) in said.items()}
    return _in_um(sizes, {axis: unit for axis, (_, unit) in said.items()})


_RESOLUTION = {2: "inch", 3: "cm"}


def _unit_tag(page: Any) -> int:
    return int(page.tags.valueof(_UNIT, 1) or 1)


def _tag_size_um(page: Any, scale: float | None) -> dict[str, float]:
    """Return what plain tags say of a size, if it cannot be that of a print."""
    sizes = {a: scale and scale * s for a, s in _resolution(page).items()}
    believed = {a: s for a, s in sizes.items() if s and s <= PRINT_UM}
    return believed if len(believed) == 2 else {}


def _resolution(page: Any) -> dict[str, float]:
    """Return the length of a pixel in whatever unit resolution is given in."""
    found = {}
    for axis, tag in (("y", _RESOLUTION_Y), ("x", _RESOLUTION_X)):
        value = page.tags.valueof(tag)
        pair = value if isinstance(value, tuple) and len(value) == 2 else (0, 1)
        if pair[0] and pair[1]:
            found[axis] = pair[1] / pair[0]
    return found


def _said_size_um(metadata: Any, page: Any) -> tuple[dict[str, float], list[str]]:
    """Return what ImageJ says, whose words others use too; resolution is in its units."""
    unit = metadata.get("unit", "")
    if um_per(unit) == um_per("inch"):
        # of any picture of a printer's resolution ImageJ makes inches
        return _tag_size_um(page, um_per("inch")), []
    units = {axis: metadata.get(f"{axis}unit") or unit for axis in "zyx"}
    sizes: dict[str, float | None] = {**_resolution(page)}
    # negative where the stage went down
    sizes["z"] = positive(str(metadata.get("spacing", 0)).lstrip("-"))
    return _in_um(sizes, units)


def _in_um(
    sizes: dict[str, float | None], units: dict[str, Any]
) -> tuple[dict[str, float], list[str]]:
    """Return the sizes whose units are known, and the units that mean nothing."""
    found = {}
    for axis, size in sizes.items():
        scale = um_per(units[axis])
        if size and scale:
            found[axis] = size * scale
    unknown = {str(units[a]).strip(): None for a, s in sizes.items() if s and is_unknown(units[a])}
    return found, list(unknown)


def ome_pixels(tiff: tifffile.TiffFile) -> ElementTree.Element | None:
    """Return what OME says of the pixels of a file; None where it says nothing."""
    try:
        root = ElementTree.fromstring(tiff.ome_metadata or "<none/>")
    except ElementTree.ParseError:
        return None
    return root.find(".//{*}Pixels")
