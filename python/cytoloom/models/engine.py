"""What an engine is: a way to run a network."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Engine:
    """A way to run a network.

    Attributes
    ----------
    name : str
        With its version.
    forward : callable
        From normalised float32 (batch, spatial..., c) to logits by head; threads may share it.
    tile_workers, image_workers : int
        How many it is best given side by side.
    note : str
        Why it is not the faster one, where that is installed; else empty.
    pid : int
        Of the process that started it: its threads do not survive a fork.
    """

    name: str
    forward: Callable[[np.ndarray], dict[str, np.ndarray]]
    tile_workers: int
    image_workers: int
    note: str = ""
    pid: int = field(default_factory=os.getpid)
