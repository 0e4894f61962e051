"""The page of tracks: which links, with which pictures and marks, and what becomes of the ticks."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

import cytoloom as cl
from cytoloom import cli
from cytoloom.pages import tracks as pages
from cytoloom.pages.strips import PANEL_PX, Window, cut, looks_of, window_of
from cytoloom.tracks.corrected import read_corrections
from extras import need

need("jinja2", "report")
ODD = '<script>alert(\'&"x")</script>'


def found(**more: Any) -> cl.Tracks:
    """Two cells in four frames; in the second, b has two candidates more, and a divides.

    frame   0    1    2    3
            a -- a -- a -- a
                   \\- c -- c
            b -- b -- b -- b     b of frame 1 ~ c of frame 2
    """
    names = {"a": (20, 20), "b": (20, 60), "c": (40, 30)}
    places = [(t, k) for t in range(4) for k in names if k != "c" or t > 1]
    positions = pd.DataFrame({
        "frame": [t for t, _ in places], "object": [ord(k) - 96 for _, k in places],
        "y_px": [float(names[k][0]) for _, k in places],
        "x_px": [float(names[k][1]) + t for t, k in places],
    })  # fmt: skip
    links = [(t, k, t + 1, k, True, 0.001) for t in range(3) for k in (1, 2)]
    links += [(1, 1, 2, 3, True, 0.2), (2, 3, 3, 3, True, 0.002), (1, 2, 2, 3, False, np.nan)]
    columns = ["frame_from", "object_from", "frame_to", "object_to", "chosen", "p_wrong"]
    table = pd.DataFrame(links, columns=columns).assign(probability=0.9)
    table.loc[(table["frame_from"] == 1) & (table["object_from"] == 2) & table["chosen"],
              "p_wrong"] = 0.4  # fmt: skip
    return cl.Tracks.of(positions, table, **{"run": {"verb": "track", "settings": {}}, **more})


def movie(tracks: cl.Tracks, shape: tuple[int, ...] = (64, 96)) -> np.ndarray:
    """A bright square of 5 pixels at each position."""
    images = np.zeros((4, *shape), np.uint16)
    for row in tracks.positions.itertuples():
        y, x = int(row.y_px), int(row.x_px)
        images[row.frame, ..., y - 2 : y + 3, x - 2 : x + 3] = 1000
    return images


def strips(text: str) -> list[np.ndarray]:
    """The pictures of the strips, decoded."""
    addresses = re.findall(r'<img src="data:image/jpeg;base64,([^"]*)"', text)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in addresses]


def data(text: str) -> dict[str, Any]:
    """What the script makes corrections of."""
    (whole,) = re.findall(r'<script type="application/json" id="link-data">(.*?)</script>', text)
    return json.loads(whole)


def report(tracks: Any, path: Path, **settings: Any) -> str:
    return cl.report(tracks, path, progress=False, **settings).read_text("utf-8")


def test_what_is_marked_around_a_link() -> None:
    """b from frame 1 to 2: c is another candidate; where b comes from and goes to is its way."""
    tracks = found()
    first, second = looks_of(tracks, tracks.review())
    names = {row: (int(f), chr(int(o) + 96)) for row, (f, o) in
             enumerate(tracks.positions[["frame", "object"]].to_numpy())}  # fmt: skip
    seen = [(point.kind, *names[point.row], point.letter) for point in first.points]
    assert seen == [("here", 1, "b", ""), ("chosen", 2, "b", ""), ("other", 2, "c", "a"),
                    ("way", 0, "b", ""), ("way", 3, "b", "")]  # fmt: skip
    seen = [(point.kind, *names[point.row], point.letter) for point in second.points]
    assert seen == [("here", 1, "a", ""), ("chosen", 2, "c", ""), ("sister", 2, "a", ""),
                    ("other", 1, "b", ""), ("way", 0, "a", ""), ("way", 3, "c", "")]  # fmt: skip


def test_a_window_holds_the_candidates_and_the_planes_around() -> None:
    """Neighbours 20 um apart, pixels of 0.5 um: 60 px to each side; planes of 2 um: 5 to each."""
    ends = np.array([[6.0, 100, 100], [8, 100, 104]])
    assert window_of(ends, 20.0, (2.0, 0.5, 0.5), (20, 300, 300)) == Window(40, 42, 121, (1, 14))
    far = np.array([[6.0, 100, 100], [8, 100, 104], [7, 200, 100]])
    assert window_of(far, 20.0, (2.0, 0.5, 0.5), (20, 400, 400)).edge == 2 * 136 + 1
    alone = window_of(ends, float("inf"), (2.0, 0.5, 0.5), (20, 300, 300))
    assert alone == Window(90, 92, 21, (5, 10))
    stack = np.zeros((20, 30, 30, 1))
    stack[3], stack[15] = 5, 9
    assert cut(stack, Window(5, 5, 3, (1, 14))).max() == 5
    assert cut(stack, Window(-2, 28, 3, (1, 14)))[..., 0].tolist() == [[0] * 3, [0] * 3, [5, 5, 0]]


@pytest.mark.parametrize("deep", [False, True])
def test_cells_are_bright_where_they_are_marked(tmp_path: Path, deep: bool) -> None:
    """Each mark is on its square, and the strip has the frames before, at and after the link."""
    tracks = found()
    if deep:
        at = tracks.positions.drop(columns="track").assign(z_px=4.0)
        tracks = cl.Tracks.of(at, tracks.links, spacing_um=(1, 1, 1), run=tracks.run)
    images = movie(tracks, (64, 96))
    if deep:
        images = np.stack([np.zeros_like(images)] * 3 + [images] + [np.zeros_like(images)] * 5, 1)
    text = report(tracks, tmp_path / "a.html", images=images)
    pictures = strips(text)
    assert len(pictures) == text.count("<article") == 2
    circles = re.findall(r'<circle class="ring (\w+)" cx="([\d.]+)" cy="([\d.]+)"', text)
    here = [one for one in circles if float(one[2]) != 9.0 or float(one[1]) != 9.0]
    counts = [5, 6]
    for picture, own in zip(pictures, (here[: counts[0]], here[counts[0] :]), strict=True):
        assert len(own) in counts
        assert all(picture[int(float(y)), int(float(x))] > 150 for _, x, y in own)
        assert np.median(picture) < 60
    assert re.findall(r"frame (\d)</text>", text) == list("01230123")
    assert pictures[0].shape == (PANEL_PX, 4 * PANEL_PX + 12)


def test_what_is_ticked_is_what_track_takes_as_corrections(tmp_path: Path) -> None:
    """Links stand as `review` has them; candidates by letter are other ends of the link."""
    tracks = found()
    text = report(tracks, tmp_path / "a.html", images=movie(tracks))
    made = data(text)
    assert made["rows"] == [["movie", 1, 2, 2, 2, 0.4], ["movie", 1, 1, 2, 3, 0.2]]
    assert made["others"] == [{"a": 3}, {}]
    rows = [[*made["rows"][0], "no"], [*made["rows"][0][:4], 3, "", "yes"]]
    told = read_corrections(pd.DataFrame(rows, columns=[*made["columns"], "right"]))
    assert told is not None
    assert told[["object_to", "right"]].to_numpy().tolist() == [[2, False], [3, True]]
    again = cl.track(None, tracks, corrections=told, drift=False, progress=False)
    chosen = again.links[again.links["chosen"] & (again.links["frame_from"] == 1)]
    pairs = set(zip(chosen["object_from"], chosen["object_to"], strict=True))
    assert (2, 3) in pairs
    assert (2, 2) not in pairs


def test_a_candidate_to_which_nothing_leads_may_be_the_other_daughter(tmp_path: Path) -> None:
    """c of frame 2 has no mother: it may be a daughter of b, which solving again then divides; a
    candidate that has one is offered as another end alone."""
    tracks = found()
    assert 'value="a"' in (text := report(tracks, tmp_path / "a.html"))
    assert 'value="+a"' not in text
    links = tracks.links
    alone = (links["frame_from"] != 1) | (links["object_from"] != 1) | (links["object_to"] != 3)
    tables = tracks.positions.drop(columns="track"), links[alone].drop(columns="division")
    tracks = cl.Tracks.of(*tables, run=tracks.run)
    text = report(tracks, tmp_path / "b.html")
    assert 'value="+a"> right, and a too: it divides' in text
    (row,), columns = data(text)["rows"], data(text)["columns"]
    rows = [[*row, "yes"], [*row[:4], 3, "", "yes"]]
    told = pd.DataFrame(rows, columns=[*columns, "right"])
    again = cl.track(None, tracks, corrections=told, drift=False, progress=False)
    mothers = again.links[again.links["division"] & (again.links["frame_from"] == 1)]
    assert mothers[["object_from", "object_to"]].to_numpy().tolist() == [[2, 2], [2, 3]]


def test_the_page_asks_for_nothing_and_names_are_text(tmp_path: Path) -> None:
    tracks = found()
    tables = (one.drop(columns="track", errors="ignore").assign(recording=ODD)
              for one in (tracks.positions, tracks.links))  # fmt: skip
    other = cl.Tracks.of(*tables, run=tracks.run)
    text = report(other, tmp_path / "a.html", images={ODD: movie(tracks)})
    assert ODD not in text
    assert data(text)["rows"][0][0] == ODD
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text)
    assert "default-src 'none'; img-src data:;" in text
    assert "<script>alert" not in text


def test_without_images_there_are_no_strips_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = report(found(), tmp_path / "a.html")
    assert (text.count("<article"), len(strips(text))) == (2, 0)
    assert "There are no pictures of links. Pass images." in text
    calm = found()
    calm = replace(calm, links=calm.links.assign(p_wrong=0.001))
    text = report(calm, tmp_path / "b.html")
    assert "no link is more than 1 % likely to be wrong" in text
    assert "There are no pictures" not in text


def test_more_links_than_fit_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_LINKS", 1)
    text = report(found(), tmp_path / "a.html")
    assert text.count("<article") == 1
    assert "2 links are worth a look; the 1 that are likeliest wrong are on the page" in text
    assert ">2</b> <span>to look at" in text


def test_warnings_lineages_and_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracks = found(minutes_per_frame=60.0).warned()
    with monkeypatch.context() as few:
        few.setattr(pages, "MOST_DRAWN", 5)
        assert report(tracks, tmp_path / "few.html").count("data:image/png") == 2
    text = report(tracks, tmp_path / "a.html")
    assert text.count('<td class="">uncertain link</td>') == 3  # in the table, and one by one
    assert text.count("data:image/png") == 3
    words = " ".join(re.sub(r"<style>.*?</style>|<script.*?</script>|<[^>]*>", " ", text,
                            flags=re.DOTALL).split())  # fmt: skip
    assert "0.1 to 0.5 2 0.60" in words
    assert "divided 1 the cell divided" in words
    (file,) = re.findall(r'warnings.csv" href="data:text/csv;charset=utf-8;base64,([^"]*)"', text)
    assert len(pd.read_csv(io.BytesIO(base64.b64decode(file)))) == len(tracks.warnings)


def test_tracks_of_a_folder_and_of_other_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracks = found()
    cl.track(None, tracks, out=tmp_path / "t", drift=False, progress=False)
    folder = tmp_path / "movie"
    folder.mkdir()
    for t, image in enumerate(movie(tracks)):
        tifffile.imwrite(folder / f"t{t}.tif", image)
    page = tmp_path / "a.html"
    assert cli.main(["report", str(tmp_path / "t"), str(page), "--images", str(folder)]) == 0
    assert "Next: open it in a browser" in capsys.readouterr().out
    cl.export_tracks(tracks, tmp_path / "t.xml", progress=False)
    text = report(tmp_path / "t.xml", tmp_path / "b.html", images=folder)
    assert "2</b> <span>to look at" in text  # TrackMate's file holds error rates
    table = tracks.positions.assign(parent=0)[["track", "parent", "frame", "y_px", "x_px"]]
    table.rename(columns={"y_px": "y", "x_px": "x"}).to_csv(tmp_path / "t.csv", index=False)
    text = report(tmp_path / "t.csv", tmp_path / "c.html")
    assert "these tracks have no error rates" in text
    assert ">appears</td>" in text  # warnings of what was read


def test_images_are_where_the_movie_was_of_which_a_model_made_labels(tmp_path: Path) -> None:
    tracks = found()
    tifffile.imwrite(tmp_path / "m.tif", movie(tracks), photometric="minisblack",
                     metadata={"axes": "TYX"})  # fmt: skip
    asked = {"movie": str(tmp_path / "m.tif"), "model": "a.cytoloom"}
    known = replace(tracks, run={"verb": "track", "settings": asked})
    assert len(strips(report(known, tmp_path / "a.html"))) == 2
    labels = replace(tracks, run={"verb": "track", "settings": {**asked, "model": None}})
    assert not strips(report(labels, tmp_path / "b.html"))


def test_a_frame_that_cannot_be_read_is_black_and_said(tmp_path: Path) -> None:
    tracks = found()
    for t, image in enumerate(movie(tracks)):
        tifffile.imwrite(tmp_path / f"t{t}.tif", image)
    whole = (tmp_path / "t3.tif").read_bytes()
    (tmp_path / "t3.tif").write_bytes(whole[: len(whole) // 2])
    files = sorted(tmp_path.glob("*.tif"))
    text = report(tracks, tmp_path / "a.html", images=files)
    assert "Frame 3 of movie is not shown" in text
    assert all(one[:, -PANEL_PX + 30 :][40:].max() < 20 for one in strips(text))


def test_images_of_another_movie_are_refused(tmp_path: Path) -> None:
    tracks = found()
    images = movie(tracks)
    for wrong, said in [
        ({"images": images[:3]}, "`images`. Expected 4 frames or more of movie"),
        ({"images": images[..., :50]}, "`images`. Expected images of the positions: x below 50"),
        ({"images": np.zeros((4, 3, 64, 96))}, "`images`. Expected frames with axes y, x"),
        ({"labels": images}, "`labels`. Expected nothing of this kind"),
        ({"cells": "c"}, "`cells`. Expected nothing of this kind"),
    ]:
        with pytest.raises(cl.InvalidError, match=re.escape(said)):
            report(tracks, tmp_path / "a.html", **wrong)
    assert not list(tmp_path.iterdir())
