"""Predict: a model and images in; label images and a table of objects out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidError, invalid
from ..events import Event, drain, note, warn
from ..models.each_image import each_image
from ..models.inputs import as_model, trained_channels
from ..storage.atomic import leave_empty
from ..storage.results import PREDICTED, UNFINISHED, open_results_folder, remove_predictions
from ..storage.tables import write_table
from .apply import is_factor, portable, predict_one
from .predictions import FILES_COLUMNS, Predictions

if TYPE_CHECKING:
    from ..models.model import Model


def predict(
    model: Model | str | os.PathLike[str],
    images: Any,
    *,
    channels: Sequence[int | str] | None = None,
    slices: bool = False,
    rescale: float | str | None = "auto",
    out: str | os.PathLike[str] | None = None,
    overlay: bool = False,
    overwrite: bool = False,
    progress: bool | str = "auto",
) -> Predictions:
    """Find objects or classes in images.

    Parameters
    ----------
    model : Model or path
        What to apply.
    images : path, list of paths, array, list or dict of arrays, or Data
        Folder, file(s) or arrays (y, x[, c]) / (z, y, x[, c]). Time points are taken as images
        of their own, named ``<name>_t000``.
    channels : sequence of int or str, optional
        Which channels of the files to use, by index from 0 or by name; by default all, or those
        the model was trained on when they have names.
    slices : bool, default False
        Take the z slices of a stack as images of their own (for a 2-D model).
    rescale : float, "auto" or None, default "auto"
        Factor by which images are enlarged before the network sees them (labels come back at
        their own size). "auto": the ratio of pixel sizes where both are known and differ by more
        than 20 %; otherwise, for instances whose objects fit the network's maps clearly worse
        than in training, the size at which they fit as there, if there is one; said in a
        warning. None: as they are, and as `evaluate` takes them.
    out : path, optional
        Folder for label TIFFs (``labels/<name>.tif``), objects.csv, files.csv and overlays.
        Without it labels stay in memory.
    overlay : bool, default False
        Also write ``overlays/<name>.png``, of stacks the plane with most objects; needs `out`.
    overwrite : bool, default False
        Replace the results that are in `out`; label images of the earlier run are removed.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Predictions
        Labels, objects and one row per file.

    Raises
    ------
    InvalidError
        Nothing to predict, or no image can be used. One bad image among others becomes a row
        of `Predictions.files`.
    """
    found: Predictions = drain(
        predict_events(
            model,
            images,
            channels=channels,
            slices=slices,
            rescale=rescale,
            out=out,
            overlay=overlay,
            overwrite=overwrite,
        ),
        progress,
    )
    return found


def predict_events(
    model: Model | str | os.PathLike[str],
    images: Any,
    *,
    channels: Sequence[int | str] | None = None,
    slices: bool = False,
    rescale: float | str | None = "auto",
    out: str | os.PathLike[str] | None = None,
    overlay: bool = False,
    overwrite: bool = False,
) -> Iterator[Event]:
    """Do what `predict` does as a generator of events, the last of kind "result"."""
    import pandas as pd

    from ..datasets.unlabelled import as_images

    if not (rescale is None or rescale == "auto" or is_factor(rescale)):
        raise invalid(
            "rescale", expected='a factor from 1/16 to 16, "auto" or None', received=rescale
        )
    model = as_model(model)
    items = as_images(
        images,
        channels=None if channels is None else tuple(channels),
        slices=slices,
        taken=None if channels or slices else (model.ndim, model.channels),
    )
    items = [trained_channels(item, model) for item in items]
    if overlay and out is None:
        raise invalid("overlay", expected="`out` with it", received="out=None")
    paths = [item.image.path for item in items if hasattr(item.image, "path")]
    if out is not None and Path(out).resolve() in {Path(p).resolve().parent for p in paths}:
        expected = "a folder other than that of the images"
        raise invalid("out", expected=expected, received=str(out), remedy="Pass another name.")
    made = out is not None and not Path(out).exists()
    folder = open_results_folder(out, overwrite)
    if folder is not None:
        (folder / UNFINISHED).touch()
        remove_predictions(folder)
    rows, tables, kept = [], [], {}

    def work(item: Any, workers: int) -> Any:
        return predict_one(model, item, rescale, folder, overlay, workers)

    def leave() -> None:
        """Leave no empty folders behind where nothing was found."""
        if folder is not None:
            (folder / UNFINISHED).unlink(missing_ok=True)
            leave_empty(folder / "labels", *([folder] if made else []))

    if model.engine.note:
        yield note(model.engine.note)
    with each_image(model, items, work) as begun:
        for k, (item, finish) in enumerate(begun):
            yield Event("progress", f"image {k + 1}/{len(items)}: {item.id}", k, len(items))
            try:
                row, table, labels, notes = finish()
            except (InvalidError, OSError) as error:
                if len(items) == 1:
                    leave()
                    raise
                rows.append({"image": item.id, "status": str(error), "objects": 0, "labels": ""})
                yield warn(str(error))
                continue
            for text in notes:
                yield warn(f"{item.id}: {text}")
            rows.append(row)
            tables.append(table)
            if folder is None:
                kept[item.id] = labels
    if not tables:
        leave()
        raise invalid("images", expected="at least one usable image", received=rows[0]["status"])
    table = pd.DataFrame(rows, columns=FILES_COLUMNS)
    found = Predictions(pd.concat(tables, ignore_index=True), table, folder, kept)
    if folder is not None:
        write_table(found.objects, folder / "objects.csv")
        write_table(portable(found.files, folder), folder / PREDICTED)
        (folder / UNFINISHED).unlink(missing_ok=True)
        yield note(str(found) + ".")
    yield Event("result", value=found)
