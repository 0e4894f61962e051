"""Plots: what is drawn where, figures returned, no global state touched."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from cytoloom import Augment, images, plots, simulate
from cytoloom.errors import InvalidError
from cytoloom.plots.overlays import FOUND, TRUTH

LABELS = np.array(
    [
        [0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0],
        [0, 1, 1, 1, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 0, 0, 0],
    ]
)
RING = (LABELS == 1) & ~np.pad([[True]], 2)
HISTORY = pd.DataFrame(
    [
        (10, "train", "loss", 0.9),
        (10, "validation", "loss", 1.0),
        (10, "validation", "score", 0.2),
        (20, "train", "loss", 0.5),
        (20, "validation", "loss", 0.6),
        (20, "validation", "score", 0.7),
    ],
    columns=["iteration", "set", "metric", "value"],
)


def test_outlines_run_on_the_last_pixels_of_objects():
    """The ring of a 3 x 3 object is painted, its centre and the background are not."""
    picture = plots.outlines_rgb(np.zeros((5, 5)), LABELS)
    assert picture.dtype == np.uint8
    assert (picture[RING] == FOUND).all()
    assert not picture[~RING].any()


def test_truth_has_its_own_colour_and_agreement_is_white():
    found = LABELS * (np.arange(5) < 3)
    picture = plots.outlines_rgb(np.zeros((5, 5)), found, LABELS)
    assert picture[1, 1].tolist() == [255, 255, 255]
    assert tuple(picture[2, 2]) == FOUND
    assert tuple(picture[2, 3]) == TRUTH


def test_grey_is_stretched_between_percentiles():
    """Values 0 to 1000 evenly: 1 % below is black, the top 0.2 % white, the middle grey."""
    picture = plots.outlines_rgb(np.arange(1001, dtype=np.uint16)[None], None)
    assert picture[0, 5].tolist() == [0, 0, 0]
    assert picture[0, 1000].tolist() == [255, 255, 255]
    assert picture[0, 504].tolist() == [128, 128, 128]


def test_channels_become_colours():
    """Two channels are magenta and green; of four, three are red, green and blue."""
    image = np.zeros((1, 4, 4))
    image[0, range(4), range(4)] = 1
    two = plots.outlines_rgb(image[..., :2], None, limits=[(0, 1)] * 2)
    assert two[0, 0].tolist() == [255, 0, 255]
    assert two[0, 1].tolist() == [0, 255, 0]
    four = plots.outlines_rgb(image, None, limits=[(0, 1)] * 4)
    assert four[0].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]]


@pytest.mark.parametrize("value", [0, 7, np.nan])
def test_images_of_one_value_are_black(value):
    assert not plots.outlines_rgb(np.full((3, 3), value), None).any()


def test_the_middle_plane_of_a_stack_is_shown():
    stack = np.zeros((3, 5, 5), int)
    stack[1] = LABELS
    picture = plots.outlines_rgb(np.zeros((3, 5, 5)), stack)
    assert (picture[RING] == FOUND).all()


def test_large_images_are_painted_in_blocks(monkeypatch):
    image, labels = simulate.nuclei((70, 50), 5)
    whole = plots.outlines_rgb(image, labels, limits=[(0, 900)])
    monkeypatch.setattr("cytoloom.plots.overlays.BLOCK_PX", 900)
    np.testing.assert_array_equal(plots.outlines_rgb(image, labels, limits=[(0, 900)]), whole)


def test_labels_of_another_size_are_refused():
    with pytest.raises(InvalidError, match=r"`truth`.*\(5, 5\).*\(4, 5\)"):
        plots.outlines_rgb(np.zeros((5, 5)), LABELS, LABELS[1:])
    with pytest.raises(InvalidError, match="`image`"):
        plots.outlines_rgb(np.zeros(5), LABELS)


def test_a_written_overlay_is_the_picture(tmp_path):
    image, labels = simulate.nuclei((40, 60), 3)
    path = plots.write_overlay(tmp_path / "a.png", image, labels)
    np.testing.assert_array_equal(images.read(path).array, plots.outlines_rgb(image, labels))
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_history_has_a_panel_for_each_metric_and_a_line_for_each_set():
    figure = plots.history(HISTORY)
    loss, score = figure.axes
    assert (loss.get_ylabel(), score.get_ylabel()) == ("loss", "score")
    assert [line.get_label() for line in loss.lines] == ["train", "validation"]
    assert loss.lines[0].get_ydata().tolist() == [0.9, 0.5]
    assert loss.lines[0].get_xdata().tolist() == [10, 20]


def test_plots_draw_where_told():
    mine = Figure()
    left, right = mine.subplots(1, 2)
    assert plots.history(HISTORY, metric="score", ax=left) is mine
    assert plots.overlay(np.zeros((5, 5)), LABELS, ax=right) is mine
    assert left.get_ylabel() == "score"
    assert len(right.images) == 1


def test_a_history_without_the_metric_is_refused():
    with pytest.raises(InvalidError, match="metric dice"):
        plots.history(HISTORY, metric="dice")
    with pytest.raises(InvalidError, match="an empty history"):
        plots.history(HISTORY[:0])


def test_worst_and_best_images():
    """Of five, the two worst from the lowest, the two best from the highest; NaN is left out."""
    table = pd.DataFrame(
        {"image": list("abcdef"), "dice": [0.5, 0.1, 0.9, 0.3, 0.7, np.nan], "iou": 0.5}
    )
    asked = []

    def picture(name):
        asked.append(name)
        return np.zeros((5, 5)), LABELS, LABELS

    figure = plots.worst_best(table, picture, n=2)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["b: dice 0.10", "d: dice 0.30", "c: dice 0.90", "e: dice 0.70"]
    assert asked == list("bdce")


def test_worst_and_best_of_few_images_show_none_twice():
    table = pd.DataFrame({"image": list("abc"), "scale": 1.0, "dice": [0.5, 0.1, 0.9]})
    pictures = dict.fromkeys("abc", (np.zeros((5, 5)), LABELS))
    titles = [ax.get_title() for ax in plots.worst_best(table, pictures).axes if ax.images]
    assert titles == ["b: dice 0.10", "a: dice 0.50", "c: dice 0.90"]
    assert len(plots.worst_best(table[:1], pictures).axes) == 1
    with pytest.raises(InvalidError, match="`metric`"):
        plots.worst_best(table, pictures, metric="ap")
    with pytest.raises(InvalidError, match="`scores`"):
        plots.worst_best(table[:0], pictures)


@pytest.mark.parametrize("augment", ["strong", Augment()])
def test_augmentation_sheet_starts_with_the_image_itself(augment):
    image, labels = simulate.nuclei((48, 40), 4)
    with pytest.raises(InvalidError, match="`seed`"):
        plots.augmentation_sheet(augment, image, labels, seed=-1)
    first = plots.augmentation_sheet(augment, image, labels, n=4)
    again = plots.augmentation_sheet(augment, image, labels, n=4)
    assert len(first.axes) == 5
    shown = [ax.images[0].get_array() for ax in first.axes]
    assert any((shown[0] != other).any() for other in shown[1:])
    for one, other in zip(first.axes, again.axes, strict=True):
        np.testing.assert_array_equal(one.images[0].get_array(), other.images[0].get_array())


def test_figures_are_saved_whole(tmp_path):
    figure = plots.overlay(np.zeros((5, 5)), LABELS)
    for ending in ("png", "pdf", "svg"):
        assert plots.save(figure, tmp_path / f"a.{ending}").stat().st_size > 0
    with pytest.raises(ValueError, match="xyz"):
        plots.save(figure, tmp_path / "a.xyz")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pdf", "a.png", "a.svg"]


def test_neither_importing_nor_drawing_touches_pyplot():
    """In a fresh process: matplotlib comes with the first figure, pyplot and Keras never."""
    code = """
import sys
from cytoloom import plots, simulate
assert "matplotlib" not in sys.modules
image, labels = simulate.nuclei((32, 32), 2)
plots.outlines_rgb(image, labels)
assert "matplotlib" not in sys.modules
plots.overlay(image, labels)
assert "matplotlib.pyplot" not in sys.modules
assert "keras" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_colour_picture_keeps_its_colours():
    # pale purple on white: stretched channel by channel, it would become saturated
    image = np.full((20, 20, 3), 250, np.uint8)
    image[5:15, 5:15] = (200, 150, 225)
    red, green, blue = plots.outlines_rgb(image, None)[10, 10].astype(int)
    assert green < red < blue
    assert blue > 180


def test_a_file_that_is_there_is_replaced_by_a_picture_only_when_asked(tmp_path):
    image, labels = np.zeros((8, 8)), np.eye(8, dtype=int)
    path = tmp_path / "mine.png"
    ways = (
        lambda **how: plots.write_overlay(path, image, labels, **how),
        lambda **how: plots.save(plots.overlay(image, labels), path, **how),
    )
    for write in ways:
        path.write_bytes(b"mine")
        with pytest.raises(InvalidError, match=r"Expected a new file.*overwrite=True"):
            write()
        assert path.read_bytes() == b"mine"
        assert write(overwrite=True).read_bytes().startswith(b"\x89PNG")
