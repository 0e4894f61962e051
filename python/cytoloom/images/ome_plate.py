"""Plates in OME-Zarr: what their metadata say of wells and fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .ome_zarr import said_by_ome, scenes_of
from .zarr_store import listed, node_at


@dataclass(frozen=True)
class Field:
    """One field of a well.

    Parameters
    ----------
    row, column : str
        What the row and the column of its well are called, such as A and 1.
    name : str
        What the field is called in its well.
    acquisition : str, optional
        When its plate was imaged, where that was more than once: the name of it, or else its
        number.
    """

    row: str
    column: str
    name: str
    acquisition: str | None = None


@dataclass(frozen=True)
class Plate:
    """A plate.

    Parameters
    ----------
    name : str, optional
        What it says that it is called.
    fields : dict of Path to Field
        By the folders of their images.
    """

    name: str | None
    fields: Mapping[Path, Field]


def plate_at(path: Path) -> Plate | None:
    """Read which wells and fields a plate has; None of a folder that is none.

    Parameters
    ----------
    path : Path
        The store.

    Raises
    ------
    InvalidError
        Metadata that are damaged, or a plate without any image.

    Examples
    --------
    >>> plate_at(Path("nothing.zarr")) is None
    True
    """
    node = node_at(path)
    said = said_by_ome(node).get("plate") if node is not None else None
    if not isinstance(said, Mapping):
        return None
    times = _times(said)
    rows, columns = (_names(said.get(axis)) for axis in ("rows", "columns"))
    places = {
        str(one.get("path")): _place(one, rows, columns)
        for one in listed(said.get("wells"))
        if isinstance(one, Mapping)
    }
    fields = {}
    for scene, folder in scenes_of(path).items():
        well, _, name = scene.rpartition("/")
        time = _acquired(path / well, name)
        fields[folder] = Field(*places[well], name, times.get(str(time)) if time else None)
    called = said.get("name")
    return Plate(called.strip() or None if isinstance(called, str) else None, fields)


def _names(said: Any) -> list[str]:
    return [str(one.get("name")) if isinstance(one, Mapping) else "" for one in listed(said)]


def _place(well: Mapping[str, Any], rows: list[str], columns: list[str]) -> tuple[str, str]:
    """Return what row and column of a well are called: its path says it, or else their numbers.

    Examples
    --------
    >>> _place({"path": "B/12", "rowIndex": 0, "columnIndex": 0}, ["A"], ["1"])
    ('B', '12')
    >>> _place({"path": "w7", "rowIndex": 1, "columnIndex": 0}, ["A", "B"], ["1"])
    ('B', '1')
    """
    parts = str(well.get("path")).strip("/").split("/")
    if len(parts) == 2:
        return parts[0], parts[1]
    found = []
    for name, names in (("rowIndex", rows), ("columnIndex", columns)):
        k = well.get(name)
        found.append(names[k] if type(k) is int and 0 <= k < len(names) else "")
    return (found[0], found[1]) if all(found) else (parts[-1], "")


def _times(said: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of acquisitions by their numbers, where there are several."""
    every = [one for one in listed(said.get("acquisitions")) if isinstance(one, Mapping)]
    found = {str(one.get("id")): str(one.get("name") or one.get("id")) for one in every}
    return found if len(found) > 1 else {}


def _acquired(well: Path, field: str) -> str | None:
    """Return the number of the acquisition that a field is of, as its well says."""
    node = node_at(well)
    said = said_by_ome(node).get("well") if node is not None else None
    images = listed(said.get("images")) if isinstance(said, Mapping) else []
    for one in images:
        if isinstance(one, Mapping) and str(one.get("path")) == field:
            time = one.get("acquisition")
            return None if time is None else str(time)
    return None
