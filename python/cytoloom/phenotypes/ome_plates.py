"""Plates in OME-Zarr: what is known of their fields, and label images that lie in these."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..datasets.given import is_file
from ..datasets.items import Item
from ..datasets.listing import some
from ..datasets.places import bare
from ..datasets.unlabelled import gather_images
from ..errors import invalid
from ..images.inside import is_there
from ..images.ome_plate import Field, Plate, plate_at
from ..images.ome_zarr import labels_of
from ..images.remote import address
from ..images.zarr import is_store, located
from ..measurement.given import LabelImages
from ..messages import Setting, say
from .wells import well_at, well_of

Row = dict[str, Any]


def rows_of(path: Path) -> list[Row] | None:
    """Return a row for each field of a plate: plate, well, site, row, column; None of no plate.

    A column ``acquisition`` where a plate was imaged more than once.
    """
    found = plate_at(path)
    if found is None:
        return None
    plate = called({path: found})[path]
    return [_row(plate, one) for one in found.fields.values()]


def rows_of_fields(items: Sequence[Item]) -> tuple[dict[str, Row], list[str]]:
    """Return what plates say of those images that are fields of one, and what is to say of it."""
    plates: dict[Path, Plate | None] = {}
    at: dict[str, tuple[Path, Field]] = {}
    for item in items:
        folder, stores = _places_of(item)
        for store in stores:
            if store not in plates:
                plates[store] = plate_at(store)
            found = plates[store]
            if found is not None and folder in found.fields:
                at[item.id] = store, found.fields[folder]
    names = called({store: one for store, one in plates.items() if one is not None})
    others = [f"{store.name} is {name}" for store, name in names.items() if name != _own(store)]
    rows = {image: _row(names[store], field) for image, (store, field) in at.items()}
    return rows, [f"names of plates are those in their metadata: {some(others)}"] if others else []


def called(plates: Mapping[Path, Plate]) -> dict[Path, str]:
    """Return what plates are called: as they say, but as their stores where two say the same.

    Examples
    --------
    >>> list(called({Path("a.zarr"): Plate("P 7", {}), Path("b.zarr"): Plate(None, {})}).values())
    ['P 7', 'b']
    >>> list(called({Path(f"{k}/a.zarr"): Plate("P", {}) for k in (1, 2)}).values())
    ['1/a', '2/a']
    """
    each = [
        {store: one.name or _own(store) for store, one in plates.items()},
        {store: _own(store) for store in plates},
    ]
    for names in each:
        if max(Counter(names.values()).values(), default=1) == 1:
            return names
    return {store: f"{store.parent.name}/{_own(store)}" for store in plates}


def _own(store: Path) -> str:
    return bare(store.name)


def _row(plate: str, field: Field) -> Row:
    """Return the columns of a field.

    Examples
    --------
    >>> _row("p", Field("b", "03", "0"))
    {'plate': 'p', 'well': 'B03', 'site': '0', 'row': 'B', 'column': 3}
    >>> _row("p", Field("2", "3", "0", "day 2"))["well"], _row("p", Field("top", "x", "0"))["well"]
    ('B03', 'topx')
    """
    numbers = field.row.isdecimal() and field.column.isdecimal() and int(field.row) > 0
    given = well_at(int(field.row), int(field.column)) if numbers else field.row + field.column
    well = well_of(given)
    row: Row = {"plate": plate, "well": well or given, "site": field.name}
    row |= {"row": field.row, "column": field.column}
    if well:
        letters = well.rstrip("0123456789")
        row |= {"row": letters, "column": int(well[len(letters) :])}
    return row | ({"acquisition": field.acquisition} if field.acquisition else {})


def _places_of(item: Item) -> tuple[Path, list[Path]]:
    """Return the folder of an image in a store of Zarr, and which folders may be its plate."""
    path, scene = (getattr(item.image, name, None) for name in ("path", "scene"))
    if path is None:
        return Path(), []
    store = located(Path(path))[0]
    remote = address(store) is not None
    folder = store / scene if scene else store
    # nobody asks a server for what is likely no plate
    if (remote and not scene) or not (remote or is_store(store)):
        return folder, []
    return folder, [*([store] if scene else []), *folder.parents[2:3]]


def own_labels(images: Any, labels: Any) -> tuple[Any, list[str]]:
    """Find label images that lie in the fields of a plate.

    Parameters
    ----------
    images, labels : object
        As `cells` takes them. Label images within a plate are told by the plate itself, where
        its fields have one, or by what they are called there.

    Returns
    -------
    (labels, names)
        Label images by the names of fields, or labels of other kinds as they are; names of fields
        without such labels.

    Raises
    ------
    InvalidError
        Fields with several label images, or without any of this name.
    """
    by_name = isinstance(labels, Mapping)
    if not is_file(images) or address(images) or not (by_name or is_file(labels)):
        return labels, []
    store = Path(images).expanduser()
    if not store.is_dir() or plate_at(located(store)[0]) is None:
        return labels, []
    if by_name:  # by names of fields, not in their order
        return LabelImages({str(name): one for name, one in labels.items()}), []
    given = Path(labels).expanduser()
    same = given == store
    if not same and (is_there(given) or address(given) or glob.has_magic(str(given))):
        return labels, []
    fields = {item.id: _places_of(item)[0] for item in gather_images(images).items}
    own = {name: {one.name: one for one in labels_of(at)} for name, at in fields.items()}
    every = list(dict.fromkeys(name for one in own.values() for name in one))
    wanted = given.name if not same else every[0] if len(every) == 1 else ""
    if wanted not in every:
        received = f"fields with {some(every) if every else 'none'}"
        remedy = say("Give {}.", Setting("labels", every[0])) if every else ""
        raise invalid(
            "labels",
            expected="label images, or what those in the fields of the plate are called",
            received=received if same else f"{given}, {received}",
            remedy=remedy,
        )
    found = {name: one[wanted] for name, one in own.items() if wanted in one}
    return LabelImages(found), [name for name in fields if name not in found]
