"""The fitting loop: it knows networks, batches and a `Trainer`, not images.

Batch i is a pure function of the seed and i, the learning rate one of the progress; so a run
that was killed goes on as if nothing had been.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

from ..events import Event
from ..runtime import backend, interrupts
from ..runtime.machine import cores
from . import best
from .lesson import Batch
from .prefetch import Prefetch
from .reporter import Reporter
from .schedule import SEGMENTS, Schedule, State
from .trainer import Trainer

ALL_PATCHES = 10**9
"""No limit: the network that training starts from is scored on every validation batch."""


class Loop:
    """One fitting of one network.

    Parameters
    ----------
    network : keras.Model
        From `ghost_batches`, compiled.
    batches : callable
        From an iteration to its batch.
    trainer : Trainer
        Learning rate, patience and the like.
    schedule : Schedule
        How long.
    reporter : Reporter
        Puts what happens into events.
    validate : callable
        From the state and the number of patches that it may cost to (loss, score); called at
        segment ends.
    save : callable
        Called with the `State` to keep it; may do nothing.
    reserve : callable
        From the state to the seconds that the work after fitting will need; called at segment
        starts, where there is a time budget.
    """

    def __init__(
        self,
        network: Any,
        batches: Callable[[int], Batch],
        trainer: Trainer,
        schedule: Schedule,
        reporter: Reporter,
        *,
        validate: Callable[[State, int], tuple[float, float]],
        save: Callable[[State], None],
        reserve: Callable[[State], float],
    ) -> None:
        self.network, self.batches, self.trainer = network, batches, trainer
        self.schedule, self.reporter = schedule, reporter
        self.validate, self.save, self.reserve = validate, save, reserve
        self.step_s, self.validation_s, self.save_s, self.reserve_s = 0.0, 0.0, 0.0, 0.0
        self._compiled = False
        self._busy = False  # True while weights have been changed and the state not yet

    def run(self, state: State, started: float, trained: bool = False) -> Iterator[Event]:
        """Fit to the end, or to an interrupt, which is raised after the state was saved.

        Parameters
        ----------
        state : State
            Where to start; changed in place.
        started : float
            ``time.monotonic()`` when the call began, less the seconds of resumed runs.
        trained : bool, default False
            Whether the network was trained before: it is then scored as iteration 0, and kept
            if nothing is better.
        """
        # a quarter of the cores makes batches as fast as the others use them
        loader = Prefetch(self.batches, state.iteration, max(1, min(4, cores() // 4)))
        try:
            if trained and not state.history:
                yield self._score_start(state, started)
            yield from self._segments(state, loader, started)
            state.finished = True
            self._save(state)
        except (KeyboardInterrupt, GeneratorExit):
            # in R, where Ctrl-C cannot be held back, it may have come in the middle of a step
            if not self._busy or self.settled(state):
                self.save(state)
            raise
        finally:
            loader.close()
        best.restore(state, self.network)

    def _segments(self, state: State, loader: Prefetch, started: float) -> Iterator[Event]:
        saved = time.monotonic()
        while not self._done(state, started):
            closed = not state.loss_count
            if not state.breakpoints or (closed and state.iteration >= self.schedule.end(state)):
                self._open_segment(state, started)
            end = self.schedule.end(state)
            yield from self._segment(state, loader, end, started)
            # else it was left to save a state, or because time is up
            if state.iteration == end:
                yield self._close_segment(state, started)
            if time.monotonic() - saved > self.trainer.checkpoint_s:
                saved = self._save(state)
        # time is up within a segment: its steps are validated all the same
        if state.loss_count:
            yield self._close_segment(state, started)

    def _save(self, state: State) -> float:
        """Save the state; return when that was done."""
        begun = time.monotonic()
        self.save(state)
        self.save_s = time.monotonic() - begun
        return begun + self.save_s

    def _done(self, state: State, started: float) -> bool:
        # by the clock: when it is gone on with there may seem to be some time left
        if state.finished:
            return True
        unclosed = bool(state.breakpoints) and state.iteration == self.schedule.end(state)
        # a run that was killed between the last step and its validation
        if unclosed and state.loss_count:
            return False
        patience = self.trainer.patience
        if patience is not None and state.stale >= patience:
            return True
        return self.schedule.finished(state) or self._out_of_time(state, started)

    def _open_segment(self, state: State, started: float) -> None:
        rest = 0.0
        if self.schedule.seconds is not None:
            self.reserve_s = self.save_s + self.reserve(state)
            left = self.schedule.seconds - (time.monotonic() - started) - self.reserve_s
            # validations still to come take time from the steps, but not most of it
            coming = (1 - state.progress) * SEGMENTS * self.validation_s
            rest = max(0.0, min(coming, left / 2))
        state.elapsed_s = time.monotonic() - started
        reserve = self.reserve_s + rest
        state.breakpoints.append(self.schedule.next_breakpoint(state, self.step_s, reserve))

    def _segment(self, state: State, loader: Prefetch, end: int, started: float) -> Iterator[Event]:
        """Step to the segment's end, or until a state is due to be saved."""
        begun, first = time.monotonic(), state.iteration
        while state.iteration < end:
            batch = loader.get()
            with self._whole():
                loss = self.step(state, batch)
            now = time.monotonic()
            if not self._compiled:  # the first step takes as long as hundreds: no speed to go by
                begun, first, self._compiled = now, state.iteration, True
            speed = (state.iteration - first, now - begun)
            yield self.reporter.step(state, loss, now - started, speed)
            if now - begun > self.trainer.checkpoint_s or self._out_of_time(state, started):
                break
        steps = state.iteration - first
        if steps > 0:
            self.step_s = (time.monotonic() - begun) / steps

    def settled(self, state: State) -> bool:
        """Bring the state up to a step that was interrupted; False where that is not possible.

        TensorFlow takes a step whole or not at all, and counts it. Its loss is lost with the
        interrupt: the segment's mean stands for it.
        """
        if backend.name() != "tensorflow":
            return False
        done = int(self.network.optimizer.iterations.numpy()) - state.iteration
        if done == 1:
            state.iteration += 1
            if state.loss_count:
                state.loss_sum *= 1 + 1 / state.loss_count
                state.loss_count += 1
        return done in (0, 1)

    def step(self, state: State, batch: Batch) -> float:
        """Train on a batch, and count it."""
        loss = self.network.step(*batch, self.trainer.rate(state.progress))
        if not math.isfinite(loss):
            raise self._no_number("The loss", loss, state.iteration + 1)
        state.iteration += 1
        state.loss_sum, state.loss_count = state.loss_sum + loss, state.loss_count + 1
        return float(loss)

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        """Keep network and state in step: both change, or the state is not saved again."""
        with interrupts.held():
            self._busy = True
            yield
            self._busy = False

    def _score_start(self, state: State, started: float) -> Event:
        loss, score = self._validated(state, ALL_PATCHES)
        with self._whole():
            state.elapsed_s = time.monotonic() - started
            best.keep(state, {"validation": {"loss": loss, "score": score}}, self.network)
        return self.reporter.start(score)

    def _validated(self, state: State, patches: int) -> tuple[float, float]:
        loss, score = self.validate(state, patches)
        if not math.isfinite(loss):
            raise self._no_number("The loss on validation images", loss, state.iteration)
        return loss, score

    def _close_segment(self, state: State, started: float) -> Event:
        """Validate, keep the best weights, write history."""
        begun = time.monotonic()
        steps = state.iteration - int(state.breakpoints[-1][0])
        loss, score = self._validated(state, steps * self.reporter.batch_size)
        self.validation_s = time.monotonic() - begun
        train = state.loss_sum / state.loss_count
        scored = {"train": {"loss": train}, "validation": {"loss": loss, "score": score}}
        with self._whole():
            state.elapsed_s = time.monotonic() - started
            best.keep(state, scored, self.network)
        return self.reporter.segment(state, train, loss, score)

    def _out_of_time(self, state: State, started: float) -> bool:
        if self.schedule.seconds is None:
            return False
        # the steps of a segment that ends here are validated
        closing = self.reserve_s + (self.validation_s if state.loss_count else 0.0)
        return time.monotonic() - started > self.schedule.seconds - closing

    def _no_number(self, what: str, loss: float, iteration: int) -> FloatingPointError:
        return FloatingPointError(
            f"{what} became {loss} at iteration {iteration}. Lower `learning_rate` (now "
            f"{self.trainer.learning_rate}) or check the images for infinite values; nothing of "
            "this step was kept."
        )
