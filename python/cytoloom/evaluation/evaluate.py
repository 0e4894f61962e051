"""Evaluate: a model and images with truth in; scores per image and object, with intervals, out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import invalid
from ..events import Event, drain, note, warn
from ..storage.atomic import leave_empty
from ..storage.results import SCORED, open_results_folder
from .scores import Scores, _tables

if TYPE_CHECKING:
    from ..datasets.data import Data
    from ..models.model import Model


def evaluate(
    model: Model | str | os.PathLike[str],
    data: Any,
    *,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    allow_training_images: bool = False,
    progress: bool | str = "auto",
) -> Scores:
    """Score a model on images with truth.

    Images are never rescaled: what is scored is what `predict` finds with ``rescale=None``.

    Parameters
    ----------
    model : Model or path
        What to score.
    data : folder, Data, arrays, CSV or DataFrame
        Images with labels, as for `train`. The label value that was unknown in training is so
        here, unless the data name another.
    out : path, optional
        Folder for scores.csv, scores_per_image.csv and scores_per_object.csv.
    overwrite : bool, default False
        Replace the scores that are in `out`.
    allow_training_images : bool, default False
        Score images that the model was trained on or tuned to, instead of refusing.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Scores
        Tables `summary`, `per_image` and `per_object`.

    Raises
    ------
    InvalidError
        Unusable data, or images whose decoded pixels the model has seen in training.
    """
    scores: Scores = drain(
        evaluate_events(
            model,
            data,
            out=out,
            overwrite=overwrite,
            allow_training_images=allow_training_images,
        ),
        progress,
    )
    return scores


def evaluate_events(
    model: Model | str | os.PathLike[str],
    data: Any,
    *,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    allow_training_images: bool = False,
) -> Iterator[Event]:
    """Do what `evaluate` does as a generator of events, the last of kind "result"."""
    made = out is not None and not Path(out).exists()
    folder = open_results_folder(out, overwrite, SCORED)
    try:
        yield from _evaluate(model, data, folder, allow_training_images)
    finally:
        if folder is not None and made:
            leave_empty(folder)


def _evaluate(
    model: Model | str | os.PathLike[str],
    data: Any,
    folder: Path | None,
    allow_training_images: bool,
) -> Iterator[Event]:
    from ..datasets.checks import check
    from ..datasets.data import as_data
    from ..models.each_image import each_image
    from ..models.inputs import as_model, fitting_source, same_channels

    model = as_model(model)
    found = same_channels(as_data(data), model)
    remembered = model.info["training"].get("unknown")
    if remembered is not None and found.unknown is None:
        found = replace(found, unknown=remembered)
        yield note(f"Label value {remembered} counts nowhere, as in training.")
    elif remembered is not None and found.unknown != remembered:
        yield warn(f"Label value {found.unknown} counts nowhere, in training it was {remembered}.")
    report = check(found, model.task, training=False)
    if not report.ok:
        raise invalid("data", expected="images with labels", received=str(report))
    for text in report.warnings:
        yield warn(text)
    for item in found.items:
        fitting_source(model, item, "Give each z slice as an image with labels of its own.")
    seen = _seen(model)
    rows: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []

    def score(item: Any, workers: int) -> Any:
        if not allow_training_images:
            _refuse_seen(item, seen)
        return _score(model, item, found, workers)

    if model.engine.note:
        yield note(model.engine.note)
    with each_image(model, found.items, score) as scored:
        for k, (item, finish) in enumerate(scored):
            yield Event("progress", f"scoring {item.id}", k, len(found.items))
            metrics, pairs = finish()
            rows.append({"image": item.id, **metrics})
            objects += [{"image": item.id, **pair} for pair in pairs]
    scores = _tables(rows, objects, [item.group for item in found.items])
    if folder is not None:
        scores.save(folder)
        yield note(f"Scores written to {folder}.")
    yield Event("result", value=scores)


def _seen(model: Model) -> dict[str, str]:
    """Pixel hash to name and part of every image that training used."""
    parts: Mapping[str, Any] = model.info["data"]
    return {row["image_sha256"]: f"{row['id']} ({part})" for part in parts for row in parts[part]}


def _refuse_seen(item: Any, seen: Mapping[str, str]) -> None:
    from ..datasets.files import pixel_sha256

    known = seen.get(pixel_sha256(item.image)) if seen else None
    if known:
        raise invalid(
            "data",
            expected="images that the model was not trained on",
            received=f"{item.id}, the same pixels as {known}",
            remedy="Use other images, or allow_training_images=True for a score of little worth.",
        )


def _score(
    model: Model, item: Any, data: Data, workers: int
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    from ..datasets.items import read_labels
    from ..datasets.views import CachedSource

    source = CachedSource(item.image)
    maps = model.source_maps(source, model.normalize.fit(source), workers=workers)
    source.release()
    labels, known = read_labels(item, data.unknown)
    truth = model.task.prepare(labels)
    decoded = model.task.decode(maps, item.spacing_um)
    return model.task.score(truth, decoded, known, item.spacing_um)
