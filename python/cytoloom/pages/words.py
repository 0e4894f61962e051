"""What a page says in words: the summary, the settings, the methods and what to cite."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterable, Iterator
from importlib import metadata
from typing import TYPE_CHECKING, Any

from ..messages import TABLES, spelled
from ..version import __version__
from .given import Shown
from .rows import Table, cell, heading_of, shown_number

if TYPE_CHECKING:
    import pandas as pd

SOFTWARE = (
    "cytoloom authors (2026). cytoloom: train, score and apply U-Nets on microscopy images from "
    "Python and R. Version {}."
)
UNET = (
    "Ronneberger O, Fischer P, Brox T (2015). U-Net: Convolutional Networks for Biomedical Image "
    "Segmentation. MICCAI 2015. doi:10.1007/978-3-319-24574-4_28"
)
STAPLE = (
    "Warfield SK, Zou KH, Wells WM (2004). Simultaneous truth and performance level estimation "
    "(STAPLE). IEEE Transactions on Medical Imaging 23, 903. doi:10.1109/TMI.2004.828354"
)
TITLES = {
    "predictions": "What was found",
    "scores": "Scores",
    "consensus": "Consensus",
    "images": "Images",
}
METHODS = {
    "staple": "STAPLE (Warfield et al. 2004), which weighs experts by how well they do",
    "majority": "the majority of the experts in each pixel",
    "soft": "the share of the experts in each pixel",
}
SCORES = {"metric": "score", "value": "mean", "low": "95 % from", "high": "to", "n": "images"}
UNITS = {"area_um2": "square micrometres", "volume_um3": "cubic micrometres", "area_px": "px"}


Cells = list[tuple[str, str]]
"""Texts, each with what it is: "number", "meaning" or ""."""


def tables(shown: Shown) -> list[tuple[str, Cells, list[Cells]]]:
    """Return the tables of all images together: title, headings and rows."""
    found = []
    for title, table in shown.tables.items():
        kinds = ["number" if column.dtype.kind in "iuf" else "" for _, column in table.items()]
        names = [heading_of(str(name))[0] for name in table.columns]
        rows = [
            [(cell(value)[0], kind) for value, kind in zip(row, kinds, strict=True)]
            for row in table.itertuples(index=False)
        ]
        if shown.kind == "scores":
            told = [heading_of(str(name)) for name in table["metric"]]
            names = [SCORES.get(str(name), str(name)) for name in table.columns] + ["meaning"]
            rows = [
                [(name, ""), *row[1:], (hint, "meaning")]
                for (name, hint), row in zip(told, rows, strict=True)
            ]
            kinds = [*kinds, ""]
        found.append((title, list(zip(names, kinds, strict=True)), rows))
    return found


def several(number: int, what: str) -> str:
    """Return how many of something, thousands apart.

    Examples
    --------
    >>> several(7036, "object"), several(1, "image")
    ('7 036 objects', '1 image')
    """
    return f"{shown_number(number)} {what}{'' if number == 1 else 's'}"


def figures(shown: Shown, table: Table) -> list[tuple[str, str]]:
    """Return the few numbers that stand at the top, each with what it is."""
    images = len(shown.images)
    found = [(shown_number(images), "image" if images == 1 else "images")]
    if shown.kind == "scores":
        rows = shown.tables["Scores"].head(3).itertuples()
        known = [(row.metric, float(row.value)) for row in rows if not math.isnan(row.value)]
        found += [(f"{value:.2f}", heading_of(name)[0]) for name, value in known]
    elif shown.kind != "images":
        total = _total(shown.images)
        found.append((shown_number(total), "object" if total == 1 else "objects"))
    if shown.kind == "consensus":
        found.append((shown_number(len(shown.tables["Experts"])), "experts"))
    found.append((shown_number(_flagged(table)), "with flags"))
    return found


def _flagged(table: Table) -> int:
    return sum(bool(row.flags) for row in table.rows)


def _counts(images: pd.DataFrame) -> pd.Series:
    """Return how many objects there are in each image that has a number."""
    return images["count" if "count" in images else "objects"].dropna().astype(float)


def _total(images: pd.DataFrame) -> int:
    return int(_counts(images).sum())


def summary(shown: Shown, table: Table) -> list[str]:
    """Return sentences on all images together."""
    told = {"predictions": _of_predictions, "scores": _of_scores, "consensus": _of_consensus}
    own = told[shown.kind](shown) if shown.kind in told else ()
    return [*own, *_of_flags(table)]


def _of_predictions(shown: Shown) -> Iterator[str]:
    images, counts = shown.images, _counts(shown.images)
    failed = int((images["status"] != "ok").sum())
    done = several(len(images) - failed, "image")
    yield f"{several(_total(images), 'object')} found in {done}."
    if len(counts) > 1:
        each = counts.median(), counts.min(), counts.max()
        middle, low, high = (shown_number(float(one)) for one in each)
        yield f"An image has {middle} at the median, from {low} to {high}."
    area = next((name for name in UNITS if _known(shown.objects, name)), "")
    if area:
        each = shown.objects[area].quantile([0.25, 0.5, 0.75])
        quarter, half, most = (shown_number(float(one)) for one in each)
        yield f"Half of them measure {quarter} to {most} {UNITS[area]}, the median is {half}."
    if failed:
        yield f"{several(failed, 'image')} could not be used."
    none = int((counts == 0).sum())
    if none:
        yield f"Nothing was found in {several(none, 'image')}."


def _known(table: pd.DataFrame, column: str) -> bool:
    return column in table and bool(table[column].notna().any())


def _of_scores(shown: Shown) -> Iterator[str]:
    yield f"{several(len(shown.images), 'image')} with truth, compared with what was found."
    for row in shown.tables["Scores"].head(1).itertuples():
        name, hint = heading_of(row.metric)
        if not math.isnan(row.value):
            yield f"{name} is {row.value:.2f} on average{_interval(row, 2)}. {hint}."
    objects = shown.objects
    if {"truth", "found", "matched"} <= set(objects.columns) and len(objects):
        matched, true = objects["matched"].astype(bool), objects["truth"] > 0
        right, missed = int((matched & true).sum()), int((~matched & true).sum())
        false = int((~true).sum())
        yield (
            f"Of {several(right + missed, 'true object')} {shown_number(right)} were found and "
            f"{shown_number(missed)} missed; {shown_number(false)} of those found are none."
        )


def _interval(row: Any, digits: int) -> str:
    if math.isnan(row.low):
        return ""
    return f" (95 % interval {row.low:.{digits}f} to {row.high:.{digits}f})"


def _of_consensus(shown: Shown) -> Iterator[str]:
    experts = shown.tables["Experts"]
    done = int((shown.images["status"] == "ok").sum())
    yield f"{several(len(experts), 'expert')} drew {several(len(shown.images), 'image')}."
    yield f"{several(done, 'image')} with a consensus{_by(shown)}."
    dice = experts["dice"].dropna()
    if len(dice):
        ends = f"{dice.min():.2f} to {dice.max():.2f}"
        yield f"Experts agree with it with a Dice of {ends} (1: the same areas, 0: none in common)."


def _by(shown: Shown) -> str:
    how = METHODS.get(str(shown.run.get("settings", {}).get("method", "")), "")
    return f", by {how}" if how else ""


def _of_flags(table: Table) -> Iterator[str]:
    flagged = _flagged(table)
    if flagged:
        yield f"Something to look at in {several(flagged, 'image')}, see Flags."
    if table.by and len(table.rows) > 1:
        first = "those with flags, then those with the lowest" if flagged else "the lowest"
        yield f"Listed first is what is worth a look: {first} {heading_of(table.by)[0]}."


def legend(shown: Shown, layers: Iterable[str]) -> list[tuple[str, str]]:
    """Return what the colours of small pictures mean: by name of the colour."""
    have = set(layers)
    if "mistakes" in have:
        shown = [("truth", "truth")] if "truth" in have else []
        return [*shown, ("missed", "missed"), ("false", "found where nothing is")]
    outlined = "consensus" if shown.kind == "consensus" else "found"
    told = (("outlines", outlined), ("truth", "truth"))
    return [one for one in told if one[0] in have]


def settings(shown: Shown) -> list[tuple[str, str]]:
    """Return how the results were made, a line per subject."""
    run, model = shown.run, shown.run.get("model", {})
    found = [("results of", run["verb"])] if "verb" in run else []
    found += [("model", model["name"])] if model.get("name") else []
    found += [("SHA-256 of the model", model["sha256"])] if model.get("sha256") else []
    found += list(model.get("facts", {}).items())
    for what in ("images", "experts"):
        given = run.get(what, {}).get("given")
        if given:
            several = [given] if isinstance(given, str) else given
            found.append((what, ", ".join(map(str, several[:5]))))
    asked = run.get("settings", {}).items()
    found += [(name, str(value)) for name, value in asked if value not in (None, False, "auto")]
    made = str(run.get("version", __version__))
    by = f"cytoloom {__version__}, Python {platform.python_version()}"
    found += [("cytoloom", made), ("this page", f"{by}, Jinja2 {metadata.version('jinja2')}")]
    return [(name, str(spelled(text, TABLES))) for name, text in found]


def methods(shown: Shown) -> str:
    """Return a paragraph for the methods of a paper; nothing of images alone."""
    if shown.kind == "images":
        return ""
    of = _method_of_experts if shown.kind == "consensus" else _method_of_model
    return " ".join(of(shown))


def _method_of_model(shown: Shown) -> Iterator[str]:
    run = shown.run
    model = run.get("model", {})
    facts, version = model.get("facts", {}), run.get("version", __version__)
    named = f" with the model {model['name']}" if model.get("name") else ""
    short = f" (SHA-256 {model['sha256'][:12]})" if model.get("sha256") else ""
    images = several(len(shown.images), "image")
    yield f"{images} segmented by cytoloom {version}{named}{short}."
    if facts:
        yield f"The model is a U-Net (Ronneberger et al. 2015) for the task {facts.get('task')}, "
        yield f"trained on {facts.get('trained on')}."
    if "normalize" in model:
        scaled = model["normalize"]
        ends = scaled.get("range")
        if ends is None:
            ends = f"percentiles {scaled['low']:g} and {scaled['high']:g}"
        yield f"Intensities of each image and channel were scaled between {ends}."
    if shown.kind == "scores":
        yield from _compared(shown)
    else:
        yield f"{several(_total(shown.images), 'object')} found."
    if facts.get("versions"):
        yield f"Software: {facts['versions']}."


def _compared(shown: Shown) -> Iterator[str]:
    yield "The result was compared with annotations."
    if len(shown.objects):
        yield "Objects were matched one to one from an intersection over union of 0.5 on."
    for row in shown.tables["Scores"].head(2).itertuples():
        if not math.isnan(row.value):
            yield f"{row.metric} was {row.value:.3f}{_interval(row, 3)}, n = {int(row.n)}."


def _method_of_experts(shown: Shown) -> Iterator[str]:
    experts = several(len(shown.tables["Experts"]), "expert")
    yield f"{several(len(shown.images), 'image')} annotated by {experts}."
    version = shown.run.get("version", __version__)
    yield f"Their consensus was found by cytoloom {version}{_by(shown)}."


def citations(shown: Shown) -> list[str]:
    """Return what to cite."""
    software = SOFTWARE.format(shown.run.get("version", __version__))
    return [software, STAPLE if shown.kind == "consensus" else UNET]
