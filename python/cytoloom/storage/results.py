"""Folders for models and results: found usable before work starts, left alone where not."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import invalid
from ..messages import Setting, say
from .atomic import make_folder

PREDICTED, SCORED = "files.csv", "scores.csv"
UNFINISHED = ".predicting"
"""There from before the first label image until the tables are written: what is there is ours."""


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
            remedy=say("Pass {} to replace them, or another name.", Setting("overwrite", True)),
        )
    if table == PREDICTED and not any((folder / f).exists() for f in (table, UNFINISHED)):
        for kind in ("labels", "overlays", "maps"):
            if (folder / kind).is_dir() and any((folder / kind).iterdir()):
                raise invalid(
                    "out",
                    expected="a folder for results",
                    received=f"{folder}, with files in {kind}/ that are no results",
                    remedy="Pass another name.",
                )
    make_folder(folder, folder)
    return folder


def remove_predictions(folder: Path) -> None:
    """Remove what an earlier prediction wrote, and nothing else."""
    import pandas as pd

    if not (folder / PREDICTED).exists():
        return
    # only files that the table names: others in the folder may be the user's
    names = pd.read_csv(folder / PREDICTED, dtype=str)["image"]
    kinds = (("labels", ".tif"), ("overlays", ".png"), ("maps", ".tif"))
    for path in (folder / kind / f"{name}{suffix}" for name in names for kind, suffix in kinds):
        if folder.resolve() in path.resolve().parents:
            path.unlink(missing_ok=True)
    for table in (PREDICTED, "objects.csv"):
        (folder / table).unlink(missing_ok=True)
