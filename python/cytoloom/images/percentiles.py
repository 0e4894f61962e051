"""Percentiles of each channel of an image, block by block."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .blocks import at_hand, blocks
from .image import AnyArray, above
from .padding import Padding

MAX_SAMPLE = 4_000_000
"""Pixels of which percentiles of floats are taken: 32 MB, whatever the size of the image."""
_MAX_BINS = 1 << 20
"""Histograms of whole numbers up to this width, 8 MB, are exact; wider ones are sampled."""
Levels = tuple[float, float]


def percentiles(
    source: Any, levels: Levels, padding: Padding | None = None
) -> tuple[list[Levels], str]:
    """Return two percentiles of each channel, and the type that the values are of.

    That is the type of the pixels; of whole numbers of 16 bits in a wider type, uint16: arrays from
    R and files of int32 hold what a camera gave, in its units.

    Parameters
    ----------
    source : ndarray (..., c) or Source
        Of integers all pixels count, of floats and very wide integers a fixed subsample.
    levels : (float, float)
        From 0 to 100.
    padding : Padding, optional
        What the image was filled up with, which does not count.

    Examples
    --------
    >>> percentiles(np.arange(101, dtype=np.uint8).reshape(101, 1, 1), (1, 50))
    ([(1.0, 50.0)], 'uint8')
    """
    image = at_hand(source)
    dtype, channels = np.dtype(image.dtype), image.shape[-1]
    if not math.prod(image.shape):
        return [(0.0, 0.0)] * channels, str(dtype)
    counters: list[_Histogram | _Sample] = [_Sample(image.shape) for _ in range(channels)]
    if dtype.kind in "bui":
        for c, (low, high) in enumerate(_ranges(image, dtype, channels)):
            if high - low < _MAX_BINS:
                counters[c] = _Histogram(low, high)
    for block in blocks(image):
        for c, counter in enumerate(counters):
            counter.add(block[..., c])
    if padding is not None:
        for counter, value, count in zip(counters, padding.values, padding.counts, strict=True):
            if value is not None:
                counter.leave_out(value, count)
    found = [counter.percentiles(levels) for counter in counters]
    return found, "uint16" if _holds_16_bits(dtype, counters) else str(dtype)


def _holds_16_bits(dtype: np.dtype[Any], counters: list[_Histogram | _Sample]) -> bool:
    """Whether a wider type holds whole numbers of 16 bits, and more than 0 and 1."""
    if dtype.kind == "b" or dtype.itemsize < 2 or dtype in (np.uint16, np.float16):
        return False
    ends = [counter.whole_ends for counter in counters]
    inside = all(0 <= low and high < 2**16 for low, high in ends)
    return inside and max(high for _, high in ends) > 1


def _ranges(image: Any, dtype: np.dtype[Any], channels: int) -> list[tuple[int, int]]:
    """Return least and largest value of each channel; of short types those that can be."""
    # reading a large file twice costs more than a histogram of 65536 bins
    if dtype.itemsize <= 2 and not isinstance(image, np.ndarray):
        info = np.iinfo(np.uint8 if dtype.kind == "b" else dtype)
        return [(int(info.min), int(info.max))] * channels
    found = [
        [(int(block[..., c].min()), int(block[..., c].max())) for c in range(channels)]
        for block in blocks(image)
    ]
    return [(min(r[0] for r in seen), max(r[1] for r in seen)) for seen in zip(*found, strict=True)]


class _Histogram:
    """Counts of whole numbers."""

    def __init__(self, low: int, high: int) -> None:
        self._low = low
        self._counts = np.zeros(high - low + 1, np.int64)

    def add(self, channel: AnyArray) -> None:
        """Count a block, in memory of some rows: indices need 8 bytes a pixel."""
        rows = max(1, MAX_SAMPLE * len(channel) // channel.size)
        for start in range(0, len(channel), rows):
            values = above(channel[start : start + rows].ravel(), self._low)
            self._counts += np.bincount(values, minlength=len(self._counts))

    def leave_out(self, value: float, count: int) -> None:
        """Forget so many pixels of a value."""
        self._counts[int(value) - self._low] -= count

    @property
    def whole_ends(self) -> Levels:
        """The least and the largest number counted."""
        seen = np.flatnonzero(self._counts)
        return (
            (float(self._low + int(seen[0])), float(self._low + int(seen[-1])))
            if seen.size
            else (0.0, 0.0)
        )

    def percentiles(self, levels: Levels) -> Levels:
        """Return what `numpy.percentile` returns."""
        below = np.cumsum(self._counts)
        found = []
        for level in levels:
            rank = level / 100 * (int(below[-1]) - 1)
            # the values at both ranks, as if all pixels were sorted
            left, right = np.searchsorted(below, [math.floor(rank), math.ceil(rank)], side="right")
            share = (rank - math.floor(rank)) * float(right - left)
            found.append(self._low + float(left) + share)
        return found[0], found[1]


class _Sample:
    """Every so many pixels of a channel."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._stride = max(1, math.ceil(math.prod(shape[:-1]) / MAX_SAMPLE))
        while math.gcd(self._stride, shape[-2]) > 1 and self._stride > 1:
            self._stride += 1  # a stride that divides the width would see some columns only
        self._next = 0
        self._parts: list[AnyArray] = []

    def add(self, channel: AnyArray) -> None:
        """Take the pixels of a block whose turn it is."""
        with np.errstate(over="ignore"):  # beyond float64 is infinite, and so left out
            part: Any = channel.flat[self._next :: self._stride].astype(np.float64)
        self._parts.append(part)
        self._next += len(part) * self._stride - channel.size

    def leave_out(self, value: float, count: int) -> None:
        """Forget the share of so many pixels of a value; NaN does not count in any case."""
        sample = np.concatenate(self._parts)
        same = np.flatnonzero(sample == value)
        self._parts = [np.delete(sample, same[: round(count / self._stride)])]

    @property
    def whole_ends(self) -> Levels:
        """The least and the largest value, where all are whole numbers; else below 0."""
        sample = np.concatenate(self._parts)
        sample = sample[np.isfinite(sample)]
        whole = bool(sample.size) and bool((sample == np.floor(sample)).all())
        return (float(sample.min()), float(sample.max())) if whole else (-1.0, -1.0)

    def percentiles(self, levels: Levels) -> Levels:
        """Return those of finite values; 0 where there are none."""
        sample = np.concatenate(self._parts)
        sample = sample[np.isfinite(sample)]
        if not sample.size:
            return 0.0, 0.0
        low, high = np.percentile(sample, levels)
        return float(low), float(high)
