"""Work on several things at a time and hand the results out in order."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


@contextlib.contextmanager
def side_by_side(
    things: Iterable[T],
    work: Callable[[T], R],
    workers: int,
    alone: Callable[[T], bool] = lambda thing: False,
) -> Iterator[Iterator[tuple[T, Callable[[], R]]]]:
    """Work on things in threads; what comes out does not depend on how many there are.

    Leaving the block ends the threads: work that has begun is waited for, the rest is dropped.
    That is not left to the garbage collector, which runs in any thread at any moment: one that
    waits for threads from within the start of another stands still for ever.

    Parameters
    ----------
    things : iterable
        What to work on; taken only as it is needed.
    work : callable
        From a thing to its result; run in a thread, or in the caller's where it is `alone`.
    workers : int
        Threads, and results that may wait to be taken; 1: no threads at all.
    alone : callable, optional
        Whether to work on a thing with nothing beside it.

    Yields
    ------
    iterator of (thing, finish)
        The things as given, in order. ``finish()`` waits for the result and returns it, or raises
        what the work raised. To be called before the next thing is asked for.

    Examples
    --------
    >>> with side_by_side([1, 2, 3], lambda n: n * n, workers=2) as squares:
    ...     [finish() for _, finish in squares]
    [1, 4, 9]
    """
    # without threads nothing can be done out of order, and tracebacks and Ctrl-C are plain
    if workers == 1:
        yield ((thing, partial(work, thing)) for thing in things)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="cytoloom")
    try:
        yield _in_order(pool, things, work, workers, alone)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_order(
    pool: ThreadPoolExecutor,
    things: Iterable[T],
    work: Callable[[T], R],
    workers: int,
    alone: Callable[[T], bool],
) -> Iterator[tuple[T, Callable[[], R]]]:
    running: deque[tuple[T, Future[R]]] = deque()
    for thing in things:
        single = alone(thing)
        # before one that is `alone` all others are finished, and handed out first
        while running and (single or len(running) == workers):
            yield _first(running)
        if single:  # in this thread, where Ctrl-C reaches it
            yield thing, partial(work, thing)
        else:
            running.append((thing, pool.submit(work, thing)))
    while running:
        yield _first(running)


def _first(running: deque[tuple[T, Future[R]]]) -> tuple[T, Callable[[], R]]:
    thing, future = running.popleft()
    return thing, future.result
