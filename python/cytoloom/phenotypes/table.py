"""Rows of cells: which are controls, what a row belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.listing import some
from ..errors import invalid
from ..messages import Setting, counted, say
from .wells import well_of

if TYPE_CHECKING:
    import pandas as pd

ABOUT = ("control", "group", "treatment", "type")
"""Columns that may say which wells are controls, the surest first."""


def controls_of(table: pd.DataFrame, controls: Any, name: str = "controls") -> NDArray[np.bool_]:
    """Tell which cells are of control wells.

    Parameters
    ----------
    table : DataFrame
        A row per cell, with the columns of the plate.
    controls : str, list of str or dict
        The word for controls in the first of the columns control, group, treatment or type that
        has it; wells, such as ``["A01", "B12"]``; or columns with their words,
        ``{"treatment": ["DMSO", "water"]}``. In one text ``"A01,B12"`` and ``"treatment=DMSO"``.
    name : str, default "controls"
        What the argument is called.

    Returns
    -------
    ndarray of bool

    Raises
    ------
    InvalidError
        No cell is one: the message says what there is.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"well": ["A01", "A01", "B02"], "control": ["neg", "neg", None]})
    >>> controls_of(cells, "neg").tolist(), controls_of(cells, ["b2"]).tolist()
    ([True, True, False], [False, False, True])
    """
    if isinstance(controls, str):
        controls = _in_words(table, controls)
    if isinstance(controls, Mapping):
        return _by_columns(table, controls, name)
    words = [str(one) for one in ([controls] if isinstance(controls, str) else controls or ())]
    if not words:
        raise invalid(name, expected=_EXPECTED, received=controls)
    wells = [well_of(word) for word in words]
    if all(wells) and "well" in table:
        found = table["well"].isin(wells)
        lost = [word for word, well in zip(words, wells, strict=True)
                if not table["well"].eq(well).any()]  # fmt: skip
        if lost and found.any():
            raise invalid(name, expected="wells of the table", remedy="Leave them out.",
                          received=f"{', '.join(lost[:5])}, of which there is no cell")  # fmt: skip
        if found.any():
            return np.asarray(found, bool)
    for column in (one for one in ABOUT if one in table):
        found = table[column].astype(str).isin(words)
        if found.any():
            return np.asarray(found, bool)
    there = [f"{one}: {some(_words(table[one]))}" for one in ABOUT if one in table]
    got = f"{', '.join(words)}; there is {'; '.join(there)}" if there else (
        f"{', '.join(words)}, and no column {', '.join(ABOUT)}"
    )  # fmt: skip
    raise invalid(name, expected=_EXPECTED, received=got)


def _in_words(table: pd.DataFrame, text: str) -> Any:
    """Return what one text stands for, as a command line has it: several words, or columns.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"well": ["A01"], "treatment": ["DMSO, 1 %"]})
    >>> _in_words(cells, "DMSO, 1 %"), _in_words(cells, "A01,A02")
    ('DMSO, 1 %', ['A01', 'A02'])
    >>> _in_words(cells, "treatment=DMSO,water")
    {'treatment': ['DMSO', 'water']}
    """
    if any((table[column].astype(str) == text).any() for column in ABOUT if column in table):
        return text
    column, sign, words = text.partition("=")
    if sign and column.strip() in table:
        whole = (table[column.strip()].astype(str) == words).any()
        own = [words] if whole else [word.strip() for word in words.split(",")]
        return {column.strip(): own}
    return [word.strip() for word in text.split(",") if word.strip()] if "," in text else text


def given_controls(table: pd.DataFrame, controls: Any, name: str = "controls") -> NDArray[np.bool_]:
    """As `controls_of`, where it has to be said which cells are such."""
    if controls is None:
        kind = {"controls": "negative", "positives": "positive"}[name]
        raise invalid(
            name,
            expected=f"which cells are {kind} controls",
            received="none",
            remedy=say(
                "Name a word of the table, wells, or columns with their words, such as {}.",
                Setting(name, kind),
            ),
        )
    return controls_of(table, controls, name)


_EXPECTED = "a word for control wells, wells, or columns with their words"


def _by_columns(
    table: pd.DataFrame, controls: Mapping[str, Any], argument: str
) -> NDArray[np.bool_]:
    found = np.ones(len(table), bool)
    for name, words in controls.items():
        if name not in table:
            raise invalid(
                argument, expected=f"one of the columns {some(list(table))}", received=name
            )
        own = [words] if isinstance(words, str) or not isinstance(words, Sequence) else words
        one = table[name].astype(str).isin([str(w) for w in own])
        if not one.any():
            got = f"{', '.join(map(str, own))}; there is {some(_words(table[name]))}"
            raise invalid(argument, expected=f"words of the column {name}", received=got)
        found &= np.asarray(one, bool)
    if not found.any():
        got = "none that is all of them"
        raise invalid(argument, expected="cells of these columns and words", received=got)
    return found


def _words(column: Any) -> list[str]:
    return sorted({str(one) for one in column.dropna()})


def units_of(table: pd.DataFrame) -> pd.Series:
    """Return of each cell what it is a repetition in: its well of its plate, or else its image.

    Examples
    --------
    >>> import pandas as pd
    >>> units_of(pd.DataFrame({"image": ["a", "b"], "well": ["A01", "A01"]})).tolist()
    ['A01', 'A01']
    >>> units_of(pd.DataFrame({"image": ["a", "b"]})).tolist()
    ['a', 'b']
    """
    names = [name for name in ("plate", "well") if name in table and table[name].notna().all()]
    if "well" not in names:
        return table["image"].astype(str)
    return table[names].astype(str).agg("/".join, axis=1)


def of_words(count: int, units: int) -> str:
    """Say how many cells of how many wells.

    Examples
    --------
    >>> of_words(40, 2)
    '40 cells of 2 wells'
    """
    return f"{counted(count, 'cell')} of {counted(units, 'well')}"


def plates_of(table: pd.DataFrame) -> NDArray[np.str_]:
    """Return of each row its plate; all "" where there is one plate only.

    Examples
    --------
    >>> import pandas as pd
    >>> plates_of(pd.DataFrame({"plate": ["p1", None]})).tolist()
    ['p1', '']
    """
    if "plate" not in table:
        return np.full(len(table), "")
    return np.where(table["plate"].isna(), "", table["plate"].astype(str)).astype(str)
