"""Where a consensus goes: label images and tables, all at once."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.files import FileSource
from ..datasets.items import Item
from ..errors import invalid
from ..images.files import write_labels
from ..images.probability_maps import write_maps
from ..images.units import storable
from ..messages import VerbName, say
from ..storage.atomic import leave_empty, meant
from ..storage.lock import Lock
from ..storage.names import file_names
from ..storage.results import (
    AGREED,
    ANOTHER_NAME,
    KINDS,
    PREDICTED,
    RUNS,
    UNFINISHED,
    claimed,
    earlier_results_of,
    put_in_place,
    refuse_inputs,
    refuse_odd_folders,
    refuse_other_files,
    refuse_results,
    staged,
    write_run,
)
from ..storage.written import Written
from .compare import Agreed
from .given import Given

if TYPE_CHECKING:
    import pandas as pd

RUN = RUNS["consensus"]
OBJECTS_AGREED = "consensus_objects.csv"
TABLES = (
    AGREED, "consensus_per_expert.csv", "consensus_per_label.csv", "consensus_pairs.csv",
    OBJECTS_AGREED,
)  # fmt: skip


class InMemory:
    """A consensus that goes nowhere: what a folder does, without one."""

    path: Path | None = None
    run: Mapping[str, Any] = MappingProxyType({})

    def write(self, item: Item, agreed: Agreed) -> str:
        """Write what came of an image; its place below the folder."""
        return ""

    def kept(self, agreed: Agreed) -> Agreed:
        """Return what stays in memory."""
        return agreed

    def finish(self, *tables: pd.DataFrame) -> Mapping[str, str]:
        """Write the tables (those of `TABLES`), and let all take their place.

        Returns
        -------
        dict of str to str
            SHA-256 of all files, by name below the folder.
        """
        return {}


class Folder(InMemory):
    """A folder while a consensus is written to it."""

    def __init__(self, path: Path, stage: Path, names: Mapping[str, str], lock: Lock) -> None:
        self.path = self._folder = path
        self._stage, self._names, self._lock = stage, names, lock
        self._written: list[str] = []

    def write(self, item: Item, agreed: Agreed) -> str:  # noqa: D102
        known = item.spacing_um is not None and storable(item.spacing_um)
        spacing = item.spacing_um if known else None
        below = f"labels/{self._names[item.id]}.tif"
        write_labels(self._place(below), agreed.labels, spacing)
        soft = agreed.shares
        if soft is not None:
            path = self._place(f"maps/{self._names[item.id]}.tif")
            write_maps(path, soft.__getitem__, soft.shape, spacing)
        return below

    def _place(self, name: str) -> Path:
        path = self._stage / name
        path.parent.mkdir(exist_ok=True)
        self._written.append(name)
        return path

    def kept(self, agreed: Agreed) -> Agreed:  # noqa: D102
        return replace(agreed, labels=np.zeros(0, np.uint8), shares=None)

    def finish(self, *tables: pd.DataFrame) -> Mapping[str, str]:  # noqa: D102
        self._lock.check()
        by_name = dict(reversed(list(zip(TABLES, tables, strict=False))))
        record = Written(self._folder)
        failed = [self._names[n] for n in tables[0]["image"][tables[0]["status"] != "ok"]]
        lost = [name for name in failed if record.holds(f"labels/{name}.tif")]
        if lost:
            raise earlier_results_of(lost, self._folder, "experts")
        # somebody may have put files here in the meantime
        refuse_odd_folders(self._folder, KINDS)
        record.refuse_others([*self._written, RUN, *by_name])
        new = {*self._written, RUN, *by_name}
        gone = [n for n in _earlier(record) if n not in new and record.holds(n)]
        write_run(self.run, self._stage / RUN)
        files = [*sorted(self._written), RUN]
        written = put_in_place(self._stage, self._folder, by_name, files, gone)
        leave_empty(*(self._folder / kind for kind in KINDS))
        return written


def _earlier(record: Written) -> list[str]:
    """List the label images and maps of an earlier consensus, and the table of its objects."""
    return [n for n in record.names() if n.startswith(("labels/", "maps/", OBJECTS_AGREED))]


@contextlib.contextmanager
def open_folder(
    out: str | os.PathLike[str] | None, overwrite: bool, given: Given
) -> Iterator[InMemory]:
    """Find out before the first image that results can be written, and mix with nothing."""
    if out is None:
        yield InMemory()
        return
    read = [a.path for i in given.items for a in i.annotations if isinstance(a, FileSource)]
    _refuse_experts(out, [*given.folders, *(path.parent for path in read)])
    with claimed(out, "consensus") as (path, lock):
        refuse_odd_folders(path, KINDS)
        _refuse_predictions(path)
        refuse_results(path, (RUN, *reversed(TABLES)), overwrite)
        if not (path / AGREED).exists():
            refuse_other_files(path)
        names = file_names(item.id for item in given.items)
        targets = [f"{kind}/{n}.tif" for n in names.values() for kind in ("labels", "maps")]
        targets.append(RUN)
        record = Written(path)
        record.refuse_others([*targets, *TABLES])
        refuse_inputs([path / name for name in (*targets, *TABLES, *_earlier(record))], read)
        with staged(path) as stage:
            yield Folder(path, stage, names, lock)


def _refuse_predictions(folder: Path) -> None:
    """Raise where label images would lie among those that a model has found."""
    for name in (PREDICTED, UNFINISHED):
        if os.path.lexists(folder / name):
            received = say("{}, with results of {}", str(folder), VerbName("predict"))
            expected = "a folder of its own"
            raise invalid("out", expected=expected, received=received, remedy=ANOTHER_NAME)


def _refuse_experts(out: str | os.PathLike[str], folders: Iterable[Path]) -> None:
    """Raise where the next call would take what is written for what an expert drew."""
    inside = {os.path.realpath(folder) for folder in folders}
    if os.path.realpath(meant(out)) in inside | {os.path.dirname(path) for path in inside}:
        expected = "a folder other than those of the experts"
        raise invalid("out", expected=expected, received=str(out), remedy=ANOTHER_NAME)
