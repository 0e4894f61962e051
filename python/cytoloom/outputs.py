"""Folders that models are written to: found usable before work starts, left as they were if not."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .errors import invalid

STATES = ".training"


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

    def clear(self) -> None:
        """Remove the states."""
        shutil.rmtree(self.states, ignore_errors=True)

    def leave(self) -> None:
        """Leave nothing behind where training did not begin."""
        for path in (self.states, self.path) if self.made else (self.states,):
            with contextlib.suppress(OSError):
                path.rmdir()


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
    _refuse_others(path, overwrite)
    folder = ModelFolder(path, overwrite, made=not path.exists())
    try:
        folder.states.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path) as probe:
            probe.write(b"0")
    except OSError as error:
        why = "a file" if path.is_file() else error.strerror
        raise invalid("out", expected="a folder to write to", received=f"{path}: {why}") from None
    return folder


def _refuse_others(path: Path, overwrite: bool) -> None:
    """Raise where files would be mixed with others, or a model replaced unasked."""
    ours = [path / STATES, path / "model.json"]
    if path.is_dir() and not any(p.exists() for p in ours) and any(path.iterdir()):
        raise invalid(
            "out",
            expected="a new folder, an empty one, or that of a model",
            received=f"{path}, with other files in it",
            remedy="Pass another name, by custom name.cytoloom.",
        )
    if ours[1].exists() and not overwrite:
        raise invalid(
            "out",
            expected="a folder without a finished model",
            received=str(path),
            remedy="Pass overwrite=True to replace it, or another name.",
        )
