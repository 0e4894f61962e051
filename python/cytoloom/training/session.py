"""One training from its settings to its model: what the verb `train` composes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..components import to_plain
from ..errors import invalid
from ..events import Event, Work, note, warn
from ..images.normalize import Normalize
from ..messages import Setting, counted, joined, say
from ..models.folder import ModelFolder
from ..networks.ghost_batches import parts_of, towers
from ..networks.unet import UNet
from ..patches.augment import Augment
from ..runtime import backend
from ..runtime.machine import cores
from ..tasks import resolve
from ..tasks.task import Task
from . import checkpoints
from .batches import batch_maker, batch_of, make_sampler, patch_of
from .fit import Fit
from .prepare import survey
from .provenance import _finish
from .resume import check_space, restore, resume, save_state
from .run import Run, given
from .schedule import Pace, State
from .trainer import Trainer
from .validate import Validation, tune, tune_seconds

if TYPE_CHECKING:
    from ..models.model import Model


FEW_ITERATIONS = 100


LOW_DICE = 0.3


def run_training(
    run: Run, folder: ModelFolder | None, started: float, keep_interrupted: bool
) -> Work[Model]:
    """Survey, plan, fit, tune, and give the model, as events."""
    yield from survey(run)
    yield note(_planned(run))
    state = State()
    earlier = resume(run, folder, state)
    if earlier is not None:
        started -= state.elapsed_s
        yield note(f"Going on from iteration {state.iteration} of {folder.path}.")
    yield note(f"Training on {backend.device()}, {run.precision}, {run.seed_words}.")
    yield from _fit(run, state, started, folder, earlier, keep_interrupted)
    try:
        yield from tune(run)
        for text in _doubts(run, state):
            yield warn(text)
        model = _finish(run, state, started)
        if folder is not None:
            model.save(folder.path, overwrite=True)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_kept(folder)) from None
    if folder is not None:
        if not run.interrupted:
            folder.clear()
        yield note(f"Model written to {folder.path}.")
    return model


def components(
    task: str | Task | None,
    network: UNet | None,
    trainer: Trainer | None,
    normalize: Normalize | None,
    start: Model | str | os.PathLike[str] | None,
    seed: int,
) -> Run:
    """Check what was given against each other, and start the backend."""
    from ..models.inputs import as_model

    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise invalid("seed", expected="a whole number, 0 or more", received=seed)
    given_types = ((network, UNet), (trainer, Trainer), (normalize, Normalize))
    for component, kind in given_types:
        if component is not None and not isinstance(component, kind):
            name = kind.__name__
            raise invalid(name.lower(), expected=f"a {name}", received=type(component).__name__)
    base = as_model(start) if start is not None else None
    network = network or (base.network if base else None)
    normalize = normalize or (base.normalize if base else None)
    run = Run(
        task=base.task if base and task is None else resolve(task or "instances"),
        network=network or UNet(),
        trainer=trainer or Trainer(),
        normalize=normalize or Normalize(),
        seed=int(seed),
        start=base,
        given=given(network=network, normalize=normalize),
    )
    if base and type(run.task) is not type(base.task):
        names = (type(t).__name__ for t in (base.task, run.task))
        raise invalid("task", expected=f"{next(names)}, as `start`", received=next(names))
    if base and run.network != base.network:
        theirs, ours = to_plain(base.network), to_plain(run.network)
        differ = [name for name in ours if ours[name] != theirs[name]]
        expected = say("{}, as `start`", _settings(base.network, differ))
        raise invalid("network", expected=expected, received=_settings(run.network, differ))
    backend.require(run.trainer.threads)
    running = backend.threads()
    if run.trainer.threads not in (None, running):
        raise invalid(
            "threads",
            expected=f"{running}, with which the backend already runs",
            received=run.trainer.threads,
            remedy="Start a fresh process.",
        )
    run.precision = backend.resolve_precision(run.trainer.precision)
    return run


def _settings(network: UNet, names: Iterable[str]) -> str:
    return joined(", ", (say("{}", Setting(n, getattr(network, n))) for n in names))


def _planned(run: Run) -> str:
    sides, net = " x ".join(map(str, patch_of(run))), run.network
    words = f"U-Net of {net.filters} filters, depth {net.depth}, stem {net.stem_stride}"
    return f"{words}; {counted(batch_of(run), 'patch')} of {sides} px a step."


def _fit(
    run: Run,
    state: State,
    started: float,
    folder: ModelFolder | None,
    earlier: dict[str, list[np.ndarray]] | None,
    keep_interrupted: bool,
) -> Iterator[Event]:
    from ..losses import losses

    keras = backend.require()
    _build(run)
    # not as many as there are cores: weights shall not depend on these
    run.fitted = towers(run.keras, parts_of(batch_of(run)) if backend.one_core_each() else 1)
    run.fitted.compile(
        optimizer=run.trainer.make_optimizer(keras),
        loss={n: losses.get(h.loss, h.activation) for n, h in run.task.heads.items()},
        loss_weights={n: h.weight for n, h in run.task.heads.items()},
        jit_compile=backend.name() == "jax",
    )
    run.fitted.optimizer.build(run.fitted.trainable_variables)
    _build_losses(run)
    check_space(run, folder)
    if earlier is not None:
        restore(run, earlier)
    augment = run.trainer.augment
    augment = Augment.preset(augment) if isinstance(augment, str) else augment
    sampler = make_sampler(run, run.readers, augment)
    iterations, minutes = run.trainer.length(len(run.readers))
    fit = Fit(
        run.fitted,
        batch_maker(run, sampler, run.seed, batch_of(run)),
        run.trainer,
        Pace(iterations, minutes and minutes * 60, run.trainer.knots),
        validate=Validation(run),
        save=lambda s: save_state(run, s, folder),
        reserve=lambda: tune_seconds(run),
        workers=max(1, min(4, cores() // 4)),
        trained=run.start is not None,
    )
    try:
        yield from fit.run(state, started)
    except KeyboardInterrupt:
        if not keep_interrupted or state.iteration == 0:
            raise KeyboardInterrupt(_kept(folder)) from None
        run.interrupted = True
        fit.restore_best(state)
        text = f"Interrupted at iteration {state.iteration}; this is the model so far."
        yield warn(text + (" The same call goes on from there." if folder else ""))


def _doubts(run: Run, state: State) -> Iterator[str]:
    """Say why the model may be of no use."""
    remedy = "Train longer, or look whether the labels fit the images."
    if run.trainer.length(1)[1] is not None and state.iteration < FEW_ITERATIONS:
        yield (
            f"Only {counted(state.iteration, 'iteration')} fitted into the time given: the model "
            "has hardly learned. Give more minutes."
        )
    scores = run.scores or {}
    if scores.get("ap50") == 0:
        yield f"No object of the validation images was found: the model is of no use yet. {remedy}"
    elif scores.get("dice", 1.0) < LOW_DICE:
        yield f"Dice on the validation images is only {scores['dice']:.2f}. {remedy}"


def _kept(folder: ModelFolder | None) -> str:
    if folder is None:
        return "nothing is kept without `out`"
    iteration = checkpoints.newest(folder.states)
    if iteration < 1:
        return "nothing was kept yet"
    return f"iteration {iteration} is kept in {folder.path}, the same call goes on from there"


def _build(run: Run) -> None:
    from ..models.model import Model, build_network

    assert run.train is not None
    first = run.train.items[0].image
    names = getattr(first, "channel_names", None)
    info = {
        "channels": {"count": int(first.shape[-1]), "names": list(names) if names else None},
        "ndim": run.network.ndim,
        "pixel_size_um": list(run.spacing_um) if run.spacing_um else None,
        "seed": run.seed,
    }
    run.model = Model(run.task, run.network, run.normalize, info, history=None)  # type: ignore[arg-type]
    run.keras = build_network(run.model, run.precision)
    if run.start is not None:
        run.keras.set_weights(run.start.keras.get_weights())


def _build_losses(run: Run) -> None:
    """Make the variables that hold losses; made by the first step, it would be compiled twice."""
    heads, shape = run.task.heads.items(), [8] * run.network.ndim
    maps = {name: np.zeros((1, *shape, head.channels)) for name, head in heads}
    targets = {name: np.ones((run.fitted.parts, *shape, head.channels + 1)) for name, head in heads}
    run.fitted.compute_loss(y=targets, y_pred=[maps] * run.fitted.parts)
    run.fitted.reset_metrics()
