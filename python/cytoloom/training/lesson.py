"""What is learned, from what: all that the engine needs to know, whatever it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..models.record import NETWORK, Part
from .agreement import agreement

Arrays = dict[str, np.ndarray]
Batch = tuple[Arrays, Arrays]
"""Inputs by name, and targets by head with the weight as last channel."""


class Lesson:
    """Base of all lessons: a network, batch i as a pure function of the seed and i, a validation.

    The engine gives it a time budget that can be replayed, states that go on to the same bits,
    the best weights, precision, progress, interrupts and snapshots. Segmentation is one lesson;
    heads may be without spatial axes, and inputs several.

    Attributes
    ----------
    part : Part
        Task (its heads), network, normalisation and inputs.
    name : str
        Of the network in the model.
    seed : int
        Decides weights and batches.
    images : int
        What an epoch goes through.
    batch_size : int
        In a batch.
    spacing_um : tuple of float or None
        Pixel size, where the network depends on it.
    turn : (int, int)
        Which this is of how many that are learned one after the other, from 1.
    """

    part: Part
    name: str = NETWORK
    seed: int = 0
    images: int = 1
    batch_size: int = 1
    spacing_um: tuple[float, ...] | None = None
    turn: tuple[int, int] = (1, 1)

    def batch(self, i: int) -> Batch:
        """Make batch `i`, the same whoever asks for it and when."""
        raise NotImplementedError

    def validation(self) -> Sequence[Batch]:
        """Make the batches that training is watched on; the first counts most often."""
        raise NotImplementedError

    def begin(self, network: Any) -> list[str] | None:
        """Give a new network the weights to start from.

        Returns
        -------
        list of str or None
            What starts fresh all the same. Empty: nothing; the network is then scored first, and
            kept if nothing is better. None, the default: there is nothing to start from.
        """
        return None

    def score(self, targets: Sequence[np.ndarray], maps: Sequence[np.ndarray]) -> float:
        """Compare one head's maps with its targets over some batches; larger is better."""
        return agreement(targets, maps)

    def settings(self) -> dict[str, Any]:
        """Return by name what must be the same for a started training to go on, data included."""
        return {}

    def reserve_s(self, watch: Any, progress: float) -> float:
        """Estimate the seconds that what follows the fitting will take.

        Parameters
        ----------
        watch : Watch
            Runs the network as it is, and knows how long that takes.
        progress : float
            Share of the training that is done. Asked now and then, it may try what will follow.
        """
        return 0.0
