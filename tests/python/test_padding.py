"""Padding around images is no background, and a dark background is no padding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import cytoloom as cl
from cytoloom.datasets.data import as_data
from cytoloom.datasets.items import read_labels
from cytoloom.datasets.padding import padding_around
from cytoloom.datasets.sources import ArraySource
from cytoloom.datasets.views import CropSource
from cytoloom.images import blocks
from cytoloom.images import padding as padding_module
from cytoloom.images.normalize import Normalize
from cytoloom.images.padding import filled, padding_of
from cytoloom.images.resize import enlarged
from cytoloom.patches.sample import Reader, Sampler
from cytoloom.tasks import Instances

IMAGE, NUCLEI = cl.simulate.nuclei((128, 128), 15, seed=1)
ALONE = IMAGE[..., None]
RIGHT = ((0, 0), (0, 128), (0, 0))
AROUND = ((9, 30), (20, 12), (0, 0))


def turned(image, value):
    fill = image.min() if np.isnan(value) else value
    found = ndimage.rotate(image, 12, axes=(0, 1), order=0, cval=fill, reshape=True)
    outside = ndimage.rotate(np.ones(image.shape), 12, axes=(0, 1), order=0, reshape=True) == 0
    return np.where(outside, value, found).astype(image.dtype)


def stitched(image, value):
    """Four tiles that are not in line."""
    whole = np.full((150, 150, 1), value, image.dtype)
    for y, x, dy, dx in ((0, 0, 4, 0), (0, 1, 0, 9), (1, 0, 11, 7), (1, 1, 6, 15)):
        whole[64 * y + dy :, 64 * x + dx :][:64, :64] = image[64 * y :, 64 * x :][:64, :64]
    return whole


WAYS = {
    "right": lambda image, value: np.pad(image, RIGHT, constant_values=value),
    "around": lambda image, value: np.pad(image, AROUND, constant_values=value),
    "moved": lambda image, value: np.pad(image[6:, :-9], ((0, 6), (9, 0), (0, 0)),
                                         constant_values=value),
    "turned": turned,
    "stitched": stitched,
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", [0, -9999, 65535, np.nan])
def test_what_an_image_was_filled_up_with_is_found_and_changes_no_limit(way, value):
    padded = WAYS[way](ALONE.astype(np.float32), value)
    (found,) = padding_of(padded).values
    assert np.array_equal(found, value, equal_nan=True)
    stats = Normalize().fit(padded)
    rest = padded[~padding_of(padded).covers(padded)]
    assert (stats.low[0], stats.high[0]) == pytest.approx(np.percentile(rest, (1, 99.8)))


SMOOTH = ndimage.gaussian_filter(ALONE.astype(float), (1, 1, 0))
NOISY = SMOOTH + np.random.default_rng(0).normal(0, 0.5, ALONE.shape)
DARK = np.maximum(NOISY - np.percentile(NOISY, 12), 0).round().astype(np.uint16)


@pytest.mark.parametrize("way", ["right", "around", "moved", "turned"])
def test_padding_is_found_around_an_image_that_is_black_in_places_itself(way):
    """In pieces of several pixels, at its own edges too: what counts is the area outside lines."""
    assert (DARK == 0).mean() > 0.12
    assert padding_of(DARK) is None
    found = padding_of(WAYS[way](DARK, 0))
    assert (found.values, found.inside) == ((0,), True)
    stats, alone = Normalize().fit(WAYS[way](DARK, 0)), Normalize().fit(DARK)
    assert stats.low == pytest.approx(alone.low, abs=5)
    assert stats.high == pytest.approx(alone.high, rel=0.1)


def test_what_is_no_padding_after_all_is_told_by_its_corners():
    """As the warning says."""
    padded = np.pad(IMAGE, 40)
    (warning,) = cl.check(([padded], [np.pad(NUCLEI, 40)]), "instances").warnings
    assert "change a pixel in each of its corners" in warning
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        padded[corner] = 1
    assert cl.check(([padded], [np.pad(NUCLEI, 40)]), "instances").warnings == ()


def test_corners_of_the_image_itself_may_be_constant_as_well():
    white = ALONE.copy()
    white[:20, :20] = white[-20:, :20] = white.max()
    assert padding_of(np.pad(white, RIGHT)).values == (0,)


def test_the_rest_is_scaled_as_the_image_alone_and_padding_becomes_0():
    scaled = Normalize()(np.pad(ALONE, AROUND))
    np.testing.assert_array_equal(scaled[9:-30, 20:-12], Normalize()(ALONE))
    assert not scaled[:9].any()
    assert not scaled[:, -12:].any()


FLOOR = np.maximum(IMAGE.astype(int) - int(np.percentile(IMAGE, 80)), 0)[..., None]
Y, X = np.mgrid[:128, :128]
DISC = np.hypot(Y - 64, X - 64) < 60


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(ALONE, id="as it was taken"),
        pytest.param(FLOOR, id="background clipped to 0"),
        pytest.param(255 - np.minimum(FLOOR, 255), id="background saturated white"),
        pytest.param((NUCLEI > 0)[..., None] * ALONE, id="background masked out"),
        pytest.param(np.pad(FLOOR[20:100, 20:100], ((24, 24), (24, 24), (0, 0))),
                     id="clipped, and nothing near the border"),
        pytest.param(ndimage.gaussian_filter((NUCLEI > 0) * 900, 1)[..., None], id="no noise"),
        pytest.param((DISC * IMAGE)[..., None], id="one round organoid"),
        pytest.param((np.abs(X - Y) < 2)[..., None] * ALONE, id="one fibre"),
        pytest.param(np.kron([[0, 7, 0], [9, 0, 0]], np.ones((40, 40), int))[..., None],
                     id="drawn squares"),
        pytest.param(np.zeros((64, 64, 1)), id="nothing at all"),
    ],
)  # fmt: skip
def test_a_background_is_no_padding_however_dark_and_even(image):
    assert padding_of(image) is None
    assert Normalize().fit(image).padding == ()


def test_no_real_image_is_taken_for_padded(real_data: Path):
    files = sorted(
        file for kind in ("tif", "png") for file in real_data.glob(f"*/**/images/*.{kind}")
    )
    images = [cl.images.read(file).array for file in files[::12]]
    assert len(images) > 40
    corners = [padding_module._corner_values(image) for image in images]
    # many are black in a corner: they have to be told by more than that
    assert sum(map(bool, corners)) > 5
    assert [f for f, image in zip(files[::12], images, strict=True) if padding_of(image)] == []


def test_values_that_floating_point_cannot_tell_apart():
    deep = ALONE.astype(np.uint64) + np.uint64(2**63)
    padded = np.pad(deep, RIGHT, constant_values=2**63 + 1)
    assert padding_of(padded).values == (2**63 + 1,)
    assert Normalize().fit(padded).low == Normalize().fit(deep).low


def test_single_pixels_that_have_the_value_keep_it():
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 1)).astype(np.uint8)
    padded = np.pad(noise, RIGHT, constant_values=128)
    stats = Normalize().fit(padded)
    assert stats.padding == (128,)
    scaled, known = Normalize().apply(padded, stats), ~padding_of(padded).covers(padded)
    assert known[:, :128].all()
    assert (scaled[:, :128][noise == 128] > 0.4).all()
    assert not scaled[:, 128:].any()


def test_black_pixels_of_the_image_itself_count_as_in_the_image_alone():
    dark = np.maximum(ALONE.astype(int) - int(np.percentile(ALONE, 4)), 0)
    padded = np.pad(dark, RIGHT)
    alone, stats = Normalize().fit(dark), Normalize().fit(padded)
    assert (stats.padding, stats.padding_inside) == ((0,), True)
    assert stats.low == alone.low == (0.0,)
    # those that touch the padding are taken for it
    assert stats.high == pytest.approx(alone.high, rel=1e-3)


def test_channels_are_padded_each_on_its_own():
    """A second channel moved to fit the first lacks some pixels, the first does not."""
    both = np.concatenate([ALONE, np.pad(ALONE[12:], ((0, 12), (0, 0), (0, 0)))], axis=-1)
    found = padding_of(both)
    assert found.values == (None, 0.0)
    assert not found.everywhere
    assert not found.covers(both).any()
    stats = Normalize().fit(both)
    assert stats.low[1] == Normalize().fit(ALONE[12:]).low[0]


def test_stacks_moved_plane_by_plane_and_black_planes():
    planes = [np.pad(ALONE[k:], ((0, k), (0, 0), (0, 0))) for k in (8, 3, 5)]
    stack = np.stack([np.zeros_like(ALONE), *planes])
    found = padding_of(stack)
    assert found.everywhere
    assert found.covers(stack)[0].all()
    assert found.share == pytest.approx((128 + 16) / (4 * 128))


class Regions:
    """A source that keeps a note of the largest region that was asked for."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.most = array, array.shape, array.dtype, 0
        self.axes, self.regions = "yxc", True

    def read(self, slices=None):
        part = self.array if slices is None else self.array[slices]
        self.most = max(self.most, part.size)
        return part


@pytest.mark.parametrize("way", WAYS)
def test_a_large_image_is_looked_at_region_by_region(way, monkeypatch):
    padded = WAYS[way](ALONE, 0)
    whole = padding_of(padded)
    monkeypatch.setattr(blocks, "LARGE_PX", 1000)
    source = Regions(padded)
    assert padding_of(source) == whole
    assert source.most <= 1000


def test_of_an_image_without_a_constant_corner_only_corners_are_read(monkeypatch):
    monkeypatch.setattr(blocks, "LARGE_PX", 1000)
    source = Regions(ALONE)
    assert padding_of(source) is None
    assert source.most == 16


def test_padding_counts_nowhere_in_labels_and_is_warned_of_once():
    labels = np.pad(NUCLEI, ((0, 0), (0, 128)))
    labels[40:60, 200:220] = 99
    data = as_data(([np.pad(IMAGE, ((0, 0), (0, 128)))], [labels]))
    read, known = read_labels(data.items[0])
    assert known[:, :128].all()
    assert not known[:, 128:].any()
    assert 99 not in read
    part = (slice(0, 8), slice(120, 140))
    np.testing.assert_array_equal(read_labels(data.items[0], None, part)[1], known[part])
    (warning,) = cl.check(data, "instances").warnings
    assert "padded with 0 at its border (50.0% of its pixels)" in warning
    row = cl.check(data, "instances").table.iloc[0]
    assert row["foreground"] == pytest.approx((NUCLEI > 0).mean(), abs=1e-3)


def test_nan_around_an_image_is_one_warning_and_nan_inside_another():
    image = np.pad(IMAGE.astype(np.float32), 10, constant_values=np.nan)
    labels = np.pad(NUCLEI, 10)
    (warning,) = cl.check(([image], [labels]), "instances").warnings
    assert "padded with NaN" in warning
    inside = IMAGE.astype(np.float32)
    inside[50, 50] = np.nan
    (warning,) = cl.check(([inside], [NUCLEI]), "instances").warnings
    assert "NaN or infinite values" in warning


def test_a_crop_has_the_padding_of_the_whole():
    whole = ArraySource(np.pad(IMAGE, ((0, 0), (0, 128))))
    crop = CropSource(whole, ((0, 128), (100, 160)))
    assert padding_around(crop) == padding_around(whole)


@pytest.mark.parametrize("value", [-9999, np.nan, -np.inf])
def test_nothing_is_interpolated_between_an_image_and_its_padding(value):
    padded = np.pad(ALONE.astype(np.float32), RIGHT, constant_values=value)
    stats = Normalize().fit(padded)
    source = ArraySource(padded)
    for factor in (0.5, 1.7):
        seen = enlarged(filled(source, stats), (factor, factor)).read()
        assert seen.min() >= IMAGE.min()
    assert filled(ArraySource(ALONE), Normalize().fit(ALONE)).dtype == IMAGE.dtype


def test_patches_are_drawn_where_labels_count():
    labels = np.full((64, 640), -1, np.int32)
    labels[:, :64] = 0
    image = ArraySource(np.zeros((64, 640)))
    reader = Reader("a", image, Normalize().fit(image), Normalize(),
                    ArraySource(labels, role="labels"), unknown=-1)  # fmt: skip
    sampler = Sampler([reader], (8, 8), foreground=0.0)
    known = [sampler.patch(np.random.default_rng(k))["known"].any() for k in range(100)]
    # by chance one in ten
    assert np.mean(known) > 0.4


def test_scores_are_those_of_the_image_alone(trained):
    """What is found in padding counts nowhere, nor does what was drawn there."""
    labels = np.pad(NUCLEI, ((0, 0), (0, 128)))
    labels[40:60, 200:220] = 99
    plain = cl.evaluate(trained, ([IMAGE], [NUCLEI]), progress=False).per_image
    padded = cl.evaluate(
        trained, ([np.pad(IMAGE, ((0, 0), (0, 128)))], [labels]), progress=False
    ).per_image
    assert padded["n_truth"].tolist() == plain["n_truth"].tolist()
    assert padded["dice"].iloc[0] == pytest.approx(plain["dice"].iloc[0], abs=0.03)


def test_nothing_is_found_in_padding_and_what_reaches_into_it_ends_there(trained):
    anything = Instances(foreground_threshold=0.01, seed_threshold=0.01, min_seed_px=1)
    eager = replace(trained, parts={trained.name: replace(trained.part, task=anything)})
    padded = np.pad(IMAGE, ((0, 0), (0, 128)))
    for labels in (
        eager.predict(padded),
        cl.predict(eager, {"a": padded}, progress=False, rescale=None)["a"],
    ):
        assert not labels[:, 128:].any()
        assert np.unique(labels).tolist() == list(range(labels.max() + 1))
        assert labels.any()


def test_prediction_scales_a_padded_image_as_the_image_alone(trained):
    found = cl.predict(trained, {"alone": IMAGE, "padded": np.pad(IMAGE, ((0, 0), (0, 128)))},
                       progress=False, rescale=None)  # fmt: skip
    low, high = found.files["low"], found.files["high"]
    assert low[0] == low[1]
    assert high[0] == high[1]
