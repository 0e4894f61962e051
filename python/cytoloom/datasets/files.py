"""Pixels in files, decoded when first read."""

from __future__ import annotations

import copy
import hashlib
import itertools
import math
import os
import threading
import weakref
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import invalid
from ..images import files, formats, parts
from ..images.blocks import at_hand, blocks, by_regions
from ..images.cache import Cache, state_of
from ..images.channels import Channels, Picked, pick_channels
from ..images.image import AnyArray, ImageInfo
from ..images.reader import Part
from ..images.values import digest_of_values
from ..storage.atomic import working_folder
from .cache import SHARED
from .sources import ArraySource, Role, Slices, Source

FileName = str | os.PathLike[str]
UNDERSTOOD: dict[Hashable, str] = {}
"""How the labels of files were understood, which another source may have read and kept."""


class FileSource:
    """Pixels in a file, decoded when first read.

    A large image that the cache cannot hold is read region by region where its format allows.
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
    scene : str, optional
        Which image of a file that holds several.
    unknown : int, optional
        The label value that counts nowhere.
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
        scene: str | None = None,
        unknown: int | None = None,
    ) -> None:
        self._path, self._where = Path(path).expanduser(), working_folder()
        self.channels = channels
        self.frame = frame
        self.role = role
        self.scene = scene
        self.unknown = unknown
        self.file_axes = axes
        self._cache = cache
        self._info: ImageInfo | None = None
        self._alive: weakref.ref[AnyArray] | None = None
        self._set: tuple[Hashable, tuple[Path, ...]] | None = None
        self._lock = threading.Lock()
        self.piecewise = False
        self.digests: dict[str, tuple[Any, str]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs: where the file is and how it is read, no pixels."""
        own = {name: value for name, value in vars(self).items() if name != "_lock"}
        shared = self._cache is SHARED
        return {**own, "_path": self.path.absolute(), "_alive": None, "_cache": None} | (
            {"_cache": "shared"} if shared else {}
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._cache = SHARED if state["_cache"] == "shared" else None
        self._where, self._lock = working_folder(), threading.Lock()

    def __repr__(self) -> str:
        frame = "" if self.frame is None else f", frame={self.frame}"
        scene = "" if self.scene is None else f", scene={self.scene!r}"
        return f"FileSource({str(self.path)!r}{frame}{scene})"

    @property
    def path(self) -> Path:
        """The file: the one that was given, also once the working directory is another one.

        As it was given where it is the same, so that messages name it so.
        """
        if self._path.is_absolute() or working_folder() == self._where:
            return self._path
        return Path(self._where, self._path)

    def at(self, frame: int, *, axes: str | None = None) -> FileSource:
        """Return the same file at one time point; the header is not read again."""
        other = FileSource(
            self.path, channels=self.channels, frame=frame, role=self.role,
            axes=axes or self.file_axes, cache=self._cache, scene=self.scene, unknown=self.unknown,
        )  # fmt: skip
        other._info = self._info if axes is None else None
        return other

    def in_pieces(self) -> FileSource:
        """Return the same image, of which a box is read without the rest however small it is.

        What of its file cannot be read then costs the boxes that it lies in. Of formats that know
        no regions, the same.
        """
        other = copy.copy(self)
        other.piecewise = other.regions and other.role == "image"
        return other

    def knowing(self, unknown: int | None) -> FileSource:
        """Return the same labels, of which another value counts nowhere."""
        other = copy.copy(self)
        other.unknown, other.digests, other._alive = unknown, {}, None
        return other

    @property
    def info(self) -> ImageInfo:
        """What the header says of the whole file."""
        if self._info is None:
            self._info = files.probe(self.path, axes=self.file_axes, scene=self.scene)
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
        """Type of the pixels; of sums of channels wider than stored."""
        kept = self._picked() if self.role == "image" else None
        return self.info.dtype if kept is None else kept.dtype(self.info.dtype)

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
    def notes(self) -> tuple[str, ...]:
        """What had to be guessed, and what is odd about the file."""
        return self.info.notes if self.role == "labels" else self.info.notes_of_image

    @property
    def channel_names(self) -> tuple[str, ...] | None:
        """Names of the channels kept, where the file names them."""
        names, kept = self.info.channel_names, self._picked()
        return names if kept is None else kept.names(names)

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    @property
    def regions(self) -> bool:
        """Whether parts are read without the rest, should the image be large.

        Labels are understood from all of their values, unless they are too many, and what the cache
        can hold is decoded once: patches are read from it again and again.
        """
        if not self.info.regions:
            return False
        if self.role == "labels":
            return (
                parts.are_too_many(math.prod(self.shape))
                and self.info.channels == 1
                and self.info.dtype.kind in "ui"
            )
        size = math.prod(self.info.frame_shape) * self.info.dtype.itemsize
        return self._cache is None or size > self._cache.max_bytes

    @property
    def written(self) -> list[Slices] | None:
        """The boxes of it that were written, the rest being 0; None where that is not known."""
        part = Part(self.file_axes, self.frame, self.scene)
        return formats.reader_of(self.path).written(self.path, part)

    @property
    def understood(self) -> str:
        """How labels were understood, once they were read."""
        return UNDERSTOOD.get(self.identity, "") if self.role == "labels" else ""

    @property
    def colours(self) -> AnyArray | None:
        """What the numbers of labels stand for, where the file has a table of colours."""
        # of one byte a pixel: no other file is opened once more
        if self.role != "labels" or self.info.dtype != np.uint8:
            return None
        return formats.reader_of(self.path).colours(self.path)

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return the pixels, read-only, or those within one slice per spatial axis."""
        kept = self._picked() if self.role == "image" else None
        if slices is None:
            array = self._whole()
        else:
            in_pieces = self.piecewise or by_regions(self)
            array = self._region(slices) if in_pieces else self._whole()[slices]
        return array if kept is None else kept.take(array)

    def _region(self, slices: Slices) -> AnyArray:
        spans = [s.indices(n) for s, n in zip(slices, self.shape, strict=False)]
        box = tuple(slice(start, max(start, stop)) for start, stop, _ in spans)
        # readers of regions go forwards only; backwards is for small images
        if any(step < 1 for _, _, step in spans):
            return self._whole()[slices]
        part = Part(self.file_axes, self._one_frame(), self.scene, box)
        region = files.read_part(self.path, part)
        if self.role == "labels":
            region = region[..., 0]
        steps = tuple(slice(None, None, step) for _, _, step in spans)
        return region[steps]

    def _whole(self) -> AnyArray:
        if self._cache is not None:
            return self._cache.get(self.identity, self._decode)
        with self._lock:
            # A weak reference: two readers of a file share its pixels, and the last one frees them.
            array = self._alive() if self._alive is not None else None
            if array is None:
                array = self._decode()
                self._alive = weakref.ref(array)
            return array

    @property
    def identity(self) -> Hashable:
        """What is read and when each file of it was last written: the key of decoded pixels."""
        how = (self.frame, self.role, self.file_axes, self.scene, self.unknown)
        own = state_of(self.path)
        # to find the files of a set opens one of them
        if self._set is None or self._set[0] != own:
            self._set = (own, formats.watched(self.path, self.scene))
        return (own, *(state_of(one) for one in self._set[1]), *how)

    def _one_frame(self) -> int | None:
        if self.info.frames > 1 and self.frame is None:
            got = f"{self.info.frames} time points"
            remedy = "Save the time point that is meant as a file of its own."
            raise invalid(self.name, expected="one image", received=got, remedy=remedy)
        return self.frame

    def _decode(self) -> AnyArray:
        frame = self._one_frame()
        if self.role == "labels":
            array, said = files.read_labels_as(
                self.path, axes=self.file_axes, frame=frame, unknown=self.unknown
            )
            UNDERSTOOD[self.identity] = said
        else:
            array = files.read_part(self.path, Part(self.file_axes, frame, self.scene))
        # all readers share these pixels; a view, so that the flag is ours alone
        array = array.view()
        array.flags.writeable = False
        return array

    def _picked(self) -> Picked | None:
        if self.channels is None:
            return None
        info = self.info
        return pick_channels(self.channels, info.channels, info.channel_names, self.name)


def pixel_sha256(source: Source) -> str:
    """Return the SHA-256 of a source's shape, type and pixels; of a crop, those of the whole.

    Examples
    --------
    >>> import numpy as np
    >>> from cytoloom.datasets.sources import ArraySource
    >>> grey, one_channel = ArraySource(np.zeros((2, 2))), ArraySource(np.zeros((2, 2, 1)))
    >>> pixel_sha256(grey) == pixel_sha256(one_channel)
    True
    """
    return _kept(source, _digest)


def values_sha256(source: Source) -> str:
    """Return the SHA-256 of an image's values, whichever type holds them; of a crop, the whole's.

    The same image has the same hash as 8 and as 16 bits, multiplied by a whole number (257, 16),
    as fractions of 1, as floating point, and as equal red, green and blue.

    Examples
    --------
    >>> import numpy as np
    >>> from cytoloom.datasets.sources import ArraySource
    >>> image = np.array([[0, 3], [7, 200]], np.uint8)
    >>> others = [image.astype(np.uint16) * 257, image.astype(np.float32), image / 255]
    >>> len({values_sha256(ArraySource(one)) for one in (image, *others)})
    1
    """
    return _kept(source, digest_of_values)


def _kept(source: Source, digest: Callable[[Source], str]) -> str:
    """Return a digest, of a file that was not written anew the one reckoned before.

    Of a huge image it is that of some parts of it.
    """
    source = getattr(source, "whole", source)
    if parts.is_huge(source):
        return digest(parts.sample_of(source))  # type: ignore[arg-type]
    if not isinstance(source, FileSource):
        return digest(source)
    # a training asks for it when checking and again for its record
    state = (source.identity, source.channels)
    known = source.digests.get(digest.__name__)
    if known is None or known[0] != state:
        known = source.digests[digest.__name__] = (state, digest(source))
    return known[1]


def pixels_seen(source: Source, spacing_um: tuple[float, ...] | None = None) -> str:
    """Return what is seen of an image: the SHA-256 of its own pixels, their type, and their size.

    Examples
    --------
    >>> import numpy as np
    >>> from cytoloom.datasets.sources import ArraySource
    >>> image = ArraySource(np.zeros((2, 2)))
    >>> pixels_seen(image) == pixels_seen(image, (0.5, 0.5))
    False
    """
    return f"{_digest(source)} {_kind(source)} {spacing_um}"


def has_other_pixels(source: Source, seen: str) -> bool:
    """Whether an image is another one than was seen, of the same type and shape.

    Of other types or shapes nothing is known: it may have been seen in another way.

    Parameters
    ----------
    source : Source
        The image; its channels may be in another order.
    seen : str
        What `pixels_seen` told of it.

    Examples
    --------
    >>> import numpy as np
    >>> from cytoloom.datasets.sources import ArraySource
    >>> image, other = ArraySource(np.zeros((2, 2))), ArraySource(np.ones((2, 2)))
    >>> has_other_pixels(image, pixels_seen(image)), has_other_pixels(other, pixels_seen(image))
    (False, True)
    """
    count = source.shape[-1]
    if f" {_kind(source)} " not in seen or count > _CHANNELS:
        return False
    if seen.startswith(_digest(source)):
        return False
    orders = list(itertools.permutations(range(count)))[1:]
    turned = (ArraySource(source.read()[..., list(one)], source.axes) for one in orders)
    return not any(seen.startswith(_digest(one)) for one in turned)


_CHANNELS = 4
"""Of more there are too many orders to look for."""


def _kind(source: Source) -> str:
    """Return type and shape, without blanks."""
    return f"{source.dtype}:{'x'.join(map(str, source.shape))}"


def _digest(source: Source) -> str:
    pixels = at_hand(source)
    digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype.name}".encode())
    for block in blocks(pixels):
        for row in block:
            digest.update(np.ascontiguousarray(row).tobytes())
    return digest.hexdigest()
