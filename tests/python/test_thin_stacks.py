"""Stacks of few planes: bfloat16 only where its gradients are those of float32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import cytoloom as cl
import small
from cytoloom.networks.network import Network
from cytoloom.networks.topology import wire
from cytoloom.runtime import backend
from cytoloom.training.recipe import DatasetFingerprint, choose

SPACINGS = (None, (1, 1, 1), (2, 1, 1), (3, 1, 1), (5, 0.5, 0.5), (10, 1, 1), (0.5, 1, 1))
DIAMETERS = (None, 5, 100)
"""For stems of 2, 1 and 4, and all depths."""


@dataclass
class Convolutions:
    """Operations of a network that note kernel, stride and planes along z; a tensor is its planes.

    Of transposed convolutions, the gradient is that of a convolution of what comes out.
    """

    seen: set[tuple[int, int, int]]

    def convolve(self, x: int, name: str, filters: int, kernel: Any, strides: Any, *_: Any) -> int:
        self.seen.add((kernel[0], strides[0], x))
        return x // strides[0]

    def transposed(self, x: int, name: str, filters: int, size: Any) -> int:
        self.seen.add((size[0], size[0], x * size[0]))
        return x * size[0]

    def pool(self, x: int, name: str, size: Any) -> int:
        return x // size[0]

    def concatenate(self, xs: list[int], name: str) -> int:
        assert len(set(xs)) == 1
        return xs[0]

    def head(self, x: int, name: str, channels: int) -> int:
        return x

    def relu(self, x: int, *_: Any) -> int:
        return x

    normalise = dropout = relu


def reached_in_bfloat16(planes: Sequence[int]) -> set[tuple[int, int, int]]:
    """Whatever a planned network convolves along z in bfloat16."""
    seen: set[tuple[int, int, int]] = set()
    for z in planes:
        for spacing in SPACINGS:
            for diameter in DIAMETERS:
                data = DatasetFingerprint(5, (z, 64, 64), diameter_px=diameter, spacing_um=spacing)
                plan = choose(data, memory_gb=8)
                patch = plan.trainer.patch_px
                if plan.network.sound_in_bfloat16(patch):
                    wire(plan.network, Convolutions(seen), patch[0], {"head": 1})
    return seen


def gradient(kernel: int, stride: int, planes: int, precision: str) -> np.ndarray:
    """Of the kernel of one convolution, of images 4 px wide."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, planes, 4, 4, 2)).astype(np.float32)
    w = rng.normal(size=(kernel, 1, 1, 2, 2)).astype(np.float32)
    image, weights = (tf.constant(v, precision) for v in (x, w))
    strides = [1, stride, 1, 1, 1]
    with tf.GradientTape() as tape:
        tape.watch(weights)
        out = tf.cast(tf.nn.conv3d(image, weights, strides, "SAME"), tf.float32)
        loss = tf.reduce_sum(out**2)
    return tf.cast(tape.gradient(loss, weights), tf.float32).numpy()


def test_bfloat16_has_the_gradients_of_float32_wherever_a_plan_goes():
    """To 5 %, which is what rounding to 8 bits leaves; garbage is off by any factor."""
    if backend.name() != "tensorflow":
        pytest.skip("the fault is TensorFlow's")
    reached = reached_in_bfloat16([*range(1, 15), *range(16, 65, 8)])
    assert {kernel for kernel, _, _ in reached} >= {1, 2, 3, 4}
    assert (3, 1, 2) not in reached, "two planes under a kernel of three"
    for kernel, stride, planes in sorted(reached):
        exact = gradient(kernel, stride, planes, "float32")
        rounded = gradient(kernel, stride, planes, "bfloat16")
        off = np.abs(rounded - exact).max() / np.abs(exact).max()
        assert off < 0.05, (kernel, stride, planes)


@pytest.mark.parametrize("planes", [2, 9])
def test_thin_stacks_train(planes, monkeypatch):
    """Also where bfloat16 would be chosen: the thin level has it compute in float32."""
    monkeypatch.setattr(backend, "has_bfloat16", lambda: True)
    stacks = [cl.simulate.nuclei_3d((planes, 32, 32), 3, seed=k) for k in range(3)]
    network = cl.UNet(filters=2, depth=2, stem_stride=1, ndim=3)
    settings = {"iterations": 3, "patch_px": (8, 16, 16)}
    model = small.train(
        data=tuple(zip(*stacks, strict=True)), network=network, trainer=small.trainer(**settings)
    )
    assert all(np.isfinite(w).all() for w in small.weights(model))
    assert model.info["precision"] == "float32"


def test_bfloat16_that_was_asked_for_is_refused_on_thin_stacks():
    stacks = [cl.simulate.nuclei_3d((8, 32, 32), 3, seed=k) for k in range(3)]
    network = cl.UNet(filters=2, depth=2, stem_stride=1, ndim=3)
    trainer = small.trainer(patch_px=(8, 16, 16), precision="bfloat16")
    with pytest.raises(cl.InvalidError, match="fewer planes than a kernel"):
        small.train(data=tuple(zip(*stacks, strict=True)), network=network, trainer=trainer)


def test_of_a_network_that_does_not_say_its_kernels_none_is_taken_to_be_small():
    class Other(Network):
        ndim = 3
        grid_px = (8, 8, 8)

    assert not Other().sound_in_bfloat16((32, 64, 64)), "its thinnest map has 4 planes"
    assert Other().sound_in_bfloat16((64, 64, 64))
    assert Other().sound_in_bfloat16((1, 64, 64))
