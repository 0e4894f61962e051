"""Dice and IoU as Keras metrics, for ``model.compile(metrics=[...])``.

They threshold, count pixels for each image and class, and average the scores of all images and
classes: the numbers of `metrics.dice` and `metrics.iou`, averaged.
"""

from __future__ import annotations

from typing import Any

from ..errors import invalid
from ..messages import one_of
from ..runtime.backend import require

# Through `require`, so that the backend gets its settings whoever imports this file first.
keras = require()
ops = keras.ops
Tensor = Any
ACTIVATIONS = ("linear", "sigmoid", "softmax")


class _Overlap(keras.metrics.Metric):  # type: ignore[misc, name-defined]
    """Mean of a ratio of pixel counts over images and classes.

    Parameters
    ----------
    activation : {"linear", "sigmoid", "softmax"}, default "linear"
        Applied to the predictions first: "linear" for probabilities, the head's activation for
        logits.
    threshold : float or None, default 0.5
        A pixel belongs to a class where its probability is larger. None takes each pixel's most
        probable class instead, for a softmax.
    skip_background : bool, default False
        Leave out the first channel, where that is the background.
    name, dtype
        As for any Keras metric.
    """

    def __init__(
        self,
        activation: str = "linear",
        threshold: float | None = 0.5,
        skip_background: bool = False,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        if activation not in ACTIVATIONS:
            raise invalid("activation", expected=one_of(ACTIVATIONS), received=activation)
        super().__init__(name=name or type(self).__name__.lower(), dtype=dtype)
        self.activation = activation
        self.threshold = threshold
        self.skip_background = skip_background
        # Whole points and the rest apart: float32 would lose the fifth digit of a long sum.
        self.whole = self.add_variable((), initializer="zeros", dtype="float32", name="whole")
        self.rest = self.add_variable((), initializer="zeros", dtype="float32", name="rest")
        self.count = self.add_variable((), initializer="zeros", dtype="float32", name="count")

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None) -> None:
        """Add a batch.

        Parameters
        ----------
        y_true : tensor (batch, spatial..., channels) or (..., channels + 1)
            0 and 1 (above 1/2 counts as 1); a further channel is the pixel weight, 0 means
            unknown. An image without any known pixel is left out of the mean.
        y_pred : tensor (batch, spatial..., channels)
            Probabilities, or logits where `activation` says so.
        sample_weight : tensor (batch,), optional
            An image of weight 0 is left out; other weights count alike.
        """
        y_true, y_pred = (ops.cast(ops.convert_to_tensor(v), "float32") for v in (y_true, y_pred))
        truth, known = _truth_and_known(y_true, y_pred.shape[-1])
        truth, found = truth * known, ops.cast(self._found(y_pred), "float32") * known
        if self.skip_background:
            truth, found = truth[..., 1:], found[..., 1:]
        scores = self._score(*(_pixels(v) for v in (truth * found, truth, found)))
        counted = ops.cast(_pixels(known) > 0, "float32")
        if sample_weight is not None:
            weights = ops.reshape(ops.cast(sample_weight, "float32"), (-1, 1))
            counted = counted * ops.cast(weights > 0, "float32")
        total = self.rest + ops.sum(scores * counted)
        self.whole.assign_add(ops.floor(total))
        self.rest.assign(total - ops.floor(total))
        self.count.assign_add(ops.sum(ops.ones_like(scores) * counted))

    def result(self) -> Tensor:
        """Return the mean over images and classes so far; 0 before the first."""
        some = ops.maximum(self.count, 1.0)
        return self.whole / some + self.rest / some

    def get_config(self) -> dict[str, Any]:
        """Return the settings; `from_config` rebuilds the metric from them."""
        own = ("activation", "threshold", "skip_background")
        return {**super().get_config(), **{field: getattr(self, field) for field in own}}

    def _found(self, predictions: Tensor) -> Tensor:
        if self.threshold is None:
            best = ops.argmax(predictions, axis=-1)
            return ops.one_hot(best, predictions.shape[-1])
        if self.activation == "sigmoid":
            predictions = ops.sigmoid(predictions)
        elif self.activation == "softmax":
            predictions = ops.softmax(predictions, axis=-1)
        return predictions > self.threshold

    def _score(self, both: Tensor, truth: Tensor, found: Tensor) -> Tensor:
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="cytoloom")
class Dice(_Overlap):
    """Dice, ``2 |T ∩ F| / (|T| + |F|)``, of each image and class, averaged.

    Empty truth and nothing found scores 1; empty versus non-empty 0.

    Parameters
    ----------
    activation : {"linear", "sigmoid", "softmax"}, default "linear"
        Applied to the predictions first: "linear" for probabilities, the head's activation for
        logits.
    threshold : float or None, default 0.5
        A pixel belongs to a class where its probability is larger. None takes each pixel's most
        probable class instead, for a softmax.
    skip_background : bool, default False
        Leave out the first channel, where that is the background.
    name : str, optional
        What Keras calls it in logs; default "dice".
    dtype : str, optional
        Precision of its sums, as for any Keras metric.

    Raises
    ------
    InvalidError
        Another activation; in `update_state`, channels that do not fit.

    See Also
    --------
    cytoloom.metrics.dice : the definition and its source.

    Examples
    --------
    >>> import numpy as np
    >>> metric = Dice()
    >>> truth = np.array([[[1], [1], [0]]], "float32")
    >>> metric.update_state(truth, np.array([[[0.9], [0.2], [0.1]]], "float32"))
    >>> round(float(metric.result()), 4)
    0.6667
    """

    def _score(self, both: Tensor, truth: Tensor, found: Tensor) -> Tensor:
        return _ratio(2 * both, truth + found)


@keras.saving.register_keras_serializable(package="cytoloom")
class IoU(_Overlap):
    """Intersection over union, ``|T ∩ F| / |T ∪ F|``, of each image and class, averaged.

    Empty truth and nothing found scores 1; empty versus non-empty 0.

    Parameters
    ----------
    activation : {"linear", "sigmoid", "softmax"}, default "linear"
        Applied to the predictions first: "linear" for probabilities, the head's activation for
        logits.
    threshold : float or None, default 0.5
        A pixel belongs to a class where its probability is larger. None takes each pixel's most
        probable class instead, for a softmax.
    skip_background : bool, default False
        Leave out the first channel, where that is the background.
    name : str, optional
        What Keras calls it in logs; default "iou".
    dtype : str, optional
        Precision of its sums, as for any Keras metric.

    Raises
    ------
    InvalidError
        Another activation; in `update_state`, channels that do not fit.

    See Also
    --------
    cytoloom.metrics.iou : the definition and its source.

    Examples
    --------
    >>> import numpy as np
    >>> metric = IoU()
    >>> truth = np.array([[[1], [1], [0]]], "float32")
    >>> metric.update_state(truth, np.array([[[0.9], [0.2], [0.1]]], "float32"))
    >>> float(metric.result())
    0.5
    """

    def _score(self, both: Tensor, truth: Tensor, found: Tensor) -> Tensor:
        return _ratio(both, truth + found - both)


def _truth_and_known(target: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    known = ops.ones_like(target[..., :1])
    if target.shape[-1] == channels + 1:
        target, known = target[..., :-1], ops.cast(target[..., -1:] > 0, "float32")
    if target.shape[-1] != channels:
        expected = f"{channels} channels as the predictions, or one more with the weight"
        raise invalid("y_true", expected=expected, received=tuple(target.shape))
    return ops.cast(target > 0.5, "float32"), known


def _pixels(values: Tensor) -> Tensor:
    """Sum over the spatial axes of (batch, spatial..., channels)."""
    return ops.sum(values, axis=tuple(range(1, len(values.shape) - 1)))


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    return ops.where(whole > 0, part / ops.maximum(whole, 1.0), 1.0)
