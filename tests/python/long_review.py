"""Ten planted mistakes are corrected by somebody in a browser, who loses nothing to a kill.

Not part of `make test`: the browser is large. `make test-pages` has an environment for them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from playwright.sync_api import Page, sync_playwright

import cytoloom as cl
from cytoloom.exchange.drawn import drawn

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "chromium"
SIDE = 256
MODEL = Path(__file__).parents[2] / "inst" / "extdata" / "simulated.cytoloom"
MISSED, FALSE, WRONG = 4, 3, 3


class Server:
    """The command line, in a process of its own."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "cytoloom", "review", *map(str, arguments), "--no-browser"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        told = (line for line in self.process.stderr if line.startswith("Review at"))
        self.address = next(told).split()[-1]

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()


@pytest.fixture
def serve():
    """Start servers, of which none is left at the end."""
    started: list[Server] = []

    def begin(*arguments: object) -> Server:
        started.append(Server(*arguments))
        return started[-1]

    yield begin
    for one in started:
        one.kill()


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@contextlib.contextmanager
def opened(browser, address: str, scheme: str = "light", size=(1280, 900)) -> Iterator[Page]:
    """Open the page; what it says to the console or asks of others is an error at the end."""
    odd: list[str] = []
    view = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=view, color_scheme=scheme)
    page = context.new_page()
    page.on("console", lambda one: odd.append(f"console: {one.text}"))
    page.on("pageerror", lambda one: odd.append(f"error: {one}"))
    own = (address, "data:")
    page.on("request", lambda one: one.url.startswith(own) or odd.append(one.url))
    page.goto(address)
    page.odd = odd
    yield page
    context.close()
    assert odd == []


@pytest.fixture
def planted(tmp_path: Path):
    """Two images with labels in which ten objects are wrong, and what is true."""
    folder = cl.simulate.write(tmp_path / "demo", images=2, seed=5)
    rng = np.random.default_rng(2)
    truths, tasks = {}, []
    for k, path in enumerate(sorted((folder / "labels").iterdir())):
        truth = tifffile.imread(path).astype(np.int32)
        truths[path.stem] = truth
        labels, inner = truth.copy(), whole_objects(truth)
        rng.shuffle(inner)
        missed, wrong = inner[: MISSED // 2], inner[MISSED // 2 :][: WRONG // 2 + k]
        for number in missed:
            labels[labels == number] = 0
            tasks.append((path.stem, "add", number))
        for number in wrong:  # its left third alone is there
            columns = np.nonzero(truth == number)[1]
            rest = (truth == number) & (np.arange(SIDE) > np.quantile(columns, 1 / 3))
            labels[rest] = 0
            tasks.append((path.stem, "redraw", number))
        for number in range(FALSE // 2 + k):
            y, x = free_place(labels, rng)
            labels[y : y + 9, x : x + 9] = 200 + number
            tasks.append((path.stem, "delete", 200 + number))
        tifffile.imwrite(path, labels.astype(np.uint16))
    return folder, truths, tasks


def whole_objects(truth: np.ndarray) -> list[int]:
    """Objects that do not touch the border."""
    edge = np.concatenate([truth[0], truth[-1], truth[:, 0], truth[:, -1]])
    return sorted(set(np.unique(truth).tolist()) - set(edge.tolist()) - {0})


def free_place(labels: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    """Where a small object has room."""
    while True:
        y, x = rng.integers(10, SIDE - 20, 2).tolist()
        if not labels[y - 2 : y + 11, x - 2 : x + 11].any():
            return y, x


def ap(folder: Path, truths, labels_of) -> float:
    """Mean average precision of label images at an overlap of one half."""
    each = [cl.metrics.average_precision(t, labels_of(n)) for n, t in truths.items()]
    return float(np.mean(each))


class Hand:
    """Somebody at the mouse and the keyboard."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def look_at(self, name: str) -> None:
        if self.page.locator("#viewer").evaluate("one => one.open"):
            self.page.click("#close")
        self.page.get_by_label(f"Look at {name}", exact=True).click()
        self.page.locator("#edit[data-ready]").wait_for()

    def at(self, x: float, y: float) -> tuple[float, float]:
        box = self.page.locator("#edit").bounding_box()
        return box["x"] + x * box["width"] / SIDE, box["y"] + y * box["height"] / SIDE

    def choose(self, labels: np.ndarray, number: int) -> None:
        self.key("v")
        rows, columns = np.nonzero(labels == number)
        nearest = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
        self.page.mouse.click(*self.at(columns[nearest] + 0.5, rows[nearest] + 0.5))

    def draw(self, truth: np.ndarray, number: int, by_corners: bool = False) -> None:
        (ring,) = next(one for one in drawn(truth) if one.name == str(number)).rings
        points = [self.at(*corner) for corner in ring]
        mouse = self.page.mouse
        if by_corners:
            for point in points[: -len(points) // 8 : 2]:  # those near the first would close it
                mouse.click(*point)
            self.page.keyboard.press("Enter")
            return
        mouse.move(*points[0])
        mouse.down()
        for point in points[1:]:
            mouse.move(*point)
        mouse.up()

    def key(self, key: str) -> None:
        self.page.keyboard.press(key)

    def steps(self, count: int) -> None:
        """Wait until so many steps are kept."""
        words = f"{count} step{'' if count == 1 else 's'}"
        self.page.get_by_role("status").filter(has_text=f", {words}").first.wait_for()


def test_ten_mistakes_are_corrected_and_nothing_is_lost(planted, browser, serve, capsys):
    folder, truths, tasks = planted
    assert len(tasks) == 10

    def kept(name: str) -> np.ndarray:
        path = folder / "corrected" / "labels" / f"{name}.tif"
        found = path if path.is_file() else folder / "labels" / f"{name}.tif"
        return tifffile.imread(found).astype(np.int32)

    before, counts, figures = ap(folder, truths, kept), dict.fromkeys(truths, 0), []

    def correct(hand: Hand, name: str, kind: str, number: int) -> None:
        hand.look_at(name)
        if kind != "add":
            hand.choose(kept(name), number)
        if kind == "delete":
            hand.key("x")
        else:
            hand.key("d" if kind == "add" else "r")
            hand.draw(truths[name], number, by_corners=number % 2 == 0)
        counts[name] += 1
        hand.steps(counts[name])
        figures.append(ap(folder, truths, kept))

    server = serve(folder)
    with opened(browser, server.address) as page:
        hand = Hand(page)
        for task in tasks[:5]:
            correct(hand, *task)
        # one step too many is undone, and done, and undone
        name = tasks[4][0]
        here = kept(name)
        hand.choose(here, int(here.max()))
        hand.key("x")
        hand.steps(counts[name] + 1)
        assert not (kept(name) == here.max()).any()
        for key, count in (("u", 0), ("y", 1), ("Control+z", 0)):
            hand.key(key)
            hand.steps(counts[name] + count)
        assert (kept(name) == here).all()
        server.kill()
        state = {one: kept(one) for one in truths}
        hand.choose(here, int(here.max()))
        hand.key("x")
        page.get_by_role("status").filter(has_text="Not kept").wait_for()
        assert [one for one in page.odd if "ERR_CONNECTION_REFUSED" not in one] == []
        page.odd.clear()
    server = serve(folder)
    with opened(browser, server.address, "dark") as page:
        assert all((kept(one) == state[one]).all() for one in truths)
        hand = Hand(page)
        for task in tasks[5:]:
            correct(hand, *task)
        page.click("#close")
        page.click("#start")
        for k in range(len(truths)):
            page.locator("#edit[data-ready]").wait_for()
            page.locator("#accept:not([disabled])").wait_for()
            page.keyboard.press("a")
            page.locator("#accepted-words", has_text=f"{k + 1} of").wait_for(state="attached")
        page.click("#close")
        page.click("#finish")
        page.get_by_text("Review ended").wait_for()
    server.process.wait(20)
    after = ap(folder, truths, kept)
    with capsys.disabled():
        shown = ", ".join(f"{one:.3f}" for one in figures)
        print(f"\nAP50 {before:.3f} with ten mistakes; after each correction {shown}")
    assert (np.diff([before, *figures]) > 0).all()
    assert before < 0.9
    assert after == 1
    found = {n: cl.metrics.match(truths[n], kept(n)) for n in truths}
    assert min(one.mean_matched_score for one in found.values()) > 0.99
    # and what nobody touched is as it was, to the pixel
    touched = {name: {n for one, _, n in tasks if one == name} for name in truths}
    for name, truth in truths.items():
        rest = ~np.isin(truth, list(touched[name])) & (truth > 0)
        assert (kept(name)[rest] == truth[rest]).all()
    data = cl.Data.from_table(folder / "corrected" / "corrected.csv")
    assert [item.id for item in data.items] == list(truths)


def test_what_is_accepted_is_checked_and_trained_on(planted, browser, serve):
    """With its curve on the page; stopped, it keeps what it has, and with its server it ends."""
    folder = planted[0]
    server = serve(folder, "--model", MODEL)
    with opened(browser, server.address) as page:
        page.click("#jobs summary")
        page.get_by_text("A training goes on from").wait_for()
        page.click("#check")
        page.get_by_text("at least one that is accepted").wait_for()
        page.click("#start")
        for k in range(2):
            page.locator("#accept:not([disabled])").wait_for()
            page.keyboard.press("a")
            page.locator("#accepted-words", has_text=f"{k + 1} of").wait_for(state="attached")
        page.click("#close")
        assert page.odd == [refused_by_server()]
        page.odd.clear()
        page.click("#check")
        page.locator("#job-text", has_text="2 images checked").wait_for()
        page.fill("#minutes", "0.2")
        page.click("#train")
        page.locator("#curve svg").wait_for(timeout=90_000)
        page.get_by_text("Trained.").wait_for(timeout=90_000)
        assert "score" in page.locator("#curve svg").get_attribute("aria-label")
        page.screenshot(path=folder / "trained.png")
        better = cl.load(folder / "corrected" / "model_1.cytoloom")
        scores = cl.evaluate(better, folder / "corrected" / "corrected.csv",
                             allow_training_images=True, progress=False)  # fmt: skip
        assert scores.summary["value"][0] > 0.8  # from nothing, in 12 s, it would be far below
        page.fill("#minutes", "30")
        page.click("#train")
        page.locator("#stop:not([disabled])").wait_for()
        page.locator("#curve svg").wait_for(timeout=90_000)
        page.click("#stop")
        page.get_by_text("Trained.").wait_for(timeout=60_000)
        models = sorted(path.name for path in (folder / "corrected").glob("*.cytoloom"))
        assert models == ["model_1.cytoloom", "model_2.cytoloom"]
        loaded = [cl.load(folder / "corrected" / name) for name in models]
        assert [model.predict(np.zeros((SIDE, SIDE))).shape for model in loaded] == 2 * [
            (SIDE, SIDE)
        ]
        page.click("#train")
        page.locator("#stop:not([disabled])").wait_for()
        tasks = Path(f"/proc/{server.process.pid}/task")
        told = [path.read_text().split() for path in tasks.glob("*/children")]
        children = [Path("/proc", pid) for pids in told for pid in pids]
        page.goto("about:blank")
        page.odd.clear()
    assert children
    server.kill()
    until = time.monotonic() + 60
    while any(path.exists() for path in children) and time.monotonic() < until:
        time.sleep(0.2)
    assert not any(path.exists() for path in children)


def refused_by_server() -> str:
    """What Chromium says of an answer that is a refusal."""
    words = "Failed to load resource: the server responded with a status of 422"
    return f"console: {words} (Unprocessable Entity)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 900), (390, 800)])
def test_it_can_be_read_and_drawn_on_everywhere(planted, browser, serve, scheme, size):
    from long_pages import CONTRASTS

    server = serve(planted[0])
    with opened(browser, server.address, scheme, size) as page:
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
        assert min(page.evaluate(CONTRASTS).values()) >= 4.5
        page.click("#start")
        page.locator("#edit[data-ready]").wait_for()
        page.locator("#tool-draw:not([disabled])").wait_for()
        contrasts = page.evaluate(CONTRASTS)
        assert min(contrasts.values()) >= 4.5, contrasts
        nameless = page.evaluate("""() => [...document.querySelectorAll("button, input, progress")]
          .filter((one) => !(one.ariaLabel || one.labels?.length || one.textContent.trim()
            || one.getAttribute("aria-labelledby"))).map((one) => one.outerHTML.slice(0, 80))""")
        assert nameless == []
        hand = Hand(page)
        for key in ("+", "f", "h", "h", "n", "p", "d", "Escape", "0"):
            hand.key(key)
        hand.key("x")
        hand.steps(1)
        hand.key("Escape")
        assert not page.locator("#viewer").evaluate("one => one.open")
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(20) == 0
