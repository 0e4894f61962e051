"""What a store keeps by kind and name, and where: the interface that folder and database have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import invalid

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
RUN, OUTCOME = "run", "outcome"
HISTORY, SCORES = "history", "scores"
COLUMNS = {
    HISTORY: ["epoch", "iteration", "seconds", "set", "metric", "value", "member"],
    SCORES: ["set", "image", "metric", "value"],
}
"""Columns of the tables of each run."""
NUMBERS = ("epoch", "iteration", "seconds", "value", "member")
"""Those that hold numbers, NaN where there is none; all others hold texts."""


class Documents(Protocol):
    """Plain values by kind and name, and two tables for each run.

    The kinds are those of parts, `RUN` and `OUTCOME`. Several processes may use one at once:
    what one has written, none of the others loses.
    """

    models: Path
    """Folder that has a folder for each run, with its model."""

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return what has this name; None where nothing has."""

    def add(self, kind: str, name: str, plain: Mapping[str, Any]) -> bool:
        """Write what is new; False, and nothing is written, where something has this name."""

    def put(self, kind: str, name: str, plain: Mapping[str, Any]) -> None:
        """Write, whatever had this name before."""

    def names(self, kind: str) -> list[str]:
        """List the names of a kind."""

    def write_rows(self, table: str, run: str, rows: pd.DataFrame) -> None:
        """Write a table of a run, whatever it was before."""

    def rows(self, table: str, run: str) -> pd.DataFrame:
        """Return a table of a run, with `COLUMNS`; without rows where there is none."""

    def remove(self, run: str) -> None:
        """Remove a run, how it ended and its tables."""


def check_format(found: Any, where: str) -> None:
    """Refuse a store of another format than this version writes, and say what can be done."""
    if found == FORMAT:
        return
    newer = isinstance(found, int) and found > FORMAT
    raise invalid(
        "store",
        expected=f"a store of format {FORMAT}",
        received=f"{where}, of format {found}",
        remedy="Use a newer version of cytoloom."
        if newer
        else "Use the version of cytoloom that wrote it, which it names, or another store.",
    )


def without_password(place: str) -> str:
    """Return a place as it may be shown: an address of a database without its password.

    Examples
    --------
    >>> without_password("postgresql://anna:secret@host/runs"), without_password("runs/")
    ('postgresql://anna:***@host/runs', 'runs/')
    """
    return re.sub(r"(://[^/@:]*:).*@", r"\1***@", place)


def as_rows(table: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the columns that it has in every store."""
    found = rows.reindex(columns=COLUMNS[table]).reset_index(drop=True)
    return found.astype({name: float for name in found if name in NUMBERS})
