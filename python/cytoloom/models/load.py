"""A model from its folder."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from ..components.fits import is_path
from ..errors import GuessWarning, InvalidError, disk_told, invalid
from ..messages import Value, say
from ..storage.atomic import meant, sha256_of
from ..storage.written import Written
from ..tasks import Task, resolve
from .manifest import MANIFEST
from .model import Model
from .record import NETWORK
from .saving import FIELDS, key_of, parts_of, read_history, read_manifest


@disk_told()
def load(path: str | os.PathLike[str], task: str | Task | None = None) -> Model:
    """Load a model folder.

    Nothing in it is executed: networks are read with ``safe_mode=True, compile=False``, the
    rest is JSON and CSV. Loading starts no backend; the first prediction does.

    Parameters
    ----------
    path : path
        Folder written by `train` or `Model.save`.
    task : str or Task, optional
        What its task must be; ``"my_task:Ridges"`` imports that of a module of your own first.
        Default: whatever the folder says.

    Returns
    -------
    Model
        Its networks are read when first needed.

    Warns
    -----
    UserWarning
        Its ``model.json`` was changed since it was written.

    Raises
    ------
    InvalidError
        Not a model folder, an unfinished training, a format of a newer version, files that are
        damaged or of two saves, or another task.

    Examples
    --------
    >>> load("no-such-folder")
    Traceback (most recent call last):
    cytoloom.errors.InvalidError: Invalid `path`. Expected a model folder ... Received: ...
    """
    if not is_path(path):
        expected = "the path of a model's folder"
        raise invalid("path", expected=expected, received=Value(path))
    folder = Path(path).expanduser()
    wanted = None if task is None else type(resolve(task))
    plain = read_manifest(folder)
    _say_changed(folder)
    names = [name for name in plain["files"] if name.endswith(".keras")]
    try:
        parts = parts_of(plain)
    except InvalidError as error:
        raise error.told(say("{} It is in {}.", str(error), folder / MANIFEST)) from None
    if wanted is not None and all(type(part.task) is not wanted for part in parts.values()):
        names = ", ".join(type(part.task).__name__ for part in parts.values())
        received = f"{names} in {folder}"
        raise invalid("task", expected=f"a model of {wanted.__name__}", received=received)
    files = {key_of(name): name for name in names} or {(1, NETWORK): f"{NETWORK}.keras"}
    return Model(
        parts=parts,
        info={name: plain[name] for name in FIELDS if name in plain},
        history=read_history(folder),
        members=int(plain["members"]),
        path=meant(folder),  # in whatever directory it works later
        files=files,
        hashes={
            key: plain["files"].get(name) or sha256_of(folder / name) for key, name in files.items()
        },
    )


def _say_changed(folder: Path) -> None:
    """Warn of a manifest that is not as it was written; where no record tells, nothing is known."""
    record = Written(folder)
    if record.digests(MANIFEST) and not record.holds(MANIFEST):
        text = "{} was changed since it was written; its settings are taken as they are now"
        # of the file, whoever called, and through however many verbs
        file = str(folder / MANIFEST)
        warnings.warn_explicit(GuessWarning(say(text, file)), None, file, 1, MANIFEST)
