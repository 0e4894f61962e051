"""A model's folder: found usable before work starts, left alone where not."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ..errors import invalid
from ..messages import Setting, say
from ..storage.atomic import leave_empty, make_folder

STATES = ".training"
SNAPSHOTS = "snapshots"


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
    made : bool
        The folder was made for this training.
    """

    path: Path
    replace: bool
    made: bool

    @property
    def states(self) -> Path:
        """Where states of the running training are kept."""
        return self.path / STATES

    @property
    def snapshots(self) -> Path:
        """Where pictures of the running training are kept; with the model they come to light."""
        return self.states / SNAPSHOTS

    def show_snapshots(self) -> None:
        """Put the training's pictures beside its model, in place of an earlier one's."""
        shutil.rmtree(self.path / SNAPSHOTS, ignore_errors=True)
        if self.snapshots.is_dir():
            shutil.copytree(self.snapshots, self.path / SNAPSHOTS)

    def clear(self) -> None:
        """Remove states and pictures."""
        shutil.rmtree(self.states, ignore_errors=True)

    def leave(self) -> None:
        """Leave nothing behind where nothing was learned that could be gone on with."""
        if not any(self.states.glob("*.npz")):
            shutil.rmtree(self.snapshots, ignore_errors=True)
        leave_empty(self.states, *([self.path] if self.made else []))


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
    path = Path(out)
    refuse_others(path, overwrite or any((path / STATES).glob("*")))
    folder = ModelFolder(path, overwrite, made=not path.exists())
    make_folder(folder.states, path)
    return folder


def refuse_others(path: Path, overwrite: bool, argument: str = "out") -> None:
    """Raise where files would be mixed with others, or a model replaced unasked."""
    ours = [path / STATES, path / "model.json"]
    if path.is_dir() and not any(p.exists() for p in ours) and any(path.iterdir()):
        raise invalid(
            argument,
            expected="a new folder, an empty one, or that of a model",
            received=f"{path}, with other files in it",
            remedy="Pass another name, by custom name.cytoloom.",
        )
    if ours[1].exists() and not overwrite:
        raise invalid(
            argument,
            expected="a folder without a finished model",
            received=str(path),
            remedy=say("Pass {} to replace it, or another name.", Setting("overwrite", True)),
        )
