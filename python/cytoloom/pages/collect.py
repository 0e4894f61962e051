"""Make the page: what the verb `report` composes."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..datasets.data import as_data
from ..datasets.files import has_other_pixels
from ..datasets.ids import named
from ..datasets.items import Item, shown_names
from ..datasets.origin import read_again
from ..datasets.unlabelled import gather_images
from ..errors import InvalidError, invalid
from ..events import Event, Work, note, warn
from ..experts.given import gather
from ..measurement.given import corrected_since, label_images, seen_beside
from ..messages import TABLES, Argument, counted, say, spelled
from ..runtime.machine import cores
from ..runtime.parallel import side_by_side
from ..storage.results import PIXELS
from ..version import __version__
from . import page, screen, tracks, words
from .given import Shown, labels_by_name, novelty_given, shown
from .objects import objects_of
from .pictures import Picture, picture_of
from .place import beside, free, remove_pictures, write, write_pictures
from .rows import Table, table_of

LARGEST_BYTES = 60e6
"""Of a page with its pictures in it."""
PIXEL_BYTES = 0.4
"""Of a pixel of a picture with its layers in the page; less, mostly."""
SIDES_PX = (256, 1600)
"""Longest side of pictures: at least, and at most."""
BESIDE_PX = 1024
_REPLACED = "no picture: it is another image than was predicted, to which its labels do not belong"


def collect(
    results: Any,
    path: str | os.PathLike[str],
    images: Any,
    labels: Any,
    cells: Any,
    overwrite: bool,
) -> Work[Path]:
    """Make the page; the parameters are those of the verb."""
    novelty = novelty_given(results)
    if novelty is not None:
        _refuse(images=images, labels=labels)
        return (yield from screen.collect(novelty, path, cells, overwrite))
    _refuse(cells=cells)
    followed = tracks.tracks_given(results)
    if followed is not None:
        _refuse(labels=labels)
        return (yield from tracks.collect(followed, path, images, overwrite))
    place = free(path, overwrite)
    page.need_templates()
    found = shown(results)
    seen = found.run.get(PIXELS, {})
    if labels is not None:
        items, known = label_images(labels)
        seen = seen_beside(items)
        for text in corrected_since(labels):
            yield warn(text)
        found = replace(found, labels=labels_by_name(items, known))
    items_by_name, text = items_of(found, images)
    pictures = yield from _pictures(found, items_by_name, seen)
    problems = {name: one.problem for name, one in pictures.items() if one.problem}
    notes = [*([text] if text else []), *_unseen(found, pictures)]
    for text in notes:
        yield warn(text)
    table = table_of(found, problems)
    parts = parts_of(found, table, pictures, place.stem, notes)
    size = sum(len(layer) for one in pictures.values() for layer in one.layers.values())
    apart = size * 4 / 3 > 0.95 * LARGEST_BYTES
    if apart:
        layers, files = _beside(place, pictures)
        write_pictures(place, files)
        write(place, _filled({**parts, "beside": True}, layers), overwrite)
        yield note(
            f"There are many pictures: they are in {beside(place)}, which goes with the page."
        )
    else:
        write(place, _filled(parts, _within(pictures)), overwrite)
        remove_pictures(place)
    yield note(f"{counted(len(table.rows), 'image')} in {place}.")
    return place


def _refuse(**given: Any) -> None:
    """Raise where something is given that belongs to results of another kind."""
    for name, value in given.items():
        if value is not None:
            expected = "nothing of this kind with these results"
            raise invalid(name, expected=expected, received=value)


def items_of(found: Shown, images: Any) -> tuple[dict[str, Item], str]:
    """Return the images by name, and what is to say of them."""
    remedy = say("Pass {}.", Argument("images"))
    if images is None:
        origin = found.run.get("images") or {}
        if not origin:
            where = "These results do not say where their images are"
            return {}, say("{}: pictures show labels only. {}", where, remedy)
        try:
            given, how = read_again(origin)
            items = _read(found, given, how)
        except (InvalidError, OSError, TypeError) as error:
            return {}, say("The images are not where they were. {} {}", str(error), remedy)
    else:
        items = _read(found, images, {})
    by_name = {item.id: item for item in named(items)[0]}
    if len(by_name) == len(found.names) == 1 and images is not None:
        by_name = {found.names[0]: next(iter(by_name.values()))}
    return by_name, ""


def _experts(found: Shown) -> dict[str, Item]:
    """Return what experts drew by image, where that is in files and still there."""
    given = (found.run.get("experts") or {}).get("given")
    if found.kind != "consensus" or not given:
        return {}
    with contextlib.suppress(InvalidError, OSError):
        return {item.id: item for item in gather(given).items}
    return {}


def _read(found: Shown, given: Any, how: Mapping[str, Any]) -> list[Item]:
    """Take images, for scores with their labels where they have any."""
    if found.kind == "scores" or found.run.get("verb") == "consensus":
        with contextlib.suppress(InvalidError):
            data = as_data(given, **{k: v for k, v in how.items() if k not in ("slices", "taken")})
            if data.items:  # none of images alone
                return list(data.items)
    of_labels = ("unknown", "pixel_size_um", "class_ids", "also", "weights")
    known = {name: value for name, value in how.items() if name not in of_labels}
    try:
        return list(gather_images(given, **known).items)
    except InvalidError as error:
        raise error.renamed("images", "data") from None


def _pictures(
    found: Shown, items: Mapping[str, Item], seen: Mapping[str, str]
) -> Work[dict[str, Picture]]:
    """Make the picture of each image; one that cannot be made stops no other.

    What was seen of images tells whether labels belong to them: one replaced since has no picture.
    """
    names, made, drawn = found.names, {}, _experts(found)
    most = _side(len(names))

    def work(name: str) -> Picture:
        """Make one of them."""
        item = items.get(name)
        status = _status(found, name)
        if status != "ok":
            return Picture()
        try:
            if item is not None and name in seen and has_other_pixels(item.image, seen[name]):
                return Picture(problem=_REPLACED)
            by = drawn.get(name) or (item if found.kind == "consensus" else None)
            one = picture_of(found, name, item, most, by)
        except (InvalidError, OSError, MemoryError, ValueError) as error:
            return Picture(problem=spelled(say("no picture: {}", str(error)), TABLES))
        if item is None and items:
            said = "no image of this name"
            return replace(one, problem="; ".join([said, *filter(None, [one.problem])]))
        return one

    with side_by_side(names, work, cores()) as begun:
        for k, (name, finish) in enumerate(begun):
            yield Event("progress", f"picture {k + 1}/{len(names)}: {name}", k, len(names))
            made[name] = finish()
    return made


def _status(found: Shown, name: str) -> str:
    if "status" not in found.images:
        return "ok"
    rows = found.images["status"][found.images["image"].astype(str) == name]
    return str(rows.iloc[0])


def _side(count: int) -> int:
    """Return the longest side of pictures, so that a page with so many is not too large.

    Examples
    --------
    >>> _side(1), _side(1000), _side(100_000)
    (1600, 352, 1024)
    """
    room = 0.83 * LARGEST_BYTES / PIXEL_BYTES / max(count, 1)
    least, most = SIDES_PX
    side = int(math.sqrt(room))
    return BESIDE_PX if side < least else min(most, side)


def _unseen(found: Shown, pictures: Mapping[str, Picture]) -> Iterator[str]:
    """Say which images have no picture."""
    odd = [name for name, one in pictures.items() if one.problem]
    if odd:
        first = pictures[odd[0]].problem
        yield f"Not all is shown of {shown_names(odd)}: {first.removesuffix('.')}."


def parts_of(
    found: Shown, table: Table, pictures: Mapping[str, Picture], title: str, notes: Sequence[str]
) -> dict[str, Any]:
    """Return what the template is filled with, but for where pictures are."""
    order = sorted(range(len(table.rows)), key=lambda k: table.rows[k].review)
    rows = []
    for k in order:
        row = table.rows[k]
        cells = [
            (*one, column.numeric) for one, column in zip(row.cells, table.columns, strict=True)
        ]
        layers = bool(pictures[row.image].layers)
        rows.append({"image": row.image, "review": row.review, "flags": row.flags,
                     "cells": cells, "layers": layers, "place": len(rows)})  # fmt: skip
    return {
        "title": title,
        "kind": words.TITLES[found.kind],
        "results": found.kind,
        "version": __version__,
        "figures": words.figures(found, table),
        "summary": words.summary(found, table),
        "notes": [spelled(text, TABLES) for text in notes],
        "tables": words.tables(found),
        "flagged": any(row.flags for row in table.rows),
        "columns": table.columns,
        "rows": rows,
        "pictured": any(one.layers for one in pictures.values()),
        "legend": words.legend(found, (name for one in pictures.values() for name in one.layers)),
        "objects": objects_of(found.objects),
        "methods": words.methods(found),
        "citations": words.citations(found),
        "settings": words.settings(found),
        "review_list": page.review_list(table),
        "review_name": f"{title}_review.csv",
        "pictures": [_picture(pictures[row["image"]]) for row in rows],
    }


def _picture(one: Picture) -> dict[str, Any]:
    """Return a picture as the page takes it, without its layers."""
    return {"width": one.width, "height": one.height, "planes": one.planes}


def _filled(parts: Mapping[str, Any], layers: Mapping[str, Mapping[str, str]]) -> bytes:
    """Fill the template, given where the layers of each image are."""
    pictures = [
        {**picture, "layers": layers[row["image"]]}
        for picture, row in zip(parts["pictures"], parts["rows"], strict=True)
    ]
    return page.filled(**{**parts, "pictures": pictures}).encode("utf-8", "replace")


def _within(pictures: Mapping[str, Picture]) -> dict[str, dict[str, str]]:
    """Return layers as addresses that hold them."""
    return {
        name: {layer: page.data_address(content) for layer, content in one.layers.items()}
        for name, one in pictures.items()
    }


def _beside(
    place: Path, pictures: Mapping[str, Picture]
) -> tuple[dict[str, dict[str, str]], dict[str, bytes]]:
    """Return layers as addresses of files beside the page, and the files."""
    files: dict[str, bytes] = {}
    layers: dict[str, dict[str, str]] = {}
    folder = quote(beside(place).name.encode("utf-8", "replace"))
    for k, (name, one) in enumerate(pictures.items()):
        layers[name] = {}
        for n, (layer, content) in enumerate(one.layers.items()):
            file = f"{k:05d}_{layer if layer.isalpha() else n}{page.suffix_of(content)}"
            files[file], layers[name][layer] = content, f"{folder}/{file}"
    return layers, files
