"""Tables of wells: what the verb `wells` composes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..datasets.listing import some
from ..datasets.results_folder import results_folder
from ..errors import invalid
from ..events import Work
from ..messages import counted
from ..storage.results import write_tables
from .hits import ssmd, z_prime
from .named import feature_names
from .plate import column_asked
from .search import read_features, treatments_of
from .table import controls_of, given_controls, plates_of, units_of

WELLS, QUALITY = "by_well.csv", "well_quality.csv"
REPLICATES, DOSES = "well_replicates.csv", "well_doses.csv"
FILES = (QUALITY, REPLICATES, DOSES, WELLS)
"""The last is that by which such results are known."""
SCORES = ("score", "outlier")
DOSE = "concentration"
LEAD = ("plate", "well", "image")
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Wells:
    """Cells by well.

    Attributes
    ----------
    wells : DataFrame
        A row per well: plate, well (or image), treatment, is_control, is_positive, cells, and of
        each column its value and its robust z (``..._z``).
    quality : DataFrame
        A row per plate and column: plate, column, negatives, positives (wells), z_prime, ssmd;
        missing without two wells of both.
    replicates : DataFrame
        A row per treatment with two wells or more: treatment, wells, correlation (median of all
        pairs of its wells, over robust z of the columns), others (95 % of the pairs of wells of
        different treatments are below it), agree (whether correlation is above that). Empty for
        fewer than three columns.
    doses : DataFrame
        A row per treatment, column and dose: treatment, column, dose, wells, value, low, high (95 %
        interval of the mean over wells), z; empty without doses.
    """

    wells: pd.DataFrame
    quality: pd.DataFrame
    replicates: pd.DataFrame
    doses: pd.DataFrame

    def write_to(self, folder: Path) -> None:
        """Write the tables into a folder that is this run's alone."""
        tables = {QUALITY: self.quality, REPLICATES: self.replicates, DOSES: self.doses}
        write_tables(folder, {**tables, WELLS: self.wells})

    def __str__(self) -> str:
        parts = [self.quality.head(10).to_string(index=False, float_format=lambda v: f"{v:.3g}")]
        if len(self.quality) > 10:
            parts.append(f"... and {len(self.quality) - 10} more")
        if len(self.replicates):
            share = self.replicates["agree"].mean()
            several = counted(len(self.replicates), "treatment")
            parts.append(f"Replicates agree for {share:.0%} of {several}.")
        return "\n".join(parts)


def put_together(
    features: Any,
    controls: Any,
    positives: Any,
    columns: str | Sequence[str] | None,
    by: str | None,
    dose: str | None,
    out: str | os.PathLike[str] | None,
    overwrite: bool,
) -> Work[Wells]:
    """Put cells together by well; the parameters are those of the verb."""
    write = lambda folder, found: found.write_to(folder)  # noqa: E731
    with results_folder(out, overwrite, features, "wells", FILES, write) as written:
        table = read_features(features)
        names = _columns(table, columns)
        own = given_controls(table, controls)
        positive = np.zeros(len(table), bool) if positives is None else controls_of(
            table, positives, "positives"
        )  # fmt: skip
        by = treatments_of(table, by)
        dose = None if dose is None else column_asked(table, dose, "dose")
        dose = dose or (DOSE if DOSE in table else None)
        found = tables_of(table, names, own, positive, by, dose)
        yield from written(found)
    return found


def _columns(table: pd.DataFrame, columns: str | Sequence[str] | None) -> list[str]:
    if columns is None:
        names = feature_names(table) or [name for name in SCORES if name in table]
        if not names:
            raise invalid(
                "columns", expected="columns with numbers", received="none that are usual"
            )
        return names
    names = [columns] if isinstance(columns, str) else list(columns)
    odd = [n for n in names if n not in table or not pd.api.types.is_numeric_dtype(table[n])]
    if odd or not names:
        numbers = [n for n in table if pd.api.types.is_numeric_dtype(table[n])]
        raise invalid("columns", expected=f"columns with numbers: {some(numbers)}", received=odd)
    return names


def tables_of(
    table: pd.DataFrame,
    names: list[str],
    own: NDArray[np.bool_],
    positive: NDArray[np.bool_],
    by: str,
    dose: str | None,
) -> Wells:
    """Make the tables of wells."""
    units, lead = units_of(table), [name for name in LEAD if name in table]
    lead = [name for name in lead if name != "image"] if "well" in lead else lead
    keep = list(dict.fromkeys([*lead, by, *([dose] if dose else [])]))
    groups = table.assign(is_control=own, is_positive=positive).groupby(units, sort=False)
    made = groups[keep].first()
    made["is_control"], made["is_positive"] = (
        groups["is_control"].all(),
        groups["is_positive"].all(),
    )
    made["cells"] = groups.size()
    yes = [name for name in names if table[name].dtype == bool]
    values = pd.concat(
        [groups[[n for n in names if n not in yes]].median(), groups[yes].mean()], axis=1
    )[names].astype(float)
    plates, controls = plates_of(made), made["is_control"].to_numpy()
    z = pd.DataFrame(_robust_z(values.to_numpy(), plates, controls), values.index, names)
    both = {n: one for name in names for n, one in ((name, values[name]), (f"{name}_z", z[name]))}
    wells = pd.concat([made, pd.DataFrame(both)], axis=1).reset_index(drop=True)
    values, z = values.reset_index(drop=True), z.reset_index(drop=True)
    treatments = wells[by].astype(str).where(wells[by].notna(), None)
    return Wells(
        wells,
        _quality(wells, values, plates),
        _replicates(treatments, z.to_numpy()),
        _doses(wells, values, z, by, dose),
    )


def _robust_z(values: Floats, plates: NDArray[np.str_], controls: NDArray[np.bool_]) -> Floats:
    """Hold wells against the control wells of their plate; NaN where these do not vary."""
    found = np.full(values.shape, np.nan)
    for plate in np.unique(plates):
        here = plates == plate
        among = values[here & controls]
        if len(among) < 2:
            continue
        middle = np.nanmedian(among, axis=0)
        spread = 1.4826 * np.nanmedian(np.abs(among - middle), axis=0)
        found[here] = (values[here] - middle) / np.where(spread > 0, spread, np.nan)
    return found


def _quality(wells: pd.DataFrame, values: pd.DataFrame, plates: NDArray[np.str_]) -> pd.DataFrame:
    rows = []
    for plate in np.unique(plates):
        here = plates == plate
        for name in values:
            negative, positive = (
                values[name][here & wells[kind].to_numpy()].dropna().to_numpy()
                for kind in ("is_control", "is_positive")
            )
            enough = len(negative) > 1 and len(positive) > 1
            rows.append({
                "plate": plate, "column": name, "negatives": len(negative),
                "positives": len(positive),
                "z_prime": z_prime(positive, negative) if enough else np.nan,
                "ssmd": ssmd(positive, negative) if enough else np.nan,
            })  # fmt: skip
    return pd.DataFrame(rows)


def pair_correlations(
    treatments: Sequence[Any], z: Floats
) -> tuple[NDArray[np.str_], Floats, Floats]:
    """Correlate all pairs of wells.

    Parameters
    ----------
    treatments : sequence
        Of each well; None: no treatment.
    z : ndarray (wells, columns)
        Their profiles; columns without a value for some well are left out.

    Returns
    -------
    (ndarray of str, ndarray (wells, wells), ndarray)
        Treatments, correlations, and those of pairs of different treatments.

    Examples
    --------
    >>> z = np.array([[1.0, 2, 3], [2, 4, 6], [3, 2, 1]])
    >>> _, both, others = pair_correlations(["a", "a", "b"], z)
    >>> both.round(1).tolist(), others.round(1).tolist()
    ([[1.0, 1.0, -1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]], [-1.0, -1.0])
    """
    names = np.array([str(one) if one is not None else "" for one in treatments])
    kept = np.clip(z[:, np.isfinite(z).all(axis=0)], -50, 50)
    # of few columns a correlation says nothing
    if kept.shape[1] < 3:
        return names, np.empty((0, 0)), np.empty(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        both = np.nan_to_num(np.corrcoef(kept))
    apart = names[:, None] != names[None]
    upper = np.triu(np.ones_like(apart), 1)
    return names, np.atleast_2d(both), np.atleast_2d(both)[apart & upper]


def _replicates(treatments: pd.Series, z: Floats) -> pd.DataFrame:
    columns = ["treatment", "wells", "correlation", "others", "agree"]
    names, both, others = pair_correlations(treatments.tolist(), z)
    if not both.size or not others.size:
        return pd.DataFrame(columns=columns)
    limit, rows = float(np.quantile(others, 0.95)), []
    for name in dict.fromkeys(n for n in names if n):
        here = np.flatnonzero(names == name)
        if len(here) > 1:
            pairs = both[np.ix_(here, here)][np.triu_indices(len(here), 1)]
            middle = float(np.median(pairs))
            rows.append((name, len(here), middle, limit, middle > limit))
    return pd.DataFrame(rows, columns=columns)


def _doses(
    wells: pd.DataFrame, values: pd.DataFrame, z: pd.DataFrame, by: str, dose: str | None
) -> pd.DataFrame:
    from scipy import stats

    columns = ["treatment", "column", "dose", "wells", "value", "low", "high", "z"]
    if dose is None:
        return pd.DataFrame(columns=columns)
    doses = pd.to_numeric(wells[dose], errors="coerce")
    rows = []
    named = wells[by].astype(str) if by != dose else pd.Series("", index=wells.index)
    for (treatment, at), own in wells[doses.notna()].groupby([named, doses], sort=True):
        for name in values:
            value = values[name][own.index].dropna()
            n, mean = len(value), float(value.mean())
            half = np.nan
            if n > 1:
                half = float(value.std(ddof=1) / np.sqrt(n) * stats.t.ppf(0.975, n - 1))
            middle = float(z[name][own.index].median())
            rows.append((treatment, name, float(at), n, mean, mean - half, mean + half, middle))
    return pd.DataFrame(rows, columns=columns)
