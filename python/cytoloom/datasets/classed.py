"""Labels of objects whose classes are known: from a map of classes, or from a table."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..errors import invalid
from ..exchange.named import class_values
from ..images.blocks import LARGE_PX, boxes
from ..images.image import AnyArray
from ..images.labels import values_of
from ..images.parts import Box, is_read_in_parts, written_in
from ..messages import counted, say
from ..segmentation.classed import (
    CLASSES,
    OBJECTS,
    meetings,
    meetings_of_all,
    most_common,
    with_classes,
)
from .cache import SHARED
from .sources import Slices, Source

if TYPE_CHECKING:
    from ..tasks.task import Task


Parts = Iterable[tuple[Box, AnyArray]]
"""Labels of objects box by box."""


class Classes(Protocol):
    """What says which class each object of an image has."""

    def of(self, labels: AnyArray, names: tuple[str, ...]) -> tuple[dict[int, int], str]:
        """Return the class of each object that has one, from 1 on, and what is to be said."""
        ...

    def of_parts(
        self, parts: Parts, shape: tuple[int, ...], names: tuple[str, ...]
    ) -> tuple[Classes, str]:
        """Return what says the same of any part of labels of this shape, and what is to be said."""
        ...


@dataclass(frozen=True, eq=False)
class ClassMap:
    """An image of class numbers, from 1 on, over the labels of objects.

    Parameters
    ----------
    source : Source
        0 is no class. An object has the class of most of its pixels that have one.
    """

    source: Source

    def of(self, labels: AnyArray, names: tuple[str, ...]) -> tuple[dict[int, int], str]:
        """Return the class of each object, and how many objects have pixels of several."""
        self._check_size(labels.shape)
        return self._most_common(meetings(labels, self._numbers(labels, None, names)))

    def of_parts(
        self, parts: Parts, shape: tuple[int, ...], names: tuple[str, ...]
    ) -> tuple[Classes, str]:
        """Look at all parts, one after the other: an object may lie in several."""
        self._check_size(shape)
        counts = (meetings(one, self._numbers(one, box, names)) for box, one in parts)
        found, said = self._most_common(meetings_of_all(counts))
        told = {number: names[one - 1] for number, one in found.items()}
        return ClassRows(self.source.name, told, whole=False), said

    def _check_size(self, shape: tuple[int, ...]) -> None:
        if self.source.shape != shape:
            raise invalid(
                self.source.name,
                expected=f"classes of the size of their labels, {_size(shape)}",
                received=_size(self.source.shape),
            )

    def _numbers(self, labels: AnyArray, box: Slices | None, names: tuple[str, ...]) -> AnyArray:
        """Return the class of each pixel of an object."""
        numbers: AnyArray = np.where(labels > 0, self.source.read(box), 0)
        stray = [int(v) for v in values_of(numbers) if not 0 <= v <= len(names)]
        if stray:
            told = ", ".join(f"{k} {one}" for k, one in enumerate(names, start=1))
            raise invalid(
                self.source.name,
                expected=f"numbers of classes on objects: 0 none, {told}",
                received=", ".join(map(str, stray[:5])),
                remedy="Name all classes of the task, in the order of their numbers.",
            )
        return numbers

    def _most_common(self, counts: AnyArray) -> tuple[dict[int, int], str]:
        found, several = most_common(counts)
        objects = counted(several, "object")
        said = (
            f"{objects} of several classes in {self.source.name}, taken for the one of most pixels"
        )
        return found, said if several else ""


@dataclass(frozen=True, eq=False)
class ClassRows:
    """What a table says of the objects of one image.

    Parameters
    ----------
    name : str
        Of the table and the image, for messages.
    classes : dict of int to str
        The class of each object; empty where it has none.
    whole : bool, default True
        Whether all of these objects are in the image.
    """

    name: str
    classes: Mapping[int, str]
    whole: bool = True

    def of(self, labels: AnyArray, names: tuple[str, ...]) -> tuple[dict[int, int], str]:
        """Return the class of each object; raise where one is not in the image."""
        lacking = sorted(set(self.classes) - set(values_of(labels).tolist()))
        if lacking and self.whole:
            raise invalid(
                self.name,
                expected="objects that are in the labels of the image",
                received=f"object {', '.join(map(str, lacking[:5]))}",
                remedy="Give the table of these labels, or take such rows out.",
            )
        values = class_values(Path(self.name), list(self.classes.values()), ("", *names))
        return {k: one for k, one in zip(self.classes, values, strict=True) if one}, ""

    def of_parts(
        self, parts: Parts, shape: tuple[int, ...], names: tuple[str, ...]
    ) -> tuple[Classes, str]:
        """Return the same: no part has all objects, and all are not looked at for it."""
        return replace(self, whole=False), ""


@dataclass(frozen=True, eq=False)
class ClassSets:
    """Sets of objects, each of one class, whose numbers tell of which they are.

    Parameters
    ----------
    sets : tuple of str
        What each is of; object n is of set (n - 1) % sets, see `MergedSource`.
    """

    sets: tuple[str, ...]

    def of(self, labels: AnyArray, names: tuple[str, ...]) -> tuple[dict[int, int], str]:
        """Return the class of each object of a set that is called as one, capitals or not."""
        known = {name.casefold(): k for k, name in enumerate(names, start=1)}
        each = [known.get(one.casefold(), 0) for one in self.sets]
        numbers = [int(number) for number in values_of(labels) if number > 0]
        found = {number: each[(number - 1) % len(each)] for number in numbers}
        return {number: one for number, one in found.items() if one}, ""

    def of_parts(
        self, parts: Parts, shape: tuple[int, ...], names: tuple[str, ...]
    ) -> tuple[Classes, str]:
        """Return the same: numbers tell all."""
        return self, ""


class ClassedSource:
    """Labels of objects, and what says of which class each is.

    To tasks of which objects have no classes these are labels like all others.

    Parameters
    ----------
    labels : Source
        Objects.
    classes : Classes
        A `ClassMap` or `ClassRows`.
    unknown : int, optional
        The label value that counts nowhere.

    Examples
    --------
    >>> from cytoloom.datasets.sources import ArraySource
    >>> from cytoloom.tasks import Instances
    >>> labels = ArraySource(np.array([[0, 7, 7, 9]]), role="labels")
    >>> source = ClassedSource(labels, ClassRows("a", {7: "dead", 9: ""}))
    >>> source.read().tolist()
    [[0, 7, 7, 9]]
    >>> source.of_task(Instances(classes=("live", "dead"))).read().tolist()
    [[0, 2097159, 2097159, 9]]
    """

    role, dtype = "labels", np.dtype(np.int32)

    def __init__(self, labels: Source, classes: Classes, unknown: int | None = None) -> None:
        self.labels, self.classes, self._unknown = labels, classes, unknown
        self._task: Task | None = None
        self._said: list[str] = []
        # as long as labels are kept under it, nothing else can be taken for it
        self._key = object()
        # what was found by looking through large labels, by the names of classes; shared by copies
        self._told: dict[tuple[int | None, tuple[str, ...]], tuple[Classes, str]] = {}

    @property
    def name(self) -> str:
        """That of the labels."""
        return self.labels.name

    @property
    def path(self) -> Path:
        """The file of the labels, where there is one."""
        path: Path = self.labels.path  # type: ignore[attr-defined]
        return path

    @property
    def frame(self) -> int | None:
        """Which time point of the file."""
        return getattr(self.labels, "frame", None)

    @property
    def axes(self) -> str:
        """One letter per axis."""
        return self.labels.axes

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the labels."""
        return self.labels.shape

    @property
    def regions(self) -> bool:
        """Whether parts can be read without the rest: of labels that are too many to be kept."""
        return is_read_in_parts(self.labels)

    @property
    def written(self) -> list[Box] | None:
        """The boxes of the labels that were written, if known."""
        return written_in(self.labels)

    @property
    def spacing_um(self) -> tuple[float, ...] | None:
        """Micrometres per pixel of the labels."""
        return self.labels.spacing_um

    @property
    def understood(self) -> str:
        """How the labels were understood, once they were read."""
        return getattr(self.labels, "understood", "")

    @property
    def colours(self) -> AnyArray | None:
        """What the numbers of labels stand for, where the file has a table of colours."""
        return getattr(self.labels, "colours", None)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd about the labels and, once they were read, about classes."""
        return (*getattr(self.labels, "notes", ()), *self._said)

    def knowing(self, unknown: int | None) -> ClassedSource:
        """Return the same, of which another value counts nowhere."""
        other = self._copy()
        other._unknown = unknown
        if hasattr(self.labels, "knowing"):
            other.labels = self.labels.knowing(unknown)
        return other

    def of_task(self, task: Task | None) -> ClassedSource:
        """Return the same as labels of a task, which may have classes of objects."""
        other = self._copy()
        other._task = task if task is not None and task.object_classes else None
        return other

    def over(self, labels: Source) -> ClassedSource:
        """Return the same classes of other labels of the same objects."""
        other = self._copy()
        other.labels, other._told = labels, {}
        return other

    def _copy(self) -> ClassedSource:
        other = copy.copy(self)
        other._key, other._said = object(), []
        return other

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return the labels, or those within one slice per axis."""
        if self._task is None:
            return self.labels.read(slices)
        if self.regions:
            return self._part(slices)
        whole = SHARED.get(self._key, self._whole)
        return whole if slices is None else whole[slices]

    def _whole(self) -> AnyArray:
        assert self._task is not None
        stored = self.labels.read()
        # pieces of a mask get their numbers before they get classes
        objects = self._task.prepare(self._known(stored))
        return self._with(self.classes, stored, objects)

    def _part(self, slices: Slices | None) -> AnyArray:
        """Return a part of large labels, whose numbers are those of objects."""
        assert self._task is not None
        key = self._unknown, self._task.object_classes
        if key not in self._told:
            self._told[key] = self.classes.of_parts(self._parts(), self.shape, key[1])
        classes, said = self._told[key]
        stored = self.labels.read(slices)
        labels = self._with(classes, stored, self._known(stored))
        self._said = [said] if said else []
        return labels

    def _parts(self) -> Iterator[tuple[Box, AnyArray]]:
        """Yield the labels in boxes, where anything was written."""
        written = self.written
        for box in boxes(self.shape, LARGE_PX) if written is None else written:
            yield box, self._known(self.labels.read(box))

    def _known(self, stored: AnyArray) -> AnyArray:
        return stored if self._unknown is None else np.where(stored != self._unknown, stored, 0)

    def _with(self, classes: Classes, stored: AnyArray, objects: AnyArray) -> AnyArray:
        """Put classes into labels; what is unknown stays as it is."""
        assert self._task is not None
        if objects.size and int(objects.max()) >= OBJECTS:
            raise invalid(
                self.name,
                expected=f"objects that have classes numbered below {OBJECTS}",
                received=str(int(objects.max())),
                remedy="Number the objects of each image from 1 on.",
            )
        names = self._task.object_classes
        assert len(names) <= CLASSES
        found, said = classes.of(objects, names)
        self._said = [said] if said else []
        labels = with_classes(objects, found)
        if self._unknown is not None:
            unknown = stored == self._unknown
            labels[unknown] = stored[unknown]
        labels.flags.writeable = False
        return labels


def _size(shape: tuple[int, ...]) -> str:
    return say("{}", " x ".join(map(str, shape)))
