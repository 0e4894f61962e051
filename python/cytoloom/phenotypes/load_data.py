"""CellProfiler's tables for LoadData: which files are one image, and what is known of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ..datasets.given import is_file
from ..datasets.joined import Files
from ..datasets.places import bare
from ..datasets.sources import Source
from ..datasets.unlabelled import gather_images
from ..errors import invalid
from ..storage.spreadsheets import read_spreadsheet

_FILE = re.compile(r"(?:image_)?(filename|url)_(.+)", re.IGNORECASE)
_NOT_IMAGES = (".npy", ".mat", ".cppipe", ".csv")
"""What such tables name besides: functions of illumination, which are none of pixels here."""


def files_in(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the file of each channel of a row, with its folder where that is told.

    Examples
    --------
    >>> files_in({"FileName_DNA": "a.tif", "PathName_DNA": "/x", "FileName_IllumDNA": "f.npy"})
    {'DNA': '/x/a.tif'}
    >>> files_in({"URL_DNA": "file:/x/a%20b.tif", "Metadata_Well": "A01"})
    {'DNA': '/x/a b.tif'}
    """
    plain = {str(name).lower(): value for name, value in row.items()}
    found: dict[str, str] = {}
    for name, value in row.items():
        match = _FILE.fullmatch(str(name))
        if not match or not isinstance(value, str) or value.lower().endswith(_NOT_IMAGES):
            continue
        kind, channel = match[1].lower(), match[2]
        if kind == "url":
            found.setdefault(channel, unquote(re.sub(r"^file:/*(?=/|[A-Za-z]:)", "", value)))
            continue
        folder = plain.get(f"pathname_{channel.lower()}") or plain.get(
            f"image_pathname_{channel.lower()}"
        )
        found[channel] = f"{str(folder).rstrip('/')}/{value}" if folder else value
    return found


def is_load_data(images: Any) -> bool:
    """Whether images are told by such a table: a CSV file with columns FileName_ or URL_."""
    if not is_file(images) or Path(images).suffix.lower() != ".csv":
        return False
    path = Path(images).expanduser()
    return path.is_file() and any(map(_FILE.fullmatch, map(str, read_spreadsheet(path).columns)))


def numbered_files(plate: Any) -> dict[int, list[str]]:
    """Return the files of each number of an image, where a table has both.

    Examples
    --------
    >>> numbered_files({"ImageNumber": [1, 2], "FileName_DNA": ["b.tif", "a.tif"]})
    {1: ['b.tif'], 2: ['a.tif']}
    """
    table = plate
    if is_file(plate):
        path = Path(plate).expanduser()
        if not path.is_file() or path.suffix.lower() not in (".csv", ".tsv", ".txt"):
            return {}
        table = read_spreadsheet(path)
    elif plate is None:
        return {}
    import pandas as pd

    table = pd.DataFrame(table)
    number = next((c for c in table if str(c).lower() in ("imagenumber", "image_number")), None)
    if number is None:
        return {}
    numbers = pd.to_numeric(table[number], errors="coerce")
    rows = table.to_dict("records")
    return {int(n): list(files_in(row).values())
            for n, row in zip(numbers, rows, strict=True) if n == n and files_in(row)}  # fmt: skip


def sources_of(path: Any, settings: Mapping[str, Any]) -> dict[str, Source]:
    """Return the images that such a table names; files of a row are channels of one.

    Parameters
    ----------
    path : path
        The table. Files lie where it says, else beside it.
    settings : dict
        How images are read: channels, axes.

    Raises
    ------
    InvalidError
        A file that is in neither place.
    """
    table = Path(path).expanduser()
    rows = read_spreadsheet(table).to_dict("records")
    images = []
    for row in rows:
        found = files_in(row)
        if found:
            places = tuple(_place(table, one) for one in found.values())
            images.append((row, Files("", ((places,),), tuple(found))))
    names = _names([row for row, _ in images], [files.paths[0][0][0] for _, files in images])
    given = {
        name: Files(name, files.paths, files.channel_names)
        for name, (_, files) in zip(names, images, strict=True)
    }
    how = {name: settings[name] for name in ("channels", "axes") if name in settings}
    return {item.id: item.image for item in gather_images(given, **how).items}


def _place(table: Path, name: str) -> Path:
    """Return where a file is: where the table says, or beside it."""
    told = Path(name)
    last = re.split(r"[/\\]", name)[-1]
    for path in (told if told.is_absolute() else table.parent / told, table.parent / last):
        if path.is_file():
            return path
    raise invalid("images", expected=f"the files of {table.name}, where it says or beside it",
                  received=f"no {name}")  # fmt: skip


def _names(rows: Sequence[Mapping[str, Any]], files: Sequence[Path]) -> list[str]:
    """Call images by plate, well and site where these tell them apart, else by their first file."""
    by_well = []
    for row in rows:
        about = {re.sub(r"^metadata_", "", str(k).lower()): str(v) for k, v in row.items() if v}
        parts = [about.get("plate"), about.get("well"), about.get("site") or about.get("field")]
        by_well.append("_".join(part for part in parts if part) if about.get("well") else "")
    for names in (by_well, [bare(path.name) for path in files]):
        if all(names) and max(Counter(names).values(), default=1) == 1:
            return names
    return [f"{k + 1}_{bare(path.name)}" for k, path in enumerate(files)]
