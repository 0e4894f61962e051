"""What a file format is to the rest: a class that knows a file, its header and its pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import invalid
from ..runtime.machine import free_memory_gb
from .image import AnyArray, ImageInfo, arrange

Region = tuple[slice, ...]


@dataclass(frozen=True)
class Part:
    """Which part of a file is meant; nothing said is all of it.

    Parameters
    ----------
    axes : str, optional
        What the stored axes are, overriding the file.
    frame : int, optional
        A single time point of a series.
    scene : str, optional
        One of the images of a file that holds several.
    region : tuple of slice, optional
        Start and stop of each spatial axis; only asked of files with `ImageInfo.regions`.
    """

    axes: str | None = None
    frame: int | None = None
    scene: str | None = None
    region: Region | None = None


class Reader:
    """One file format. A new one is one file with one such class, and a line in `formats.py`.

    What a decoder raises on a damaged file becomes an error that names it; a reader itself
    raises only where it can say more.
    """

    name = ""
    """What the format is called in messages."""
    suffixes: tuple[str, ...] = ()
    starts: tuple[bytes, ...] = ()
    """First bytes of its files."""
    folders = False
    """Whether an image of this format is a folder."""
    lossy = False
    """Whether compression may have changed pixel values."""
    names_axes = False
    """Whether its files name all of their axes, so that none can be given."""

    def is_lossy(self, path: Path) -> bool:
        """Whether compression changed the pixel values of a file."""
        return self.lossy

    def can_open(self, path: Path, start: bytes) -> bool:
        """Whether this reads a file with such first bytes, or a folder (which has none)."""
        return start.startswith(self.starts)

    def scenes(self, path: Path) -> tuple[str, ...]:
        """Return the names of the images in a file; nothing where there is only one."""
        return ()

    def info(self, path: Path, part: Part) -> ImageInfo:
        """Read what the header says of a file, or of a scene in it."""
        raise NotImplementedError

    def pixels(self, path: Path, part: Part) -> AnyArray:
        """Decode a part of an image, channels last; no more of the file than it needs."""
        raise NotImplementedError

    def values(self, path: Path, part: Part) -> tuple[AnyArray, AnyArray | None]:
        """Decode labels: values as stored ``(..., c)``, and alpha ``(...)`` where there is some."""
        return self.pixels(path, part), None

    def colours(self, path: Path) -> AnyArray | None:
        """Return the colours ``(n, c)`` that the values of a file stand for, where they do."""
        return None

    def members(self, path: Path) -> tuple[str, ...]:
        """Return the names of the files that are one image with this one, itself among them."""
        return (path.name,)

    def labels(self, path: Path) -> tuple[Path, ...]:
        """Return the label images that an image holds itself."""
        return ()

    def image(self, path: Path) -> Path | None:
        """Return the image that holds this label image itself; None of anything else."""
        return None

    def pair(self, path: Path) -> tuple[Path, Path] | None:
        """Return image and labels of a file that holds just these, beside each other."""
        return None

    def written(self, path: Path, part: Part) -> list[Region] | None:
        """Return the spatial boxes of an image that were written, the rest being 0.

        None where a format does not tell, or what was not written is something else.
        """
        return None

    def watched(self, path: Path, scene: str | None) -> tuple[Path, ...]:
        """Return files and folders that are others once an image was written anew."""
        return tuple(path.parent / name for name in self.members(path))


def stored_box(
    shape: Sequence[int], letters: str, part: Part, where: str, dtype: np.dtype[Any]
) -> Region:
    """Return the box of an array with axes `letters` that a part is.

    Parameters
    ----------
    shape, letters
        Sizes and axes as they are stored.
    part : Part
        What is meant.
    where : str
        The file, for messages.
    dtype : numpy.dtype
        Of its pixels: there has to be memory for the box.

    Examples
    --------
    >>> stored_box((5, 8, 9), "tyx", Part(frame=3), "a.tif", np.dtype(bool))
    (slice(3, 4, None), slice(0, 8, None), slice(0, 9, None))
    """
    frames = shape[letters.index("t")] if "t" in letters else 1
    wanted = dict(zip(spatial_axes(shape, letters), part.region or (), strict=False))
    if part.frame is not None and "t" in letters:
        if not 0 <= part.frame < frames:
            raise invalid("frame", expected=f"0 to {frames - 1} for {where}", received=part.frame)
        wanted["t"] = slice(part.frame, part.frame + 1)
    box = tuple(
        slice(*wanted.get(letter, slice(None)).indices(size)[:2])
        for letter, size in zip(letters, shape, strict=True)
    )
    refuse_too_large([b.stop - b.start for b in box], dtype, where)
    return box


def refuse_too_large(shape: Sequence[int], dtype: np.dtype[Any], where: str) -> None:
    """Refuse pixels that do not fit into the memory that is free, before it is asked for."""
    wanted = math.prod(shape) * dtype.itemsize / 1e9
    # of small ones, regions among them, there are many: the system is not asked for each
    free = free_memory_gb() if wanted > 0.2 else math.inf
    if wanted > free:
        size = " x ".join(map(str, shape))
        got = f"{size} pixels of {dtype.name}: {wanted:.3g} GB, where {free:.3g} GB are free"
        remedy = "If it really is so large, cut it into smaller ones; else export it again."
        expected = "an image that fits into memory"
        raise invalid(where, expected=expected, received=got, remedy=remedy)


def arranged_box(box: AnyArray, shape: Sequence[int], letters: str) -> AnyArray:
    """Arrange the box of an array of `shape`, keeping a z axis of which it has one plane."""
    return arrange(box, letters, keep="z" if "z" in spatial_axes(shape, letters) else "")[0]


def spatial_axes(shape: Sequence[int], letters: str) -> str:
    """Return the spatial axes of an image as arranged: z only where it has several planes.

    Examples
    --------
    >>> spatial_axes((1, 8, 9), "zyx"), spatial_axes((2, 8, 9), "zyx")
    ('yx', 'zyx')
    """
    stack = "z" in letters and shape[letters.index("z")] > 1
    return "zyx" if stack else "yx"


def different(names: Sequence[str | None]) -> tuple[str, ...] | None:
    """Return names of channels if each has one of its own."""
    if not names or not all(names) or len(set(names)) != len(names):
        return None
    return tuple(str(name) for name in names)
