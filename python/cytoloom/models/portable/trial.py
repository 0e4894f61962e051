"""An image that the export is tried on, and whether it gives the maps that the model gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import invalid
from ...simulate import nuclei, nuclei_3d
from .facts import trial_shape

OTHER_FORMAT = "Nothing was written; export to another format."
SAME = 1e-3
"""Maps may differ by so much; in float32 runtimes differ by some 1e-6."""


def trial_image(model: Any) -> np.ndarray:
    """Simulate an image in the units of the model's images, of more contrast than noise has.

    Examples
    --------
    >>> from cytoloom.models.untrained import untrained
    >>> image = trial_image(untrained(channels=2))
    >>> image.shape, image.dtype.name, int(image.max())
    ((64, 64, 2), 'uint16', 65535)
    """
    shape = trial_shape(model)
    make: Any = nuclei if model.ndim == 2 else nuclei_3d
    seen = make(shape, seed=0)[0].astype(np.float64)
    # each channel another picture
    steps = [(7 * c, -5 * c) for c in range(model.channels)]
    channels = np.stack([np.roll(seen, step, (-2, -1)) for step in steps], -1)
    channels -= channels.min()
    channels /= channels.max()
    dtype = np.dtype(model.pixel_type or "uint16")
    image = channels * _top(dtype, model.normalize.floor)
    return (np.round(image) if dtype.kind in "ui" else image).astype(dtype)


def _top(dtype: np.dtype[Any], floor: tuple[float, ...] | None) -> float:
    """Return a largest value that is far above the noise floor."""
    if dtype.kind in "ui" and dtype.itemsize <= 2:
        return float(np.iinfo(dtype).max)
    return max(1.0, *(8 * one for one in floor or ()), 0.0)


def largest_difference(
    expected: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray], runtime: str
) -> float:
    """Return by how much maps differ at most; raise where that is too much.

    Parameters
    ----------
    expected : mapping of ndarray, shape (spatial..., channels)
        By head, of the model.
    found : mapping of ndarray
        Of the runtime.
    runtime : str
        Its name and version, for the error.

    Examples
    --------
    >>> maps = {"foreground": np.zeros((2, 2, 1))}
    >>> round(largest_difference(maps, {"foreground": maps["foreground"] + 2e-4}, "a"), 6)
    0.0002
    """
    shapes = {head: values.shape for head, values in expected.items()}
    others = {head: values.shape for head, values in found.items()}
    words = f"maps {others}, not {shapes}"
    if shapes == others:
        most = max(float(np.abs(found[head] - expected[head]).max()) for head in expected)
        if most <= SAME:
            return most
        words = f"a difference of {most:.2g}"
    raise invalid(
        "format",
        expected=f"maps within {SAME:g} of the model's from {runtime}",
        received=words,
        remedy=OTHER_FORMAT,
    )
