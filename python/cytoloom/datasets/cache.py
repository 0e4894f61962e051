"""Decoded images kept in memory, within a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from ..images.image import AnyArray


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
        self._lock = threading.Lock()
        self._decoding: dict[Hashable, threading.Lock] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    @property
    def size_bytes(self) -> int:
        """Bytes kept now."""
        with self._lock:
            return sum(a.nbytes for a in self._kept.values())

    def get(self, key: Hashable, decode: Callable[[], AnyArray]) -> AnyArray:
        """Return what is kept under `key`, decoding it first where it is not."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            decoding = self._decoding.setdefault(key, threading.Lock())
        with decoding:
            kept = self._kept.get(key)
            if kept is not None:
                return kept
            array = decode()
            with self._lock:
                self._kept[key] = array
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

    def _shrink(self) -> None:
        total = sum(a.nbytes for a in self._kept.values())
        while total > self.max_bytes and len(self._kept) > 1:
            total -= self._kept.popitem(last=False)[1].nbytes


SHARED = Cache(2_000_000_000)
