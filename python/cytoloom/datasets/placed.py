"""Labels that are there for a part of an image alone; elsewhere, and under a mask, unknown."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import invalid
from ..images.image import AnyArray
from ..metrics.contingency import IDS, RENUMBER
from .mapped import MARK
from .sources import Slices, Source


class PlacedSource:
    """Labels at their place in an image, unknown around them and where a mask is 0.

    Parameters
    ----------
    labels : Source
        Labels (spatial...).
    shape : sequence of int
        Spatial shape of the image.
    at : sequence of int
        Pixel of the image that is the first of the labels.
    mask : Source, optional
        Of the shape of the labels.
    unknown : int, optional
        The label value that counts nowhere either.

    Examples
    --------
    >>> from cytoloom.datasets.sources import ArraySource
    >>> labels = ArraySource(np.array([[3, 4]]), "yx", role="labels")
    >>> mask = ArraySource(np.array([[1, 0]]), "yx", role="labels")
    >>> PlacedSource(labels, (2, 4), (1, 1), mask).read()
    array([[-1, -1, -1, -1],
           [-1,  3, -1, -1]])
    """

    role, dtype, marks = "labels", np.dtype(np.int64), True

    def __init__(
        self,
        labels: Source,
        shape: Sequence[int],
        at: Sequence[int],
        mask: Source | None = None,
        unknown: int | None = None,
    ) -> None:
        self._labels, self._at, self.mask = labels, tuple(at), mask
        self._unknown = set() if unknown is None else {unknown}
        self.shape = tuple(shape)
        ends = zip(self._at, labels.shape, strict=True)
        self.inside: Slices = tuple(slice(start, start + n) for start, n in ends)

    @property
    def axes(self) -> str:
        """One letter per axis."""
        return self._labels.axes

    @property
    def spacing_um(self) -> tuple[float, ...] | None:
        """Micrometres per pixel, where known."""
        return self._labels.spacing_um

    @property
    def name(self) -> str:
        """That of the labels."""
        return self._labels.name

    @property
    def path(self) -> Path:
        """The file, of labels that have one."""
        path: Path = getattr(self._labels, "path")  # noqa: B009
        return path

    @property
    def regions(self) -> bool:
        """Whether parts are read without the rest."""
        return all(getattr(one, "regions", True) for one in (self._labels, self.mask))

    @property
    def written(self) -> list[Slices] | None:
        """The boxes of the labels that were written, where that is known; all, if it is not."""
        own = getattr(self._labels, "written", None)
        boxes = [tuple(slice(0, n) for n in self._labels.shape)] if own is None else own
        return [
            tuple(slice(b.start + at, b.stop + at) for b, at in zip(box, self._at, strict=True))
            for box in boxes
        ]

    @property
    def notes(self) -> tuple[str, ...]:
        """What had to be guessed of the labels."""
        return getattr(self._labels, "notes", ())

    @property
    def understood(self) -> str:
        """How the labels were understood, once they were read."""
        return getattr(self._labels, "understood", "")

    def knowing(self, unknown: int | None) -> PlacedSource:
        """Return the same labels, of which another value counts nowhere, too."""
        other = copy.copy(self)
        other._unknown = self._unknown if unknown is None else {*self._unknown, unknown}
        return other

    @property
    def labels(self) -> Source:
        """The labels, wherever they are."""
        return self._labels

    def over(self, labels: Source) -> PlacedSource:
        """Return other labels at the same place."""
        other = copy.copy(self)
        other._labels = labels
        return other

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return labels, -1 where unknown, or those within one slice per axis."""
        whole = tuple(slice(0, n) for n in self.shape)
        wanted = [range(*s.indices(n)) for s, n in zip(slices or whole, self.shape, strict=True)]
        # what is read lies between the ends, whatever the steps
        ends = [(min(r, default=0), max(r, default=-1) + 1) for r in wanted]
        found = np.full([stop - start for start, stop in ends], MARK, np.int64)
        met = [
            (max(start, own.start), min(stop, own.stop))
            for (start, stop), own in zip(ends, self.inside, strict=True)
        ]
        if all(start < stop for start, stop in met):
            here = tuple(
                slice(a - start, b - start) for (a, b), (start, _) in zip(met, ends, strict=True)
            )
            there = tuple(slice(a - at, b - at) for (a, b), at in zip(met, self._at, strict=True))
            found[here] = self._known(there)
        return found[tuple(slice(None, None, r.step) for r in wanted)]

    def _known(self, box: Slices) -> AnyArray:
        """Return labels of a box of their own, -1 where unknown."""
        stored = self._labels.read(box)
        if stored.dtype == np.uint64 and stored.size and stored.max() > np.iinfo(np.int64).max:
            received = f"label {stored.max()}"
            raise invalid(self.name, expected=IDS, received=received, remedy=RENUMBER)
        labels = stored.astype(np.int64)
        for value in self._unknown:
            labels[labels == value] = MARK
        if self.mask is not None:
            labels[self.mask.read(box) == 0] = MARK
        return labels


class MergedSource:
    """Labels of several arrays, each of one class, as one: no two objects have the same number.

    Object n of set k becomes (n - 1) * sets + k, counted from 1, so that nothing has to be read to
    know it. Where sets overlap, the pixel is of the later one.

    Parameters
    ----------
    parts : sequence of Source
        Labels of one shape.
    names : sequence of str
        What each is of.

    Examples
    --------
    >>> from cytoloom.datasets.sources import ArraySource
    >>> mito, er = (ArraySource(np.array([x]), "yx", role="labels") for x in ([1, 0, 2], [0, 1, 0]))
    >>> merged = MergedSource([mito, er], ["mito", "er"])
    >>> merged.read(), merged.of_classes(["background", "er", "mito"]).read()
    (array([[1, 2, 3]]), array([[2, 1, 2]]))
    """

    role, dtype = "labels", np.dtype(np.int64)

    def __init__(self, parts: Sequence[Source], names: Sequence[str]) -> None:
        self._parts, self.names = tuple(parts), tuple(names)
        self._classes: tuple[str, ...] = ()
        first = self._parts[0]
        self.shape, self.axes, self.spacing_um = first.shape, first.axes, first.spacing_um
        self.name = f"{first.name} and {len(parts) - 1} more"
        self.regions = all(getattr(part, "regions", True) for part in parts)
        for part in parts:
            if part.shape != self.shape:
                raise invalid(
                    part.name, expected=f"labels of shape {self.shape}", received=str(part.shape)
                )

    def of_classes(self, names: Sequence[str]) -> MergedSource:
        """Return labels that are numbers of these classes, by their names; of objects, if none."""
        other = copy.copy(self)
        other._classes = tuple(name.casefold() for name in names)
        return other

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return the labels, or those within one slice per axis."""
        found: Any = None
        for k, (part, name) in enumerate(zip(self._parts, self.names, strict=True), 1):
            stored = part.read(slices).astype(np.int64)
            if self._classes:
                known = name.casefold() in self._classes
                numbers = np.full_like(stored, self._classes.index(name.casefold()) if known else 0)
            else:
                numbers = (stored - 1) * len(self._parts) + k
            found = np.zeros_like(stored) if found is None else found
            found = np.where(stored > 0, numbers, found)
        merged: AnyArray = found
        return merged
