"""Whether two detections are the same cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..components import component
from ..components.rules import Rule, at_least, positive, ruled
from ..errors import InvalidError, invalid
from ..patches.sample import Sample
from .found import Found
from .head import Head
from .task import Maps, Target, Task

FREE = Rule("a number")


@component
@dataclass(frozen=True)
class Link(Task):
    """Learn of two crops, and of the step between them, whether they are the same cell.

    Mother and daughter count as the same.

    Parameters
    ----------
    slope, offset : float, default 1.0 and 0.0
        Log odds that a pair is the same cell are those by how cells move, plus ``slope`` times what
        the network says, plus ``offset``; training fits both to frames that it does not learn
        from.
    most : float, default 6.0
        Looks change log odds by this at most: where none of n choices on frames held out was wrong,
        nothing is surer than n + 1 to 1.
    temperature : float, default 1.0
        By which margins between solutions are divided before they become error rates.

    Examples
    --------
    >>> Link().inputs, list(Link().heads)
    ({'earlier': None, 'later': None, 'step': None}, ['same'])
    """

    learned_of: ClassVar = "movies with tracks, as `train_tracker` takes them"

    slope: float = at_least(0, 1.0)
    offset: float = ruled(0.0, FREE)
    most: float = positive(6.0)
    temperature: float = positive(1.0)

    @property
    def inputs(self) -> dict[str, int | None]:
        """Both crops, and the step."""
        return {"earlier": None, "later": None, "step": None}

    @property
    def heads(self) -> dict[str, Head]:
        """One number, ``"same"``."""
        return {"same": Head(1, "sigmoid", "ce")}

    @property
    def main_scores(self) -> tuple[str, ...]:
        """None: what counts is which links tracks have."""
        return ()

    def by_looks(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return by how much looks change the log odds that pairs are the same cell.

        Parameters
        ----------
        scores : ndarray of float (n,)
            What the network says, as log odds.
        """
        return np.clip(self.slope * scores + self.offset, -self.most, self.most)

    def target(self, sample: Sample) -> Target:
        """Return what a sample says of itself, as ``"same"``."""
        value = np.asarray(sample["same"], np.float32).reshape(-1, 1)
        return {"same": (value, np.ones_like(value))}

    def decode(self, maps: Maps, spacing_um: Sequence[float] | None = None) -> Found:
        """Refuse: there is nothing to see in an image alone."""
        raise refused()


def refused() -> InvalidError:
    """Return the error of who asks a network of crops about whole images."""
    return invalid(
        "model",
        expected="a model that finds objects in images",
        received="one that compares crops",
        remedy="Pass it to track, with a movie.",
    )
