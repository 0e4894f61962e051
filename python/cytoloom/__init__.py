"""Train, score and apply U-Nets on microscopy images.

    import cytoloom as cl

    model = cl.train("data/train", trainer=cl.Trainer(minutes=10), out="nuclei.cytoloom")
    scores = cl.evaluate(model, "data/test")
    found = cl.predict(model, "images/", out="results/")

Names are imported when first used, so that importing the package costs nothing and starts no
backend.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "train": "training",
    "evaluate": "evaluation",
    "Scores": "evaluation",
    "predict": "prediction",
    "Predictions": "prediction",
    "load": "model",
    "Model": "model",
    "check": "data",
    "plan": "planning",
    "Plan": "planning",
    "Data": "data",
    "Trainer": "trainer",
    "UNet": "networks.unet",
    "unet": "networks.unet",
    "Augment": "patches.augment",
    "Normalize": "images.normalize",
    "InvalidError": "errors",
    "BackendError": "errors",
    "dice_coef": "metrics.losses",
    "dice_coef_loss": "metrics.losses",
}
_ROOMS = ("images", "metrics", "plots", "simulate", "tasks")

__all__ = [*sorted(_HOMES), *_ROOMS]

if TYPE_CHECKING:
    from . import images, metrics, plots, simulate, tasks
    from .data import Data, check
    from .errors import BackendError, InvalidError
    from .evaluation import Scores, evaluate
    from .images.normalize import Normalize
    from .metrics.losses import dice_coef, dice_coef_loss
    from .model import Model, load
    from .networks.unet import UNet, unet
    from .patches.augment import Augment
    from .planning import Plan, plan
    from .prediction import Predictions, predict
    from .trainer import Trainer
    from .training import train


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
