"""Images of movies, read frame by frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.cache import SHARED
from ..datasets.files import FileSource
from ..datasets.given import is_file
from ..datasets.sources import ArraySource, Source
from ..datasets.views import ChannelSource
from ..errors import InvalidError, invalid
from ..images.cache import Cache
from ..images.channels import Channels
from ..images.files import probe
from ..images.image import AnyArray, no_numbers, per_axis
from ..messages import Argument, counted, say
from .movies import folders_in, walk_here

_FORMS = {3: "yx", 4: "zyx", 5: "zyxc"}
_COLOURS = 4
_MOVIE = (
    "images of a movie: arrays (t, y, x), (t, z, y, x), channels last, a list of frames, "
    "a file, or a folder of frames"
)


@dataclass(frozen=True, eq=False)
class Frames:
    """The images of one recording, none of which is read before it is asked for.

    Parameters
    ----------
    name : str
        What it is called.
    sources : tuple of Source
        One per frame, (y, x, c) or (z, y, x, c), of one size.
    spacing_um : tuple of float or None
        Micrometres per pixel.

    Examples
    --------
    >>> one = frames_of(np.zeros((5, 8, 9), np.uint8))[0]
    >>> one.count, one.shape, one.frame(2).shape
    (5, (8, 9), (8, 9, 1))
    """

    name: str
    sources: tuple[Source, ...]
    spacing_um: tuple[float, ...] | None = None

    @property
    def count(self) -> int:
        """How many frames there are."""
        return len(self.sources)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of each frame, without channels."""
        return tuple(self.sources[0].shape[:-1])

    @property
    def channels(self) -> int:
        """Of each frame."""
        return int(self.sources[0].shape[-1])

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes: ("y", "x") or ("z", "y", "x")."""
        return tuple("zyx"[-len(self.shape) :])

    def frame(self, k: int) -> AnyArray:
        """Return the image of a frame, (spatial..., c), as it is stored."""
        image = np.asarray(self.sources[k].read())
        if image.dtype.kind == "f" and not np.isfinite(image).any():
            raise no_numbers(self.sources[k].name)
        if image.shape[:-1] != self.shape:
            raise invalid(
                self.sources[k].name, expected=f"a frame of {_size(self.shape)}, as the first",
                received=_size(image.shape[:-1]),
            )  # fmt: skip
        return image

    def refuse_sizes(self) -> None:
        """Refuse frames of different sizes, before the first is read."""
        for source in self.sources:
            if tuple(source.shape) != tuple(self.sources[0].shape):
                raise invalid(
                    source.name, expected=f"a frame of {_size(self.sources[0].shape)}, as "
                    f"{self.sources[0].name}", received=_size(source.shape),
                )  # fmt: skip

    def matching(self, spacing_um: Any) -> Frames:
        """Return them with a size of pixels, where one is given."""
        if spacing_um is None:
            return self
        spacing = per_axis(spacing_um, "".join(self.axes) + "c")
        return Frames(self.name, self.sources, spacing)


def frames_of(
    movie: Any,
    *,
    channels: Channels = None,
    spacing_um: Any = None,
    argument: str = "movie",
    cached: bool = False,
) -> list[Frames]:
    """Find the images of a movie, or of several recordings.

    Parameters
    ----------
    movie : array, list of arrays or files, path, or dict of these
        (t, y, x), (t, z, y, x), with channels last; a file of a movie; a folder of frames, in the
        order of their numbers; a folder of such folders, or a dict: several recordings.
    channels : int, str or sequence of them, optional
        Channels to keep, ``[0, [2, 3]]`` a sum among them; default all.
    spacing_um : float or tuple of float, optional
        Micrometres per pixel; default as files say.
    argument : str, default "movie"
        What it is called in errors.
    cached : bool, default False
        Whether decoded files are kept in memory, as training wants them; else each only while it is
        looked at, so that a movie of any length may be.

    Raises
    ------
    InvalidError
        Nothing of these, a movie of one frame, recordings of 2-D and of 3-D images.

    Examples
    --------
    >>> [one.name for one in frames_of({"a": np.zeros((2, 8, 9)), "b": np.zeros((3, 8, 9))})]
    ['a', 'b']
    """
    given = movie if isinstance(movie, Mapping) else None
    if given is None and is_file(movie) and not _of_volumes(Path(movie).expanduser()):
        given = folders_in(Path(movie).expanduser()) or None
    parts = {"": movie} if given is None else {str(name): one for name, one in given.items()}
    cache = SHARED if cached else None
    found = [_one(name, one, channels, argument, cache).matching(spacing_um)
             for name, one in parts.items()]  # fmt: skip
    for what, kinds in (
        ("recordings of 2-D or of 3-D images", {len(one.shape) for one in found}),
        ("recordings of as many channels", {one.channels for one in found}),
    ):
        if len(kinds) > 1:
            raise invalid(argument, expected=what,
                          received=say("{}", " and ".join(map(str, sorted(kinds)))))  # fmt: skip
    return found


def _one(name: str, movie: Any, channels: Channels, argument: str, cache: Cache | None) -> Frames:
    if is_file(movie):
        path = Path(movie).expanduser()
        if not path.exists():
            raise invalid(argument, expected="a folder or file that is there", received=str(path))
        sources: Sequence[Source] = _of_path(path, channels, cache)
        name = name or path.stem
    elif isinstance(movie, (list, tuple)) and movie and all(is_file(one) for one in movie):
        sources = [FileSource(Path(one).expanduser(), channels=channels, cache=cache)
                   for one in movie]  # fmt: skip
    elif isinstance(movie, (list, tuple)) and movie:
        sources = [_of_array(np.asarray(one), k, "", argument) for k, one in enumerate(movie)]
    elif isinstance(movie, np.ndarray) and movie.ndim in _FORMS:
        form = _FORMS[movie.ndim]
        if movie.ndim == 4 and movie.shape[-1] <= _COLOURS < movie.shape[1]:
            form = "yxc"
        sources = [_of_array(one, k, form, argument) for k, one in enumerate(movie)]
    else:
        raise invalid(argument, expected=_MOVIE, received=movie)
    if channels is not None and not isinstance(sources[0], FileSource):
        sources = [ChannelSource(one, channels) for one in sources]
    if len(sources) < 2:
        raise invalid(argument, expected="2 frames or more",
                      received=counted(len(sources), "frame"))  # fmt: skip
    return Frames(name or "movie", tuple(sources), sources[0].spacing_um)


def _of_array(image: AnyArray, k: int, form: str, argument: str) -> Source:
    try:
        return ArraySource(image, form or None, name=f"frame {k}", bare=True)
    except InvalidError as error:
        raise error.renamed(argument) from None


def _of_volumes(path: Path) -> bool:
    """Whether a folder is an image itself, as of Zarr, with a time axis."""
    return path.is_dir() and not walk_here(path) and _readable(path)


def _readable(path: Path) -> bool:
    try:
        return bool(probe(path).frames)
    except InvalidError:
        return False


def _of_path(path: Path, channels: Channels, cache: Cache | None) -> list[Source]:
    """Return the frames of a folder of images, or of a file with all of them."""
    if path.is_dir() and (files := walk_here(path)):
        return [FileSource(file, channels=channels, cache=cache) for file in files]
    info = probe(path)
    axes = None
    if not info.axes.startswith("t"):
        # a stack whose planes are said to be z, or nothing: of a movie they are frames
        if not info.axes.startswith("z"):
            raise invalid(path.name, expected="a movie of 2 frames or more", received="one image",
                          remedy=say("Give the folder of frames as {}.",
                                     Argument("movie")))  # fmt: skip
        axes = _stored(path)
        info = probe(path, axes=axes)
    whole = FileSource(path, channels=channels, axes=axes, cache=cache)
    return [whole.at(k) for k in range(info.frames)]


def _stored(path: Path) -> str:
    """Return the axes of a plain stack, its planes as frames."""
    info = probe(path)
    for axes in ("tyx", "tyxc"):
        try:
            if probe(path, axes=axes).frames == info.shape[0]:
                return axes
        except InvalidError:
            continue
    raise invalid(path.name, expected="a movie with an axis of time", received=info.axes)


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
