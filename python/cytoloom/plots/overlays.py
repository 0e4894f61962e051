"""Outlines of labels painted on images, as arrays and PNG files: no matplotlib, any size."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..components.arguments import checked
from ..errors import invalid
from ..messages import say
from ..storage.atomic import new_file, write_whole

RGB = NDArray[np.uint8]
# Okabe and Ito's colours, which the colour-blind can distinguish, and which show on grey
FOUND = (230, 159, 0)
TRUTH = (86, 220, 255)
_TINTS = {
    1: ((1, 1, 1),),
    2: ((1, 0, 1), (0, 1, 0)),
    3: ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
}
BLOCK_PX = 1 << 22
"""Pixels stretched at a time, and looked at for grey limits: some 50 MB in three channels."""


@checked
def outlines_rgb(
    image: ArrayLike,
    labels: ArrayLike | None,
    truth: ArrayLike | None = None,
    *,
    limits: Sequence[tuple[float, float]] | None = None,
) -> RGB:
    """Paint the outlines of labels on an image, as an array.

    Parameters
    ----------
    image : array (y, x), (y, x, c), (z, y, x) or (z, y, x, c), any dtype
        One channel is shown grey, two magenta and green, three (and the first three of more)
        red, green and blue. Of a stack the middle plane is shown.
    labels : integer array (y, x) or (z, y, x), or None
        What was found, outlined in `FOUND`; the outline runs on the objects' last pixels.
        Where it is missing, and so is `truth`, a three-dimensional image is ``(y, x, c)``.
    truth : integer array of that shape, optional
        Outlined in `TRUTH`; white where both outlines run.
    limits : sequence of (float, float), optional
        Values shown black and white in each channel. Default: percentiles 1 and 99.8 of up to
        about 4 million pixels.

    Returns
    -------
    uint8 array (y, x, 3)

    Raises
    ------
    InvalidError
        Labels of another size than the image.

    Examples
    --------
    >>> picture = outlines_rgb(np.zeros((4, 4)), [[0] * 4, [0, 1, 0, 0], [0] * 4, [0] * 4])
    >>> picture[1, 1].tolist(), picture[0, 0].tolist()
    ([230, 159, 0], [0, 0, 0])
    """
    from ..metrics.outlines import boundary

    layers = [None if x is None else np.asarray(x) for x in (labels, truth)]
    ndim = next((x.ndim for x in layers if x is not None), 2)
    pixels = channels_last(np.asarray(image), ndim)
    if ndim not in (2, 3) or not pixels.size:
        received = say("shape {}", pixels.shape)
        raise invalid("image", expected="2 or 3 spatial axes", received=received)
    for name, layer in zip(("labels", "truth"), layers, strict=True):
        if layer is not None and layer.shape != pixels.shape[:-1]:
            expected = say("the image's size, {}", pixels.shape[:-1])
            raise invalid(name, expected=expected, received=say("{}", layer.shape))
    if ndim == 3:
        middle = pixels.shape[0] // 2
        pixels, layers = pixels[middle], [None if x is None else x[middle] for x in layers]
    picture = stretched(pixels, limits or grey_limits(pixels))
    found, true = (None if x is None else boundary(x) for x in layers)
    for line, colour in ((true, TRUTH), (found, FOUND)):
        if line is not None:
            picture[line] = colour
    if found is not None and true is not None:
        picture[found & true] = 255
    return picture


@checked
def write_overlay(
    path: str | Path,
    image: ArrayLike,
    labels: ArrayLike | None,
    truth: ArrayLike | None = None,
    *,
    overwrite: bool = False,
) -> Path:
    """Write `outlines_rgb` as a PNG file of the image's own size.

    Parameters
    ----------
    path : str or Path
        Its folder exists.
    image : array (y, x), (y, x, c), (z, y, x) or (z, y, x, c), any dtype
        Shown as `outlines_rgb` says.
    labels : integer array (y, x) or (z, y, x), or None
        Outlined in orange.
    truth : integer array of that shape, optional
        Outlined in light blue; white where both outlines run.
    overwrite : bool, default False
        Replace a file that is there.

    Returns
    -------
    Path
        The file, there only when complete.

    Raises
    ------
    InvalidError
        Labels of another size than the image, or a file that is there.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "cells.png"
    >>> write_overlay(path, np.zeros((8, 8)), np.eye(8, dtype=int)) == path
    True
    """
    path = Path(path).expanduser()
    if os.path.lexists(path) and not overwrite:  # before it is drawn
        raise new_file(path)
    return write_png(path, outlines_rgb(image, labels, truth), overwrite)


def write_png(path: Path, picture: RGB, overwrite: bool = True) -> Path:
    """Write a picture as PNG, whole or not at all."""
    from imagecodecs import png_encode

    encoded = png_encode(picture)
    return write_whole(path, lambda temporary: Path(temporary).write_bytes(encoded), overwrite)


def channels_last(image: NDArray[Any], ndim: int) -> NDArray[Any]:
    """Give an image of `ndim` spatial axes its channel axis where it has none."""
    pixels = image[..., None] if image.ndim == ndim else image
    if pixels.ndim != ndim + 1:
        raise invalid(
            "image",
            expected=f"{ndim} axes, or one more for channels",
            received=say("shape {}", image.shape),
        )
    return pixels


def grey_limits(pixels: NDArray[Any]) -> list[tuple[float, float]]:
    """Percentiles 1 and 99.8 of each channel of ``(..., y, x, c)``, of a subsample if large.

    Three channels of 8 bits have the widest of these in common.
    """
    step = max(1, int(np.sqrt(pixels[..., 0].size / BLOCK_PX)))
    part = pixels[(..., *(slice(None, None, step),) * 2, slice(None))]
    with np.errstate(over="ignore"):  # beyond float64 is infinite, and so left out
        part = part.astype(np.float64)
    channels = [c[np.isfinite(c)] for c in part.reshape(-1, part.shape[-1]).T]
    ends = [np.percentile(c, (1, 99.8)) if c.size else (0.0, 1.0) for c in channels]
    if pixels.dtype == np.uint8 and len(ends) == 3:  # a colour picture keeps its colours
        lows, highs = zip(*ends, strict=True)
        ends = [(min(lows), max(highs))] * 3
    return [(float(low), float(high)) for low, high in ends]


def stretched(pixels: NDArray[Any], limits: Sequence[tuple[float, float]]) -> RGB:
    """Black at the lower, full colour at the upper limit; in blocks of rows, to spare memory."""
    tints = np.array(_TINTS[min(pixels.shape[-1], 3)], np.float32)
    # values beyond float32 are its largest: they are at the ends all the same
    most = float(np.finfo(np.float32).max) / 4
    low, high = np.clip(np.array(limits[: len(tints)], float), -most, most).astype(np.float32).T
    picture = np.empty((*pixels.shape[:2], 3), np.uint8)
    rows = max(1, BLOCK_PX // max(4 * pixels.shape[1], 1))
    for start in range(0, len(pixels), rows):
        part = pixels[start : start + rows, :, : len(tints)]
        if part.dtype.kind == "f":
            part = np.clip(np.nan_to_num(part), -most, most)
        part = part.astype(np.float32)
        part = np.clip((part - low) / np.maximum(high - low, 1e-12), 0, 1) @ tints
        picture[start : start + rows] = np.minimum(part, 1) * 255 + 0.5
    return picture
