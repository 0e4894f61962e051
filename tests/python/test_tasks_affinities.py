"""Affinities by hand, their weights and gradients, and the mutex watershed back to objects."""

from __future__ import annotations

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

import cytoloom as cl
from cytoloom.components import from_plain, to_plain
from cytoloom.errors import InvalidError
from cytoloom.metrics import average_precision, variation_of_information
from cytoloom.models.rescale import factors_for
from cytoloom.models.turned import seen_in
from cytoloom.segmentation.affinities import affinities
from cytoloom.segmentation.descriptors import descriptors
from cytoloom.tasks import Affinities, Task
from extras import need
from gradients import gradient
from test_tasks_instances import SCENE, maps_of, random_objects, sample

need("bioimage_cpp", "affinities")

# two objects that touch, above background
GRID = np.array([[1, 1, 2], [1, 2, 2], [0, 0, 0]])


def test_affinities_of_two_objects_by_hand():
    """To the pixel above and to the left; there is none above the first row."""
    value, sure = affinities(GRID, [(-1, 0), (0, -1)])
    assert value[..., 0].tolist() == [[0, 0, 0], [1, 0, 1], [0, 0, 0]]
    assert value[..., 1].tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert sure[..., 0].tolist() == [[False] * 3, [True] * 3, [True] * 3]
    assert sure[..., 1].tolist() == [[False, True, True]] * 3


def test_offsets_of_the_other_sign_are_the_same_pairs_seen_from_the_other_side():
    for step in ((1, 0), (0, 2), (1, -1)):
        there, sure = affinities(GRID, [step])
        back, sure_back = affinities(GRID, [tuple(-k for k in step)])
        moved = np.roll(back, [-k for k in step], (0, 1))
        assert (there == moved).all()
        assert sure.sum() == sure_back.sum() == (3 - abs(step[0])) * (3 - abs(step[1]))


def test_pairs_with_an_unknown_pixel_are_not_sure_and_long_offsets_have_none():
    known = GRID != 2
    value, sure = affinities(GRID, [(0, -1), (5, 0)], known)
    assert sure[..., 0].astype(int).tolist() == [[0, 1, 0], [0, 0, 0], [0, 1, 1]]
    assert value[..., 0].sum() == 1
    assert not sure[..., 1].any()


def test_weights_balance_each_offset_and_leave_unknown_pairs_out():
    """Of the pairs that count ones and zeros weigh half each, down to a twentieth of ones."""
    value, weight = Affinities().target(sample(SCENE))["affinities"]
    for channel in range(4):
        ones = weight[..., channel][value[..., channel] == 1].sum()
        assert ones == pytest.approx(weight[..., channel].sum() / 2, rel=1e-5)
    assert (weight[0, :, 0] == 0).all()
    plain = Affinities(balance=False).target(sample(SCENE))["affinities"][1]
    assert set(np.unique(plain)) == {0, 1}
    rare = np.ones((40, 40), np.int32)
    rare[20:23, 20:23] = 2
    assert Affinities().target(sample(rare))["affinities"][1].max() == pytest.approx(10)


def test_balance_and_unknown_pixels_change_the_gradient():
    """0 where a pair is not sure, in its channel alone; elsewhere in proportion to the weight."""
    known = np.ones(SCENE.shape, bool)
    known[5, 5] = False

    def slopes(task, known=None):
        value, weight = task.target(sample(SCENE, known))["affinities"]
        target = np.concatenate([value, weight], -1)[None]
        found = gradient(cl.losses.get("ce"), target, np.zeros((1, *value.shape)))[1]
        return found[0], weight

    plain, weight = slopes(Affinities(balance=False))
    balanced, heavy = slopes(Affinities())
    hidden, sure = slopes(Affinities(balance=False), known)
    assert ((plain == 0) == (weight == 0)).all()
    np.testing.assert_allclose(balanced, plain * heavy, rtol=1e-5)
    assert ((hidden == 0) == (sure == 0)).all()
    # (5, 5) itself, and what looks at it: one below for the first offset, one right for the second
    assert (hidden[5, 5] == 0).all()
    assert hidden[6, 5, 0] == hidden[5, 6, 1] == 0
    assert hidden[6, 5, 1] != 0


def test_a_weight_for_each_channel_is_counted_as_one_for_all_is():
    """The same loss where all channels weigh the same; with one channel left out its mean."""
    rng = np.random.default_rng(0)
    value, logits = rng.random((2, 1, 6, 6, 3)).astype(np.float32)
    weight = (rng.random((1, 6, 6, 1)) < 0.7).astype(np.float32)
    for name in ("ce", "ce_dice", "mse"):
        loss = cl.losses.get(name)
        one = loss(np.concatenate([value, weight], -1), logits)
        each = loss(np.concatenate([value, weight.repeat(3, -1)], -1), logits)
        np.testing.assert_allclose(one, each, rtol=1e-5)
    first = np.broadcast_to(np.float32([1, 0, 0]), value.shape)
    alone = cl.losses.get("mse")(value[..., :1], logits[..., :1])
    np.testing.assert_allclose(
        cl.losses.get("mse")(np.concatenate([value, first], -1), logits), alone, rtol=1e-5
    )


@pytest.mark.parametrize(
    "task",
    [
        Affinities(),
        Affinities(neighbourhood=((0, 1, 0), (0, 0, 1), (0, 5, 5), (0, -5, 5))),
        Affinities(bias=0.1),
        Affinities(bias=0.9),
    ],
    ids=str,
)
def test_ideal_affinities_give_the_objects_back(task):
    """Also the smallest, which no long offset fits into."""
    labels = SCENE.copy()
    labels[1, 24:26] = 9
    maps = maps_of(task, labels)
    whole = from_plain({**to_plain(task), "min_piece_px": 1}, Task).decode(maps).labels
    assert average_precision(labels, whole, 0.99) == 1


def test_the_mutex_watershed_of_ideal_affinities_is_the_truth_on_neurites(real_data):
    """A crop of the medulla: bodies in pieces are one object each only where they are connected."""
    from skimage.measure import label

    (file,) = sorted((real_data / "flyem_medulla_em_3d" / "labels").glob("*.tif"))
    bodies = tifffile.imread(file)[:24, :64, :64].astype(np.int32)
    truth = label(bodies, connectivity=1).astype(np.int32)
    task = Affinities(ndim=3, min_piece_px=1)
    found = task.decode(maps_of(task, truth)).labels
    assert average_precision(truth, found, 0.99) == 1
    assert variation_of_information(truth, found) == (0, 0)
    scores, _ = task.score(truth, cl.tasks.Found(found))
    assert scores["adapted_rand_error"] == 0


def test_one_component_is_decoded_as_if_it_were_alone():
    """What lies elsewhere changes nothing: locality is "component"."""
    task = Affinities()
    assert task.locality == "component"
    rng = np.random.default_rng(4)
    labels = np.zeros((24, 60), np.int32)
    labels[2:22, 2:14], labels[2:22, 14:26], labels[2:22, 36:58] = 1, 2, 3
    maps = maps_of(task, labels)
    noise = rng.normal(0, 0.2, maps["affinities"].shape)
    maps["affinities"] = np.clip(maps["affinities"] + noise, 0, 1).astype(np.float32)
    whole = task.decode(maps).labels
    half = task.decode({head: value[:, :30] for head, value in maps.items()}).labels
    assert average_precision(whole[:, :30], half, 0.99) == 1


def test_tuning_finds_a_bias():
    """Affinities that are all too high: at a bias of 0.5 everything merges."""
    squares = np.kron(np.arange(1, 10, dtype=np.int32).reshape(3, 3), np.ones((9, 9), np.int32))
    maps = maps_of(Affinities(), squares)
    maps["affinities"] = maps["affinities"] * np.float32(0.3) + np.float32(0.65)
    assert Affinities().decode(maps).labels.max() == 1
    tuned = Affinities().tune([maps], [(squares, None)])
    assert tuned.bias > 0.6
    assert average_precision(squares, tuned.decode(maps).labels, 0.9) == 1


def test_small_pieces_go_to_what_is_beside_them():
    """A pixel that nothing joins is a piece of its own, or of what is around it."""
    maps = maps_of(Affinities(), SCENE)
    maps["affinities"][6:8, 6:8] = 0
    maps["affinities"][7, 7, :] = 0
    assert Affinities(min_piece_px=1).decode(maps).labels.max() > 4
    found = Affinities(min_piece_px=4).decode(maps).labels
    assert average_precision(SCENE, found, 0.99) == 1


@pytest.mark.parametrize("spacing", [None, (1.0, 0.5, 0.5)])
def test_descriptors_by_hand(spacing):
    """In the middle of a large box: here, as wide as the window, no correlation, all filled."""
    ndim = 2 if spacing is None else 3
    labels = np.zeros((41,) * ndim, int)
    labels[(slice(4, 37),) * ndim] = 5
    seen = descriptors(labels, 2.0 if ndim == 2 else 1.0, spacing or (1, 1))
    middle = seen[(20,) * ndim]
    np.testing.assert_allclose(middle[:ndim], 0.5, atol=1e-5)
    np.testing.assert_allclose(middle[ndim : 2 * ndim], 1, atol=0.05)
    np.testing.assert_allclose(middle[2 * ndim : -1], 0.5, atol=1e-5)
    assert middle[-1] == pytest.approx(1, abs=1e-3)
    # at a face half of the window is filled, and its middle lies inside
    face = seen[(4, *(20,) * (ndim - 1))]
    assert face[0] > 0.7
    assert 0.5 < face[-1] < 0.71
    assert (seen[labels == 0] == 0).all()
    assert seen.shape[-1] == (6 if ndim == 2 else 10)


def test_an_object_on_a_diagonal_correlates_and_another_beside_it_changes_nothing():
    labels = np.kron(np.eye(12, dtype=int), np.ones((2, 2), int))
    seen = descriptors(labels, 3, (1, 1))
    assert seen[12, 12, 4] > 0.9
    labels[0:8, 16:] = 2
    assert np.array_equal(descriptors(labels, 3, (1, 1))[12, 12], seen[12, 12])
    coarse = descriptors(labels, 3, (1, 1), downsample=2)
    assert coarse.shape == (24, 24, 6)
    assert abs(coarse[12, 12, 4] - seen[12, 12, 4]) < 0.1


def test_descriptors_are_a_head_that_nothing_is_made_of():
    task = Affinities(lsds=True)
    target = task.target(sample(SCENE))
    value, weight = target["lsds"]
    assert value.shape == (*SCENE.shape, 6)
    assert 0 <= value.min() <= value.max() <= 1
    assert (weight == 1).all()
    maps = maps_of(task, SCENE)
    with_them = task.decode(maps).labels
    del maps["lsds"]
    assert np.array_equal(with_them, Affinities().decode(maps).labels)


@pytest.mark.parametrize("shape", [(60, 70), (20, 26, 30)])
def test_target_of_a_window_is_the_crop_of_the_whole(shape):
    task = Affinities(ndim=len(shape), balance=False)
    labels = random_objects(shape, seed=1)
    known = np.random.default_rng(2).random(shape) > 0.02
    c = task.context_px
    padded = np.pad(labels, c), np.pad(known, c)
    whole = task.target(sample(*padded))
    window = (slice(3, 15 + 2 * c),) * len(shape)
    here = task.target(sample(padded[0][window], padded[1][window]))
    for head in task.heads:
        for part in (0, 1):
            inner = here[head][part][(slice(c, c + 12),) * len(shape)]
            assert np.array_equal(inner, whole[head][part][(slice(3 + c, 15 + c),) * len(shape)])


def test_what_cannot_be_is_refused():
    with pytest.raises(InvalidError, match="a neighbour over a face along each of y and x"):
        Affinities(neighbourhood=((0, -1, 0), (0, 0, -3)))
    with pytest.raises(InvalidError, match="z 0"):
        Affinities(neighbourhood=((0, -1, 0), (0, 0, -1), (-1, 0, 0)))
    with pytest.raises(InvalidError, match="rows of three whole numbers"):
        Affinities(neighbourhood=((-1, 0), (0, -1)))
    with pytest.raises(InvalidError, match="`ndim`"):
        Affinities(ndim=4)
    assert Affinities(ndim=3).check_labels(SCENE)[0].endswith('take "affinities"')
    stack = np.stack([SCENE] * 3)
    assert Affinities().check_labels(stack)[0].endswith('take "affinities:3d"')
    assert cl.tasks.resolve("affinities:3d") == Affinities(ndim=3)
    assert Affinities(ndim=3).check_labels(stack) == []
    assert Affinities().check_labels(SCENE) == []
    task = Affinities(neighbourhood=((0, 1, 0), (0, 0, 1), (0, 4, 0)))
    assert from_plain(to_plain(task), Task) == task
    assert math.isinf(task.score_range("voi_split")[1])


def test_pairs_of_background_alone_have_no_weight():
    """Those of which one pixel is of an object have, as long as it is in the image."""
    labels = np.array([[0, 0, 0, 1, 1, 0, 0]], np.int32)
    weight = Affinities(balance=False).target(sample(labels))["affinities"][1]
    assert weight[0, :, 1].tolist() == [0, 0, 0, 1, 1, 1, 0]
    assert weight[0, :, 3].tolist() == [0, 0, 0, 1, 1, 0, 1]


def test_images_are_neither_turned_nor_enlarged():
    """The mean of maps of different directions says nothing."""
    model = SimpleNamespace(task=Affinities(), ndim=2)
    with pytest.raises(InvalidError, match=r"`views`\. Expected 1 for a task whose maps speak"):
        next(seen_in(model, 4))
    with pytest.raises(InvalidError, match="`rescale`"):
        next(factors_for(model, [], 2.0))
    with pytest.raises(StopIteration) as stopped:
        next(factors_for(model, [SimpleNamespace(id="a")], "auto"))
    assert stopped.value.value == {"a": None}


def test_without_the_extra_a_sentence_comes_before_the_training(monkeypatch):
    monkeypatch.setitem(sys.modules, "bioimage_cpp", None)
    monkeypatch.setitem(sys.modules, "bioimage_cpp.segmentation", None)
    with pytest.raises(InvalidError, match=r'cytoloom\[affinities\].*cl_install\(extras = "aff'):
        cl.train("nowhere", task="affinities", progress=False)
