"""Losses as components: what each compares, and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..components import component
from ..components.rules import Rule, at_least, ruled
from .pixels import Pixels, Tensor, ops, sum_pixels


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

    Raises
    ------
    InvalidError
        Settings out of their range.

    Examples
    --------
    >>> Dice(class_weights=(0.0, 1.0)).class_weights
    (0.0, 1.0)
    """

    linear: ClassVar[bool] = False
    """Whether it goes with a head without activation."""

    class_weights: tuple[float, ...] | None = ruled(
        None, Rule("numbers of 0 or more, one of them positive", 0, length=0, some=True)
    )

    def of(self, pixels: Pixels) -> Tensor:
        """Compute the loss of each image.

        Parameters
        ----------
        pixels : Pixels
            Target, logits, predictions and weights of a batch.

        Returns
        -------
        float32 tensor (batch,)
        """
        raise NotImplementedError


@component
@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Cross-entropy from logits, ``"ce"``.

    Parameters
    ----------
    class_weights : tuple of float, optional
        See `Loss`.

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

    Examples
    --------
    >>> Focal(gamma=1.0)
    Focal(class_weights=None, gamma=1.0)
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

    Examples
    --------
    >>> Dice(smooth=0.0)
    Dice(class_weights=None, smooth=0.0)
    """

    smooth: float = at_least(0, 1.0)

    def of(self, pixels: Pixels) -> Tensor:
        """Return the mean over channels."""
        # Dice is Tversky's index with factors 1/2; its smooth counts twice there.
        return _one_minus_index(pixels, 0.5, 0.5, self.smooth / 2)


@component
@dataclass(frozen=True)
class CrossEntropyDice(Dice):
    """The sum of cross-entropy and Dice loss, ``"ce_dice"``; the usual one for masks.

    Isensee et al., nnU-Net, 2021, https://doi.org/10.1038/s41592-020-01008-z.

    Parameters
    ----------
    class_weights : tuple of float, optional
        See `Loss`.
    smooth : float, default 1.0
        Of the Dice loss.

    Examples
    --------
    >>> CrossEntropyDice()
    CrossEntropyDice(class_weights=None, smooth=1.0)
    """

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
    >>> Tversky(alpha=0.5, beta=0.5).smooth  # half each: Dice
    1.0
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
    """Mean of squared differences, ``"mse"``; also for a linear head.

    Parameters
    ----------
    class_weights : tuple of float, optional
        See `Loss`.

    Examples
    --------
    >>> SquaredError(), SquaredError.linear
    (SquaredError(class_weights=None), True)
    """

    linear: ClassVar[bool] = True

    def of(self, pixels: Pixels) -> Tensor:
        """Return the mean over known pixels and channels."""
        error = ops().square(pixels.target - pixels.predicted)
        return pixels.mean(pixels.off_and_on()[1] * error)


@component
@dataclass(frozen=True)
class AbsoluteError(Loss):
    """Mean of absolute differences, ``"l1"``; also for a linear head.

    Parameters
    ----------
    class_weights : tuple of float, optional
        See `Loss`.

    Examples
    --------
    >>> AbsoluteError(), AbsoluteError.linear
    (AbsoluteError(class_weights=None), True)
    """

    linear: ClassVar[bool] = True

    def of(self, pixels: Pixels) -> Tensor:
        """Return the mean over known pixels and channels."""
        error = ops().abs(pixels.target - pixels.predicted)
        return pixels.mean(pixels.off_and_on()[1] * error)


def _entropy(pixels: Pixels, gamma: float) -> Tensor:
    """Cross-entropy from logits, each term by class weight and distance to the power gamma."""
    keras_ops = ops()
    t, z = pixels.target, pixels.logits
    off, on = pixels.off_and_on()
    if pixels.activation == "softmax":
        terms = -on * t * keras_ops.log_softmax(z, axis=-1)
    # from logits: softplus neither overflows nor takes the logarithm of a 0
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
    # tp + alpha fp + beta fn, with `both` twice and no more: TensorFlow adds up three or more
    # gradients of one tensor in an order that depends on threads, and so would the last bit.
    whole = (1 - alpha - beta) * both + alpha * found + beta * truth + smooth
    empty = whole <= 0
    index = ops().where(empty, 1.0, (both + smooth) / ops().where(empty, 1.0, whole))
    return 1 - pixels.class_mean(index)
