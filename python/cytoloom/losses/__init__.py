"""What training minimises: losses by name or with their settings, on pixels that may be unknown."""

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
from .losses import (
    LINEAR_LOSS,
    LOSS,
    NAMES,
    HeadLoss,
    dice_coef,
    dice_coef_loss,
    fitting,
    get,
    named,
)

__all__ = [
    "LINEAR_LOSS",
    "LOSS",
    "NAMES",
    "AbsoluteError",
    "CrossEntropy",
    "CrossEntropyDice",
    "Dice",
    "Focal",
    "HeadLoss",
    "Loss",
    "SquaredError",
    "Tversky",
    "dice_coef",
    "dice_coef_loss",
    "fitting",
    "get",
    "named",
]
