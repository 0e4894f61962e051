"""One output of a network: its channels, activation and loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..components.arguments import checked
from ..errors import invalid
from ..losses import Loss, fitting


@checked
@dataclass(frozen=True)
class Head:
    """One output of the network.

    Parameters
    ----------
    channels : int
        Number of channels, at least 1.
    activation : {"sigmoid", "softmax", "linear"}
        Applied to the float32 logits in the loss and before decoding.
    loss : str or Loss, default "ce_dice"
        A name or a component of `losses`, such as ``losses.Tversky(alpha=0.3)``.
    weight : float, default 1.0
        Factor of this head's loss in the sum over heads.

    Examples
    --------
    >>> Head(1, "sigmoid")
    Head(channels=1, activation='sigmoid', loss='ce_dice', weight=1.0)
    """

    channels: int
    activation: Literal["sigmoid", "softmax", "linear"]
    loss: str | Loss = "ce_dice"
    weight: float = 1.0

    def __post_init__(self) -> None:
        fitting(self.loss, self.activation)
        if self.channels < 1:
            raise invalid("channels", expected="1 or more", received=self.channels)
