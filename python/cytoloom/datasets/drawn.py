"""Labels that another program holds as outlines, which take the size of their image."""

from __future__ import annotations

import copy
from collections.abc import Hashable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import invalid
from ..exchange import coco, geojson, rois
from ..exchange.drawn import numbers_of, to_labels
from ..exchange.fit import Fit
from ..exchange.named import by_classes, class_or_name, class_values, numbers_with_classes
from ..images.cache import state_of
from ..images.image import AnyArray
from ..messages import Message, say
from .cache import SHARED, Cache
from .files import UNDERSTOOD, FileName
from .items import notes_of
from .sources import Slices, Source

if TYPE_CHECKING:
    from ..tasks.task import Task

READERS = {
    **dict.fromkeys(rois.SUFFIXES, (rois.read, "outlines of ImageJ")),
    **dict.fromkeys(geojson.SUFFIXES, (geojson.read, "polygons of GeoJSON")),
}
SUFFIXES = tuple(READERS)
_LOST: dict[Hashable, tuple[str, ...]] = {}
"""What was lost of outlines, which another source may have read and kept."""


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
    unknown : int, optional
        The label value that counts nowhere.
    """

    role, axes, dtype = "labels", "yx", np.dtype(np.int32)

    def __init__(
        self,
        path: FileName,
        image: Source,
        cache: Cache | None = SHARED,
        unknown: int | None = None,
    ) -> None:
        self.path = Path(path).expanduser()
        self._image, self._cache, self._unknown = image, cache, unknown
        self._classes: tuple[str, ...] = ()
        self._of_objects = False

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

    def knowing(self, unknown: int | None) -> DrawnSource:
        """Return the same labels, of which this value counts nowhere."""
        other = copy.copy(self)
        other._unknown = unknown
        return other

    def of_task(self, task: Task | None) -> DrawnSource:
        """Return the same as labels of a task: numbers of objects or, by their names, of classes.

        Where objects have classes, labels hold both, see `segmentation.classed`.
        """
        other = copy.copy(self)
        other._of_objects = task is not None and bool(task.object_classes)
        other._classes = ()
        if task is not None and task.object_classes:
            other._classes = ("", *task.object_classes)
        elif task is not None and task.numbers_classes:
            other._classes = tuple(task.label_names)
        return other

    @property
    def identity(self) -> Hashable:
        """What is read and when it was last written: the key of what is kept."""
        how = (self._unknown, self._classes, self._of_objects)
        return (state_of(self.path), self.shape, self._image.name, *how)

    @property
    def understood(self) -> str:
        """What the file holds, and what of it could not be used; once it was read."""
        return UNDERSTOOD.get(self.identity, "")

    @property
    def notes(self) -> tuple[str, ...]:
        """What is lost of outlines that do not lie within their image; once it was read."""
        return _LOST.get(self.identity, ())

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return the labels, or those within one slice per axis."""
        made = partial(self._decode, self.shape)
        labels = made() if self._cache is None else self._cache.get(self.identity, made)
        return labels if slices is None else labels[slices]

    def _decode(self, shape: tuple[int, ...]) -> AnyArray:
        together, fit = self.path.suffix.lower() == coco.SUFFIX, Fit(self.path, shape)
        labels, said = self._together(shape, fit) if together else self._alone(shape, fit)
        _LOST[self.identity] = tuple(fit.said())
        UNDERSTOOD[self.identity] = said
        labels.flags.writeable = False
        return labels

    def _alone(self, shape: tuple[int, ...], fit: Fit) -> tuple[AnyArray, str]:
        """Read a file of this image."""
        read, what = READERS[self.path.suffix.lower()]
        objects, left_out = read(self.path)
        names, values = [one.label for one in objects], None
        if self._classes:
            names = [class_or_name(one.label, one.name, self._classes) for one in objects]
            values = class_values(self.path, names, self._classes)
        classes = None if values is None else by_classes(values, self._classes)
        if self._of_objects and values is not None:
            values = numbers_with_classes(self.path, numbers_of(objects), values)
        labels, covered = to_labels(objects, shape, values, fit)
        above = f"{covered} px are in several, and taken for the later" if covered else ""
        told = coco.classes_said(names) if classes is None else classes
        return labels, "; ".join(text for text in (what, told, left_out, above) if text)

    def _together(self, shape: tuple[int, ...], fit: Fit) -> tuple[AnyArray, str]:
        """Read what a file of many images says of this one."""
        told = told_in(self.path)
        entry = told.entry(self._image.name)
        if entry is None:
            received = f"none of {len(told.images)} called so"
            expected = f"the image {Path(self._image.name).name}"
            raise invalid(self.name, expected=expected, received=received)
        labels, said = told.labels(
            entry, shape, self._unknown, self._classes, fit, of_objects=self._of_objects
        )
        return labels, "; ".join(text for text in ("annotations of COCO", said) if text)


def lost_of(source: Source) -> list[Message]:
    """Say what is lost of outlines that do not lie within their image, once they were read."""
    said = notes_of(source) if isinstance(source, DrawnSource) else ()
    return [say("{}: {}", source.name, text) for text in said]


def told_in(path: Path) -> coco.Told:
    """Read a file of COCO, once as long as it is the same."""
    return coco.read(path, state_of(path))


def is_together(path: FileName) -> bool:
    """Whether a file is one of outlines of many images, as its ending says."""
    return Path(path).suffix.lower() == coco.SUFFIX


def is_drawn(path: FileName) -> bool:
    """Whether a file is one of outlines, as its ending says.

    Examples
    --------
    >>> is_drawn("RoiSet.zip"), is_drawn("labels.tif")
    (True, False)
    """
    return Path(path).suffix.lower() in SUFFIXES
