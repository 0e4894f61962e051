"""Percentile normalisation on arrays small enough to know the answer."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cytoloom.components import from_plain, to_plain
from cytoloom.errors import InvalidError
from cytoloom.images.normalize import Normalize, Stats
from cytoloom.images.percentiles import MAX_SAMPLE


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int64])
def test_integer_percentiles_are_those_of_numpy(dtype):
    rng = np.random.default_rng(0)
    image = rng.integers(-100 if np.dtype(dtype).kind == "i" else 0, 120, (37, 41, 2)).astype(dtype)
    stats = Normalize(low=1, high=99.8).fit(image)
    for channel in range(2):
        low, high = np.percentile(image[..., channel], [1, 99.8])
        assert stats.low[channel] == pytest.approx(low, abs=1e-9)
        assert stats.high[channel] == pytest.approx(high, abs=1e-9)


def test_float_percentiles_are_those_of_numpy_up_to_the_sample_size():
    image = np.random.default_rng(0).normal(size=(50, 60, 1))
    low, high = np.percentile(image, [1, 99.8])
    assert Normalize().fit(image) == Stats((low,), (high,), "float64")


def test_a_large_float_image_is_sampled_over_all_its_columns():
    width = 2048
    image = np.tile(np.arange(width, dtype=np.float32), (MAX_SAMPLE // width + 100, 1))[..., None]
    stats = Normalize(low=0, high=100).fit(image)
    assert (stats.low, stats.high) == ((0.0,), (width - 1.0,))


def test_very_wide_integers_do_not_make_a_huge_histogram():
    image = np.array([0, 2**40], np.int64).reshape(2, 1, 1)
    assert Normalize(low=0, high=100).fit(image).high == (2.0**40,)


def test_each_channel_has_its_own_scale():
    image = np.stack([np.arange(11), 10 * np.arange(11)], -1)[:, None, :].astype(np.uint16)
    out = Normalize(low=0, high=100)(image)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out[..., 0], out[..., 1], atol=1e-7)


def test_blank_images_stay_blank():
    for dtype in (np.uint8, np.uint16, np.float32):
        assert not Normalize()(np.full((8, 8, 1), 7, dtype)).any()


def test_with_a_learned_floor_noise_stays_small_and_training_images_are_untouched():
    rng = np.random.default_rng(0)
    bright = [rng.integers(0, 200, (32, 32, 1)).astype(np.uint8) for _ in range(5)]
    plain = Normalize()
    learned = plain.with_floor([plain.fit(b) for b in bright])
    noise = rng.integers(10, 13, (32, 32, 1)).astype(np.uint8)
    assert plain(noise).max() == 1
    assert learned(noise).max() < 0.1
    for image in bright:
        np.testing.assert_array_equal(learned(image), plain(image))


def test_a_floor_learned_on_one_pixel_type_does_not_touch_another():
    learned = Normalize(low=0, high=100, floor=(50.0,), floor_dtype="uint8")
    image = np.linspace(0, 1, 20, dtype=np.float32).reshape(4, 5, 1)
    assert learned(image).max() == 1


def test_nan_and_infinity_neither_count_nor_stay():
    image = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10, 1)
    image[0, 0, 0], image[0, 1, 0], image[0, 2, 0] = np.nan, np.inf, -np.inf
    out = Normalize(low=0, high=100)(image)
    assert out[0, :3, 0].tolist() == [0, 1, 0]
    assert np.isfinite(out).all()
    assert not Normalize()(np.full((3, 3, 1), np.nan, np.float32)).any()


def test_an_image_in_parts_is_scaled_as_the_whole():
    image = np.random.default_rng(0).integers(0, 4000, (20, 20, 1)).astype(np.uint16)
    stats = Normalize().fit(image)
    whole = Normalize().apply(image, stats)
    np.testing.assert_array_equal(whole[5:9, 3:7], Normalize().apply(image[5:9, 3:7], stats))


def test_the_wrong_number_of_channels_is_refused():
    with pytest.raises(InvalidError, match="Expected 1 channels"):
        Normalize().apply(np.zeros((2, 2, 3)), Stats((0.0,), (1.0,)))


class Unread:
    """A volume of which nothing may be read: 100 GB."""

    shape, dtype, axes, name = (4096, 5120, 5120, 2), np.dtype(np.uint16), "zyxc", "big.zarr"

    def read(self, slices=None):
        raise AssertionError("read")


def test_a_fixed_range_is_the_same_for_all_images_and_reads_none():
    scaling = Normalize(range=(100, 300))
    stats = scaling.fit(Unread())
    assert stats == Stats((100.0, 100.0), (300.0, 300.0), "uint16")
    block = np.array([[[100, 200], [300, 500]]], np.uint16)
    assert scaling.apply(block, stats).tolist() == [[[0, 0.5], [1, 2]]]
    # fractions have a range, too
    assert scaling(np.full((1, 1, 1), 150.0)).item() == 0.25


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [(np.uint8, 0, 255), (np.uint16, 0, 65535), (np.int16, -32768, 32767), (bool, 0, 1)],
)
def test_the_range_of_a_type_is_that_of_each_image(dtype, low, high):
    image = np.array([[[low], [high]]], dtype)
    assert Normalize(range="dtype")(image).ravel().tolist() == [0, 1]
    assert Normalize(range="dtype").fit(image).high == (float(high),)


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint64])
def test_types_whose_range_says_nothing_are_refused(dtype):
    with pytest.raises(InvalidError, match=f"8 or 16 bits for range='dtype'.*{dtype.__name__}"):
        Normalize(range="dtype").fit(np.zeros((3, 3, 1), dtype))


def test_of_a_fixed_range_training_keeps_the_type_and_learns_no_floor():
    scaling = Normalize(range="dtype")
    image = np.zeros((4, 4, 1), np.uint16)
    learned = scaling.with_floor([scaling.fit(image)] * 3)
    assert (learned.floor, learned.floor_dtype) == (None, "uint16")
    assert not learned.held_down(learned.fit(image))
    assert from_plain({"name": "Normalize", "low": 1, "high": 99}).range is None


def test_normalize_and_stats_survive_json():
    fixed = Normalize(range=(0, 65535)), Normalize(range="dtype")
    measured = Stats((1.0, 2.0), (3.0, 4.0), "uint8")
    for component in (Normalize(floor=3.0), Normalize(), *fixed, measured):
        assert from_plain(json.loads(json.dumps(to_plain(component)))) == component


def test_impossible_percentiles_are_refused():
    with pytest.raises(InvalidError, match="low < high"):
        Normalize(low=60, high=40)
