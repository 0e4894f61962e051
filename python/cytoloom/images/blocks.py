"""Images piece by piece: what is large is never decoded as a whole where its format allows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .image import AnyArray

LARGE_PX = 2**24
"""Images of more pixels are read by regions of at most so many, each time anew. Smaller ones, a few
tens of megabytes, are decoded once and kept, since patches and tiles overlap."""


def spatial_px(source: Any) -> int:
    """Count the pixels of an image, or of labels, which have no axis of channels.

    Examples
    --------
    >>> spatial_px(np.zeros((4, 5, 1)))
    20
    """
    axes = getattr(source, "axes", None)
    spatial = len(source.shape) - 1 if axes is None else len(axes.removesuffix("c"))
    return math.prod(source.shape[:spatial])


def by_regions(source: Any) -> bool:
    """Whether an image is large, and its source can read regions without the rest.

    Sources say so by an attribute ``regions``; those that say nothing can.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> by_regions(SimpleNamespace(shape=(9000, 9000, 1))), by_regions(np.zeros((9, 9, 1)))
    (True, False)
    """
    return spatial_px(source) > LARGE_PX and getattr(source, "regions", True)


def at_hand(source: Any) -> Any:
    """Return what `blocks` may run over several times: pixels, or the source of a large image."""
    if isinstance(source, np.ndarray) or by_regions(source):
        return source
    return source.read()


def blocks(source: Any) -> Iterator[AnyArray]:
    """Yield an image in blocks, which one after the other are its pixels in C order.

    Parameters
    ----------
    source : ndarray or Source
        An image (spatial..., c), or labels (spatial...).

    Examples
    --------
    >>> [block.shape for block in blocks(np.zeros((4, 5, 1)))]
    [(4, 5, 1)]
    """
    pixels = at_hand(source)
    if isinstance(pixels, np.ndarray):
        yield pixels
        return
    # labels have no channel axis
    for box in boxes(pixels.shape[: len(pixels.axes.removesuffix("c"))], LARGE_PX):
        yield pixels.read(box)


def placed_blocks(image: Any) -> Iterator[tuple[tuple[slice, ...], AnyArray]]:
    """Yield an image (spatial..., c) in blocks of whole rows, each with the box that it is.

    Examples
    --------
    >>> [box for box, _ in placed_blocks(np.zeros((4, 5, 1)))]
    [(slice(0, 4, None), slice(0, 5, None))]
    """
    pixels = at_hand(image)
    size = pixels.shape[:-1]
    if isinstance(pixels, np.ndarray):
        yield tuple(slice(0, n) for n in size), pixels
        return
    for box in boxes(size, LARGE_PX):
        yield box, pixels.read(box)


def boxes(shape: Sequence[int], most_px: int) -> Iterator[tuple[slice, ...]]:
    """Yield boxes of at most `most_px` pixels, or a row of the last axis, in C order.

    Examples
    --------
    >>> [box[0] for box in boxes((5, 4), 8)]
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    row_px = math.prod(shape[1:])
    if row_px > most_px and len(shape) > 1:
        for k in range(shape[0]):
            for rest in boxes(shape[1:], most_px):
                yield slice(k, k + 1), *rest
        return
    rows = max(1, most_px // max(1, row_px)) if len(shape) > 1 else shape[0]
    for start in range(0, shape[0], max(1, rows)):
        yield slice(start, min(start + rows, shape[0])), *(slice(0, n) for n in shape[1:])


def grown(box: tuple[slice, ...], by: Sequence[int], shape: Sequence[int]) -> tuple[slice, ...]:
    """Return a box with so many pixels more on each side, within an image.

    Examples
    --------
    >>> grown((slice(2, 4), slice(0, 9)), (1, 1), (4, 9))
    (slice(1, 4, None), slice(0, 9, None))
    """
    axes = zip(box, by, shape, strict=True)
    return tuple(slice(max(0, b.start - m), min(n, b.stop + m)) for b, m, n in axes)


def inside(box: tuple[slice, ...], region: tuple[slice, ...]) -> tuple[slice, ...]:
    """Return a box as seen from the corner of a region that it lies in.

    Examples
    --------
    >>> inside((slice(5, 7),), (slice(4, 9),))
    (slice(1, 3, None),)
    """
    axes = zip(box, region, strict=True)
    return tuple(slice(b.start - r.start, b.stop - r.start) for b, r in axes)
