"""Links by what cells look like, beside how they move: one graph of both, solved."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..models.model import Model
from ..tasks.link import Link
from ..tasks.platt import log_odds
from .corrected import Corrections, corrected
from .detected import LINK
from .graph import Floats, Graph, Ints
from .linked import Course, Linked, odds, result_of
from .margins import edges
from .program import solved
from .seen import Seen, same

MOST = 12.0
"""Log odds by movement count up to this, where looks are weighed against them."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Candidate pairs, each once, and what is said of them.

    Attributes
    ----------
    source, target : ndarray of int (m,)
        Rows of the detections.
    of : ndarray of int
        See `margins.edges`.
    said : ndarray (m,)
        What the network says, as log odds.
    moved : ndarray (m,)
        Log odds by movement.
    """

    source: Ints
    target: Ints
    of: Ints
    said: Floats
    moved: Floats


def judged(model: Model, course: Course, seen: Seen) -> Judged:
    """Ask the network for links about all candidates.

    Parameters
    ----------
    model : Model
        That tracks.
    course : Course
        How cells move, with all candidates.
    seen : Seen
        What they look like.
    """
    points = course.points
    source, target, of = edges(course.graph)
    step = points.at[target] - points.at[source]
    gaps = points.frame[target] - points.frame[source]
    said = same(model, seen, source, target, step, course.motion.step, gaps)
    moved = np.clip(odds(course.graph, of, len(source)), -MOST, MOST)
    return Judged(source, target, of, log_odds(said), moved)


def evidence_of(model: Model, found: Judged) -> Floats:
    """Return by how much looks change the log odds of each candidate."""
    task = model.parts[LINK].task
    assert isinstance(task, Link)
    return task.by_looks(found.said)


def weighed(
    course: Course,
    evidence: Floats,
    divides: Floats | None,
    temperature: float = 1.0,
    solver: str = "optimal",
    time_limit_s: float | None = None,
    said: Corrections | None = None,
) -> Linked:
    """Solve a recording by how cells move and what they look like.

    Parameters
    ----------
    course : Course
        What movement alone makes of it.
    evidence : ndarray (candidates,)
        By how much looks change the log odds of each candidate pair (`margins.edges`).
    divides : ndarray (n,), optional
        Probability that each divides before the next frame; None: as often as they do.
    temperature : float, default 1.0
        See `margins.p_wrong`.
    solver, time_limit_s, said
        As for `linked`.

    Notes
    -----
    What looks say is independent of how cells move, given whether they are the same: their log
    odds add. That a cell divides by its looks takes the place of how often cells do.
    """
    graph = with_looks(course, evidence, divides)
    graph = graph if said is None else corrected(graph, said)
    found = solved(graph, time_limit_s)
    return result_of(graph, found, solver, course.motion, course.moved, temperature)


def with_looks(course: Course, evidence: Floats, divides: Floats | None) -> Graph:
    """Return the graph whose costs know what cells look like."""
    graph = course.graph
    _, _, of = edges(graph)
    links, pairs = len(graph.source), len(graph.mother)
    cost = graph.cost - evidence[of[:links]]
    split = graph.split - evidence[of[links : links + pairs]] - evidence[of[links + pairs :]]
    if divides is not None:
        usual = course.motion.divides
        split = split - log_odds(divides[graph.mother]) + log_odds(usual)
        # of a cell that goes on as one it is known that it did not divide
        next_frame = graph.frame[graph.target] - graph.frame[graph.source] == 1
        stays = np.log1p(-np.clip(divides, 0, 1 - 1e-6)) - np.log1p(-usual)
        cost = cost - np.where(next_frame, stays[graph.source], 0.0)
    return replace(graph, cost=cost, split=split)
