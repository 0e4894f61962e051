"""Turn tables into items: one row per image."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from numbers import Number
from pathlib import Path
from typing import Any

from ..errors import invalid
from ..images import formats
from ..messages import Value, counted, in_words, say
from ..storage.names import told_apart
from ..storage.spreadsheets import SAVE_AS, read_spreadsheet
from .given import ReadOptions, is_file, is_pixels
from .ids import make_ids
from .items import Gathered, Item
from .make_items import make_items

TABLES = (".csv", ".tsv", ".txt")
COLUMNS = {
    "image": "the image",
    "label": "its labels",
    "group": "what it belongs to",
    "split": "for training, validation or test",
    "name": "what it is called",
    "weight": "how often it is drawn",
}
"""What columns of a table of annotated images are."""
OF_IMAGES = {name: COLUMNS[name] for name in ("image", "group", "name")}
"""What columns of a table of images without labels are."""
_OPTIONAL = ("group", "split", "weight")
_CELLS = (str, os.PathLike, Number)
_SAME = {"labels": "label", "mask": "label", "masks": "label", "images": "image"}
_PATHS = ("path", "file", "filename", "filepath")
"""What the column of images is called where none is called so."""
Rows = Sequence[tuple[Any, dict[str, Any]]]
"""Rows of a table by column, with their numbers."""


def table_data(table: Any, folder: Path, options: ReadOptions) -> Gathered:
    """Do the work of `Data.from_table`."""
    if is_file(table):
        folder = Path(table).expanduser().parent
    rows, notes = table_rows(table, COLUMNS, ("image", "label"))
    problems = _repeated([str(row["image"]) for _, row in rows if isinstance(row["image"], _CELLS)])
    whole = []
    for number, row in rows:
        empty = [c for c in ("image", "label") if row[c] is None]
        if empty:
            problems.append(f"row {number} of the table has no {' and no '.join(empty)}")
        else:
            whole.append((number, row))
    images = [place(folder, row["image"]) for _, row in whole]
    items: list[Item] = []
    for (_, row), image, name in zip(whole, images, _ids(images, whole), strict=True):
        label = place(folder, row["label"])
        items += make_items(image, [label], name, options, _details(row, ("image", "label")))
    return Gathered(tuple(items), tuple(problems), tuple(notes))


def table_images(table: Any, folder: Path, options: ReadOptions) -> Gathered:
    """Make the items of a table of images without labels, one for each row."""
    if is_file(table):
        folder = Path(table).expanduser().parent
    rows, notes = table_rows(table, OF_IMAGES, ("image",), "images")
    images = [place(folder, row["image"]) for _, row in rows]
    files = list(dict.fromkeys(one for one in images if is_file(one)))
    first = set(formats.once(files))
    lost = [str(n) for (n, _), one in zip(rows, images, strict=True) if _is_part(one, first)]
    rows = [row for row, one in zip(rows, images, strict=True) if not _is_part(one, first)]
    images = [one for one in images if not _is_part(one, first)]
    ids = _ids(images, rows)
    words = "rows of the table left out, as their files are parts of images of other rows"
    problems = [*_alike(images, ids, rows), *([f"{words}: {', '.join(lost)}"] if lost else [])]
    found = [
        item
        for (_, row), image, name in zip(rows, images, ids, strict=True)
        for item in make_items(image, (), name, options, _details(row, ("image", "name")))
    ]
    return Gathered(tuple(found), tuple(problems), tuple(notes))


def _is_part(image: Any, first: Set[Any]) -> bool:
    """Whether a file is one of an image that another file stands for."""
    return is_file(image) and image not in first


def _ids(images: Sequence[Any], rows: Rows) -> list[str]:
    """Name the images of a table: as it says, else by their files, of which rows may share one."""
    names = {number: _word(row["name"]) for number, row in rows if row.get("name") is not None}
    if names:
        return _names_given(names, rows)
    if not all(is_file(one) for one in images):
        return make_ids(images)
    unique = list(dict.fromkeys(images))
    called = dict(zip(unique, make_ids(unique), strict=True))
    return list(told_apart(called[one] for one in images))


def _names_given(names: Mapping[Any, str], rows: Rows) -> list[str]:
    lacking = [str(number) for number, _ in rows if number not in names]
    twice = [n for n, count in Counter(names.values()).items() if count > 1]
    if not lacking and not twice:
        return list(names.values())
    where = [str(number) for number, name in names.items() if twice and name == twice[0]]
    received = f"{twice[0]} in rows {', '.join(where)}" if twice else f"none in row {lacking[0]}"
    raise invalid(
        "name",
        expected="in the column name what each image is called, no two alike",
        received=received,
        remedy="Call the column otherwise if it says something else.",
    )


def _alike(images: Sequence[Any], ids: Sequence[str], rows: Rows) -> list[str]:
    """Say which rows are of the same file, and what they are called."""
    same: dict[Any, list[int]] = {}
    for k, one in enumerate(images):
        if is_file(one):
            same.setdefault(one, []).append(k)
    return [
        f"rows {', '.join(str(rows[k][0]) for k in places)} of the table are of one file, {one}: "
        f"called {', '.join(ids[k] for k in places)}"
        for one, places in same.items()
        if len(places) > 1
    ]


def table_rows(
    table: Any, known: Mapping[str, str], needed: Sequence[str], argument: str = "data"
) -> tuple[list[tuple[Any, dict[str, Any]]], list[str]]:
    """Return the rows of a table with their numbers, empty cells as None, and what to say of it.

    Parameters
    ----------
    table : str, Path, DataFrame or mapping of columns
        Rows of a file are numbered as its lines are, others from 1.
    known : dict of str to str
        Columns that mean something here, and what.
    needed : sequence of str
        Those that have to be there.
    argument : str, default "data"
        What a fault is of.
    """
    import pandas as pd

    frame = read_spreadsheet(Path(table).expanduser()) if is_file(table) else _frame(table)
    if not is_file(table):
        frame.index = pd.RangeIndex(1, len(frame) + 1)
    own = [str(c).strip() for c in frame.columns]
    names = _names(own, known)
    repeated = _repeated([name for name in names if not _is_unnamed(name)])
    missing = [c for c in needed if c not in names]
    if missing or frame.empty or repeated:
        what = "a column" if len(needed) == 1 else "columns"
        expected = f"rows with {what} {' and '.join(needed)}"
        expected += ", each column once" if repeated else ""
        count = counted(len(frame), "row")
        got = repeated[0] if repeated else say("columns {} and {}", names, count)
        remedy = SAVE_AS if is_file(table) and len(names) < 2 else ""
        raise invalid(argument, expected=expected, received=got, remedy=remedy)
    frame.columns = pd.Index(names)
    cells = frame.astype(object).where(frame.notna(), None)
    rows = [
        (number, {n: _cell(n, v, known) for n, v in zip(names, row, strict=True)})
        for number, row in zip(cells.index, cells.itertuples(index=False), strict=True)
    ]
    full = [(number, row) for number, row in rows if any(row[c] is not None for c in needed)]
    passed = [str(number) for number, row in rows if all(row[c] is None for c in needed)]
    notes = [f"rows of the table passed over, as they are empty: {', '.join(passed)}"]
    return full, [*_understood(own, names, known), *(notes if passed else [])]


def _names(given: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """Return what columns are; those that mean nothing here as they are called."""
    lower = [_SAME.get(name.lower(), name.lower()) for name in given]
    if "image" not in lower:
        path = next((name for name in _PATHS if name in lower), None)
        lower = ["image" if name == path else name for name in lower]
    pairs = zip(lower, given, strict=True)
    return [name if name in known else own for name, own in pairs]


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


def _cell(name: str, value: Any, known: Mapping[str, str]) -> Any:
    """Return a cell, None where it is empty; R writes NA where it knows nothing."""
    pixels = name in ("image", "label") and not isinstance(value, _CELLS) and is_pixels(value)
    # Python shows no number of thousands of digits
    huge = isinstance(value, int) and value.bit_length() > 64
    if name in known and (huge or not (value is None or pixels or isinstance(value, _CELLS))):
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


def _repeated(values: Sequence[str]) -> list[str]:
    return [f"{v} is listed {n} times" for v, n in Counter(values).items() if n > 1]


def _details(row: Mapping[Any, Any], used: Sequence[str]) -> dict[str, Any]:
    """Return what a row says of its image; all but the columns that were used up comes along."""
    labelled = "label" in used
    along = {n: v for n, v in row.items() if n not in (*used, "name") and not _is_unnamed(n)}
    group = None if row.get("group") is None else _word(row["group"])
    if not labelled:
        return {"group": group, "columns": along}
    split = None if row.get("split") is None else str(row["split"]).strip().lower()
    return {"group": group, "split": split, "weight": _weight(row.get("weight")), "columns": along}


def _word(value: Any) -> str:
    """Return a cell as text; R and pandas have whole numbers as doubles.

    Examples
    --------
    >>> _word(3.0), _word("003"), _word(0.5)
    ('3', '003', '0.5')
    """
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def _weight(given: Any) -> float:
    try:
        # spreadsheets of half of Europe write 0,5
        weight = 1.0 if given is None else float(str(given).replace(",", "."))
    except ValueError:
        weight = -1.0
    if not 0 < weight < float("inf"):
        raise invalid("weight", expected="a number above 0", received=given)
    return weight


def _understood(given: Sequence[str], names: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """Say once what the columns are, unless there are none but those asked for by name."""
    pairs = list(zip(given, names, strict=True))
    taken = [f"{own} ({known[name]})" for own, name in pairs if name in known]
    along = [own for own, name in pairs if name not in known and not _is_unnamed(own)]
    if not along and all(own.lower() in ("image", "label", "name") for own in given):
        return []
    words = f"columns of the table: {', '.join(taken)}"
    more = "; not used, but come along into tables of results: "
    return [words + (more + ", ".join(along) if along else "")]


def _is_unnamed(column: str) -> bool:
    return not column or column.lower().startswith("unnamed:")
