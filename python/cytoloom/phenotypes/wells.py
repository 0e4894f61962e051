"""Wells of plates: how they are written, and where they lie."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

PLATES = {6: (2, 3), 12: (3, 4), 24: (4, 6), 48: (6, 8), 96: (8, 12), 384: (16, 24), 1536: (32, 48)}
"""Rows and columns of the plates that there are, by their number of wells."""
_WELL = re.compile(r"([A-Z]|A[A-F])[ _-]?0*([1-9]\d?)", re.IGNORECASE)
_IN_NAME = re.compile(r"(?<![A-Za-z0-9])(A[A-F]|[A-P])(0[1-9]|[1-4]\d|[1-9])(?![0-9A-Za-z])")
_TWO = 26


def well_of(text: Any) -> str | None:
    """Read a well however it is written; None where it is none.

    Parameters
    ----------
    text : object
        Such as "A1", "a01", "A-001" or "AF48".

    Returns
    -------
    str or None
        A letter or two and two digits.

    Examples
    --------
    >>> [well_of(one) for one in ("A1", "h012", "AF48", "AG1", "A49", "control", 7, None)]
    ['A01', 'H12', 'AF48', None, None, None, None, None]
    """
    found = _WELL.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        return None
    row, column = found[1].upper(), int(found[2])
    return well_at(row_of(row), column) if column <= PLATES[1536][1] else None


def well_at(row: int, column: int) -> str:
    """Return the well of a row and a column, both from 1.

    Examples
    --------
    >>> well_at(1, 1), well_at(27, 3)
    ('A01', 'AA03')
    """
    letters = chr(64 + row) if row <= _TWO else "A" + chr(64 + row - _TWO)
    return f"{letters}{column:02d}"


def place_of(well: str) -> tuple[int, int]:
    """Return row and column, both from 1, of a well as `well_of` gives it.

    Examples
    --------
    >>> place_of("A01"), place_of("AF48")
    ((1, 1), (32, 48))
    """
    letters = well.rstrip("0123456789")
    return row_of(letters), int(well[len(letters) :])


def row_of(letters: str) -> int:
    """Return the number of a row of one or two letters, from 1.

    Examples
    --------
    >>> row_of("B"), row_of("AF")
    (2, 32)
    """
    return (len(letters) - 1) * _TWO + ord(letters[-1].upper()) - 64


def plate_of(wells: Iterable[str]) -> tuple[int, int]:
    """Return rows and columns of the smallest plate that has these wells.

    Examples
    --------
    >>> plate_of(["A01", "B03"]), plate_of(["A01", "H12"]), plate_of(["I01"])
    ((2, 3), (8, 12), (16, 24))
    """
    places = [place_of(well) for well in wells]
    rows, columns = (max((p[k] for p in places), default=1) for k in (0, 1))
    return next(size for size in PLATES.values() if rows <= size[0] and columns <= size[1])


def well_in(name: str) -> str | None:
    """Find the one well that a name of a file tells; None where there is none, or several.

    Examples
    --------
    >>> well_in("plate1_B03_s1"), well_in("A01_ch2"), well_in("IMG_0012"), well_in("A01_B02")
    ('B03', 'A01', None, None)
    """
    found = {well_of(row + column) for row, column in _IN_NAME.findall(name.replace("_", " "))}
    return found.pop() if len(found) == 1 else None
