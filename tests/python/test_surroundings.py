"""Where it runs: no console, closed streams, masks of files, full disks."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile

import cytoloom as cl
import small
from cytoloom.inference.memory_map import MemoryMaps
from cytoloom.models.untrained import untrained
from cytoloom.storage.atomic import write_whole

IMAGE, _ = cl.simulate.nuclei(shape=(64, 64), count=6, seed=9)


@pytest.mark.skipif(os.name != "posix", reason="folders in use can be removed on POSIX")
def test_a_working_folder_that_was_removed_is_one_sentence(tmp_path, monkeypatch, trained):
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)
    inside.rmdir()
    calls = [
        lambda: cl.measure(np.eye(3, dtype=int), out="x.csv", progress=False),
        lambda: cl.predict(trained, IMAGE, out="r", progress=False),
        lambda: cl.simulate.write("s", images=1, progress=False),
        lambda: cl.train(small.nuclei(2), out="m", progress=False),
        lambda: trained.save("m"),
    ]
    for call in calls:
        with pytest.raises(cl.InvalidError, match=r"(?i)working folder|a place that can be writ"):
            call()


def test_what_may_not_be_read_is_one_sentence(monkeypatch, trained):
    """By root everything may, so that the system's answer is played."""

    def refused(path, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.read_text", refused)
    for call in (cl.load, cl.info, lambda path: cl.predict(path, IMAGE, progress=False)):
        with pytest.raises(cl.InvalidError, match=r"model\.json.*Permission denied. Ask"):
            call(trained.path)


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "none"])
def test_without_standard_error_the_work_is_done(monkeypatch, closed):
    """As in programs without a console, or in a service that has closed it."""
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr("sys.stderr", stream if closed else None)
    found = cl.predict(untrained(), {"a": IMAGE, "b": IMAGE * 0}, progress=True)
    assert found.files["status"].tolist() == ["ok", "ok"]


@pytest.mark.skipif(os.name != "posix", reason="descriptors of POSIX")
def test_a_command_with_its_streams_closed_writes_files_by_the_mask(tmp_path):
    """TensorFlow's chatter cannot be kept off there; a closed descriptor is not redirected."""
    tifffile.imwrite(tmp_path / "a.tif", IMAGE)
    model = untrained().save(tmp_path / "m.cytoloom")
    command = f'"{sys.executable}" -m cytoloom predict {model} {tmp_path}/a.tif --out {tmp_path}/r'
    subprocess.run(f"umask 027; {command} >&- 2>&-", shell=True, check=True, timeout=120)
    written = [p for p in (tmp_path / "r").rglob("*") if p.is_file() and p.suffix != ".lock"]
    assert {p.name for p in written} >= {"a.tif", "files.csv", "objects.csv"}
    assert {oct(p.stat().st_mode & 0o777) for p in written} == {"0o640"}


def test_the_mask_of_new_files_is_respected_and_left_alone(tmp_path):
    """Side by side: whoever changed it to read it could leave it changed for all."""
    before = os.umask(0o027)
    try:
        with ThreadPoolExecutor(8) as pool:
            files = list(pool.map(lambda k: write_whole(tmp_path / f"{k}", touch), range(200)))
    finally:
        left = os.umask(before)
    assert left == 0o027
    assert {file.stat().st_mode & 0o777 for file in files} == {0o640}


def touch(path: str) -> None:
    with open(path, "w", encoding="utf-8"):
        pass


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="needs posix_fallocate")
def test_a_full_disk_for_temporary_files_is_one_sentence(monkeypatch):
    """Not the end of the process, as writing to a mapped page without room would be."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with MemoryMaps() as store, pytest.raises(cl.InvalidError, match=r"No space left.*TMPDIR name"):
        store("foreground", (2**13, 2**12, 1))
