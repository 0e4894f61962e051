"""From image to maps: activation, resampling, folding, and what people see meanwhile."""

from __future__ import annotations

import numpy as np
import pytest

from cytoloom import InvalidError, UNet
from cytoloom.datasets.sources import ArraySource
from cytoloom.events import Event, drain, note, warn
from cytoloom.inference.tiled import activate, tile_shape
from cytoloom.runtime import backend


def test_activations_are_what_they_are_called():
    logits = np.array([[0.0, np.log(3.0)]], np.float32)
    assert activate(logits, "sigmoid") == pytest.approx(np.array([[0.5, 0.75]]))
    assert activate(logits, "softmax") == pytest.approx(np.array([[0.25, 0.75]]))
    assert activate(logits, "linear") is logits


def test_extreme_logits_give_probabilities_not_warnings():
    with np.errstate(all="raise"):
        found = activate(np.array([-1e30, 1e30], np.float32), "sigmoid")
    assert found.tolist() == pytest.approx([0, 1])


def test_the_last_bit_of_an_activation_does_not_depend_on_its_neighbours():
    logits = np.random.default_rng(0).normal(size=1003).astype(np.float32)
    whole = activate(logits, "sigmoid")
    for start in (0, 1, 5, 998):
        assert np.array_equal(activate(logits[start:], "sigmoid"), whole[start:])


def test_small_images_are_one_tile_and_large_ones_are_not():
    assert tile_shape((700, 700), None) == (700, 700)
    assert tile_shape((700, 700), None, workers=2) == (350, 700)
    assert tile_shape((2048, 2048), None, workers=2) == (1024, 2048)
    assert tile_shape((100, 50000), None) == (100, 12500)
    assert np.prod(tile_shape((64, 1024, 1024), None)) <= 2**20
    assert tile_shape((300, 300), None, workers=64) == (300, 300)


def test_inference_sees_weights_that_change_after_compiling():
    network = UNet(filters=2, depth=1).build(1, {"a": 1}, seed=0)
    forward = backend.forward(network)
    image = np.ones((1, 16, 16, 1), np.float32)
    before = forward(image)["a"]
    network.set_weights([w + 1 for w in network.get_weights()])
    after = forward(image)["a"]
    assert not np.allclose(before, after)
    assert np.array_equal(after, backend.forward(network)(image)["a"])


@pytest.mark.parametrize("options", [{}, {"residual": True}, {"norm": "none"}, {"stem_stride": 1}])
def test_folding_changes_nothing_but_the_rounding(options):
    net = UNet(filters=4, depth=2, **options)
    network = net.build(1, {"a": 1, "b": 2}, seed=0)
    rng = np.random.default_rng(0)
    for variable in network.variables:
        low = 0.5 if "variance" in variable.path or "gamma" in variable.path else -0.5
        if "norm" in variable.path:
            variable.assign(rng.uniform(low, low + 1, variable.shape))
    image = rng.normal(size=(1, 32, 32, 1)).astype(np.float32)
    plain = backend.forward(net.for_prediction(network, {"image": 1}, {"a": 1, "b": 2}))(image)
    for head, logits in backend.forward(network)(image).items():
        assert plain[head] == pytest.approx(logits, abs=1e-4)


def test_tiles_narrower_than_what_the_network_sees_are_blended():
    # each "logit" is the mean of what the tile was given: tiles disagree, and must not show it
    from cytoloom.inference.tiled import predict_maps
    from cytoloom.tasks import Head

    rng = np.random.default_rng(0)
    image = np.cumsum(rng.normal(size=(32, 900, 1)), axis=1).astype(np.float32)
    found = predict_maps(
        lambda x: {"a": np.full_like(x, x.mean())},
        ArraySource(image),
        lambda region: region,
        {"a": Head(1, "linear", "mse")},
        halo=(8, 400),
        grid=(8, 8),
        tile_px=300,
    )["a"][..., 0]
    steps = np.abs(np.diff(found, axis=1))
    spread = np.ptp(found)
    assert spread > 0.1
    assert steps.max() <= 1.01 * spread / 128
    assert np.ptp(found, axis=0).max() == 0


def test_a_constant_stays_constant_where_tiles_are_blended():
    from cytoloom.inference.tiled import predict_maps
    from cytoloom.tasks import Head

    found = predict_maps(
        lambda x: {"a": np.full_like(x, 3.0)},
        ArraySource(np.zeros((700, 650, 1), np.float32)),
        lambda region: region,
        {"a": Head(1, "linear", "mse")},
        halo=(400, 400),
        grid=(16, 16),
        tile_px=128,
    )["a"]
    assert found == pytest.approx(np.full_like(found, 3.0))


def fail_in_bfloat16() -> None:
    with backend.policy("bfloat16"):
        assert backend.require().config.dtype_policy().name == "mixed_bfloat16"
        raise ZeroDivisionError


def test_the_policy_is_put_back_after_an_error():
    config = backend.require().config
    before = config.dtype_policy()
    with pytest.raises(ZeroDivisionError):
        fail_in_bfloat16()
    assert config.dtype_policy() == before


def test_an_unknown_precision_is_refused():
    with pytest.raises(InvalidError, match="float64"):
        backend.resolve_precision("float64")


def test_progress_off_shows_warnings_only(capsys):
    events = [note("read"), Event("progress", "half", 1, 2), warn("odd"), Event("result", value=3)]
    assert drain(events, progress=False) == 3
    assert capsys.readouterr().err == "Warning: odd\n"
    assert drain(events, progress=True) == 3
    assert capsys.readouterr().err == "read\nhalf\nWarning: odd\n"
