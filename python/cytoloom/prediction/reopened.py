"""The results of an earlier prediction, opened again from their folder."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..components.arguments import checked
from ..errors import GuessWarning, invalid
from ..messages import VerbName, counted, say
from ..storage.results import OBJECTS, PREDICTED, UNFINISHED
from ..storage.tables import read_table, with_counts
from ..storage.written import Written
from .predictions import FILES_COLUMNS, Predictions

if TYPE_CHECKING:
    import pandas as pd

OBJECTS_COLUMNS = ("image", "object")
LAST = "touches_border"
"""Behind it there are columns of the user's own."""


@checked
def results(folder: str | os.PathLike[str]) -> Predictions:
    """Open the results that a prediction wrote, whether from Python, R or the command line.

    Parameters
    ----------
    folder : path
        What was `out` of the prediction.

    Returns
    -------
    Predictions
        The same tables; labels are read from the folder when asked for. Objects that were
        written as Parquet stay where they are: `objects` is then without rows. Label images
        that were corrected since are as they are now, and a warning names them: the tables are
        those of the prediction.

    Raises
    ------
    InvalidError
        No results, or those of a prediction that did not end.

    Examples
    --------
    >>> import tempfile
    >>> from cytoloom import predict
    >>> from cytoloom.models.untrained import untrained
    >>> out = Path(tempfile.mkdtemp()) / "results"
    >>> found = predict(untrained(), {"a": [[0.0] * 8] * 8}, rescale=None, out=out, progress=False)
    >>> results(out).names, results(out)["a"].shape
    (['a'], (8, 8))
    """
    path = Path(os.path.abspath(folder))
    unfinished = (path / UNFINISHED).is_dir()
    if unfinished or not (path / PREDICTED).is_file():
        raise invalid(
            "folder",
            expected=f"a folder that a prediction has written, with {PREDICTED}",
            received=f"{path}, where one did not end" if unfinished else str(path),
            remedy="The same prediction goes on where it stopped." if unfinished else "",
        )
    files = _table(path / PREDICTED, FILES_COLUMNS, FILES_COLUMNS[-1], "objects")
    # 0 in files of earlier versions
    files.loc[files["status"] != "ok", "objects"] = None
    _tell_corrected(path, [name for name in files["labels"] if name])
    labels = [str(path / name) if name else "" for name in files["labels"]]
    objects = path / OBJECTS
    table = _table(objects, OBJECTS_COLUMNS, LAST) if objects.exists() else _without_rows()
    return Predictions(table, files.assign(labels=labels), path, {})


def _tell_corrected(path: Path, names: Sequence[str]) -> None:
    """Warn of label images that somebody has changed since the tables were written."""
    written, then = Written(path), (path / PREDICTED).stat().st_mtime_ns
    later = [n for n in names if (path / n).is_file() and (path / n).stat().st_mtime_ns > then]
    # known by none: results from before there was a record
    changed = [n for n in later if n in written.names() and not written.holds(n)]
    if changed:
        shown = ", ".join(changed[:3]) + (", ..." if len(changed) > 3 else "")
        text = say(
            "{}: {} changed since the prediction ({}), the tables are those of before; {} gives "
            "them anew.",
            str(path), counted(len(changed), "label image"), shown, VerbName("measure"),
        )  # fmt: skip
        warnings.warn(GuessWarning(text), stacklevel=4)


def _table(path: Path, columns: Sequence[str], last: str, *counts: str) -> pd.DataFrame:
    try:
        table = read_table(path, own_to=last)
        table = with_counts(table, *(name for name in counts if name in table))
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise invalid(
            "folder", expected="tables of results", received=f"{path}: {reason}"
        ) from None
    lacking = [name for name in columns if name not in table]
    if lacking:
        received = f"{path} without the column {lacking[0]}"
        raise invalid("folder", expected="tables of results", received=received)
    return table


def _without_rows() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: pd.Series(dtype=object) for name in OBJECTS_COLUMNS})
