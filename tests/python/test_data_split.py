"""Held-out images: by group, by name, by region where there are too few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cytoloom.datasets.data import Data, as_data
from cytoloom.datasets.items import read_labels
from cytoloom.datasets.splits import shown_by, split
from cytoloom.errors import InvalidError


def some(count, groups=None, splits=None):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (20, 30)).astype(np.uint8) for _ in range(count)]
    labels = [np.ones((20, 30), int) for _ in range(count)]
    data = as_data((images, labels))
    items = [
        replace(item, group=groups and groups[i], split=splits and splits[i])
        for i, item in enumerate(data.items)
    ]
    return replace(data, items=tuple(items))


def ids(data):
    return {item.id for item in data.items}


@pytest.mark.parametrize(("count", "held"), [(3, 1), (5, 1), (10, 2), (50, 10)])
def test_a_fraction_of_the_images(count, held):
    data = some(count)
    train, validation, note = split(data, 0.2, seed=0)
    assert len(validation) == held
    assert ids(train) | ids(validation) == ids(data)
    assert not ids(train) & ids(validation)
    assert f"{held} of {count} images" in note


def test_the_seed_alone_chooses():
    data = some(50)
    held = [ids(split(data, 0.2, seed)[1]) for seed in (0, 0, 1)]
    assert held[0] == held[1] != held[2]


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_never_on_both_sides(seed):
    data = some(40, groups=[f"plate{i // 5}" for i in range(40)])
    train, validation, note = split(data, 0.25, seed)
    assert len(validation) == 10
    assert not {i.group for i in train.items} & {i.group for i in validation.items}
    assert "2 of 8 groups" in note


def test_a_large_group_does_not_take_all():
    data = some(20, groups=["big"] * 17 + ["a", "b", "c"])
    for seed in range(5):
        train, validation, _ = split(data, 0.2, seed)
        assert len(train) > 0
        assert len(validation) > 0


@pytest.mark.parametrize("count", [1, 2])
def test_a_region_is_held_out_of_too_few_images_and_said(count):
    train, validation, note = split(some(count), 0.2, seed=0)
    assert len(train) == len(validation) == count
    assert "region of 20%" in note
    for kept, held in zip(train.items, validation.items, strict=True):
        whole = sum(i.image.read().size for i in (kept, held))
        assert whole == 20 * 30
        assert held.image.read().size == 120
        assert read_labels(held)[0].shape == held.image.shape[:-1]
        assert kept.roi != held.roi


def test_a_region_with_objects_on_both_sides_is_preferred():
    labels = np.zeros((20, 20), int)
    labels[:, 17:], labels[8:10, 3:5] = 1, 2
    data = as_data((np.zeros((20, 20)), labels))
    for seed in range(4):
        train, validation, _ = split(data, 0.2, seed)
        assert read_labels(train.items[0])[0].any()
        assert read_labels(validation.items[0])[0].any()


def test_stacks_are_cut_in_the_plane():
    data = as_data((np.zeros((3, 20, 30)), np.ones((3, 20, 30), int)))
    train, _, _ = split(data, 0.2, seed=0)
    assert train.items[0].image.shape[0] == 3


def test_a_split_by_name_is_taken_and_test_images_left_out():
    data = some(4, splits=["train", "validation", "test", None], groups=["a", "a", "b", "c"])
    train, validation, note = split(data, 0.5, seed=0)
    assert ids(train) == {"image_000", "image_003"}
    assert ids(validation) == {"image_001"}
    assert "1 for test left out" in note
    assert "both sides: a" in note
    with pytest.raises(InvalidError, match="tset"):
        split(some(2, splits=["train", "tset"]), 0.2, 0)
    with pytest.raises(InvalidError, match="to train on"):
        split(some(2, splits=["test", "validation"]), 0.2, 0)


def test_validation_images_of_their_own():
    data, own = some(3), some(2)
    train, validation, _ = split(data, own, 0)
    assert (train, len(validation)) == (data, 2)


@pytest.mark.parametrize("nothing", [0, 0.0, None])
def test_no_validation(nothing):
    train, validation, _ = split(some(3), nothing, 0)
    assert (len(train), len(validation)) == (3, 0)


@pytest.mark.parametrize("fraction", [1, -0.1, 1.5])
def test_impossible_fractions_are_refused(fraction):
    with pytest.raises(InvalidError, match="validation"):
        split(some(3), fraction, 0)


def test_nothing_cannot_be_split():
    with pytest.raises(InvalidError, match="at least one image"):
        split(Data(()), 0.2, 0)


def test_validation_images_that_are_not_there_are_named(tmp_path):
    with pytest.raises(InvalidError, match=r"Invalid `validation`.*nowhere"):
        split(some(3), tmp_path / "nowhere")


def showing(shown, groups=None):
    """Images of one row whose labels are these class ids."""
    images = [np.full((8, 8), k, np.uint8) for k in range(len(shown))]
    labels = [
        np.pad(np.array([ids], int).reshape(1, -1), ((3, 4), (0, 8 - len(ids)))) for ids in shown
    ]
    data = as_data((images, labels))
    items = (replace(i, group=groups and groups[k]) for k, i in enumerate(data.items))
    return replace(data, items=tuple(items))


def on_both_sides(data, seed, classes=False, fraction=0.2):
    shows = shown_by(None, classes)
    train, held, note = split(data, fraction, seed, shows)
    sides = [frozenset().union(*map(shows, part.items)) for part in (train, held)]
    return sides, len(held), note


@pytest.mark.parametrize("seed", range(8))
def test_a_part_of_the_few_images_with_objects_is_held_out(seed):
    """3 of 20 images show something: one of them and three others are a fifth."""
    (train, held), count, _ = on_both_sides(showing([[]] * 9 + [[1], [2], [5]] + [[]] * 8), seed)
    assert (train, held, count) == ({1}, {1}, 4)


@pytest.mark.parametrize("seed", range(8))
def test_every_class_that_two_images_have_is_on_both_sides(seed):
    shown = [[1]] * 12 + [[1, 2]] * 5 + [[3], [1, 3], [1, 2, 4]]
    (train, held), count, _ = on_both_sides(showing(shown), seed, classes=True)
    assert train == {1, 2, 3, 4}
    assert held == {1, 2, 3}, "the only image of class 4 is needed for training"
    assert count in (3, 4, 5)


@pytest.mark.parametrize("seed", range(4))
def test_groups_with_objects_are_on_both_sides_whole(seed):
    groups = [f"plate{k // 4}" for k in range(24)]
    shown = [[1] if k // 4 in (1, 4) else [] for k in range(24)]
    data = showing(shown, groups)
    shows = shown_by(None)
    train, held, _ = split(data, 0.2, seed, shows)
    assert any(map(shows, train.items))
    assert any(map(shows, held.items))
    assert not {i.group for i in train.items} & {i.group for i in held.items}


def test_of_the_only_image_with_objects_a_region_is_held_out():
    (train, held), count, note = on_both_sides(showing([[]] * 6 + [[1] * 8]), seed=0)
    assert (train, held, count) == ({1}, {1}, 7)
    assert "too few images or groups to hold one out: a region of 20%" in note


def test_where_all_images_show_something_the_seed_chooses_as_ever():
    """The first fifth of a permutation of the names."""
    data = showing([[1]] * 20)
    order = np.random.default_rng(3).permutation(20)
    _, held, _ = split(data, 0.2, 3)
    assert ids(held) == {data.items[k].id for k in order[:4]}
