"""Results as a page: what is on it, how large it is, and what never gets on it."""

from __future__ import annotations

import base64
import csv
import dataclasses
import io
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import cytoloom as cl
from cytoloom import cli
from cytoloom.cli import commands
from extras import need

need("jinja2", "report")
ODD = '<script>alert(\'&"x")</script>'


class Page(HTMLParser):
    """What tests look at: tags with what is in them, and data."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.inside: list[str] = []
        self.data: dict[str, object] = {}
        self.text = path.read_text("utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "input", "img", "br"):
            self.inside.append(dict(attrs).get("id") or tag)

    def handle_endtag(self, tag):
        self.inside.pop()

    def handle_data(self, data):
        if self.inside and self.inside[-1] in ("pictures", "object-data"):
            self.data[self.inside[-1]] = json.loads(data)
        elif not self.inside or self.inside[-1] not in ("style", "script"):
            self.words.append(data)

    def all(self, tag, **attrs):
        """Attributes of all tags of a kind, with such attributes."""
        return [a for t, a in self.tags if t == tag and attrs.items() <= a.items()]

    @property
    def said(self) -> str:
        """All words."""
        return " ".join(" ".join(self.words).split())

    @property
    def rows(self) -> list[str]:
        """Names of images in their order."""
        return [
            a["aria-label"].removeprefix("Look at ")
            for a in self.all("button", **{"class": "open"})
        ]

    @property
    def review(self) -> list[dict[str, str]]:
        """The list to download."""
        (link,) = self.all("a", id="review-list")
        content = base64.b64decode(link["href"].partition(",")[2]).decode()
        return list(csv.DictReader(io.StringIO(content)))

    def layers(self, name: str) -> dict[str, str]:
        """Where the layers of an image are."""
        place = [row["image"] for row in self.review].index(name)
        return self.data["pictures"][place]["layers"]

    def picture(self, name: str) -> dict[str, np.ndarray]:
        """Layers of an image, decoded."""
        layers = self.layers(name)
        return {
            layer: np.asarray(Image.open(io.BytesIO(base64.b64decode(text.partition(",")[2]))))
            for layer, text in layers.items()
        }


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Three images in files, of which one has nothing in it, and one that cannot be read."""
    folder = tmp_path_factory.mktemp("report") / "images"
    folder.mkdir()
    for k, name in enumerate(("b", "a")):
        pixels = cl.simulate.nuclei(shape=(64, 80), count=6, seed=k)[0]
        tifffile.imwrite(folder / f"{name}.tif", pixels)
    tifffile.imwrite(folder / "blank.tif", np.zeros((64, 80), np.uint16))
    (folder / "cut.tif").write_bytes((folder / "a.tif").read_bytes()[:600])
    return folder


@pytest.fixture(scope="module")
def found(trained, images):
    """What a model found in them, in a folder, with maps."""
    out = images.parent / "results"
    return cl.predict(trained, images, rescale=None, out=out, maps=True, progress=False)


def report(results, path, **settings):
    return Page(cl.report(results, path, progress=False, **settings))


@pytest.fixture(scope="module")
def page(found, tmp_path_factory):
    """The page of these."""
    return report(found, tmp_path_factory.mktemp("page") / "report.html")


def test_each_image_is_a_row_the_failed_one_without_a_picture(found, page):
    objects = found.files.set_index("image")["objects"]
    assert page.review[0]["image"] == "cut"
    assert page.rows[0] == "blank" or objects["blank"] > 0
    assert sorted(page.rows) == ["a", "b", "blank"]
    assert {row["image"]: row["objects"] for row in page.review if row["image"] != "cut"} == {
        name: str(count) for name, count in objects.dropna().items()
    }
    assert "failed: " in page.said
    assert f"{int(objects.sum())} objects found in 3 images." in page.said
    assert "1 image could not be used." in page.said


def test_layers_are_what_was_found(found, page):
    layers = page.picture("b")
    assert set(layers) == {"image", "probability", "uncertainty", "labels", "outlines"}
    assert layers["image"].shape == found["b"].shape == layers["labels"].shape
    assert np.array_equal(layers["labels"] > 0, found["b"] > 0)
    assert (layers["outlines"] > 0)[found["b"] == 0].sum() == 0
    bright = tifffile.imread(found.out.parent / "images" / "b.tif").astype(float)
    assert np.corrcoef(bright.ravel(), layers["image"].ravel())[0, 1] > 0.9


def test_objects_and_their_histograms_are_those_of_the_table(found, page):
    data = page.data["object-data"]
    columns = {one["name"]: one for one in data["columns"]}
    assert data["total"] == len(found.objects)
    assert columns["area_px"]["values"] == found.objects["area_px"].tolist()
    assert sum(columns["area_px"]["counts"]) == len(found.objects)
    assert columns["area_px"]["median"] == found.objects["area_px"].median()
    names = [data["images"][k] for k in columns["image"]["values"]]
    assert names == found.objects["image"].tolist()


def test_how_it_was_made_is_told(trained, page):
    for words in ("m.cytoloom", found_sha(trained), "Ronneberger", "percentiles 1 and 99.8"):
        assert words in page.said


def found_sha(model):
    from cytoloom.models.identity import model_sha256

    return model_sha256(model)


def test_the_page_asks_for_nothing(page):
    (policy,) = (a["content"] for a in page.all("meta") if "http-equiv" in a)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    addresses = [v for _, a in page.tags for k, v in a.items() if k in ("src", "href")]
    assert {one.partition(":")[0] for one in addresses if not one.startswith("#")} == {"data"}
    assert not [k for _, a in page.tags for k in a if k == "style" or k.startswith("on")]


def test_it_can_be_sorted_and_read_out(page):
    heads = page.all("th", scope="col")
    (sorted_by,) = (one for one in heads if "aria-sort" in one)
    assert sorted_by["aria-sort"] == "ascending"
    assert len(page.all("th", scope="row")) == 4
    values = [float(a["data-value"]) for a in page.all("td") if "data-value" in a][:1]
    assert values == [1.0]
    ids = {a["id"] for _, a in page.tags if "id" in a}
    told = [a[k] for _, a in page.tags for k in ("aria-labelledby", "aria-describedby") if k in a]
    assert set(told) <= ids


def test_names_are_text_whatever_they_are(tmp_path):
    from cytoloom.models.untrained import untrained

    image = cl.simulate.nuclei(shape=(32, 32), count=2, seed=1)[0]
    found = cl.predict(untrained(), {ODD: image}, rescale=None, progress=False)
    found.files["well"] = [ODD]
    page = report(found, tmp_path / "<b>.html", images={ODD: image})
    assert page.rows == [ODD]
    assert len(page.all("script")) == 3
    assert "<script>alert" not in page.text
    assert "&lt;b&gt;" in page.text
    assert page.review[0]["well"] == ODD


def test_labels_changed_since_the_prediction_are_said_in_a_line(found, tmp_path, capsys):
    copy = tmp_path / "results"
    shutil.copytree(found.out, copy)
    path = copy / next(name for name in cl.results(copy).files["labels"] if name)
    cl.images.write_labels(path, np.asarray(Image.open(path)) * 0, overwrite=True)
    for given in ([], ["--labels", str(copy)]):
        page = str(tmp_path / f"page{len(given)}.html")
        assert cli.main(["report", str(copy), page, *given]) == 0
        said = [line for line in capsys.readouterr().err.splitlines() if "changed since" in line]
        assert len(set(said)) == 1
        assert said[0].startswith(f"Warning: {copy}: 1 label image changed since the prediction")


def test_what_is_not_shown_is_a_sentence_with_one_full_stop(found, tmp_path):
    copy = shutil.copytree(found.out, tmp_path / "results")
    (copy / "labels" / "a.tif").write_bytes(b"no picture")
    with pytest.warns(UserWarning, match="1 label image changed"):
        said = [one.message for one in cl.report.events(copy, tmp_path / "a.html")]
    odd = next(text for text in said if text and text.startswith("Not all is shown of a: "))
    assert odd.endswith("Copy or export it again.")


@pytest.mark.parametrize("by", ["results", "labels"])
def test_outlines_are_not_drawn_on_an_image_that_took_the_place_of_theirs(found, tmp_path, by):
    """Images a and b are swapped; blank is as it was, so is one of another type: unknown."""
    images = shutil.copytree(found.out.parent / "images", tmp_path / "images")
    for one, other in (("a", "b"), ("b", "a")):
        shutil.copy(found.out.parent / "images" / f"{one}.tif", images / f"{other}.tif")
    results = found if by == "results" else dataclasses.replace(found, run={})
    labels = {} if by == "results" else {"labels": found.out / "labels"}
    page = report(results, tmp_path / "page.html", images=images, **labels)
    assert page.picture("a") == page.picture("b") == {}
    assert "outlines" in page.picture("blank")
    assert "Not all is shown of a, b: no picture: it is another image than was predicted" in (
        page.said
    )
    events = list(cl.measure.events(found.out, [images / f"{one}.tif" for one in found.names]))
    said = [one.message for one in events if one.kind == "warning"]
    assert any("a, b: another image than was predicted" in text for text in said), said
    events = cl.measure.events(found.out, found.out.parent / "images")
    assert not [one.message for one in events if one.kind == "warning"]
    pixels = tifffile.imread(found.out.parent / "images" / "a.tif")
    tifffile.imwrite(images / "a.tif", pixels.astype(np.float32))
    assert "outlines" in report(found, tmp_path / "b.html", images=images).picture("a")


def test_images_that_moved_have_rows_without_pictures(found, tmp_path, capsys):
    copy = shutil.copytree(found.out, tmp_path / "results")
    told = (copy / "files_run.json").read_text().replace("/images", "/gone")
    (copy / "files_run.json").write_text(told)
    page = report(copy, tmp_path / "a.html")
    said = capsys.readouterr().err
    assert "Pass `images`" in said
    assert "Pass images" in page.said
    assert set(page.picture("a")) == {"probability", "uncertainty", "labels", "outlines"}
    one = {"a": found.out.parent / "images" / "a.tif"}
    page = report(copy, tmp_path / "b.html", images=one)
    assert "image" in page.picture("a")
    assert "no image of this name" in page.said


def test_what_made_results_is_read_again(found):
    again = cl.results(found.out)
    assert again.run == found.run != {}
    assert again.spacing_um == {}


def test_without_maps_and_image_in_memory(trained, tmp_path):
    image = cl.simulate.nuclei(shape=(64, 64), count=5, seed=1)[0]
    found = cl.predict(trained, [image], rescale=None, progress=False)
    page = report(found, tmp_path / "a.html", images=image)
    (layers,) = page.data["pictures"]
    assert set(layers["layers"]) == {"image", "labels", "outlines"}


def test_scores_show_truth_missed_and_false(trained, tmp_path):
    image, labels = cl.simulate.nuclei(shape=(64, 64), count=6, seed=9)
    scores = cl.evaluate(trained, ([image], [labels]), out=tmp_path / "scores", progress=False)
    name = scores.per_image["image"][0]
    found = labels.copy()
    found[labels == 1] = 0
    found[:4, :4] = labels.max() + 1
    given = {"images": ([image], [labels]), "labels": {name: found}}
    for k, results in enumerate((scores, tmp_path / "scores")):
        page = report(results, tmp_path / f"{k}.html", **given)
        layers = page.picture(name)
        assert {"truth", "outlines", "mistakes"} <= set(layers)
        assert np.array_equal(layers["mistakes"] == 1, labels == 1)
        assert (layers["mistakes"] == 2)[:4, :4].all()
        assert page.review[0]["ap50"] == str(scores.per_image["ap50"][0])
    alone = report(scores, tmp_path / "alone.html", images=given["images"]).picture(name)
    rows = scores.per_object
    missed = rows["truth"][~rows["matched"] & (rows["truth"] > 0)]
    assert np.array_equal(alone["mistakes"] == 1, np.isin(labels, missed))


def test_a_consensus_is_shown_with_its_experts(tmp_path):
    labels = cl.simulate.nuclei(shape=(48, 48), count=4, seed=2)[1] > 0
    drawn = {"anna": {"x": labels}, "ben": {"x": labels}}
    agreed = cl.consensus(drawn, out=tmp_path / "c", progress=False)
    for k, results in enumerate((agreed, tmp_path / "c")):
        page = report(results, tmp_path / f"{k}.html", images={"x": labels * 9})
        assert np.array_equal(page.picture("x")["labels"] > 0, labels)
        assert "STAPLE" in page.said
        assert "anna" in page.said


def test_what_of_a_consensus_was_changed_or_taken_out_is_said(tmp_path, capsys):
    drawn = {"anna": [[[0, 1, 1]]], "ben": [[[0, 1, 2]]]}
    out = tmp_path / "agreed"
    cl.consensus(drawn, task="instances", out=out, progress=False)
    page = tmp_path / "page.html"
    assert cli.main(["report", str(out), str(page)]) == 0
    assert "the consensus" not in capsys.readouterr().err
    labels = next((out / "labels").iterdir())
    cl.images.write_labels(labels, np.ones((1, 3), np.uint8), overwrite=True)
    (out / "consensus_objects.csv").unlink()
    assert cli.main(["report", str(out), str(page), "--overwrite"]) == 0
    said = capsys.readouterr().err
    assert f"Warning: {out}: 1 file changed since the consensus (labels/{labels.name})." in said
    assert f"Warning: {out}: 1 file of the consensus no longer there (consensus_obj" in said


def test_what_each_expert_drew_is_a_layer(tmp_path):
    drawn = {"anna": np.zeros((12, 16), np.uint8), "ben": np.zeros((12, 16), np.uint8)}
    drawn["anna"][2:6, 2:6] = drawn["ben"][2:6, 2:9] = 255
    for who, labels in drawn.items():
        (tmp_path / "experts" / who).mkdir(parents=True)
        tifffile.imwrite(tmp_path / "experts" / who / "x.tif", labels)
    cl.consensus(tmp_path / "experts", out=tmp_path / "c", progress=False)
    page = report(tmp_path / "c", tmp_path / "a.html")
    layers = page.picture("x")
    for who, labels in drawn.items():
        line = layers[f"expert {who}"] > 0
        assert line[labels > 0].sum() == line.sum() > 0
        assert line[2, 2:6].all()
    assert "pictures show labels only" in page.said


def test_a_stack_is_three_planes_and_a_projection(tmp_path):
    stack = np.zeros((5, 20, 30), np.uint16)
    stack[1:3, 4:9, 5:25] = 1
    found = cl.consensus({"a": {"x": stack}, "b": {"x": stack}}, task="instances", progress=False)
    page = report(found, tmp_path / "a.html", images={"x": stack * 100})
    (picture,) = page.data["pictures"]
    assert (picture["height"], picture["width"]) == (20 + 4 + 5, 30 + 4 + 5 + 4 + 30)
    assert picture["planes"].startswith("plane z = 1 of 5")
    shown = page.picture("x")["labels"] > 0
    assert np.array_equal(shown[:20, :30], stack[1] > 0)
    assert np.array_equal(shown[:20, 34:39], (stack[:, :, 15] > 0).T)
    assert np.array_equal(shown[:20, 43:], stack.max(axis=0) > 0)
    assert np.array_equal(shown[24:, :30], stack[:, 10] > 0)


def test_columns_of_a_summary_appear_by_their_names(found, tmp_path):
    import pandas as pd

    names = ["a", "b", "blank"]
    more = {"count_low": [2, 4, 0], "count_high": [4, 6, 1], "predicted_ap50": [0.9, 0.4, 0.8]}
    summary = pd.DataFrame({"image": names, **more, "flags": ["", "", "unlike the training; dim"]})
    page = report(dataclasses.replace(found, summary=summary), tmp_path / "a.html")
    assert [row["image"] for row in page.review] == ["cut", "blank", "b", "a"]
    assert page.review[1]["flags"].startswith("unlike the training; dim")
    assert [row["count_high"] for row in page.review][1:] == ["1.0", "6.0", "4.0"]
    assert "(4 to 6)" in page.said
    assert "mean_foreground" in page.review[1]


def test_many_pictures_are_beside_the_page(found, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("cytoloom.pages.collect.LARGEST_BYTES", 1000)
    page = Page(cl.report(found, tmp_path / "big one.html"))
    said = capsys.readouterr().err
    assert "they are in" in said
    assert page.layers("a")["image"] == "big%20one_files/00000_image.jpg"
    assert (tmp_path / "big one_files" / "00000_image.jpg").is_file()
    with pytest.raises(cl.InvalidError, match="a new file"):
        report(found, tmp_path / "big one.html")
    report(found, tmp_path / "big one.html", overwrite=True)
    (tmp_path / "big one_files" / "mine.txt").write_text("mine")
    monkeypatch.undo()
    report(found, tmp_path / "big one.html", overwrite=True)
    assert [path.name for path in (tmp_path / "big one_files").iterdir()] == ["mine.txt"]


def test_a_thousand_images_stay_small():
    """By the bytes that a pixel takes, which are measured in a real page."""
    from cytoloom.pages import collect

    for count in (1, 20, 1000, 1800):
        side = collect._side(count)
        assert count * side**2 * collect.PIXEL_BYTES < collect.LARGEST_BYTES


def test_what_cannot_be_shown_is_one_sentence(found, tmp_path):
    import pandas as pd

    tables = {name: getattr(found, name).head(0) for name in ("objects", "files", "summary")}
    empty = dataclasses.replace(found, **tables, out=None)
    with pytest.raises(cl.InvalidError, match=r"at least one image\. Received: none"):
        report(empty, tmp_path / "a.html")
    for results in (tmp_path, tmp_path / "none", 3, pd.DataFrame(), ""):
        with pytest.raises(cl.InvalidError, match=r"`results`. Expected predictions, scores"):
            report(results, tmp_path / "a.html")
    with pytest.raises(cl.InvalidError, match="none, which is not there"):
        report(tmp_path / "none", tmp_path / "a.html")
    with pytest.raises(cl.InvalidError, match=r"there are none\. Give the folder that `predict`"):
        report(tmp_path, tmp_path / "a.html")
    for path in (tmp_path, tmp_path / "a.txt", tmp_path / "none" / "a.html", "", 3):
        with pytest.raises(cl.InvalidError, match="`path`"):
            report(found, path)
    (tmp_path / "a.html").write_text("mine")
    with pytest.raises(cl.InvalidError, match="overwrite=True"):
        report(found, tmp_path / "a.html")
    with pytest.raises(cl.InvalidError, match="which is another file or was changed"):
        report(found, tmp_path / "a.html", overwrite=True)
    assert (tmp_path / "a.html").read_text() == "mine"


def test_a_missing_extra_is_one_sentence(found, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(cl.InvalidError, match=r'pip install "cytoloom\[report\]"'):
        report(found, tmp_path / "a.html")
    assert not list(tmp_path.iterdir())


def test_broken_off_it_leaves_nothing(found, tmp_path):
    events = cl.report.events(found, tmp_path / "a.html")
    next(events)
    events.close()
    assert not list(tmp_path.iterdir())


def test_the_command_line_makes_it_too(found, tmp_path, capsys):
    path = tmp_path / "page.html"
    assert cli.main(["report", str(found.out), str(path), "--quiet"]) == commands.OK
    assert capsys.readouterr().out == f"Page in {path}. Next: open it in a browser\n"
    assert cli.main(["report", str(found.out), str(path)]) == commands.FAILED
    assert "Pass --overwrite" in capsys.readouterr().err
