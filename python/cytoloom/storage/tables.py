"""Tables in files: written and read in one way by all verbs, and the same when they come back."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..errors import invalid
from .atomic import write_whole

if TYPE_CHECKING:
    import pandas as pd


TEXT = (
    "image", "status", "low", "high", "labels", "class", "metric", "set", "problem",
    "expert", "other", "flags", "split_by", "merged_by", "missed_by",
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
    write_whole(path, lambda temporary: _write(table, temporary))


def read_table(path: Path | IO[str]) -> pd.DataFrame:
    """Read a table that `write_table` wrote: numbers to the last bit, text as it was.

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
    table = pd.read_csv(path, dtype=dict.fromkeys(TEXT, str), **how, **exact)
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
    return {"csv": text.getvalue(), "types": {c: str(t) for c, t in table.dtypes.items()}}


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


def _version(module: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in module.__version__.split(".")[:2])


def _write(table: pd.DataFrame, where: Any) -> None:
    yes_no = {
        str(c): table[c].map({True: "TRUE", False: "FALSE"}) for c in table.select_dtypes(bool)
    }
    # paths in sentences may be of bytes that are no UTF-8
    table.assign(**yes_no).to_csv(
        where, index=False, lineterminator="\n", encoding="utf-8", errors="backslashreplace"
    )
