"""Read, link and write: what the verb `track` composes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..datasets.given import is_file
from ..datasets.results_folder import results_folder
from ..errors import invalid
from ..events import Event, Work, note, warn
from ..messages import counted
from ..models.inputs import as_model
from ..models.model import Model
from ..storage.atomic import meant
from ..storage.spreadsheets import read_spreadsheet
from ..tasks.centres import Centres
from ..tasks.link import Link
from ..tasks.objects import Objects
from ..version import __version__
from ..volumes.clients import client_of
from ..volumes.work import Hands, check_workers
from .corrected import of_recording, read_corrections
from .detected import CENTRES, LINK, as_detector, detected
from .found import FILES, Tracks
from .frames import frames_of
from .geometry import at_border, described
from .kept import Kept, forget, place
from .linked import SOLVERS, Course, Linked, moving, result_of
from .movies import Pixels, Recording, recordings_of
from .points import Points
from .steps import Given, Looks, checked_links, paired, ready
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
    positions: Any = None,
    channels: Any = None,
    workers: int = 1,
    client: Any = None,
    given: Given | None = None,
) -> Work[Tracks]:
    """Track a movie; the parameters are those of the verb, `given` those of `solve`."""
    check_workers(workers, client)
    for name, value in (("max_step_um", max_step_um), ("minutes_per_frame", minutes_per_frame),
                        ("time_limit_s", time_limit_s)):  # fmt: skip
        if value is not None and not (np.isfinite(value) and value > 0):
            raise invalid(name, expected="a number above 0", received=value)
    if solver not in SOLVERS:
        raise invalid("solver", expected='"optimal", "lap" or "nearest"', received=solver)
    asked = Asked(max_step_um, solver, drift, divisions, gaps, time_limit_s,
                  read_corrections(corrections), given)  # fmt: skip
    network = _model(model)
    write = lambda folder, found: found.write_to(folder)  # noqa: E731
    with (
        results_folder(out, overwrite, movie, "track", FILES, write) as written,
        client_of(client) as reached,
        Hands(workers, reached) as hands,
    ):
        if network is not None and _tracks(network):
            frames = frames_of(movie, channels=channels, spacing_um=spacing_um)
            looks = [Looks(network, one, Kept.of(place(out), network, one, k), hands)
                     for k, one in enumerate(frames)]  # fmt: skip
            recordings = yield from _detected(network, looks, positions)
        else:
            if positions is not None or channels is not None:
                name = "channels" if positions is None else "positions"
                raise invalid(name, expected="none without a model of train_tracker",
                              received=name)  # fmt: skip
            recordings = yield from recordings_of(movie, spacing_um, _pixels(network))
            looks = [None] * len(recordings)
            if given is not None and given.size_px is not None:
                recordings = [replace(one, shape=given.size_px) for one in recordings]
        parts = []
        for recording, look in zip(recordings, looks, strict=True):
            part = yield from _linked(recording, asked, len(recordings) > 1, look)
            parts.append(part)
        run = {"verb": "track", "version": __version__, "settings": {
            "movie": str(movie) if is_file(movie) else None,
            "model": None if network is None or network.path is None else str(network.path),
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
        forget(place(out))
    return found


def solution(
    positions: Any, links: Any, spacing_um: Any, minutes_per_frame: float | None, solver: str,
    drifts: bool, temperature: float, size_px: Any, limits: Any, time_limit_s: float | None,
    corrections: Any, out: str | os.PathLike[str] | None, overwrite: bool,
) -> Work[Tracks]:  # fmt: skip
    """Solve by probabilities that are given; the parameters are those of the verb `solve`."""
    if not (np.isfinite(temperature) and temperature > 0):
        raise invalid("temperature", expected="a number above 0", received=temperature)
    if is_file(links) and not Path(links).expanduser().is_file():
        raise invalid("links", expected="a table of candidate links",
                      received=f"{links}, which is no file")  # fmt: skip
    table = links if hasattr(links, "columns") else (
        read_spreadsheet(Path(links).expanduser()) if isinstance(links, (str, os.PathLike))
        else pd.DataFrame(links))  # fmt: skip
    found = yield from tracked(
        None, positions, None, spacing_um, minutes_per_frame, solver, drifts, True, True, limits,
        time_limit_s, corrections, out, overwrite,
        given=Given(checked_links(table), temperature, _size(size_px)),
    )  # fmt: skip
    return found


def _size(size_px: Any) -> tuple[int, ...] | None:
    if size_px is None:
        return None
    size = tuple(size_px) if np.ndim(size_px) else (size_px,)
    if len(size) not in (2, 3) or any(n != int(n) or n < 1 for n in size):
        raise invalid("size_px", expected="the size of images, (y, x) or (z, y, x)",
                      received=size_px)  # fmt: skip
    return tuple(map(int, size))


def _model(model: Any) -> Model | None:
    none = model is None or (isinstance(model, str) and model in NONE)
    return None if none else as_model(model)


def _tracks(model: Model) -> bool:
    """Whether it is a model that finds, or compares, cells of movies."""
    return bool({CENTRES, LINK} & set(model.parts)) or isinstance(model.task, Centres)


def _pixels(model: Model | None) -> Pixels:
    """Return how frames become labels."""
    if model is None:
        return Pixels()
    if not isinstance(model.task, Objects):
        raise invalid("model", expected="a model that outlines cells, one of train_tracker, or "
                      "none for label images",
                      received=type(model.task).__name__)  # fmt: skip
    return Pixels(model.predict)


def _detected(model: Model, looks: Sequence[Looks], positions: Any) -> Work[list[Recording]]:
    """Return the detections of each recording: those that are given, or that a network finds."""
    if positions is not None:
        given = yield from recordings_of(positions, looks[0].frames.spacing_um)
        return [one for one, _ in paired(given, [look.frames for look in looks])]
    detector = as_detector(model)
    found = []
    for look in looks:
        table = yield from detected(detector, look.frames, look.kept, look.hands)
        if table["frame"].nunique() < 2:
            received = f"{look.frames.name}: {counted(len(table), 'cell')}"
            raise invalid("movie", expected="cells in 2 frames or more", received=received)
        found.append(Recording(look.frames.name, table, look.frames.spacing_um,
                               look.frames.shape))  # fmt: skip
    return found


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
    given: Given | None = None


@dataclass(frozen=True, eq=False)
class Part:
    """One recording, linked."""

    positions: pd.DataFrame
    links: pd.DataFrame
    kept: np.ndarray
    said: dict[str, Any]


def _linked(
    recording: Recording, asked: Asked, named: bool, looks: Looks | None = None
) -> Work[Part]:
    name = recording.name
    unit = "px" if recording.spacing_um is None else "um"
    table, points = ready(recording)
    corrections = of_recording(asked.corrections, name, table)
    work = moving(points, asked.reach, asked.drift, asked.divisions, asked.gaps,
                  asked.time_limit_s, said=corrections)  # fmt: skip
    course: Course = yield from _told(work, name if named else "")
    found, divides = yield from _solved(name, table, course, asked, corrections, looks)
    if divides is not None:
        table["division_probability"] = divides
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


def _solved(
    name: str, table: pd.DataFrame, course: Course, asked: Asked, corrections: Any,
    looks: Looks | None,
) -> Work[tuple[Linked, np.ndarray | None]]:  # fmt: skip
    """Solve a recording: by what was given of it, by what networks say, or by movement alone."""
    if asked.given is not None:
        return asked.given.solved(name, table, course, asked.solver, asked.time_limit_s,
                                  corrections)  # fmt: skip
    if looks is not None and LINK in looks.model.parts:
        scored = yield from looks.scored(table, course)
        task = looks.model.parts[LINK].task
        assert isinstance(task, Link)
        return scored.solved(task.temperature, asked.solver, asked.time_limit_s,
                             corrections), scored.divides  # fmt: skip
    yield Event("progress", "how sure links are", 1, 1)
    return result_of(course.graph, course.solution, asked.solver, course.motion,
                     course.moved), None  # fmt: skip


def _told(work: Work[Course], name: str) -> Work[Course]:
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
