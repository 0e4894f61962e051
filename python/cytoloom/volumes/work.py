"""Blocks worked on one after the other, or by the workers of Dask."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from typing import Any, Protocol, TypeVar

from ..errors import InvalidError, invalid
from ..messages import Argument, Setting, counted, say
from ..runtime.machine import cores, free_memory_gb
from .addresses import address_of

AHEAD = 4
"""Blocks that wait for each worker: a scheduler need not know millions of them at once."""
CLUSTER_S = 1800
"""So long the first worker of a cluster is waited for."""
RETRIES = 2
"""How often a block is tried again whose worker was lost or ran out of memory."""
K = TypeVar("K", contravariant=True)
R = TypeVar("R", covariant=True)
Thing = TypeVar("Thing")
Result = TypeVar("Result")


class Work(Protocol[K, R]):
    """What is done with block `k`; a function of a module, so that workers find it."""

    def __call__(self, job: Any, k: K, workers: int | None) -> R:
        """Do it; what is large is kept in files, and not returned."""
        ...


class Lost(InvalidError):
    """Work that ended several processes, one after the other."""


class Gone(InvalidError):
    """A cluster that is lost: nothing else can be worked on."""


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
    need_dask(workers)
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


class Hands:
    """Who works on blocks, started when they are first needed; the end of `with` ends them.

    Parameters
    ----------
    workers, client
        As `workers_of` takes them.

    Attributes
    ----------
    count : int
        How many blocks are worked on side by side.
    threads : int or None
        Of each; None: as many as there are cores.

    Examples
    --------
    >>> with Hands() as hands:
    ...     hands.count, hands.threads, hands.pool()
    (1, None, None)
    """

    def __init__(self, workers: int = 1, client: Any = None) -> None:
        self.workers, self.client = workers, client
        self._started: list[Any] = []
        self._stack = contextlib.ExitStack()

    @property
    def count(self) -> int:  # noqa: D102
        return self.workers if self.client is None else max(1, sum(self.client.nthreads().values()))

    def block_gb(self) -> float:
        """Return the memory there is for each block: of a cluster as its workers are limited."""
        if self.client is not None:
            workers = self.client.scheduler_info()["workers"].values()
            limits = [w["memory_limit"] / w["nthreads"] for w in workers if w["memory_limit"]]
            if limits:
                return float(min(limits)) / 1e9
        return free_memory_gb() / self.count

    @property
    def threads(self) -> int | None:  # noqa: D102
        if self.client is not None:
            return 1
        return max(1, cores() // self.count) if self.count > 1 else None

    def pool(self) -> Any:
        """Return them as `each_block` takes them; a cluster is waited for here."""
        if not self._started:
            made = workers_of(self.workers, self.client)
            self._started.append(self._stack.enter_context(made))
        return self._started[0]

    def __enter__(self) -> Hands:
        return self

    def __exit__(self, *why: Any) -> None:
        self._started.clear()
        self._stack.__exit__(*why)


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
    parent = "cytoloom.volumes.parent"
    return SubprocessCluster(
        **how,
        scheduler_kwargs={"preload": [parent], "preload_argv": [str(os.getpid())]},
        worker_class=f"{parent}.Starter",
        worker_kwargs={"memory_limit": 0, "parent": os.getpid()},
    )


def _wait_for(client: Any) -> None:
    """Wait until a cluster has a worker; a queue may take its time, but not for ever."""
    try:
        client.wait_for_workers(1, timeout=CLUSTER_S)
    except TimeoutError:
        got = f"none after {CLUSTER_S // 60} minutes"
        remedy = "Look whether its jobs are in the queue, and whether they reach this machine."
        raise invalid("client", expected="a cluster with workers", received=got,
                      remedy=remedy) from None  # fmt: skip


def check_workers(workers: Any, client: Any = None) -> None:
    """Refuse a number of processes, or the address of a client, that cannot be meant.

    Raises
    ------
    InvalidError
        No whole number above 0, or more than there are cores; text that is no address.
    """
    if isinstance(client, str):
        address_of(client)
    if not isinstance(workers, int) or isinstance(workers, bool) or workers < 1:
        raise invalid("workers", expected="a whole number above 0", received=workers)
    most = max(2, cores())
    if client is None and workers > most:
        expected = f"at most {most} on this machine, which has {counted(cores(), 'core')}"
        raise invalid("workers", expected=expected, received=workers)


def need_dask(workers: int, client: Any = None) -> None:
    """Refuse several workers where Dask is missing.

    Raises
    ------
    InvalidError
        Dask is not installed.
    """
    if workers == 1 and client is None:
        return
    try:
        import distributed  # noqa: F401
    except ImportError:
        name, of = ("workers", "more than one") if client is None else ("client", "it")
        raise invalid(
            name,
            expected=f"the package dask.distributed, for {of}",
            received="it is not installed",
            remedy='Run pip install "cytoloom[cluster]", in R cl_install(extras = "cluster").',
        ) from None


def each_block(
    work: Work[Thing, Result],
    job: Any,
    numbers: Iterable[Thing],
    client: Any,
    threads: int | None = None,
    what: str = "block",
) -> Iterator[tuple[Thing, Callable[[], Result]]]:
    """Do something with blocks, in whatever order they are done.

    Parameters
    ----------
    work : callable
        See `Work`.
    job : object
        What all blocks have in common.
    numbers : iterable of int
        The blocks; or other things, taken as they are needed and sent one by one.
    client : dask.distributed.Client or None
        Of `workers_of`.
    threads : int, optional
        Of each worker.
    what : str, default "block"
        What such a thing is called.

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

    sent = _sent(client, job)
    rest = iter(numbers)
    per_worker = sum(client.nthreads().values()) or 1
    # a scheduler takes a name that it knows, of an earlier call, for that work and its result
    names = (f"{what}-{uuid.uuid4().hex}" for _ in itertools.count())

    def start(k: Thing) -> Any:
        """Ask for a block."""
        how = {"pure": False, "retries": RETRIES, "key": next(names)}
        return client.submit(work, sent, k, threads, **how)

    running = {start(k): k for k in itertools.islice(rest, AHEAD * per_worker)}
    waiting = as_completed(list(running))
    for future in waiting:
        yield running.pop(future), functools.partial(_result_of, future, what)
        for k in itertools.islice(rest, 1):
            added = start(k)
            running[added] = k
            waiting.add(added)


def _sent(client: Any, job: Any) -> Any:
    """Have what all work needs on each worker that needs it.

    As work itself: what is only handed to workers is lost for all of them with the one that has it,
    and may have only one that began before the others.
    """
    import dask

    # of a model with its weights, once
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):
        return client.submit(_itself, [job], pure=False, retries=RETRIES)


def _itself(job: list[Any]) -> Any:
    # in a list: of a dictionary each value would be looked through for work
    return job[0]


def _gone() -> InvalidError:
    remedy = "What is finished is kept: with a scheduler that is there the same call goes on."
    expected = "a scheduler of Dask that is there until all is done"
    said = invalid("client", expected=expected, remedy=remedy,
                   received="one to which the connection was lost")  # fmt: skip
    return Gone(*said.args).of(said)


def _result_of(future: Any, what: str) -> Any:
    """Return what came of a block, or raise why nothing did."""
    from distributed import KilledWorker

    try:
        return future.result()
    except CancelledError:
        raise _gone() from None
    except KilledWorker:
        got = "one that ended several workers, as it does where memory is short"
        smaller = say("Give each more memory, or pass a smaller {}.", Argument("block_px"))
        remedy = smaller if what == "block" else "Give each more memory."
        said = invalid("workers", expected=f"workers that finish each {what}", received=got,
                       remedy=remedy)  # fmt: skip
        raise Lost(*said.args).of(said) from None
