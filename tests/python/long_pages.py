"""Pages of results in a browser: Chromium without a window, and without a network.

Not part of `make test`: the browser is large. `make test-pages` has an environment for them.
"""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import sync_playwright

import cytoloom as cl

ODD = "a<script>alert(1)</script>"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "chromium"
SCREENS = {"wide": (1280, 900), "narrow": (390, 800)}


def predictions(count: int, side: int) -> tuple[cl.Predictions, dict[str, np.ndarray]]:
    """Images of squares that were found, the last a failed one."""
    rng, names = np.random.default_rng(1), [f"w{k:04d}" for k in range(count - 2)] + [ODD]
    images, labels, rows = {}, {}, []
    for k, name in enumerate(names):
        found = np.zeros((side, side), np.uint8)
        found[4:9, 4:9] = 1
        found[12:20, 12 : 20 + k % 8] = 2
        labels[name], images[name] = found, (found > 0) * 80 + rng.integers(0, 40, found.shape)
        rows += [{"image": name, "object": n, "area_px": int((found == n).sum()),
                  "centroid_y": 6.0 * n, "centroid_x": 6.0 * n, "bbox_y_min": 4, "bbox_x_min": 4,
                  "bbox_y_max": 9, "bbox_x_max": 9, "mean_foreground": 0.5 + k / 2 / count}
                 for n in (1, 2)]  # fmt: skip
    status = ["ok"] * len(names) + ["cut off"]
    table = pd.DataFrame({"image": [*names, "cut"], "status": status, "objects": 2, "scale": 1.0})
    table["well"] = [f"A{k % 3}" for k in range(count)]
    table["objects"] = table["objects"].astype("Int64").where(table["status"] == "ok")
    told = {"count": 2, "low": 1, "high": 3, "flags": ""}
    summary = pd.DataFrame({"image": names, **told})
    parts = {"objects": pd.DataFrame(rows), "files": table, "summary": summary}
    return cl.Predictions(**parts, out=None, _labels=labels), images


def uncertain_tracks() -> cl.Tracks:
    """A cell that may have gone elsewhere from frame 1 to 2."""
    at = [(0, 1, 20), (1, 1, 22), (2, 1, 24), (2, 2, 40), (3, 1, 26)]
    positions = pd.DataFrame(at, columns=["frame", "object", "y_px"]).assign(x_px=30.0)
    links = pd.DataFrame(
        [(0, 1, 1, True), (1, 1, 1, True), (1, 1, 2, False), (2, 1, 1, True)],
        columns=["frame_from", "object_from", "object_to", "chosen"],
    )
    links["frame_to"] = links["frame_from"] + 1
    links = links.assign(p_wrong=[0.001, 0.4, np.nan, 0.02], probability=0.9)
    odd = 'of, "1"'
    return cl.Tracks.of(positions.assign(recording=odd), links.assign(recording=odd))


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """Pages by what is on them."""
    folder = tmp_path_factory.mktemp("pages")
    found, images = predictions(8, 48)
    made = {"few": cl.report(found, folder / "few.html", images=images, progress=False)}
    stack = np.zeros((5, 20, 30), np.uint16)
    stack[1:3, 4:9, 5:25] = 1
    drawn = {"anna": {"x": stack}, "ben": {"x": stack}}
    agreed = cl.consensus(drawn, task="instances", progress=False)
    path = folder / "stack.html"
    made["stack"] = cl.report(agreed, path, images={"x": stack * 100}, progress=False)
    many, images = predictions(1000, 48)
    made["wells"] = cl.cells_demo(folder / "demo", progress=False)
    made["tracks"] = cl.report(
        uncertain_tracks(), folder / "tracks.html", images=np.zeros((4, 64, 96)), progress=False
    )
    made["thousand"] = cl.report(many, folder / "thousand.html", images=images, progress=False)
    return made


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def show(browser, pages):
    """Open a page; what it says to the console or asks for is an error at the end."""
    odd, contexts = [], []

    def shown(which: str | Path, scheme: str = "light", screen: str = "wide"):
        width, height = SCREENS[screen]
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, offline=True
        )
        contexts.append(context)
        page, path = context.new_page(), pages.get(which, which)
        page.on("console", lambda one: odd.append(f"console: {one.text}"))
        page.on("pageerror", lambda one: odd.append(f"error: {one}"))
        page.on("dialog", lambda one: odd.append(f"dialog: {one.message}"))
        beside = path.with_name(f"{path.stem}_files").as_uri()
        own = (path.as_uri(), "data:", "blob:", beside)
        page.on("request", lambda one: one.url.startswith(own) or odd.append(one.url))
        page.goto(path.as_uri())
        return page

    yield shown
    for context in contexts:
        context.close()
    assert odd == []


def names(page) -> list[str]:
    """Images that are shown, in their order."""
    return page.locator("#rows tbody tr:visible th").all_text_contents()


def layers(page) -> list[str]:
    """Layers that are shown, the lowest first."""
    return page.locator("#sheet img").evaluate_all("all => all.map(one => one.dataset.layer)")


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["few", "stack", "thousand", "wells", "tracks"])
def test_it_opens_everywhere_and_all_can_be_read(show, which, scheme, screen):
    page = show(which, scheme, screen)
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    contrasts = page.evaluate(CONTRASTS)
    assert min(contrasts.values()) >= 4.5, contrasts
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor").count("21, 25, 27")
    assert bool(dark) == (scheme == "dark")


LOADED = "[...document.querySelectorAll('#sheet img')].every((one) => one.naturalWidth > 0)"
CONTRASTS = """() => {
  const parts = (text) => text.match(/[0-9.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const colour = parts(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = {};
  const texts = "h1, h2, p, td, th, label, button, a, dt, dd, .flag, figcaption";
  const seen = (one) => one.checkVisibility() && !one.disabled && !one.closest(".hidden, .skip");
  for (const one of document.querySelectorAll(texts)) {
    if (!seen(one) || !one.textContent.trim()) continue;
    const [ink, paper] = [light(parts(getComputedStyle(one).color)), light(behind(one))];
    const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    const name = `${one.tagName}.${one.className}`;
    found[name] = Math.min(found[name] ?? 99, ratio);
  }
  return found;
}"""


def test_a_well_shows_its_cells_by_mouse_and_by_keyboard(show):
    page = show("wells")
    assert page.locator(".well[aria-pressed=true]").count() == 1
    page.locator(".well[aria-label^='B03']").click()
    assert page.inner_text("#well-name").startswith("B03")
    before = page.get_attribute("#well-novel", "src")
    assert page.evaluate("document.querySelector('#well-novel').naturalWidth") > 0
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#well-name").startswith("B04")
    assert page.get_attribute("#well-novel", "src") != before
    page.keyboard.press("ArrowDown")
    assert page.inner_text("#well-name").startswith("C04")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")  # there is nothing above
    assert page.inner_text("#well-name").startswith("A04")
    fill = "document.querySelector('.well[aria-pressed=true] rect').getAttribute('fill')"
    share = page.evaluate(fill)
    page.get_by_label("median score").check()
    assert page.evaluate(fill) != share
    assert page.locator(".ends:visible").count() == 1


def test_links_that_are_ticked_are_corrections(show, tmp_path):
    """A file with a row of each link; of one that leads elsewhere another with its right end."""
    page = show("tracks")
    assert page.locator("#status").text_content() == "0 of 2 looked at"
    page.get_by_label("right, and a too: it divides").check()
    page.get_by_label("wrong, it is a (object 2)").check()
    page.locator("#link-2").get_by_label("right", exact=True).check()
    assert page.locator("#status").text_content() == "2 of 2 looked at"

    def saved():
        with page.expect_download() as told:
            page.locator("#corrections").click()
        told.value.save_as(tmp_path / "c.csv")
        assert told.value.suggested_filename == "tracks_corrections.csv"
        return pd.read_csv(tmp_path / "c.csv")

    table = saved()
    assert table["recording"].tolist() == ['of, "1"'] * 3
    rows = table[["frame_from", "object_from", "frame_to", "object_to", "right"]]
    assert rows.values.tolist() == [[1, 1, 2, 1, "no"], [1, 1, 2, 2, "yes"], [2, 1, 3, 1, "yes"]]
    page.get_by_label("right, and a too: it divides").check()
    assert saved()["right"].tolist() == ["yes"] * 3
    page.reload()
    assert page.locator("#status").text_content() == "2 of 2 looked at"
    page.locator("#clear").click()
    assert saved()["right"].isna().all()


def test_headings_sort_by_mouse_and_by_keyboard(show):
    page = show("few")
    assert names(page) == ["cut", *[f"w{k:04d}" for k in range(6)], ODD]
    head = page.locator("#rows th", has_text="Certainty")
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert names(page)[-1] == "cut"
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert names(page) == [ODD, *[f"w{k:04d}" for k in range(5, -1, -1)], "cut"]
    assert page.locator("#rows th[aria-sort]").count() == 1
    assert "descending" in page.locator("#status").text_content()


def test_searching_and_filtering(show):
    page = show("few")
    page.fill("#search", "a1 w0")
    assert names(page) == ["w0001", "w0004"]
    assert page.locator("#status").text_content().startswith("2 of 8 images")
    page.fill("#search", "")
    page.select_option("#flagged", "1")
    assert names(page) == ["cut"]
    page.select_option("#flagged", "")
    page.select_option("#range", label="Certainty")
    page.fill("#least", "0.6")
    page.fill("#most", "0.7")
    assert names(page) == ["w0002", "w0003"]


def test_the_viewer_by_mouse(show):
    page = show("few")
    page.locator("#rows tbody tr", has_text="w0002").locator(".open").click()
    assert page.locator("#viewer").evaluate("one => one.open")
    assert page.locator("#viewer-name").text_content() == "w0002"
    assert layers(page) == ["image", "outlines"]
    page.get_by_label("objects in colours").check()
    page.get_by_role("checkbox", name="outlines").uncheck()
    assert layers(page) == ["image", "labels"]
    page.wait_for_function(LOADED)
    before = page.locator("#sheet").evaluate("one => one.style.transform")
    page.click("#in")
    page.mouse.move(400, 400)
    page.mouse.wheel(0, -300)
    larger = page.locator("#sheet").evaluate("one => one.style.transform")
    page.mouse.down()
    page.mouse.move(450, 420)
    page.mouse.up()
    moved = page.locator("#sheet").evaluate("one => one.style.transform")
    assert len({before, larger, moved}) == 3
    page.click("#whole")
    assert page.locator("#sheet").evaluate("one => one.style.transform") == before
    page.click("#next")
    assert page.locator("#viewer-name").text_content() == "w0003"
    page.click("#close")
    assert not page.locator("#viewer").evaluate("one => one.open")


def test_the_viewer_by_keyboard_gives_the_focus_back(show):
    page = show("few")
    page.locator(".open").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator("#viewer-name").text_content() == "w0001"
    page.keyboard.press("2")
    assert layers(page) == ["image", "labels", "outlines"]
    page.keyboard.press("3")
    assert layers(page) == ["image", "labels"]
    before = page.locator("#zoom").text_content()
    page.keyboard.press("+")
    assert page.locator("#zoom").text_content() != before
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("0")
    assert page.locator("#zoom").text_content() == before
    page.keyboard.press("ArrowRight")
    assert page.locator("#viewer-name").text_content() == "w0002"
    page.keyboard.press("Escape")
    focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused == "Look at w0002"


def test_all_that_can_be_pressed_has_a_name(show):
    page = show("few")
    page.locator(".open").first.click()
    nameless = page.evaluate("""() => [...document.querySelectorAll("button, input, select, a")]
      .filter((one) => !(one.ariaLabel || one.labels?.length || one.textContent.trim()))
      .map((one) => one.outerHTML.slice(0, 80))""")
    assert nameless == []


def test_objects_are_listed_sorted_and_shown(show):
    page = show("few")
    rows = page.locator("#objects-table tbody tr")
    assert rows.count() == 14
    page.select_option("#measure", "mean_foreground")
    assert "mean_foreground" in page.locator("#histogram svg").get_attribute("aria-label")
    page.locator("#objects-table th", has_text="area_px").locator("button").click()
    first = rows.first.locator("td").all_text_contents()
    assert first[2] == "25"
    page.fill("#only", "w0003")
    assert rows.count() == 2
    rows.first.press("Enter")
    assert page.locator("#viewer-name").text_content() == "w0003"
    assert page.locator("#sheet .mark").count() == 1
    page.keyboard.press("Escape")


def test_a_thousand_images(show, pages):
    page = show("thousand")
    assert pages["thousand"].stat().st_size < 60e6
    assert len(names(page)) == 1000
    few = page.locator(".thumb img").count()
    assert 0 < few < 200
    last = page.locator("#rows tbody tr").last
    last.scroll_into_view_if_needed()
    last.locator(".thumb img").first.wait_for(state="attached")
    page.locator("#rows th", has_text="Certainty").locator("button").click()
    assert names(page)[-1] == "cut"
    page.fill("#search", "w0777")
    assert names(page) == ["w0777"]
    assert page.locator("#page-words").text_content() == "page 1 of 40"


def test_the_review_list_is_a_table(show, tmp_path):
    page = show("few")
    with page.expect_download() as download:
        page.click("#review-list")
    download.value.save_as(tmp_path / "review.csv")
    with open(tmp_path / "review.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["image"] for row in rows] == names(page)
    assert rows[0]["flags"] == "failed: cut off"


def test_pictures_beside_the_page_are_shown(show, tmp_path, monkeypatch):
    monkeypatch.setattr("cytoloom.pages.collect.LARGEST_BYTES", 1000)
    found, images = predictions(4, 48)
    path = cl.report(found, tmp_path / "a # b.html", images=images, progress=False)
    page = show(path)
    page.locator(".open").first.click()
    page.wait_for_function(LOADED)


def test_printed_it_has_all_pictures(show):
    page = show("thousand")
    content = page.pdf(format="A4")
    assert content.startswith(b"%PDF")
    assert page.locator(".thumb img").count() == 2 * 999
    page.emulate_media(media="print")
    assert not page.locator(".tools").first.is_visible()
    assert page.locator("#methods").is_visible()
