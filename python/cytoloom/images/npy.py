"""Read arrays that NumPy saved, by memory map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.lib.format import read_array_header_1_0, read_array_header_2_0, read_magic

from ..errors import invalid
from .image import AnyArray, ImageInfo, arrangement, check_axes, guess_axes, guessed
from .reader import Part, Reader, arranged_box, stored_box


class Npy(Reader):
    """NPY; pickled objects are never loaded."""

    name = "NPY"
    suffixes = (".npy",)
    starts = (b"\x93NUMPY",)

    def info(self, path: Path, part: Part) -> ImageInfo:
        """Read shape and type; axes are as given, or guessed."""
        array = _mapped(path)
        letters = _letters(array, path, part)
        shape, _, ordered = arrangement(array.shape, letters)
        notes = () if part.axes else tuple(guessed(array.shape, letters))
        return ImageInfo(shape, array.dtype, ordered, regions=True, notes=notes)

    def pixels(self, path: Path, part: Part) -> AnyArray:
        """Copy a part out of the file."""
        array = _mapped(path)
        letters = _letters(array, path, part)
        box = np.array(array[stored_box(array.shape, letters, part, str(path), array.dtype)])
        return arranged_box(box, array.shape, letters)


def is_pickled(path: Path) -> bool:
    """Whether a file is NPY of Python objects, as its header says; nothing is loaded.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.npy"
    >>> np.save(path, {"masks": 1}, allow_pickle=True)
    >>> is_pickled(path)
    True
    """
    try:
        # a pipe would be waited for
        if not path.is_file():
            return False
        with path.open("rb") as file:
            start = {(1, 0): read_array_header_1_0, (2, 0): read_array_header_2_0}
            return bool(start[read_magic(file)](file)[2].hasobject)
    # what is no NPY is said when it is read as one
    except (OSError, ValueError, KeyError):
        return False


def _mapped(path: Path) -> AnyArray:
    if is_pickled(path):
        remedy = (
            "Save the masks from Cellpose as PNG or TIFF (File menu), or the array with "
            "numpy.save; pickles can run code and are never loaded."
        )
        got = "Python objects (a pickle)"
        raise invalid(str(path), expected="an array of numbers", received=got, remedy=remedy)
    array: AnyArray = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _letters(array: AnyArray, path: Path, part: Part) -> str:
    if part.axes is not None:
        return check_axes(part.axes, array.ndim, str(path))
    return guess_axes(array.shape, str(path))


NPY = Npy()
