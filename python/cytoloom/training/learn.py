"""One engine for everything that learns: a lesson in, a network out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import losses
from ..events import Work, note, warn
from ..messages import Argument, Setting, say
from ..models.folder import ModelFolder
from ..networks.ghost_batches import ghost_batches, parts_of
from ..runtime import backend, devices
from . import best
from .lesson import Lesson
from .loop import Loop
from .reporter import Reporter
from .resume import Groups, Keeper, kept_in, restore, settings_hash
from .schedule import Schedule, State
from .snapshots import Snapshots
from .trainer import Trainer
from .watch import Watch

DEVICES = Setting("devices", "all")
START = Argument("start")


@dataclass(frozen=True, eq=False)
class Learned:
    """What came of a lesson.

    Attributes
    ----------
    network : keras.Model
        With the weights best on the validation.
    state : State
        How far it got, with its history.
    interrupted : bool
        Whether it was stopped by hand before the end.
    forward_s_per_px : float
        Seconds that running the network forward takes, per pixel.
    """

    network: Any
    state: State
    interrupted: bool
    forward_s_per_px: float


def learn(
    lesson: Lesson,
    trainer: Trainer,
    *,
    precision: str = "float32",
    folder: ModelFolder | None = None,
    started: float | None = None,
    keep_interrupted: bool = False,
) -> Work[Learned]:
    """Learn a lesson, going on from a state in `folder` where there is one.

    Parameters
    ----------
    lesson : Lesson
        What is learned.
    trainer : Trainer
        How long and how.
    precision : {"float32", "bfloat16"}, default "float32"
        In which the network computes.
    folder : ModelFolder, optional
        Where states and snapshots are kept; without it nothing is.
    started : float, optional
        ``time.monotonic()`` when the call began; default now.
    keep_interrupted : bool, default False
        An interrupt ends learning early, and what was learned is the result, instead of being
        raised after the state was saved.

    Yields
    ------
    Event
        Progress, notes and warnings.

    Returns
    -------
    Learned
        Network and state.

    Raises
    ------
    InvalidError
        `folder` holds a training of other settings, or its disk is full.
    FloatingPointError
        The loss became infinite or not a number; the state before is kept.
    """
    state, started = State(), time.monotonic() if started is None else started
    devices.check(trainer.devices, lesson.batch_size)
    keeper = Keeper(folder, settings_hash(lesson, trainer, precision))
    earlier = keeper.resume(state)
    if earlier is not None and folder is not None:
        # a budget counts the minutes of the earlier run as well
        started -= state.elapsed_s
        yield note(f"Going on from iteration {state.iteration} of {folder.path}.")
    count = devices.number(trainer.devices)
    scope = devices.scope(count)
    if lesson.turn[0] == 1:
        text = f"Training on {devices.words(count)}, {precision}, {_seed_words(lesson, count)}."
        yield note(text)
        if trainer.devices is not None and count == 1:
            yield note(say("There is one device: {} changes nothing.", DEVICES))
    with scope():
        network = lesson.part.build(precision, lesson.seed, lesson.spacing_um)
    # variables are restored after compiling, when the optimizer has its own
    fresh = lesson.begin(network)
    if fresh:
        yield note(say("All but this is taken over from {}: {}.", START, "; ".join(fresh)))
    with scope():
        fitted = _fitted(lesson, network, trainer, scope)
    _take_up(fitted, keeper, earlier)
    watch = Watch(lesson, network, Snapshots(None if folder is None else folder.snapshots))
    loop = _loop(lesson, trainer, keeper, fitted, watch)
    interrupted = False
    try:
        yield from loop.run(state, started, trained=fresh == [])
    except KeyboardInterrupt:
        # before the first step there is nothing that could be a model
        if not keep_interrupted or state.iteration == 0:
            raise KeyboardInterrupt(keeper.words()) from None
        interrupted = True
        best.restore(state, network)
        text = f"Interrupted at iteration {state.iteration}; this is the model so far."
        with kept_in(folder):  # a second Ctrl-C may come here
            yield warn(text + (" The same call goes on from there." if folder else ""))
    if count > 1:
        # what is kept lives on one device
        network = _copy(lesson, network, precision)
    return Learned(network, state, interrupted, watch.forward_s_per_px)


def _copy(lesson: Lesson, network: Any, precision: str) -> Any:
    """Build the network anew, with the same weights."""
    copy = lesson.part.build(precision, lesson.seed, lesson.spacing_um)
    copy.set_weights(network.get_weights())
    return copy


def _fitted(lesson: Lesson, network: Any, trainer: Trainer, scope: devices.Scope) -> Any:
    """Compile; return what is fitted."""
    # A fixed number of parts, not one for each core: the same seed gives the same weights anywhere.
    count = devices.number(trainer.devices)
    parts = parts_of(lesson.batch_size, count) if backend.one_core_each() else 1
    fitted = ghost_batches(network, parts, scope)
    heads = lesson.part.task.heads
    fitted.compile(
        optimizer=trainer.make_optimizer(backend.require()),
        loss={n: losses.get(h.loss, h.activation) for n, h in heads.items()},
        loss_weights={n: h.weight for n, h in heads.items()},
        jit_compile=backend.name() == "jax",
    )
    # Variables made by the first step would have it compiled twice: 6.1 instead of 4.9 s for the
    # smallest training.
    fitted.optimizer.build(fitted.trainable_variables)
    _build_losses(network, fitted)
    return fitted


def _take_up(fitted: Any, keeper: Keeper, earlier: Groups | None) -> None:
    """Take up the state of an earlier run, if any."""
    variables = _variables(fitted)
    keeper.check_space(variables)
    if earlier is not None:
        restore(variables, earlier)


def _loop(lesson: Lesson, trainer: Trainer, keeper: Keeper, fitted: Any, watch: Watch) -> Loop:
    iterations, minutes = trainer.length(lesson.images)
    schedule = Schedule(iterations, minutes and minutes * 60, trainer.knots)
    variables = _variables(fitted)
    return Loop(
        fitted,
        lesson.batch,
        trainer,
        schedule,
        Reporter(schedule, lesson.batch_size, lesson.turn),
        validate=watch,
        save=lambda state: keeper.save(state, variables),
        reserve=lambda state: lesson.reserve_s(watch, state.progress),
    )


def _variables(fitted: Any) -> list[Any]:
    """Weights, statistics, dropout seeds and the optimizer's variables."""
    return [*fitted.network.variables, *fitted.optimizer.variables]


def _build_losses(network: Any, fitted: Any) -> None:
    """Make the variables that hold losses, before the first step."""
    shapes = {head: [n or 8 for n in out.shape[1:]] for head, out in network.output.items()}
    maps = {head: np.zeros((1, *shape)) for head, shape in shapes.items()}
    targets = {
        head: np.ones((fitted.parts, *shape[:-1], shape[-1] + 1)) for head, shape in shapes.items()
    }
    fitted.compute_loss(y=targets, y_pred=[maps] * fitted.parts)
    fitted.reset_metrics()


def _seed_words(lesson: Lesson, count: int = 1) -> str:
    why = devices.why_not_repeatable(lesson.part.network.ndim, count)
    same = f", not repeatable: {why}" if why else ""
    own = "a seed for each member" if lesson.turn[1] > 1 else f"seed {lesson.seed}"
    return f"{own}{same}"
