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

import numpy as np

from ..events import Event
from ..runtime import backend, interrupts
from .prefetch import Batch, Prefetch
from .schedule import SEGMENTS, Pace, State
from .trainer import USUAL_BATCH, Trainer

ALL_PATCHES = 10**9


def agreement(targets: list[np.ndarray], maps: list[np.ndarray]) -> float:
    """Score maps in 0..1 against targets: squared soft Dice, pooled, averaged over channels.

    ``2 sum(w p t) / sum(w (p^2 + t^2))``, which is 1 just where p equals t, also for targets
    between 0 and 1 (V-Net's form, doi:10.1109/3DV.2016.79). Channels without any truth or find
    are left out; 1 if none is left.

    Parameters
    ----------
    targets : list of ndarray, shape (batch, spatial..., channels + 1)
        The last channel is the weight w.
    maps : list of ndarray, shape (batch, spatial..., channels)
        After activation.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.array([[[1.0, 1.0], [0.0, 1.0]]])  # truth 1 and 0, both known
    >>> agreement([t], [np.array([[[1.0], [1.0]]])])
    0.6666666666666666
    """
    both, total = 0.0, 0.0
    for target, found in zip(targets, maps, strict=True):
        axes = tuple(range(found.ndim - 1))
        weight, truth = target[..., -1:].astype(np.float64), target[..., :-1]
        both = both + 2 * (weight * found * truth).sum(axes)
        total = total + (weight * (found**2 + truth**2)).sum(axes)
    present = np.atleast_1d(total) > 0
    if not present.any():
        return 1.0
    return float(np.mean(np.atleast_1d(both)[present] / np.atleast_1d(total)[present]))


class Fit:
    """One fitting of one network.

    Parameters
    ----------
    network : keras.Model
        From `towers`, compiled.
    batches : callable
        From an iteration to its batch.
    trainer : Trainer
        Learning rate, patience and the like.
    pace : Pace
        How long.
    validate : callable
        From the number of patches that it may cost to (loss, score); called at segment ends.
    save : callable
        Called with the `State` to keep it; may do nothing.
    reserve : callable
        Seconds that the work after fitting will need.
    workers : int
        Threads that make batches.
    trained : bool
        Whether the network was trained before: it is then scored as iteration 0, and kept if
        nothing is better.
    """

    def __init__(
        self,
        network: Any,
        batches: Callable[[int], Batch],
        trainer: Trainer,
        pace: Pace,
        *,
        validate: Callable[[int], tuple[float, float]],
        save: Callable[[State], None],
        reserve: Callable[[], float],
        workers: int = 1,
        trained: bool = False,
    ) -> None:
        self.network, self.batches, self.trainer, self.pace = network, batches, trainer, pace
        self.validate, self.save, self.reserve, self.workers = validate, save, reserve, workers
        self.batch = trainer.batch_size or USUAL_BATCH
        self.step_s, self.validation_s = 0.0, 0.0
        self.trained = trained
        self._compiled = False
        self._busy = False  # between a step of the weights and that of the state

    def run(self, state: State, started: float) -> Iterator[Event]:
        """Fit to the end, or to an interrupt, which is raised after the state was saved.

        Parameters
        ----------
        state : State
            Where to start; changed in place.
        started : float
            ``time.monotonic()`` when the call began, less the seconds of resumed runs.
        """
        loader = Prefetch(self.batches, state.iteration, self.workers)
        try:
            yield from self._segments(state, loader, started)
            self.save(state)
        except (KeyboardInterrupt, GeneratorExit):
            if not self._busy or self._settled(state):
                self.save(state)
            raise
        finally:
            loader.close()
        self.restore_best(state)

    def _segments(self, state: State, loader: Prefetch, started: float) -> Iterator[Event]:
        saved = time.monotonic()
        if self.trained and not state.history:
            yield self._score_start(state, started)
        while not self._done(state, started):
            closed = not state.loss_count
            if not state.knots or (closed and state.iteration >= self.pace.end(state)):
                self._open_segment(state, started)
            end = self.pace.end(state)
            yield from self._segment(state, loader, end, started)
            if state.iteration == end:
                yield self._close_segment(state, started)
            if time.monotonic() - saved > self.trainer.checkpoint_s:
                self.save(state)
                saved = time.monotonic()
        if state.loss_count:
            yield self._close_segment(state, started)

    def _done(self, state: State, started: float) -> bool:
        unclosed = bool(state.knots) and state.iteration == self.pace.end(state)
        if unclosed and state.loss_count:
            return False
        patience = self.trainer.patience
        if patience is not None and state.stale >= patience:
            return True
        return self.pace.finished(state) or self._out_of_time(state, started)

    def _open_segment(self, state: State, started: float) -> None:
        state.elapsed_s = time.monotonic() - started
        rest = (1 - state.progress) * SEGMENTS * self.validation_s
        state.knots.append(self.pace.knot(state, self.step_s, self.reserve() + rest))

    def _segment(self, state: State, loader: Prefetch, end: int, started: float) -> Iterator[Event]:
        """Step to the segment's end, or until a state is due to be saved."""
        begun, first = time.monotonic(), state.iteration
        while state.iteration < end:
            images, targets = loader.get()
            with self._whole():
                loss = self._step(state, images, targets)
            now = time.monotonic()
            if not self._compiled:  # the first step takes the time of hundreds
                begun, first, self._compiled = now, state.iteration, True
            yield self._tell(state, loss, now - started, (state.iteration - first, now - begun))
            if now - begun > self.trainer.checkpoint_s or self._out_of_time(state, started):
                break
        steps = state.iteration - first
        if steps > 0:
            self.step_s = (time.monotonic() - begun) / steps

    def _settled(self, state: State) -> bool:
        """Bring the state up to a step that was interrupted; False where that cannot be told.

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

    def _step(self, state: State, images: np.ndarray, targets: dict[str, np.ndarray]) -> float:
        loss = self.network.step(images, targets, self.trainer.rate(state.progress))
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"The loss became {loss} at iteration {state.iteration + 1}. Lower "
                f"`learning_rate` (now {self.trainer.learning_rate}) or check the images "
                "for infinite values; nothing of this step was kept."
            )
        state.iteration += 1
        state.loss_sum, state.loss_count = state.loss_sum + loss, state.loss_count + 1
        return loss

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        """Keep network and state in step: both change, or the state is not saved again."""
        with interrupts.held():
            self._busy = True
            yield
            self._busy = False

    def _tell(
        self, state: State, loss: float, elapsed: float, measured: tuple[int, float]
    ) -> Event:
        steps, seconds = measured
        speed = f" {self.batch * steps / seconds:.1f} images/s," if steps else ""
        done = state.progress
        left = elapsed * (1 - done) / done if done > 0.02 else math.nan
        if self.pace.seconds is not None:
            left = max(0.0, self.pace.seconds - elapsed)
        total = self.pace.iterations or 0
        of = f"/{total}" if total else ""
        best = f", score {state.best_score:.3f}" if state.best_weights is not None else ""
        text = f"iteration {state.iteration}{of}:{speed} loss {loss:.3f}{best}"
        return Event(
            "progress", text + ("" if math.isnan(left) else f", {_clock(left)} left"), done, 1.0
        )

    def _score_start(self, state: State, started: float) -> Event:
        loss, score = self._validated(state, ALL_PATCHES)
        with self._whole():
            state.elapsed_s = time.monotonic() - started
            self._keep(state, {"validation": {"loss": loss, "score": score}})
        return Event("progress", f"before training: score {score:.3f}", 0.0, 1.0)

    def _validated(self, state: State, patches: int) -> tuple[float, float]:
        loss, score = self.validate(patches)
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"The loss on validation images became {loss} at iteration {state.iteration}. "
                f"Lower `learning_rate` (now {self.trainer.learning_rate}) or check the images "
                "for infinite values."
            )
        return loss, score

    def _close_segment(self, state: State, started: float) -> Event:
        """Validate, keep the best weights, write history."""
        begun = time.monotonic()
        start = int(state.knots[-1][0])
        loss, score = self._validated(state, (state.iteration - start) * self.batch)
        self.validation_s = time.monotonic() - begun
        train = state.loss_sum / state.loss_count
        with self._whole():
            state.elapsed_s = time.monotonic() - started
            self._keep(
                state, {"train": {"loss": train}, "validation": {"loss": loss, "score": score}}
            )
        text = f"iteration {state.iteration}: loss {train:.3f}, validation {loss:.3f}"
        return Event("progress", f"{text}, score {score:.3f}", state.progress, 1.0)

    def _keep(self, state: State, found: dict[str, dict[str, float]]) -> None:
        """Write history, and keep the weights if none were better."""
        for part, values in found.items():
            for metric, value in values.items():
                at = {"iteration": state.iteration, "seconds": state.elapsed_s}
                state.history.append({**at, "set": part, "metric": metric, "value": value})
        state.loss_sum, state.loss_count = 0.0, 0
        score = found["validation"]["score"]
        if score >= state.best_score:
            state.best_score, state.best_iteration, state.stale = score, state.iteration, 0
            state.best_weights = self.network.get_weights()
        else:
            state.stale += 1

    def _out_of_time(self, state: State, started: float) -> bool:
        if self.pace.seconds is None:
            return False
        return time.monotonic() - started > self.pace.seconds - self.reserve()

    def restore_best(self, state: State) -> None:
        """Give the network the weights of the best validation."""
        if state.best_weights is not None:
            self.network.set_weights(state.best_weights)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
