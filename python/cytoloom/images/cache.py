"""Decoded images, and pieces of them, kept in memory within a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path

from .image import AnyArray


class Cache:
    """Decoded images in memory, the longest unused given up beyond a number of bytes.

    May be used from several threads; the same file is never decoded by two at a time.

    Parameters
    ----------
    max_bytes : int
        Bound on what is kept. A single image larger than this is kept alone, as long as
        nothing else is asked for.

    Examples
    --------
    >>> import numpy as np
    >>> cache = Cache(100)
    >>> cache.get("a", lambda: np.zeros(60, np.uint8)).size
    60
    >>> _ = cache.get("b", lambda: np.zeros(60, np.uint8))
    >>> cache.size_bytes, "a" in cache
    (60, False)
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = int(max_bytes)
        self._kept: OrderedDict[Hashable, AnyArray] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._decoding: dict[Hashable, threading.Lock] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    @property
    def size_bytes(self) -> int:
        """Bytes kept now."""
        return self._bytes

    def get(self, key: Hashable, decode: Callable[[], AnyArray]) -> AnyArray:
        """Return what is kept under `key`, decoding it first where it is not."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            decoding = self._decoding.setdefault(key, threading.Lock())
        # a lock for each file: others are decoded meanwhile, this one once
        with decoding:
            kept = self._kept.get(key)
            if kept is not None:
                return kept
            array = decode()
            with self._lock:
                self._kept[key] = array
                self._bytes += array.nbytes
                self._decoding.pop(key, None)
                self._shrink()
            return array

    def resize(self, max_bytes: int) -> None:
        """Change the bound, giving up what no longer fits."""
        with self._lock:
            self.max_bytes = int(max_bytes)
            self._shrink()

    def clear(self) -> None:
        """Give up everything."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def _shrink(self) -> None:
        # the last one stays though it is too large: it is in use
        while self._bytes > self.max_bytes and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes


def state_of(path: Path) -> tuple[str, int, int, int]:
    """Return what is different once a file was written anew; zeros where there is none.

    Archives and copies give files any date, and perhaps the size of others: only when a file came
    to be so in this place is nobody's choice.

    Examples
    --------
    >>> state_of(Path("nothing.tif"))
    ('nothing.tif', 0, 0, 0)
    """
    status = path.stat() if path.exists() else None
    if status is None:
        return str(path), 0, 0, 0
    return str(path), status.st_mtime_ns, status.st_ctime_ns, status.st_size


CHUNKS = Cache(128_000_000)
"""Strips and tiles of large images: regions beside each other meet the same ones. A strip is as
wide as its image, so that all tiles of a row need it: a row of them 90 000 px wide fits in here."""
