"""Pictures of cells and of what was found among them, by kind.

`Cells` and `Novelty` draw themselves by these, so neither is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import invalid
from ..messages import Argument, one_of, say
from ..plots import screens
from .galleries import (
    Group,
    checked_count,
    column_of,
    crops_of,
    drawn,
    groups_of,
    most_novel,
    most_typical,
    rows_in,
    word,
)
from .placed import components, umap_of
from .wells import place_of, plate_of, well_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

BY = ("treatment", "concentration", "control", "group", "type", "well", "image")
MOST_ROWS = 24
"""Rows of a sheet: more are no picture."""
ON_MAP = 6
"""Treatments in colours of their own, those with the largest effects."""
ON_MAP_CELLS = 20_000
LABELS = {"outliers": "share of outliers", "score": "median score"}


def sheet_groups(
    cells: Any, by: str | None = None, n: int = 10, seed: int = 0, rows: int = MOST_ROWS
) -> list[Group]:
    """Draw cells of each of the first treatments; the parameters are those of `Cells.plot`."""
    n, rows = checked_count("n", n), checked_count("rows", rows)
    column = column_of(cells.table, by, BY)
    every = groups_of(cells.table[column])
    if cells.controls is not None:  # what others are held against comes first
        own = cells.are_controls
        every = dict(sorted(every.items(), key=lambda one: not own[one[1]].all()))
    return [
        Group(name, len(own), drawn(own, n, seed + k))
        for k, (name, own) in enumerate(list(every.items())[:rows])
    ]


def sheet(cells: Any, groups: Sequence[Group], title: str = "", ax: Any = None) -> Figure:
    """Draw groups of cells as a contact sheet."""
    return screens.gallery(crops_of(cells, groups), title=title, ax=ax)


def order(found: Any) -> list[str]:
    """Return treatments as they are shown: controls first, then the largest effects."""
    wells = found.wells
    controls = [word(one) for one in wells.loc[wells["is_control"], "treatment"]]
    hits = [word(one) for one in found.hits["treatment"]]
    return list(dict.fromkeys([*controls, *hits]))


def treatment_groups(found: Any, kind: str, n: int, rows: int = MOST_ROWS) -> list[Group]:
    """Return the most novel, or the most typical, cells of each treatment; by rows of its cells."""
    chosen = most_novel if kind == "novel" else most_typical
    every, scores = groups_of(found.cells[found.by]), found.cells["score"].to_numpy(float)
    names = [name for name in order(found) if name in every][:rows]
    return [Group(name, len(every[name]), chosen(scores, every[name], n)) for name in names]


def cluster_groups(found: Any, n: int) -> list[Group]:
    """Return cells of each cluster of outliers, those nearest to its middle."""
    if "cluster" not in found.cells:
        expected = "results with clusters of outliers"
        raise invalid("kind", expected=expected, received="none", remedy="Run novelty again.")
    at = components(found.cells)
    groups = []
    for name, rows in groups_of(found.cells["cluster"]).items():
        if name == "none":
            continue
        away = np.linalg.norm(at[rows] - at[rows].mean(axis=0), axis=1)
        nearest = rows[np.argsort(away, kind="stable")[:n]]
        groups.append(Group(f"cluster {name}", len(rows), nearest))
    return sorted(groups, key=lambda one: -one.count)


def _shown(found: Any, cells: Any, groups: Sequence[Group], ax: Any) -> Figure:
    """Draw groups whose rows are those of the cells of a result."""
    if not groups:
        raise invalid("kind", expected="outliers", received="none")
    if cells is None:
        expected = say("the cells, whose pictures are shown, as {}", Argument("cells"))
        raise invalid("cells", expected=expected, received="none")
    places = [rows_in(cells, found.cells.iloc[one.rows]) for one in groups]
    moved = [Group(g.name, g.count, rows) for g, rows in zip(groups, places, strict=True)]
    return sheet(cells, moved, ax=ax)


def _novel(found: Any, cells: Any, ax: Any, n: int = 10, rows: int = MOST_ROWS) -> Figure:
    return _shown(found, cells, treatment_groups(found, "novel", n, rows), ax)


def _typical(found: Any, cells: Any, ax: Any, n: int = 10, rows: int = MOST_ROWS) -> Figure:
    return _shown(found, cells, treatment_groups(found, "typical", n, rows), ax)


def _clusters(found: Any, cells: Any, ax: Any, n: int = 10) -> Figure:
    return _shown(found, cells, cluster_groups(found, n), ax)


def _hits(found: Any, cells: Any, ax: Any, rows: int = 40) -> Figure:
    label = "share of outliers beyond that of control wells"
    return screens.effects(found.hits.head(checked_count("rows", rows)), label=label, ax=ax)


def _plate(
    found: Any, cells: Any, ax: Any, value: str = "outliers", plate: str | None = None
) -> Figure:
    if value not in LABELS:
        raise invalid("value", expected=one_of(LABELS), received=value)
    wells, title = plate_wells(found.wells, plate)
    grid, marked = plate_grid(wells, value)
    return screens.plate(grid, marked=marked, label=LABELS[value], title=title, ax=ax)


def plate_wells(wells: pd.DataFrame, plate: str | None = None) -> tuple[pd.DataFrame, str]:
    """Return the wells of one plate, and its name where there are several."""
    if "well" not in wells or not all(map(well_of, wells["well"])):
        remedy = say("Say which with {}, when cells are gathered.", Argument("plate"))
        raise invalid(
            "kind", expected="results of wells such as A01", received="none", remedy=remedy
        )
    names = list(dict.fromkeys(wells["plate"].astype(str))) if "plate" in wells else []
    if plate is None and len(names) > 1:
        raise invalid("plate", expected=one_of(names), received="none")
    if plate is None or not names:
        return wells, ""
    if str(plate) not in names:
        raise invalid("plate", expected=one_of(names), received=plate)
    return wells[wells["plate"].astype(str) == str(plate)], str(plate)


def plate_grid(wells: pd.DataFrame, value: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a value of each well where it lies, NaN elsewhere, and which are controls.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"well": ["A02", "B01"], "score": [0.5, 0.2], "is_control": [False, True]}
    >>> grid, marked = plate_grid(pd.DataFrame(rows), "score")
    >>> grid.tolist(), int(marked.sum()), bool(marked[1, 0])
    ([[nan, 0.5, nan], [0.2, nan, nan]], 1, True)
    """
    size = plate_of(wells["well"])
    grid, marked = np.full(size, np.nan), np.zeros(size, bool)
    for well, one, control in zip(wells["well"], wells[value], wells["is_control"], strict=True):
        row, column = place_of(well)
        grid[row - 1, column - 1], marked[row - 1, column - 1] = one, control
    return grid, marked


def _map(found: Any, cells: Any, ax: Any, by: str = "pca", seed: int = 0) -> Figure:
    if by not in ("pca", "umap"):
        raise invalid("by", expected=one_of(("pca", "umap")), received=by)
    at, names, faint = on_map(found, seed)
    places = components(found.cells)[at]
    if places.shape[1] < 2:
        raise invalid("kind", expected="2 features or more, for a map", received="1")
    axes = ("principal component 1", "principal component 2")
    if by == "umap":
        places, axes = umap_of(places, seed), ("UMAP 1", "UMAP 2")
    return screens.cell_map(places[:, :2], names, faint=faint, axes=axes, ax=ax)


def on_map(found: Any, seed: int) -> tuple[np.ndarray, list[str], list[str]]:
    """Return the cells that are drawn, the group of each, and which groups are faint."""
    at = drawn(np.arange(len(found.cells)), ON_MAP_CELLS, seed)
    treated = [word(one) for one in found.cells[found.by].iloc[at]]
    shown = [word(one) for one in found.hits["treatment"]]
    first = list(dict.fromkeys(shown))[:ON_MAP]
    own = found.cells["is_control"].to_numpy(bool)[at]
    names = [
        "controls" if control else name if name in first else "others"
        for control, name in zip(own, treated, strict=True)
    ]
    # in the order of their effects, whatever that of the wells
    rank = {name: k for k, name in enumerate(["controls", "others", *first])}
    by_effect = sorted(range(len(at)), key=lambda k: rank[names[k]])
    return at[by_effect], [names[k] for k in by_effect], ["controls", "others"]


KINDS: dict[str, Callable[..., Figure]] = {
    "plate": _plate,
    "hits": _hits,
    "map": _map,
    "novel": _novel,
    "typical": _typical,
    "clusters": _clusters,
}
"""Pictures of a result by name."""
OF_CELLS = ("novel", "typical", "clusters")
"""Those that show cells."""


def picture(found: Any, kind: str, cells: Any, ax: Any, settings: dict[str, Any]) -> Figure:
    """Draw a result; the parameters are those of its method."""
    if kind not in KINDS:
        raise invalid("kind", expected=one_of(KINDS), received=kind)
    if "n" in settings:
        settings = {**settings, "n": checked_count("n", settings["n"])}
    return KINDS[kind](found, cells, ax, **settings)
