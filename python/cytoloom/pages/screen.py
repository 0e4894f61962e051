"""The page of a screen: hit list, plates whose wells show their cells, galleries, map."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..events import Event, Work, note, warn
from ..messages import TABLES, Argument, counted, say, spelled
from ..phenotypes.found import Novelty
from ..phenotypes.galleries import (
    groups_of,
    most_novel,
    most_typical,
    pictures_of,
    rows_in,
    word,
)
from ..phenotypes.kept import as_cells
from ..phenotypes.pictures import ON_MAP_CELLS, cluster_groups, order, plate_grid, plate_wells
from ..phenotypes.placed import has_umap
from ..phenotypes.wells import place_of, well_of
from ..plots.screens import COLOURS, sheet
from ..version import __version__
from . import page, screen_words
from .layers import photo, smaller
from .place import free, remove_pictures, write
from .rows import shown_number

if TYPE_CHECKING:
    import pandas as pd

TEMPLATE = Path(__file__).with_name("screen.html")
LARGEST_BYTES = 40e6
"""Of all pictures of wells together."""
PIXEL_BYTES = 0.25
CROP_PX = 64
"""Edge of a cell on the page, at most."""
PER_WELL, PER_TREATMENT = 12, 16
IN_ROW = 6
"""Cells beside each other in the picture of a well."""
TREATMENTS = 60
"""With galleries of their own, those with the largest effects; others are seen in their wells."""
UMAP_CELLS = 30
"""More cells than these make a map by UMAP, which looks at 15 neighbours of each."""
STEP = 30
"""From a well to the next one, in units of the picture of a plate."""
LEFT, TOP = 22, 18


def collect(found: Novelty, path: Any, cells: Any, overwrite: bool) -> Work[Path]:
    """Make the page of what `novelty` found; the parameters are those of the verb `report`."""
    place = free(path, overwrite)
    page.need_templates()
    pictures, notes = yield from _pictures(found, cells)
    for text in notes:
        yield warn(text)
    text = page.of_template(TEMPLATE, **parts_of(found, pictures, place.stem, notes))
    write(place, text.encode("utf-8", "replace"), overwrite)
    remove_pictures(place)
    yield note(f"{counted(len(found.wells), 'well')} in {place}.")
    return place


class Pictures:
    """Pictures of cells by the rows of a result; of none where there are no cells."""

    def __init__(self, by_row: Mapping[int, Any], per_well: int) -> None:
        self._by_row, self.per_well = by_row, per_well

    def __bool__(self) -> bool:
        return bool(self._by_row)

    def address(self, rows: Sequence[int], in_row: int) -> str:
        """Return cells of these rows of a result as one picture, as the address of itself."""
        known = [self._by_row[int(row)] for row in rows if int(row) in self._by_row]
        if not known:
            return ""
        lines = [known[k : k + in_row] for k in range(0, len(known), in_row)]
        picture = sheet(lines, background=127)[0]
        height, width = picture.shape[:2]
        factor = max(known[0].shape[:2]) / CROP_PX
        size = smaller((height, width), max(1, round(max(height, width) / max(factor, 1.0))))
        return page.data_address(photo(picture, size))


def _pictures(found: Novelty, cells: Any) -> Work[tuple[Pictures, list[str]]]:
    """Cut out the cells that are shown."""
    if cells is None:
        text = say("There are no pictures of cells. Pass {}.", Argument("cells"))
        return Pictures({}, 0), [text]
    cells = as_cells(cells)
    edge = min(CROP_PX, max(cells.cut.size_px[-2:]))
    wells = max(len(found.wells), 1)
    room = LARGEST_BYTES / (2 * wells * edge**2 * PIXEL_BYTES)
    per_well = int(min(PER_WELL, max(1, room)))
    rows = np.unique(np.concatenate([*_of_wells(found, per_well), *_of_treatments(found)]))
    places = rows_in(cells, found.cells.iloc[rows])
    total = len(found.wells)
    yield Event("progress", f"cells of {counted(total, 'well')}", 0, total)
    by_place = pictures_of(cells, places)
    by_row = {int(r): by_place[int(p)] for r, p in zip(rows, places, strict=True)}
    return Pictures(by_row, per_well), []


def _scores(found: Novelty) -> np.ndarray:
    return found.cells["score"].to_numpy(float)


def wells_rows(found: Novelty) -> list[np.ndarray]:
    """Return the rows of the cells of each well, in the order of the table of wells."""
    names = [n for n in ("plate", "well") if n in found.wells and n in found.cells] or ["image"]
    own = groups_of(zip(*(found.cells[n].astype(str) for n in names), strict=True))
    keys = zip(*(found.wells[n].astype(str) for n in names), strict=True)
    return [own.get(word(key), np.zeros(0, np.intp)) for key in keys]


def _of_wells(found: Novelty, n: int) -> Iterator[np.ndarray]:
    scores = _scores(found)
    for rows in wells_rows(found):
        yield most_novel(scores, rows, n)
        yield most_typical(scores, rows, n)


def _of_treatments(found: Novelty) -> Iterator[np.ndarray]:
    scores, every = _scores(found), groups_of(found.cells[found.by])
    for name in order(found)[:TREATMENTS]:
        if name in every:
            yield most_novel(scores, every[name], PER_TREATMENT)
            yield most_typical(scores, every[name], PER_TREATMENT)
    for group in _clusters(found):
        yield group.rows


def _clusters(found: Novelty) -> list[Any]:
    return cluster_groups(found, PER_TREATMENT) if found.cells["outlier"].any() else []


def parts_of(
    found: Novelty, pictures: Pictures, title: str, notes: Sequence[Any]
) -> dict[str, Any]:
    """Return what the template is filled with."""
    wells = _wells(found, pictures)
    treatments = list(_treatments(found, pictures)) if pictures else []
    anchors = {one["name"]: one["anchor"] for one in treatments}
    several = "plate" in found.hits
    plates, ends = _plates(found, wells)
    maps = _maps(found)
    umap = len(maps) > 1
    return {
        "title": title,
        "version": __version__,
        "figures": screen_words.figures(found),
        "summary": screen_words.summary(found),
        "notes": [*([found.note] if found.note else []), *(spelled(t, TABLES) for t in notes)],
        "hit_columns": screen_words.columns(several),
        "hits": list(_hits(found, anchors)),
        "hit_list": page.data_address(
            found.hits.to_csv(index=False).encode("utf-8", "replace"), "text/csv;charset=utf-8"
        ),
        "zero": round(_scale(found)(0.0), 1),
        "plates": plates,
        "ends": ends,
        "colours": [(f"{k / 8:.3f}", colour(k / 8)) for k in range(9)],
        "wells": wells if plates else [],
        "pictured": bool(pictures),
        "treatments": treatments,
        "clusters": list(_cluster_parts(found, pictures)),
        "maps": maps,
        "no_umap": screen_words.NO_UMAP if maps and not has_umap() else "",
        "methods": screen_words.methods(found),
        "citations": screen_words.citations(found, umap),
        "settings": screen_words.settings(found),
    }


def _scale(found: Novelty) -> Any:
    """Return what turns an effect into a place on its line of 200 units."""
    values = found.hits[["effect", "low", "high"]].to_numpy(float)
    known = values[np.isfinite(values)] if len(values) else np.zeros(0)
    low, high = min(0.0, known.min(initial=0.0)), max(0.0, known.max(initial=0.0))
    wide = (high - low) or 1.0
    return lambda value: 6 + 188 * (value - low) / wide


def _hits(found: Novelty, anchors: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Return the rows of the hit list."""
    scale, several = _scale(found), "plate" in found.hits
    for rank, row in enumerate(found.hits.to_dict("records"), start=1):
        name = word(row["treatment"])
        known = math.isfinite(row["low"]) and math.isfinite(row["high"])
        ends = (scale(row["low"]), scale(row["high"])) if known else (None, None)
        words = screen_words.effect(row)
        yield {
            "name": name,
            "anchor": anchors.get(name),
            "lead": [(str(rank), "number"), *([(word(row["plate"]), "")] if several else [])],
            "cells": [
                (shown_number(row["wells"]), "number"),
                (shown_number(row["cells"]), "number"),
                (screen_words.percent(row["outliers"]), "number"),
                (words, "number"),
                (screen_words.chance(row["p"]), "number"),
                (screen_words.chance(row["q"]), "number"),
            ],
            "words": f"effect {words}",
            "low": ends[0],
            "high": ends[1],
            "at": round(scale(row["effect"]), 1),
            "sure": bool(row["q"] < 0.05),
        }


def colour(value: float) -> str:
    """Return the colour of a value between 0 and 1.

    Examples
    --------
    >>> colour(0.0), colour(1.0)
    ('#440154', '#fde725')
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return str(to_hex(colormaps[COLOURS](float(np.clip(value, 0, 1)))))


def _wells(found: Novelty, pictures: Pictures) -> list[dict[str, Any]]:
    """Return what is shown of each well."""
    scores, made = _scores(found), []
    highest = found.wells["outliers"].to_numpy(float)
    best = int(np.nanargmax(highest)) if len(highest) else -1
    for k, (row, own) in enumerate(
        zip(found.wells.to_dict("records"), wells_rows(found), strict=True)
    ):
        n = pictures.per_well
        name = word(row.get("well", row.get("image")))
        treatment = word(row["treatment"])
        made.append({
            "name": name if found.by in ("well", "image") else f"{name}: {treatment}",
            "facts": screen_words.of_well(row),
            "novel": pictures.address(most_novel(scores, own, n), IN_ROW) if n else "",
            "typical": pictures.address(most_typical(scores, own, n), IN_ROW) if n else "",
            "first": k == best,
        })  # fmt: skip
    return made


def _plates(
    found: Novelty, wells: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """Return plates as they are drawn, and the ends of the colours of each value."""
    table = found.wells.reset_index(drop=True)
    if "well" not in table or not all(map(well_of, table["well"])):
        return [], []
    ends = []
    for value in ("outliers", "score"):
        low = 0.0 if value == "outliers" else float(table[value].min())
        high = float(table[value].max())
        ends.append((low, high))
        span = (high - low) or 1.0
        for one, at in zip(wells, table[value], strict=True):
            one.setdefault("fills", []).append(colour((float(at) - low) / span))
    names = list(dict.fromkeys(table["plate"].astype(str))) if "plate" in table else [""]
    plates = [_plate(plate_wells(table, name or None)[0], name, wells) for name in names]
    of_outliers = tuple(screen_words.percent(one) for one in ends[0])
    of_scores = tuple(shown_number(one) for one in ends[1])
    return plates, [of_outliers, of_scores]  # type: ignore[list-item]


def _plate(table: pd.DataFrame, name: str, wells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one plate as it is drawn."""
    grid, _ = plate_grid(table, "outliers")
    rows, columns = grid.shape
    at = lambda row, column: (LEFT + STEP * column, TOP + STEP * row)  # noqa: E731
    letters = [chr(65 + k) if k < 26 else f"A{chr(39 + k)}" for k in range(rows)]
    names = [(str(k + 1), at(0, k)[0] + 13, 11, "middle") for k in range(columns)]
    names += [(text, LEFT - 6, at(k, 0)[1] + 17, "end") for k, text in enumerate(letters)]
    made, taken = [], set()
    for place, row in table.iterrows():
        down, right = (k - 1 for k in place_of(row["well"]))
        taken.add((down, right))
        x, y = at(down, right)
        made.append({
            "place": place, "row": down, "column": right, "x": x, "y": y,
            "fills": wells[place]["fills"],  # type: ignore[call-overload]
            "control": bool(row["is_control"]),
            "words": f"{wells[place]['name']}, {wells[place]['facts']}",  # type: ignore[call-overload]
        })  # fmt: skip
    empty = [at(i, j) for i in range(rows) for j in range(columns) if (i, j) not in taken]
    return {
        "name": name, "wells": made, "names": names, "empty": empty,
        "width": LEFT + STEP * columns, "height": TOP + STEP * rows,
        "size": _size(rows * columns),
    }  # fmt: skip


def _size(wells: int) -> str:
    """Return how large a plate is drawn."""
    sizes = {"few": 48, "wells-96": 96, "wells-384": 384}
    return next((name for name, most in sizes.items() if wells <= most), "wells-1536")


def _treatments(found: Novelty, pictures: Pictures) -> Iterator[dict[str, Any]]:
    """Return the galleries of treatments: controls, then the largest effects."""
    scores, every = _scores(found), groups_of(found.cells[found.by])
    controls = {word(one) for one in found.wells.loc[found.wells["is_control"], "treatment"]}
    for k, name in enumerate([n for n in order(found) if n in every][:TREATMENTS]):
        rows = every[name]
        yield {
            "name": name,
            "anchor": f"treatment-{k}",
            "control": name in controls,
            "words": screen_words.of_treatment(found, name, rows),
            "novel": pictures.address(most_novel(scores, rows, PER_TREATMENT), PER_TREATMENT // 2),
            "typical": pictures.address(
                most_typical(scores, rows, PER_TREATMENT), PER_TREATMENT // 2
            ),
        }


def _cluster_parts(found: Novelty, pictures: Pictures) -> Iterator[dict[str, Any]]:
    for group in _clusters(found):
        number = group.name.removeprefix("cluster ")
        own = found.cells[found.cells["cluster"].map(word) == number]
        yield {
            "name": group.name.capitalize(),
            "words": screen_words.of_cluster(found, own),
            "picture": pictures.address(group.rows, PER_TREATMENT // 2),
        }


def _maps(found: Novelty) -> list[tuple[str, str, str]]:
    """Return maps of the cells: the address of each picture, what it shows, and what it is of."""
    if "pc_2" not in found.cells:
        return []
    shown = min(len(found.cells), ON_MAP_CELLS)
    by = ["pca", *(["umap"] if shown > UMAP_CELLS and has_umap() else [])]
    return [
        (_drawn(found, one), *screen_words.of_map(found, one, shown, shown < len(found.cells)))
        for one in by
    ]


def _drawn(found: Novelty, by: str) -> str:
    stream = io.BytesIO()
    found.plot("map", by=by).savefig(stream, format="png", dpi=110)
    return page.data_address(stream.getvalue())
