"""Where the label image of a volume comes to be, and what is kept of one that did not end."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import invalid
from ...images.ome_zarr import stored_at
from ...images.ome_zarr_write import is_multiscale, list_label, make_group, place_of, version_of
from ...images.zarr_store import METADATA
from ...messages import Setting, say
from ...storage.atomic import (
    leave_empty,
    make_folder,
    meant,
    missing,
    remove_folder,
    remove_partial,
    sha256_of,
    told,
)
from ...storage.lock import locked
from ...storage.names import file_names
from ...storage.results import ANOTHER_NAME, RUNS, WITHIN, read_run, write_run
from ...storage.tables import write_parquet, write_table
from ..folder import InMemory
from .begun import Begun

if TYPE_CHECKING:
    import pandas as pd


class Place(Begun, InMemory):
    """Where a label image in Zarr comes to be, and the tables beside it.

    All is made in a folder next to it, and takes its place when it is whole.

    Parameters
    ----------
    target : Path
        Of the label image, a group.
    overwrite : bool
        Whether one that a prediction wrote may be replaced.

    Attributes
    ----------
    goes_on : bool
        Whether other runs go on with what is here, though no block is finished yet.
    has_ended : bool
        Whether the label image is whole, of a run that was killed before it cleared up.
    """

    def __init__(self, target: Path, overwrite: bool) -> None:
        InMemory.__init__(self)
        Begun.__init__(self, working_at(target), overwrite)
        self.target, self.path = target, target / WITHIN
        store, name = place_of(target)
        self.source = "../../" if name and is_multiscale(store) else ""
        self.version = version_of(store)
        self.store = store
        self.goes_on = False
        self._put_back()
        self.has_ended = self.state.has_ended(self.new, self.path / RUNS["predict"])
        if not self.has_ended:
            self.refuse()

    def _put_back(self) -> None:
        """Let an earlier label image be there that a kill found on its way out."""
        if self.old.is_dir() and not os.path.lexists(self.target):
            with told(self.target):
                os.replace(self.old, self.target)

    def origin_um(self, axes: str) -> tuple[float, ...] | None:
        """Return where the image begins that these are labels of, where its store says so."""
        known = stored_at(self.store, None).origin_um if self.source else None
        return tuple(known.get(a, 0.0) for a in axes) if known else None

    def refuse(self) -> None:
        """Raise where something is there that must stay."""
        if not os.path.lexists(self.target):
            return
        ours = (self.path / RUNS["predict"]).is_file()
        others = _of_others(self.target) if ours else ""
        if self.overwrite and ours and not others:
            return
        remedy = say("Pass {} to replace it, or another name.", Setting("overwrite", True))
        got = str(self.target) if ours else f"{self.target}, which no prediction wrote"
        if others and self.overwrite:
            got, remedy = f"{self.target} with {others}", ANOTHER_NAME
        raise invalid("out", expected="a new name", received=got,
                      remedy=remedy if ours else ANOTHER_NAME)  # fmt: skip

    def refuse_other_size(self, shape: tuple[int, ...], axes: str) -> None:
        """Raise where labels would lie on an image of another size, or on none."""
        store, name = place_of(self.target)
        if not name:
            return
        if not self.source:
            raise invalid(
                "out",
                expected="labels of an image in OME-Zarr",
                received=f"{self.target}, where {store} is none",
                remedy="Write the image first, or the labels by themselves, as cells.zarr.",
            )
        image = stored_at(store, None)
        sizes = dict(zip(image.letters, image.array.shape, strict=True))
        wanted = tuple(sizes.get(a, 1) for a in axes)
        if wanted != shape:
            expected = say("labels as large as the image in {}, {}", str(store), wanted)
            raise invalid("images", expected=expected, received=say("{}", shape))

    def close(self) -> None:
        """Leave nothing behind where nothing is finished."""
        if not self.goes_on and not any(self.blocks.glob("*")):
            self.clear()

    def write_objects(self, objects: pd.DataFrame, name: str) -> None:
        """Write the table of objects as Parquet, in a folder of its own."""
        folder = make_group(self.new, WITHIN, self.version) / "objects"
        folder.mkdir(exist_ok=True)
        (file,) = file_names([name]).values()
        write_parquet(objects, folder / f"{file}.parquet")

    def finish(self, tables: Mapping[str, pd.DataFrame]) -> Mapping[str, str]:  # noqa: D102
        inside = make_group(self.new, WITHIN, self.version)
        told_of = {**self.run["blocks"], "newest_ns": _newest_ns(self.new)}
        self.run = {**self.run, "blocks": told_of}
        write_run(self.run, inside / RUNS["predict"])
        for name, table in tables.items():
            write_table(table, inside / name)
        digests = {RUNS["predict"]: sha256_of(inside / RUNS["predict"])}
        self.state.end(digests)
        self.refuse()
        remove_folder(self.old)
        with told(self.target):
            if os.path.lexists(self.target):
                os.replace(self.target, self.old)
            os.replace(self.new, self.target)
        self._end()
        return digests

    def _end(self) -> None:
        """Do what is left once the label image is in its place; all of it may have been done."""
        store, name = place_of(self.target)
        if name:
            with told(self.target):
                list_label(store, name)
        self.clear()

    def end(self, asked: Mapping[str, Any]) -> bool:
        """End what a kill left of a whole one, and say whether it is what is asked for now.

        Raises
        ------
        InvalidError
            It is not, and must stay.
        """
        same = not self.state.differences(asked)
        self._end()
        if not same:
            self.refuse()
        return same


def _of_others(target: Path) -> str:
    """Say what in a label image is not as a prediction wrote it; "" where all is."""
    told_of = read_run(target / WITHIN / RUNS["predict"]).get("blocks", {})
    ours = (WITHIN, *METADATA, *told_of.get("pictures", ()))
    for path in sorted(target.iterdir()):
        if path.name not in ours and not path.name.isdecimal():
            return f"{path.name} in it, which no prediction wrote"
    if told_of.get("newest_ns") != _newest_ns(target):
        return "labels that were changed since"
    return ""


def _newest_ns(target: Path) -> int:
    """Return when a label image, and what lies beside it, was written last."""
    times = [0]
    for part in (path for path in target.iterdir() if path.is_dir() and path.name != WITHIN):
        for inner, _, names in os.walk(part):
            times += [os.stat(os.path.join(inner, name)).st_mtime_ns for name in names]
    return max(times)


def working_at(out: str | os.PathLike[str]) -> Path:
    """Return the folder beside a label image in which it comes to be.

    Examples
    --------
    >>> working_at("big.zarr/labels/cells").name
    '.cells.predicting'
    """
    target = meant(out)
    return target.with_name(f".{target.name}.predicting")


@contextlib.contextmanager
def open_place(
    out: str | os.PathLike[str], overwrite: bool, wait_s: float = 0.0
) -> Iterator[Place]:
    """Have the place of a label image for one run alone; another is waited for."""
    folder = working_at(out)
    made = missing(folder)
    make_folder(folder, folder)
    try:
        with locked(folder, "predict", wait_s=wait_s):
            # only now: another run may have begun, or ended, while this one waited
            remove_partial(folder)
            with contextlib.closing(Place(meant(out), overwrite)) as place:
                yield place
    finally:
        leave_empty(folder, *made)
