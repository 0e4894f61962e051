"""Batches in the form in which losses are computed: what is unknown is 0 in all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import invalid

Tensor = Any
Weights = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Pixels:
    """One batch, float32, with target and logit 0 wherever the weight is.

    Attributes
    ----------
    target, logits, predicted : tensor (batch, spatial..., channels)
        What the channels should say, what they say, and that after the activation.
    weight : tensor (batch, spatial..., 1 or channels)
        Of each pixel, or of each of its channels.
    activation : {"sigmoid", "softmax", "linear"}
        What was applied to the logits.
    class_weights : tuple of float
        Factor of each channel, or (background, foreground) of a single one.
    known : tensor (batch,)
        Pixels of each image with a weight, at least 1; where channels have weights of their own,
        their mean number.
    """

    target: Tensor
    logits: Tensor
    predicted: Tensor
    weight: Tensor
    activation: str
    class_weights: Weights
    known: Tensor

    def mean(self, values: Tensor, over_channels: bool = True) -> Tensor:
        """Sum `values` over known pixels by weight and divide by their number (and channels)."""
        total = sum_pixels(self.weight * values)
        if over_channels:
            total = total / values.shape[-1]
        return ops().sum(total, axis=-1) / self.known

    def off_and_on(self) -> tuple[Tensor, Tensor]:
        """Return the factors of each channel's background and of its foreground."""
        weights, channels = self.class_weights, self.logits.shape[-1]
        both = [weights[:1], weights[1:]] if len(weights) > channels else [weights, weights]
        off, on = (ops().convert_to_tensor(w, dtype="float32") for w in both)
        return off, on

    def class_mean(self, values: Tensor) -> Tensor:
        """Return the mean over channels by class weight."""
        weights = self.class_weights
        if len(weights) != values.shape[-1]:
            weights = (1.0,) * values.shape[-1]
        shares = ops().convert_to_tensor([w / sum(weights) for w in weights], dtype="float32")
        return ops().sum(values * shares, axis=-1)


def pixels_of(
    target: Tensor, logits: Tensor, activation: str, class_weights: Weights | None
) -> Pixels:
    """Part a target from its weight, and put 0 where that is 0.

    Raises
    ------
    InvalidError
        A target or class weights of another number of channels than the logits.
    """
    ops_ = ops()
    target, logits = (ops_.cast(v, "float32") for v in (target, logits))
    channels = logits.shape[-1]
    weight = ops_.ones_like(logits[..., :1])
    if target.shape[-1] in (channels + 1, 2 * channels):
        target, weight = target[..., :channels], target[..., channels:]
    if target.shape[-1] != channels:
        expected = f"{channels} channels as the logits, one more with the weight, or twice as many"
        raise invalid("target", expected=expected, received=tuple(target.shape))
    counts = weight > 0
    # Selecting, not multiplying: 0 * inf would be NaN.
    target, logits = (ops_.where(counts, v, 0.0) for v in (target, logits))
    # pixels with a weight, not their weights: a class that weighs more shall count more
    known = ops_.sum(ops_.cast(counts, "float32"), axis=tuple(range(1, len(logits.shape))))
    known = known / weight.shape[-1]
    return Pixels(
        target,
        logits,
        _activated(logits, activation),
        ops_.where(counts, weight, 0.0),
        activation,
        _per_channel(class_weights, channels),
        ops_.maximum(known, 1.0),
    )


def sum_pixels(values: Tensor) -> Tensor:
    """Sum over the spatial axes of (batch, spatial..., channels); there may be none."""
    axes = tuple(range(1, len(values.shape) - 1))
    return ops().sum(values, axis=axes) if axes else values


def ops() -> Any:
    """Return `keras.ops`; Keras is imported when first asked for."""
    from ..runtime.backend import require

    return require().ops


def _per_channel(weights: Weights | None, channels: int) -> Weights:
    if weights is None:
        return (1.0,) * channels
    if len(weights) != channels and (len(weights), channels) != (2, 1):
        expected = f"{channels} numbers" + " or (background, foreground)" * (channels == 1)
        raise invalid("class_weights", expected=expected, received=weights)
    return weights


def _activated(logits: Tensor, activation: str) -> Tensor:
    if activation == "linear":
        return logits
    return ops().sigmoid(logits) if activation == "sigmoid" else ops().softmax(logits, axis=-1)
