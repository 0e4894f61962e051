"""Cells that lie near others in their features: what the verb `similar` composes."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pandas as pd

from ..datasets.listing import some
from ..errors import invalid
from ..events import Work, note
from ..messages import counted, one_of
from ..storage.atomic import told
from ..storage.tables import write_parquet, write_table
from .detectors import Scaler
from .galleries import KEYS, checked_count
from .named import kept_beside, refuse_no_features
from .outputs import free_file
from .search import model_of, read_features

METRICS = ("cosine", "euclidean", "cityblock", "correlation")
_EXPECTED = "cells as image:number, rows of the table, or a table with columns image and object"


def nearest(
    features: Any, to: Any, metric: str, n: Any, out: str | os.PathLike[str] | None, overwrite: bool
) -> Work[pd.DataFrame]:
    """Find cells like others; the parameters are those of the verb."""
    from scipy.spatial.distance import cdist

    if metric not in METRICS:
        raise invalid("metric", expected=one_of(METRICS), received=metric)
    n = checked_count("n", n)
    path = None if out is None else free_file(out, overwrite)
    if path is not None and path.suffix not in (".csv", ".parquet"):
        expected = "a file that ends in .csv or .parquet"
        raise invalid("out", expected=expected, received=str(path))
    table = read_features(features)
    names = refuse_no_features(table)
    model_of(table)  # codes of two models are no neighbours
    own = rows_meant(table, to)
    values = scaled(table, names)
    middle = values[own].mean(axis=0, keepdims=True)
    away = cdist(values, middle, metric)[:, 0]
    # a cell in the very middle has no direction
    away = np.where(np.isnan(away), np.inf, away)
    order = np.argsort(away, kind="stable")
    order = order[~np.isin(order, own)][:n]
    known, said = kept_beside(table.drop(columns=names).iloc[order], ("row", "distance"))
    for text in said:
        yield note(text)
    found = known.assign(row=order, distance=away[order]).reset_index(drop=True)
    if path is not None:
        with told(path):
            (write_parquet if path.suffix == ".parquet" else write_table)(found, path)
        yield note(f"{counted(len(found), 'cell')} written to {path}.")
    return found


def scaled(table: pd.DataFrame, names: list[str]) -> np.ndarray:
    """Return features scaled by all cells of their plate; what is missing lies in the middle."""
    values = table[names].to_numpy(float)
    values = np.where(np.isfinite(values), values, np.nan)
    plates = table["plate"].astype(str) if "plate" in table else pd.Series("", index=table.index)
    found = np.zeros_like(values)
    for rows in plates.groupby(plates, sort=False).indices.values():
        one = values[rows]
        whole = np.where(np.isnan(one), np.nan_to_num(np.nanmedian(one, axis=0)), one)
        scaler = Scaler.of(whole)
        part = np.zeros_like(whole)
        part[:, scaler.kept] = scaler(whole)
        found[rows] = np.clip(part, -10, 10)
    return found


def rows_meant(table: pd.DataFrame, to: Any) -> np.ndarray:
    """Return the rows of the cells that are shown.

    Examples
    --------
    >>> cells = pd.DataFrame({"image": ["a", "a:b"], "object": [1, 2]})
    >>> rows_meant(cells, ["a:b:2", "a:1"]).tolist(), rows_meant(cells, 1).tolist()
    ([1, 0], [1])
    """
    if hasattr(to, "columns"):
        if not set(KEYS) <= set(to.columns):
            raise invalid("to", expected=_EXPECTED, received=to)
        given: list[Any] = [f"{image}:{number}" for image, number in
                            zip(to["image"], to["object"].astype(int), strict=True)]  # fmt: skip
    else:
        alone = isinstance(to, (str, int, float, np.integer)) or not hasattr(to, "__iter__")
        given = [] if to is None else [to] if alone else list(to)
    if not given:
        raise invalid("to", expected=_EXPECTED, received="none")
    places: dict[str, int] = {}
    if set(KEYS) <= set(table.columns):
        numbers = table["object"].astype(int)
        for k, (image, number) in enumerate(zip(table["image"], numbers, strict=True)):
            places.setdefault(f"{image}:{number}", k)
    found = [_row(one, places, len(table)) for one in given]
    odd = [str(one) for one, row in zip(given, found, strict=True) if row is None]
    if odd:
        there = f"cells of the table, such as {next(iter(places), '0')}"
        raise invalid("to", expected=there, received=some(odd))
    return np.array(found, np.intp)


def _row(one: Any, places: dict[str, int], count: int) -> int | None:
    if isinstance(one, str) and one in places:
        return places[one]
    if isinstance(one, bool) or not isinstance(one, (int, float, np.integer)) or one % 1:
        return None
    return int(one) if 0 <= one < count else None
