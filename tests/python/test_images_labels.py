"""What label values mean, on arrays to check by eye."""

from __future__ import annotations

import numpy as np
import pytest

from cytoloom.errors import InvalidError
from cytoloom.images.labels import (
    border_labels,
    is_interpolated,
    is_mask_255,
    smallest,
    understand,
    values_of,
)

OBJECTS = np.array(
    [
        [5, 5, 0, 0, 0],
        [0, 0, 0, 9, 0],
        [0, 3, 3, 0, 0],
        [0, 0, 0, 0, 0],
    ]
)


def test_objects_at_the_border_are_those_among_the_outermost_pixels():
    assert border_labels(OBJECTS).tolist() == [5]
    assert border_labels(np.ones((3, 3, 3), int)).tolist() == [1]


@pytest.mark.parametrize("values", [[[1, 0]], [[-5, 7]], [[0, 2**31 - 1]], [[3]], [[]]])
def test_distinct_values_are_those_of_numpy(values):
    array = np.array(values, np.int64)
    np.testing.assert_array_equal(values_of(array), np.unique(array))


def test_a_mask_of_0_255_but_not_where_255_is_unknown():
    assert is_mask_255(np.array([0, 255]))
    assert not is_mask_255(np.array([0, 255]), unknown=255)
    assert not is_mask_255(np.array([0, 1, 255]))


def test_255_objects_are_not_an_interpolated_mask():
    labels = np.repeat(np.arange(256), 4).reshape(32, 32)
    assert not is_interpolated(labels, np.unique(labels))
    assert understand(labels[..., None])[1] == ""


def test_a_few_objects_of_a_set_numbered_to_255_are_no_interpolated_mask():
    labels = np.zeros((20, 20), int)
    labels[1:5, 1:5], labels[1:5, 8:12], labels[7:9, 2:9], labels[10:19, 2:19] = 9, 80, 120, 255
    assert understand(labels[..., None])[0] is not None


def test_a_mask_that_was_a_jpeg_before_it_was_a_png_is_refused():
    """Values near 0 and near 255 besides, as JPEG leaves them around edges."""
    rng = np.random.default_rng(0)
    mask = np.zeros((40, 40), int)
    mask[10:30, 10:30] = 250 + rng.integers(0, 6, (20, 20))
    mask[:8] = rng.integers(0, 5, (8, 40))
    mask[9, 10:30] = rng.integers(40, 200, 20)
    with pytest.raises(InvalidError, match="at its edges"):
        understand(mask[..., None])


def test_three_grey_levels_are_classes_not_an_interpolated_mask():
    labels = np.array([[0, 128, 255, 255, 255]])
    assert understand(labels[..., None])[0].tolist() == labels.tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, bool])
def test_whole_floats_and_booleans_are_labels(dtype):
    labels, _ = understand(np.array([[0, 1]], dtype)[..., None])
    assert labels.dtype.kind in "ui"
    assert labels.tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ([0.5, 1.0], r"as\.is = TRUE"),
        ([0.5, 300.0], "fractional"),
        ([np.nan, 1.0], "NaN"),
        ([1j, 0], "complex"),
    ],
)
def test_what_is_no_whole_number_is_refused(values, match):
    with pytest.raises(InvalidError, match=match):
        understand(np.array([values])[..., None])


def test_labels_of_several_channels_are_refused():
    with pytest.raises(InvalidError, match="2 channels"):
        understand(np.zeros((3, 3, 2), int))


def test_of_two_colours_the_commoner_is_background_where_none_is_black():
    white, red = [255, 255, 255], [255, 0, 0]
    assert understand(np.array([[white, white, red]], np.uint8))[0].tolist() == [[0, 0, 1]]


def test_the_smallest_type_that_holds_all():
    assert smallest(np.array([0, 255])).dtype == np.uint8
    assert smallest(np.array([True])).dtype == np.uint8
    assert smallest(np.array([70000])).dtype == np.uint32
    with pytest.raises(InvalidError):
        smallest(np.array([2**32]))
