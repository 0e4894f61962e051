"""Train the runs of a store, one after the other, and write down how each ended."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidError, invalid
from ..events import Event, Work, note, said_of, warn
from ..messages import counted, said_by, say
from ..storage.atomic import make_folder, working_folder
from ..storage.lock import InUse, locked
from ..version import __version__
from ..volumes.work import each_block, workers_of
from .parts import Run
from .store import Store
from .whereabouts import absent, located, startless

if TYPE_CHECKING:
    import pandas as pd

    from ..models.model import Model

FAILED, DONE, RUNNING = "failed", "done", "running"


def train(store: Store, names: Sequence[str], client: Any = None) -> Work[None]:
    """Train runs; one that fails is told of, and does not stop the others.

    Parameters
    ----------
    store : Store
        What they are in.
    names : sequence of str
        Which. Those that are done stay as they are; those that were cut off go on.
    client : dask.distributed.Client, optional
        Of a cluster whose workers train them. They must see what the store is in, and the images,
        by the same paths.
    """
    if client is None:
        # those of which it is known now that they fail say so before hours of others
        ordered = sorted(names, key=lambda name: unready(store, name) is None)
        for k, name in enumerate(ordered):
            yield from said_of(name, _turn(store, name), k, len(names))
        return
    with workers_of(1, client) as pool:
        told = each_block(_there, store, names, pool, what="run")
        for done, (name, finish) in enumerate(told, start=1):
            yield from said_of(name, _end(finish))
            yield Event("progress", "", done, len(names))


def unready(store: Store, name: str) -> InvalidError | None:
    """Return why a run of a store would fail before it learned anything, where that is known."""
    try:
        return hopeless(store, store.run(name), store.names())
    except InvalidError:  # a damaged part, which is told in its turn
        return None


def hopeless(store: Store, run: Run, names: Collection[str]) -> InvalidError | None:
    """Return why a run, in a store or not yet, would fail: its images or its start are not there.

    Of one that is done or has its model nothing is said.
    """
    from ..models.manifest import MANIFEST

    known = store.outcome(run.name)
    if known.get("status") == DONE or (store.model_folder(run.name) / MANIFEST).is_file():
        return None
    begun = known.get("folder")
    return absent(located(run.data, begun), begun) or startless(run, names)


def refuse_hopeless(store: Store, runs: Sequence[Run]) -> None:
    """Refuse runs of which each would fail, before any is kept."""
    if not all(isinstance(run, Run) for run in runs):
        return
    names = [*store.names(), *(run.name for run in runs)]
    wrong = [hopeless(store, run, names) for run in runs]
    if wrong and wrong[0] is not None and None not in wrong:
        raise wrong[0]


def _end(finish: Callable[[], str]) -> Work[None]:
    """Tell what a worker said of a run, or why it said nothing."""
    try:
        for words in finish().splitlines():
            yield warn(words)
    except Exception as error:  # the worker was lost, or does not see the store
        yield warn(say("It was not trained: {}", _why(error)))


def _there(store: Store, name: str, workers: int | None) -> str:
    """Train a run in this process; what people should act on, a line each."""
    warnings = [event for event in _turn(store, name) if event.kind == "warning"]
    return "\n".join(event.message for event in warnings)


def _turn(store: Store, name: str) -> Work[None]:
    """Train one run, unless it is done or a process trains it."""
    folder = store.models / name
    make_folder(folder, folder, "store")
    try:
        with locked(folder, "run_start", "store"):
            if store.outcome(name).get("status") == DONE:
                _refuse_changed(store, name)
                yield note("It is done.")
                return
            yield from _one(store, name)
    except InUse:
        yield note("Another process trains it.")
    except InvalidError as error:
        # of a run that is done, or that cannot be written down
        yield warn(say("It was not trained: {}", error.args[0]))


def _one(store: Store, name: str) -> Work[None]:
    """Train one run, whose turn it is, and write down how it ended."""
    known = {"status": RUNNING, "digest": store.digest(name), "started": _now()}
    known |= {"host": socket.gethostname(), "cytoloom": __version__}
    begun = store.outcome(name).get("folder")
    known["folder"] = begun if begun and os.path.isdir(begun) else working_folder()
    try:
        run = store.run(name)
        _refuse_changed(store, name)
        _refuse_twice(store, run)
        why = hopeless(store, run, store.names())
        if why is not None:
            raise why
        store.record(name, known)
        run = replace(run, data=located(run.data, known["folder"]))
        model = yield from _model(store, run)
        rows = yield from _scores(run, model)
        store.write_tables(name, history=model.history, scores=rows)
        store.record(name, {**known, "status": DONE, "ended": _now(), **_facts(model)})
    except Exception as error:  # whatever it is, the others are trained
        yield from _failed(store, name, known, error)


def _failed(store: Store, name: str, known: dict[str, Any], error: Exception) -> Work[None]:
    why = _why(error)
    store.record(name, {**known, "status": FAILED, "ended": _now(), "why": str(why)})
    yield warn(say("It failed: {}", why))


def _refuse_changed(store: Store, name: str) -> None:
    """Refuse a run that was begun with other parts: what was learned is not of these."""
    begun = store.outcome(name).get("digest")
    kept = store.model_folder(name)
    if begun is None or begun == store.digest(name) or not (kept.exists() and os.listdir(kept)):
        return
    raise invalid(
        "run",
        expected="the parts with which it was begun",
        received="parts that were changed since",
        remedy="Give changed parts and runs names of their own, or remove this run.",
    )


def _refuse_twice(store: Store, run: Run) -> None:
    same = store.same_as(run)
    if same:
        raise invalid(
            "run",
            expected="one that was not trained yet",
            received=f"the same as {same[0]}, which is done",
            remedy="Remove it, or give it another seed.",
        )


def _why(error: Exception) -> str:
    return str(error.args[0]) if isinstance(error, InvalidError) else said_by(error)


def _model(store: Store, run: Run) -> Work[Model]:
    """Train, go on with what was begun, or take the model that was finished before a kill."""
    from ..datasets.data import as_data
    from ..models.load import load
    from ..models.manifest import MANIFEST
    from ..training.session import asked, training

    out = store.model_folder(run.name)
    if (out / MANIFEST).is_file():
        yield note("Its model is there.")
        return load(out)
    data = as_data(run.data.train, **run.data.learning)
    validation = _validation(run)
    start = _start(store, run)
    given = asked(run.task, run.network, run.trainer, run.data.normalize, start, run.seed)
    return (
        yield from training(given, data, validation, out=out, members=run.members, folds=run.folds)
    )


def _data(run: Run, path: Any) -> Any:
    from ..datasets.data import as_data

    return as_data(path, **run.data.reading)


def _validation(run: Run) -> Any:
    held_out = run.data.validation
    return held_out if isinstance(held_out, (int, float)) else _data(run, held_out)


def _start(store: Store, run: Run) -> Any:
    """Return what a run goes on from: the model of another run, or of a folder."""
    if run.start is None:
        return None
    if run.start not in store.names():
        return Path(run.start).expanduser()
    if store.status(run.start) != DONE:
        raise invalid(
            "start",
            expected="a run that is done",
            received=f"{run.start}, {store.status(run.start)}",
            remedy="Start that one first.",
        )
    return store.model(run.start)


def _scores(run: Run, model: Model) -> Work[pd.DataFrame]:
    """Gather what the training measured, and score on the images for that."""
    import pandas as pd

    from ..evaluation.scoring import score

    training = model.info["training"]
    rows = [("validation", "", *pair) for pair in (training["scores"] or {}).items()]
    for one in training.get("out_of_fold") or []:
        each = [(n, v) for n, v in one.items() if n not in ("image", "group", "member")]
        rows += [("out of fold", str(one["image"]), *pair) for pair in each]
    if run.data.test is not None:
        found = yield from score(model, _data(run, run.data.test), False)
        long = found.per_image.drop(columns="scale", errors="ignore").melt("image")
        rows += [("test", str(i), m, v) for i, m, v in long.itertuples(index=False)]
    return pd.DataFrame(rows, columns=["set", "image", "metric", "value"])


def _facts(model: Model) -> dict[str, Any]:
    """Return what is told of a run without its model."""
    training = model.info["training"]
    main = next((m for m in model.task.main_scores if m in (training["scores"] or {})), None)
    return {
        "metric": main or next(iter(model.task.main_scores), None),
        "iterations": training["iterations"],
        "seconds": round(float(training["seconds"]), 3),
        "best_iteration": training["best_iteration"],
        "bounds": {
            name: [None if abs(end) == float("inf") else end for end in ends]
            for name in training["scores"] or {}
            for ends in [model.task.score_range(name)]
        },
    }


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds")


def told_ends(store: Store, names: Sequence[str]) -> str:
    """Say how runs ended, in a line.

    Examples
    --------
    >>> import tempfile
    >>> told_ends(Store(tempfile.mkdtemp()), [])
    '0 runs'
    """
    states = [store.status(name) for name in names]
    each = [f"{states.count(state)} {state}" for state in dict.fromkeys(states)]
    return ": ".join([counted(len(names), "run"), *([", ".join(each)] if each else [])])
