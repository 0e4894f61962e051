"""What an engine is: a way to run a network."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ..inference.tiled import activate
from ..messages import Message
from ..tasks.head import Head

DISAGREEMENT = "disagreement"
"""What the map of `mutual_information` is called among those of heads."""
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
    warning : Message or None
        What its results may lack here, see `other_kernels`.
    disagreeing : callable or None
        As `forward`, with `DISAGREEMENT` beside the logits; None: of a single member.
    """

    name: str
    forward: Forward
    tile_workers: int
    image_workers: int
    note: str = ""
    pid: int = field(default_factory=os.getpid)
    disagreeing: Forward | None = None
    warning: Message | None = None


def together(
    engines: Sequence[Engine], heads: Mapping[str, Head], classes: Sequence[str] = ()
) -> Engine:
    """Make one engine of those of several members: its logits are those of their mean maps.

    Members share reading, tiles and normalisation; one after the other takes a tile, on all cores.

    Parameters
    ----------
    engines : sequence of Engine
        Of networks with these heads; a single one is returned as it is.
    heads : dict of str to Head
        Whose activation makes maps of logits.
    classes : sequence of str, default ()
        Those of them that are probabilities of classes, on which members may disagree.
    """
    first, *others = engines
    if not others:
        return first

    def run(images: np.ndarray, disagreeing: bool) -> dict[str, np.ndarray]:
        """Run all members on a batch."""
        each = [engine.forward(images) for engine in engines]
        made = {
            name: logits_of_mean([logits[name] for logits in each], head.activation)
            for name, head in heads.items()
        }
        if disagreeing and classes:
            name = classes[0]
            said = [activate(one[name].copy(), heads[name].activation) for one in each]
            made[DISAGREEMENT] = mutual_information(said)
        return made

    note = next((engine.note for engine in engines if engine.note), "")
    name = f"{first.name}, {len(engines)} members"
    how = first.tile_workers, first.image_workers, note
    forward, disagreeing = (partial(run, disagreeing=one) for one in (False, True))
    return Engine(name, forward, *how, disagreeing=disagreeing, warning=first.warning)


def mutual_information(said: Sequence[np.ndarray]) -> np.ndarray:
    """Return how far members disagree: entropy of their mean less the mean of their entropies.

    Parameters
    ----------
    said : sequence of ndarray (..., channels)
        Probabilities of each member; of two classes the one channel of the second will do.

    Returns
    -------
    ndarray, float32 (..., 1)
        Bits: 0 where all say the same, 1 where of two classes one half is sure of each (Houlsby et
        al. 2011, doi:10.48550/arXiv.1112.5745).

    Examples
    --------
    >>> sure, unsure = np.array([[1.0], [0.0]]), np.full((2, 1), 0.5)
    >>> mutual_information([sure, sure[::-1]]).ravel().round(3).tolist()
    [1.0, 1.0]
    >>> mutual_information([unsure, unsure]).ravel().round(3).tolist()
    [0.0, 0.0]
    """
    mean = sum(said) / np.float32(len(said))
    within = sum(entropy(one) for one in said) / np.float32(len(said))
    return np.maximum(entropy(mean) - within, 0).astype(np.float32)[..., np.newaxis]


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """Return the entropy in bits of probabilities (..., channels), one channel standing for two.

    Examples
    --------
    >>> entropy(np.array([[0.5], [1.0]])).round(3).tolist()
    [1.0, 0.0]
    >>> float(entropy(np.full(4, 0.25)))
    2.0
    """
    if probabilities.shape[-1] == 1:
        probabilities = np.concatenate([probabilities, 1 - probabilities], axis=-1)
    kept = np.clip(probabilities, LEAST, 1)
    return np.asarray(-(kept * np.log2(kept)).sum(axis=-1))


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
    return as_logits(mean, activation)


def as_logits(mean: np.ndarray, activation: str) -> np.ndarray:
    """Return the logits of a map, which is changed.

    Examples
    --------
    >>> as_logits(np.array([0.5, 1.0]), "sigmoid").round(3)
    array([ 0.   , 16.118])
    """
    if activation == "linear":
        return np.asarray(mean)
    np.clip(mean, LEAST, 1 - LEAST, out=mean)
    return np.asarray(np.log(mean) - np.log1p(-mean) if activation == "sigmoid" else np.log(mean))
