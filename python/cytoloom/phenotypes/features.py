"""Features: one row of numbers for each cell, of the kinds that are asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from ..events import Work, verb

if TYPE_CHECKING:
    import pandas as pd

    from .gathered import Cells


@verb
def features(
    cells: Cells | str | os.PathLike[str],
    *,
    kinds: str | Sequence[str] | None = None,
    model: Any = None,
    corrected: Literal["robust-z", "sphered"] | None = None,
    selected: bool = False,
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
        inner and outer part, correlation of channels; "texture": co-occurrences and grain;
        "random": codes of an encoder with random weights, which any other has to be better than;
        "learned": codes of `model`. Default the first three where there are labels, else the second
        and the third; with `model` learned ones, too.
    model : Model, path or str, optional
        What learned, as for `encode`.
    corrected : {"robust-z", "sphered"}, optional
        Hold features against the controls of their plate: less the median, over the median distance
        from it times 1.4826; "sphered": then all directions are made as wide as in controls and
        uncorrelated (ZCA-cor, correlations shrunk by Ledoit and Wolf). Default: as measured.
        `novelty` scales by itself.
    selected : bool, default False
        Leave out features that do not vary, and of two whose correlation is above 0.9 one.
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
        An unknown kind, shapes without labels, learned ones without a model, corrections without
        controls.

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

    found: pd.DataFrame = yield from measure_features(
        cells, kinds, model, corrected, selected, out, overwrite
    )
    return found
