"""How much of the true tracks was found: links, divisions, whole tracks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from .graph import Bools, Floats, Ints
from .tracklets import chains, rows_at

TOLERANCES = (0, 1, 2, 3)
SHARES = ("LNK", *(f"BC{i}" for i in TOLERANCES), "CT", "TF", "TRA", "DET",
          "positions_precision", "positions_recall", "positions_f1")  # fmt: skip
"""Scores between 0 and 1, 1 the best."""
RATES = ("links_wrong_per_1000", "links_missed_per_1000", "errors_per_cycle")
COUNTS = ("divisions", "divisions_right", "divisions_missed", "divisions_false",
          "links", "links_found", "links_right", "links_wrong", "links_missed",
          "positions", "positions_found", "positions_matched")  # fmt: skip


class Followed(Protocol):
    """What is needed of `Tracks`."""

    @property
    def positions(self) -> pd.DataFrame:
        """A row per detection."""

    @property
    def links(self) -> pd.DataFrame:
        """A row per candidate."""

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes."""

    @property
    def spacing_um(self) -> tuple[float, ...] | None:
        """Micrometres per pixel."""


@dataclass(frozen=True, eq=False)
class Side:
    """Positions and links of one recording, true or found.

    Attributes
    ----------
    frame, object : ndarray of int (n,)
        Of each position, sorted by frame.
    places : ndarray (n, d)
        In um, or px.
    source, target : ndarray of int (m,)
        Rows that links connect.
    chain : ndarray of int (n,)
        The track of each, from division to division.
    parent : ndarray of int (chains,)
        The track it comes from; -1: none.
    """

    frame: Ints
    object: Ints
    places: Floats
    source: Ints
    target: Ints
    chain: Ints
    parent: Ints

    @classmethod
    def of(
        cls,
        tracks: Followed,
        recording: str,
        scale: Floats | None,
        frames: tuple[int, int] | None = None,
    ) -> Side:
        """Take the cells of one recording, in these frames (first and last)."""
        rows = tracks.positions
        own = (rows["recording"] == recording) & rows["track"].notna()
        if frames is not None:
            own &= rows["frame"].between(*frames)
        rows = rows[own].sort_values(["frame", "object"], kind="stable").reset_index(drop=True)
        links = tracks.links[tracks.links["chosen"] & (tracks.links["recording"] == recording)]
        source, target = rows_at(rows, links)
        whole = (source >= 0) & (target >= 0)
        source, target = source[whole], target[whole]
        places = rows[[f"{axis}_px" for axis in tracks.axes]].to_numpy(float)
        chain, parent = chains(len(rows), source, target)
        places = places if scale is None else places * scale
        return cls(rows["frame"].to_numpy(), rows["object"].to_numpy(), places, source, target,
                   chain, parent)  # fmt: skip

    @property
    def ends(self) -> tuple[Ints, Ints]:
        """First and last row of each track."""
        count = len(self.parent)
        first, last = np.zeros(count, np.int64), np.zeros(count, np.int64)
        rows = np.arange(len(self.chain))
        first[self.chain[::-1]] = rows[::-1]
        last[self.chain] = rows
        return first, last

    @property
    def parting(self) -> Bools:
        """Which links lead to a daughter, or over frames without a position."""
        out = np.bincount(self.source, minlength=len(self.frame))
        parting: Bools = (out[self.source] > 1) | (
            self.frame[self.target] - self.frame[self.source] > 1
        )
        return parting

    @property
    def daughters(self) -> dict[int, list[int]]:
        """Tracks that come from each track that divides."""
        found: dict[int, list[int]] = {}
        for chain, parent in enumerate(self.parent.tolist()):
            if parent >= 0:
                found.setdefault(parent, []).append(chain)
        return found

    @property
    def at(self) -> dict[tuple[int, int], int]:
        """The row of a track in a frame."""
        keys = zip(self.chain.tolist(), self.frame.tolist(), strict=True)
        return {key: row for row, key in enumerate(keys)}


def measures(truth: Side, found: Side, to_truth: Ints) -> dict[str, float]:
    """Score what was found.

    Parameters
    ----------
    truth, found : Side
        One recording.
    to_truth : ndarray of int (n found,)
        Which true position each found one is, -1: none; no two the same.

    Returns
    -------
    dict of str to float
        `SHARES`, `RATES` and `COUNTS`; what cannot be said is NaN.
    """
    hits = int((to_truth >= 0).sum())
    said = _links(truth, found, to_truth)
    n, m = len(truth.frame), len(found.frame)
    lost, false = n - hits, m - hits
    edges = len(truth.source)
    graph = 10 * lost + false
    links = said.pop("AOGM_A")
    said |= {
        "positions": n, "positions_found": m, "positions_matched": hits,
        "positions_precision": _over(hits, m), "positions_recall": _over(hits, n),
        "positions_f1": _over(2 * hits, n + m),
        "DET": 1 - min(_over(graph, 10 * n), 1),
        "LNK": 1 - min(_over(links, 1.5 * edges), 1) if edges else float("nan"),
        "TRA": 1 - min(_over(graph + links, 10 * n + 1.5 * edges), 1),
    }  # fmt: skip
    for i in TOLERANCES:
        right, true, all_found = _divisions(truth, found, to_truth, i)
        said[f"BC{i}"] = _over(2 * right, true + all_found) if true else float("nan")
        if i == 0:
            said |= {
                "divisions": true, "divisions_right": right,
                "divisions_missed": true - right, "divisions_false": all_found - right,
            }  # fmt: skip
    said |= _whole(truth, found, to_truth)
    cycle = _cycle(truth)
    said["errors_per_cycle"] = cycle * _over(said["links_missed"], edges)
    return {name: float(said[name]) for name in (*SHARES, *RATES, *COUNTS)}


def _links(truth: Side, found: Side, to_truth: Ints) -> dict[str, float]:
    n = len(truth.frame)
    true = {(a, b): part for a, b, part in zip(truth.source.tolist(), truth.target.tolist(),
                                              truth.parting.tolist(), strict=True)}  # fmt: skip
    before = np.full(n, -1)
    before[truth.target] = truth.source
    hit = np.zeros(n, bool)
    hit[to_truth[to_truth >= 0]] = True
    right = redundant = semantics = bridged = 0
    a, b = to_truth[found.source], to_truth[found.target]
    for one, other, part in zip(a.tolist(), b.tolist(), found.parting.tolist(), strict=True):
        if one < 0 or other < 0:
            continue
        if (one, other) in true:
            right += 1
            semantics += part != true[one, other]
            continue
        redundant += 1
        back = int(before[other])
        while back >= 0 and not hit[back]:
            back = int(before[back])
        bridged += back == one
    missed = len(true) - right
    wrong = len(found.source) - right - bridged
    return {
        "links": len(true), "links_found": len(found.source), "links_right": right,
        "links_wrong": wrong, "links_missed": missed,
        "links_wrong_per_1000": 1000 * _over(wrong, len(found.source)),
        "links_missed_per_1000": 1000 * _over(missed, len(true)),
        "AOGM_A": redundant + 1.5 * missed + semantics,
    }  # fmt: skip


def _divisions(truth: Side, found: Side, to_truth: Ints, i: int) -> tuple[int, int, int]:
    """Return how many divisions are right within `i` frames, are there, and were found."""
    true, said = truth.daughters, found.daughters
    first_t, last_t = (truth.frame[rows] for rows in truth.ends)
    first_f, last_f = (found.frame[rows] for rows in found.ends)
    at_t, at_f = truth.at, found.at
    to_found = np.full(len(truth.frame) + 1, -1)
    to_found[to_truth] = np.arange(len(to_truth))
    to_found[-1] = -1

    def same(t: int, f: int, frame: int) -> bool:
        row, other = at_t.get((t, frame)), at_f.get((f, frame))
        return row is not None and other is not None and to_truth[other] == row

    offers = []
    for mother, own in true.items():
        end = int(last_t[mother])
        for frame in range(end - i, end + 1):
            row = at_t.get((mother, frame))
            other = -1 if row is None else int(to_found[row])
            one = int(found.chain[other]) if other >= 0 else -1
            if one not in said or min(end, int(last_f[one])) != frame:
                continue
            late = abs(end - int(last_f[one]))
            pairs = [
                [f for f in said[one]
                 if abs(first_t[t] - first_f[f]) <= i
                 and same(t, f, int(max(first_t[t], first_f[f])))]
                for t in own
            ]  # fmt: skip
            if late <= i and len(own) == len(said[one]) and all(len(p) == 1 for p in pairs):
                offers.append((late, mother, one))
    taken_t: set[int] = set()
    taken_f: set[int] = set()
    for _, mother, one in sorted(offers):
        if mother not in taken_t and one not in taken_f:
            taken_t.add(mother)
            taken_f.add(one)
    return len(taken_t), len(true), len(said)


def _whole(truth: Side, found: Side, to_truth: Ints) -> dict[str, float]:
    """Return how many tracks are complete, and how much of a track was followed in one piece."""
    by = np.full(len(truth.frame), -1)
    hit = to_truth >= 0
    by[to_truth[hit]] = found.chain[hit]
    first_f, last_f = (found.frame[rows] for rows in found.ends)
    order = np.argsort(truth.chain, kind="stable")
    complete, parts = 0, []
    for rows in np.split(order, np.flatnonzero(np.diff(truth.chain[order])) + 1):
        names = by[rows]
        change = np.flatnonzero(np.diff(names)) + 1
        runs = [len(run) for run in np.split(names, change) if run[0] >= 0]
        if runs:
            parts.append(max(runs) / len(rows))
        one = int(names[0])
        if one >= 0 and len(runs) == 1 and runs[0] == len(rows):
            frames = truth.frame[rows]
            complete += bool(first_f[one] == frames[0] and last_f[one] == frames[-1])
    count = len(truth.parent) + len(found.parent)
    return {"CT": _over(2 * complete, count), "TF": float(np.mean(parts)) if parts else 0.0}


def _cycle(truth: Side) -> float:
    """Return how many links a cell has from its birth to its division, in the mean."""
    first, last = truth.ends
    both = [c for c in truth.daughters if truth.parent[c] >= 0]
    steps = [truth.frame[last[c]] - truth.frame[first[c]] + 1 for c in both]
    return float(np.mean(steps)) if steps else float("nan")


def _over(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
