"""What an engine is: a way to run a network."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..inference.tiled import activate
from ..tasks.head import Head

LEAST = 1e-7
"""Probabilities of a mean are no nearer to 0 and 1, where logits have no end."""
Forward = Callable[[np.ndarray], dict[str, np.ndarray]]


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
    forward: Forward
    tile_workers: int
    image_workers: int
    note: str = ""
    pid: int = field(default_factory=os.getpid)


def together(engines: Sequence[Engine], heads: Mapping[str, Head]) -> Engine:
    """Make one engine of those of several members: its logits are those of their mean maps.

    Members share reading, tiles and normalisation; one after the other takes a tile, on all cores.

    Parameters
    ----------
    engines : sequence of Engine
        Of networks with these heads; a single one is returned as it is.
    heads : dict of str to Head
        Whose activation makes maps of logits.
    """
    first, *others = engines
    if not others:
        return first

    def forward(images: np.ndarray) -> dict[str, np.ndarray]:
        """Run all members on a batch."""
        each = [engine.forward(images) for engine in engines]
        return {
            name: logits_of_mean([logits[name] for logits in each], head.activation)
            for name, head in heads.items()
        }

    note = next((engine.note for engine in engines if engine.note), "")
    name = f"{first.name}, {len(engines)} members"
    return Engine(name, forward, first.tile_workers, first.image_workers, note)


def logits_of_mean(logits: Sequence[np.ndarray], activation: str) -> np.ndarray:
    """Return the logits whose map is the mean of the maps of several.

    Parameters
    ----------
    logits : sequence of ndarray, float32 (..., channels)
        Outputs of networks.
    activation : {"sigmoid", "softmax", "linear"}
        Of the head.

    Examples
    --------
    >>> certain, unsure = np.array([[9.0]], np.float32), np.array([[0.0]], np.float32)
    >>> mean = logits_of_mean([certain, unsure], "sigmoid")
    >>> activate(mean, "sigmoid").round(3)
    array([[0.75]], dtype=float32)
    """
    # own copies, since activation works in place, and sums in the same order whoever is asked
    mean = sum(activate(one.copy(), activation) for one in logits) / np.float32(len(logits))
    if activation == "linear":
        return np.asarray(mean)
    np.clip(mean, LEAST, 1 - LEAST, out=mean)
    return np.asarray(np.log(mean) - np.log1p(-mean) if activation == "sigmoid" else np.log(mean))
