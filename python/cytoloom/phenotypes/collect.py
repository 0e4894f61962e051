"""Gather cells: what the verb `cells` composes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ..datasets.given import ReadOptions
from ..datasets.items import Item, beside, said_once, shown_names
from ..datasets.results_folder import results_folder
from ..datasets.unlabelled import gather_images
from ..datasets.views import CachedSource
from ..errors import InvalidError, invalid
from ..events import Event, Work, note, warn
from ..images.normalize import Normalize, Stats
from ..measurement.collect import measured
from ..measurement.given import LabelImages, label_items, with_spacing
from ..messages import Argument, one_of, say
from ..runtime.machine import cores
from ..runtime.parallel import side_by_side
from ..storage.atomic import meant
from .cellh5 import is_cellh5, measured_objects, read_plates, with_size
from .crops import Cut, Others
from .gathered import Cells, Scaled, padded, refuse_mixed, size_of
from .illumination import Field, evened
from .kept import FILES, write_cells
from .load_data import is_load_data, numbered_files, sources_of
from .named import GIVEN, is_feature
from .ome_plates import own_labels
from .plate import KEYS, known_of
from .positions import positions_of
from .table import controls_of

USUAL_PX = 60
"""Edge of crops around positions, which do not say how large cells are."""
LARGER = 0.9
Even = Callable[[Sequence[Item]], Work[Sequence[Item]]]
SETTINGS = ("channels", "axes", "pattern", "pixel_size_um")
FIRST = ("plate", "well", "site", "image", "object", "frame")


@dataclass(frozen=True, eq=False)
class _Found:
    """Images, and a table of the cells of each that could be read."""

    items: tuple[Item, ...]
    tables: Mapping[str, pd.DataFrame]
    known: LabelImages
    ends: Mapping[str, Stats]
    labelled: bool


@dataclass(frozen=True, eq=False)
class Asked:
    """What was asked of `cells`; the fields are its parameters.

    Parameters
    ----------
    settings : dict
        How images are read: channels, axes, pattern, pixel_size_um.
    """

    images: Any
    labels: Any = None
    positions: Any = None
    columns: Mapping[str, str] | None = None
    size_px: Any = None
    size_um: Any = None
    plate: Any = None
    controls: Any = None
    scaled: Scaled = "plate"
    others: Others = "kept"
    turned: bool = False
    illumination: str | None = None
    objects: str | None = None
    settings: Mapping[str, Any] = field(default_factory=lambda: dict.fromkeys(SETTINGS))

    @property
    def places(self) -> dict[str, Any]:
        """Where images and labels are, and how they are read: what finds them again."""
        where = {"images": self.images, "labels": self.labels, "objects": self.objects}
        return {**where, **self.settings}

    @property
    def cellh5(self) -> bool:
        """Whether images are files of CellH5, which have their cells with them."""
        return is_cellh5(self.images)

    def refuse_odd(self) -> None:
        """Refuse what does not go together, before anything is read."""
        given = {"labels": self.labels, "positions": self.positions}
        both = [name for name, value in given.items() if value is not None]
        if self.cellh5 and both:
            expected = "none beside CellH5, which has its own objects"
            raise invalid(both[0], expected=expected, received="some")
        if self.objects is not None and not self.cellh5:
            raise invalid("objects", expected="files of CellH5 with it", received="other images")
        if not self.cellh5 and len(both) != 1:
            expected = say("one of {} and {}", Argument("labels"), Argument("positions"))
            received = "both" if both else "none"
            raise invalid("labels", expected=expected, received=received)
        known = {"others": ("kept", "blanked", "alone"), "scaled": ("plate", "image", "controls")}
        for name, words in known.items():
            if getattr(self, name) not in words:
                raise invalid(name, expected=one_of(words), received=getattr(self, name))
        wanted = "turned" if self.turned else "others" if self.others != "kept" else None
        if wanted and both == ["positions"]:
            expected, received = say("{} with it", Argument("labels")), "positions alone"
            raise invalid(wanted, expected=expected, received=received)


def collect(asked: Asked, out: Any, overwrite: bool, pictured: bool = False) -> Work[Cells]:
    """Gather cells, and write them to a folder where one is given.

    Parameters
    ----------
    asked : Asked
        What the verb was asked for.
    out : path or None
        The folder.
    overwrite : bool
        Replace cells that are in it.
    pictured : bool, default False
        Write a contact sheet, too.
    """
    asked.refuse_odd()
    if pictured and out is None:
        expected = say("{} with it, where the sheet is written", Argument("out"))
        raise invalid("sheet", expected=expected, received="none")
    keep = partial(write_cells, given=asked.places, pictured=pictured)
    with results_folder(out, overwrite, asked.plate, "cells", FILES, keep) as write:
        made = yield from gathered(asked)
        yield from write(made)
    return made if out is None else replace(made, path=meant(out))


def gathered(asked: Asked) -> Work[Cells]:
    """Gather the cells."""
    if is_load_data(asked.images):
        asked = replace(
            asked,
            plate=asked.images if asked.plate is None else asked.plate,
            images=sources_of(asked.images, asked.settings),
            settings={**asked.settings, "channels": None, "axes": None},
        )
    fields: list[Field] = []

    def even(items: Sequence[Item]) -> Work[Sequence[Item]]:
        if asked.illumination is None:
            return items
        done, found = yield from evened(items, known_of(items, asked.plate).rows)
        fields.extend(found)
        return done

    if asked.cellh5:
        work = _of_cellh5(asked, even)
    elif asked.positions is None:
        work = _labelled(asked, even)
    else:
        work = _placed(asked, even)
    found = yield from work
    refuse_mixed(found.items)
    wells = known_of(found.items, asked.plate)
    for text in wells.problems:
        yield warn(text)
    for text in wells.notes:
        yield note(text)
    table = _together(found, wells.rows)
    odd = sorted({name for row in wells.rows.values() for name in row if is_feature(name)})
    if odd:
        told = ", ".join(f"{name} comes along as {name}{GIVEN}" for name in odd)
        yield note(f"Called as features are, but of the plate's table: {told}.")
    cut, why = _cut(found, table, asked)
    if why:
        yield note(why)
    table = _with_padded(found.items, table, cut)
    first = found.items[0].image
    names = getattr(first, "channel_names", None) or map(str, range(first.shape[-1]))
    if asked.controls is not None:
        controls_of(table, asked.controls)
    elif asked.scaled == "controls":
        expected = say("{} with it", Argument("controls"))
        raise invalid("scaled", expected=expected, received=asked.scaled)
    made = Cells(
        table, found.items, cut, found.labelled, tuple(names), asked.controls, asked.scaled,
        known=found.known, _ends=found.ends, empty=_without_cells(found.items, table, wells.rows),
        told=tuple(map(str, wells.problems)), illumination=tuple(fields),
    )  # fmt: skip
    yield note(f"{made}.")
    return made


def _labelled(asked: Asked, even: Even) -> Work[_Found]:
    """Measure cells of label images, and with them the images."""
    labels, lost = own_labels(asked.images, asked.labels)
    options = ReadOptions(cached=False, **asked.settings)
    given, known = label_items(labels, asked.images, options)
    if lost:
        yield warn(f"fields of the plate without labels are left out: {shown_names(lost)}")
    for text in (*given.problems, *said_once(given.items)):
        yield warn(text)
    for text in given.notes:
        yield note(text)
    items = yield from even(with_spacing(given.items, known))
    tables, ends = yield from _measured(items, known)
    kept = tuple(item for item in items if item.id in tables)
    return _Found(kept, tables, known, ends, True)


def _measured(
    items: Sequence[Item], known: LabelImages
) -> Work[tuple[dict[str, pd.DataFrame], dict[str, Stats]]]:
    """Measure the cells of each image; what cannot be read is told and left out."""
    tables: dict[str, pd.DataFrame] = {}
    ends: dict[str, Stats] = {}
    failed: dict[str, str] = {}

    def work(item: Item) -> tuple[pd.DataFrame, Stats]:
        own = replace(item, image=CachedSource(item.image))
        return measured(own, True, None, known).table, Normalize().fit(own.image)

    with side_by_side(items, work, cores()) as begun:
        for k, (item, finish) in enumerate(begun):
            yield Event("progress", f"image {k + 1}/{len(items)}: {item.id}", k, len(items))
            try:
                tables[item.id], ends[item.id] = finish()
            except (InvalidError, OSError) as error:
                if k + 1 == len(items) and not tables:
                    raise
                failed[item.id] = str(error)
    for name, text in failed.items():
        yield warn(say("{} is left out: {}", name, text))
    return tables, ends


def _of_cellh5(asked: Asked, even: Even) -> Work[_Found]:
    """Take the objects that files of CellH5 have, and measure them where they have labels."""
    found = read_plates(asked.images, asked.objects, asked.settings["channels"])
    for text in found.problems:
        yield warn(text)
    for text in found.notes:
        yield note(text)
    items = yield from even(with_size(found.items, asked.settings["pixel_size_um"]))
    known = LabelImages()
    measured_of: dict[str, pd.DataFrame] = {}
    ends: dict[str, Stats] = {}
    if found.labelled:
        measured_of, ends = yield from _measured(items, known)
        items = [item for item in items if item.id in measured_of]
    tables = {}
    for item in items:
        own = measured_objects(item, found.tables[item.id], measured_of.get(item.id))
        tables[item.id] = own if "image" in own else _named(item.id, own)
    return _Found(tuple(items), tables, known, ends, found.labelled)


def _placed(asked: Asked, even: Even) -> Work[_Found]:
    """Take cells from a table of positions."""
    plain = {name: value for name, value in asked.settings.items() if name != "pixel_size_um"}
    given = gather_images(asked.images, **plain)
    for text in (*given.problems, *said_once(given.items)):
        yield warn(text)
    for text in given.notes:
        yield note(text)
    items = yield from even(_sized(given.items, asked.settings["pixel_size_um"]))
    numbered = numbered_files(asked.plate)
    found = positions_of(items, asked.positions, asked.columns, numbered)
    for text in found.problems:
        yield warn(text)
    for text in found.notes:
        yield note(text)
    tables = {name: _named(name, one) for name, one in found.tables.items()}
    return _Found(tuple(items), tables, LabelImages(), {}, False)


def _sized(items: Sequence[Item], size: Any) -> list[Item]:
    """Give images the size of their pixels where it was told."""
    if size is None:
        return list(items)
    several = tuple(size) if isinstance(size, (list, tuple)) else None
    return [
        replace(i, spacing_um=several or (float(size),) * (len(i.image.shape) - 1)) for i in items
    ]


def _named(image: str, table: pd.DataFrame) -> pd.DataFrame:
    table = table.copy()
    table.insert(0, "image", image)
    return table


def _together(found: _Found, rows: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return one table, with what is known of each image beside what is known of its cells."""
    parts = []
    for item in found.items:
        own = found.tables[item.id].copy()
        for name, value in beside(own.columns, rows[item.id]).items():
            # what a plate's table says is no feature, whatever it is called
            new = f"{name}{GIVEN}" if is_feature(name) else name
            own[new] = [value] * len(own)
        parts.append(own)
    table = pd.concat([one for one in parts if len(one)] or parts, ignore_index=True)
    if table.empty:
        raise invalid(
            "labels",
            expected="cells",
            received=f"none in {shown_names([i.id for i in found.items])}",
        )
    lead = [name for name in FIRST if name in table]
    return table[[*lead, *(name for name in table if name not in lead)]]


def _without_cells(
    items: Sequence[Item], table: pd.DataFrame, rows: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return what is known of images without a cell."""
    filled = set(table["image"])
    return {
        item.id: {k: v for k, v in rows[item.id].items() if k in KEYS}
        for item in items
        if item.id not in filled
    }


def _cut(found: _Found, table: pd.DataFrame, asked: Asked) -> tuple[Cut, str]:
    """Decide how large crops are."""
    size_px, size_um = asked.size_px, asked.size_um
    first = found.items[0]
    ndim = len(first.image.shape) - 1
    if size_px is not None and size_um is not None:
        expected = say("one of {} and {}", Argument("size_px"), Argument("size_um"))
        raise invalid("size_px", expected=expected, received="both")
    why = ""
    if size_px is None and size_um is None:
        size_px = USUAL_PX
        if "major_axis_px" in table:
            longest = float(np.nanquantile(table["major_axis_px"], LARGER))
            size_px = max(8, 4 * round(2 * longest / 4))
        why = f"Crops are {size_px} px wide" + (
            ": twice the length of the larger cells." if "major_axis_px" in table else "."
        )
    size = size_of(size_px, size_um, first.spacing_um, ndim)
    return Cut(size, asked.others, asked.turned), why


def _with_padded(items: Sequence[Item], table: pd.DataFrame, cut: Cut) -> pd.DataFrame:
    axes = [f"centroid_{a}" for a in "zyx"[-len(cut.size_px) :]]
    at, images = table[axes].to_numpy(float), table["image"].to_numpy()
    reach = np.zeros(len(table), bool)
    for item in items:
        own = images == item.id
        reach[own] = padded(at[own], cut, item.image.shape[:-1])
    return table.assign(padded=reach)
