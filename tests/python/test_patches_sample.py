"""The sampler: what a patch holds, where it lies, and that only (seed, i) decides it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from cytoloom.errors import InvalidError
from cytoloom.patches.augment import Augment
from cytoloom.patches.positions import find_foreground
from cytoloom.patches.sample import Reader, Sample, Sampler


class Held:
    """A source in memory that notes what was read."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape = array, array.shape
        self.asked: list[tuple[slice, ...]] = []

    def read(self, slices: tuple[slice, ...] | None = None) -> np.ndarray:
        self.asked.append(slices)
        return self.array[slices]


class Halve:
    """A normalisation that divides by 2."""

    def apply(self, array: np.ndarray, stats: Any) -> np.ndarray:
        return array.astype(np.float32) / 2


def reader(labels: np.ndarray, image: np.ndarray | None = None, **fields: Any) -> Reader:
    """Make a reader; without an image, its pixels are twice the labels."""
    pixels = labels[..., None] * 2 if image is None else image
    return Reader(fields.pop("id", "a"), Held(pixels), None, Halve(), Held(labels), **fields)


def numbered(*shape: int) -> np.ndarray:
    return np.arange(1, 1 + np.prod(shape)).reshape(shape)


def first(sampler: Sampler, seed: int = 0) -> Sample:
    return sampler.patch(np.random.default_rng(seed))


def same(a: Sample, b: Sample) -> bool:
    return all(np.array_equal(a[n], b[n]) for n in ("image", "labels", "known"))


def test_dtypes_shapes_and_normalisation() -> None:
    """The image is twice the labels and halved by the normalisation: equal to the labels."""
    sample = first(Sampler([reader(numbered(9, 9))], (4, 6), balance=False))
    assert (sample["image"].shape, sample["image"].dtype) == ((4, 6, 1), np.float32)
    assert (sample["labels"].shape, sample["labels"].dtype) == ((4, 6), np.int32)
    assert (sample["known"].shape, sample["known"].dtype) == ((4, 6), np.bool_)
    np.testing.assert_array_equal(sample["image"][..., 0], sample["labels"])
    assert sample.roles == {"image": "intensity", "labels": "labels", "known": "known"}


@pytest.mark.parametrize("augment", [None, Augment.preset(None)])
def test_without_augmentation_a_patch_is_a_cut_of_the_image(augment: Augment | None) -> None:
    whole = numbered(9, 12)
    cuts = np.lib.stride_tricks.sliding_window_view(whole, (4, 6)).reshape(-1, 4, 6)
    sampler = Sampler([reader(whole)], (4, 6), augment=augment, balance=False)
    for sample in sampler.batch(0, 0, 20):
        assert any(np.array_equal(sample["labels"], c) for c in cuts)
        assert sample["known"].all()


def test_flips_and_right_angles_move_whole_pixels() -> None:
    """A (4, 6) patch is a cut of (4, 6) or (6, 4), turned and flipped in one of 8 ways."""
    augment = Augment(**{**_geometry_off(), "flip_p": 0.5, "right_angle_p": 1.0})
    whole = numbered(9, 12)
    seen = set()
    for sample in Sampler([reader(whole)], (4, 6), augment=augment, balance=False).batch(0, 0, 200):
        np.testing.assert_array_equal(sample["image"][..., 0], sample["labels"])
        steps = np.diff(sample["labels"][:2, 0])[0], np.diff(sample["labels"][0, :2])[0]
        seen.add(tuple(map(int, steps)))
    assert seen == {(s * a, t * b) for a, b in ((12, 1), (1, 12)) for s in (1, -1) for t in (1, -1)}


def test_small_images_are_mirrored_and_unknown_outside() -> None:
    """Rows 0-1 of a 2-row image in a 4-row patch: wherever it lies, exactly 2 rows are known."""
    for sample in Sampler([reader(numbered(2, 3))], (4, 3), balance=False).batch(0, 0, 10):
        rows = sample["known"].all(axis=1)
        assert rows.sum() == 2
        np.testing.assert_array_equal(sample["labels"][~rows], 0)
        np.testing.assert_array_equal(sample["labels"][rows], numbered(2, 3))
        assert set(np.unique(sample["image"])) == {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize("augment", [None, Augment.preset("light"), Augment.preset("strong")])
def test_context_and_unknown_and_roi(augment: Augment | None) -> None:
    """Only pixels within the roi whose label is not 255 are known, and labels are 0 elsewhere."""
    whole = numbered(30, 30) % 5
    whole[whole == 4] = 255
    source = reader(whole, unknown=255, roi=(slice(5, 20), slice(None)))
    for sample in Sampler([source], (8, 8), 3, augment).batch(0, 0, 30):
        assert sample["image"].shape == (8, 8, 1)
        assert sample["labels"].shape == sample["known"].shape == (14, 14)
        assert set(np.unique(sample["labels"])) <= {0, 1, 2, 3}
        assert not sample["labels"][~sample["known"]].any()
    assert all(a[0].start >= 5 and a[0].stop <= 20 for a in source.labels.asked[:1])


def test_the_roi_is_what_is_known() -> None:
    whole = numbered(10, 10)
    sampler = Sampler([reader(whole, roi=(slice(2, 5), slice(3, 9)))], (10, 10), balance=False)
    for sample in sampler.batch(0, 0, 5):
        expected = np.sort(whole[2:5, 3:9].ravel())
        np.testing.assert_array_equal(np.sort(sample["labels"][sample["known"]]), expected)


def test_context_only_adds_around_the_patch() -> None:
    sources = [reader(numbered(20, 30))]
    turns = Augment(**{**_geometry_off(), "flip_p": 0.5, "right_angle_p": 1.0})
    for augment in (None, turns):
        plain = Sampler(sources, (4, 6), 0, augment, balance=False).batch(1, 0, 10)
        wide = Sampler(sources, (4, 6), 5, augment, balance=False).batch(1, 0, 10)
        for patch, around in zip(plain, wide, strict=True):
            np.testing.assert_array_equal(patch["image"], around["image"])
            for name in ("labels", "known"):
                np.testing.assert_array_equal(patch[name], around[name][5:-5, 5:-5])


def test_only_the_region_of_the_patch_is_read() -> None:
    """A patch of 16 px turned by 45 degrees with scale 0.8 spans at most 16·√2/0.8 + 2 px."""
    only = {**_geometry_off(), "rotate_p": 1.0, "scale_p": 1.0}
    source = reader(numbered(500, 500))
    Sampler([source], (16, 16), augment=Augment(**only), balance=False).batch(0, 0, 20)
    assert len(source.image.asked) == 20
    assert all(s.stop - s.start <= 31 for at in source.image.asked for s in at)


def test_batches_depend_on_seed_and_index_alone() -> None:
    sources = [reader(numbered(40, 40) % 3, id=name) for name in "ab"]
    sampler = Sampler(sources, (16, 16), 2, Augment.preset("strong"))
    in_order = [sampler.batch(7, i, 4) for i in range(6)]
    with ThreadPoolExecutor(3) as pool:
        backwards = list(pool.map(lambda i: sampler.batch(7, i, 4), range(5, -1, -1)))[::-1]
    anew = Sampler(sources, (16, 16), 2, Augment.preset("strong")).batch(7, 3, 2)
    for one, two in zip(in_order, backwards, strict=True):
        assert all(same(a, b) for a, b in zip(one, two, strict=True))
    assert all(same(a, b) for a, b in zip(in_order[3], anew, strict=False))
    assert not same(in_order[0][0], in_order[0][1])
    assert not same(in_order[0][0], in_order[1][0])
    assert not same(in_order[0][0], sampler.batch(8, 0, 1)[0])


def centres(sampler: Sampler, count: int) -> list[int]:
    return [int(s["labels"][2, 2]) for s in sampler.batch(0, 0, count)]


def test_rare_classes_are_drawn_as_often_as_common_ones() -> None:
    """Class 1 has 1000 pixels and class 2 one, but each centres half of the patches."""
    labels = np.zeros((60, 60), int)
    labels[10:50, 10:35] = 1
    labels[30, 50] = 2
    drawn = centres(Sampler([reader(labels)], (5, 5), foreground=1.0), 400)
    assert 0.4 < drawn.count(2) / 400 < 0.6
    assert drawn.count(1) + drawn.count(2) == 400


def test_without_balance_all_foreground_is_one_class() -> None:
    labels = np.zeros((60, 60), int)
    labels[10:50, 10:35] = 1
    labels[30, 50] = 2
    drawn = centres(Sampler([reader(labels)], (5, 5), foreground=1.0, balance=False), 400)
    assert drawn.count(2) < 10


def test_foreground_is_a_probability() -> None:
    """One foreground pixel in 3600 centres a quarter of the patches."""
    labels = np.zeros((60, 60), int)
    labels[30, 30] = 1
    drawn = centres(Sampler([reader(labels)], (5, 5), foreground=0.25), 400)
    assert 0.18 < drawn.count(1) / 400 < 0.32
    assert centres(Sampler([reader(labels)], (5, 5), foreground=0.0), 50).count(1) < 3


def test_a_class_of_one_image_is_found_among_many() -> None:
    empty = [reader(np.zeros((20, 20), int), id=str(k)) for k in range(5)]
    labels = np.zeros((20, 20), int)
    labels[10, 10] = 3
    drawn = centres(Sampler([*empty, reader(labels)], (5, 5), foreground=1.0), 30)
    assert drawn == [3] * 30


def test_all_background_is_sampled_evenly() -> None:
    sample = first(Sampler([reader(np.zeros((9, 9), int))], (3, 3), foreground=1.0))
    assert sample["known"].all()


def test_images_are_drawn_by_weight() -> None:
    """Weights 3, 1 and 0."""
    sources = [
        reader(np.full((9, 9), k + 1), id=str(k), weight=w) for k, w in enumerate((3.0, 1.0, 0.0))
    ]
    drawn = centres(Sampler(sources, (5, 5), balance=False), 400)
    assert 0.68 < drawn.count(1) / 400 < 0.82
    assert drawn.count(3) == 0


def test_unknown_pixels_are_no_foreground() -> None:
    labels = np.zeros((20, 20), int)
    labels[5:10] = 255
    labels[15, 15] = 1
    drawn = centres(Sampler([reader(labels, unknown=255)], (5, 5), foreground=1.0), 20)
    assert drawn == [1] * 20


def test_the_memory_of_foreground_is_bounded_and_repeats() -> None:
    labels = np.ones((50, 50), int)
    found = [
        find_foreground(labels, None, by_class=True, limit=100, rng=np.random.default_rng(3))[1]
        for _ in range(2)
    ]
    assert found[0].shape == (100, 2)
    assert len(np.unique(found[0], axis=0)) == 100
    np.testing.assert_array_equal(*found)


def test_three_dimensions() -> None:
    whole = numbered(6, 9, 10)
    source = reader(whole, spacing_um=(2.0, 0.5, 0.5))
    for sample in Sampler([source], (2, 4, 4), 1, Augment(), balance=False).batch(0, 0, 10):
        assert sample["image"].shape == (2, 4, 4, 1)
        assert sample.spacing_um == (2.0, 0.5, 0.5)
        assert set(np.unique(sample["labels"])) <= {0, *whole.ravel().tolist()}


def test_wrong_readers_are_refused() -> None:
    with pytest.raises(InvalidError, match="readers"):
        Sampler([], (4, 4))
    with pytest.raises(InvalidError, match="patch_px"):
        Sampler([reader(numbered(9, 9))], (4, 4, 4))
    with pytest.raises(InvalidError, match="one size"):
        Sampler([reader(numbered(9, 9), numbered(8, 9)[..., None])], (4, 4))


def _geometry_off() -> dict[str, float]:
    return {k: v for k, v in vars(Augment.preset(None)).items() if k.endswith("_p")}
