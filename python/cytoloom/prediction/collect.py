"""Apply a model to images one after another: what the verb `predict` composes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..datasets.items import Item, said_once
from ..datasets.unlabelled import gather_images
from ..errors import InvalidError, invalid
from ..events import Event, Work, note, warn
from ..images.units import odd_size
from ..messages import Setting, say, unsettled
from ..models.each_image import each_image
from ..models.inputs import trained_channels
from ..storage.atomic import leave_empty
from ..storage.results import PREDICTED, UNFINISHED, open_results_folder, remove_predictions
from ..storage.tables import write_table
from .apply import is_factor, portable, predict_one
from .predictions import FILES_COLUMNS, Predictions

if TYPE_CHECKING:
    from ..models.model import Model


def check_options(rescale: Any, out: Any, **pictures: bool) -> None:
    """Refuse what cannot be meant before anything is read."""
    if not (rescale is None or rescale == "auto" or is_factor(rescale)):
        expected = say('a factor from 1/16 to 16, "auto" or {}', None)
        raise invalid("rescale", expected=expected, received=rescale)
    for name, wanted in pictures.items():
        if wanted and out is None:
            received = say("{}", Setting("out", None))
            raise invalid(name, expected="`out` with it", received=received)


def items_for(
    model: Model,
    images: Any,
    channels: Sequence[int | str] | None = None,
    slices: bool = False,
    axes: str | None = None,
    pixel_size_um: float | tuple[float, ...] | None = None,
    pattern: str | None = None,
) -> Work[tuple[Item, ...]]:
    """Take images as a model wants them; the parameters are those of `predict`."""
    taken = None if channels or slices else (model.ndim, model.channels)
    chosen = None if channels is None else tuple(channels)
    found = gather_images(
        images, channels=chosen, axes=axes, slices=slices, taken=taken, pattern=pattern
    )
    for text in found.problems:
        yield warn(text)
    for text in found.notes:
        yield note(text)
    items = found.items
    if pixel_size_um is not None:
        items = tuple(_spaced(item, pixel_size_um) for item in items)
    return tuple(trained_channels(item, model) for item in items)


def _spaced(item: Item, pixel_size_um: float | Sequence[float]) -> Item:
    sizes = tuple(pixel_size_um) if isinstance(pixel_size_um, Sequence) else (pixel_size_um,)
    if not sizes or not all(isinstance(s, (int, float)) and s > 0 for s in sizes):
        raise invalid("pixel_size_um", expected="sizes above 0", received=pixel_size_um)
    try:
        axes = len(item.image.shape) - 1
    except (InvalidError, OSError):  # told when the image is read
        return item
    if len(sizes) not in (1, axes):
        expected = f"one number, or {axes} for {item.id}"
        raise invalid("pixel_size_um", expected=expected, received=pixel_size_um)
    spacing = tuple(float(s) for s in sizes) * (axes if len(sizes) == 1 else 1)
    notes = (*unsettled(item.notes, {"pixel_size_um"}), *odd_size(spacing))
    return replace(item, spacing_um=spacing, notes=notes)


@dataclass(frozen=True)
class ResultsFolder:
    """Where results go: marked as unfinished until the tables are there; None keeps them here."""

    path: Path | None
    made: bool = False

    @classmethod
    def open(
        cls, out: str | os.PathLike[str] | None, overwrite: bool, items: Sequence[Item]
    ) -> ResultsFolder:
        """Find out before the first image that results can be written, and mix with nothing."""
        if out is None:
            return cls(None)
        paths = [item.image.path for item in items if hasattr(item.image, "path")]
        if Path(out).resolve() in {Path(p).resolve().parent for p in paths}:
            expected = "a folder other than that of the images"
            raise invalid("out", expected=expected, received=str(out), remedy="Pass another name.")
        made = not Path(out).exists()
        path = open_results_folder(out, overwrite)
        assert path is not None
        (path / UNFINISHED).touch()
        remove_predictions(path)
        return cls(path, made)

    def leave(self) -> None:
        """Leave no empty folders behind where nothing was found."""
        if self.path is not None:
            (self.path / UNFINISHED).unlink(missing_ok=True)
            leave_empty(self.path / "labels", *([self.path] if self.made else []))

    def finish(self, found: Predictions) -> Iterator[Event]:
        """Write the tables."""
        if self.path is not None:
            write_table(found.objects, self.path / "objects.csv")
            write_table(portable(found.files, self.path), self.path / PREDICTED)
            (self.path / UNFINISHED).unlink(missing_ok=True)
            yield note(f"{found}.")


def collect(
    model: Model, items: Sequence[Item], rescale: Any, folder: ResultsFolder, **pictures: bool
) -> Work[Predictions]:
    """Predict each image and put the tables together; a bad one among others is a row.

    `pictures` are what is written besides, `overlay` and `maps`.
    """
    rows: list[dict[str, Any]] = []
    tables: list[pd.DataFrame] = []
    kept: dict[str, Any] = {}

    def work(item: Item, workers: int) -> Any:
        return predict_one(model, item, rescale, folder.path, workers, **pictures)

    if model.engine.note:
        yield note(model.engine.note)
    for text in said_once(items):
        yield warn(text)
    with each_image(model, items, work) as begun:
        for k, (item, finish) in enumerate(begun):
            yield Event("progress", f"image {k + 1}/{len(items)}: {item.id}", k, len(items))
            row, table, labels, notes = _finished(finish, item, alone=len(items) == 1, of=folder)
            for text in notes:
                yield warn(text)
            rows.append(row)
            tables += [] if table is None else [table]
            if folder.path is None and labels is not None:
                kept[item.id] = labels
    if not tables:
        folder.leave()
        raise invalid("images", expected="at least one usable image", received=rows[0]["status"])
    files = pd.DataFrame(rows, columns=FILES_COLUMNS)
    # as objects, of which each face spells the settings in its own way
    files["status"] = pd.Series([row["status"] for row in rows], dtype=object)
    found = Predictions(pd.concat(tables, ignore_index=True), files, folder.path, kept)
    yield from folder.finish(found)
    return found


def _finished(finish: Callable[[], Any], item: Item, alone: bool, of: ResultsFolder) -> Any:
    """Return row, table, labels and warnings of one image, also of one that cannot be read."""
    try:
        row, table, labels, notes = finish()
    except (InvalidError, OSError) as error:
        if alone:
            of.leave()
            raise
        row = {"image": item.id, "status": str(error), "objects": 0, "labels": ""}
        return row, None, None, [str(error)]
    return row, table, labels, [say("{}: {}", item.id, text) for text in notes]
