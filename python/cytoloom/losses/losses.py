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
from typing import Any

from ..components import from_plain, to_plain
from ..components.arguments import checked
from ..components.rules import Rule
from ..errors import invalid
from ..messages import Call, Either, one_of, say
from .components import (
    AbsoluteError,
    CrossEntropy,
    CrossEntropyDice,
    Dice,
    Focal,
    Loss,
    SquaredError,
    Tversky,
)
from .pixels import Tensor, ops, pixels_of

ACTIVATIONS = ("sigmoid", "softmax", "linear")


NAMES: dict[str, type[Loss]] = {
    "ce": CrossEntropy,
    "ce_dice": CrossEntropyDice,
    "dice": Dice,
    "focal": Focal,
    "l1": AbsoluteError,
    "mse": SquaredError,
    "tversky": Tversky,
}


def _rule(names: Sequence[str]) -> Rule:
    """Make the rule of a field that is one of these losses."""
    words = ", ".join(f'"{name}"' for name in names)
    return Rule(
        say("{}", Either(f"a Loss, or one of {words}", f"a cl_loss(), or one of {words}", words)),
        words=tuple(names),
        component="Loss",
    )


LOSS = _rule(sorted(NAMES))
"""What a field that is a loss must be."""
LINEAR_LOSS = _rule(sorted(name for name, loss in NAMES.items() if loss.linear))
"""What a field that is the loss of a head without activation must be."""


@checked
def named(loss: str | Loss) -> Loss:
    """Return the loss that a name stands for, or the loss itself.

    Parameters
    ----------
    loss : Loss or {"ce_dice", "ce", "dice", "tversky", "focal", "mse", "l1"}
        A name stands for that loss with its defaults; see the table of this module.

    Returns
    -------
    Loss

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
        expected = say("{}, or a {}", one_of(sorted(NAMES)), Call("Loss", {}))
        raise invalid("loss", expected=expected, received=loss)
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

    Examples
    --------
    >>> HeadLoss(Dice(), "sigmoid") == get("dice")
    True
    """

    loss: Loss
    activation: str

    def __call__(self, target: Tensor, logits: Tensor) -> Tensor:
        """Return the loss of each image.

        Parameters
        ----------
        target : tensor (batch, spatial..., channels + 1 or 2 channels)
            What the channels should say, then the pixel weight, one for all channels or one for
            each. Without any every pixel weighs 1.
        logits : tensor (batch, spatial..., channels)
            The network's output.

        Returns
        -------
        float32 tensor (batch,)
        """
        return self.loss.of(pixels_of(target, logits, self.activation, self.loss.class_weights))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs; Keras saves a compiled model with it.

        Returns
        -------
        dict
            What JSON can hold.

        Examples
        --------
        >>> loss = get("tversky", alpha=0.4)
        >>> HeadLoss.from_config(loss.get_config()) == loss
        True
        """
        return {"loss": to_plain(self.loss), "activation": self.activation}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> HeadLoss:
        """Rebuild from `get_config`.

        Parameters
        ----------
        config : dict
            As `get_config` returned it.

        Returns
        -------
        HeadLoss
        """
        return cls(from_plain(config["loss"], Loss), config["activation"])


@checked
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


@checked
def fitting(loss: str | Loss, activation: str) -> Loss:
    """Return a loss that goes with an activation.

    Parameters
    ----------
    loss : str or Loss
        A name or a component.
    activation : {"sigmoid", "softmax", "linear"}
        Of the head.

    Returns
    -------
    Loss

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
        expected = one_of(ACTIVATIONS)
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
