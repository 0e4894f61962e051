"""Measure label images one after another: what the verb `measure` composes."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..datasets.across import other_sizes
from ..datasets.drawn import lost_of
from ..datasets.files import has_other_pixels
from ..datasets.given import ReadOptions
from ..datasets.items import Item, said_once, shown_names
from ..datasets.views import CachedSource
from ..errors import InvalidError, invalid
from ..events import Event, Work, note, warn
from ..messages import Argument, Setting, counted, say
from ..objects.measure import measure
from ..objects.rings import measure_around
from ..runtime.machine import cores
from ..runtime.parallel import side_by_side
from ..storage.atomic import meant, remove_partial, told
from ..storage.lock import locked
from ..storage.results import refuse_tables_of_verbs, write_tables
from ..storage.written import Written
from .by_blocks import is_large, measured_in_boxes
from .given import (
    LabelImages,
    label_items,
    read_object_labels,
    seen_beside,
    with_image_among,
    with_spacing,
)

WAIT_S = 20.0
"""Others need a folder for milliseconds to write a table; who needs it for longer does more."""


@dataclass(frozen=True, eq=False)
class Measured:
    """The table of one image, whether its labels were a mask, and of another image than this."""

    table: pd.DataFrame
    mask: bool
    other: bool = False


def collect(
    labels: Any,
    image: Any,
    around_um: float | None,
    out: str | os.PathLike[str] | None,
    overwrite: bool,
    **settings: Any,
) -> Work[pd.DataFrame]:
    """Measure all images; the parameters are those of the verb."""
    if around_um is not None and not around_um > 0:
        raise invalid("around_um", expected="a width above 0", received=around_um)
    path = None if out is None else _free(meant(out), overwrite)
    labels, image = with_image_among(labels, image)
    found, known = label_items(labels, image, ReadOptions(cached=False, **settings))
    for text in (*found.problems, *said_once(found.items), *other_sizes(found.items)):
        yield warn(text)
    for text in found.notes:
        yield note(text)
    items = with_spacing(found.items, known)
    seen = {} if image is None else seen_beside(items)

    def work(item: Item) -> Measured | None:
        if not known.are_classes(item.id) and is_large(item.annotations[0]):
            return None  # by itself, when it is its turn
        item = replace(item, image=CachedSource(item.image)) if item.id in seen else item
        one = measured(item, image is not None, around_um, known)
        return replace(one, other=_is_other(item, seen))

    done: dict[str, Measured] = {}
    failed: dict[str, str] = {}
    with side_by_side(items, work, cores()) as begun:
        for k, (item, finish) in enumerate(begun):
            if len(items) > 1:
                yield Event("progress", f"image {k + 1}/{len(items)}: {item.id}", k, len(items))
            try:
                one = finish()
                if one is None:
                    one = yield from measured_large(item, image is not None, around_um, known)
                    one = replace(one, other=_is_other(item, seen))
                done[item.id] = one
            except (InvalidError, OSError) as error:
                # what all have is told once
                if k + 1 == len(items) and not done:
                    raise
                failed[item.id] = str(error)
    for name, text in failed.items():
        yield warn(say("{} is left out: {}", name, text))
    yield from _worth_knowing([item for item in items if item.id in done], done)
    table = pd.concat([one.table for one in done.values()], ignore_index=True)
    if path is not None:
        # of others that measure into this folder, each has it for as long as writing takes
        with locked(path.parent, "measure", wait_s=WAIT_S):
            _refuse_losses(path, overwrite)  # another may have ended since this one began
            remove_partial(path.parent)
            write_tables(path.parent, {path.name: table})
        yield note(f"{counted(len(table), 'object')} written to {path}.")
    return table


def _is_other(item: Item, seen: Mapping[str, str]) -> bool:
    """Whether the image is another than the one whose labels were predicted."""
    return item.id in seen and has_other_pixels(item.image, seen[item.id])


def _worth_knowing(items: Sequence[Item], done: Mapping[str, Measured]) -> Iterable[Event]:
    """Say what of outlines was lost, which images were exchanged, and which labels were masks."""
    for item in items:
        for text in lost_of(item.annotations[0]):
            yield warn(text)
    others = [name for name, one in done.items() if one.other]
    if others:
        text = "another image than was predicted is measured, to which these labels do not belong."
        yield warn(f"{shown_names(others)}: {text}")
    masks = [name for name, one in done.items() if one.mask]
    if masks:
        yield note(f"{shown_names(masks)}: a mask; each of its pieces is taken for an object.")


def measured(item: Item, shining: bool, around_um: float | None, known: LabelImages) -> Measured:
    """Measure one image, and its pixels where they are wanted."""
    labels, mask, classes = read_object_labels(item, known)
    image, names = _image_of(item, labels.shape) if shining else (None, [])

    def rows(part: slice) -> np.ndarray:
        """Read some rows of the image."""
        assert image is not None
        return np.asarray(image.read((part, *(slice(0, n) for n in labels.shape[1:]))))

    pixels = rows if shining else None
    table = measure(
        labels, image=pixels, channel_names=names, classes=classes, pixel_size_um=item.spacing_um
    )
    ring = None
    if around_um is not None:
        size = _known(item)
        ring = measure_around(labels, around_um, size, image=pixels, channel_names=names)
    return Measured(_together(item, table, ring, bool(classes)), mask)


def measured_large(
    item: Item, shining: bool, around_um: float | None, known: LabelImages
) -> Work[Measured]:
    """Measure one image whose labels are larger than memory."""
    if around_um is not None:
        _known(item)
    shape = tuple(item.annotations[0].shape)
    image, names = _image_of(item, shape) if shining else (None, [])
    found = yield from measured_in_boxes(item, image, names, around_um)
    if found is None:
        return measured(item, shining, around_um, known)
    return Measured(_together(item, *found, classed=False), mask=False)


def _together(
    item: Item, table: pd.DataFrame, ring: pd.DataFrame | None, classed: bool
) -> pd.DataFrame:
    """Return the table of an image: without what only a model knows, with what is around."""
    table = table.drop(columns=["mean_foreground"] + ([] if classed else ["class"]))
    table.insert(0, "image", item.id)
    if ring is None:
        return table
    size = _known(item)
    unit = "area_um2_around" if len(size) == 2 else "volume_um3_around"
    ring.insert(1, unit, ring["area_px_around"] * math.prod(size))
    return pd.concat([table, ring], axis=1)


def _image_of(item: Item, shape: tuple[int, ...]) -> tuple[CachedSource, list[str]]:
    """Return the image of labels of a shape, and the names of its channels."""
    source = CachedSource(item.image)
    if source.shape[:-1] != shape:
        raise invalid(
            item.id,
            expected=say("an image of the shape of its labels, {}", shape),
            received=source.shape[:-1],
        )
    return source, list(source.channel_names or map(str, range(source.shape[-1])))


def _known(item: Item) -> tuple[float, ...]:
    """Return the size of a pixel, which rings in micrometres need."""
    if item.spacing_um is None:
        raise invalid(
            item.id,
            expected="an image that says how large its pixels are",
            received="none",
            remedy=say("Give {}.", Argument("pixel_size_um")),
        )
    return item.spacing_um


def _free(path: Path, overwrite: bool) -> Path:
    """Return where the table may be written, or say why not, before anything is read."""
    if path.is_dir():
        remedy = f"Pass {path / 'measured.csv'}, or another name."
        raise invalid("out", expected="a file", received=f"{path}, a folder", remedy=remedy)
    if not path.absolute().parent.is_dir():
        raise invalid("out", expected="a file in a folder that exists", received=str(path))
    _refuse_losses(path, overwrite)
    with told(path.parent, "out"), locked(path.parent, "measure", wait_s=WAIT_S):
        return path


def _refuse_losses(path: Path, overwrite: bool) -> None:
    """Raise where the table would replace another than one of `measure`, or one unasked."""
    refuse_tables_of_verbs(path)
    Written(path.parent).refuse_others([path.name])
    if path.exists() and not overwrite:
        remedy = say("Pass {} to replace it, or another name.", Setting("overwrite", True))
        raise invalid("out", expected="a new file", received=str(path), remedy=remedy)
