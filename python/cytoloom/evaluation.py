"""Evaluate: a model and images with truth in; scores per image and object, with intervals, out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import invalid
from .outputs import SCORED, leave_empty, open_results_folder, write_table
from .progress import Event, drain, note, warn

if TYPE_CHECKING:
    import pandas as pd

    from .data import Data
    from .model import Model

RESAMPLES = 2000


@dataclass(frozen=True, eq=False)
class Scores:
    """How well a model does on images with truth.

    Attributes
    ----------
    summary : DataFrame
        metric, value (mean over images), low, high (95 % interval), n (images). Intervals are
        percentiles of 2000 bootstrap means; where images have groups, groups are drawn.
    per_image : DataFrame
        image, then one column per metric; a last column `problem` where a file failed.
    per_object : DataFrame
        image, truth, found, iou, matched; a missing partner's id is 0.
    """

    summary: pd.DataFrame
    per_image: pd.DataFrame
    per_object: pd.DataFrame

    def __str__(self) -> str:
        return str(self.summary.to_string(index=False, float_format="%.3f"))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write scores.csv (summary), scores_per_image.csv and scores_per_object.csv."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        write_table(self.summary, folder / SCORED)
        write_table(self.per_image, folder / "scores_per_image.csv")
        write_table(self.per_object, folder / "scores_per_object.csv")


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
    from .data import as_data, check
    from .prediction import as_model, each_image, fitting_source, same_channels

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

    def score(item: Any, at_once: int) -> Any:
        if not allow_training_images:
            _refuse_seen(item, seen)
        return _score(model, item, found, at_once)

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
    from .sources import fingerprint

    known = seen.get(fingerprint(item.image)) if seen else None
    if known:
        raise invalid(
            "data",
            expected="images that the model was not trained on",
            received=f"{item.id}, the same pixels as {known}",
            remedy="Use other images, or allow_training_images=True for a score of little worth.",
        )


def _score(
    model: Model, item: Any, data: Data, at_once: int
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    from .data import read_labels
    from .sources import HeldSource

    source = HeldSource(item.image)
    maps = model.source_maps(source, model.normalize.fit(source), at_once=at_once)
    source.let_go()
    labels, known = read_labels(item, data.unknown)
    truth = model.task.prepare(labels)
    decoded = model.task.decode(maps, item.spacing_um)
    return model.task.score(truth, decoded, known, item.spacing_um)


def _tables(
    rows: list[dict[str, Any]], objects: list[dict[str, Any]], groups: list[str | None]
) -> Scores:
    import pandas as pd

    per_image = pd.DataFrame(rows)
    metrics = [name for name in per_image.columns if name != "image"]
    # by name, so that intervals do not hang on the order in which images were given
    order = per_image["image"].argsort(kind="stable").to_numpy()
    named, drawn = per_image.iloc[order], [groups[k] for k in order]
    summary = pd.DataFrame(
        [{"metric": m, **_interval(named[m].to_numpy(float), drawn)} for m in metrics],
        columns=["metric", "value", "low", "high", "n"],
    )
    columns = ["image", "truth", "found", "iou", "matched"]
    return Scores(summary, per_image, pd.DataFrame(objects, columns=columns))


def _interval(values: np.ndarray, groups: list[str | None]) -> dict[str, float]:
    known = np.isfinite(values)
    names = [g if g is not None else f"\0{k}" for k, g in enumerate(groups)]
    used = [names[k] for k in np.flatnonzero(known)]
    value, low, high = bootstrap(values[known], used)
    return {"value": value, "low": low, "high": high, "n": int(known.sum())}


def bootstrap(values: np.ndarray, groups: list[str], seed: int = 0) -> tuple[float, float, float]:
    """Mean with its 95 % bootstrap percentile interval, groups drawn with replacement.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        One value per image.
    groups : list of str
        Group of each image; images of one group are drawn together.
    seed : int, default 0
        Of the 2000 draws.

    Returns
    -------
    tuple of float
        Mean, 2.5th and 97.5th percentile; all NaN without values. With a single group the
        interval cannot be known and is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> bootstrap(np.array([0.5, 0.5]), ["a", "b"])
    (0.5, 0.5, 0.5)
    """
    if values.size == 0:
        return np.nan, np.nan, np.nan
    _, index = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(index, values), np.bincount(index)
    mean = float(values.mean())
    if sizes.size < 2:
        return mean, np.nan, np.nan
    drawn = np.random.default_rng(seed).integers(sizes.size, size=(RESAMPLES, sizes.size))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return mean, float(low), float(high)
