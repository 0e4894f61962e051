"""Cells in a folder: their table, and where their images and labels are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..components import from_plain, to_plain
from ..datasets.given import ReadOptions, is_file
from ..datasets.items import Item, shown_names
from ..datasets.unlabelled import gather_images
from ..errors import invalid
from ..images.files import write_labels
from ..images.normalize import Normalize, Stats
from ..measurement.given import LabelImages, label_items, read_object_labels, with_spacing
from ..messages import said_by
from ..plots.figures import save
from ..storage.atomic import meant
from ..storage.names import file_names
from ..storage.results import put_in_place, staged
from ..storage.tables import read_table
from ..version import __version__
from .cellh5 import is_cellh5, read_plates, with_size
from .crops import Cut
from .gathered import Cells
from .illumination import EvenSource, facts_of, read_fields, write_fields
from .load_data import is_load_data, sources_of
from .ome_plates import own_labels

FORMAT = 1
RECORD, TABLE, FIELDS = "cells.json", "cells.csv", "illumination.npz"
SHEET = "sheet.png"
FILES = (RECORD, FIELDS, SHEET, TABLE)
"""The last is that by which such a folder is known."""
PLACES = "images", "labels"


def in_memory(given: Mapping[str, Any]) -> bool:
    """Whether some of the images or labels are no files: nobody could find these again.

    Examples
    --------
    >>> in_memory({"images": "plate/", "labels": None}), in_memory({"images": {"a": np.zeros(3)}})
    (False, True)
    """
    return any(given.get(name) is not None and not _in_files(given[name]) for name in PLACES)


def _in_files(x: Any) -> bool:
    several = x if isinstance(x, (list, tuple)) else [x]
    return all(is_file(one) for one in several) or getattr(x, "out", None) is not None


def write_cells(
    folder: Path, cells: Cells, given: Mapping[str, Any], pictured: bool = False
) -> None:
    """Write cells into a folder that is this run's alone.

    Parameters
    ----------
    folder : Path
        Where.
    cells : Cells
        What was gathered.
    given : dict
        How images and labels were given, and how they are read; those in memory are written, too.
    pictured : bool, default False
        Whether a contact sheet is.
    """
    with staged(folder) as stage:
        names: list[str] = []
        if in_memory(given):
            names = write_images(stage, cells)
            given = {"images": str((folder / "images").absolute())}
            if cells.labelled:
                given["labels"] = str((folder / "labels").absolute())
        record = _record(cells, given)
        if pictured:
            save(cells.plot(), stage / SHEET)
            names.append(SHEET)
        gone = [*([] if cells.illumination else [FIELDS]), *([] if pictured else [SHEET])]
        if cells.illumination:
            write_fields(stage / FIELDS, cells.illumination)
            names.append(FIELDS)
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        (stage / RECORD).write_text(text, encoding="utf-8")
        put_in_place(stage, folder, {TABLE: cells.table}, [*names, RECORD], gone)


def write_images(folder: Path, cells: Cells) -> list[str]:
    """Write the images of cells as OME-TIFF, and their labels as TIFF; return what was written."""
    import tifffile

    names = []
    (folder / "images").mkdir()
    if cells.labelled:
        (folder / "labels").mkdir()
    for name, item in zip(
        file_names([i.id for i in cells.items]).values(), cells.items, strict=True
    ):
        # as it is: what is divided out of it is written apart
        source = item.image.raw if isinstance(item.image, EvenSource) else item.image
        pixels = np.moveaxis(np.asarray(source.read()), -1, 0)
        about: dict[str, Any] = {"axes": "C" + "ZYX"[-(pixels.ndim - 1) :]}
        about["Channel"] = {"Name": list(cells.channel_names)}
        for letter, size in zip("ZYX"[-(pixels.ndim - 1) :], item.spacing_um or (), strict=False):
            about |= {f"PhysicalSize{letter}": size, f"PhysicalSize{letter}Unit": "um"}
        names.append(f"images/{name}.ome.tif")
        tifffile.imwrite(
            folder / names[-1], pixels, ome=True, metadata=about, photometric="minisblack"
        )
        if cells.labelled:
            names.append(f"labels/{name}.tif")
            numbers = read_object_labels(item, cells.known)[0]
            write_labels(folder / names[-1], numbers, item.spacing_um)
    return names


def _record(cells: Cells, given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "cytoloom": __version__,
        "images": [item.id for item in cells.items],
        "given": {name: _plain(value) for name, value in given.items() if value is not None},
        "size_px": list(cells.cut.size_px),
        "others": cells.cut.others,
        "turned": cells.cut.turned,
        "controls": cells.controls,
        "scaled": cells.scaled,
        "labelled": cells.labelled,
        "empty": {name: dict(one) for name, one in cells.empty.items()},
        "told": list(cells.told),
        "illumination": [facts_of(one) for one in cells.illumination],
        "lit": _lit(cells),
        "text": [name for name in cells.table if _is_text(cells.table[name])],
        "normalize": to_plain(cells.normalize),
        "ends": {name: to_plain(one) for name, one in cells._ends.items()},
    }


def _lit(cells: Cells) -> dict[str, int]:
    """Return which of the fields is divided out of each image."""
    numbers = {id(one): k for k, one in enumerate(cells.illumination)}
    return {
        item.id: numbers[id(item.image.field)]
        for item in cells.items
        if isinstance(item.image, EvenSource)
    }


def _is_text(column: Any) -> bool:
    """Whether a column has texts, which may look like numbers, as 0038 does."""
    return any(isinstance(value, str) for value in column)


def _plain(value: Any) -> Any:
    """Return paths as texts, from the root on."""
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    out = getattr(value, "out", None)
    if out is not None:
        return str(Path(out).absolute())
    return str(meant(value).absolute()) if is_file(value) else value


def read_cells(folder: Any) -> Cells:
    """Open cells that were written into a folder; images are read when they are asked for.

    Raises
    ------
    InvalidError
        No such folder, or images and labels that are no longer where they were.
    """
    path = Path(folder).expanduser()
    file = path / RECORD
    if not file.is_file() or not (path / TABLE).is_file():
        expected = "cells, or the folder of some"
        raise invalid("cells", expected=expected, received=str(folder),
                      remedy="Gather them first, see cells.")  # fmt: skip
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        given, ids = dict(record["given"]), [str(name) for name in record["images"]]
        cut = Cut(tuple(map(int, record["size_px"])), record["others"], bool(record["turned"]))
        normalize = from_plain(record["normalize"], Normalize)
        ends = {str(k): from_plain(v, Stats) for k, v in record["ends"].items()}
        labelled, text = bool(record["labelled"]), tuple(map(str, record["text"]))
        empty, said = dict(record["empty"]), tuple(map(str, record["told"]))
        lit = {str(name): int(k) for name, k in record["lit"].items()}
        facts = list(record["illumination"])
        fields = read_fields(path / FIELDS, facts) if facts else []
        if record["format"] != FORMAT:
            raise ValueError(f"format {record['format']}")
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        again = "Gather the cells again."
        raise invalid("cells", expected=f"what cytoloom wrote in {file}", received=said_by(error),
                      remedy=again) from None  # fmt: skip
    items, known = reopened(given)
    by_id = {item.id: item for item in items}
    missing = [name for name in ids if name not in by_id]
    if missing:
        raise invalid("cells", expected="the images of the cells where they were",
                      received=f"none called {shown_names(missing)}")  # fmt: skip
    lighted = {n: EvenSource(by_id[n].image, fields[k]) for n, k in lit.items() if n in by_id}
    by_id |= {name: replace(by_id[name], image=one) for name, one in lighted.items()}
    kept = tuple(by_id[name] for name in ids)
    names = getattr(kept[0].image, "channel_names", None) or map(
        str, range(kept[0].image.shape[-1])
    )
    table = read_table(path / TABLE, text=text)
    return Cells(
        table, kept, cut, labelled, tuple(names), record["controls"], record["scaled"],
        normalize, known, path, ends, empty, said, tuple(fields),
    )  # fmt: skip


def reopened(given: Mapping[str, Any]) -> tuple[tuple[Item, ...], LabelImages]:
    """Find the images again, with their labels where there are some; headers are read."""
    how = {name: given.get(name) for name in ("channels", "axes", "pattern", "pixel_size_um")}
    how = {name: tuple(v) if isinstance(v, list) else v for name, v in how.items()}
    if is_cellh5(given["images"]):
        found = read_plates(given["images"], given.get("objects"), how["channels"])
        return with_size(found.items, how["pixel_size_um"]), LabelImages()
    images = given["images"]
    if is_load_data(images):
        images = sources_of(images, how)
        how |= {"channels": None, "axes": None}
    if given.get("labels") is not None:
        labels = own_labels(images, given["labels"])[0]
        labelled, known = label_items(labels, images, ReadOptions(cached=False, **how))
        return tuple(with_spacing(labelled.items, known)), known
    size = how.pop("pixel_size_um")
    items = gather_images(images, **how).items
    if size is not None:
        several = size if isinstance(size, tuple) else None
        items = tuple(
            replace(i, spacing_um=several or (float(size),) * (len(i.image.shape) - 1))
            for i in items
        )
    return tuple(items), LabelImages()


def as_cells(cells: Any) -> Cells:
    """Return cells, opened where a folder of them is given."""
    if isinstance(cells, Cells):
        return cells
    if is_file(cells):
        return read_cells(cells)
    raise invalid("cells", expected="cells, or the folder of some", received=cells)
