"""Wells: any column of cells by well, how good controls are, how replicates agree, dose by dose."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..events import Work, verb

if TYPE_CHECKING:
    from .of_wells import Wells


@verb
def wells(
    features: Any,
    *,
    controls: Any = None,
    positives: Any = None,
    columns: str | Sequence[str] | None = None,
    by: str | None = None,
    dose: str | None = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: bool | str = "auto",
) -> Work[Wells]:
    """Put cells together by well, and say how good the plate is.

    Parameters
    ----------
    features : DataFrame or path
        A row per cell, of `features`, `encode` or the `cells` of `novelty`; CSV or Parquet.
    controls : str, list of str or dict
        Which cells are negative controls, as in `novelty`.
    positives : str, list of str or dict, optional
        Which are positive controls, for Z' and SSMD.
    columns : str or list of str, optional
        Which columns; default all features, or score and outlier where there are none.
    by : str, optional
        The column of treatments; default treatment, else concentration, control or well.
    dose : str, optional
        The column of doses; default concentration, where there is one.
    out : path, optional
        Folder for by_well.csv, well_quality.csv, well_replicates.csv and well_doses.csv.
    overwrite : bool, default False
        Replace what an earlier call wrote to `out`.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Wells
        Tables `wells`, `quality`, `replicates` and `doses`.

    Raises
    ------
    InvalidError
        No such column, no controls.

    Notes
    -----
    A well's value is the median of its cells (of yes and no their share). Robust z: less the median
    of the plate's control wells, over their median distance from it times 1.4826.

    Examples
    --------
    >>> import pandas as pd
    >>> import cytoloom as cl
    >>> table = pd.DataFrame({"well": ["A01", "A02", "A03", "A04"], "control": ["neg"] * 3 + [None],
    ...                       "shape_area_px": [1.0, 2, 3, 9]})
    >>> found = cl.wells(table, controls="neg", progress=False)
    >>> found.wells[["well", "shape_area_px", "shape_area_px_z"]].round(2).to_dict("list")
    {'well': ['A01', 'A02', 'A03', 'A04'], 'shape_area_px': [1.0, 2.0, 3.0, 9.0],
     'shape_area_px_z': [-0.67, 0.0, 0.67, 4.72]}
    """
    from .of_wells import put_together

    found: Wells = yield from put_together(
        features, controls, positives, columns, by, dose, out, overwrite
    )
    return found
