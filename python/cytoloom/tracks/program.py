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
WINDOW, KEPT = 20, 15
"""Frames of a window, and of them those whose links are kept before the next one begins."""
WHOLE = 1e-6
"""How far from 0 and 1 a number of the program may be."""


@dataclass(frozen=True, eq=False)
class Program:
    """A graph as ``minimise costs @ v``, with rows of what is in balance and what is kept once."""

    costs: Floats
    upper: Floats
    balance: sparse.csr_array
    once: sparse.csr_array
    forced: Bools
    constant: float

    @classmethod
    def of(cls, graph: Graph, entered: Bools | None = None) -> Program:
        """Write a graph as a program; what has `entered` does so at no cost, and has to be kept."""
        n, links, pairs = graph.count, len(graph.source), len(graph.mother)
        enter = graph.enter if entered is None else np.where(entered, 0.0, graph.enter)
        forced = np.isinf(graph.absent) if entered is None else np.isinf(graph.absent) | entered
        absent = np.where(forced, 0.0, graph.absent)
        costs = np.concatenate([
            graph.cost - absent[graph.target],
            graph.split - absent[graph.first] - absent[graph.second],
            enter - absent,
            graph.leave,
        ])  # fmt: skip
        upper = np.isfinite(costs).astype(float)
        if entered is not None:
            # nothing of this window leads into what an earlier one has led somewhere already
            upper[:links][entered[graph.target]] = 0
            upper[links : links + pairs][entered[graph.first] | entered[graph.second]] = 0
        x, p = np.arange(links), links + np.arange(pairs)
        a, e = links + pairs + np.arange(n), links + pairs + n + np.arange(n)
        shape = (n, links + pairs + 2 * n)
        into = _rows([(graph.target, x), (graph.first, p), (graph.second, p), (np.arange(n), a)],
                     shape)  # fmt: skip
        out = _rows([(graph.source, x), (graph.mother, p), (np.arange(n), e)], shape)
        costs = np.where(upper > 0, costs, 0.0)
        return cls(costs, upper, into - out, into, forced, float(absent[~forced].sum()))

    def relaxed(self) -> optimize.OptimizeResult:
        """Solve it with parts of links allowed."""
        bound = np.where(self.forced, -1.0, 0.0)
        needed = sparse.vstack([self.once, -self.once[self.forced]])
        limits = np.concatenate([np.ones(len(bound)), bound[self.forced]])
        return optimize.linprog(self.costs, needed, limits, self.balance, np.zeros(len(bound)),
                                bounds=np.stack([0 * self.upper, self.upper], axis=1),
                                method="highs")  # fmt: skip

    def searched(self, time_limit_s: float | None) -> optimize.OptimizeResult:
        """Solve it with whole links only."""
        rules = [
            optimize.LinearConstraint(self.balance, 0, 0),
            optimize.LinearConstraint(self.once, self.forced.astype(float), 1),
        ]
        options = {} if time_limit_s is None else {"time_limit": time_limit_s}
        return optimize.milp(self.costs, integrality=np.ones(len(self.costs)), constraints=rules,
                             bounds=optimize.Bounds(0, self.upper), options=options)  # fmt: skip


def solved(graph: Graph, time_limit_s: float | None = None, at_once: int = AT_ONCE) -> Solution:
    """Return the cheapest solution.

    Parameters
    ----------
    graph : Graph
        What could be chosen.
    time_limit_s : float, optional
        For so long each search goes on; then the best solution so far is returned, with its gap.
    at_once : int, default 150 000
        Choices of one program; a graph that has more is solved in windows of 20 frames, of which
        the links of the first 15 are kept.

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
    small = graph.pruned()
    links, pairs = _kept_by(graph)
    if small.choices <= at_once:
        found = _solved(small, None, time_limit_s)
    else:
        found = _in_windows(small, time_limit_s, at_once)
    whole_links, whole_pairs = np.zeros(len(graph.source), bool), np.zeros(len(graph.mother), bool)
    whole_links[links], whole_pairs[pairs] = found.links, found.divisions
    prices = Prices.none(graph)
    prices.links[:], prices.divisions[:] = np.inf, np.inf
    if found.prices is not None:
        _put(prices, found.prices, links, pairs, np.arange(graph.count))
    return Solution(whole_links, whole_pairs, found.kept, found.cost, found.gap, found.fractional,
                    prices)  # fmt: skip


def _kept_by(graph: Graph) -> tuple[Ints, Ints]:
    """Return which links and divisions pruning leaves."""
    apart = graph.leave[graph.source] + graph.enter[graph.target]
    whole = graph.leave[graph.mother] + graph.enter[graph.first] + graph.enter[graph.second]
    return np.flatnonzero(graph.cost < apart), np.flatnonzero(graph.split < whole)


def _solved(graph: Graph, entered: Bools | None, time_limit_s: float | None) -> Solution:
    if not graph.count:
        none = np.zeros(0, bool)
        return Solution(none, none, none, 0.0)
    program = Program.of(graph, entered)
    found = program.relaxed()
    if found.x is None:
        raise invalid("graph", expected="costs that have a solution", received=found.message)
    prices = _prices(graph, program, found)
    open_ = (found.x > WHOLE) & (found.x < 1 - WHOLE)
    gap = 0.0
    if open_.any():
        lowest = found.fun
        found = program.searched(time_limit_s)
        if found.x is None:
            raise InvalidError(f"No solution was found: {found.message}")
        # the bound of the search, where it ended before the proof
        bound = getattr(found, "mip_dual_bound", lowest)
        gap = max(0.0, float(found.fun - (lowest if bound is None else max(bound, lowest))))
        gap = 0.0 if gap < 1e-6 * max(1.0, abs(found.fun)) else gap
        prices = prices.less(found.fun - lowest)
    links, pairs = len(graph.source), len(graph.mother)
    x = found.x > 0.5
    kept = program.once @ found.x > 0.5
    return Solution(x[:links], x[links : links + pairs], kept, float(found.fun) + program.constant,
                    gap, int(open_.sum()), prices)  # fmt: skip


def _prices(graph: Graph, program: Program, found: optimize.OptimizeResult) -> Prices:
    """Return what the linear program says of each choice: its reduced cost."""
    n, links, pairs = graph.count, len(graph.source), len(graph.mother)
    once = found.ineqlin.marginals[:n].copy()
    once[program.forced] -= found.ineqlin.marginals[n:]
    reduced = program.costs - program.balance.T @ found.eqlin.marginals - program.once.T @ once
    reduced[program.upper == 0] = np.inf
    kept = np.where(program.forced, np.inf, np.maximum(-once, 0))
    ways = np.split(reduced, [links, links + pairs, links + pairs + n])
    return Prices(*ways, kept)


def _in_windows(graph: Graph, time_limit_s: float | None, at_once: int) -> Solution:
    links, pairs = np.zeros(len(graph.source), bool), np.zeros(len(graph.mother), bool)
    came, kept = np.zeros(graph.count, bool), np.zeros(graph.count, bool)
    prices = Prices.none(graph)
    gap, fractional = 0.0, 0
    for begin, keep, end in windows(graph, at_once):
        # what lies before was decided; what was led across by a link over a missing frame has come
        inside = (graph.frame >= begin) & (graph.frame < end)
        part, own, of_links, of_pairs = graph.within(inside)
        if end <= int(graph.frame.max()):
            # what comes after is not known here: it costs nothing to go on
            part = replace(part, leave=np.where(part.frame == end - 1, 0.0, part.leave))
        found = _solved(part, came[own], time_limit_s)
        gap, fractional = gap + found.gap, fractional + found.fractional
        now = graph.frame[own] < keep
        last = now[part.source]
        links[of_links[last]] = found.links[last]
        last = now[part.mother]
        pairs[of_pairs[last]] = found.divisions[last]
        kept[own[now]] = found.kept[now]
        _put(prices, found.prices, of_links, of_pairs, own)
        came[graph.target[links]] = True
        came[graph.first[pairs]] = came[graph.second[pairs]] = True
    return Solution(links, pairs, kept, cost_of(graph, links, pairs, kept), gap, fractional, prices)


def _put(whole: Prices, part: Prices | None, links: Ints, pairs: Ints, own: Ints) -> None:
    """Put the prices of a part in their places."""
    if part is not None:
        whole.links[links], whole.divisions[pairs] = part.links, part.divisions
        for name in ("enter", "leave", "kept"):
            getattr(whole, name)[own] = getattr(part, name)


def windows(graph: Graph, at_once: int) -> Iterator[tuple[int, int, int]]:
    """Yield the first frame of each window, the first that it does not keep, and its end.

    Examples
    --------
    >>> frames = list(range(40))
    >>> list(windows(Graph.of(frames, [1] * 40, [1] * 40), 10))
    [(0, 15, 20), (15, 30, 35), (30, 40, 40)]
    """
    begin, last = int(graph.frame.min()), int(graph.frame.max()) + 1
    while begin < last:
        end = min(begin + WINDOW, last)
        keep = end if end == last else begin + KEPT
        yield begin, keep, end
        begin = keep


def _rows(entries: list[tuple[Ints, Ints]], shape: tuple[int, int]) -> sparse.csr_array:
    rows = np.concatenate([row for row, _ in entries])
    columns = np.concatenate([column for _, column in entries])
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
