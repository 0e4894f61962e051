"""Features: one row of numbers for each cell, of the kinds that are asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..events import Work, verb

if TYPE_CHECKING:
    import pandas as pd

    from .gathered import Cells


@verb
def features(
    cells: Cells | str | os.PathLike[str],
    *,
    kinds: str | Sequence[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: bool | str = "auto",
) -> Work[pd.DataFrame]:
    """Measure features of cells.

    Parameters
    ----------
    cells : Cells or path
        From `cells`, or the folder that it wrote.
    kinds : str or list of str, optional
        "shape": area, axes, outline; "intensity": brightness and its spread, the ring around,
        inner and outer part, correlation of channels; "texture": co-occurrences and grain.
        Default all three where there are labels, else the last two.
    out : path, optional
        File for the table: ``.csv``, ``.parquet``, ``.h5ad`` (AnnData, as scanpy opens it) or
        ``.hdf`` (with pictures of the cells, as the CellCognition Explorer opens it).
    overwrite : bool, default False
        Replace the file that is at `out`.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    DataFrame
        A row per cell: every column of the plate's table, image, object, position, and the
        features; their names begin with what they are, such as ``shape_area_px``.

    Raises
    ------
    InvalidError
        An unknown kind, or shapes without labels.

    Examples
    --------
    >>> import cytoloom as cl
    >>> image, labels = cl.simulate.nuclei(shape=(96, 96), count=5, seed=1)
    >>> cells = cl.cells({"A01": image}, labels={"A01": labels}, size_px=24, progress=False)
    >>> table = cl.features(cells, kinds="shape", progress=False)
    >>> table[["well", "object", "shape_area_px"]].head(2)
      well  object  shape_area_px
    0  A01       1          386.0
    1  A01       2          321.0
    """
    from .measured import measure_features

    found: pd.DataFrame = yield from measure_features(cells, kinds, out, overwrite)
    return found
