"""What people ask of a model, in words: its summary and the card in its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..inference import tiled as inference
from ..messages import changed, counted, say
from ..uncertainty.trust import counts_words
from .engines import SAME_F1, SAME_IOU, comparison
from .record import Record
from .trackers import tracker_card, tracker_summary, tracks

MEMBERS = "(independent networks, each trained without one fold of the images)"
"""What members are: of the ways measured in the how-to on ensembles, the one that this is."""


def summary_of(model: Record) -> dict[str, str]:
    """Return what people ask of a model, as words: for `summary`, the card and R."""
    info, training = model.info, model.info["training"]
    names = info["channels"]["names"]
    sizes = info["pixel_size_um"]
    diameter = info["diameter_px"]
    members = f", {model.members} members {MEMBERS}" if model.members > 1 else ""
    found = {
        "task": _words(model.task),
        "network": say("{}{}", _words(model.network), members),
        "channels": f"{model.channels}" + (f" ({', '.join(names)})" if names else ""),
        "dimensions": f"{model.ndim}-D",
        "pixel size": "unknown" if not sizes else " x ".join(f"{s:g}" for s in sizes) + " um",
        "object size": f"typically {diameter['typical']:.0f} px across" if diameter else "unknown",
        "trained on": f"{counted(training['images'], 'image')}, "
        f"{counted(training['iterations'], 'iteration')} of "
        f"{counted(training['batch_size'], 'patch')}, "
        f"{training['seconds'] / 60:.1f} minutes",
        "validation": f"{_scored(training, model.task.main_scores)} ({training['validation']})",
        "calibration": _calibrated(model),
        "counts": counts_words(model.trust),
        "computed by": f"{info['backend']}, {info['device']}, {info['precision']}, "
        f"seed {info['seed']}" + ("" if info["reproducible"] else ", not reproducible"),
        "predicts by": _engine(comparison(model)),
        "versions": ", ".join(f"{k} {v}" for k, v in info["libraries"].items()),
    }
    if tracks(model):
        own = tracker_summary(model)
        head = {name: own.pop(name) for name in ("task", "network", *model.parts)}
        found = {**head, **{name: text for name, text in found.items() if name not in head}, **own}
    if tracks(model) or model.task.learned_of:
        # of cells nothing is counted, and no probability is said
        del found["calibration"], found["counts"]
    if info["interrupted"]:
        found["interrupted"] = "yes: stopped by hand before the end"
    return found


def _scored(training: Mapping[str, Any], main: Sequence[str]) -> str:
    """Say what the validation images say: of objects or areas found, and of the maps."""
    shown = [k for k in main if k in (training["scores"] or {})]
    words = [f"{k} {training['scores'][k]:.3f}" for k in shown]
    if training["score"] is not None:
        at = "" if training.get("members") else f" at iteration {training['best_iteration']}"
        words.append(f"maps {training['score']:.3f}{at}")
    return ", ".join(words) or "none"


def _calibrated(model: Record) -> str:
    """Say how far probabilities are off: expected calibration errors, before and after."""
    from ..uncertainty.reliability import calibration_error

    each = {key: calibration_error(t) for key, t in model.reliability.groupby(["of", "when"])}
    words = [
        f"{of} off by {each[of, 'after']:.3f} ({each[of, 'before']:.3f} before)"
        for of in dict.fromkeys(model.reliability["of"])
    ]
    return ", ".join(words) or "unknown"


def _engine(fast: Mapping[str, Any] | None) -> str:
    """Say what may predict, and what it was held against."""
    if fast is None:
        return "Keras"
    if fast["f1"] < SAME_F1:
        why = fast.get("problem") or f"F1 {fast['f1']:.3f} at IoU {SAME_IOU}"
        return f"Keras; {fast['engine']} did not find the same objects ({why})"
    return (
        f"OpenVINO where it is installed, else Keras; {fast['engine']} found the same objects on "
        f"{counted(fast['images'], 'validation image')} (F1 {fast['f1']:.4f} at IoU {SAME_IOU})"
    )


def _words(component: Any) -> str:
    """Show a component by what differs from its defaults."""
    return say("{}", changed(component))


def card(model: Record, name: str) -> str:
    """Return the model card: Markdown for people who find the folder."""
    rows = "\n".join(f"| {key} | {value} |" for key, value in summary_of(model).items())
    if tracks(model):
        return tracker_card(model, name, rows)
    scores: Mapping[str, float] = model.info["training"].get("scores") or {}
    measured = "\n".join(f"| {key} | {value:.3f} |" for key, value in scores.items())
    return f"""# {name}

A cytoloom model.

| | |
|---|---|
{rows}

"maps" above compares the network's maps with what they should be (1: equal; soft
Dice), and chose the weights. Scores of what is made of these maps, on the same validation images,
which also chose the thresholds (measure on images of your own with `evaluate`):

| metric | value |
|---|---|
{measured}

Images are scaled per image and channel between {model.normalize.words}.
{_tiles(model)}

Python: `cytoloom.predict(cytoloom.load("{name}"), "images/", out="results/")`

R: `predict(cl_load("{name}"), "images/", out = "results/")`
"""


def _tiles(model: Record) -> str:
    """Say what tiles do to the result."""
    limit, seen = inference.HALO_LIMIT_PX, model.network.halo_px
    if seen is None:
        return "Images are never cut into tiles."
    if max(seen) <= limit:
        halo = " x ".join(map(str, seen))
        return f"Tiles are read with {halo} px around them, so that they make no difference."
    measured = model.info["tile_difference"]
    most = "was not measured" if measured is None else f"was {measured:.1g} at most"
    return (
        f"The network sees {max(seen)} px far; tiles of large images are read with {limit} px "
        f"around them\nand blended. On a validation image the difference in maps of 0 to 1 {most}."
    )
