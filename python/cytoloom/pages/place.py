"""Where a page goes: a file, and perhaps a folder of pictures beside it; whole, or as it was."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..datasets.given import is_file
from ..errors import invalid
from ..messages import Setting, say
from ..storage.atomic import leave_empty, meant, remove_partial, told
from ..storage.lock import locked
from ..storage.results import claimed, put_in_place, staged
from ..storage.written import RECORD, Written

ENDINGS = (".html", ".htm")
WAIT_S = 20.0
"""Others need a folder for moments, to write a page or a table; who needs it longer does more."""


def free(path: Any, overwrite: bool) -> Path:
    """Return where a page may be written, or say why not, before anything is read.

    Raises
    ------
    InvalidError
        No file in a folder that can be written to; one that is there, and is not to be replaced or
        is no page of ours.
    """
    if not is_file(path) or not str(path):
        raise invalid("path", expected="a file, report.html", received=path)
    place = meant(path)
    if place.suffix.lower() not in ENDINGS:
        expected = "a file whose name ends in .html"
        raise invalid("path", expected=expected, received=str(place))
    if place.is_dir():
        raise invalid("path", expected="a file", received=f"{place}, a folder")
    if not place.parent.is_dir():
        raise invalid("path", expected="a file in a folder that is there", received=str(place))
    _refuse_losses(place, overwrite)
    with told(place.parent, "path"), locked(place.parent, "report", "path", WAIT_S):
        return place


def _refuse_losses(place: Path, overwrite: bool) -> None:
    """Raise where a page would replace another file than one of ours, or one unasked."""
    if os.path.lexists(place) and not overwrite:
        remedy = say("Pass {} to replace it, or another name.", Setting("overwrite", True))
        raise invalid("path", expected="a new file", received=str(place), remedy=remedy)
    Written(place.parent).refuse_others([place.name], "path")


def write(place: Path, content: bytes, overwrite: bool) -> None:
    """Write a page, and record that it is ours."""
    with locked(place.parent, "report", "path", WAIT_S):
        _refuse_losses(place, overwrite)  # another may have ended since this one began
        remove_partial(place.parent)
        with staged(place.parent) as stage:
            with told(place):
                (stage / place.name).write_bytes(content)
            put_in_place(stage, place.parent, {}, [place.name])


def beside(place: Path) -> Path:
    """Return the folder of the pictures of a page, where these are beside it.

    Examples
    --------
    >>> beside(Path("a") / "report.html").as_posix()
    'a/report_files'
    """
    return place.with_name(f"{place.stem}_files")


def write_pictures(place: Path, files: Mapping[str, bytes]) -> None:
    """Write pictures beside a page, by name; those of an earlier page go."""
    with claimed(beside(place), "report", "path") as (folder, _), staged(folder) as stage:
        record = Written(folder)
        record.refuse_others(files, "path")
        for name, content in files.items():
            with told(folder / name):
                (stage / name).write_bytes(content)
        gone = [name for name in record.names() if name not in files and record.holds(name)]
        put_in_place(stage, folder, {}, files, gone)


def remove_pictures(place: Path) -> None:
    """Remove the pictures of an earlier page, as they were written."""
    if not Written(beside(place)).names():
        return
    write_pictures(place, {})
    if not Written(beside(place)).names():
        (beside(place) / RECORD).unlink(missing_ok=True)
    leave_empty(beside(place))
