"""What a model remembers of its training."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from ..components import to_plain
from ..runtime import backend
from .batches import batch_of, patch_of
from .run import Run
from .schedule import State

if TYPE_CHECKING:
    from ..models.model import Model


def _finish(run: Run, state: State, started: float) -> Model:
    import importlib.metadata

    import pandas as pd

    from .. import __version__

    assert run.model is not None
    assert run.train is not None
    assert run.validation is not None
    model = run.model
    per_epoch = max(1.0, len(run.readers) / batch_of(run))
    rows = [{"epoch": row["iteration"] / per_epoch, **row} for row in state.history]
    columns = ["epoch", "iteration", "seconds", "set", "metric", "value"]
    model.history = pd.DataFrame(rows, columns=columns)
    libraries = ("keras", backend.name(), "numpy", "scipy", "scikit-image")
    model.info |= {
        "cytoloom": __version__,
        "trainer": to_plain(run.trainer),
        "diameter_px": run.diameter_px,
        "precision": run.precision,
        "threads": backend.threads(),
        "reproducible": backend.repeatable(),
        "interrupted": run.interrupted,
        "backend": backend.name(),
        "device": backend.device(),
        "libraries": {name: _version(importlib.metadata, name) for name in libraries},
        "data": {**run.manifest, **_inherited(run.start)},
        "training": {
            "images": len(run.readers),
            "iterations": state.iteration,
            "seconds": time.monotonic() - started,
            "batch_size": batch_of(run),
            "patch_px": list(patch_of(run)),
            "score": state.best_score if math.isfinite(state.best_score) else None,
            "best_iteration": state.best_iteration,
            "scores": run.scores,
            "knots": [list(knot) for knot in state.knots],
            "validation": run.split_note,
            "unknown": run.train.unknown,
            "fast": run.fast,
            "coherence": run.coherence,
        },
        "tile_difference": run.tile_difference,
        "start": str(run.start.path) if run.start else None,
    }
    return model


def _inherited(start: Model | None) -> dict[str, list[dict[str, Any]]]:
    """List the images that the model has seen before this training, in the one it started from."""
    if start is None:
        return {}
    return {"start": [row for part in start.info["data"].values() for row in part]}


def _version(metadata: Any, name: str) -> str:
    for candidate in (name, f"{name}-cpu"):
        try:
            return str(metadata.version(candidate))
        except metadata.PackageNotFoundError:
            continue
    return "unknown"
