"""What an engine is: a way to run a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Engine:
    """A way to run a network.

    Attributes
    ----------
    name : str
        With its version.
    forward : callable
        From normalised float32 (batch, spatial..., c) to logits by head; threads may share it.
    tiles_at_once, images_at_once : int
        How many it is best given side by side.
    note : str
        Why it is not the faster one, where that is installed; else empty.
    """

    name: str
    forward: Callable[[np.ndarray], dict[str, np.ndarray]]
    tiles_at_once: int
    images_at_once: int
    note: str = ""
