"""A model's folder: found usable before work starts, left alone where not."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import invalid
from ..messages import Setting, say
from ..storage.atomic import (
    is_partial,
    leave_empty,
    make_folder,
    meant,
    missing,
    remove_partial,
    told,
)
from ..storage.lock import LOCK, Lock
from .manifest import MANIFEST
from .saving import SNAPSHOTS, STATES, finish_save, refuse_changed

MEMBER, PICTURES = "member_", "[!.]*.png"
OVERWRITE = Setting("overwrite", True)


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
        several = any((self.path / STATES / name).glob("*.npz") for name in begun)
        single = any((self.path / STATES).glob("*.npz"))
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
        pictures = [*self.snapshots.glob(PICTURES), *self.of_member(1).snapshots.glob(PICTURES)]
        model.write_to(self.path, sorted(pictures))

    def clear(self) -> None:
        """Remove states and pictures."""
        shutil.rmtree(self.states, ignore_errors=True)

    def leave(self) -> None:
        """Leave nothing behind where nothing was learned that could be gone on with."""
        self.lock.release()
        if not any(self.states.rglob("*.npz")):
            for pictures in self.states.rglob(SNAPSHOTS):
                shutil.rmtree(pictures, ignore_errors=True)
        leave_empty(*self.states.glob(f"{MEMBER}*"), self.states, *self.made)


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
    refuse_others(path, overwrite or any((path / STATES).glob("*")))
    made, states = missing(path), path / STATES
    make_folder(states, path)
    lock = Lock(path, "train")
    try:
        lock.acquire()
        # by now another training may have written its model
        refuse_others(path, overwrite or any(states.glob("*")))
    except BaseException:
        lock.release()
        leave_empty(states, *made)
        raise
    remove_partial(path)  # of a save that was killed
    return ModelFolder(path, overwrite, made, lock)


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
    except (OSError, ValueError, RecursionError):
        return True  # damaged: whose it was cannot be known
    return isinstance(plain, dict) and "format" in plain and "cytoloom" in plain
