"""Files and folders that are whole or not there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

from ..errors import invalid

PARTIAL = ".cytoloom-"
"""What names of files that are being written begin with, and no others."""


def leave_empty(*folders: Path) -> None:
    """Remove folders, the innermost first, where they hold nothing."""
    for path in folders:
        with contextlib.suppress(OSError):
            path.rmdir()


def make_folder(inner: Path, folder: Path) -> None:
    """Make a folder within one that can be written to."""
    try:
        inner.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"0")
    except OSError as error:
        why = "a file" if folder.is_file() else error.strerror
        raise invalid("out", expected="a folder to write to", received=f"{folder}: {why}") from None


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


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_whole(path: Path, write: Callable[[str], object]) -> Path:
    """Write under a temporary name, then rename."""
    # Not its own name within, which may be as long as names can be. Made by who writes it, as any
    # file: one of `mkstemp` is its owner's alone, and the mask can only be read by changing it, for
    # all threads.
    temporary = path.parent / f"{PARTIAL}{uuid.uuid4().hex}{path.suffix}"
    try:
        write(str(temporary))
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path
