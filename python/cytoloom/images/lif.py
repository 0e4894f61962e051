"""Read Leica's LIF with the package liffile."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from .image import AnyArray, ImageInfo, arrangement
from .reader import Part, Reader, arranged_box, different, stored_box
from .units import along_axes, um_per
from .vendor import axes_meant, chosen_scene, package

_DIMENSION_IDS = {"1": "x", "2": "y", "3": "z"}


class Lif(Reader):
    """LIF: each image of the project is one; grey ones are read by memory map."""

    name = "LIF"
    suffixes = (".lif",)
    names_axes = True

    def can_open(self, path: Path, start: bytes) -> bool:
        """Whether two marks are where Leica puts them."""
        return start.startswith(b"\x70\x00\x00\x00") and start[8:9] == b"\x2a"

    def scenes(self, path: Path) -> tuple[str, ...]:
        """Return the images' names, with the folders of the project that they lie in."""
        with package("liffile", path).LifFile(str(path)) as file:
            return _scenes(file)

    def info(self, path: Path, part: Part) -> ImageInfo:
        """Read shape, type, axes, pixel size and channel names."""
        with package("liffile", path).LifFile(str(path)) as file:
            image = _image(file, path, part)
            letters = axes_meant(path, image.sizes, "S")
            shape, _, axes = arrangement(tuple(image.sizes.values()), letters)
            metadata, dtype = image.xml_element, np.dtype(image.dtype)
            names = _channel_names(metadata, shape[-1])
            size, notes = along_axes(_pixel_size_um(metadata), "z" in axes)
            grey = "S" not in image.sizes
            return ImageInfo(shape, dtype, axes, size, names, regions=grey, notes=notes)

    def pixels(self, path: Path, part: Part) -> AnyArray:
        """Copy a part out of the file; colours are decoded whole."""
        with package("liffile", path).LifFile(str(path)) as file:
            image = _image(file, path, part)
            letters, shape = axes_meant(path, image.sizes, "S"), tuple(image.sizes.values())
            box = stored_box(shape, letters, part, str(path), np.dtype(image.dtype))
            stored = image.asarray(out=None if "S" in image.sizes else "memmap")
            return arranged_box(np.array(stored[box]), shape, letters)


def _scenes(file: Any) -> tuple[str, ...]:
    return tuple(image.path for image in file.images if not image.is_flim)


def _image(file: Any, path: Path, part: Part) -> Any:
    number = chosen_scene(path, _scenes(file), part.scene)
    return [image for image in file.images if not image.is_flim][number]


def _channel_names(metadata: ElementTree.Element, channels: int) -> tuple[str, ...] | None:
    """Return the dyes, where each channel has one of its own."""
    names = []
    for channel in metadata.iterfind(".//ImageDescription/Channels/ChannelDescription"):
        entries = channel.iterfind("ChannelProperty")
        properties = {entry.findtext("Key"): entry.findtext("Value") for entry in entries}
        names.append(properties.get("DyeName"))
    return different(names) if len(names) == channels else None


def _pixel_size_um(metadata: ElementTree.Element) -> dict[str, float | None]:
    """Return micrometres; lengths are stored from the first pixel's centre to the last one's."""
    found: dict[str, float | None] = {}
    for axis in metadata.iterfind(".//ImageDescription/Dimensions/DimensionDescription"):
        # between the centres of n pixels lie n - 1 steps
        steps = int(axis.get("NumberOfElements", 1)) - 1
        scale = um_per(axis.get("Unit")) or 0.0
        if steps > 0 and axis.get("DimID") in _DIMENSION_IDS:
            letter = _DIMENSION_IDS[str(axis.get("DimID"))]
            found[letter] = abs(float(axis.get("Length", 0))) * scale / steps
    return found


LIF = Lif()
