"""A model's folder, written and read: files first, last the manifest with their hashes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..components import from_plain
from ..errors import GuessWarning, invalid
from ..images.normalize import Normalize
from ..messages import Value, VerbName, say
from ..networks.network import Network
from ..storage.atomic import is_regular, leave_empty, partial_name, remove_folder, sha256_of, told
from ..storage.durable import durable
from ..storage.tables import read_table
from ..storage.written import MOVE_AWAY, RECORD, Written
from ..tasks.task import Task
from ..uncertainty.calibration import Calibration
from .manifest import AGAIN, MANIFEST, PART_TYPES, TYPES, check_scores, check_types, read_fields
from .record import FORMAT, INFO, NETWORK, Part

if TYPE_CHECKING:
    import pandas as pd

STATES = ".training"
FIELDS = ("format", "cytoloom", "members", "networks", "files", *INFO)
FIELDS_1 = ("format", "cytoloom", "members", "task", "network", "normalize", *INFO)
PART_FIELDS = tuple(PART_TYPES)
HISTORY = "history.csv"
NUMBERS = ("epoch", "iteration", "seconds", "value")
HISTORY_COLUMNS = (*NUMBERS[:3], "set", "metric", NUMBERS[3])
SAVED = ".saved"
"""All files of a save, whole, until they have taken their place."""
BEFORE = ".before.json"
"""In it: SHA-256 of what they replace. Where somebody has changed that since, they do not."""
UNFINISHED = (
    "A save was broken off: load the model where its folder can be written to, which ends it."
)
CHANGED_SINCE = (
    "A save was broken off, and {} is not what it would have replaced: move that away, and load "
    "the model again, which ends the save."
)
NOT_REPLACED = "{}: a save was broken off and has not replaced this model, which is used. "
LOAD_IT = "The new one is in {}: load it and save it here, or remove that folder."
REMOVE_IT = "What is in {} is a part of the new one: remove that folder."
REPLACED_1 = (
    "{}: a model of format 1 is replaced. Its files have no hashes: nobody knows whether somebody "
    "had changed them."
)
WORDS, SNAPSHOTS = "README.md", "snapshots"
"""The card and the pictures, for people alone: their hashes are not asked for when loading."""


def network_path(member: int, name: str) -> str:
    """Return where the network of a member lies in its folder.

    Examples
    --------
    >>> network_path(1, "network")
    'members/1/network.keras'
    """
    return f"members/{member}/{name}.keras"


def key_of(path: str) -> tuple[int, str]:
    """Return member and name of a network by its place in the folder.

    Examples
    --------
    >>> key_of("members/2/links.keras")
    (2, 'links')
    """
    _, member, name = path.split("/")
    return int(member), name.removesuffix(".keras")


def write_files(
    folder: Path,
    files: Mapping[str, Callable[[Path], object]],
    plain: Mapping[str, Any],
    begun: Callable[[str], object] | None = None,
) -> None:
    """Write a model's files and its manifest with the SHA-256 of each, whole or not at all.

    All files are whole in a folder of their own before the first takes its place, so that what
    fails or is killed leaves the model that was there. Once the first has taken its place, the new
    model is the one: whoever loads it ends a save that was killed, see `finish_save`.

    Parameters
    ----------
    folder : Path
        Exists.
    files : dict of str to callable
        By path in the folder; each is given the path to write to.
    plain : dict
        What the manifest says beside.
    begun : callable, optional
        Given the SHA-256 of the manifest when all is whole, before the first file takes its place.
    """
    partial = folder / partial_name()
    with told(folder):
        finish_save(folder)
        refuse_changed(folder, files)
        try:
            partial.mkdir()
            for name, write in files.items():
                (partial / name).parent.mkdir(parents=True, exist_ok=True)
                write(partial / name)
            hashes = {name: sha256_of(partial / name) for name in files}
            text = json.dumps({**plain, "files": hashes}, indent=1)
            (partial / MANIFEST).write_text(text, encoding="utf-8")
            # as it would be loaded: a model that nobody could load replaces none
            checked(read_fields(partial / MANIFEST), folder / MANIFEST)
            refuse_changed(folder, files)  # writing takes seconds, in which people save theirs
            before = _hashes(folder, (*files, *_manifest_files(folder), MANIFEST))
            (partial / BEFORE).write_text(json.dumps(before), encoding="utf-8")
            if begun is not None:
                begun(sha256_of(partial / MANIFEST))
            if not _has_hashes(_manifest_files(folder)):
                warnings.warn(GuessWarning(REPLACED_1.format(folder)), stacklevel=3)
            durable(partial / name for name in (*files, MANIFEST, BEFORE))
            remove_folder(folder / SAVED)
            os.replace(partial, folder / SAVED)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        try:
            finish_save(folder, begin=True)
        except BaseException:
            if all((folder / SAVED / name).is_file() for name in files):
                remove_folder(
                    folder / SAVED
                )  # nothing has taken its place: the earlier model stays
            raise
        # only then may the states go from which the same model could be made once more
        durable((), {folder / parent for name in files for parent in Path(name).parents})
        if (folder / SAVED).exists():  # left where it is, as a file was changed meanwhile
            refuse_changed(folder, argument=str(folder))


def refuse_changed(
    folder: Path, names: Iterable[str] = (HISTORY, WORDS), argument: str = "out"
) -> None:
    """Raise where a file that a new model would replace or remove is not as it was saved.

    Parameters
    ----------
    folder : Path
        Of a model, or of none yet.
    names : iterable of str
        Files of the new model.
    argument : str, default "out"
        What the folder is called in errors.
    """
    _refuse_other_save(folder, argument)
    odd = changed_since(folder) if _is_begun(folder) else None
    if odd is not None:
        remedy = CHANGED_SINCE.format(folder / odd)
        expected, received = "the folder of a model that is whole", str(folder)
        raise invalid(argument, expected=expected, received=received, remedy=remedy)
    known = _manifest_files(folder)
    if not _has_hashes(known):
        return
    record = Written(folder, known)
    record.refuse_others({**known, **dict.fromkeys(names)}, argument)
    # of the manifest the record in the folder tells; left behind in copying, nothing does
    if os.path.lexists(folder / MANIFEST) and not record.holds(MANIFEST):
        alone = f"without {RECORD} beside it, so that it may have been changed since"
        why = "which was changed since" if record.digests(MANIFEST) else alone
        raise invalid(
            argument,
            expected="a folder with the manifest of a model as it was saved",
            received=f"{folder / MANIFEST}, {why}",
            remedy="Move the whole folder away, or pass another name.",
        )


def _has_hashes(known: Mapping[str, str]) -> bool:
    """Whether a manifest says what its files are; that of format 1 does not."""
    return all(known.values())


def _refuse_other_save(folder: Path, argument: str) -> None:
    """Raise where what has the name of a save that was broken off is none, or holds more."""
    saved = folder / SAVED
    ours = {BEFORE, MANIFEST, *_manifest_files(saved)}
    inside = [path for path in saved.rglob("*") if path.is_symlink() or not path.is_dir()]
    odd = [p for p in inside if not is_regular(p) or p.relative_to(saved).as_posix() not in ours]
    other = saved.is_symlink() or (os.path.lexists(saved) and not saved.is_dir())
    if other or (inside and not is_regular(saved / BEFORE)):
        odd = [saved]
    if odd:
        raise invalid(
            argument,
            expected=f"a folder in which {SAVED} holds a model that was being saved",
            received=f"{odd[0]}, which no save wrote",
            remedy=MOVE_AWAY,
        )


def finish_save(folder: Path, begin: bool = False) -> None:
    """Let the files of a save take their place where some have, the manifest last.

    Whatever of it is done before a kill, or at once by another process, doing it again ends alike.
    Nothing is done where a file was changed since it was begun, or where the folder holds a whole
    model: a save that has replaced nothing, or a model that somebody has put back.

    Parameters
    ----------
    folder : Path
        Of a model.
    begin : bool, default False
        The model that is there is to be replaced.
    """
    saved = folder / SAVED
    if not (is_pending(folder) if begin else _is_begun(folder)) or changed_since(folder):
        return
    names, earlier = _manifest_files(saved), _manifest_files(folder)
    if not names:  # ended by another process by now
        return
    written, record = Written(folder, earlier), Written(folder)
    manifest = {MANIFEST: sha256_of(saved / MANIFEST)}
    for name in names:
        if changed_since(folder, [name]):
            return
        _take_place(saved / name, _inside(folder, name))
    for name in set(earlier) - set(names):
        if written.holds(name) or not earlier[name]:
            _inside(folder, name).unlink(missing_ok=True)
            leave_empty((folder / name).parent)
    record.add(manifest)
    if changed_since(folder, [MANIFEST]):
        return
    _take_place(saved / MANIFEST, folder / MANIFEST)
    record.settle(manifest)
    remove_folder(folder / SAVED)


def is_pending(folder: Path) -> bool:
    """Whether a save was broken off there."""
    saved = folder / SAVED
    ours = is_regular(saved / MANIFEST) and is_regular(saved / BEFORE)
    return ours and not saved.is_symlink()


def _is_begun(folder: Path) -> bool:
    """Whether a save was broken off, and what is there is no whole model without it."""
    return is_pending(folder) and not _is_whole(folder)


def _is_whole(folder: Path) -> bool:
    """Whether all files are there as the manifest says; of format 1, which says none, no."""
    known = _manifest_files(folder)
    return bool(known) and _hashes(folder, known) == known


def changed_since(folder: Path, among: Iterable[str] | None = None) -> str | None:
    """Name a file that is neither what a save that was broken off replaces, nor of that save."""
    saved = folder / SAVED
    try:
        before = dict(json.loads((saved / BEFORE).read_text(encoding="utf-8")))
        names = {*before, *_manifest_files(saved)} if among is None else among
        now = _hashes(folder, names)
        after = {**_manifest_files(saved), MANIFEST: sha256_of(saved / MANIFEST)}
    except (OSError, ValueError, TypeError):  # ended by another process by now
        return None
    odd = (name for name in sorted(now) if now[name] not in (before.get(name), after.get(name)))
    return next(odd, None)


def _hashes(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of the files that are there."""
    places = {name: _inside(folder, name) for name in names}
    return {name: sha256_of(file) for name, file in places.items() if file.is_file()}


def _take_place(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):  # it has
        os.replace(file, target)


def _manifest_files(folder: Path) -> Mapping[str, str]:
    """Return what a manifest says of files; nothing where there is none that can be read."""
    try:
        if not (folder / MANIFEST).is_file():
            return {}
        plain = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        of_format_1 = {f"{NETWORK}.keras": ""} if plain["format"] == 1 else {}
        return dict(plain["files"]) if plain["format"] == FORMAT else of_format_1
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _inside(folder: Path, name: str) -> Path:
    """Return the place of a file; a manifest from elsewhere must not point out of its folder."""
    try:
        outside = folder.resolve() not in (folder / name).resolve().parents
    except (ValueError, OSError, RuntimeError):  # no name of a file; a link to itself
        raise invalid(MANIFEST, expected="names of files", received=Value(name)) from None
    if outside:
        raise invalid(MANIFEST, expected="files in its own folder", received=Value(name))
    return folder / name


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check ``model.json``, of format 2 or as format 1 would be in it.

    Raises
    ------
    InvalidError
        Not a model folder, an unfinished training, a format of a newer version, unknown fields,
        or files that are not those that were saved.
    """
    file = folder / MANIFEST
    with contextlib.suppress(OSError):  # a folder that can only be read: its hashes tell
        finish_save(folder)
    if not file.is_file():
        unfinished = (folder / STATES).is_dir()
        again = say("Its training did not finish: run the same {} again.", VerbName("train"))
        other = say("Pass the folder that {} wrote.", VerbName("train"))
        raise invalid(
            "path",
            expected="a model folder (with model.json)",
            received=str(folder),
            remedy=again if unfinished else other,
        )
    plain = checked(read_fields(file), file)
    _check_files(folder, plain["files"])
    if is_pending(folder) and _is_whole(folder):
        _tell_of_save(folder)
    if plain["format"] == FORMAT:
        _check_members(plain, file)
    return plain


def _tell_of_save(folder: Path) -> None:
    """Warn of a save that was broken off and has replaced nothing, or was undone by somebody."""
    left = LOAD_IT if _is_whole(folder / SAVED) else REMOVE_IT
    text = (NOT_REPLACED + left).format(folder, folder / SAVED)
    warnings.warn(GuessWarning(text), stacklevel=5)


def checked(plain: dict[str, Any], file: Path) -> dict[str, Any]:
    """Refuse what is no manifest of a model; return it as format 2 says it.

    Parameters
    ----------
    plain : dict
        The fields.
    file : Path
        Where they are from, for errors.
    """
    number = plain.get("format")
    if type(number) is not int or number not in (1, FORMAT):
        raise invalid(
            "format",
            expected=f"{FORMAT}",
            received=say("{} in {}", number, file),
            remedy="A newer cytoloom may be needed.",
        )
    _check_fields(plain, FIELDS_1 if number == 1 else FIELDS, file)
    check_types(plain, TYPES, file)
    check_scores(plain, file)
    if number == 1:
        check_types(plain, dict.fromkeys(("task", "network", "normalize"), "dict"), file)
        return _of_format_1(plain)
    for part in plain["networks"].values():
        _check_fields(part, PART_FIELDS, file)
        check_types(part, PART_TYPES, file)
    return plain


def _check_members(plain: Mapping[str, Any], file: Path) -> None:
    """Refuse a manifest that does not name a network for each member."""
    count = plain["members"]
    counted = type(count) is int and count <= len(plain["files"])
    members = range(1, count + 1) if counted else ()
    wanted = {network_path(member, name) for member in members for name in plain["networks"]}
    named = {name for name in plain["files"] if name.endswith(".keras")}
    if not wanted or wanted != named:
        received = say("{} for members {} in {}", ", ".join(sorted(named)), Value(count), file)
        expected = say("networks {}", ", ".join(sorted(wanted)) or "of each member")
        raise invalid(MANIFEST, expected=expected, received=received, remedy=AGAIN)


def _check_fields(plain: Mapping[str, Any], expected: tuple[str, ...], file: Path) -> None:
    if set(plain) != set(expected):
        odd = sorted(set(plain) ^ set(expected))
        raise invalid(
            MANIFEST,
            expected=say("fields {}", list(expected)),
            received=say("{} in {}", odd, file),
        )


def _check_files(folder: Path, hashes: Mapping[str, str]) -> None:
    """Refuse files that are not those that the manifest was written with."""
    for name, known in hashes.items():
        inside = _inside(folder, name)
        if name == WORDS or name.startswith(f"{SNAPSHOTS}/"):
            continue
        why = "it is not there" if not inside.is_file() else ""
        if not why and sha256_of(inside) != known:
            why = "it is damaged, or of another save"
        if why:
            raise invalid(
                "model",
                expected=f"the file {folder / name} as it was saved",
                received=why,
                remedy=_remedy(folder),
            )


def _remedy(folder: Path) -> str:
    """Say what makes a model whole again."""
    if not (folder / SAVED / MANIFEST).exists():
        return AGAIN
    odd = changed_since(folder)
    return UNFINISHED if odd is None else CHANGED_SINCE.format(folder / odd)


def _of_format_1(plain: dict[str, Any]) -> dict[str, Any]:
    """Say what a manifest of format 1 says as format 2 does: one network, no hashes."""
    part = {name: plain.pop(name) for name in ("task", "network", "normalize")}
    # a field that Data has, too
    part["task"].pop("unknown", None)
    part |= {"inputs": {"image": plain["channels"]["count"]}, "calibration": None}
    return {**plain, "members": 1, "networks": {NETWORK: part}, "files": {}}


def read_history(folder: Path) -> pd.DataFrame:
    """Read ``history.csv``; without one nothing is known of the training's course."""
    import pandas as pd

    file = folder / HISTORY
    if not file.is_file():
        return pd.DataFrame()
    try:
        table = read_table(file)
        why: str = say("columns {}", list(table.columns))
        if set(HISTORY_COLUMNS) <= set(table.columns):
            words = [c for c in NUMBERS if len(table) and table[c].dtype.kind not in "if"]
            why = f"words in columns {', '.join(words)}" if words else ""
    except (ValueError, OverflowError) as error:
        why = str(error)
    if why:
        received = say("{}: {}", file, why)
        expected = say("a table with columns {}", list(HISTORY_COLUMNS))
        raise invalid(HISTORY, expected=expected, received=received, remedy=AGAIN)
    return table


def parts_of(plain: Mapping[str, Any]) -> dict[str, Part]:
    """Rebuild the parts of a model from its manifest."""
    return {
        name: Part(
            from_plain(part["task"], Task),
            from_plain(part["network"], Network),
            from_plain(part["normalize"], Normalize),
            {key: int(count) for key, count in part["inputs"].items()},
            part["calibration"] and from_plain(part["calibration"], Calibration),
        )
        for name, part in plain["networks"].items()
    }
