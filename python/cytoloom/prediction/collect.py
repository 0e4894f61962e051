"""Apply a model to images one after another: what the verb `predict` composes."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..datasets.data import Data
from ..datasets.files import pixels_seen
from ..datasets.ids import named
from ..datasets.items import Item, beside, renamed_beside, said_once
from ..datasets.origin import origin
from ..datasets.stored import as_trained, taken_for
from ..datasets.unlabelled import gather_images
from ..errors import DiskError, InvalidError, invalid
from ..events import Event, Work, note, warn
from ..images.channels import by_number
from ..images.units import odd_size
from ..messages import TABLES, Argument, Setting, counted, say, spelled, unsettled
from ..models.contrast import held_down_words
from ..models.each_image import each_image
from ..models.identity import model_sha256
from ..models.inputs import (
    as_grey,
    as_stacks,
    fitting_source,
    trained_channels,
    unlike,
)
from ..models.rescale import Factors, check_rescale
from ..runtime.machine import cores
from ..runtime.parallel import side_by_side
from ..storage.results import CLASSES, OBJECTS, PIXELS, PREDICTED, SUMMARY
from ..storage.tables import joined, need_parquet, packed, typed, with_counts
from ..version import __version__
from ..volumes.work import Gone, Lost
from .apply import predict_one
from .decided import decided, decided_otherwise
from .folder import InMemory, ResultsFolder
from .parts import Part, begun, part_words, share_of
from .predicted import Predicted
from .predictions import FILES_COLUMNS, Predictions
from .reopened import ended_before
from .summary import summary_table, uncounted, unlike_words
from .workers import Spread, by_workers

if TYPE_CHECKING:
    from ..images.channels import Channels
    from ..models.model import Model
    from ..tasks.task import Task


def check_options(rescale: Any, out: Any, objects: str = "csv", **pictures: bool) -> None:
    """Refuse what cannot be meant before anything is read."""
    if objects not in ("csv", "parquet"):
        raise invalid("objects", expected='"csv" or "parquet"', received=objects)
    if objects == "parquet":
        need_parquet()
        pictures = {**pictures, "objects": True}
    check_rescale(rescale)
    for name, wanted in pictures.items():
        if wanted and out is None:
            received = say("{}", Setting("out", None))
            raise invalid(name, expected=say("{} with it", Argument("out")), received=received)


def items_for(
    model: Model,
    images: Any,
    channels: Channels = None,
    slices: bool = False,
    axes: str | None = None,
    pixel_size_um: float | tuple[float, ...] | None = None,
    pattern: str | None = None,
) -> Work[tuple[Item, ...]]:
    """Take images as a model wants them; the parameters are those of `predict`."""
    taken = None if channels is not None or slices else (model.ndim, model.channels)
    found = gather_images(
        images, channels=channels, axes=axes, slices=slices, taken=taken, pattern=pattern
    )
    for text in found.problems:
        yield warn(text)
    for text in found.notes:
        yield note(text)
    items, changed = named(found.items)
    for text in changed:
        yield warn(text)
    items = yield from as_stacks(items, model)
    if pixel_size_um is not None:
        items = [_spaced(item, pixel_size_um) for item in items]
    if not by_number(images.channels if isinstance(images, Data) else channels):
        items = [trained_channels(item, model) for item in items]
    items = yield from as_grey(items, model)
    items = as_trained(items, model.pixel_type)
    yield from taken_for(items)
    yield from unlike(items, model)
    return tuple(items)


def images_of(model: Model, images: Any, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return where the images of a prediction are, and how they are read again."""
    if isinstance(images, Data):
        return dict(images.origin)
    how = {name: asked[name] for name in ("channels", "axes", "pattern")}
    how["slices"] = asked["slices"] or None
    if how["channels"] is None and how["slices"] is None:
        how["taken"] = (model.ndim, model.channels)
    return origin(images, **how)


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


def go_on_or_begin(
    model: Model, items: Sequence[Item], folder: InMemory, asked: Mapping[str, Any]
) -> Work[Predictions | None]:
    """Go on with an unfinished prediction where it was the same, or begin one.

    Parameters
    ----------
    model, items, folder
        What is applied to what, and where results go.
    asked : dict
        The arguments on which results depend; JSON.

    Returns
    -------
    Predictions or None
        Those that are all there, where the same run was killed as it cleared up; None: go on.

    Raises
    ------
    InvalidError
        Another prediction was begun there, and is not to be given up.
    """
    if folder.path is None:
        return None
    if folder.renamed:
        yield warn(f"Among the names of files {folder.renamed}.")
    asked = {"model": model_sha256(model), "cytoloom": __version__, **asked}
    differing = folder.differences(asked)
    if not differing:
        differing = yield from _other_images(model, items, folder.finished, folder.own)
    if not differing and folder.finished:
        differing = yield from decided_otherwise(model, items, asked["rescale"], folder)
    if folder.has_ended:
        folder.end(not differing)
        if folder.has_ended:
            return (yield from ended_before(folder.path))
    folder.begin(asked, differing)
    if folder.finished:
        done = counted(len(folder.finished), "image")
        yield note(f"Going on in {folder.path}: {done} of {len(items)} are finished.")
    return None


def _other_images(
    model: Model,
    items: Sequence[Item],
    finished: Mapping[str, Any],
    own: Collection[str] | None = None,
) -> Work[list[str]]:
    """Say which finished images are not given now, or are other images of the same name.

    Of a part, whose `own` images are known, only these are read again.
    """
    given = {item.id: item for item in items}
    other = [f"images ({name} is not given)" for name in finished if name not in given]

    def work(item: Item) -> str:
        return pixels_seen(fitting_source(model, item), item.spacing_um)

    again = [given[n] for n in finished if n in given and (own is None or n in own)]
    with side_by_side(again, work, cores()) as seen:
        for k, (item, finish) in enumerate(seen):
            yield Event("progress", f"finished before: {item.id}", k, len(again))
            try:
                same = finish() == finished[item.id]["pixels"]
            except (InvalidError, OSError):
                same = False
            other += [] if same else [f"images ({item.id} has other pixels, or another pixel size)"]
    return other[:1]


def collect(
    model: Model,
    items: Sequence[Item],
    rescale: Any,
    folder: InMemory,
    spread: Spread | None = None,
    **pictures: bool,
) -> Work[Predictions]:
    """Predict each image and put the tables together; a bad one among others is a row.

    `spread` says by which processes, default this one. `pictures` are what is written besides:
    `overlay`, `maps`, `uncertainty`, `parquet`.
    """
    factors = yield from begin_with(model, items, rescale, folder)
    done = yield from each_of(model, items, factors, folder, spread, **pictures)
    for text in held_down_words([item.id for item in items if done[item.id].held_down]):
        yield warn(text)
    parquet = pictures.get("parquet", False)
    found = yield from together(
        items, [done[item.id] for item in items], folder, model.task, parquet
    )
    yield from uncounted(model.trust)
    if folder.path is not None:
        yield note(f"{found}.")
    return found


def collect_part(
    model: Model,
    items: Sequence[Item],
    rescale: Any,
    folder: ResultsFolder,
    part: Part,
    **pictures: bool,
) -> Work[Predictions]:
    """Predict every n-th image, and leave it to a call without a part to put all together.

    What is decided for all images is decided first, while other parts wait.
    """
    factors = yield from begin_with(model, items, rescale, folder)
    own = share_of(items, part)
    with folder.at_work():
        done = yield from each_of(model, own, factors, folder, **pictures)
    words = part_words(part, folder.missing(), len(items), "image")
    yield note(words)
    rows = {item.id: done[item.id].row["status"] for item in own}
    return begun({n: words if text == "ok" else text for n, text in rows.items()}, model.task)


def begin_with(
    model: Model, items: Sequence[Item], rescale: Any, folder: InMemory
) -> Work[dict[str, Factors]]:
    """Say what is to be known before the first image, and decide how much each is enlarged."""
    if model.engine.note:
        yield note(model.engine.note)
    if model.engine.warning is not None:
        yield warn(model.engine.warning)
    for text in said_once(items):
        yield warn(text)
    return (yield from decided(model, items, rescale, folder))


def each_of(
    model: Model,
    items: Sequence[Item],
    factors: Mapping[str, Factors],
    folder: InMemory,
    spread: Spread | None = None,
    **pictures: bool,
) -> Work[dict[str, Predicted]]:
    """Predict those images that are not finished, and return what came of each."""
    given = {item.id for item in items}
    kept = folder.finished.items()
    done = {name: _earlier(one) for name, one in kept if name in given}
    left = [item for item in items if item.id not in done]

    def work(item: Item, workers: int) -> Predicted:
        return predict_one(model, item, factors[item.id], folder, workers, **pictures)

    lost: dict[str, Lost] = {}
    by_others = isinstance(folder, ResultsFolder) and spread and spread.several(len(left))
    with (
        by_workers(spread, left, factors, folder, pictures)
        if by_others
        else each_image(model, left, work)
    ) as begun:
        for item, finish in begun:
            count = len(done)
            yield Event("progress", f"image {count + 1}/{len(items)}: {item.id}", count, len(items))
            try:
                one = _finished(finish, item, folder, alone=len(items) == 1)
            except Lost as error:
                lost[item.id] = error
                yield warn(say("{}: {}", item.id, str(error)))
                continue
            one = done[item.id] = one if folder.path is None else _packed(one)
            for text in one.notes:
                yield warn(text)
            folder.check()
            if one.row["status"] == "ok":
                folder.keep(one)
    if lost:
        raise _lost(lost)
    return done


def together(
    items: Sequence[Item],
    done: Sequence[Predicted],
    folder: InMemory,
    task: Task,
    parquet: bool = False,
) -> Work[Predictions]:
    """Put the tables together, and write them but for objects that are in files of their own."""
    usable = [one for one in done if one.row["status"] == "ok"]
    if not usable:
        status = done[0].row["status"]
        raise invalid("images", expected="at least one usable image", received=status)
    files = pd.DataFrame([one.row for one in done], columns=FILES_COLUMNS)
    tables_of = [one.objects for one in usable]
    kept_so = isinstance(tables_of[0], dict)
    objects = joined(tables_of) if kept_so else pd.concat(tables_of, ignore_index=True)
    for text in renamed_beside((files.columns, objects.columns), items):
        yield warn(text)
    files = pd.concat([with_counts(files, "objects"), _along(files.columns, items)], axis=1)
    # as objects, of which each face spells the settings in its own way
    files["status"] = pd.Series([one.row["status"] for one in done], dtype=object)
    rows = np.repeat(np.arange(len(done)), [_rows(one) for one in done])
    along = _along(objects.columns, items).loc[rows].reset_index(drop=True)
    objects = pd.concat([objects, along], axis=1)
    tables = {} if parquet else {OBJECTS: objects}
    if any(one.row["semantic"] for one in usable):
        named = list(enumerate(task.label_names))[1:]
        tables[CLASSES] = pd.DataFrame(named, columns=["label", "class"])
    summary = summary_table(
        task, [{"image": one.row["image"], **one.row.get("trusted", {})} for one in done]
    )
    tables[SUMMARY] = summary
    # before results take their place: a caller may take a warning for an end
    for text in unlike_words(summary):
        yield warn(text)
    status = [spelled(text, TABLES) for text in files["status"]]
    # by which it is known later whether images are still those
    seen = {one.row["image"]: one.pixels for one in usable if one.pixels}
    folder.run = {**folder.run, **({PIXELS: seen} if seen else {})}
    written = folder.finish({**tables, PREDICTED: files.assign(status=status)})
    if folder.path is not None:
        below = [os.path.normpath(folder.path / p) if p else "" for p in files["labels"]]
        files = files.assign(labels=below)
    kept = {one.row["image"]: one.labels for one in usable if one.labels is not None}
    spacing_um = {item.id: item.spacing_um for item in items if item.spacing_um}
    how = {"spacing_um": spacing_um, "run": folder.run}
    return Predictions(objects, files, summary, folder.path, kept, written, **how)


def _lost(lost: Mapping[str, Lost]) -> InvalidError:
    """Return the error where images ended the processes that worked on them."""
    first = next(iter(lost))
    return invalid(
        "workers",
        expected="workers that finish each image",
        received=f"{counted(len(lost), 'image')} of which each ended several, such as {first}",
        remedy=say(
            "The others are kept. Give workers more memory, or use fewer ({}), and the same call "
            "goes on.",
            Setting("workers", 1),
        ),
    )


def _along(own: Iterable[str], items: Sequence[Item]) -> pd.DataFrame:
    """Return what a table says of images, a row each, named to stand beside columns of our own."""
    return typed(pd.DataFrame([beside(own, item.columns) for item in items], dtype=object))


def _earlier(kept: Mapping[str, Any]) -> Predicted:
    return Predicted(dict(kept["row"]), kept["objects"], None, pixels=kept["pixels"])


def _packed(one: Predicted) -> Predicted:
    """Return what came of an image with its objects as text: a table each would be 80 kB."""
    return one if isinstance(one.objects, dict) else replace(one, objects=packed(one.objects))


def _rows(one: Predicted) -> int:
    return int(one.objects["rows"]) if isinstance(one.objects, dict) else len(one.objects)


def _finished(
    finish: Callable[[], Predicted], item: Item, folder: InMemory, alone: bool
) -> Predicted:
    """Return what came of one image, also of one that cannot be read."""
    try:
        one = finish()
    except (DiskError, Lost, Gone):  # of the disk: nothing else can be written, either
        folder.check()
        raise
    except (InvalidError, OSError) as error:
        if alone:
            raise
        row = {
            "image": item.id,
            "status": str(error),
            "objects": pd.NA,
            "low": "",
            "high": "",
            "labels": "",
        }
        return Predicted(row, pd.DataFrame(), None, [str(error)])
    return replace(one, notes=[say("{}: {}", item.id, text) for text in one.notes])
