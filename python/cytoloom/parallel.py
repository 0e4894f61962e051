"""Work on several things at a time and hand the results out in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(
    things: Iterable[T],
    work: Callable[[T], R],
    at_once: int,
    alone: Callable[[T], bool] = lambda thing: False,
) -> Iterator[tuple[T, Callable[[], R]]]:
    """Work on things in threads; what comes out does not depend on how many there are.

    Parameters
    ----------
    things : iterable
        What to work on; taken only as it is needed.
    work : callable
        From a thing to its result; run in a thread.
    at_once : int
        Threads, and results that may wait to be taken; 1: no threads at all.
    alone : callable, optional
        Whether to work on a thing with nothing beside it.

    Yields
    ------
    thing
        As given, in order.
    finish : callable
        Waits for the result and returns it, or raises what the work raised. To be called before
        the next thing is asked for.

    Examples
    --------
    >>> [finish() for _, finish in side_by_side([1, 2, 3], lambda n: n * n, at_once=2)]
    [1, 4, 9]
    """
    if at_once == 1:
        for thing in things:
            yield thing, lambda thing=thing: work(thing)
        return
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="cytoloom")
    running: deque[tuple[T, Future[R]]] = deque()
    try:
        for thing in things:
            single = alone(thing)
            while running and (single or len(running) == at_once):
                yield _first(running)
            running.append((thing, pool.submit(work, thing)))
            if single:
                yield _first(running)
        while running:
            yield _first(running)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _first(running: deque[tuple[T, Future[R]]]) -> tuple[T, Callable[[], R]]:
    thing, future = running.popleft()
    return thing, future.result
