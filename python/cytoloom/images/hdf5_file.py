"""HDF5 files: the data sets in one, opened by h5py once nothing of them leads out of the folder."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidError, invalid
from ..messages import said_by
from .cache import state_of
from .image import AnyArray
from .reader import Region, refuse_too_large
from .vendor import package

START = b"\x89HDF\r\n\x1a\n"
_LOOKED_AT = 10_000
"""Groups and data sets looked at to find those that are images."""
_LINKS = 16
_AGAIN = "It may be cut off or damaged: copy or export it again."
_FILTER = "Run pip install hdf5plugin, which has more filters, or save it anew with gzip."


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a file to read it."""
    h5py = package("h5py", path, "volumes")
    # filters of others, where someone has them
    with suppress(ImportError):
        import hdf5plugin  # noqa: F401
    with h5py.File(path, "r") as file:
        yield file


def node_in(file: Any, path: Path, name: str) -> Any:
    """Return the group or data set of a name, or None.

    Raises
    ------
    InvalidError
        It is reached by a link that leads to a file that is not beside this one.
    """
    node = file
    for part in name.split("/"):
        node = _step(node, path, part, _LINKS) if part else node
        if node is None:
            return None
    return node


def _step(node: Any, path: Path, part: str, links: int) -> Any:
    """Return what a group has by a name, following links."""
    h5py = package("h5py", path, "volumes")
    try:
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
    except KeyError:
        return None
    if isinstance(link, h5py.ExternalLink):
        _refuse_elsewhere(path, [link.filename])
    elif isinstance(link, h5py.SoftLink):
        if not links:
            return None
        there = node.file if link.path.startswith("/") else node
        for inner in link.path.split("/"):
            there = _step(there, path, inner, links - 1) if inner else there
        return there
    return None if link is None else node.get(part)


def dataset_in(file: Any, path: Path, name: str) -> Any:
    """Return the data set of a name, of numbers that lie in the file or beside it.

    Raises
    ------
    InvalidError
        There is none, it holds something else, or leads elsewhere.
    """
    h5py = package("h5py", path, "volumes")
    node = node_in(file, path, name)
    if not isinstance(node, h5py.Dataset):
        kind = "a file without" if node is None else "a group of this name"
        raise not_chosen(path, f"the data set /{name}", kind, images_in(path))
    where = f"{path}:/{name}"
    if node.dtype.kind not in "biufc" or node.shape is None:
        raise invalid(where, expected="a data set of numbers", received=f"one of {node.dtype}")
    if 0 in node.shape:
        raise invalid(where, expected="an image with pixels", received=f"the shape {node.shape}")
    if node.external:
        _refuse_elsewhere(path, [str(one[0]) for one in node.external], beside=False)
    if node.is_virtual:
        _refuse_elsewhere(path, [one.file_name for one in node.virtual_sources()])
    return node


def _refuse_elsewhere(path: Path, names: list[str], beside: bool = True) -> None:
    """Refuse what leads to files that are not beside this one: strangers may have named them."""
    for name in names:
        plain = name == "." or (Path(name).name == name and "\\" not in name)
        other = path if name == "." else path.parent / name
        if not (beside and plain and (other.is_file() or not other.exists())):
            raise invalid(
                str(path),
                expected="pixels in this file, or in HDF5 files beside it",
                received=f"a link to {name}",
                remedy="Copy what is meant into one file.",
            )


def not_chosen(path: Path, expected: str, received: str, names: tuple[str, ...]) -> InvalidError:
    """Build the error where no data set is meant for certain; it names those that are there."""
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    received += f", with {shown}" if names else ""
    remedy = f"Give one of them, such as {path}:{names[0]}." if names else ""
    if names and re.match(r"/t\d{5}/s\d\d/", names[0]):
        remedy = "It is of BigDataViewer: give the XML file that belongs to it."
    return invalid(str(path), expected=expected, received=received, remedy=remedy)


def images_in(path: Path) -> tuple[str, ...]:
    """Return the names of the data sets in a file that may be images, those of labels last."""
    return tuple(sorted(_images_in(path, state_of(path)), key=is_of_labels))


def is_of_labels(name: str) -> bool:
    """Whether a data set is called as labels are.

    Examples
    --------
    >>> is_of_labels("/volumes/labels"), is_of_labels("/raw")
    (True, False)
    """
    return any(word in name.lower() for word in ("label", "mask", "seg"))


@functools.lru_cache(maxsize=256)
def _images_in(path: Path, state: object) -> tuple[str, ...]:
    h5py = package("h5py", path, "volumes")
    images: list[str] = []
    small: list[str] = []
    count = 0

    def look(name: str, node: Any) -> bool | None:
        nonlocal count
        count += 1
        if isinstance(node, h5py.Dataset) and node.dtype.kind in "biuf":
            sides = sorted(node.shape or ())
            if 2 <= len(sides) <= 5 and sides[0]:
                # tables of boxes and points have four columns, or few
                (images if sides[-2] > 4 else small).append(f"/{name}")
        return True if count > _LOOKED_AT else None

    with opened(path) as file:
        file.visititems(look)
    return tuple(images or small)


def attributes_of(node: Any) -> Mapping[str, Any]:
    """Return what is said of a data set or group: texts, numbers and lists of them."""
    found = {}
    for key in node.attrs:
        # some types of other languages cannot be read
        with suppress(Exception):
            found[key] = _plain(node.attrs[key])
    return found


def _plain(value: Any) -> Any:
    """Return a value of NumPy as one of Python; bytes are text.

    Examples
    --------
    >>> _plain(np.array([b"z", b"y"])), _plain(np.float32(0.5)), _plain(b"um")
    (['z', 'y'], 0.5, 'um')
    """
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def text_of(value: Any) -> str:
    """Return a text, which some programs write as a list of letters.

    Examples
    --------
    >>> text_of(["1", "0", "2", "4"]), text_of("um"), text_of(None)
    ('1024', 'um', '')
    """
    if isinstance(value, list):
        return "".join(text_of(one) for one in value).strip("\0 ")
    return "" if value is None else str(value).strip("\0 ")


def box_of(data: Any, box: Region, path: Path) -> AnyArray:
    """Read a box of a data set, decoding the chunks that it meets.

    Raises
    ------
    InvalidError
        A chunk that cannot be decoded, or for which there is no memory.
    """
    refuse_too_large(data.chunks or (), data.dtype, str(path))
    try:
        return np.asarray(data[box])
    except Exception as error:
        at = ", ".join(f"{b.start}:{b.stop}" for b in box)
        missing = "filter" in str(error).lower()
        raise invalid(
            str(path),
            expected="chunks that can be decoded",
            received=f"one or more in [{at}] of {data.name} that cannot be ({said_by(error)})",
            remedy=_FILTER if missing else _AGAIN,
        ) from error
