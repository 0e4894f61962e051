"""Hold a faster engine against Keras on validation images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..models.engine import together
from ..models.engines import SAME_IOU, suits
from ..models.openvino import convert, installed, one_line, started
from ..runtime import backend

if TYPE_CHECKING:
    from ..models.model import Model


CHECKED_PX = 500_000
"""Pixels on which both engines are held against each other: about two images of 512 x 512 px."""


def worth_comparing(precision: str) -> str | None:
    """Version of OpenVINO, where it may be faster than Keras in this precision; else None."""
    usable = precision == "float32" and suits() and backend.name() == "tensorflow"
    return installed() if usable else None


def compare(
    model: Model, images: Iterable[tuple[Any, Any]], spacing_um: Any = None
) -> dict[str, Any] | None:
    """Count how many objects OpenVINO finds as Keras does.

    Parameters
    ----------
    model : Model
        With its network in memory and its thresholds fitted.
    images : iterable of (source, stats)
        Images; the middle of large ones, and no more than half a million pixels in all.
    spacing_um : tuple of float, optional
        As for decoding.

    Returns
    -------
    dict or None
        "engine", "images" and "f1": pairs of objects with IoU of at least 0.9, as F1; 0 and a
        "problem" where it cannot run the network. None where there is nothing to choose, or
        nothing was found to compare.
    """
    from ..datasets.views import CachedSource, part_of
    from ..metrics.matching import match

    version = worth_comparing(backend.precision_of(model.keras))
    if version is None:
        return None
    name, pairs, objects, seen, left = f"OpenVINO {version}", 0, 0, 0, CHECKED_PX
    usual = model.engine
    try:
        members = (model.network_of(k) for k in range(1, model.members + 1))
        plain = map(model.part.for_prediction, members)
        each = [started(convert(network), version) for network in plain]
        fast = together(each, model.task.heads)
        for source, stats in images:
            # a small rest would cut objects rather than show any
            if left < CHECKED_PX // 10:
                break
            part = CachedSource(part_of(source, left))
            truth, found = (
                model.task.decode(model.source_maps(part, stats, engine=engine), spacing_um).labels
                for engine in (usual, fast)
            )
            matches = match(truth, found, SAME_IOU)
            pairs += 2 * matches.tp
            objects += 2 * matches.tp + matches.fp + matches.fn
            seen, left = seen + 1, left - truth.size
    except Exception as error:
        return {"engine": name, "images": seen, "f1": 0.0, "problem": one_line(error)}
    return {"engine": name, "images": seen, "f1": pairs / objects} if objects else None
