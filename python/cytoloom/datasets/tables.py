"""Turn tables into items: one row per image."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from numbers import Number
from pathlib import Path
from typing import Any

from ..errors import invalid
from ..images import formats
from ..messages import Value, counted, in_words, say
from ..storage.spreadsheets import SAVE_AS, read_spreadsheet
from .given import ReadOptions, is_file, is_pixels
from .ids import make_ids
from .items import Gathered, Item
from .make_items import make_items

TABLES = (".csv", ".tsv", ".txt")
COLUMNS = ("image", "label", "group", "split", "name", "weight")
_OPTIONAL = ("group", "split", "weight")
_CELLS = (str, os.PathLike, Number)
_SAME = {"labels": "label", "mask": "label", "masks": "label", "images": "image"}
_PATHS = ("path", "file", "filename", "filepath")
"""What the column of images is called where none is called so."""


def table_data(table: Any, folder: Path, options: ReadOptions) -> Gathered:
    """Do the work of `Data.from_table`."""
    if is_file(table):
        folder = Path(table).expanduser().parent
    rows, notes = table_rows(table, ("image", "label"))
    problems = _repeated([str(row["image"]) for _, row in rows if isinstance(row["image"], _CELLS)])
    whole = []
    for number, row in rows:
        empty = [c for c in ("image", "label") if row[c] is None]
        if empty:
            problems.append(f"row {number} of the table has no {' and no '.join(empty)}")
        else:
            whole.append(row)
    images = [place(folder, row["image"]) for row in whole]
    ids = make_ids(images, [r["name"] for r in whole if r.get("name")])
    items: list[Item] = []
    for row, image, name in zip(whole, images, ids, strict=True):
        label = place(folder, row["label"])
        items += make_items(image, [label], name, options, _details(row))
    return Gathered(tuple(items), tuple(problems), tuple(notes))


def table_images(table: Any, folder: Path, options: ReadOptions) -> tuple[list[Item], list[str]]:
    """Make the items of a table of images without labels, and say what is to be said of it."""
    if is_file(table):
        folder = Path(table).expanduser().parent
    rows, notes = table_rows(table, ("image",), "images")
    whole = [row for _, row in rows]
    images = [place(folder, row["image"]) for row in whole]
    ids = make_ids(images, [r["name"] for r in whole if r.get("name")])
    left = set(formats.once([one for one in images if is_file(one)]))
    items: list[Item] = []
    for row, image, name in zip(whole, images, ids, strict=True):
        if is_file(image) and image not in left:
            continue
        items += make_items(image, (), name, options, _details(row))
        left -= {image} if is_file(image) else set()
    return items, notes


def table_rows(
    table: Any, needed: Sequence[str], argument: str = "data"
) -> tuple[list[tuple[Any, dict[str, Any]]], list[str]]:
    """Return the rows of a table with their numbers, empty cells as None, and what to say of it.

    Parameters
    ----------
    table : str, Path, DataFrame or mapping of columns
        Rows of a file are numbered as its lines are, others from 1.
    needed : sequence of str
        Columns that have to be there.
    argument : str, default "data"
        What a fault is of.
    """
    import pandas as pd

    frame = read_spreadsheet(Path(table).expanduser()) if is_file(table) else _frame(table)
    if not is_file(table):
        frame.index = pd.RangeIndex(1, len(frame) + 1)
    names = _names([str(c).strip() for c in frame.columns])
    repeated = _repeated([name for name in names if name in COLUMNS])
    missing = [c for c in needed if c not in names]
    if missing or frame.empty or repeated:
        what = "a column" if len(needed) == 1 else "columns"
        expected = f"rows with {what} {' and '.join(needed)}"
        count = counted(len(frame), "row")
        got = repeated[0] if repeated else say("columns {} and {}", names, count)
        remedy = SAVE_AS if is_file(table) and len(names) < 2 else ""
        raise invalid(argument, expected=expected, received=got, remedy=remedy)
    frame.columns = pd.Index(names)
    cells = frame.astype(object).where(frame.notna(), None)
    rows = [
        (number, {name: _cell(name, value) for name, value in zip(names, row, strict=True)})
        for number, row in zip(cells.index, cells.itertuples(index=False), strict=True)
    ]
    full = [(number, row) for number, row in rows if any(row[c] is not None for c in needed)]
    passed = [str(number) for number, row in rows if all(row[c] is None for c in needed)]
    notes = [f"rows of the table passed over, as they are empty: {', '.join(passed)}"]
    return full, [*_unused_columns(names), *(notes if passed else [])]


def _names(given: Sequence[str]) -> list[str]:
    """Return what columns are; those that mean nothing here as they are called."""
    lower = [_SAME.get(name.lower(), name.lower()) for name in given]
    if "image" not in lower:
        path = next((name for name in _PATHS if name in lower), None)
        lower = ["image" if name == path else name for name in lower]
    pairs = zip(lower, given, strict=True)
    return [name if name in COLUMNS else own for name, own in pairs]


def _frame(table: Any) -> Any:
    import pandas as pd

    try:
        return pd.DataFrame(table)
    except (ValueError, TypeError, AttributeError) as error:
        raise invalid(
            "data",
            expected="a table, its columns of one length",
            received=f"{in_words(table)}: {error}",
        ) from None


def _cell(name: str, value: Any) -> Any:
    """Return a cell, None where it is empty; R writes NA where it knows nothing."""
    pixels = name in ("image", "label") and not isinstance(value, _CELLS) and is_pixels(value)
    # Python shows no number of thousands of digits
    huge = isinstance(value, int) and value.bit_length() > 64
    if name in COLUMNS and (huge or not (value is None or pixels or isinstance(value, _CELLS))):
        raise invalid(name, expected="a text or a number in each row", received=Value(value))
    if not isinstance(value, str):
        return value
    text = value.strip()
    return None if text == "" or (text == "NA" and name in _OPTIONAL) else text


def place(folder: Path, name: Any) -> Any:
    r"""Return the path that a table names, also where Windows wrote it; pixels as they are.

    Examples
    --------
    >>> place(Path("set"), "images\\\\a.tif").as_posix()
    'set/images/a.tif'
    """
    if is_pixels(name):
        return name
    path = folder / Path(str(name)).expanduser()
    if "\\" in str(name) and not path.exists():
        return folder / Path(str(name).replace("\\", "/")).expanduser()
    return path


_OWN = ("image", "label", "name", "split", "weight")
"""Columns that do not come along into tables of results."""


def _repeated(values: Sequence[str]) -> list[str]:
    return [f"{v} is listed {n} times" for v, n in Counter(values).items() if n > 1]


def _details(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "group": None if row.get("group") is None else str(row["group"]),
        "split": None if row.get("split") is None else str(row["split"]).strip().lower(),
        "weight": _weight(row.get("weight")),
        "columns": {n: v for n, v in row.items() if n not in _OWN and not _is_unnamed(n)},
    }


def _weight(given: Any) -> float:
    try:
        # spreadsheets of half of Europe write 0,5
        weight = 1.0 if given is None else float(str(given).replace(",", "."))
    except ValueError:
        weight = -1.0
    if not 0 < weight < float("inf"):
        raise invalid("weight", expected="a number above 0", received=given)
    return weight


def _unused_columns(columns: Sequence[str]) -> list[str]:
    unused = [c for c in columns if c not in COLUMNS and not _is_unnamed(c)]
    words = "columns of the table that are not used, but come along into tables of results"
    return [f"{words}: {', '.join(unused)}"] if unused else []


def _is_unnamed(column: str) -> bool:
    return not column or column.lower().startswith("unnamed:")
