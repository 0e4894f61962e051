"""Scores of segmentations on plain arrays, and two of them as Keras metrics.

The former need NumPy only; `Dice` and `IoU` import keras, and do so when first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .distances import hausdorff, mean_false_distances, overlap_within
from .instances import IOUS_50_95, aggregated_jaccard, average_precision, panoptic_quality
from .matching import Matches, match
from .outlines import boundary_f
from .overlap import Overlap, dice, iou, per_class, precision, recall
from .partitions import adapted_rand_error, seg, variation_of_information

__all__ = [
    "IOUS_50_95",
    "Matches",
    "Overlap",
    "adapted_rand_error",
    "aggregated_jaccard",
    "average_precision",
    "boundary_f",
    "dice",
    "hausdorff",
    "iou",
    "match",
    "mean_false_distances",
    "overlap_within",
    "panoptic_quality",
    "per_class",
    "precision",
    "recall",
    "seg",
    "variation_of_information",
]

_NEEDS_KERAS = {
    "Dice": "keras_metrics",
    "IoU": "keras_metrics",
}


def __getattr__(name: str) -> Any:
    if name in _NEEDS_KERAS:
        return getattr(import_module(f".{_NEEDS_KERAS[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_NEEDS_KERAS])
