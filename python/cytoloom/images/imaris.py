"""Read Imaris' files (HDF5) with the package h5py, chunk by chunk."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidError, invalid
from ..messages import Message
from . import levels
from .cache import state_of
from .hdf5_file import START, attributes_of, box_of, dataset_in, node_in, opened, text_of
from .image import AnyArray, ImageInfo
from .inside import divided
from .reader import Part, Reader, Region, different
from .recordings import Recording
from .units import positive, um_per, unknown_unit

_AGAIN = "It may be cut off or damaged: copy or export it again."
_FULL = "DataSet/ResolutionLevel 0"
_AXES = "xyz"


class Imaris(Reader):
    """Imaris 5.5 and later: time points and channels at full resolution, without the padding."""

    name = "Imaris"
    suffixes = (".ims",)
    starts = (START,)
    names_axes = True

    def can_open(self, path: Path, start: bytes) -> bool:
        """Whether it is HDF5 as Imaris lays it out; a data set within is one of HDF5."""
        file, name = divided(path)
        level = not name or levels.wanted(name) is not None
        return start.startswith(START) and level and is_imaris(file)

    def info(self, path: Path, part: Part) -> ImageInfo:
        """Read shape, type, voxel size, place and channel names."""
        with _recording(path) as found:
            return found.info()

    def pixels(self, path: Path, part: Part) -> AnyArray:
        """Decode the chunks that a part meets."""
        with _recording(path) as found:
            return found.pixels(part, str(path))

    def watched(self, path: Path, scene: str | None) -> tuple[Path, ...]:
        """Return the file, also of a smaller copy in it."""
        return (divided(path)[0],)


def is_imaris(path: Path) -> bool:
    """Whether a file of HDF5 is laid out as Imaris does; called so, it is meant to be."""
    return path.suffix.lower() == ".ims" or _is_imaris(path, state_of(path))


@functools.lru_cache(maxsize=256)
def _is_imaris(path: Path, state: object) -> bool:
    try:
        with opened(path) as file:
            return "DataSetInfo" in file and "DataSet" in file
    except (OSError, RuntimeError, InvalidError):  # said when it is read
        return False


@contextmanager
def _recording(path: Path) -> Iterator[Recording]:
    """Open a file; what it says is read, pixels are not yet."""
    path, level = divided(path)
    with opened(path) as file:
        said = _said(file, path, "Image")
        where = _level(file, path, level, said) if level else _FULL
        frames = _numbered(file, path, where, "TimePoint ")
        channels = _numbered(file, path, f"{where}/{frames[0]}", "Channel ")
        first = dataset_in(file, path, f"{where}/{frames[0]}/{channels[0]}/Data")
        size = _size(file, path, first, said, f"{where}/{frames[0]}/{channels[0]}")

        def read(frame: int, channel: int, box: Region) -> AnyArray:
            name = f"{where}/{frames[frame]}/{channels[channel]}/Data"
            data = dataset_in(file, path, name)
            if data.ndim != 3 or data.dtype != first.dtype or not _holds(data.shape, size):
                got = f"{data.dtype} of shape {data.shape} in {name}"
                expected = f"{first.dtype} of at least {size} everywhere"
                raise invalid(str(path), expected=expected, received=got, remedy=_AGAIN)
            return box_of(data, box, path)

        lengths, starts, notes = _lengths_um(said)
        sizes = {a: lengths[a] / n for a, n in zip("zyx", size, strict=True) if a in lengths}
        origin = tuple(starts[a] + sizes[a] / 2 for a in "zyx") if len(sizes) == 3 else ()
        names = [_said(file, path, channel).get("Name") or None for channel in channels]
        yield Recording(
            (len(frames), len(channels), *size), first.dtype, sizes, read, different(names),
            # a corner at 0 places nothing
            (origin[0], origin[1], origin[2]) if any(starts.values()) and origin else None, notes,
        )  # fmt: skip


def _level(file: Any, path: Path, name: str, said: Mapping[str, str]) -> str:
    """Return the group of the level that is meant."""
    groups = _numbered(file, path, "DataSet", "ResolutionLevel ")
    lengths, _, _ = _lengths_um(said)
    sizes = []
    for group in groups:
        channel = f"DataSet/{group}/TimePoint 0/Channel 0"
        size = _size(file, path, dataset_in(file, path, f"{channel}/Data"), said, channel)
        counts = zip("zyx", size, strict=True)
        sizes.append({a: lengths[a] / n if a in lengths else None for a, n in counts})
    meant = levels.wanted(name)
    assert meant is not None
    return f"DataSet/{groups[levels.chosen(meant, sizes, str(path))]}"


def _numbered(file: Any, path: Path, group: str, start: str) -> list[str]:
    """Return the groups that are numbered in a group, in their order."""
    node = node_in(file, path, group)
    names = [str(name) for name in node] if hasattr(node, "keys") else []
    found = [n for n in names if n.startswith(start) and n[len(start) :].isdecimal()]
    if not found:
        got = f"none in /{group}"
        expected = f"an image as Imaris stores it ({start.strip()} 0, ...)"
        raise invalid(str(path), expected=expected, received=got, remedy=_AGAIN)
    return sorted(found, key=lambda name: int(name[len(start) :]))


def _said(file: Any, path: Path, name: str) -> Mapping[str, str]:
    """Return what is said of the image, or of a channel, in texts."""
    node = node_in(file, path, f"DataSetInfo/{name}")
    return {} if node is None else {k: text_of(v) for k, v in attributes_of(node).items()}


def _size(
    file: Any, path: Path, data: Any, said: Mapping[str, str], channel: str
) -> tuple[int, int, int]:
    """Return the size of a volume; what is stored is padded to whole chunks."""
    own = {k: text_of(v) for k, v in attributes_of(node_in(file, path, channel)).items()}
    texts = [own.get(f"ImageSize{a.upper()}") or said.get(a.upper(), "") for a in reversed(_AXES)]
    known = all(text.isdecimal() and int(text) > 0 for text in texts)
    size = tuple(int(text) for text in texts) if known else tuple(data.shape)
    if len(size) != 3 or data.ndim != 3 or not _holds(data.shape, size):
        got = f"{' x '.join(map(str, data.shape))} of them, of a size of {' x '.join(texts)}"
        raise invalid(str(path), expected="voxels along z, y and x", received=got, remedy=_AGAIN)
    return size[0], size[1], size[2]


def _holds(shape: tuple[int, ...], size: tuple[int, ...]) -> bool:
    return all(stored >= n for stored, n in zip(shape, size, strict=False))


def _lengths_um(
    said: Mapping[str, str],
) -> tuple[dict[str, float], dict[str, float], tuple[Message, ...]]:
    """Return how long the image is along each axis in micrometres, and where it starts."""
    # without a word, Imaris means micrometres
    unit = said.get("Unit") or "um"
    scale = um_per(unit)
    lengths: dict[str, float] = {}
    starts = dict.fromkeys(_AXES, 0.0)
    for k, axis in enumerate(_AXES):
        ends = [_number(said.get(f"Ext{end}{k}")) for end in ("Min", "Max")]
        length = positive(abs(ends[1] - ends[0]))
        if scale and length:
            lengths[axis], starts[axis] = length * scale, min(ends) * scale
    return lengths, starts, unknown_unit(unit) if scale is None else ()


def _number(text: str | None) -> float:
    try:
        return float(text) if text else np.nan
    except ValueError:
        return np.nan


IMARIS = Imaris()
