"""How well cells were followed: found tracks against true ones, per recording, with intervals."""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import invalid
from ..messages import counted
from ..metrics.points import matched
from ..storage.results import RUNS, claimed, put_in_place, refuse_results, staged, write_run
from ..uncertainty.intervals import mean_interval
from .agreement import COUNTS, RATES, Followed, Side, measures
from .challenge import MASKED, Frames, challenge
from .graph import Floats, Ints
from .matching import overlapping, usual_distance

SUMMARY, PER_RECORDING = "scores.csv", "scores_per_recording.csv"
RUN = RUNS["evaluate"]


@dataclass(frozen=True, eq=False)
class TrackScores:
    """How well cells were followed.

    Attributes
    ----------
    summary : DataFrame
        metric, value (mean over recordings), low, high (95 % interval of the mean over all such
        recordings; NaN of a single one), n (recordings in which there is something to measure).
    per_recording : DataFrame
        recording, then one column per metric.
    run : dict
        Settings: within which distance positions were paired, and in which unit.
    """

    summary: pd.DataFrame
    per_recording: pd.DataFrame
    run: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, metric: str) -> float:
        """Return the value of one metric."""
        rows = self.summary.loc[self.summary["metric"] == metric, "value"]
        if not len(rows):
            raise KeyError(metric)
        return float(rows.iloc[0])

    def __str__(self) -> str:
        shown = self.summary[~self.summary["metric"].isin(COUNTS)]
        table = shown.to_string(index=False, float_format=lambda v: f"{v:.4g}", na_rep="")
        links, found = self._sum("links"), self._sum("divisions")
        said = (
            f"{counted(links, 'true link')}: {self._sum('links_missed')} missed, "
            f"{self._sum('links_wrong')} found that are wrong; "
            f"{counted(found, 'true division')}: {self._sum('divisions_missed')} missed, "
            f"{self._sum('divisions_false')} found that are none"
        )
        return f"{table}\n{said}"

    def _sum(self, name: str) -> int:
        return int(self.per_recording[name].sum())

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write scores.csv (summary) and scores_per_recording.csv into a folder.

        Parameters
        ----------
        path : path
            Folder; made if missing.
        overwrite : bool, default False
            Replace scores that are there.

        Raises
        ------
        InvalidError
            Tables that are there, and are not to be replaced.
        """
        with claimed(path, "evaluate", "path") as (folder, _):
            refuse_results(folder, (RUN, PER_RECORDING, SUMMARY), overwrite, "path")
            with staged(folder) as stage:
                write_run(self.run, stage / RUN)
                tables = {PER_RECORDING: self.per_recording, SUMMARY: self.summary}
                put_in_place(stage, folder, tables, [RUN])
        return folder


def evaluated(
    tracks: Followed,
    truth: Followed | str | os.PathLike[str],
    *,
    max_distance_um: float | None = None,
    labels: Any = None,
    truth_labels: Any = None,
) -> TrackScores:
    """Score tracks; see `Tracks.evaluated`."""
    true = _true(truth)
    if (labels is None) != (truth_labels is None):
        name = "labels" if labels is None else "truth_labels"
        raise invalid(name, expected="label images of both, or of none", received=None)
    if max_distance_um is not None and not max_distance_um > 0:
        raise invalid("max_distance_um", expected="above 0", received=max_distance_um)
    scale, unit = _scale(tracks, true)
    pairs = _recordings(tracks, true)
    images = {name: _of(labels, other, "labels", len(pairs)) for name, other in pairs}
    masks = {name: _of(truth_labels, name, "truth_labels", len(pairs)) for name, _ in pairs}
    rows, within = [], {}
    for name, other in pairs:
        said, within[name] = _scored(
            (true, name, masks[name]), (tracks, other, images[name]), scale, max_distance_um
        )
        rows.append({"recording": name, **said})
    run: dict[str, Any] = {
        "verb": "evaluate",
        "matched_by": "positions" if labels is None else "label images",
    }
    if labels is None:
        run |= {f"max_distance_{unit}": within}
    table = pd.DataFrame(rows)
    return TrackScores(_summary(table), table, run)


def _true(truth: Any) -> Followed:
    if isinstance(truth, (str, os.PathLike)):
        # by name: what reads tracks makes `Tracks`, whose method this is
        truth = importlib.import_module(".reading", __package__).read_tracks(truth)
    if not hasattr(truth, "positions"):
        raise invalid("truth", expected="Tracks, or a path to them", received=truth)
    tracks: Followed = truth
    return tracks


def _scored(
    true: tuple[Followed, str, Any],
    found: tuple[Followed, str, Any],
    scale: Floats | None,
    within: float | None,
) -> tuple[dict[str, float], float]:
    one = Side.of(true[0], true[1], scale)
    if not len(one.frame):
        raise invalid("truth", expected="true positions", received=f"none in {true[1]}")
    span = int(one.frame[0]), int(one.frame[-1])
    other = Side.of(found[0], found[1], scale, span)
    if true[2] is None:
        within = usual_distance(one.frame, one.places) if within is None else within
        return measures(one, other, _near(one, other, within)), within
    frames = Frames(true[2], "truth_labels"), Frames(found[2], "labels")
    said = measures(one, other, _covering(one, other, *frames))
    if not len(other.frame):
        return said | {"SEG": 0.0}, math.nan
    return said | challenge(one, other, *frames, span), math.nan


def _near(truth: Side, found: Side, within: float) -> Ints:
    to_truth = np.full(len(found.frame), -1)
    for t in np.unique(found.frame):
        a, b = np.flatnonzero(truth.frame == t), np.flatnonzero(found.frame == t)
        i, j = matched(truth.places[a], found.places[b], within)
        to_truth[b[j]] = a[i]
    return to_truth


def _covering(truth: Side, found: Side, true: Frames, labels: Frames) -> Ints:
    to_truth = np.full(len(found.frame), -1)
    for t in np.unique(found.frame).tolist():
        here, there = true.checked(truth, t), labels.checked(found, t)
        if here.shape != there.shape:
            raise invalid("labels", expected=f"images of {here.shape}, as the truth",
                          received=f"{there.shape} in frame {t}")  # fmt: skip
        a, b = np.flatnonzero(truth.frame == t), np.flatnonzero(found.frame == t)
        own = [np.zeros(int(one.max(initial=0)) + 1, np.int64) for one in (here, there)]
        own[0][truth.object[a]] = np.arange(1, len(a) + 1)
        own[1][found.object[b]] = np.arange(1, len(b) + 1)
        i, j = overlapping(own[0][here], own[1][there])
        to_truth[b[j - 1]] = a[i - 1]
    return to_truth


def _scale(tracks: Followed, truth: Followed) -> tuple[Floats | None, str]:
    if tracks.axes != truth.axes:
        raise invalid("truth", expected=f"positions in {', '.join(tracks.axes)}, as the tracks",
                      received=", ".join(truth.axes))  # fmt: skip
    known = [one.spacing_um for one in (truth, tracks) if one.spacing_um is not None]
    if not known:
        return None, "px"
    if len(known) > 1 and not np.allclose(known[0], known[1], rtol=0.01):
        raise invalid("truth", expected=f"pixels of {known[1]} um, as the tracks",
                      received=f"{known[0]} um")  # fmt: skip
    return np.array(known[0]), "um"


def _recordings(tracks: Followed, truth: Followed) -> list[tuple[str, str]]:
    """Return which recordings of the truth and of the tracks belong together."""
    here = sorted(set(truth.positions["recording"]))
    there = sorted(set(tracks.positions["recording"]))
    if len(here) == 1 and len(there) <= 1:
        return [(here[0], there[0] if there else here[0])]
    lost = [name for name in here if name not in there]
    if lost or not here:
        raise invalid("truth", expected=f"recordings of the tracks: {', '.join(there)}",
                      received=", ".join(lost) or "none")  # fmt: skip
    return [(name, name) for name in here]


def _of(images: Any, recording: str, name: str, count: int) -> Any:
    if isinstance(images, Mapping):
        if recording not in images:
            raise invalid(name, expected=f"label images of {recording}",
                          received=", ".join(map(str, images)))  # fmt: skip
        return images[recording]
    if images is not None and count > 1:
        raise invalid(name, expected="a dict of label images by recording", received=images)
    return images


def _summary(table: pd.DataFrame) -> pd.DataFrame:
    names = [name for name in table if name != "recording"]
    ordered = sorted(names, key=lambda n: (n in COUNTS, n not in MASKED))
    rows = []
    for name in ordered:
        bounds = (0.0, math.inf) if name in (*RATES, *COUNTS) else (0.0, 1.0)
        mean = mean_interval(table[name].to_numpy(float), None, bounds)
        rows.append((name, mean.value, mean.low, mean.high, mean.n))
    return pd.DataFrame(rows, columns=["metric", "value", "low", "high", "n"])
