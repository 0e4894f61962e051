"""Predictions by a rule instead of a network, which starts no backend; run, one that kills itself.

``python kills.py MODEL IMAGES OUT WHERE NUMBER [overwrite] [parquet] [1/2] [workers]`` ends by
SIGKILL when the function ``module:name`` is called for that time, before it does anything.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

import cytoloom as cl
from cytoloom.models.engine import Engine

NAMES = [f"image_{k}" for k in range(7)]


def images_in(folder: Path) -> Path:
    """Write small images of nuclei, by those names, into a new folder."""
    folder.mkdir()
    for k, name in enumerate(NAMES):
        image = cl.simulate.nuclei((64, 64), 6, seed=k)[0]
        tifffile.imwrite(folder / f"{name}.tif", image)
    return folder


def files_of(out: Path) -> dict[str, bytes]:
    """Read what a prediction wrote."""
    paths = (path for path in out.rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}


def ruled(path: Any) -> cl.Model:
    """Load a model, and have its logits made by a rule: bright is an object."""
    model = cl.load(path)
    model.engine = by_rule(model)
    return model


def by_rule(model: cl.Model) -> Engine:
    """Return the rule for the heads of a model."""
    heads = {name: head.channels for name, head in model.task.heads.items()}

    def forward(images: np.ndarray) -> dict[str, np.ndarray]:
        logits = 9 * (images[..., :1] - 0.5)
        return {head: np.repeat(logits, count, axis=-1) for head, count in heads.items()}

    return Engine("a rule", forward, 1, 2)


class Ruled(cl.Model):
    """A model by the rule that goes to other processes; it ends those that see a file."""

    @property
    def engine(self) -> Engine:  # type: ignore[override]
        """The rule, in whatever process."""
        plain = by_rule(self)

        def forward(images: np.ndarray) -> dict[str, np.ndarray]:
            deadly = os.environ.get("DEADLY")
            if deadly and os.path.exists(deadly):
                if not os.environ.get("DEADLY_ALWAYS"):
                    os.unlink(deadly)
                os.kill(os.getpid(), signal.SIGKILL)
            return plain.forward(images)

        return Engine("a rule", forward, 1, 2)


def ruled_everywhere(path: Any) -> cl.Model:
    """Load a model by the rule that can be sent to other processes."""
    model = cl.load(path)
    return Ruled(**{field.name: getattr(model, field.name) for field in fields(model)})


def kill_at(where: str, number: int) -> None:
    """Replace a function by one that ends this process when it is called for the n-th time."""
    address, _, name = where.partition(":")
    owner: Any = importlib.import_module(address)
    *outer, name = name.split(".")
    for part in outer:
        owner = getattr(owner, part)
    plain, calls = getattr(owner, name), []

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        if len(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(*args, **kwargs)

    setattr(owner, name, counted)


if __name__ == "__main__":
    model, images, out, where, number, *more = sys.argv[1:]
    kill_at(where, int(number))
    how: dict[str, Any] = {"overwrite": "overwrite" in more}
    how["objects"] = "parquet" if "parquet" in more else "csv"
    how["part"] = next((word for word in more if "/" in word), None)
    made: Any = ruled
    if "workers" in more:
        # by the module's own name, under which workers find it
        made, how["workers"] = importlib.import_module("kills").ruled_everywhere, 2
    cl.predict(made(model), images, out=out, rescale=None, progress=False, **how)
