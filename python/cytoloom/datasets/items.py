"""What an image and its labels are to training and scoring, and what is to say of several."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidError, invalid
from ..images.image import AnyArray
from ..messages import Message, say
from ..metrics.contingency import IDS, RENUMBER
from .padding import shown
from .sources import Slices, Source
from .views import PlaneSource


@dataclass(frozen=True, eq=False)
class Item:
    """One image and what is known about it.

    Parameters
    ----------
    id : str
        Name in all tables; unique within a `Data`.
    image : Source
        Pixels ``(y, x, c)`` or ``(z, y, x, c)``.
    annotations : tuple of Source, default ()
        Labels ``(y, x)`` or ``(z, y, x)``, one per annotator.
    group : str, optional
        Plate, well, donor or recording: images of one group are never on both sides of a split.
    split : str, optional
        ``"train"``, ``"validation"`` or ``"test"``, where the user says.
    roi : tuple of (int, int), optional
        The box of the file's image that this is, where it is not the whole.
    spacing_um : tuple of float, optional
        Micrometres per pixel of each spatial axis.
    weight : float, default 1.0
        How often it is drawn in training, relative to the others.
    share : (str, float), optional
        Of several data sets, the one that it is of, and how often patches are drawn from this one,
        relative to the others.
    notes : tuple of str, default ()
        What had to be guessed of the image, and what is odd about its file.
    columns : dict, default {}
        What else a table says of the image, such as its well: comes along into tables of results.
    annotators : tuple of str, default ()
        Who drew each of the annotations, where that is known.

    Examples
    --------
    >>> from cytoloom.datasets.sources import ArraySource
    >>> item = Item("a", ArraySource(np.zeros((8, 9))), group="plate 1")
    >>> item.image.shape, item.weight
    ((8, 9, 1), 1.0)
    """

    id: str
    image: Source
    annotations: tuple[Source, ...] = ()
    group: str | None = None
    split: str | None = None
    roi: tuple[tuple[int, int], ...] | None = None
    spacing_um: tuple[float, ...] | None = None
    weight: float = 1.0
    share: tuple[str, float] | None = None
    notes: tuple[str, ...] = ()
    columns: Mapping[str, Any] = field(default_factory=dict)
    annotators: tuple[str, ...] = ()


@dataclass(frozen=True)
class Gathered:
    """What a folder, a table or a list of pairs comes to.

    Parameters
    ----------
    items : tuple of Item
        The images.
    problems, notes : tuple of str, default ()
        What was found wrong, and what was inferred.
    unknown : int, optional
        The label value that counts nowhere, where the set says so.
    classes : tuple of str, default ()
        Names of label values from 0 on, where the set says so.
    object_classes : Path, optional
        What lies beside labels and says of which class each object is.
    """

    items: tuple[Item, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unknown: int | None = None
    classes: tuple[str, ...] = ()
    object_classes: Path | None = None


def beside(own: Iterable[str], columns: Mapping[str, Any]) -> dict[str, Any]:
    """Name what is known of an image as columns beside those of tables of results.

    Examples
    --------
    >>> beside(["image", "object"], {"well": "A1", "object": "x"})
    {'well': 'A1', 'object_given': 'x'}
    """
    new = _called_beside(frozenset(own), tuple(columns))
    return {new[name]: value for name, value in columns.items()}


@functools.lru_cache(maxsize=8)  # the same of each row of a table
def _called_beside(own: frozenset[str], names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in names:
        new = name
        while new in own or (new != name and new in names):
            new += "_given"
        found[name] = new
    return found


def renamed_beside(tables: Iterable[Iterable[str]], items: Sequence[Item]) -> list[str]:
    """Say once which columns of a table are called otherwise beside those of tables of results.

    Examples
    --------
    >>> from cytoloom.datasets.sources import ArraySource
    >>> item = Item("a", ArraySource(np.zeros((8, 9))), columns={"well": "A1", "class": "x"})
    >>> renamed_beside([["image", "class"], ["image"]], [item])
    ['called as columns of the results: class of the table comes along as class_given']
    """
    names = tuple(dict.fromkeys(name for item in items for name in item.columns))
    every = [_called_beside(frozenset(own), names) for own in tables]
    told = [
        f"{name} of the table comes along as {new[name]}"
        for name in names
        for new in every
        if new[name] != name
    ]
    told = list(dict.fromkeys(told))
    words = "called as columns of the results"
    return [f"{words}: {', '.join(told)}"] if told else []


def read_labels(
    item: Item, unknown: int | None = None, slices: Slices | None = None
) -> tuple[AnyArray, AnyArray | None]:
    """Read an item's labels, the unknown ones apart.

    Parameters
    ----------
    item : Item
        Its first annotation is read.
    unknown : int, optional
        The label value that counts nowhere.
    slices : tuple of slice, optional
        One per spatial axis; default: all.

    Returns
    -------
    labels : int32 ndarray (y, x) or (z, y, x)
        0 where unknown.
    known : bool ndarray of the same shape, or None
        False where labels are unknown, and where the image is padding around what was seen; None
        where everything is known.

    Examples
    --------
    >>> from cytoloom.datasets.data import as_data
    >>> item = as_data((np.zeros((1, 3)), np.array([[0, 1, 9]]))).items[0]
    >>> read_labels(item, unknown=9)
    (array([[0, 1, 0]], dtype=int32), array([[ True,  True, False]]))
    """
    if not item.annotations:
        raise invalid(item.id, expected="an image with labels", received="no labels")
    stored = item.annotations[0].read(slices)
    known = None if unknown is None else stored != unknown
    seen = _shown(item, slices)
    if seen is not None:
        known = seen if known is None else known & seen
    if stored.dtype.itemsize >= 4 and stored.size:
        _check_fits(stored if known is None else stored[known], item.annotations[0].name)
    # a copy in any case: the stored pixels are shared and read-only
    labels = stored.astype(np.int32)
    if known is not None:
        labels[~known] = 0
    return labels, known


def _shown(item: Item, slices: Slices | None) -> AnyArray | None:
    """Say where an image shows something; None where it does everywhere, or does not fit."""
    try:
        fits = item.image.shape[:-1] == item.annotations[0].shape
        return shown(item.image, slices) if fits else None
    except InvalidError:  # said when the image is read
        return None


def _check_fits(labels: AnyArray, name: str) -> None:
    """Refuse labels that int32 cannot hold."""
    limits = np.iinfo(np.int32)
    for label in (labels.max(initial=0), labels.min(initial=0)):
        if not limits.min <= int(label) <= limits.max:
            raise invalid(name, expected=IDS, received=f"label {label}", remedy=RENUMBER)


def planes(item: Item) -> list[Item]:
    """Make an item of each plane of a z stack; any other item stays as it is."""
    try:
        if not item.image.axes.startswith("z"):
            return [item]
        count, spacing = item.image.shape[0], item.spacing_um and item.spacing_um[-2:]
        return [
            replace(item, id=f"{item.id}_z{z:03d}", image=PlaneSource(item.image, z),
                    spacing_um=spacing)
            for z in range(count)
        ]  # fmt: skip
    except InvalidError:
        return [item]


def said_once(items: Sequence[Item]) -> list[Message]:
    """Put the notes of items together: each once, with the images that it is about.

    Examples
    --------
    >>> from cytoloom.datasets.sources import ArraySource
    >>> source = ArraySource(np.zeros((8, 9)))
    >>> said_once([Item("a", source, notes=("is odd",)), Item("b", source, notes=("is odd",))])
    ['a, b: is odd']
    """
    about: dict[str, list[str]] = {}
    for item in items:
        for text in item.notes:
            about.setdefault(text, []).append(item.id)
    return [say("{}: {}", shown_names(names), text) for text, names in about.items()]


def shown_names(names: Sequence[str], shown: int = 5) -> str:
    """List the first few names, and how many more there are.

    Examples
    --------
    >>> shown_names("abcdefg")
    'a, b, c, d, e and 2 more'
    """
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def notes_of(source: Source) -> tuple[str, ...]:
    """Return what had to be guessed of a source; nothing of one that cannot be read."""
    try:
        return getattr(source, "notes", ())
    except InvalidError:  # said when it is read
        return ()
