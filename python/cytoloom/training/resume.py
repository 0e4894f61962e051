"""Keep a training's state on disk, and go on from it when nothing else has changed."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import math
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..components import to_plain
from ..errors import invalid
from ..messages import say
from ..models.folder import OVERWRITE, ModelFolder
from ..runtime import backend, devices
from ..version import __version__
from . import checkpoints
from .lesson import Lesson
from .schedule import State
from .trainer import Trainer

KEPT = (
    "iteration",
    "elapsed_s",
    "breakpoints",
    "history",
    "best_iteration",
    "stale",
    "loss_sum",
    "loss_count",
    "finished",
)
"""Fields of `State` that JSON holds as they are."""
Groups = dict[str, list[np.ndarray]]


def settings_hash(lesson: Lesson, trainer: Trainer, precision: str) -> dict[str, str]:
    """Return what must be the same for a started training to go on, by name."""
    # where each operation keeps to one core, weights do not depend on how many cores there are
    threads = None if backend.one_core_each() else backend.threads()
    # these two change when states are written and how fast images are read, not what is learned
    plain = to_plain(replace(trainer, checkpoint_s=30.0, cache_gb=2.0, threads=threads))
    # one device is what there was before there was a choice
    del plain["devices"]
    count = devices.number(trainer.devices)
    parts = {
        "task": to_plain(lesson.part.task),
        **{f"network.{name}": value for name, value in to_plain(lesson.part.network).items()},
        **{f"trainer.{name}": value for name, value in plain.items()},
        "normalize": to_plain(lesson.part.normalize),
        "seed": lesson.seed,
        "precision": precision,
        "backend": backend.name(),
        **({"devices": count} if count > 1 else {}),
        "cytoloom": __version__,
        **lesson.settings(),
    }
    parts["code"] = _own_code([parts, to_plain(lesson.part.task.heads)])
    return {
        name: hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()
        for name, part in parts.items()
    }


def _own_code(plain: Any) -> dict[str, str]:
    """Return the source of components outside the package, which may have been edited since."""
    inside = plain.values() if isinstance(plain, dict) else plain if isinstance(plain, list) else ()
    found = {name: code for one in inside for name, code in _own_code(one).items()}
    module = sys.modules.get(plain.get("module") or "") if isinstance(plain, dict) else None
    if module is not None:
        with contextlib.suppress(OSError, TypeError):  # written into a console
            found[module.__name__] = inspect.getsource(module)
    return found


class Ended(Exception):
    """A model was fine-tuned in its own place, and a kill left nothing but states to remove."""


class Keeper:
    """Writes and reads the states of one training; without a folder it does nothing.

    Parameters
    ----------
    folder : ModelFolder or None
        Of the model.
    settings : dict of str to str
        See `settings_hash`.
    """

    def __init__(self, folder: ModelFolder | None, settings: Mapping[str, str]) -> None:
        self._folder, self._settings = folder, dict(settings)

    def resume(self, state: State) -> Groups | None:
        """Fill `state` from a started training of the same settings; return its arrays.

        Raises
        ------
        InvalidError
            A training was started there with other settings or data, and is not to be given up.
        """
        found = None if self._folder is None else checkpoints.read(self._folder.states)
        if self._folder is None or found is None:
            return None
        arrays, kept = found
        changed = self._changed(kept["settings"])
        if changed == ["start"] and self._folder.has_ended():
            raise Ended
        # `overwrite` gives up a training of other settings, but goes on with one of the same
        if changed and self._folder.replace:
            self._folder.clear()
            return None
        if changed:
            raise invalid(
                "out",
                expected=f"the settings and data with which {self._folder.path} was started",
                received=f"other {', '.join(changed)}",
                remedy=say("Use these again to go on, or {} to start anew.", OVERWRITE),
            )
        for name in KEPT:
            setattr(state, name, kept.get(name, getattr(state, name)))
        # JSON has no minus infinity
        state.best_score = kept["best_score"] if arrays.get("best") else -math.inf
        state.breakpoints = [tuple(point) for point in kept["breakpoints"]]
        state.best_weights = arrays.get("best")
        return arrays

    def _changed(self, earlier: Mapping[str, str]) -> list[str]:
        names = {*self._settings, *(n for n in earlier if n == "devices")}
        changed = sorted(n for n in names if self._settings.get(n) != earlier.get(n))
        # another seed holds out other images, and normalises by these
        of_images = ("weight", "pixel_size_um")
        follows = {
            "seed": ("data", "normalize", *of_images),
            "data": of_images,
            "unknown": ("data", "normalize"),
        }
        dropped = {name for cause in changed for name in follows.get(cause, ())}
        return [name for name in changed if name not in dropped]

    def check_space(self, variables: Sequence[Any]) -> None:
        """Refuse to start where the disk cannot take two states, one being written, the model."""
        if self._folder is None:
            return
        self._folder.lock.check()
        free = shutil.disk_usage(self._folder.path).free
        # four files of 4 bytes a value: two states, one being written, the model
        needed = 4 * sum(4 * math.prod(v.shape) for v in variables)
        if free < needed:
            raise invalid(
                "out",
                expected=f"{math.ceil(needed / 1e6)} MB free for states and model",
                received=f"{math.floor(free / 1e6)} MB free at {self._folder.path}",
                remedy="Make room, or choose another disk.",
            )

    def save(self, state: State, variables: Sequence[Any]) -> None:
        """Write the state of a running training."""
        if self._folder is None:
            return
        self._folder.lock.check()
        keras = backend.require()
        best = state.best_score if math.isfinite(state.best_score) else None
        plain = {name: getattr(state, name) for name in KEPT}
        arrays = {
            "variables": [np.asarray(keras.ops.convert_to_numpy(v.value)) for v in variables],
            "best": state.best_weights or [],
        }
        checkpoints.write(
            self._folder.states, arrays, {**plain, "best_score": best, "settings": self._settings}
        )

    def words(self) -> str:
        """Say what is kept when a training is broken off."""
        if self._folder is None:
            return "nothing is kept without `out`"
        iteration = checkpoints.newest(self._folder.states)
        if iteration < 1:
            return "nothing was kept yet"
        where = self._folder.path
        return f"iteration {iteration} is kept in {where}, the same call goes on from there"


def restore(variables: Sequence[Any], arrays: Groups) -> None:
    """Give weights, statistics, dropout seeds and the optimizer's variables those of a state."""
    for variable, value in zip(variables, arrays["variables"], strict=True):
        variable.assign(value)


@contextlib.contextmanager
def kept_in(folder: ModelFolder | None) -> Iterator[None]:
    """Say of an interrupt after learning what is kept, as learning itself does."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(Keeper(folder, {}).words()) from None
