"""Links of a real embryo come back from scores: all from an oracle, most from noisy ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree
from scipy.special import expit

from cytoloom.tracks.linked import Linked, result_of
from cytoloom.tracks.program import solved
from cytoloom.tracks.scored import scored

Pairs = set[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Embryo:
    """Positions in the order of their frames, candidates, and which of these are true."""

    frame: np.ndarray
    at: np.ndarray
    links: Pairs
    source: np.ndarray
    target: np.ndarray

    @property
    def true(self) -> np.ndarray:
        pairs = zip(self.source.tolist(), self.target.tolist(), strict=True)
        return np.array([pair in self.links for pair in pairs])

    @property
    def divides(self) -> np.ndarray:
        return np.bincount([a for a, _ in self.links], minlength=len(self.frame)) == 2


def candidates(frame: np.ndarray, at: np.ndarray, further: float) -> tuple[np.ndarray, np.ndarray]:
    """Return up to five pairs of each cell in both directions, so many times the nearest."""
    found = []
    for t in range(int(frame.max())):
        a, b = np.flatnonzero(frame == t), np.flatnonzero(frame == t + 1)
        pairs: Pairs = set()
        for one, other, turned in ((a, b, False), (b, a, True)):
            many = min(5, len(other))
            away, near = cKDTree(at[other]).query(at[one], k=list(range(1, many + 1)))
            for i, k in zip(*np.nonzero(away <= further * away[:, :1]), strict=True):
                pair = (int(one[i]), int(other[near[i, k]]))
                pairs.add(pair[::-1] if turned else pair)
        found += sorted(pairs)
    return np.array([p[0] for p in found]), np.array([p[1] for p in found])


def embryo(folder: Path, frames: int, further: float) -> Embryo:
    nodes = pd.read_csv(folder / "ctc_fluo_n3dh_ce_lineage" / "nodes.csv").query("t < @frames")
    nodes = nodes.sort_values(["t", "id"], kind="stable").reset_index(drop=True)
    row = dict(zip(nodes["id"], nodes.index, strict=True))
    edges = pd.read_csv(folder / "ctc_fluo_n3dh_ce_lineage" / "edges.csv").to_numpy().tolist()
    links = {(row[a], row[b]) for a, b in edges if a in row and b in row}
    at = nodes[["z", "y", "x"]].to_numpy(float) * [1.0, 0.09, 0.09]
    frame = nodes["t"].to_numpy()
    return Embryo(frame, at, links, *candidates(frame, at, further))


def chosen(found: Linked) -> Pairs:
    own = found.chosen
    return set(zip(found.source[own].tolist(), found.target[own].tolist(), strict=True))


def divisions(links: Iterable[tuple[int, int]]) -> set[tuple[int, frozenset[int]]]:
    after: dict[int, set[int]] = {}
    for a, b in links:
        after.setdefault(a, set()).add(b)
    return {(a, frozenset(b)) for a, b in after.items() if len(b) == 2}


def test_an_oracle_gives_every_link_and_every_division(real_data: Path) -> None:
    movie = embryo(real_data, 130, 2.0)
    assert len(movie.frame) == 7105
    assert len(movie.links) == 7101
    p = np.where(movie.true, 0.99, 0.01)
    division = np.where(movie.divides, 0.99, 0.01)
    found = solved(scored(movie.frame, movie.source, movie.target, p, division=division))
    assert found.fractional == 0
    own = chosen(result_of(scored(movie.frame, movie.source, movie.target, p, division=division),
                           found, "lap"))  # fmt: skip
    links = {(int(a), int(b)) for a, b in
             zip(movie.source[found.links], movie.target[found.links], strict=True)}  # fmt: skip
    graph = scored(movie.frame, movie.source, movie.target, p, division=division)
    for m, a, b in zip(graph.mother[found.divisions], graph.first[found.divisions],
                       graph.second[found.divisions], strict=True):  # fmt: skip
        links |= {(int(m), int(a)), (int(m), int(b))}
    assert links == movie.links
    assert len(divisions(links)) == 170
    assert own == movie.links


def noisy(movie: Embryo, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return calibrated probabilities of links and divisions: odds with logistic noise."""
    rng = np.random.default_rng(seed)

    def drawn(true: np.ndarray) -> np.ndarray:
        odds = np.where(true, 4.6, -4.6) + rng.logistic(0, spread, len(true))
        # the log likelihood ratio of that noise, and how common what is true is
        up, down = ((odds - m) / spread for m in (4.6, -4.6))
        ratio = (-up - 2 * np.logaddexp(0, -up)) - (-down - 2 * np.logaddexp(0, -down))
        return np.asarray(expit(ratio + np.log(true.mean() / (1 - true.mean()))))

    return drawn(movie.true), drawn(movie.divides)


@pytest.mark.parametrize("spread", [1.5, 2.0])
def test_errors_of_the_optimum_are_fewest(real_data: Path, spread: float) -> None:
    movie = embryo(real_data, 80, 3.0)
    errors = dict.fromkeys(("optimal", "lap", "greedy"), 0)
    told: list[tuple[float, bool]] = []
    for seed in range(3):
        link, division = noisy(movie, spread, seed)
        graph = scored(movie.frame, movie.source, movie.target, link, division=division)
        best = solved(graph)
        for solver in errors:
            found = result_of(graph, best, solver)
            errors[solver] += len(chosen(found) ^ movie.links)
            if solver == "optimal":
                rows = np.flatnonzero(found.chosen)
                told += [(float(found.wrong[k]),
                          (int(found.source[k]), int(found.target[k])) not in movie.links)
                         for k in rows]  # fmt: skip
    assert errors["optimal"] <= errors["lap"] <= errors["greedy"]
    assert errors["optimal"] < 0.01 * 3 * len(movie.links)
    # of what is said to be sure next to nothing is wrong, and little is not sure
    p, wrong = np.array([one for one, _ in told]), np.array([one for _, one in told])
    assert (p > 0.01).mean() <= 0.03
    assert (wrong & (p <= 0.01)).mean() <= 0.001
    assert abs(p.mean() - wrong.mean()) <= 0.005
