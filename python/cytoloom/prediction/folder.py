"""Where the results of a prediction go, and what is kept of one that did not end."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets.given import is_file
from ..datasets.items import Item
from ..datasets.sources import ArraySource
from ..errors import invalid
from ..images.formats import is_image_folder
from ..images.inside import divided
from ..messages import counted
from ..storage.atomic import is_regular, leave_empty, meant, sha256_of, told
from ..storage.durable import durable
from ..storage.lock import Lock, locked
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
from ..storage.tables import read_table, write_table
from ..storage.unfinished import ENDED, LINES, Unfinished, begun_otherwise, lines_of
from ..storage.written import RECORD, Written
from .parts import Part, share_of

if TYPE_CHECKING:
    import pandas as pd

    from .predicted import Predicted


RUN = RUNS["predict"]
TABLES_OF_ALL = (RUN, CLASSES, OBJECTS, SUMMARY, PREDICTED)
STATE, PARTS = "state", "parts"
"""In the state of a prediction, a folder for each part of the images that was begun."""
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
    has_ended : bool
        Whether all results are in their place, of a run that was killed before it cleared up.
    finished : dict
        What an earlier run kept of images that it finished, by image; see `keep`.
    renamed : str
        Which images have files of another name, in words.
    run : dict
        What makes these results, see `Predictions.run`.
    own : set of str or None
        The images that this run works on, where others work on the others; None: all.
    """

    has_ended = False
    own: Collection[str] | None = None
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

    def end(self, same: bool) -> None:
        """End what a kill left of results that are all in their place; see `ResultsFolder.end`."""

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

    def keep(self, one: Predicted) -> None:
        """Keep that an image is finished; in a folder of results its objects are `packed`."""

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
    part : (int, int), optional
        Which part of the images to work on, of how many; see `share_of`.
    read : iterable of Path, default ()
        Files that are read, and never written to.
    """

    def __init__(
        self,
        folder: Path,
        images: Iterable[str],
        overwrite: bool,
        lock: Lock,
        part: Part | None = None,
        read: Iterable[Path] = (),
    ) -> None:
        super().__init__()
        self.path = self._folder = folder
        self._images, self._overwrite, self._lock = list(images), overwrite, lock
        self._read = tuple(read)
        self._state, self._record = Unfinished(folder / UNFINISHED), Written(folder)
        self._replacing = (folder / PREDICTED).exists()
        self._stage = self._state.folder / "new"
        self._parts = self._state.folder / PARTS
        self._part = self._parts / "{}-of-{}".format(*part) if part else None
        self.own = None if part is None else set(share_of(self._images, part))
        # where it is kept that an image is finished: of a part in a place of its own
        self._kept_in = self._state
        self._lasting = -LASTING_S
        self.has_ended = self._state.has_ended(self._stage / PREDICTED, folder / PREDICTED)
        if not self.has_ended:
            self._refuse_results()
        self._recall()

    def _refuse_results(self) -> None:
        """Raise where results are there that must stay."""
        begun = (self._folder / UNFINISHED).is_dir()
        tables = (PREDICTED,) if begun else (OBJECTS, PREDICTED)
        refuse_results(self._folder, tables, self._overwrite)

    def _recall(self) -> None:
        """Take up what an earlier run kept, as far as the files are there as it wrote them."""
        self._names = file_names(self._images, self._state.names or self._earlier_names())
        self.renamed = changes(self._names.items())
        self.decided = self._state.decided
        done = self._done([self._part] if self._part else self._begun_parts())
        # what other parts wrote is looked at by the call that puts all together
        self.finished = {n: kept for n, kept in done.items() if self._is_usable(n, kept["files"])}
        files = (kept["files"] for kept in self.finished.values())
        self._written = {name: digest for one in files for name, digest in one.items()}
        self._kept = len(self.finished)

    def _done(self, parts: Iterable[Path]) -> dict[str, Any]:
        """Return what is kept of images, by this run's like or by parts."""
        done = dict(self._state.done)
        for place in parts:
            done |= Unfinished(place / STATE).done
        return done

    def _begun_parts(self) -> list[Path]:
        return sorted(path for path in self._parts.glob("*-of-*") if path.is_dir())

    def _is_usable(self, name: str, files: Mapping[str, str]) -> bool:
        return (self.own is not None and name not in self.own) or self._whole(files)

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

    def refuse_losses(self) -> None:
        """Raise where a file would be lost that is read, or that no prediction wrote."""
        if self.has_ended:  # nothing will be written
            return
        if not self._replacing and not self._state.begun:
            refuse_other_files(self._folder)
        self._state.refuse_other()
        targets = [*names_of(self._names.values()), *TABLES_OF_ALL]
        self._record.refuse_others(name for name in targets if not self._is_lost(name))
        refuse_inputs([self._folder / name for name in (*targets, *self._earlier())], self._read)

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

    def refuse_running_parts(self) -> None:
        """Raise where another run still works on a part of the images."""
        for place in self._begun_parts():
            with locked(place, "predict"):
                pass

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Work on the images; of a part beside others, to whom the folder is left meanwhile."""
        if self._part is None:
            yield
            return
        with told(self._part):
            self._part.mkdir(parents=True, exist_ok=True)
        with locked(self._part, "predict") as lock:
            self._kept_in = Unfinished(self._part / STATE)
            self._kept_in.begin({}, {})
            self._lock.release()
            self._lock = lock
            yield

    def missing(self) -> int:
        """Count the images that no run has finished yet."""
        places = (self._state.folder, *(place / STATE for place in self._begun_parts()))
        return max(0, len(self._images) - sum(lines_of(place) for place in places))

    def differences(self, asked: Mapping[str, Any]) -> list[str]:  # noqa: D102
        return self._state.differences(asked) if self._state.begun else []

    def begin(self, asked: Mapping[str, Any], differing: Sequence[str]) -> None:  # noqa: D102
        if differing and not self._overwrite:
            raise begun_otherwise(self._folder, differing)
        for name in names_of(self._names.values()):
            if self._is_lost(name):
                (self._folder / name).unlink()
        if differing:
            self._give_up()
        self._state.begin(asked, self._names)

    def end(self, same: bool) -> None:
        """End what a kill left of results that are all in their place.

        Parameters
        ----------
        same : bool
            Whether they are what is asked for now, if of the same images; if not, they are those
            of an earlier run.
        """
        there = read_table(self._folder / PREDICTED)["image"]
        same = same and set(there.astype(str)) == set(self._images)
        kept = self._done(self._begun_parts()).values()
        hashes = {name: digest for one in kept for name, digest in one["files"].items()}
        self._end({**hashes, **self._state.decided[ENDED]})
        self.has_ended = same
        if not same:
            self._refuse_results()
            self._recall()
            self.refuse_losses()

    def _end(self, hashes: Mapping[str, str], gone: Iterable[str] = ()) -> None:
        """Let all files be in their place; again where some, or all, have been before a kill."""
        take_place(self._stage, self._record, hashes, gone)
        leave_empty(*(self._folder / kind for kind in KINDS))
        self._state.forget()

    def _give_up(self) -> None:
        """Remove what the unfinished prediction wrote."""
        self.refuse_running_parts()
        for name in [] if self._replacing else self._earlier():
            if self._record.holds(name):
                (self._folder / name).unlink()
        self._state.forget()
        self._recall()

    def decide(self, name: str, value: Any) -> None:  # noqa: D102
        self._state.decide(name, value)

    def place(self, kind: str, image: str) -> Path:  # noqa: D102
        return place_in(self._stage, kind, self._names[image])

    def stem(self, image: str) -> str:
        """Return what files of an image are called, but for their ending."""
        return self._names[image]

    @property
    def beside(self) -> tuple[Path, Path, str]:
        """What another process needs to write: the folder, where in it, and whose turn it is."""
        return self._folder, self._stage, self._lock.token

    def check(self) -> None:  # noqa: D102
        self._lock.check()

    def keep(self, one: Predicted) -> None:  # noqa: D102
        image = one.row["image"]
        made = made_in(self._stage, self._names[image]) if one.files is None else one.files
        digests = dict(made)
        waits = self._replacing or self._part is not None
        if not waits:
            # somebody may have put files here in the meantime
            refuse_odd_folders(self._folder, KINDS)
            self._record.refuse_others(made)
        kept = {"pixels": one.pixels, "files": digests, "row": one.row, "objects": one.objects}
        self._kept_in.keep(image, kept)
        if not waits:
            self._record.append(digests)
        self._last()
        if not waits:
            move_there(self._stage, self._folder, made)
        self._written |= digests
        self._kept += 1

    def _last(self) -> None:
        """Have what is known of finished images on the disk, now and then, before their files."""
        now = time.monotonic()
        if now - self._lasting >= LASTING_S:
            self._lasting = now
            with told(self._folder):
                known = [self._kept_in.folder / LINES, self._folder / RECORD]
                durable(path for path in known if path.exists())

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
        self._state.end({name: self._written[name] for name in (RUN, *tables)})
        self._end(self._written, gone)
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
        if not self._written and self._lock.is_held() and not self._begun_parts():
            self._state.forget()
            leave_empty(*(self._folder / kind for kind in KINDS))


def place_in(stage: Path, kind: str, stem: str) -> Path:
    """Return where a file of an image is written before it takes its place."""
    inside = stage / kind
    with told(inside):
        stage.mkdir(exist_ok=True)
        # the folder of results is never made: one that has disappeared is an error
        inside.mkdir(exist_ok=True)
    return inside / f"{stem}{KINDS[kind]}"


def made_in(stage: Path, stem: str) -> dict[str, str]:
    """Return the SHA-256 of the files of an image, by name below the folder."""
    made = (name for name in names_of([stem]) if (stage / name).is_file())
    return {name: sha256_of(stage / name) for name in made}


@contextlib.contextmanager
def open_results(
    out: str | os.PathLike[str] | None,
    overwrite: bool,
    items: Sequence[Item],
    given: Any = None,
    part: Part | None = None,
    wait_s: float = 0.0,
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
    part : (int, int), optional
        Which part of the images to work on, of how many.
    wait_s : float, default 0
        For so long another run is waited for.
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
    with claimed(out, "predict", wait_s=wait_s) as (path, lock):
        refuse_odd_folders(path, (*KINDS, UNFINISHED))
        folder = ResultsFolder(path, (item.id for item in items), overwrite, lock, part, read)
        if part is None:
            folder.refuse_running_parts()
        folder.refuse_losses()
        try:
            yield folder
        except KeyboardInterrupt:
            raise KeyboardInterrupt(folder.words()) from None
        finally:
            folder.leave()


def _read_paths(items: Sequence[Item], given: Any) -> list[Path]:
    """List the files that are read."""
    # a source of a file has its path as its name; an array may be called anything
    paths = [item.image.name for item in items if not isinstance(item.image, ArraySource)]
    several = given if isinstance(given, (list, tuple)) else [given]
    named = (*paths, *(one for one in several if is_file(one)))
    return [divided(path)[0] for path in named]
