"""Centres of objects: peaks of maps in micrometres, targets, thresholds, probabilities, scores."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

import cytoloom as cl
from cytoloom.metrics.points import matched
from cytoloom.patches.sample import Sample
from cytoloom.segmentation.peaks import peaks
from cytoloom.tasks import Centres
from cytoloom.tasks.centres import middles
from cytoloom.tasks.found import Found
from cytoloom.tasks.platt import fitted, log_odds


def blobs(shape, places, width, spacing=None):
    """Draw a Gaussian at each place, in px; the width in the unit of the spacing."""
    spacing = np.ones(len(shape)) if spacing is None else np.asarray(spacing)
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1) * spacing
    away = [((grid - np.asarray(p) * spacing) ** 2).sum(-1) for p in places]
    return np.exp(-np.min(away, axis=0) / (2 * width**2)).astype(np.float32)


def test_peaks_are_where_gaussians_are_to_a_fraction_of_a_pixel():
    places = np.array([[3.3, 4.8], [15.6, 20.2], [28.0, 9.5]])
    found, heights = peaks(blobs((40, 30), places, 2.0), 4.0, above=0.1)
    order = cdist(places, found).argmin(axis=1)
    np.testing.assert_allclose(found[order], places, atol=1e-3)
    assert (heights > 0.9).all()


def test_a_radius_in_micrometres_knows_planes_from_pixels():
    # 2 um apart along z (2 planes), and 2 um along x (8 px)
    spacing = (1.0, 0.25, 0.25)
    places = [(2, 10, 10), (4, 10, 10), (3, 30, 10), (3, 30, 18)]
    values = blobs((8, 40, 30), places, 0.5, spacing)
    assert len(peaks(values, 1.5, spacing, 0.3)[0]) == 4
    # of each two that are nearer than the radius one is left
    assert len(peaks(values, 2.5, spacing, 0.3)[0]) == 2


def test_peaks_at_borders_and_on_plateaus():
    values = np.zeros((9, 9), np.float32)
    values[0, 0] = values[8, 4] = 0.9
    values[4:6, 6] = 0.8
    found, heights = peaks(values, 2.0, above=0.5)
    assert sorted(map(tuple, found.tolist())) == [(0.0, 0.0), (4.5, 6.0), (8.0, 4.0)]
    assert heights.tolist() == pytest.approx([0.9, 0.9, 0.8])
    assert len(peaks(np.zeros((5, 5)), 2.0)[0]) == 0


def test_of_peaks_within_reach_the_highest_stays_and_does_not_hide_what_lies_beyond():
    values = np.zeros((1, 30), np.float32)
    values[0, [5, 9, 13]] = 0.7, 0.9, 0.6
    found, _ = peaks(values, 5.0, above=0.1)
    assert found[:, 1].tolist() == [9.0]
    values[0, [5, 9, 13]] = 0.9, 0.8, 0.7
    # the one in the middle is gone, so that the last is no longer within reach of any
    assert peaks(values, 5.0, above=0.1)[0][:, 1].tolist() == [5.0, 13.0]


def target(labels, task, spacing=None, known=None):
    """Make a target of labels."""
    arrays = {"labels": labels}
    roles = {"labels": "labels"}
    if known is not None:
        arrays["known"], roles["known"] = known, "known"
    value, weight = task.target(Sample(arrays, roles, spacing))["centre"]
    return value[..., 0], weight[..., 0]


def test_a_target_is_narrower_where_a_neighbour_is_near():
    labels = np.zeros((1, 60), int)
    labels[0, [10, 40, 44]] = 1, 2, 3
    value, _ = target(labels, Centres(distance_px=10))
    assert value[0, [10, 40, 44]].tolist() == [1, 1, 1]
    # 10 px and more away: a width of 2 px; 4 px away: of 0.8 px
    assert value[0, 12] == pytest.approx(np.exp(-0.5), abs=1e-6)
    assert value[0, 42] == pytest.approx(np.exp(-((2 / 0.8) ** 2) / 2), abs=1e-6)


def test_a_target_is_round_in_micrometres():
    labels = np.zeros((9, 33, 33), int)
    labels[4, 16, 16] = 1
    value, _ = target(labels, Centres(distance_um=10.0), (2.0, 0.5, 0.5))
    assert value[5, 16, 16] == pytest.approx(value[4, 20, 16], abs=1e-6)
    assert value[4, 20, 16] == pytest.approx(np.exp(-0.5), abs=1e-6)


def test_few_centres_weigh_as_much_as_all_background_and_what_is_unknown_nothing():
    labels = np.zeros((40, 40), int)
    labels[20, 20] = labels[20, 30] = 1
    known = np.ones((40, 40), bool)
    known[:, :8] = False
    value, weight = target(labels, Centres(distance_px=10), known=known)
    assert (weight[~known] == 0).all()
    background, centres = (1 - value)[known].sum(), value[known].sum()
    assert weight[20, 20] / weight[0, 39] == pytest.approx(background / centres, rel=1e-4)


def test_the_middle_of_an_object_counts_and_its_mark_survives_a_second_look():
    _, labels = cl.simulate.nuclei(shape=(96, 96), count=12, seed=3)
    marks = Centres().prepare(labels)
    inside = [np.argwhere(labels == k).mean(axis=0) for k in np.unique(marks)[1:]]
    assert np.abs(cdist(inside, middles(marks)).min(axis=1)).max() < 0.8
    np.testing.assert_array_equal(Centres().prepare(marks) > 0, marks > 0)


def test_a_task_measures_how_far_neighbours_are():
    labels = np.zeros((50, 50), int)
    labels[[10, 10, 30], [10, 18, 40]] = 1, 2, 3
    found = Centres().fitted_to([(labels, (0.5, 0.5)), (labels, (0.5, 0.5))])
    assert found.distance_um == pytest.approx(4.0)
    assert Centres().fitted_to([(labels, None)]).distance_px == pytest.approx(8.0)
    assert Centres(distance_px=3).fitted_to([(labels, None)]).distance_px == 3


def test_the_threshold_is_that_of_the_best_f1_and_heights_become_probabilities():
    rng = np.random.default_rng(0)
    maps, truths = [], []
    for _ in range(6):
        labels, values = np.zeros((60, 200), int), np.zeros((60, 200), np.float32)
        at = [(y, x) for y in range(6, 60, 12) for x in range(6, 200, 12)]
        for k, (y, x) in enumerate(at, start=1):
            real = rng.random() < 0.5
            height = rng.uniform(0.5, 0.9) if real else rng.uniform(0.2, 0.6)
            values[y, x] = height
            if real:
                labels[y, x] = k
        maps.append({"centre": values[..., None]})
        truths.append((labels, None))
    task = Centres(distance_px=12).tune(maps, truths)
    assert 0.45 < task.threshold < 0.62
    heights = np.concatenate([m["centre"][m["centre"] > 0] for m in maps])
    pairs = zip(maps, truths, strict=True)
    real = np.concatenate([t[m["centre"][..., 0] > 0] > 0 for m, (t, _) in pairs])
    said = task.probability(heights)
    for low, high in ((0, 0.2), (0.2, 0.8), (0.8, 1)):
        own = (said >= low) & (said <= high)
        assert abs(said[own].mean() - real[own].mean()) < 0.06


def test_scores_by_hand():
    truth = np.zeros((30, 30), int)
    truth[[5, 5, 20], [5, 20, 10]] = 4, 7, 9
    points = np.array([[5.0, 7.0, 0.9], [20.0, 10.0, 0.8], [26.0, 26.0, 0.7]])
    found = Found(np.zeros((30, 30), np.int32), points=points)
    scores, rows = Centres(distance_px=10).score(truth, found)
    assert scores["precision"] == pytest.approx(2 / 3)
    assert scores["recall"] == pytest.approx(2 / 3)
    assert scores["distance_px"] == pytest.approx(1.0)
    assert [(r["truth"], r["found"], r["matched"]) for r in rows] == [
        (4, 1, True), (9, 2, True), (7, 0, False), (0, 3, False),
    ]  # fmt: skip
    # what is found where nothing is known counts nowhere
    known = np.ones((30, 30), bool)
    known[24:] = False
    assert Centres(distance_px=10).score(truth, found, known)[0]["precision"] == 1
    empty = Centres().score(np.zeros((9, 9), int), Found(np.zeros((9, 9), int)))[0]
    assert np.isnan(empty["f1"])
    assert empty["n_found_on_empty"] == 0


def test_pairs_are_as_many_as_can_be():
    truth, found = np.array([[0.0, 0], [3, 0]]), np.array([[2.0, 0], [5.5, 0]])
    assert [rows.tolist() for rows in matched(truth, found, 3)] == [[0, 1], [0, 1]]


def test_platts_fit_is_that_of_scikit_learn():
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 3, 4000)
    right = rng.random(4000) < 1 / (1 + np.exp(-(0.6 * scores - 0.4)))
    (slope,), offset = fitted(scores, right)
    theirs = linear.LogisticRegression(C=1e9).fit(scores[:, None], right)
    assert slope == pytest.approx(theirs.coef_[0, 0], rel=0.01)
    assert offset == pytest.approx(theirs.intercept_[0], abs=0.02)
    assert fitted(scores[:3], np.array([True, True, False])) == ((1.0,), 0.0)
    assert np.isfinite(log_odds([0, 1])).all()


@pytest.fixture(scope="module")
def model():
    """Train on nuclei that touch, for a little."""
    images, labels = zip(*(cl.simulate.nuclei(shape=(128, 128), count=25, seed=k)
                           for k in range(3)), strict=True)  # fmt: skip
    return cl.train(
        (list(images), list(labels)), task="centres", network=cl.UNet(filters=8, depth=2),
        trainer=cl.Trainer(iterations=20, batch_size=4, patch_px=64), progress=False,
    )  # fmt: skip


def test_any_images_with_objects_train_it_and_tiles_change_nothing(model):
    image, labels = cl.simulate.nuclei(shape=(200, 170), count=40, seed=9)
    assert model.task.distance_px == pytest.approx(17, abs=5)
    whole = model.task.points(model.predict_maps(image), above=0.2)
    tiled = model.task.points(model.predict_maps(image, tile_px=64), above=0.2)
    np.testing.assert_array_equal(whole[0], tiled[0])
    np.testing.assert_array_equal(whole[1], tiled[1])
    scores = cl.evaluate(model, ([image], [labels]), progress=False).summary
    assert {"f1", "precision", "recall", "distance_px"} <= set(scores["metric"])
    found = model.predict(image)
    assert found.shape == image.shape
    assert len(np.unique(found)) - 1 == len(model.task.decode(model.predict_maps(image)).points)
