"""One training from its settings to its model: what the verb `train` composes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..components import at_home, to_plain
from ..components.arguments import checked_seed
from ..errors import invalid
from ..events import Event, Work, note, warn
from ..images.normalize import Normalize
from ..messages import Call, Setting, counted, joined, say
from ..models.folder import ModelFolder, open_model_folder
from ..models.inputs import as_model
from ..models.model import Model
from ..networks.network import Network
from ..runtime import backend
from ..tasks import resolve
from ..tasks.task import Task
from .learn import learn
from .prepare import faint_images, plan, read, survey
from .provenance import model_of, of_images
from .rehearse import rehearse
from .resume import Keeper
from .segment import Segmentation
from .stages import Given, Planned, Tuned
from .trainer import Trainer
from .tune import tune

FEW_ITERATIONS = 100
"""After fewer a network has hardly learned, whatever it learns."""


def training(
    given: Given,
    data: Any,
    validation: Any,
    *,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    started: float | None = None,
    keep_interrupted: bool = False,
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

    Returns
    -------
    Model
        Also written to `out`.
    """
    started = time.monotonic() if started is None else started
    folder = open_model_folder(out, overwrite)
    try:
        found = yield from read(given, data, validation)
        seen = yield from survey(found)
        planned = _with_precision(plan(seen))
        yield note(_planned_words(planned))
        yield from faint_images(planned)
        return (yield from _learned(planned, folder, started, keep_interrupted))
    finally:
        backend.forget_kernels()
        if folder is not None:
            folder.leave()


def _learned(
    planned: Planned, folder: ModelFolder | None, started: float, keep_interrupted: bool
) -> Work[Model]:
    lesson = Segmentation(planned)
    if not at_home(planned.task):
        rehearse(planned.task, lesson.batch)
    learned = yield from learn(
        lesson,
        planned.trainer,
        precision=planned.precision,
        folder=folder,
        started=started,
        keep_interrupted=keep_interrupted,
    )
    try:
        yield Event("progress", "fitting thresholds on the validation images", 1, 1)
        bare = model_of(
            lesson, learned, planned.trainer, precision=planned.precision, started=started
        )
        tuned = tune(planned, bare)
        steps = learned.state.iteration
        for text in doubts(planned.trainer, steps, tuned.task, tuned.scores):
            yield warn(text)
        model = _recorded(bare, planned, tuned, started)
        if folder is not None:
            folder.save(model)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(Keeper(folder, {}).words()) from None
    if folder is not None:
        # of an interrupted training the states stay, for the same call to go on from
        if not learned.interrupted:
            folder.clear()
        yield note(f"Model written to {folder.path}.")
    return model


def asked(
    task: str | Task | None,
    network: Network | None,
    trainer: Trainer | None,
    normalize: Normalize | None,
    start: Model | str | os.PathLike[str] | None,
    seed: int,
) -> Given:
    """Check what was given against each other, and start the backend."""
    seed = checked_seed(seed)
    kinds = (("network", network, Network), ("trainer", trainer, Trainer))
    for name, component, kind in (*kinds, ("normalize", normalize, Normalize)):
        if component is not None and not isinstance(component, kind):
            made = Call("UNet" if kind is Network else kind.__name__, {})
            raise invalid(name, expected=say("a {}", made), received=component)
    named = None if task is None else resolve(task)  # first: a model may have this very task
    base = as_model(start, "start") if start is not None else None
    chosen = named or (base.task if base is not None else resolve("instances"))
    if base is not None:
        _as_base(base, network)
        network, normalize = network or base.network, normalize or base.normalize
    given = Given(chosen, trainer or Trainer(), network, normalize, seed, base)
    _start_backend(given.trainer)
    return given


def _as_base(base: Model, network: Network | None) -> None:
    """Refuse to go on from a model with another network."""
    if network is not None and network != base.network:
        known, wanted = to_plain(base.network), to_plain(network)
        differ = [name for name in wanted if wanted[name] != known.get(name)]
        expected = say("{}, as `start`", _settings(base.network, differ))
        raise invalid("network", expected=expected, received=_settings(network, differ))


def _start_backend(trainer: Trainer) -> None:
    backend.require(trainer.threads)
    running = backend.threads()
    if trainer.threads not in (None, running):
        raise invalid(
            "threads",
            expected=f"{running}, with which the backend already runs",
            received=trainer.threads,
            remedy="Start a fresh process.",
        )
    backend.resolve_precision(trainer.precision)


def _with_precision(planned: Planned) -> Planned:
    """Choose the precision, for which the sizes of patches must be known."""
    asked_for = planned.trainer.precision
    precision, network = backend.resolve_precision(asked_for), planned.plan.network
    on_cpu = backend.name() == "tensorflow" and not backend.gpu()
    if precision == "bfloat16" and on_cpu and not network.sound_in_bfloat16(planned.patch_px):
        if asked_for == "bfloat16":
            raise invalid(
                "precision",
                expected="float32 for patches whose feature maps have fewer planes than a kernel",
                received="bfloat16",
                remedy="Take patches of more planes, or another precision.",
            )
        precision = "float32"
    return replace(planned, precision=precision)


def _settings(network: Network, names: Iterable[str]) -> str:
    return joined(", ", (say("{}", Setting(n, getattr(network, n))) for n in names))


def _planned_words(planned: Planned) -> str:
    sides = " x ".join(map(str, planned.patch_px))
    kind = f"{type(planned.plan.network).__name__} of {planned.plan.network.words}"
    return f"{kind}; {counted(planned.batch_size, 'patch')} of {sides} px a step."


def doubts(
    trainer: Trainer, iterations: int, task: Task, scores: Mapping[str, float]
) -> Iterator[str]:
    """Say why a model may be of no use: hardly trained, or with such scores."""
    timed = trainer.length(1)[1] is not None
    if timed and iterations < FEW_ITERATIONS:
        yield (
            f"Only {counted(iterations, 'iteration')} fitted into the time given: the model "
            "has hardly learned. Give more minutes."
        )
    yield from task.doubts(scores)


def _recorded(bare: Model, planned: Planned, tuned: Tuned, started: float) -> Model:
    info, training_info = of_images(planned, tuned)
    seconds = {"seconds": time.monotonic() - started}
    recorded = {**bare.info["training"], **training_info, **seconds}
    parts = {bare.name: replace(bare.part, task=tuned.task)}
    return replace(bare, parts=parts, info={**bare.info, **info, "training": recorded})
