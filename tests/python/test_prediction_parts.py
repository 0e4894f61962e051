"""Parts of the images of a folder: jobs at the same time, put together by the call without one."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cytoloom as cl
import kills
from cytoloom.cli.commands import COMMANDS, PARTIAL
from cytoloom.errors import InvalidError
from cytoloom.prediction import parts
from cytoloom.prediction.parts import share_of
from cytoloom.storage.lock import Lock
from cytoloom.storage.unfinished import HEAD, LINES
from kills import NAMES, files_of

LABELS = ".predicting/new/labels"


KEEP = "cytoloom.storage.unfinished:Unfinished.keep"


@pytest.fixture
def model(trained: cl.Model) -> cl.Model:
    return kills.ruled(trained.path)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return kills.images_in(tmp_path / "images")


def killed(model: cl.Model, images: Path, out: Path, number: int, part: str) -> None:
    """Run a part that kills itself before it keeps the n-th of its images."""
    words = [sys.executable, kills.__file__, model.path, images, out, KEEP, number, part]
    ended = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    assert ended.returncode == -9, ended.stderr


def at_its_images(events: Iterator[Any]) -> Iterator[Any]:
    """Go on until the first image is begun."""
    for event in events:
        if event.kind == "progress" and event.message.startswith("image "):
            return events
    raise AssertionError


def test_three_parts_at_once_give_the_files_of_one_run(model, images, tmp_path):
    how = {"rescale": None, "maps": True, "overlay": True}
    cl.predict(model, images, out=tmp_path / "one", progress=False, **how)
    out = tmp_path / "three"
    begin, asked = [], set()
    for k in (3, 1, 2):
        events = cl.predict.events(model, images, out=out, part=f"{k}/3", **how)
        begin.append(at_its_images(events))
        asked.add((out / ".predicting" / HEAD).stat().st_mtime_ns)
    with pytest.raises(InvalidError, match="no other run writes to"):
        cl.predict(model, images, out=out, progress=False, **how)
    with pytest.raises(InvalidError, match="no other run writes to"):
        cl.predict(model, images, out=out, part="1/3", progress=False, **how)
    other = {"rescale": 2.0, "overwrite": True, "progress": False}
    with pytest.raises(InvalidError, match="no other run writes to"):
        cl.predict(model, images, out=out, part="1/3", **other)
    while begin:
        begin = [events for events in begin if next(events, None) is not None]
    assert not (out / "files.csv").exists()
    assert sorted(p.stem for p in (out / LABELS).iterdir()) == NAMES
    then = {p.stem: p.stat().st_mtime_ns for p in (out / LABELS).iterdir()}
    # what is asked for and decided is as large as the list of images: written by the first alone
    assert len(asked) == 1
    found = cl.predict(model, images, out=out, progress=False, **how)
    assert found.names == NAMES
    assert {p.stem: p.stat().st_mtime_ns for p in (out / "labels").iterdir()} == then
    assert files_of(out) == files_of(tmp_path / "one")


@pytest.mark.skipif(sys.platform == "win32", reason="kills by SIGKILL")
def test_a_part_that_was_killed_goes_on_and_one_that_never_ran_is_made(model, images, tmp_path):
    how = {"rescale": None, "progress": False}
    cl.predict(model, images, out=tmp_path / "one", **how)
    out = tmp_path / "two"
    killed(model, images, out, 3, "1/2")
    with open(out / ".predicting/parts/1-of-2/state" / LINES, "ab") as stream:
        stream.write(b'{"key": "image_4", "val')  # as a kill may leave it
    (out / LABELS / "image_4.tif").write_bytes(b"half")
    first = (out / LABELS / "image_0.tif").stat().st_mtime_ns
    part = cl.predict(model, images, out=out, part="1/2", **how)
    assert (out / LABELS / "image_0.tif").stat().st_mtime_ns == first
    assert part.files["image"].tolist() == NAMES[::2]
    assert part.names == []
    assert all("Part 1 of 2 is done; 3 of 7 images are missing" in s for s in part.files["status"])
    assert str(part) == part.files["status"][0]
    cl.predict(model, images, out=out, **how)
    assert files_of(out) == files_of(tmp_path / "one")
    with pytest.raises(InvalidError, match="a folder without results"):
        cl.predict(model, images, out=out, part="2/2", **how)


def test_a_bad_image_and_other_settings_leave_what_parts_have(model, images, tmp_path, capsys):
    (images / "image_1.tif").write_bytes(b"no image")
    out = tmp_path / "out"
    part = cl.predict(model, images, out=out, part="2/2", progress=False)
    assert part.files["status"][0] != part.files["status"][1]
    assert "Part 2 of 2 is done; 5 of 7 images are missing" in str(part)
    assert str(part).endswith("1 image failed (see the table of files).")
    assert (part.failed, part.names) == (["image_1"], [])
    with pytest.raises(InvalidError, match="the same prediction as was begun"):
        cl.predict(model, images, out=out, rescale=2.0, part="1/2", progress=False)
    assert sorted(p.stem for p in (out / LABELS).iterdir()) == ["image_3", "image_5"]
    # the command line says it as of a whole
    args = argparse.Namespace(part="2/2", out=str(out))
    assert COMMANDS["predict"].tell(part, args) == PARTIAL
    said = capsys.readouterr()
    assert said.out == "Part 2/2 is done\n"
    assert said.err.endswith("cytoloom: 1 of 3 images failed\n")
    found = cl.predict(model, images, out=out, progress=False)
    assert found.names == [name for name in NAMES if name != "image_1"]
    assert found.failed == ["image_1"]
    assert found.files.set_index("image")["status"]["image_1"] != "ok"


def test_a_part_says_once_for_whom_it_waits_and_when_it_gives_up(
    model, images, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(parts, "LOOK_S", 0.01)
    out = tmp_path / "out"
    out.mkdir()
    lock = Lock(out, "predict")
    lock.acquire()
    events = cl.predict.events(model, images, out=out, part="2/3", rescale=None)
    waiting = [next(events) for _ in range(4)]
    assert [event.kind for event in waiting] == ["note", *["progress"] * 3]
    assert "Part 2 of 3 waits for `predict` in process" in waiting[0].message
    lock.release()
    assert next(events).message != waiting[0].message
    events.close()
    lock.acquire()
    monkeypatch.setattr(parts, "PARTS_WAIT_S", 0.0)
    with pytest.raises(InvalidError, match=r"`part`.*none, `predict` in process.*has ended"):
        cl.predict(model, images, out=out, part="2/3", progress=False)
    lock.release()


def test_more_parts_than_images_and_every_image_once():
    shares = [share_of(NAMES, (k, 9)) for k in range(1, 10)]
    assert sorted(name for share in shares for name in share) == NAMES
    assert shares[7:] == [[], []]
