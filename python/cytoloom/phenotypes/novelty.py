"""Novelty: which cells look like none of the controls, and which treatments have more of these."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..events import Work, verb

if TYPE_CHECKING:
    from .found import Novelty
    from .gathered import Cells


@verb
def novelty(
    features: Any,
    *,
    controls: Any = None,
    method: str = "mahalanobis",
    rate: float = 0.05,
    by: str | None = None,
    detector: Novelty | str | os.PathLike[str] | None = None,
    cells: Cells | str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    seed: int = 0,
    progress: bool | str = "auto",
) -> Work[Novelty]:
    """Find cells that look like none of the controls, and treatments that have more of them.

    Parameters
    ----------
    features : DataFrame or path
        From `features` or `encode`: a row per cell, with columns well (and plate) or image, and
        what was done there; CSV or Parquet.
    controls : str, list of str or dict
        Which cells are negative controls: the word for them in the column control, group,
        treatment or type; wells; or columns with their words. In one text ``"A01,B12"`` and
        ``"treatment=DMSO"`` are these, too. Several wells of each plate.
    method : str, default "mahalanobis"
        "mahalanobis" (standardised, principal components, covariance shrunk by Ledoit and Wolf),
        "one-class-svm", "isolation-forest", "lof", "gmm", "kde", or "reconstruction": the
        reconstruction_error of `encode` alone, which tells little.
    rate : float, default 0.05
        Share of control cells that may be called outliers. The score from which a cell is one is
        chosen on control wells that the detector has not seen.
    by : str, optional
        The column of treatments; default treatment, else concentration, control or well.
    detector : Novelty or path, optional
        Results of an earlier call, or their folder: cells are scored by its detector, whose
        method, rate and threshold are taken, of features scaled by the controls of their own
        plates; whether these controls have drifted is said.
    cells : Cells or path, optional
        With `out`, what `cells` gathered, or its folder: galleries of these cells are written, too,
        galleries/NAME.png for each treatment (its most novel cells above its most typical ones) and
        clusters.png (outliers that are alike).
    out : path, optional
        Folder for novelty_cells.csv, novelty_wells.csv, hits.csv and the detector, detector.npz.
    overwrite : bool, default False
        Replace what an earlier call wrote to `out`.
    seed : int, default 0
        Of what is drawn: the same seed gives the same result.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Novelty
        `cells` (score and outlier of each), `wells` and `hits`: a row per treatment with plate,
        treatment, wells, cells, outliers (share), effect (how much more than in control wells, with
        its 95 % interval over wells: low, high), p (wells dealt out at random) and q (Benjamini and
        Hochberg).

    Raises
    ------
    InvalidError
        No features, no controls, controls of a single well.

    Notes
    -----
    Features are scaled by the median and the spread of the controls of their own plate first. What
    is independent is a well, not a cell: intervals and chances are over wells.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> import cytoloom as cl
    >>> rng = np.random.default_rng(0)
    >>> wells = np.repeat([f"A{k:02d}" for k in range(1, 13)], 50)
    >>> drug = np.where(wells > "A08", "drug", "DMSO")
    >>> values = rng.normal(size=600) + 3 * (drug == "drug")
    >>> table = pd.DataFrame({"well": wells, "treatment": drug, "shape_area_px": values})
    >>> found = cl.novelty(table, controls="DMSO", progress=False)
    >>> found.hits[["treatment", "wells", "cells"]]
      treatment  wells  cells
    0      drug      4    200
    """
    from .search import searched

    found: Novelty = yield from searched(
        features, controls, method, rate, by, detector, cells, out, overwrite, seed
    )
    return found
