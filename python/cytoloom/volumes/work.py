"""Blocks worked on one after the other, or by the workers of Dask."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from ..errors import invalid
from ..messages import Argument, Setting, say

AHEAD = 4
"""Blocks that wait for each worker: a scheduler need not know millions of them at once."""
CLUSTER_S = 1800
"""So long the first worker of a cluster is waited for."""
RETRIES = 2
"""How often a block is tried again whose worker was lost or ran out of memory."""


class Work(Protocol):
    """What is done with block `k`; a function of a module, so that workers find it."""

    def __call__(self, job: Any, k: int, workers: int | None) -> str:
        """Do it, unless it is done; ``"kept"`` or ``"done"``."""
        ...


@contextlib.contextmanager
def workers_of(workers: int, client: Any = None) -> Iterator[Any]:
    """Have workers: None for this process alone, a client of Dask for others.

    Parameters
    ----------
    workers : int
        Processes on this machine; 1: this one.
    client : dask.distributed.Client, optional
        Of a cluster that is there, whatever its kind.

    Raises
    ------
    InvalidError
        Dask is not installed.
    """
    if client is not None:
        _wait_for(client)
        yield client
        return
    if workers == 1:
        yield None
        return
    need_dask()
    from distributed import Client

    try:
        with _without_libraries_of_r():
            cluster = _cluster(workers)
    except (OSError, RuntimeError) as error:
        why = str(error).splitlines()[0]
        remedy = say("Pass {} for this process alone.", Setting("workers", 1))
        raise invalid("workers", expected="processes that start", received=why,
                      remedy=remedy) from error  # fmt: skip
    with cluster, Client(cluster) as own:
        yield own


@contextlib.contextmanager
def _without_libraries_of_r() -> Iterator[None]:
    """Start processes without R's place of libraries: Python would take those of another."""
    name = "LD_LIBRARY_PATH"
    kept = os.environ.pop(name, None) if "R_HOME" in os.environ else None
    try:
        yield
    finally:
        if kept is not None:
            os.environ[name] = kept


def _cluster(workers: int) -> Any:
    """Start processes of this machine, on its own network address alone."""
    from distributed import LocalCluster
    from distributed.deploy.subprocess import SubprocessCluster

    # those of multiprocessing would run the caller's script once more, each of them; memory is for
    # blocks to be chosen by, not for Dask to end a worker that is about to be done
    how = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    if os.name == "nt":
        return LocalCluster(**how, memory_limit=0)
    return SubprocessCluster(**how, worker_kwargs={"memory_limit": 0})


def _wait_for(client: Any) -> None:
    """Wait until a cluster has a worker; a queue may take its time, but not for ever."""
    try:
        client.wait_for_workers(1, timeout=CLUSTER_S)
    except TimeoutError:
        got = f"none after {CLUSTER_S // 60} minutes"
        remedy = "Look whether its jobs are in the queue, and whether they reach this machine."
        raise invalid("client", expected="a cluster with workers", received=got,
                      remedy=remedy) from None  # fmt: skip


def need_dask() -> None:
    """Refuse several workers where Dask is missing."""
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise invalid(
            "workers",
            expected="the package dask.distributed, for more than one",
            received="it is not installed",
            remedy='Run pip install "cytoloom[cluster]", in R cl_install(extras = "cluster").',
        ) from None


def each_block(
    work: Work, job: Any, numbers: Sequence[int], client: Any, threads: int | None = None
) -> Iterator[tuple[int, Callable[[], str]]]:
    """Do something with blocks, in whatever order they are done.

    Parameters
    ----------
    work : callable
        See `Work`.
    job : object
        What all blocks have in common.
    numbers : sequence of int
        The blocks.
    client : dask.distributed.Client or None
        Of `workers_of`.
    threads : int, optional
        Of each worker.

    Yields
    ------
    (int, callable)
        A block and what returns its result, or raises what went wrong.
    """
    if client is None:
        for k in numbers:
            yield k, lambda k=k: work(job, k, threads)  # type: ignore[misc]
        return
    from distributed import as_completed

    # in a list: of a dictionary each value would be sent by itself
    (sent,) = client.scatter([job], broadcast=True, hash=False)
    rest = iter(numbers)
    per_worker = sum(client.nthreads().values()) or 1

    def start(k: int) -> Any:
        """Ask for a block."""
        return client.submit(work, sent, k, threads, pure=False, retries=RETRIES, key=f"block-{k}")

    running = {start(k): k for k in itertools.islice(rest, AHEAD * per_worker)}
    waiting = as_completed(list(running))
    for future in waiting:
        yield running.pop(future), functools.partial(_result_of, future)
        for k in itertools.islice(rest, 1):
            added = start(k)
            running[added] = k
            waiting.add(added)


def _result_of(future: Any) -> str:
    """Return what came of a block, or raise why nothing did."""
    from distributed import KilledWorker

    try:
        return str(future.result())
    except KilledWorker:
        got = "one that ended several workers, as it does where memory is short"
        remedy = say("Give each more memory, or pass a smaller {}.", Argument("block_px"))
        raise invalid("workers", expected="workers that finish a block", received=got,
                      remedy=remedy) from None  # fmt: skip
