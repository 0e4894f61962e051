"""What lies around an image that was stitched, turned or registered: no background, nothing.

Images put together from several, turned or moved are filled up with one value: 0, NaN, -9999 or
white. That is not background. Where it counted as such, percentiles, and with them everything that
a network sees, would depend on how much of it there is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from .blocks import at_hand, placed_blocks
from .image import AnyArray

Mask = npt.NDArray[np.bool_]
_CORNER_PX = 4
_LEAST_SHARE = 0.002
"""Less padding than this share of an image changes no percentile that matters."""
_LEAST_REST = 0.03
"""What is left must be an image: a fibre across a black field is none."""
_MOST_ENCLOSED = 1.0
"""Pixels of the same value inside the rest, for each of another: where most of an image is black,
black is its background."""
_MOST_FLAT = 0.9
"""Share of neighbours in the rest that are equal. An image has noise; drawn shapes have none."""
_STRAIGHT = 0.5
"""Share of the outline, or of what lies outside it, that is straight. Of stitched and turned images
all but corners is, and what of an image is itself black at its edge. Of 540 real images whose
background was clipped to 0 at most 0.1 is."""
_NEAR = 0.01
"""A value is near those of the rest within this share of their range."""
_LENGTH = 3.0
"""How long a straight line is, by the root of the image's shorter side: longer than the outline of
a disc that fills the image stays within two pixels of its chord (length**2 / (8 radius))."""


@dataclass(frozen=True)
class Padding:
    """The values with which an image was filled up.

    Parameters
    ----------
    values : tuple of (float or None)
        One per channel, NaN included; None where a channel has no padding.
    everywhere : bool
        Whether all channels that show anything are padded; else some pixels lack only channels.
    counts : tuple of int
        How many pixels of each channel are padding.
    share : float
        Share of the pixels that are padding, of the channel that has most.
    inside : bool, default False
        Whether the image itself may have these values: then only areas of them are padding.

    Examples
    --------
    >>> Padding((0.0,), True, (1,), 0.5).covers(np.array([[0], [7]]))
    array([ True, False])
    """

    values: tuple[float | None, ...]
    everywhere: bool
    counts: tuple[int, ...]
    share: float
    inside: bool = False

    @property
    def finite(self) -> tuple[float | None, ...]:
        """The values that are numbers; None for the others."""
        return tuple(v if v is not None and math.isfinite(v) else None for v in self.values)

    def covers(self, pixels: AnyArray) -> Mask:
        """Say which pixels ``(..., c)`` show nothing in any channel."""
        covered = np.full(pixels.shape[:-1], self.everywhere)
        for channel, value in enumerate(self.values):
            if value is not None:
                covered &= is_filled(pixels[..., channel], value, self.inside)
        return covered


def is_value(pixels: AnyArray, value: float) -> Mask:
    """Say which pixels have a value, which may be NaN."""
    return np.asarray(np.isnan(pixels) if math.isnan(value) else pixels == value)


def is_filled(pixels: AnyArray, value: float, inside: bool) -> Mask:
    """Say which pixels ``(..., y, x)`` have a value, or are part of an area of it.

    Parameters
    ----------
    pixels : ndarray (..., y, x)
        An image or a region of it; what lies outside is as its edge is.
    value : float
        The value.
    inside : bool
        Whether pixels of an image may happen to have it and keep it: padding is then only what is
        three pixels wide.

    Examples
    --------
    >>> part = np.array([[0, 0, 0, 5, 6], [0, 0, 0, 7, 0], [0, 0, 0, 0, 8]])
    >>> is_filled(part, 0, True)[2], is_filled(part, 0, False)[2]
    (array([ True,  True,  True, False, False]), array([ True,  True,  True,  True, False]))
    """
    same = is_value(pixels, value)
    if not inside:
        return same
    for grow in (np.logical_and, np.logical_or):
        for axis in (-2, -1):
            before, line = same.copy(), np.moveaxis(same, axis, -1)
            beside = np.moveaxis(before, axis, -1)
            grow(line[..., 1:], beside[..., :-1], out=line[..., 1:])
            grow(line[..., :-1], beside[..., 1:], out=line[..., :-1])
    return same


def fill(
    into: AnyArray,
    pixels: AnyArray,
    padding: Sequence[float | None],
    values: Sequence[float],
    inside: bool = False,
) -> None:
    """Set `into` to a value per channel where `pixels` ``(..., c)`` are padding, in place."""
    for channel, (value, instead) in enumerate(zip(padding, values, strict=True)):
        if value is not None:
            into[..., channel][is_filled(pixels[..., channel], value, inside)] = instead


class Filled:
    """A source whose padding is filled with values of the image itself, for interpolation.

    Between an image and -9999 or NaN beside it there is nothing to interpolate.
    """

    def __init__(self, source: Any, stats: Any) -> None:
        self._source, self._stats = source, stats
        self.shape = source.shape
        self.dtype = np.dtype(np.float32)

    def read(self, slices: tuple[slice, ...] | None = None) -> AnyArray:
        """Return the region, float32 (spatial..., c)."""
        pixels = self._source.read(slices)
        whole: AnyArray = pixels.astype(np.float32)
        stats = self._stats
        if stats.padding:
            fill(whole, pixels, stats.padding, stats.low, stats.padding_inside)
        for channel, (low, high) in enumerate(zip(stats.low, stats.high, strict=True)):
            part = whole[..., channel]
            np.nan_to_num(part, copy=False, nan=low, posinf=high, neginf=low)
        return whole


def filled(source: Any, stats: Any) -> Any:
    """Return a source with the lower percentile in place of padding and NaN, else itself."""
    some = getattr(stats, "padding", ()) or np.dtype(source.dtype).kind == "f"
    return Filled(source, stats) if some and stats is not None else source


def padding_of(image: Any) -> Padding | None:
    """Find the value with which an image was filled up, if it was.

    That is a value which is exactly the same at a corner, around what looks like an image: its
    outline is straight, upright or turned, as nothing's outline is that was seen through a
    microscope, and inside it there is noise, and little of the same value. So a background that
    was clipped to 0, or simulated without noise, is no padding: its outline is that of cells.
    NaN is padding wherever it reaches a corner.

    Parameters
    ----------
    image : ndarray (spatial..., c) or Source
        A large source is read block by block, and only where a corner is constant at all.

    Returns
    -------
    Padding or None

    Examples
    --------
    >>> noise = np.random.default_rng(0).integers(90, 120, (64, 64, 1))
    >>> padded = np.pad(noise, ((0, 0), (0, 64), (0, 0)))
    >>> padding_of(noise), padding_of(padded).values, padding_of(padded).share
    (None, (0,), 0.5)
    """
    image = at_hand(image)
    size = image.shape[:-1]
    if min(size, default=0) < 1 or min(size[-2:]) < 4 * _CORNER_PX:
        return None
    # a corner of the image itself may be white, beside the black one of padding
    tried = (_padding_with(image, candidates) for candidates in _corner_values(image))
    return next((found for found in tried if found is not None), None)


def _padding_with(image: Any, candidates: Sequence[float | None]) -> Padding | None:
    """Find out whether an image was filled up with these values, one for each channel."""
    size = image.shape[:-1]
    sides = [None if v is None else _Sides(size, v) for v in candidates]
    for box, pixels in placed_blocks(image):
        for channel, side in enumerate(sides):
            if side is not None:
                side.add(box, pixels[..., channel])
    padded = [side is not None and side.is_padding() for side in sides]
    if not any(padded):
        return None
    values = tuple(v if found else None for v, found in zip(candidates, padded, strict=True))
    seen = [side is None or side.rest > 0 for side in sides]
    everywhere = all(found for found, shows in zip(padded, seen, strict=True) if shows)
    around = [s for s, found in zip(sides, padded, strict=True) if s is not None and found]
    inside = any(side.is_inside() for side in around)
    counts = tuple(s.left_out if s and found else 0 for s, found in zip(sides, padded, strict=True))
    return Padding(values, everywhere, counts, max(counts) / math.prod(size), inside)


def _corner_values(image: Any) -> list[list[float | None]]:
    """List for each channel the value that is constant at most corners, None where at none.

    Once more where other corners of a channel have another value.
    """
    *planes, height, width = image.shape[:-1]
    ends = [(slice(0, _CORNER_PX), slice(n - _CORNER_PX, n)) for n in (height, width)]
    # planes of a stack at its ends may be padding as a whole, and those in the middle none
    depths = [sorted({0, n // 2, n - 1}) for n in planes]
    counts = [Counter[float]() for _ in range(image.shape[-1])]
    for depth in product(*depths):
        for corner in product(*ends):
            box = (*(slice(z, z + 1) for z in depth), *corner)
            pixels = image[box] if isinstance(image, np.ndarray) else image.read(box)
            for channel, count in enumerate(counts):
                # as Python's number: integers above 2**53 stay what they are
                first = pixels[..., channel].flat[0].item()
                if is_value(pixels[..., channel], first).all():
                    # all NaN are one value to a counter only if they are one object
                    count[math.nan if math.isnan(first) else first] += 1
    found = [[value for value, _ in count.most_common(2)] for count in counts]
    most = max(map(len, found), default=0)
    return [[one[min(k, len(one) - 1)] if one else None for one in found] for k in range(most)]


class _Sides:
    """What of one channel begins how far from each side of each plane, read block by block."""

    def __init__(self, size: tuple[int, ...], value: float) -> None:
        self._value = value
        *planes, self._height, self._width = size
        count = math.prod(planes)
        self._pixels = math.prod(size)
        self._depth = planes
        # as far as the other side where there is nothing but the value
        self._left = np.full((count, self._height), self._width)
        self._right = self._left.copy()
        self._top = np.full((count, self._width), self._height)
        self._bottom = self._top.copy()
        self.rest = self._pairs = self._alike = 0
        self._low, self._high = math.inf, -math.inf

    def add(self, box: tuple[slice, ...], pixels: AnyArray) -> None:
        """Look at a block of whole rows."""
        *depth, rows, _ = box
        first = depth[0].start if depth else 0
        for k, plane in enumerate(pixels.reshape(-1, *pixels.shape[-2:])):
            self._add_rows(first + k, rows.start, plane)

    def _add_rows(self, z: int, start: int, plane: AnyArray) -> None:
        rest = ~is_value(plane, self._value)
        rows = np.flatnonzero(rest.any(axis=1))
        below = self._height - start - len(plane)
        self._left[z, start + rows] = rest.argmax(axis=1)[rows]
        self._right[z, start + rows] = rest[:, ::-1].argmax(axis=1)[rows]
        self._top[z] = np.minimum(self._top[z], start + _first_rows(rest))
        self._bottom[z] = np.minimum(self._bottom[z], below + _first_rows(rest[::-1]))
        self.rest += int(np.count_nonzero(rest))
        # every eighth row says which values there are about
        values = plane[::8][rest[::8]]
        if values.size:
            self._low = min(self._low, float(np.fmin.reduce(values)))
            self._high = max(self._high, float(np.fmax.reduce(values)))
        both = rest[:, 1:] & rest[:, :-1]
        self._pairs += int(np.count_nonzero(both))
        self._alike += int(np.count_nonzero(both & (plane[:, 1:] == plane[:, :-1])))

    @property
    def left_out(self) -> int:
        """Count the pixels of no image: gaps inside as well, where nothing else has the value."""
        return self.padded if self.is_inside() else self._pixels - self.rest

    @property
    def padded(self) -> int:
        """Count the pixels that lie between a side and what begins there."""
        return self._pixels - self.rest - self._enclosed()

    def _enclosed(self) -> int:
        """Bound the pixels of the value inside the rest: seen along rows, or along columns."""
        along = [
            (n - np.minimum(one + other, n)).sum()
            for n, one, other in (
                (self._width, self._left, self._right),
                (self._height, self._top, self._bottom),
            )
        ]
        return int(min(along)) - self.rest

    def is_inside(self) -> bool:
        """Whether the value lies among those of the rest, or so near that some may have it."""
        if not self._low <= self._high:
            return False
        near = _NEAR * (self._high - self._low)
        return bool(self._low - near <= self._value <= self._high + near)

    def is_padding(self) -> bool:
        """Whether what lies around the rest is padding."""
        if not self.rest:
            return False
        if math.isnan(self._value):
            return True
        return (
            self.padded >= _LEAST_SHARE * self._pixels
            and self.rest >= _LEAST_REST * self._pixels
            and self._enclosed() <= _MOST_ENCLOSED * self.rest
            and self._alike <= _MOST_FLAT * self._pairs
            and self._straight() >= _STRAIGHT
        )

    def _straight(self) -> float:
        """Share of the outline that lies on long straight lines, or of the pixels outside it.

        Of pixels, since those of an image that are black at its own edges make much of an outline
        and little of an area.
        """
        from scipy.ndimage import minimum_filter1d

        length = round(_LENGTH * math.sqrt(min(self._height, self._width)))
        found, outline = np.zeros(2), np.zeros(2)
        for runs, full in (
            (self._left, self._width),
            (self._right, self._width),
            (self._top, self._height),
            (self._bottom, self._height),
        ):
            for line in runs:
                ends = (line > 0) & (line < full)
                if ends.any():
                    outline += np.count_nonzero(ends), line[ends].sum()
                    # where the rest begins with pixels of the same value, beside it others do not
                    least = minimum_filter1d(np.where(ends, line, full), 9, mode="nearest")
                    on = ends & _on_lines(least, ends, length)
                    found += np.count_nonzero(on), line[on].sum()
        return float(max(found / outline)) if outline.all() else 0.0


def _first_rows(rest: Mask) -> npt.NDArray[np.int_]:
    """Return the row of the first True in each column, beyond all images where there is none."""
    first = np.full(rest.shape[1], np.iinfo(np.int32).max)
    left = np.arange(rest.shape[1])
    # a strip at a time, for argmax runs down whole columns, which takes a hundred times as long
    for start in range(0, len(rest), 64):
        strip = rest[start : start + 64]
        hit = np.asarray(strip.any(axis=0))[left]
        first[left[hit]] = start + strip[:, left[hit]].argmax(axis=0)
        left = left[~hit]
        if not left.size:
            break
    return first


def _on_lines(line: npt.NDArray[Any], ends: Mask, length: int) -> Mask:
    """Say which values are part of a stretch that stays within a pixel of its chord."""
    on = np.zeros(len(line), bool)
    if len(line) <= length:
        return on
    share = np.arange(length + 1) / length
    straight = np.zeros(len(line) - length, bool)
    starts = np.flatnonzero(np.convolve(ends, np.ones(length + 1, int), "valid") == length + 1)
    # a thousand stretches at a time: of a long line all at once would be large
    for some in np.array_split(starts, max(1, len(starts) // 1000)):
        stretch = line[some[:, None] + np.arange(length + 1)]
        chord = stretch[:, :1] + (stretch[:, -1:] - stretch[:, :1]) * share
        straight[some] = np.abs(stretch - chord).max(axis=1, initial=0) <= 1
    for k in np.flatnonzero(straight):
        on[k : k + length + 1] = True
    return on
