"""Read the tables that spreadsheets and R write, as text, whatever is particular to them."""

from __future__ import annotations

import codecs
import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InvalidError, invalid

if TYPE_CHECKING:
    import pandas as pd

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATORS = (";", "\t", ",")
SAVE_AS = "Save it as CSV in UTF-8, with commas between the columns."


def read_spreadsheet(path: Path) -> pd.DataFrame:
    r"""Read a table as text: empty cells are empty texts; empty rows are left out.

    UTF-8 with and without byte-order mark, UTF-16 as Excel's Unicode Text, else Windows-1252;
    commas, semicolons, tabs, or the blanks of R's ``write.table``, also where a first line
    ``sep=;`` says so; blanks around cells; row names, which R writes without a name.

    Parameters
    ----------
    path : Path
        The file; its first row has the names of the columns.

    Returns
    -------
    DataFrame
        Of texts; its index has the line of each row in the file.

    Raises
    ------
    InvalidError
        Missing, or no such table; the message says how to save it.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "pairs.csv"
    >>> _ = path.write_bytes("sep=;\r\nimage; weight\r\nzoë.tif; 0,5\r\n;\r\n".encode("cp1252"))
    >>> read_spreadsheet(path)
         image weight
    3  zoë.tif    0,5
    """
    import pandas as pd

    if path.exists() and not path.is_file():
        raise no_table(path, "a folder, a pipe or a device")
    try:
        rows = _rows(_decoded(path.read_bytes()))
    except (OSError, ValueError, csv.Error) as error:
        raise no_table(path, str(error)) from error
    if not rows:
        raise no_table(path, "an empty file")
    (_, names), *body = rows
    longest = max((len(row) for _, row in body), default=0)
    if longest == len(names) + 1 and all(len(row) == longest for _, row in body):
        names = ["", *names]  # R's write.table gives row names no column name
    for number, row in body:
        if any(row[len(names) :]):
            raise no_table(path, f"more cells than column names in line {number}")
    cells = [(row + [""] * len(names))[: len(names)] for _, row in body]
    table = pd.DataFrame(cells, [number for number, _ in body], names, dtype=object)
    return table.loc[:, [bool(name) for name in names]]


def is_of_spreadsheet(head: bytes) -> bool:
    r"""Whether the first line of a table says that a spreadsheet has saved it, not a verb.

    Examples
    --------
    >>> [is_of_spreadsheet(head) for head in (b"image;area\n", b"image,area\n")]
    [True, False]
    """
    marked = any(head.startswith(mark) for mark, _ in _MARKS)
    comma = head.count(b",")
    return marked or any(head.count(one) > comma for one in (b";", b"\t"))


def no_table(path: Path, received: str) -> InvalidError:
    """Return the error of a file that is no table."""
    expected = "a table of text with a row of column names"
    return invalid(str(path), expected=expected, received=received, remedy=SAVE_AS)


def _decoded(content: bytes) -> str:
    """Decode as the byte-order mark says, else as UTF-8, else as spreadsheets on Windows do."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252")


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """Part text into rows of cells without blanks around: line number and cells, none empty."""
    told = re.match(r'"?sep=(.)"?\s*?\r?\n', text, re.IGNORECASE)
    text = text[told.end() :] if told else text
    separator = told[1] if told else _separator(text)
    if "\0" in text:
        raise csv.Error("no text")
    read = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    first = 2 if told else 1
    rows = [(first - 1 + read.line_num, [cell.strip() for cell in row]) for row in read]
    return [(number, row) for number, row in rows if any(row)]


def _separator(text: str) -> str:
    """Return the separator that the row of names has, R's blank where it has no other."""
    head = re.sub(r'"[^"]*"', "x", text.lstrip("\r\n").partition("\n")[0])
    counts = {one: head.count(one) for one in _SEPARATORS}
    most = max(counts, key=lambda one: counts[one])
    return most if counts[most] else " " if " " in head.strip() else ","
