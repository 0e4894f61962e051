"""Search for what is unlike controls: what the verb `novelty` composes."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..datasets.given import is_file
from ..datasets.listing import some
from ..datasets.results_folder import results_folder
from ..errors import InvalidError, invalid
from ..events import Event, Work, note, warn
from ..messages import Argument, counted, say
from ..storage.atomic import meant
from ..storage.tables import read_table
from ..version import __version__
from .detectors import METHODS, Scaler, fit, held_out_scores, need_sklearn, threshold
from .fitted import Fitted, drift_words
from .found import FILES, Novelty
from .hits import benjamini_hochberg, effect, permutation_p, smallest_p
from .kept import as_cells
from .named import MODEL, feature_names, kept_beside, refuse_no_features
from .pictures import order
from .placed import placed
from .plate import column_asked
from .position import position_words
from .table import given_controls, units_of

Floats = np.ndarray
BY = ("treatment", "concentration", "control", "well", "image")
ERROR = "reconstruction_error"
LEVEL = 0.05
"""The rate of false discoveries that a list is asked for, as a rule."""
FEW = 4
"""Control wells of a plate from which on its features are scaled by them alone."""


def searched(
    features: Any,
    controls: Any,
    method: str,
    rate: float,
    by: str | None,
    detector: Any,
    cells: Any,
    out: str | os.PathLike[str] | None,
    overwrite: bool,
    seed: int,
) -> Work[Novelty]:
    """Find what is unlike controls; the parameters are those of the verb."""
    if cells is not None and out is None:
        expected = say("{} with it, where galleries are written", Argument("out"))
        raise invalid("cells", expected=expected, received="none")
    pictured = None if cells is None else as_cells(cells)
    write = lambda folder, found: found.write_to(folder, pictured)  # noqa: E731
    with results_folder(out, overwrite, features, "novelty", FILES, write) as written:
        found = yield from unlike(features, controls, method, rate, by, detector, seed)
        found = replace(found, out=None if out is None else meant(out))
        yield from written(found)
        if pictured is not None:
            yield note(
                f"Galleries of {counted(len(order(found)), 'treatment')} written there, too."
            )
    return found


def unlike(
    features: Any,
    controls: Any,
    method: str,
    rate: float,
    by: str | None,
    detector: Any,
    seed: int,
) -> Work[Novelty]:
    """Find what is unlike controls; the parameters are those of the verb."""
    if not 0 < rate < 0.5:
        raise invalid("rate", expected="a share above 0 and below 0.5", received=rate)
    if method not in METHODS:
        raise invalid("method", expected=f"one of {', '.join(METHODS)}", received=method)
    need_sklearn()
    earlier = None if detector is None else fitted_of(detector)
    if earlier is not None:
        method, rate, seed = earlier.method, earlier.rate, earlier.seed
    table = read_features(features)
    names = _used(table, method)
    own, units = _controls(table, controls)
    model = model_of(table)
    by = treatments_of(table, by)
    values, used, dropped = scaled_by_plate(table, names, own)
    for text in dropped:
        yield warn(text)
    if earlier is None and method != "reconstruction" and int(own.sum()) < len(used):
        yield warn(
            f"{counted(int(own.sum()), 'control cell')} for {counted(len(used), 'feature')}: what "
            "usual cells look like is hardly known, and shares of outliers say little. More "
            "control cells, or fewer features, would help."
        )  # fmt: skip
    yield Event("progress", "scoring the cells", 0, 2)
    if earlier is None:
        scores, fitted = _scored(method, values, used, own, units, rate, seed, model)
    else:
        values, used, fitted = earlier.in_order(used, values, model), list(earlier.names), earlier
        scores = earlier.score()(values)
        if earlier.was_fitted_to(values[own]):
            yield warn(
                "The detector was fitted to these control wells: fewer of their cells than of "
                "others are outliers. Without detector they are scored by ones that left them out."
            )
    outlier = scores > fitted.threshold
    left = table.drop(
        columns=[name for name in names if name in used or name in feature_names(table)]
    )
    made = {"is_control": own, "score": scores, "outlier": outlier,
            **placed(values, outlier, seed)}  # fmt: skip
    at = list(left).index(by) if by in left else None
    left, renamed = kept_beside(left, made)
    for text in renamed:
        yield note(text)
    by = by if at is None else list(left)[at]
    cells = left.assign(**made)
    yield Event("progress", "comparing wells", 1, 2)
    of_wells = by_well(cells, units, own, by)
    hits, words = ranked(of_wells, seed)
    drifted = "" if earlier is None else drift_words(scores[own], units[own], earlier)
    said = [one for one in (drifted, words, *position_words(of_wells)) if one]
    for text in said:
        yield warn(text)
    run = {"verb": "novelty", "version": __version__, "settings": {
        "features": str(features) if is_file(features) else None, "controls": controls,
        "method": method, "rate": rate, "by": by, "seed": seed,
        "detector": None if earlier is None else str(detector),
    }}  # fmt: skip
    return Novelty(hits, of_wells, cells, fitted.threshold, method, rate, tuple(used),
                   " ".join(said), by, run, _fitted=fitted)  # fmt: skip


def _used(table: pd.DataFrame, method: str) -> list[str]:
    """Return the columns that a detector sees."""
    if method != "reconstruction":
        return refuse_no_features(table)
    if ERROR not in table:
        raise invalid("features", expected=f"a column {ERROR}, as encode makes it",
                      received=some(list(map(str, table))))  # fmt: skip
    return [ERROR]


def model_of(table: pd.DataFrame) -> str:
    """Return by which model features were learned; "" where none were."""
    found = sorted(set(table[MODEL].dropna().astype(str))) if MODEL in table else []
    if len(found) > 1:
        raise invalid("features", expected="features of one model",
                      received=f"those of {len(found)}: {some(found)}")  # fmt: skip
    return found[0] if found else ""


def _controls(table: pd.DataFrame, controls: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return which cells are controls, and the well of each cell."""
    own = given_controls(table, controls)
    units = units_of(table).to_numpy(str)
    wells = sorted(set(units[own]))
    if len(wells) < 2:
        raise invalid(
            "controls",
            expected="cells of 2 or more control wells: some are held out to know the rate",
            received=f"{counted(int(own.sum()), 'cell')} of {wells[0]}",
        )
    return own, units


def _scored(
    method: str,
    values: Floats,
    names: list[str],
    own: np.ndarray,
    units: np.ndarray,
    rate: float,
    seed: int,
    model: str,
) -> tuple[Floats, Fitted]:
    """Score cells by a detector of these controls, which are scored by those that left them out."""
    apart = held_out_scores(method, values[own], units[own], seed)
    fitted = Fitted.of(
        values[own], names, method, seed, threshold(apart, units[own], rate), rate, model
    )  # fmt: skip
    scores = np.empty(len(values))
    scores[own] = apart
    if not own.all():
        scores[~own] = fit(method, values[own], seed)(values[~own])
    return scores, fitted


def fitted_of(detector: Any) -> Fitted:
    """Return the detector of earlier results."""
    if isinstance(detector, Novelty):
        if detector._fitted is not None:
            return detector._fitted
        detector = detector.out
    if not is_file(detector):
        expected = "results of novelty, or their folder"
        raise invalid("detector", expected=expected, received=detector)
    return Fitted.load(Path(detector).expanduser())


def read_features(features: Any) -> pd.DataFrame:
    """Return a table of features, read where it is a file."""
    if is_file(features):
        path = Path(features).expanduser()
        if not path.is_file():
            raise invalid("features", expected="a file that is there", received=str(path))
        return _read(path)
    if not hasattr(features, "columns"):
        raise invalid("features", expected="a table of features, or its file", received=features)
    return pd.DataFrame(features).reset_index(drop=True)


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else read_table(path)
    except (InvalidError, ImportError):
        raise
    except (ValueError, OSError, UnicodeError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        expected = "a table of features, CSV or Parquet"
        raise invalid("features", expected=expected, received=f"{path}: {why}") from None


def treatments_of(table: pd.DataFrame, by: str | None) -> str:
    """Return the column of treatments."""
    by = None if by is None else column_asked(table, by, "by")
    found = [by] if by else [n for n in BY if n in table and table[n].notna().any()]
    if not found:
        raise invalid("by", expected=f"a column {', '.join(BY)}", received="none")
    return str(found[0])


def scaled_by_plate(
    table: pd.DataFrame, names: Sequence[str], own: np.ndarray
) -> tuple[Floats, list[str], list[str]]:
    """Scale features by the controls of their plate; what says nothing is left out, and said."""
    values = table[list(names)].to_numpy(float)
    bad = ~np.isfinite(values)
    dropped = []
    if bad.any():
        which = [name for name, one in zip(names, bad.any(axis=0), strict=True) if one]
        text = f"{counted(int(bad.any(axis=1).sum()), 'cell')} without {some(which)}"
        dropped.append(f"{text}: taken for the median of the controls of the plate.")
    plates = (
        table["plate"].astype(str).to_numpy() if "plate" in table else np.zeros(len(table), str)
    )
    found, kept = np.empty_like(values), np.ones(len(names), bool)
    for plate in dict.fromkeys(plates):
        here = plates == plate
        among = own & here
        if not among.any():
            raise invalid(
                "controls",
                expected="control wells on every plate",
                received=f"none on {plate}",
                remedy="Leave the plate out, or name its controls.",
            )
        middle = np.nanmedian(np.where(bad, np.nan, values)[among], axis=0)
        filled = np.where(bad[here], np.nan_to_num(middle), values[here])
        scaler = Scaler.of(np.where(bad[among], np.nan_to_num(middle), values[among]))
        kept &= scaler.kept
        spread = np.where(scaler.kept, scaler.spread, 1.0)
        found[here] = (filled - scaler.middle) / spread
    if not kept.any():
        raise invalid("features", expected="features that vary among the controls", received="none")
    flat = [name for name, one in zip(names, kept, strict=True) if not one]
    if flat:
        dropped.append(f"left out, alike in all controls: {some(flat)}.")
    # one cell far off in one feature must not be all that a detector sees
    return (
        np.clip(found[:, kept], -50, 50),
        [n for n, k in zip(names, kept, strict=True) if k],
        dropped,
    )


def by_well(cells: pd.DataFrame, units: np.ndarray, own: np.ndarray, by: str) -> pd.DataFrame:
    """Return a row per well: how many cells, and how many of them are outliers.

    What was done there is called treatment, as among the hits, whatever column told it.
    """
    lead = [name for name in ("plate", "well", "image") if name in cells]
    lead = [name for name in lead if name != "image"] if "well" in lead else lead
    rows = []
    for unit in dict.fromkeys(units):
        here = units == unit
        one = cells[here]
        row = {name: one[name].iloc[0] for name in lead}
        rows.append(row | {
            "treatment": one[by].iloc[0],
            "is_control": bool(own[here].all()),
            "cells": int(here.sum()),
            "outliers": float(one["outlier"].mean()),
            "score": float(one["score"].median()),
        })  # fmt: skip
    return pd.DataFrame(rows)


def ranked(wells: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, str]:
    """Compare the wells of each treatment with the control wells of their plate.

    Returns
    -------
    (DataFrame, str)
        Hits, and what the number of wells does not allow.
    """
    controls = wells[wells["is_control"]]
    rest = wells[~wells["is_control"]]
    several = "plate" in wells and wells["plate"].nunique() > 1
    keys = ["plate", "treatment"] if several else ["treatment"]
    rows, least = [], []
    for key, own in rest.groupby(keys, sort=False, dropna=False):
        among = controls[controls["plate"] == own["plate"].iloc[0]] if several else controls
        treated, other = own["outliers"].to_numpy(), among["outliers"].to_numpy()
        difference, low, high = effect(treated, other)
        # of shares
        low, high = max(low, -1.0) if low == low else low, min(high, 1.0) if high == high else high
        least.append(smallest_p(len(treated), len(other)))
        named = dict(zip(keys, key if isinstance(key, tuple) else (key,), strict=True))
        rows.append({
            **named,
            "wells": len(own),
            "cells": int(own["cells"].sum()),
            "outliers": float(treated.mean()),
            "effect": difference,
            "low": low,
            "high": high,
            "p": permutation_p(treated, other, seed),
        })  # fmt: skip
    columns = [*(["plate"] if several else []), "treatment", "wells", "cells", "outliers", "effect",
               "low", "high", "p", "q"]  # fmt: skip
    if not rows:
        return pd.DataFrame(columns=columns), "There is nothing beside the controls."
    hits = pd.DataFrame(rows)
    hits["q"] = benjamini_hochberg(hits["p"].to_numpy())
    hits = hits.sort_values(["effect"], ascending=False, kind="stable", ignore_index=True)
    return hits[columns], _too_few(least, len(controls))


def _too_few(least: Sequence[float], controls: int) -> str:
    """Say where so few wells cannot reach the q that a list is asked for."""
    count = len(least)
    # the q of one that stands alone with the smallest chance
    reached = min(least) * count if least else math.nan
    if not least or reached <= LEVEL:
        return ""
    return (
        f"With {counted(controls, 'control well')} and {counted(count, 'treatment')} no q below "
        f"{min(1.0, reached):.2g} can be reached by one of them alone: the list is ranked by "
        "effect, and intervals tell more than q. More control wells, or more wells of each "
        "treatment, help."
    )
