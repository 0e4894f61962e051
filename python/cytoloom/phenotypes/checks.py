"""What is odd about cells and plates: what `check` of cells composes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..datasets.items import Item, shown_names
from ..datasets.listing import some
from ..datasets.report import Report
from ..errors import InvalidError
from ..events import Event, Work
from ..messages import Argument, counted, joined, say
from .table import units_of
from .wells import place_of, well_of

COLUMNS = ("plate", "well", "image", "control", "images", "cells", "at_border", "padded",
           "length_px", "intensity", "focus", "status")  # fmt: skip
FEW_CELLS = 10
MANY_AT_BORDER = 0.25
LONGER = 0.05
"""Share of cells that may be longer than their crop before it is said."""
LESS_SHARP, OTHER_LIGHT = 0.5, 3.0
"""Of an image beside the median of its plate: sharpness, and how many times as bright or dark."""
PLATES_DIFFER = 1.5
FEWEST = 5
"""Images from which on one of a plate can be unlike the others."""


def examine(cells: Any) -> Work[Report]:
    """Find what is odd about cells, well by well; every image is read once."""
    seen = {}
    for k, item in enumerate(cells.items):
        yield Event("progress", f"looking at {item.id}", k, len(cells.items))
        seen[item.id] = _looked_at(item)
    wells = _wells(cells, seen)
    problems = [*_unread(seen), *_controls(cells, wells)]
    warnings = [
        *cells.told,
        *_same_wells(cells),
        *_few(wells),
        *_sizes(cells),
        *_borders(wells),
        *_unlike(wells, seen, cells),
        *_places_of_controls(wells),
    ]
    rows = tuple(wells.to_dict("records"))
    columns = tuple(name for name in COLUMNS if name in wells)
    each = "well" if "well" in wells else "image"
    notes = (str(cells), *map(str, cells.illumination), *_levels(wells, cells))
    return Report(
        tuple(problems), tuple(warnings), notes, rows, columns=columns, each=each
    )  # fmt: skip


def _looked_at(item: Item) -> dict[str, Any]:
    """Return how bright and how sharp an image is, and which part of its pixels are no numbers."""
    from scipy import ndimage

    try:
        pixels = np.asarray(item.image.read(), np.float32)
    except InvalidError as error:
        return {"error": str(error)}
    bad = ~np.isfinite(pixels)
    pixels = np.where(bad, np.median(pixels[~bad]) if not bad.all() else 0, pixels)
    plane = pixels[len(pixels) // 2] if pixels.ndim == 4 else pixels
    focus = []
    for channel in np.moveaxis(plane, -1, 0):
        smooth = ndimage.gaussian_filter(channel, 1)
        spread = float(smooth.std())
        focus.append(float(ndimage.laplace(smooth).std()) / spread if spread else 0.0)
    return {
        "intensity": [float(one) for one in pixels.reshape(-1, pixels.shape[-1]).mean(axis=0)],
        "focus": focus,
        "bad": float(bad.mean()),
    }


def _wells(cells: Any, seen: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return a row for each well of its plate, or for each image where wells are not known."""
    table = cells.table
    named = "well" in table and bool(table["well"].notna().all())
    by = [n for n in ("plate", "well") if named and n in table and table[n].notna().all()]
    by = by or ["image"]
    control = cells.are_controls if cells.controls is not None else np.zeros(len(table), bool)
    length = table["major_axis_px"] if "major_axis_px" in table else np.nan
    border = table["touches_border"] if "touches_border" in table else np.nan
    own = table[list(dict.fromkeys([*by, "image", "padded"]))].assign(
        control=control, length_px=length, at_border=border
    )
    groups = own.groupby(by, sort=False)
    found = groups.agg(
        control=("control", "any"),
        images=("image", "nunique"),
        cells=("padded", "size"),
        at_border=("at_border", "mean"),
        padded=("padded", "mean"),
        length_px=("length_px", "median"),
        of=("image", lambda names: list(dict.fromkeys(names))),
    ).reset_index()
    found = pd.concat([found, _empty_wells(cells, by, found)], ignore_index=True)
    for name in ("intensity", "focus"):
        found[name] = [_mean([seen[i] for i in images], name) for images in found["of"]]
    if cells.controls is None:
        found = found.drop(columns="control")
    found["status"] = [
        "ok" if n > 1 else "no cell" if not n else "one cell" for n in found["cells"]
    ]
    for name in ("at_border", "padded", "length_px", "intensity", "focus"):
        found[name] = found[name].astype(float).round(4)
    return found


def _empty_wells(cells: Any, by: list[str], found: pd.DataFrame) -> pd.DataFrame:
    """Return rows of wells in whose images there is no cell."""
    filled = set(map(tuple, found[by].astype(str).to_numpy()))
    more: dict[tuple[str, ...], dict[str, Any]] = {}
    for image, about in cells.empty.items():
        known = {"image": image, **about}
        if any(known.get(name) is None for name in by):
            continue
        key = tuple(str(known[name]) for name in by)
        if key not in filled:
            row = more.setdefault(key, {**{n: known[n] for n in by}, "of": [], "cells": 0,
                                        "control": False, "images": 0})  # fmt: skip
            row["of"].append(image)
            row["images"] += 1
    columns = list(found.columns)
    return pd.DataFrame(list(more.values()), columns=columns) if more else found.iloc[:0]


def _mean(seen: list[Mapping[str, Any]], name: str) -> float:
    """Return the mean over the channels of images that could be read."""
    values = [np.mean(one[name]) for one in seen if name in one]
    return float(np.mean(values)) if values else float("nan")


def _unread(seen: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, one in seen.items():
        if "error" in one:
            yield one["error"]
        elif one["bad"]:
            yield f"{name} has NaN or infinite values in {one['bad']:.2%} of its pixels"


def _called(wells: pd.DataFrame) -> pd.Series:
    """Return what each well, or image, is called."""
    return units_of(wells.assign(image=wells.get("image", "")))


def _controls(cells: Any, wells: pd.DataFrame) -> Iterator[str]:
    """Say which plates have no control well that has cells."""
    if cells.controls is None:
        return
    plates = wells["plate"] if "plate" in wells else pd.Series("", wells.index)
    for plate, own in wells.groupby(plates, sort=False):
        count = int((own["control"] & (own["cells"] > 0)).sum())
        what = f"plate {plate}" if plate else "the plate"
        if count < 2:
            yield (
                f"{what} has {counted(count, 'control well')} with cells: a plate is held against "
                "its own controls, of which there have to be several"
            )


def _places_of_controls(wells: pd.DataFrame) -> Iterator[str]:
    """Say where all controls of a plate are in one row or column, unlike the other wells."""
    if "control" not in wells or "well" not in wells:
        return
    plates = wells["plate"] if "plate" in wells else pd.Series("", wells.index)
    for plate, own in wells.groupby(plates, sort=False):
        known = own[own["well"].map(lambda one: well_of(one) is not None)]
        places = np.array([place_of(well_of(one) or "A01") for one in known["well"]]).reshape(-1, 2)
        control = known["control"].to_numpy(bool)
        if control.sum() < 2 or control.all():
            continue
        for axis, word in ((0, "row"), (1, "column")):
            mine, others = set(places[control, axis]), set(places[~control, axis])
            if len(mine) == 1 and not mine & others:
                lead = f"plate {plate}: all" if plate else "all"
                yield (
                    f"{lead} control wells are in one {word}, and no other well is: what its "
                    "place does cannot be told from what a treatment does"
                )


def _same_wells(cells: Any) -> Iterator[str]:
    """Say where wells of several plates seem to be one, as no plate tells them apart."""
    if "plate" in cells.table or "well" not in cells.table:
        return
    by = [name for name in ("well", "site") if name in cells.table]
    folders: dict[tuple[str, ...], set[str]] = {}
    first = cells.table.drop_duplicates("image").set_index("image")
    for item in cells.items:
        path = getattr(item.image, "path", None)
        if path is not None and item.id in first.index:
            key = tuple(str(first.at[item.id, name]) for name in by)
            folders.setdefault(key, set()).add(Path(path).parent.name)
    several = {key[0]: places for key, places in folders.items() if len(places) > 1}
    if several:
        places = sorted(set().union(*several.values()))
        yield say(
            "wells of several folders ({}) have the same names and count as one: {}; tell plates "
            "apart with a column plate, or a pattern for {} such as {}",
            some(places), some(sorted(several)), Argument("plate"), "{plate}/{well}",
        )  # fmt: skip


def _few(wells: pd.DataFrame) -> Iterator[str]:
    names = _called(wells)
    for text, own in (
        ("no cell", wells["cells"] == 0),
        ("one cell", wells["cells"] == 1),
        (f"fewer than {FEW_CELLS} cells", wells["cells"].between(2, FEW_CELLS - 1)),
    ):
        if own.any():
            yield f"{text} in {shown_names(list(names[own]))}"


def _sizes(cells: Any) -> Iterator[str]:
    """Say where cells are larger than their crops, or lost in them."""
    if "major_axis_px" not in cells.table:
        return
    lengths = cells.table["major_axis_px"].dropna()
    edge = min(cells.cut.size_px[-2:])
    longer = float((lengths > edge).mean()) if len(lengths) else 0.0
    if longer > LONGER:
        wanted = int(np.ceil(lengths.quantile(0.95) * 1.2))
        yield say(
            "{} of the cells are longer than their crop of {} px; a {} of {} holds 95 % of them",
            f"{longer:.0%}", edge, Argument("size_px"), wanted,
        )  # fmt: skip
    elif len(lengths) and lengths.median() * 6 < edge:
        yield say(
            "crops of {} px are more than six times as wide as the median cell is long ({} px): "
            "most of what is seen are not the cells; see {}",
            edge, f"{lengths.median():.0f}", Argument("size_px"),
        )  # fmt: skip


def _borders(wells: pd.DataFrame) -> Iterator[str]:
    share = np.average(wells["at_border"].fillna(0), weights=wells["cells"].clip(lower=0))
    if share > MANY_AT_BORDER:
        yield f"a border cuts {share:.0%} of the cells: their shapes are those of pieces"


def _unlike(
    wells: pd.DataFrame, seen: Mapping[str, Mapping[str, Any]], cells: Any
) -> Iterator[str]:
    """Say which images are less sharp, brighter or darker than the others of their plate."""
    plates = wells["plate"] if "plate" in wells else pd.Series("", wells.index)
    for plate, own in wells.groupby(plates, sort=False):
        names = [name for images in own["of"] for name in images if "error" not in seen[name]]
        if len(names) < FEWEST:
            continue
        lead = f"plate {plate}: " if plate else ""
        for kind, channel in ((k, c) for k in ("focus", "intensity")
                              for c in range(len(cells.channel_names))):  # fmt: skip
            values = np.array([seen[name][kind][channel] for name in names])
            middle = float(np.median(values))
            if middle <= 0:
                continue
            if kind == "focus":
                odd, word = values < LESS_SHARP * middle, "less sharp than the others"
            else:
                odd = (values > OTHER_LIGHT * middle) | (values * OTHER_LIGHT < middle)
                word = "much brighter or darker than the others"
            found = [name for name, one in zip(names, odd, strict=True) if one]
            if found:
                of = f" in {cells.channel_names[channel]}" if len(cells.channel_names) > 1 else ""
                yield f"{lead}{shown_names(found)}: {word}{of}"


def _levels(wells: pd.DataFrame, cells: Any) -> Iterator[str]:
    """Say how many wells and controls plates have, and how bright each is."""
    if "plate" not in wells:
        return
    parts, light = [], []
    for plate, own in wells.groupby("plate", sort=False):
        text = f"{plate}: {counted(len(own), 'well')}, {counted(int(own['cells'].sum()), 'cell')}"
        if "control" in own:
            text += f", {counted(int(own['control'].sum()), 'control well')}"
        light.append(float(own["intensity"].median()))
        parts.append(f"{text}, intensity {light[-1]:.4g}, focus {own['focus'].median():.2g}")
    yield joined("; ", parts)
    if min(light) > 0 and max(light) > PLATES_DIFFER * min(light):
        yield (
            f"plates differ in brightness by a factor of {max(light) / min(light):.2g}: each is "
            "scaled by itself, and held against its own controls"
        )
