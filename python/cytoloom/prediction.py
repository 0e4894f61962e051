"""Predict: a model and images in; label images and a table of objects out."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .checking import odd_pixels
from .errors import InvalidError, invalid
from .outputs import (
    PREDICTED,
    UNFINISHED,
    leave_empty,
    open_results_folder,
    remove_predictions,
    write_table,
)
from .parallel import side_by_side
from .progress import Event, drain, note, warn
from .rescaling import LARGEST_FACTOR, by_size, factors_known
from .resizing import enlarged, resize_into
from .scratch import Scratch
from .sources import ChannelSource, HeldSource
from .spelling import counted

if TYPE_CHECKING:
    import pandas as pd

    from .model import Model

R = TypeVar("R")
FILES_COLUMNS = ("image", "status", "objects", "scale", "low", "high", "labels")
TAKE_SLICES = "Pass slices=True to take each z slice as an image."
TOGETHER_PX = 2**21
"""Images of more pixels are worked on alone: together they would take too much memory."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What was found; iterating gives (name, labels), read from disk where they are there.

    Attributes
    ----------
    objects : DataFrame
        image, object, class, area_px, area_um2 (3-D: volume_um3), centroid_*, bbox_*_min,
        bbox_*_max (one past the last), mean_intensity_<channel> (its name, or number from 0),
        mean_foreground, touches_border: one row per object. Positions are in px from 0.
    files : DataFrame
        image, status ("ok" or what went wrong), objects, scale, low, high, labels (path or "").
        One row per image given, also for those that failed; low and high are the normalisation
        limits of each channel. In files.csv the paths start at its folder.
    out : Path or None
        Folder that was written.
    """

    objects: pd.DataFrame
    files: pd.DataFrame
    out: Path | None
    _labels: Mapping[str, np.ndarray]

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        for name in self.names:
            yield name, self[name]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def names(self) -> list[str]:
        """Images that were predicted, in order."""
        return [str(n) for n in self.files["image"][self.files["status"] == "ok"]]

    def __getitem__(self, name: str) -> np.ndarray:
        """Labels of one image by name."""
        if name in self._labels:
            return self._labels[name]
        row = self.files[(self.files["image"] == name) & (self.files["status"] == "ok")]
        if row.empty:
            raise KeyError(f"no labels of {name!r}; there are those of {', '.join(self.names)}")
        from .images.files import read_labels

        return np.asarray(read_labels(row["labels"].iloc[0]))

    def __str__(self) -> str:
        failed = int((self.files["status"] != "ok").sum())
        text = f"{counted(len(self.objects), 'object')} in {counted(len(self), 'image')}"
        text += f", {counted(failed, 'image')} failed (see .files)" if failed else ""
        return text + (f", written to {self.out}" if self.out else "")


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


def as_model(model: Model | str | os.PathLike[str]) -> Model:
    """Return the model itself, or load it from its folder."""
    from .model import Model, load

    return model if isinstance(model, Model) else load(model)


def trained_channels(item: Any, model: Model) -> Any:
    """Take the channels of the model's names where an image has these among others."""
    names = model.info["channels"]["names"]
    try:
        have = getattr(item.image, "channel_names", None)
    except (InvalidError, OSError):
        return item
    if not names or not have or list(have) == list(names) or not set(names) <= set(have):
        return item
    return replace(item, image=ChannelSource(item.image, tuple(names)))


def same_channels(data: Any, model: Model) -> Any:
    """Choose the model's channels by name where the data do not say which."""
    names = model.info["channels"]["names"]
    if names and data.channels is None:
        have = getattr(data.items[0].image, "channel_names", None)
        if have and list(have) != list(names) and set(names) <= set(have):
            return data.with_channels(tuple(names))
    return data


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

    from .data import as_images

    if not (rescale is None or rescale == "auto" or _is_factor(rescale)):
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

    def work(item: Any, at_once: int) -> Any:
        return _one(model, item, rescale, folder, overlay, at_once)

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
        write_table(_portable(found.files, folder), folder / PREDICTED)
        (folder / UNFINISHED).unlink(missing_ok=True)
        yield note(str(found) + ".")
    yield Event("result", value=found)


def each_image(
    model: Model, items: Sequence[Any], work: Callable[[Any, int], R]
) -> AbstractContextManager[Iterator[tuple[Any, Callable[[], R]]]]:
    """Work on images side by side, large ones alone with their tiles side by side.

    Parameters
    ----------
    model : Model
        Applied by `work`.
    items : sequence of Item
        What to work on.
    work : callable
        From an item and the number of tiles at once to its result.

    Returns
    -------
    context manager
        As `parallel.side_by_side`, which see.
    """
    engine = model.engine

    def alone(item: Any) -> bool:
        try:
            return len(items) == 1 or math.prod(item.image.shape[:-1]) > TOGETHER_PX
        except (InvalidError, OSError):  # told by `work`
            return False

    def run(item: Any) -> R:
        return work(item, engine.tiles_at_once if alone(item) else 1)

    return side_by_side(items, run, engine.images_at_once, alone)


def _portable(files: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Give paths below the folder of results, which may be moved."""
    below = [Path(p).relative_to(folder).as_posix() if p else "" for p in files["labels"]]
    return files.assign(labels=below)


def _is_factor(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and 1 / LARGEST_FACTOR <= value <= LARGEST_FACTOR


def _one(
    model: Model, item: Any, rescale: Any, folder: Path | None, overlay: bool, at_once: int
) -> tuple[dict[str, Any], pd.DataFrame, np.ndarray, list[str]]:
    """Predict one image: its row, its objects, its labels and what to warn of."""
    source = HeldSource(fitting_source(model, item))
    odd = list(odd_pixels(source.read()))
    stats = model.normalize.fit(source)
    with Scratch() as store:

        def found_with(factors: Any) -> tuple[Any, dict[str, np.ndarray]]:
            maps = _maps(model, source, stats, factors, store, at_once)
            source.let_go()
            store.trim()
            return model.task.decode(maps, item.spacing_um), maps

        factors, notes = factors_known(model, source, item.spacing_um, rescale)
        found, maps = found_with(factors)
        if rescale == "auto" and factors is None:
            factors, sizes = by_size(model, source, stats, maps, found.objects_labels)
            notes += [sizes] if sizes else []
            if factors is not None:
                found, maps = found_with(factors)
        table = _objects(model, item, source, found, maps)
    row = {
        "image": item.id,
        "status": "ok",
        "objects": len(table),
        "scale": factors[-1] if factors else 1.0,
        "low": _joined(stats.low),
        "high": _joined(stats.high),
        "labels": "",
    }
    if folder is not None:
        row["labels"] = str(_write(folder, item, source, found.labels, overlay))
    return row, table, found.labels, [*odd, *notes]


def fitting_source(model: Model, item: Any, for_stacks: str = TAKE_SLICES) -> Any:
    """Return the item's image source, refusing what the network cannot take.

    `for_stacks` is what to do with a stack that a 2-D model is given.
    """
    source = item.image
    spatial, count = len(source.shape) - 1, source.shape[-1]
    if spatial != model.ndim:
        remedy = for_stacks if spatial == 3 else "Give z stacks."
        raise invalid(
            item.id,
            expected=f"a {model.ndim}-D image",
            received=f"a {spatial}-D one, shape {tuple(source.shape)}: {source.name}",
            remedy=remedy,
        )
    if count != model.channels:
        names = model.info["channels"]["names"]
        trained = counted(model.channels, "channel") + (f" ({', '.join(names)})" if names else "")
        raise invalid(
            item.id,
            expected=f"{trained}, as the model was trained",
            received=f"{counted(count, 'channel')} in {source.name}",
            remedy=f"Choose with `channels`, for instance {', '.join(names or ['0'])}.",
        )
    return source


def _maps(
    model: Model, source: Any, stats: Any, factors: Any, store: Scratch, at_once: int
) -> dict[str, np.ndarray]:
    """Make the maps of an image, the network seeing it enlarged by `factors`."""
    if factors is None:
        return model.source_maps(source, stats, store=store, at_once=at_once)
    scaled = model.source_maps(enlarged(source, factors), stats, store=store, at_once=at_once)
    size = source.shape[:-1]
    return {
        head: resize_into(store(head, (*size, values.shape[-1])), values)
        for head, values in scaled.items()
    }


def _objects(
    model: Model, item: Any, source: Any, found: Any, maps: dict[str, np.ndarray]
) -> pd.DataFrame:
    from .objects import measure

    names = model.task.label_names
    classes = {i: names[c] for i, c in found.classes.items()} or None

    def foreground(rows: slice) -> np.ndarray:
        return model.task.foreground({head: m[rows] for head, m in maps.items()})

    def pixels(rows: slice) -> np.ndarray:
        region = (rows, *(slice(0, n) for n in source.shape[1:-1]))
        return np.asarray(source.read(region))

    table = measure(
        found.objects_labels,
        image=pixels,
        foreground=foreground,
        channel_names=model.info["channels"]["names"] or [str(k) for k in range(model.channels)],
        classes=classes,
        pixel_size_um=item.spacing_um,
    )
    table.insert(0, "image", item.id)
    return table


def _joined(values: Sequence[float]) -> str:
    return " ".join(f"{v:g}" for v in values)


def _write(folder: Path, item: Any, source: Any, labels: np.ndarray, overlay: bool) -> Path:
    from .images.files import write_labels

    path = folder / "labels" / f"{item.id}.tif"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_labels(path, labels, item.spacing_um)
    if overlay:
        from .plots import write_overlay

        shown = _plane(labels)
        picture = folder / "overlays" / f"{item.id}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        write_overlay(picture, source.read()[shown], labels[shown])
    return path


def _plane(labels: np.ndarray) -> Any:
    """Index of what a picture shows: all of an image, of a stack the plane with most objects."""
    if labels.ndim == 2:
        return ...
    seen = [np.unique(plane).size for plane in labels]
    return int(np.argmax(seen))
