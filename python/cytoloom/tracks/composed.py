"""Read, link and write: what the verb `track` composes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..datasets.given import is_file
from ..datasets.results_folder import results_folder
from ..errors import invalid
from ..events import Event, Work, note, warn
from ..messages import counted
from ..models.inputs import as_model
from ..storage.atomic import meant
from ..tasks.objects import Objects
from ..version import __version__
from .corrected import of_recording, read_corrections
from .found import FILES, Tracks
from .geometry import at_border, described
from .linked import SOLVERS, Linked, linked
from .movies import Pixels, Recording, recordings_of
from .points import Points
from .warned import warnings_of

NONE = ("none", "None", "")


def tracked(
    model: Any,
    movie: Any,
    max_step_um: float | None,
    spacing_um: float | Sequence[float] | None,
    minutes_per_frame: float | None,
    solver: str,
    drift: bool,
    divisions: bool,
    gaps: bool,
    limits: Any,
    time_limit_s: float | None,
    corrections: Any,
    out: str | os.PathLike[str] | None,
    overwrite: bool,
) -> Work[Tracks]:
    """Track a movie; the parameters are those of the verb."""
    for name, value in (("max_step_um", max_step_um), ("minutes_per_frame", minutes_per_frame),
                        ("time_limit_s", time_limit_s)):  # fmt: skip
        if value is not None and not (np.isfinite(value) and value > 0):
            raise invalid(name, expected="a number above 0", received=value)
    if solver not in SOLVERS:
        raise invalid("solver", expected='"optimal", "lap" or "nearest"', received=solver)
    asked = Asked(max_step_um, solver, drift, divisions, gaps, time_limit_s,
                  read_corrections(corrections))  # fmt: skip
    write = lambda folder, found: found.write_to(folder)  # noqa: E731
    with results_folder(out, overwrite, movie, "track", FILES, write) as written:
        recordings = yield from recordings_of(movie, spacing_um, _pixels(model))
        parts = []
        for recording in recordings:
            part = yield from _linked(recording, asked, len(recordings) > 1)
            parts.append(part)
        run = {"verb": "track", "version": __version__, "settings": {
            "movie": str(movie) if is_file(movie) else None,
            "model": str(model) if is_file(model) else None,
            "max_step_um": max_step_um, "solver": solver, "drift": drift, "divisions": divisions,
            "gaps": gaps, "limits": dict(limits or {}),
            "corrections": 0 if asked.corrections is None else len(asked.corrections),
        }, "recordings": {one.name: part.said for one, part in zip(recordings, parts, strict=True)},
        }  # fmt: skip
        found = Tracks.of(
            pd.concat([part.positions for part in parts], ignore_index=True),
            pd.concat([part.links for part in parts], ignore_index=True),
            kept=np.concatenate([part.kept for part in parts]),
            spacing_um=recordings[0].spacing_um,
            minutes_per_frame=minutes_per_frame,
            run=run,
        )
        found = replace(found, warnings=warnings_of(found, limits),
                        out=None if out is None else meant(out))  # fmt: skip
        yield from written(found)
    return found


def _pixels(model: Any) -> Pixels:
    """Return how frames become labels."""
    if model is None or (isinstance(model, str) and model in NONE):
        return Pixels()
    model = as_model(model)
    if not isinstance(model.task, Objects):
        raise invalid("model", expected="a model that outlines cells, or none for label images",
                      received=type(model.task).__name__)  # fmt: skip
    return Pixels(model.predict)


@dataclass(frozen=True, eq=False)
class Asked:
    """How recordings are to be linked."""

    reach: float | None
    solver: str
    drift: bool
    divisions: bool
    gaps: bool
    time_limit_s: float | None
    corrections: pd.DataFrame | None


@dataclass(frozen=True, eq=False)
class Part:
    """One recording, linked."""

    positions: pd.DataFrame
    links: pd.DataFrame
    kept: np.ndarray
    said: dict[str, Any]


def _linked(recording: Recording, asked: Asked, named: bool) -> Work[Part]:
    name, table = recording.name, recording.table
    table = table.sort_values(["frame", "object"], kind="stable").reset_index(drop=True)
    if "probability" not in table:
        table["probability"] = np.nan
    axes = [axis for axis in "zyx" if f"{axis}_px" in table]
    unit = "px" if recording.spacing_um is None else "um"
    spacing = recording.spacing_um or (1.0,) * len(axes)
    points = Points.of(table, spacing, recording.shape)
    corrections = of_recording(asked.corrections, name, table)
    work = linked(points, asked.reach, asked.solver, asked.drift, asked.divisions, asked.gaps,
                  asked.time_limit_s, said=corrections)  # fmt: skip
    found: Linked = yield from _told(work, name if named else "")
    yield from _worth_knowing(points, found, name if named else "", unit)
    frame, number = table["frame"].to_numpy(), table["object"].to_numpy()
    links = pd.DataFrame({
        "recording": name, "frame_from": frame[found.source], "object_from": number[found.source],
        "frame_to": frame[found.target], "object_to": number[found.target],
        "probability": found.probability, "p_wrong": found.wrong, "chosen": found.chosen,
    })  # fmt: skip
    near = np.zeros(len(table), bool) if found.motion is None else (
        at_border(points, found.motion) > 0)  # fmt: skip
    said: dict[str, Any] = {"unit": unit, "gap": found.solution.gap}
    if found.motion is not None:
        said |= {key: round(float(value), 6) for key, value in vars(found.motion).items()}
    if found.moved is not None:
        said["drift"] = np.round(found.moved, 3).tolist()
    return Part(table.assign(recording=name, leaving=near), links, found.kept, said)


def _told(work: Work[Linked], name: str) -> Work[Linked]:
    """Pass events on, with the name of the recording where there are several."""
    while True:
        try:
            event = next(work)
        except StopIteration as end:
            return end.value
        yield replace(event, message=f"{name}: {event.message}") if name else event


def _worth_knowing(points: Points, found: Linked, name: str, unit: str) -> list[Event]:
    start = f"{name}: " if name else ""
    events = []
    if found.moved is not None:
        steps = np.linalg.norm(np.diff(found.moved, axis=0), axis=1)
        # a jump is more than cells move
        jumps = np.flatnonzero(steps > 0.5 * (found.motion.reach if found.motion else np.inf)) + 1
        if len(jumps):
            shown = ", ".join(map(str, jumps[:5].tolist()))
            more = ", ..." if len(jumps) > 5 else ""
            events.append(warn(
                f"{start}{counted(len(jumps), 'frame')} moved as a whole, by up to "
                f"{steps.max():.3g} {unit} (frame {shown}{more}); that was subtracted."
            ))  # fmt: skip
    if found.motion is not None:
        events.append(note(f"{start}{described(found.motion, unit)}."))
        near = points.spacing()
        if np.isfinite(near) and found.motion.step > near / 2:
            events.append(warn(
                f"{start}cells move {found.motion.step:.3g} {unit} along each axis and lie "
                f"{near:.3g} {unit} apart: links are uncertain. Take images more often, where "
                "that can be."
            ))  # fmt: skip
    if found.solution.gap > 0:
        events.append(warn(
            f"{start}the time limit was reached: a solution may cost {found.solution.gap:.3g} less."
        ))  # fmt: skip
    return events
