"""Damaged files and odd arguments come to a result or to one sentence; more of them by hand."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest

from fuzz import FAMILIES, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")


def test_nothing_but_results_and_clear_sentences() -> None:
    """A few cases of each family; `python -m tests.python.fuzz --cases 5000` runs more."""
    cases = [(family, number) for number in range(9) for family in FAMILIES]
    outcomes = list(run(cases, seed=0, seconds=120))
    assert not [str(one) for one in outcomes if not one.good]
    # what is whole, or harmless, must come out: else nothing would be tried
    assert {one.family for one in outcomes if one.kind == "ok"} >= {"images", "tables and names"}


def test_a_fault_is_seen_as_one() -> None:
    """What is no sentence, stands still or ends its process is told apart."""
    cases = [("itself", number) for number in range(12)]
    found = {one.case: one for one in run(cases, 0, seconds=3, families={"itself": "itself"})}
    kinds = {case: one.kind for case, one in found.items()}
    assert kinds == {
        "result": "ok",
        "sentence": "error",
        "exception": "other",
        "sleep": "hang",
        "end": "other",
    }
    assert "KeyError" in found["exception"].words
    assert "ended the process" in found["end"].words


def test_an_error_crosses_processes_whatever_was_received() -> None:
    """What was received is in it by its words where it is not plain."""
    from cytoloom.errors import invalid

    error = invalid("n", expected="a number", received=(one for one in [1]))
    assert str(pickle.loads(pickle.dumps(error))).endswith("Received: a generator.")
    assert len(str(invalid("n", expected="x", received="a" * 9999))) < 400
    assert "of shape (3, 4)" in str(invalid("n", expected="x", received=np.zeros((3, 4))))
