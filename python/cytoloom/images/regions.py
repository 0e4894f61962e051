"""Regions of an image by name: ``big.zarr:[0:64, 100:612, 0:512]`` is an image of its own."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..errors import invalid
from .image import AnyArray, ImageInfo
from .parts import clipped
from .reader import Part, Reader, Region
from .remote import address

_NAMED = re.compile(r"(.+?:(?:[^:]*[^:/\\])?)[/\\]*\[([^\[\]]*[:,][^\[\]]*)\]", re.S)
"""An image, up to the colon or what is named behind it, and ranges in brackets."""
_ODD = re.compile(r"(.{2,}?):(?=[/\\]*\[)(.*)|(.{2,}?):([/\\]*[^:/\\\[\]]*\[[^\]]*)", re.S)
"""What was meant for a region: brackets that begin behind the colon, or that stay open."""
_END = re.compile(r"(\d+\.?\d*|\.\d+)? ?(um|\u00b5m|\u03bcm)?")
_REMEDY = "Write [0:64, 100:612, 0:512] for z, y and x, in pixels, or with um behind a number."


def apart(path: str | Path) -> tuple[Path, str]:
    """Return an image, and the region of it that a path names; nothing for all of it.

    Examples
    --------
    >>> image, region = apart("big.zarr:[0:64, 100:612]")
    >>> image.name, region
    ('big.zarr', '0:64, 100:612')
    >>> apart("a.h5:/raw[0:9, 0:9]")[0].name, apart("raw[1].tif")[1]
    ('raw', '')
    """
    found = _NAMED.fullmatch(str(path))
    if found is None or os.path.lexists(path):
        return Path(path), ""
    # a colon at its end is of the region
    return Path(found[1].removesuffix(":")), found[2].strip()


def refuse_odd(path: str | Path) -> None:
    """Refuse a name of which one part was meant for a region and is none.

    Examples
    --------
    >>> refuse_odd("a.zarr:[0:64, 0:64"), refuse_odd("a.h5:/raw[1]")
    Traceback (most recent call last):
    cytoloom.errors.InvalidError: Invalid `a.zarr`. Expected a region in brackets at the end, ...
    """
    found = None if apart(path)[1] or os.path.lexists(path) else _ODD.fullmatch(str(path))
    if found is not None:
        raise invalid(
            found[1] or found[3],
            expected="a region in brackets at the end, with a range for each axis",
            received=found[2] or found[4],
            remedy=_REMEDY,
        )


def named(path: Path, region: str) -> Path:
    """Name a region of an image; see `apart`.

    Examples
    --------
    >>> named(Path("a.zarr"), "0:8, 0:8").name, named(Path("a.h5:raw"), "0:8, 0:8").name
    ('a.zarr:[0:8, 0:8]', 'a.h5:raw[0:8, 0:8]')
    """
    colon = "" if ":" in path.name and address(path) is None else ":"
    return path.with_name(f"{path.name}{colon}[{region}]")


def box_of(region: str, info: ImageInfo, where: str) -> Region:
    """Return the box that a region is, in pixels along each spatial axis.

    Parameters
    ----------
    region : str
        A range for each axis, divided by commas, start and stop by a colon; either may be left
        out. Numbers are pixels from 0 on, the stop is not in it; with ``um`` behind one they are
        micrometres from the corner of the first pixel, rounded to whole pixels. One number
        alone is one pixel.
    info : ImageInfo
        Of the image.
    where : str
        The image, for messages.

    Raises
    ------
    InvalidError
        Other axes, nothing in it, not within the image, or micrometres without a pixel size.

    Examples
    --------
    >>> info = ImageInfo((40, 50, 1), np.dtype(np.uint8), "yxc", (0.5, 0.5))
    >>> box_of("10:20, 2um:5um", info, "a.tif")
    (slice(10, 20, None), slice(4, 10, None))
    >>> box_of(":, 7", info, "a.tif")
    (slice(0, 40, None), slice(7, 8, None))
    """
    axes, shape = info.axes.strip("tc"), info.frame_shape[:-1]
    ranges = [one.strip() for one in region.split(",")]
    if len(ranges) != len(axes):
        expected = f"a range for each of {', '.join(axes)}"
        raise invalid(where, expected=expected, received=f"[{region}]", remedy=_REMEDY)
    sizes = info.pixel_size_um or (None,) * len(axes)
    found = []
    for text, size, um in zip(ranges, shape, sizes, strict=True):
        start, colon, stop = text.partition(":")
        low = _pixel(start, um, region, where)
        high = _pixel(stop, um, region, where) if colon else None
        low = 0 if low is None else low
        one = slice(low, size if colon else low + 1) if high is None else slice(low, high)
        if not (text and 0 <= one.start < one.stop <= size):
            raise invalid(
                where,
                expected=f"a region within {' x '.join(map(str, shape))} px",
                received=f"[{region}]",
                remedy=_REMEDY,
            )
        found.append(one)
    return tuple(found)


def _pixel(text: str, um: float | None, region: str, where: str) -> int | None:
    """Return the pixel that a number means; None where there is none."""
    match = _END.fullmatch(text.strip())
    if match is None or (match[2] and not match[1]) or (not match[2] and "." in text):
        expected = "a region of whole pixels, or micrometres"
        raise invalid(where, expected=expected, received=f"[{region}]", remedy=_REMEDY)
    if not match[1]:
        return None
    if not match[2]:
        return int(match[1])
    if um is None:
        got = "a file without"
        raise invalid(where, expected="a pixel size to count by", received=got, remedy=_REMEDY)
    return round(float(match[1]) / um)


@dataclass(frozen=True)
class _Place:
    """What of an image is to be read: by region, where its format can, else all of it.

    Parameters
    ----------
    part : Part
        What its reader is asked for.
    box : tuple of slice
        Of which this is wanted.
    plane : bool
        Whether that is one plane of a stack, and its z axis is left out.
    """

    part: Part
    box: Region
    plane: bool

    def cut(self, array: AnyArray, behind: int) -> AnyArray:
        """Cut the box out of an array (t, spatial..., `behind` axes more), unless it is that."""
        if self.part.region is None:
            before = array.ndim - behind - len(self.box)
            array = array[(slice(None),) * before + self.box]
        return array.squeeze(-3 - behind) if self.plane else array


class Cut(Reader):
    """A region of an image as an image of its own.

    Parameters
    ----------
    reader : Reader
        Of the image.
    path : Path
        The image.
    region : str
        See `box_of`.
    """

    def __init__(self, reader: Reader, path: Path, region: str) -> None:
        self._reader, self._path, self._region = reader, path, region
        self.name, self.folders = reader.name, reader.folders
        self.names_axes = reader.names_axes

    def is_lossy(self, path: Path) -> bool:
        """Whether the image is."""
        return self._reader.is_lossy(self._path)

    def can_open(self, path: Path, start: bytes) -> bool:
        """Whether the image can be opened."""
        return self._reader.can_open(self._path, start)

    def scenes(self, path: Path) -> tuple[str, ...]:
        """Return the scenes of the file: the region is one of each."""
        return self._reader.scenes(self._path)

    def info(self, path: Path, part: Part) -> ImageInfo:
        """Read what the header says of the image, and where in it the region is."""
        info = self._whole(part)
        box = box_of(self._region, info, str(self._path))
        starts = [one.start for one in box]
        zero = (0.0,) * len(box)
        size, origin_um = info.pixel_size_um, None
        if size is not None:
            steps = zip(info.origin_um or zero, starts, size, strict=True)
            origin_um = tuple(at + k * um for at, k, um in steps)
        extents = tuple(one.stop - one.start for one in box)
        first = info.shape[:1] if info.axes.startswith("t") else ()
        found = replace(
            info,
            shape=(*first, *extents, info.shape[-1]),
            origin_um=origin_um,
            origin_px=tuple(np.add(info.origin_px or zero, starts).tolist()),
        )
        return _plane(found) if _is_plane(info, box) else found

    def pixels(self, path: Path, part: Part) -> AnyArray:
        """Decode the region, or a part of it."""
        place = self._place(part)
        return place.cut(self._reader.pixels(self._path, place.part), 1)

    def values(self, path: Path, part: Part) -> tuple[AnyArray, AnyArray | None]:
        """Decode the labels of the region, or of a part of it."""
        place = self._place(part)
        values, alpha = self._reader.values(self._path, place.part)
        return place.cut(values, 1), None if alpha is None else place.cut(alpha, 0)

    def colours(self, path: Path) -> AnyArray | None:
        """Return the colours that the values of the image stand for."""
        return self._reader.colours(self._path)

    def labels(self, path: Path) -> tuple[Path, ...]:
        """Return the same region of the label images that the image holds itself."""
        return tuple(named(one, self._region) for one in self._reader.labels(self._path))

    def image(self, path: Path) -> Path | None:
        """Return the same region of the image that holds the label image."""
        found = self._reader.image(self._path)
        return None if found is None else named(found, self._region)

    def written(self, path: Path, part: Part) -> list[Region] | None:
        """Return what of the image's written boxes is in the region."""
        boxes = self._reader.written(self._path, part)
        info = self._whole(part)
        box = box_of(self._region, info, str(self._path))
        found = None if boxes is None else clipped(boxes, [(b.start, b.stop) for b in box])
        return [one[1:] for one in found] if found and _is_plane(info, box) else found

    def watched(self, path: Path, scene: str | None) -> tuple[Path, ...]:
        """Return what is another file once the image was written anew."""
        return self._reader.watched(self._path, scene)

    def _place(self, part: Part) -> _Place:
        """Find what of the image is to be read."""
        info = self._whole(part)
        box = box_of(self._region, info, str(self._path))
        plane = _is_plane(info, box)
        if part.region is not None:
            within = (slice(0, 1), *part.region) if plane else part.region
            box = tuple(map(_inner, box, within))
        return _Place(replace(part, region=box if info.regions else None), box, plane)

    def _whole(self, part: Part) -> ImageInfo:
        return _info(
            self._reader, self._path, replace(part, region=None, frame=None), *self._state()
        )

    def _state(self) -> tuple[int, ...]:
        """Say when the files of the image were last written."""
        found = []
        for one in self._reader.watched(self._path, None):
            try:
                state = os.stat(one)
            except OSError:  # on a server, perhaps
                continue
            found += [state.st_mtime_ns, state.st_size]
        return tuple(found)


@lru_cache(maxsize=256)
def _info(reader: Reader, path: Path, part: Part, *state: int) -> ImageInfo:
    """Read a header once for all parts of its image."""
    return reader.info(path, part)


def _is_plane(info: ImageInfo, box: Region) -> bool:
    """Whether a region is one plane of a stack: an image, as everywhere."""
    return "z" in info.axes and box[0].stop - box[0].start == 1


def _plane(info: ImageInfo) -> ImageInfo:
    at = info.axes.index("z")
    shape = info.shape[:at] + info.shape[at + 1 :]
    cut = {
        name: value[1:]
        for name in ("pixel_size_um", "origin_um", "origin_px")
        if (value := getattr(info, name)) is not None
    }
    return replace(info, shape=shape, axes=info.axes.replace("z", ""), **cut)


def _inner(box: slice, within: slice) -> slice:
    """Return a slice of a slice.

    Examples
    --------
    >>> _inner(slice(10, 20), slice(2, 5)), _inner(slice(10, 20), slice(2, None))
    (slice(12, 15, None), slice(12, 20, None))
    """
    start, stop, _ = within.indices(box.stop - box.start)
    return slice(box.start + start, box.start + stop)
