"""Intervals of means by resampling images, or groups of images."""

from __future__ import annotations

import numpy as np

RESAMPLES = 2000


def _interval(values: np.ndarray, groups: list[str | None]) -> dict[str, float]:
    known = np.isfinite(values)
    names = [g if g is not None else f"\0{k}" for k, g in enumerate(groups)]
    used = [names[k] for k in np.flatnonzero(known)]
    value, low, high = bootstrap(values[known], used)
    return {"value": value, "low": low, "high": high, "n": int(known.sum())}


def bootstrap(values: np.ndarray, groups: list[str], seed: int = 0) -> tuple[float, float, float]:
    """Mean with its 95 % bootstrap percentile interval, groups drawn with replacement.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        One value per image.
    groups : list of str
        Group of each image; images of one group are drawn together.
    seed : int, default 0
        Of the 2000 draws.

    Returns
    -------
    tuple of float
        Mean, 2.5th and 97.5th percentile; all NaN without values. With a single group the
        interval cannot be known and is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> bootstrap(np.array([0.5, 0.5]), ["a", "b"])
    (0.5, 0.5, 0.5)
    """
    if values.size == 0:
        return np.nan, np.nan, np.nan
    _, index = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(index, values), np.bincount(index)
    mean = float(values.mean())
    if sizes.size < 2:
        return mean, np.nan, np.nan
    drawn = np.random.default_rng(seed).integers(sizes.size, size=(RESAMPLES, sizes.size))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return mean, float(low), float(high)
