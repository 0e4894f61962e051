"""Binary and Classes on arrays small enough to check on paper."""

from __future__ import annotations

import numpy as np
import pytest

from cytoloom import tasks
from cytoloom.components import from_plain, to_plain
from cytoloom.errors import InvalidError
from cytoloom.patches.sample import Sample
from cytoloom.tasks import Binary, Classes, Found, Instances, Task

CELL = Classes(("background", "cytoplasm", "nucleus"))
CELLS = np.array([[0, 1, 1, 1, 0], [0, 1, 2, 1, 0], [2, 0, 0, 0, 1]])


def sample(labels, known=None):
    arrays = {"labels": labels} | ({} if known is None else {"known": known})
    return Sample(arrays, {name: name for name in arrays})


def probabilities(values):
    return {"foreground": np.array(values, np.float32)[..., None]}


def test_binary_target_is_the_mask_and_its_weight():
    value, weight = Binary().target(sample(np.array([[0, 7, 1]])))["foreground"]
    assert value[..., 0].tolist() == [[0, 1, 1]]
    assert weight[..., 0].tolist() == [[1, 1, 1]]
    assert value.dtype == weight.dtype == np.float32


def test_binary_unknown_has_no_weight():
    known = np.array([[True, False]])
    value, weight = Binary().target(sample(np.array([[1, 1]]), known))["foreground"]
    assert value[..., 0].tolist() == weight[..., 0].tolist() == [[1, 0]]


def test_binary_decodes_and_scores():
    """Found 2 px, truth 2 px, 1 shared: Dice 1/2, IoU 1/3."""
    found = Binary().decode(probabilities([[0.9, 0.6, 0.4, 0.1]]))
    assert found.labels.tolist() == [[1, 1, 0, 0]]
    scores, rows = Binary().score(np.array([[0, 1, 1, 0]]), found)
    assert scores == {
        "dice": 0.5,
        "iou": pytest.approx(1 / 3),
        "precision": 0.5,
        "recall": 0.5,
    }
    assert rows == []


def test_binary_threshold_is_the_one_with_the_best_dice():
    """Truth is where p is above 0.3, so the threshold falls between 0.3 and 0.35."""
    p = np.linspace(0, 1, 201)[None]
    truth = (p > 0.3).astype(int)
    tuned = Binary().tune([probabilities(p)], [(truth, None)])
    assert 0.29 <= tuned.threshold <= 0.31
    assert Binary().tune([], []) == Binary()


def test_binary_tuning_leaves_unknown_pixels_out():
    """The pixels that would ask for another threshold are unknown; any threshold is perfect."""
    maps = probabilities([[0.9, 0.1, 0.95, 0.05]])
    known = np.array([[True, True, False, False]])
    assert Binary().tune([maps], [(np.array([[1, 0, 0, 1]]), known)]).threshold == 0.5


def test_binary_reads_any_mask():
    mask = np.array([[0, 255]], np.uint8)
    assert Binary().prepare(mask).tolist() == [[0, 1]]
    assert "0/255" in Binary().describe_labels(mask)[0]
    assert Binary().describe_labels(np.array([[0, 1]])) == []


def test_objects_of_a_mask_are_its_components():
    found = Binary().decode(probabilities([[0.9, 0.1, 0.9], [0.1, 0.9, 0.1]]))
    assert found.objects_labels.max() == 1, "diagonal neighbours connect"
    assert found.classes == {1: 1}


def test_classes_target_is_one_hot():
    value, weight = CELL.target(sample(CELLS))["classes"]
    assert value.shape == (3, 5, 3)
    assert (value.argmax(-1) == CELLS).all()
    assert (value.sum(-1) == 1).all()
    assert (weight == 1).all()


def test_unknown_pixels_have_neither_target_nor_weight():
    known = np.array([[True, False, True]])
    value, weight = CELL.target(sample(np.array([[0, 0, 2]]), known))["classes"]
    assert value[0].tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 1]]
    assert weight[0, :, 0].tolist() == [1, 0, 1]


def test_class_weights_are_pixel_weights():
    task = Classes(CELL.names, class_weights=(1.0, 2.0, 5.0))
    weight = task.target(sample(np.array([[0, 1, 2]])))["classes"][1]
    assert weight[0, :, 0].tolist() == [1, 2, 5]


def test_classes_round_trip_and_scores():
    """One of two nucleus pixels missed: its Dice is 2/3, cytoplasm's 1, the mean 5/6."""
    maps = {"classes": CELL.target(sample(CELLS))["classes"][0]}
    found = CELL.decode(maps)
    assert (found.labels == CELLS).all()
    assert found.classes == {1: 1, 2: 2, 3: 2}
    missed = CELLS.copy()
    missed[2, 0] = 0
    scores, _ = CELL.score(CELLS, Found(missed, semantic=True))
    assert scores["dice_nucleus"] == pytest.approx(2 / 3)
    assert scores["dice_cytoplasm"] == 1
    assert scores["dice"] == pytest.approx(5 / 6)
    assert scores["recall_nucleus"] == 0.5


def test_a_class_that_is_nowhere_has_no_score():
    truth = np.array([[0, 1, 1, 0]])
    scores, _ = CELL.score(truth, Found(np.array([[0, 1, 0, 0]]), semantic=True))
    assert all(np.isnan(scores[f"{m}_nucleus"]) for m in ("dice", "iou", "precision", "recall"))
    assert scores["n_found_on_empty_nucleus"] == 0
    assert "n_found_on_empty_cytoplasm" not in scores
    assert scores["dice"] == pytest.approx(2 / 3)
    empty = np.zeros((2, 2), int)
    assert np.isnan(CELL.score(empty, Found(empty, semantic=True))[0]["dice"])


def test_a_class_found_where_it_is_not_scores_0_and_its_objects_are_counted():
    """Two nuclei on an image of cytoplasm alone; cytoplasm is found whole."""
    truth = np.array([[0, 1, 1, 1, 0, 0]])
    scores, _ = CELL.score(truth, Found(np.array([[2, 1, 1, 1, 0, 2]]), semantic=True))
    assert (scores["dice_nucleus"], scores["n_found_on_empty_nucleus"]) == (0, 2)
    assert scores["dice"] == 0.5
    assert "n_found_on_empty" not in scores, "the image is not empty"


def test_where_there_is_nothing_finding_nothing_is_not_praised():
    nothing = np.zeros((1, 5), int)
    scores, _ = Binary().score(nothing, Found(nothing, semantic=True))
    assert all(np.isnan(scores[m]) for m in ("dice", "iou", "precision", "recall"))
    assert scores["n_found_on_empty"] == 0
    scores, _ = Binary().score(nothing, Found(np.array([[1, 0, 1, 1, 0]]), semantic=True))
    assert (scores["dice"], scores["n_found_on_empty"]) == (0, 2)
    known = np.array([[False, True, True, True, True]])
    scores, _ = Binary().score(nothing, Found(np.array([[1, 0, 0, 0, 0]]), semantic=True), known)
    assert scores["n_found_on_empty"] == 0, "found where nothing is known"
    assert Binary().score(nothing.astype(np.uint8), Found(nothing, semantic=True), known)[0] == (
        pytest.approx(Binary().score(nothing, Found(nothing, semantic=True), known)[0], nan_ok=True)
    ), "unknown pixels of bytes are none of an object"


def test_empty_images_do_not_tune_the_threshold_until_nothing_is_found():
    """Foreground of three pixels at 0.6 and one at 0.8; on two empty images 0.7 is false."""
    nuclei = probabilities([[0.6, 0.6, 0.6, 0.8, 0.1, 0.1]]), np.array([[1, 1, 1, 1, 0, 0]])
    empty = probabilities([[0.1, 0.1, 0.7, 0.1, 0.1, 0.1]]), np.zeros((1, 6), int)
    maps, truths = zip(nuclei, *[empty] * 2, strict=True)
    tuned = Binary().tune(maps, [(truth, None) for truth in truths])
    # below 0.6: Dice 2 * 4 / (4 + 4 + 2 false) = 0.8; above 0.7 it is 2 / (1 + 4) = 0.4
    assert tuned.threshold < 0.6
    assert Binary(0.3).tune(maps[1:], [(truth, None) for truth in truths[1:]]) == Binary(0.3)


def test_what_is_found_on_empty_images_does_count_when_tuning():
    """Nothing is lost above 0.7, where the empty image shows nothing."""
    nuclei = probabilities([[0.9, 0.1]]), np.array([[1, 0]])
    empty = probabilities([[0.7, 0.7]]), np.array([[0, 0]])
    maps, truths = zip(nuclei, empty, strict=True)
    assert 0.7 <= Binary().tune(maps, [(truth, None) for truth in truths]).threshold < 0.9


def test_low_dice_names_the_objects_found_on_empty_images():
    (said,) = Binary().doubts({"dice": 0.1, "n_found_on_empty": 2.5})
    assert "only 0.10; those without anything to find have 2.5 false objects each" in said
    assert Binary().doubts({"n_found_on_empty": 0.0}) == []


def test_classes_refuse_ids_without_a_name():
    assert CELL.check_labels(CELLS) == []
    assert "found 3" in CELL.check_labels(np.array([[0, 3]]))[0]
    assert CELL.check_labels(np.array([[0, 3]]), np.array([[True, False]])) == []


def test_two_classes_read_a_255_mask():
    mask = np.array([[0, 255]], np.uint8)
    two = Classes()
    assert two.check_labels(two.prepare(mask)) == []
    assert two.prepare(mask).tolist() == [[0, 1]]
    assert two.describe_labels(mask)
    assert CELL.prepare(mask) is mask


def test_probabilities_and_foreground_agree():
    maps = {"classes": np.array([[[0.2, 0.3, 0.5]]], np.float32)}
    assert CELL.foreground(maps).tolist() == [[pytest.approx(0.8)]]
    assert CELL.probabilities(maps).shape == (1, 1, 3)
    two = Binary().probabilities(probabilities([[0.25]]))
    assert two.tolist() == [[[0.75, 0.25]]]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"names": ("a",)}, "names"),
        ({"names": ("a", "a")}, "names"),
        ({"class_weights": (1.0,)}, "class_weights"),
    ],
)
def test_classes_check_their_fields(fields, named):
    with pytest.raises(InvalidError, match=f"Invalid `{named}`"):
        Classes(**fields)


def test_strings_stand_for_tasks():
    assert tasks.resolve("instances") == Instances()
    assert tasks.resolve("binary") == Binary()
    assert tasks.resolve("classes:background,cytoplasm,nucleus") == CELL
    assert tasks.resolve(CELL) is CELL
    for wrong in ("classes", "cells", "binary:a,b"):
        with pytest.raises(InvalidError, match="Invalid `task`"):
            tasks.resolve(wrong)


@pytest.mark.parametrize("task", [Binary(threshold=0.3), CELL, Instances(min_area_px=5)])
def test_tasks_go_to_json_and_back(task):
    assert from_plain(to_plain(task), Task) == task


def test_a_mask_of_two_classes_is_read_as_ids_by_the_check_too():
    mask = np.array([[0, 255], [255, 0]], np.uint8)
    two = Classes(("background", "nucleus"))
    assert two.check_labels(mask) == []
    three = Classes(("background", "cytoplasm", "nucleus"))
    assert "name all classes" in three.check_labels(mask)[0]
