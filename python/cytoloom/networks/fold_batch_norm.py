"""Fold batch normalisation into the convolutions before it, for prediction."""

from __future__ import annotations

from typing import Any

import numpy as np


def fold_batch_norm(network: Any, plain: Any) -> Any:
    """Give a network without batch normalisation the weights that make it do the same.

    With the statistics fixed, normalising a convolution's output is a factor and a summand per
    channel, which its kernel and bias can carry (doi:10.1109/CVPR.2018.00286, section 3.2).

    Parameters
    ----------
    network : keras.Model
        Trained; its layers ``x_norm`` follow convolutions ``x_conv``.
    plain : keras.Model
        Of the same layers but these, its convolutions with a bias; its weights are set.

    Returns
    -------
    keras.Model
        `plain`.

    Examples
    --------
    >>> from cytoloom import UNet
    >>> network = UNet(filters=2, depth=1).build(1, {"a": 1})
    >>> folded = fold_batch_norm(network, UNet(filters=2, depth=1, norm="none").build(1, {"a": 1}))
    >>> any("norm" in layer.name for layer in folded.layers)
    False
    """
    norms = {layer.name for layer in network.layers if layer.name.endswith("_norm")}
    for layer in plain.layers:
        if not layer.weights:
            continue
        # layers of both networks have the same names, which also seed their weights
        weights = network.get_layer(layer.name).get_weights()
        partner = layer.name.removesuffix("_conv") + "_norm"
        if layer.name.endswith("_conv") and partner in norms:
            weights = _folded(weights[0], network.get_layer(partner))
        layer.set_weights(weights)
    return plain


def _folded(kernel: np.ndarray, norm: Any) -> list[np.ndarray]:
    # in float64, since a small variance makes a large factor: rounding happens once, at the end
    gamma, beta, mean, variance = (w.astype(np.float64) for w in norm.get_weights())
    factor = gamma / np.sqrt(variance + norm.epsilon)
    folded = kernel.astype(np.float64) * factor, beta - mean * factor
    return [part.astype(np.float32) for part in folded]
