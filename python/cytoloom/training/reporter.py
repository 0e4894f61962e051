"""What a running training says of itself: how far, how fast, how well."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..events import Event
from .schedule import Schedule, State

_LONG, _FEW = 0.2, 5
"""From this share of a run on its time tells its end; before it this many steps do."""


@dataclass(frozen=True)
class Reporter:
    """Puts the state of a training into events.

    Parameters
    ----------
    schedule : Schedule
        How long it takes.
    batch_size : int
        Images in a batch.
    turn : (int, int), default (1, 1)
        Which training this is of how many, from 1.
    """

    schedule: Schedule
    batch_size: int
    turn: tuple[int, int] = (1, 1)

    def _progress(self, text: str, progress: float, **numbers: float) -> Event:
        number, of = self.turn
        label = f"member {number}/{of}, " if of > 1 else ""
        return Event("progress", label + text, number - 1 + progress, of, numbers or None)

    def step(self, state: State, loss: float, elapsed_s: float, speed: tuple[int, float]) -> Event:
        """Report a step; `speed` is so many steps in so many seconds."""
        steps, seconds = speed
        fast = f" {self.batch_size * steps / seconds:.1f} images/s," if steps else ""
        total = self.schedule.iterations or 0
        of = f"/{total}" if total else ""
        best = f", score {state.best_score:.3f}" if state.best_weights is not None else ""
        text = f"iteration {state.iteration}{of}:{fast} loss {loss:.3f}{best}"
        left = self._left(state, elapsed_s, speed)
        end = "" if math.isnan(left) else f", {_clock(left)} left"
        return self._progress(text + end, state.progress)

    def segment(self, state: State, train: float, validation: float, score: float) -> Event:
        """Report a segment's end."""
        text = f"iteration {state.iteration}: loss {train:.3f}, validation {validation:.3f}"
        numbers = {"train": train, "validation": validation, "score": score}
        numbers = {name: float(value) for name, value in numbers.items()}
        text = f"{text}, score {score:.3f}"
        return self._progress(text, state.progress, iteration=state.iteration, **numbers)

    def start(self, score: float) -> Event:
        """Report how good the weights are that training starts from."""
        return self._progress(f"before training: score {score:.3f}", 0.0)

    def _left(self, state: State, elapsed_s: float, speed: tuple[int, float]) -> float:
        if self.schedule.seconds is not None:
            return max(0.0, self.schedule.seconds - elapsed_s)
        done, (steps, seconds) = state.progress, speed
        if done < _LONG and self.schedule.iterations:
            # reading and compiling, most of the time until now, are not done again
            steps_left = self.schedule.iterations - state.iteration
            return seconds / steps * steps_left if steps >= _FEW else math.nan
        return elapsed_s * (1 - done) / done if done > 0.02 else math.nan


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
