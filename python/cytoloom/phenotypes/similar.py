"""Similar: more cells like these."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from ..events import Work, verb

if TYPE_CHECKING:
    import pandas as pd


@verb
def similar(
    features: Any,
    to: Any,
    *,
    metric: Literal["cosine", "euclidean", "cityblock", "correlation"] = "cosine",
    n: int = 50,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: bool | str = "auto",
) -> Work[pd.DataFrame]:
    """Find the cells that look most like some that are shown.

    Parameters
    ----------
    features : DataFrame or path
        From `features` or `encode`: a row per cell; CSV or Parquet.
    to : list of str, list of int or DataFrame
        The cells: image and number such as ``"A01:12"``, rows of the table from 0, or rows of it
        themselves with their columns image and object.
    metric : {"cosine", "euclidean", "cityblock", "correlation"}, default "cosine"
        How far two cells are apart.
    n : int, default 50
        How many are returned.
    out : path, optional
        CSV or Parquet file for the table.
    overwrite : bool, default False
        Replace the file that is at `out`.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    DataFrame
        Of each cell what is known of it, row (of the table) and distance, the nearest first; those
        in `to` are left out.

    Raises
    ------
    InvalidError
        No features, or a cell that is not in the table.

    Notes
    -----
    Features are scaled by the median and the spread of all cells of a plate; cells are compared
    with the mean of those in `to`.

    Examples
    --------
    >>> import pandas as pd
    >>> import cytoloom as cl
    >>> table = pd.DataFrame({"image": "A01", "object": [1, 2, 3, 4, 5],
    ...                       "shape_area_px": [9.0, 1.0, 2.0, 1.5, 8.0],
    ...                       "shape_solidity": [0.2, 0.9, 0.8, 0.9, 0.3]})
    >>> cl.similar(table, ["A01:1"], n=1, progress=False)[["image", "object"]]
      image  object
    0   A01       5
    """
    from .alike import nearest

    found: pd.DataFrame = yield from nearest(features, to, metric, n, out, overwrite)
    return found
