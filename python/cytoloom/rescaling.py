"""By what factor to enlarge an image before a network sees it, so that objects look as trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .model import Model

SIZE_TOLERANCE = 1.2
SIZE_LIMIT = 4.0
SHARED = 0.75


def factors_known(
    model: Model, source: Any, spacing: Any, rescale: Any
) -> tuple[tuple[float, ...] | None, list[str]]:
    """Enlargement known before looking: given, or the ratio of pixel sizes."""
    if rescale is None:
        return None, []
    if rescale != "auto":
        return (float(rescale),) * model.ndim, []
    trained = model.info["pixel_size_um"]
    if not trained or not spacing:
        return None, []
    factors = tuple(s / t for s, t in zip(spacing, trained, strict=True))
    if all(1 / SIZE_TOLERANCE <= f <= SIZE_TOLERANCE for f in factors):
        return None, []
    sizes = " x ".join(f"{s:g}" for s in spacing), " x ".join(f"{t:g}" for t in trained)
    text = f"pixels are {sizes[0]} um, in training they were {sizes[1]} um: rescaled."
    return factors, [text]


def by_diameter(model: Model, found: Any) -> tuple[tuple[float, ...] | None, str]:
    """Enlargement that brings the objects found to the size of those in training.

    The typical object is the one in whose size class half of the found area lies, so that
    specks do not count. The median must say the same, so that a few clumps taken for one object
    do not count either; sizes more than four times off are not believed. Beside it what the
    sizes are, empty where they are as in training.
    """
    from .objects import diameters

    usual = model.info["diameter_px"]
    sizes = np.sort(diameters(found.objects_labels))
    if not usual or sizes.size < 5:
        return None, ""
    area = np.cumsum(sizes**model.ndim)
    typical = float(sizes[np.searchsorted(area, area[-1] / 2)])
    pair = sorted((typical, float(np.median(sizes))))
    if pair[1] >= usual["low"] / SIZE_TOLERANCE and pair[0] <= usual["high"] * SIZE_TOLERANCE:
        return None, ""
    factor = usual["typical"] / typical
    text = f"objects are {typical:.0f} px across, in training they were {usual['typical']:.0f} px:"
    if not 1 / SIZE_LIMIT <= factor <= SIZE_LIMIT:
        return None, f"{text} too far off to rescale. Check that these images fit the model."
    return (factor,) * model.ndim, text


def agree(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether both label images have much the same foreground: Dice of at least 0.75.

    Seen at the right size, objects get other outlines and are divided otherwise, but they are
    where they were; a model that finds them elsewhere is no better for the new size.
    """
    first, second = before > 0, after > 0
    shared = np.count_nonzero(first & second)
    total = np.count_nonzero(first) + np.count_nonzero(second)
    return 2 * shared >= SHARED * total
