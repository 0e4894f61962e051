"""Layers of a picture: pixels, outlines, labels in colours; as bytes that a browser shows."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..metrics.outlines import boundary
from ..plots.overlays import FOUND

JPEG_QUALITY = 82
COLOURS = 251
"""A prime, so that numbers of neighbours that differ by any usual step differ in colour."""
EXPERTS = (
    (0, 158, 115), (204, 121, 167), (240, 228, 66), (0, 114, 178), (213, 94, 0), (180, 160, 255),
    (150, 220, 120), (255, 150, 150),
)  # fmt: skip
"""Of the outlines of experts, in their order; the script of the page has the same."""
MISSED, FALSE = (213, 94, 190), (240, 80, 40)


def smaller(size: Sequence[int], most: int) -> tuple[int, int]:
    """Return height and width within `most` pixels, as they are where they fit.

    Examples
    --------
    >>> smaller((100, 50), 200), smaller((100, 50), 20)
    ((100, 50), (20, 10))
    """
    factor = min(1.0, most / max(size))
    height, width = (max(1, round(n * factor)) for n in size[:2])
    return height, width


def photo(picture: NDArray[np.uint8], size: tuple[int, int]) -> bytes:
    """Encode pixels (y, x, 3) as JPEG of that size; grey where all channels are alike."""
    from PIL import Image

    grey = bool((picture == picture[..., :1]).all())
    image = Image.fromarray(np.ascontiguousarray(picture[..., 0] if grey else picture))
    if image.size != size[::-1]:
        image = image.resize(size[::-1], Image.Resampling.BOX)
    return _saved(image, "JPEG", quality=JPEG_QUALITY, optimize=True)


def nearest(labels: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Return labels of another size, each pixel as the nearest one.

    Examples
    --------
    >>> nearest(np.array([[1, 2, 3, 4]]), (1, 2))
    array([[2, 4]])
    """
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int)
        for new, old in zip(size, labels.shape, strict=True)
    )
    return labels[rows[:, None], columns]


def lines(
    labels: NDArray[Any],
    inside: NDArray[np.bool_] | None = None,
    colour: Sequence[int] = FOUND,
) -> bytes:
    """Encode the outlines of labels as PNG, clear elsewhere; none run where `inside` ends."""
    return painted(boundary(labels, inside).astype(np.uint8), [colour])


def fills(labels: NDArray[Any]) -> bytes:
    """Encode labels as PNG, objects in colours that differ between neighbours."""
    index = np.where(labels > 0, labels % COLOURS + 1, 0).astype(np.uint8)
    return painted(index, _palette())


def mistakes(kinds: NDArray[np.uint8]) -> bytes:
    """Encode areas that were missed, 1, and that are false, 2, as PNG."""
    return painted(kinds, [MISSED, FALSE])


def painted(index: NDArray[np.uint8], colours: Sequence[Sequence[int]]) -> bytes:
    """Encode numbers of colours from 1 on as PNG; 0 is clear."""
    from PIL import Image

    image = Image.fromarray(index)
    flat = [int(part) for colour in ((0, 0, 0), *colours) for part in colour]
    image.putpalette(flat)
    bits = 1 if len(colours) < 2 else 2 if len(colours) < 4 else 8
    return _saved(image, "PNG", transparency=0, bits=bits)


def heat(values: NDArray[Any], size: tuple[int, int], colours: str) -> bytes:
    """Encode values from 0 to 1 in colours of matplotlib, as JPEG."""
    from matplotlib import colormaps

    table = (colormaps[colours](np.linspace(0, 1, 256))[:, :3] * 255 + 0.5).astype(np.uint8)
    index = np.nan_to_num(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return photo(table[index], size)


def _palette() -> list[list[int]]:
    """Return bright colours, of which those of numbers that follow each other are far apart."""
    from colorsys import hsv_to_rgb

    golden = 0.6180339887498949
    shades = ((k * golden % 1, 0.55 + 0.15 * (k % 3), 0.95 - 0.2 * (k % 2)) for k in range(COLOURS))
    return [[round(255 * part) for part in hsv_to_rgb(*one)] for one in shades]


def _saved(image: Any, format: str, **settings: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **settings)
    return stream.getvalue()
