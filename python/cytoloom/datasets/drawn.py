"""Labels that another program holds as outlines, which take the size of their image."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import invalid
from ..exchange import geojson, rois
from ..exchange.drawn import to_labels
from ..images.cache import state_of
from ..images.image import AnyArray
from ..messages import say
from .cache import SHARED, Cache
from .files import UNDERSTOOD, FileName
from .sources import Slices, Source

READERS = {
    **dict.fromkeys(rois.SUFFIXES, (rois.read, "outlines of ImageJ")),
    **dict.fromkeys(geojson.SUFFIXES, (geojson.read, "polygons of GeoJSON")),
}
SUFFIXES = tuple(READERS)


class DrawnSource:
    """Labels of a file of outlines.

    Parameters
    ----------
    path : str or Path
        The file.
    image : Source
        Whose they are.
    cache : Cache, optional
        Where labels are kept.
    """

    role, axes, dtype = "labels", "yx", np.dtype(np.int32)

    def __init__(self, path: FileName, image: Source, cache: Cache | None = SHARED) -> None:
        self.path = Path(path).expanduser()
        self._image, self._cache = image, cache
        self.notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image, which has to be a plane."""
        shape = self._image.shape[:-1]
        if len(shape) != 2:
            received, remedy = say("a stack of shape {}", shape), "Give label images for stacks."
            raise invalid(self.name, expected="an image (y, x)", received=received, remedy=remedy)
        return shape

    @property
    def spacing_um(self) -> tuple[float, ...] | None:
        """Micrometres per pixel of the image."""
        return self._image.spacing_um

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    @property
    def identity(self) -> Hashable:
        """What is read and when it was last written: the key of what is kept."""
        return (state_of(self.path), self.shape)

    @property
    def understood(self) -> str:
        """What the file holds, and what of it could not be used; once it was read."""
        return UNDERSTOOD.get(self.identity, "")

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return the labels, or those within one slice per axis."""
        made = partial(self._decode, self.shape)
        labels = made() if self._cache is None else self._cache.get(self.identity, made)
        return labels if slices is None else labels[slices]

    def _decode(self, shape: tuple[int, ...]) -> AnyArray:
        read, what = READERS[self.path.suffix.lower()]
        objects, left_out = read(self.path)
        labels, covered = to_labels(objects, shape)
        above = f"{covered} px are in several, and taken for the later" if covered else ""
        said = "; ".join(text for text in (what, left_out, above) if text)
        UNDERSTOOD[self.identity] = said
        labels.flags.writeable = False
        return labels


def is_drawn(path: FileName) -> bool:
    """Whether a file is one of outlines, as its ending says.

    Examples
    --------
    >>> is_drawn("RoiSet.zip"), is_drawn("labels.tif")
    (True, False)
    """
    return Path(path).suffix.lower() in SUFFIXES
