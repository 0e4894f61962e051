"""How unlike controls a cell is: detectors of scikit-learn, fitted to cells of control wells."""

from __future__ import annotations

import contextlib
import functools
import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import invalid
from ..messages import one_of

if TYPE_CHECKING:
    from collections.abc import Mapping

Floats = NDArray[np.float64]
Score = Callable[[Floats], Floats]
MOST = 32
"""Principal components at most; of few cells a third of their number."""
FITTED = 20_000
"""Cells that a detector is fitted to at most: by then it is as good as it gets, and slow."""


@dataclass(frozen=True)
class Scaler:
    """What is subtracted from features, and what they are divided by; those that say nothing.

    Parameters
    ----------
    middle, spread : ndarray (features,)
        Median, and the median distance from it times 1.4826, of controls.
    kept : ndarray of bool (features,)
        Which have a spread.
    """

    middle: Floats
    spread: Floats
    kept: NDArray[np.bool_]

    @classmethod
    def of(cls, values: Floats) -> Scaler:
        """Measure controls.

        Examples
        --------
        >>> found = Scaler.of(np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]]))
        >>> found.middle.tolist(), found.kept.tolist()
        ([2.0, 5.0], [True, False])
        """
        middle = np.median(values, axis=0)
        spread = 1.4826 * np.median(np.abs(values - middle), axis=0)
        # more than half of all cells alike: then the standard deviation tells
        spread = np.where(spread > 0, spread, values.std(axis=0))
        kept = spread > 1e-9 * np.maximum(1.0, np.abs(middle))
        return cls(middle, spread, kept)

    def __call__(self, values: Floats) -> Floats:
        """Return robust z scores (cells, features that are kept)."""
        return (values[:, self.kept] - self.middle[self.kept]) / self.spread[self.kept]


def fit(method: str, values: Floats, seed: int = 0, **settings: Any) -> Score:
    """Fit a detector to controls.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    values : ndarray (cells, features)
        Of controls, scaled.
    seed : int, default 0
        Of what is drawn.
    **settings
        Of the detector in scikit-learn.

    Returns
    -------
    callable
        From values to scores, larger of cells that are less like the controls.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> score = fit("mahalanobis", rng.normal(size=(200, 3)))
    >>> score(np.array([[0.0, 0, 0], [5.0, 0, 0]])).round().tolist()
    [0.0, 5.0]
    """
    if method not in METHODS:
        raise invalid("method", expected=one_of(METHODS), received=method)
    need_sklearn()
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    if method == "reconstruction":  # of which there is one, and nothing to learn
        return METHODS[method](values, seed, settings)
    rng = np.random.default_rng(seed)
    if len(values) > FITTED:
        values = values[np.sort(rng.choice(len(values), FITTED, replace=False))]
    standard = StandardScaler().fit(values)
    count = max(1, min(MOST, values.shape[1], len(values) // 3))
    axes = PCA(count, svd_solver="full").fit(standard.transform(values))
    told = METHODS[method](axes.transform(standard.transform(values)), seed, settings)
    return lambda more: np.asarray(told(axes.transform(standard.transform(more))), float)


def _mahalanobis(values: Floats, seed: int, settings: Mapping[str, Any]) -> Score:
    from sklearn.covariance import LedoitWolf

    found = LedoitWolf(**settings).fit(values)
    return lambda more: np.sqrt(np.maximum(found.mahalanobis(more), 0))


def _one_class(values: Floats, seed: int, settings: Mapping[str, Any]) -> Score:
    from sklearn.svm import OneClassSVM

    # scores, not its own decision, are held against what is allowed: any small share will do
    found = OneClassSVM(**{"nu": 0.1, "gamma": "scale", **settings}).fit(values)
    return lambda more: -found.decision_function(more)


def _forest(values: Floats, seed: int, settings: Mapping[str, Any]) -> Score:
    from sklearn.ensemble import IsolationForest

    found = IsolationForest(**{"n_estimators": 200, "random_state": seed, **settings}).fit(values)
    return lambda more: -found.score_samples(more)


def _local(values: Floats, seed: int, settings: Mapping[str, Any]) -> Score:
    from sklearn.neighbors import LocalOutlierFactor

    near = max(2, min(20, len(values) - 1))
    found = LocalOutlierFactor(**{"n_neighbors": near, "novelty": True, **settings}).fit(values)
    return lambda more: -found.score_samples(more)


def _mixture(values: Floats, seed: int, settings: Mapping[str, Any]) -> Score:
    from sklearn.mixture import GaussianMixture

    def made(count: int) -> Any:
        how = {"n_components": count, "covariance_type": "full", "reg_covar": 1e-3}
        return GaussianMixture(**{**how, "random_state": seed, **settings}).fit(values)

    most = (
        1 if "n_components" in settings else max(1, min(5, len(values) // (10 * values.shape[1])))
    )
    found = min((made(k) for k in range(1, most + 1)), key=lambda one: one.bic(values))
    return lambda more: -found.score_samples(more)


def _density(values: Floats, seed: int, settings: Mapping[str, Any]) -> Score:
    from sklearn.neighbors import KernelDensity

    # Scott's rule of thumb, of values whose spread is that of principal components
    width = float(np.mean(values.std(axis=0)) * len(values) ** (-1 / (values.shape[1] + 4)))
    found = KernelDensity(**{"bandwidth": max(width, 1e-3), **settings}).fit(values)
    return lambda more: -found.score_samples(more)


METHODS: dict[str, Callable[[Floats, int, Mapping[str, Any]], Score]] = {
    "mahalanobis": _mahalanobis,
    "one-class-svm": _one_class,
    "isolation-forest": _forest,
    "lof": _local,
    "gmm": _mixture,
    "kde": _density,
    "reconstruction": lambda *_: lambda more: more[:, 0],
}
"""Detectors by name."""


def held_out_scores(
    method: str,
    values: Floats,
    wells: Sequence[str],
    seed: int = 0,
    most: int = 10,
    settings: Mapping[str, Any] | None = None,
) -> Floats:
    """Score each control cell by a detector that has not seen its well.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    values : ndarray (cells, features)
        Of controls, scaled.
    wells : sequence of str
        Of each cell.
    seed : int, default 0
        Decides which wells are held out together.
    most : int, default 10
        Detectors that are fitted at most.
    settings : dict, optional
        Of the detector.

    Returns
    -------
    ndarray (cells,)
        NaN where there is one well only.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> values, wells = rng.normal(size=(60, 2)), ["A01"] * 20 + ["A02"] * 20 + ["A03"] * 20
    >>> bool(np.isfinite(held_out_scores("mahalanobis", values, wells)).all())
    True
    """
    names, of = np.unique(np.asarray(wells, str), return_inverse=True)
    scores = np.full(len(values), np.nan)
    if len(names) < 2:
        return scores
    rng = np.random.default_rng(seed)
    fold = rng.permutation(len(names)) % min(most, len(names))
    for k in range(min(most, len(names))):
        out = fold[of] == k
        scores[out] = fit(method, values[~out], seed, **(settings or {}))(values[out])
    return scores


def threshold(scores: Floats, wells: Sequence[str], rate: float) -> float:
    """Return the score that so large a share of held-out control cells exceeds, wells alike.

    Parameters
    ----------
    scores : ndarray (cells,)
        Of held-out controls.
    wells : sequence of str
        Of each: every well counts the same, however many cells it has.
    rate : float
        The share.

    Examples
    --------
    >>> threshold(np.arange(100.0), ["a"] * 100, 0.05)
    94.0
    """
    _, of, counts = np.unique(np.asarray(wells, str), return_inverse=True, return_counts=True)
    order = np.argsort(scores, kind="stable")[::-1]
    weight = 1 / counts[of][order]
    above = np.cumsum(weight) / weight.sum()
    # the first that may no longer be called an outlier
    first = int(np.searchsorted(above, rate * (1 + 1e-9), side="right"))
    return float(scores[order[min(first, len(order) - 1)]])


def need_sklearn() -> None:
    """Refuse detectors where scikit-learn is missing."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise invalid(
            "method",
            expected="the package scikit-learn",
            received="it is not installed",
            remedy='Run pip install "cytoloom[cells]", in R cl_install(extras = "cells").',
        ) from None
    _ask_for_cores()


@functools.cache
def _ask_for_cores() -> None:
    """Have scikit-learn count the cores now: where the system has no answer, it is loud once."""
    from joblib import cpu_count

    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        cpu_count(only_physical_cores=True)
