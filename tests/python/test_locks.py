"""One run at a time in a folder, and what happens to it when the folder is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import cytoloom as cl
import kills
import small
from cytoloom.models.untrained import untrained
from cytoloom.storage import lock as locks
from cytoloom.storage.lock import LOCK, Gone, locked
from cytoloom.storage.written import Written
from waiting import wait_until

HOLD = """
import pathlib, sys
from cytoloom.storage.lock import Lock
Lock(pathlib.Path(sys.argv[1]), "predict").acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds `tmp_path`."""
    words = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def lock_of(folder: Path, **changes) -> Path:
    """Write the lock of a run of this process, with some facts changed."""
    (folder / LOCK).unlink(missing_ok=True)
    with locked(folder, "train"):
        plain = json.loads((folder / LOCK).read_text())
    (folder / LOCK).write_text(json.dumps({**plain, **changes}))
    return folder / LOCK


def is_free(folder: Path) -> bool:
    try:
        with locked(folder, "predict"):
            return True
    except cl.InvalidError:
        return False


def test_who_has_the_folder_is_told(holder, tmp_path, monkeypatch):
    words = rf"other run writes to.*to which `predict` in process {holder.pid} on .* writes since"
    with pytest.raises(cl.InvalidError, match=words), locked(tmp_path, "train"):
        pass
    with pytest.raises(cl.InvalidError, match=words):
        cl.predict(untrained(), small.nuclei(1)[0][0], out=tmp_path, progress=False)
    with pytest.raises(cl.InvalidError, match=f"`path`.*{words}"):
        untrained().save(tmp_path)
    with pytest.raises(cl.InvalidError, match=f"`folder`.*{words}"):
        cl.simulate.write(tmp_path, images=1)
    monkeypatch.setattr("cytoloom.measurement.collect.WAIT_S", 0.1)
    with pytest.raises(cl.InvalidError, match=words):
        cl.measure(np.eye(3, dtype=int), out=tmp_path / "table.csv", progress=False)


def test_measurements_into_one_folder_lose_no_table_and_no_record(tmp_path):
    def write(k: int) -> None:
        cl.measure(np.eye(3, dtype=int), out=tmp_path / f"{k}.csv", progress=False)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(24)))
    names = {f"{k}.csv" for k in range(24)}
    assert {p.name for p in tmp_path.iterdir()} == {*names, ".written.sha256"}
    assert set(Written(tmp_path).names()) == names


def test_a_lock_that_goes_as_it_is_looked_at_is_no_file_of_somebody(tmp_path):
    """Others take and give back their turn all the time."""
    ended = threading.Event()

    def come_and_go() -> None:
        while not ended.is_set():
            (tmp_path / LOCK).touch()
            (tmp_path / LOCK).unlink()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(come_and_go)
        try:
            seen = {locks._is_of_a_run(tmp_path / LOCK) for _ in range(20_000)}
        finally:
            ended.set()
    assert seen == {True}


@pytest.mark.parametrize("text", ["mine", '{"mine": 1}'])
def test_a_file_of_that_name_that_is_no_lock_is_not_removed(tmp_path, text):
    (tmp_path / LOCK).write_text(text)
    os.utime(tmp_path / LOCK, (0, 0))
    with pytest.raises(cl.InvalidError, match=r"in-use, which is no file of a run\. Move it away"):
        cl.simulate.write(tmp_path, images=1)
    assert (tmp_path / LOCK).read_text() == text


def test_a_killed_process_has_nothing_any_more(holder, tmp_path):
    """Also before its parent has asked how it ended, when its number is still taken."""
    assert not is_free(tmp_path)
    holder.kill()
    wait_until(lambda: is_free(tmp_path))  # a killed process takes a moment to end
    assert list(tmp_path.iterdir()) == []


def test_another_process_of_the_same_number_is_not_taken_for_it(tmp_path):
    lock_of(tmp_path)
    assert not is_free(tmp_path)
    lock_of(tmp_path, started="1")
    assert is_free(tmp_path)


@pytest.mark.parametrize("place", [{"host": "far"}, {"processes": "pid:[1]"}, {"boot": "before"}])
def test_a_run_elsewhere_is_dead_when_it_shows_nothing_for_long(tmp_path, place):
    """On another machine, or in a container with other numbers of processes."""
    file = lock_of(tmp_path, **place, pid=1)
    now = time.time()
    os.utime(file, (now, now - locks.DEAD_S / 2))
    assert not is_free(tmp_path)
    os.utime(file, (now, now - 2 * locks.DEAD_S))
    assert is_free(tmp_path)


def test_a_file_that_says_nothing_counts_until_it_is_old(tmp_path):
    for text in ("", "{", '{"token": "a'):
        (tmp_path / LOCK).write_text(text)
        assert not is_free(tmp_path)
        with pytest.raises(cl.InvalidError, match=r"just begun to use\. Try again in 20 seconds"):
            cl.simulate.write(tmp_path, images=1)
        now = time.time()
        os.utime(tmp_path / LOCK, (now, now - 2 * locks.BEGUN_S))
        assert is_free(tmp_path)
    (tmp_path / LOCK).write_text('{"token": "of a later version"}')
    os.utime(tmp_path / LOCK, (now, now - locks.DEAD_S / 2))
    assert not is_free(tmp_path)


@pytest.mark.parametrize(
    "facts", [{"since": "now"}, {"since": 1e300}, {"pid": 2**70}, {"pid": [1]}]
)
def test_facts_that_no_run_wrote_are_no_facts(tmp_path, facts):
    file = lock_of(tmp_path, **facts)
    assert not is_free(tmp_path)
    os.utime(file, (0, 0))
    assert is_free(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and links of Unix")
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("nothing"), Path.mkdir])
def test_what_is_no_file_is_not_waited_for(tmp_path, make):
    make(tmp_path / LOCK)
    with pytest.raises(cl.InvalidError, match="which is no file"), locked(tmp_path, "predict"):
        pass


def test_a_run_shows_that_it_lives(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "BEAT_S", 0.01)
    with locked(tmp_path, "train"):
        os.utime(tmp_path / LOCK, (0, 0))
        wait_until(lambda: (tmp_path / LOCK).stat().st_mtime >= 1)


def test_a_lock_that_was_lost_is_not_taken_from_its_new_owner(tmp_path):
    with locked(tmp_path, "train") as mine:
        lock_of_another = {"token": "another", "pid": os.getpid()}
        (tmp_path / LOCK).write_text(json.dumps(lock_of_another))
        with pytest.raises(Gone):
            mine.check()
    assert json.loads((tmp_path / LOCK).read_text()) == lock_of_another


def test_a_folder_of_results_that_disappears_is_an_error(trained, tmp_path):
    images = small.nuclei(4)[0]
    out = tmp_path / "out"
    runs = {
        "predict": cl.predict.events(kills.ruled(trained.path), images, rescale=None, out=out),
        "evaluate": cl.evaluate.events(
            kills.ruled(trained.path), small.nuclei(), allow_training_images=True, out=out
        ),
    }
    for verb, run in runs.items():
        while next(run).kind != "progress":
            pass
        out.rename(tmp_path / f"{out.name} of {verb}")
        with pytest.raises(cl.InvalidError, match="disappeared"):
            list(run)
        assert not out.exists()


def test_a_training_whose_folder_disappears_ends_in_an_error(tmp_path):
    run = cl.train.events(
        small.nuclei(), network=small.NETWORK, trainer=small.trainer(), out=tmp_path / "m.cytoloom"
    )
    while next(run).kind != "progress":
        pass
    with pytest.raises(cl.InvalidError, match="no other run"):
        small.train(out=tmp_path / "m.cytoloom")
    (tmp_path / "m.cytoloom").rename(tmp_path / "away")
    with pytest.raises(cl.InvalidError, match="disappeared"):
        list(run)
    assert not (tmp_path / "m.cytoloom" / "model.json").exists()


def test_a_prediction_that_lost_its_folder_leaves_the_state_of_the_next(trained, tmp_path):
    """As of a machine that slept: another run took over, and has finished nothing yet."""
    images = dict(zip("ab", small.nuclei(2)[0], strict=True))
    out = tmp_path / "out"
    model = kills.ruled(trained.path)
    events = cl.predict.events(model, images, rescale=None, out=out)
    next(event for event in events if event.message.startswith("image 1"))
    state = (out / ".predicting/asked.json").read_bytes()
    lock_of(out, token="of the next")
    with pytest.raises(cl.InvalidError, match="another run has taken it"):
        list(events)
    assert (out / ".predicting/asked.json").read_bytes() == state


def test_a_table_that_came_while_one_measures_is_not_replaced(tmp_path):
    labels = {name: np.eye(8, dtype=int) for name in "ab"}
    events = cl.measure.events(labels, out=tmp_path / "t.csv")
    next(event for event in events if event.message.startswith("image 2"))
    cl.measure({"c": labels["a"]}, out=tmp_path / "t.csv", progress=False)
    before = (tmp_path / "t.csv").read_bytes()
    with pytest.raises(cl.InvalidError, match=r"Expected a new file.*overwrite=True"):
        list(events)
    assert (tmp_path / "t.csv").read_bytes() == before
