import numpy as np
import pytest

from cytoloom.errors import InvalidError
from cytoloom.metrics import dice, iou
from cytoloom.metrics.keras_metrics import Dice, IoU
from cytoloom.runtime import backend

keras = backend.require()
PAIRS = [(Dice, dice), (IoU, iou)]


def batch(images, channels, seed=0):
    rng = np.random.default_rng(seed)
    truth = (rng.random((images, 6, 7, channels)) > 0.6).astype("float32")
    known = (rng.random((images, 6, 7, 1)) > 0.2).astype("float32")
    return truth, known, rng.random((images, 6, 7, channels)).astype("float32")


@pytest.mark.parametrize(("metric", "formula"), PAIRS)
def test_many_batches_average_the_numpy_scores_of_each_image_and_class(metric, formula):
    keras_metric, expected = metric(), []
    for seed in range(40):
        truth, known, found = batch(3, 2, seed)
        keras_metric.update_state(np.concatenate([truth, known], -1), found)
        for t, k, f in zip(truth, known[..., 0] > 0, found, strict=True):
            expected += [formula(t[k, c] > 0, f[k, c] > 0.5) for c in range(2)]
    assert float(keras_metric.result()) == pytest.approx(np.mean(expected), abs=1e-6)


@pytest.mark.parametrize("metric", [Dice, IoU])
def test_nothing_in_truth_and_nothing_found_scores_1_and_something_found_0(metric):
    empty, full = np.zeros((1, 2, 2, 1)), np.ones((1, 2, 2, 1))
    both = metric()
    both.update_state(empty, empty)
    assert float(both.result()) == 1
    both.update_state(empty, full)
    assert float(both.result()) == 0.5


def test_unknown_pixels_change_nothing_and_unknown_images_are_left_out():
    truth = np.array([[[1, 1], [1, 1], [0, 0]], [[1, 0], [1, 0], [1, 0]]], "float32")
    found = np.array([[[0.9], [0.2], [0.9]], [[0.0], [0.0], [0.0]]], "float32")
    metric = Dice()
    metric.update_state(truth, found)
    assert float(metric.result()) == pytest.approx(2 / 3)


def test_logits_are_activated_first():
    truth = np.array([[[1], [0]]], "float32")
    metric = Dice(activation="sigmoid", threshold=0.6)
    metric.update_state(truth, np.array([[[0.5], [0.3]]], "float32"))
    assert float(metric.result()) == 1


def test_the_most_probable_class_counts_without_a_threshold():
    truth = np.eye(3, dtype="float32")[None, [0, 1, 2]]
    logits = np.array([[[0.4, 0.3, 0.3], [0.3, 0.4, 0.3], [0.3, 0.4, 0.3]]], "float32")
    every, foreground = Dice(threshold=None), Dice(threshold=None, skip_background=True)
    for metric in (every, foreground):
        metric.update_state(truth, logits)
    assert float(every.result()) == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert float(foreground.result()) == pytest.approx((2 / 3 + 0) / 2)


def test_fit_reports_what_numpy_computes():
    truth, known, image = batch(4, 1)
    model = keras.Sequential([keras.Input((6, 7, 1)), keras.layers.Identity()])
    targets = np.concatenate([truth, known], -1)
    model.compile(loss=lambda t, p: p[..., 0] * 0, metrics=[Dice(), IoU()])
    scores = model.evaluate(image, targets, batch_size=3, verbose=0, return_dict=True)
    pairs = zip(truth, known[..., 0] > 0, image, strict=True)
    expected = np.mean([dice(t[k, 0] > 0, f[k, 0] > 0.5) for t, k, f in pairs])
    assert scores["dice"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("metric", [Dice, IoU])
def test_settings_survive_the_round_trip(metric):
    one = metric(activation="softmax", threshold=None, skip_background=True, name="mine")
    again = keras.metrics.deserialize(keras.metrics.serialize(one))
    assert type(again) is metric
    assert again.get_config() == one.get_config()


def test_unknown_activations_and_wrong_channels_are_refused():
    with pytest.raises(InvalidError, match="activation"):
        Dice(activation="relu")
    with pytest.raises(InvalidError, match="3 channels"):
        Dice().update_state(np.zeros((1, 2, 2, 1)), np.zeros((1, 2, 2, 3)))
