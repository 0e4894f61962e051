"""How far a training is, and where its segments end.

The learning rate is a function of the progress, and the progress a function of the breakpoints
(`Trainer.knots`), not of the clock: so a timed run can be replayed, and one that was killed goes
on as if nothing had been.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SEGMENTS = 20
"""Parts of a training, each ending in a validation: at most this many weights to choose from."""


@dataclass
class State:
    """All that changes while fitting, beside the variables of network and optimizer."""

    iteration: int = 0
    elapsed_s: float = 0.0
    breakpoints: list[tuple[float, float, float]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    best_score: float = -math.inf
    best_iteration: int = 0
    best_weights: list[np.ndarray] | None = None
    stale: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    finished: bool = False

    @property
    def progress(self) -> float:
        """Share of the run that is done, 0..1, by the breakpoints."""
        if not self.breakpoints:
            return 0.0
        start, at, slope = self.breakpoints[-1]
        return min(1.0, at + slope * (self.iteration - start))


class Schedule:
    """Where segments end; each end is a breakpoint of (iteration, progress, slope).

    With a number of iterations the breakpoints are known beforehand. With a time budget each
    segment's end measures the speed anew and sets the next slope, so that progress reaches 1
    when time runs out. The breakpoints, not the clock, are what the learning rate depends on.

    Parameters
    ----------
    iterations : int or None
        How long, or None with `seconds`.
    seconds : float or None
        Wall time for fitting and what follows it, from the start of the call.
    replay : sequence of (iteration, progress, slope), optional
        Breakpoints of an earlier timed run.
    """

    def __init__(
        self,
        iterations: int | None,
        seconds: float | None,
        replay: tuple[tuple[float, float, float], ...] | None = None,
    ) -> None:
        self.iterations, self.seconds, self.replay = iterations, seconds, replay

    def next_breakpoint(
        self, state: State, step_s: float, reserve_s: float
    ) -> tuple[float, float, float]:
        """Return the breakpoint that starts the segment at ``state.iteration``."""
        i, done = state.iteration, state.progress
        if self.replay is not None:
            return max(k for k in self.replay if k[0] <= i)
        if self.iterations is not None:
            return (i, i / self.iterations, 1 / self.iterations)
        if not state.breakpoints:
            # the first steps measure the speed; until then no progress is made
            return (i, 0.0, 0.0)
        # steps that fit into what is left set the slope: progress is 1 when time is up
        left = (float(self.seconds or 0) - state.elapsed_s - reserve_s) / max(step_s, 1e-6)
        return (i, done, (1 - done) / max(1.0, math.floor(left)))

    def end(self, state: State) -> int:
        """Return the iteration at which the running segment ends."""
        start, done, slope = state.breakpoints[-1]
        if self.replay is not None:
            later = [int(k[0]) for k in self.replay if k[0] > start]
            return min([*later, int(self.iterations or 0)])
        if self.iterations is not None:
            k = math.floor(start * SEGMENTS / self.iterations + 1e-9) + 1
            return min(self.iterations, math.ceil(k * self.iterations / SEGMENTS))
        if slope == 0:
            return int(start) + 5
        length = min(1 - done, 1 / SEGMENTS) / slope
        # a last segment of less than half the usual length joins the one before
        if 1 - done - length * slope < 0.5 / SEGMENTS:
            length = (1 - done) / slope
        return int(start) + max(1, round(length))

    def finished(self, state: State) -> bool:
        """Whether the last iteration has been done."""
        if self.iterations is not None:
            return state.iteration >= self.iterations
        return state.progress >= 1 - 1e-9
