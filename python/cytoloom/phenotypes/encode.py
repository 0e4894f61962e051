"""Encode: what a model has learned to say of cells, a row of numbers for each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..events import Work, verb

if TYPE_CHECKING:
    import pandas as pd


@verb
def encode(
    model: Any,
    cells: Any,
    *,
    views: int = 8,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: bool | str = "auto",
) -> Work[pd.DataFrame]:
    """Describe cells by the code of a model that was trained on cells.

    Parameters
    ----------
    model : Model, path or str
        Trained on cells; or "random", an encoder with random weights, the baseline of any other; or
        ``"NAME:FILE"``, a network of `keras.applications` with weights from a file, such as
        ``"MobileNetV3Small:weights.h5"``, which sees each channel by itself, as grey.
    cells : Cells or path
        From `cells`, or the folder that it wrote; of crops as large as in training.
    views : {8, 1}, default 8
        In how many views, turned by right angles and flipped, the network sees each cell; its code
        is the mean. 1 is what CellCognition Explorer has.
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
        A row per cell: every column of the plate's table, image, object, position, the features
        learned_0 (random_0, frozen_0) and so on, and of autoencoders reconstruction_error (the mean
        square of what was not given back, of scaled pixels).

    Raises
    ------
    InvalidError
        A model that was not trained on cells, or other crops or channels than there.

    Examples
    --------
    >>> import cytoloom as cl
    >>> table = cl.encode("cells.cytoloom", "cells/")  # doctest: +SKIP
    """
    from .encoded import encoded

    found: pd.DataFrame = yield from encoded(model, cells, views, out, overwrite)
    return found
