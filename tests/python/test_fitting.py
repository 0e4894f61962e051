"""The fitting loop: how long, how fast, and always the same."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import cytoloom as cl
from cytoloom import InvalidError
from cytoloom.components import from_plain, to_plain
from cytoloom.datasets.sources import ArraySource
from cytoloom.models.record import Part
from cytoloom.models.untrained import untrained
from cytoloom.tasks.binary import Binary
from cytoloom.training import loop, tail, tune
from cytoloom.training.agreement import agreement
from cytoloom.training.loop import Loop
from cytoloom.training.prefetch import Prefetch
from cytoloom.training.reporter import Reporter
from cytoloom.training.schedule import Schedule, State
from cytoloom.training.trainer import Trainer


@pytest.mark.parametrize(
    ("taken", "settled", "iteration"), [(7, True, 7), (8, True, 8), (9, False, 7)]
)
def test_a_step_cut_off_by_ctrl_c_counts_if_it_was_taken(taken, settled, iteration):
    counter = SimpleNamespace(numpy=lambda: taken)
    network = SimpleNamespace(optimizer=SimpleNamespace(iterations=counter))
    nothing = dict.fromkeys(("validate", "save", "reserve"))
    schedule = Schedule(10, None)
    fit = Loop(network, None, Trainer(), schedule, Reporter(schedule, 1), **nothing)
    state = State(iteration=7, loss_sum=6.0, loss_count=3)
    assert fit.settled(state) == settled
    assert (state.iteration, state.loss_sum / state.loss_count) == (iteration, 2.0)


@pytest.mark.parametrize("name", ["patience", "weight_decay", "cache_gb", "checkpoint_s"])
def test_settings_below_zero_are_refused(name):
    with pytest.raises(InvalidError, match=name):
        Trainer(**{name: -1})


def test_only_one_length_may_be_given():
    with pytest.raises(InvalidError, match="one of minutes, iterations, epochs"):
        Trainer(minutes=1, iterations=2)


def test_a_length_in_words_is_refused():
    with pytest.raises(InvalidError, match=r"a finite number above 0\. Received: '5'"):
        Trainer(minutes="5")


@pytest.mark.parametrize("name", ["iterations", "batch_size", "threads", "patience"])
def test_what_is_counted_is_a_whole_number(name):
    with pytest.raises(InvalidError, match=f"`{name}`. Expected a whole number"):
        Trainer(**{name: 5.5})


def test_epochs_become_iterations_rounded_up():
    # 10 images in batches of 4 are 2.5 iterations an epoch, so 3 epochs are 7.5: 8 iterations
    assert Trainer(epochs=3, batch_size=4).length(images=10) == (8, None)


def test_a_trainer_survives_json_and_whole_floats_from_r():
    trainer = Trainer(iterations=10, patch_px=(64, 64), knots=((0, 0.0, 0.1),))
    assert from_plain(to_plain(trainer)) == trainer
    assert from_plain({"name": "Trainer", "iterations": 10.0}).iterations == 10
    with pytest.raises(InvalidError, match="whole number"):
        from_plain({"name": "Trainer", "iterations": 10.5})


def test_the_learning_rate_warms_up_peaks_and_falls_to_zero():
    trainer = Trainer(learning_rate=1.0, warmup=0.1)
    assert trainer.rate(0) == pytest.approx(0.1)
    assert trainer.rate(0.1) == pytest.approx(1.0)
    assert trainer.rate(0.55) == pytest.approx(0.5)  # half way down the cosine
    assert trainer.rate(1.0) == pytest.approx(0.0)


def run_clock(schedule: Schedule, speed, seconds_validation: float = 0.0) -> State:
    """Pretend to train: `speed(i)` seconds a step."""
    state = State()
    step = 0.0
    while not schedule.finished(state):
        state.breakpoints.append(schedule.next_breakpoint(state, step, 0.0))
        end = schedule.end(state)
        took = sum(speed(i) for i in range(state.iteration, end))
        step = took / (end - state.iteration)
        state.iteration = end
        state.elapsed_s += took + seconds_validation
    return state


def test_a_run_by_iterations_has_twenty_segments_and_ends_on_time():
    state = run_clock(Schedule(100, None), lambda i: 1.0)
    assert state.iteration == 100
    assert [k[0] for k in state.breakpoints] == list(range(0, 100, 5))
    assert state.progress == pytest.approx(1.0)


@pytest.mark.parametrize("speed", [lambda i: 0.1, lambda i: 0.1 if i < 200 else 0.2])
def test_a_timed_run_reaches_the_end_of_its_schedule_when_time_is_up(speed):
    state = run_clock(Schedule(None, 60.0), speed)
    assert state.progress == pytest.approx(1.0)
    assert state.elapsed_s == pytest.approx(60.0, rel=0.05)


class Clock:
    """Time that passes only when something is done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        for module in (loop, tail):
            monkeypatch.setattr(module.time, "monotonic", lambda: self.now)

    def doing(self, seconds: float, result: Any = None) -> Any:
        self.now += seconds
        return result


@pytest.mark.parametrize(("step", "validation", "saving"), [(0.1, 0.5, 1.0), (0.02, 3.0, 0.1)])
def test_a_budget_holds_what_follows_the_steps(monkeypatch, step, validation, saving):
    """What tuning will take is known better half way; the last validation and state count too."""
    clock = Clock(monkeypatch)
    network = SimpleNamespace(
        step=lambda *_: clock.doing(step, 1.0), get_weights=list, set_weights=lambda _: None
    )
    schedule = Schedule(None, 60.0)
    fit = Loop(
        network,
        lambda i: ({}, {}),
        Trainer(minutes=1, checkpoint_s=15),
        schedule,
        Reporter(schedule, 1),
        validate=lambda *_: clock.doing(validation, (1.0, 0.5)),
        save=lambda _: clock.doing(saving),
        reserve=lambda state: 4.0 if state.progress < 0.5 else 8.0,
    )
    state = State()
    for _ in fit.run(state, 0.0):
        pass
    assert clock.now + 8.0 == pytest.approx(60.0, abs=3.0)
    assert state.iteration > 100


def test_what_is_left_is_told_by_the_steps_and_not_by_what_came_before_them():
    """After 9 s of compiling and 5 steps of 0.1 s 95 steps take 9.5 s more, not 190 s."""
    said = Reporter(Schedule(100, None), 1)
    state = State(iteration=5, breakpoints=[(0, 0.0, 0.01)])
    assert said.step(state, 1.0, 9.5, (5, 0.5)).message.endswith(", 0:10 left")
    assert "left" not in said.step(state, 1.0, 9.5, (1, 0.1)).message
    state.iteration = 50
    assert said.step(state, 1.0, 15.0, (0, 0.0)).message.endswith(", 0:15 left")


@dataclass(frozen=True)
class Slow(Binary):
    """Tuning takes a second an image, whatever its size."""

    clock: Any = None

    def tune(self, maps, truths, spacing_um=None):
        return self.clock.doing(1.0 * len(maps), self)


def test_what_tuning_takes_is_tried_on_some_of_its_images(monkeypatch):
    """Crops count as 128 x 128 px: of 1,500 in a short training only some are tuned on."""
    clock = Clock(monkeypatch)
    crop = np.zeros((48, 48, 1), np.float32)
    part = Part(Slow(clock=clock), cl.UNet(filters=2, depth=1), cl.Normalize(), {"image": 1})
    reader = SimpleNamespace(
        id="crop",
        size=(48, 48),
        image=ArraySource(crop),
        stats=part.normalize.fit(crop),
        normalize=part.normalize,
        labels=ArraySource(crop[..., 0].astype(np.int32), role="labels"),
    )
    planned = SimpleNamespace(
        trainer=Trainer(minutes=0.5),
        validation_readers=[reader] * 300,
        split=SimpleNamespace(spacing_um=None, given=SimpleNamespace(turn=(1, 1))),
        plan=SimpleNamespace(network=part.network),
        precision="bfloat16",
    )
    watch = SimpleNamespace(
        warm_up_s=0.0,
        forward_s_per_px=0.0,
        forward=lambda x: {"foreground": np.zeros((*x.shape[:-1], 1), np.float32)},
    )
    ahead = tail.Tail(planned, part)
    before, after = ahead.seconds(watch, 0.0), ahead.seconds(watch, 0.4)
    assert ahead.seconds(watch, 0.5) == after
    images = len(tune.seen(planned, untrained(), tune.tune_px(planned))[0])
    assert images == 400_000 // 128**2
    assert before == pytest.approx(0.25 * 30 + tail.SAVE_S)  # not believed yet
    assert after == pytest.approx(images + tail.SAVE_S, abs=1.0)
    assert clock.now == pytest.approx(0.2 * images, abs=1.0)


def test_the_knots_of_a_timed_run_replay_it():
    timed = run_clock(Schedule(None, 30.0), lambda i: 0.1 + 0.001 * (i % 7))
    again = run_clock(Schedule(timed.iteration, None, tuple(timed.breakpoints)), lambda i: 5.0)
    assert again.iteration == timed.iteration
    assert again.breakpoints == timed.breakpoints


@pytest.mark.parametrize("workers", [1, 3])
def test_batches_come_in_order_whatever_the_number_of_threads(workers):
    loader = Prefetch(lambda i: (np.array(i), {}), 5, workers)
    assert [int(loader.get()[0]) for _ in range(20)] == list(range(5, 25))
    loader.close()


def test_what_fails_while_making_a_batch_is_raised_where_it_is_used():
    def fail(i):
        raise OSError("no such file")

    loader = Prefetch(fail, 0)
    with pytest.raises(OSError, match="no such file"):
        loader.get()
    loader.close()


def test_agreement_counts_known_pixels_only():
    # known: truth 1 found 1, truth 0 found 0; the third pixel is wrong but unknown
    target = np.array([[[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]]])
    assert agreement([target], [np.array([[[1.0], [0.0], [0.0]]])]) == 1.0


def test_agreement_leaves_out_channels_without_truth():
    target = np.array([[[1.0, 0.0, 1.0]]])
    assert agreement([target], [np.array([[[1.0, 0.0]]])]) == 1.0
    assert agreement([target], [np.array([[[1.0, 0.9]]])]) == 1.0
    assert agreement([target * 0], [np.array([[[0.0, 0.0]]])]) == 0.0
