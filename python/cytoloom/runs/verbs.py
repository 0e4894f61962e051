"""The verbs of runs: start, list, show, compare, resume, remove."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..events import Work, note, verb

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

    from .outcomes import RunComparison, Shown
    from .store import Store


@verb
def start(
    runs: Any,
    *,
    store: Store | str | os.PathLike[str] = "runs",
    client: Client | str | None = None,
    progress: bool | str = "auto",
) -> Work[pd.DataFrame]:
    """Keep runs in a store, and train them one after the other.

    A run that fails is told of with its reason, and does not stop the others. A run that is done
    is not trained again, nor is one that is the same under another name; what was cut off goes on.
    Several processes may work through the same runs at once: each takes those that no other has.

    Parameters
    ----------
    runs : Run, list of Run, path or list of paths
        What `grid` makes, or files of YAML with its arguments: data, network, task, trainer, each
        settings by name, and start, repetitions, seed, members, folds.
    store : Store, path or address, default "runs"
        Folder, or address of a database such as ``sqlite:///runs.db``.
    client : dask.distributed.Client or str, optional
        Whose workers train the runs, each one at a time, instead of this process: the address of a
        scheduler of Dask, "tcp://10.0.0.1:8786", or the file that it writes. From Python a client,
        too. They must see store and images by the same paths, from the same working directory.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    DataFrame
        As of `table`, a row for each of these runs.

    Raises
    ------
    InvalidError
        No such file, something in it that is no part, a name that means something else in the
        store, or runs whose images or start are all not there; nothing is kept or trained then.

    Examples
    --------
    >>> import cytoloom as cl
    >>> runs = cl.grid("data/train", network=[cl.UNet(filters=8), cl.UNet(filters=16)])
    >>> found = cl.runs.start(runs, store="runs/")  # doctest: +SKIP
    """
    from ..volumes.clients import client_of, shown_by
    from .grids import given_runs
    from .outcomes import table
    from .store import as_store
    from .trained import refuse_hopeless, told_ends, train

    place = as_store(store)
    given = given_runs(runs, place.find)
    if client is None:
        refuse_hopeless(place, given)
    with client_of(client) as reached:
        yield from shown_by(reached)
        names = place.add(given)
        yield from train(place, names, reached)
    yield note(f"{told_ends(place, names)}, in {place.place}.")
    return table(place, names)


@verb
def resume(
    names: str | Sequence[str] | None = None,
    *,
    store: Store | str | os.PathLike[str] = "runs",
    client: Client | str | None = None,
    progress: bool | str = "auto",
) -> Work[pd.DataFrame]:
    """Train the runs of a store that are not done: waiting, cut off or failed.

    Parameters
    ----------
    names : str or sequence of str, optional
        Which; default all.
    store : Store, path or address, default "runs"
        Folder, or address of a database such as ``sqlite:///runs.db``.
    client : dask.distributed.Client or str, optional
        Whose workers train the runs, each one at a time, instead of this process: the address of a
        scheduler of Dask, "tcp://10.0.0.1:8786", or the file that it writes. From Python a client,
        too. They must see store and images by the same paths, from the same working directory.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    DataFrame
        As of `table`, a row for each of these runs.

    Raises
    ------
    InvalidError
        There is no run of such a name.

    Examples
    --------
    >>> import cytoloom as cl
    >>> found = cl.runs.resume(store="runs/")  # doctest: +SKIP
    """
    from ..volumes.clients import client_of, shown_by
    from .outcomes import table
    from .store import as_store, chosen
    from .trained import told_ends, train

    place = as_store(store)
    wanted = chosen(place, names)
    with client_of(client) as reached:
        yield from shown_by(reached)
        yield from train(place, [name for name in wanted if place.status(name) != "done"], reached)
    yield note(f"{told_ends(place, wanted)}, in {place.place}.")
    return table(place, wanted)


@verb
def table(
    *,
    store: Store | str | os.PathLike[str] = "runs",
    progress: bool | str = "auto",
) -> Work[pd.DataFrame]:
    """List the runs of a store.

    Parameters
    ----------
    store : Store, path or address, default "runs"
        Folder, or address of a database such as ``sqlite:///runs.db``.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    DataFrame
        run; the names of its data, network, task and trainer; seed; start; status ("waiting",
        "running", "cut off", "failed" or "done"); set, metric and score (the mean over images of
        the test, or else of those that were held out); iterations; minutes; why it failed.

    Raises
    ------
    InvalidError
        Something that is no store.

    Examples
    --------
    >>> import cytoloom as cl
    >>> import tempfile
    >>> len(cl.runs.table(store=tempfile.mkdtemp(), progress=False))
    0
    """
    from .outcomes import table as rows
    from .store import as_store

    yield from ()
    return rows(as_store(store))


@verb
def show(
    name: str,
    *,
    store: Store | str | os.PathLike[str] = "runs",
    progress: bool | str = "auto",
) -> Work[Shown]:
    """Show one run: its parts, scores, curves, and where these were best.

    Parameters
    ----------
    name : str
        Which.
    store : Store, path or address, default "runs"
        Folder, or address of a database such as ``sqlite:///runs.db``.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Shown
        Tables `parts`, `facts`, `scores`, `best` and `history`.

    Raises
    ------
    InvalidError
        There is no run of this name.

    Examples
    --------
    >>> import cytoloom as cl
    >>> print(cl.runs.show("first", store="runs/"))  # doctest: +SKIP
    """
    from .outcomes import shown
    from .store import as_store

    yield from ()
    return shown(as_store(store), name)


@verb
def compare(
    names: str | Sequence[str] | None = None,
    *,
    store: Store | str | os.PathLike[str] = "runs",
    metric: str | None = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: bool | str = "auto",
) -> Work[RunComparison]:
    """Compare runs: means over those that differ in nothing but their seed, with intervals.

    Parameters
    ----------
    names : str or sequence of str, optional
        Which; default all that are done.
    store : Store, path or address, default "runs"
        Folder, or address of a database such as ``sqlite:///runs.db``.
    metric : str, optional
        By which they are sorted and drawn; default that by which their models are known.
    out : path, optional
        Folder for the tables, comparison.csv and runs.csv, a picture, comparison.png, and a page
        with all of it, curves and settings, comparison.html (with the extra ``report``).
    overwrite : bool, default False
        Replace the comparison that is in `out`.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    RunComparison
        Tables `summary` and `runs`. Scores are those of the test images where a run has some,
        else of the images that were held out.

    Raises
    ------
    InvalidError
        No run is done, or none has this metric.

    Notes
    -----
    The interval is that of the mean over all runs that differ in their seed alone, as `evaluate`
    has it for images: it says how much chance there is in a training, not how much images differ.
    Of the images that were held out each seed has others. For two models on the same images see
    `cl.compare`.

    Examples
    --------
    >>> import cytoloom as cl
    >>> print(cl.runs.compare(store="runs/"))  # doctest: +SKIP
    """
    from .comparison import write_compared
    from .outcomes import compared
    from .store import as_store

    place = as_store(store)
    found = compared(place, names, metric)
    if out is not None:
        folder = write_compared(place, found, out, overwrite)
        yield note(f"Tables and pictures written to {folder}.")
    return found


@verb
def remove(
    names: str | Sequence[str],
    *,
    store: Store | str | os.PathLike[str] = "runs",
    progress: bool | str = "auto",
) -> Work[list[str]]:
    """Remove runs with their models, curves and scores; their parts stay.

    Parameters
    ----------
    names : str or sequence of str
        Which.
    store : Store, path or address, default "runs"
        Folder, or address of a database such as ``sqlite:///runs.db``.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    list of str
        What was removed.

    Raises
    ------
    InvalidError
        There is no run of such a name, or a process trains it; those before it are removed.

    Examples
    --------
    >>> import cytoloom as cl
    >>> cl.runs.remove(["first"], store="runs/")  # doctest: +SKIP
    """
    from ..errors import invalid
    from .store import as_store, chosen

    place = as_store(store)
    if not names:
        raise invalid("names", expected="the names of runs", received="none")
    wanted = chosen(place, names)
    for name in wanted:
        place.remove(name)
        yield note(f"{name} was removed.")
    return wanted
