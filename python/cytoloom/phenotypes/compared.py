"""Which features tell controls apart: what the verb `compare_features` composes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..datasets.results_folder import results_folder
from ..errors import invalid
from ..events import Event, Work
from ..messages import counted
from ..storage.results import write_tables
from .detectors import METHODS, fit, need_sklearn
from .named import refuse_no_features
from .of_wells import pair_correlations
from .search import read_features, scaled_by_plate, treatments_of
from .table import given_controls, units_of

TABLE = "kinds.csv"
FILES = (TABLE,)
MEASURED = ("shape", "intensity", "texture")
FOLDS = 5
DRAWS = 2000
PAID = 0.01
"""So much has to be gained, for the better to be told: less is no reason to train."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FeatureComparison:
    """How well kinds of features tell positive from negative controls.

    Attributes
    ----------
    table : DataFrame
        A row per kind: features ("measured" is shape, intensity and texture together), count,
        auroc (chance that a cell of a positive control well is more unlike the negative ones than a
        cell of a negative control well that the detector has not seen; wells alike), low, high (its
        95 % interval over wells), agreement (median correlation of wells of one treatment less that
        of wells of different ones), better (than measured, or random where nothing was measured).
    words : str
        Whether learning paid, in a sentence; empty where nothing was learned.
    method : str
        The detector.
    """

    table: pd.DataFrame
    words: str
    method: str

    def write_to(self, folder: Path) -> None:
        """Write the table into a folder that is this run's alone."""
        write_tables(folder, {TABLE: self.table})

    def __str__(self) -> str:
        shown = self.table.to_string(index=False, float_format=lambda v: f"{v:.3f}")
        return f"{shown}\n{self.words}".strip()


def compare(
    features: Any,
    controls: Any,
    positives: Any,
    method: str,
    by: str | None,
    out: str | os.PathLike[str] | None,
    overwrite: bool,
    seed: int,
) -> Work[FeatureComparison]:
    """Compare kinds of features; the parameters are those of the verb."""
    write = lambda folder, found: found.write_to(folder)  # noqa: E731
    with results_folder(out, overwrite, features, "compare_features", FILES, write) as written:
        found = yield from _compared(features, controls, positives, method, by, seed)
        yield from written(found)
    return found


def _compared(
    features: Any, controls: Any, positives: Any, method: str, by: str | None, seed: int
) -> Work[FeatureComparison]:
    if method not in METHODS:
        raise invalid("method", expected=f"one of {', '.join(METHODS)}", received=method)
    need_sklearn()
    table = read_features(features)
    kinds = kinds_of(refuse_no_features(table))
    own = given_controls(table, controls)
    other = given_controls(table, positives, "positives")
    if (own & other).any():
        count = int((own & other).sum())
        raise invalid("positives", expected="cells that are no negative controls",
                      received=f"{counted(count, 'cell')} that are both")  # fmt: skip
    units = units_of(table).to_numpy(str)
    for name, here in (("controls", own), ("positives", other)):
        if len(wells := set(units[here])) < 2:
            raise invalid(name, expected="cells of 2 wells or more", received=f"of {min(wells)}")
    treatments = table[treatments_of(table, by)]
    rows, drawn = [], {}
    for k, (kind, names) in enumerate(kinds.items()):
        yield Event("progress", f"features: {kind}", k, len(kinds))
        values, _, _ = scaled_by_plate(table, names, own)
        pairs = _won(method, values, own, other, units, seed)
        drawn[kind] = _bootstrapped(pairs, seed)
        low, high = np.quantile(drawn[kind], (0.025, 0.975))
        rows.append({
            "features": kind, "count": len(names), "auroc": float(pairs.mean()),
            "low": float(low), "high": float(high),
            "agreement": _agreement(values, units, treatments),
        })  # fmt: skip
    base = next(kind for kind in ("measured", "random", *kinds) if kind in kinds)
    found = pd.DataFrame(rows)
    found["better"] = [_better(drawn[kind] - drawn[base]) if kind != base else "" for kind in kinds]
    return FeatureComparison(found, _words(found, drawn), method)


def kinds_of(names: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns of each kind; what was measured together, and with what was learned.

    Examples
    --------
    >>> list(kinds_of(["shape_area_px", "texture_energy_1_dna", "learned_0", "random_0"]))
    ['shape', 'texture', 'measured', 'random', 'learned', 'measured + random', 'measured + learned']
    """
    found: dict[str, list[str]] = {}
    of = {kind: [n for n in names if n.startswith(f"{kind}_")]
          for kind in (*MEASURED, "random", "frozen", "learned")}  # fmt: skip
    there = [kind for kind in MEASURED if of[kind]]
    found |= {kind: of[kind] for kind in there}
    measured = [name for kind in there for name in of[kind]]
    if len(there) > 1:
        found["measured"] = measured
    elif there:
        found = {"measured": measured}
    found |= {kind: of[kind] for kind in ("random", "frozen", "learned") if of[kind]}
    # random codes beside what is measured are what learned ones have to be better than
    for kind in ("random", "learned"):
        if measured and of["learned"] and of[kind]:
            found[f"measured + {kind}"] = [*measured, *of[kind]]
    return found


def _won(
    method: str,
    values: Floats,
    own: NDArray[np.bool_],
    other: NDArray[np.bool_],
    units: NDArray[np.str_],
    seed: int,
) -> Floats:
    """Return of each positive and negative well how often cells of the first are less usual.

    Negative wells are scored by detectors that have not seen them, each beside the positive ones
    scored by the same detector.
    """
    wells = np.unique(units[own])
    fold = np.random.default_rng(seed).permutation(len(wells)) % min(FOLDS, len(wells))
    positive = [np.flatnonzero(other & (units == unit)) for unit in np.unique(units[other])]
    won = np.empty((len(positive), len(wells)))
    for k in range(min(FOLDS, len(wells))):
        held = np.isin(units, wells[fold == k])
        score = fit(method, values[own & ~held], seed)
        scores = [score(values[rows]) for rows in positive]
        for j in np.flatnonzero(fold == k):
            usual = np.sort(score(values[own & (units == wells[j])]))
            won[:, j] = [_share_above(one, usual) for one in scores]
    return won


def _share_above(scores: Floats, usual: Floats) -> float:
    """Return how often one of the first is above one of the second, sorted; of equals half."""
    below, up_to = (np.searchsorted(usual, scores, side=side) for side in ("left", "right"))
    return float((below + up_to).mean() / (2 * len(usual)))


def _bootstrapped(pairs: Floats, seed: int) -> Floats:
    """Return the mean over pairs of wells, wells drawn anew; the same wells for the same seed."""
    rng = np.random.default_rng([seed, 1])
    n, m = pairs.shape
    rows, columns = rng.integers(n, size=(DRAWS, n)), rng.integers(m, size=(DRAWS, m))
    return np.array([pairs[np.ix_(a, b)].mean() for a, b in zip(rows, columns, strict=True)])


def _agreement(values: Floats, units: NDArray[np.str_], treatments: pd.Series) -> float:
    """Return how much more wells of one treatment are alike than others are."""
    frame = pd.DataFrame(values).groupby(units, sort=True)
    profiles = frame.median().to_numpy()
    named = treatments.groupby(units, sort=True).first()
    names, both, others = pair_correlations([None if pd.isna(n) else n for n in named], profiles)
    if not both.size or not others.size:
        return np.nan
    same = (names[:, None] == names[None]) & (names[:, None] != "")
    same &= np.triu(np.ones_like(same), 1)
    return float(np.median(both[same]) - np.median(others)) if same.any() else np.nan


def _better(difference: Floats) -> str:
    low, middle, high = np.quantile(difference, (0.025, 0.5, 0.975))
    if low > 0 and middle >= PAID:
        return "better"
    return "worse" if high < 0 and middle <= -PAID else "no difference shown"


def _words(found: pd.DataFrame, drawn: Mapping[str, Floats]) -> str:
    """Say whether learning paid: what was learned beside the best that was not."""
    if "learned" not in drawn:
        return ""
    table = found.set_index("features")["auroc"]
    plain = [kind for kind in drawn if "learned" not in kind]
    if not plain:
        return "There is nothing beside what was learned: measure features, and random ones."
    best = max(plain, key=lambda kind: table[kind])
    mine = max((kind for kind in drawn if "learned" in kind), key=lambda kind: table[kind])
    difference = drawn[mine] - drawn[best]
    low, high = np.quantile(difference, (0.025, 0.975))
    said = {"better": "Learning paid", "worse": "Learning lost"}.get(
        _better(difference), "Learning made no difference that shows"
    )
    return (
        f"{said}: {mine} features {table[mine]:.3f}, {best} ones {table[best]:.3f} "
        f"(difference {low:+.3f} to {high:+.3f} over wells)."
    )
