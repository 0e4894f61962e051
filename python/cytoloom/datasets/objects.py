"""Labels that lie in a mask file per object, as in the Data Science Bowl of 2018."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import invalid
from ..images import files
from ..images.image import AnyArray
from ..messages import counted
from .sources import Slices


class ObjectMasks:
    """Masks of one object each, put together to numbered labels ``(y, x)`` or ``(z, y, x)``.

    Where masks overlap, the pixel is of the object that comes last.

    Parameters
    ----------
    paths : sequence of Path
        One file per object, numbered from 1 in their order.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> paths = [folder / "a.npy", folder / "b.npy"]
    >>> np.save(paths[0], np.array([[255, 0, 0]], np.uint8))
    >>> np.save(paths[1], np.array([[0, 0, 255]], np.uint8))
    >>> ObjectMasks(paths).read()
    array([[1, 0, 2]], dtype=uint16)
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self.name = str(paths[0].parent)
        self.dtype: np.dtype[Any] = np.dtype(np.uint16 if len(paths) < 2**16 else np.uint32)
        self.spacing_um: tuple[float, ...] | None = None
        self.regions = False
        self.understood = "a mask file per object"

    @property
    def path(self) -> Path:
        """The folder of the files."""
        return self.paths[0].parent

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the first file."""
        return files.probe(self.paths[0]).frame_shape[:-1]

    @property
    def axes(self) -> str:
        """One letter per axis."""
        return "zyx"[-len(self.shape) :]

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Read all files and number their objects."""
        labels = np.zeros(self.shape, self.dtype)
        overlap = 0
        for number, path in enumerate(self.paths, 1):
            mask = files.read_labels_as(path)[0] > 0
            if mask.shape != labels.shape:
                expected = f"{' x '.join(map(str, labels.shape))} pixels, as {self.paths[0].name}"
                received = " x ".join(map(str, mask.shape))
                raise invalid(str(path), expected=expected, received=received)
            overlap += int(np.count_nonzero(labels[mask]))
            labels[mask] = number
        if overlap:
            self.understood = "a mask file per object, of which some overlap: the last counts"
        return labels if slices is None else labels[slices]

    def __repr__(self) -> str:
        return f"ObjectMasks({self.name!r}, {counted(len(self.paths), 'object')})"
