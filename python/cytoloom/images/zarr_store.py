"""Zarr folders: what their metadata say, checked before the package zarr opens an array."""

from __future__ import annotations

import functools
import itertools
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ..errors import InvalidError, invalid
from ..messages import said_by
from . import tensor_store
from .cache import state_of
from .remote import address, shown
from .vendor import package

METADATA = ("zarr.json", ".zarray", ".zgroup", ".zattrs")
_LARGEST_METADATA = 100_000_000
_SAFE_FILTERS = frozenset(
    "blosc zlib gzip zstd lz4 bz2 lzma delta fixedscaleoffset packbits shuffle bitround quantize"
    " astype crc32 crc32c adler32 fletcher32 jenkins_lookup3 zfpy pcodec".split()
)
"""Codecs of version 2 that are of bytes and numbers: pickle among the others runs what it reads."""
_SAFE_CODECS = frozenset(
    {"bytes", "endian", "transpose", "sharding_indexed", "crc32c", "gzip", "blosc", "zstd"}
    | {f"numcodecs.{name}" for name in _SAFE_FILTERS}
)
_NUMBERS = re.compile(r"[<>|=]?[biufc]\d{1,2}|bool|u?int\d{1,2}|float\d{1,2}|complex\d{2,3}")
_WATCHED = 64
"""Chunks and folders looked at to notice that an image was written anew; of more, only the first
and their folders."""


@dataclass(frozen=True)
class Node:
    """A folder of a store: an array, or a group of others.

    Parameters
    ----------
    path : Path
        The folder.
    version : int
        2 or 3, of Zarr.
    array : bool
        Whether it is an array.
    metadata : mapping
        Of an array: shape, type, chunks and codecs, as they are written.
    attributes : mapping
        What else is said of it.
    """

    path: Path
    version: int
    array: bool
    metadata: Mapping[str, Any]
    attributes: Mapping[str, Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an array.

        Raises
        ------
        InvalidError
            It is none.
        """
        shape = self.metadata.get("shape")
        # of a bool, too, Python says that it is an int
        if not isinstance(shape, list) or any(type(n) is not int or n < 0 for n in shape):
            raise self.wrong("a shape of whole numbers", f"the shape {shape}")
        if 0 in shape:
            raise self.wrong("an image with pixels", f"the shape {tuple(shape)}")
        return tuple(shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers in an array.

        Raises
        ------
        InvalidError
            It holds something else, objects perhaps.
        """
        name = self.metadata.get("dtype" if self.version == 2 else "data_type")
        if isinstance(name, str) and _NUMBERS.fullmatch(name):
            return np.dtype(name)
        raise self.wrong("an array of numbers", f"the type {name}")

    @property
    def chunk_shape(self) -> tuple[int, ...]:
        """Shape of what is decoded at once: of shards, the chunks within."""
        if self.version == 2:
            chunks: Any = self.metadata.get("chunks")
        else:
            inner = next((c for c in self._codecs() if c[0] == "sharding_indexed"), None)
            grid = inner[1] if inner else _inside(self.metadata, "chunk_grid", "configuration")
            chunks = grid.get("chunk_shape") if isinstance(grid, Mapping) else None
        whole = isinstance(chunks, list) and all(type(n) is int and n > 0 for n in chunks)
        if not whole or len(chunks) != len(self.shape):
            raise self.wrong(f"chunks of {len(self.shape)} sizes above 0", f"the chunks {chunks}")
        return tuple(chunks)

    def refuse_odd_codecs(self) -> None:
        """Refuse codecs that are not of bytes and numbers, since some can run code."""
        if self.version == 2:
            names = [name for name, _ in self._codecs()]
            odd = [name for name in names if name not in _SAFE_FILTERS]
        else:
            odd = [name for name, _ in self._codecs() if name not in _SAFE_CODECS]
        if odd:
            remedy = (
                "Write it anew with a codec of Zarr itself (zstd, blosc, gzip); others may run "
                "code and are never loaded."
            )
            raise self.wrong("an array of numbers in known codecs", f"the codec {odd[0]}", remedy)

    def _codecs(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Return names and settings of all codecs, of those within shards, too."""
        if self.version == 2:
            filters = self.metadata.get("filters") or []
            several = [*(filters if isinstance(filters, list) else [filters])]
            several += [self.metadata["compressor"]] if self.metadata.get("compressor") else []
            return [(str(_get(one, "id")), {}) for one in several]
        return list(_codecs_of(self.metadata.get("codecs")))

    def wrong(self, expected: str, received: str, remedy: str = "") -> InvalidError:
        """Build the error that something is wrong with it."""
        remedy = remedy or "It may be damaged: copy or export it again."
        return invalid(shown(self.path), expected=expected, received=received, remedy=remedy)

    def within(self, name: Any) -> Path:
        """Return the folder of this name in a group; names that lead out of it are refused."""
        parts = PurePosixPath(name).parts if isinstance(name, str) else ()
        if not parts or ".." in parts or name.startswith("/") or re.search(r"[\\:\0]", name):
            raise self.wrong("names of folders within it", f"the path {name!r}")
        return self.path.joinpath(*parts)

    def children(self) -> list[Node]:
        """Return the arrays and groups in a group, in the order of their names."""
        if address(self.path) is not None:
            remedy = "Give the address of one of the images or arrays in it."
            raise self.wrong("an image", "a group, whose content a server does not list", remedy)
        inside = sorted(p for p in self.path.iterdir() if p.name[0] != "." and p.is_dir())
        return [node for path in inside if (node := node_at(path)) is not None]


def node_at(path: Path) -> Node | None:
    """Read the metadata of a folder; None where there are none.

    Raises
    ------
    InvalidError
        They are damaged.

    Examples
    --------
    >>> node_at(Path("nothing.zarr")) is None
    True
    """
    return _node(path, tuple(state_of(path / name) for name in METADATA))


@functools.lru_cache(maxsize=256)
def _node(path: Path, states: object) -> Node | None:
    if _is_there(path / "zarr.json"):
        said = _json(path / "zarr.json")
        kind = said.get("node_type")
        if kind not in ("array", "group"):
            got = f"the node type {kind!r}"
            raise invalid(str(path / "zarr.json"), expected="an array or a group", received=got)
        attributes = said.get("attributes")
        known = attributes if isinstance(attributes, Mapping) else {}
        return Node(path, 3, kind == "array", said, known)
    there = [name for name in METADATA[1:] if _is_there(path / name)]
    if not there:
        return None
    attributes = _json(path / ".zattrs") if ".zattrs" in there else {}
    said = _json(path / ".zarray") if ".zarray" in there else {}
    return Node(path, 2, ".zarray" in there, said, attributes)


def opened(node: Node) -> Any:
    """Open an array with the package zarr, once nothing is odd about it.

    Raises
    ------
    InvalidError
        Objects instead of numbers, a codec that might run code, or sizes that cannot be.
    """
    _ = node.shape, node.dtype, node.chunk_shape
    node.refuse_odd_codecs()
    if address(node.path) is not None:
        return _opened_at(node.path, node.version)
    return _opened(node.path, node.version, state_of(metadata_file(node)))


@functools.lru_cache(maxsize=64)
def _opened_at(path: Path, version: int) -> Any:
    return tensor_store.array_at(path, version)


@functools.lru_cache(maxsize=64)
def _opened(path: Path, version: int, state: object) -> Any:
    zarr = package("zarr", path, "volumes")
    store = zarr.storage.LocalStore(path, read_only=True)
    try:
        return zarr.open_array(store, mode="r", zarr_format=version)
    except Exception as error:
        raise invalid(
            str(path),
            expected="an array of Zarr",
            received=f"metadata that are not understood ({said_by(error)})",
            remedy="It may be damaged: copy or export it again.",
        ) from error


def refuse_odd_files(node: Node, array: Any, box: Sequence[slice]) -> None:
    """Refuse a box of which a chunk is a pipe, a device or a folder, which may be waited for.

    Parameters
    ----------
    node : Node
        The array.
    array : zarr.Array
        The same, opened.
    box : sequence of slice
        Start and stop along each axis.
    """
    if address(node.path) is not None:
        return
    edges = array.shards or array.chunks
    spans = zip(box, edges, strict=True)
    places = [range(b.start // edge, -(-b.stop // edge)) for b, edge in spans]
    for place in itertools.product(*places):
        path = node.path / array.metadata.encode_chunk_key(place)
        if path.exists() and not path.is_file():
            raise node.wrong("chunks in files", f"{path}, which is none")


def metadata_file(node: Node) -> Path:
    """Return the file that says what a folder is."""
    if node.version == 3:
        return node.path / "zarr.json"
    names = (".zarray",) if node.array else (".zgroup", ".zattrs")
    return next((node.path / n for n in names if (node.path / n).exists()), node.path)


def watched(path: Path) -> Iterator[Path]:
    """Yield a folder's files and folders, those that show whether it was written anew.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "c").mkdir()
    >>> [one.name for one in watched(folder)] == [folder.name, "c"]
    True
    """
    found = itertools.chain([path], _below(path))
    return itertools.islice(found, _WATCHED)


def _below(path: Path) -> Iterator[Path]:
    """Yield what is in a folder, level by level: folders, whose times tell of new chunks, first."""
    folders = [path]
    while folders:
        inside = [entry for folder in folders for entry in _entries(folder)]
        folders = [Path(entry.path) for entry in inside if entry.is_dir(follow_symlinks=False)]
        yield from (Path(entry.path) for entry in inside)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(itertools.islice(entries, _WATCHED), key=lambda entry: entry.name)


def has_chunks(node: Node) -> bool:
    """Whether an array has a chunk; without any, all pixels are the value for what is missing."""
    if address(node.path) is not None:
        return True  # a server does not say
    names = {entry.name for entry in _entries(node.path)}
    return bool({name for name in names if name not in METADATA and name[0] != "."})


def _is_there(path: Path) -> bool:
    """Whether there is a file of metadata, on disk or on a server."""
    if address(path) is None:
        return path.is_file()
    return tensor_store.fetched(path) is not None


def _json(path: Path) -> Mapping[str, Any]:
    """Read a file of metadata."""
    try:
        if address(path) is not None:
            said = json.loads(tensor_store.fetched(path) or b"")
        elif path.stat().st_size > _LARGEST_METADATA:
            raise ValueError("too long")
        else:
            said = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        said = said_by(error)
    if isinstance(said, dict):
        return said
    remedy = "It may be cut off or damaged: copy or export it again."
    got = f"something else ({said})" if isinstance(said, str) else type(said).__name__
    raise invalid(shown(path), expected="metadata in JSON", received=got, remedy=remedy)


def _codecs_of(codecs: Any, depth: int = 0) -> Iterable[tuple[str, Mapping[str, Any]]]:
    if not isinstance(codecs, list) or depth > 4:
        yield str(codecs)[:40], {}
        return
    for one in codecs:
        name = one if isinstance(one, str) else str(_get(one, "name"))
        settings = _get(one, "configuration")
        settings = settings if isinstance(settings, Mapping) else {}
        yield name, settings
        for key in ("codecs", "index_codecs"):
            if key in settings:
                yield from _codecs_of(settings[key], depth + 1)


def _get(one: Any, key: str) -> Any:
    return one.get(key) if isinstance(one, Mapping) else None


def _inside(said: Any, *keys: str) -> Any:
    for key in keys:
        said = _get(said, key)
    return said


def listed(said: Any) -> Sequence[Any]:
    """Return a list that metadata have, empty where they have something else.

    Examples
    --------
    >>> listed([1, 2]), listed(None), listed("text")
    ([1, 2], [], [])
    """
    return said if isinstance(said, list) else []


def chunk_keys(node: Node) -> Iterator[tuple[int, ...]]:
    """Yield the numbers of the chunks of an array that are there, one for each axis.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "c" / "0").mkdir(parents=True)
    >>> _ = (folder / "c" / "0" / "3").write_bytes(b"")
    >>> said = {"shape": [8, 8]}
    >>> list(chunk_keys(Node(folder, 3, True, said, {})))
    [(0, 3)]
    """
    ndim = len(node.shape)
    for root, _, names in os.walk(node.path):
        above = [] if Path(root) == node.path else Path(root).relative_to(node.path).parts
        for name in names:
            # a/b/c or a.b.c, behind a letter c in version 3
            words = [one for part in (*above, name) for one in part.split(".") if one != "c"]
            if len(words) == ndim and all(word.isdecimal() for word in words):
                yield tuple(map(int, words))
