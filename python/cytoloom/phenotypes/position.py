"""Whether control wells differ by where they lie: edge, row, column, plate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .hits import permutation_p
from .wells import place_of, plate_of, well_of

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.01
FEW = 6
"""Control wells from which on a difference is looked for."""


def position_words(wells: pd.DataFrame) -> list[str]:
    """Say where control wells differ by their place more than chance explains.

    Parameters
    ----------
    wells : DataFrame
        A row per well: well, is_control, outliers, score, plate where there are several.

    Returns
    -------
    list of str
        A sentence for each of edge, row, column and plate by which scores of control wells differ:
        a permutation of wells, a rank correlation, or Kruskal and Wallis, p below 0.01 over the
        number of these questions.

    Examples
    --------
    >>> import pandas as pd
    >>> names = [f"{row}{k:02d}" for row in "ABCD" for k in range(1, 7)]
    >>> table = pd.DataFrame({"well": names, "is_control": True,
    ...                       "score": [3.0 + 0.01 * k if n[0] in "AD" or n[1:] in ("01", "06") else
    ...                                 1.0 + 0.01 * k for k, n in enumerate(names)]})
    >>> position_words(table)
    ['Control wells at the edge of the plate differ from those inside (p < 0.001): compare ...']
    """
    own = wells[wells["is_control"]]
    found = _by_plate(own)
    if "well" not in own:
        return found
    own = own[[well_of(str(one)) is not None for one in own["well"]]]
    if len(own) < FEW:
        return found
    places = [place_of(str(well_of(str(one)))) for one in own["well"]]
    rows, columns = plate_of([str(well_of(str(one))) for one in own["well"]])
    scores = own["score"].to_numpy(float)
    if "plate" in own:  # what differs from plate to plate is asked above
        scores = scores - own.groupby("plate")["score"].transform("median").to_numpy(float)
    edge = np.array([r in (1, rows) or c in (1, columns) for r, c in places])
    if 1 < edge.sum() < len(edge) - 1:
        p = permutation_p(scores[edge], scores[~edge])
        if p < LEVEL / 4:
            found.append(
                f"Control wells at the edge of the plate differ from those inside ({_chance(p)}): "
                "compare treatments with controls that lie where they do."
            )
    for k, name in enumerate(("row", "column")):
        p = _trend(np.array([place[k] for place in places], float), scores)
        if p < LEVEL / 4:
            found.append(
                f"Scores of control wells change from {name} to {name} ({_chance(p)}): light or "
                "staining is uneven over the plate, or controls of one place stand for all."
            )
    return found


def _chance(p: float) -> str:
    """Say a chance; of very small ones more is not known than that they are.

    Examples
    --------
    >>> _chance(0.0123), _chance(0.0)
    ('p 0.012', 'p < 0.001')
    """
    return f"p {p:.2g}" if p >= 0.001 else "p < 0.001"


def _trend(at: Any, scores: Any) -> float:
    from scipy import stats

    if len(np.unique(at)) < 3 or len(np.unique(scores)) < 2:
        return 1.0
    return float(stats.spearmanr(at, scores).pvalue)


def _by_plate(own: pd.DataFrame) -> list[str]:
    """Say where control wells of plates differ, though each was held against its own."""
    from scipy import stats

    if "plate" not in own:
        return []
    groups = [g["outliers"].to_numpy(float) for _, g in own.groupby("plate") if len(g) > 2]
    if len(groups) < 2 or len(np.unique(np.concatenate(groups))) < 2:
        return []
    p = float(stats.kruskal(*groups).pvalue)
    if not p < LEVEL / 4:
        return []
    means = own.groupby("plate")["outliers"].mean()
    return [
        f"Control wells of plates differ in their share of outliers, from {means.min():.0%} "
        f"({means.idxmin()}) to {means.max():.0%} ({means.idxmax()}) ({_chance(p)})."
    ]
