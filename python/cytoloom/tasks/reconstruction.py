"""Give back what was given: what an autoencoder learns, whose code says what cells look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from ..components import component
from ..components.rules import count
from ..errors import invalid
from ..patches.sample import Sample
from .found import Found
from .head import Head
from .task import Maps, Target, Task


@component
@dataclass(frozen=True)
class Reconstruction(Task):
    """Learn to give crops of cells back, through a few numbers: their features.

    Parameters
    ----------
    of : {"controls", "all"}, default "controls"
        Cells that are learned from, where some were said to be controls.
    samples : int, default 50000
        Cells that are drawn from these at most.
    turned : bool, default False
        Whether training turns and flips them, each time anew.
    channels : int, default 1
        Of the crops; training takes those of the cells.

    Examples
    --------
    >>> Reconstruction().heads["image"].loss
    'mse'
    """

    learned_of: ClassVar = "cells, as `cells` gathers them"

    of: Literal["controls", "all"] = "controls"
    samples: int = count(50_000)
    turned: bool = False
    channels: int = count(1)

    @property
    def heads(self) -> dict[str, Head]:
        """The crop that comes out, ``"image"``."""
        return {"image": Head(self.channels, "linear", "mse")}

    @property
    def main_scores(self) -> tuple[str, ...]:
        """None: how well a crop comes back says nothing of its features."""
        return ()

    def target(self, sample: Sample) -> Target:
        """Make what is to come out: what goes in."""
        image = np.asarray(sample["image"], np.float32)
        return {"image": (image, np.ones((*image.shape[:-1], 1), np.float32))}

    def decode(self, maps: Maps, spacing_um: Sequence[float] | None = None) -> Found:
        """Refuse: there are no objects in what comes back."""
        raise invalid(
            "model",
            expected="a model that finds objects",
            received="one that was trained on cells, to describe them",
            remedy="Pass it to encode, with cells.",
        )
