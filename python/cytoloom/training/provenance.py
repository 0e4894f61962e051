"""What a model remembers of its training."""

from __future__ import annotations

import importlib.metadata
import math
import time
from dataclasses import replace
from typing import Any

import pandas as pd

from ..components import to_plain
from ..models.model import Model
from ..runtime import backend, devices
from ..version import __version__
from .learn import Learned
from .lesson import Lesson
from .schedule import State
from .stages import Planned, Tuned
from .trainer import Trainer

HISTORY = ["epoch", "iteration", "seconds", "set", "metric", "value"]


def model_of(
    lesson: Lesson,
    learned: Learned,
    trainer: Trainer,
    *,
    precision: str = "float32",
    started: float | None = None,
) -> Model:
    """Make the model of a lesson, with what the engine knows of how it was learned.

    Parameters
    ----------
    lesson : Lesson
        What was learned.
    learned : Learned
        What came of it.
    trainer : Trainer
        How.
    precision : str, default "float32"
        In which the network computed.
    started : float, optional
        ``time.monotonic()`` when the call began.

    Returns
    -------
    Model
        Of one network; what only the lesson knows (images, scores) is empty in its `info`.
    """
    state = learned.state
    seconds = state.elapsed_s if started is None else time.monotonic() - started
    count = next(iter(lesson.part.inputs.values()))
    together = devices.number(trainer.devices)
    info = {
        "cytoloom": __version__,
        "trainer": to_plain(trainer),
        "channels": {"count": count, "names": None},
        "ndim": lesson.part.network.ndim,
        "pixel_size_um": list(lesson.spacing_um) if lesson.spacing_um else None,
        "diameter_px": None,
        "seed": lesson.seed,
        "precision": precision,
        "threads": backend.threads(),
        "reproducible": not devices.why_not_repeatable(lesson.part.network.ndim, together),
        "interrupted": learned.interrupted,
        "backend": backend.name(),
        "device": devices.words(together),
        "libraries": {name: _version(name) for name in _libraries()},
        "data": {},
        "training": _training(lesson, state, seconds),
        "tile_difference": None,
        "start": None,
    }
    parts, key = {lesson.name: lesson.part}, (1, lesson.name)
    return Model(parts, info, _history(lesson, state), networks={key: learned.network})


def _training(lesson: Lesson, state: State, seconds: float) -> dict[str, Any]:
    return {
        "images": lesson.images,
        "iterations": state.iteration,
        "seconds": seconds,
        "batch_size": lesson.batch_size,
        "patch_px": None,
        "score": state.best_score if math.isfinite(state.best_score) else None,
        "best_iteration": state.best_iteration,
        "scores": None,
        "knots": [list(point) for point in state.breakpoints],
        "validation": "patches that stay the same",
        "unknown": None,
        "fast": None,
        "coherence": None,
    }


def of_images(planned: Planned, tuned: Tuned) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a training on images adds to a model's `info`, and to its "training"."""
    split, start = planned.split, planned.split.given.start
    names = getattr(split.train.items[0].image, "channel_names", None)
    count = int(split.train.items[0].image.shape[-1])
    rows = start.info["data"].values() if start is not None else ()
    seen = {"start": [row for part in rows for row in part]} if start is not None else {}
    info = {
        "channels": {"count": count, "names": list(names) if names else None},
        "diameter_px": planned.surveyed.diameter_px,
        "data": {**planned.surveyed.manifest, **seen},
        "tile_difference": tuned.tile_difference,
        "start": str(start.path) if start is not None else None,
    }
    training = {
        "patch_px": list(planned.patch_px),
        "scores": tuned.scores,
        "reliability": tuned.reliability,
        "validation": split.note,
        "unknown": split.train.unknown,
        "fast": tuned.fast,
        "coherence": tuned.coherence,
    }
    return info, training


def _history(lesson: Lesson, state: State) -> pd.DataFrame:
    per_epoch = max(1.0, lesson.images / lesson.batch_size)
    rows = [{"epoch": row["iteration"] / per_epoch, **row} for row in state.history]
    return pd.DataFrame(rows, columns=HISTORY)


def _libraries() -> tuple[str, ...]:
    return ("keras", backend.name(), "numpy", "scipy", "scikit-image")


def _version(name: str) -> str:
    for candidate in (name, f"{name}-cpu"):
        try:
            return importlib.metadata.version(candidate)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "unknown"


def recorded(bare: Model, planned: Planned, tuned: Tuned, started: float) -> Model:
    """Add to a model what its training on images came to, thresholds included."""
    info, training_info = of_images(planned, tuned)
    seconds = {"seconds": time.monotonic() - started}
    training = {**bare.info["training"], **training_info, **seconds}
    part = replace(bare.part, task=tuned.task, calibration=tuned.calibration)
    parts = {bare.name: part}
    return replace(bare, parts=parts, info={**bare.info, **info, "training": training})
