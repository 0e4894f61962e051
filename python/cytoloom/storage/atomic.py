"""Files and folders that are whole or not there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import DiskError, InvalidError, disk_error, invalid
from ..messages import Setting, say
from .durable import durable

_PARTIAL = ".cytoloom-"
_PARTIAL_NAME = re.compile(rf"{re.escape(_PARTIAL)}([0-9a-f]{{24}})([0-9a-f]{{8}})(?:\.|$)")
_UNSEEN = re.compile(
    rf"/({re.escape(_PARTIAL)}[0-9a-f]{{32}}|\.replacing|\.predicting(/new|/[\w.]+$)?)(?=/|$)"
)
"""Below a folder of results: where files of it are before they take their place."""
_ROOM = "Make room and try again, or pass a folder on another disk."
_LEAVE = "Pass a place that you may write to."
_REMEDIES = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: "Allow larger files (ulimit -f), or pass a folder on another disk.",
    errno.EROFS: _LEAVE,
    errno.EACCES: _LEAVE,
    errno.EPERM: _LEAVE,
    errno.EIO: "The disk, or the way to it, may be failing: pass a folder on another disk.",
    errno.ENAMETOOLONG: "Pass a shorter name: disks take at most 255 bytes.",
}


@contextlib.contextmanager
def told(path: Path, name: str = "") -> Iterator[None]:
    """Say in one sentence why something cannot be written.

    Parameters
    ----------
    path : Path
        What is written, or the folder.
    name : str, default ""
        The argument at fault, by default the path.

    Examples
    --------
    >>> with told(Path("labels"), "out"):
    ...     raise OSError(errno.ENOSPC, "No space left on device")
    Traceback (most recent call last):
    cytoloom.errors.DiskError: Invalid `out`. Expected a place that can be written to. \
Received: labels: No space left on device. Make room ...
    """
    try:
        yield
    except DiskError:
        raise
    except OSError as error:
        # of a rename, where to: what stands in its way is there
        named = error.filename2 if isinstance(error.filename2, str) else error.filename
        at = Path(named) if isinstance(named, str) else path
        unseen = is_partial(at.name) or at.name.startswith((".in-use", "tmp"))
        path = place_of(path)
        at = path if unseen else place_of(at)
        said = invalid(
            name or str(path),
            expected="a place that can be written to",
            received=f"{at}: {_why(at, error)}" if name or at != path else _why(at, error),
            remedy=_REMEDIES.get(error.errno or 0, "Pass another name."),
        )
        raise disk_error(said) from error


def place_of(path: Path) -> Path:
    """Return where people will find what is being written, who have seen no other name of it.

    Examples
    --------
    >>> place_of(Path("out/.predicting/new/labels/a.tif")).as_posix()
    'out/labels/a.tif'
    >>> place_of(Path("out/.predicting/finished.jsonl")).as_posix()
    'out'
    """
    return Path(_UNSEEN.sub("", path.as_posix())) if _UNSEEN.search(path.as_posix()) else path


def _why(path: Path, error: OSError) -> str:
    """Say what is in the way; a link or a file are, of all places above, what can be seen."""
    for place in (path, *path.parents):
        if os.path.islink(place) and not os.path.exists(place):
            return f"{place} is a link to nothing"
        if os.path.isfile(place) and (place != path or error.errno == errno.EEXIST):
            return f"{place} is a file"
    return error.strerror or str(error)


def partial_name(suffix: str = "") -> str:
    """Return a name for what is being written, which nothing else has."""
    drawn = uuid.uuid4().hex[:24]
    return f"{_PARTIAL}{drawn}{_check(drawn)}{suffix}"


def is_partial(name: str) -> bool:
    """Whether a name is one of `partial_name`, and not one that somebody else has made up."""
    found = _PARTIAL_NAME.match(name)
    return found is not None and _check(found[1]) == found[2]


def _check(drawn: str) -> str:
    return hashlib.sha256(drawn.encode()).hexdigest()[:8]


def remove_partial(folder: Path) -> None:
    """Remove what a kill left of files and folders that were being written."""
    for path in folder.glob(f"{_PARTIAL}*"):
        if not is_partial(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def leave_empty(*folders: Path) -> None:
    """Remove folders, the innermost first, where they hold nothing."""
    for path in folders:
        with contextlib.suppress(OSError, ValueError):
            path.rmdir()


def make_folder(inner: Path, folder: Path, argument: str = "out") -> None:
    """Make a folder within one that can be written to."""
    made = missing(inner)
    try:
        with told(folder, argument):
            _make(inner)
            with tempfile.TemporaryFile(dir=folder) as probe:
                probe.write(b"0")
    except DiskError:
        leave_empty(*made)
        raise


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except ValueError as error:  # a NUL in its name
        raise OSError(errno.EINVAL, str(error)) from None


def meant(path: str | os.PathLike[str]) -> Path:
    """Return the folder that a path means, wherever one works later: ~ is the home folder.

    Examples
    --------
    >>> meant("results") == Path.cwd() / "results", meant(".") == Path.cwd()
    (True, True)
    """
    return Path(working_folder(), Path(path).expanduser())


def working_folder() -> str:
    """Return the working directory; nothing where it is gone, and paths stay as they are."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def missing(folder: Path) -> tuple[Path, ...]:
    """List the folders that are made with one, the innermost first."""
    return tuple(path for path in (folder, *folder.parents) if not os.path.lexists(path))


def is_regular(path: Path) -> bool:
    """Whether a path is a file itself: no link, no folder, no pipe, which would be waited for.

    Examples
    --------
    >>> is_regular(Path(__file__)), is_regular(Path(__file__).parent), is_regular(Path("none"))
    (True, False, False)
    """
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def is_other_than_file(path: Path) -> bool:
    """Whether something that is no file stands at a path, by one look: it may go at any moment.

    Examples
    --------
    >>> is_other_than_file(Path(__file__)), is_other_than_file(Path(__file__).parent)
    (False, True)
    >>> is_other_than_file(Path("none"))
    False
    """
    try:
        return not stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def remove_folder(folder: Path) -> None:
    """Remove a folder as a whole: a kill meanwhile leaves what `remove_partial` removes."""
    if folder.is_dir() and not folder.is_symlink():
        aside = folder.with_name(partial_name())
        with contextlib.suppress(OSError):
            os.replace(folder, aside)
        for path in (aside, folder):
            shutil.rmtree(path, ignore_errors=True)


def new_file(path: Path) -> InvalidError:
    """Return the error where a file is there that is not to be replaced."""
    remedy = say("Pass {} to replace it, or another name.", Setting("overwrite", True))
    return invalid("path", expected="a new file", received=str(path), remedy=remedy)


def write_whole(
    path: Path, write: Callable[[str], object], overwrite: bool = True, lasting: bool = False
) -> Path:
    """Write under a temporary name, then rename.

    Without `overwrite`, a file that is there stays, also one that came while this was written. One
    that is `lasting` is on the disk before it has its name, see `durable`.
    """
    if not overwrite and os.path.lexists(path):
        raise new_file(path)
    # Not its own name within, which may be as long as names can be. Made by who writes it, as any
    # file: one of `mkstemp` is its owner's alone, and the mask can only be read by changing it, for
    # all threads.
    temporary = path.parent / partial_name(path.suffix)
    try:
        with told(path):
            # absolute: a library may take a leading ~ for the home folder
            write(os.path.abspath(temporary))
            if lasting:
                durable([temporary])
            _publish(temporary, path, overwrite)
    except BaseException:
        # its folder may have become a file
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    return path


def _publish(temporary: Path, path: Path, overwrite: bool) -> None:
    """Give a file its name."""
    if overwrite:
        os.replace(temporary, path)
        return
    try:
        os.link(temporary, path)  # fails where something is there, unlike a rename
    except FileExistsError:
        raise new_file(path) from None
    except (OSError, NotImplementedError):  # a disk without links
        if os.path.lexists(path):
            raise new_file(path) from None
        os.replace(temporary, path)
    else:
        temporary.unlink()
