"""Several files that are one image: its channels, planes or time points."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidError, invalid
from ..images.channels import Channels, Picked, pick_channels
from ..images.image import AnyArray
from ..messages import Argument, Setting, say
from .sources import Slices, Source

_NO_DISTANCE = say(
    "the distance of its planes is in no file, so that its pixel size is not known; give {}",
    Argument("pixel_size_um"),
)
Among = tuple[tuple[str, int | None], ...]
Grid = tuple[tuple[tuple[Path, ...], ...], ...]


@dataclass(frozen=True)
class Files:
    """The files of one image.

    Parameters
    ----------
    name : str
        What it is called.
    paths : tuple of tuple of tuple of Path
        By time, plane and channel.
    channel_names : tuple of str, optional
        Where names of files tell them.
    among : tuple of (str, int or None), default ()
        Of an image that lacks channels which others of its set have: all of these, and where they
        are among its own.
    """

    name: str
    paths: Grid
    channel_names: tuple[str, ...] | None = None
    among: Among = ()


class JoinedSource:
    """Sources put together along channels, or along a new first axis z.

    Parameters
    ----------
    parts : sequence of Source
        Of the same size.
    axis : {"c", "z"}
        Along what.
    channel_names : tuple of str, optional
        Of the parts, where each is one channel.
    among : tuple of (str, int or None), default ()
        See `Files`.

    Examples
    --------
    >>> from cytoloom.datasets.sources import ArraySource
    >>> parts = [ArraySource(np.full((2, 3), k)) for k in range(2)]
    >>> JoinedSource(parts, "c").shape, JoinedSource(parts, "z").shape
    ((2, 3, 2), (2, 2, 3, 1))
    """

    def __init__(
        self,
        parts: Sequence[Source],
        axis: str,
        channel_names: tuple[str, ...] | None = None,
        among: Among = (),
    ) -> None:
        self.parts, self.among = tuple(parts), among
        self._axis = axis
        self._names = channel_names
        self.name = parts[0].name

    @property
    def path(self) -> Path:
        """The first file."""
        path: Path = getattr(self.parts[0], "path", Path(self.name))
        return path

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files."""
        return tuple(
            q for p in self.parts for q in getattr(p, "paths", (getattr(p, "path", None),))
        )

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape of what `read` returns."""
        first = self.parts[0]
        channels = 0
        for part in self.parts:
            size, wanted = part.shape, first.shape
            if self._axis == "c":
                channels += size[-1]
                size, wanted = size[:-1], wanted[:-1]
            if size != wanted or (self._axis == "z" and "z" in part.axes):
                raise invalid(
                    part.name,
                    expected=f"{' x '.join(map(str, wanted))} pixels, as {first.name}",
                    received=" x ".join(map(str, size)),
                    remedy=say("If they are not one image, pass {}.", Setting("pattern", "{name}")),
                )
        if self._axis == "c":
            return (*first.shape[:-1], channels)
        return (len(self.parts), *first.shape)

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """The type that holds the values of all parts."""
        return np.result_type(*(part.dtype for part in self.parts))

    @property
    def axes(self) -> str:
        """One letter per axis of `shape`."""
        return ("z" if self._axis == "z" else "") + self.parts[0].axes

    @property
    def spacing_um(self) -> tuple[float, ...] | None:
        """Micrometres per pixel; unknown of planes, whose distance no file tells."""
        known = (part.spacing_um for part in self.parts if part.spacing_um)
        return None if self._axis == "z" else next(known, None)

    @property
    def channel_names(self) -> tuple[str, ...] | None:
        """Names of the channels, where known."""
        if self._axis == "z":
            return getattr(self.parts[0], "channel_names", None)
        return self._names if self._names and self.shape[-1] == len(self._names) else None

    def pick(self, channels: Channels) -> Picked | None:
        """Choose channels, counted as in the images that it is with; one may be missing.

        Raises
        ------
        InvalidError
            The image has no file of it.
        """
        every = tuple(name for name, _ in self.among)
        names = None if any(name.isdecimal() for name in every) else every
        picked = pick_channels(channels, len(every), names, self.name)
        if picked is None:
            return None
        own = [[self.among[k][1] for k in part] for part in picked.parts]
        lacking = [every[k] for part in picked.parts for k in part if self.among[k][1] is None]
        files = sum(place is not None for _, place in self.among)
        if lacking or self.shape[-1] != files:  # with several channels in a file, which is which?
            raise self._lacks(lacking)
        return Picked(tuple(tuple(k for k in part if k is not None) for part in own))

    def _lacks(self, channels: Sequence[str]) -> InvalidError:
        absent = [name for name, place in self.among if place is None]
        return invalid(
            self.name,
            expected=f"a file of channel {', '.join(channels or absent)} too, as others have",
            received=", ".join(path.name for path in self.paths),
            remedy="Put it there, or leave this image away.",
        )

    @property
    def identity(self) -> Hashable:
        """What is read, and when each file of it was last written."""
        return tuple(getattr(part, "identity", None) for part in self.parts)

    @property
    def regions(self) -> bool:
        """Whether parts are read without the rest."""
        return all(getattr(part, "regions", True) for part in self.parts)

    @property
    def bare(self) -> bool:
        """Whether the types of all parts say nothing of those of their files."""
        return all(getattr(part, "bare", False) for part in self.parts)

    @property
    def notes(self) -> tuple[str, ...]:
        """What had to be guessed of the parts, and that the distance of planes is in no file."""
        found = dict.fromkeys(text for p in self.parts for text in getattr(p, "notes", ()))
        if self._axis == "z" and any(part.spacing_um for part in self.parts):
            found[_NO_DISTANCE] = None
        return tuple(found)

    @property
    def frame(self) -> int | None:
        """Which time point of a series, of parts that are one."""
        return getattr(self.parts[0], "frame", None)

    @property
    def understood(self) -> str:
        """How labels were understood."""
        return next((said for p in self.parts if (said := getattr(p, "understood", ""))), "")

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return the pixels, or those within one slice per spatial axis."""
        _ = self.shape  # parts that do not fit are said, not joined
        if self._axis == "c":
            return np.concatenate([part.read(slices) for part in self.parts], axis=-1)
        rest = None if slices is None else slices[1:]
        wanted = self.parts if slices is None else self.parts[slices[0]]
        if not wanted:
            return self.parts[0].read(rest)[None][:0]
        return np.stack([part.read(rest) for part in wanted])
