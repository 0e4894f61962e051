"""Scores of segmentations on plain arrays, and what training needs of them in Keras.

The former are NumPy only; `Dice`, `IoU`, `dice_coef`, `dice_coef_loss` and the module `losses`
import keras, and do so when first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .matching import (
    IOUS_50_95,
    Matches,
    aggregated_jaccard,
    average_precision,
    match,
    panoptic_quality,
)
from .overlap import Overlap, boundary_f, dice, iou, per_class, precision, recall

__all__ = [
    "IOUS_50_95",
    "Matches",
    "Overlap",
    "aggregated_jaccard",
    "average_precision",
    "boundary_f",
    "dice",
    "iou",
    "match",
    "panoptic_quality",
    "per_class",
    "precision",
    "recall",
]

_NEEDS_KERAS = {
    "Dice": "keras_metrics",
    "IoU": "keras_metrics",
    "dice_coef": "losses",
    "dice_coef_loss": "losses",
}


def __getattr__(name: str) -> Any:
    if name in _NEEDS_KERAS:
        return getattr(import_module(f".{_NEEDS_KERAS[name]}", __name__), name)
    if name in _NEEDS_KERAS.values():
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_NEEDS_KERAS, *set(_NEEDS_KERAS.values())])
