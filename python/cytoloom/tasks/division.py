"""Whether a cell is about to divide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ..components import component
from ..components.rules import at_least, ruled
from ..patches.sample import Sample
from .found import Found
from .head import Head
from .link import FREE, refused
from .platt import log_odds
from .task import Maps, Target, Task


@component
@dataclass(frozen=True)
class Division(Task):
    """Learn of a crop around a cell, over three frames, whether it divides before the next.

    Parameters
    ----------
    slope, offset : float, default 1.0 and 0.0
        What makes scores probabilities, see `platt.fitted`; training fits both to frames that it
        does not learn from.

    Examples
    --------
    >>> Division().inputs, list(Division().heads)
    ({'crop': None}, ['divides'])
    """

    learned_of: ClassVar = "movies with tracks, as `train_tracker` takes them"

    slope: float = at_least(0, 1.0)
    offset: float = ruled(0.0, FREE)

    @property
    def inputs(self) -> dict[str, int | None]:
        """One crop, its frames as channels."""
        return {"crop": None}

    @property
    def heads(self) -> dict[str, Head]:
        """One number, ``"divides"``."""
        return {"divides": Head(1, "sigmoid", "ce")}

    @property
    def main_scores(self) -> tuple[str, ...]:
        """None: what counts is which divisions tracks have."""
        return ()

    def probability(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return how likely cells divide, of what the network says (n,)."""
        return np.asarray(expit(self.slope * log_odds(scores) + self.offset))

    def target(self, sample: Sample) -> Target:
        """Return what a sample says of itself, as ``"divides"``."""
        value = np.asarray(sample["divides"], np.float32).reshape(-1, 1)
        return {"divides": (value, np.ones_like(value))}

    def decode(self, maps: Maps, spacing_um: Sequence[float] | None = None) -> Found:
        """Refuse: there is nothing to see in an image alone."""
        raise refused()
