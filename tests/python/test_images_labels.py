"""What label values mean, on arrays to check by eye."""

from __future__ import annotations

import numpy as np
import pytest
from imagecodecs import jpeg8_decode, jpeg8_encode
from scipy import ndimage

import cytoloom as cl
from cytoloom import simulate
from cytoloom.errors import InvalidError
from cytoloom.images.labels import (
    border_labels,
    is_interpolated,
    is_mask_255,
    renumbered,
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


NUCLEI = simulate.nuclei((128, 128), 12, seed=3)[1]


def jpeg(labels, quality):
    return jpeg8_decode(jpeg8_encode(labels.astype(np.uint8), level=quality))


@pytest.mark.parametrize(
    "change",
    [
        lambda labels: ndimage.zoom(labels[::2, ::2] * 1.0, 2, order=1).round(),
        lambda labels: ndimage.zoom(labels * 1.0, 0.7, order=1).round(),
        lambda labels: ndimage.rotate(labels * 500.0, 5, order=1, reshape=False).round(),
        lambda labels: ndimage.gaussian_filter(labels * 7.0, 0.7).round(),
        lambda labels: jpeg(labels, 75),
        lambda labels: jpeg(labels * 20, 95),
    ],
)
@pytest.mark.parametrize("of", [lambda nuclei: nuclei, lambda nuclei: np.stack([nuclei] * 2)])
def test_object_numbers_that_were_smoothed_or_lossily_compressed_are_refused(change, of):
    if of(NUCLEI).ndim == 3:
        changed = np.stack([change(NUCLEI)] * 2)
    else:
        changed = change(NUCLEI)
    with pytest.raises(InvalidError, match=r"between those beside them.*PNG or TIFF"):
        understand(changed[..., None].astype(np.uint16))


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_an_image_is_no_label_image(bits):
    """Noise of a camera, and no background that is flat."""
    scene = 0.1 + 0.5 * ndimage.gaussian_filter(np.random.default_rng(0).random((96, 96)), 4)
    image = np.random.default_rng(1).normal(scene, 0.05).clip(0, 1) * (2**bits - 1)
    labels = image.astype(np.uint16)
    report = cl.check(([labels] * 2, [labels] * 2), progress=False)
    assert not report.ok
    assert "as in an image. Give label images" in report.problems[0]
    with pytest.raises(InvalidError, match=r"as in an image\. Give label images"):
        cl.measure(labels, progress=False)


def test_many_objects_without_background_are_labels():
    """Blocks of a few pixels that fill the image."""
    each = np.arange(1, 257, dtype=np.uint16).reshape(16, 16)
    labels = np.kron(each, np.ones((2, 2), np.uint16))
    assert np.array_equal(understand(labels[..., None])[0], labels)


def specks(ignored):
    """Objects of a pixel, lines and a ring of a pixel's width, and a corner that is ignored."""
    rng = np.random.default_rng(0)
    labels = np.zeros((64, 64), np.uint8)
    labels[tuple(rng.integers(1, 63, (2, 60)))] = np.arange(1, 61)
    labels[40, 2:60], labels[10:20, 30] = 70, 71
    labels[45:55, 45:55] = 72
    labels[46:54, 46:54] = 0
    labels[:12, :30] = ignored
    return labels


@pytest.mark.parametrize("unknown", [None, 255])
def test_specks_and_lines_beside_a_value_to_ignore_are_no_smoothed_mask(unknown):
    labels = specks(255)
    assert understand(labels[..., None], unknown=unknown)[0] is not None


def test_small_objects_packed_densely_are_labels():
    crowd = np.kron(np.random.default_rng(0).permutation(400).reshape(20, 20), np.ones((3, 3), int))
    assert understand(crowd[..., None])[0] is not None


def test_a_rim_drawn_as_a_class_of_its_own_is_no_smoothing():
    classes = (NUCLEI > 0) + ndimage.binary_erosion(NUCLEI > 0).astype(int)
    assert understand(classes[..., None])[0] is not None


def test_nothing_is_concluded_from_the_value_that_counts_nowhere():
    labels = np.array([[0, 255]])
    assert understand(labels[..., None])[1] == "0/255 mask"
    assert understand(labels[..., None], unknown=255)[1] == ""
    three = np.array([[0, 1, 255]])[..., None]
    assert understand(three, lossy=True, unknown=255)[0].tolist() == [[0, 1, 255]]
    with pytest.raises(InvalidError, match="3 grey levels"):
        understand(three, lossy=True)


def test_large_numbers_are_numbered_anew_and_small_ones_stay():
    numbers, ids = renumbered(np.array([[2**31 - 1, 5], [5, 2_000_000_000]]))
    assert (numbers.tolist(), ids.tolist()) == ([[3, 1], [1, 2]], [0, 5, 2_000_000_000, 2**31 - 1])
    assert renumbered(OBJECTS)[0] is OBJECTS
    assert renumbered(OBJECTS)[1].tolist() == list(range(10))


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
