"""Where the images and the start of a run are, before hours are spent on other runs."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from ..errors import InvalidError, invalid
from ..images.remote import address
from ..messages import Message, say, shortened
from ..models.manifest import MANIFEST
from ..storage.atomic import working_folder
from .parts import DataSplit, Run

PATHS = ("train", "validation", "test", "object_classes")
"""Fields of data that may be a path; `also` may be several."""


def located(split: DataSplit, begun: str | None) -> DataSplit:
    """Return data whose relative paths are those below the folder in which a run was begun.

    Those that are not there stay relative to the working directory.
    """
    if not begun or begun == working_folder():
        return split
    each = {name: getattr(split, name) for name in PATHS}
    found = {n: _below(p, begun) if isinstance(p, str) else p for n, p in each.items()}
    also = split.also and tuple(_below(path, begun) for path in split.also)
    return replace(split, **found, also=also)


def _below(path: str, folder: str) -> str:
    below = Path(folder, Path(path).expanduser())
    return str(below) if not _is_elsewhere(path) and below.exists() else path


def _is_elsewhere(path: str) -> bool:
    """Whether a path is an address, or names something in a file."""
    return address(path) is not None or ":" in os.path.splitdrive(path)[1]


def absent(split: DataSplit, begun: str | None = None) -> InvalidError | None:
    """Return why the images of a run cannot be read: a file or folder is not there."""
    for name, path in _paths(split):
        if not _is_elsewhere(path) and not Path(path).expanduser().exists():
            what = "data" if name == "train" else name
            expected = "a folder or file that is there"
            return invalid(what, expected=expected, received=path, remedy=looked_in(path, begun))
    return None


def looked_in(path: str, begun: str | None) -> Message | str:
    """Say in which folders a relative path was looked for."""
    here = working_folder()
    if Path(path).expanduser().is_absolute():
        return ""
    if begun and begun != here:
        return say("It was looked for in {} and in {}.", begun, here)
    return say("It was looked for in {}.", here)


def _paths(split: DataSplit) -> Iterator[tuple[str, str]]:
    for name in PATHS:
        path = getattr(split, name)
        if isinstance(path, str):
            yield name, path
    for path in split.also or ():
        yield "also", path


def startless(run: Run, names: Collection[str]) -> InvalidError | None:
    """Return why a run cannot start where it says: there is neither such a run nor such a model."""
    if run.start is None or run.start in names:
        return None
    if (Path(run.start).expanduser() / MANIFEST).is_file():
        return None
    others = shortened(", ".join(name for name in names if name != run.name))
    return invalid(
        "start",
        expected="a run of the store, or the folder of a model",
        received=run.start,
        remedy=say("Runs there are: {}.", others) if others else "There is no other run.",
    )
