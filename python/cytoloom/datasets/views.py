"""Parts of other sources: a box, some channels, a plane, or all of it kept in memory."""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidError
from ..images.blocks import by_regions
from ..images.channels import Channels, Picked, is_grey, pick_channels
from ..images.image import AnyArray
from .sources import Slices, Source


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
    >>> import numpy as np
    >>> from cytoloom.datasets.sources import ArraySource
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

    @property
    def regions(self) -> bool:
        """Whether parts are read without the rest."""
        return getattr(self.whole, "regions", True)

    @property
    def bare(self) -> bool:
        """Whether its type says nothing of that of its file."""
        return getattr(self.whole, "bare", False)

    @property
    def inside(self) -> Slices | None:
        """Where the labels of the box are, which have none elsewhere; None: everywhere."""
        inside = getattr(self.whole, "inside", None)
        if inside is None:
            return None
        ends = zip(inside, self.roi, strict=True)
        return tuple(
            slice(max(one.start, start) - start, max(min(one.stop, stop), start) - start)
            for one, (start, stop) in ends
        )

    @property
    def sources(self) -> tuple[CropSource, ...]:
        """The box of each that a consensus was made of; none of any other source."""
        return tuple(CropSource(one, self.roi) for one in getattr(self.whole, "sources", ()))

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return the pixels of the box, or those within slices of it."""
        box = tuple(slice(start, stop) for start, stop in self.roi)
        if slices is None:
            return self.whole.read(box)
        # slices of the box count from its corner; a range resolves negative and open ends
        inside = [range(*b.indices(b.stop))[s] for b, s in zip(box, slices, strict=True)]
        return self.whole.read(tuple(slice(r.start, r.stop, r.step) for r in inside))


class ChannelSource:
    """Some channels of another source, or sums of them.

    Examples
    --------
    >>> import numpy as np
    >>> from cytoloom.datasets.sources import ArraySource
    >>> ChannelSource(ArraySource(np.zeros((4, 5, 3))), [0, 2]).shape
    (4, 5, 2)
    """

    def __init__(self, source: Source, channels: Channels) -> None:
        self._source = source
        self._channels = channels
        self.name = source.name
        # of a file when first asked: one that cannot be read stops no others
        if not hasattr(source, "path"):
            _ = self._kept

    @cached_property
    def _kept(self) -> Picked:
        count, names = self._source.shape[-1], getattr(self._source, "channel_names", None)
        if getattr(self._source, "among", ()):  # an image without some of the channels of others
            kept = self._source.pick(self._channels)
        else:
            kept = pick_channels(self._channels, count, names, self.name)
        return kept or Picked(tuple((k,) for k in range(count)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape with the channels kept."""
        return (*self._source.shape[:-1], len(self._kept))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return self._kept.dtype(self._source.dtype)

    @property
    def axes(self) -> str:
        """One letter per axis."""
        return self._source.axes

    @property
    def spacing_um(self) -> tuple[float, ...] | None:
        """Micrometres per pixel of each spatial axis, where known."""
        return self._source.spacing_um

    @property
    def channel_names(self) -> tuple[str, ...] | None:
        """Names of the channels kept, where known."""
        return self._kept.names(getattr(self._source, "channel_names", None))

    @property
    def regions(self) -> bool:
        """Whether parts are read without the rest."""
        return getattr(self._source, "regions", True)

    @property
    def notes(self) -> tuple[str, ...]:
        """What had to be guessed of it."""
        return getattr(self._source, "notes", ())

    @property
    def identity(self) -> Hashable:
        """What is read and when it was last written, of a source that says so."""
        return getattr(self._source, "identity", None)

    @property
    def path(self) -> Path:
        """The file, of a source that has one."""
        path: Path = getattr(self._source, "path")  # noqa: B009
        return path

    @property
    def bare(self) -> bool:
        """Whether its type says nothing of that of its file."""
        return getattr(self._source, "bare", False)

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return a copy of the channels kept."""
        return self._kept.take(self._source.read(slices))


class GreySource(ChannelSource):
    """The grey values of a colour image that shows none; of another, an error.

    Parameters
    ----------
    source : Source
        An image with three channels, or four of which the last is alpha.
    refused : InvalidError
        What is said of one with colours, where it is read.

    Examples
    --------
    >>> import numpy as np
    >>> from cytoloom.datasets.sources import ArraySource
    >>> grey = ArraySource(np.full((4, 5, 3), 7))
    >>> GreySource(grey, InvalidError("colours")).read().shape
    (4, 5, 1)
    """

    channel_names = None

    def __init__(self, source: Source, refused: InvalidError) -> None:
        super().__init__(source, [0])
        self._refused = refused

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return the first channel, where the others are the same."""
        pixels = self._source.read(slices)
        if not is_grey(pixels):
            raise self._refused
        return pixels[..., :1]


class PlaneSource:
    """One plane of a z stack.

    Examples
    --------
    >>> import numpy as np
    >>> from cytoloom.datasets.sources import ArraySource
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
        self.regions: bool = getattr(stack, "regions", True)
        self.bare: bool = getattr(stack, "bare", False)

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return the pixels ``(y, x, c)`` of the plane, or those within slices of it."""
        rest = slices or (slice(None), slice(None))
        plane: AnyArray = self._stack.read((slice(self._z, self._z + 1), *rest))[0]
        return plane


class CachedSource:
    """Another source, decoded once for all that is read from it, until it is released.

    A large image that can be read by regions is not kept: they are read anew each time.
    Normalisation measures what it would measure of the other.

    Examples
    --------
    >>> import numpy as np
    >>> from cytoloom.datasets.sources import ArraySource
    >>> cached = CachedSource(CropSource(ArraySource(np.zeros((4, 5))), ((1, 3), (0, 5))))
    >>> cached.shape, cached.whole.shape
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
        self.regions: bool = getattr(source, "regions", True)

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return a view of what is kept, decoded first where nothing is."""
        # keeping it would take the memory that reading by regions saves
        if by_regions(self._source):
            return self._source.read(slices)
        with self._lock:
            if self._array is None:
                self._array = self._source.read()
            array = self._array
        return array if slices is None else array[slices]

    def release(self) -> None:
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
    >>> import numpy as np
    >>> from cytoloom.datasets.sources import ArraySource
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
