"""The smallest training that still does everything: a few seconds with any backend."""

from __future__ import annotations

from typing import Any

import numpy as np

import cytoloom as cl

NETWORK = cl.UNet(filters=8, depth=2)


def trainer(**changes: Any) -> cl.Trainer:
    """Eight iterations of two patches of 32 px."""
    settings = {"iterations": 8, "batch_size": 2, "patch_px": (32,), "checkpoint_s": 0.0}
    return cl.Trainer(**(settings | changes))


def nuclei(count: int = 4, shape: tuple[int, int] = (64, 64)) -> tuple[list, list]:
    """Images and labels of a few nuclei each."""
    pairs = [cl.simulate.nuclei(shape=shape, count=6, seed=k) for k in range(count)]
    return [p[0] for p in pairs], [p[1] for p in pairs]


def pairs_of_channels(count: int = 3) -> tuple[list, list]:
    """Images of `nuclei()` with channels A and B, and their labels."""
    images, labels = nuclei(count)
    pairs = [np.stack([one, one // 2], -1) for one in images]
    return [cl.images.Image(one, "yxc", None, ("A", "B")) for one in pairs], labels


def train(**changes: Any) -> cl.Model:
    """Train on `nuclei()`, quietly."""
    settings = {"data": nuclei(), "network": NETWORK, "trainer": trainer(), "progress": False}
    return cl.train(**(settings | changes))


def weights(model: cl.Model) -> list[np.ndarray]:
    """All weights and statistics."""
    return model.keras.get_weights()


def same_weights(one: cl.Model, other: cl.Model) -> bool:
    """Whether two models agree to the last bit."""
    pairs = zip(weights(one), weights(other), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)
