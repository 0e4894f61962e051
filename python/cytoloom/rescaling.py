"""By what factor to enlarge an image before a network sees it, so that objects look as trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .model import Model

SIZE_TOLERANCE = 1.2
SIZE_LIMIT = 4.0


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


def by_diameter(model: Model, found: Any) -> tuple[tuple[float, ...] | None, list[str]]:
    """Enlargement that brings the objects found to the size of those in training.

    The typical object is the one in whose size class half of the found area lies, so that
    specks do not count. The median must say the same, so that a few clumps taken for one object
    do not count either; sizes more than four times off are not believed.
    """
    from .objects import diameters

    usual = model.info["diameter_px"]
    sizes = np.sort(diameters(found.objects_labels))
    if not usual or sizes.size < 5:
        return None, []
    area = np.cumsum(sizes**model.ndim)
    typical = float(sizes[np.searchsorted(area, area[-1] / 2)])
    pair = sorted((typical, float(np.median(sizes))))
    if pair[1] >= usual["low"] / SIZE_TOLERANCE and pair[0] <= usual["high"] * SIZE_TOLERANCE:
        return None, []
    factor = usual["typical"] / typical
    text = f"objects are {typical:.0f} px across, in training they were {usual['typical']:.0f} px"
    if not 1 / SIZE_LIMIT <= factor <= SIZE_LIMIT:
        return None, [f"{text}: check that these images fit the model."]
    return (factor,) * model.ndim, [
        f"{text}: rescaled by {factor:.2f}. Pass rescale=None to switch this off."
    ]
