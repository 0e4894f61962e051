"""Where maps of large images go: files that need not stay in memory."""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

from ..errors import invalid

MEMORY_MAP_PX = 2**24
"""Maps up to this size, 64 MB a channel, stay in memory: files would only make them slower."""


class MemoryMaps:
    """Where maps of large images go: files in a temporary folder.

    While it is open, a thread gives the pages of these files back to the system. They would
    otherwise count as memory of this process until the system needs them, and a container or a
    cluster's scheduler, which counts them too, would end it.

    Maps of up to `MEMORY_MAP_PX` pixels stay in memory.
    """

    def __init__(self) -> None:
        self._folder: str | None = None
        self._maps: list[mmap.mmap] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._give_back, name="cytoloom-memory-maps")

    def __enter__(self) -> MemoryMaps:
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder:
            self._done.set()
            try:
                self._thread.join()
            finally:
                shutil.rmtree(self._folder, ignore_errors=True)

    def __call__(self, head: str, shape: tuple[int, ...]) -> np.ndarray:
        """Make the array for one head's map."""
        if math.prod(shape[:-1]) <= MEMORY_MAP_PX:
            return np.zeros(shape, np.float32)
        try:
            self._maps.append(self._mapped(4 * math.prod(shape)))
        except OSError as error:
            raise invalid(
                "TMPDIR",
                expected=f"{4 * math.prod(shape) / 1e6:.0f} MB for the map of a large image",
                received=f"{error.strerror or error} at {self._folder or 'every usual place'}",
                remedy="Make room there, or let TMPDIR name a folder on another disk.",
            ) from error
        # not np.memmap, which keeps its mmap to itself: `_give_back` needs it for madvise
        return np.frombuffer(self._maps[-1], np.float32).reshape(shape)

    def _mapped(self, size: int) -> mmap.mmap:
        """Make a file of zeros of this many bytes, with room for all of them."""
        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="cytoloom-")
            # started with the first file: small images cost no thread
            self._thread.start()
        with open(Path(self._folder) / f"{len(self._maps)}.f32", "w+b") as file:
            # to write to a page for which the disk has no room would end the process
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
            return mmap.mmap(file.fileno(), 0)

    def trim(self) -> None:
        """Give back what the C library keeps of freed memory, as after running a network.

        It saves 2 to 3 bytes a pixel of the peak. For large images, and only where the library can
        (glibc); elsewhere nothing happens.
        """
        if self._folder and sys.platform == "linux":
            trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
            if trim is not None:
                trim(0)

    def _give_back(self) -> None:
        while not self._done.wait(0.1):
            for pages in list(self._maps):
                # of a shared file mapping nothing is lost: the pages stay in the system's cache or
                # on disk, and come back when they are read
                if hasattr(mmap, "MADV_DONTNEED"):
                    pages.madvise(mmap.MADV_DONTNEED)
