"""Measure features image by image: what the verb `features` composes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..datasets.listing import some
from ..errors import invalid
from ..events import Event, Work, note
from ..messages import Argument, counted, say
from .gathered import Cells
from .kept import as_cells
from .outputs import free_file, write_features
from .properties import around, intensities, texture

KINDS = ("shape", "intensity", "texture")
FROM_TABLE = ("area_px", "perimeter_px", "major_axis_px", "middle_axis_px", "minor_axis_px",
              "eccentricity", "solidity")  # fmt: skip
ABOUT = ("plate", "well", "site", "image", "object", "frame", "class")
_NOT_KEPT = ("bbox_", "sd_intensity_", "mean_intensity_", "min_intensity_", "max_intensity_")
_OF_SHAPE = (*FROM_TABLE, "perimeter_um", "major_axis_um", "middle_axis_um", "minor_axis_um",
             "area_um2", "volume_um3", "surface_um2", "orientation",
             "touches_border")  # fmt: skip


def measure_features(
    cells: Any, kinds: Any, out: str | os.PathLike[str] | None, overwrite: bool
) -> Work[pd.DataFrame]:
    """Measure features; the parameters are those of the verb."""
    cells = as_cells(cells)
    wanted = _kinds(kinds, cells.labelled)
    path = None if out is None else free_file(out, overwrite, cells)
    found: dict[str, np.ndarray] = shapes(cells.table) if "shape" in wanted else {}
    if {"intensity", "texture"} & set(wanted):
        more = yield from _of_crops(cells, wanted)
        found |= more
    table = pd.concat([about(cells), pd.DataFrame(found, index=cells.table.index)], axis=1)
    if path is not None:
        yield from write_features(table, path, list(found), cells)
        yield note(
            f"{counted(len(found), 'feature')} of {counted(len(table), 'cell')} written to {path}."
        )
    return table


def _kinds(kinds: Any, labelled: bool) -> tuple[str, ...]:
    if kinds is None:
        return KINDS if labelled else KINDS[1:]
    wanted = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    odd = [one for one in wanted if one not in KINDS]
    if odd or not wanted:
        raise invalid("kinds", expected=f"some of {', '.join(KINDS)}", received=odd or kinds)
    if "shape" in wanted and not labelled:
        raise invalid(
            "kinds",
            expected="cells that have labels, for their shapes",
            received="positions",
            remedy=say("Give label images as {} of cells.", Argument("labels")),
        )
    return wanted


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
    >>> feature_names(pd.DataFrame({"well": ["A01"], "shape_area_px": [3.0]}))
    ['shape_area_px']
    """
    starts = (*(f"{kind}_" for kind in KINDS), "learned_", "random_")
    return [name for name in map(str, table.columns) if name.startswith(starts)]


def shapes(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return features of the outline of each cell, from what `measure` measured.

    Examples
    --------
    >>> table = pd.DataFrame({"area_px": [math.pi * 4], "perimeter_px": [math.pi * 4],
    ...                       "major_axis_px": [4.0], "minor_axis_px": [4.0]})
    >>> found = shapes(table)
    >>> float(found["shape_form_factor"][0]), float(found["shape_aspect"][0])
    (1.0, 1.0)
    """
    found = {f"shape_{name}": table[name].to_numpy(float) for name in FROM_TABLE if name in table}
    longest, shortest = (table[f"{name}_axis_px"].to_numpy(float) for name in ("major", "minor"))
    found["shape_aspect"] = np.divide(
        shortest, longest, out=np.ones_like(longest), where=longest > 0
    )
    if "perimeter_px" in table:
        area, edge = (table[name].to_numpy(float) for name in ("area_px", "perimeter_px"))
        found["shape_form_factor"] = np.divide(
            4 * math.pi * area, edge**2, out=np.ones_like(area), where=edge > 0
        )
    return found


def _of_crops(cells: Cells, wanted: Sequence[str]) -> Work[dict[str, np.ndarray]]:
    """Measure what needs pixels, image by image."""
    names, total = list(cells.channel_names), len(cells)
    measuring: list[tuple[str, Callable[..., dict[str, np.ndarray]]]] = []
    if "intensity" in wanted:
        measuring += [("intensity", lambda c, m, o: intensities(c, m, names))]
        if cells.labelled:
            measuring += [("intensity", lambda c, m, o: around(c, m, o, names))]
    if "texture" in wanted:
        measuring += [("texture", lambda c, m, o: texture(c, m, names))]
    found: dict[str, np.ndarray] = {}
    done = 0
    yield Event("progress", "measuring the images", 0, total)
    for rows, crops, mine, others in cells.masked():
        for kind, how in measuring:
            for name, values in how(crops, mine, others).items():
                whole = found.setdefault(f"{kind}_{name}", np.full(total, np.nan))
                whole[rows] = values
        done += len(rows)
        yield Event("progress", f"features of cell {done}/{total}", done, total)
    return found


def refuse_no_features(table: pd.DataFrame) -> list[str]:
    """Return the columns that are features, or say that there are none."""
    names = feature_names(table)
    if not names:
        expected = (
            "a table of features: columns whose names begin with shape_, intensity_, learned_"
        )
        raise invalid("features", expected=expected, received=some(list(map(str, table.columns))))
    return names
