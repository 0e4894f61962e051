"""Who is whose mother, from positions and scores alone: links, divisions, error rates.

``positions``: those of `ctc_fluo_n3dh_ce_lineage` and `ctc_fluo_n2dl_hela_tracks`, moved by so many
micrometres (of HeLa pixels), with false and missing ones, and no images. ``scores``: the links of
the embryo with noise on their log odds, positions as they are, and with false and missing
detections that have scores, too. True positions are no evidence: geometry alone solves them. Each
way of solving sees the same costs. LapTrack (`--solvers laptrack`, to be installed for it) has that
longest step of five which gives it the fewest errors. ``scale``: simulated positions by the
million, in one pass with error rates: time, memory, errors.

Every cell runs alone, appends its row in `--out`, and is not run again.

    python -m benchmarks.linking positions --jitter 0 0.3 1 --out linking
    python -m benchmarks.linking scores --noise 1 1.5 2 --seeds 0 1 2 --out linking
    python -m benchmarks.linking scale --positions 1000000 --out linking
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from scipy.special import expit

from cytoloom.events import drain, with_result
from cytoloom.tracks.graph import Solution
from cytoloom.tracks.linked import Linked, linked, result_of
from cytoloom.tracks.points import Points
from cytoloom.tracks.program import solved
from cytoloom.tracks.scored import scored

from . import laptracked, linking_scale, machine, records

SOLVERS = ("optimal", "lap", "greedy", "nearest")
FALSE, MISSING = 0.05, 0.03
SETS = ("embryo", "hela")


@dataclass(frozen=True, eq=False)
class Movie:
    """Detections in the order of their frames, and the pairs that are the same cell."""

    frame: np.ndarray
    at: np.ndarray
    links: frozenset[tuple[int, int]]
    over_gaps: frozenset[tuple[int, int]] = frozenset()
    cells: frozenset[int] = frozenset()


def embryo(frames: int = 130) -> Movie:
    folder = records.data_folder() / "ctc_fluo_n3dh_ce_lineage"
    nodes = pd.read_csv(folder / "nodes.csv").query("t < @frames")
    nodes = nodes.sort_values(["t", "id"], kind="stable").reset_index(drop=True)
    row = dict(zip(nodes["id"], nodes.index, strict=True))
    edges = pd.read_csv(folder / "edges.csv").to_numpy()
    links = frozenset((row[a], row[b]) for a, b in edges if a in row and b in row)
    at = nodes[["z", "y", "x"]].to_numpy(float) * [1.0, 0.09, 0.09]
    return Movie(nodes["t"].to_numpy(), at, links, cells=frozenset(range(len(nodes))))


def hela() -> Movie:
    folder = records.data_folder() / "ctc_fluo_n2dl_hela_tracks"
    nodes = pd.read_csv(folder / "points.csv").sort_values(["t", "id"], kind="stable")
    nodes = nodes.reset_index(drop=True)
    row = dict(zip(nodes["id"], nodes.index, strict=True))
    mothers = nodes["parent_id"].to_numpy(float)
    links = frozenset((row[int(p)], k) for k, p in enumerate(mothers) if np.isfinite(p))
    return Movie(nodes["t"].to_numpy(), nodes[["y", "x"]].to_numpy(float), links)


def perturbed(movie: Movie, jitter: float, false: float, missing: float, seed: int) -> Movie:
    """Move positions, leave some out and add some anywhere."""
    rng = np.random.default_rng(seed)
    n = len(movie.frame)
    kept = np.flatnonzero(rng.random(n) >= missing)
    at = movie.at + rng.normal(0, jitter, movie.at.shape)
    more = rng.integers(0, n, int(false * n))
    extra = rng.uniform(at.min(axis=0), at.max(axis=0), (len(more), at.shape[1]))
    frame = np.concatenate([movie.frame[kept], movie.frame[more]])
    order = np.argsort(frame, kind="stable")
    was = np.concatenate([kept, np.full(len(more), -1)])[order]
    now = np.full(n, -1)
    now[was[was >= 0]] = np.flatnonzero(was >= 0)
    mother = np.full(n, -1)
    for a, b in movie.links:
        mother[b] = a
    links, over = set(), set()
    for k in kept.tolist():
        a = mother[k]
        if a >= 0 and now[a] >= 0:
            links.add((int(now[a]), int(now[k])))
        elif a >= 0 and mother[a] >= 0 and now[mother[a]] >= 0:
            over.add((int(now[mother[a]]), int(now[k])))
    at = np.concatenate([at[kept], extra])[order]
    cells = frozenset(np.flatnonzero(was >= 0).tolist())
    return Movie(frame[order], at, frozenset(links), frozenset(over), cells)


def divisions(links: Any) -> set[tuple[int, frozenset[int]]]:
    after: dict[int, set[int]] = defaultdict(set)
    for a, b in links:
        after[a].add(b)
    return {(a, frozenset(b)) for a, b in after.items() if len(b) == 2}


def judged(movie: Movie, found: Linked) -> dict[str, Any]:
    """Count what is wrong; of error rates how well they say so."""
    own = found.chosen
    pairs = list(zip(found.source[own].tolist(), found.target[own].tolist(), strict=True))
    right = np.array([p in movie.links or p in movie.over_gaps for p in pairs])
    each = divisions(pairs)
    true = divisions(movie.links)
    row: dict[str, Any] = {
        "links": len(movie.links), "wrong": int((~right).sum()),
        "missed": len(movie.links - set(pairs)), "divisions": len(true),
        "exact": len(each & true), "false divisions": len(each - true),
    }  # fmt: skip
    p = found.wrong[own]
    if np.isfinite(p).all() and len(p):
        bins = np.minimum((p * 15).astype(int), 14)
        gaps = [abs(p[bins == k].sum() - (~right[bins == k]).sum()) for k in range(15)]
        clear = np.clip(p, 1e-6, 1 - 1e-6)
        row |= {
            "ece": float(sum(gaps) / len(p)),
            "log loss": float(-np.mean(np.where(right, np.log1p(-clear), np.log(clear)))),
            "flagged": float((p > 0.01).mean()),
            "left": float((~right[p <= 0.01]).sum() / len(p)),
        }  # fmt: skip
    return row


def run_positions(given: argparse.Namespace) -> None:
    for name in given.sets:
        movie = {"embryo": embryo, "hela": hela}[name]()
        for jitter in given.jitter:
            for seed in given.seeds:
                for clean in (True, False):
                    rates = (0.0, 0.0) if clean else (FALSE, MISSING)
                    one = perturbed(movie, jitter, *rates, seed)
                    key = {"set": name, "jitter": jitter, "clean": clean}
                    _positions(given, key, seed, one)


def _positions(given: argparse.Namespace, of: dict[str, Any], seed: int, movie: Movie) -> None:
    unknown = np.full(len(movie.frame), np.nan)
    points = Points(movie.frame, movie.at, unknown, unknown, movie.at.min(axis=0),
                    movie.at.max(axis=0), np.zeros(len(movie.frame), bool))  # fmt: skip
    for solver in given.solvers:
        key = {**of, "solver": solver, "seed": seed}
        if _done(given.out / "positions.jsonl", key):
            continue
        began = time.perf_counter()
        if solver == "laptrack":
            row = laptracked.best(movie.frame, movie.at, lambda pairs: judged(movie, _plain(pairs)))
            took = (time.perf_counter() - began) / len(laptracked.CUTOFFS)
        else:
            work = linked(points, None, solver, False, True, True)
            found = drain(with_result(work), False)
            took = time.perf_counter() - began
            row = judged(movie, found)
        _append(given.out / "positions.jsonl", {**key, **row, "seconds": took})


def _plain(pairs: np.ndarray) -> Linked:
    """Return pairs as what is linked, without error rates."""
    nothing, all_ = np.full(len(pairs), np.nan), np.ones(len(pairs), bool)
    none = np.zeros(0, bool)
    return Linked(pairs[:, 0], pairs[:, 1], nothing, nothing, all_, none,
                  Solution(none, none, none, 0.0))  # fmt: skip


def run_scale(given: argparse.Namespace) -> None:
    for axes in given.axes:
        key = {"of": given.positions, "axes": axes, "cells": given.cells, "step": given.step}
        if not _done(given.out / "scale.jsonl", key):
            frames = max(2, given.positions // given.cells)
            movie = linking_scale.culture(given.cells, frames, axes, given.step)
            _append(given.out / "scale.jsonl", {**key, **linking_scale.measured(movie)})


def noisy(movie: Movie, noise: float, seed: int) -> tuple[Any, ...]:
    """Draw scores: log odds of 4.6 or -4.6 with noise, calibrated on another draw."""
    rng = np.random.default_rng(seed)
    source, target = [], []
    last = int(movie.frame.max())
    # over a missing detection only where some are missing
    steps = (1, 2) if movie.over_gaps else (1,)
    for frame, step in [(f, s) for f in range(last) for s in steps if f + s <= last]:
        a, b = (np.flatnonzero(movie.frame == f) for f in (frame, frame + step))
        pairs = set()
        for one, other, turned in ((a, b, False), (b, a, True)):
            many = min(5, len(other))
            away, near = cKDTree(movie.at[other]).query(movie.at[one], k=list(range(1, many + 1)))
            for i, k in zip(*np.nonzero(away <= 3 * away[:, :1]), strict=True):
                pair = (one[i], other[near[i, k]])
                pairs.add(pair[::-1] if turned else pair)
        source += [p[0] for p in sorted(pairs)]
        target += [p[1] for p in sorted(pairs)]
    source, target = np.array(source), np.array(target)
    both = movie.links | movie.over_gaps
    true = np.array([p in both for p in zip(source.tolist(), target.tolist(), strict=True)])
    mothers = np.isin(np.arange(len(movie.frame)), [m for m, _ in divisions(movie.links)])

    def drawn(truth: np.ndarray) -> np.ndarray:
        odds = np.where(truth, 4.6, -4.6)
        scores, other = (odds + rng.logistic(0, noise, len(odds)) for _ in range(2))
        slope, shift = _platt(other, truth)
        return np.asarray(expit(slope * scores + shift))

    link = drawn(true)
    # a link over a frame is right only where the detection between is missing
    over = movie.frame[target] - movie.frame[source] > 1
    link = np.where(over, np.minimum(link, 0.5), link)
    cells = np.isin(np.arange(len(movie.frame)), np.array(sorted(movie.cells), np.int64))
    detection = drawn(cells) if len(movie.cells) < len(movie.frame) else None
    return source, target, link, drawn(mothers), detection


def _platt(scores: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    from scipy.optimize import minimize

    def loss(v: np.ndarray) -> float:
        z = v[0] * scores + v[1]
        return float(np.logaddexp(0, np.where(truth, -z, z)).sum())

    found = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return float(found[0]), float(found[1])


def run_scores(given: argparse.Namespace) -> None:
    movie = embryo(given.frames)
    for noise in given.noise:
        for seed in given.seeds:
            for clean in (True, False):
                _scores(given.out, noise, clean, seed, movie)


def _scores(out: Path, noise: float, clean: bool, seed: int, movie: Movie) -> None:
    movie = movie if clean else perturbed(movie, 0.3, FALSE, MISSING, seed)
    source, target, link, division, detection = noisy(movie, noise, seed)
    graph = scored(movie.frame, source, target, link, division=division, detection=detection)
    for solver in SOLVERS:
        key = {"noise": noise, "clean": clean, "solver": solver, "seed": seed}
        if _done(out / "scores.jsonl", key):
            continue
        began = time.perf_counter()
        found = result_of(graph, solved(graph), solver)
        took = time.perf_counter() - began
        row = {**key, **judged(movie, found), "fractional": found.solution.fractional}
        _append(out / "scores.jsonl", {**row, "seconds": took})


def _done(file: Path, key: dict[str, Any]) -> bool:
    lines = file.read_text().splitlines() if file.exists() else []
    return any(key.items() <= json.loads(line).items() for line in lines)


def _append(file: Path, row: dict[str, Any]) -> None:
    with file.open("a") as out:
        out.write(json.dumps(row) + "\n")


def tables(out: Path) -> str:
    """Return what was measured as Markdown: means over seeds."""
    parts = []
    for name, keys in (("positions", ["set", "jitter", "clean", "solver"]),
                       ("scores", ["noise", "clean", "solver"])):  # fmt: skip
        file = out / f"{name}.jsonl"
        if file.exists():
            rows = pd.read_json(file, lines=True)
            rows = rows.groupby(keys, sort=False).mean(numeric_only=True).reset_index()
            rows = rows.drop(columns="seed").round(4)
            plain = [{k: None if v != v else v for k, v in row.items()}
                     for row in rows.to_dict("records")]  # fmt: skip
            parts.append(records.markdown(plain, list(rows)))
    file = out / "scale.jsonl"
    if file.exists():
        of = [json.loads(line) for line in file.read_text().splitlines()]
        parts.append(records.markdown([_rounded(row) for row in of], list(of[0])))
    return "\n\n".join(parts)


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    """Return three digits of what is no whole number."""
    return {k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in row.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.linking", description=__doc__)
    parser.add_argument("part", choices=("positions", "scores", "scale", "show"))
    parser.add_argument("--out", type=Path, required=True, help="folder of the cells")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--jitter", type=float, nargs="+", default=[0.0, 0.3, 1.0])
    parser.add_argument("--noise", type=float, nargs="+", default=[1.0, 1.5, 2.0])
    parser.add_argument("--frames", type=int, default=130)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--solvers", nargs="+", default=list(SOLVERS),
                        choices=(*SOLVERS, "laptrack"), help="of positions")  # fmt: skip
    parser.add_argument("--positions", type=int, default=1_000_000, help="of scale")
    parser.add_argument("--cells", type=int, default=2000, help="of scale: in a frame")
    parser.add_argument("--axes", type=int, nargs="+", default=[2], help="of scale")
    parser.add_argument("--step", type=float, default=0.08, help="of scale: along each axis")
    parser.add_argument("--record", action="store_true", help="append the tables to RESULTS.md")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.part != "show":
        parts = {"positions": run_positions, "scores": run_scores, "scale": run_scale}
        parts[given.part](given)
    text = f"{tables(given.out)}\n\nMachine: {machine.describe()}"
    print(text)
    if given.record:
        records.append("Who is whose mother", text)


if __name__ == "__main__":
    main()
