"""Folders for models and results: found usable before work starts, left alone where not."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import invalid

if TYPE_CHECKING:
    import pandas as pd

STATES = ".training"
PREDICTED, SCORED = "files.csv", "scores.csv"
UNFINISHED = ".predicting"
"""There from before the first label image until the tables are written: what is there is ours."""


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
    _make(folder.states, path)
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
            remedy="Pass overwrite=True to replace it, or another name.",
        )


def open_results_folder(
    out: str | os.PathLike[str] | None, overwrite: bool = False, table: str = PREDICTED
) -> Path | None:
    """Find out before the first image that results can be written and mix with no others.

    Parameters
    ----------
    out : path or None
        Where the results will go.
    overwrite : bool, default False
        The results of an earlier run may be replaced.
    table : str, default "files.csv"
        The table by which such results are known.

    Raises
    ------
    InvalidError
        A model, results of an earlier run, or nothing that can be written to.
    """
    if out is None:
        return None
    folder = Path(out)
    if (folder / "model.json").exists():
        raise invalid("out", expected="a folder for results", received=f"{folder}, a model")
    if (folder / table).exists() and not overwrite:
        raise invalid(
            "out",
            expected="a folder without results",
            received=f"{folder}, with results in {table}",
            remedy="Pass overwrite=True to replace them, or another name.",
        )
    if table == PREDICTED and not any((folder / f).exists() for f in (table, UNFINISHED)):
        for kind in ("labels", "overlays"):
            if (folder / kind).is_dir() and any((folder / kind).iterdir()):
                raise invalid(
                    "out",
                    expected="a folder for results",
                    received=f"{folder}, with files in {kind}/ that are no results",
                    remedy="Pass another name.",
                )
    _make(folder, folder)
    return folder


def leave_empty(*folders: Path) -> None:
    """Remove folders, the innermost first, where they hold nothing."""
    for path in folders:
        with contextlib.suppress(OSError):
            path.rmdir()


def remove_predictions(folder: Path) -> None:
    """Remove what an earlier prediction wrote, and nothing else."""
    import pandas as pd

    if not (folder / PREDICTED).exists():
        return
    names = pd.read_csv(folder / PREDICTED, dtype=str)["image"]
    kinds = (("labels", ".tif"), ("overlays", ".png"))
    for path in (folder / kind / f"{name}{suffix}" for name in names for kind, suffix in kinds):
        if folder.resolve() in path.resolve().parents:
            path.unlink(missing_ok=True)
    for table in (PREDICTED, "objects.csv"):
        (folder / table).unlink(missing_ok=True)


def _make(inner: Path, folder: Path) -> None:
    """Make a folder within one that can be written to."""
    try:
        inner.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"0")
    except OSError as error:
        why = "a file" if folder.is_file() else error.strerror
        raise invalid("out", expected="a folder to write to", received=f"{folder}: {why}") from None


def write_table(table: pd.DataFrame, path: Path) -> None:
    r"""Write a table as CSV; yes and no as TRUE and FALSE, which R and pandas both understand.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> path = Path(tempfile.mkdtemp()) / "objects.csv"
    >>> write_table(pd.DataFrame({"object": [1], "touches_border": [True]}), path)
    >>> path.read_text()
    'object,touches_border\n1,TRUE\n'
    """
    yes_no = {c: table[c].map({True: "TRUE", False: "FALSE"}) for c in table.select_dtypes(bool)}
    table.assign(**yes_no).to_csv(path, index=False)
