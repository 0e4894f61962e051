"""Read Zeiss' CZI with the package czifile, plane by plane and tile by tile."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from ..errors import invalid
from .cache import CHUNKS, state_of
from .image import AnyArray, ImageInfo, arrangement
from .reader import Part, Reader, Region, arranged_box, different, stored_box
from .units import along_axes
from .vendor import axes_meant, chosen_scene, package, refused

_JPEG_XR = 4
Place = dict[str, tuple[int, int]]
"""Start and size along each axis."""


class Czi(Reader):
    """CZI: each scene is an image; of mosaics, the tiles at full resolution are put together."""

    name = "CZI"
    suffixes = (".czi",)
    names_axes = True
    starts = (b"ZISRAWFILE",)

    def scenes(self, path: Path) -> tuple[str, ...]:
        """Return the scenes as the microscope named them, or by number."""
        with package("czifile", path).CziFile(str(path)) as file:
            return _scenes(file)

    def info(self, path: Path, part: Part) -> ImageInfo:
        """Read shape, type, axes, pixel size and channel names."""
        with package("czifile", path).CziFile(str(path)) as file:
            scene = _Scene(file, path, part.scene)
            shape, _, axes = arrangement(scene.shape, scene.letters)
            metadata = _metadata(file)
            names = _channel_names(metadata, shape[-1])
            size, notes = along_axes(_pixel_size_um(metadata), "z" in axes)
            return ImageInfo(shape, scene.dtype, axes, size, names, regions=True, notes=notes)

    def pixels(self, path: Path, part: Part) -> AnyArray:
        """Decode the tiles that a part meets."""
        with package("czifile", path).CziFile(str(path)) as file:
            scene = _Scene(file, path, part.scene)
            box = stored_box(scene.shape, scene.letters, part, str(path), scene.dtype)
            out = np.zeros([b.stop - b.start for b in box], scene.dtype)
            for tile in scene.tiles:
                scene.paste(tile, box, out)
            return arranged_box(out, scene.shape, scene.letters)


class _Scene:
    """The tiles of one scene, and where each lies in it."""

    def __init__(self, file: Any, path: Path, wanted: str | None) -> None:
        # others are the smaller copies of a pyramid
        tiles = [t for t in file.subblock_directory if t.stored_shape == t.shape]
        scenes = _scenes(file)
        if scenes:
            index = _scene_numbers(file)[chosen_scene(path, scenes, wanted)]
            tiles = [t for t in tiles if _place(t)["S"][0] == index]
        kinds = {f"{t.axes} of {np.dtype(t.dtype)}" for t in tiles}
        if len(kinds) != 1:
            got = " and ".join(sorted(kinds)) or "none"
            raise refused(path, "tiles of one kind at full resolution", got)
        _refuse_cut_off(path, tiles)
        # of tiles that overlap, the one taken last is on top
        self.tiles = sorted(tiles, key=lambda tile: tile.mosaic_index or 0)
        self.path = path
        self.dtype = np.dtype(tiles[0].dtype).base
        self._extent = _extent([_place(t) for t in tiles])
        sizes = {axis: stop - start for axis, (start, stop) in self._extent.items()}
        self.letters = axes_meant(path, {a: n for a, n in sizes.items() if a != "S"}, "0")
        self._axes = [axis for axis in sizes if axis in "TZCYX0"]
        self.shape = tuple(sizes[axis] for axis in self._axes)

    def paste(self, tile: Any, box: Region, out: AnyArray) -> None:
        """Copy into `out`, a box of the scene, what of it lies in a tile."""
        place = _place(tile)
        into, of = [], []
        for axis, wanted in zip(self._axes, box, strict=True):
            start = place[axis][0] - self._extent[axis][0]
            low, high = max(wanted.start, start), min(wanted.stop, start + place[axis][1])
            if low >= high:
                return
            into.append(slice(low - wanted.start, high - wanted.start))
            of.append(slice(low - start, high - start))
        rest = [axis for axis in tile.axes if axis not in self._axes]
        order = [tile.axes.index(axis) for axis in [*rest, *self._axes]]
        key = (state_of(self.path), tile.file_position)
        decoded = CHUNKS.get(key, lambda: _decoded(tile, self.path))
        pixels = decoded.transpose(order)[(0,) * len(rest)]
        out[tuple(into)] = pixels[tuple(of)]


def _refuse_cut_off(path: Path, tiles: list[Any]) -> None:
    """Refuse a file that ends before the last of its tiles does."""
    segment = max(tiles, key=lambda tile: tile.file_position).data_segment()
    end = getattr(segment, "data_offset", 0) + getattr(segment, "data_size", 0)
    if end > path.stat().st_size:
        got = "a file that ends before its pixels do"
        remedy = "It is cut off or damaged: copy or export it again."
        raise invalid(str(path), expected="a whole image", received=got, remedy=remedy)


def _place(tile: Any) -> Place:
    place = {d.dimension: (d.start, d.size) for d in tile.dimension_entries if d.dimension != "M"}
    return {**place, "0": (0, tile.shape[-1])}


def _extent(places: list[Place]) -> dict[str, tuple[int, int]]:
    """Return from where to where tiles lie along each axis, colour samples last."""
    axes = sorted(places[0], key="TZCYX0".find)
    starts = {axis: [place[axis][0] for place in places] for axis in axes}
    stops = {axis: [sum(place[axis]) for place in places] for axis in axes}
    return {axis: (min(starts[axis]), max(stops[axis])) for axis in axes}


def _scene_numbers(file: Any) -> list[int]:
    places = [_place(tile) for tile in file.subblock_directory]
    return sorted({place["S"][0] for place in places if "S" in place})


def _scenes(file: Any) -> tuple[str, ...]:
    numbers = _scene_numbers(file)
    if len(numbers) < 2:
        return ()
    named = {s.get("Index"): s.get("Name") for s in _metadata(file).iterfind(".//S/Scenes/Scene")}
    by_number = tuple(f"scene{number}" for number in numbers)
    return different([named.get(str(number)) for number in numbers]) or by_number


def _metadata(file: Any) -> ElementTree.Element:
    return ElementTree.fromstring(file.metadata() or "<none/>")


def _decoded(tile: Any, path: Path) -> AnyArray:
    """Decode a tile; not by czifile itself, which knows no Zstandard, now the usual way."""
    decode = _DECODERS.get(tile.compression)
    if decode is None:
        expected = f"CZI compression among {', '.join(map(str, _DECODERS))}"
        raise refused(path, expected, str(tile.compression))
    pixels = decode(tile.data_segment().data(raw=True), np.dtype(tile.dtype).base)
    pixels = pixels[: math.prod(tile.stored_shape)].reshape(tile.stored_shape)
    # blue is stored first
    if tile.compression != _JPEG_XR and pixels.shape[-1] in (3, 4):
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[-1]]]
    return pixels


def _plain(data: bytes, dtype: np.dtype[Any]) -> AnyArray:
    return np.frombuffer(data, dtype)


def _lzw(data: bytes, dtype: np.dtype[Any]) -> AnyArray:
    import imagecodecs

    return np.frombuffer(imagecodecs.lzw_decode(data), dtype)


def _jpeg_xr(data: bytes, dtype: np.dtype[Any]) -> AnyArray:
    import imagecodecs

    pixels: AnyArray = imagecodecs.jpegxr_decode(data).reshape(-1)
    return pixels


def _zstandard(data: bytes, dtype: np.dtype[Any]) -> AnyArray:
    import imagecodecs

    return np.frombuffer(imagecodecs.zstd_decode(data), dtype)


def _packed_zstandard(data: bytes, dtype: np.dtype[Any]) -> AnyArray:
    """Decode Zstandard behind a header: its length, and whether low and high bytes are apart."""
    length = data[0]
    plain = _zstandard(data[length:], np.dtype(np.uint8))
    if length >= 3 and data[1] == 1 and data[2] & 1:
        plain = np.ascontiguousarray(plain.reshape(2, -1).T).reshape(-1)
    return plain.view(dtype)


_DECODERS: dict[int, Callable[[bytes, np.dtype[Any]], AnyArray]] = {
    0: _plain,
    2: _lzw,
    _JPEG_XR: _jpeg_xr,
    5: _zstandard,
    6: _packed_zstandard,
}


def _channel_names(metadata: ElementTree.Element, channels: int) -> tuple[str, ...] | None:
    acquired = metadata.iterfind(".//Information/Image/Dimensions/Channels/Channel")
    shown = metadata.iterfind(".//DisplaySetting//Channel")
    for found in (acquired, shown):
        names = different([channel.get("Name") for channel in found])
        if names is not None and len(names) == channels:
            return names
    return None


def _pixel_size_um(metadata: ElementTree.Element) -> dict[str, float | None]:
    """Return micrometres, which are stored as metres; 0 stands for unknown."""
    distances = metadata.iterfind(".//Scaling/Items/Distance")
    return {str(d.get("Id")).lower(): 1e6 * float(d.findtext("Value") or 0) for d in distances}


CZI = Czi()
