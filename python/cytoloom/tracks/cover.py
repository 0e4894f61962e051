"""A graph as choices that take ways into and out of detections, each way once, and their prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from .graph import Bools, Floats, Graph, Ints, Prices, Solution, ways

SWEEPS = 8
"""So often prices are moved to where they say most."""
MOST = 12.0
"""What costs more than this is dear, however much more."""
EXACT = 1e-7
"""Costs are as exact as this, each."""


@dataclass(frozen=True, eq=False)
class Cover:
    """Choices, the ways that each takes, and what each makes a solution dearer at least.

    A link takes the way out of its source and the way into its target, a division one way out and
    two ways in, to enter and to leave take one, and not to keep a detection takes both of its ways.
    A solution is choices that take every way once.

    Parameters
    ----------
    ways : ndarray (choices, 3) of int
        Of each choice: ways into detections from 0, out of these from their number n; 2 n for none.
    dearer : ndarray (choices,) of float
        What each costs beyond the prices of its ways; not below 0.
    chosen : ndarray (choices,) of bool
        What the solution has.
    excess : ndarray (2 n + 1,) of float
        How much less than the choices in its place what was chosen around each way may be dearer.
    count : int
        Number of ways, 2 n.
    """

    ways: Ints
    dearer: Floats
    chosen: Bools
    excess: Floats
    count: int

    @classmethod
    def of(cls, graph: Graph, found: Solution, prices: Prices) -> Cover:
        """Make it of a graph, a solution, and prices, which are moved to where they say most."""
        n = graph.count
        came, went = ways(graph, found.links, found.divisions)
        chosen = np.concatenate([
            found.links, found.divisions, found.kept & (came == 0), found.kept & (went == 0),
            ~found.kept,
        ])  # fmt: skip
        costs = np.concatenate([graph.cost, graph.split, graph.enter, graph.leave, graph.absent])
        into, out, none = np.arange(n), n + np.arange(n), np.full(n, 2 * n)
        taken = np.concatenate([
            _columns(n + graph.source, graph.target, np.full(len(graph.source), 2 * n)),
            _columns(n + graph.mother, graph.first, graph.second),
            _columns(into, none, none),
            _columns(out, none, none),
            _columns(into, out, none),
        ])  # fmt: skip
        possible = np.isfinite(costs)
        taken, costs, chosen = taken[possible], costs[possible], chosen[possible]
        dearer = costs - np.concatenate([prices.into, prices.out, [0.0]])[taken].sum(axis=1)
        dearer = _settled(taken, dearer, chosen, 2 * n)
        return cls(taken, *_shared(taken, dearer, chosen, 2 * n), 2 * n)

    def owners(self) -> Ints:
        """Return what was chosen of each way."""
        own = np.full(self.count + 1, -1)
        rows = np.flatnonzero(self.chosen)
        own[self.ways[rows]] = rows[:, None]
        return own


def by_way(taken: Ints, dearer: Floats, rows: Ints, count: int) -> tuple[Ints, Ints]:
    """Return choices by way, the cheapest first, and the way of each: once for each way."""
    of, which = taken[rows].ravel(), np.repeat(rows, 3)
    of, which = of[of < count], which[of < count]
    order = np.lexsort((dearer[which], of))
    return which[order], of[order]


def _columns(*ends: Ints) -> Ints:
    return np.stack(ends, axis=1)


def _settled(taken: Ints, dearer: Floats, chosen: Bools, count: int) -> Floats:
    """Return what each choice costs beyond its prices, once these are moved.

    Of a link that was chosen the way out may cost more and the way in as much less, and so on: all
    such prices are right. Those say most by which the next choices of its ways are as dear; towards
    these each sweep goes half the way. A price is raised by no more than its part of what any other
    choice costs beyond its prices, so that none of these falls below 0.
    """
    many = (taken < count).sum(axis=1)
    rows = np.flatnonzero(chosen)
    own = taken[rows]
    here = own < count
    others, of = by_way(taken, dearer, np.flatnonzero(~chosen), count)
    if not len(others):
        return np.maximum(dearer, 0)
    ways_, begins = np.unique(of, return_index=True)
    part = 2 / many[others]
    now, moved = np.maximum(dearer, 0), np.zeros(count + 1)
    for _ in range(SWEEPS):
        spare = np.full(count + 1, MOST)
        spare[ways_] = np.minimum(np.minimum.reduceat(now[others] * part, begins), MOST)
        half = np.where(here, spare[own] / 2, 0)
        mean = half.sum(axis=1) / many[rows]
        # what was chosen may cost more than its prices: these can rise by that
        more = np.minimum(now[rows] / many[rows], mean)
        moved[own] += half + np.where(here, (more - mean)[:, None], 0)
        moved[count] = 0
        now = np.maximum(dearer - moved[taken].sum(axis=1), 0)
    return now


def _shared(taken: Ints, dearer: Floats, chosen: Bools, count: int) -> tuple[Floats, Bools, Floats]:
    """Return what choices cost where what was chosen costs more than its prices, too.

    That is where the program chose halves, or the solution is not the best. What can be saved there
    is told for all ways that choices which cost less than all of it join; and whatever joins such
    parts costs that much less.
    """
    rows = np.flatnonzero(chosen)
    total = float(dearer[rows].sum())
    excess = np.zeros(count + 1)
    if total < EXACT * max(1, len(rows)):
        return dearer, chosen, excess
    near = taken[chosen | (dearer < total)]
    ends = np.concatenate([near[:, [0, 1]], near[:, [0, 2]]])
    ends = ends[ends[:, 1] < count]
    joined = sparse.coo_array((np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])),
                              shape=(count + 1, count + 1))  # fmt: skip
    _, part = connected_components(joined, directed=False)
    saved = np.bincount(part[taken[rows, 0]], dearer[rows], part.max() + 1)
    saved[part[count]] = 0
    parts = np.sort(part[taken], axis=1)
    new = np.diff(parts, axis=1, prepend=-1) != 0
    across = (np.where(taken < count, part[taken], part[taken[:, :1]])
              != part[taken[:, :1]]).any(axis=1)  # fmt: skip
    less = np.where(across, np.where(new, saved[parts], 0).sum(axis=1), 0)
    return np.maximum(dearer - less, 0), chosen, saved[part]
