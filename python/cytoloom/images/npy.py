"""Read arrays that NumPy saved, by memory map."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .image import AnyArray, ImageInfo, arrangement, check_axes, guess_axes
from .reader import Part, Reader, arranged_box, stored_box


class Npy(Reader):
    """NPY; pickled objects are never loaded."""

    name = "NPY"
    suffixes = (".npy",)
    starts = (b"\x93NUMPY",)

    def info(self, path: Path, part: Part) -> ImageInfo:
        """Read shape and type; axes are as given, or guessed."""
        array = _mapped(path)
        shape, _, ordered = arrangement(array.shape, _letters(array, path, part))
        return ImageInfo(shape, array.dtype, ordered, regions=True)

    def pixels(self, path: Path, part: Part) -> AnyArray:
        """Copy a part out of the file."""
        array = _mapped(path)
        letters = _letters(array, path, part)
        box = np.array(array[stored_box(array.shape, letters, part, str(path))])
        return arranged_box(box, array.shape, letters)


def _mapped(path: Path) -> AnyArray:
    array: AnyArray = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _letters(array: AnyArray, path: Path, part: Part) -> str:
    if part.axes is not None:
        return check_axes(part.axes, array.ndim, str(path))
    return guess_axes(array.shape, str(path))


NPY = Npy()
