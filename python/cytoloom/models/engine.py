"""What an engine is: a way to run a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..networks.fold_batch_norm import fold
from ..runtime import backend

if TYPE_CHECKING:
    from .model import Model


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


def folded(model: Model, network: Any) -> Any:
    """Fold the batch normalisation of a network of this model into its convolutions."""
    with backend.policy(backend.precision_of(network)):
        return fold(network, model.network, model.channels, head_channels(model))


def head_channels(model: Model) -> dict[str, int]:
    """Output channels of the network by head."""
    return {name: head.channels for name, head in model.task.heads.items()}
