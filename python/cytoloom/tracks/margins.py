"""How sure each link is: by how much the best solution without it is dearer."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.special import expit

from ..errors import invalid
from .cover import Cover, by_way
from .graph import Bools, Floats, Graph, Ints, Solution
from .program import AT_ONCE, Program, windows

SURE = 12.0
"""Above this margin (six in a million) no link is looked at again: it is said as it is."""
STATES = 2000
"""So many steps a search takes at most; then what is shown so far is returned."""
BESIDE = 4
"""Frames on either side of a window in which what was chosen may change, too."""


def edges(graph: Graph) -> tuple[Ints, Ints, Ints]:
    """Return the candidate pairs (source, target), each once, and what each choice has of them.

    Returns
    -------
    source, target : ndarray (edges,)
        Detections.
    of : ndarray (links + 2 * divisions,)
        The edge of each link, then of each first and each second daughter.
    """
    source = np.concatenate([graph.source, graph.mother, graph.mother])
    target = np.concatenate([graph.target, graph.first, graph.second])
    _, first, of = np.unique(source * (graph.count + 1) + target, return_index=True,
                                return_inverse=True)  # fmt: skip
    return source[first], target[first], of.reshape(-1)


def chosen_edges(graph: Graph, found: Solution, of: Ints, count: int) -> tuple[Bools, Bools]:
    """Return which edges were chosen, and which of them by a division."""
    chosen, divided = np.zeros(count, bool), np.zeros(count, bool)
    links, pairs = len(graph.source), len(graph.mother)
    chosen[of[:links][found.links]] = True
    for part in (of[links : links + pairs], of[links + pairs :]):
        divided[part[found.divisions]] = True
    return chosen | divided, divided


def margins(graph: Graph, found: Solution, sure: float = SURE, at_once: int = AT_ONCE) -> Floats:
    """Return by how much the best solution without each chosen edge is dearer.

    Parameters
    ----------
    graph : Graph
        What could be chosen.
    found : Solution
        Its best solution.
    sure : float, default 12
        Where the prices of the linear program show that the margin is at least this much, that is
        returned, and nothing searched.
    at_once : int, default 150 000
        Choices of one program; a graph that has more is looked at in windows of frames, with four
        more on either side, beyond which all stays as it is.

    Returns
    -------
    ndarray (edges,) of float
        By edge of `edges`; NaN where it was not chosen. Where the solution is not the best of its
        window, or the linear program chooses halves, they may be too small, not too large.

    Examples
    --------
    >>> from .program import solved
    >>> one = Graph.of([0, 1, 1], [0, 5, 5], [5, 0, 0], source=[0, 0], target=[1, 2],
    ...                cost=[1.0, 2.5])
    >>> margins(one, solved(one)).round(6).tolist()
    [1.5, nan]
    """
    source, target, of = edges(graph)
    chosen, _ = chosen_edges(graph, found, of, len(source))
    margin = np.full(len(source), np.nan)
    small, links, pairs = graph.pruned()
    found = replace(found, links=found.links[links], divisions=found.divisions[pairs])
    rows = np.flatnonzero(chosen)
    frame = graph.frame[source[rows]]
    for begin, end in _windows(small, at_once):
        edge = rows[(frame >= begin) & (frame < end)]
        inside = (graph.frame >= begin - BESIDE) & (graph.frame < end + BESIDE)
        part, own, cover = _part(small, found, inside)
        place = np.searchsorted(own, source[edge]), np.searchsorted(own, target[edge])
        margin[edge] = _Search(cover, sure).all(part.count + place[0], place[1])
    return margin


def p_wrong(margin: Floats, temperature: float = 1.0) -> Floats:
    """Return the probability that a chosen link is wrong, of its margin in log odds.

    Examples
    --------
    >>> p_wrong(np.array([0.0, np.log(99)])).round(3).tolist()
    [0.5, 0.01]
    """
    return np.asarray(expit(-np.asarray(margin) / temperature))


def _windows(graph: Graph, at_once: int) -> Iterator[tuple[int, int]]:
    if graph.choices <= at_once:
        yield int(graph.frame.min(initial=0)), int(graph.frame.max(initial=0)) + 1
    else:
        yield from ((begin, keep) for begin, keep, _ in windows(graph, at_once))


def _part(graph: Graph, found: Solution, inside: Bools) -> tuple[Graph, Ints, Cover]:
    """Return the part of some detections, where these are, and what was chosen there."""
    came, went = (np.zeros(graph.count, bool) for _ in range(2))
    for sources, targets, chosen in (
        ((graph.source,), (graph.target,), found.links),
        ((graph.mother,), (graph.first, graph.second), found.divisions),
    ):
        ends = [one[chosen] for one in (*sources, *targets)]
        # one of whose ends lies beyond
        across = [end[~np.all([inside[one] for one in ends], axis=0)] for end in ends]
        went[across[0]] = True
        for end in across[1:]:
            came[end] = True
    part, own, links, pairs = graph.within(inside, came, went)
    kept = found.kept[own]
    now = Solution(found.links[links], found.divisions[pairs], kept, found.cost)
    program = Program.of(part)
    relaxed = program.relaxed()
    if relaxed.x is None:
        raise invalid("graph", expected="costs that have a solution", received=relaxed.message)
    return part, own, Cover.of(part, now, program.priced(relaxed)[0])


_State = tuple[float, int, float, tuple[int, ...], tuple[int, ...]]
"""Lowest cost, number, cost so far, open ways, taken ways."""


class _Search:
    """The cheapest choices in the place of what is forbidden, the cheapest unfinished ones first.

    What is forbidden leaves ways open. One of these is taken by each of the other choices that take
    it; those take the other ways of theirs from what was chosen there, which leaves ways open, too;
    and so on until none is open. Each choice makes the solution dearer by what it costs beyond its
    prices, at least, so the first that is finished is the best.
    """

    def __init__(self, cover: Cover, sure: float) -> None:
        others = np.flatnonzero(~cover.chosen)
        choices, way = by_way(cover.ways, cover.dearer, others, cover.count)
        # of each way the cheapest other choice, its part of that, and to end or begin there
        least, part, alone = (np.full(cover.count + 1, np.inf) for _ in range(3))
        many = (cover.ways < cover.count).sum(axis=1)
        np.minimum.at(least, way, cover.dearer[choices])
        np.minimum.at(part, way, cover.dearer[choices] / many[choices])
        alone[cover.ways[many == 1, 0]] = cover.dearer[many == 1]
        self.least: list[float] = least.tolist()
        self.part: list[float] = part.tolist()
        self.alone: list[float] = alone.tolist()
        self.bound = least
        self.begin = np.searchsorted(way, np.arange(cover.count + 1)).tolist()
        self.choices = choices.tolist()
        self.dearer = cover.dearer.tolist()
        self.ways = [tuple(w for w in row if w < cover.count) for row in cover.ways.tolist()]
        self.owner = cover.owners().tolist()
        self.excess, self.sure = cover.excess, sure

    def all(self, outs: Ints, intos: Ints) -> Floats:
        """Return the margin of each edge, given by its way out and its way in."""
        found = self.bound[outs] + self.bound[intos] - self.excess[outs]
        for k in np.flatnonzero(found < self.sure).tolist():
            out = int(outs[k])
            limit = self.sure + float(self.excess[out])
            found[k] = self._without(out, int(intos[k]), limit) - self.excess[out]
        return np.asarray(np.maximum(found, 0))

    def _without(self, out: int, into: int, limit: float) -> float:
        """Return what it costs to do without an edge, or that it is above a limit.

        It is infinite where there is no other way.
        """
        open_ = self.ways[self.owner[out]]
        # that tracks end and begin there is nearly always possible
        apart = sum(self.alone[way] for way in open_)
        limit, beyond = min(limit, apart), apart
        states: list[_State] = [(self._at_least(open_), 0, 0.0, open_, ())]
        pushed = 0
        for _ in range(STATES):
            if not states:
                return float(beyond)
            lowest, _, cost, open_, taken = heapq.heappop(states)
            if not open_:
                return lowest
            way = max(open_, key=self.least.__getitem__)
            for choice in self.choices[self.begin[way] : self.begin[way + 1]]:
                own = self.ways[choice]
                if (out in own and into in own) or any([w in taken for w in own]):
                    continue
                now = cost + self.dearer[choice]
                if now >= limit:
                    beyond = min(beyond, now)
                    break
                left = self._left(open_, own)
                least = now + self._at_least(left)
                if least < limit:
                    pushed += 1
                    heapq.heappush(states, (least, pushed, now, left, taken + own))
                else:
                    beyond = min(beyond, least)
        return states[0][0] if states else beyond

    def _left(self, open_: tuple[int, ...], own: tuple[int, ...]) -> tuple[int, ...]:
        """Return which ways are open after a choice: those that it took from others, too."""
        left = [way for way in open_ if way not in own]
        for way in own:
            if way not in open_:
                left += [w for w in self.ways[self.owner[way]] if w not in own and w not in left]
        return tuple(left)

    def _at_least(self, open_: tuple[int, ...]) -> float:
        """Return what it costs at least to take all open ways."""
        if not open_:
            return 0.0
        return max(max([self.least[w] for w in open_]), sum([self.part[w] for w in open_]))
