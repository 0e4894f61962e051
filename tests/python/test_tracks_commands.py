"""Trackers on the command line: trained, each step alone, all of it, and what models say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import tifffile

import cytoloom as cl
from cytoloom import cli
from cytoloom.cli import commands, options
from cytoloom.events import find_verb
from cytoloom.models.card import card

SMALL = ["--iterations", "2", "--batch-size", "1", "--patch-px", "32", "--filters", "4"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a movie and its tracks beside it, a table."""
    place = tmp_path_factory.mktemp("tracker")
    movie = cl.simulate.culture(frames=8, shape=(96, 96), count=5, seed=1)
    tifffile.imwrite(place / "a.tif", movie.images, metadata={"axes": "TYX"}, imagej=True)
    truth = cl.Tracks.of(movie.positions, movie.links)
    cl.export_tracks(truth, place / "a.csv", progress=False)
    return place


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    """Return a model of two iterations, trained by the command line in a process of its own."""
    out = folder / "m.cytoloom"
    given = ["--region", "y=0:95", "x=0:95", "frames=0:6", "--region", "frames=7:7"]
    given += ["--networks", "link", "centres", "--depth", "2", "--pixel-size-um", "0.5"]
    command = [sys.executable, "-m", "cytoloom", "train-tracker", str(folder), "--out", str(out)]
    done = subprocess.run([*command, *SMALL, *given], capture_output=True, text=True, check=False)
    assert done.returncode == commands.OK, done.stderr
    assert f"Next: cytoloom track {out} MOVIE" in done.stdout
    assert "of 1000 links" in done.stdout
    return out


def test_each_step_alone_and_all_of_it(model, folder, tmp_path, capsys):
    movie, positions, links = folder / "a.tif", tmp_path / "p.csv", tmp_path / "l.csv"
    assert cli.main(["detect", str(model), str(movie), "--out", str(positions)]) == commands.OK
    table = pd.read_csv(positions)
    assert f"{len(table)} position" in capsys.readouterr().out
    assert {"frame", "object", "y_px", "x_px", "probability", "mean_intensity"} <= set(table)
    given = folder / "a.csv"
    step = ["score-links", str(model), str(movie), str(given), "--out", str(links)]
    assert cli.main([*step, "--no-drift", "--pixel-size-um", "0.5"]) == commands.OK
    candidates = pd.read_csv(links)
    assert f"{len(candidates)} candidate links" in capsys.readouterr().out
    solve = ["solve", str(given), str(links), "--no-drift", "--pixel-size-um", "0.5"]
    assert cli.main([*solve, "--out", str(tmp_path / "tracks")]) == commands.OK
    assert "Tables in" in capsys.readouterr().out
    track = ["track", str(model), str(movie), "--positions", str(given), "--no-drift"]
    track += ["--pixel-size-um", "0.5", "--out", str(tmp_path / "all")]
    assert cli.main(track) == commands.OK
    each, whole = (pd.read_csv(tmp_path / name / "links.csv") for name in ("tracks", "all"))
    chosen = [t[t["chosen"]].iloc[:, 1:5].reset_index(drop=True) for t in (each, whole)]
    pd.testing.assert_frame_equal(*chosen)


def test_a_model_read_elsewhere_says_what_each_network_is(model):
    # in a process that has trained none
    code = "import sys, cytoloom; print(cytoloom.load(sys.argv[1]).summary())"
    done = subprocess.run(
        [sys.executable, "-c", code, str(model)], capture_output=True, text=True, check=True
    )
    rows = dict(line.split(None, 1) for line in done.stdout.splitlines())
    assert list(rows)[:4] == ["task", "network", "centres", "link"]
    assert rows["centres"].startswith("finds cells: Centres(")
    assert rows["link"].endswith("Siamese()")
    assert "counts" not in rows
    assert rows["validation"].startswith("positions f1 ")
    loaded = cl.load(model)
    words = card(loaded, "m")
    assert "cytoloom.track(" in words
    assert "cytoloom.predict(" not in words
    found = loaded.info["training"]["scores"]["links_missed_per_1000"]
    assert f"| links_missed_per_1000 | {found:.3f} |" in words


def test_each_network_has_a_curve_of_its_own(model):
    axes = cl.plots.history(cl.load(model).history, metric="loss").axes[0]
    lines = [line for line in axes.lines if len(line.get_xdata())]
    assert len(lines) == 4  # training and validation of two networks
    assert {text.get_text() for text in axes.get_legend().get_texts()} >= {"centres", "link"}
    plt.close("all")


def test_regions_of_the_command_line_are_boxes():
    declared = {p.name: p for p in find_verb(cl.VERBS["train_tracker"]).parameters()}["region"]
    option = options.Option("region", declared.annotation, None, "Where.")
    assert option.settings()["action"] == "append"
    read = option.settings()["type"]
    args = type("Args", (), {"region": [[read("y=0:9"), read("frames=0:3")], [read("x=2:5")]]})
    assert option.value(args) == [{"y": (0, 9), "frames": (0, 3)}, {"x": (2, 5)}]


def test_a_length_of_training_is_said_once(folder):
    with pytest.raises(cl.errors.InvalidError, match=r"`minutes`.*Received: both"):
        cl.train_tracker(folder, minutes=1, trainer=cl.Trainer(iterations=3), progress=False)


@pytest.mark.parametrize(
    "region", [{"y": (9, 0)}, {"y": 3}, {"w": (0, 1)}, {}, {"y": ("a", "b")}, {"y": (0, None)}]
)
def test_what_is_no_region_is_refused(folder, region):
    with pytest.raises(cl.errors.InvalidError, match=r"`region`\. Expected first and last px of y"):
        cl.train_tracker(folder, region=region, progress=False)


def test_what_R_sends_to_train_on_is_movies_with_tracks():
    from cytoloom.r.functions import _fitted
    from cytoloom.r.tracked import training_of

    table = pd.DataFrame({"track": [1], "frame": [0], "y": [1.0], "x": [2.0]})
    one = {"images": {"source": "a.tif"}, "tracks": table}
    assert training_of(one) == ("a.tif", table)
    named = training_of({"recordings": {"b": one}})
    assert list(named) == ["b"]
    made = training_of({"images": {"source": "a.tif"}, "positions": table, "links": table,
                        "spacing_um": [0.5, 0.5], "minutes_per_frame": 10.0})  # fmt: skip
    assert (made.images, made.spacing_um) == ("a.tif", (0.5, 0.5))
    declared = {p.name: p for p in find_verb(cl.VERBS["train_tracker"]).parameters()}
    assert _fitted([0.0, [2.0, 3.0]], declared["channels"]) == [0, [2, 3]]
    assert _fitted({"y": [0.0, 9.0]}, declared["region"]) == {"y": [0.0, 9.0]}
