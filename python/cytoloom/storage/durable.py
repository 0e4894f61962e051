"""Files that are still there after a power cut: written to the disk itself, and not only handed on.

Until then, which takes a system up to half a minute, a new file may have its name on the disk and
nothing in it. So what is removed because something else is whole waits for this.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_AT_ONCE = 8
"""Disks write several files in hardly more time than one."""
_UNABLE = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EACCES, errno.ENOENT)
"""Of disks without such a thing; and files that are somebody else's or gone: this is said later."""


def durable(files: Iterable[Path], folders: Iterable[Path] = ()) -> None:
    """Return when files, and then the names in folders, are on the disk.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("a")
    >>> durable([folder / "a.txt"], [folder])
    """
    with ThreadPoolExecutor(_AT_ONCE) as several:
        for _ in several.map(_sync, files):
            pass
    for folder in folders if os.name == "posix" else ():  # elsewhere names need nothing
        with contextlib.suppress(OSError):
            _sync(folder)


def _sync(path: Path) -> None:
    try:
        # one that is only read cannot be asked for everywhere
        opened = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
    except OSError as error:
        if error.errno not in _UNABLE:
            raise
