"""The cheapest solution of a graph: a linear program, searched where it leaves choices open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize, sparse

from ..errors import InvalidError, invalid
from .graph import Bools, Floats, Graph, Ints, Prices, Solution, cost_of

AT_ONCE = 150_000
"""Choices of one program; larger graphs are solved in windows of frames."""
WINDOW, BEYOND = 20, 5
"""Frames of a window at least, and the last of them, which the next one decides."""
WHOLE = 1e-6
"""How far from 0 and 1 a number of the program may be."""
NEAR = 1.0
"""What makes a solution so much dearer at most is searched first."""


@dataclass(frozen=True, eq=False)
class Program:
    """A graph as ``minimise costs @ v``, with rows of what is in balance and what is kept once."""

    costs: Floats
    upper: Floats
    balance: sparse.csr_array
    once: sparse.csr_array
    forced: Bools
    absent: Floats

    @property
    def constant(self) -> float:
        """What it costs to keep nothing."""
        return float(self.absent.sum())

    @classmethod
    def of(cls, graph: Graph) -> Program:
        """Write a graph as a program."""
        n, links, pairs = graph.count, len(graph.source), len(graph.mother)
        forced = np.isinf(graph.absent)
        absent = np.where(forced, 0.0, graph.absent)
        costs = np.concatenate([
            graph.cost - absent[graph.target],
            graph.split - absent[graph.first] - absent[graph.second],
            graph.enter - absent,
            graph.leave,
        ])  # fmt: skip
        upper = np.isfinite(costs).astype(float)
        x, p = np.arange(links), links + np.arange(pairs)
        a, e = links + pairs + np.arange(n), links + pairs + n + np.arange(n)
        shape = (n, links + pairs + 2 * n)
        into = _rows([(graph.target, x), (graph.first, p), (graph.second, p), (np.arange(n), a)],
                     shape)  # fmt: skip
        out = _rows([(graph.source, x), (graph.mother, p), (np.arange(n), e)], shape)
        costs = np.where(upper > 0, costs, 0.0)
        return cls(costs, upper, into - out, into, forced, absent)

    def relaxed(self) -> optimize.OptimizeResult:
        """Solve it with parts of links allowed."""
        bound = np.where(self.forced, -1.0, 0.0)
        needed = sparse.vstack([self.once, -self.once[self.forced]])
        limits = np.concatenate([np.ones(len(bound)), bound[self.forced]])
        # that none is chosen twice follows from the rows; a bound would hide it from their prices
        most = np.where(self.upper > 0, np.inf, 0.0)
        return optimize.linprog(self.costs, needed, limits, self.balance, np.zeros(len(bound)),
                                bounds=np.stack([np.zeros(len(most)), most], axis=1),
                                method="highs", options={"presolve": False})  # fmt: skip

    def priced(self, found: optimize.OptimizeResult) -> tuple[Prices, Floats, Floats]:
        """Return the prices of a relaxed solution, and what other choices make it dearer at least.

        Returns
        -------
        prices : Prices
            Of the ways into, and out of, each detection.
        reduced : ndarray (choices,)
            Of each choice.
        unkept : ndarray (n,)
            Of each detection not being kept.
        """
        balance = found.eqlin.marginals
        once = found.ineqlin.marginals[: len(balance)].copy()
        once[self.forced] -= found.ineqlin.marginals[len(balance) :]
        reduced = self.costs - self.balance.T @ balance - self.once.T @ once
        reduced[self.upper == 0] = np.inf
        unkept = np.where(self.forced, np.inf, -once)
        return Prices(self.absent + balance + once, -balance), reduced, unkept

    def searched(
        self, relaxed: optimize.OptimizeResult, time_limit_s: float | None
    ) -> optimize.OptimizeResult:
        """Solve it with whole links only.

        First among the choices that alone make it little dearer than the relaxed solution; what
        makes it dearer than what is then found is in no better one.
        """
        _, reduced, unkept = self.priced(relaxed)
        found = self._among(reduced <= NEAR, unkept <= NEAR, time_limit_s)
        more = np.inf if found.x is None else found.fun - relaxed.fun
        if more > NEAR:
            again = self._among(reduced <= more, unkept <= more, time_limit_s)
            bound = getattr(again, "mip_dual_bound", None)
            ends = [one for one in (again, found) if one.x is not None]
            found = min(ends, key=lambda one: float(one.fun)) if ends else again
            found["mip_dual_bound"] = bound
        return found

    def _among(
        self, open_: Bools, absent: Bools, time_limit_s: float | None
    ) -> optimize.OptimizeResult:
        rules = [
            optimize.LinearConstraint(self.balance, 0, 0),
            optimize.LinearConstraint(self.once, (self.forced | ~absent).astype(float), 1),
        ]
        options = {"mip_rel_gap": 0.0}
        if time_limit_s is not None:
            options["time_limit"] = time_limit_s
        return optimize.milp(self.costs, integrality=np.ones(len(self.costs)), constraints=rules,
                             bounds=optimize.Bounds(0, np.where(open_, self.upper, 0)),
                             options=options)  # fmt: skip


def solved(graph: Graph, time_limit_s: float | None = None, at_once: int = AT_ONCE) -> Solution:
    """Return the cheapest solution.

    Parameters
    ----------
    graph : Graph
        What could be chosen.
    time_limit_s : float, optional
        For so long each search goes on; then the best solution so far is returned, with its gap.
    at_once : int, default 150 000
        Choices of one program; a graph that has more is solved in windows of 20 frames or more, of
        which the links of all but the last 5 are kept.

    Returns
    -------
    Solution
        The same for the same graph.

    Raises
    ------
    InvalidError
        No solution within the time.

    Examples
    --------
    >>> one = Graph.of([0, 1, 1], [0, 5, 5], [5, 0, 0], source=[0, 0], target=[1, 2],
    ...                cost=[1.0, 2.0], mother=[0], first=[1], second=[2], split=[4.0])
    >>> found = solved(one)
    >>> found.links.tolist(), found.divisions.tolist(), found.cost
    ([False, False], [True], 4.0)
    """
    small, links, pairs = graph.pruned()
    if small.choices <= at_once:
        found = _solved(small, time_limit_s)
    else:
        found = _in_windows(small, time_limit_s, at_once)
    whole_links, whole_pairs = np.zeros(len(graph.source), bool), np.zeros(len(graph.mother), bool)
    whole_links[links], whole_pairs[pairs] = found.links, found.divisions
    return replace(found, links=whole_links, divisions=whole_pairs)


def _solved(graph: Graph, time_limit_s: float | None) -> Solution:
    if not graph.count:
        none = np.zeros(0, bool)
        return Solution(none, none, none, 0.0)
    program = Program.of(graph)
    found = program.relaxed()
    if found.x is None:
        raise invalid("graph", expected="costs that have a solution", received=found.message)
    open_ = (found.x > WHOLE) & (found.x < 1 - WHOLE)
    gap = 0.0
    if open_.any():
        lowest = found.fun
        found = program.searched(found, time_limit_s)
        if found.x is None:
            raise InvalidError(f"No solution was found: {found.message}")
        # the bound of the search, where it ended before the proof
        bound = found.mip_dual_bound
        gap = max(0.0, float(found.fun - (lowest if bound is None else max(bound, lowest))))
        gap = 0.0 if gap < 1e-6 * max(1.0, abs(found.fun)) else gap
    links, pairs = len(graph.source), len(graph.mother)
    x = found.x > 0.5
    kept = program.once @ found.x > 0.5
    return Solution(x[:links], x[links : links + pairs], kept, float(found.fun) + program.constant,
                    gap, int(open_.sum()))  # fmt: skip


def _in_windows(graph: Graph, time_limit_s: float | None, at_once: int) -> Solution:
    links, pairs = np.zeros(len(graph.source), bool), np.zeros(len(graph.mother), bool)
    came, kept = np.zeros(graph.count, bool), np.zeros(graph.count, bool)
    nowhere = np.zeros(graph.count, bool)
    gap, fractional = 0.0, 0
    for begin, keep, end in windows(graph, at_once):
        # what lies before was decided; what was led across by a link over a missing frame has come
        inside = (graph.frame >= begin) & (graph.frame < end)
        part, own, of_links, of_pairs = graph.within(inside, came, nowhere)
        if end <= int(graph.frame.max()):
            # what comes after is not known here: it costs nothing to go on
            part = replace(part, leave=np.where(part.frame == end - 1, 0.0, part.leave))
        found = _solved(part, time_limit_s)
        gap, fractional = gap + found.gap, fractional + found.fractional
        now = graph.frame[own] < keep
        last = now[part.source]
        links[of_links[last]] = found.links[last]
        last = now[part.mother]
        pairs[of_pairs[last]] = found.divisions[last]
        kept[own[now]] = found.kept[now]
        came[graph.target[links]] = True
        came[graph.first[pairs]] = came[graph.second[pairs]] = True
    return Solution(links, pairs, kept, cost_of(graph, links, pairs, kept), gap, fractional)


def windows(graph: Graph, at_once: int) -> Iterator[tuple[int, int, int]]:
    """Yield the first frame of each window, the first that it does not keep, and its end.

    Examples
    --------
    >>> frames = list(range(40))
    >>> links = {"source": frames[:-1], "target": frames[1:], "cost": [0.0] * 39}
    >>> list(windows(Graph.of(frames, [1] * 40, [1] * 40, **links), 10))
    [(0, 15, 20), (15, 30, 35), (30, 40, 40)]
    >>> list(windows(Graph.of(frames, [1] * 40, [1] * 40, **links), 30))
    [(0, 25, 30), (25, 40, 40)]
    """
    begin, last = int(graph.frame.min()), int(graph.frame.max()) + 1
    # of few cells, more frames
    length = max(WINDOW, (last - begin) * at_once // max(1, graph.choices))
    while begin < last:
        end = min(begin + length, last)
        keep = end if end == last else end - BEYOND
        yield begin, keep, end
        begin = keep


def _rows(entries: list[tuple[Ints, Ints]], shape: tuple[int, int]) -> sparse.csr_array:
    rows = np.concatenate([row for row, _ in entries])
    columns = np.concatenate([column for _, column in entries])
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
