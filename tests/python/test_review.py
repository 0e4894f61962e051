"""Review: labels corrected step by step through a server that keeps all, by plain requests."""

from __future__ import annotations

import base64
import contextlib
import html
import http.client
import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

import cytoloom as cl
from cytoloom import cli
from cytoloom.exchange.drawn import drawn, to_labels
from extras import need
from waiting import wait_until

need("jinja2", "report")
BLOCK = [[20.0, 20.0], [28.0, 20.0], [28.0, 26.0], [20.0, 26.0]]


class Browser:
    """What asks a server; its answers are plain."""

    def __init__(self, address: str) -> None:
        self.port, self.token = re.fullmatch(r"http://127.0.0.1:(\d+)/(\S+)/", address).groups()

    def ask(self, method: str, path: str, body: object = None, **headers: str):
        """Return the status, the headers and the content of an answer."""
        line = http.client.HTTPConnection("127.0.0.1", int(self.port), timeout=10)
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if body is not None else {}
        line.request(method, path, content, {**sent, **headers})
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read()

    def get(self, path: str) -> bytes:
        status, _, content = self.ask("GET", f"/{self.token}/{path}")
        assert status == 200, content
        return content

    def post(self, path: str, body: object) -> tuple[int, dict]:
        status, _, content = self.ask("POST", f"/{self.token}/{path}", body)
        return status, json.loads(content)

    def step(self, kind: str, image: int = 0, **more: object) -> dict:
        status, told = self.post("step", {"kind": kind, "image": image, **more})
        assert status == 200, told
        return told

    def labels(self, image: int, shape: tuple[int, int]) -> np.ndarray:
        return np.frombuffer(self.get(f"labels/{image}"), "<i4").reshape(shape)


@contextlib.contextmanager
def reviewing(*args: object, **settings: object):
    """Review in a thread; its server is asked, and ends."""
    events = cl.review.events(*args, browser=False, **settings)
    address = next(e.message for e in events if e.message.startswith("Review at"))
    ended: list[object] = []
    thread = threading.Thread(target=lambda: ended.extend(events))
    thread.start()
    browser = Browser(address.removeprefix("Review at "))
    browser.ended = ended
    try:
        yield browser
    finally:
        browser.post("end", {})
        thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def results(tmp_path: Path, found: Path) -> Path:
    """Results of its own for a test, of images that are beside them."""
    return Path(shutil.copytree(found, tmp_path / "results"))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, trained: cl.Model) -> Path:
    """What a model found, where label images were made true by hand."""
    folder = tmp_path_factory.mktemp("review")
    cl.simulate.write(folder / "data", images=2, seed=3)
    out = folder / "results"
    cl.predict(trained, folder / "data" / "images", rescale=None, out=out, progress=False)
    return out


def truth_of(results: Path, name: str) -> np.ndarray:
    """Labels of results as they are in their file."""
    return tifffile.imread(results / "labels" / f"{name}.tif").astype(np.int32)


def kept(folder: Path, name: str) -> np.ndarray:
    """Corrected labels as they are in their file."""
    return tifffile.imread(folder / "labels" / f"{name}.tif").astype(np.int32)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of two images with labels, one object of which has a hole."""
    folder = tmp_path / "data"
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    labels = np.zeros((40, 50), np.uint16)
    labels[2:8, 2:9], labels[4:5, 4:6], labels[5:10, 9:14] = 3, 0, 7
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        tifffile.imwrite(folder / "images" / f"{name}.tif", rng.integers(0, 9, (40, 50), np.uint16))
        tifffile.imwrite(folder / "labels" / f"{name}.tif", labels)
    return folder


def test_steps_are_kept_and_become_labels_that_train_takes(images, tmp_path, monkeypatch):
    """What is not touched keeps its pixels; what is drawn is filled as lines of others are."""
    before = tifffile.imread(images / "labels" / "a.tif").astype(np.int32)
    out = images / "corrected"
    with reviewing(images) as browser:
        assert (browser.labels(0, before.shape) == before).all()
        told = browser.step("add", rings=[BLOCK])
        expected, _ = to_labels([cl_drawn(BLOCK)], before.shape)
        expected = np.where(before > 0, before, 8 * expected)
        assert (kept(out, "a") == expected).all()
        top, left, bottom, right = told["box"]
        part = np.frombuffer(base64.b64decode(told["labels"]), "<i4")
        assert (part.reshape(bottom - top, right - left) == expected[20:26, 20:28]).all()
        browser.step("delete", object=3)
        expected[expected == 3] = 0
        assert (kept(out, "a") == expected).all()
        # of a neighbour nothing is taken: the line goes over all of object 7
        around = [[8.0, 4.0], [16.0, 4.0], [16.0, 11.0], [8.0, 11.0]]
        browser.step("redraw", object=8, rings=[around])
        expected[expected == 8] = 0
        expected[4:11, 8:16] = np.where(before[4:11, 8:16] == 7, 7, 8)
        assert (kept(out, "a") == expected).all()
        browser.step("accept")
        told = browser.step("accept", image=1)
        assert told["all_accepted"] == 2
        browser.step("reopen", image=1)
    result = browser.ended[-1]
    assert (result.kind, result.value) == ("result", out / "corrected.csv")
    told = cl.check((images / "images", out / "labels"), progress=False)
    assert not any("found by a model" in text for text in told.notes)
    data = cl.Data.from_table(result.value)
    assert [item.id for item in data.items] == ["a"]
    assert (data.items[0].annotations[0].read() == expected).all()
    assert data.items[0].image.path == images / "images" / "a.tif"
    assert (tifffile.imread(images / "labels" / "a.tif") == before).all()


def cl_drawn(ring):
    from cytoloom.exchange.drawn import Drawn

    return Drawn("1", [[np.array(ring)]])


def test_every_object_drawn_anew_along_its_own_edges_is_the_same(images):
    """Also with holes and several pieces, as other programs bring them back."""
    before = tifffile.imread(images / "labels" / "a.tif").astype(np.int32)
    with reviewing(images) as browser:
        for one in drawn(before):
            rings = [ring.tolist() for ring in one.rings]
            browser.step("redraw", object=int(one.name), rings=rings)
        assert (browser.labels(0, before.shape) == before).all()


def test_all_is_undone_also_after_the_server_was_killed(images):
    """Its process ends without a word between two steps, and in the middle of a line."""
    before = tifffile.imread(images / "labels" / "a.tif").astype(np.int32)
    out, code = images / "corrected", "import sys; from cytoloom.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "review", str(images), "--no-browser"]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    address = next(line for line in child.stderr if line.startswith("Review at"))
    browser = Browser(address.split()[-1])
    browser.step("delete", object=3)
    browser.step("add", rings=[BLOCK])
    browser.step("delete", object=7, image=1)
    child.kill()
    child.wait()
    child.stderr.close()
    (out / "labels" / "b.tif").write_bytes((images / "labels" / "b.tif").read_bytes())
    with open(out / "steps.jsonl", "ab") as stream:
        stream.write(b'{"image": "a", "kind": "del')
    (out / "labels" / "b.tif").unlink()  # as if the kill had come before it was written
    with reviewing(images) as browser:
        assert not (kept(out, "b") == 7).any()
        assert (browser.labels(0, before.shape)[20:26, 20:28] == 8).all()
        assert browser.step("undo")["done"] == 1
        assert browser.step("undo")["done"] == 0
        assert (kept(out, "a") == before).all()
        browser.step("redo")
        assert not (kept(out, "a") == 3).any()
        told = browser.step("add", rings=[BLOCK])
        assert (told["undone"], told["last"]) == (0, 9)  # 8 was another object
        status, told = browser.post("step", {"kind": "redo", "image": 0})
        assert status == 422
    lines = [json.loads(line) for line in (out / "steps.jsonl").read_text().splitlines()]
    assert [one["kind"] for one in lines if one.get("image") == "a"] == [
        "begin", "delete", "add", "undo", "undo", "redo", "add",
    ]  # fmt: skip


def test_nobody_else_is_answered(images):
    """Not without the token, from another host or page, nor for anything but what the page has."""
    with reviewing(images) as browser:
        own = f"/{browser.token}/"
        secret = images.parent / "secret.txt"
        secret.write_text("secret")
        for path in ("/", "/favicon.ico", own[:-2] + "/", f"/x{own}", own[:-1] + "x/", "//"):
            assert browser.ask("GET", path)[0] == 404, path
        for path in (
            "../secret.txt", "..%2f..%2fsecret.txt", "layers/0/../../secret.txt", "labels/a",
            "layers/0/image.png", str(secret), "corrected.csv", "labels/0/", "labels/-1", "step",
        ):  # fmt: skip
            status, _, content = browser.ask("GET", own + path)
            assert (status, b"secret" in content) == (404, False), path
        assert browser.ask("GET", own + "labels/99")[0] == 422
        for host in ("evil.example", f"evil.example:{browser.port}", "127.0.0.1"):
            assert browser.ask("GET", own, Host=host)[0] == 403
        step = {"kind": "delete", "object": 3, "image": 0}
        assert browser.ask("POST", own + "step", step, Origin="http://evil.example")[0] == 403
        plain = {"Content-Type": "text/plain"}
        assert browser.ask("POST", own + "step", json.dumps(step).encode(), **plain)[0] == 415
        assert browser.ask("POST", own + "step", b"{")[0] == 422
        length = {"Content-Length": str(2**30)}
        assert browser.ask("POST", own + "step", b"{}", **length)[0] == 422
        assert browser.ask("POST", "/step", step)[0] == 404
        assert browser.ask("DELETE", own)[0] == 501
        _, headers, content = browser.ask("GET", own)
        assert headers["Referrer-Policy"] == "no-referrer"
        policy = "default-src 'none'; img-src data: 'self'; connect-src 'self'; style-src 'sha256-"
        assert policy in html.unescape(content.decode())
    assert not (images / "corrected").exists()  # nothing was done, and nothing is left


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"kind": "delete", "object": 99}, "99, which is not there"),
        ({"kind": "delete", "object": "3"}, "the number of an object"),
        ({"kind": "add", "rings": [[[2, 2], [3, 2], [3, 3]]]}, "a line around none"),
        ({"kind": "add", "rings": [[[900, 900], [930, 900], [930, 930]]]}, "a line around none"),
        ({"kind": "add", "rings": [[[2, 2], [3, 2]]]}, "3 corners or more"),
        ({"kind": "add", "rings": [[[2, 2], [3, None], [5, 5]]]}, "3 corners or more"),
        ({"kind": "add", "rings": [[[2, 2], [3, float("nan")], [5, 5]]]}, "3 corners or more"),
        ({"kind": "add", "rings": []}, "3 to 20000 corners"),
        ({"kind": "undo"}, "a step that was done"),
        ({"kind": "format"}, "a step that was known"),
        ({"kind": "delete", "object": 3, "lines": 5}, "another window"),
        ({"kind": "delete", "object": 3, "image": 2}, "0 to 1"),
        ([1], "kind, image, object and rings"),
    ],
)
def test_what_cannot_be_done_changes_nothing(reviewed, step, words):
    browser, folder = reviewed
    body = {"image": 0, **step} if isinstance(step, dict) else step
    status, told = browser.post("step", body)
    assert status in (409, 422)
    assert words in told["error"]
    assert not (folder / "steps.jsonl").exists()


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory):
    """One server for all that it refuses, and the folder of what is corrected."""
    folder = tmp_path_factory.mktemp("refusing")
    labels = np.zeros((40, 50), np.uint16)
    labels[2:8, 2:9] = 3
    pair = cl.Data.from_pairs([labels * 9, labels * 9], [labels, labels], names=["a", "b"])
    with reviewing(pair, out=folder / "out") as browser:
        yield browser, folder / "out"


def test_results_are_reviewed_the_worst_first_and_stay(results):
    """The page has the order of the report; label images of the results do not change."""
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    with reviewing(results) as browser:
        page = browser.get("").decode()
        shown = re.findall(r'aria-label="Look at ([^"]+)"', page)
        state = json.loads(browser.get("state"))
        assert browser.get("layers/0/image")[:2] == b"\xff\xd8"
        assert browser.get("layers/0/outlines?v=3")[:4] == b"\x89PNG"
        browser.step("add", rings=[[[0, 0], [64, 0], [64, 64], [0, 64]]])
        browser.step("accept")
    report = cl.report(results, results.parent / "report.html", progress=False).read_text("utf-8")
    assert shown == re.findall(r'aria-label="Look at ([^"]+)"', report)
    assert [one["problem"] for one in state["images"]] == ["", ""]
    assert {path: path.read_bytes() for path in before} == before
    table = results / "corrected" / "corrected.csv"
    assert cl.Data.from_table(table).items[0].id == shown[0]


def test_first_labels_are_drawn_from_nothing_or_from_what_a_model_finds(images, trained):
    shutil.rmtree(images / "labels")
    with reviewing(images / "images") as browser:
        assert not browser.labels(0, (40, 50)).any()
        assert browser.step("add", rings=[BLOCK])["last"] == 1
    out = images / "other"
    with reviewing(images / "images", out=out) as browser:
        browser.step("add", rings=[BLOCK])
    for _ in range(2):  # the second time what was found is there
        with reviewing(images / "images", model=trained, out=out) as browser:
            names = re.findall(r"Look at ([^\"]+)", browser.get("").decode())
            begun = {n: browser.labels(k, (40, 50)) for k, n in enumerate(names)}
    found = cl.predict(trained, images / "images" / "b.tif", progress=False)
    assert ((begun["b"] > 0) == (found["b"] > 0)).all()
    assert (begun["a"] > 0).sum() == 48  # what was drawn before stays


def test_planes_of_files_and_arrays_are_written_for_training(tmp_path):
    stack = np.arange(2 * 40 * 50, dtype=np.uint16).reshape(2, 40, 50)
    tifffile.imwrite(tmp_path / "t.tif", stack, imagej=True, metadata={"axes": "TYX"})
    for given, name in ((tmp_path / "t.tif", "t_t001"), ({"x": stack[1]}, "x")):
        out = tmp_path / name
        with reviewing(given, out=out) as browser:
            place = [r for r in re.findall(r"Look at ([^\"]+)", browser.get("").decode())]
            browser.step("add", image=place.index(name), rings=[BLOCK])
            browser.step("accept", image=place.index(name))
        (item,) = cl.Data.from_table(out / "corrected.csv").items
        assert item.id == name
        assert (item.image.read()[..., 0] == stack[1]).all()
        assert (item.annotations[0].read() > 0).sum() == 48


def test_a_consensus_is_reviewed_and_masks_become_objects(tmp_path):
    """Of images that are given apart; classes are refused, in which there are no objects."""
    mask = np.zeros((40, 50), np.uint8)
    mask[2:8, 2:9] = mask[20:28, 20:30] = 1
    for name in ("anna", "ben", "images"):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "a.tif", mask)
    experts = [tmp_path / "anna", tmp_path / "ben"]
    out = cl.consensus(experts, out=tmp_path / "agreed", progress=False).out
    with reviewing(out, images=tmp_path / "images") as browser:
        assert np.unique(browser.labels(0, mask.shape)).tolist() == [0, 1, 2]
        browser.step("delete", object=1)
    assert (kept(out / "corrected", "a") > 0).sum() == 80
    drawn = {"anna": {"a": mask * 2}, "ben": {"a": mask * 2 - (mask.cumsum(1) > 3) * mask}}
    classes = cl.consensus(drawn, task="classes", progress=False)
    with pytest.raises(cl.InvalidError, match="labels that are classes"):
        cl.review(classes, images={"a": mask}, out=tmp_path / "o", browser=False, progress=False)


def one_line(error: BaseException) -> str:
    assert "\n" not in str(error)
    return str(error)


def test_what_cannot_be_reviewed_is_said_in_a_sentence(images, results, tmp_path, trained):
    (tmp_path / "empty").mkdir()

    def said(*args, **settings):
        with pytest.raises(cl.InvalidError) as caught:
            cl.review(*args, browser=False, progress=False, **settings)
        return one_line(caught.value)

    assert "`results`. Expected results, or" in said(tmp_path / "empty")
    assert "`results`. Expected results, or" in said(tmp_path / "nowhere")
    assert "`results`. Expected results, or at least one image" in said([])
    assert "`model`. Expected a model folder" in said(results, model=tmp_path / "nowhere")
    assert "`out`. Expected a folder for what is corrected" in said({"a": np.ones((8, 8))})
    stack = {"a": np.zeros((5, 8, 9))}
    assert "a: a stack of 5 planes" in said(stack, out=tmp_path / "out")
    large = {"a": np.zeros((6000, 6000), np.uint8)}
    assert "6000 x 6000 pixels are too many" in said(large, out=tmp_path / "out")
    huge = cl.Data.from_pairs([np.ones((8, 8))], [np.full((8, 8), 2**31, np.uint32)], names=["a"])
    with reviewing(huge, out=tmp_path / "huge") as browser:
        status, _, content = browser.ask("GET", f"/{browser.token}/labels/0")
        assert (status, b"from 0 to 2147483647" in content) == (422, True)
    run = json.loads((results / "files_run.json").read_text())
    run["images"]["given"] = str(tmp_path / "gone")
    (results / "files_run.json").write_text(json.dumps(run))
    assert "its image is not there. Pass `images` where they are now" in said(results)
    table = pd.DataFrame({"image": ["a"]})
    assert "scores, which have none" in said(cl.Scores(table, table, table))
    with reviewing(images) as browser:
        assert "Address already in use" in said(images, out=tmp_path / "o", port=int(browser.port))
        assert "a folder that no other run writes to" in said(images)
    (tmp_path / "file").write_text("")
    assert "`out`" in said(images, out=tmp_path / "file")
    if os.geteuid():
        os.chmod(images, 0o500)
        assert "Permission denied" in said(images)


def test_corrections_of_other_images_or_damaged_ones_are_not_gone_on_with(images, tmp_path):
    out = tmp_path / "out"
    with reviewing(images, out=out) as browser:
        browser.step("delete", object=3)
    other = Path(shutil.copytree(images, tmp_path / "other"))
    with pytest.raises(cl.InvalidError, match=r"with corrections of .*data"):
        cl.review(other, out=out, browser=False, progress=False)
    # an image goes on from what it began with, whatever has become of its labels
    tifffile.imwrite(images / "labels" / "a.tif", np.ones((40, 50), np.uint8))
    with reviewing(images, out=out) as browser:
        assert set(np.unique(browser.labels(0, (40, 50)))) == {0, 7}
        assert browser.step("undo")["done"] == 0
        assert set(np.unique(browser.labels(0, (40, 50)))) == {0, 3, 7}
        browser.step("delete", object=3, image=1)
        # nor is what somebody has made of a file of it written over
        own = out / "labels" / "b.tif"
        tifffile.imwrite(own, np.zeros((40, 50), np.uint8))
        content = own.read_bytes()
        status, told = browser.post("step", {"kind": "undo", "image": 1})
        assert (status, "changed since" in told["error"]) == (422, True)
        assert own.read_bytes() == content
    (out / "begun" / "a.tif").unlink()
    with reviewing(images, out=out) as browser:
        status, _, content = browser.ask("GET", f"/{browser.token}/labels/0")
        assert (status, b"its steps began" in content) == (422, True)
        assert browser.labels(1, (40, 50)).any()
    steps = (out / "steps.jsonl").read_bytes()
    (out / "steps.jsonl").write_bytes(steps.replace(b'"delete"', b'"dilate"'))
    with pytest.raises(cl.InvalidError, match="line 3, which is none"):
        cl.review(images, out=out, browser=False, progress=False)


def test_what_is_accepted_is_checked_beside(images):
    """In a process of its own, of which the page asks how far it is."""
    with reviewing(images) as browser:
        status, told = browser.post("job", {"kind": "check"})
        assert (status, "at least one that is accepted" in told["error"]) == (422, True)
        for image in (0, 1):
            browser.step("accept", image=image)
        assert browser.post("job", {"kind": "train", "minutes": 0})[0] == 422
        assert browser.post("job", {"kind": "predict"})[0] == 422
        assert browser.get("job") == b"{}"
        status, told = browser.post("job", {"kind": "check"})
        assert (status, told["running"]) == (200, True)
        assert browser.post("job", {"kind": "check"})[0] == 422  # one at a time
        wait_until(lambda: not json.loads(browser.get("job"))["running"])
        told = json.loads(browser.get("job"))
        assert told["result"].startswith("2 images checked")
        assert told["error"] == ""


def test_the_command_line_says_where_it_is_and_how_to_go_on(images, capsys, monkeypatch):
    codes: list[int] = []
    command = ["review", str(images), "--no-browser"]
    # capsys is read and then emptied: what a thread writes in between would be lost
    told = io.StringIO()
    monkeypatch.setattr(sys, "stderr", told)
    thread = threading.Thread(target=lambda: codes.append(cli.main(command)))
    thread.start()
    wait_until(lambda: "Ctrl-C" in told.getvalue() or not thread.is_alive())
    browser = Browser(re.search(r"Review at (\S+)", told.getvalue())[1])
    browser.step("accept")
    browser.post("end", {})
    thread.join(60)
    assert codes == [0]
    table = images / "corrected" / "corrected.csv"
    assert f"To train on them: cytoloom train {table} --start MODEL" in told.getvalue()
    assert capsys.readouterr().out == f"What was corrected is in {table.parent}\n"


def test_an_interrupt_ends_it_as_the_button_does(images):
    events = cl.review.events(images, browser=False)
    address = next(e.message for e in events if e.message.startswith("Review at"))
    Browser(address.removeprefix("Review at ")).step("accept")
    assert next(events).kind == "note"
    assert next(events).message == "1 of 2 images accepted, 0 steps"
    assert "To train on them" in events.throw(KeyboardInterrupt).message
    assert next(events).value == images / "corrected" / "corrected.csv"
