"""How sure each link is: by how much the best solution without it is dearer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse
from scipy.special import expit

from .graph import Bools, Floats, Graph, Ints, Prices, Solution, ways
from .program import Program

SURE = 9.0
"""Above this margin (about one in ten thousand) no link is looked at again: it is said as it is."""
HOPS = 2
"""So many candidates away what was chosen may change when a link is forbidden."""
TOGETHER = 20_000
"""Choices of the programs that are solved together."""


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


def margins(graph: Graph, found: Solution, hops: int = HOPS, sure: float = SURE) -> Floats:
    """Return by how much the best solution without each chosen edge is dearer.

    Parameters
    ----------
    graph : Graph
        What could be chosen.
    found : Solution
        Its best solution.
    hops : int, default 2
        What may change: detections so many candidate links away from the forbidden one. What lies
        beyond stays as it is, so a margin may be too large, never too small.
    sure : float, default 9
        Where the linear program's prices show that the margin is at least this much, that bound is
        returned, and nothing solved again.

    Returns
    -------
    ndarray (edges,) of float
        By edge of `edges`; NaN where it was not chosen.

    Examples
    --------
    >>> from .program import solved
    >>> one = Graph.of([0, 1, 1], [0, 5, 5], [5, 0, 0], source=[0, 0], target=[1, 2],
    ...                cost=[1.0, 2.5])
    >>> margins(one, solved(one)).tolist()
    [1.5, nan]
    """
    source, target, of = edges(graph)
    chosen, _ = chosen_edges(graph, found, of, len(source))
    margin = np.full(len(source), np.nan)
    rows = np.flatnonzero(chosen)
    if found.prices is not None:
        out, into = _least(graph, found, found.prices)
        margin[rows] = least = out[source[rows]] + into[target[rows]]
        rows = rows[~(least >= sure)]
    alternatives = _Alternatives(graph, found, of, sure)
    for some in _bunches(rows, alternatives, source, target, hops):
        margin[[row for row, _ in some]] = alternatives.solved(some)
    return margin


def p_wrong(margin: Floats, temperature: float = 1.0) -> Floats:
    """Return the probability that a chosen link is wrong, of its margin in log odds.

    Examples
    --------
    >>> p_wrong(np.array([0.0, np.log(99)])).round(3).tolist()
    [0.5, 0.01]
    """
    return np.asarray(expit(-np.asarray(margin) / temperature))


def _least(graph: Graph, found: Solution, prices: Prices) -> tuple[Floats, Floats]:
    """Return the least that another way out of, and another way into, each detection costs.

    Another way out is another choice, or not to keep the detection, and then what came before it
    needs another way out, too.
    """
    n = graph.count
    p, q = found.divisions, found.links
    out, into = prices.leave.copy(), prices.enter.copy()
    came, went = ways(graph, q, p)
    out[(went == 0) & found.kept] = into[(came == 0) & found.kept] = np.inf
    np.minimum.at(out, graph.source[~q], prices.links[~q])
    np.minimum.at(out, graph.mother[~p], prices.divisions[~p])
    np.minimum.at(into, graph.target[~q], prices.links[~q])
    np.minimum.at(into, graph.first[~p], prices.divisions[~p])
    np.minimum.at(into, graph.second[~p], prices.divisions[~p])
    out, into = np.maximum(out, 0), np.maximum(into, 0)
    before = np.full(n, -1)
    before[graph.target[q]] = graph.source[q]
    before[graph.first[p]] = before[graph.second[p]] = graph.mother[p]
    after = np.full((n, 2), -1)
    after[graph.source[q], 0] = graph.target[q]
    after[graph.mother[p]] = np.stack([graph.first[p], graph.second[p]], axis=1)
    begins = np.searchsorted(graph.frame, np.unique(graph.frame))
    frames = np.split(np.arange(n), begins[1:])
    for own in frames:
        more = np.where(before[own] >= 0, out[before[own]], 0.0)
        out[own] = np.minimum(out[own], prices.kept[own] + more)
    for own in reversed(frames):
        more = np.where(after[own] >= 0, into[after[own]], 0.0).max(axis=1)
        into[own] = np.minimum(into[own], prices.kept[own] + more)
    return out, into


class _Alternatives:
    """The neighbourhoods in which what was chosen may change."""

    def __init__(self, graph: Graph, found: Solution, of: Ints, sure: float) -> None:
        self.graph, self.found, self.of = graph, found, of
        self.place = np.full(graph.count, -1)
        links, pairs = np.arange(len(graph.source)), np.arange(len(graph.mother))
        if found.prices is not None:
            # what alone makes a solution so much dearer is in none that matters
            links = links[found.links | (found.prices.links < sure)]
            pairs = pairs[found.divisions | (found.prices.divisions < sure)]
        mother, first, second = graph.mother[pairs], graph.first[pairs], graph.second[pairs]
        source = np.concatenate([graph.source[links], mother, mother, first])
        target = np.concatenate([graph.target[links], first, second, second])
        ones = np.ones(len(source))
        near = sparse.csr_array((ones, (source, target)), shape=(graph.count,) * 2)
        self.near = (near + near.T).tocsr()
        # which links and divisions each detection is in
        rows = np.concatenate([graph.source[links], graph.target[links]])
        self.links = _lists(rows, np.tile(links, 2), graph.count)
        rows = np.concatenate([mother, first, second])
        self.pairs = _lists(rows, np.tile(pairs, 3), graph.count)

    def around(self, start: list[int], hops: int) -> Ints:
        """Return the detections so many candidates away, with what was chosen beside them."""
        seen = set(start)
        edge = list(seen)
        for _ in range(hops):
            after: set[int] = set()
            for k in edge:
                after.update(self.near.indices[self.near.indptr[k] : self.near.indptr[k + 1]])
            edge = [k for k in after if k not in seen]
            seen.update(edge)
            if not edge:
                break
        return np.array(sorted(seen), np.int64)

    def solved(self, some: list[tuple[int, Ints]]) -> list[float]:
        """Solve several neighbourhoods, each without its edge, as one program."""
        parts = [self._part(row, own) for row, own in some]
        programs = [Program.of(part) for part, _ in parts]
        whole = Program(
            np.concatenate([p.costs for p in programs]),
            np.concatenate([p.upper for p in programs]),
            sparse.csr_array(sparse.block_diag([p.balance for p in programs])),
            sparse.csr_array(sparse.block_diag([p.once for p in programs])),
            np.concatenate([p.forced for p in programs]),
            0.0,
        )
        found = whole.relaxed()
        if found.x is None:
            # of some there is no other way: what was said to be right cannot be left out
            if len(some) == 1:
                return [np.inf]
            half = len(some) // 2
            return self.solved(some[:half]) + self.solved(some[half:])
        sizes = np.cumsum([0, *(len(p.costs) for p in programs)])
        result = []
        for k, ((_, now), program) in enumerate(zip(parts, programs, strict=True)):
            own = slice(sizes[k], sizes[k + 1])
            best = float(program.costs @ found.x[own]) + program.constant
            result.append(max(0.0, best - now))
        return result

    def _part(self, row: int, own: Ints) -> tuple[Graph, float]:
        """Return a neighbourhood without an edge, and what the solution costs there now."""
        graph, found, place = self.graph, self.found, self.place
        place[own] = np.arange(len(own))
        links = np.unique(np.concatenate([self.links[k] for k in own]))
        pairs = np.unique(np.concatenate([self.pairs[k] for k in own]))
        whole = (place[graph.source[links]] >= 0) & (place[graph.target[links]] >= 0)
        both = (place[graph.mother[pairs]] >= 0) & (place[graph.first[pairs]] >= 0)
        both &= place[graph.second[pairs]] >= 0
        # what reaches beyond stays chosen: these have come, or gone, and nowhere else
        far, pair = links[~whole & found.links[links]], pairs[~both & found.divisions[pairs]]
        came, went = (np.zeros(len(own) + 1, bool) for _ in range(2))  # the last is of others
        for ways_, ends in ((came, (graph.target[far], graph.first[pair], graph.second[pair])),
                            (went, (graph.source[far], graph.mother[pair]))):  # fmt: skip
            for end in ends:
                ways_[place[end]] = True
        came[-1] = went[-1] = False
        enter = np.where(came[:-1], 0, graph.enter[own])
        leave = np.where(went[:-1], 0, graph.leave[own])
        absent = np.where((came | went)[:-1], np.inf, graph.absent[own])
        links, pairs = links[whole], pairs[both]
        links = links[~came[place[graph.target[links]]] & ~went[place[graph.source[links]]]]
        taken = came[place[graph.first[pairs]]] | came[place[graph.second[pairs]]]
        pairs = pairs[~went[place[graph.mother[pairs]]] & ~taken]
        now = self._now(own, links, pairs, enter, leave, absent)
        count, many = len(graph.source), len(graph.mother)
        links = links[self.of[links] != row]
        of_pairs = self.of[count + pairs], self.of[count + many + pairs]
        pairs = pairs[(of_pairs[0] != row) & (of_pairs[1] != row)]
        ends = (graph.source[links], graph.target[links], graph.mother[pairs],
                graph.first[pairs], graph.second[pairs])  # fmt: skip
        source, target, mother, first, second = (place[end] for end in ends)
        place[own] = -1
        part = Graph(
            graph.frame[own], enter, leave, absent, source, target, graph.cost[links],
            mother, first, second, graph.split[pairs],
        )  # fmt: skip
        return part, now

    def _now(
        self, own: Ints, links: Ints, pairs: Ints, enter: Floats, leave: Floats, absent: Floats
    ) -> float:
        graph, found = self.graph, self.found
        links, pairs = links[found.links[links]], pairs[found.divisions[pairs]]
        came, went = (np.zeros(len(own), bool) for _ in range(2))
        for end in (graph.target[links], graph.first[pairs], graph.second[pairs]):
            came[self.place[end]] = True
        for end in (graph.source[links], graph.mother[pairs]):
            went[self.place[end]] = True
        kept = found.kept[own]
        total = graph.cost[links].sum() + graph.split[pairs].sum()
        total += enter[kept & ~came].sum() + leave[kept & ~went].sum()
        return float(total + absent[~kept].sum())


def _bunches(
    rows: Ints, alternatives: _Alternatives, source: Ints, target: Ints, hops: int
) -> Iterator[list[tuple[int, Ints]]]:
    some: list[tuple[int, Ints]] = []
    size = 0
    for row in rows.tolist():
        own = alternatives.around([int(source[row]), int(target[row])], hops)
        some.append((row, own))
        size += 4 * len(own)
        if size > TOGETHER:
            yield some
            some, size = [], 0
    if some:
        yield some


def _lists(rows: Ints, values: Ints, count: int) -> list[Ints]:
    order = np.argsort(rows, kind="stable")
    cuts = np.searchsorted(rows[order], np.arange(1, count))
    return np.split(values[order], cuts)
