"""Which cells of a table are looked at, and their pictures."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.listing import some
from ..errors import invalid
from ..messages import counted, say
from ..plots.overlays import RGB
from ..plots.screens import crop_rgb
from .plate import column_asked

if TYPE_CHECKING:
    import pandas as pd

Rows = NDArray[np.intp]
KEYS = ("image", "object")
"""By which a row of features finds its cell again."""


@dataclass(frozen=True)
class Group:
    """Cells that are looked at together.

    Parameters
    ----------
    name : str
        What they have in common.
    count : int
        How many there are.
    rows : ndarray of int
        Rows of the table of those that are shown.
    """

    name: str
    count: int
    rows: Rows

    @property
    def title(self) -> str:
        r"""Name and number of cells.

        Examples
        --------
        >>> Group("DMSO", 320, np.arange(3)).title
        'DMSO\nn = 320'
        """
        return f"{self.name}\nn = {self.count}"


def groups_of(column: Iterable[Any]) -> dict[str, Rows]:
    """Return the rows of each value of a column, in their order; missing ones as "none".

    Examples
    --------
    >>> {name: rows.tolist() for name, rows in groups_of(["a", "b", None, "a"]).items()}
    {'a': [0, 3], 'b': [1], 'none': [2]}
    """
    found: dict[Hashable, list[int]] = {}
    for k, value in enumerate(column):
        found.setdefault(word(value), []).append(k)
    return {str(name): np.array(rows, np.intp) for name, rows in found.items()}


def word(value: Any) -> str:
    """Return a value as it is written: whole numbers without a point.

    Examples
    --------
    >>> word(3.0), word(0.25), word(float("nan")), word("DMSO")
    ('3', '0.25', 'none', 'DMSO')
    """
    if value is None or str(value) in ("<NA>", "NaT") or value != value:
        return "none"
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}"
    return str(value)


def drawn(rows: Rows, n: int, seed: int) -> Rows:
    """Draw so many rows, in their order; all where there are no more.

    Examples
    --------
    >>> len(drawn(np.arange(50), 8, seed=1)), drawn(np.arange(3), 8, seed=1).tolist()
    (8, [0, 1, 2])
    """
    if len(rows) <= n:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, n, replace=False))


def most_novel(scores: NDArray[Any], rows: Rows, n: int) -> Rows:
    """Return the rows with the highest scores, the highest first.

    Examples
    --------
    >>> most_novel(np.array([1.0, 9.0, 4.0, 7.0]), np.array([0, 1, 2]), 2).tolist()
    [1, 2]
    """
    return rows[np.argsort(-scores[rows], kind="stable")[:n]]


def most_typical(scores: NDArray[Any], rows: Rows, n: int) -> Rows:
    """Return the rows whose scores are nearest to their median.

    Examples
    --------
    >>> most_typical(np.array([1.0, 9.0, 4.0, 5.0]), np.arange(4), 2).tolist()
    [2, 3]
    """
    away = np.abs(scores[rows] - np.median(scores[rows]))
    return rows[np.argsort(away, kind="stable")[:n]]


def rows_in(cells: Any, table: pd.DataFrame) -> Rows:
    """Return for each row of a table its row among cells.

    Parameters
    ----------
    cells : Cells
        What was gathered.
    table : DataFrame
        Columns image and object, as tables of features have them (and frame, where cells do).

    Raises
    ------
    InvalidError
        A table of other cells.
    """
    keys = [*KEYS, *(["frame"] if "frame" in cells.table and "frame" in table else [])]
    missing = [name for name in keys if name not in table]
    if missing:
        raise invalid(
            "cells",
            expected=say("cells of which the table has columns {}", " and ".join(keys)),
            received=f"no {', '.join(missing)}",
        )
    own, asked = (
        list(zip(*(one[name].astype(str) for name in keys), strict=True))
        for one in (cells.table, table)
    )
    places = {key: k for k, key in enumerate(own)}
    odd = [f"{key[0]}:{key[1]}" for key in asked if key not in places]
    if odd:
        raise invalid(
            "cells",
            expected="the cells of which these results are",
            received=f"{counted(len(odd), 'row')} of none of them, {some(odd)}",
        )
    return np.array([places[key] for key in asked], np.intp)


def pictures_of(cells: Any, rows: Iterable[int]) -> dict[int, RGB]:
    """Return the pictures of cells by their rows, in the colours of their channels.

    Each image is read once, and those without such a cell only where intensities are scaled by all.
    """
    wanted = np.array(sorted(set(map(int, rows))), np.intp)
    found: dict[int, RGB] = {}
    for own, crops in cells.crops(wanted):
        found.update({int(row): crop_rgb(crop) for row, crop in zip(own, crops, strict=True)})
    return found


def crops_of(
    cells: Any, groups: Sequence[Group], stats: Any = None
) -> Mapping[str, list[NDArray[Any]]]:
    """Return the crops of groups by their titles, as `plots.gallery` takes them.

    Parameters
    ----------
    cells : Cells
        What was gathered.
    groups : sequence of Group
        By rows of it.
    stats : dict, optional
        What `cells.stats()` returned, where that is known already.
    """
    wanted = np.unique(np.concatenate([one.rows for one in groups]))
    found: dict[int, NDArray[Any]] = {}
    for own, crops in cells.crops(wanted, stats):
        found.update(zip(own.tolist(), crops, strict=True))
    return {one.title: [found[int(row)] for row in one.rows] for one in groups}


def checked_count(name: str, value: Any, least: int = 1) -> int:
    """Return a whole number of cells, or say what is wrong with it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value % 1 or value < least:
        raise invalid(name, expected=f"a whole number, {least} or more", received=value)
    return int(value)


def column_of(table: pd.DataFrame, by: str | None, usual: Sequence[str]) -> str:
    """Return the column that cells are grouped by."""
    by = None if by is None else column_asked(table, by, "by")
    found = [by] if by else [one for one in usual if one in table and table[one].notna().any()]
    return str(found[0] if found else "image")
