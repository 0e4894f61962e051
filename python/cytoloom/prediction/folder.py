"""Where the results of a prediction go, and what is kept of one that did not end."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets.given import is_file
from ..datasets.items import Item
from ..datasets.sources import ArraySource
from ..errors import invalid
from ..messages import Setting, counted, say
from ..storage.atomic import leave_empty, sha256_of
from ..storage.lock import Lock
from ..storage.names import changes, file_names
from ..storage.results import (
    ANOTHER_NAME,
    KINDS,
    OBJECTS,
    PREDICTED,
    UNFINISHED,
    claimed,
    files_of,
    refuse_foreign,
    refuse_inputs,
    refuse_other_files,
    refuse_other_tables,
    refuse_results,
    remove_partial,
    take_place,
    written_before,
    written_here,
)
from ..storage.tables import packed, unpacked, write_table
from ..storage.unfinished import Unfinished

if TYPE_CHECKING:
    import pandas as pd


class InMemory:
    """Results that go nowhere: what a folder of results does, without one.

    Attributes
    ----------
    path : Path or None
        The folder.
    decided : dict
        What was decided for all images before the first, by this run or before a kill.
    finished : dict
        What an earlier run kept of images that it finished, by image; see `keep`.
    renamed : str
        Which images have files of another name, in words.
    """

    path: Path | None = None
    renamed = ""

    def __init__(self) -> None:
        self.decided: dict[str, Any] = {}
        self.finished: dict[str, Any] = {}

    def decide(self, name: str, value: Any) -> None:
        """Keep what was decided for all images, before the first of them; JSON."""
        self.decided[name] = value

    def differences(self, asked: Mapping[str, Any]) -> list[str]:
        """Name what is asked for otherwise than of the unfinished prediction that is here."""
        return []

    def begin(self, asked: Mapping[str, Any], differing: Sequence[str]) -> None:
        """Begin, or go on; start anew where something differs and `overwrite` says so.

        Parameters
        ----------
        asked : dict
            Everything that results depend on beside the images; JSON.
        differing : sequence of str
            What differs from the unfinished prediction that is here, in words.
        """

    def place(self, kind: str, image: str) -> Path:
        """Return where a file of an image is to be written, in a folder that is there."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise where the folder is gone."""

    def keep(self, row: Mapping[str, Any], objects: pd.DataFrame, pixels: str) -> None:
        """Keep that an image is finished: its row, its objects and what its pixels were."""

    def finish(self, objects: pd.DataFrame | None, files: pd.DataFrame) -> None:
        """Write the tables, and let all results take their place."""


class ResultsFolder(InMemory):
    """A folder of results while a prediction writes to it.

    Files of each image are whole when they appear, in the folder itself or, where earlier results
    are replaced, beside them until all are there. What is finished is kept as it comes.

    Parameters
    ----------
    folder : Path
        Exists, and is this run's alone.
    names : dict of str to str
        Names of files by image.
    overwrite : bool
        Results that are there are replaced once the new ones are whole, and an unfinished
        prediction of other settings is given up.
    lock : Lock
        Says whether the folder is still this run's.
    """

    def __init__(self, folder: Path, names: Mapping[str, str], overwrite: bool, lock: Lock) -> None:
        super().__init__()
        self.path = self._folder = folder
        self._names, self._overwrite, self._lock = names, overwrite, lock
        self.renamed = changes(names.items())
        self._old = written_before(folder)
        self._state = Unfinished(folder / UNFINISHED)
        self._replacing = (folder / PREDICTED).exists()
        # beside earlier results until all are there
        self._stage = self._state.folder / "new" if self._replacing else folder
        self._written: set[Path] = set()
        self._recall()

    def _recall(self) -> None:
        """Take up what an earlier run kept, as far as the files are there as it wrote them."""
        self.decided = self._state.decided
        done = self._state.done.items()
        self.finished = {name: kept for name, kept in done if self._whole(kept["files"])}
        self._kept = len(self.finished)
        self._written = {self._folder / f for one in self.finished.values() for f in one["files"]}

    def _whole(self, files: Mapping[str, str]) -> bool:
        return all(self._is_there(name, digest) for name, digest in files.items())

    def _is_there(self, name: str, digest: str) -> bool:
        # a kill while files took their place has left them in either; what is staged will replace
        staged = self._stage / name
        path = staged if os.path.lexists(staged) else self._folder / name
        return path.is_file() and sha256_of(path) == digest

    def refuse_losses(self, read: Iterable[Path]) -> None:
        """Raise where a file would be lost that is read, or that no prediction wrote."""
        if not self._replacing and not self._state.begun:
            refuse_other_files(self._folder)
        targets = files_of(self._folder, self._names.values())
        tables = [self._folder / name for name in (PREDICTED, OBJECTS)]
        refuse_inputs([*targets, *self._old, *tables], read)
        refuse_foreign(targets, [*self._old, *self._unfinished_files()])

    def _unfinished_files(self) -> list[Path]:
        """List the files that an unfinished prediction has written."""
        return [p for p in files_of(self._folder, self._state.names.values()) if written_here(p)]

    def differences(self, asked: Mapping[str, Any]) -> list[str]:  # noqa: D102
        return self._state.differences(asked) if self._state.begun else []

    def begin(self, asked: Mapping[str, Any], differing: Sequence[str]) -> None:  # noqa: D102
        if differing and not self._overwrite:
            remedy = "Use these again to go on, {} to start anew, or another name."
            raise invalid(
                "out",
                expected=f"the same prediction as was begun in {self._folder}",
                received=f"other {', '.join(differing)}",
                remedy=say(remedy, Setting("overwrite", True)),
            )
        if differing:
            self._give_up()
        remove_partial(self._stage)
        self._state.begin(asked, self._names)
        self._stage.mkdir(exist_ok=True)

    def _give_up(self) -> None:
        """Remove what the unfinished prediction wrote."""
        for path in set(self._unfinished_files()) - set(self._old):
            path.unlink(missing_ok=True)
        if not self._replacing:
            (self._folder / OBJECTS).unlink(missing_ok=True)
        self._state.forget()
        self._recall()

    def decide(self, name: str, value: Any) -> None:  # noqa: D102
        self._state.decide(name, value)

    def place(self, kind: str, image: str) -> Path:  # noqa: D102
        inside = self._stage / kind
        # its parent is never made: a folder that has disappeared is an error
        inside.mkdir(exist_ok=True)
        return inside / f"{self._names[image]}{KINDS[kind]}"

    def check(self) -> None:  # noqa: D102
        self._lock.check()

    def keep(  # noqa: D102
        self, row: Mapping[str, Any], objects: pd.DataFrame, pixels: str
    ) -> None:
        files = files_of(Path(), [self._names[row["image"]]])
        made = [file for file in files if (self._stage / file).is_file()]
        digests = {file.as_posix(): sha256_of(self._stage / file) for file in made}
        kept = {"pixels": pixels, "files": digests, "row": row, "objects": packed(objects)}
        self._state.keep(row["image"], kept)
        self._written |= {self._folder / file for file in made}
        self._kept += 1

    def finish(self, objects: pd.DataFrame | None, files: pd.DataFrame) -> None:  # noqa: D102
        self.check()
        if objects is not None:
            write_table(objects, self._stage / OBJECTS)
            self._written.add(self._folder / OBJECTS)
        write_table(files, self._stage / PREDICTED)
        if self._replacing:
            earlier = [*self._old, self._folder / OBJECTS]
            gone = [path for path in earlier if path not in self._written]
            take_place(self._stage, self._folder, gone)
            leave_empty(*(self._folder / kind for kind in KINDS))
        self._state.forget()

    def words(self) -> str:
        """Say what is kept when a prediction is broken off."""
        if not self._kept:
            return "nothing was kept yet"
        done = counted(self._kept, "image")
        return f"{done} kept in {self._folder}, the same call goes on from there"

    def leave(self) -> None:
        """Leave nothing behind where nothing is finished."""
        if not self._written:
            self._state.forget()
            leave_empty(*(self._folder / kind for kind in KINDS))


@contextlib.contextmanager
def open_results(
    out: str | os.PathLike[str] | None, overwrite: bool, items: Sequence[Item], given: Any = None
) -> Iterator[InMemory]:
    """Find out before the first image that results can be written, and mix with nothing.

    Parameters
    ----------
    out : path or None
        Where; made if missing. None: results stay in memory.
    overwrite : bool
        See `ResultsFolder`.
    items : sequence of Item
        The images, which are never written to.
    given : object
        What they were taken from: a table, perhaps, which is not written to, either.
    """
    if out is None:
        yield InMemory()
        return
    read = _read_paths(items, given)
    if Path(out).resolve() in {path.resolve().parent for path in read if path.is_file()}:
        expected = "a folder other than that of the images"
        raise invalid("out", expected=expected, received=str(out), remedy=ANOTHER_NAME)
    with claimed(out, "predict") as (path, lock):
        begun = (path / UNFINISHED).is_dir()
        refuse_results(path, overwrite, PREDICTED, () if begun else (OBJECTS,))
        refuse_other_tables(path, (OBJECTS,))
        folder = ResultsFolder(path, file_names(item.id for item in items), overwrite, lock)
        folder.refuse_losses(read)
        try:
            yield folder
        except KeyboardInterrupt:
            raise KeyboardInterrupt(folder.words()) from None
        finally:
            folder.leave()


def objects_of(kept: Mapping[str, Any]) -> pd.DataFrame:
    """Return the objects of a finished image."""
    return unpacked(kept["objects"])


def _read_paths(items: Sequence[Item], given: Any) -> list[Path]:
    """List the files that are read."""
    # a source of a file has its path as its name; an array may be called anything
    paths = [item.image.name for item in items if not isinstance(item.image, ArraySource)]
    several = given if isinstance(given, (list, tuple)) else [given]
    return [Path(path) for path in (*paths, *(one for one in several if is_file(one)))]
