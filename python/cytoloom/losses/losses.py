r"""Losses by name, for training on pixels that may be unknown.

A loss compares a target with logits and returns one number per image. The target's last
channel is the weight of each pixel; where it is 0 the pixel is unknown and neither the loss nor
its gradient sees it, whatever values stand there.

With target :math:`t`, logit :math:`z`, prediction :math:`p` (after the activation), weight
:math:`w` and the number of known pixels :math:`n` of one image:

==============  ================================================================================
``"ce"``        :math:`-\frac{1}{n}\sum w (t \log p + (1-t) \log(1-p))`, mean over channels,
                for a sigmoid; :math:`-\frac{1}{n}\sum w \sum_c t_c \log p_c` for a softmax
``"dice"``      :math:`1 - \frac{2\sum wpt + s}{\sum w(p + t) + s}`, mean over channels
``"tversky"``   :math:`1 - \frac{\sum wpt + s}{\sum w(pt + \alpha p(1-t) + \beta (1-p)t) + s}`,
                mean over channels
``"focal"``     as ``"ce"``, each term times :math:`|t-p|^\gamma`
``"ce_dice"``   the sum of ``"ce"`` and ``"dice"``
``"mse"``       :math:`\frac{1}{n}\sum w (t-p)^2`, mean over channels
``"l1"``        :math:`\frac{1}{n}\sum w |t-p|`, mean over channels
==============  ================================================================================

Targets may be soft, anywhere in 0..1. A loss is 0 for an image without any known pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import invalid
from ..messages import say

Tensor = Any
ACTIVATIONS = ("sigmoid", "softmax", "linear")


@dataclass(frozen=True)
class Loss:
    """A loss with its settings; call it with ``(target, logits)``. Made by `get`.

    Attributes
    ----------
    name : str
        A key of the table above.
    activation : {"sigmoid", "softmax", "linear"}
        What turns the logits into predictions.
    class_weights : tuple of float, optional
        Factor of each channel; for a single sigmoid channel also (background, foreground).
    smooth : float
        :math:`s`, in pixels.
    alpha, beta : float
        Tversky's factors of false positives and of false negatives.
    gamma : float
        Focal loss's exponent.
    """

    name: str
    activation: str
    class_weights: tuple[float, ...] | None = None
    smooth: float = 1.0
    alpha: float = 0.3
    beta: float = 0.7
    gamma: float = 2.0

    def __call__(self, target: Tensor, logits: Tensor) -> Tensor:
        """Return the loss of each image.

        Parameters
        ----------
        target : tensor (batch, spatial..., channels + 1)
            What the channels should say, then the pixel weight. Without the last channel every
            pixel weighs 1.
        logits : tensor (batch, spatial..., channels)
            The network's output.

        Returns
        -------
        float32 tensor (batch,)
        """
        pixels = _pixels(target, logits, self)
        return sum(part(pixels, self) for part in _PARTS[self.name])

    def get_config(self) -> dict[str, Any]:
        """Return the fields; Keras saves a compiled model with them."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Rebuild from `get_config`."""
        return get(**config)


def get(
    name: str,
    activation: str = "sigmoid",
    *,
    class_weights: Sequence[float] | None = None,
    smooth: float = 1.0,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 2.0,
) -> Loss:
    """Return the loss of that name.

    Parameters
    ----------
    name : {"ce_dice", "ce", "dice", "tversky", "focal", "mse", "l1"}
        See the table of this module.
    activation : {"sigmoid", "softmax", "linear"}, default "sigmoid"
        The head's activation; the loss takes logits. "linear" goes with "mse" and "l1" only.
    class_weights : sequence of float, optional
        Factor of each channel in the mean over channels. For a single sigmoid channel there
        may be two: the factors of background and foreground in "ce" and "focal". The mean
        over channels is taken before weighting in "ce", "focal", "mse" and "l1", and is a
        weighted mean in "dice" and "tversky", where 0 leaves a class out.
    smooth : float, default 1.0
        Pixels added to both sides of the fraction of "dice" and "tversky". With 0, empty truth
        and nothing predicted still score 0 loss.
    alpha, beta : float, default 0.3 and 0.7
        Factors of false positives and false negatives in "tversky" [2]_.
    gamma : float, default 2.0
        Exponent of "focal" [3]_, 1 or more; 0 makes it "ce".

    Returns
    -------
    Loss
        A function from (target with weight, logits) to the losses of the images, (batch,);
        ``model.compile(loss=...)`` takes it.

    Raises
    ------
    InvalidError
        For an unknown name or activation, or two that do not go together.

    References
    ----------
    .. [1] Milletari et al., V-Net, 2016, https://doi.org/10.1109/3DV.2016.79 (Dice)
    .. [2] Salehi et al., 2017, https://doi.org/10.1007/978-3-319-67389-9_44 (Tversky)
    .. [3] Lin et al., 2017, https://doi.org/10.1109/ICCV.2017.324 (focal)

    Examples
    --------
    One image of two pixels: the first is right, the second wrong but unknown.

    >>> import numpy as np
    >>> target = np.array([[[1, 1], [0, 0]]], "float32")
    >>> logits = np.array([[[20], [20]]], "float32")
    >>> float(get("ce_dice")(target, logits)[0]) < 1e-6
    True
    """
    if name not in _PARTS:
        raise invalid("loss", expected=say("one of {}", sorted(_PARTS)), received=name)
    if activation not in ACTIVATIONS:
        raise invalid(
            "activation", expected=say("one of {}", list(ACTIVATIONS)), received=activation
        )
    if activation == "linear" and name not in ("mse", "l1"):
        expected = "'mse' or 'l1' for a linear head"
        raise invalid("loss", expected=expected, received=name)
    if min(smooth, alpha, beta) < 0 or 0 < gamma < 1 or gamma < 0:
        expected = "smooth, alpha, beta of 0 or more, gamma of 0 or from 1 up"
        raise invalid("loss", expected=expected, received=(smooth, alpha, beta, gamma))
    weights = None if class_weights is None else tuple(float(w) for w in class_weights)
    if weights is not None and (min(weights) < 0 or sum(weights) == 0):
        expected = "numbers of 0 or more, one of them positive"
        raise invalid("class_weights", expected=expected, received=class_weights)
    return Loss(name, activation, weights, smooth, alpha, beta, gamma)


def dice_coef(y_true: Tensor, y_pred: Tensor, smooth: float = 1.0) -> Tensor:
    r"""Dice of a whole batch as one long vector, as cytounet computes it.

    .. math:: \frac{2\sum tp + s}{\sum t + \sum p + s}

    Kept for people who come from cytounet. It pools all images and classes, so that large
    objects outvote small ones; `get("dice")` does not.

    Parameters
    ----------
    y_true, y_pred : tensors of one shape
        Truth and probabilities, 0..1.
    smooth : float, default 1.0
        Added to both sides of the fraction.

    Returns
    -------
    float32 tensor ()

    Examples
    --------
    >>> import numpy as np
    >>> float(dice_coef(np.array([1.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])))
    0.75
    """
    ops = _ops()
    t, p = (ops.cast(v, "float32") for v in (y_true, y_pred))
    return (2 * ops.sum(t * p) + smooth) / (ops.sum(t) + ops.sum(p) + smooth)


def dice_coef_loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """1 - `dice_coef`, as cytounet computes it.

    Parameters
    ----------
    y_true, y_pred : tensors of one shape
        Truth and probabilities, 0..1.

    Returns
    -------
    float32 tensor ()

    Examples
    --------
    >>> import numpy as np
    >>> float(dice_coef_loss(np.array([1.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])))
    0.25
    """
    return 1 - dice_coef(y_true, y_pred)


@dataclass(frozen=True, eq=False)
class _Pixels:
    """One batch, float32, with target and logit 0 wherever the weight is."""

    target: Tensor
    logits: Tensor
    predicted: Tensor
    weight: Tensor
    class_weights: tuple[float, ...]
    known: Tensor

    def mean(self, values: Tensor, over_channels: bool = True) -> Tensor:
        """Sum `values` over known pixels by weight and divide by their number (and channels)."""
        total = _sum_pixels(self.weight * values)
        if over_channels:
            total = total / values.shape[-1]
        return _ops().sum(total, axis=-1) / self.known


def _pixels(target: Tensor, logits: Tensor, loss: Loss) -> _Pixels:
    ops = _ops()
    target, logits = (ops.cast(v, "float32") for v in (target, logits))
    channels = logits.shape[-1]
    weight = ops.ones_like(logits[..., :1])
    if target.shape[-1] == channels + 1:
        target, weight = target[..., :-1], target[..., -1:]
    if target.shape[-1] != channels:
        expected = f"{channels} channels as the logits, or one more with the weight"
        raise invalid("target", expected=expected, received=tuple(target.shape))
    counts = weight > 0
    # Selecting, not multiplying: 0 * inf would be NaN.
    target, logits = (ops.where(counts, v, 0.0) for v in (target, logits))
    known = ops.sum(ops.cast(counts, "float32"), axis=tuple(range(1, len(logits.shape))))
    return _Pixels(
        target,
        logits,
        _activate(logits, loss.activation),
        ops.where(counts, weight, 0.0),
        _class_weights(loss.class_weights, channels),
        ops.maximum(known, 1.0),
    )


def _class_weights(weights: tuple[float, ...] | None, channels: int) -> tuple[float, ...]:
    if weights is None:
        return (1.0,) * channels
    if len(weights) != channels and (len(weights), channels) != (2, 1):
        expected = f"{channels} numbers" + " or (background, foreground)" * (channels == 1)
        raise invalid("class_weights", expected=expected, received=weights)
    return weights


def _activate(logits: Tensor, activation: str) -> Tensor:
    ops = _ops()
    if activation == "linear":
        return logits
    return ops.sigmoid(logits) if activation == "sigmoid" else ops.softmax(logits, axis=-1)


def _cross_entropy(pixels: _Pixels, loss: Loss) -> Tensor:
    return _entropy(pixels, loss, 0.0)


def _focal(pixels: _Pixels, loss: Loss) -> Tensor:
    return _entropy(pixels, loss, loss.gamma)


def _entropy(pixels: _Pixels, loss: Loss, gamma: float) -> Tensor:
    """Cross-entropy from logits, each term by class weight and distance to the power gamma."""
    ops = _ops()
    t, z = pixels.target, pixels.logits
    off, on = _off_and_on(pixels.class_weights, z.shape[-1])
    if loss.activation == "softmax":
        terms = -on * t * ops.log_softmax(z, axis=-1)
    elif pixels.class_weights == (1.0,) * z.shape[-1]:
        terms = ops.softplus(z) - t * z
    else:
        terms = on * t * ops.softplus(-z) + off * (1 - t) * ops.softplus(z)
    if gamma:
        terms = terms * ops.power(ops.abs(t - pixels.predicted), gamma)
    return pixels.mean(terms, over_channels=loss.activation != "softmax")


def _off_and_on(weights: tuple[float, ...], channels: int) -> tuple[Tensor, Tensor]:
    """Factors of each channel's background and of its foreground."""
    both = [weights[:1], weights[1:]] if len(weights) > channels else [weights, weights]
    off, on = (_ops().convert_to_tensor(w, dtype="float32") for w in both)
    return off, on


def _dice(pixels: _Pixels, loss: Loss) -> Tensor:
    # Dice is Tversky's index with factors 1/2; its smooth counts twice there.
    return _one_minus_index(pixels, 0.5, 0.5, loss.smooth / 2)


def _tversky(pixels: _Pixels, loss: Loss) -> Tensor:
    return _one_minus_index(pixels, loss.alpha, loss.beta, loss.smooth)


def _one_minus_index(pixels: _Pixels, alpha: float, beta: float, smooth: float) -> Tensor:
    ops = _ops()
    wt = pixels.weight * pixels.target
    both, truth = _sum_pixels(wt * pixels.predicted), _sum_pixels(wt)
    found = _sum_pixels(pixels.weight * pixels.predicted)
    # tp + alpha fp + beta fn; `both` occurs twice only, for the order in which TensorFlow would
    # add up more than two gradients is left to chance.
    whole = (1 - alpha - beta) * both + alpha * found + beta * truth + smooth
    empty = whole <= 0
    index = ops.where(empty, 1.0, (both + smooth) / ops.where(empty, 1.0, whole))
    return 1 - _class_mean(index, pixels.class_weights)


def _class_mean(values: Tensor, weights: tuple[float, ...]) -> Tensor:
    ops = _ops()
    if len(weights) != values.shape[-1]:
        weights = (1.0,) * values.shape[-1]
    shares = ops.convert_to_tensor([w / sum(weights) for w in weights], dtype="float32")
    return ops.sum(values * shares, axis=-1)


def _squared(pixels: _Pixels, loss: Loss) -> Tensor:
    return _regression(pixels, _ops().square(pixels.target - pixels.predicted))


def _absolute(pixels: _Pixels, loss: Loss) -> Tensor:
    return _regression(pixels, _ops().abs(pixels.target - pixels.predicted))


def _regression(pixels: _Pixels, values: Tensor) -> Tensor:
    return pixels.mean(_off_and_on(pixels.class_weights, values.shape[-1])[1] * values)


def _sum_pixels(values: Tensor) -> Tensor:
    """Sum over the spatial axes of (batch, spatial..., channels)."""
    return _ops().sum(values, axis=tuple(range(1, len(values.shape) - 1)))


def _ops() -> Any:
    from ..runtime.backend import require

    return require().ops


_PARTS: dict[str, tuple[Callable[[_Pixels, Loss], Tensor], ...]] = {
    "ce_dice": (_cross_entropy, _dice),
    "ce": (_cross_entropy,),
    "dice": (_dice,),
    "tversky": (_tversky,),
    "focal": (_focal,),
    "mse": (_squared,),
    "l1": (_absolute,),
}
