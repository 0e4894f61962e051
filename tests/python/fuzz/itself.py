"""Cases that are faults, to see that they are seen."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np


def prepare(root: Path) -> None:
    """Nothing is needed."""


def case(rng: np.random.Generator, folder: Path) -> tuple[str, Callable[[], object]]:
    """Return a result, a sentence, another exception, one that stands still, or an end."""

    def sentence() -> None:
        from cytoloom.errors import invalid

        raise invalid("n", expected="1", received=2)

    actions: dict[str, Callable[[], object]] = {
        "result": lambda: None,
        "sentence": sentence,
        "exception": lambda: {}["nothing"],
        "sleep": lambda: time.sleep(60),
        "end": lambda: os._exit(7),
    }
    name = str(rng.choice(list(actions)))
    return name, actions[name]
