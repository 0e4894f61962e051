"""Tracks of other programs: read from real files, written and read again, broken ones refused."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cytoloom as cl
from cytoloom.images.files import read_labels, write_labels
from cytoloom.segmentation.balls import balls
from cytoloom.tracks import ctc, held
from cytoloom.tracks.found import Tracks
from extras import need

FILES = {"geff": "a.geff", "ctc": "a_RES", "trackmate": "a.xml", "aut": "a.aut", "csv": "a.csv"}


def quiet(path: Any, **how: Any) -> Tracks:
    """Read tracks; what is said of them is looked at elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cl.read_tracks(path, **how)


def told(path: Any, **how: Any) -> tuple[Tracks, list[str]]:
    """Read tracks, and what is said of them."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        tracks = cl.read_tracks(path, **how)
    return tracks, [str(one.message) for one in said]


def counts(tracks: Tracks) -> tuple[int, int, int]:
    """Return how many positions, links and divisions there are."""
    links = tracks.links[tracks.links["chosen"]]
    return len(tracks.positions), len(links), int((tracks.tracks["end"] == "divided").sum())


@pytest.fixture
def tracks() -> Tracks:
    """A cell that divides, one daughter is missed in frame 3, and a speck is no cell.

    frame   0    1    2    3    4
            1 -- 1 -- 1 -- 1 -- 1
                  \\-- 2 ------- 2
                 9 (no cell)
    """
    positions = pd.DataFrame({
        "frame": [0, 1, 1, 2, 2, 3, 4, 4], "object": [1, 1, 9, 1, 2, 1, 1, 2],
        "z_px": [3.0, 3, 8, 3, 4, 4, 4, 5], "y_px": [20.5, 20, 3, 12, 28, 12, 11, 29.25],
        "x_px": [20.0, 21, 3, 20, 21, 22, 23, 22], "probability": [0.9] * 7 + [np.nan],
        "size": [1.5, np.nan, 1, 2, 3, 4, 5, 6], "kind": ["a", None, "b c", *"aabü<"],
    })  # fmt: skip
    links = held.links_of([(0, 1, 1, 1), (1, 1, 2, 1), (1, 1, 2, 2), (2, 1, 3, 1), (3, 1, 4, 1),
                           (2, 2, 4, 2)])  # fmt: skip
    links = links.assign(probability=[0.5, 0.6, 0.7, 0.8, np.nan, 0.9], p_wrong=0.125)
    kept = positions["object"].to_numpy() != 9
    return Tracks.of(positions, links, kept=kept, spacing_um=(2.0, 0.31, 0.31),
                     minutes_per_frame=12.0)  # fmt: skip


def where(tracks: Tracks, digits: int) -> tuple[set[Any], set[Any]]:
    """Return positions of cells and links by frame and place, whatever numbers they have."""
    at = tracks.positions
    names = [f"{axis}_px" for axis in tracks.axes]
    rows = zip(at["frame"], at["object"], at[names].to_numpy(), strict=True)
    place = {(t, n): (t, *np.round(row, digits).tolist()) for t, n, row in rows}
    links = tracks.links[tracks.links["chosen"]]
    ends = zip(*(links[name] for name in held.ENDS), strict=True)
    return set(place.values()), {(place[a, b], place[c, d]) for a, b, c, d in ends}


@pytest.mark.parametrize(("first", "second"), list(itertools.product(FILES, FILES)))
def test_what_one_writes_is_read_and_written_by_the_others(
    tracks: Tracks, tmp_path: Path, first: str, second: str
) -> None:
    """Two formats one after the other lose only what one of them cannot hold."""
    if "geff" in (first, second):
        need("geff", "tracks")
    (tmp_path / "first").mkdir()
    one = cl.export_tracks(tracks, tmp_path / "first" / FILES[first], progress=False)
    two = cl.export_tracks(one, tmp_path / FILES[second], progress=False)
    found, through = quiet(two), {first, second}
    places, links = where(tracks, 6)
    gap = {link for link in links if link[1][0] - link[0][0] > 1}
    if "ctc" in through:  # balls in pixels, no specks
        assert len(found.positions) == len(tracks.positions) - 1
        assert len(found.links) == len(links) - ("aut" in through)
        near = found.positions.sort_values(["frame", "y_px"])["y_px"].to_numpy()
        own = tracks.positions[tracks.positions["track"].notna()].sort_values(["frame", "y_px"])
        assert np.abs(near - own["y_px"].to_numpy()).max() < 1
    else:
        assert where(found, 6) == (places, links - gap if "aut" in through else links)
        assert found.positions["track"].isna().sum() == 1
        keys = ["frame", "object"]
        both = found.positions.merge(tracks.positions, on=keys, suffixes=("", "_own"))
        assert len(both) == len(tracks.positions)
        for name in ("probability", "size"):
            assert np.array_equal(both[name], both[f"{name}_own"], equal_nan=True)
        if "trackmate" not in through:
            assert both["kind"].fillna("").tolist() == both["kind_own"].fillna("").tolist()
        links = found.links[found.links["chosen"]].sort_values(list(held.ENDS))
        assert np.allclose(links["p_wrong"], 0.125)
        assert np.allclose(links["probability"].iloc[:4], [0.5, 0.6, 0.7, 0.8])
        assert found.minutes_per_frame == 12
    assert found.spacing_um == pytest.approx((2, 0.31, 0.31))
    assert (found.tracks["end"] == "divided").sum() == 1


def test_results_of_track_are_read_again(tracks: Tracks, tmp_path: Path) -> None:
    """The folder of tables gives the same tracks, candidates that were not chosen with them."""
    links = tracks.links.assign(chosen=[True] * 5 + [False])
    own = Tracks.of(tracks.positions, links, kept=tracks.positions["track"].notna().to_numpy(),
                    spacing_um=tracks.spacing_um, minutes_per_frame=12.0)  # fmt: skip
    own.write_to(tmp_path)
    found = cl.read_tracks(tmp_path)
    for name in ("positions", "links", "tracks", "lineages"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(own, name), check_dtype=False)
    assert (found.spacing_um, found.minutes_per_frame) == (own.spacing_um, 12.0)
    exported = cl.export_tracks(tmp_path, tmp_path / "a.csv", progress=False)
    assert counts(quiet(exported))[1] == 5


# Real files


@pytest.mark.parametrize("file", ["organoidtracker_files/fluo_n3dh_ce_frames_0_129.geff",
                                  "ctc_fluo_n3dh_ce_lineage"])  # fmt: skip
def test_worm_has_as_many_as_its_readme_says(real_data: Path, file: str) -> None:
    """GEFF, and nodes.csv with edges.csv."""
    if file.endswith(".geff"):
        need("geff", "tracks")
    found, said = told(real_data / file)
    assert counts(found) == (7105, 7101, 170)
    assert len(found.tracks) == 344
    assert said == []


def test_worm_by_lines_of_the_challenge(real_data: Path, tmp_path: Path) -> None:
    """Masks of a pixel for each line of man_track.txt: as many positions, links and divisions."""
    file = real_data / "ctc_fluo_n3dh_ce_lineage" / "man_track.txt"
    lines = np.loadtxt(file, int)
    shutil.copy(file, tmp_path)
    for frame in range(130):
        mask = np.zeros((1, 2 * int(lines[:, 0].max()) + 1), np.uint16)
        for label in lines[(lines[:, 1] <= frame) & (lines[:, 2] >= frame), 0]:
            mask[0, 2 * label] = label
        write_labels(tmp_path / f"man_track{frame:03d}.tif", mask)
    assert counts(cl.read_tracks(tmp_path)) == (7105, 7101, 170)
    assert counts(cl.read_tracks(tmp_path / "man_track.txt")) == (7105, 7101, 170)


def test_cells_of_motile_are_linked_by_id(real_data: Path) -> None:
    """parent_id is the position before, not the track: 4602, 4486 and 46 by the README."""
    found = cl.read_tracks(real_data / "ctc_fluo_n2dl_hela_tracks" / "points.csv")
    assert counts(found) == (4602, 4486, 46)


def test_simulated_challenge(real_data: Path, tmp_path: Path) -> None:
    """1502 masks, 18 divisions; the two parents with one daughter are said; labels come back."""
    folder = real_data / "ctc_fluo_n2dh_sim" / "01_GT"
    found, said = told(folder, spacing_um=0.125, minutes_per_frame=29)
    assert counts(found) == (1502, 1471, 18)
    assert said == ["01_GT: 2 tracks have one daughter only and go on as these"]
    first = read_labels(folder / "TRA" / "man_track000.tif")
    own = found.positions[found.positions["frame"] == 0].set_index("object")
    assert own.loc[1, "y_px"] == pytest.approx(np.nonzero(first == 1)[0].mean())
    out = cl.export_tracks(found, tmp_path / "01_RES", labels=folder / "TRA", progress=False)
    again = cl.read_tracks(out)
    assert counts(again) == (1502, 1471, 18)
    ours = read_labels(out / "mask000.tif")
    assert (ours > 0).sum() == (first > 0).sum()
    pairs = np.unique(np.stack([first[first > 0], ours[first > 0]]), axis=1)
    assert pairs.shape[1] == len(np.unique(pairs[0])) == len(np.unique(pairs[1]))


def test_software_of_the_challenge_takes_what_is_written(real_data: Path, tmp_path: Path) -> None:
    """Balls with tracks cut at gaps are valid; relabelled masks are the truth, but for two links.

    These are of parents with one daughter, which go on as one track.
    """
    metrics = pytest.importorskip("ctc_metrics")
    file = real_data / "trackmate_files" / "Ecoli_growth_on_agar_pad_with_gaps.xml"
    out = cl.export_tracks(quiet(file), tmp_path / "01_RES", progress=False)
    assert metrics.validate_sequence(str(out), threads=1) == {"Valid": 1}
    truth = real_data / "ctc_fluo_n2dh_sim" / "01_GT"
    out = cl.export_tracks(quiet(truth), tmp_path / "02_RES", labels=truth / "TRA", progress=False)
    scores = metrics.evaluate_sequence(str(out), str(truth), threads=1)
    assert [scores[name] for name in ("Valid", "SEG", "DET", "BC(0)")] == [1, 1, 1, 1]
    assert (scores["AOGM"], scores["AOGM_EC"]) == (2, 2)


def test_organoidtracker(real_data: Path) -> None:
    """Both versions; `null` is missing; positions are those in the images, without offsets."""
    folder = real_data / "organoidtracker_files"
    found, said = told(folder / "WKS216_xy002_FRAP.aut")
    assert counts(found) == (592, 585, 0)
    assert (found.spacing_um, found.minutes_per_frame) == ((2.0, 0.31, 0.31), 12.0)
    assert said == ["WKS216_xy002_FRAP.aut: image offsets are subtracted: positions are those in "
                    "the images"]  # fmt: skip
    first, third = (found.positions[found.positions["frame"] == t] for t in (0, 2))
    assert first["z_px"].iloc[0] == 4.0
    raw = json.loads((folder / "WKS216_xy002_FRAP.aut").read_text())["positions"][2]
    assert third["z_px"].tolist() == [place[2] - 1 for place in raw["coords_xyz_px"]]
    assert first["H2B-mCherry_intensity"].notna().tolist() == [False] * 4 + [True] + [False] * 2
    assert counts(cl.read_tracks(folder / "first_format_graph.json")) == (2745, 2703, 24)


def test_offsets_are_written_again(real_data: Path, tmp_path: Path) -> None:
    """What is written is in the coordinates of the file that it came from."""
    file = real_data / "organoidtracker_files" / "WKS216_xy002_FRAP.aut"
    out = cl.export_tracks(quiet(file), tmp_path / "a.aut", progress=False)
    one, two = (json.loads(path.read_text()) for path in (file, out))
    for a, b in zip(one["positions"], two["positions"], strict=True):
        assert a["time_point"] == b["time_point"]
        assert sorted(a["coords_xyz_px"]) == sorted(b["coords_xyz_px"])
    assert one["image_offsets"] == two["image_offsets"]


def test_trackmate(real_data: Path) -> None:
    """Counted in the XML: spots, edges of shown tracks, two that span more than a frame."""
    folder = real_data / "trackmate_files"
    found, said = told(folder / "FakeTracks.xml")
    assert counts(found) == (107, 82, 2)
    assert (len(found.links), found.spacing_um) == (89, (1.0, 1.0))
    assert found.minutes_per_frame == pytest.approx(1 / 60)
    assert said == ["FakeTracks.xml: 7 links of tracks that TrackMate hides are kept as not chosen"]
    embryo = cl.read_tracks(folder / "Celegans-5pc-17timepoints.xml")
    assert counts(embryo) == (87, 83, 4)
    spot = embryo.positions.set_index("object").loc[19680]
    assert (spot["name"], spot["frame"]) == ("P1", 0)
    assert spot["x_px"] == pytest.approx(27.872640131642775 / 0.1984666072986889)
    assert spot["z_um"] == pytest.approx(18.05523442517662)
    colony = cl.read_tracks(folder / "Ecoli_growth_on_agar_pad_with_gaps.xml")
    assert counts(colony) == (523, 520, 71)
    gaps = colony.warnings[colony.warnings["kind"] == "missed frame"]
    assert sorted(gaps["value"]) == [2, 3]


def test_real_files_go_through_all_formats(real_data: Path, tmp_path: Path) -> None:
    """Counts stay, but for links over more than one frame in .aut and specks in masks."""
    need("geff", "tracks")
    file = real_data / "trackmate_files" / "Ecoli_growth_on_agar_pad_with_gaps.xml"
    own = quiet(file)
    for name, path in FILES.items():
        found = quiet(cl.export_tracks(own, tmp_path / path, progress=False))
        assert counts(found) == (523, 518 if name == "aut" else 520, 71), name


# Merges, lists, sizes


SPOT = '<Spot ID="{0}" FRAME="{1}" POSITION_X="{2}" POSITION_Y="0" POSITION_Z="0" VISIBILITY="1"/>'
EDGE = '<Edge SPOT_SOURCE_ID="{0}" SPOT_TARGET_ID="{1}"/>'


def trackmate_xml(spots: list[tuple[int, int, float]], edges: list[tuple[int, int]]) -> str:
    """Write a file as TrackMate does, of one track."""
    return (
        '<?xml version="1.0"?><TrackMate version="7"><Model spatialunits="micron" timeunits="sec">'
        f"<AllSpots>{''.join(SPOT.format(*one) for one in spots)}</AllSpots><AllTracks>"
        f'<Track TRACK_ID="0">{"".join(EDGE.format(*one) for one in edges)}</Track></AllTracks>'
        '<FilteredTracks><TrackID TRACK_ID="0"/></FilteredTracks></Model><Settings><ImageData '
        'nslices="1" pixelwidth="0.5" pixelheight="0.5" voxeldepth="1" timeinterval="30"/>'
        "</Settings></TrackMate>"
    )


def test_two_mothers(tmp_path: Path) -> None:
    """The nearer of two mothers stays; edges may be written backwards in time."""
    file = tmp_path / "a.xml"
    spots = [(1, 0, 0.0), (2, 0, 9.0), (3, 1, 2.0), (4, 2, 2.0)]
    file.write_text(trackmate_xml(spots, [(1, 3), (2, 3), (4, 3)]))
    found, said = told(file)
    assert said == ["a.xml: 1 cell has two mothers or more: the link of the nearest is kept, the "
                    "others are in warnings"]  # fmt: skip
    chosen = found.links[found.links["chosen"]]
    assert chosen[list(held.ENDS)].values.tolist() == [[0, 1, 1, 3], [1, 3, 2, 4]]
    (row,) = found.warnings.to_dict("records")
    assert (row["kind"], row["frame"], row["object"]) == ("merge", 1, 3)
    assert (row["value"], row["limit"]) == (7.0, 2.0)
    assert "object 2 of frame 0" in row["words"]
    assert found.minutes_per_frame == 0.5


def test_links_within_a_frame_and_three_daughters(tmp_path: Path) -> None:
    """The first cannot be and is left out; the second is legal and listed."""
    file = tmp_path / "a.xml"
    spots = [(1, 0, 0.0), (2, 0, 9.0), (3, 1, 0.0), (4, 1, 1.0), (5, 1, 2.0)]
    file.write_text(trackmate_xml(spots, [(1, 2), (1, 3), (1, 4), (1, 5)]))
    found, said = told(file)
    assert len(said) == 1
    assert "1 link within a frame" in said[0]
    assert sorted(found.warnings["kind"]) == ["link within a frame", "three daughters"]
    assert counts(found) == (5, 3, 1)


def test_list_of_several(tracks: Tracks, tmp_path: Path) -> None:
    """An .autlist: each file a recording, between its first and last time point."""
    for name in "ab":
        cl.export_tracks(tracks, tmp_path / f"{name}.aut", progress=False)
    entries = [{"experiment_file": "a.aut", "max_time_point": 1}, {"experiment_file": "b.aut"},
               {"images_container": "no tracks"}]  # fmt: skip
    (tmp_path / "all.autlist").write_text(json.dumps(entries))
    found = quiet(tmp_path / "all.autlist")
    assert found.positions.groupby("recording")["frame"].max().to_dict() == {"a": 1, "b": 4}


def test_recordings_get_a_file_each(tracks: Tracks, tmp_path: Path) -> None:
    """Formats of one recording write a folder of them, which is read as a whole."""
    need("geff", "tracks")
    parts = [getattr(tracks, t).assign(recording=r) for t in ("positions", "links") for r in "ab"]
    both = Tracks.of(pd.concat(parts[:2]), pd.concat(parts[2:]), spacing_um=tracks.spacing_um,
                     minutes_per_frame=12.0)  # fmt: skip
    for name in ("aut", "trackmate", "ctc"):
        out = cl.export_tracks(both, tmp_path / name, format=name, progress=False)
        found = quiet(out)
        assert set(found.positions["recording"]) == {"a", "b"}
        assert (found.tracks["end"] == "divided").sum() == 2
    for name in ("geff", "csv"):
        found = quiet(cl.export_tracks(both, tmp_path / FILES[name], progress=False))
        assert counts(found) == counts(both)
    with pytest.raises(cl.InvalidError, match=r"one recording in a file of aut.*2 of them: a, b"):
        cl.export_tracks(both, tmp_path / "both.aut", progress=False)


def test_first_version_of_organoidtracker(tmp_path: Path) -> None:
    """Positions by frame and a graph beside them; a position alone stays one."""
    at = [{"x": 1.0, "y": 2.0, "z": 3.0, "_time_point_number": t} for t in (4, 5)]
    graph = {"directed": False, "nodes": [{"id": at[0], "type": "STEM"}, {"id": at[1]}],
             "links": [{"source": at[1], "target": at[0], "link_probability": 0.75}]}  # fmt: skip
    data = {"version": "v1", "positions": {"4": [[1, 2, 3], [9, 9, 9]], "5": [[1, 2, 3]]},
            "links": graph, "image_resolution": {"x_um": 0.5, "y_um": 0.5, "z_um": 2}}  # fmt: skip
    (tmp_path / "a.aut").write_text(json.dumps(data))
    found = cl.read_tracks(tmp_path / "a.aut")
    assert counts(found) == (3, 1, 0)
    assert found.positions["type"].notna().tolist() == [True, False, False]
    assert found.links["probability"].tolist() == [0.75]
    assert (found.spacing_um, found.minutes_per_frame) == ((2.0, 0.5, 0.5), None)


def test_tables_in_all_spellings() -> None:
    """TrackMate's, with rows of units below the names; parents by id and by track."""
    spots = pd.DataFrame({
        "TRACK_ID": ["Track ID", "", "0", "0"], "FRAME": ["Frame", "", "0", "1"],
        "POSITION_X": ["X", "(micron)", "1", "2"], "POSITION_Y": ["Y", "(micron)", "3", "4"],
    })  # fmt: skip
    found, said = told(spots)
    assert counts(found) == (2, 1, 0)
    assert found.spacing_um == (1.0, 1.0)
    assert "micrometres" in said[0]
    by_id = pd.DataFrame({"id": [1, 2, 3], "parent_id": [np.nan, 1, 1], "time_point": [0, 1, 1],
                          "y": 0.0, "x": [0.0, 1, 2]})  # fmt: skip
    assert counts(cl.read_tracks(by_id)) == (3, 2, 1)
    by_track = pd.DataFrame({"track": [0, 0, 1, 2], "parent": [-1, -1, 0, 0], "t": [0, 1, 2, 2],
                             "y": 0.0, "x": 0.0})  # fmt: skip
    assert counts(cl.read_tracks(by_track)) == (4, 3, 1)


def test_masks_from_any_frame_with_any_digits(tmp_path: Path) -> None:
    """A movie cut at frame 12, numbers of four digits, 3-D: read to its end."""
    for frame in (12, 13, 14):
        mask = np.zeros((3, 6, 6), np.uint16)
        mask[1, 1:3, 1:3] = 5
        write_labels(tmp_path / f"mask{frame:04d}.tif", mask, (2.0, 0.5, 0.5))
    (tmp_path / "res_track.txt").write_text("5 12 14 0\n")
    found = cl.read_tracks(tmp_path)
    assert found.positions["frame"].tolist() == [12, 13, 14]
    assert found.positions[["z_px", "y_px", "x_px"]].iloc[0].tolist() == [1.0, 1.5, 1.5]
    assert found.spacing_um == pytest.approx((2, 0.5, 0.5))


def test_masks_beyond_the_lines_are_no_cells(tmp_path: Path) -> None:
    """A label without a line, and one after the last frame of its line, are said."""
    for frame, row in enumerate([[1, 0, 2], [1, 0, 0], [1, 0, 0]]):
        write_labels(tmp_path / f"mask{frame:03d}.tif", np.array([row, row], np.uint16))
    (tmp_path / "res_track.txt").write_text("1 0 1 0\n")
    found, said = told(tmp_path)
    assert found.positions["track"].isna().tolist() == [False, True, False, True]
    assert "2 masks outside the lines" in said[0]


def test_columns_of_ones_own_are_kept(tracks: Tracks, tmp_path: Path) -> None:
    """A column called cell, track-like numbers and yes or no mean what they meant."""
    at = tracks.positions.assign(cell=[0, 1] * 4, seen=[True, False] * 4, very_odd=np.arange(8.0))
    for name in ("csv", "aut", "trackmate"):
        out = cl.export_tracks(replace(tracks, positions=at), tmp_path / FILES[name],
                               progress=False)  # fmt: skip
        found = quiet(out).positions
        assert found["cell"].tolist() == [0, 1] * 4
        assert [bool(one) for one in found["seen"]] == [True, False] * 4
        assert found["very_odd"].tolist() == list(range(8))
        assert found["track"].isna().sum() == 1


def test_geff_of_zarr_3_and_in_micrometres(tmp_path: Path) -> None:
    """As other programs write it: times and places without a size of pixels, ids from anywhere."""
    need("geff", "tracks")
    from geff import GeffMetadata
    from geff.core_io import write_arrays

    axes = [{"name": "t", "type": "time"}, *({"name": a, "type": "space", "unit": "micrometer"}
                                             for a in "yx")]  # fmt: skip
    values = {"t": [0, 1, 1], "y": [1.5, 2, 3], "x": [1.0, 2, 3], "kind": ["a", "b", "c"]}
    props = {name: {"values": np.array(own), "missing": None} for name, own in values.items()}
    write_arrays(
        tmp_path / "any.zarr", np.array([70, 80, 90], np.uint64), props,
        np.array([[70, 80], [70, 90]], np.uint64), {},
        GeffMetadata(directed=True, axes=axes, node_props_metadata={}, edge_props_metadata={}),
        zarr_format=3,
    )  # fmt: skip
    found, said = told(tmp_path / "any.zarr")
    assert counts(found) == (3, 2, 1)
    assert found.positions["object"].tolist() == [70, 80, 90]
    assert found.positions["y_um"].tolist() == [1.5, 2, 3]
    assert "micrometres" in said[0]
    found, said = told(tmp_path / "any.zarr", spacing_um=0.5)
    assert (found.positions["y_um"].tolist(), said) == ([1.5, 2, 3], [])
    assert found.positions["y_px"].tolist() == [3, 4, 6]


# Balls, napari


def test_balls_never_take_others_pixels() -> None:
    """What two would have is of the nearer; of two at one place each has a pixel."""
    image = balls((9, 9), np.array([[4.0, 3], [4, 5], [4, 5.2]]), np.array([1, 2, 3]), 3.0,
                      (1.0, 1.0))  # fmt: skip
    assert set(np.unique(image)) == {0, 1, 2, 3}
    assert image[4, 2] == 1
    flat = balls((3, 9, 9), np.array([[1.0, 4, 4]]), np.array([7]), 2.0, (5.0, 1.0, 1.0))
    assert set(np.nonzero(flat)[0]) == {1}
    assert (flat == 7).sum() == 13
    with pytest.raises(cl.InvalidError, match="a pixel for the position at -3, 0"):
        balls((2, 2), np.array([[-3.0, 0]]), np.array([1]), 1.0, (1.0, 1.0))


def test_napari(tracks: Tracks) -> None:
    """Rows by track and time without specks; mothers of daughters."""
    data, graph = tracks.napari()
    assert data.shape == (7, 5)
    assert data[:2].tolist() == [[1, 0, 3, 20.5, 20], [1, 1, 3, 20, 21]]
    ids = data[:, 0]
    assert (np.diff(ids) >= 0).all()
    assert graph == {2: [1], 3: [1]}


# Broken and hostile

LINE = "1 0 1 0\n"
BOMB = '<!DOCTYPE a [<!ENTITY b "xxxxxx"><!ENTITY c "&b;&b;&b;">]><TrackMate>&c;</TrackMate>'
BROKEN = {
    "bomb.xml": (BOMB, "without definitions of its own"),
    "utf16.xml": (BOMB.encode("utf-16"), "without definitions of its own"),
    "cut.xml": (trackmate_xml([(1, 0, 0.0)], [])[:300], "Expected whole XML"),
    "other.xml": ("<svg/>", r"XML of TrackMate.*<svg>"),
    "none.xml": (trackmate_xml([], []), "Expected spots"),
    "edge.xml": (trackmate_xml([(1, 0, 0.0)], [(1, 7)]), "SPOT_TARGET_ID 7"),
    "text.xml": (trackmate_xml([("a", 0, 0.0)], []), "a whole number ID"),  # type: ignore[list-item]
    "cut.aut": ('{"version": "v2", "positions": [', "no JSON from line 1"),
    "deep.aut": ("[" * 100_000, "what cannot be read|no JSON|a list of"),
    "empty.aut": ("{}", "no positions"),
    "list.aut": ("[1, 2]", "a list of experiments"),
    "version.aut": ('{"version": "v9"}', "version v9"),
    "short.aut": ('{"version": "v2", "positions": [{"time_point": 0, "coords_xyz_px": [[1]]}]}',
                  "1 coordinates"),
    "kind.aut": ('{"version": "v2", "positions": [{"time_point": 0}]}', "something missing"),
    "nan.aut": ('{"version": "v2", "positions": [{"time_point": 0, "coords_xyz_px": [[NaN, 1]]}]}',
                "a place for each position"),
    "early.aut": ('{"version": "v2", "positions": [{"time_point": -1, "coords_xyz_px": [[1, 1]]}]}',
                  "counted from 0"),
    "gone.autlist": ('[{"experiment_file": "nowhere.aut"}]', "that are there"),
    "res_track.txt": (LINE, "masks for its tracks"),
    "words.txt": ("1 0 1 0\n1 2\n", "in line 2"),
    "parent.txt": ("1 0 1 7\n", "parent 7 of 1"),
    "late.txt": ("1 0 5 0\n2 3 4 1\n", "end before their daughters begin"),
    "twice.txt": (LINE * 2, "each track once"),
    "loose.csv": ("frame,y,x\n0,1,1\n", "a column track.*track"),
    "names.csv": ("a,b\n1,2\n", "columns of positions"),
    "twice.csv": ("track,frame,y,x\n1,0,1,1\n1,0,2,2\n", r"track 1 twice in frame 0.*XML"),
    "mother.csv": ("track,frame,y,x,parent\n1,0,1,1,5\n", "parents that are a track"),
    "place.csv": ("track,frame,y,x\n1,0,,1\n", "a position in each row"),
    "half.csv": ("track,frame,y,x\n1,0.5,1,1\n", "a whole number as frame"),
    "ids.csv": ("id,frame,y,x,parent_id\n1,0,1,1,\n1,1,1,1,1\n", "ids that are there once"),
    "void.csv": ("", "an empty file"),
    "picture.csv": (b"\x89PNG\r\n\x1a\n\0\0", "another file"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_one_sentence(tmp_path: Path, name: str) -> None:
    """The file is named, and what is wrong with it."""
    content, words = BROKEN[name]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(cl.InvalidError, match=words) as error:
        cl.read_tracks(path)
    text = str(error.value)
    assert "\n" not in text
    assert name in text


def test_missing_masks(tmp_path: Path) -> None:
    """A frame without a file, and a track without a mask."""
    write_labels(tmp_path / "mask000.tif", np.array([[1, 0]]))
    (tmp_path / "res_track.txt").write_text("1 0 2 0\n")
    with pytest.raises(cl.InvalidError, match="none for frame 1 and 1 more"):
        cl.read_tracks(tmp_path)
    (tmp_path / "res_track.txt").write_text("1 0 0 0\n3 0 0 0\n")
    with pytest.raises(cl.InvalidError, match="none of track 3, frames 0 to 0"):
        cl.read_tracks(tmp_path)


def test_pipes_and_broken_results(tracks: Tracks, tmp_path: Path) -> None:
    """Nothing is waited for; tables of a run that do not belong together are refused."""
    os.mkfifo(tmp_path / "a.xml")
    with pytest.raises(cl.InvalidError, match="which is neither"):
        cl.read_tracks(tmp_path / "a.xml")
    (tmp_path / "a.xml").unlink()
    with pytest.raises(cl.InvalidError, match="a folder with nothing"):
        cl.read_tracks(tmp_path)
    tracks.write_to(tmp_path)
    lines = (tmp_path / "positions.csv").read_text().splitlines()
    (tmp_path / "positions.csv").write_text("\n".join([*lines, lines[-1].replace("4", "x")]))
    with pytest.raises(cl.InvalidError, match=r"tables of tracks as written|positions") as error:
        cl.read_tracks(tmp_path)
    assert "\n" not in str(error.value)
    (tmp_path / "res_track.txt").write_text(f"1 0 {10**15} 0\n")
    write_labels(tmp_path / "mask000.tif", np.array([[1, 0]]))
    with pytest.raises(cl.InvalidError, match="none for frame 1 and 9"):
        cl.read_tracks(tmp_path / "res_track.txt")


def test_broken_geff(tracks: Tracks, tmp_path: Path) -> None:
    """A folder that has lost its nodes, and one that is none."""
    need("geff", "tracks")
    out = cl.export_tracks(tracks, tmp_path / "a.geff", progress=False)
    shutil.rmtree(out / "nodes" / "ids")
    for path in (out, tmp_path / "none.geff"):
        path.mkdir(exist_ok=True)
        with pytest.raises(
            cl.InvalidError, match=rf"`{path.name}`. Expected a whole GEFF"
        ) as error:
            cl.read_tracks(path)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("given", ["nowhere.xml", 7, ["a.xml"]])
def test_what_is_no_file(given: Any) -> None:
    """Each is refused by what it is."""
    with pytest.raises(cl.InvalidError, match="Invalid `path`"):
        cl.read_tracks(given)


def test_geff_writes_nothing_that_others_misread(tracks: Tracks, tmp_path: Path) -> None:
    """None is missing; no place, negative ids, mixed types, links back in time: refused."""
    need("geff", "tracks")
    at = tracks.positions
    broken = {
        "a place for each position": {"positions": at.assign(y_px=[np.nan, *at["y_px"][1:]])},
        "objects that are numbered from 0": {
            "positions": at.assign(object=at["object"] - 3),
            "links": tracks.links.assign(object_from=tracks.links["object_from"] - 3,
                                         object_to=tracks.links["object_to"] - 3)},
        "one type in column odd": {"positions": at.assign(odd=["a", 1.5] * 4)},
        "links forward in time": {"links": tracks.links.assign(frame_to=0)},
    }  # fmt: skip
    for words, parts in broken.items():
        with pytest.raises(cl.InvalidError, match=words):
            cl.export_tracks(replace(tracks, **parts), tmp_path / "b.geff", progress=False)
        assert list(tmp_path.iterdir()) == []
    odd = at.assign(note=[None, "x"] * 4, flag=[None, True] * 4, number=[None, 3] * 4)
    out = cl.export_tracks(replace(tracks, positions=odd), tmp_path / "b.geff", progress=False)
    found = cl.read_tracks(out).positions
    assert found["note"].isna().tolist() == [True, False] * 4
    assert found["number"].dropna().tolist() == [3] * 4
    assert found["flag"].dropna().tolist() == [True] * 4


def test_geff_missing_is_one_sentence(
    tracks: Tracks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the package the extra is named, before anything is written."""
    monkeypatch.setitem(sys.modules, "geff", None)
    with pytest.raises(cl.InvalidError, match=r"cytoloom\[tracks\]"):
        cl.export_tracks(tracks, tmp_path / "a.geff", progress=False)
    assert list(tmp_path.iterdir()) == []


def test_written_whole_or_not_at_all(
    tracks: Tracks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error in the middle leaves an earlier export as it was, and nothing else."""
    out = cl.export_tracks(tracks, tmp_path / "a_RES", progress=False)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(cl.InvalidError, match="a new folder"):
        cl.export_tracks(tracks, out, progress=False)

    def broken(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ctc.tiff, "write", broken)
    with pytest.raises(cl.InvalidError, match="No space left"):
        cl.export_tracks(tracks, out, overwrite=True, progress=False)
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["a_RES"]
    cl.export_tracks(tracks, out, overwrite=True, progress=False)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(cl.InvalidError, match="which is something else"):
        cl.export_tracks(tracks, tmp_path / "mine", format="geff", overwrite=True, progress=False)
    file = cl.export_tracks(tracks, tmp_path / "a.csv", progress=False)
    with pytest.raises(cl.InvalidError, match="a new file"):
        cl.export_tracks(tracks, file, progress=False)
    with pytest.raises(cl.InvalidError, match="another folder than what is read"):
        cl.export_tracks(out, out, overwrite=True, progress=False)


def test_settings_that_cannot_be(tracks: Tracks, tmp_path: Path) -> None:
    """Formats, endings, labels: each says what would do."""
    for out, how, words in (
        ("a.zip", {}, "a name that ends in .geff, _RES"),
        ("a.csv", {"format": "svg"}, "Expected"),
        ("a.csv", {"labels": np.zeros((5, 9, 9), int)}, "Masks are written for CTC alone"),
        ("a_RES", {"labels": np.zeros((5, 3, 9, 9), int)}, "frame 0 without object 1"),
    ):
        with pytest.raises(cl.InvalidError, match=words):
            cl.export_tracks(tracks, tmp_path / out, progress=False, **how)
    at = tracks.positions.assign(y_px=1.0, x_px=1.0, z_px=1.0)
    with pytest.raises(cl.InvalidError, match="at a place of its own"):
        cl.export_tracks(replace(tracks, positions=at), tmp_path / "a.aut", progress=False)
    with pytest.raises(cl.InvalidError, match="`spacing_um`"):
        cl.read_tracks({"track": [1], "frame": [0], "y": [0], "x": [0]}, spacing_um=(1, 2, 3))


def test_command_line(tracks: Tracks, tmp_path: Path) -> None:
    """`cytoloom export-tracks IN OUT`."""
    tracks.write_to(tmp_path)
    command = [sys.executable, "-m", "cytoloom", "export-tracks", tmp_path, tmp_path / "a.xml"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    assert done.stdout == f"Tracks in {tmp_path / 'a.xml'}\n"
    assert counts(quiet(tmp_path / "a.xml"))[1:] == (6, 1)


def test_points_clicked_in_napari(tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text(
        "index,axis-0,axis-1,axis-2,axis-3,track\n"
        "0,0.0,2.0,30.5,40.25,1\n1,1.0,2.0,31.5,41.25,1\n2,1.0,3.0,5.0,6.0,2\n", "utf-8"
    )  # fmt: skip
    found = quiet(tmp_path / "points.csv")
    assert found.positions[["frame", "z_px", "y_px", "x_px"]].to_numpy().tolist() == [
        [0, 2, 30.5, 40.25], [1, 2, 31.5, 41.25], [1, 3, 5, 6],
    ]  # fmt: skip
    assert len(found.links) == 1
    flat = pd.read_csv(tmp_path / "points.csv").drop(columns=["axis-1"])
    flat = flat.rename(columns={"axis-2": "axis-1", "axis-3": "axis-2"})
    assert quiet(flat).axes == ("y", "x")
