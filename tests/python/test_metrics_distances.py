"""Distances between masks: by hand, with spacing, and as scikit-image says where it can."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_erosion
from skimage.metrics import hausdorff_distance

from cytoloom.errors import InvalidError
from cytoloom.metrics import hausdorff, mean_false_distances, overlap_within

BOX = np.zeros((12, 8, 8), bool)
BOX[2:5, 2:6, 2:6] = True
EMPTY = np.zeros_like(BOX)


def test_a_shift_by_three_planes_with_spacing_4_1_1_is_12():
    moved = np.roll(BOX, 3, axis=0)
    assert hausdorff(BOX, moved, (4, 1, 1)) == 12
    assert hausdorff(moved, BOX, (4, 1, 1)) == 12
    assert hausdorff(BOX, moved) == 3
    assert hausdorff(BOX, np.roll(BOX, 1, axis=2), (4, 1, 2)) == 2


@pytest.mark.parametrize("seed", range(3))
def test_it_is_scikit_images_of_the_outlines(seed):
    masks = [np.random.default_rng(seed + 10 * k).random((14, 15)) < 0.7 for k in range(2)]
    lines = [mask & ~binary_erosion(mask) for mask in masks]
    assert hausdorff(*masks) == pytest.approx(hausdorff_distance(*lines))


def test_95_percent_leaves_out_a_stray_pixel():
    """A pixel far away is one of 41 on the outline; all others are right."""
    square = np.zeros((40, 40), bool)
    square[2:13, 2:13] = True
    stray = square.copy()
    stray[30, 2] = True
    assert hausdorff(square, stray) == 18
    assert hausdorff(square, stray, percentile=95) == 0


def test_empty_masks():
    assert hausdorff(EMPTY, EMPTY) == 0
    assert hausdorff(BOX, EMPTY) == hausdorff(EMPTY, BOX) == np.inf
    assert mean_false_distances(EMPTY, EMPTY) == (0, 0)
    assert mean_false_distances(BOX, EMPTY) == (0, np.inf)
    assert mean_false_distances(EMPTY, BOX) == (np.inf, 0)
    within = overlap_within(EMPTY, EMPTY, 1)
    assert (within.dice, within.precision, within.recall) == (1, 1, 1)
    assert overlap_within(BOX, EMPTY, 1).dice == overlap_within(EMPTY, BOX, 1).dice == 0


def test_mean_false_distances_by_hand():
    """A mask of 3 planes moved by one: a third is one plane of 4 away, both ways."""
    moved = np.roll(BOX, 1, axis=0)
    assert mean_false_distances(BOX, moved, (4, 1, 1)) == pytest.approx((4 / 3, 4 / 3))
    assert mean_false_distances([[1, 1, 0, 0, 0]], [[1, 0, 0, 0, 1]]) == (1.5, 0.5)


def test_overlap_within_a_tolerance_by_hand():
    """Two planes of three are shared; the third is one plane off: 4 away."""
    moved = np.roll(BOX, 1, axis=0)
    strict = overlap_within(BOX, moved, 3.9, (4, 1, 1))
    assert (strict.precision[0], strict.recall[0]) == pytest.approx((2 / 3, 2 / 3))
    mild = overlap_within(BOX, moved, 4, (4, 1, 1))
    assert (mild.precision, mild.recall, mild.dice) == (1, 1, 1)


def test_unknown_pixels_count_nowhere_and_make_no_outline():
    """What is found beyond the truth is unknown, and so is where the two part."""
    truth = np.zeros((9, 20), int)
    truth[2:6, 2:9] = 1
    found = truth.copy()
    found[2:6, 9:15] = 1
    truth[:, 9:] = 7
    assert hausdorff(truth, found, unknown=7) == 0
    assert mean_false_distances(truth, found, unknown=7) == (0, 0)
    assert overlap_within(truth, found, 0, unknown=7).dice == 1
    assert hausdorff(truth == 1, found) == 6


def test_what_cannot_be_is_refused():
    with pytest.raises(InvalidError, match=r"`spacing`. Expected 3 sizes above 0"):
        hausdorff(BOX, BOX, (1, 1))
    with pytest.raises(InvalidError, match="`spacing`"):
        mean_false_distances(BOX, BOX, (0, 1, 1))
    with pytest.raises(InvalidError, match="`percentile`"):
        hausdorff(BOX, BOX, percentile=0)
    with pytest.raises(InvalidError, match="`tolerance`"):
        overlap_within(BOX, BOX, -1)
    with pytest.raises(InvalidError, match="shape"):
        hausdorff(BOX, BOX[:3])
