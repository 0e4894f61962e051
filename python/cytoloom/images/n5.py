"""Read N5 with the package tensorstore, block by block."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidError, invalid
from ..messages import Message, said_by
from .cache import state_of
from .described import described, is_numbers
from .image import AnyArray, ImageInfo, arrangement
from .inside import divided
from .reader import Part, Reader, Region, arranged_box, refuse_too_large, stored_box
from .remote import address
from .tensor_store import box_of, fetched, opened
from .units import along_axes

SAYS = "attributes.json"
_LARGEST_METADATA = 100_000_000
_LOOKED_AT = 2000
"""Folders looked at to find those that are arrays."""
_FULL = ("s0", "0")
"""How the array of full resolution is called in a group of several."""
_AGAIN = "It may be cut off or damaged: copy or export it again."
_TYPES = frozenset("int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64".split())
_AXES_REVERSED = ("axes", "units", "resolution", "voxel_size", "offset", "dimensions")
"""Lists that are written in N5's order, x first."""
_OF_SIZES = ("resolution", "voxel_size", "pixelResolution")


class N5(Reader):
    """N5: an array, or the full resolution of a group of them."""

    name = "N5"
    suffixes = (".n5",)
    folders = True

    def can_open(self, path: Path, start: bytes) -> bool:
        """Whether a folder is a store, or a group or array in one."""
        return is_n5(_located(path))

    def info(self, path: Path, part: Part) -> ImageInfo:
        """Read shape and type; axes and pixel size, where attributes say them."""
        stored = stored_at(_located(path), part.axes)
        shape, _, axes = arrangement(stored.array.shape, stored.letters)
        size, notes = along_axes(stored.sizes_um, "z" in axes)
        notes = (*stored.notes, *notes)
        dtype = stored.array.dtype
        px = tuple(stored.origin_px.get(axis, 0.0) for axis in axes if axis in "zyx")
        known = px if any(px) else None
        return ImageInfo(shape, dtype, axes, size, None, regions=True, notes=notes, origin_px=known)

    def pixels(self, path: Path, part: Part) -> AnyArray:
        """Decode the blocks that a part meets."""
        stored = stored_at(_located(path), part.axes)
        shape, dtype = stored.array.shape, stored.array.dtype
        box = stored_box(shape, stored.letters, part, str(path), dtype)
        return arranged_box(stored.array.read(box), shape, stored.letters)

    def watched(self, path: Path, scene: str | None) -> tuple[Path, ...]:
        """Return the folder and the metadata of an image."""
        folder = _located(path)
        array = stored_at(folder, None).array.path
        return (folder, array, array / SAYS)


def _located(path: Path) -> Path:
    """Return the folder that is meant: what follows a colon is in it, as behind a slash."""
    folder, name = divided(path)
    return folder / name if name else folder


@dataclass(frozen=True)
class N5Array:
    """An array of N5 with its axes in NumPy's order: N5 writes x first.

    Parameters
    ----------
    path : Path
        Its folder.
    said : mapping
        What its metadata say.
    """

    path: Path
    said: Mapping[str, Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes, x last."""
        sizes = self._whole("dimensions")
        if 0 in sizes:
            raise self.wrong("an image with pixels", f"the dimensions {list(sizes)}")
        return sizes[::-1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its numbers."""
        name = self.said.get("dataType")
        if name not in _TYPES:
            raise self.wrong("an array of numbers", f"the data type {name}")
        found: np.dtype[Any] = np.dtype(name)
        return found

    def _whole(self, name: str) -> tuple[int, ...]:
        sizes = self.said.get(name)
        least = 0 if name == "dimensions" else 1
        if not isinstance(sizes, list) or any(type(n) is not int or n < least for n in sizes):
            raise self.wrong(f"{name} of whole numbers", f"{sizes}")
        return tuple(sizes)

    def read(self, box: Region) -> AnyArray:
        """Read a box of it, given in NumPy's order."""
        blocks = self._whole("blockSize")[::-1]
        if len(blocks) != len(self.shape):
            raise self.wrong(f"blocks of {len(self.shape)} sizes", f"{len(blocks)}")
        refuse_too_large(blocks, self.dtype, str(self.path))
        self._refuse_odd_files(blocks, box)
        array = opened(self.path, "n5")
        return box_of(array, box[::-1], self.path).transpose()

    def _refuse_odd_files(self, blocks: Sequence[int], box: Region) -> None:
        """Refuse a box of which a block is a pipe or a device, which may be waited for."""
        if address(self.path) is not None:
            return
        spans = [range(b.start // n, -(-b.stop // n)) for b, n in zip(box, blocks, strict=True)]
        for place in itertools.product(*spans):
            path = self.path.joinpath(*(str(k) for k in reversed(place)))
            if path.exists() and not path.is_file():
                raise self.wrong("blocks in files", f"{path}, which is none")

    def wrong(self, expected: str, received: str) -> InvalidError:
        """Build the error that something is wrong with it."""
        return invalid(str(self.path), expected=expected, received=received, remedy=_AGAIN)


@dataclass(frozen=True)
class _Stored:
    """An array, its axes, the size of its pixels, and where the first one is, in pixels."""

    array: N5Array
    letters: str
    sizes_um: Mapping[str, float | None]
    notes: tuple[Message, ...]
    origin_px: Mapping[str, float]


def is_n5(path: Path) -> bool:
    """Whether a folder is called as stores of N5 are, lies in one, or says that it is one.

    Examples
    --------
    >>> import tempfile
    >>> is_n5(Path(tempfile.mkdtemp(suffix=".n5"))), is_n5(Path(tempfile.mkdtemp()))
    (True, False)
    """
    if address(path) is not None:
        return said_at(path) is not None
    named = any(one.suffix.lower() == ".n5" for one in (path, *path.parents))
    return path.is_dir() and (named or _says_so(path / SAYS))


def _says_so(path: Path) -> bool:
    """Whether a file says that it is of N5, or of an array in it; others are called so, too."""
    try:
        text = path.read_bytes()[:4096] if path.is_file() else b""
    except OSError:
        return False
    return b'"n5"' in text or (b'"dimensions"' in text and b'"blockSize"' in text)


def said_at(path: Path) -> Mapping[str, Any] | None:
    """Return what is said of a folder; None where nothing is."""
    return _said(path, state_of(path / SAYS))


@functools.lru_cache(maxsize=256)
def _said(path: Path, state: object) -> Mapping[str, Any] | None:
    file = path / SAYS
    try:
        if address(path) is not None:
            data = fetched(file)
        elif file.is_file() and file.stat().st_size <= _LARGEST_METADATA:
            data = file.read_bytes()
        else:
            data = None
        said = None if data is None else json.loads(data)
    except (ValueError, RecursionError) as error:
        got = f"something else ({said_by(error)})"
        raise invalid(str(file), expected="metadata in JSON", received=got, remedy=_AGAIN) from None
    return said if isinstance(said, dict) else None


def array_at(path: Path) -> N5Array | None:
    """Return the array in a folder; None where there is none."""
    said = said_at(path)
    return N5Array(path, said) if said is not None and "dimensions" in said else None


def stored_at(path: Path, axes: str | None) -> _Stored:
    """Return the array that is meant by a folder, and what is said of it.

    Raises
    ------
    InvalidError
        There is none, or several of which nothing says which one is meant.
    """
    array = array_at(path)
    array = array if array is not None else _only(path)
    # what is said of all resolutions is said of the group
    around = [said_at(one) or {} for one in (array.path.parent, array.path)]
    said = {key: value for one in around for key, value in one.items()}
    said.update(_of_cosem(around[0], array.path.name))
    for key in _AXES_REVERSED:
        if isinstance(said.get(key), list):
            said[key] = said[key][::-1]
    size = said.get("pixelResolution")
    if isinstance(size, Mapping) and isinstance(size.get("dimensions"), list):
        said["pixelResolution"] = {**size, "dimensions": size["dimensions"][::-1]}
    elif isinstance(size, list):
        said["pixelResolution"] = size[::-1]
    found = described(array.shape, said, axes, str(array.path))
    sizes = _smaller(array, found.letters, found.sizes_um)
    return _Stored(array, found.letters, sizes, found.notes, found.origin_px)


def _smaller(
    array: N5Array, letters: str, sizes_um: Mapping[str, float | None]
) -> Mapping[str, float | None]:
    """Return the sizes of pixels of a smaller copy, where the group says those of the full one."""
    factors = array.said.get("downsamplingFactors")
    if not is_numbers(factors, len(letters)) or any(key in array.said for key in _OF_SIZES):
        return sizes_um
    by = dict(zip(letters, reversed(factors or []), strict=True))
    return {a: s and s * by.get(a, 1) for a, s in sizes_um.items()}


def _of_cosem(group: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return axes, sizes and units as COSEM writes them, in NumPy's order; here in N5's."""
    images = group.get("multiscales")
    image = images[0] if isinstance(images, list) and images else None
    levels = image.get("datasets") if isinstance(image, Mapping) else None
    for one in levels if isinstance(levels, list) else []:
        said = (
            one.get("transform") if isinstance(one, Mapping) and one.get("path") == name else None
        )
        if isinstance(said, Mapping) and all(
            isinstance(said.get(key), list) for key in ("axes", "scale", "units")
        ):
            order = {"axes": said["axes"], "resolution": said["scale"], "units": said["units"]}
            return {key: values[::-1] for key, values in order.items()}
    return {}


def _only(path: Path) -> N5Array:
    """Return the full resolution of a group, or the only array below it."""
    full = next((a for name in _FULL if (a := array_at(path / name)) is not None), None)
    if full is not None:
        return full
    found = _images_below(path) if address(path) is None else []
    if len(found) == 1:
        array = array_at(found[0])
        assert array is not None
        return array
    names = [one.relative_to(path).as_posix() for one in found]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    got = f"a folder of {len(names)}: {shown}" if names else "a folder without"
    remedy = f"Give one of them, such as {found[0]}." if found else ""
    if any(name.startswith("setup") for name in names):
        remedy = "It is of BigDataViewer: give the XML file that belongs to it."
    raise invalid(str(path), expected="one array of N5", received=got, remedy=remedy)


def _images_below(path: Path) -> list[Path]:
    """Return the arrays below a group; of several resolutions the full one alone."""
    found, folders, count = [], [path], 0
    while folders and count < _LOOKED_AT:
        folder = folders.pop(0)
        inside = sorted(one for one in folder.iterdir() if one.is_dir() and one.name[0] != ".")
        count += len(inside)
        arrays = {one.name: one for one in inside if array_at(one) is not None}
        full = next((arrays[name] for name in _FULL if name in arrays), None)
        found += list(arrays.values()) if full is None else [full]
        folders += [one for one in inside if one.name not in arrays]
    return found


N5_FOLDER = N5()
