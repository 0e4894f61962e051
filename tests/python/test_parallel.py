"""Work side by side: in order, bounded, with errors where they belong."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from cytoloom.events import Event, drain
from cytoloom.runtime.parallel import side_by_side


def results(*given, **options):
    with side_by_side(*given, **options) as pairs:
        return [(thing, finish()) for thing, finish in pairs]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_things(workers):
    def slow_first(n: int) -> int:
        time.sleep(0.02 if n == 0 else 0)
        return n * n

    assert results(range(6), slow_first, workers=workers) == [(n, n * n) for n in range(6)]


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_is_raised_for_its_thing_and_stops_no_other(workers):
    found = []
    with side_by_side([1, 0, 2], lambda n: 2 / n, workers=workers) as pairs:
        for thing, finish in pairs:
            try:
                found.append(finish())
            except ZeroDivisionError:
                found.append(thing)
    assert found == [2.0, 0, 1.0]


def test_no_more_are_begun_than_may_run_and_large_ones_are_alone():
    running, most, beside_large = 0, 0, []
    lock = threading.Lock()

    def work(n: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            if n == 9:
                beside_large.append(running)
            running -= 1

    results([1, 2, 9, 3, 4, 9], work, workers=2, alone=lambda n: n == 9)
    assert most == 2
    assert beside_large == [1, 1]


def test_leaving_early_stops_what_has_not_begun():
    done = []
    with side_by_side(range(100), done.append, workers=2) as pairs:
        next(pairs)
    assert len(done) < 5


def test_what_is_alone_runs_where_an_interrupt_reaches_it():
    with side_by_side([1, 2], lambda n: threading.current_thread(), 2, lambda n: n == 2) as pairs:
        first, second = (finish() for _, finish in pairs)
    assert first is not threading.current_thread()
    assert second is threading.current_thread()


def threads() -> set[threading.Thread]:
    return {t for t in threading.enumerate() if t.name.startswith("cytoloom")}


def test_an_error_leaves_no_threads_to_the_garbage_collector():
    # Its frames, in a cycle with the error, would keep them until it runs: in any thread, also
    # in one that has just begun and holds the lock that waiting for another takes.
    def fails() -> None:
        with side_by_side(range(5), lambda n: 1 / (1 - n), workers=2) as pairs:
            for _, finish in pairs:
                finish()

    before = threads()
    gc.disable()
    try:
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                fails()
        assert threads() <= before
    finally:
        gc.enable()


def test_what_is_drained_ends_with_an_error_of_the_one_that_shows_it(monkeypatch):
    def events() -> Iterator[Event]:
        with side_by_side(range(5), abs, workers=2) as pairs:
            for n, _ in pairs:
                yield Event("note", str(n))

    def broken(text: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", SimpleNamespace(isatty=lambda: False, write=broken))
    before = threads()
    gc.disable()
    try:
        with pytest.raises(BrokenPipeError) as kept:
            drain(events())
        assert threads() <= before
        assert kept.value.__traceback__ is not None
    finally:
        gc.enable()
