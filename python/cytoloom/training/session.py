"""One training from its settings to its model: what the verb `train` composes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from ..components import to_plain
from ..components.arguments import checked_seed
from ..datasets.opened import opened
from ..errors import invalid
from ..events import Event, Work, note, warn
from ..images.normalize import Normalize
from ..messages import Call, Setting, joined, say
from ..models.folder import ModelFolder, open_model_folder
from ..models.inputs import as_model
from ..models.model import Model
from ..networks.network import Network
from ..runtime import backend
from ..tasks import resolve
from ..tasks.task import Task
from .members import ensemble
from .prepare import read, ready
from .provenance import model_of, recorded
from .resume import Ended, kept_in
from .segment import taught
from .stages import Given
from .trainer import Trainer
from .trust import trust_words
from .tune import doubts, tune


def training(
    given: Given,
    data: Any,
    validation: Any,
    *,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    started: float | None = None,
    keep_interrupted: bool = False,
    members: int = 1,
    folds: int | None = None,
) -> Work[Model]:
    """Read, survey, plan, learn, tune, record.

    Parameters
    ----------
    given : Given
        From `asked`.
    data, validation
        As for `train`.
    out, overwrite
        As for `train`.
    started : float, optional
        ``time.monotonic()`` when the call began; default now.
    keep_interrupted : bool, default False
        See `learn`.
    members, folds
        As for `train`.

    Returns
    -------
    Model
        Also written to `out`.
    """
    started = time.monotonic() if started is None else started
    data = opened(data)
    if given.task.learned_of and not hasattr(data, "trained"):
        raise invalid("data", expected=given.task.learned_of, received="images with labels")
    folder = open_model_folder(out, overwrite)
    try:
        if folder is not None:
            folder.refuse_started(members)
        if hasattr(data, "trained"):  # data that are more than images with labels know how
            learn_it = lambda given, data, *how: data.trained(given, *how)  # noqa: E731
        else:
            learn_it = _single if members == 1 else partial(ensemble, members=members, count=folds)
        made = yield from learn_it(given, data, validation, folder, started, keep_interrupted)
        yield from _saved(made, folder)
        return made
    except Ended:
        assert folder is not None  # it has its states
        folder.clear()
        yield note(f"That training has ended: its model is in {folder.path}.")
        return as_model(folder.path, "out")
    finally:
        backend.forget_kernels()
        if folder is not None:
            folder.leave()


def _single(
    given: Given,
    data: Any,
    validation: Any,
    folder: ModelFolder | None,
    started: float,
    keep_interrupted: bool,
) -> Work[Model]:
    """Train one network."""
    found = yield from read(given, data, validation)
    planned = yield from ready(found)
    lesson, learned = yield from taught(planned, folder, started, keep_interrupted)
    with kept_in(folder):
        yield Event("progress", "fitting thresholds on the validation images", 1, 1)
        bare = model_of(
            lesson, learned, planned.trainer, precision=planned.precision, started=started
        )
        tuned = tune(planned, bare)
        for text in doubts(planned.trainer, learned.state.iteration, tuned.task, tuned.scores):
            yield warn(text)
        for text in trust_words(planned, tuned.calibration, len(planned.validation_readers)):
            yield note(text)
        return recorded(bare, planned, tuned, started)


def _saved(model: Model, folder: ModelFolder | None) -> Work[None]:
    """Write the model where it was asked for."""
    if folder is None:
        return
    with kept_in(folder):
        folder.save(model)
    # of an interrupted training the states stay, for the same call to go on from
    if not model.info["interrupted"]:
        folder.clear()
    yield note(f"Model written to {folder.path}.")


def asked(
    task: str | Task | None,
    network: Network | None,
    trainer: Trainer | None,
    normalize: Normalize | None,
    start: Model | str | os.PathLike[str] | None,
    seed: int,
) -> Given:
    """Check what was given against each other, and that there is a backend."""
    seed = checked_seed(seed)
    kinds = (("network", network, Network), ("trainer", trainer, Trainer))
    for name, component, kind in (*kinds, ("normalize", normalize, Normalize)):
        if component is not None and not isinstance(component, kind):
            made = Call("UNet" if kind is Network else kind.__name__, {})
            raise invalid(name, expected=say("a {}", made), received=component)
    named = None if task is None else resolve(task)  # first: a model may have this very task
    base = as_model(start, "start") if start is not None else None
    chosen = named or (base.task if base is not None else resolve("instances"))
    chosen.check_ready()
    if base is not None:
        _as_base(base, network)
        network, normalize = network or base.network, normalize or base.normalize
    given = Given(chosen, trainer or Trainer(), network, normalize, seed, base)
    _check_backend(given.trainer)
    return given


def _as_base(base: Model, network: Network | None) -> None:
    """Refuse to go on from a model with another network."""
    if network is not None and network != base.network:
        known, wanted = to_plain(base.network), to_plain(network)
        differ = [name for name in wanted if wanted[name] != known.get(name)]
        expected = say("{}, as `start`", _settings(base.network, differ))
        raise invalid("network", expected=expected, received=_settings(network, differ))


def _check_backend(trainer: Trainer) -> None:
    """Refuse what a backend that runs, or none, cannot do; `prepare.ready` starts it."""
    backend.check()
    running = backend.planned_threads()
    if backend.running() and trainer.threads not in (None, running):
        raise invalid(
            "threads",
            expected=f"{running}, with which the backend already runs",
            received=trainer.threads,
            remedy="Start a fresh process.",
        )


def _settings(network: Network, names: Iterable[str]) -> str:
    return joined(", ", (say("{}", Setting(n, getattr(network, n))) for n in names))
