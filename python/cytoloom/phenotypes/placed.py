"""Where cells lie on a map of their features, and which outliers are alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import invalid

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
COMPONENTS = 8
"""Principal components of each cell that are kept: a map, clusters, and UMAP are made of them."""
FAR = 10.0
"""Features farther from the controls are taken to be so far: some odd cell is not all of a map."""
FITTED = 20_000
CLUSTERS = range(2, 9)
FEWEST = 20
"""Of fewer outliers no clusters are sought."""
_LOOKED_AT = 2000


def placed(values: Floats, outlier: NDArray[np.bool_], seed: int) -> dict[str, Any]:
    """Return principal components of cells, and clusters of the outliers among them.

    Parameters
    ----------
    values : ndarray (cells, features)
        Scaled by controls.
    outlier : ndarray of bool (cells,)
        Which are outliers.
    seed : int
        Of what is drawn.

    Returns
    -------
    dict of array (cells,)
        cluster (from 1, the largest first; missing where a cell is no outlier), pc_1, pc_2 ...

    Examples
    --------
    >>> values = np.random.default_rng(0).normal(size=(60, 3))
    >>> values[40:52, 0] += 9
    >>> values[52:, 1] += 9
    >>> found = placed(values, np.arange(60) >= 40, seed=0)
    >>> [int(found["cluster"][k]) for k in (40, 59)], sorted(found)
    ([1, 2], ['cluster', 'pc_1', 'pc_2', 'pc_3'])
    """
    import pandas as pd
    from sklearn.decomposition import PCA

    near = np.clip(values, -FAR, FAR)
    rng = np.random.default_rng(seed)
    seen = near
    if len(near) > FITTED:
        seen = near[np.sort(rng.choice(len(near), FITTED, replace=False))]
    count = max(1, min(COMPONENTS, near.shape[1], len(seen) - 1))
    axes = PCA(count, svd_solver="full").fit(seen)
    # three digits are what is seen on a map, and keep the table small
    at = np.round(axes.transform(near), 3) + 0.0
    cluster = pd.array([pd.NA] * len(values), dtype="Int64")
    cluster[np.flatnonzero(outlier)] = _clusters(at[outlier], seed)
    return {"cluster": cluster, **{f"pc_{k + 1}": at[:, k] for k in range(count)}}


def _clusters(places: Floats, seed: int) -> NDArray[np.int64]:
    """Return of each outlier its cluster, from 1, the largest first; so many as are best apart."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    if len(np.unique(places, axis=0)) < FEWEST:
        return np.ones(len(places), np.int64)

    def found(count: int) -> NDArray[np.int64]:
        labels = KMeans(count, n_init=4, random_state=seed).fit_predict(places)
        return np.asarray(labels, np.int64)

    def apart(labels: NDArray[np.int64]) -> float:
        some = min(len(places), _LOOKED_AT)
        return float(silhouette_score(places, labels, sample_size=some, random_state=seed))

    best = max((found(count) for count in CLUSTERS), key=apart)
    sizes = np.bincount(best)
    rank = np.empty(len(sizes), np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(1, len(sizes) + 1)
    return rank[best]


def components(cells: pd.DataFrame) -> Floats:
    """Return the principal components of cells, which `novelty` wrote into their table."""
    names = [name for name in cells if str(name).startswith("pc_")]
    if not names:
        raise invalid(
            "cells",
            expected="cells with their principal components, pc_1 and so on",
            received="none",
            remedy="Run novelty again.",
        )
    return cells[names].to_numpy(float)


def has_umap() -> bool:
    """Whether umap-learn is installed."""
    try:
        import umap  # noqa: F401
    except ImportError:
        return False
    return True


def umap_of(places: Floats, seed: int = 0) -> Floats:
    """Return a map (cells, 2) by UMAP, of principal components; umap-learn is imported here only.

    Raises
    ------
    InvalidError
        No package umap-learn, which is in the extra ``umap``.
    """
    try:
        import umap
    except ImportError:
        raise invalid(
            "by",
            expected="the package umap-learn",
            received="it is not installed",
            remedy='Run pip install "cytoloom[umap]", in R cl_install(extras = "umap").',
        ) from None
    # one thread: only so does the same seed give the same map
    made = umap.UMAP(n_components=2, random_state=seed, n_jobs=1).fit_transform(places)
    return np.asarray(made, float)
