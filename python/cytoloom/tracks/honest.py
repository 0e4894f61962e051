"""Make what networks say of links and divisions honest: on frames that they did not learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize, minimize_scalar

from ..events import Event, Work, note
from ..metrics.points import matched
from ..models.model import Model
from ..tasks.centres import WITHIN
from ..tasks.division import Division
from ..tasks.link import Link
from ..tasks.platt import fitted, log_odds
from .annotated import Annotated
from .detected import CENTRES, DIVISION, LINK, alone, detected
from .found import Tracks
from .frames import Frames
from .graph import Bools, Floats, Ints
from .linked import Course, Linked, moving
from .points import Points
from .seen import Seen, looked_at
from .weighed import Judged, judged, weighed

MOST_FRAMES = 40
"""Frames of a recording that are looked at."""
FEWEST_WRONG = 5
"""Wrong links from which on a temperature is fitted."""
T_RANGE = (0.25, 4.0)
SURE, MOST_ODD, TRUSTED = 0.95, 20, 0.8
"""From which probability on what networks say is worth a look where it is not annotated, how many
are listed, and from which F1 of positions on."""
UNKNOWN_SLOPE, UNSURE = 0.3, 2.0
"""How far looks are trusted before anything is known of them, and how firmly."""


@dataclass(frozen=True, eq=False)
class Held:
    """One recording's frames held out, as they look without their annotation.

    Attributes
    ----------
    one : Annotated
        The recording.
    table : DataFrame
        Detections, by frame from 0 on.
    first : int
        The frame that is 0 here.
    course : Course
        By movement alone.
    judged : Judged
        What the network for links says.
    seen : Seen
        What networks say of each.
    truth : ndarray of int (n,)
        Row of the annotation that each is, -1: none.
    inside : ndarray of bool (n,)
        Which lie in the region.
    """

    one: Annotated
    table: pd.DataFrame
    first: int
    course: Course
    judged: Judged
    seen: Seen
    truth: Ints
    inside: Bools

    def right(self, source: Ints, target: Ints) -> Bools:
        """Say which pairs of detections are the same cell, or mother and daughter."""
        one = self.one
        true = set(zip(one.source.tolist(), one.target.tolist(), strict=True))
        after: dict[int, list[int]] = {}
        for a, b in true:
            after.setdefault(a, []).append(b)
        ends = zip(self.truth[source].tolist(), self.truth[target].tolist(), strict=True)
        return np.array([a >= 0 and b >= 0 and (
            (a, b) in true or any((k, b) in true for k in after.get(a, ()))) for a, b in ends],
            bool)  # fmt: skip


def honest(
    model: Model, recordings: Sequence[Annotated], held: Sequence[tuple[list[int], list[int]]]
) -> Work[Model]:
    """Fit what makes probabilities of links and divisions honest, and score what is found.

    Parameters
    ----------
    model : Model
        That tracks, as it was trained.
    recordings : sequence of Annotated
        What it was trained on.
    held : sequence of (list of int, list of int)
        Of each, the frames that were learned from and those held out.

    Returns
    -------
    Model
        With its tasks fitted, and scores of the frames held out.
    """
    yield Event("progress", "making probabilities honest on frames held out", 0, 1)
    model = _with(model, LINK, Link())  # as the network says it
    if DIVISION in model.parts:
        model = _with(model, DIVISION, Division())
    parts = []
    for one, (_, out) in zip(recordings, held, strict=True):
        if len(out) >= 2:
            part = yield from _looked_at(model, one, out[-MOST_FRAMES:])
            if part is not None:
                parts.append(part)
    if not parts:
        return model
    model = _fitted(model, parts)
    task = model.parts[LINK].task
    assert isinstance(task, Link)
    found = [_solved(model, part, 1.0) for part in parts]
    temperature = _temperature(parts, found)
    model = _with(model, LINK, replace(task, temperature=temperature))
    scores = _scores(parts, found)
    # of networks that have hardly learned, nothing contradicts anybody
    odd = contradicted(parts, found) if scores.get("positions_f1", 0) >= TRUSTED else []
    told = {**model.info["training"]["tracks"], "contradicted": odd}
    training = {**model.info["training"], "tracks": told,
                "scores": {**(model.info["training"].get("scores") or {}), **scores}}  # fmt: skip
    if odd:
        shown = "; ".join(f"{row['recording']}, frame {row['frame']}, {row['what']} at "
                          f"{row['where']}" for row in odd[:3])  # fmt: skip
        yield note(f"Worth a look in the annotation of the frames held out: {shown}"
                   f"{'; and more' if len(odd) > 3 else ''}.")  # fmt: skip
    if scores:
        yield note(
            f"On frames held out: {scores['links_wrong_per_1000']:.3g} of 1000 links wrong, "
            f"{scores['links_missed_per_1000']:.3g} missed; {scores['divisions_right']:.0f} of "
            f"{scores['divisions']:.0f} divisions found."
        )  # fmt: skip
    return replace(model, info={**model.info, "training": training})


def _looked_at(model: Model, one: Annotated, out: Sequence[int]) -> Work[Held | None]:
    first, last = min(out), max(out)
    frames = Frames(one.name, one.frames.sources[first : last + 1], one.frames.spacing_um)
    axes = [f"{axis}_px" for axis in frames.axes]
    unit = model.info["training"]["tracks"]["unit"]
    spacing = np.asarray(frames.spacing_um if unit == "um" else (1.0,) * len(axes), float)
    if CENTRES in model.parts:
        table = yield from detected(alone(model, CENTRES), frames)
    else:
        table = one.positions[one.positions["frame"].between(first, last)]
        table = table.assign(frame=table["frame"] - first, probability=np.nan)
        table = table.reset_index(drop=True)
    if table["frame"].nunique() < 2:
        return None
    points = Points.of(table[["frame", *axes, "probability"]], tuple(spacing), frames.shape)
    course = yield from moving(points, None, True, True, True)
    places, frame = table[axes].to_numpy(float), table["frame"].to_numpy(np.int64)
    seen = yield from looked_at(model, frames, frame, places)
    truth = np.full(len(table), -1)
    within = WITHIN * float(model.info["training"]["tracks"]["usual"])
    for k in np.unique(frame):
        here = np.flatnonzero(frame == k)
        there = np.flatnonzero(one.at == k + first)
        i, j = matched(one.places[there] * spacing, places[here] * spacing, within)
        truth[here[j]] = there[i]
    inside = one.inside(frame + first, places)
    found = judged(model, course, seen)
    return Held(one, table, first, course, found, seen, truth, inside)


def _fitted(model: Model, parts: Sequence[Held]) -> Model:
    task = model.parts[LINK].task
    assert isinstance(task, Link)
    choice, said_of, moved, so = (np.concatenate(each) for each in zip(
        *(_choices(part) for part in _apart(parts)), strict=True))  # fmt: skip
    slope, offset = fitted_looks(choice, said_of, moved, so)
    most = round(float(np.log(len(np.unique(choice)) + 1)), 4) or 1.0
    model = _with(model, LINK, replace(task, slope=slope, offset=offset, most=most))
    if DIVISION not in model.parts:
        return model
    divides = model.parts[DIVISION].task
    assert isinstance(divides, Division)
    said, right = [], []
    for part in parts:
        assert part.seen.divides is not None
        goes_on = np.bincount(part.one.source, minlength=len(part.one.positions)) > 0
        frame = part.course.points.frame
        own = (part.truth >= 0) & part.inside & (frame < frame.max())
        own &= goes_on[np.maximum(part.truth, 0)]
        said.append(log_odds(part.seen.divides[own]))
        right.append(part.one.dividing[part.truth[own]])
    (slope,), offset = fitted(np.concatenate(said), np.concatenate(right))
    if (slope, offset) == (1.0, 0.0):  # too few: at least as seldom as it happens
        told = model.info["training"]["tracks"]["recordings"]
        rate = sum(one["divisions"] for one in told) / max(1, sum(one["links"] for one in told))
        offset = round(float(log_odds(rate)), 6)
    model = _with(model, DIVISION, replace(divides, slope=slope, offset=offset))
    for k, part in enumerate(parts):
        task_now = model.parts[DIVISION].task
        assert isinstance(task_now, Division)
        assert part.seen.divides is not None
        again = replace(part.seen, divides=task_now.probability(part.seen.divides))
        parts[k] = replace(part, seen=again)  # type: ignore[index]
    return model


def _apart(parts: Sequence[Held]) -> Iterator[tuple[Held, int]]:
    """Yield parts with numbers that keep their choices apart."""
    before = 0
    for part in parts:
        yield part, before
        before += 2 * part.course.graph.count


def _choices(numbered: tuple[Held, int]) -> tuple[Ints, Floats, Floats, Bools]:
    """Return what each cell could go to, and come from: the choice, looks, movement, the truth."""
    part, before = numbered
    of, n = part.judged, part.course.graph.count
    right = part.right(of.source, of.target)
    near = part.course.points.frame[of.target] - part.course.points.frame[of.source] == 1
    known = part.inside & (part.truth >= 0)
    last = part.course.points.frame.max()
    found = []
    for end, open_end in ((of.source, part.course.points.frame < last),
                          (of.target, part.course.points.frame > 0)):  # fmt: skip
        direct = np.bincount(end[right & near], minlength=n)
        # a cell that is there in the next frame is not also skipped; of one that divides each
        # daughter's choice counts, not its own
        own = right & (near | (direct[end] == 0))
        count = np.bincount(end[own], minlength=n)
        some = (known & open_end & (count <= 1))[end]
        found.append((end[some] + before + (0 if end is of.source else n), of.said[some],
                      of.moved[some], own[some]))  # fmt: skip
    return tuple(np.concatenate(each) for each in zip(*found, strict=True))  # type: ignore[return-value]


def fitted_looks(choice: Ints, said: Floats, moved: Floats, right: Bools) -> tuple[float, float]:
    """Fit how far looks are to be trusted beside movement, as a choice among candidates.

    Parameters
    ----------
    choice : ndarray of int (m,)
        Of each candidate, whose choice it is.
    said : ndarray (m,)
        What the network says, as log odds.
    moved : ndarray (m,)
        Log odds by movement, against none of the candidates.
    right : ndarray of bool (m,)
        Which is the right one of its choice; none where none is.

    Returns
    -------
    (float, float)
        Slope, not below 0, and offset: candidates weigh
        ``exp(moved + slope * said + offset)``, none of them 1.

    Notes
    -----
    McFadden's conditional logit. Where there is little to fit to, looks count little.

    Examples
    --------
    Looks that are right nine times of ten where movement says nothing:

    >>> choice, said = np.repeat(np.arange(200), 2), np.tile([2.0, -2.0], 200)
    >>> right = (said > 0) ^ np.repeat(np.arange(200) % 10 == 0, 2)
    >>> slope, _ = fitted_looks(choice, said, np.full(400, 6.0), right)
    >>> 0.5 < slope < 0.6
    True
    """
    order = np.argsort(choice, kind="stable")
    said, moved, right = said[order], moved[order], right[order]
    if not len(order):
        return UNKNOWN_SLOPE, 0.0
    starts = np.flatnonzero(np.r_[True, np.diff(choice[order]) > 0])
    group = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(order)]))

    def surprise(of: Floats) -> tuple[float, Floats]:
        z = moved + of[0] * said + of[1]
        top = np.maximum(0.0, np.maximum.reduceat(z, starts))
        total = np.log(np.exp(-top) + np.add.reduceat(np.exp(z - top[group]), starts)) + top
        off = np.exp(z - total[group]) - right
        away = of - (UNKNOWN_SLOPE, 0.0)
        value = total.sum() - z[right].sum() + (away**2).sum() * UNSURE
        by = np.array([(off * said).sum(), off.sum()]) + 2 * UNSURE * away
        return float(value), by

    found = minimize(surprise, np.array([UNKNOWN_SLOPE, 0.0]), jac=True, method="L-BFGS-B",
                     bounds=[(0, 3), (-6, 6)]).x  # fmt: skip
    return round(float(found[0]), 6), round(float(found[1]), 6)


def _with(model: Model, name: str, task: Any) -> Model:
    parts = {**model.parts, name: replace(model.parts[name], task=task)}
    return replace(model, parts=parts)


def _solved(model: Model, part: Held, temperature: float) -> Linked:
    task = model.parts[LINK].task
    assert isinstance(task, Link)
    evidence = task.by_looks(part.judged.said)
    return weighed(part.course, evidence, part.seen.divides, temperature)


def _temperature(parts: Sequence[Held], found: Sequence[Linked]) -> float:
    """Fit the temperature of margins by log loss."""
    margin, wrong = [], []
    for part, of in zip(parts, found, strict=True):
        own = of.chosen & part.inside[of.source] & part.inside[of.target]
        own &= np.isfinite(of.wrong)
        margin.append(-log_odds(of.wrong[own]))
        wrong.append(~part.right(of.source[own], of.target[own]))
    every, bad = np.concatenate(margin), np.concatenate(wrong)
    if bad.sum() < FEWEST_WRONG:
        return 1.0

    def surprise(log_t: float) -> float:
        z = every / np.exp(log_t)
        return float(np.logaddexp(0, np.where(bad, z, -z)).mean())

    ends = tuple(np.log(T_RANGE))
    return round(float(np.exp(minimize_scalar(surprise, bounds=ends, method="bounded").x)), 4)


def contradicted(parts: Sequence[Held], found: Sequence[Linked]) -> list[dict[str, Any]]:
    """List what networks contradict most in the annotation of frames that they have not seen.

    Returns
    -------
    list of dict
        recording, frame, what, where (px, z y x), sure; the surest first, 20 at most: a cell that
        is not annotated, a link that is not, each with the probability that there is one.
    """
    rows = []
    for part, of in zip(parts, found, strict=True):
        axes = [f"{axis}_px" for axis in part.one.frames.axes]
        places = part.table[axes].to_numpy(float)
        p = part.table["probability"].to_numpy(float)
        frame = part.table["frame"].to_numpy() + part.first

        def row(k: int, what: str, sure: float, part: Held = part, frame: Any = frame,
                places: Any = places) -> dict[str, Any]:  # fmt: skip
            """Describe one."""
            where = " ".join(f"{one:.0f}" for one in places[k])
            return {"recording": part.one.name, "frame": int(frame[k]), "what": what,
                    "where": where, "sure": round(float(sure), 4)}  # fmt: skip

        false = part.inside & (part.truth < 0) & (p > SURE) & of.kept
        rows += [row(k, "a cell that is not annotated", p[k]) for k in np.flatnonzero(false)]
        known = of.chosen & (part.truth[of.source] >= 0) & (part.truth[of.target] >= 0)
        bad = known & ~part.right(of.source, of.target) & (of.wrong < 1 - SURE)
        rows += [row(of.source[k], "a link that is not annotated", 1 - of.wrong[k])
                 for k in np.flatnonzero(bad)]  # fmt: skip
    return sorted(rows, key=lambda one: -one["sure"])[:MOST_ODD]


def _scores(parts: Sequence[Held], found: Sequence[Linked]) -> dict[str, float]:
    """Score tracks of the frames held out, within their regions."""
    told: dict[str, list[float]] = {}
    counts = ("divisions", "divisions_right", "links", "links_missed", "links_wrong",
              "links_found", "positions", "positions_found", "positions_matched")  # fmt: skip
    for part, of in zip(parts, found, strict=True):
        truth = _tracks_of(part)
        own = part.table[part.inside & of.kept].assign(recording=part.one.name)
        frame, number = part.table["frame"].to_numpy(), part.table["object"].to_numpy()
        some = of.chosen & part.inside[of.source] & part.inside[of.target]
        links = pd.DataFrame({
            "recording": part.one.name, "frame_from": frame[of.source[some]],
            "object_from": number[of.source[some]], "frame_to": frame[of.target[some]],
            "object_to": number[of.target[some]],
        })  # fmt: skip
        spacing = part.one.frames.spacing_um
        said = Tracks.of(own, links, spacing_um=spacing).evaluated(truth)
        row = said.per_recording.iloc[0]
        for name in counts:
            told.setdefault(name, []).append(float(row[name]))
    if not told:
        return {}
    total = {name: float(np.sum(values)) for name, values in told.items()}
    return {
        **{name: total[name] for name in ("divisions", "divisions_right", "links")},
        "links_wrong_per_1000": 1000 * total["links_wrong"] / max(1, total["links_found"]),
        "links_missed_per_1000": 1000 * total["links_missed"] / max(1, total["links"]),
        "positions_f1": 2 * total["positions_matched"]
        / max(1, total["positions"] + total["positions_found"]),
    }  # fmt: skip


def _tracks_of(part: Held) -> Tracks:
    """Return the annotation of the frames held out as tracks."""
    one, last = part.one, part.first + int(part.table["frame"].max())
    rows = one.positions["frame"].between(part.first, last).to_numpy()
    table = one.positions[rows]
    table = table[[c for c in ("frame", "object", "z_px", "y_px", "x_px") if c in table]]
    own = rows[one.source] & rows[one.target]
    numbers, frames = one.positions["object"].to_numpy(), one.at - part.first
    links = pd.DataFrame({
        "recording": one.name, "frame_from": frames[one.source[own]],
        "object_from": numbers[one.source[own]], "frame_to": frames[one.target[own]],
        "object_to": numbers[one.target[own]],
    })  # fmt: skip
    table = table.assign(frame=table["frame"] - part.first, recording=one.name)
    return Tracks.of(table, links, spacing_um=one.frames.spacing_um)
