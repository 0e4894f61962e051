"""Where pixels come from: arrays, files and parts of them, all read in the same way."""

from __future__ import annotations

import hashlib
import math
import os
import threading
import weakref
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from .cache import SHARED, Cache
from .errors import InvalidError, invalid
from .images import files
from .images.facts import (
    AnyArray,
    Channels,
    ImageInfo,
    arrange,
    check_axes,
    guess_axes,
    pick_channels,
)
from .images.labels import understand

__all__ = [
    "SHARED",
    "ArraySource",
    "Cache",
    "ChannelSource",
    "CropSource",
    "FileSource",
    "HeldSource",
    "PlaneSource",
    "Source",
    "fingerprint",
    "part_of",
]

Slices = tuple[slice, ...]
FileName = str | os.PathLike[str]
Role = Literal["image", "labels"]


@runtime_checkable
class Source(Protocol):
    """What samplers read: an image ``(spatial..., c)`` or labels ``(spatial...)``.

    Anything with these members is a source; nothing needs to inherit from this class.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what `read` returns: spatial axes, and channels for images."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        ...

    @property
    def axes(self) -> str:
        """One letter per axis of `shape`: ``"yxc"``, ``"zyxc"``, ``"yx"`` or ``"zyx"``."""
        ...

    @property
    def spacing_um(self) -> tuple[float, ...] | None:
        """Micrometres per pixel of each spatial axis, where known."""
        ...

    @property
    def name(self) -> str:
        """A path or a name for messages."""
        ...

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return the pixels, or those within one slice per spatial axis."""
        ...


class ArraySource:
    """Pixels already in memory.

    Parameters
    ----------
    array : ndarray
        An image ``(y, x)``, ``(y, x, c)``, ``(z, y, x, c)``, ... or labels.
    axes : str, optional
        One letter of ``z y x c`` per axis. Default for images: ``yx``, ``yxc`` where the last
        of three axes is at most 4, else ``zyx``; ``zyxc``. For labels ``yx`` or ``zyx``.
    spacing_um : tuple of float, optional
        Micrometres per pixel of each spatial axis.
    name : str, default "array"
        For messages and tables.
    channel_names : tuple of str, optional
        One name per channel.
    role : {"image", "labels"}, default "image"
        Images have a channel axis last, labels have none.

    Examples
    --------
    >>> ArraySource(np.zeros((4, 5), np.uint8)).shape
    (4, 5, 1)
    >>> ArraySource(np.zeros((4, 5), bool), role="labels").dtype
    dtype('uint8')
    """

    def __init__(
        self,
        array: AnyArray,
        axes: str | None = None,
        *,
        spacing_um: tuple[float, ...] | None = None,
        name: str = "array",
        channel_names: tuple[str, ...] | None = None,
        role: Role = "image",
    ) -> None:
        array = np.asarray(array)
        if role == "labels":
            self._array, self.axes, self.understood = _label_array(array, axes, name)
        else:
            letters = check_axes(axes, array.ndim, name) if axes else guess_axes(array.shape, name)
            if "t" in letters:
                remedy = "Give one array per time point, or a TIFF file with a time axis."
                raise invalid(name, expected="no time axis", received=letters, remedy=remedy)
            self._array, self.axes = arrange(array, letters)
        self.spacing_um = _per_axis(spacing_um, self.axes, name)
        self.name = name
        self.channel_names = channel_names

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array, with channels last for an image."""
        return self._array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return self._array.dtype

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return a view."""
        return self._array if slices is None else self._array[slices]


class FileSource:
    """Pixels in a file, decoded when first read.

    The header is read when a fact is first asked for. A damaged or missing file raises
    `InvalidError` then and whenever it is read, not before.

    Parameters
    ----------
    path : str or Path
        The file.
    channels : int, str or sequence of them, optional
        Channels to keep, by index or name. Default: all.
    frame : int, optional
        Which time point of a time series.
    role : {"image", "labels"}, default "image"
        Labels are read with `images.read_labels`.
    axes : str, optional
        What the stored axes are, overriding the file.
    cache : Cache, optional
        Where decoded files are kept; None keeps a file only while what was read is in use.
    """

    def __init__(
        self,
        path: FileName,
        *,
        channels: Channels = None,
        frame: int | None = None,
        role: Role = "image",
        axes: str | None = None,
        cache: Cache | None = SHARED,
    ) -> None:
        self.path = Path(path).expanduser()
        self.channels = channels
        self.frame = frame
        self.role = role
        self.file_axes = axes
        self._cache = cache
        self._info: ImageInfo | None = None
        self._alive: weakref.ref[AnyArray] | None = None
        self._lock = threading.Lock()
        self.understood = ""
        self.digest: tuple[Any, str] | None = None

    def __repr__(self) -> str:
        frame = "" if self.frame is None else f", frame={self.frame}"
        return f"FileSource({str(self.path)!r}{frame})"

    def at(self, frame: int, *, axes: str | None = None) -> FileSource:
        """Return the same file at one time point; the header is not read again."""
        other = FileSource(
            self.path, channels=self.channels, frame=frame, role=self.role,
            axes=axes or self.file_axes, cache=self._cache,
        )  # fmt: skip
        other._info = self._info if axes is None else None
        return other

    @property
    def info(self) -> ImageInfo:
        """What the header says of the whole file."""
        if self._info is None:
            self._info = files.probe(self.path, axes=self.file_axes)
        return self._info

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what `read` returns."""
        if self.role == "labels":
            return self.info.frame_shape[:-1]
        kept = self._picked()
        return (*self.info.frame_shape[:-1], self.info.channels if kept is None else len(kept))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored pixels."""
        return self.info.dtype

    @property
    def axes(self) -> str:
        """One letter per axis of `shape`."""
        axes = self.info.axes.removeprefix("t")
        return axes.removesuffix("c") if self.role == "labels" else axes

    @property
    def spacing_um(self) -> tuple[float, ...] | None:
        """Micrometres per pixel of each spatial axis, where the file says."""
        return self.info.pixel_size_um

    @property
    def channel_names(self) -> tuple[str, ...] | None:
        """Names of the channels kept, where the file names them."""
        names, kept = self.info.channel_names, self._picked()
        return names if names is None or kept is None else tuple(names[k] for k in kept)

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return the pixels, read-only, or those within one slice per spatial axis."""
        kept = self._picked() if self.role == "image" else None
        array = self._whole() if slices is None else self._whole()[slices]
        return array if kept is None else array[..., list(kept)]

    def _whole(self) -> AnyArray:
        if self._cache is not None:
            return self._cache.get(self.identity, self._decode)
        with self._lock:
            array = self._alive() if self._alive is not None else None
            if array is None:
                array = self._decode()
                self._alive = weakref.ref(array)
            return array

    @property
    def identity(self) -> Hashable:
        """What is read and when it was last written: the key of decoded pixels."""
        status = self.path.stat() if self.path.exists() else None
        changed = (status.st_mtime_ns, status.st_size) if status else None
        return (str(self.path), changed, self.frame, self.role, self.file_axes)

    def _decode(self) -> AnyArray:
        if self.info.frames > 1 and self.frame is None:
            got = f"{self.info.frames} time points"
            raise invalid(self.name, expected="one image", received=got, remedy="Choose a frame.")
        if self.role == "labels":
            array, self.understood = files.read_labels_as(
                self.path, axes=self.file_axes, frame=self.frame
            )
        else:
            array = files.read(self.path, axes=self.file_axes, frame=self.frame).array
        array = array.view()
        array.flags.writeable = False
        return array

    def _picked(self) -> tuple[int, ...] | None:
        if self.channels is None:
            return None
        info = self.info
        return pick_channels(self.channels, info.channels, info.channel_names, self.name)


class CropSource:
    """A box of another source.

    Parameters
    ----------
    whole : Source
        What the box is cut from; normalisation measures this.
    roi : tuple of (int, int)
        Start and stop of each spatial axis.

    Examples
    --------
    >>> CropSource(ArraySource(np.zeros((4, 5))), ((1, 3), (0, 5))).shape
    (2, 5, 1)
    """

    def __init__(self, whole: Source, roi: tuple[tuple[int, int], ...]) -> None:
        self.whole = whole
        self.roi = roi
        self.name = whole.name

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the box."""
        return (*(stop - start for start, stop in self.roi), *self.whole.shape[len(self.roi) :])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return self.whole.dtype

    @property
    def axes(self) -> str:
        """One letter per axis."""
        return self.whole.axes

    @property
    def spacing_um(self) -> tuple[float, ...] | None:
        """Micrometres per pixel of each spatial axis, where known."""
        return self.whole.spacing_um

    @property
    def channel_names(self) -> tuple[str, ...] | None:
        """Names of the channels, where known."""
        return getattr(self.whole, "channel_names", None)

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return the pixels of the box, or those within slices of it."""
        box = tuple(slice(start, stop) for start, stop in self.roi)
        if slices is None:
            return self.whole.read(box)
        inside = [range(*b.indices(b.stop))[s] for b, s in zip(box, slices, strict=True)]
        return self.whole.read(tuple(slice(r.start, r.stop, r.step) for r in inside))


class ChannelSource:
    """Some channels of another source.

    Examples
    --------
    >>> ChannelSource(ArraySource(np.zeros((4, 5, 3))), [0, 2]).shape
    (4, 5, 2)
    """

    def __init__(self, source: Source, channels: Channels) -> None:
        names = getattr(source, "channel_names", None)
        kept = pick_channels(channels, source.shape[-1], names, source.name)
        self._source = source
        self._kept = list(kept if kept is not None else range(source.shape[-1]))
        self.shape = (*source.shape[:-1], len(self._kept))
        self.dtype = source.dtype
        self.axes = source.axes
        self.spacing_um = source.spacing_um
        self.name = source.name
        self.channel_names = names and tuple(names[k] for k in self._kept)

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return a copy of the channels kept."""
        return self._source.read(slices)[..., self._kept]


class PlaneSource:
    """One plane of a z stack.

    Examples
    --------
    >>> PlaneSource(ArraySource(np.zeros((3, 8, 9)), "zyx"), 2).shape
    (8, 9, 1)
    """

    def __init__(self, stack: Source, z: int) -> None:
        self._stack = stack
        self._z = z
        self.shape = stack.shape[1:]
        self.dtype = stack.dtype
        self.axes = stack.axes.removeprefix("z")
        self.spacing_um = stack.spacing_um and stack.spacing_um[1:]
        self.name = stack.name
        self.channel_names: tuple[str, ...] | None = getattr(stack, "channel_names", None)

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return the pixels ``(y, x, c)`` of the plane, or those within slices of it."""
        rest = slices or (slice(None), slice(None))
        plane: AnyArray = self._stack.read((slice(self._z, self._z + 1), *rest))[0]
        return plane


class HeldSource:
    """Another source, decoded once for all that is read from it, until it is let go.

    Normalisation measures what it would measure of the other.

    Examples
    --------
    >>> held = HeldSource(CropSource(ArraySource(np.zeros((4, 5))), ((1, 3), (0, 5))))
    >>> held.shape, held.whole.shape
    ((2, 5, 1), (4, 5, 1))
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._array: AnyArray | None = None
        self._lock = threading.Lock()
        self.whole: Source = getattr(source, "whole", self)
        self.shape = source.shape
        self.dtype = source.dtype
        self.axes = source.axes
        self.spacing_um = source.spacing_um
        self.name = source.name
        self.channel_names: tuple[str, ...] | None = getattr(source, "channel_names", None)

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return a view; decodes what is not held."""
        with self._lock:
            if self._array is None:
                self._array = self._source.read()
            array = self._array
        return array if slices is None else array[slices]

    def let_go(self) -> None:
        """Keep nothing in memory until something is read again."""
        self._array = None


def part_of(source: Source, pixels: int, centre: Sequence[int] | None = None) -> CropSource:
    """Cut a part of at most so many pixels out of an image, as long as wide as the image is.

    Parameters
    ----------
    source : Source
        An image (spatial..., c).
    pixels : int
        How many at most; at least one is taken.
    centre : sequence of int, optional
        Pixel around which it lies, as far as the image allows; default the middle.

    Examples
    --------
    >>> part_of(ArraySource(np.zeros((40, 60))), 600).roi
    ((10, 30), (15, 45))
    >>> part_of(ArraySource(np.zeros((40, 60))), 600, centre=(39, 20)).roi
    ((20, 40), (5, 35))
    """
    shape = source.shape[:-1]
    roi = [(0, n) for n in shape]
    left, rest = max(1, pixels), math.prod(shape)
    order = sorted(range(len(shape)), key=lambda axis: shape[axis])
    for k, axis in enumerate(order):  # what a short axis cannot give up, the longer ones do
        n, at = shape[axis], shape[axis] // 2 if centre is None else centre[axis]
        wanted = n * min(1.0, left / rest) ** (1 / (len(order) - k))
        length = min(left, int(wanted) if k == len(order) - 1 else math.ceil(wanted))
        start = max(0, min(at - length // 2, n - length))
        roi[axis] = (start, start + length)
        left, rest = left // length, rest // n
    return CropSource(source, tuple(roi))


def fingerprint(source: Source) -> str:
    """Return the SHA-256 of a source's shape, type and pixels; of a crop, those of the whole.

    Examples
    --------
    >>> grey, one_channel = ArraySource(np.zeros((2, 2))), ArraySource(np.zeros((2, 2, 1)))
    >>> fingerprint(grey) == fingerprint(one_channel)
    True
    """
    source = getattr(source, "whole", source)
    if not isinstance(source, FileSource):
        return _digest(source.read())
    # a training asks for it when checking and again for its record
    state = (source.identity, source.channels)
    if source.digest is None or source.digest[0] != state:
        source.digest = (state, _digest(source.read()))
    return source.digest[1]


def _digest(array: AnyArray) -> str:
    digest = hashlib.sha256(f"{array.shape} {array.dtype.name}".encode())
    for row in array:
        digest.update(np.ascontiguousarray(row).tobytes())
    return digest.hexdigest()


def _label_array(array: AnyArray, axes: str | None, name: str) -> tuple[AnyArray, str, str]:
    letters = check_axes(axes, array.ndim, name) if axes else {2: "yx", 3: "zyx"}.get(array.ndim)
    if letters not in ("yx", "zyx"):
        got = f"an array of shape {array.shape}"
        raise invalid(name, expected="labels (y, x) or (z, y, x)", received=got)
    try:
        labels, said = understand(array[..., None])
    except InvalidError as error:
        raise InvalidError(str(error).replace("`labels`", f"`{name}`", 1)) from None
    return labels, letters, said


def _per_axis(
    spacing_um: float | tuple[float, ...] | None, axes: str, name: str
) -> tuple[float, ...] | None:
    if spacing_um is None:
        return None
    wanted = len(axes.removesuffix("c"))
    sizes = np.atleast_1d(np.asarray(spacing_um, float))
    if sizes.size not in (1, wanted) or not (sizes > 0).all():
        expected = f"1 or {wanted} positive pixel sizes for {name}"
        raise invalid("pixel_size_um", expected=expected, received=spacing_um)
    return tuple(float(s) for s in np.broadcast_to(sizes, wanted))
