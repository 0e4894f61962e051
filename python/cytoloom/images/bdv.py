"""Read BigDataViewer's XML with its pixels in HDF5 or N5, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import invalid
from ..messages import counted, say
from . import levels
from .hdf5_file import box_of, dataset_in, node_in, opened
from .image import AnyArray, ImageInfo
from .inside import divided
from .n5 import array_at
from .reader import Part, Reader, Region, different
from .recordings import Recording
from .registrations import one_place
from .spim_data import Setup, SpimData, spim_data
from .units import unknown_unit
from .vendor import chosen_scene

_AGAIN = "It may be cut off or damaged: copy or export it again."


class Bdv(Reader):
    """BigDataViewer: what differs in its channel alone is one image, each other view a scene."""

    name = "BigDataViewer"
    starts = (b"<?xml", b"<SpimData", b"\xef\xbb\xbf<")
    names_axes = True

    def can_open(self, path: Path, start: bytes) -> bool:
        """Whether it is XML that speaks of its data."""
        if not start.startswith(self.starts):
            return False
        with divided(path)[0].open("rb") as file:
            return b"<SpimData" in file.read(4096)

    def scenes(self, path: Path) -> tuple[str, ...]:
        """Return the views by what they differ in: angle, tile, illumination."""
        names = tuple(spim_data(divided(path)[0]).views())
        return names if len(names) > 1 else ()

    def info(self, path: Path, part: Part) -> ImageInfo:
        """Read shape, type, voxel size and channel names."""
        with _recording(path, part) as found:
            return found.info()

    def pixels(self, path: Path, part: Part) -> AnyArray:
        """Decode the chunks that a part meets."""
        with _recording(path, part) as found:
            return found.pixels(part, str(path))

    def watched(self, path: Path, scene: str | None) -> tuple[Path, ...]:
        """Return the XML and its data."""
        file = divided(path)[0]
        return (file, spim_data(file).data)


class _Hdf5Data:
    """Volumes in an open file: of 16 bits without a sign, which are stored as if with one."""

    def __init__(self, path: Path, file: Any) -> None:
        self.path, self._file = path, file

    def volume(self, frame: int, setup: int, level: int) -> Any:
        """Return the data set of a view; None where there is none."""
        name = f"t{frame:05d}/s{setup:02d}/{level}/cells"
        found = node_in(self._file, self.path, name) is not None
        return dataset_in(self._file, self.path, name) if found else None

    def dtype(self, volume: Any) -> np.dtype[Any]:
        """Return the type that its pixels have in truth."""
        return np.dtype(np.uint16) if volume.dtype == np.int16 else volume.dtype

    def read(self, volume: Any, box: Region) -> AnyArray:
        """Read a box."""
        return box_of(volume, box, self.path).view(self.dtype(volume))


class _N5Data:
    """Volumes in a folder of N5."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def volume(self, frame: int, setup: int, level: int) -> Any:
        """Return the array of a view; None where there is none."""
        # some writers fill numbers up with zeros
        plain, long = f"setup{setup}/timepoint{frame}", f"setup{setup:02d}/timepoint{frame:05d}"
        names = (f"{plain}/s{level}", f"{long}/s{level}")
        return next((a for n in names if (a := array_at(self.path / n)) is not None), None)

    def dtype(self, volume: Any) -> np.dtype[Any]:
        """Return the type of its pixels."""
        found: np.dtype[Any] = volume.dtype
        return found

    def read(self, volume: Any, box: Region) -> AnyArray:
        """Read a box."""
        found: AnyArray = volume.read(box)
        return found


@contextmanager
def _recording(path: Path, part: Part) -> Iterator[Recording]:
    """Open the data of a view; what the XML says is read, pixels are not yet."""
    path, level = divided(path)
    said = spim_data(path)
    views = said.views()
    names = tuple(views)
    chosen = views[names[chosen_scene(path, names if len(names) > 1 else (), part.scene)]]
    with opened(said.data) if said.kind == "bdv.hdf5" else nullcontext() as file:
        data = _N5Data(said.data) if file is None else _Hdf5Data(said.data, file)
        yield _of_view(path, said, chosen, data, level)


def _of_view(
    path: Path, said: SpimData, setups: tuple[Setup, ...], data: _Hdf5Data | _N5Data, name: str
) -> Recording:
    frames, missing = said.frames, said.missing
    views = ((t, s.number) for t in frames for s in setups)
    taken = next((view for view in views if view not in missing), None)
    if taken is None:
        raise _wrong(path, "a view that was taken", "missing ones alone")
    first = setups[0]
    copies = _copies(path, data, *taken, first.size, bool(name))
    dtype = data.dtype(copies[0])
    sizes = [_sizes_um(first, tuple(copy.shape)) for copy in copies]
    level = _level(path, name, sizes) if name else 0
    size = tuple(copies[level].shape)

    def read(frame: int, channel: int, box: Region) -> AnyArray:
        view = frames[frame], setups[channel].number
        if view in missing:
            return np.zeros([b.stop - b.start for b in box], dtype)
        volume = _volume(path, data, *view, level, size)
        if data.dtype(volume) != dtype:
            raise _wrong(path, f"pixels of {dtype} in all views", str(data.dtype(volume)))
        return data.read(volume, box)

    numbers, known = {one.number for one in setups}, set(frames)
    gone = sum(1 for frame, number in missing if frame in known and number in numbers)
    notes = unknown_unit(first.unit) if first.voxel else ()
    if gone:
        text = "{} of it {} never taken, as its XML says, and read as zeros"
        notes += (say(text, counted(gone, "volume"), "was" if gone == 1 else "were"),)
    if not numbers.isdisjoint(said.unplaced):
        notes += (say("where it lies is not known: a transform in its XML cannot be read"),)
    return Recording(
        (len(frames), len(setups), size[0], size[1], size[2]), dtype, sizes[level], read,
        different([said.channel_name(one) for one in setups]), _origin_um(setups, size), notes,
    )  # fmt: skip


def _origin_um(
    setups: tuple[Setup, ...], size: tuple[int, ...]
) -> tuple[float, float, float] | None:
    """Return where the first voxel of a copy of this size lies: in the middle of those it has."""
    voxel = setups[0].voxel_um
    place = one_place([one.origin_um for one in setups], voxel)
    if place is None or voxel is None:
        return None
    steps = zip(place, voxel, setups[0].size, size, strict=True)
    z, y, x = (at + um * (whole / n - 1) / 2 for at, um, whole, n in steps)
    # one at 0 places nothing
    return (z, y, x) if any(place) else None


def _copies(
    path: Path,
    data: _Hdf5Data | _N5Data,
    frame: int,
    setup: int,
    size: tuple[int, ...],
    smaller: bool,
) -> list[Any]:
    """Return the volume of a view, which has the size that the XML says, and its smaller copies."""
    found = [_volume(path, data, frame, setup, 0, size)]
    while (
        smaller
        and (copy := data.volume(frame, setup, len(found))) is not None
        and len(copy.shape) == 3
    ):
        found.append(copy)
    return found


def _sizes_um(setup: Setup, shape: tuple[int, ...]) -> dict[str, float | None]:
    """Return micrometres along z, y and x of a copy of this shape."""
    found: dict[str, float | None] = dict.fromkeys("zyx")
    for axis, um, n, whole in zip("zyx", setup.voxel_um or (), shape, setup.size, strict=False):
        found[axis] = um * whole / n
    return found


def _level(path: Path, name: str, sizes: list[dict[str, float | None]]) -> int:
    level = levels.wanted(name)
    if level is None:
        expected = "the number of a level, or a pixel size such as 0.5um, behind the colon"
        raise invalid(str(path), expected=expected, received=name)
    return levels.chosen(level, sizes, str(path))


def _volume(
    path: Path,
    data: _Hdf5Data | _N5Data,
    frame: int,
    setup: int,
    level: int,
    size: tuple[int, ...],
) -> Any:
    """Return the volume of a view at a level, which has this size."""
    volume = data.volume(frame, setup, level)
    if volume is None:
        got = f"none in {data.path.name}"
        raise _wrong(path, f"time point {frame} of setup {setup}", got)
    if tuple(volume.shape) != size:
        got = " x ".join(map(str, volume.shape))
        raise _wrong(path, f"{' x '.join(map(str, size))} voxels of setup {setup}", got)
    return volume


def _wrong(path: Path, expected: str, received: str) -> Exception:
    return invalid(str(path), expected=expected, received=received, remedy=_AGAIN)


BDV = Bdv()
