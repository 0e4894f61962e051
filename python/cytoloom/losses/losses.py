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

Targets may be soft, anywhere in 0..1. A loss is 0 for an image without any known pixel. A head
without spatial axes has one "pixel" per image.

A name stands for the loss of that name with its defaults: ``"tversky"`` for ``Tversky()``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..components import component, from_plain, to_plain
from ..errors import invalid
from ..messages import say
from ..rules import Rule, at_least, ruled
from .pixels import Pixels, Tensor, ops, pixels_of, sum_pixels

ACTIVATIONS = ("sigmoid", "softmax", "linear")


@dataclass(frozen=True)
class Loss:
    """Base of all losses: a component with its settings, whatever the head.

    Parameters
    ----------
    class_weights : tuple of float, optional
        Factor of each channel in the mean over channels. For a single sigmoid channel there
        may be two: the factors of background and foreground in cross-entropy and focal loss.
        The mean over channels is taken before weighting in "ce", "focal", "mse" and "l1", and
        is a weighted mean in "dice" and "tversky", where 0 leaves a class out.
    """

    linear: ClassVar[bool] = False
    """Whether it goes with a head without activation."""

    class_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        weights = self.class_weights
        if weights is not None and (min(weights) < 0 or sum(weights) == 0):
            expected = "numbers of 0 or more, one of them positive"
            raise invalid("class_weights", expected=expected, received=weights)

    def of(self, pixels: Pixels) -> Tensor:
        """Return the loss of each image, float32 (batch,)."""
        raise NotImplementedError


@component
@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Cross-entropy from logits, ``"ce"``.

    Examples
    --------
    >>> CrossEntropy(class_weights=(1.0, 3.0))
    CrossEntropy(class_weights=(1.0, 3.0))
    """

    def of(self, pixels: Pixels) -> Tensor:
        """Return the mean over known pixels."""
        return _entropy(pixels, 0.0)


@component
@dataclass(frozen=True)
class Focal(Loss):
    """Cross-entropy that hardly counts what is right already, ``"focal"``.

    Lin et al., 2017, https://doi.org/10.1109/ICCV.2017.324.

    Parameters
    ----------
    class_weights : tuple of float, optional
        See `Loss`.
    gamma : float, default 2.0
        Exponent of the distance to the target, 1 or more; 0 makes it "ce".
    """

    gamma: float = ruled(2.0, Rule("0, or 1 and more", 1, or_zero=True))

    def of(self, pixels: Pixels) -> Tensor:
        """Return the mean over known pixels."""
        return _entropy(pixels, self.gamma)


@component
@dataclass(frozen=True)
class Dice(Loss):
    """1 - soft Dice of each image and channel, ``"dice"``.

    Milletari et al., V-Net, 2016, https://doi.org/10.1109/3DV.2016.79.

    Parameters
    ----------
    class_weights : tuple of float, optional
        See `Loss`.
    smooth : float, default 1.0
        Pixels added to both sides of the fraction. With 0, empty truth and nothing predicted
        still score 0 loss.
    """

    smooth: float = at_least(0, 1.0)

    def of(self, pixels: Pixels) -> Tensor:
        """Return the mean over channels."""
        # Dice is Tversky's index with factors 1/2; its smooth counts twice there.
        return _one_minus_index(pixels, 0.5, 0.5, self.smooth / 2)


@component
@dataclass(frozen=True)
class CrossEntropyDice(Dice):
    """The sum of cross-entropy and Dice loss, ``"ce_dice"``; the usual one for masks."""

    def of(self, pixels: Pixels) -> Tensor:
        """Return the sum of both."""
        return _entropy(pixels, 0.0) + super().of(pixels)


@component
@dataclass(frozen=True)
class Tversky(Loss):
    """Dice with its own price of each kind of error, ``"tversky"``.

    Salehi et al., 2017, https://doi.org/10.1007/978-3-319-67389-9_44.

    Parameters
    ----------
    class_weights : tuple of float, optional
        See `Loss`.
    smooth : float, default 1.0
        Pixels added to both sides of the fraction.
    alpha, beta : float, default 0.3 and 0.7
        Factors of false positives and of false negatives.

    Examples
    --------
    >>> named("tversky") == Tversky(alpha=0.3, beta=0.7)
    True
    """

    smooth: float = at_least(0, 1.0)
    alpha: float = at_least(0, 0.3)
    beta: float = at_least(0, 0.7)

    def of(self, pixels: Pixels) -> Tensor:
        """Return the mean over channels."""
        return _one_minus_index(pixels, self.alpha, self.beta, self.smooth)


@component
@dataclass(frozen=True)
class SquaredError(Loss):
    """Mean of squared differences, ``"mse"``; also for a linear head."""

    linear: ClassVar[bool] = True

    def of(self, pixels: Pixels) -> Tensor:
        """Return the mean over known pixels and channels."""
        error = ops().square(pixels.target - pixels.predicted)
        return pixels.mean(pixels.off_and_on()[1] * error)


@component
@dataclass(frozen=True)
class AbsoluteError(Loss):
    """Mean of absolute differences, ``"l1"``; also for a linear head."""

    linear: ClassVar[bool] = True

    def of(self, pixels: Pixels) -> Tensor:
        """Return the mean over known pixels and channels."""
        error = ops().abs(pixels.target - pixels.predicted)
        return pixels.mean(pixels.off_and_on()[1] * error)


NAMES: dict[str, type[Loss]] = {
    "ce": CrossEntropy,
    "ce_dice": CrossEntropyDice,
    "dice": Dice,
    "focal": Focal,
    "l1": AbsoluteError,
    "mse": SquaredError,
    "tversky": Tversky,
}


def named(loss: str | Loss) -> Loss:
    """Return the loss that a name stands for, or the loss itself.

    Parameters
    ----------
    loss : Loss or {"ce_dice", "ce", "dice", "tversky", "focal", "mse", "l1"}
        A name stands for that loss with its defaults; see the table of this module.

    Raises
    ------
    InvalidError
        For an unknown name.

    Examples
    --------
    >>> named("focal")
    Focal(class_weights=None, gamma=2.0)
    """
    if isinstance(loss, Loss):
        return loss
    if loss not in NAMES:
        raise invalid("loss", expected=say("one of {}, or a Loss", sorted(NAMES)), received=loss)
    return NAMES[loss]()


@dataclass(frozen=True)
class HeadLoss:
    """A loss on logits with a head's activation; ``model.compile(loss=...)`` takes it.

    Attributes
    ----------
    loss : Loss
        With its settings.
    activation : {"sigmoid", "softmax", "linear"}
        What turns the logits into predictions.
    """

    loss: Loss
    activation: str

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
        return self.loss.of(pixels_of(target, logits, self.activation, self.loss.class_weights))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs; Keras saves a compiled model with it."""
        return {"loss": to_plain(self.loss), "activation": self.activation}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> HeadLoss:
        """Rebuild from `get_config`."""
        return cls(from_plain(config["loss"], Loss), config["activation"])


def get(
    name: str | Loss,
    activation: str = "sigmoid",
    *,
    class_weights: Sequence[float] | None = None,
    **settings: float,
) -> HeadLoss:
    """Return a loss for logits with this activation.

    Parameters
    ----------
    name : Loss or {"ce_dice", "ce", "dice", "tversky", "focal", "mse", "l1"}
        See the table of this module.
    activation : {"sigmoid", "softmax", "linear"}, default "sigmoid"
        The head's activation; the loss takes logits. "linear" goes with "mse" and "l1" only.
    class_weights : sequence of float, optional
        See `Loss`; only with a name, as are further settings.
    **settings : float
        Fields of the loss of that name, such as ``alpha=0.3``.

    Returns
    -------
    HeadLoss
        A function from (target with weight, logits) to the losses of the images, (batch,);
        ``model.compile(loss=...)`` takes it.

    Raises
    ------
    InvalidError
        For an unknown name, activation or setting, or two that do not go together.

    Examples
    --------
    One image of two pixels: the first is right, the second wrong but unknown.

    >>> import numpy as np
    >>> target = np.array([[[1, 1], [0, 0]]], "float32")
    >>> logits = np.array([[[20], [20]]], "float32")
    >>> float(get("ce_dice")(target, logits)[0]) < 1e-6
    True
    """
    chosen = named(name)
    given: dict[str, Any] = dict(settings)
    if class_weights is not None:
        given["class_weights"] = tuple(float(w) for w in class_weights)
    if given:
        chosen = from_plain({"name": type(chosen).__name__, **given}, Loss)
    return HeadLoss(fitting(chosen, activation), activation)


def fitting(loss: str | Loss, activation: str) -> Loss:
    """Return a loss that goes with an activation.

    Raises
    ------
    InvalidError
        For an unknown name or activation, or two that do not go together.

    Examples
    --------
    >>> fitting("mse", "linear")
    SquaredError(class_weights=None)
    """
    if activation not in ACTIVATIONS:
        expected = say("one of {}", list(ACTIVATIONS))
        raise invalid("activation", expected=expected, received=activation)
    chosen = named(loss)
    if activation == "linear" and not chosen.linear:
        raise invalid("loss", expected="'mse' or 'l1' for a linear head", received=loss)
    return chosen


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
    t, p = (ops().cast(v, "float32") for v in (y_true, y_pred))
    return (2 * ops().sum(t * p) + smooth) / (ops().sum(t) + ops().sum(p) + smooth)


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


def _entropy(pixels: Pixels, gamma: float) -> Tensor:
    """Cross-entropy from logits, each term by class weight and distance to the power gamma."""
    keras_ops = ops()
    t, z = pixels.target, pixels.logits
    off, on = pixels.off_and_on()
    if pixels.activation == "softmax":
        terms = -on * t * keras_ops.log_softmax(z, axis=-1)
    elif pixels.class_weights == (1.0,) * z.shape[-1]:
        terms = keras_ops.softplus(z) - t * z
    else:
        terms = on * t * keras_ops.softplus(-z) + off * (1 - t) * keras_ops.softplus(z)
    if gamma:
        terms = terms * keras_ops.power(keras_ops.abs(t - pixels.predicted), gamma)
    return pixels.mean(terms, over_channels=pixels.activation != "softmax")


def _one_minus_index(pixels: Pixels, alpha: float, beta: float, smooth: float) -> Tensor:
    wt = pixels.weight * pixels.target
    both, truth = sum_pixels(wt * pixels.predicted), sum_pixels(wt)
    found = sum_pixels(pixels.weight * pixels.predicted)
    # tp + alpha fp + beta fn; `both` occurs twice only, for the order in which TensorFlow would
    # add up more than two gradients is left to chance.
    whole = (1 - alpha - beta) * both + alpha * found + beta * truth + smooth
    empty = whole <= 0
    index = ops().where(empty, 1.0, (both + smooth) / ops().where(empty, 1.0, whole))
    return 1 - pixels.class_mean(index)
