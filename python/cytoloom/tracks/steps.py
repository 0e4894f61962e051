"""Each step alone: detections, candidates with probabilities, the solution."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from ..errors import invalid
from ..events import Event, Work, note
from ..messages import say
from ..models.inputs import as_model
from ..models.model import Model
from ..storage.atomic import new_file, write_whole
from ..storage.tables import write_table
from ..tasks.platt import log_odds
from ..volumes.clients import client_of
from ..volumes.work import Hands, check_workers
from .corrected import corrected
from .detected import LINK, alone, as_detector, detected, fitting
from .frames import Frames, frames_of
from .geometry import at_border
from .graph import Floats, Graph, Ints
from .kept import Kept
from .linked import Course, Linked, moving, odds, result_of
from .margins import edges
from .movies import Recording, recordings_of
from .points import Points
from .program import solved
from .scored import scored
from .seen import looked_at
from .tracklets import rows_at
from .weighed import evidence_of, judged, weighed

FROM_TO = ("frame_from", "object_from", "frame_to", "object_to")
MOST_GAP = 2


@contextmanager
def table_at(out: str | os.PathLike[str] | None, overwrite: bool) -> Iterator[Callable[..., Any]]:
    """Have a file for a table, found usable before work starts."""
    path = None if out is None else Path(out).expanduser()
    if path is not None and path.suffix.lower() != ".csv":
        raise invalid("out", expected="a name that ends in .csv", received=str(path))
    if path is not None and os.path.lexists(path) and not overwrite:
        raise new_file(path)

    def written(table: pd.DataFrame) -> Iterable[Event]:
        """Write it."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, lambda name: write_table(table, Path(name)), overwrite)
            yield note(f"Table written to {path}.")

    yield written


def detections(
    model: Any, movie: Any, channels: Any, spacing_um: Any,
    out: str | os.PathLike[str] | None, overwrite: bool, workers: int, client: Any,
) -> Work[pd.DataFrame]:  # fmt: skip
    """Find the cells of movies; the parameters are those of the verb `detect`."""
    check_workers(workers, client)
    detector = as_detector(as_model(model))
    frames = frames_of(movie, channels=channels, spacing_um=spacing_um)
    with (
        table_at(out, overwrite) as written,
        client_of(client) as reached,
        Hands(workers, reached) as hands,
    ):
        parts = []
        for one in frames:
            table = yield from detected(detector, one, hands=hands)
            table.insert(0, "recording", one.name)
            parts.append(table)
        whole = pd.concat(parts, ignore_index=True)
        yield from written(whole)
    return whole


def candidates_of(
    model: Any, movie: Any, positions: Any, reach: float | None, channels: Any, spacing_um: Any,
    drifts: bool, divisions: bool, gaps: bool, out: str | os.PathLike[str] | None,
    overwrite: bool, workers: int, client: Any,
) -> Work[pd.DataFrame]:  # fmt: skip
    """Score candidate links; the parameters are those of the verb `score_links`."""
    check_workers(workers, client)
    tracker = with_links(as_model(model))
    frames = frames_of(movie, channels=channels, spacing_um=spacing_um)
    given = yield from recordings_of(positions, frames[0].spacing_um)
    with (
        table_at(out, overwrite) as written,
        client_of(client) as reached,
        Hands(workers, reached) as hands,
    ):
        parts = []
        for one, images in paired(given, frames):
            looks = Looks(tracker, images, None, hands)
            table, points = ready(one)
            course = yield from moving(points, reach, drifts, divisions, gaps)
            scored = yield from looks.scored(table, course)
            parts.append(scored.table(one.name, table))
        whole = pd.concat(parts, ignore_index=True)
        yield from written(whole)
    return whole


def with_links(model: Model) -> Model:
    """Return a model that has a network for links, or refuse."""
    if LINK not in model.parts:
        raise invalid("model", expected="a model with a network for links, of train_tracker",
                      received=f"one of {', '.join(model.parts)}")  # fmt: skip
    return model


def paired(
    given: Sequence[Recording], frames: Sequence[Frames]
) -> Iterator[tuple[Recording, Frames]]:
    """Pair positions with images, by name where there are several."""
    there = {one.name: one for one in frames}
    for one in given:
        images = frames[0] if len(given) == len(frames) == 1 else there.get(one.name)
        if images is None:
            raise invalid("movie", expected=f"images of recording {one.name}",
                          received=", ".join(there))  # fmt: skip
        refuse_beyond(one, images)
        yield replace(one, shape=images.shape,
                      spacing_um=one.spacing_um or images.spacing_um), images  # fmt: skip


def refuse_beyond(one: Recording, images: Frames) -> None:
    """Refuse positions that lie outside of their images."""
    axes = [axis for axis in "zyx" if f"{axis}_px" in one.table]
    if len(axes) != len(images.axes):
        raise invalid("positions", expected=f"{len(images.axes)}-D positions, as the images",
                      received=f"{len(axes)}-D")  # fmt: skip
    last = int(one.table["frame"].max())
    if last >= images.count:
        raise invalid("positions", expected=f"frames 0 to {images.count - 1}, as the images",
                      received=f"frame {last}")  # fmt: skip
    for axis, size in zip(axes, images.shape, strict=True):
        values = one.table[f"{axis}_px"].to_numpy(float)
        beyond = (values < -0.5) | (values > size - 0.5)
        if beyond.any():
            raise invalid(
                "positions", expected=f"{axis} from 0 to {size - 1} px",
                received=f"{values[beyond][0]:.4g}, and {int(beyond.sum())} beyond in all",
                remedy="Is their unit or the order of their axes another one?",
            )  # fmt: skip


def ready(one: Recording) -> tuple[pd.DataFrame, Points]:
    """Return a recording's table in order, and its points."""
    table = one.table.sort_values(["frame", "object"], kind="stable").reset_index(drop=True)
    if "probability" not in table:
        table["probability"] = np.nan
    axes = [axis for axis in "zyx" if f"{axis}_px" in table]
    return table, Points.of(table, one.spacing_um or (1.0,) * len(axes), one.shape)


@dataclass(frozen=True, eq=False)
class Scored:
    """Candidates with what is said of them.

    Attributes
    ----------
    course : Course
        By movement alone.
    evidence : ndarray (candidates,)
        By how much looks change the log odds of each (`margins.edges`).
    divides : ndarray (n,) or None
        Probability that each detection divides before the next frame.
    """

    course: Course
    evidence: Floats
    divides: Floats | None

    def table(self, name: str, rows: pd.DataFrame) -> pd.DataFrame:
        """Return all candidates."""
        frame, number = rows["frame"].to_numpy(), rows["object"].to_numpy()
        a, b, of = edges(self.course.graph)
        moved = odds(self.course.graph, of, len(a))
        divides = np.full(len(rows), np.nan) if self.divides is None else self.divides
        return pd.DataFrame({
            "recording": name, "frame_from": frame[a], "object_from": number[a],
            "frame_to": frame[b], "object_to": number[b],
            "probability": expit(moved + self.evidence), "evidence": self.evidence,
            "division_probability": divides[a],
        })  # fmt: skip

    def solved(
        self, temperature: float, solver: str, time_limit_s: float | None, said: Any
    ) -> Linked:
        """Solve a recording by all of it."""
        return weighed(self.course, self.evidence, self.divides, temperature, solver,
                       time_limit_s, said)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Looks:
    """What looks at the cells of one recording.

    Attributes
    ----------
    model : Model
        That tracks.
    frames : Frames
        Images of the recording.
    kept : Kept or None
        Where what was seen is kept.
    hands : Hands or None
        Who looks.
    """

    model: Model
    frames: Frames
    kept: Kept | None = None
    hands: Hands | None = None

    def scored(self, table: pd.DataFrame, course: Course) -> Work[Scored]:
        """Score candidates by what cells look like."""
        fitting(alone(self.model, LINK), self.frames)
        places = table[[f"{axis}_px" for axis in self.frames.axes]].to_numpy(float)
        frame = table["frame"].to_numpy(np.int64)
        seen = yield from looked_at(self.model, self.frames, frame, places, self.kept, self.hands)
        evidence = evidence_of(self.model, judged(self.model, course, seen))
        return Scored(course, evidence, seen.divides)


def checked_links(table: pd.DataFrame) -> pd.DataFrame:
    """Return candidate links, or refuse what cannot be some."""
    missing = [name for name in (*FROM_TO, "probability") if name not in table]
    if missing:
        raise invalid("links", expected=f"columns {', '.join(missing)}",
                      received=say("columns {}", [str(c) for c in table.columns]))  # fmt: skip
    table = table.reset_index(drop=True)
    for name in FROM_TO:
        table[name] = _whole(table, name)
    if "evidence" in table:
        table["evidence"] = _numbers(table, "evidence")
    for name in ("probability", "division_probability"):
        if name in table:
            p = pd.to_numeric(table[name], errors="coerce").to_numpy(float)
            none = ~((p >= 0) & (p <= 1))
            if name != "probability":
                none &= ~np.isnan(p)
            if none.any():
                row = int(np.flatnonzero(none)[0])
                raise invalid("links", expected=f"a {name} from 0 to 1 in each row",
                              received=f"{table[name].iloc[row]} in row {row + 1}")  # fmt: skip
            table[name] = p
    named = [*(("recording",) if "recording" in table else ()), *FROM_TO]
    twice = table.duplicated(named).to_numpy()
    if twice.any():
        row = int(np.flatnonzero(twice)[0])
        raise invalid("links", expected="each candidate once",
                      received=f"that of row {row + 1} again")  # fmt: skip
    step = table["frame_to"].to_numpy() - table["frame_from"].to_numpy()
    bad = (step < 1) | (step > MOST_GAP)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise invalid("links", expected=f"links to one of the next {MOST_GAP} frames",
                      received=f"row {row + 1}, from frame {table['frame_from'].iloc[row]} to "
                      f"frame {table['frame_to'].iloc[row]}")  # fmt: skip
    return table


def _whole(table: pd.DataFrame, name: str) -> Ints:
    """Return a column as whole numbers, whatever the file had them as, or refuse."""
    return _numbers(table, name, whole=True).astype(np.int64)


def _numbers(table: pd.DataFrame, name: str, whole: bool = False) -> Floats:
    """Return a column as numbers, or refuse."""
    values = pd.to_numeric(table[name], errors="coerce").to_numpy(float)
    none = ~np.isfinite(values) | (whole & (values != np.floor(values)))
    if none.any():
        row = int(np.flatnonzero(none)[0])
        raise invalid("links", expected=f"a {'whole ' if whole else ''}number {name} in each row",
                      received=f"{table[name].iloc[row]} in row {row + 1}")  # fmt: skip
    return values


@dataclass(frozen=True, eq=False)
class Given:
    """Candidates with probabilities that somebody gave.

    Attributes
    ----------
    links : DataFrame
        All of them.
    temperature : float
        Of margins.
    size_px : tuple of int or None
        Of the images.
    """

    links: pd.DataFrame
    temperature: float
    size_px: tuple[int, ...] | None = None

    def solved(
        self, name: str, table: pd.DataFrame, course: Course, solver: str,
        time_limit_s: float | None, said: Any,
    ) -> tuple[Linked, Floats | None]:  # fmt: skip
        """Solve a recording by what was given of it; return also what divides."""
        links = self.links
        if "recording" in links:
            links = links[links["recording"].astype(str) == name]
        source, target = rows_at(table.assign(recording=name), links.assign(recording=name))
        none = (source < 0) | (target < 0)
        if none.any():
            a, i, b, j = links.loc[none, list(FROM_TO)].iloc[0].astype(int)
            raise invalid("links", expected="links between positions that are there",
                          received=f"{name}: object {i} of frame {a} to object {j} of frame "
                          f"{b}")  # fmt: skip
        divides: Floats | None = None
        if "division_probability" in links:
            p = links["division_probability"].to_numpy(float)
            known = np.isfinite(p)
            if known.any():
                divides = np.zeros(len(table))
                divides[source[known]] = p[known]
        if "evidence" in links:
            own = _given_evidence(course, source, target, links["evidence"].to_numpy(float))
            return Scored(*own, divides).solved(self.temperature, solver, time_limit_s,
                                                said), divides  # fmt: skip
        graph = _by_probability(course, source, target, links["probability"].to_numpy(float),
                                divides)  # fmt: skip
        graph = graph if said is None else corrected(graph, said)
        found = result_of(graph, solved(graph, time_limit_s), solver, course.motion, course.moved,
                          self.temperature)  # fmt: skip
        return found, divides


def _given_evidence(
    course: Course, source: Ints, target: Ints, evidence: Floats
) -> tuple[Course, Floats]:
    """Return candidates that evidence was given of, and this."""
    a, b, of = edges(course.graph)
    n = course.graph.count
    given = dict(zip((source * n + target).tolist(), evidence.tolist(), strict=True))
    own = np.array([given.get(key, np.nan) for key in (a * n + b).tolist()])
    missing = ~np.isfinite(own)
    if not missing.any():
        return course, own
    links, pairs = len(course.graph.source), len(course.graph.mother)
    out = missing[of]
    graph = course.graph.without(out[:links], out[links : links + pairs] | out[links + pairs :])
    kept = edges(graph)
    again = [given[key] for key in (kept[0] * n + kept[1]).tolist()]
    return replace(course, graph=graph), np.array(again)


def _by_probability(
    course: Course, source: Ints, target: Ints, link: Floats, divides: Floats | None
) -> Graph:
    """Return the graph of probabilities alone; how tracks begin and end is that of the movie."""
    points, motion = course.points, course.motion
    border = at_border(points, motion)
    appears, ends = (
        np.clip(inner + (motion.at_border - inner) * border, 1e-4, 0.5)
        for inner in (motion.enters, motion.leaves)
    )
    known = np.isfinite(points.odds)
    detection = expit(np.where(known, points.odds, log_odds(1 - motion.false)))
    return scored(points.frame, source, target, link, division=divides,
                  detection=detection if known.any() else None, appears=appears, ends=ends,
                  skips=motion.misses)  # fmt: skip
