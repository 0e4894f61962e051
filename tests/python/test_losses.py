import numpy as np
import pytest

from cytoloom.errors import InvalidError
from cytoloom.losses import losses
from cytoloom.runtime import backend
from gradients import gradient

keras = backend.require()

SIGMOID = ("ce_dice", "ce", "dice", "tversky", "focal", "mse", "l1")
ALL = [(name, "sigmoid") for name in SIGMOID] + [(name, "softmax") for name in SIGMOID]
ALL += [("mse", "linear"), ("l1", "linear")]


def value(loss, target, logits):
    found = loss(np.asarray(target, "float32"), np.asarray(logits, "float32"))
    return keras.ops.convert_to_numpy(found)


def random_batch(seed=0):
    rng = np.random.default_rng(seed)
    target = rng.random((3, 5, 6, 2)).astype("float32")
    target /= target.sum(-1, keepdims=True)
    weight = (rng.random((3, 5, 6, 1)) > 0.4).astype("float32")
    return target, weight, rng.normal(0, 5, (3, 5, 6, 2)).astype("float32")


@pytest.mark.parametrize(("name", "activation"), ALL)
def test_the_gradient_is_exactly_0_where_the_weight_is_and_nowhere_else(name, activation):
    target, weight, logits = random_batch()
    weight[1] = 0
    hidden = weight[..., 0] == 0
    target[hidden], logits[hidden] = np.nan, np.inf
    loss = losses.get(name, activation)
    each, slopes = gradient(loss, np.concatenate([target, weight], -1), logits)
    assert np.array_equal(slopes[hidden], np.zeros_like(slopes[hidden]))
    assert np.isfinite(slopes).all()
    assert (np.abs(slopes[~hidden]).sum(-1) > 0).all()
    assert each[1] == 0
    assert (each[[0, 2]] > 0).all()


@pytest.mark.parametrize(("name", "activation"), ALL)
def test_unknown_pixels_do_not_dilute_the_loss(name, activation):
    target, weight, logits = random_batch()
    weight[:] = 1
    full = np.concatenate([target, weight], -1)
    padded = np.concatenate([full, np.zeros_like(full)], axis=1)
    loss = losses.get(name, activation)
    doubled = value(loss, padded, np.concatenate([logits, logits], axis=1))
    np.testing.assert_allclose(doubled, value(loss, full, logits), rtol=1e-6)
    np.testing.assert_allclose(value(loss, target, logits), value(loss, full, logits))


def test_cross_entropy_of_a_sigmoid_is_the_textbook_formula_also_for_soft_targets():
    target, weight, logits = random_batch()
    p = 1 / (1 + np.exp(-logits.astype(float)))
    terms = -(target * np.log(p) + (1 - target) * np.log1p(-p)).mean(-1) * weight[..., 0]
    expected = terms.sum((1, 2)) / weight.sum((1, 2, 3))
    found = value(losses.get("ce"), np.concatenate([target, weight], -1), logits)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_cross_entropy_of_a_softmax_sums_over_classes():
    target = [[[1, 0, 0, 1]], [[0.5, 0.5, 0, 1]]]
    logits = [[[0, 0, 0]], [[0, 0, -200]]]
    expected = [np.log(3), np.log(2)]
    np.testing.assert_allclose(value(losses.get("ce", "softmax"), target, logits), expected)


def test_extreme_logits_stay_finite():
    found = value(losses.get("ce"), [[[1, 1]], [[0, 1]]], [[[-500]], [[500]]])
    np.testing.assert_allclose(found, [500, 500])


def test_dice_is_counted_for_each_image_and_class():
    # Probabilities are 1/2 everywhere. First class: 4 of 4 pixels true, 2*2/(4+2); second: none.
    target = np.zeros((1, 2, 2, 3))
    target[..., 0] = target[..., 2] = 1
    logits = np.zeros((1, 2, 2, 2))
    expected = 1 - ((2 * 2 + 1) / (4 + 2 + 1) + 1 / (2 + 1)) / 2
    assert value(losses.get("dice"), target, logits)[0] == pytest.approx(expected)
    first = losses.get("dice", class_weights=(1, 0))
    assert value(first, target, logits)[0] == pytest.approx(1 - 5 / 7)
    rough = losses.get("dice", smooth=0, class_weights=(1, 0))
    assert value(rough, target, logits)[0] == pytest.approx(1 - 4 / 6)


@pytest.mark.parametrize("smooth", [0.0, 1.0])
def test_empty_truth_and_nothing_found_is_no_loss(smooth):
    loss = losses.get("dice", smooth=smooth)
    assert value(loss, np.zeros((1, 4, 4, 1)), np.full((1, 4, 4, 1), -200.0))[0] == 0


def test_pixel_weights_count_in_proportion():
    # Two known pixels with p = 1/2: (3 ln 2 + 1 ln 2) / 2 pixels.
    found = value(losses.get("ce"), [[[1, 3], [0, 1]]], [[[0], [0]]])
    assert found[0] == pytest.approx(2 * np.log(2))


def test_tversky_weighs_false_positives_by_alpha_and_false_negatives_by_beta():
    # One hit, one false positive, one miss; no soft edges.
    target, logits = [[[1], [0], [1]]], [[[200], [200], [-200]]]
    loss = losses.get("tversky", alpha=0.2, beta=0.7, smooth=0)
    assert value(loss, target, logits)[0] == pytest.approx(1 - 1 / (1 + 0.2 + 0.7))


def test_tversky_with_halves_is_dice():
    target, weight, logits = random_batch()
    full = np.concatenate([target, weight], -1)
    tversky = losses.get("tversky", alpha=0.5, beta=0.5, smooth=0.5)
    np.testing.assert_allclose(
        value(tversky, full, logits), value(losses.get("dice"), full, logits), rtol=1e-6
    )


def test_focal_turns_down_what_is_easy():
    logit = np.log(9.0)
    found = value(losses.get("focal", gamma=2), [[[1]], [[0]]], [[[logit]], [[logit]]])
    np.testing.assert_allclose(found, [0.1**2 * -np.log(0.9), 0.9**2 * -np.log(0.1)], rtol=1e-5)
    plain = value(losses.get("focal", gamma=0), [[[1]]], [[[logit]]])
    assert plain[0] == pytest.approx(-np.log(0.9), rel=1e-5)


def test_class_weights_scale_background_and_foreground():
    loss = losses.get("ce", class_weights=(1, 5))
    found = value(loss, [[[1], [0]]], [[[0], [0]]])
    assert found[0] == pytest.approx((5 + 1) / 2 * np.log(2))
    softmax = losses.get("ce", "softmax", class_weights=(1, 5))
    assert value(softmax, [[[0, 1], [1, 0]]], [[[0, 0], [0, 0]]])[0] == pytest.approx(
        (5 + 1) / 2 * np.log(2)
    )


def test_regression_losses_average_over_channels_and_known_pixels():
    target, logits = [[[1, 0, 1], [9, 9, 0]]], [[[3, 1], [0, 0]]]
    assert value(losses.get("mse", "linear"), target, logits)[0] == pytest.approx((4 + 1) / 2)
    assert value(losses.get("l1", "linear"), target, logits)[0] == pytest.approx((2 + 1) / 2)


def test_3d_batches_work():
    target = np.ones((2, 3, 4, 5, 2))
    assert value(losses.get("ce_dice"), target, np.zeros((2, 3, 4, 5, 1))).shape == (2,)


def test_half_precision_logits_are_computed_in_float32():
    target = keras.ops.ones((1, 4, 4, 2))
    loss = losses.get("ce_dice")(target, keras.ops.zeros((1, 4, 4, 1), "bfloat16"))
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"


def test_keras_compiles_trains_and_saves_with_it(tmp_path):
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(1, 1)])
    model.compile("sgd", loss=losses.get("ce_dice"))
    model.fit(np.ones((2, 4, 4, 1)), np.ones((2, 4, 4, 2)), verbose=0)
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras", compile=False) is not None


def test_a_loss_is_rebuilt_from_its_configuration():
    loss = losses.get("tversky", class_weights=(1, 2), alpha=0.1)
    assert losses.HeadLoss.from_config(loss.get_config()) == loss


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"name": "hinge"}, "ce_dice"),
        ({"name": "ce", "activation": "relu"}, "sigmoid"),
        ({"name": "ce", "activation": "linear"}, "mse"),
        ({"name": "focal", "gamma": 0.5}, "gamma"),
        ({"name": "ce", "class_weights": (0, 0)}, "positive"),
    ],
)
def test_what_cannot_work_is_refused(options, complaint):
    with pytest.raises(InvalidError, match=complaint):
        losses.get(**options)


def test_wrong_channels_are_refused():
    with pytest.raises(InvalidError, match="1 channels"):
        losses.get("ce")(np.zeros((1, 2, 2, 4)), np.zeros((1, 2, 2, 1)))
    with pytest.raises(InvalidError, match="class_weights"):
        losses.get("ce", class_weights=(1, 2, 3))(np.zeros((1, 2, 1)), np.zeros((1, 2, 1)))


def test_cytounets_dice_pools_the_whole_batch():
    # Truth 1 1 | 0 0, prediction 1 .5 | 0 .5: (2 * 1.5 + 1) / (2 + 2 + 1)
    truth = np.array([[1, 1], [0, 0]], "float32")[..., None]
    found = np.array([[1, 0.5], [0, 0.5]], "float32")[..., None]
    assert float(losses.dice_coef(truth, found)) == pytest.approx(0.8)
    assert float(losses.dice_coef_loss(truth, found)) == pytest.approx(0.2)
    assert float(losses.dice_coef(truth * 0, found * 0)) == 1
