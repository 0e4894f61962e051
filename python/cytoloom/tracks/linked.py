"""Link the detections of a recording by where they are: first as guessed, then as learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from ..errors import invalid
from ..events import Event, Work
from .corrected import Corrections, corrected
from .drift import drift
from .geometry import (
    Motion,
    candidates,
    expectations,
    first_guess,
    last_steps,
    learned,
    priced,
)
from .graph import Floats, Graph, Ints, Solution
from .margins import chosen_edges, edges, margins, p_wrong
from .points import Points
from .program import solved
from .simple import assigned, greedy, nearest

SOLVERS = ("optimal", "lap", "nearest")
PASSES = 3


@dataclass(frozen=True, eq=False)
class Linked:
    """What was linked of a recording.

    Parameters
    ----------
    source, target : ndarray (edges,) of int
        Candidate links, as rows of its detections.
    probability : ndarray (edges,) of float
        Of the link against the one ending and the other beginning there, others not considered.
    wrong : ndarray (edges,) of float
        Probability that a chosen link is wrong; NaN where it was not chosen, or not asked for.
    chosen : ndarray (edges,) of bool
        What was chosen.
    kept : ndarray (n,) of bool
        Which detections are cells.
    solution : Solution
        With its cost and gap.
    motion : Motion or None
        How cells move.
    moved : ndarray (frames, axes) or None
        The drift that was subtracted.
    """

    source: np.ndarray
    target: np.ndarray
    probability: Floats
    wrong: Floats
    chosen: np.ndarray
    kept: np.ndarray
    solution: Solution
    motion: Motion | None = None
    moved: Floats | None = None


def linked(
    points: Points,
    reach: float | None,
    solver: str,
    drifts: bool,
    divisions: bool,
    gaps: bool,
    time_limit_s: float | None = None,
    motion: Motion | None = None,
    said: Corrections | None = None,
) -> Work[Linked]:
    """Link the detections of one recording.

    Parameters
    ----------
    points : Points
        Its detections.
    reach : float, optional
        The longest step; default as the nearest neighbours say.
    solver : {"optimal", "lap", "nearest"}
        How links are chosen.
    drifts, divisions, gaps : bool
        Whether frames may have moved, cells divide, and be missed for a frame.
    time_limit_s : float, optional
        Of each search.
    motion : Motion, optional
        How cells move, where that is known.
    said : Corrections, optional
        Links that somebody has looked at.
    """
    course = yield from moving(points, reach, drifts, divisions, gaps, time_limit_s, motion, said)
    yield Event("progress", "how sure links are", PASSES, PASSES + 1)
    return result_of(course.graph, course.solution, solver, course.motion, course.moved)


@dataclass(frozen=True, eq=False)
class Course:
    """How cells of a recording move, and what that makes of their links.

    Parameters
    ----------
    points : Points
        Detections, without drift.
    graph : Graph
        What could be chosen, at what cost.
    solution : Solution
        The best of it.
    motion : Motion
        How cells move.
    moved : ndarray (frames, axes) or None
        The drift that was subtracted.
    """

    points: Points
    graph: Graph
    solution: Solution
    motion: Motion
    moved: Floats | None


def moving(
    points: Points,
    reach: float | None,
    drifts: bool,
    divisions: bool,
    gaps: bool,
    time_limit_s: float | None = None,
    motion: Motion | None = None,
    said: Corrections | None = None,
) -> Work[Course]:
    """Learn how cells of a recording move: links, and what they say, in turns.

    The parameters are those of `linked`.
    """
    moved = drift(points) if drifts else None
    points = points if moved is None else points.moved(moved)
    known = motion
    motion = first_guess(points, reach) if motion is None else motion
    last = np.full_like(points.at, np.nan)
    for k in range(PASSES):
        yield Event("progress", f"linking, pass {k + 1} of {PASSES}", k, PASSES + 1)
        expected = expectations(points, motion, last)
        graph = priced(points, motion, candidates(points, motion, expected, gaps, divisions),
                       expected)  # fmt: skip
        graph = graph if said is None else corrected(graph, said)
        found = solved(graph, time_limit_s)
        last = last_steps(points, graph, found)
        if k + 1 < PASSES and known is None:
            motion = learned(points, motion, graph, found, last)
    return Course(points, graph, found, motion, moved)


def result_of(
    graph: Graph,
    found: Solution,
    solver: str = "optimal",
    motion: Motion | None = None,
    moved: Floats | None = None,
    temperature: float = 1.0,
) -> Linked:
    """Choose by a solver and say how sure each link is."""
    if solver not in SOLVERS and solver != "greedy":
        raise invalid("solver", expected='"optimal", "lap" or "nearest"', received=solver)
    if solver != "optimal":
        found = {"lap": assigned, "nearest": nearest, "greedy": greedy}[solver](graph)
    source, target, of = edges(graph)
    chosen, _ = chosen_edges(graph, found, of, len(source))
    probability = expit(odds(graph, of, len(source)))
    wrong = np.full(len(source), np.nan)
    if solver == "optimal":
        wrong = p_wrong(margins(graph, found), temperature)
    return Linked(source, target, probability, wrong, chosen, found.kept, found, motion, moved)


def odds(graph: Graph, of: Ints, count: int) -> Floats:
    """Return the log odds of each edge against its track's ending and another's beginning there.

    Parameters
    ----------
    graph : Graph
        What could be chosen.
    of : ndarray of int
        From `edges`.
    count : int
        How many edges there are.
    """
    best = np.full(count, np.inf)
    links, pairs = len(graph.source), len(graph.mother)
    apart = graph.leave[graph.source] + graph.enter[graph.target]
    np.minimum.at(best, of[:links], graph.cost - apart)
    # a daughter's link, with that of her sister
    whole = graph.leave[graph.mother] + graph.enter[graph.first] + graph.enter[graph.second]
    for part in (of[links : links + pairs], of[links + pairs :]):
        np.minimum.at(best, part, graph.split - whole)
    return -best
