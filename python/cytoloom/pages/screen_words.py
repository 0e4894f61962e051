"""What the page of a screen says in words."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from ..messages import counted
from ..phenotypes.found import Novelty
from ..phenotypes.galleries import word
from ..version import __version__
from .rows import shown_number
from .words import SOFTWARE, several

if TYPE_CHECKING:
    import pandas as pd

SURE = 0.05
DETECTORS = {
    "mahalanobis": "the Mahalanobis distance (of principal components of standardised features, "
    "with a covariance shrunk by Ledoit and Wolf 2004)",
    "one-class-svm": "a one-class support vector machine",
    "isolation-forest": "an isolation forest",
    "lof": "the local outlier factor",
    "gmm": "a mixture of normal distributions",
    "kde": "a kernel density estimate",
}
CELLCOGNITION = (
    "Sommer C, Hoefler R, Samwer M, Gerlich DW (2017). A deep learning and novelty detection "
    "framework for rapid phenotyping in high-content screening. Molecular Biology of the Cell 28, "
    "3428. doi:10.1091/mbc.E17-05-0333"
)
LEDOIT = (
    "Ledoit O, Wolf M (2004). A well-conditioned estimator for large-dimensional covariance "
    "matrices. Journal of Multivariate Analysis 88, 365. doi:10.1016/S0047-259X(03)00096-4"
)
BENJAMINI = (
    "Benjamini Y, Hochberg Y (1995). Controlling the false discovery rate. Journal of the Royal "
    "Statistical Society B 57, 289. doi:10.1111/j.2517-6161.1995.tb02031.x"
)
SKLEARN = (
    "Pedregosa F et al. (2011). Scikit-learn: machine learning in Python. Journal of Machine "
    "Learning Research 12, 2825."
)

UMAP = (
    "McInnes L, Healy J, Melville J (2018). UMAP: Uniform manifold approximation and projection "
    "for dimension reduction. arXiv:1802.03426"
)
NO_UMAP = "A map by UMAP stands here, too, where the Python package umap-learn is installed."


def percent(value: float) -> str:
    """Return a share in percent.

    Examples
    --------
    >>> percent(0.05), percent(0.6234), percent(0.004), percent(float("nan"))
    ('5 %', '62 %', '0.4 %', '')
    """
    if not math.isfinite(value):
        return ""
    size = 100 * value
    return f"{size:.0f} %" if abs(size) >= 1 or size == 0 else f"{size:.1f} %"


def chance(value: float) -> str:
    """Return a p or q.

    Examples
    --------
    >>> chance(0.0321), chance(0.00002), chance(float("nan"))
    ('0.032', '2.0e-05', '')
    """
    if not math.isfinite(value):
        return ""
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1e}"


def effect(row: Mapping[str, Any]) -> str:
    """Return an effect with its interval.

    Examples
    --------
    >>> effect({"effect": 0.5, "low": 0.4, "high": 0.6})
    '+50 % (40 to 60)'
    """
    if not math.isfinite(row["effect"]):
        return ""
    own = f"{100 * row['effect']:+.0f} %"
    if not math.isfinite(row["low"]):
        return own
    return f"{own} ({100 * row['low']:.0f} to {100 * row['high']:.0f})"


def columns(plates: bool) -> list[tuple[str, str]]:
    """Return the headings of the hit list."""
    lead = [("Rank", "number"), *([("Plate", "")] if plates else []), ("Treatment", "")]
    numbers = ("Wells", "Cells", "Outliers", "Effect (95 %)", "p", "q")
    return [*lead, *((name, "number") for name in numbers), ("Interval", "interval")]


def _hits(found: Novelty) -> int:
    sure = (found.hits["q"] < SURE) & (found.hits["effect"] > 0)
    return int(sure.sum())


def figures(found: Novelty) -> list[tuple[str, str]]:
    """Return the few numbers that stand at the top, each with what it is."""
    treatments = len(found.hits)
    return [
        (shown_number(_hits(found)), "with more outliers, q < 0.05"),
        (shown_number(treatments), "treatment" if treatments == 1 else "treatments"),
        (shown_number(len(found.wells)), "wells"),
        (shown_number(len(found.cells)), "cells"),
    ]


def held(found: Novelty) -> str:
    """Say what was held against what."""
    own = found.cells["is_control"].to_numpy(bool)
    wells = int(found.wells["is_control"].sum())
    controls = found.run.get("settings", {}).get("controls")
    named = f" ({told(controls)})" if controls else ""
    rest = len(found.wells) - wells
    return (
        f"{several(int((~own).sum()), 'cell')} of {several(rest, 'well')} were held against "
        f"{several(int(own.sum()), 'cell')} of {several(wells, 'control well')}{named}"
    )


def told(controls: Any) -> str:
    """Return how controls were given.

    Examples
    --------
    >>> told("DMSO"), told(["A01", "A02"]), told({"treatment": ["DMSO"]})
    ('DMSO', 'A01, A02', 'treatment: DMSO')
    """
    if isinstance(controls, Mapping):
        return "; ".join(f"{name}: {told(one)}" for name, one in controls.items())
    return ", ".join(map(str, controls)) if isinstance(controls, (list, tuple)) else str(controls)


def summary(found: Novelty) -> Iterator[str]:
    """Return sentences on all of it."""
    plates = found.wells["plate"].nunique() if "plate" in found.wells else 1
    each = ", each plate against its own" if plates > 1 else ""
    features = counted(len(found.features), "feature")
    yield f"{held(found)}{each}, by {features} and {DETECTORS.get(found.method, found.method)}."
    yield (
        f"An outlier is a cell with a score above {shown_number(found.threshold)}: so are "
        f"{percent(found.rate)} of control cells in wells that the detector has not seen."
    )
    count, total = _hits(found), len(found.hits)
    if total:
        have = "has" if count == 1 else "have"
        yield f"{count} of {counted(total, 'treatment')} {have} more outliers with a q below 0.05."


def of_well(row: Mapping[str, Any]) -> str:
    """Return what is said of a well."""
    control = "control, " if row["is_control"] else ""
    share = percent(float(row["outliers"]))
    score = shown_number(float(row["score"]))
    return f"{control}{share} of {several(int(row['cells']), 'cell')} outliers, score {score}"


def of_treatment(found: Novelty, name: str, rows: np.ndarray) -> str:
    """Return what is said of a treatment."""
    own = found.wells[found.wells["treatment"].map(word) == name]
    share = percent(float(own["outliers"].mean()))
    return f"{several(len(rows), 'cell')} of {several(len(own), 'well')}, {share} outliers"


def of_cluster(found: Novelty, own: pd.DataFrame) -> str:
    """Return what is said of a cluster of outliers."""
    shares = own[found.by].map(word).value_counts(normalize=True).head(3)
    most = ", ".join(f"{name} ({percent(share)})" for name, share in shares.items())
    share = percent(len(own) / max(int(found.cells["outlier"].sum()), 1))
    return f"{several(len(own), 'cell')}, {share} of all outliers; most are of {most}"


def methods(found: Novelty) -> str:
    """Return a paragraph for the methods of a paper."""
    version = found.run.get("version", __version__)
    detector = DETECTORS.get(found.method, found.method)
    return (
        f"{held(found)} with cytoloom {version}. {counted(len(found.features), 'feature')} of each "
        "cell were scaled by the median and the median absolute deviation of the control cells of "
        f"its plate. Cells were scored by {detector}, fitted to control cells; those with a score "
        f"above {shown_number(found.threshold)} were called outliers, which are "
        f"{percent(found.rate)} of the cells of control wells that were held out. For each "
        "treatment the effect is the difference of the mean share of outliers in its wells and in "
        "control wells, with Welch's 95 % interval over wells; p is of wells dealt out at random, "
        "q of Benjamini and Hochberg (1995)."
    )


def of_map(found: Novelty, by: str, shown: int, some: bool) -> tuple[str, str]:
    """Say what a map shows: for those who do not see it, and below it."""
    count = sum(str(name).startswith("pc_") for name in found.cells)
    where = "at its first two principal components" if by == "pca" else "on a map by UMAP"
    drawn = f" ({shown_number(shown)} drawn by chance)" if some else ""
    rest = {
        "pca": "at the first two principal components of the features.",
        "umap": f"where UMAP lays it by {count} principal components (seed 0): neighbours are "
        "alike, distances between groups say little.",
    }
    return (
        f"A point for each cell, {where}, controls grey",
        f"A point for each cell{drawn}, {rest[by]}",
    )


def citations(found: Novelty, umap: bool = False) -> list[str]:
    """Return what to cite."""
    version = found.run.get("version", __version__)
    more = [LEDOIT] if found.method == "mahalanobis" else []
    return [
        SOFTWARE.format(version),
        CELLCOGNITION,
        *more,
        BENJAMINI,
        SKLEARN,
        *([UMAP] if umap else []),
    ]


def settings(found: Novelty) -> list[tuple[str, str]]:
    """Return how the results were made, a line per subject."""
    asked = found.run.get("settings", {})
    made = [(name, told(value)) for name, value in asked.items() if value is not None]
    made += [("threshold", shown_number(found.threshold)), ("used", ", ".join(found.features))]
    by = f"cytoloom {__version__}, Python {platform.python_version()}"
    made += [("cytoloom", str(found.run.get("version", __version__)))]
    return [*made, ("this page", f"{by}, Jinja2 {metadata.version('jinja2')}")]
