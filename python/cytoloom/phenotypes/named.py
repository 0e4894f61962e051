"""Columns of tables of features: which are features, and what stands beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..datasets.listing import some
from ..errors import invalid

if TYPE_CHECKING:
    import pandas as pd

    from .gathered import Cells

KINDS = ("shape", "intensity", "texture", "random", "learned")
"""Of features, by what their names begin with; those of frozen networks begin with it, too."""
FROM_TABLE = ("area_px", "perimeter_px", "major_axis_px", "middle_axis_px", "minor_axis_px",
              "eccentricity", "solidity")  # fmt: skip
GIVEN = "_given"
"""Behind the name of a column of somebody's table that is called as one of ours."""
_STARTS = tuple(f"{kind}_" for kind in (*KINDS, "frozen"))
MODEL = "encoder"
"""The column that says by which model learned features are."""
ABOUT = ("plate", "well", "site", "image", "object", "frame", "class")
_NOT_KEPT = ("bbox_", "sd_intensity_", "mean_intensity_", "min_intensity_", "max_intensity_")
_OF_SHAPE = (*FROM_TABLE, "perimeter_um", "major_axis_um", "middle_axis_um", "minor_axis_um",
             "area_um2", "volume_um3", "surface_um2", "orientation")  # fmt: skip


def about(cells: Cells) -> pd.DataFrame:
    """Return what is known of each cell beside what is measured of it."""
    table = cells.table
    measured = [
        name
        for name in table
        if name in _OF_SHAPE or any(name.startswith(start) for start in _NOT_KEPT)
    ]
    return table.drop(columns=measured if cells.labelled else [])


def feature_names(table: pd.DataFrame) -> list[str]:
    """Return the columns that are features.

    Examples
    --------
    >>> import pandas as pd
    >>> feature_names(pd.DataFrame({"well": ["A01"], "shape_area_px": [3.0]}))
    ['shape_area_px']
    """
    return [name for name in map(str, table.columns) if is_feature(name)]


def is_feature(name: str) -> bool:
    """Whether a column is of a feature, by its name; what a plate's table said is none.

    Examples
    --------
    >>> is_feature("intensity_mean_dna"), is_feature("intensity_of_lamp_given")
    (True, False)
    """
    return name.startswith(_STARTS) and not name.endswith(GIVEN)


def kept_beside(table: pd.DataFrame, made: Iterable[str]) -> tuple[pd.DataFrame, list[str]]:
    """Keep columns that are called as ones that are made, with ``_given`` behind their names.

    Returns
    -------
    (DataFrame, list of str)
        The table, and what was called otherwise, in a sentence where anything was.

    Examples
    --------
    >>> import pandas as pd
    >>> kept, said = kept_beside(pd.DataFrame({"row": ["A"], "well": ["A01"]}), ["row"])
    >>> list(kept), said
    (['row_given', 'well'], ['The column row of the table comes along as row_given.'])
    """
    new: dict[str, str] = {}
    for name in made:
        if name in table:
            new[name] = f"{name}{GIVEN}"
            while new[name] in table:
                new[name] += GIVEN
    if not new:
        return table, []
    told = ", ".join(f"{old} of the table comes along as {one}" for old, one in new.items())
    return table.rename(columns=new), [f"The column {told}."]


def refuse_no_features(table: pd.DataFrame) -> list[str]:
    """Return the columns that are features, or say that there are none."""
    names = feature_names(table)
    if not names:
        expected = (
            "a table of features: columns whose names begin with shape_, intensity_, learned_"
        )
        raise invalid("features", expected=expected, received=some(list(map(str, table.columns))))
    words = [name for name in names if table[name].dtype.kind not in "fiub"]
    if words:
        raise invalid("features", expected="numbers in columns of features",
                      received=f"other values in {some(words)}")  # fmt: skip
    return names
