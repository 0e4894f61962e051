"""Which treatments differ from controls: effects, intervals and chances over wells; pure arrays."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST = 20_000
"""Ways of dealing wells out that are all tried; of more so many are drawn."""


def effect(treated: Floats, controls: Floats, level: float = 0.95) -> tuple[float, float, float]:
    """Return how far the mean of treated wells is from that of controls, with its interval.

    Parameters
    ----------
    treated, controls : ndarray (wells,)
        One value a well.
    level : float, default 0.95
        Of the interval.

    Returns
    -------
    (float, float, float)
        Difference, low and high: Welch's t interval. NaN where there is one well of either, or all
        wells are alike: nothing then says how far others would be off.

    Examples
    --------
    >>> found = effect(np.array([0.5, 0.7]), np.array([0.0, 0.1, 0.2]))
    >>> round(found[0], 2), round(found[1], 2), round(found[2], 2)
    (0.5, -0.1, 1.1)
    """
    from scipy import stats

    difference = (
        float(treated.mean() - controls.mean()) if len(treated) and len(controls) else math.nan
    )
    if len(controls) < 2 or len(treated) < 2:
        return difference, math.nan, math.nan
    own, other = (one.var(ddof=1) / len(one) for one in (controls, treated))
    error = math.sqrt(own + other)
    if error == 0:
        return difference, math.nan, math.nan
    parts = other**2 / (len(treated) - 1) + own**2 / (len(controls) - 1)
    half = error * float(stats.t.ppf(0.5 + level / 2, (own + other) ** 2 / parts))
    return difference, difference - half, difference + half


def permutation_p(treated: Floats, controls: Floats, seed: int = 0) -> float:
    """Return how often wells dealt out at random differ as much, or more, in their means.

    Parameters
    ----------
    treated, controls : ndarray (wells,)
        One value a well.
    seed : int, default 0
        Of what is drawn, where there are more than 20 000 ways.

    Returns
    -------
    float
        Two-sided; exact where all ways are tried. Never below one over their number.

    Examples
    --------
    >>> permutation_p(np.array([9.0]), np.array([1.0, 2.0, 3.0])), smallest_p(1, 3)
    (0.25, 0.25)
    """
    n, every = len(treated), np.concatenate([treated, controls])
    if not n or not len(controls):
        return math.nan
    seen = abs(treated.mean() - controls.mean())
    total, ways = every.sum(), math.comb(len(every), n)
    if ways <= MOST:
        chosen = np.array(list(itertools.combinations(range(len(every)), n)))
        sums, drawn = every[chosen].sum(axis=1), 0
    else:
        rng = np.random.default_rng(seed)
        order = rng.permuted(np.tile(np.arange(len(every)), (MOST - 1, 1)), axis=1)[:, :n]
        sums, drawn = every[order].sum(axis=1), 1
    away = np.abs(sums / n - (total - sums) / len(controls))
    return float((np.sum(away >= seen - 1e-12 * max(1.0, seen)) + drawn) / (len(sums) + drawn))


def smallest_p(treated: int, controls: int) -> float:
    """Return the smallest chance that so few wells can come to.

    Examples
    --------
    >>> smallest_p(2, 8)
    0.022222222222222223
    """
    ways = math.comb(treated + controls, treated)
    # of as many of both, every way has its mirror
    return (2 if treated == controls else 1) / ways


def benjamini_hochberg(p: Sequence[float] | Floats) -> Floats:
    """Return q values: the rate of false discoveries of a list that ends there.

    Benjamini and Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x; NaN stay so.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.5]).round(3).tolist()
    [0.04, 0.053, 0.053, 0.5]
    """
    values = np.asarray(p, float)
    q, known = np.full(len(values), np.nan), np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    ranked = values[order] * len(order) / np.arange(1, len(order) + 1)
    q[order] = np.minimum.accumulate(ranked[::-1])[::-1] if len(order) else ranked
    return q


def z_prime(positive: Floats, negative: Floats) -> float:
    """Return Z' of two kinds of control wells: 1 at best, below 0 where they overlap.

    Zhang et al. (1999), doi:10.1177/108705719900400206.

    Examples
    --------
    >>> round(z_prime(np.array([9.0, 10, 11]), np.array([-1.0, 0, 1])), 2)
    0.4
    """
    apart = abs(positive.mean() - negative.mean())
    spread = 3 * (positive.std(ddof=1) + negative.std(ddof=1))
    return float(1 - spread / apart) if apart > 0 else -math.inf


def ssmd(one: Floats, other: Floats) -> float:
    """Return the strictly standardised mean difference of two kinds of wells.

    Zhang (2007), doi:10.1016/j.ygeno.2006.12.014.

    Examples
    --------
    >>> round(ssmd(np.array([9.0, 10, 11]), np.array([-1.0, 0, 1])), 2)
    7.07
    """
    spread = math.sqrt(one.var(ddof=1) + other.var(ddof=1))
    away = float(one.mean() - other.mean())
    return away / spread if spread > 0 else math.copysign(math.inf, away) if away else 0.0
