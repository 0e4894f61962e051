"""The cheapest solution of what could be linked, and how sure each link is, against enumeration."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from cytoloom import InvalidError
from cytoloom.tracks.graph import Graph, cost_of, ways
from cytoloom.tracks.margins import edges, margins, p_wrong
from cytoloom.tracks.program import solved
from cytoloom.tracks.simple import assigned, greedy, nearest


def enumerated(graph: Graph) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """Yield the cost of every choice that is possible."""
    links, pairs = len(graph.source), len(graph.mother)
    for bits in itertools.product([False, True], repeat=links + pairs):
        chosen = np.array(bits, bool)
        came, went = ways(graph, chosen[:links], chosen[links:])
        if max(came.max(initial=0), went.max(initial=0)) <= 1:
            yield cost_of(graph, chosen[:links], chosen[links:]), chosen[:links], chosen[links:]


def best(graph: Graph, without: tuple[int, int] | None = None) -> float:
    """Return the lowest cost, perhaps without a link in any choice."""
    lowest = np.inf
    for cost, links, pairs in enumerated(graph):
        used = set(zip(graph.source[links].tolist(), graph.target[links].tolist(), strict=True))
        for m, a, b in zip(graph.mother[pairs], graph.first[pairs], graph.second[pairs],
                           strict=True):  # fmt: skip
            used |= {(int(m), int(a)), (int(m), int(b))}
        if without not in used:
            lowest = min(lowest, cost)
    return lowest


def some_graph(seed: int, free: bool, frames: int = 3) -> Graph:
    """Draw frames of two or three detections with links, gaps and divisions."""
    rng = np.random.default_rng(seed)
    frame = np.repeat(np.arange(frames), 2 + (rng.random(frames) < 0.4).astype(int))
    n = len(frame)
    step = frame[None] - frame[:, None]
    source, target = np.nonzero((step == 1) & (rng.random((n, n)) < 0.7)
                                | (step == 2) & (rng.random((n, n)) < 0.1))  # fmt: skip
    if frames > 3:
        some = np.sort(rng.permutation(len(source))[:6])
        source, target = source[some], target[some]
    triples = [
        (m, a, b)
        for m in range(n)
        for a, b in itertools.combinations(np.flatnonzero(step[m] == 1), 2)
        if rng.random() < 0.4
    ][: max(0, 9 - len(source))]
    mother, first, second = (list(one) for one in zip(*triples, strict=True)) if triples else (
        [], [], [])  # fmt: skip
    return Graph.of(
        frame, rng.uniform(0, 4, n), rng.uniform(0, 4, n), rng.uniform(0, 6, n) if free else None,
        source=source[:9], target=target[:9], cost=rng.normal(0, 2, len(source[:9])),
        mother=mother, first=first, second=second, split=rng.normal(1, 3, len(mother)),
    )  # fmt: skip


@pytest.mark.parametrize("free", [False, True])
def test_the_solution_is_the_cheapest_of_all(free: bool) -> None:
    for seed in range(12):
        graph = some_graph(seed, free)
        found = solved(graph)
        assert found.cost == pytest.approx(best(graph), abs=1e-6)
        again = cost_of(graph, found.links, found.divisions, found.kept)
        assert again == pytest.approx(found.cost, abs=1e-6)
        assert found.gap == 0


@pytest.mark.parametrize("free", [False, True])
def test_margins_are_those_of_enumeration(free: bool) -> None:
    found_out = 0
    for seed in range(16):
        graph = some_graph(seed, free)
        found = solved(graph)
        source, target, _ = edges(graph)
        whole, bound = margins(graph, found, sure=np.inf), margins(graph, found, sure=-1)
        some = margins(graph, found, sure=2)
        for k in np.flatnonzero(~np.isnan(whole)):
            more = best(graph, (int(source[k]), int(target[k]))) - found.cost
            assert whole[k] == pytest.approx(more, abs=1e-6)
            # what is only shown to be sure is no surer than it should be
            assert bound[k] <= more + 1e-6
            assert min(more, 2) - 1e-6 <= some[k] <= more + 1e-6
            found_out += 1
    assert found_out >= 30


def test_margins_of_a_solution_that_is_not_the_best_are_never_above_those_of_enumeration() -> None:
    worse = 0
    for seed in range(16):
        graph = some_graph(seed, free=True, frames=5)
        found, lowest = greedy(graph), best(graph)
        source, target, _ = edges(graph)
        whole = margins(graph, found, sure=np.inf)
        for k in np.flatnonzero(~np.isnan(whole)):
            more = best(graph, (int(source[k]), int(target[k]))) - lowest
            assert 0 <= whole[k] <= more + 1e-6
        worse += found.cost > lowest + 1e-6
    assert worse > 3


def test_simpler_ways_are_possible_and_never_cheaper() -> None:
    for seed in range(12):
        graph = some_graph(seed, True)
        lowest = solved(graph).cost
        for way in (nearest, greedy, assigned):
            found = way(graph)
            came, went = ways(graph, found.links, found.divisions)
            assert max(came.max(initial=0), went.max(initial=0)) <= 1
            assert found.cost >= lowest - 1e-9


def test_by_hand_a_cell_that_may_divide() -> None:
    # mother 0; 1 and 2 in the next frame; each link costs 1, to begin anew 5, to divide 3 in all
    graph = Graph.of([0, 1, 1], [0, 5, 5], [4, 0, 0], source=[0, 0], target=[1, 2], cost=[1, 1.5],
                     mother=[0], first=[1], second=[2], split=[3])  # fmt: skip
    found = solved(graph)
    assert found.divisions.tolist() == [True]
    assert found.cost == 3
    # without the link to 1: the link to 2 and 1 anew; without that to 2: the link to 1 and 2 anew
    assert margins(graph, found).tolist() == pytest.approx([1.5 + 5 - 3, 1 + 5 - 3])


def test_by_hand_a_detection_that_is_none() -> None:
    # 0 to 1 to 2, and 3 beside 1, which costs more to explain than to leave out
    graph = Graph.of([0, 1, 2, 1], [0, 5, 5, 5], [5, 5, 0, 5], [9, 9, 9, 4],
                     source=[0, 1], target=[1, 2], cost=[1, 1])  # fmt: skip
    found = solved(graph)
    assert found.kept.tolist() == [True, True, True, False]
    assert found.cost == 2 + 4


def test_no_condition_binds_the_price_of_a_division() -> None:
    """With a price for a second link the program is fractional here: costs 0, 1, 2 not convex."""
    # two mothers, two daughters: each mother would divide at less than what it costs to end
    graph = Graph.of([0, 0, 1, 1], [0, 0, 3, 3], [1, 1, 0, 0], source=[0, 0, 1, 1],
                     target=[2, 3, 2, 3], cost=[2, 2, 2, 2], mother=[0, 1], first=[2, 2],
                     second=[3, 3], split=[-2, -2])  # fmt: skip
    found = solved(graph)
    assert found.fractional == 0
    assert found.divisions.sum() == 1
    assert found.cost == -2 + 1


def crossing(frames: int = 50, cells: int = 6) -> Graph:
    """Draw cells that walk through each other, some of them missed for a frame."""
    rng = np.random.default_rng(3)
    at = np.cumsum(rng.normal(0, 0.6, (frames, cells, 2)), axis=0) + rng.uniform(0, 20, (cells, 2))
    frame = np.repeat(np.arange(frames), cells)
    flat = at.reshape(-1, 2)
    source, target = [], []
    for t in range(frames - 1):
        for step in (1, 2):
            if t + step < frames:
                a, b = np.meshgrid(np.arange(cells), np.arange(cells), indexing="ij")
                source.append(t * cells + a.ravel())
                target.append((t + step) * cells + b.ravel())
    source, target = np.concatenate(source), np.concatenate(target)
    away = ((flat[source] - flat[target]) ** 2).sum(axis=1)
    cost = away - 3 + 4 * (frame[target] - frame[source] - 1)
    ones = np.full(len(frame), 4.0)
    return Graph.of(frame, ones, ones, 3 * ones, source=source, target=target, cost=cost)


def test_windows_give_the_links_of_the_whole() -> None:
    graph = crossing()
    whole, parts = solved(graph), solved(graph, at_once=100)
    assert parts.links.tolist() == whole.links.tolist()
    assert parts.cost == pytest.approx(whole.cost)
    assert whole.links.sum() > 200


def test_windows_give_the_error_rates_of_the_whole() -> None:
    graph = crossing()
    p = p_wrong(margins(graph, solved(graph)))
    sure, unsure = np.nanquantile(p, [0.1, 0.99])
    assert sure < 1e-4
    assert unsure > 0.02
    # of solving, of looking at links, of both
    for at_once, together in ((100, 150_000), (150_000, 100), (100, 100)):
        parts = margins(graph, solved(graph, at_once=at_once), at_once=together)
        assert p_wrong(parts) == pytest.approx(p, abs=1e-3, nan_ok=True)


def test_choices_left_open_are_searched_and_proven() -> None:
    """Three mothers and three daughters, each pair of which is cheap: the program takes halves."""
    pairs = [(3, 4), (4, 5), (3, 5)]
    graph = Graph.of([0] * 3 + [1] * 3, [0] * 3 + [9] * 3, [1] * 3 + [0] * 3,
                     source=[0, 0, 0], target=[3, 4, 5], cost=[8, 8, 8],
                     mother=[0, 1, 2], first=[a for a, _ in pairs], second=[b for _, b in pairs],
                     split=[-20, -20, -20])  # fmt: skip
    found = solved(graph)
    assert found.fractional > 0
    # halves of all three would cost less: one divides, the last daughter enters, or is linked
    assert found.cost == pytest.approx(best(graph))
    assert found.gap == 0
    source, target, _ = edges(graph)
    whole = margins(graph, found, sure=np.inf)
    for k in np.flatnonzero(~np.isnan(whole)):
        more = best(graph, (int(source[k]), int(target[k]))) - found.cost
        assert 0 <= whole[k] <= more + 1e-6


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(InvalidError, match=r"earlier to later frames.*from frame 1 to frame 0"):
        Graph.of([0, 1], [1, 1], [1, 1], source=[1], target=[0], cost=[1.0])
    with pytest.raises(InvalidError, match=r"numbers as costs \(cost\)"):
        Graph.of([0, 1], [1, 1], [1, 1], source=[0], target=[1], cost=[np.nan])
    with pytest.raises(InvalidError, match="of one length"):
        Graph.of([0, 1], [1, 1], [1, 1], source=[0], target=[1], cost=[])


def test_p_wrong_is_the_logistic_of_the_margin() -> None:
    assert p_wrong(np.array([0.0, np.log(9)])).tolist() == pytest.approx([0.5, 0.1])
    assert p_wrong(np.array([np.log(9)]), 2.0)[0] == pytest.approx(0.25)
