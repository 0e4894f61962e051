"""Images of a folder, worked on by several processes: the same files as one process writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import cytoloom as cl
import kills
from cytoloom.datasets.items import Item
from cytoloom.datasets.sources import ArraySource
from cytoloom.errors import InvalidError
from cytoloom.prediction import workers
from cytoloom.storage.lock import Gone, locked
from cytoloom.volumes import work
from cytoloom.volumes.work import Lost
from kills import NAMES, files_of

distributed = pytest.importorskip("distributed")
HERE = str(Path(__file__).parent)
KEEP = "cytoloom.storage.unfinished:Unfinished.keep"


@pytest.fixture
def model(trained: cl.Model, monkeypatch: pytest.MonkeyPatch) -> cl.Model:
    monkeypatch.setenv("PYTHONPATH", HERE, prepend=os.pathsep)
    return kills.ruled_everywhere(trained.path)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two workers that are threads: results are sent, but processes need no start."""
    with distributed.Client(
        processes=False, n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as client:
        yield client


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return kills.images_in(tmp_path / "images")


def test_two_processes_write_what_one_does_also_of_a_bad_image(model, images, tmp_path, capsys):
    (images / "image_1.tif").write_bytes(b"no image")
    how = {"maps": True, "overlay": True, "views": 4, "progress": False}
    alone = cl.predict(model, images, out=tmp_path / "one", **how)
    said = capsys.readouterr().err
    found = cl.predict(model, images, out=tmp_path / "two", workers=2, **how)
    assert found.names == [name for name in NAMES if name != "image_1"]
    assert files_of(tmp_path / "two") == files_of(tmp_path / "one")
    assert len(files_of(tmp_path / "two")) > 3 * 6
    assert found.files["status"].tolist() == alone.files["status"].tolist()
    # in whatever order
    assert sorted(capsys.readouterr().err.splitlines()) == sorted(said.splitlines())


@pytest.mark.skipif(sys.platform == "win32", reason="kills by SIGKILL")
def test_killed_the_same_call_goes_on_with_a_worker_lost_on_the_way(
    model, images, tmp_path, monkeypatch
):
    cl.predict(model, images, out=tmp_path / "one", rescale=None, progress=False)
    out = tmp_path / "two"
    words = [sys.executable, kills.__file__, model.path, images, out, KEEP, "4", "workers"]
    with subprocess.Popen([str(word) for word in words], stderr=subprocess.DEVNULL) as ended:
        assert ended.wait() == -signal.SIGKILL
    kept = {p.name: p.stat().st_mtime_ns for p in (out / "labels").iterdir()}
    assert len(kept) == 3
    # what worked for the one that was killed has ended, too
    assert not left_of(out, 20.0)
    deadly = tmp_path / "deadly"
    deadly.touch()
    monkeypatch.setenv("DEADLY", str(deadly))
    cl.predict(model, images, out=out, rescale=None, workers=2, progress=False)
    assert not deadly.exists()
    again = {p.name: p.stat().st_mtime_ns for p in (out / "labels").iterdir()}
    assert kept.items() <= again.items()
    assert files_of(out) == files_of(tmp_path / "one")


def test_a_client_gives_the_same_of_channels_in_files_and_of_arrays(
    model, client, images, tmp_path
):
    series = np.stack([tifffile.imread(path) for path in sorted(images.iterdir())[:3]])
    tifffile.imwrite(images / "movie.tif", series, metadata={"axes": "TYX"}, imagej=True)
    arrays = {"a": series[0], "b": series[1].astype(np.float32)}
    for name, given in {"files": images, "arrays": arrays}.items():
        how = {"rescale": 1.5, "objects": "parquet", "uncertainty": True, "progress": False}
        cl.predict(model, given, out=tmp_path / name, **how)
        out = tmp_path / f"{name}_too"
        found = cl.predict(model, given, out=out, client=client, **how)
        assert files_of(out) == files_of(tmp_path / name)
    assert found.names == ["a", "b"]
    with pytest.raises(InvalidError, match=r"`client`.*`out` with it"):
        cl.predict(model, arrays, client=client, progress=False)


def test_images_that_end_workers_cost_no_other(
    model, client, images, tmp_path, monkeypatch, capsys
):
    cl.predict(model, images, out=tmp_path / "one", rescale=None, progress=False)

    def each(work: Any, job: Any, things: Any, *_: Any) -> Iterator[Any]:
        def ended() -> Any:
            raise Lost("a worker ended")

        for given in things:
            yield given, ended if given.stem == "image_2" else partial(work, job, given, 1)

    out, how = tmp_path / "two", {"rescale": None, "client": client, "progress": False}
    with monkeypatch.context() as patched:
        patched.setattr(workers, "each_block", each)
        with pytest.raises(InvalidError, match=r"`workers`.*1 image of which.*image_2"):
            cl.predict(model, images, out=out, **how)
    assert "image_2: a worker ended" in capsys.readouterr().err
    assert sorted(p.stem for p in (out / "labels").iterdir()) == NAMES[:2] + NAMES[3:]
    cl.predict(model, images, out=out, **how)
    assert files_of(out) == files_of(tmp_path / "one")


def test_what_outlives_its_run_writes_nothing_beside_the_next(model, tmp_path):
    stage = tmp_path / ".predicting" / "new"
    stage.parent.mkdir()
    item = Item("a", ArraySource(np.zeros((32, 32, 1)), name="a"))
    with locked(tmp_path, "predict") as lock:
        job = workers.Job(model, 1, tmp_path, stage, "of another", {})
        found = workers.predict_given(job, workers.Given(item, None, "a"), 1)
        assert isinstance(found, Gone)
        assert not stage.exists()
        own = workers.Job(model, 1, tmp_path, stage, lock.token, {})
        found = workers.predict_given(own, workers.Given(item, None, "a"), 1)
    assert list(found.files) == ["labels/a.tif"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"out": None, "workers": 2}, r"`workers`.*`out` with it"),
        ({"workers": 0}, r"`workers`.*above 0"),
        ({"workers": 9}, r"`workers`.*at most 4 .*has 4 cores"),
        ({"workers": 2, "part": "1/2"}, r"`part`.*`part` or `workers`"),
        ({"workers": 2, "block_px": 64}, r"`block_px`.*Zarr"),
    ],
)
def test_what_cannot_be_meant_is_refused(model, images, tmp_path, monkeypatch, more, words):
    monkeypatch.setattr(work, "cores", lambda: 4)
    with pytest.raises(InvalidError, match=words):
        cl.predict(model, images, progress=False, **{"out": tmp_path / "out", **more})
    assert not (tmp_path / "out").exists()


def left_of(out: Path, wait_s: float) -> list[int]:
    """List processes that Dask started for a run here, once they had time to end."""
    end = time.monotonic() + wait_s
    while (found := workers_now()) and time.monotonic() < end:
        time.sleep(0.2)
    return found


def workers_now() -> list[int]:
    import psutil

    mine = []
    for process in psutil.process_iter():
        try:
            words, path = process.cmdline(), process.environ().get("PYTHONPATH", "")
        except psutil.Error:
            continue
        if "dask" in words and "spec" in words and HERE in path:
            mine.append(process.pid)
    return mine
