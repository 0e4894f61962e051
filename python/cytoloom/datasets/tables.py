"""Turn tables into items: one row per image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import invalid
from ..messages import say
from .ids import make_ids
from .items import Gathered, Item, ReadOptions, is_file, make_items

TABLES = (".csv", ".tsv", ".txt")
COLUMNS = ("image", "label", "group", "split", "name", "weight")


def table_data(table: Any, folder: Path, options: ReadOptions) -> Gathered:
    """Do the work of `Data.from_table`."""
    import pandas as pd

    if is_file(table):
        path = Path(table).expanduser()
        folder = path.parent
        table = read_table(path)
    frame = pd.DataFrame(table)
    frame.columns = [str(c).strip().lower() for c in frame.columns]
    frame = frame.rename(columns={"labels": "label", "mask": "label", "images": "image"})
    missing = [c for c in ("image", "label") if c not in frame.columns]
    if missing or frame.empty:
        got = say("columns {} and {} rows", list(frame.columns), len(frame))
        raise invalid("data", expected="rows with columns image and label", received=got)
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    problems = _repeated([str(r["image"]) for r in rows if r["image"] is not None])
    ids = make_ids([r["image"] or "" for r in rows], [r["name"] for r in rows if r.get("name")])
    items: list[Item] = []
    for number, (row, name) in enumerate(zip(rows, ids, strict=True), start=1):
        empty = [c for c in ("image", "label") if row[c] is None]
        if empty:
            problems.append(f"row {number} of the table has no {' and no '.join(empty)}")
            continue
        image, label = (folder / Path(str(row[c])).expanduser() for c in ("image", "label"))
        items += make_items(image, [label], name, options, _details(row))
    return Gathered(tuple(items), tuple(problems), tuple(_unused_columns(frame.columns)))


def _repeated(values: Sequence[str]) -> list[str]:
    return [f"{v} is listed {n} times" for v, n in Counter(values).items() if n > 1]


def _details(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "group": None if row.get("group") is None else str(row["group"]),
        "split": None if row.get("split") is None else str(row["split"]).strip().lower(),
        "weight": _weight(row.get("weight")),
    }


def _weight(given: Any) -> float:
    try:
        weight = 1.0 if given is None else float(given)
    except ValueError:
        weight = -1.0
    if not 0 < weight < float("inf"):
        raise invalid("weight", expected="a number above 0", received=given)
    return weight


def _unused_columns(columns: Sequence[str]) -> list[str]:
    unused = [c for c in columns if c not in COLUMNS]
    return [f"columns of the table that are not used: {', '.join(unused)}"] if unused else []


def read_table(path: Path) -> Any:
    """Read a CSV file as strings, whatever separates its columns."""
    import pandas as pd

    try:
        with path.open(encoding="utf-8-sig") as file:
            names = file.readline()
        # German and French spreadsheets write semicolons
        separator = next((s for s in (",", ";", "\t") if s in names), ",")
        return pd.read_csv(path, sep=separator, dtype=str, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        expected = "a CSV file with columns image and label"
        raise invalid(str(path), expected=expected, received=str(error)) from error
