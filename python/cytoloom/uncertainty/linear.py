"""Small linear models that say how far they may be asked: of rates, and of yes or no."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..components import component

Array = NDArray[Any]
FARTHEST = 3.0
"""Standard deviations beyond which a trait counts as just so far: lines are not for far away."""
LEAST_SPREAD = 1e-6


@component
@dataclass(frozen=True)
class Linear:
    """A weighted sum of standardised traits.

    Parameters
    ----------
    bias : float
        What is said of the usual.
    weights, middle, spread : tuple of float
        One for each trait: its weight, and its mean and standard deviation where it was fitted.

    Examples
    --------
    >>> line = Linear(1.0, (2.0,), (10.0,), (5.0,))
    >>> line(np.array([[10.0], [15.0], [1000.0], [np.nan]])).tolist()
    [1.0, 3.0, 7.0, 1.0]
    """

    bias: float
    weights: tuple[float, ...]
    middle: tuple[float, ...]
    spread: tuple[float, ...]

    def __call__(self, traits: Array) -> Array:
        """Return a number for each row of traits (n, k); one that is missing counts as usual."""
        return np.asarray(standard(traits, self.middle, self.spread) @ self.weights + self.bias)


def standard(traits: Array, middle: Any, spread: Any) -> Array:
    """Return traits as standard deviations from their mean, missing ones as 0."""
    scaled = (np.asarray(traits, float) - middle) / spread
    return np.clip(np.nan_to_num(scaled, nan=0.0), -FARTHEST, FARTHEST)


def ridge(traits: Array, values: Array, strength: float, weights: Array | None = None) -> Linear:
    """Fit a sum to numbers, by least squares with a penalty on weights.

    Parameters
    ----------
    traits : float array (n, k)
        NaN where missing.
    values : float array (n,)
        What is to be said.
    strength : float
        Of the penalty, in rows.
    weights : float array (n,), optional
        How much each row counts; their mean becomes 1.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [2.0]])
    >>> ridge(x, 3 * x[:, 0] + 1, 0.0)(x).round(6).tolist()
    [1.0, 4.0, 7.0]
    """
    scaled, middle, spread = _standardised(traits)
    counts = np.ones(len(scaled)) if weights is None else weights / weights.mean()
    rows = np.column_stack([np.ones(len(scaled)), scaled])
    penalty = strength * np.eye(rows.shape[1])
    penalty[0, 0] = 0  # the mean is not pulled to 0
    weighted = rows * counts[:, None]
    # by lstsq: a trait that is the same everywhere leaves the normal equations singular
    found = np.linalg.lstsq(weighted.T @ rows + penalty, weighted.T @ values, rcond=None)[0]
    return _made(found, middle, spread)


def logistic(traits: Array, so: Array, strength: float) -> Linear:
    """Fit log odds to what was so and what was not, with a penalty on weights.

    Parameters
    ----------
    traits : float array (n, k)
        NaN where missing.
    so : boolean array (n,)
        Whether it was so. Half a row of each kind is added at the mean, so that nothing is sure.
    strength : float
        Of the penalty, in rows.

    Examples
    --------
    >>> fitted = logistic(np.array([[0.0], [1.0]] * 50), np.array([0, 1] * 50, bool), 1.0)
    >>> fitted(np.array([[0.0], [1.0]])).round(1).tolist()
    [-3.4, 3.4]
    """
    from scipy.optimize import minimize

    scaled, middle, spread = _standardised(traits)
    rows = np.column_stack([np.ones(len(scaled)), scaled])
    usual = np.eye(1, rows.shape[1])
    rows = np.concatenate([rows, usual, usual])
    said = np.concatenate([np.asarray(so, float), [0.0, 1.0]])
    counts = np.concatenate([np.ones(len(scaled)), [0.5, 0.5]])
    penalty = np.full(rows.shape[1], strength)
    penalty[0] = 0

    def surprise(w: Array) -> tuple[float, Array]:
        odds = rows @ w
        value = (counts * (np.logaddexp(0, odds) - said * odds)).sum() + (penalty * w * w).sum() / 2
        return float(value), rows.T @ (counts * (share(odds) - said)) + penalty * w

    found = minimize(surprise, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B").x
    return _made(found, middle, spread)


def share(odds: Array) -> Array:
    """Return probabilities of log odds.

    Examples
    --------
    >>> share(np.array([0.0, 1000.0])).tolist()
    [0.5, 1.0]
    """
    return np.asarray(0.5 * (1 + np.tanh(np.asarray(odds) / 2)))


def odds(shares: Array, least: float = 1e-3) -> Array:
    """Return log odds of shares, which are taken no nearer to 0 and 1 than `least`.

    Examples
    --------
    >>> odds(np.array([0.5, 0.9])).round(3).tolist()
    [0.0, 2.197]
    """
    kept = np.clip(shares, least, 1 - least)
    return np.asarray(np.log(kept / (1 - kept)))


def _standardised(traits: Array) -> tuple[Array, Array, Array]:
    known = np.isfinite(traits)
    n = np.maximum(known.sum(axis=0), 1)
    middle = np.where(known, traits, 0).sum(axis=0) / n
    spread = np.sqrt((np.where(known, traits - middle, 0) ** 2).sum(axis=0) / n)
    spread = np.where(spread > LEAST_SPREAD, spread, 1.0)
    return standard(traits, middle, spread), middle, spread


def _made(found: Array, middle: Array, spread: Array) -> Linear:
    return Linear(float(found[0]), *(tuple(map(float, of)) for of in (found[1:], middle, spread)))
