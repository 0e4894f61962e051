"""Tables of positions of cells, whatever program wrote them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.given import is_file
from ..datasets.items import Item
from ..datasets.listing import some
from ..datasets.places import bare
from ..errors import invalid
from ..messages import Argument, counted, joined, say
from ..storage.spreadsheets import read_spreadsheet

if TYPE_CHECKING:
    import pandas as pd

AXES = {
    "z": ("centroid_z", "z", "position_z", "pos_z", "location_center_z", "centroid_0"),
    "y": ("centroid_y", "y", "position_y", "pos_y", "location_center_y", "center_y", "ym"),
    "x": ("centroid_x", "x", "position_x", "pos_x", "location_center_x", "center_x", "xm"),
}
"""What columns of positions are called, the first the surest."""
OTHERS = {
    "image": (
        "image", "image_name", "file_name", "filename", "file", "path", "imagenumber",
        "image_number", "position", "label",
    ),
    "object": (
        "object", "objectnumber", "object_number", "object_id", "obj_label_id", "id", "label",
    ),
    "frame": ("frame", "t", "time", "timepoint", "time_point", "metadata_t"),
}  # fmt: skip
_OF_NUCLEI = re.compile(r"^(nuclei|cells|cytoplasm|objects)_(?=location|objectnumber|number)")


@dataclass(frozen=True, eq=False)
class Positions:
    """Where cells are, by image.

    Parameters
    ----------
    tables : dict of str to DataFrame
        Of each image: object, frame (where it is told), the axes of the image in px and all other
        columns of the table.
    notes : tuple of str
        Which columns were taken for what.
    problems : tuple of str
        Rows without image, images without row, rows without position.
    """

    tables: Mapping[str, pd.DataFrame]
    notes: tuple[str, ...]
    problems: tuple[str, ...]


def positions_of(
    items: Sequence[Item],
    table: Any,
    columns: Mapping[str, str] | None = None,
    numbered: Mapping[int, Sequence[str]] | None = None,
) -> Positions:
    """Read where the cells of images are.

    Parameters
    ----------
    items : sequence of Item
        The images.
    table : path, DataFrame or dict of columns
        A row for each cell; columns ``x`` and ``y`` (``z`` in stacks) in px from 0, or with ``_um``
        behind their name in micrometres; ``image`` where there are several images: their names, or
        the numbers from 1 of CellProfiler, in their order.
    columns : dict of str to str, optional
        What x, y, z, image, object and frame are called there, where they are not recognised.
    numbered : dict of int to sequence of str, optional
        The files of each number of an image, where a table says them.

    Raises
    ------
    InvalidError
        Columns that are missing, rows that belong to no image.
    """
    frame = read_spreadsheet(_path(table)) if is_file(table) else _frame(table)
    ndim = len(items[0].image.shape) - 1
    names = _columns(list(map(str, frame.columns)), "zyx"[-ndim:], columns or {})
    if "image" not in names and len(items) > 1:
        expected = f"a column image, for {counted(len(items), 'image')}"
        raise _wrong(frame, expected)
    given = {name: frame[own] for name, own in names.items()}
    spatial = np.stack([_numbers(given[a]) for a in "zyx"[-ndim:]], axis=1)
    whole = np.isfinite(spatial).all(axis=1)
    of, told = _images(items, given.get("image"), len(frame), numbered or {})
    rest = frame[[c for c in frame.columns if c not in names.values()]]
    tables, outside = {}, 0
    for item in items:
        own = whole & np.array([one == item.id for one in of], bool)
        at = spatial[own] / _unit(item, [names[a] for a in "zyx"[-ndim:]])
        inside = ((at > -0.5) & (at < np.array(item.image.shape[:-1]) - 0.5)).all(axis=1)
        outside += int((~inside).sum())
        tables[item.id] = _table(
            given, rest, np.flatnonzero(own)[inside], at[inside], "zyx"[-ndim:]
        )
    lost = sorted(
        {str(one) for one, known in zip(given.get("image", []), of, strict=False) if known is None}
    )
    empty = [name for name, one in tables.items() if not len(one)]
    if len(empty) == len(items):
        got = (
            f"{counted(len(frame), 'row')}, of images {some(lost)}" if lost else _size_words(frame)
        )
        raise invalid(
            "positions",
            expected="rows of the images, inside of them",
            received=got,
            remedy=say("Call images as the table does, or say which column names them with {}.",
                       Argument("columns")) if lost else "",
        )  # fmt: skip
    problems = [f"rows of no image: {some(lost)}"] if lost else []
    problems += [f"images without a position: {some(empty)}"] if empty else []
    problems += (
        [f"{counted(int((~whole).sum()), 'row')} without a position"] if not whole.all() else []
    )
    problems += [f"{counted(outside, 'position')} outside of the image"] if outside else []
    said = ", ".join(f"{own} ({name})" for name, own in names.items() if own != name)
    notes = [f"columns of the positions: {said}"] if said else []
    notes += told
    return Positions(tables, tuple(notes), tuple(problems))


def _path(table: Any) -> Any:
    from pathlib import Path

    return Path(table).expanduser()


def _frame(table: Any) -> pd.DataFrame:
    import pandas as pd

    try:
        frame = pd.DataFrame(table).reset_index(drop=True)
    except (ValueError, TypeError, AttributeError) as error:
        raise invalid("positions", expected="a table", received=str(error)) from None
    return frame.set_axis([str(name) for name in frame.columns], axis=1)


def _columns(given: Sequence[str], axes: str, told: Mapping[str, str]) -> dict[str, str]:
    """Return what x, y, image and so on are called in the table.

    Examples
    --------
    >>> given = ["ImageNumber", "ObjectNumber", "Location_Center_X", "Location_Center_Y"]
    >>> found = _columns(given, "yx", {})
    >>> found["y"], found["image"], found["object"]
    ('Location_Center_Y', 'ImageNumber', 'ObjectNumber')
    """
    odd = [f"{name}={own}" for name, own in told.items() if own not in given]
    if odd or not set(told) <= {*AXES, *OTHERS}:
        expected = f"names of columns for some of {', '.join([*AXES, *OTHERS])}"
        raise invalid("columns", expected=expected, received=some(odd or list(told)))
    plain = {
        _OF_NUCLEI.sub("", re.sub(r"\W+", "_", own.strip().lower())): own for own in reversed(given)
    }
    found: dict[str, str] = dict(told)
    for axis in axes:
        for one in () if axis in found else AXES[axis]:
            own = plain.get(one) or plain.get(f"{one}_px") or plain.get(f"{one}_um")
            if own:
                found[axis] = own
                break
    for name, known in OTHERS.items():
        free = [plain[one] for one in known if one in plain and plain[one] not in found.values()]
        if name not in found and free:
            found[name] = free[0]
    missing = [axis for axis in axes if axis not in found]
    if missing:
        raise invalid(
            "positions",
            expected=f"columns of the position along {', '.join(missing)}, such as centroid_y",
            received=say("columns {}", list(given)),
            remedy=say("Say what they are called with {}.", Argument("columns")),
        )
    return found


def _numbers(column: Any) -> np.ndarray:
    import pandas as pd

    if column.dtype == object:
        column = column.map(
            lambda v: (
                v.replace(",", ".")
                if isinstance(v, str) and v.count(",") == 1 and "." not in v
                else v
            )
        )
    return np.asarray(pd.to_numeric(column, errors="coerce"), float)


def _images(
    items: Sequence[Item], column: Any, rows: int, numbered: Mapping[int, Sequence[str]]
) -> tuple[list[str | None], list[str]]:
    """Return the id of the image of each row, None where it has none, and what was taken so."""
    if column is None:
        return [items[0].id] * rows, []
    names = {_last(path): i.id for i in items for path in _files_of(i)}
    names |= {item.id: item.id for item in items}
    found = [names.get(_last(str(one).strip())) for one in column]
    if any(found):
        return found, []
    numbers = _numbers(column)
    whole = np.isfinite(numbers) & (numbers % 1 == 0)
    if numbered:
        by = {n: names.get(_last(file)) for n, files in numbered.items() for file in files}
        if any(by.values()):
            return [
                by.get(int(n)) if ok else None for n, ok in zip(numbers, whole, strict=True)
            ], []
    present = sorted(set(numbers[whole].astype(int).tolist()))
    if not present:
        return found, []
    if present[0] < 1 or present[-1] > len(items):
        raise invalid(
            "positions",
            expected=f"numbers of images from 1 to {len(items)}, in the order of the images",
            received=f"numbers from {present[0]} to {present[-1]}",
            remedy=say("Give CellProfiler's table of images as {}, or call images by their names.",
                       Argument("plate")),
        )  # fmt: skip
    ends = f"1 is {items[0].id}, {len(items)} is {items[-1].id}"
    several = len(items) > 1
    said = [f"numbers of images are taken in the order of the images: {ends}"] if several else []
    return [items[int(n) - 1].id if ok else None
            for n, ok in zip(numbers, whole, strict=True)], said  # fmt: skip


def _last(path: str) -> str:
    return bare(re.split(r"[/\\]", path)[-1])


def _files_of(item: Item) -> list[str]:
    """Return the files of an image; of one in memory its name."""
    paths = getattr(item.image, "paths", None) or [getattr(item.image, "path", None)]
    return [str(path) for path in paths if path is not None] or [item.id]


def _unit(item: Item, names: Sequence[str]) -> np.ndarray:
    """Return the pixel size by which positions in micrometres are divided; 1 of those in px."""
    in_um = [name.strip().lower().endswith("_um") for name in names]
    if not any(in_um):
        return np.ones(len(names))
    if item.spacing_um is None:
        raise invalid(
            item.id,
            expected="an image that says how large its pixels are, for positions in micrometres",
            received="none",
            remedy=say("Give {}.", Argument("pixel_size_um")),
        )
    return np.where(in_um, item.spacing_um, 1.0)


def _table(
    given: Mapping[str, Any], rest: pd.DataFrame, rows: np.ndarray, at: np.ndarray, axes: str
) -> pd.DataFrame:
    import pandas as pd

    numbers = _numbers(given["object"])[rows] if "object" in given else np.arange(1, len(rows) + 1)
    plain = np.isfinite(numbers).all() and len(np.unique(numbers)) == len(numbers)
    made = {"object": numbers.astype(int) if plain else np.arange(1, len(rows) + 1)}
    if "frame" in given:
        made["frame"] = _numbers(given["frame"])[rows]
    made |= {f"centroid_{a}": at[:, k] for k, a in enumerate(axes)}
    more = rest.iloc[rows].reset_index(drop=True)
    return pd.concat([pd.DataFrame(made), more[[c for c in more if c not in made]]], axis=1)


def _wrong(frame: pd.DataFrame, expected: str) -> Exception:
    received = say("columns {} and {}", list(map(str, frame.columns)), counted(len(frame), "row"))
    remedy = say("Say what it is called with {}.", Argument("columns"))
    return invalid("positions", expected=expected, received=received, remedy=remedy)


def _size_words(frame: pd.DataFrame) -> str:
    return joined("", [counted(len(frame), "row"), " outside of them"])
