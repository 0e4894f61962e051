"""Dice, IoU, precision, recall and boundary F-score on arrays small enough to count."""

import numpy as np
import pytest

from cytoloom.errors import InvalidError
from cytoloom.metrics import boundary_f, dice, iou, per_class, precision, recall
from cytoloom.metrics.contingency import contingency

TRUTH = np.array([[1, 1, 1, 0], [0, 0, 0, 0]])
FOUND = np.array([[0, 1, 1, 1], [1, 0, 0, 0]])


def test_masks_counted_by_hand():
    """Two pixels shared, two invented, one missed."""
    assert dice(TRUTH, FOUND) == pytest.approx(4 / 7)
    assert iou(TRUTH, FOUND) == pytest.approx(2 / 5)
    assert precision(TRUTH, FOUND) == pytest.approx(2 / 4)
    assert recall(TRUTH, FOUND) == pytest.approx(2 / 3)


@pytest.mark.parametrize("score", [dice, iou, precision, recall, boundary_f])
def test_empty_against_empty_is_right_and_against_anything_wrong(score):
    empty = np.zeros_like(TRUTH)
    assert score(empty, empty) == 1
    assert score(empty, FOUND) == 0
    assert score(TRUTH, empty) == 0


@pytest.mark.parametrize("mask", [TRUTH > 0, TRUTH * 255, TRUTH.astype(float)])
def test_bool_0_255_and_whole_floats_are_the_same_mask(mask):
    assert dice(mask, TRUTH) == 1
    assert dice(TRUTH, mask) == 1


def test_255_is_a_class_beside_other_classes():
    """In a map of classes 1 and 255, a 1 found where 255 is true is wrong."""
    assert dice([[1, 255]], [[1, 1]]) == pytest.approx((2 / 3 + 0) / 2)


def test_mean_over_the_classes_present_in_either_image():
    """Class 1 right (1), class 2 half found (2/3), class 3 invented (0), background left out."""
    truth, found = [[1, 1, 2, 2, 0]], [[1, 1, 2, 0, 3]]
    result = per_class(truth, found)
    assert result.classes.tolist() == [1, 2, 3]
    np.testing.assert_allclose(result.dice, [1, 2 / 3, 0])
    np.testing.assert_allclose(result.iou, [1, 1 / 2, 0])
    np.testing.assert_allclose(result.precision, [1, 1, 0])
    np.testing.assert_allclose(result.recall, [1, 1 / 2, 0])
    assert dice(truth, found) == pytest.approx((1 + 2 / 3) / 3)


def test_a_named_class_that_is_nowhere_counts_one():
    assert dice([[1, 0]], [[1, 0]], classes=[1, 2]) == 1
    assert dice([[1, 0]], [[0, 1]], classes=[1, 2]) == pytest.approx(0.5)


@pytest.mark.parametrize("unknown", [9, 255, -1])
def test_unknown_pixels_count_nowhere(unknown):
    """The invented and the missed pixels lie where nobody knows: what remains is right."""
    truth = np.array([[1, 1, unknown, unknown, 0]])
    found = np.array([[1, 1, 1, 0, 0]])
    for score in (dice, iou, precision, recall):
        assert score(truth, found, unknown=unknown) == 1


def test_found_as_unknown_is_found_as_background():
    assert recall([[1, 1, 255]], [[1, 255, 255]], unknown=255) == pytest.approx(1 / 2)
    assert dice([[1, 1]], [[255, 255]], unknown=255) == 0


def test_overlaps_equal_a_loop_over_pixels_in_any_block_and_dimension(monkeypatch):
    rng = np.random.default_rng(3)
    truth, found = rng.integers(0, 5, (2, 6, 7, 5))
    expected: dict[tuple[int, int], int] = {}
    for pair in zip(truth.ravel().tolist(), found.ravel().tolist(), strict=True):
        expected[pair] = expected.get(pair, 0) + 1
    del expected[0, 0]
    for block in (1, 40, 1 << 20):
        monkeypatch.setattr("cytoloom.metrics.contingency.BLOCK_PX", block)
        table = contingency(truth, found)
        pairs = zip(table.truth.tolist(), table.found.tolist(), strict=True)
        assert dict(zip(pairs, table.pixels.tolist(), strict=True)) == expected


def test_ids_may_be_large():
    table = contingency(np.array([2**31 - 1, 0]), np.array([2**31 - 1, 7], np.uint32))
    assert table.truth.tolist() == [0, 2**31 - 1]
    assert table.found.tolist() == [7, 2**31 - 1]


def test_no_pixels_are_empty_images():
    assert dice(np.zeros((0, 4), int), np.zeros((0, 4), int)) == 1


def test_refusals_say_what_and_how():
    with pytest.raises(InvalidError, match=r"shape of truth, \(2, 4\).*\(1, 4\)"):
        dice(TRUTH, FOUND[:1])
    with pytest.raises(InvalidError, match="Threshold probabilities first"):
        dice(TRUTH, FOUND * 0.5)
    with pytest.raises(InvalidError, match=r"`truth`.*values from -1 to 1"):
        dice(TRUTH - 2 * (TRUTH == 0) + (TRUTH == 0), FOUND)
    with pytest.raises(InvalidError, match=r"`found`.*2147483648"):
        dice(TRUTH, FOUND * 2**31)


def square(y, x, side=5, shape=(16, 16)):
    image = np.zeros(shape, int)
    image[y : y + side, x : x + side] = 1
    return image


def test_boundary_within_the_tolerance_is_right():
    """A square moved by 2 px: its outline has partners within 2 px."""
    assert boundary_f(square(4, 4), square(4, 6), tolerance_px=2) == 1
    assert boundary_f(square(4, 4), square(4, 4), tolerance_px=0) == 1
    assert boundary_f(square(1, 1), square(9, 9), tolerance_px=2) == 0
    # however large: what is tried grows with the image, not with the tolerance
    assert boundary_f(square(1, 1), square(9, 9), tolerance_px=1e12) == 1


def test_boundary_counted_by_hand():
    """Moved by 1 px with tolerance 0, half of the outline falls on the other outline.

    The outline of a 5 x 5 square has 16 pixels. Of two squares one pixel apart in x, the top
    and bottom rows share 4 pixels each and the vertical sides none: 8 of 16, both ways.
    """
    assert boundary_f(square(4, 4), square(4, 5), tolerance_px=0) == pytest.approx(8 / 16)


def test_boundary_precision_and_recall_are_balanced():
    """A second, wrong square halves the precision; F = 2 * 0.5 * 1 / 1.5."""
    truth = square(1, 1)
    assert boundary_f(truth, truth + 2 * square(9, 9), tolerance_px=1) == pytest.approx(2 / 3)


def test_the_line_between_touching_objects_is_boundary():
    """Two halves against one whole: the merged image lacks the inner line."""
    whole = square(4, 4, side=6)
    halves = whole.copy()
    halves[:, 7:] *= 2
    assert boundary_f(halves, whole, tolerance_px=0) < 1
    assert boundary_f(halves, halves, tolerance_px=0) == 1


def test_no_boundary_at_the_image_edge_or_against_unknown():
    everything = np.ones((6, 6), int)
    assert boundary_f(everything, np.zeros((6, 6), int)) == 1
    truth = np.full((6, 6), 9)
    truth[:, :3] = 1
    assert boundary_f(truth, np.zeros((6, 6), int), unknown=9) == 1


def test_boundary_tolerance_must_not_be_negative():
    with pytest.raises(InvalidError, match="`tolerance_px`"):
        boundary_f(TRUTH, FOUND, tolerance_px=-1)
