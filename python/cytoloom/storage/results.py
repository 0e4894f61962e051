"""Folders of results: found usable before work starts, for one run alone, nothing else lost."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..errors import invalid
from ..messages import Setting, say
from .atomic import PARTIAL, leave_empty, make_folder
from .lock import Lock, locked
from .tables import read_table

PREDICTED, OBJECTS, SCORED = "files.csv", "objects.csv", "scores.csv"
PER_IMAGE, PER_OBJECT = "scores_per_image.csv", "scores_per_object.csv"
COLUMNS = {
    PREDICTED: ("image", "status"),
    OBJECTS: ("image", "object"),
    SCORED: ("metric", "value"),
    PER_IMAGE: ("image", "scale"),
    PER_OBJECT: ("image", "truth"),
}
"""What each table begins with: another of the same name is somebody's own."""
UNFINISHED = ".predicting"
"""There from before the first label image until the tables are written: what is there is ours."""
KINDS = {"labels": ".tif", "overlays": ".png", "maps": ".tif", "objects": ".parquet"}
"""Folders of files with one of each image, and how these end."""
WRITTEN_BY = "cytoloom predict"
"""What files that a prediction writes say of themselves; those that others have changed do not."""
ANOTHER_NAME = "Pass another name."


@contextlib.contextmanager
def claimed(out: str | os.PathLike[str], verb: str) -> Iterator[tuple[Path, Lock]]:
    """Make a folder for results, and have it for one run alone.

    Parameters
    ----------
    out : path
        Where the results go.
    verb : str
        Which writes them.

    Yields
    ------
    (Path, Lock)
        The folder, which is removed again if it was made here and nothing was written.

    Raises
    ------
    InvalidError
        Nothing that can be written to, or another run writes to it.
    """
    folder = Path(out)
    made = not folder.exists()
    make_folder(folder, folder)
    try:
        with locked(folder, verb) as lock:
            yield folder, lock
    finally:
        if made:
            leave_empty(folder)


def refuse_results(
    folder: Path, overwrite: bool = False, table: str = PREDICTED, more: Iterable[str] = ()
) -> None:
    """Find out before the first image that results mix with no others.

    Parameters
    ----------
    folder : Path
        Where the results will go.
    overwrite : bool, default False
        The results of an earlier run may be replaced.
    table : str, default "files.csv"
        The table by which such results are known.
    more : iterable of str, default ()
        Tables beside it.

    Raises
    ------
    InvalidError
        A model, or results of an earlier run, or files that are no results.
    """
    if (folder / "model.json").exists():
        raise invalid("out", expected="a folder for results", received=f"{folder}, a model")
    refuse_other_tables(folder, (table, *more))
    known = (folder / table).exists()
    if known and not overwrite:
        raise invalid(
            "out",
            expected="a folder without results",
            received=f"{folder}, with results in {table}",
            remedy=say("Pass {} to replace them, or another name.", Setting("overwrite", True)),
        )
    foreign = [] if known else [name for name in more if (folder / name).exists()]
    if foreign:
        received = f"{folder}, with {foreign[0]} that is no result"
        raise invalid(
            "out", expected="a folder for results", received=received, remedy=ANOTHER_NAME
        )


def refuse_other_tables(folder: Path, names: Iterable[str]) -> None:
    """Raise where a table that would be replaced is, by its columns, not one of ours."""
    for name in names:
        begin = COLUMNS.get(name, ())
        if os.path.lexists(folder / name) and not begins_with(folder / name, begin):
            raise invalid(
                "out",
                expected=f"a folder in which {name} is one of results, with columns "
                f"{', '.join(begin)}, ...",
                received=str(folder / name),
                remedy="Move it away, or pass another name.",
            )


def begins_with(path: Path, columns: Sequence[str]) -> bool:
    """Whether a table has these columns first."""
    if not path.is_file():
        return False
    try:
        with open(path, encoding="utf-8") as stream:
            names = stream.readline().rstrip("\r\n").split(",")
    except (OSError, UnicodeError):
        return False
    return tuple(names[: len(columns)]) == tuple(columns)


def refuse_other_files(folder: Path) -> None:
    """Raise where folders for predictions hold files though there are no predictions."""
    for kind in KINDS:
        if (folder / kind).is_dir() and any((folder / kind).iterdir()):
            raise invalid(
                "out",
                expected="a folder for results",
                received=f"{folder}, with files in {kind}/ that are no results",
                remedy=ANOTHER_NAME,
            )


def refuse_inputs(written: Iterable[Path], inputs: Iterable[str | os.PathLike[str]]) -> None:
    """Raise where a file that would be written or removed is one that is read."""
    read = {_identity(Path(path), follow=True): path for path in inputs}
    for path in written:
        same = _identity(path)
        if same is not None and same in read:
            raise invalid(
                "out",
                expected="a folder other than that of the images",
                received=f"{path.parent}, where {path.name} would be replaced, which is read",
                remedy=ANOTHER_NAME,
            )


def _identity(path: Path, follow: bool = False) -> tuple[int, int] | None:
    try:
        found = path.stat() if follow else path.lstat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def written_before(folder: Path) -> list[Path]:
    """List the files of each image that an earlier prediction wrote and that are still its own.

    Raises
    ------
    InvalidError
        Its table is not one of a prediction.
    """
    if not (folder / PREDICTED).exists():
        return []
    try:
        labels = list(read_table(folder / PREDICTED)["labels"])
    except (KeyError, ValueError):
        received = f"{folder}, whose {PREDICTED} is not of a prediction"
        raise invalid(
            "out", expected="a folder for results", received=received, remedy=ANOTHER_NAME
        ) from None
    stems = [Path(path).stem for path in labels if path]
    # a table may have been edited: it must not point out of the folder
    inside = [stem for stem in stems if stem and "/" not in stem and "\\" not in stem]
    return [path for path in files_of(folder, inside) if written_here(path)]


def files_of(folder: Path, stems: Iterable[str]) -> list[Path]:
    """List where files of images of these names lie."""
    return [folder / kind / f"{stem}{suffix}" for stem in stems for kind, suffix in KINDS.items()]


def written_here(path: Path) -> bool:
    """Whether a file says of itself that a prediction wrote it."""
    if not path.is_file():
        return False
    try:
        with open(path, "rb") as stream:
            # pictures say it in front, past the description of a large TIFF; Parquet at the end
            front = stream.read(2**16)
            stream.seek(-min(path.stat().st_size, 2**16), os.SEEK_END)
            return WRITTEN_BY.encode() in front + stream.read()
    except OSError:
        return False


def refuse_foreign(targets: Iterable[Path], ours: Iterable[Path]) -> None:
    """Raise where a file that would be replaced is not one of ours."""
    known = set(ours)
    for path in targets:
        if os.path.lexists(path) and path not in known:
            raise invalid(
                "out",
                expected="files of an earlier prediction, as it wrote them",
                received=f"{path}, which is another file or was changed since",
                remedy="Move it away, or pass another name.",
            )


def remove_partial(folder: Path) -> None:
    """Remove what a kill left of files that were being written."""
    for place in (folder, *(folder / kind for kind in KINDS)):
        for path in place.glob(f"{PARTIAL}*"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def take_place(new: Path, folder: Path, gone: Iterable[Path] = ()) -> None:
    """Move all files below one folder to the same places below another, tables last.

    Whatever of it is done before a kill, doing it again ends as if there had been none.

    Parameters
    ----------
    new, folder : Path
        From where to where.
    gone : iterable of Path, default ()
        What is removed before the tables take their place.
    """
    tables = [path for path in (new / OBJECTS, new / PREDICTED) if path.exists()]
    _move([p for p in new.rglob("*") if p.is_file() and p not in tables], new, folder)
    for path in gone:
        path.unlink(missing_ok=True)
    _move(tables, new, folder)
    shutil.rmtree(new, ignore_errors=True)


def _move(files: Iterable[Path], new: Path, folder: Path) -> None:
    for path in files:
        target = folder / path.relative_to(new)
        target.parent.mkdir(exist_ok=True)
        os.replace(path, target)
