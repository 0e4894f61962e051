"""Gradients of losses by logits, on whichever backend runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cytoloom.runtime import backend

Loss = Callable[[Any, Any], Any]


def gradient(loss: Loss, target: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Loss of each image, and the gradient of their sum by the logits."""
    ways = {"tensorflow": _of_tensorflow, "jax": _of_jax, "torch": _of_torch}
    found = ways[backend.name()](loss, target.astype(np.float32), logits.astype(np.float32))
    return np.asarray(found[0]), np.asarray(found[1])


def _of_tensorflow(loss: Loss, target: np.ndarray, logits: np.ndarray) -> tuple[Any, Any]:
    import tensorflow as tf

    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        each = loss(target, variable)
    return each, tape.gradient(each, variable)


def _of_jax(loss: Loss, target: np.ndarray, logits: np.ndarray) -> tuple[Any, Any]:
    import jax

    return loss(target, logits), jax.grad(lambda z: loss(target, z).sum())(logits)


def _of_torch(loss: Loss, target: np.ndarray, logits: np.ndarray) -> tuple[Any, Any]:
    import torch

    variable = torch.tensor(logits, requires_grad=True)
    each = loss(torch.tensor(target), variable)
    each.sum().backward()
    return each.detach(), variable.grad
