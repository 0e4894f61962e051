"""Labels whose values are put together to classes: ids 3, 4 and 5 are mitochondria."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import invalid
from ..images.image import AnyArray
from ..messages import Value, say
from .sources import Slices, Source

ClassIds = Mapping[str, tuple[int, ...]]
BACKGROUND, UNKNOWN = "background", "unknown"
MARK = -1
"""What stands for unknown in labels that are put together: no file has it as a label."""
_EXPECTED = "names with ids each, such as mito: 3, 4, 5"


def checked_class_ids(given: Any) -> ClassIds | None:
    """Return ids by the name of their class, as whole numbers; nothing where none are given.

    Parameters
    ----------
    given : mapping of str to int or sequence of int, optional
        Each id once.

    Raises
    ------
    InvalidError
        No names, no whole numbers from 0 on, an id of two classes, or no class.

    Examples
    --------
    >>> checked_class_ids({"mito": [3, 4.0], "er": 7})
    {'mito': (3, 4), 'er': (7,)}
    """
    if given is None or (
        not isinstance(given, str) and hasattr(given, "__len__") and not len(given)
    ):
        return None
    if not isinstance(given, Mapping) or not all(isinstance(n, str) and n for n in given):
        raise invalid("class_ids", expected=_EXPECTED, received=Value(given))
    found = {name: tuple(map(_id, _several(ids))) for name, ids in given.items()}
    empty = [name for name, ids in found.items() if not ids and name not in (BACKGROUND, UNKNOWN)]
    if empty:
        raise invalid("class_ids", expected=_EXPECTED, received=f"no id for {empty[0]}")
    owners: dict[int, str] = {}
    for name, ids in found.items():
        for one in ids:
            if owners.setdefault(one, name) != name:
                received = f"the id {one} for {owners[one]} and for {name}"
                raise invalid("class_ids", expected="each id once", received=received)
    if not names_of(found)[1:]:
        raise invalid("class_ids", expected="a class beside background", received=Value(given))
    return found


def _several(ids: Any) -> Sequence[Any]:
    if isinstance(ids, (list, tuple, range, np.ndarray)):
        return list(ids)
    return [ids]


def _id(one: Any) -> int:
    whole = isinstance(one, Real) and not isinstance(one, bool) and float(one).is_integer()
    if not whole or not 0 <= one < 2**63:
        raise invalid("class_ids", expected="whole numbers from 0 on as ids", received=Value(one))
    return int(one)


def names_of(class_ids: ClassIds) -> tuple[str, ...]:
    """Return the names of the classes from 0 on.

    Examples
    --------
    >>> names_of({"mito": (3,), "unknown": (0,), "er": (7,)})
    ('background', 'mito', 'er')
    """
    return (BACKGROUND, *(name for name in class_ids if name not in (BACKGROUND, UNKNOWN)))


def may_be_unknown(class_ids: ClassIds) -> bool:
    """Whether some ids count nowhere: such as are named so, or all others beside background."""
    return bool(class_ids.get(UNKNOWN)) or BACKGROUND in class_ids


class MappedSource:
    """Labels of another source by their classes: the first that is named is 1.

    Parameters
    ----------
    source : Source
        Labels.
    class_ids : mapping of str to tuple of int
        See `checked_class_ids`. Ids that are not named are background, 0; where ``background`` is
        named itself, they are unknown, as are those of ``unknown``.
    objects : bool, default False
        Whether values number objects: those of named ids are kept.

    Examples
    --------
    >>> from cytoloom.datasets.sources import ArraySource
    >>> labels = ArraySource(np.array([[0, 3, 4, 7, 9]]), "yx", role="labels")
    >>> MappedSource(labels, {"mito": (3, 4), "er": (7,)}).read()
    array([[0, 1, 1, 2, 0]])
    >>> MappedSource(labels, {"mito": (3, 4), "background": (0,)}).read()
    array([[ 0,  1,  1, -1, -1]])
    >>> MappedSource(labels, {"mito": (3, 4)}, objects=True).read()
    array([[0, 3, 4, 0, 0]])
    """

    role, dtype, marks = "labels", np.dtype(np.int64), True

    def __init__(self, source: Source, class_ids: ClassIds, objects: bool = False) -> None:
        self._source, self._class_ids, self._objects = source, class_ids, objects
        values = {name: k for k, name in enumerate(names_of(class_ids))} | {UNKNOWN: MARK}
        pairs = sorted((one, values[name]) for name, ids in class_ids.items() for one in ids)
        self._ids = np.array([one for one, _ in pairs], np.int64)
        self._values = np.array([value for _, value in pairs], np.int64)
        self._others = MARK if BACKGROUND in class_ids else 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the labels."""
        return self._source.shape

    @property
    def axes(self) -> str:
        """One letter per axis."""
        return self._source.axes

    @property
    def spacing_um(self) -> tuple[float, ...] | None:
        """Micrometres per pixel, where known."""
        return self._source.spacing_um

    @property
    def name(self) -> str:
        """That of the labels."""
        return self._source.name

    @property
    def path(self) -> Path:
        """The file, of labels that have one."""
        path: Path = getattr(self._source, "path")  # noqa: B009
        return path

    @property
    def regions(self) -> bool:
        """Whether parts are read without the rest."""
        return getattr(self._source, "regions", True)

    @property
    def notes(self) -> tuple[str, ...]:
        """What had to be guessed of the labels."""
        return getattr(self._source, "notes", ())

    @property
    def written(self) -> list[Slices] | None:
        """The boxes of the labels that were written, where that is known."""
        return None if self._ids[:1] == 0 else getattr(self._source, "written", None)

    @property
    def inside(self) -> Slices | None:
        """Where the labels are within their image; None: everywhere."""
        return getattr(self._source, "inside", None)

    @property
    def mask(self) -> Source | None:
        """What hides some of the labels."""
        return getattr(self._source, "mask", None)

    @property
    def named(self) -> dict[int, str]:
        """The class of each id."""
        none = (BACKGROUND, UNKNOWN)
        each = ((name, ids) for name, ids in self._class_ids.items() if name not in none)
        return {one: name for name, ids in each for one in ids}

    def knowing(self, unknown: int | None) -> MappedSource:
        """Return the same labels, of which another value counts nowhere."""
        return MappedSource(self._source, with_unknown(self._class_ids, unknown), self._objects)

    def of_objects(self, objects: bool) -> MappedSource:
        """Return the same labels with their ids kept, or put together to classes."""
        other = copy.copy(self)
        other._objects = objects
        return other

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return classes, or those within one slice per axis."""
        labels = self._source.read(slices).astype(np.int64)
        at = np.minimum(np.searchsorted(self._ids, labels), len(self._ids) - 1)
        found: AnyArray = np.where(self._ids[at] == labels, self._values[at], self._others)
        found = np.where(labels < 0, MARK, found)
        return np.where(found > 0, labels, found) if self._objects else found


def with_unknown(class_ids: ClassIds, unknown: int | None) -> ClassIds:
    """Name one more id that counts nowhere.

    Examples
    --------
    >>> with_unknown({"mito": (3,)}, 255)
    {'mito': (3,), 'unknown': (255,)}
    """
    if unknown is None or unknown == MARK:
        return class_ids
    ids = tuple(dict.fromkeys((*class_ids.get(UNKNOWN, ()), unknown)))
    return checked_class_ids({**class_ids, UNKNOWN: ids}) or class_ids


def marked(sources: Iterable[Source]) -> bool:
    """Whether unknown pixels are marked by `MARK` in some labels, whatever value the user named."""
    return any(getattr(source, "marks", False) for source in sources)


def described(class_ids: ClassIds) -> str:
    """Say how labels are put together.

    Examples
    --------
    >>> described({"mito": (3, 4)})
    'labels are put together to classes: mito (1) of 2 ids; other ids are background'
    """
    each = ", ".join(
        f"{name} ({k}) of {len(class_ids[name])} id{'' if len(class_ids[name]) == 1 else 's'}"
        for k, name in enumerate(names_of(class_ids))
        if k
    )
    others = UNKNOWN if BACKGROUND in class_ids else BACKGROUND
    return str(say("labels are put together to classes: {}; other ids are {}", each, others))
