"""States on disk: one is always whole."""

from __future__ import annotations

import numpy as np

from cytoloom.training import checkpoints


def test_the_newest_state_comes_back_with_groups_in_order(tmp_path):
    for iteration in (1, 2, 3):
        arrays = {"variables": [np.full(2, iteration), np.zeros((2, 2))], "best": []}
        checkpoints.write(tmp_path, arrays, {"iteration": iteration})
    arrays, facts = checkpoints.read(tmp_path)
    assert facts == {"iteration": 3}
    assert arrays["variables"][0].tolist() == [3, 3]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["state-a.npz", "state-b.npz"]


def test_a_cut_off_file_is_passed_over_for_the_older_one(tmp_path):
    for iteration in (1, 2):
        checkpoints.write(tmp_path, {"variables": [np.arange(9)]}, {"iteration": iteration})
    newest = max(tmp_path.iterdir(), key=checkpoints.age_of)
    newest.write_bytes(newest.read_bytes()[:200])
    assert checkpoints.read(tmp_path)[1] == {"iteration": 1}


def test_a_damaged_file_is_passed_over_whatever_is_wrong_with_it(tmp_path):
    """Bytes all over a small one, of which readers of archives complain in many ways."""
    for iteration in (1, 2):
        checkpoints.write(
            tmp_path, {"variables": [np.full(2, iteration)]}, {"iteration": iteration}
        )
    newest = max(tmp_path.iterdir(), key=checkpoints.age_of)
    whole, found = newest.read_bytes(), set()
    for at in range(0, len(whole), 13):
        damaged = bytearray(whole)
        damaged[at] ^= 1 + at % 128
        newest.write_bytes(damaged)
        arrays, facts = checkpoints.read(tmp_path)
        found.add((facts["iteration"], arrays["variables"][0].tolist() == [facts["iteration"]] * 2))
    assert found == {(1, True), (2, True)}


def test_nothing_saved_is_none(tmp_path):
    assert checkpoints.read(tmp_path / "nowhere") is None


def test_a_state_with_pickled_objects_is_not_read(tmp_path):
    np.savez(tmp_path / "state-a.npz", facts=np.array([object()], dtype=object))
    assert checkpoints.read(tmp_path) is None
