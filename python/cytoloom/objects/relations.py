"""Which object of one label image lies in which of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..metrics.contingency import contingency, sums

if TYPE_CHECKING:
    import pandas as pd


def relations(nuclei: NDArray[Any], cells: NDArray[Any]) -> pd.DataFrame:
    """Find for each nucleus the cell that most of its pixels in cells are in.

    Parameters
    ----------
    nuclei, cells : ndarray of int, the same shape
        0 is background, every other value an object.

    Returns
    -------
    DataFrame
        nucleus, cell (Int64, missing where none), overlap_px, share (of the nucleus' pixels): one
        row per nucleus. Of cells that share as much the one with the lowest number.

    Examples
    --------
    >>> relations(np.array([[1, 1, 1, 2]]), np.array([[0, 5, 4, 0]]))
       nucleus  cell  overlap_px     share
    0        1     4           1  0.333333
    1        2  <NA>           0  0.000000
    """
    import pandas as pd

    table = contingency(nuclei, cells)
    names = np.unique(table.truth[table.truth > 0])
    both = (table.truth > 0) & (table.found > 0)
    pairs = pd.DataFrame(
        {"nucleus": table.truth[both], "cell": table.found[both], "overlap_px": table.pixels[both]}
    ).astype({"cell": "Int64"})
    most = pairs.sort_values(["overlap_px", "cell"], ascending=[False, True])
    found = pd.DataFrame({"nucleus": names}).merge(
        most.drop_duplicates("nucleus"), how="left", on="nucleus"
    )
    found["overlap_px"] = found["overlap_px"].fillna(0).astype(np.int64)
    found["share"] = found["overlap_px"] / sums(table.truth, table.pixels, names)
    return found
