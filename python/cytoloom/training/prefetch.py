"""Batches made ahead, in threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from .lesson import Batch


class Prefetch:
    """Make batches in threads, in order, a few ahead; joined by `close`.

    Parameters
    ----------
    make : callable
        From an iteration to its batch; a pure function.
    start : int
        The first iteration.
    workers : int, default 1
        Threads; what comes out does not depend on it.
    """

    def __init__(self, make: Callable[[int], Batch], start: int, workers: int = 1) -> None:
        self._make, self._next = make, start
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="cytoloom-batches")
        self._queue: deque[Future[Batch]] = deque()
        # two more than are being made: a step that takes less time than a batch does not wait
        for _ in range(workers + 2):
            self._submit()

    def _submit(self) -> None:
        self._queue.append(self._pool.submit(self._make, self._next))
        self._next += 1

    def get(self) -> Batch:
        """Return the next batch."""
        # In the order of iterations, whichever is ready first. An error in a thread is raised here,
        # at the iteration that it belongs to.
        batch = self._queue.popleft().result()
        self._submit()
        return batch

    def close(self) -> None:
        """Stop and join the threads."""
        # waited for: a thread left over would still read files that the caller may remove
        self._pool.shutdown(wait=True, cancel_futures=True)
