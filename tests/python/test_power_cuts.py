"""A power cut: what has only been handed on to the system is a name with nothing in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

import cytoloom as cl
import kills
import small
from cytoloom.models import saving
from cytoloom.storage import results
from cytoloom.storage.unfinished import Unfinished


@pytest.fixture
def lasting(monkeypatch):
    """Files that were written to the disk itself, each as it was then."""
    found, plain = set(), os.fsync

    def synced(opened: int) -> None:
        plain(opened)
        status = os.fstat(opened)
        found.add((status.st_ino, status.st_size))

    monkeypatch.setattr(os, "fsync", synced)

    def lacking(folder: Path) -> list[str]:
        """Name what is below a folder and not on the disk."""
        files = [path for path in folder.rglob("*") if path.is_file()]
        status = {path.as_posix(): path.stat() for path in files if ".in-use" not in path.name}
        return [name for name, s in status.items() if (s.st_ino, s.st_size) not in found]

    return lacking


def test_a_model_is_on_the_disk_before_its_states_may_go(trained, tmp_path, lasting, monkeypatch):
    lacking, remove = [], saving.remove_folder
    monkeypatch.setattr(
        saving, "remove_folder", lambda f: (lacking.append(lasting(f.parent)), remove(f))
    )
    cl.load(trained.path).save(tmp_path / "m.cytoloom")
    assert len(lacking) == 2
    assert lasting(tmp_path / "m.cytoloom") == lacking[-1] == []


def test_results_are_on_the_disk_before_the_state_of_their_run_goes(
    trained, tmp_path, lasting, monkeypatch
):
    lacking, forget = [], Unfinished.forget

    def noted(self) -> None:
        lacking.append([n for n in lasting(self.folder.parent) if not n.endswith("finished.jsonl")])
        forget(self)

    monkeypatch.setattr(Unfinished, "forget", noted)
    monkeypatch.setattr(results, "remove_folder", lambda folder: lacking.append(lasting(folder)))
    model, images = kills.ruled(trained.path), small.nuclei(2)[0]
    how = {"rescale": None, "progress": False, "out": tmp_path / "out"}
    for overwrite in (False, True):
        cl.predict(model, images, overwrite=overwrite, maps=True, **how)
    assert len(lacking) >= 2
    assert not any(lacking)
    cl.evaluate(model, small.nuclei(2), allow_training_images=True, **how | {"out": tmp_path / "s"})
    assert lacking[-1] == []
    assert lasting(tmp_path / "s") == lasting(tmp_path / "out") == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_prediction_goes_on_after_a_power_cut(trained, tmp_path, overwrite):
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    for k, image in enumerate(small.nuclei(4)[0]):
        tifffile.imwrite(images / f"n{k}.tif", image)
    at = ("cytoloom.prediction.folder:ResultsFolder.keep", "4")
    command = [sys.executable, kills.__file__, str(trained.path), str(images), str(out), *at]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    # what was recorded last, and the file of an image that is not known of
    for name in ("labels/n0.tif", "labels/n2.tif"):
        os.truncate(out / name, 0)
    lines = (out / ".predicting/finished.jsonl").read_bytes().splitlines(keepends=True)
    (out / ".predicting/finished.jsonl").write_bytes(b"".join(lines[:2]))
    record = (out / ".written.sha256").read_bytes().splitlines(keepends=True)
    (out / ".written.sha256").write_bytes(b"".join(record[:2]))
    assert (out / "labels/n1.tif").stat().st_size > 0
    model, how = kills.ruled(trained.path), {"rescale": None, "progress": False}
    found = cl.predict(model, images, out=out, overwrite=overwrite, **how)
    plain = cl.predict(model, images, **how)
    assert all(np.array_equal(found[name], plain[name]) for name in ("n0", "n1", "n2", "n3"))
    assert not (out / ".predicting").exists()


def test_an_empty_file_of_ones_own_stays(trained, tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/image_000.tif").touch()
    with pytest.raises(cl.InvalidError, match="labels/"):
        cl.predict(kills.ruled(trained.path), small.nuclei(1)[0], rescale=None, out=tmp_path)
    assert (tmp_path / "labels/image_000.tif").exists()
