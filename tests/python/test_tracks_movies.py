"""Movies are linked: label images and tables of positions, with warnings, tables and pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cytoloom as cl
from cytoloom.cli import main
from cytoloom.tracks.warned import warnings_of

QUIET: dict[str, Any] = {"progress": False}


def link_set(links: pd.DataFrame) -> set[tuple[int, int, int, int]]:
    columns = ["frame_from", "object_from", "frame_to", "object_to"]
    return set(links[columns].itertuples(index=False, name=None))


def of_ctc(path: Path) -> set[tuple[int, int, int, int]]:
    """Return the links that man_track.txt tells."""
    rows = np.loadtxt(path, int)
    ends = {row[0]: row[2] for row in rows}
    found = {(t, n, t + 1, n) for n, begin, end, _ in rows for t in range(begin, end)}
    return found | {(ends[p], p, begin, n) for n, begin, _, p in rows if p}


def divisions(links: set[tuple[int, int, int, int]]) -> set[tuple[int, int, frozenset[int]]]:
    after: dict[tuple[int, int], set[int]] = {}
    for t, a, _, b in links:
        after.setdefault((t, a), set()).add(b)
    return {(*m, frozenset(d)) for m, d in after.items() if len(d) == 2}


def walking(cells: int = 6, frames: int = 8, step: float = 1.0, seed: int = 0) -> pd.DataFrame:
    """Positions of cells that walk, 20 px apart; objects are called anew in each frame."""
    rng = np.random.default_rng(seed)
    at = np.stack(np.meshgrid(np.arange(cells) * 20.0, [10.0]), axis=-1).reshape(-1, 2)
    rows = []
    for t in range(frames):
        at = at + rng.normal(0, step, at.shape)
        order = rng.permutation(cells)
        rows += [(t, k + 1, *at[i], i) for k, i in enumerate(order)]
    return pd.DataFrame(rows, columns=["frame", "object", "x", "y", "cell"])


def identities(found: cl.Tracks) -> int:
    """Return how many cells were followed as one track from the first frame to the last."""
    own = found.positions.groupby("track")["cell"]
    return int((own.nunique() == 1).sum())


def test_a_simulated_movie_is_linked_without_a_wrong_link(real_data: Path) -> None:
    folder = real_data / "ctc_fluo_n2dh_sim" / "01_GT" / "TRA"
    found = cl.track(None, folder, **QUIET)
    truth = of_ctc(folder / "man_track.txt")
    own = link_set(found.links[found.links["chosen"]])
    assert len(truth) == 1471
    assert len(own - truth) == 0
    assert len(truth - own) <= 2
    assert len(divisions(own) & divisions(truth)) >= 17
    assert found.positions["track"].notna().all()
    # what is expected to be wrong is about what is
    assert found.links["p_wrong"].sum() < 3


def test_positions_of_an_embryo_are_linked_in_3d(real_data: Path) -> None:
    folder = real_data / "ctc_fluo_n3dh_ce_lineage"
    nodes = pd.read_csv(folder / "nodes.csv").query("t < 60")
    edges = pd.read_csv(folder / "edges.csv")
    inside = edges["source"].isin(nodes["id"]) & edges["target"].isin(nodes["id"])
    edges = edges[inside]
    table = nodes.rename(columns={"t": "frame", "id": "object"})[["frame", "object", "z", "y", "x"]]
    found = cl.track(None, table, pixel_size_um=(1.0, 0.09, 0.09), minutes_per_frame=1, **QUIET)
    own = {(a, b) for _, a, _, b in link_set(found.links[found.links["chosen"]])}
    truth = set(edges.iloc[:, :2].itertuples(index=False, name=None))
    assert len(truth) > 900
    assert len(own - truth) + len(truth - own) <= 0.01 * len(truth)
    # those that are wrong are among those that are said to be uncertain
    links = found.links[found.links["chosen"]]
    sure = links[links["p_wrong"] < 0.01]
    wrong = {(a, b) for _, a, _, b in link_set(sure)} - truth
    assert len(wrong) <= 0.001 * len(truth) + 1


@pytest.mark.parametrize("solver", ["optimal", "lap", "nearest"])
def test_cells_that_walk_keep_their_identity(solver: Any) -> None:
    found = cl.track(None, walking(), solver=solver, **QUIET)
    assert identities(found) == 6
    assert len(found.tracks) == 6
    wrong = found.links.loc[found.links["chosen"], "p_wrong"]
    assert wrong.notna().all() if solver == "optimal" else wrong.isna().all()


def test_a_cell_that_is_missed_for_a_frame_is_followed() -> None:
    table = walking().query("not (cell == 2 and frame == 4)")
    found = cl.track(None, table, **QUIET)
    assert len(found.tracks) == 6
    gap = found.links[found.links["chosen"] & (found.links["frame_to"] == 5)]
    assert (gap["frame_to"] - gap["frame_from"] == 2).sum() == 1
    assert found.warnings["kind"].eq("missed frame").sum() == 1
    assert len(cl.track(None, table, gaps=False, **QUIET).tracks) == 7


def test_a_stage_that_jumps_is_said_and_subtracted(capsys: pytest.CaptureFixture[str]) -> None:
    table = walking(cells=12, step=0.5)
    rng = np.random.default_rng(1)
    table["y"] += rng.uniform(0, 200, 12)[table["cell"]]
    table.loc[table["frame"] >= 4, "x"] += 33
    found = cl.track(None, table, **QUIET)
    assert "1 frame moved as a whole, by up to 33" in capsys.readouterr().err
    assert identities(found) == 12
    assert found.run["recordings"]["movie"]["drift"][-1][1] == pytest.approx(33, abs=1.5)


def test_a_detection_that_is_none_keeps_its_row_without_track() -> None:
    table = walking()
    more = pd.DataFrame({"frame": [3], "object": [7], "x": [50.0], "y": [60.0], "cell": [99],
                         "probability": [0.02]})  # fmt: skip
    found = cl.track(None, pd.concat([table.assign(probability=0.98), more]), **QUIET)
    odd = found.positions[found.positions["track"].isna()]
    assert odd["cell"].tolist() == [99]
    assert found.warnings["kind"].eq("no cell").sum() == 1


def test_labels_as_arrays_stacks_folders_and_dicts_give_the_same(tmp_path: Path) -> None:
    movie = np.zeros((4, 40, 60), np.uint16)
    for t in range(4):
        movie[t, 5 + t : 12 + t, 5:12] = 3 + t
        movie[t, 25:32, 40 - 2 * t : 48 - 2 * t] = 20 - t
    folder = tmp_path / "a" / "labels"
    folder.mkdir(parents=True)
    for t in range(4):
        cl.images.write_labels(folder / f"t{8 + t}.tif", movie[t], pixel_size_um=0.5)
    cl.images.write_labels(tmp_path / "stack.tif", movie)
    by = {
        "array": cl.track(None, movie, **QUIET),
        "list": cl.track(None, list(movie), **QUIET),
        "stack": cl.track(None, tmp_path / "stack.tif", **QUIET),
        "folder": cl.track(None, folder, **QUIET),
        "dict": cl.track(None, {"one": movie, "two": movie}, **QUIET),
    }
    for name, found in by.items():
        times = 2 if name == "dict" else 1
        assert len(found.tracks) == 2 * times, name
        assert found.tracks["positions"].tolist() == [4] * 2 * times
    assert by["folder"].spacing_um == (0.5, 0.5)
    assert by["folder"].positions["y_um"].iloc[0] == pytest.approx(8 * 0.5)
    assert by["array"].positions["y_um"].isna().all()
    assert by["dict"].tracks["recording"].tolist() == ["one", "one", "two", "two"]
    assert by["dict"].lineages["tracks"].tolist() == [1] * 4
    # linked again from its positions
    assert link_set(cl.track(None, by["array"], **QUIET).links) == link_set(by["array"].links)


def test_the_same_movie_gives_the_same_tables() -> None:
    table = walking(cells=9, step=4.0)
    one, two = (cl.track(None, table, **QUIET) for _ in range(2))
    pd.testing.assert_frame_equal(one.links, two.links)
    pd.testing.assert_frame_equal(one.tracks, two.tracks)


def test_tables_are_written_and_the_command_line_says_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = walking()
    table.to_csv(tmp_path / "spots.csv", index=False)
    out = tmp_path / "tracks"
    assert main(["track", "none", str(tmp_path / "spots.csv"), "--max-step-um", "8", "--out",
                 str(out)]) == 0  # fmt: skip
    said = capsys.readouterr()
    assert "48 positions, 42 links, 6 tracks, 0 divisions" in said.out
    found = cl.track(None, table, max_step_um=8, **QUIET)
    written = pd.read_csv(out / "tracks.csv")
    assert written["track"].tolist() == found.tracks["track"].tolist()
    assert sorted(p.name for p in out.iterdir() if not p.name.startswith(".")) == [
        "lineages.csv", "links.csv", "positions.csv", "track_warnings.csv", "tracks.csv",
        "tracks_run.json",
    ]  # fmt: skip
    run = json.loads((out / "tracks_run.json").read_text())
    assert run["settings"]["max_step_um"] == 8
    assert run["recordings"]["spots"]["unit"] == "px"
    assert main(["track", "none", str(tmp_path / "spots.csv"), "--out", str(out)]) == 1
    assert "results in tracks.csv. Pass --overwrite" in capsys.readouterr().err


def test_filtered_tracks_end_where_links_may_be_wrong() -> None:
    found = cl.track(None, walking(cells=9, step=5.0), **QUIET)
    sure = found.filtered(0.05)
    chosen = found.links[found.links["chosen"]]
    left = sure.links[sure.links["chosen"]]
    assert 0 < len(left) < len(chosen)
    assert left["p_wrong"].max() <= 0.05
    assert len(sure.tracks) > len(found.tracks)
    with pytest.raises(cl.InvalidError, match="a probability, 0 to 1"):
        found.filtered(2)


def test_trees_lineages_and_pictures() -> None:
    positions = pd.DataFrame({"frame": [0, 1, 2, 2, 3, 3, 3], "object": [1, 1, 1, 2, 1, 2, 3],
                              "y_px": 5.0, "x_px": [5, 5, 4, 6, 4, 6, 7.0]})  # fmt: skip
    links = pd.DataFrame({"frame_from": [0, 1, 1, 2, 2, 2], "object_from": [1, 1, 1, 1, 2, 2],
                          "frame_to": [1, 2, 2, 3, 3, 3], "object_to": [1, 1, 2, 1, 2, 3],
                          "p_wrong": [0.1, 0.2, 0, 0, 0, 0]})  # fmt: skip
    found = cl.Tracks.of(positions, links, minutes_per_frame=60)
    assert found.tracks["parent"].tolist() == [0, 1, 1, 3, 3]
    assert found.tracks["end"].tolist() == ["divided", "movie", "divided", "movie", "movie"]
    assert found.lineages[["root", "tracks", "divisions"]].to_numpy().tolist() == [[1, 5, 2]]
    assert found.lineages["p_wrong"].iloc[0] == pytest.approx(1 - 0.9 * 0.8)
    assert found.tree(5)["generation"].tolist() == [0, 1, 1, 2, 2]
    assert found.tree(2)["track"].tolist() == [1, 2, 3, 4, 5]
    with pytest.raises(cl.InvalidError, match="a track, 1 to 5"):
        found.tree(6)
    for kind in ("tree", "paths", "errors"):
        assert found.plot(kind).axes
    with pytest.raises(cl.InvalidError, match='"tree", "paths" or "errors"'):
        found.plot("heat")
    kinds = warnings_of(found, {"shortest_cycle_h": 1.5})["kind"].tolist()
    assert kinds.count("short cell cycle") == 1
    assert kinds.count("uncertain link") == 2


def test_what_is_fast_or_grows_is_warned_of() -> None:
    positions = pd.DataFrame({"frame": [0, 1, 2], "object": 1, "y_px": [0.0, 0, 40],
                              "x_px": 0.0, "area_px": [100, 180, 180]})  # fmt: skip
    links = pd.DataFrame({"frame_from": [0, 1], "object_from": 1, "frame_to": [1, 2],
                          "object_to": 1})  # fmt: skip
    found = cl.Tracks.of(positions, links, spacing_um=(0.5, 0.5), minutes_per_frame=1.0)
    rows = warnings_of(found)
    assert rows[["frame", "kind", "value"]].to_numpy().tolist() == [
        [0, "changed size", 1.8], [1, "moved fast", 20.0],
    ]  # fmt: skip
    assert not len(warnings_of(found, {"grows": 2, "fastest_um_per_min": 30}))
    with pytest.raises(cl.InvalidError, match="some of max_error"):
        warnings_of(found, {"speed": 3})


def small(frames: str, links: str, **more: Any) -> cl.Tracks:
    """Tracks of one-letter cells: ``"0a 1a 1b"`` and ``"0a-1a 0a~1b:0.3"``, ~ not chosen."""
    cells = [(int(word[0]), ord(word[1]) - 96) for word in frames.split()]
    table = pd.DataFrame(cells, columns=["frame", "object"]).assign(y_px=5.0, x_px=5.0)
    rows = []
    for word in links.split():
        ends, _, p = word.partition(":")
        mark = "-" if "-" in ends else "~"
        one, two = ends.split(mark)
        rows.append((int(one[0]), ord(one[1]) - 96, int(two[0]), ord(two[1]) - 96, mark == "-",
                     float(p or 0.9)))  # fmt: skip
    names = ["frame_from", "object_from", "frame_to", "object_to", "chosen", "probability"]
    positions = {n: v for n, v in more.items() if n in ("division_probability", "leaving")}
    settings = {n: v for n, v in more.items() if n not in positions}
    return cl.Tracks.of(table.assign(**positions), pd.DataFrame(rows, columns=names), **settings)


def of_kind(found: pd.DataFrame, kind: str) -> list[list[Any]]:
    """Frame, object, value and limit of each warning of a kind."""
    rows = found[found["kind"] == kind]
    return rows[["frame", "object", "value", "limit"]].to_numpy().tolist()


def test_a_cell_that_appears_beside_one_that_goes_on_may_be_its_daughter() -> None:
    """Of two candidate mothers the likelier one is told, and none where the cell goes to a sister
    already, where the candidate is unlikely, or where it enters through the border."""
    frames, links = "0a 0b 1a 1b 1c 2a 2b 2c", "0a-1a 0b-1b 1a-2a 1b-2b 1c-2c 0a~1c:0.6 0b~1c:0.8"
    found = warnings_of(small(frames, links))
    assert of_kind(found, "missed division") == [[0, 2, 0.8, 0.5]]
    words = found.loc[found["kind"] == "missed division", "words"].iloc[0]
    assert words == "a cell that may have divided: object 3 appears beside it in the next frame"
    assert not of_kind(warnings_of(small(frames, links), {"likely_link": 0.9}), "missed division")
    leaving = [False] * 4 + [True] + [False] * 3
    assert not of_kind(warnings_of(small(frames, links, leaving=leaving)), "missed division")
    divided = small("0a 1a 1b 1c", "0a-1a 0a-1b 0a~1c:0.9")
    assert not of_kind(warnings_of(divided), "missed division")


def test_a_cell_that_is_lost_beside_one_that_goes_on_may_have_merged_with_it() -> None:
    found = small("0a 0b 1a 2a", "0a-1a 1a-2a 0b~1a:0.7")
    assert of_kind(warnings_of(found), "possible merge") == [[1, 1, 0.7, 0.5]]
    assert not of_kind(warnings_of(found, {"likely_link": 0.7}), "possible merge")
    other = small("0a 0b 1a 2a", "0a-1a 1a-2a")
    assert not of_kind(warnings_of(other), "possible merge")


def test_divisions_are_compared_to_how_probable_a_network_says_they_are() -> None:
    """A frame early or late is none the worse; of a run of frames the likeliest is told; of the
    last frame nothing is known; what is not known (NaN) is not warned of."""
    frames, links = "0a 1a 2a 2b 3a 3b", "0a-1a 1a-2a 1a-2b 2a-3a 2b-3b"
    told = lambda p, **limits: warnings_of(small(frames, links, division_probability=p), limits)  # noqa: E731
    low = told([0.01, 0.02, 0.03, 0.01, 0, 0])
    assert of_kind(low, "unlikely division") == [[1, 1, 0.03, 0.1]]
    assert not of_kind(told([0.01, 0.02, 0.03, 0.01, 0, 0], min_division=0.02), "unlikely division")
    for late in ([0.9, 0, 0, 0, 0, 0], [0, 0.9, 0, 0, 0, 0], [0, 0, 0, 0.9, 0, 0]):
        assert not of_kind(told(late), "unlikely division")
        assert not of_kind(told(late), "missed division")
    assert not of_kind(told([np.nan] * 6), "unlikely division")
    line = small("0a 1a 2a 3a 4a", "0a-1a 1a-2a 2a-3a 3a-4a",
                 division_probability=[0.1, 0.2, 0.3, 0.8, 0.99])  # fmt: skip
    assert of_kind(warnings_of(line), "missed division") == []
    line = small("0a 1a 2a 3a 4a", "0a-1a 1a-2a 2a-3a 3a-4a",
                 division_probability=[0.1, 0.6, 0.9, 0.7, 0.2])  # fmt: skip
    assert of_kind(warnings_of(line), "missed division") == [[2, 1, 0.9, 0.5]]
    assert not of_kind(warnings_of(line, {"likely_division": 0.95}), "missed division")


def test_links_that_are_unlikely_by_themselves_and_three_daughters() -> None:
    found = small("0a 1a 1b 1c 2a", "0a-1a:0.05 0a-1b 0a-1c 1a-2a")
    assert of_kind(warnings_of(found), "unlikely link") == [[0, 1, 0.05, 0.1]]
    assert not of_kind(warnings_of(found, {"min_link": 0.01}), "unlikely link")
    assert of_kind(warnings_of(found), "three daughters") == [[0, 1, 3.0, 2.0]]
    kinds = set(warnings_of(small("0a 1a", "0a-1a"))["kind"])
    assert kinds == set()


def test_warnings_of_tracks_that_were_read_keep_what_only_the_file_knows() -> None:
    table = pd.DataFrame({"id": [1, 2, 3, 4], "parent_id": [None, None, 1, 3],
                          "frame": [0, 0, 1, 3], "y": [0.0, 9, 1, 1], "x": 0.0})  # fmt: skip
    read = cl.read_tracks(table)
    merge = {"recording": "movie", "frame": 1, "object": 3, "kind": "merge", "value": 8.0,
             "limit": 1.0, "words": "a second mother"}  # fmt: skip
    read = replace(read, warnings=pd.DataFrame([merge]))
    again = read.warned({"shortest_track": 1})
    kinds = again.warnings["kind"].tolist()
    assert sorted(kinds) == ["merge", "missed frame", "track ends"]
    assert again.warned().warnings["kind"].tolist().count("merge") == 1


def test_limits_are_set_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    walking().to_csv(tmp_path / "spots.csv", index=False)
    call = ["track", "none", str(tmp_path / "spots.csv"), "--quiet", "--limits"]
    assert main([*call, "max_error=0", "shortest_track=2"]) == 0
    assert "uncertain link: 42" in capsys.readouterr().out
    assert main([*call, "speed=3"]) == 1
    assert "Expected some of max_error" in capsys.readouterr().err


TABLE = {"frame": [0, 1], "y": [1.0, 2], "x": [1.0, 2]}


@pytest.mark.parametrize(
    ("movie", "words"),
    [
        (np.ones((1, 9, 9), int), "2 frames or more.*1 frame"),
        ([np.ones((9, 9), int), np.ones((9, 8), int)], "frames of one size, 9 x 9.*frame 1: 9 x 8"),
        (np.zeros((3, 9, 9), int), "cells in some frame"),
        (np.ones((3, 9, 9)), r"label images.*frame 0: float64"),
        (pd.DataFrame({"y": [1.0], "x": [1.0]}), "columns of positions: frame"),
        (pd.DataFrame({**TABLE, "frame": [0, 0]}), "2 frames or more.*1 frame"),
        (pd.DataFrame({**TABLE, "frame": [0, 1.5]}), "whole numbers from 0 as frames.*1.5"),
        (pd.DataFrame({**TABLE, "y": [1.0, np.nan]}), "a position in each row.*row 2"),
        (pd.DataFrame({**TABLE, "probability": [0.5, 7]}), "probabilities from 0 to 1.*7"),
        (pd.DataFrame({"frame": [0, 1], "y_um": [1.0, 2], "x_um": [1.0, 2]}),
         "size of pixels.*pixel_size_um"),
        ("nowhere/at/all", "a folder or file that is there.*nowhere"),
        (7, "label images .* or a table of positions"),
    ],
)  # fmt: skip
def test_what_is_no_movie_is_said_in_a_sentence(movie: Any, words: str) -> None:
    with pytest.raises(cl.InvalidError, match=words):
        cl.track(None, movie, **QUIET)


def test_odd_settings_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    for name, value in (("max_step_um", -1), ("minutes_per_frame", 0), ("solver", "magic")):
        with pytest.raises(cl.InvalidError, match=name):
            cl.track(None, tmp_path / "none", **{name: value}, **QUIET)
    assert not list(tmp_path.iterdir())


def test_a_frame_of_another_size_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    folder.mkdir()
    for t, size in enumerate((20, 20, 18)):
        image = np.zeros((20, size), np.uint16)
        image[3:8, 3:8] = 1
        cl.images.write_labels(folder / f"t{t}.tif", image)
    with pytest.raises(cl.InvalidError, match=r"t2\.tif.*20 x 20, as t0\.tif.*20 x 18"):
        cl.track(None, folder, out=tmp_path / "out", **QUIET)
    assert not (tmp_path / "out").exists()


def test_links_that_cannot_be_are_refused() -> None:
    positions = pd.DataFrame({"frame": [0, 0, 1], "object": [1, 2, 1], "y_px": 1.0, "x_px": 1.0})
    two = pd.DataFrame({"frame_from": 0, "object_from": [1, 2], "frame_to": 1, "object_to": 1})
    with pytest.raises(cl.InvalidError, match=r"one mother.*2 links into object 1 of frame 1"):
        cl.Tracks.of(positions, two)
    with pytest.raises(cl.InvalidError, match="to object 5 of frame 1, which is in no row"):
        cl.Tracks.of(positions, two.head(1).assign(object_to=5))
    with pytest.raises(cl.InvalidError, match="forward in time"):
        cl.Tracks.of(positions, pd.DataFrame({"frame_from": [1], "object_from": 1, "frame_to": 0,
                                              "object_to": 1}))  # fmt: skip
    with pytest.raises(cl.InvalidError, match=r"each object once in a frame.*object 1 of frame 0"):
        cl.Tracks.of(positions.assign(object=1), two)


def crossing() -> pd.DataFrame:
    """Two cells that come near each other and part again: who is who cannot be seen."""
    rows = []
    for t in range(7):
        away = abs(t - 3) * 4 + 0.4
        rows += [(t, 1, 30.0 - away, 10.0 + 3 * t), (t, 2, 30.0 + away, 10.0 + 3 * t)]
        rows += [(t, 3, 90.0, 10.0 + 3 * t), (t, 4, 150.0, 10.0 + 3 * t)]
    return pd.DataFrame(rows, columns=["frame", "object", "y", "x"])


def test_what_was_looked_at_is_kept_when_solved_again(tmp_path: Path) -> None:
    table = crossing()
    found = cl.track(None, table, **QUIET)
    review = found.review(0)
    assert review["p_wrong"].is_monotonic_decreasing
    assert {"y_from", "x_to", "right"} <= set(review)
    at = (review["frame_from"] == 3) & (review["object_from"] == 1)
    assert at.sum() == 1
    was = int(review.loc[at, "object_to"].iloc[0])
    review.loc[at, "right"] = "no"
    review.to_csv(tmp_path / "review.csv", index=False)
    again = cl.track(None, table, corrections=tmp_path / "review.csv", **QUIET)
    assert (3, 1, 4, was) in link_set(found.links[found.links["chosen"]])
    assert (3, 1, 4, was) not in link_set(again.links[again.links["chosen"]])
    # and the other way round: that the other one is right settles both
    right = {"frame_from": [3], "object_from": [1], "frame_to": [4], "object_to": [3 - was],
             "right": [True]}  # fmt: skip
    kept = cl.track(None, table, corrections=right, **QUIET)
    own = kept.links[kept.links["chosen"] & (kept.links["frame_from"] == 3)]
    assert dict(zip(own["object_from"], own["object_to"], strict=True))[1] == 3 - was
    row = own[own["object_from"] == 1].iloc[0]
    assert row["p_wrong"] == 0
    assert kept.run["settings"]["corrections"] == 1


def test_a_division_that_is_said_to_be_one_is_one() -> None:
    table = walking(cells=3).query("not (cell == 1 and frame < 4)")
    mother = table.query("cell == 0 and frame == 3").iloc[0]
    daughters = table.query("cell in (0, 1) and frame == 4")
    said = pd.DataFrame({"frame_from": 3, "object_from": int(mother["object"]), "frame_to": 4,
                         "object_to": daughters["object"].astype(int), "right": "yes"})  # fmt: skip
    found = cl.track(None, table, corrections=said, **QUIET)
    assert (found.tracks["end"] == "divided").sum() == 1
    links = found.links[found.links["division"]]
    assert set(links["object_to"]) == set(daughters["object"])
    other = int(table.query("cell == 2 and frame == 4")["object"].iloc[0])
    said = pd.concat([said, said.head(1).assign(object_to=other)])
    with pytest.raises(cl.InvalidError, match="two daughters at most"):
        cl.track(None, table, corrections=said, **QUIET)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"right": "perhaps"}, 'yes or no in the column "right".*perhaps'),
        ({"object_to": 77}, "object 1 of frame 0 to object 77 of frame 1, which is in no row"),
    ],
)
def test_corrections_that_cannot_be_are_refused(change: dict[str, Any], words: str) -> None:
    said = pd.DataFrame({"frame_from": [0], "object_from": 1, "frame_to": 1, "object_to": 1,
                         "right": "yes"})  # fmt: skip
    with pytest.raises(cl.InvalidError, match=words):
        cl.track(None, walking(), corrections=said.assign(**change), **QUIET)
    with pytest.raises(cl.InvalidError, match="columns right"):
        cl.track(None, walking(), corrections=said.drop(columns="right"), **QUIET)
