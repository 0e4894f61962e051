"""Foreground by the distance inside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..components import component
from ..components.rules import fraction, ruled
from ..losses import LOSS, Loss
from .distance import Distance
from .head import Head
from .labels import labels_and_known
from .task import Maps, Target

if TYPE_CHECKING:
    from ..patches.sample import Sample


@component
@dataclass(frozen=True)
class InnerDistance(Distance):
    """Tell foreground from background by how deep inside it a pixel lies.

    One head learns tanh(distance to the surface / scale) inside and 0 outside: what lies
    outside need not be told by how far it is, which a large empty image says little of.

    Parameters
    ----------
    threshold : float, default 0.08
        Foreground is where the head is larger. Training replaces it by the value with the best
        mean Dice on the validation images.
    loss : str or Loss, default "ce"
        A name or a component of `losses`.
    scale_px, scale_um
        As for `Distance`.

    Examples
    --------
    >>> from cytoloom.patches.sample import Sample
    >>> sample = Sample({"labels": np.array([[0, 1, 1, 1, 0]])}, {"labels": "labels"}, (9.0, 1.0))
    >>> value, weight = InnerDistance(scale_px=1).target(sample)["distance"]
    >>> np.arctanh(value[..., 0]).round(3)
    array([[0. , 0.5, 1.5, 0.5, 0. ]], dtype=float32)
    """

    threshold: float = fraction(0.08)
    loss: str | Loss = ruled("ce", LOSS)

    @property
    def heads(self) -> dict[str, Head]:
        """One sigmoid head, ``"distance"``."""
        return {"distance": Head(1, "sigmoid", self.loss)}

    def target(self, sample: Sample) -> Target:
        """Tanh of the distance inside, 0 outside; see `Task.target`."""
        value, sure = self.distance(sample)
        labels, known = labels_and_known(sample)
        weight = known & (sure | (labels <= 0))
        return {"distance": (np.maximum(value, 0)[..., None], weight[..., None].astype(np.float32))}

    def foreground(self, maps: Maps) -> NDArray[np.float32]:
        """Return the head (spatial...), from 0 to 1."""
        return np.asarray(maps["distance"][..., 0])
