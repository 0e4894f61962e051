"""Scores as probabilities: Platt's logistic fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

LEAST = 1e-6
FEW = 3
"""So many that are right, and that are wrong, there must be."""


def log_odds(p: Any) -> NDArray[np.float64]:
    """Return the log odds of probabilities, those of 0 and 1 cut off.

    Examples
    --------
    >>> log_odds([0.5, 0.9]).round(2).tolist()
    [0.0, 2.2]
    """
    p = np.clip(np.asarray(p, float), LEAST, 1 - LEAST)
    return np.asarray(np.log(p) - np.log1p(-p))


def fitted(
    scores: NDArray[Any],
    right: NDArray[Any],
    usual: tuple[float, ...] = (1.0,),
) -> tuple[tuple[float, ...], float]:
    """Fit weights and an offset with which sums of scores are log odds of being right.

    Parameters
    ----------
    scores : ndarray (n,) or (n, k)
        Log odds, or what stands for them.
    right : ndarray of bool (n,)
        Which are.
    usual : tuple of float, default (1.0,)
        Weights where there is nothing to fit to, k of them.

    Returns
    -------
    (tuple of float, float)
        Weights, none of them below 0, and offset; the usual and 0 of too few.

    Notes
    -----
    Platt 1999, "Probabilistic outputs for support vector machines", his targets included: each
    class is one short of certain, so that scores that tell all apart do not make them infinite.

    Examples
    --------
    Of scores that say nothing, the offset alone remains: one of five is right.

    >>> scores, right = np.tile([-1.0, 1.0], 50), np.repeat([True, False, False, False, False], 20)
    >>> [round(v, 2) for v in (*fitted(scores, right)[0], fitted(scores, right)[1])]
    [0.0, -1.38]
    """
    from scipy.optimize import minimize

    scores, right = np.asarray(scores, float), np.asarray(right, bool)
    scores = scores.reshape(len(right), -1)
    yes, no = int(right.sum()), int((~right).sum())
    if min(yes, no) < FEW:
        return usual, 0.0
    aim = np.where(right, (yes + 1) / (yes + 2), 1 / (no + 2))

    def surprise(of: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = scores @ of[:-1] + of[-1]
        off = expit(z) - aim
        return float((np.logaddexp(0, z) - aim * z).sum()), np.append(off @ scores, off.sum())

    bounds = [(0, None)] * scores.shape[1] + [(None, None)]
    found = minimize(surprise, np.append(usual, 0.0), jac=True, bounds=bounds, method="L-BFGS-B").x
    return tuple(round(float(v), 6) for v in found[:-1]), round(float(found[-1]), 6)
