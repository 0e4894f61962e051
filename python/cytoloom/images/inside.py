"""Paths that name more than a file on disk: a data set or region in a file, a store on a server."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from .regions import apart
from .remote import address

_SETS = "h5|hdf5|hdf|he5|nc|ilp|ims"
_FILES = "tiff?|btf|tf2|tf8|svs|ndpi|scn|bif|qptiff|xml"
_FOLDERS = r"(?:zarr|n5)(?:[/\\][^:]*)?"
_OF_SETS = re.compile(rf"(.+?\.(?:{_SETS}))(:[/\\]*|[/\\]+)(.*)", re.I | re.S)
"""A file that holds data sets, what divides it from one of them, and that one."""
_OF_FOLDER = re.compile(rf"(.+?\.{_FOLDERS}):[/\\]*(.*)", re.I | re.S)
_OF_COPIES = re.compile(rf"(.+?\.(?:{_FILES}|{_FOLDERS})):[/\\]*(.*)", re.I | re.S)
"""A file or folder that holds smaller copies, and one of them."""


def divided(path: str | Path) -> tuple[Path, str]:
    r"""Return a file, and what in it a path names: a data set, level or region; nothing for all.

    A colon divides them, or of files with data sets a slash, as in ilastik, where there is such a
    file.

    Examples
    --------
    >>> divided("set/a.h5:/raw/t0") == (Path("set/a.h5"), "raw/t0")
    True
    >>> str(divided(r"C:\data\a.h5:\raw")[0]), divided(r"C:\data\a.h5:\raw")[1]
    ('C:\\data\\a.h5', 'raw')
    >>> divided("set/a.tif") == (Path("set/a.tif"), ""), divided("set/a.svs:/1")[1]
    (True, '1')
    >>> divided("http://host:80/a.zarr/labels/b:/1um")[1], divided("http://host:80/a.zarr")[1]
    ('1um', '')
    >>> str(divided("a.png:[0:9, 0:9]")[0]), divided("a.h5:/raw[0:9, 0:9]")[1]
    ('a.png', 'raw[0:9, 0:9]')
    """
    path, region = apart(path)
    file, name = _divided(path)
    return file, f"{name}[{region}]" if region else name


def _divided(path: Path) -> tuple[Path, str]:
    text = str(path)
    remote = address(path) is not None
    sets = None if remote else _OF_SETS.fullmatch(text)
    if sets is not None and (sets[2][0] == ":" or Path(sets[1]).is_file()):
        return _parted(path, sets[1], sets[3])
    # in an address the colon of a port is another one
    copies = (_OF_FOLDER if remote else _OF_COPIES).fullmatch(text)
    return (path, "") if copies is None else _parted(path, copies[1], copies[2])


def _parted(path: Path, file: str, name: str) -> tuple[Path, str]:
    """Return both parts, unless there is a file of the whole name."""
    whole = ":" in path.name and path.is_file()
    return (path, "") if whole else (Path(file), _plain(name))


def _plain(name: str) -> str:
    return name.replace("\\", "/").strip("/")


def matching(pattern: str | Path) -> list[str]:
    """Return the files that a pattern means, each with what is meant within it; in no order.

    Examples
    --------
    >>> matching("nothing/*.h5:/raw")
    []
    """
    # brackets in the name of a data set are none of a pattern
    file, name = divided(pattern)
    found = glob.glob(str(file), recursive=True)
    return [f"{one}:/{name}" for one in found] if name else found


def is_there(path: str | Path) -> bool:
    """Whether there is a file or folder of this name, or the file of a data set within it.

    Of addresses it is taken for granted: what is there, a server says when it is read.

    Examples
    --------
    >>> is_there("nothing.h5:/raw"), is_there(".")
    (False, True)
    """
    return address(path) is not None or divided(Path(path).expanduser())[0].exists()
