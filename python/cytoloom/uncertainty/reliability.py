"""Reliability: how often what is said with a probability is so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]
BINS = 15
"""As Guo et al. 2017 have it, doi:10.48550/arXiv.1706.04599."""


def reliability(said: Array, so: Array, bins: int = BINS) -> pd.DataFrame:
    """Count how often what was said with a probability was so, in bins of equal width.

    Parameters
    ----------
    said : float array (n,)
        Probabilities, 0..1.
    so : boolean array (n,)
        Whether it was so.
    bins : int, default 15
        How many.

    Returns
    -------
    DataFrame
        low and high end of each bin, said (the mean probability), so (the share), n.

    Examples
    --------
    >>> table = reliability(np.array([0.2, 0.2, 0.9, 0.9]), np.array([0, 1, 1, 1]), bins=2)
    >>> table.values.tolist()
    [[0.0, 0.5, 0.2, 0.5, 2.0], [0.5, 1.0, 0.9, 1.0, 2.0]]
    """
    import pandas as pd

    which = np.minimum((np.asarray(said) * bins).astype(int), bins - 1)
    count = np.bincount(which, minlength=bins)
    least = np.maximum(count, 1)
    mean, share = (np.bincount(which, v, minlength=bins) / least for v in (said, so))
    ends = np.arange(bins + 1) / bins
    none = count == 0
    return pd.DataFrame({
        "low": ends[:-1],
        "high": ends[1:],
        "said": np.where(none, np.nan, mean),
        "so": np.where(none, np.nan, share),
        "n": count,
    })  # fmt: skip


def calibration_error(table: pd.DataFrame) -> float:
    """Return the expected calibration error: the mean of |said - so| over what was said.

    Examples
    --------
    >>> calibration_error(reliability(np.array([0.2, 0.2, 0.9, 0.9]), np.array([0, 1, 1, 1]), 2))
    0.2
    """
    total = table["n"].sum()
    error = ((table["said"] - table["so"]).abs() * table["n"]).sum()
    return round(float(error / total), 12) if total else float("nan")
