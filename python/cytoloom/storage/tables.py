"""Tables in files: written and read in one way by all verbs, and the same when they come back."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..errors import invalid
from .atomic import write_whole
from .spreadsheets import is_of_spreadsheet, no_table, read_spreadsheet

if TYPE_CHECKING:
    import pandas as pd


TEXT = (
    "image", "status", "low", "high", "labels", "class", "metric", "set", "problem",
    "expert", "other", "flags", "split_by", "merged_by", "missed_by",
    "class_truth", "class_found",
)  # fmt: skip
"""Columns that hold text: an image may be called 007, NA or TRUE."""


def write_table(table: pd.DataFrame, path: Path) -> None:
    r"""Write a table as CSV, whole; yes and no as TRUE and FALSE, as both R and pandas have it.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> path = Path(tempfile.mkdtemp()) / "objects.csv"
    >>> write_table(pd.DataFrame({"object": [1], "touches_border": [True]}), path)
    >>> path.read_text()
    'object,touches_border\n1,TRUE\n'
    """
    write_whole(path, lambda temporary: _write(table, temporary), lasting=True)


def read_table(
    path: Path | IO[str], own_to: str | None = None, text: Sequence[str] = ()
) -> pd.DataFrame:
    """Read a table that `write_table` wrote: numbers to the last bit, text as it was.

    Also as a spreadsheet saved it: with semicolons and decimal commas, tabs, or in UTF-16.

    Parameters
    ----------
    path : Path
        The file.
    own_to : str, optional
        The last of our columns: those of somebody else behind it are numbers only where that
        changes nothing, see `told_by_text`.
    text : sequence of str, default ()
        More columns that hold text, though it may look like numbers.

    Raises
    ------
    InvalidError
        No table.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> path = Path(tempfile.mkdtemp()) / "files.csv"
    >>> write_table(pd.DataFrame({"image": ["007", "NA"], "scale": [0.1 + 0.2, None]}), path)
    >>> read_table(path).to_dict("list")
    {'image': ['007', 'NA'], 'scale': [0.30000000000000004, nan]}
    """
    import pandas as pd

    # pandas before 3.1 rounds unless told not to, later ones take it amiss to be told
    exact = {"float_precision": "round_trip"} if _version(pd) < (3, 1) else {}
    how: dict[str, Any] = {"keep_default_na": False, "na_values": [""], "encoding": "utf-8"}
    along: list[str] = []
    where = _saved(path) if isinstance(path, Path) else path
    try:
        if own_to is not None:
            along = _behind(where, own_to)
        table = pd.read_csv(where, dtype=dict.fromkeys((*TEXT, *along, *text), str), **how, **exact)
    except pd.errors.ParserError as error:
        raise no_table(Path(str(path)), str(error).splitlines()[0]) from None
    for name in along:
        table[name] = told_by_text(table[name])
    # a text that is not there is empty, but for the class of an object, which may have none
    return table.fillna(dict.fromkeys((set(TEXT) - {"class"}) & set(table.columns), ""))


def with_counts(table: pd.DataFrame, *names: str) -> pd.DataFrame:
    """Return a table with columns of counts as whole numbers that may be missing.

    Examples
    --------
    >>> import pandas as pd
    >>> with_counts(pd.DataFrame({"objects": [7, None]}), "objects")["objects"].tolist()
    [7, <NA>]
    """
    return table.astype(dict.fromkeys(names, "Int64"))


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """Give columns of Python's values, of which some are None, the types that these have.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"dose": [1, None], "well": ["A1", "B1"]}, dtype=object)
    >>> typed(table)["dose"].tolist()
    [1, <NA>]
    """
    import pandas as pd
    from pandas.api.types import infer_dtype

    whole = {"integer": ("int64", "Int64"), "boolean": ("bool", "boolean")}
    columns = {}
    for name, column in table.items():
        plain, nullable = whole.get(infer_dtype(column, skipna=True), (None, None))
        type_ = nullable if column.isna().any() else plain
        try:
            columns[name] = column.astype(type_) if type_ else column.infer_objects()
        except (OverflowError, TypeError):  # numbers of more than 64 bits
            columns[name] = column
    return pd.DataFrame(columns, index=table.index)


def told_by_text(column: pd.Series) -> pd.Series:
    """Turn texts into numbers, or yes and no, where writing these gives the same texts again.

    Examples
    --------
    >>> import pandas as pd
    >>> [str(told_by_text(pd.Series(texts)).dtype) for texts in (["1", "10"], ["0.5"], ["TRUE"])]
    ['int64', 'float64', 'bool']
    >>> told_by_text(pd.Series(["001", "1"])).tolist(), told_by_text(pd.Series(["1e3"])).tolist()
    (['001', '1'], ['1e3'])
    """
    import pandas as pd

    texts = [text for text in column.unique() if isinstance(text, str)]
    for words in ({"TRUE": True, "FALSE": False}, _numbers(texts, int), _numbers(texts, float)):
        if texts and all(text in words for text in texts):
            found = pd.Series([words.get(one) for one in column], dtype=object)
            return typed(found.to_frame())[0].rename(column.name)
    return column


def _numbers(texts: Sequence[str], kind: type) -> dict[str, Any]:
    """Return what texts are as numbers, of those that are written so."""
    found = {}
    for text in texts:
        with contextlib.suppress(ValueError):
            if str(kind(text)) == text != "nan":
                found[text] = kind(text)
    return found


def need_parquet() -> None:
    """Raise where there is nothing that writes Parquet."""
    if not importlib.util.find_spec("pyarrow"):
        raise invalid(
            "objects",
            expected='"csv", or the package pyarrow, which writes Parquet',
            received='"parquet" without it',
            remedy='Run pip install "cytoloom[parquet]", in R cl_install(extras = "parquet").',
        )


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet, whole; a part of a set of tables of the same columns.

    Parameters
    ----------
    table : DataFrame
        Its columns have the same types when it has no rows.
    path : Path
        Ends in ``.parquet``; its folder exists.
    """
    import pyarrow
    from pyarrow import parquet

    text = dict.fromkeys(set(TEXT) & set(table.columns), "string")
    part = pyarrow.Table.from_pandas(table.astype(text), preserve_index=False)
    write_whole(path, lambda temporary: parquet.write_table(part, temporary))


def packed(table: pd.DataFrame) -> dict[str, Any]:
    """Return a table as JSON holds it: as it would be in a file, and the types of its columns."""
    text = io.StringIO()
    _write(table, text)
    types = _types_of(tuple((str(c), str(t)) for c, t in table.dtypes.items()))
    csv = text.getvalue() if len(table) else sys.intern(text.getvalue())
    return {"csv": csv, "types": types, "rows": len(table)}


@functools.lru_cache(maxsize=256)
def _types_of(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return types by column, one dictionary for all tables of these: there may be many."""
    return dict(pairs)


def unpacked(plain: Mapping[str, Any]) -> pd.DataFrame:
    """Return the table of `packed`, the same to the last bit and type.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"object": [1, 2], "x": [0.1 + 0.2, None], "class": [None, "NA"]})
    >>> unpacked(packed(table)).equals(table), unpacked(packed(table[:0])).equals(table[:0])
    (True, True)
    """
    return read_table(io.StringIO(plain["csv"])).astype(dict(plain["types"]))


def joined(several: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the tables of `packed` one below the other, as `pandas.concat` puts those of each.

    Those of the same columns and types are read at once: each by itself takes some 20 ms.

    Examples
    --------
    >>> import pandas as pd
    >>> tables = [pd.DataFrame({"object": [k], "x": [x]}) for k, x in enumerate((0.5, 2, None))]
    >>> whole = pd.concat(tables, ignore_index=True)
    >>> joined([packed(table) for table in tables]).equals(whole)
    True
    """
    import numpy as np
    import pandas as pd

    alike: dict[tuple[Any, ...], list[int]] = {}
    for k, plain in enumerate(several):
        alike.setdefault(tuple(plain["types"].items()), []).append(k)
    made, of_table = [], []
    for numbers in alike.values():
        first = several[numbers[0]]
        head = packed(pd.DataFrame(columns=list(first["types"])))["csv"]
        rows = (several[k]["csv"][len(head) :] for k in numbers)
        made.append(unpacked({"csv": "".join((head, *rows)), "types": first["types"]}))
        of_table.append(np.repeat(numbers, [several[k]["rows"] for k in numbers]))
    order = np.argsort(np.concatenate(of_table), kind="stable")
    whole = pd.concat(made, ignore_index=True)
    return whole if len(alike) == 1 else whole.iloc[order].reset_index(drop=True)


def _saved(path: Path) -> Path | IO[str]:
    """Return a table as `write_table` has it, where a spreadsheet has saved it its own way."""
    with open(path, "rb") as stream:
        head = stream.readline(2**16)
    if not is_of_spreadsheet(head):
        return path
    table = read_spreadsheet(path)
    for name in table:
        if name not in TEXT or name in ("low", "high"):
            table[name] = table[name].str.replace(_DECIMAL, r"\1.\2", regex=True)
    return io.StringIO(table.to_csv(index=False))


_DECIMAL = re.compile(r"^(-?\d*),(\d+(?:[eE][-+]?\d+)?)$")
"""A number with a comma, as spreadsheets of many languages write it."""


def _behind(where: Path | IO[str], last: str) -> list[str]:
    """List the columns of a table behind one."""
    import pandas as pd

    names = list(pd.read_csv(where, nrows=0, encoding="utf-8").columns)
    if not isinstance(where, Path):
        where.seek(0)
    return names[names.index(last) + 1 :] if last in names else []


def _version(module: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in module.__version__.split(".")[:2])


def _write(table: pd.DataFrame, where: Any) -> None:
    yes_no = {
        str(c): table[c].map({True: "TRUE", False: "FALSE"})
        for c in table.select_dtypes(["bool", "boolean"])
    }
    # paths in sentences may be of bytes that are no UTF-8
    table.assign(**yes_no).to_csv(
        where, index=False, lineterminator="\n", encoding="utf-8", errors="backslashreplace"
    )
