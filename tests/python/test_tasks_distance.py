"""Distance tasks and Boundary: targets by hand, windows as the whole, there and back again."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

import cytoloom as cl
from cytoloom.components import from_plain, to_plain
from cytoloom.errors import InvalidError
from cytoloom.metrics import average_precision
from cytoloom.segmentation.surfaces import apart, beside_others, signed_distance, to_surface
from cytoloom.tasks import Boundary, Distance, Found, HotDistance, InnerDistance, Task
from test_tasks_instances import SCENE, maps_of, random_objects, sample

DISTANCES = (Distance(), HotDistance(), InnerDistance())
ALL = (*DISTANCES, Boundary(), Distance(scale_um=1.5), Boundary(thickness_px=2.5))


def depths(task, labels, known=None, spacing_um=None):
    """Distances in scales that the target stands for, and its weights."""
    value, weight = task.target(sample(labels, known, spacing_um))["distance"]
    return np.arctanh(value[..., 0].astype(float)), weight[..., 0]


def test_tanh_distance_of_a_box():
    """A box of 3 x 5 x 5 voxels of 4 x 1 x 1: half a voxel from its middle voxels' faces on."""
    box = np.zeros((13, 25, 25), np.int32)
    box[5:8, 10:15, 10:15] = 7
    value, weight = Distance(scale_px=2).target(sample(box, spacing_um=(4, 1, 1)))["distance"]
    row = value[6, 12, 9:16, 0]
    np.testing.assert_allclose(row, np.tanh(np.array([-0.5, 0.5, 1.5, 2.5, 1.5, 0.5, -0.5]) / 2))
    # along z a voxel is 4 long: its middle is 2 from the face
    np.testing.assert_allclose(value[4:9, 12, 12, 0], np.tanh([-1, 1, 1.25, 1, -1]), rtol=1e-6)
    # from beyond an edge, the hypotenuse of half a voxel each way
    assert value[6, 9, 9, 0] == pytest.approx(-math.tanh(math.hypot(0.5, 0.5) / 2))
    assert (weight[2:11, 7:18, 7:18] == 1).all()


def test_the_scale_is_in_micrometres_where_images_have_a_pixel_size():
    """0.5 um of 0.25 um pixels is a scale of 2 px, along y 0.5 um pixels count double."""
    labels = np.zeros((9, 21), np.int32)
    labels[:, 8:13] = 1
    in_um, _ = depths(Distance(scale_um=0.5), labels, spacing_um=(0.5, 0.25))
    in_px, _ = depths(Distance(scale_px=2.0), labels, spacing_um=(0.5, 0.25))
    np.testing.assert_allclose(in_um, in_px, rtol=1e-5)
    np.testing.assert_allclose(in_um[4, 7:12], [-0.25, 0.25, 0.75, 1.25, 0.75], rtol=1e-5)
    unknown_size, _ = depths(Distance(scale_um=0.5, scale_px=4), labels)
    np.testing.assert_allclose(unknown_size[4, 7:12], [-0.125, 0.125, 0.375, 0.625, 0.375], 1e-5)


def test_where_the_border_is_nearer_than_the_surface_there_is_no_weight():
    """Foreground from column 4 on; the right end is as near as the surface in column 11 or 12.

    In column 12 the target is tanh of 7.5 to 8.5 over 5, open by 0.03; in column 13 by 0.09.
    """
    labels = np.zeros((41, 20), np.int32)
    labels[:, 4:] = 1
    _, weight = depths(Distance(scale_px=5), labels)
    assert weight[20].tolist() == [0, 0, *[1] * 11, *[0] * 7]
    known = np.ones(labels.shape, bool)
    known[:, 10:] = False
    value, weight = Distance(scale_px=5).target(sample(labels, known))["distance"]
    assert weight[20, :, 0].tolist() == [0, 0, 1, 1, 1, 1, 1, *[0] * 13]
    assert (value[:, 10:] == 0).all()


def test_far_from_the_surface_the_border_leaves_nothing_open():
    """Two and a half scales from both, tanh is known to within 0.05 whichever is nearer."""
    labels = np.zeros((60, 60), np.int32)
    labels[:, 30:] = 1
    _, weight = depths(Distance(scale_px=2), labels)
    assert weight[30, 5] == weight[30, 54] == 1
    assert weight[30, 0] == weight[30, 59] == 0


def test_inner_distance_is_0_outside_and_has_weight_there():
    labels = np.zeros((41, 20), np.int32)
    labels[:, 4:] = 1
    away, weight = depths(InnerDistance(scale_px=5), labels)
    np.testing.assert_allclose(away[20, :6], [0, 0, 0, 0, 0.1, 0.3], atol=1e-6)
    assert weight[20].tolist() == [1] * 13 + [0] * 7


def test_the_mask_of_hot_distance_has_weight_everywhere():
    known = np.ones(SCENE.shape, bool)
    known[3, 3] = False
    target = HotDistance().target(sample(SCENE, known))
    mask, weight = target["foreground"]
    assert (mask[..., 0] == ((SCENE > 0) & known)).all()
    assert (weight[..., 0] == known).all()
    assert all((a == b).all() for a, b in zip(
        target["distance"], Distance().target(sample(SCENE, known))["distance"], strict=True
    ))  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_distance_to_a_surface_is_that_to_the_nearest_box(seed):
    """SciPy's of an image enlarged 9 times tells it to within a ninth of a pixel."""
    mask = np.random.default_rng(seed).random((9, 11)) < 0.1
    own = to_surface(mask, 100, (2, 1))
    fine = np.repeat(np.repeat(mask, 9, axis=0), 9, axis=1)
    theirs = distance_transform_edt(~fine, sampling=(2 / 9, 1 / 9))[4::9, 4::9]
    assert np.abs(own - theirs)[~mask].max() < 0.25
    assert (own[mask] == 0).all()


def test_what_no_surface_is_near_ends_at_the_reach():
    away, less = signed_distance(np.zeros((30, 30), int), np.ones((30, 30), bool), 6.0, (1, 1))
    assert (away == -6).all()
    assert less[15, 15] == 0
    assert less[0, 15] == 5.5


@pytest.mark.parametrize("task", ALL, ids=str)
@pytest.mark.parametrize(("shape", "spacing"), [((60, 70), None), ((20, 26, 30), (1.0, 0.5, 0.5))])
def test_target_of_a_window_is_the_crop_of_the_whole(task, shape, spacing):
    """A window larger by context_px gives, bit for bit, what the whole image gives."""
    labels = random_objects(shape, seed=1)
    known = np.random.default_rng(2).random(shape) > 0.02
    c = task.context_px
    padded = np.pad(labels, c), np.pad(known, c)
    whole = task.target(sample(*padded, spacing))
    rng = np.random.default_rng(3)
    for _ in range(4):
        start = [int(rng.integers(0, n - 12)) for n in shape]
        window = tuple(slice(s, s + 12 + 2 * c) for s in start)
        here = task.target(sample(padded[0][window], padded[1][window], spacing))
        inner = (slice(c, c + 12),) * len(shape)
        crop = tuple(slice(s + c, s + c + 12) for s in start)
        for head in task.heads:
            for part in (0, 1):
                assert np.array_equal(here[head][part][inner], whole[head][part][crop])


@pytest.mark.parametrize("task", DISTANCES, ids=str)
def test_ideal_maps_give_the_mask_back(task):
    found = task.decode(maps_of(task, SCENE))
    assert (found.labels == (SCENE > 0)).all()
    assert found.semantic
    tuned = task.tune([maps_of(task, SCENE)], [(SCENE, None)])
    assert (tuned.decode(maps_of(task, SCENE)).labels == (SCENE > 0)).all()
    scores, _ = task.score(SCENE, found)
    assert scores["dice"] == scores["f1_within_2px"] == 1
    assert scores["hausdorff_px"] == scores["mean_false_positive_distance_px"] == 0


def test_distances_are_scored_in_micrometres_where_a_size_is_known():
    """A mask moved by two planes of 3 um; the tolerance is 2 px of the smallest size, 1 um."""
    truth = np.zeros((12, 8, 8), np.int32)
    truth[3:6, 2:6, 2:6] = 1
    found = Found(np.roll(truth, 2, axis=0), semantic=True)
    scores, _ = Distance().score(truth, found, spacing_um=(3, 0.5, 0.5))
    assert scores["hausdorff_um"] == 6
    assert scores["precision_within_2px"] == pytest.approx(1 / 3)
    assert "hausdorff_px" not in scores
    # the mean of planes that are 3 and 6 away, and one that is right
    assert scores["mean_false_negative_distance_um"] == pytest.approx(3)


def test_empty_masks_are_scored_as_the_conventions_say():
    empty = np.zeros((30, 40), np.int32)
    some = empty.copy()
    some[5:9, 5:9] = 1
    nothing, _ = Distance().score(empty, Found(empty, semantic=True))
    assert all(math.isnan(value) for name, value in nothing.items() if not name.startswith("n_"))
    missed, _ = Distance().score(some, Found(empty, semantic=True))
    assert missed["hausdorff_px"] == missed["mean_false_negative_distance_px"] == 50
    assert missed["dice"] == missed["f1_within_2px"] == 0
    extra, _ = Distance().score(empty, Found(some, semantic=True))
    assert (extra["hausdorff_px"], extra["n_found_on_empty"]) == (50, 1)
    known = some == 0
    unseen, _ = Distance().score(empty, Found(some, semantic=True), known)
    assert math.isnan(unseen["hausdorff_px"])


def test_of_distances_less_is_better_and_they_have_no_end():
    task = Distance()
    for name in ("hausdorff_um", "mean_false_positive_distance_px", "n_found_on_empty"):
        assert task.less_is_better(name)
    assert task.score_range("hausdorff95_um") == (0, math.inf)
    assert not task.less_is_better("dice")
    assert task.score_range("f1_within_2px") == (0, 1)
    assert task.never_below("hausdorff_um") == ("hausdorff95_um",)
    assert task.never_below("precision_within_2px") == ("precision",)


def test_boundary_of_two_boxes_by_hand():
    """Where they meet, and beside background; the row's ends are open, so of no weight."""
    labels = np.zeros((3, 12), np.int32)
    labels[:, 2:6], labels[:, 6:] = 1, 2
    value, weight = Boundary().target(sample(labels))["boundary"]
    assert value[1, :, 0].tolist() == [0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    assert weight[1, :, 0].tolist() == [1] * 11 + [0]
    tall = np.pad(np.repeat(labels, 3, axis=0), 3)
    thick = Boundary(thickness_px=2).target(sample(tall))["boundary"][0]
    assert thick[7, 3:15, 0].tolist() == [0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1]


def test_planes_that_are_far_apart_make_no_boundary():
    """Of voxels 4 times as long along z only what lies beside within a plane counts."""
    labels = np.zeros((3, 9, 9), np.int32)
    labels[0], labels[1:] = 1, 2
    near, _ = beside_others(labels, labels >= 0, 1.0, (4, 1, 1))
    assert not near.any()
    near, _ = beside_others(labels, labels >= 0, 1.0, (1, 1, 1))
    assert near[:2].all()
    assert not near[2].any()


def test_boundaries_of_a_full_image_give_its_objects_back():
    """Twenty-five squares without background between them, in 2-D and as bars in 3-D."""
    squares = np.kron(np.arange(1, 26, dtype=np.int32).reshape(5, 5), np.ones((9, 9), np.int32))
    bars = np.stack([squares] * 5)
    for labels, spacing in ((squares, None), (bars, (3.0, 1.0, 1.0))):
        maps = maps_of(Boundary(), np.pad(labels, 1, mode="edge"), spacing_um=spacing)
        inner = (slice(1, -1),) * labels.ndim
        found = Boundary().decode({head: value[inner] for head, value in maps.items()}).labels
        assert average_precision(labels, found, 0.9) == 1


def test_tuning_boundary_finds_a_threshold_that_parts_objects():
    """Boundaries that are seen with 0.25 only: at 0.5 all is one object."""
    squares = np.kron(np.arange(1, 10, dtype=np.int32).reshape(3, 3), np.ones((9, 9), np.int32))
    maps = maps_of(Boundary(), squares)
    maps["boundary"] *= np.float32(0.25)
    assert Boundary().decode(maps).labels.max() == 1
    tuned = Boundary().tune([maps], [(squares, None)])
    assert tuned.boundary_threshold <= 0.2
    assert average_precision(squares, tuned.decode(maps).labels, 0.9) == 1
    assert Boundary().tune([maps], [(squares * 0, None)]) == Boundary()


def test_boundary_scores_a_merge_in_bits():
    truth = np.kron([[1, 2]], np.ones((8, 8), np.int32)).astype(np.int32)
    scores, rows = Boundary().score(truth, Found(np.ones_like(truth)))
    assert (scores["voi_split"], scores["voi_merge"]) == (0, 1)
    assert scores["ap50"] == pytest.approx(1 / 2)
    assert len(rows) == 2
    assert Boundary().less_is_better("voi_merge")
    assert Boundary().score_range("voi_split") == (0, math.inf)
    empty, _ = Boundary().score(truth * 0, Found(np.ones_like(truth)))
    assert math.isnan(empty["voi_merge"])
    assert empty["n_found_on_empty"] == 1


def test_boundary_drops_small_objects_and_keeps_them_when_asked():
    maps = maps_of(Boundary(), SCENE)
    task = Boundary(min_area_px=70)
    found = task.keeping_all().decode(maps)
    assert found.labels.max() == 4
    assert (task.kept(maps, found).labels == task.decode(maps).labels).all()
    assert task.decode(maps).labels.max() == 2
    assert task.coherence(maps, found) > 0.9
    assert task.evidence(maps, found.labels)["inside"].shape == SCENE.shape


@pytest.mark.parametrize("task", ALL, ids=str)
def test_they_are_components_and_words_stand_for_them(task):
    assert from_plain(to_plain(task), Task) == task
    names = {type(cl.tasks.resolve(name)) for name in cl.tasks.NAMES}
    assert type(task) in names


def test_losses_go_with_the_heads():
    for task in (Distance, HotDistance):
        name = "loss" if task is Distance else "distance_loss"
        with pytest.raises(InvalidError, match='one of "l1", "mse"'):
            task(**{name: "dice"})
        with pytest.raises(InvalidError, match="linear head"):
            task(**{name: cl.losses.Dice()})
    with pytest.raises(InvalidError, match="`scale_um`"):
        Distance(scale_um=0)
    with pytest.raises(InvalidError, match='"hot_distance"'):
        cl.tasks.resolve("hotdistance")


def test_views_of_an_array_a_step_apart_may_be_empty():
    here, there = apart((5, -1))
    assert np.zeros((3, 4))[here].shape == np.zeros((3, 4))[there].shape == (0, 3)
