"""Folders of results: found usable before work starts, for one run alone, nothing else lost."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidError, invalid
from ..messages import Setting, VerbName, say
from .atomic import (
    is_partial,
    is_regular,
    leave_empty,
    make_folder,
    meant,
    missing,
    partial_name,
    remove_folder,
    remove_partial,
    sha256_of,
    told,
    write_whole,
)
from .durable import durable
from .lock import LOCK, Lock, locked
from .tables import write_table
from .written import MOVE_AWAY, RECORD, Written, is_written_name

if TYPE_CHECKING:
    import pandas as pd

PREDICTED, OBJECTS, SCORED = "files.csv", "objects.csv", "scores.csv"
CLASSES, SUMMARY = "classes.csv", "summary.csv"
"""Of predictions: what numbers of classes are called, if labels are these; how far to trust what
was found in each image."""
PER_IMAGE, PER_OBJECT = "scores_per_image.csv", "scores_per_object.csv"
AGREED = "consensus.csv"
ACCEPTED, STEPS = "corrected.csv", "steps.jsonl"
"""Of a review: the images that were accepted, and every step of it."""
COMPARED, COMPARED_IMAGES = "comparison.csv", "comparison_per_image.csv"
RANKED, RANKED_IMAGES = "ranking.csv", "ranking_per_image.csv"
RUNS = {
    "predict": "files_run.json",
    "evaluate": "scores_run.json",
    "compare": "comparison_run.json",
    "rank": "ranking_run.json",
    "consensus": "consensus_run.json",
    "novelty": "hits_run.json",
    "track": "tracks_run.json",
}
"""What made the results of a verb: version, model, settings, and where the images were."""
PIXELS = "pixels"
"""Of what made a prediction: by image what was seen of it."""
UNFINISHED = ".predicting"
"""There from before the first label image until the tables are written."""
WITHIN = "tables"
"""Of a label image in a Zarr store, the group in it that has the tables of the prediction."""
KINDS = {
    "labels": ".tif",
    "overlays": ".png",
    "maps": ".tif",
    "uncertainty": ".tif",
    "objects": ".parquet",
}
"""Folders of files with one of each image, and how these end."""
_OF_VERBS = {
    "predict": ((CLASSES, OBJECTS, SUMMARY, PREDICTED), (PREDICTED, UNFINISHED)),
    "evaluate": ((SCORED, PER_IMAGE, PER_OBJECT), (SCORED,)),
    "compare": ((COMPARED, COMPARED_IMAGES), (COMPARED,)),
    "rank": ((RANKED, RANKED_IMAGES), (RANKED,)),
    "consensus": ((AGREED,), (AGREED,)),
    "review": ((ACCEPTED, STEPS), (STEPS,)),
    "cells": (("cells.json", "cells.csv"), ("cells.csv",)),
    "wells": (
        ("well_quality.csv", "well_replicates.csv", "well_doses.csv", "by_well.csv"),
        ("by_well.csv",),
    ),
    "compare_features": (("kinds.csv",), ("kinds.csv",)),
    "novelty": (
        ("novelty_cells.csv", "novelty_wells.csv", "detector.npz", "hits.csv"),
        ("hits.csv",),
    ),
    "track": (
        ("positions.csv", "links.csv", "lineages.csv", "track_warnings.csv", "tracks.csv"),
        ("tracks.csv",),
    ),
}
"""Tables of a verb, and what is there of its results beside, from the first image or at the end."""
REPLACING = ".replacing"
"""There from before the first file of new results takes its place, perhaps that of an earlier one,
until all have: the new results, whole."""
OF_MODEL = ("model.json", "history.csv", "README.md")
HASHES, GONE = ".hashes.json", "gone"
SCORING = ".evaluating"
"""Blocks of volumes that are scored, there until the scores are written."""
OF_RUNS = (UNFINISHED, SCORING, REPLACING, RECORD, ".training", ".saved", ".simulated")
ANOTHER_NAME = "Pass another name."


@contextlib.contextmanager
def claimed(
    out: str | os.PathLike[str], verb: str, argument: str = "out", wait_s: float = 0.0
) -> Iterator[tuple[Path, Lock]]:
    """Make a folder for results, and have it for one run alone.

    Parameters
    ----------
    out : path
        Where the results go.
    verb : str
        Which writes them.
    argument : str, default "out"
        What it is called in errors.
    wait_s : float, default 0
        For so long another run is waited for.

    Yields
    ------
    (Path, Lock)
        The folder, which is removed again if it was made here and nothing was written.

    Raises
    ------
    InvalidError
        Nothing that can be written to, or another run writes to it.
    """
    folder = meant(out)
    made = missing(folder)
    try:
        make_folder(folder, folder, argument)
        with locked(folder, verb, argument, wait_s) as lock:
            end_replacing(folder, argument)
            remove_partial(folder)
            yield folder, lock
    finally:
        leave_empty(*made)


def refuse_results(
    folder: Path, tables: Iterable[str], overwrite: bool = False, argument: str = "out"
) -> None:
    """Find out before the first image that results mix with no others.

    Parameters
    ----------
    folder : Path
        Where the results will go.
    tables : iterable of str
        By which such results are known, the last before others.
    overwrite : bool, default False
        The results of an earlier run may be replaced.
    argument : str, default "out"
        What the folder is called in errors.

    Raises
    ------
    InvalidError
        A model, or results of an earlier run, or files that are no results.
    """
    if (folder / OF_MODEL[0]).exists():
        raise invalid(argument, expected="a folder for results", received=f"{folder}, a model")
    tables = [name for name in tables if os.path.lexists(folder / name)]
    Written(folder).refuse_others(tables, argument)
    if tables and not overwrite:
        raise invalid(
            argument,
            expected="a folder without results",
            received=f"{folder}, with results in {tables[-1]}",
            remedy=say("Pass {} to replace them, or another name.", Setting("overwrite", True)),
        )


def is_of_runs(name: str) -> bool:
    """Whether a file or folder of this name is one by which runs know of each other.

    Examples
    --------
    >>> is_of_runs(".written.sha256"), is_of_runs(".DS_Store")
    (True, False)
    """
    return name in OF_RUNS or name.startswith(LOCK) or is_partial(name)


def refuse_odd_folders(folder: Path, names: Iterable[str], argument: str = "out") -> None:
    """Raise where a folder that would be written to is a file, or a link that leads elsewhere."""
    for name in names:
        path = folder / name
        if os.path.lexists(path) and (path.is_symlink() or not path.is_dir()):
            is_link = path.is_symlink()
            remedy = f"Let {folder.name or folder} itself be the link, or move it away."
            raise invalid(
                argument,
                expected=f"a folder for results, in which {name} is a folder",
                received=f"{path}, {'a link' if is_link else 'a file'}",
                remedy=remedy if is_link else MOVE_AWAY,
            )


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


def earlier_results_of(images: Sequence[str], folder: Path, argument: str) -> InvalidError:
    """Return the error where earlier results would give way to none."""
    shown = ", ".join(images[:5]) + (", ..." if len(images) > 5 else "")
    return invalid(
        argument,
        expected=f"all images of which {folder} has results, which are replaced together",
        received=f"{shown}, which could not be used this time; the earlier results stay",
        remedy="Mend these, or leave them away, and theirs are removed.",
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


def names_of(stems: Iterable[str]) -> list[str]:
    """List the names of files of images that are called so, below the folder."""
    return [f"{kind}/{stem}{suffix}" for stem in stems for kind, suffix in KINDS.items()]


def move_there(stage: Path, folder: Path, names: Iterable[str]) -> None:
    """Move files to the same places below another folder, where they have not been moved yet."""
    for name in names:
        with told(folder / name):
            if os.path.lexists(stage / name):
                (folder / name).parent.mkdir(exist_ok=True)
                os.replace(stage / name, folder / name)


def take_place(
    stage: Path, written: Written, hashes: Mapping[str, str], gone: Iterable[str] = ()
) -> None:
    """Let files take the place of earlier ones, and record them.

    Whatever of it is done before a kill, doing it again ends as if there had been none. A file
    that somebody has changed by now stops it, and stays.

    Parameters
    ----------
    stage : Path
        From where.
    written : Written
        To where, and what is known of it.
    hashes : dict of str to str
        SHA-256 by name below the folder, in the order of moving; some may be in their place.
    gone : iterable of str, default ()
        What is removed before.
    """
    folder = written.folder
    with told(folder):
        durable(stage / n if os.path.lexists(stage / n) else folder / n for n in hashes)
    written.add(hashes)
    # each once more before it goes: with many files this takes seconds, in which people save theirs
    for name in gone:
        written.refuse_others([name])
        with told(folder / name):
            (folder / name).unlink(missing_ok=True)
    for name in hashes:
        if os.path.lexists(stage / name):
            written.refuse_others([name])
            move_there(stage, folder, [name])
    written.settle(hashes, gone)
    durable((), {folder, *((folder / name).parent for name in hashes)})


def write_run(run: Mapping[str, Any], path: Path) -> None:
    """Write what made results, whole."""
    text = json.dumps(run, indent=1, ensure_ascii=False, default=str)
    write_whole(path, lambda name: Path(name).write_text(f"{text}\n", "utf-8"), lasting=True)


def read_run(path: Path) -> dict[str, Any]:
    """Read what made results; nothing where that was not written, or is something else."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def refuse_tables_of_verbs(path: Path) -> None:
    """Raise where a table of one's own would replace one that a verb reads again, or a record."""
    of_model = OF_MODEL if (path.parent / OF_MODEL[0]).exists() else OF_MODEL[:1]
    if path.name in of_model or is_of_runs(path.name):
        received = f"{path}, by which models and runs are known"
        expected = "a table of its own name"
        raise invalid("out", expected=expected, received=received, remedy=ANOTHER_NAME)
    for verb, (tables, known_by) in _OF_VERBS.items():
        if path.name not in tables or not any((path.parent / n).exists() for n in known_by):
            continue
        raise invalid(
            "out",
            expected="a table of its own name",
            received=say("{}, of the results of {}", str(path), VerbName(verb)),
            remedy=ANOTHER_NAME,
        )


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Have a folder within another for new files, before these take the place of earlier ones."""
    stage = folder / partial_name()
    try:
        with told(stage):
            stage.mkdir()
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def write_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write tables by name: all are whole beside earlier ones before the first takes its place."""
    with staged(folder) as stage:
        put_in_place(stage, folder, tables)


def put_in_place(
    stage: Path,
    folder: Path,
    tables: Mapping[str, pd.DataFrame],
    names: Iterable[str] = (),
    gone: Iterable[str] = (),
) -> dict[str, str]:
    """Write tables beside files that are ready, and let these and then those take their place.

    Parameters
    ----------
    stage : Path
        Of `staged`, where the files are.
    folder : Path
        Where all goes.
    tables : dict of DataFrame
        By name; the last one is that by which such results are known.
    names : iterable of str
        The files, below `stage`.
    gone : iterable of str, default ()
        Earlier files that are removed.

    Returns
    -------
    dict of str to str
        SHA-256 of the files and tables.
    """
    for name, table in tables.items():
        write_table(table, stage / name)
    hashes = {name: sha256_of(stage / name) for name in (*names, *tables)}
    gone = list(gone)
    if len(hashes) == 1 and not gone:  # which is whole or not there
        take_place(stage, Written(folder), hashes, gone)
        return hashes
    Written(folder).refuse_others([*hashes, *gone])
    plain = json.dumps({"files": hashes, GONE: gone})
    with told(folder):
        (stage / HASHES).write_text(plain, encoding="utf-8")
        durable(stage / name for name in (*hashes, HASHES))
        os.replace(stage, folder / REPLACING)
    try:
        _replace(folder, hashes, gone)
    except BaseException:
        if _untouched(folder, hashes, gone):
            remove_folder(folder / REPLACING)
        raise
    return hashes


def end_replacing(folder: Path, argument: str = "out") -> None:
    """Let what is left of new results take its place, where a kill or an error stopped that."""
    plain = _replacing(folder, argument)
    if plain is None:
        return
    _replace(folder, *plain, argument)


def _replace(
    folder: Path, hashes: Mapping[str, str], gone: Sequence[str], argument: str = "out"
) -> None:
    """Let files take their place from `REPLACING`, or say what an error leaves."""
    try:
        take_place(folder / REPLACING, Written(folder), hashes, gone)
    except InvalidError as error:
        if _untouched(folder, hashes, gone):
            raise
        raise _mixed(folder, argument, str(error.received)) from error
    remove_folder(folder / REPLACING)


def refuse_mixed(folder: Path, argument: str) -> None:
    """Raise where only a part of new results has taken its place, perhaps among earlier ones."""
    if is_regular(folder / REPLACING / HASHES):
        raise _mixed(folder, argument)


def _mixed(folder: Path, argument: str, why: str = "") -> InvalidError:
    """Return the error where new results have not yet taken the place of all earlier ones."""
    return invalid(
        argument,
        expected="results of one run: only some of the new ones have taken their place",
        received=why or str(folder),
        remedy=f"The others are in {folder / REPLACING}: the next run that writes there ends it.",
    )


def _replacing(folder: Path, argument: str) -> tuple[dict[str, str], list[str]] | None:
    """Read what is taking its place; None where nothing is, refused where it is something else."""
    stage = folder / REPLACING
    if not os.path.lexists(stage):
        return None
    try:
        if stage.is_symlink():
            raise ValueError
        plain = json.loads((stage / HASHES).read_text(encoding="utf-8"))
        hashes, gone = dict(plain["files"]), list(plain[GONE])
        inside = [p for p in stage.rglob("*") if p.is_symlink() or not p.is_dir()]
        below = {path.relative_to(stage).as_posix(): path for path in inside}
        below.pop(HASHES)
        whole = all(is_regular(p) and sha256_of(p) == hashes.get(n) for n, p in below.items())
        if not whole or not all(is_written_name(name) for name in (*hashes, *gone)):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise invalid(
            argument,
            expected=f"a folder in which {REPLACING} holds results that take their place",
            received=f"{stage}, which no run wrote, or which was changed since",
            remedy=MOVE_AWAY,
        ) from None
    return hashes, gone


def _untouched(folder: Path, hashes: Iterable[str], gone: Iterable[str]) -> bool:
    """Whether nothing has taken its place yet: the earlier results are whole."""
    still = all(os.path.lexists(folder / REPLACING / name) for name in hashes)
    return still and all(os.path.lexists(folder / name) for name in gone)
