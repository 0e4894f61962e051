"""Variation of information, adapted Rand error and SEG on numbers one can check by hand."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import metrics as theirs

from cytoloom.errors import InvalidError
from cytoloom.metrics import adapted_rand_error, seg, variation_of_information

WHOLE = np.ones((4, 4), int)
HALVES = np.repeat([[3, 3, 8, 8]], 4, axis=0)
EMPTY = np.zeros((4, 4), int)


def test_a_halved_object_is_one_bit_of_split_and_two_merged_ones_one_of_merge():
    assert variation_of_information(WHOLE, HALVES) == (1, 0)
    assert variation_of_information(HALVES, WHOLE) == (0, 1)
    assert variation_of_information(HALVES, HALVES[:, ::-1]) == (0, 0)


def test_a_halved_object_keeps_half_of_its_pairs():
    """8 * 7 pairs in each half are together, of 16 * 15: F = 2 * 112 / (240 + 112)."""
    assert adapted_rand_error(WHOLE, HALVES) == pytest.approx(1 - 224 / 352)
    assert adapted_rand_error(HALVES, WHOLE) == pytest.approx(1 - 224 / 352)
    assert adapted_rand_error(HALVES, HALVES * 5) == 0


@pytest.mark.parametrize("seed", range(4))
def test_they_equal_scikit_image_where_nothing_is_found_as_background(seed):
    """Its background of the truth is ignored, as ours is."""
    rng = np.random.default_rng(seed)
    truth, found = rng.integers(0, 5, (12, 13)), rng.integers(1, 6, (12, 13))
    own = variation_of_information(truth, found)
    # scikit-image divides by all pixels, also by those that it ignores
    some = truth > 0
    assert own == pytest.approx(theirs.variation_of_information(truth[some], found[some]))
    every = theirs.variation_of_information(truth, found)
    assert variation_of_information(truth, found, background=True) == pytest.approx(every)
    assert adapted_rand_error(truth, found) == pytest.approx(
        theirs.adapted_rand_error(truth, found)[0]
    )


def test_each_pixel_missed_is_an_object_of_its_own_to_the_rand_error():
    """Of an object of 16 pixels 8 are found: 8 * 7 pairs, of 16 * 15 true and 8 * 7 found ones."""
    half = np.where(HALVES == 3, 1, 0)
    assert adapted_rand_error(WHOLE, half) == pytest.approx(1 - 2 * 56 / (240 + 56))
    assert adapted_rand_error(WHOLE, EMPTY) == 1
    alone = np.eye(4, dtype=int) * [1, 2, 3, 4]
    assert adapted_rand_error(alone, alone) == 0


def test_empty_images():
    assert variation_of_information(EMPTY, EMPTY) == (0, 0)
    assert variation_of_information(EMPTY, HALVES) == (0, 0)
    assert variation_of_information(HALVES, EMPTY) == (0, 1)
    assert (adapted_rand_error(EMPTY, EMPTY), adapted_rand_error(EMPTY, WHOLE)) == (0, 1)
    assert (seg(EMPTY, EMPTY), seg(EMPTY, WHOLE), seg(WHOLE, EMPTY)) == (1, 0, 0)


def test_ids_may_be_of_any_size():
    """2**62 and its neighbour, which no float tells apart, nor any table holds as indices."""
    huge = np.where(HALVES == 3, 2**62, 2**62 + 1)
    assert variation_of_information(huge, WHOLE) == (0, 1)
    assert variation_of_information(WHOLE, huge.astype(np.uint64)) == (1, 0)
    assert adapted_rand_error(huge, HALVES) == 0


def test_unknown_pixels_count_nowhere():
    """The wrong half is unknown."""
    truth = np.where(HALVES == 8, 99, 1)
    assert variation_of_information(truth, HALVES, unknown=99) == (0, 0)
    assert adapted_rand_error(truth, HALVES, unknown=99) == 0
    assert seg(truth, HALVES, unknown=99) == 1
    everything = np.full((4, 4), -1)
    assert variation_of_information(everything, HALVES, unknown=-1) == (0, 0)
    assert adapted_rand_error(everything, HALVES, unknown=-1) == 0


def test_seg_wants_more_than_half_of_an_object():
    """The first object is found with IoU 3/4, the second by halves, so not; the third is extra."""
    truth = [[1, 1, 1, 1, 2, 2, 2, 2, 0, 0]]
    found = [[5, 5, 5, 0, 6, 6, 7, 7, 8, 8]]
    assert seg(truth, found) == pytest.approx((3 / 4 + 0) / 2)
    assert seg(truth, np.array(truth) * 2) == 1


def test_background_as_an_object():
    """Half of the pixels are an object: that all is found as one merges one bit."""
    truth = np.where(HALVES == 3, 1, 0)
    assert variation_of_information(truth, WHOLE) == (0, 0)
    assert variation_of_information(truth, WHOLE, background=True) == (0, 1)
    assert variation_of_information(truth.astype(np.uint8) * 255, WHOLE, background=True) == (0, 1)


@pytest.mark.parametrize("score", [variation_of_information, adapted_rand_error, seg])
def test_what_is_no_label_is_refused(score):
    with pytest.raises(InvalidError, match="shape"):
        score(WHOLE, WHOLE[:2])
    with pytest.raises(InvalidError, match="Threshold"):
        score(WHOLE, WHOLE * 0.5)
    with pytest.raises(InvalidError, match="-2"):
        score(WHOLE, WHOLE * -2)
