"""The table of objects on a page, and how the values of each column are distributed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 20_000
"""Objects in the table of a page; histograms are of all."""
BINS, FEW = 32, 50
TOLD = 5
"""Digits of numbers."""


def objects_of(table: pd.DataFrame) -> dict[str, Any]:
    """Return the table as plain columns, with histograms.

    Parameters
    ----------
    table : DataFrame
        With a column image.

    Returns
    -------
    dict
        total, images (names), columns: each name, values (of image the place of its name) and,
        of numbers, edges, counts and median.

    Examples
    --------
    >>> import pandas as pd
    >>> found = objects_of(pd.DataFrame({"image": ["a", "a"], "area_px": [1, 3]}))
    >>> found["images"], found["columns"][1]["values"], found["columns"][1]["median"]
    (['a'], [1, 3], 2.0)
    """
    kept = table.head(MOST_ROWS)
    names = [str(name) for name in dict.fromkeys(kept["image"].astype(str))] if len(kept) else []
    place = {name: k for k, name in enumerate(names)}
    columns = []
    for name in table.columns:
        if name == "image":
            values = [place[str(one)] for one in kept["image"]]
            columns.append({"name": "image", "values": values})
        elif not table[name].isna().all():
            column = {"name": str(name), "values": [_plain(one) for one in kept[name].tolist()]}
            columns.append({**column, **_distribution(name, table[name])})
    return {"total": len(table), "images": names, "columns": columns}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, numbers to a few digits."""
    if isinstance(value, bool) or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return float(f"{value:.{TOLD}g}") if math.isfinite(value) else None
    return None if value is None or str(value) in ("<NA>", "NaT") else str(value)


def _distribution(name: str, column: pd.Series) -> dict[str, Any]:
    """Return the histogram of numbers; nothing of anything else."""
    if name == "object" or column.dtype.kind not in "iuf":
        return {}
    values = column.to_numpy(float, na_value=math.nan)
    values = values[np.isfinite(values)]
    if not values.size:
        return {}
    # a few that are far off leave the others in one bar
    low, high = np.percentile(values, (0, 99.5 if values.size > FEW else 100))
    whole = bool((values == np.round(values)).all())
    bins = min(BINS, max(1, int(high - low) + 1)) if whole else BINS
    ends = (low, high) if high > low else None
    counts, edges = np.histogram(np.clip(values, low, high), bins, ends)
    return {
        "counts": counts.tolist(),
        "edges": [float(f"{one:.{TOLD}g}") for one in edges],
        "median": float(f"{np.median(values):.{TOLD}g}"),
        "beyond": int((values > high).sum()),
    }
