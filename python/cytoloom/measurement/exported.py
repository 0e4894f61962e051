"""Write label images for other programs: what the verb `export` composes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..datasets.files import FileSource
from ..datasets.given import is_file
from ..datasets.items import Item, shown_names
from ..errors import DiskError, InvalidError, invalid
from ..events import Event, Work, note, warn
from ..exchange import geojson, rois
from ..exchange.coco import Coco
from ..exchange.drawn import drawn, least_sure_first
from ..images.vendor import package
from ..messages import TABLES, Setting, VerbName, counted, one_of, say, spelled
from ..models.manifest import MANIFEST
from ..models.model import Model
from ..storage.atomic import told
from ..storage.names import changes, file_names
from ..storage.results import claimed, earlier_results_of, put_in_place, refuse_inputs, staged
from ..storage.tables import with_counts
from ..storage.written import Written
from .given import LabelImages, corrected_since, label_images, read_object_labels

EACH = {"roi": (rois.write, ".zip"), "geojson": (geojson.write, ".geojson")}
"""What writes the objects of an image, and how its files end."""
ALL = "annotations.json"
OF_MODELS = "export_model"


def collect(
    labels: Any, out: str | os.PathLike[str], format: str, overwrite: bool
) -> Work[pd.DataFrame]:
    """Write all images; the parameters are those of the verb."""
    formats = [*EACH, "coco"]
    if format not in formats:
        expected, remedy = one_of(formats), say("For models: {}.", VerbName(OF_MODELS))
        raise invalid("format", expected=expected, received=format, remedy=remedy)
    _refuse_model(labels)
    if format == "roi":  # before anything is read
        package("roifile", Path("format"), "export")
    items, known = label_images(labels)
    for text in corrected_since(labels):
        yield warn(text)
    names = file_names(item.id for item in items)
    targets = [ALL] if format == "coco" else [names[i.id] + EACH[format][1] for i in items]
    with claimed(out, "export") as (folder, lock), staged(folder) as stage:
        _refuse_losses(folder, targets, items)
        _refuse_earlier(folder, targets, format, overwrite)
        renamed = changes(names.items())
        if renamed:
            yield note(renamed)
        rows, together = [], Coco()
        called = _image_names(items) if format == "coco" else names
        sure = known.probabilities()
        for k, item in enumerate(items):
            if len(items) > 1:
                yield Event("progress", f"image {k + 1}/{len(items)}: {item.id}", k, len(items))
            lock.check()
            try:
                row = _written(item, known, stage, format, called[item.id], together, sure)
            except DiskError:  # nothing else can be written, either
                raise
            except (InvalidError, OSError) as error:
                if len(items) == 1:
                    raise
                yield warn(say("{} is left out: {}", item.id, str(error)))
                row = {"status": spelled(str(error), TABLES), "objects": pd.NA, "file": ""}
            rows.append({"image": item.id, **row})
        table = with_counts(pd.DataFrame(rows), "objects")
        made = sorted({name for name in table["file"] if name})
        if not made:
            status = rows[0]["status"]
            expected = "at least one label image that can be used"
            raise invalid("labels", expected=expected, received=status)
        if format == "coco":
            with told(stage / ALL):
                together.write(stage / ALL)
        _refuse_losses(folder, made, items)
        _refuse_holes(folder, table, targets)
        _refuse_earlier(folder, targets, format, overwrite)
        gone, kept = _of_others(folder, format, made) if overwrite else ([], [])
        if kept:
            text = "as they were changed since they were written, and are not of these labels."
            yield warn(f"{shown_names(kept)} in {folder} stay, {text}")
        put_in_place(stage, folder, {}, made, gone)
        table["file"] = [str(folder / name) if name else "" for name in table["file"]]
        order = ", least sure first" if sure and format in EACH else ""
        yield note(f"{counted(int(table['objects'].sum()), 'object')} written to {folder}{order}.")
    return table


def _refuse_model(labels: Any) -> None:
    """Name the verb for models, where one was given for labels."""
    folder = is_file(labels) and (Path(labels).expanduser() / MANIFEST).is_file()
    if folder or isinstance(labels, Model):
        remedy = say("Models are written by {}.", VerbName(OF_MODELS))
        received = f"{labels}, a model" if folder else "a model"
        raise invalid("labels", expected="label images", received=received, remedy=remedy)


def _written(
    item: Item,
    known: LabelImages,
    stage: Path,
    format: str,
    called: str,
    together: Coco,
    sure: Mapping[str, Mapping[int, float]],
) -> dict[str, Any]:
    """Write the objects of an image, or add them to those of all; its row."""
    numbers, _, classes = read_object_labels(item, known)
    if numbers.ndim != 2:
        received, remedy = say("a stack of shape {}", numbers.shape), "Give a plane of it."
        name = item.annotations[0].name
        raise invalid(name, expected="labels (y, x)", received=received, remedy=remedy)
    if format == "coco":
        together.add(called, numbers, classes, sure.get(item.id))
        return {"status": "ok", "objects": len(np.unique(numbers[numbers != 0])), "file": ALL}
    write, suffix = EACH[format]
    objects = least_sure_first(drawn(numbers, classes, sure.get(item.id)))
    file = called + suffix
    with told(stage / file):
        write(stage / file, objects, numbers.shape)
    return {"status": "ok", "objects": len(objects), "file": file}


def _image_names(items: Sequence[Item]) -> dict[str, str]:
    """Return what files of COCO call images: the ends of their paths that tell them apart."""
    paths = [one.image.path for one in items if isinstance(one.image, FileSource)]
    if len(paths) == len(items):
        for count in range(1, max(len(path.parts) for path in paths) + 1):
            names = ["/".join(path.parts[-count:]) for path in paths]
            if len(set(names)) == len(names):
                return {item.id: name for item, name in zip(items, names, strict=True)}
    return {item.id: item.id for item in items}


def _of_others(folder: Path, format: str, made: list[str]) -> tuple[list[str], list[str]]:
    """List what earlier exports wrote of images that have no file now: as it was, and changed."""
    record, suffix = Written(folder), EACH[format][1] if format in EACH else ALL
    others = [n for n in record.names() if n.endswith(suffix) and "/" not in n and n not in made]
    there = [name for name in others if os.path.lexists(folder / name)]
    return [n for n in there if record.holds(n)], [n for n in there if not record.holds(n)]


def _refuse_earlier(folder: Path, targets: list[str], format: str, overwrite: bool) -> None:
    """Raise where files would be replaced, or lie among those of an earlier export, unasked."""
    there = [name for name in targets if os.path.lexists(folder / name)]
    there += [name for others in _of_others(folder, format, targets) for name in others]
    if there and not overwrite:
        raise invalid(
            "out",
            expected=f"a folder without an earlier export of {format}",
            received=str(folder / there[0]),
            remedy=say("Pass {} to replace it, or another name.", Setting("overwrite", True)),
        )


def _refuse_holes(folder: Path, table: pd.DataFrame, targets: list[str]) -> None:
    """Raise where an earlier file would go of an image that could not be used this time."""
    record = Written(folder)
    of = zip(table["image"], table["file"], targets * (len(table) // len(targets)), strict=True)
    lost = [image for image, file, target in of if not file and record.holds(target)]
    if lost:
        raise earlier_results_of(lost, folder, "labels")


def _refuse_losses(folder: Path, targets: list[str], items: tuple[Item, ...]) -> None:
    """Raise where a file would be lost that is read, or that no export wrote."""
    Written(folder).refuse_others(targets)
    read = [item.image.path for item in items if isinstance(item.image, FileSource)]
    refuse_inputs([folder / name for name in targets], read)
