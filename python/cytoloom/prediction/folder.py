"""Where the results of a prediction go, and what is kept of one that did not end."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets.given import is_file
from ..datasets.items import Item
from ..datasets.sources import ArraySource
from ..errors import invalid
from ..images.formats import is_image_folder
from ..images.inside import divided
from ..messages import Setting, counted, say
from ..storage.atomic import is_regular, leave_empty, meant, sha256_of, told
from ..storage.durable import durable
from ..storage.lock import Lock
from ..storage.names import changes, file_names
from ..storage.results import (
    ANOTHER_NAME,
    CLASSES,
    KINDS,
    OBJECTS,
    PREDICTED,
    RUNS,
    SUMMARY,
    UNFINISHED,
    claimed,
    earlier_results_of,
    move_there,
    names_of,
    refuse_inputs,
    refuse_odd_folders,
    refuse_other_files,
    refuse_results,
    take_place,
    write_run,
)
from ..storage.tables import packed, read_table, unpacked, write_table
from ..storage.unfinished import LINES, Unfinished
from ..storage.written import RECORD, Written

if TYPE_CHECKING:
    import pandas as pd


RUN = RUNS["predict"]
TABLES_OF_ALL = (RUN, CLASSES, OBJECTS, SUMMARY, PREDICTED)
LASTING_S = 5.0
"""A power cut loses at most so much; of the label images some 30 s more, as systems write late."""


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
    run : dict
        What makes these results, see `Predictions.run`.
    """

    path: Path | None = None
    renamed = ""

    def __init__(self) -> None:
        self.run: dict[str, Any] = {}
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

    def finish(self, tables: Mapping[str, pd.DataFrame]) -> Mapping[str, str]:
        """Write tables by name, `PREDICTED` last, and let all results take their place.

        Returns
        -------
        dict of str to str
            SHA-256 of all files, by name below the folder.
        """
        return {}


class ResultsFolder(InMemory):
    """A folder of results while a prediction writes to it.

    Files of each image are written beside, and recorded before they appear: in the folder itself
    or, where earlier results are replaced, once all are there.

    Parameters
    ----------
    folder : Path
        Exists, and is this run's alone.
    images : iterable of str
        Names of the images. Files are called by them, and those of an unfinished prediction as
        they were, whatever images are given beside them now.
    overwrite : bool
        Results that are there are replaced once the new ones are whole, and an unfinished
        prediction of other settings is given up.
    lock : Lock
        Says whether the folder is still this run's.
    """

    def __init__(self, folder: Path, images: Iterable[str], overwrite: bool, lock: Lock) -> None:
        super().__init__()
        self.path = self._folder = folder
        self._images, self._overwrite, self._lock = list(images), overwrite, lock
        self._state, self._record = Unfinished(folder / UNFINISHED), Written(folder)
        self._replacing = (folder / PREDICTED).exists()
        self._stage = self._state.folder / "new"
        self._lasting = -LASTING_S
        self._recall()

    def _recall(self) -> None:
        """Take up what an earlier run kept, as far as the files are there as it wrote them."""
        self._names = file_names(self._images, self._state.names or self._earlier_names())
        self.renamed = changes(self._names.items())
        self.decided = self._state.decided
        done = self._state.done
        self.finished = {name: kept for name, kept in done.items() if self._whole(kept["files"])}
        files = (kept["files"] for kept in self.finished.values())
        self._written = {name: digest for one in files for name, digest in one.items()}
        self._kept = len(self.finished)

    def _earlier_names(self) -> dict[str, str]:
        """Return how files are called of those images that have earlier results."""
        if not self._replacing:
            return {}
        table = read_table(self._folder / PREDICTED)
        there = {str(row.image): Path(row.labels).stem for row in table.itertuples() if row.labels}
        return {name: there[name] for name in self._images if name in there}

    def _whole(self, files: Mapping[str, str]) -> bool:
        return all(self._is_there(name, digest) for name, digest in files.items())

    def _is_there(self, name: str, digest: str) -> bool:
        # a kill while files took their place has left them in either; what is staged will replace
        staged = self._stage / name
        path = staged if os.path.lexists(staged) else self._folder / name
        return path.is_file() and sha256_of(path) == digest

    def refuse_losses(self, read: Iterable[Path] = ()) -> None:
        """Raise where a file would be lost that is read, or that no prediction wrote."""
        if not self._replacing and not self._state.begun:
            refuse_other_files(self._folder)
        self._state.refuse_other()
        targets = [*names_of(self._names.values()), *TABLES_OF_ALL]
        self._record.refuse_others(name for name in targets if not self._is_lost(name))
        refuse_inputs([self._folder / name for name in (*targets, *self._earlier())], read)

    def _is_lost(self, name: str) -> bool:
        """Whether a file of a run that did not end is there by its name alone: the power failed."""
        path = self._folder / name
        begun = self._state.begun and not self._replacing
        return begun and is_regular(path) and path.stat().st_size == 0

    def _earlier(self) -> list[str]:
        """List the files of earlier results."""
        folders = tuple(f"{kind}/" for kind in KINDS)
        names = self._record.names()
        return [n for n in names if n.startswith(folders) or n in TABLES_OF_ALL]

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
        for name in names_of(self._names.values()):
            if self._is_lost(name):
                (self._folder / name).unlink()
        if differing:
            self._give_up()
        self._state.begin(asked, self._names)

    def _give_up(self) -> None:
        """Remove what the unfinished prediction wrote."""
        for name in [] if self._replacing else self._earlier():
            if self._record.holds(name):
                (self._folder / name).unlink()
        self._state.forget()
        self._recall()

    def decide(self, name: str, value: Any) -> None:  # noqa: D102
        self._state.decide(name, value)

    def place(self, kind: str, image: str) -> Path:  # noqa: D102
        inside = self._stage / kind
        with told(inside):
            self._stage.mkdir(exist_ok=True)
            # the folder of results is never made: one that has disappeared is an error
            inside.mkdir(exist_ok=True)
        return inside / f"{self._names[image]}{KINDS[kind]}"

    def check(self) -> None:  # noqa: D102
        self._lock.check()

    def keep(  # noqa: D102
        self, row: Mapping[str, Any], objects: pd.DataFrame, pixels: str
    ) -> None:
        made = [n for n in names_of([self._names[row["image"]]]) if (self._stage / n).is_file()]
        digests = {name: sha256_of(self._stage / name) for name in made}
        if not self._replacing:
            # somebody may have put files here in the meantime
            refuse_odd_folders(self._folder, KINDS)
            self._record.refuse_others(made)
        kept = {"pixels": pixels, "files": digests, "row": row, "objects": packed(objects)}
        self._state.keep(row["image"], kept)
        if not self._replacing:
            self._record.append(digests)
        self._last()
        if not self._replacing:
            move_there(self._stage, self._folder, made)
        self._written |= digests
        self._kept += 1

    def _last(self) -> None:
        """Have what is known of finished images on the disk, now and then, before their files."""
        now = time.monotonic()
        if now - self._lasting >= LASTING_S:
            self._lasting = now
            with told(self._folder):
                durable([self._state.folder / LINES, self._folder / RECORD])

    def finish(self, tables: Mapping[str, pd.DataFrame]) -> Mapping[str, str]:  # noqa: D102
        self.check()
        write_run(self.run, self._stage / RUN)
        for name, table in tables.items():
            write_table(table, self._stage / name)
        for name in (RUN, *tables):
            self._written[name] = sha256_of(self._stage / name)
        self._refuse_holes_by_failure(tables[PREDICTED])
        # somebody may have changed earlier results in the meantime
        refuse_odd_folders(self._folder, KINDS)
        self.refuse_losses()
        self._refuse_holes()
        gone = [n for n in self._earlier() if n not in self._written and self._record.holds(n)]
        take_place(self._stage, self._record, self._written, gone)
        leave_empty(*(self._folder / kind for kind in KINDS))
        self._state.forget()
        return dict(self._written)

    def _refuse_holes_by_failure(self, files: pd.DataFrame) -> None:
        """Raise where earlier results would go of images that could not be used this time."""
        failed = files["image"][files["status"] != "ok"] if self._replacing else []
        lost = [
            name for name in failed if any(map(self._record.holds, names_of([self._names[name]])))
        ]
        if lost:
            raise earlier_results_of(lost, self._folder, "images")

    def _refuse_holes(self) -> None:
        """Raise where a file of a finished image has been removed in the meantime."""
        for name in self._written:
            if not os.path.lexists(self._stage / name) and not (self._folder / name).is_file():
                raise invalid(
                    "out",
                    expected="results that nothing else removes",
                    received=f"{self._folder / name}, which disappeared",
                    remedy="The same call makes it again.",
                )

    def words(self) -> str:
        """Say what is kept when a prediction is broken off."""
        if not self._kept:
            return "nothing was kept yet"
        done = counted(self._kept, "image")
        return f"{done} kept in {self._folder}, the same call goes on from there"

    def leave(self) -> None:
        """Leave nothing behind where nothing is finished."""
        # of a folder that another run has by now, all is that run's
        if not self._written and self._lock.is_held():
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
    out = meant(out)
    read = _read_paths(items, given)
    # not by pathlib, which raises another error for a link to itself
    real = os.path.realpath
    images = [path for path in read if path.is_file() or is_image_folder(path)]
    if real(out) in {os.path.dirname(real(path)) for path in images}:
        expected = "a folder other than that of the images"
        raise invalid("out", expected=expected, received=str(out), remedy=ANOTHER_NAME)
    with claimed(out, "predict") as (path, lock):
        refuse_odd_folders(path, (*KINDS, UNFINISHED))
        begun = (path / UNFINISHED).is_dir()
        refuse_results(path, (PREDICTED,) if begun else (OBJECTS, PREDICTED), overwrite)
        folder = ResultsFolder(path, (item.id for item in items), overwrite, lock)
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
    named = (*paths, *(one for one in several if is_file(one)))
    return [divided(path)[0] for path in named]
