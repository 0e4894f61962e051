"""How far to trust what was found, a row for each image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..events import Event, note
from ..messages import counted, say
from ..storage.tables import with_counts
from ..uncertainty.evidence import Evidence
from ..uncertainty.judged import AREA
from ..uncertainty.trust import Trust, counts_words

if TYPE_CHECKING:
    from ..tasks.task import Task

COUNTS = ("count", "count_low", "count_high")
UNLIKENESS, FLAGS = "unlikeness", "flags"
UNLIKE, FAINT = "unlike", "faint"
"""Flags: of an image that looks unlike those of the training; of one whose contrast was held
down."""
MEAN_AREA = "mean_area_px"
UNCERTAINTY = "uncertainty"
"""Of images of which it was asked how unsure each pixel is: the mean over those found."""
USUAL, CHANCE, FAR = 0.05, 0.01, 2.5
"""Of images like those of the training one in twenty is flagged, which alone is not worth a word:
more of them than by such a chance are, and those so far away."""


def columns_of(task: Task) -> tuple[str, ...]:
    """Return the columns of the table of what a task finds."""
    values = [MEAN_AREA, *(f"predicted_{name}" for name in task.main_scores)]
    each = [f"{name}{end}" for name in values for end in ("", "_low", "_high")]
    return ("image", *COUNTS, *each, UNLIKENESS, FLAGS)


def trusted(
    trust: Trust | None, evidence: Evidence | None, objects: pd.DataFrame, faint: bool
) -> dict[str, Any]:
    """Return what is to be said of one image, by column; JSON.

    Parameters
    ----------
    trust : Trust or None
        Of the model, where it has one.
    evidence : Evidence or None
        Of the image.
    objects : DataFrame
        What was found in it.
    faint : bool
        Whether its contrast was held down.
    """
    told: dict[str, Any] = {"count": len(objects)}
    flags = [FAINT] if faint else []
    if trust is not None and evidence is not None:
        ends = trust.interval(evidence)
        told |= {} if ends is None else {"count_low": ends[0], "count_high": ends[1]}
        for metric, said in trust.forecasts(evidence).items():
            told |= _forecast(metric, said, objects)
        told[UNLIKENESS] = round(trust.look.unlikeness(evidence.look), 3)
        flags += [UNLIKE] if told[UNLIKENESS] > 1 else []
    return {**told, FLAGS: " ".join(flags)}


def _forecast(
    metric: str, said: tuple[float, float, float], objects: pd.DataFrame
) -> dict[str, float | None]:
    """Return a forecast by column; of the mean area in pixels, of which there is none of none."""
    name, values = f"predicted_{metric}", list(said)
    if metric == AREA:
        name = MEAN_AREA
        values = [v * float(objects["area_px"].mean()) for v in values] if len(objects) else []
    known = [round(v, 3) if np.isfinite(v) else None for v in values]
    return dict(zip((name, f"{name}_low", f"{name}_high"), known, strict=False))


def summary_table(task: Task, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Put rows of images together.

    Parameters
    ----------
    task : Task
        What was looked for.
    rows : sequence of dict
        With ``"image"`` and what `trusted` gave; of an image that failed alone its name.
    """
    columns = list(columns_of(task))
    if any(UNCERTAINTY in row for row in rows):
        columns.insert(columns.index(UNLIKENESS), UNCERTAINTY)
    table = pd.DataFrame([dict(row) for row in rows], columns=columns)
    numbers = [name for name in table if name not in ("image", *COUNTS, FLAGS)]
    table[numbers] = table[numbers].astype(float)
    table[FLAGS] = table[FLAGS].astype(object).where(table[FLAGS] != "", None)
    return with_counts(table, *COUNTS)


def uncounted(trust: Trust | None) -> Iterator[Event]:
    """Say why counts have no interval, where they have none."""
    if trust is None or trust.reach is None:
        yield note(f"Counts come {counts_words(trust)}.")


def unlike_words(table: pd.DataFrame) -> Iterator[str]:
    """Name images that look unlike those of the training: far from them, or more than by chance."""
    from scipy.stats import binom

    known = table[UNLIKENESS].dropna()
    beyond = int((known > 1).sum())
    by_chance = binom.sf(beyond - 1, len(known), USUAL) > CHANCE
    unlike = [str(n) for n in table["image"][table[UNLIKENESS] > (FAR if by_chance else 1)]]
    if not unlike:
        return
    many, look = counted(len(known), "image"), "looks" if len(unlike) == 1 else "look"
    names = ", ".join(unlike[:3]) + (", ..." if len(unlike) > 3 else "")
    yield say(
        "{} of {} {} unlike those of the training ({}): see what was found there.",
        len(unlike), many, look, names,
    )  # fmt: skip
