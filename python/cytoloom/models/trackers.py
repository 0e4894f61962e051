"""What people ask of a model that follows cells, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..messages import changed, counted, say
from .record import Record

KINDS = {
    "centres": "finds cells",
    "link": "says which cells are the same",
    "division": "says which cells are about to divide",
}
"""What networks of these names are for."""


def tracks(model: Record) -> bool:
    """Whether a model was made by `train_tracker`."""
    return "tracks" in (model.info.get("training") or {})


def tracker_summary(model: Record) -> dict[str, str]:
    """Return what is to be said of a model that follows cells: of each network, and of all.

    Scores are those of frames that were held out.
    """
    training = model.info["training"]
    learned = training["tracks"]["recordings"]
    total = {key: sum(one[key] for one in learned) for key in ("positions", "links", "divisions")}
    there = ", ".join(counted(number, key[:-1]) for key, number in total.items())
    words = {name: say("{}: {}, {}", KINDS.get(name, "network"), _words(part.task),
                       _words(part.network)) for name, part in model.parts.items()}  # fmt: skip
    iterations = ", ".join(
        f"{training[name]['iterations']} of {name}" for name in model.parts if name in training
    )
    return {
        "task": "cells over time: " + ", ".join(model.parts),
        "network": counted(len(model.parts), "network"),
        **words,
        "trained on": f"{counted(len(learned), 'recording')} ({there}), "
        f"{counted(training['images'], 'frame')}, iterations {iterations}, "
        f"{training['seconds'] / 60:.1f} minutes",
        "validation": f"{_scored(training['scores'] or {})} ({training['validation']})",
    }


def _scored(scores: Mapping[str, float]) -> str:
    """Say how well frames held out were tracked, or what is known of these."""
    if "links_wrong_per_1000" not in scores:
        known = [f"{name} {scores[name]:.3f}" for name in ("f1", "precision", "recall")
                 if name in scores]  # fmt: skip
        return ", ".join(known) or "none"
    words = [f"positions f1 {scores['positions_f1']:.3f}",
             f"of 1000 links {scores['links_wrong_per_1000']:.3g} wrong",
             f"{scores['links_missed_per_1000']:.3g} missed",
             f"{scores['divisions_right']:.0f} of {counted(int(scores['divisions']), 'division')} "
             "right"]  # fmt: skip
    return ", ".join(words)


def _words(component: Any) -> str:
    """Show a component by what differs from its defaults."""
    return say("{}", changed(component))


def tracker_card(model: Record, name: str, rows: str) -> str:
    """Return the model card: Markdown for people who find the folder.

    Parameters
    ----------
    model : Record
        That was made by `train_tracker`.
    name : str
        Of the folder.
    rows : str
        The table of its summary, Markdown.
    """
    scores = model.info["training"]["scores"] or {}
    measured = "\n".join(f"| {key} | {value:.3f} |" for key, value in scores.items())
    return f"""# {name}

A cytoloom model that follows cells through movies.

| | |
|---|---|
{rows}

Scores of frames that were held out, by which the threshold of detection and what makes
probabilities honest were fitted, too:

| metric | value |
|---|---|
{measured}

Images are scaled per frame and channel between {model.normalize.words}.

Python: `cytoloom.track(cytoloom.load("{name}"), "movie/", out="tracks/")`

R: `cl_track(cl_load("{name}"), "movie/", out = "tracks/")`
"""
