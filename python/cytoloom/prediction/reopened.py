"""The results of an earlier prediction, opened again from their folder."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..components.arguments import checked
from ..errors import GuessWarning, InvalidError, invalid
from ..events import Work, note, warn
from ..messages import VerbName, counted, say
from ..storage.atomic import meant, sha256_of
from ..storage.results import (
    CLASSES,
    OBJECTS,
    PREDICTED,
    RUNS,
    SUMMARY,
    UNFINISHED,
    WITHIN,
    read_run,
)
from ..storage.tables import read_table, with_counts
from ..storage.written import RECORD, Written
from .predictions import FILES_COLUMNS, Predictions
from .summary import COUNTS, FLAGS, UNLIKENESS

if TYPE_CHECKING:
    import pandas as pd

FILES_NEEDED = ("image", "status", "objects", "labels")
OBJECTS_COLUMNS = ("image", "object")
LAST = "touches_border"
"""Behind it there are columns of the user's own."""


@checked
def results(folder: str | os.PathLike[str]) -> Predictions:
    """Open the results that a prediction wrote, whether from Python, R or the command line.

    Parameters
    ----------
    folder : path
        What was `out` of the prediction, or the folder of tables in a label image in Zarr.

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
    path = meant(folder)
    if (path / WITHIN / PREDICTED).is_file():  # a label image in a store
        path = path / WITHIN
    # first: where a table cannot be read, that somebody has changed it is why
    for text in _doubts(path):
        warnings.warn(GuessWarning(text), stacklevel=3)
    return _opened(path)


def ended_before(folder: Path) -> Work[Predictions]:
    """Return the results of a prediction that was killed when all was done but clearing up."""
    for text in _doubts(folder):
        yield warn(text)
    found = _opened(folder)
    yield note(f"All was done before: {found}.")
    return found


def _doubts(path: Path) -> list[str]:
    """Say what of results somebody has changed or taken away since."""
    return corrected(path, _there(path, files_of(path)))


def _there(path: Path, files: pd.DataFrame) -> list[str]:
    """Return the label images that are still there."""
    return [name for name in files["labels"] if name and (path / name).is_file()]


def _opened(path: Path) -> Predictions:
    """Open results."""
    files = files_of(path)
    # 0 in files of earlier versions
    files.loc[files["status"] != "ok", "objects"] = None
    record, there = Written(path), _there(path, files)
    written = {n: max(record.digests(n) or {sha256_of(path / n)}) for n in there}
    labels = [os.path.normpath(path / name) if name else "" for name in files["labels"]]
    objects = path / OBJECTS
    table = _table(objects, OBJECTS_COLUMNS, LAST) if objects.exists() else _without_rows()
    run, summary = read_run(path / RUNS["predict"]), _summary(path, files)
    files = files.assign(labels=labels)
    if path.name == WITHIN and (path / RUNS["predict"]).is_file():
        written[RUNS["predict"]] = sha256_of(path / RUNS["predict"])
    return Predictions(table, files, summary, path, {}, written, run=run)


def is_predicted(folder: Path) -> bool:
    """Whether files.csv is there and is that of a prediction: other programs have one, too."""
    table = folder / PREDICTED
    if not table.is_file():
        return False
    with open(table, "rb") as stream:
        header = stream.readline(2**16).decode("utf-8-sig", "replace")
    names = {name.strip(' "\r\n') for name in re.split("[,;\t]", header)}
    # ours that was saved by a spreadsheet is told of as what it is
    return {"image", "status", "labels"} <= names or PREDICTED in Written(folder).names()


def files_of(folder: Path) -> pd.DataFrame:
    """Read what a prediction wrote of its files, once it has ended."""
    unfinished = (folder / UNFINISHED).is_dir()
    if unfinished or not (folder / PREDICTED).is_file():
        raise invalid(
            "folder",
            expected=f"a folder that a prediction has written, with {PREDICTED}",
            received=f"{folder}, where one did not end" if unfinished else str(folder),
            remedy="The same prediction goes on where it stopped." if unfinished else "",
        )
    return _table(folder / PREDICTED, FILES_NEEDED, FILES_COLUMNS[-1], "objects")


def corrected(path: Path, names: Sequence[str]) -> list[str]:
    """Say what somebody has changed or taken away since a prediction wrote it.

    Their dates tell nothing: a correction may be older, from a backup or from another computer.

    Parameters
    ----------
    path : Path
        The folder.
    names : sequence of str
        Its label images that are there, by their places below it.
    """
    written = Written(path)
    changed = written.changed(names)
    unknown = [n for n in names if not written.digests(n)]
    said = []
    if unknown:
        text = f"{path}: without {RECORD} in it nobody knows whether label images were changed "
        said.append(f"{text}since the prediction ({_first(unknown)}).")
    tables = written.changed((OBJECTS, PREDICTED))
    if tables:
        text = f"{path}: {' and '.join(tables)} changed since the prediction, or of another one: "
        said.append(f"{text}they are read as they are now, beside these label images.")
    if changed:
        text = say(
            "{}: {} changed since the prediction ({}), the tables are those of before; {} gives "
            "them anew.",
            str(path), counted(len(changed), "label image"), _first(changed), VerbName("measure"),
        )  # fmt: skip
        said.append(text)
    gone = _gone(path, written)
    if gone:
        text = f"{path}: {counted(len(gone), 'file')} of the prediction no longer there "
        said.append(f"{text}({_first(gone)}): what they tell is left out. Put them back.")
    return said


def _gone(path: Path, written: Written) -> list[str]:
    """List tables and label images that a prediction wrote, and that are not there now."""
    parts = f"{Path(OBJECTS).stem}/"
    if written.names():
        return written.gone((OBJECTS, SUMMARY, CLASSES), ("labels/", parts))
    # without a record, objects may have been written as Parquet
    return [] if (path / OBJECTS).exists() or (path / parts).is_dir() else [OBJECTS]


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _table(path: Path, columns: Sequence[str], last: str, *counts: str) -> pd.DataFrame:
    try:
        table = read_table(path, own_to=last)
        table = with_counts(table, *(name for name in counts if name in table))
    except InvalidError:
        raise
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


def _summary(path: Path, files: pd.DataFrame) -> pd.DataFrame:
    """Read how far to trust the results; those of earlier versions tell no more than counts."""
    if (path / SUMMARY).is_file():
        table = _table(path / SUMMARY, ("image", *COUNTS, FLAGS), FLAGS)
        table[FLAGS] = table[FLAGS].astype(object).where(table[FLAGS] != "", None)
        return with_counts(table, *COUNTS)
    none = dict.fromkeys((*COUNTS[1:], UNLIKENESS, FLAGS))
    bare = files[["image"]].assign(count=files["objects"], **none)
    return with_counts(bare, *COUNTS)


def _without_rows() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: pd.Series(dtype=object) for name in OBJECTS_COLUMNS})
