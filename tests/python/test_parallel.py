"""Work side by side: in order, bounded, with errors where they belong."""

from __future__ import annotations

import threading
import time

import pytest

from cytoloom.parallel import side_by_side


def results(*given, **options):
    return [(thing, finish()) for thing, finish in side_by_side(*given, **options)]


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_results_come_in_the_order_of_the_things(at_once):
    def slow_first(n: int) -> int:
        time.sleep(0.02 if n == 0 else 0)
        return n * n

    assert results(range(6), slow_first, at_once=at_once) == [(n, n * n) for n in range(6)]


@pytest.mark.parametrize("at_once", [1, 3])
def test_an_error_is_raised_for_its_thing_and_stops_no_other(at_once):
    found = []
    for thing, finish in side_by_side([1, 0, 2], lambda n: 2 / n, at_once=at_once):
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

    results([1, 2, 9, 3, 4, 9], work, at_once=2, alone=lambda n: n == 9)
    assert most == 2
    assert beside_large == [1, 1]


def test_leaving_early_stops_what_has_not_begun():
    done = []
    stream = side_by_side(range(100), done.append, at_once=2)
    next(stream)
    stream.close()
    assert len(done) < 5
