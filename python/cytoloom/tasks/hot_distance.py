"""Foreground and background by a mask and by the distance to its surface, together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..components import component
from ..components.rules import ruled
from ..losses import LINEAR_LOSS, LOSS, Loss
from .distance import Distance, half_of
from .head import Head
from .labels import foreground_of, labels_and_known
from .task import Maps, Target

if TYPE_CHECKING:
    from ..patches.sample import Sample


@component
@dataclass(frozen=True)
class HotDistance(Distance):
    """Tell foreground from background by a mask and the distance to its surface, together.

    Two heads: the probability of foreground, and what `Distance` learns. The mask counts far
    from the surface, where the distance says little, and also where that is not known.

    Parameters
    ----------
    threshold : float, default 0.5
        Foreground is where the mean of the probability and of (1 + distance) / 2 is larger.
        Training replaces it by the value with the best mean Dice on the validation images.
    loss : str or Loss, default "ce_dice"
        Of the mask: a name or a component of `losses`.
    scale_px, scale_um
        As for `Distance`.
    distance_loss : str or Loss, default "mse"
        Of the distance: "mse" or "l1".

    Examples
    --------
    >>> maps = {"foreground": np.array([[[0.8], [0.8]]]), "distance": np.array([[[0.1], [-0.9]]])}
    >>> HotDistance().decode(maps).labels
    array([[1, 0]], dtype=uint8)
    """

    loss: str | Loss = ruled("ce_dice", LOSS)
    distance_loss: str | Loss = ruled("mse", LINEAR_LOSS)

    @property
    def heads(self) -> dict[str, Head]:
        """A sigmoid head, ``"foreground"``, and a linear one, ``"distance"``."""
        return {
            "foreground": Head(1, "sigmoid", self.loss),
            "distance": Head(1, "linear", self.distance_loss),
        }

    def target(self, sample: Sample) -> Target:
        """Return 1 on foreground, and the distance; see `Task.target`."""
        labels, known = labels_and_known(sample)
        return {"foreground": foreground_of(labels, known), **super().target(sample)}

    def foreground(self, maps: Maps) -> NDArray[np.float32]:
        """Mean of the probability and of (1 + distance) / 2 (spatial...)."""
        both = maps["foreground"][..., 0] + half_of(maps["distance"][..., 0])
        return np.asarray(both / 2, np.float32)
