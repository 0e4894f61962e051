"""Pairs of detections, and cells about to divide, as lessons for networks of crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models.record import Part
from ..networks.siamese import STEP
from ..training.lesson import Batch, Lesson
from .crops import Grid, turns
from .graph import Bools, Floats, Ints

BATCH = 48
WATCHED = 512
"""Examples that training is watched on."""
GAIN, LIGHT, NOISE = 0.15, 0.05, 0.03
"""How much the contrast, the brightness and the noise of crops are varied, of their range."""
FAR = 4.0
"""A step so many times the usual one is 1 to the network."""
OFF = 0.06
"""How far positions are moved, of the usual distance of neighbours: as detections are off."""


@dataclass(frozen=True, eq=False)
class Examples:
    """What is learned from.

    Parameters
    ----------
    crops : ndarray (n, wider size..., c)
        Wider crops (see `Grid.wider`) around positions, scaled; may be memory-mapped.
    rows : ndarray of int (m, k)
        Of each example the crops that it is of: two of a pair, one of a cell.
    steps : ndarray (m, axes)
        Of pairs, from the one to the other, in the unit of the grid's step, without drift.
    scale : ndarray of float (m,)
        How far cells of their recording usually move, in the same unit.
    gaps : ndarray of int (m,)
        Of pairs, how many frames are between.
    right : ndarray of bool (m,)
        Whether they are the same cell, or divide.
    often : ndarray of float (m,)
        How often each is drawn, among those that are right, or not.
    """

    crops: NDArray[np.floating]
    rows: Ints
    steps: Floats
    scale: Floats
    gaps: Ints
    right: Bools
    often: Floats

    def __len__(self) -> int:
        return len(self.rows)


class OfCrops(Lesson):
    """Learn what crops around positions say.

    Parameters
    ----------
    part : Part
        Task, network, scaling, inputs.
    name : str
        Of the network in the model.
    grid : Grid
        Where crops are sampled.
    learned, watched : Examples
        Those that are learned from, and those that training is watched on.
    seed : int
        Decides weights and batches.
    facts : dict
        What must be the same for a started training to go on.
    turn : (int, int)
        Which this is of how many networks.
    start : keras.Model, optional
        Whose weights are taken over.
    """

    def __init__(
        self, part: Part, name: str, grid: Grid, learned: Examples, watched: Examples, seed: int,
        facts: dict[str, Any], turn: tuple[int, int] = (1, 1), start: Any = None,
    ) -> None:  # fmt: skip
        self.part, self.name, self.seed, self.turn = part, name, seed, turn
        self.grid, self._learned, self._watched = grid, learned, watched
        self.images, self.batch_size = len(learned), min(BATCH, 2 * max(1, len(learned) // 2))
        self._facts, self._start = facts, start
        self._usual = float(np.mean(grid.size_px) * np.mean(grid.step)) / 2.4
        self._sides = [self._drawn(learned, side) for side in (True, False)]

    @staticmethod
    def _drawn(of: Examples, side: bool) -> tuple[Ints, Floats]:
        rows = np.flatnonzero(of.right == side)
        return rows, np.cumsum(of.often[rows])

    def batch(self, i: int) -> Batch:
        """Draw as many that are right as that are not, where there are both."""
        rng = np.random.default_rng([self.seed, i])
        sides = [side for side in self._sides if len(side[0])]
        chosen = []
        for rows, many in sides:
            drawn = rng.random(self.batch_size // len(sides)) * many[-1]
            chosen.append(rows[np.searchsorted(many, drawn, side="right")])
        return self._made(self._learned, np.sort(np.concatenate(chosen)), rng)

    def validation(self) -> Sequence[Batch]:
        """Take as many of both kinds, as they are; those that training is watched on."""
        of, rng = self._watched, np.random.default_rng([self.seed, 7])
        sides = [np.flatnonzero(of.right == side) for side in (True, False)]
        few = max(1, min(WATCHED // 2, *(len(side) for side in sides if len(side))))
        some = np.sort(np.concatenate([rng.permutation(side)[:few] for side in sides]))
        size = min(self.batch_size, len(some))
        some = rng.permutation(some)
        starts = range(0, max(1, len(some) - size + 1), size)
        return [self._made(of, some[k : k + size], None) for k in starts]

    def _made(self, of: Examples, some: Ints, rng: np.random.Generator | None) -> Batch:
        axes = len(self.grid.size_px)
        by = np.tile(np.eye(axes), (len(some), 1, 1))
        step = of.steps[some]
        crops = []
        if rng is not None:
            by = turns(rng, len(some), axes, self.grid.size_px[0] < 8)
        for k in range(of.rows.shape[1]):
            rows = of.rows[some, k]
            shift = np.zeros((len(some), axes))
            if rng is not None:
                shift = rng.normal(0, OFF * self._usual, shift.shape)
                step = step + (shift if k else -shift)
            # each file of crops is read once, in its order
            unique, back = np.unique(rows, return_inverse=True)
            made = self.grid.turned(np.asarray(of.crops[unique])[back], by, shift)
            crops.append(made if rng is None else _lit(made, rng))
        # what turns crops by `by` turns steps back
        step = np.einsum("nij,nj->ni", np.linalg.inv(by), step)
        (head,) = self.part.heads
        names = [name for name in self.part.inputs if name != STEP]
        inputs = dict(zip(names, crops, strict=True))
        if STEP in self.part.inputs:
            inputs[STEP] = steps_as_input(step, of.scale[some], of.gaps[some])
        right = of.right[some].astype(np.float32)
        return inputs, {head: np.stack([right, np.ones_like(right)], axis=-1)}

    def begin(self, network: Any) -> list[str] | None:
        """Take over the weights of the model that is gone on from, where it is alike."""
        if self._start is None:
            return None
        theirs, ours = self._start.get_weights(), network.get_weights()
        if [w.shape for w in theirs] != [w.shape for w in ours]:
            return ["all: it is of another size"]
        network.set_weights(theirs)
        return []

    def settings(self) -> dict[str, Any]:
        """Return what the movies are."""
        return self._facts


def steps_as_input(step: Floats, scale: Floats | float, gaps: Ints) -> NDArray[np.float32]:
    """Return steps as a network is given them: of what is usual, and frames left out.

    In units of how far cells of the recording usually move, so that a movie of which images were
    taken less often looks the same.

    Examples
    --------
    >>> steps_as_input(np.array([[4.0, 0.0]]), 2.0, np.array([2]))
    array([[0.5, 0. , 1. ]], dtype=float32)
    """
    by = FAR * np.broadcast_to(scale, len(step))[:, None]
    return np.column_stack([step / by, gaps - 1]).astype(np.float32)


def _lit(crops: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Vary contrast, brightness and noise of each crop."""
    shape = (len(crops),) + (1,) * (crops.ndim - 1)
    gain = np.exp(rng.normal(0, GAIN, shape)).astype(np.float32)
    light = rng.normal(0, LIGHT, shape).astype(np.float32)
    noise = rng.normal(0, 1, crops.shape).astype(np.float32)
    noise *= np.abs(rng.normal(0, NOISE, shape)).astype(np.float32)
    return crops * gain + light + noise
