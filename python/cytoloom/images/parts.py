"""Parts of images that are too large to be looked at as a whole, and of labels too large."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .blocks import by_regions, spatial_px
from .image import AnyArray

LABELS_PX = 2**27
"""Labels of more pixels are not kept in memory, where each takes 4 bytes and more: patches are read
from the file, and what there is to learn is looked for in some parts."""
HUGE_PX = 2**32
"""Images of more pixels are not looked at as a whole: percentiles and hashes are of some parts."""
_MOST_PX = 2**62
"""No image has more: that is said of one whose metadata are damaged, when it is read."""
PARTS, PART_PX = 512, 2**15
"""How many parts of a huge image are looked at, and of how many pixels each."""
Box = tuple[slice, ...]


def is_huge(source: Any) -> bool:
    """Whether an image is too large to be looked at as a whole, and regions of it can be read.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> is_huge(SimpleNamespace(shape=(4096, 5120, 5120, 1))), is_huge(np.zeros((9, 9, 1)))
    (True, False)
    """
    return HUGE_PX < spatial_px(source) < _MOST_PX and by_regions(source)


def are_too_many(pixels: int) -> bool:
    """Whether labels of so many pixels are not kept in memory.

    Examples
    --------
    >>> are_too_many(512**3), are_too_many(600**3)
    (False, True)
    """
    return LABELS_PX < pixels < _MOST_PX


def is_read_in_parts(labels: Any) -> bool:
    """Whether labels are too large to be kept, and regions of them can be read.

    Sources say so by an attribute ``regions``; those in memory say nothing.

    Examples
    --------
    >>> is_read_in_parts(np.zeros((9, 9), int))
    False
    """
    if not are_too_many(spatial_px(labels)):
        return False
    whole = getattr(labels, "whole", None)
    return getattr(labels, "regions", False) if whole is None else is_read_in_parts(whole)


def parts_of(source: Any, count: int = PARTS, part_px: int = PART_PX) -> list[Box]:
    """Choose boxes of an image or of labels, the same each time: among what was written, if known.

    Parameters
    ----------
    source : Source
        An image (spatial..., c), or labels (spatial...).
    count : int
        How many at most.
    part_px : int
        About how many pixels each has; as long as wide, as far as there is room.

    Returns
    -------
    list of tuple of slice
        At least one; they may overlap.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> written = [(slice(0, 4), slice(4, 8))]
    >>> parts_of(SimpleNamespace(shape=(8, 8), axes="yx", written=written), part_px=4)[:2]
    [(slice(0, 2, None), slice(4, 6, None)), (slice(0, 2, None), slice(6, 8, None))]
    """
    axes = getattr(source, "axes", None)
    size = source.shape[: len(axes.removesuffix("c"))] if axes else source.shape[:-1]
    edge = [min(n, max(1, round(part_px ** (1 / len(size))))) for n in size]
    rng = np.random.default_rng(0)
    written = written_in(source)
    if written is None:
        corners = [[int(rng.integers(0, n - e + 1)) for n, e in zip(size, edge, strict=True)]
                   for _ in range(count)]  # fmt: skip
    else:
        corners = _corners(written, edge, count, rng) or [[0] * len(size)]
    starts = [[min(c, n - e) for c, n, e in zip(at, size, edge, strict=True)] for at in corners]
    return [tuple(slice(c, c + e) for c, e in zip(at, edge, strict=True)) for at in starts]


def _corners(
    written: Sequence[Box], edge: Sequence[int], count: int, rng: np.random.Generator
) -> list[list[int]]:
    """Choose corners within boxes: all tiles of few boxes, one tile of each of many."""
    if len(written) > count:
        chosen = [written[k] for k in np.sort(rng.choice(len(written), count, replace=False))]
        return [[int(rng.integers(b.start, max(b.start + 1, b.stop - e + 1)))
                 for b, e in zip(box, edge, strict=True)] for box in chosen]  # fmt: skip
    every = []
    for box in written:
        tiles = [-(-(b.stop - b.start) // e) for b, e in zip(box, edge, strict=True)]
        for at in np.ndindex(*tiles):
            # within the box, where it is as large
            axes = zip(box, at, edge, strict=True)
            every.append([max(b.start, min(b.start + k * e, b.stop - e)) for b, k, e in axes])
    if len(every) <= count:
        return every
    return [every[k] for k in np.sort(rng.choice(len(every), count, replace=False))]


def written_in(source: Any) -> list[Box] | None:
    """Return the boxes of a source that were written, the rest being 0; None if nobody knows.

    Examples
    --------
    >>> written_in(np.zeros((8, 8))) is None
    True
    """
    whole = getattr(source, "whole", None)
    if whole is None or whole is source:
        found: list[Box] | None = getattr(source, "written", None)
        return found
    boxes, roi = written_in(whole), getattr(source, "roi", None)
    return None if boxes is None or roi is None else clipped(boxes, roi)


def clipped(boxes: Sequence[Box], roi: Sequence[tuple[int, int]]) -> list[Box]:
    """Return what of boxes lies in another one, counted from its corner.

    Examples
    --------
    >>> clipped([(slice(0, 4),), (slice(4, 8),)], [(5, 9)])
    [(slice(0, 3, None),)]
    """
    found = []
    for box in boxes:
        ends = [
            (max(b.start, start), min(b.stop, stop))
            for b, (start, stop) in zip(box, roi, strict=True)
        ]
        if all(low < high for low, high in ends):
            found.append(
                tuple(
                    slice(low - start, high - start)
                    for (low, high), (start, _) in zip(ends, roi, strict=True)
                )
            )
    return found


def sample_of(source: Any) -> AnyArray:
    """Read some parts of a huge image, below each other.

    Parameters
    ----------
    source : Source
        An image (spatial..., c), or labels (spatial...).

    Returns
    -------
    ndarray (parts * edge, edge..., c)
        At most `PARTS` times `PART_PX` pixels.
    """
    return np.concatenate([np.asarray(source.read(box)) for box in parts_of(source)])
