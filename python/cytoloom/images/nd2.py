"""Read Nikon's ND2 with the package nd2, plane by plane."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .image import AnyArray, ImageInfo, arrangement
from .reader import Part, Reader, arranged_box, different, stored_box
from .units import along_axes
from .vendor import axes_meant, chosen_scene, package, refused

_OLD_START = b"\x00\x00\x00\x0c"


class Nd2(Reader):
    """ND2: each position of the stage is an image."""

    name = "ND2"
    suffixes = (".nd2",)
    names_axes = True
    starts = (b"\xda\xce\xbe\n",)

    def can_open(self, path: Path, start: bytes) -> bool:
        """Whether it is ND2; older files are JPEG 2000 inside and known by their ending."""
        old = start.startswith(_OLD_START) and path.suffix.lower() == ".nd2"
        return old or super().can_open(path, start)

    def scenes(self, path: Path) -> tuple[str, ...]:
        """Return the positions as the microscope named them, or by number."""
        with package("nd2", path).ND2File(str(path)) as file:
            return _scenes(file)

    def info(self, path: Path, part: Part) -> ImageInfo:
        """Read shape, type, axes, pixel size and channel names."""
        with package("nd2", path).ND2File(str(path)) as file:
            chosen_scene(path, _scenes(file), part.scene)
            sizes = _sizes(file)
            letters = axes_meant(path, sizes, "S")
            shape, _, axes = arrangement(tuple(sizes.values()), letters)
            names = different([c.channel.name for c in file.metadata.channels or ()])
            names = names if names is not None and len(names) == shape[-1] else None
            size, notes = along_axes(_pixel_size_um(file), "z" in axes)
            # planes of other files have to be decoded whole
            mapped = not file.is_legacy and file.attributes.compressionType is None
            dtype = np.dtype(file.dtype)
            return ImageInfo(shape, dtype, axes, size, names, regions=mapped, notes=notes)

    def pixels(self, path: Path, part: Part) -> AnyArray:
        """Read the planes that a part meets."""
        with package("nd2", path).ND2File(str(path)) as file:
            position = chosen_scene(path, _scenes(file), part.scene)
            sizes = _sizes(file)
            letters, shape = axes_meant(path, sizes, "S"), tuple(sizes.values())
            spans = stored_box(shape, letters, part, str(path), np.dtype(file.dtype))
            box = dict(zip(sizes, spans, strict=True))
            out = np.zeros([b.stop - b.start for b in spans], file.dtype)
            for number, place in enumerate(file.loop_indices):
                if place.get("P", 0) == position:
                    _paste(file, number, place, box, out, path)
            return arranged_box(out, shape, letters)


def _sizes(file: Any) -> dict[str, int]:
    """Return the sizes of one position: planes' axes last, as they are stored."""
    sizes = {axis: n for axis, n in file.sizes.items() if axis != "P"}
    loops = [axis for axis in sizes if axis not in "CYXS"]
    return {axis: sizes[axis] for axis in [*loops, *(a for a in "CYXS" if a in sizes)]}


def _paste(
    file: Any, number: int, place: dict[str, int], box: dict[str, slice], out: AnyArray, path: Path
) -> None:
    """Copy into `out`, a box of the image, what of it lies in a plane."""
    at = [(place.get(axis, 0), b) for axis, b in box.items() if axis not in "CYXS"]
    if all(b.start <= i < b.stop for i, b in at):
        plane = file.read_frame(number)
        _refuse_missing(file, number, plane, path)
        inside = plane[tuple(b for axis, b in box.items() if axis in "CYXS")]
        out[tuple(i - b.start for i, b in at)] = inside


def _refuse_missing(file: Any, number: int, plane: AnyArray, path: Path) -> None:
    """Refuse a plane that was planned and never taken, for which the package gives zeros."""
    count = file.attributes.sequenceCount
    if number >= count and not plane.any():
        got = f"a file of which {count} of {len(file.loop_indices)} planes were taken"
        raise refused(path, f"all planes, number {number + 1} among them", got)


def _scenes(file: Any) -> tuple[str, ...]:
    count = file.sizes.get("P", 1)
    if count < 2:
        return ()
    by_number = tuple(f"position{k}" for k in range(count))
    loops = [loop for loop in file.experiment if loop.type == "XYPosLoop"]
    named = different([point.name for point in loops[0].parameters.points]) if loops else None
    return named if named is not None and len(named) == count else by_number


def _pixel_size_um(file: Any) -> dict[str, float | None]:
    channels = file.metadata.channels
    volume = channels[0].volume if channels else None
    if volume is None:
        return {}
    known = zip("xyz", volume.axesCalibration, volume.axesCalibrated, strict=True)
    return {axis: float(size) if calibrated else None for axis, size, calibrated in known}


ND2 = Nd2()
