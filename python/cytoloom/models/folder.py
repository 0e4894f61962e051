"""A model's folder: found usable before work starts, left alone where not."""

from __future__ import annotations

import contextlib
import json
import os
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import invalid
from ..messages import Setting, say
from ..storage.atomic import (
    is_partial,
    is_regular,
    leave_empty,
    make_folder,
    meant,
    missing,
    remove_partial,
    sha256_of,
    told,
    write_whole,
)
from ..storage.lock import LOCK, Lock
from ..storage.written import MOVE_AWAY, Written
from .manifest import MANIFEST
from .saving import SNAPSHOTS, STATES, finish_save, refuse_changed

MEMBER, PICTURES = "member_", "[!.]*.png"
OVERWRITE = Setting("overwrite", True)
REPLACES = "replaces.json"
"""Beside states: SHA-256 of the manifests that the training may replace, as it was said when it
began or since; none where none was there. And that of the model which it came to."""
REPLACED, MADE = "replaces", "made"
_STATE = "state-*.npz"
_OF_TRAINING = re.compile(
    rf"({MEMBER}\d+/)?(state-[ab]\.(npz|partial)|{SNAPSHOTS}/iteration_\d{{7}}\.png)|{REPLACES}"
)
_FOLDERS = re.compile(rf"{MEMBER}\d+|({MEMBER}\d+/)?{SNAPSHOTS}")


@dataclass(frozen=True)
class ModelFolder:
    """Where a training writes its states and then its model.

    Attributes
    ----------
    path : Path
        The folder.
    replace : bool
        A model that is there is replaced once the new one is whole; a started training with
        other settings or data is given up.
    made : tuple of Path
        Folders that were made for this training, the innermost first.
    lock : Lock
        Says whether the folder is still this training's.
    part : str, default ""
        Below `states`, where those of one member of an ensemble are kept.
    """

    path: Path
    replace: bool
    made: tuple[Path, ...]
    lock: Lock
    part: str = ""

    @property
    def states(self) -> Path:
        """Where states of the running training are kept."""
        return self.path / STATES / self.part

    def of_member(self, number: int) -> ModelFolder:
        """Return the folder of one member's training, from 1."""
        return replace(self, part=f"{MEMBER}{number}")

    def refuse_started(self, members: int) -> None:
        """Raise where another number of members was started, whose states would be lost."""
        begun = [path.name for path in (self.path / STATES).glob(f"{MEMBER}*")]
        several = any((self.path / STATES / name).glob(_STATE) for name in begun)
        single = any((self.path / STATES).glob(_STATE))
        if (several and members == 1) or (single and members > 1):
            if self.replace:
                self.clear()
                return
            raise invalid(
                "out",
                expected=f"the settings and data with which {self.path} was started",
                received="another number of members",
                remedy=say("Use these again to go on, or {} to start anew.", OVERWRITE),
            )

    @property
    def snapshots(self) -> Path:
        """Where pictures of the running training are kept; they are saved with the model."""
        return self.states / SNAPSHOTS

    def save(self, model: Any) -> None:
        """Write a model there, with the training's pictures."""
        self.lock.check()
        # somebody may have changed files in the meantime
        refuse_others(self.path, overwrite=True)
        now = _model_there(self.path)
        if now not in (None, *_replaces(self.path)):
            raise invalid(
                "out",
                expected="the folder as it was when the training began",
                received=f"{self.path / MANIFEST}, which came since",
                remedy=say("Move it away or pass {}: the same call goes on.", OVERWRITE),
            )
        pictures = [*self.snapshots.glob(PICTURES), *self.of_member(1).snapshots.glob(PICTURES)]
        # what a kill leaves between the save and the end of the states may be made once more
        model.write_to(self.path, sorted(pictures), lambda new: _may_replace(self.path, new, new))

    def has_ended(self) -> bool:
        """Whether the model is there that this training came to: only its states were left."""
        there = _model_there(self.path)
        if there is None or there != _kept(self.path).get(MADE):
            return False
        return not json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))["interrupted"]

    def clear(self) -> None:
        """Remove states and pictures, and nothing else."""
        self.lock.check()
        for path in _files(self.states):
            if _is_of_training(path, self.path) and path.name != REPLACES:
                path.unlink(missing_ok=True)
        _leave_empty_below(self.states)

    def leave(self) -> None:
        """Leave nothing behind where nothing was learned that could be gone on with."""
        # of a folder that another run has by now, everything is that run's
        states = self.path / STATES
        if self.lock.is_held():
            if not any(states.rglob(_STATE)):
                replace(self, part="").clear()
                (states / REPLACES).unlink(missing_ok=True)
            _leave_empty_below(states)
        self.lock.release()
        leave_empty(*self.made)


def open_model_folder(
    out: str | os.PathLike[str] | None, overwrite: bool = False
) -> ModelFolder | None:
    """Find out before the first step that the model can be written.

    Parameters
    ----------
    out : path or None
        A new folder, an empty one, that of a started training or, with `overwrite`, of a model.
    overwrite : bool, default False
        See `ModelFolder.replace`.

    Raises
    ------
    InvalidError
        A folder with other files, with a finished model, or that cannot be written to.
    """
    if out is None:
        return None
    path = meant(out)
    _refuse_unasked(path, overwrite)
    made, states = missing(path), path / STATES
    make_folder(states, path)
    lock = Lock(path, "train")
    try:
        lock.acquire()
        # by now another training may have written its model
        _refuse_unasked(path, overwrite)
        remove_partial(path)  # of a save that was killed
        remove_partial(states)
        if not _has_states(path):
            (states / REPLACES).unlink(missing_ok=True)
        now = _model_there(path)
        if overwrite and now is not None:
            _may_replace(path, now)
    except BaseException:
        lock.release()
        leave_empty(states, *made)
        raise
    return ModelFolder(path, overwrite, made, lock)


def _refuse_unasked(path: Path, overwrite: bool) -> None:
    """Raise where a model would be lost that this training may not replace, or others' files.

    Without `overwrite` a training that goes on may replace what it could when it began, and the
    model that it was itself until it was stopped. A folder of states without a state gives no
    right: there would be nothing by which it is known to be the same training.
    """
    with contextlib.suppress(OSError):  # then there is nothing to write to, which is said
        finish_save(path)
    begun = _has_states(path) and _model_there(path) in _replaces(path)
    refuse_others(path, overwrite or begun)
    with told(path, "out"):
        _refuse_other_states(path)


def _refuse_other_states(path: Path) -> None:
    """Raise where something else has the place of the states, or lies among them."""
    states = path / STATES
    if states.is_symlink() or (os.path.lexists(states) and not states.is_dir()):
        odd = [states]
    else:
        odd = [file for file in _files(states) if not _is_of_training(file, path)]
    if odd:
        raise invalid(
            "out",
            expected=f"a folder in which {STATES} holds states of a training alone",
            received=f"{odd[0]}, which no training wrote, or which was damaged",
            remedy=MOVE_AWAY,
        )


def _files(states: Path) -> list[Path]:
    """List all files below, and what is no file and no folder of a training; links lead nowhere."""
    found: list[Path] = []
    for at, folders, files in os.walk(states):
        below = [Path(at, name) for name in folders]
        known = [p for p in below if _FOLDERS.fullmatch(p.relative_to(states).as_posix())]
        found += [p for p in below if p.is_symlink() or (p not in known and any(p.iterdir()))]
        found += [Path(at, name) for name in files]
    return sorted(found)


def _is_of_training(file: Path, path: Path) -> bool:
    """Whether a training wrote a file, as its name says and, of states, what is in it."""
    name = file.relative_to(path / STATES).as_posix()
    if not is_regular(file):
        return False
    if is_partial(file.name):
        return True
    return _OF_TRAINING.fullmatch(name) is not None and (
        file.suffix != ".npz" or _is_state(file) or any(map(_is_state, file.parent.glob(_STATE)))
    )


def _is_state(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return {"kept.npy", "names.npy"} <= set(archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def _has_states(path: Path) -> bool:
    """Whether a training was begun there from which the same call would go on."""
    return any(_is_state(file) for file in (path / STATES).rglob(_STATE))


def _leave_empty_below(states: Path) -> None:
    """Remove the folders of a training where they hold nothing."""
    members = [states, *states.glob(f"{MEMBER}*")]
    leave_empty(*(one / SNAPSHOTS for one in members), *members[1:], states)


def _model_there(path: Path) -> str | None:
    """Return the SHA-256 of the manifest that is there."""
    return sha256_of(path / MANIFEST) if (path / MANIFEST).is_file() else None


def _replaces(path: Path) -> list[str]:
    """List the manifests that the training that was begun there may replace."""
    known = _kept(path).get(REPLACED, [])
    return [one for one in known if isinstance(one, str)] if isinstance(known, list) else []


def _kept(path: Path) -> dict[str, Any]:
    """Read what is kept of the training that was begun there beside its states."""
    try:
        plain = json.loads((path / STATES / REPLACES).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return plain if isinstance(plain, dict) else {}


def _may_replace(path: Path, manifest: str, made: str | None = None) -> None:
    """Record that the training that was begun there may replace a model, perhaps its own."""
    kept = {REPLACED: sorted({*_replaces(path), manifest}), MADE: made or _kept(path).get(MADE)}
    text = json.dumps(kept)
    (path / STATES).mkdir(exist_ok=True)
    file = path / STATES / REPLACES
    write_whole(file, lambda name: Path(name).write_text(text, "utf-8"), lasting=True)


def refuse_others(path: Path, overwrite: bool, argument: str = "out") -> None:
    """Raise where files would be mixed with others, or a model replaced unasked or changed since.

    Parameters
    ----------
    path : Path
        Of a model, of a started training, or new.
    overwrite : bool
        A model that is there may be replaced.
    argument : str, default "out"
        What the folder is called in errors.
    """
    with contextlib.suppress(OSError):  # then there is nothing to write to, which is said
        finish_save(path)
    with told(path, argument):
        _refuse_others(path, overwrite, argument)


def _refuse_others(path: Path, overwrite: bool, argument: str) -> None:
    manifest = path / MANIFEST
    others = [p for p in path.iterdir() if not _left(p)] if path.is_dir() else []
    # a training that goes on has written nothing yet but its states
    if others and not _is_ours(manifest):
        raise invalid(
            argument,
            expected="a new folder, an empty one, or that of a model",
            received=f"{path}, with other files in it",
            remedy="Pass another name, by custom name.cytoloom.",
        )
    if manifest.exists() and not overwrite:
        raise invalid(
            argument,
            expected="a folder without a finished model",
            received=str(path),
            remedy=say("Pass {} to replace it, or another name.", OVERWRITE),
        )
    if manifest.exists():
        refuse_changed(path, argument=argument)


def _left(path: Path) -> bool:
    """Whether a file is of a run that has a folder, or was killed there."""
    return path.name == STATES or path.name.startswith(LOCK) or is_partial(path.name)


def _is_ours(manifest: Path) -> bool:
    """Whether a file is there and says of a model what ours do; other tools have a model.json."""
    if not manifest.is_file():
        return False
    try:
        plain = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # damaged, or in the writing of others
        return MANIFEST in Written(manifest.parent).names()
    return isinstance(plain, dict) and "format" in plain and "cytoloom" in plain
