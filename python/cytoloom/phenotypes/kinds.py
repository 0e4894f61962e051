"""Compare features: which kinds tell positive controls from negative ones, and did learning pay."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..events import Work, verb

if TYPE_CHECKING:
    from .compared import FeatureComparison


@verb
def compare_features(
    features: Any,
    *,
    controls: Any = None,
    positives: Any = None,
    method: str = "mahalanobis",
    by: str | None = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    seed: int = 0,
    progress: bool | str = "auto",
) -> Work[FeatureComparison]:
    """Compare kinds of features by your own controls, and say whether learning paid.

    Parameters
    ----------
    features : DataFrame or path
        From `features`, with the kinds that are to be compared: measured ones, random ones,
        learned ones; CSV or Parquet.
    controls : str, list of str or dict
        Which cells are negative controls, as in `novelty`; two wells or more.
    positives : str, list of str or dict
        Which are positive controls; two wells or more.
    method : str, default "mahalanobis"
        The detector, as in `novelty`.
    by : str, optional
        The column of treatments, for how replicates agree; default treatment, else concentration,
        control or well.
    out : path, optional
        Folder for kinds.csv.
    overwrite : bool, default False
        Replace what an earlier call wrote to `out`.
    seed : int, default 0
        Of folds of wells, and of wells drawn for intervals.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    FeatureComparison
        Its `table` has a row per kind; `words` say whether learning paid.

    Raises
    ------
    InvalidError
        No features, or fewer than two wells of either control.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> import cytoloom as cl
    >>> rng = np.random.default_rng(0)
    >>> wells = np.repeat([f"A{k:02d}" for k in range(1, 9)], 40)
    >>> control = np.where(wells > "A04", "pos", "neg")
    >>> table = pd.DataFrame({"well": wells, "control": control,
    ...     "shape_area_px": rng.normal(size=320) + 2 * (control == "pos"),
    ...     "random_0": rng.normal(size=320)})
    >>> found = cl.compare_features(table, controls="neg", positives="pos", progress=False)
    >>> found.table[["features", "better"]].to_dict("list")
    {'features': ['measured', 'random'], 'better': ['', 'worse']}
    """
    from .compared import compare

    found: FeatureComparison = yield from compare(
        features, controls, positives, method, by, out, overwrite, seed
    )
    return found
