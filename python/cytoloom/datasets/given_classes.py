"""What users give for the classes of objects: a folder of maps, a table, or arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import InvalidError, invalid
from ..images import formats
from ..messages import counted, say
from ..storage.spreadsheets import read_spreadsheet
from .classed import ClassedSource, Classes, ClassMap, ClassRows
from .files import FileSource
from .given import is_file, is_pixels
from .items import Item, shown_names
from .listing import walk
from .sources import ArraySource

FOLDER = "classes"
"""A folder called so beside the labels has a map of classes for each; a table, all of them."""
TABLES = (".csv", ".tsv", ".parquet")
COLUMNS = ("image", "object", "class")
WHAT = say("a folder of maps of classes, a table with columns {}, or a map for each image",
           ", ".join(COLUMNS))  # fmt: skip
Told = dict[str, dict[int, str]]


@dataclass(frozen=True)
class Attached:
    """Items whose labels know the classes of their objects.

    Parameters
    ----------
    items : tuple of Item
        The images.
    problems, notes : tuple of str, default ()
        What is wrong, and what was found.
    """

    items: tuple[Item, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def beside_labels(folder: Path) -> Path | None:
    """Return what in a folder says which classes objects have: a folder or a table, or None.

    A table that has other columns is somebody else's.
    """
    inside = {path.name.lower(): path for path in sorted(folder.iterdir())}
    if FOLDER in inside and inside[FOLDER].is_dir():
        return inside[FOLDER]
    for name in (FOLDER + ending for ending in TABLES):
        if name in inside and set(COLUMNS) <= set(_columns(inside[name])):
            return inside[name]
    return None


def _columns(path: Path) -> list[str]:
    try:
        return [_plain(one) for one in _frame(path).columns]
    except InvalidError:
        return []


def with_object_classes(items: Sequence[Item], given: Any, unknown: int | None = None) -> Attached:
    """Give labels the classes of their objects.

    Parameters
    ----------
    items : sequence of Item
        The images.
    given : path, DataFrame, mapping of columns, or sequence of paths and arrays
        A folder of maps of classes that are called as the labels or the images; a table with
        columns image, object, class; or a map for each image, in their order.
    unknown : int, optional
        The label value that counts nowhere.

    Raises
    ------
    InvalidError
        None of these, or a table that says an object to be of two classes.
    """
    classes, notes = _told(items, given)
    lacking = [item.id for item in items if item.annotations and item.id not in classes]
    if items and len(lacking) == len(items):
        raise invalid(
            "object_classes",
            expected=f"classes of objects of images such as {items[0].id}",
            received=f"{_shown(given)}, which has none of them",
        )
    if lacking:
        notes.append(f"no classes of objects are given of {shown_names(lacking)}")
    several = [item.id for item in items if item.id in classes and len(item.annotations) > 1]
    problems = [f"{shown_names(several)}: classes of objects go with labels of one annotator; "
                "give outlines that have classes"] if several else []  # fmt: skip
    found = [
        replace(item, annotations=(ClassedSource(item.annotations[0], classes[item.id], unknown),))
        if item.id in classes and len(item.annotations) == 1
        else item
        for item in items
    ]
    return Attached(tuple(found), tuple(problems), tuple(notes))


def _told(items: Sequence[Item], given: Any) -> tuple[dict[str, Classes], list[str]]:
    """Return what says the classes of each image, by its id, and what is to be said."""
    if is_file(given) and Path(given).expanduser().is_dir():
        return _of_folder(items, Path(given).expanduser())
    if is_file(given) or hasattr(given, "columns") or isinstance(given, Mapping):
        return _of_table(items, given)
    if not isinstance(given, Sequence) or len(given) != len(items):
        received = counted(len(given), "map") if isinstance(given, Sequence) else given
        expected = say("{}: {}", WHAT, counted(len(items), "image"))
        raise invalid("object_classes", expected=expected, received=received)
    return {
        item.id: _map_of(one, f"classes of {item.id}")
        for item, one in zip(items, given, strict=True)
        if one is not None
    }, []


def _map_of(given: Any, name: str) -> ClassMap:
    if is_file(given):
        return ClassMap(FileSource(given, role="labels"))
    if is_pixels(given) and hasattr(given, "read"):
        return ClassMap(given)
    return ClassMap(ArraySource(given, name=name, role="labels"))


def _of_folder(items: Sequence[Item], folder: Path) -> tuple[dict[str, Classes], list[str]]:
    """Take the map that is called as the labels or the image of each item."""
    names = {os.path.splitext(name)[0]: folder / name for name in walk(folder).images}
    found: dict[str, Classes] = {}
    used = set()
    for item in items:
        key = next((one for one in _called(item) if one in names), None)
        if key is not None:
            used.add(key)
            found[item.id] = ClassMap(FileSource(names[key], role="labels"))
    notes = [f"classes of objects are those of the maps in {folder}"]
    over = sorted(set(names) - used)
    if over:
        notes.append(f"maps of classes in {folder} without labels: {shown_names(over)}")
    return found, notes


def _called(item: Item) -> list[str]:
    """Return what labels and image are called: with their folders, without, and by the id."""
    paths = [getattr(one, "path", None) for one in (*item.annotations, item.image)]
    found = []
    for path in (one for one in paths if one is not None):
        parts = (*Path(path).parts[:-1], formats.stem(Path(path).name))
        found += ["/".join(parts[-n:]) for n in range(min(3, len(parts)), 0, -1)]
    return [*found, item.id]


def _of_table(items: Sequence[Item], given: Any) -> tuple[dict[str, Classes], list[str]]:
    """Take the rows of each item; images are called by their names, with or without ending."""
    told = _rows(given)
    where = _shown(given)
    found: dict[str, Classes] = {}
    used = set()
    for item in items:
        key = next((one for one in _names(item) if one in told), None)
        if key is not None:
            used.add(key)
            found[item.id] = ClassRows(f"{where}, image {key}", told[key])
    notes = [f"classes of objects are those of {where}"]
    over = sorted(set(told) - used)
    if over:
        notes.append(f"{where} is also of images that are not here: {shown_names(over)}")
    return found, notes


def _names(item: Item) -> list[str]:
    path = Path(item.image.name)
    return [item.id, item.image.name, path.name, formats.stem(path.name)]


def _rows(given: Any) -> Told:
    """Return the class of each object of each image."""
    frame = _frame(given)
    frame.columns = [_plain(one) for one in frame.columns]
    if not set(COLUMNS) <= set(frame.columns):
        received = say("{}, with columns {}", _shown(given), list(frame.columns))
        raise invalid("object_classes", expected=WHAT, received=received)
    found: Told = {}
    cells = frame.astype(object).where(frame.notna(), "")
    for image, number, one in zip(*(cells[name] for name in COLUMNS), strict=True):
        of, where = found.setdefault(_text(image), {}), f"object {number} of image {image}"
        key = _whole(number)
        if key is None:
            raise invalid(_shown(given), expected="whole numbers of objects", received=where)
        if of.setdefault(key, _text(one)) != _text(one):
            received = f"{where} as {of[key] or 'none'} and as {_text(one) or 'none'}"
            raise invalid(_shown(given), expected="one class an object", received=received)
    return found


def _frame(given: Any) -> Any:
    import pandas as pd

    if not is_file(given):
        return pd.DataFrame(given)
    path = Path(given).expanduser()
    if path.suffix.lower() != ".parquet":
        return read_spreadsheet(path)
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError, ImportError) as error:
        reason = str(error).splitlines()[0]
        expected, remedy = "a table in Parquet", "Save it as CSV."
        received = f"{path}: {reason}"
        raise invalid(
            "object_classes", expected=expected, received=received, remedy=remedy
        ) from None


def _plain(column: Any) -> str:
    return str(column).strip().lower()


def _text(value: Any) -> str:
    """Return a cell as text; a whole number without its decimals."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()


def _whole(value: Any) -> int | None:
    """Return a cell as a whole number above 0; None of any other."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() and number > 0 else None


def _shown(given: Any) -> str:
    return str(given) if is_file(given) else "the table of classes"
