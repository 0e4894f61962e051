"""Simpler ways to link, to compare the best solution with: nearest, greedy, assignments."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from .graph import Graph, Solution, cost_of, ways


def nearest(graph: Graph) -> Solution:
    """Link each detection to the cheapest of the next frame that has it as its cheapest, too.

    No divisions, no missing frames.

    Examples
    --------
    >>> one = Graph.of([0, 0, 1], [0, 0, 5], [5, 5, 0], source=[0, 1], target=[2, 2],
    ...                cost=[2.0, 1.0])
    >>> nearest(one).links.tolist()
    [False, True]
    """
    near = graph.frame[graph.target] - graph.frame[graph.source] == 1
    out, into = (np.full(graph.count, np.inf) for _ in range(2))
    np.minimum.at(out, graph.source[near], graph.cost[near])
    np.minimum.at(into, graph.target[near], graph.cost[near])
    best = near & (graph.cost <= out[graph.source]) & (graph.cost <= into[graph.target])
    links = _once(graph, np.flatnonzero(best))
    return _solution(graph, links, np.zeros(len(graph.mother), bool))


def greedy(graph: Graph) -> Solution:
    """Choose links and divisions by what each gains, the most first, while both ends are free."""
    apart = graph.leave[graph.source] + graph.enter[graph.target] - graph.cost
    whole = graph.leave[graph.mother] + graph.enter[graph.first] + graph.enter[graph.second]
    gain = np.concatenate([apart, whole - graph.split])
    count = len(graph.source)
    out, into = np.zeros(graph.count, bool), np.zeros(graph.count, bool)
    links, pairs = np.zeros(count, bool), np.zeros(len(graph.mother), bool)
    for k in np.argsort(-gain, kind="stable"):
        if gain[k] <= 0:
            break
        if k < count:
            a, ends = graph.source[k], [graph.target[k]]
        else:
            a, ends = graph.mother[k - count], [graph.first[k - count], graph.second[k - count]]
        if out[a] or into[ends].any():
            continue
        out[a] = into[ends] = True
        (links if k < count else pairs)[k if k < count else k - count] = True
    return _solution(graph, links, pairs)


def assigned(graph: Graph) -> Solution:
    """Solve an assignment for each pair of frames, then give mothers to tracks that begin.

    As linear assignment trackers do: each step is the best, all together need not be. Links over a
    missing frame come last, between tracks that end and tracks that begin.
    """
    links = np.zeros(len(graph.source), bool)
    pairs = np.zeros(len(graph.mother), bool)
    step = graph.frame[graph.target] - graph.frame[graph.source]
    for many in sorted(set(step.tolist())):
        for frame in np.unique(graph.frame[graph.source[step == many]]):
            came, went = ways(graph, links, pairs)
            own = (step == many) & (graph.frame[graph.source] == frame)
            own &= (went[graph.source] == 0) & (came[graph.target] == 0)
            links[_best(graph, np.flatnonzero(own))] = True
        if many == 1:
            links, pairs = _divided(graph, links, pairs)
    return _solution(graph, links, pairs)


def _best(graph: Graph, own: np.ndarray) -> np.ndarray:
    """Return the links of the cheapest assignment of one pair of frames."""
    rows, a = np.unique(graph.source[own], return_inverse=True)
    columns, b = np.unique(graph.target[own], return_inverse=True)
    gain = np.zeros((len(rows), len(columns)))
    which = np.full(gain.shape, -1)
    worth = graph.leave[graph.source[own]] + graph.enter[graph.target[own]] - graph.cost[own]
    useful = worth > 0
    gain[a[useful], b[useful]] = worth[useful]
    which[a[useful], b[useful]] = own[useful]
    chosen = which[linear_sum_assignment(gain, maximize=True)]
    return chosen[chosen >= 0]


def _divided(graph: Graph, links: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn links into divisions where that pays, what pays most first."""
    by = {(int(a), int(b)): k for k, (a, b) in
          enumerate(zip(graph.source, graph.target, strict=True)) if links[k]}  # fmt: skip
    came, _ = ways(graph, links, pairs)
    offers = []
    for k, (m, a, b) in enumerate(zip(graph.mother, graph.first, graph.second, strict=True)):
        for one, other in ((a, b), (b, a)):
            link = by.get((int(m), int(one)))
            if link is not None and not came[other]:
                gain = graph.cost[link] + graph.enter[other] - graph.split[k]
                offers.append((-gain, k, link, int(other)))
    taken: set[int] = set()
    for gain, k, link, other in sorted(offers):
        if gain < 0 and links[link] and other not in taken:
            links[link], pairs[k] = False, True
            taken.add(other)
    return links, pairs


def _once(graph: Graph, rows: np.ndarray) -> np.ndarray:
    """Choose links in their order, each detection once."""
    out, into = np.zeros(graph.count, bool), np.zeros(graph.count, bool)
    links = np.zeros(len(graph.source), bool)
    for k in rows[np.argsort(graph.cost[rows], kind="stable")]:
        a, b = graph.source[k], graph.target[k]
        if not out[a] and not into[b]:
            links[k] = out[a] = into[b] = True
    return links


def _solution(graph: Graph, links: np.ndarray, pairs: np.ndarray) -> Solution:
    came, went = ways(graph, links, pairs)
    kept = (came > 0) | (went > 0) | (graph.enter + graph.leave <= graph.absent)
    return Solution(links, pairs, kept, cost_of(graph, links, pairs, kept), gap=float("nan"))
