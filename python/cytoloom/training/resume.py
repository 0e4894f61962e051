"""Keep a training's state on disk, and go on from it when nothing else has changed."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from dataclasses import replace
from typing import Any

import numpy as np

from ..components import to_plain
from ..errors import invalid
from ..messages import Setting, say
from ..models.folder import ModelFolder
from ..runtime import backend
from . import checkpoints
from .run import Run
from .schedule import State

FACTS = (
    "iteration",
    "elapsed_s",
    "knots",
    "history",
    "best_iteration",
    "stale",
    "loss_sum",
    "loss_count",
)


def fingerprint(run: Run) -> dict[str, str]:
    """Return what must be the same for a started training to go on, by name."""
    same = backend.one_core_each()  # whatever the number of cores
    threads = None if same else backend.threads()
    trainer = to_plain(replace(run.trainer, checkpoint_s=30.0, cache_gb=2.0, threads=threads))
    parts = {
        "task": to_plain(run.task),
        **{f"network.{name}": value for name, value in to_plain(run.network).items()},
        **{f"trainer.{name}": value for name, value in trainer.items()},
        "normalize": to_plain(run.normalize),
        "seed": run.seed,
        "precision": run.precision,
        "start": run.start.info["data"] if run.start else None,
        "data": run.manifest,
    }
    return {
        name: hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()
        for name, part in parts.items()
    }


def resume(
    run: Run, folder: ModelFolder | None, state: State
) -> dict[str, list[np.ndarray]] | None:
    """Fill `state` from a started training of the same kind; return its arrays."""
    if folder is None:
        return None
    found = checkpoints.read(folder.states)
    now = fingerprint(run)
    if found is None:
        return None
    arrays, facts = found
    changed = sorted(name for name in now if now[name] != facts["fingerprint"].get(name))
    if "seed" in changed:  # another seed holds out other images, and normalises by these
        changed = [name for name in changed if name not in ("data", "normalize")]
    if changed and folder.replace:
        folder.clear()
        return None
    if changed:
        raise invalid(
            "out",
            expected=f"the settings and data with which {folder.path} was started",
            received=f"other {', '.join(changed)}",
            remedy=say(
                "Use these again to go on, or {} to start anew.", Setting("overwrite", True)
            ),
        )
    for name in FACTS:
        setattr(state, name, facts[name])
    state.best_score = facts["best_score"] if arrays.get("best") else -math.inf
    state.knots = [tuple(knot) for knot in facts["knots"]]
    state.best_weights = arrays.get("best")
    return arrays


def restore(run: Run, arrays: dict[str, list[np.ndarray]]) -> None:
    """Give the network and its optimizer the arrays of a state."""
    for variable, value in zip(_variables(run), arrays["variables"], strict=True):
        variable.assign(value)


def _variables(run: Run) -> list[Any]:
    """Weights, statistics, dropout seeds and the optimizer's variables."""
    return [*run.keras.variables, *run.fitted.optimizer.variables]


def check_space(run: Run, folder: ModelFolder | None) -> None:
    """Refuse to start where the disk cannot take two states, one being written and the model."""
    if folder is None:
        return
    free = shutil.disk_usage(folder.path).free
    needed = 4 * sum(4 * math.prod(v.shape) for v in _variables(run))
    if free < needed:
        raise invalid(
            "out",
            expected=f"{needed / 1e6:.0f} MB free for states and model",
            received=f"{free / 1e6:.0f} MB free at {folder.path}",
            remedy="Make room, or choose another disk.",
        )


def save_state(run: Run, state: State, folder: ModelFolder | None) -> None:
    """Write the state of a running training; without a folder do nothing."""
    if folder is None:
        return
    keras = backend.require()
    facts = {name: getattr(state, name) for name in FACTS}
    best = state.best_score
    facts |= {"best_score": best if math.isfinite(best) else None, "fingerprint": fingerprint(run)}
    arrays = {
        "variables": [np.asarray(keras.ops.convert_to_numpy(v.value)) for v in _variables(run)],
        "best": state.best_weights or [],
    }
    checkpoints.write(folder.states, arrays, facts)
