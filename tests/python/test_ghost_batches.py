"""Parts of a batch through one network: the same step as the whole batch at once."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from cytoloom import UNet
from cytoloom.losses import losses
from cytoloom.networks.ghost_batches import ghost_batches
from cytoloom.runtime import backend


def stepped(net: UNet, images: np.ndarray, parts: int) -> list[np.ndarray]:
    """Weights and statistics after one step of gradient descent."""
    backend.require()
    network = net.build(1, {"a": 2}, seed=3)
    fitted = ghost_batches(network, parts)
    loss = losses.get("ce_dice", "sigmoid")
    fitted.compile(optimizer=keras.optimizers.SGD(0.1), loss={"a": loss})
    targets = np.concatenate([images > 0.5, images > 0.8, np.ones_like(images)], axis=-1)
    fitted.train_on_batch(images, {"a": targets.astype(np.float32)})
    return network.get_weights()


@pytest.fixture
def patches() -> np.ndarray:
    return np.random.default_rng(0).random((4, 16, 16, 1), np.float32)


@pytest.mark.parametrize("parts", [2, 4])
def test_parts_make_the_step_of_the_whole_batch(patches, parts):
    # with 2 or 3 filters, PyTorch's kernels for the last convolution refuse a batch of one patch
    net = UNet(filters=4, depth=1, norm="none")
    for whole, cut in zip(stepped(net, patches, 1), stepped(net, patches, parts), strict=True):
        np.testing.assert_allclose(whole, cut, atol=1e-6)


def test_averages_of_normalisation_move_as_far_in_parts(patches):
    """Four times the same patch: the parts have the statistics of the whole."""
    same = np.repeat(patches[:1], 4, axis=0)
    net = UNet(filters=4, depth=1)
    for whole, cut in zip(stepped(net, same, 1), stepped(net, same, 4), strict=True):
        np.testing.assert_allclose(whole, cut, atol=1e-5)


@pytest.mark.skipif(backend.name() != "tensorflow", reason="what only TensorFlow does")
@pytest.mark.parametrize("loss", ["ce_dice", "focal"])
def test_no_sum_of_gradients_depends_on_timing(loss):
    """TensorFlow sums three or more into the first addend that nothing else still reads.

    An addend with another reader may or may not still be read by then, by the timing of threads,
    so that two runs differed in the last bit once in a while.
    """
    import tensorflow as tf

    net = UNet(filters=2, depth=1, convs=1, residual=True, dropout=0.2)
    fitted = ghost_batches(net.build(1, {"a": 1, "b": 3}), 4)
    heads = {"a": losses.get(loss, "sigmoid"), "b": losses.get(loss, "softmax")}
    fitted.compile(optimizer="adam", loss=heads)
    images = tf.zeros((4, 16, 16, 1))
    targets = {"a": tf.zeros((4, 16, 16, 2)), "b": tf.zeros((4, 16, 16, 4))}
    step = tf.function(lambda x, y: fitted.train_step((x, y)))
    graph = step.get_concrete_function(images, targets).graph
    sums = [op for op in graph.get_operations() if op.type == "AddN" and len(op.inputs) > 2]
    shared = [op for op in sums if any(len(part.consumers()) > 1 for part in op.inputs)]
    assert sums, "nothing looked at"
    assert not [[part.op.name for part in op.inputs] for op in shared]
