"""Measure features image by image: what the verb `features` composes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..errors import invalid
from ..events import Event, Work, note
from ..messages import Argument, counted, say
from .corrected import mended, refuse_correction
from .encoded import encoder_for, random_encoder
from .gathered import Cells
from .kept import as_cells
from .named import FROM_TABLE, KINDS, about, feature_names
from .outputs import free_file, write_features
from .properties import around, intensities, texture


def measure_features(
    cells: Any,
    kinds: Any,
    model: Any,
    how: str | None,
    select: bool,
    out: str | os.PathLike[str] | None,
    overwrite: bool,
) -> Work[pd.DataFrame]:
    """Measure features; the parameters are those of the verb."""
    cells = as_cells(cells)
    wanted = _kinds(kinds, cells.labelled, model)
    refuse_correction(how, cells.controls)
    path = None if out is None else free_file(out, overwrite, cells)
    encoders = [random_encoder(cells)] if "random" in wanted else []
    encoders += [encoder_for(model, cells)] if "learned" in wanted else []
    found: dict[str, np.ndarray] = shapes(cells.table) if "shape" in wanted else {}
    if {"intensity", "texture"} & set(wanted):
        more = yield from _of_crops(cells, wanted)
        found |= more
    for encoder in encoders:
        more = yield from encoder.codes(cells)
        found |= more
    table = pd.concat([about(cells), pd.DataFrame(found, index=cells.table.index)], axis=1)
    table, said = mended(table, feature_names(table), cells.controls, how, select)
    if said:
        yield note(f"{said}.")
    if path is not None:
        names = feature_names(table)
        yield from write_features(table, path, names, cells)
        many = counted(len(names), "feature")
        yield note(f"{many} of {counted(len(table), 'cell')} written to {path}.")
    return table


def _kinds(kinds: Any, labelled: bool, model: Any) -> tuple[str, ...]:
    if kinds is None:
        usual = KINDS[:3] if labelled else KINDS[1:3]
        return usual if model is None else (*usual, "learned")
    wanted = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    odd = [one for one in wanted if one not in KINDS]
    if odd or not wanted:
        raise invalid("kinds", expected=f"some of {', '.join(KINDS)}", received=odd or kinds)
    if ("learned" in wanted) != (model is not None):
        received = "no model" if model is None else f"kinds {', '.join(wanted)}"
        expected = "a model for learned features, and learned ones with a model"
        raise invalid("model", expected=expected, received=received)
    if "shape" in wanted and not labelled:
        raise invalid(
            "kinds",
            expected="cells that have labels, for their shapes",
            received="positions",
            remedy=say("Give label images as {} of cells.", Argument("labels")),
        )
    return wanted


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
