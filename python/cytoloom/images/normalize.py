"""Bring images to a common scale by percentiles of each channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from ..components import component
from ..components.arguments import checked
from ..components.rules import Between, Rule, ruled
from ..errors import invalid
from ..messages import say
from .blocks import at_hand
from .image import AnyArray
from .padding import fill, padding_of
from .percentiles import percentiles


class Readable(Protocol):
    """What can be normalised besides arrays: anything with a shape that can be read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape ``(..., c)``."""
        ...

    def read(self, slices: tuple[slice, ...] | None = None) -> AnyArray:
        """Return the pixels ``(..., c)``."""
        ...


@component
@dataclass(frozen=True)
class Stats:
    """What `Normalize` measured on one image.

    Parameters
    ----------
    low, high : tuple of float
        The two percentiles of each channel, in the image's own units.
    dtype : str, default "float32"
        The image's pixel type; uint16 for whole numbers of 16 bits in a wider one.
    padding : tuple of (float or None), default ()
        What each channel was filled up with around an image that was stitched or turned, which
        is no part of the percentiles and becomes 0; empty where no channel was. None stands for
        NaN and infinite values too, which become 0 or 1 wherever they are.
    padding_inside : bool, default False
        Whether the image itself may have these values: then only areas of them are padding.

    Examples
    --------
    >>> stats = Normalize(0, 100).fit(np.array([[[7], [9]]], np.uint8))
    >>> stats.low, stats.high, stats.dtype
    ((7.0,), (9.0,), 'uint8')
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    dtype: str = "float32"
    padding: tuple[float | None, ...] = ()
    padding_inside: bool = False


@component
@dataclass(frozen=True)
class Normalize:
    """Per image and channel: the `low` percentile becomes 0, the `high` percentile 1.

    Percentiles are taken over the whole image, of integers exactly (by histogram), of floats
    and very wide integers on a fixed subsample of at most 4 million pixels; NaN and infinite
    values do not count, nor does what a stitched or turned image was filled up with.

    Parameters
    ----------
    low, high : float, default 1.0 and 99.8
        Percentiles, 0 to 100.
    floor : tuple of float, optional
        Least distance of the two percentiles of each channel (one value: all channels), in
        units of the image: where it is smaller the image is divided by `floor` instead, so
        that an empty field of noise stays empty. Learned in training by `with_floor`.
    floor_dtype : str, optional
        The pixel type for which `floor` holds; images of other types have other units and are
        normalised without it.

    Examples
    --------
    >>> image = np.arange(101, dtype=np.uint8).reshape(101, 1, 1)
    >>> Normalize(low=0, high=50)(image)[[0, 50, 100], 0, 0]
    array([0., 1., 2.], dtype=float32)
    """

    low: float = 1.0
    high: float = 99.8
    floor: tuple[float, ...] | None = ruled(
        None, Rule("a finite number, 0 or more, or one for each channel", 0, length=0)
    )
    floor_dtype: str | None = None

    between: ClassVar = (Between(("low", "high"), "increasing", "0 <= low < high <= 100", 0, 100),)

    @checked
    def __call__(self, image: AnyArray) -> npt.NDArray[np.float32]:
        """Measure and apply in one go: ``(..., c)`` of any type to float32."""
        return self.apply(image, self.fit(image))

    @checked
    def fit(self, source: AnyArray | Readable) -> Stats:
        """Measure the percentiles of a whole image.

        Parameters
        ----------
        source : ndarray (..., c) or Source
            Of a cropped source the whole image is measured, not the crop; a large one is read
            block by block.

        Returns
        -------
        Stats
            The two percentiles of each channel.

        Examples
        --------
        >>> Normalize(0, 50).fit(np.arange(5, dtype=np.uint8).reshape(1, 5, 1)).high
        (2.0,)
        """
        whole = at_hand(getattr(source, "whole", source))
        if len(whole.shape) < 3 or not all(whole.shape):
            expected = "pixels (y, x, c) or (z, y, x, c)"
            raise invalid("image", expected=expected, received=say("shape {}", whole.shape))
        around = padding_of(whole)
        padding = around.finite if around is not None else ()
        found, dtype = percentiles(whole, (self.low, self.high), around)
        low, high = zip(*found, strict=True)
        return Stats(low, high, dtype, padding, around is not None and around.inside)

    def apply(self, image: AnyArray, stats: Stats) -> npt.NDArray[np.float32]:
        """Scale an image, or a part of it, by what was measured on the whole.

        Parameters
        ----------
        image : ndarray (..., c)
            Any type. NaN becomes 0 as do infinite values below, those above become 1.
        stats : Stats
            Of `fit`, for as many channels.

        Returns
        -------
        ndarray of float32, same shape
            Not clipped.

        Raises
        ------
        InvalidError
            Another number of channels than was measured.

        Examples
        --------
        >>> Normalize().apply(np.array([[[5], [15]]]), Stats((5.0,), (10.0,)))[..., 0]
        array([[0., 2.]], dtype=float32)
        """
        if image.shape[-1] != len(stats.low):
            got = f"{image.shape[-1]} channels"
            raise invalid("image", expected=f"{len(stats.low)} channels", received=got)
        # Differences in float32: exact for integers below 2**24, and no 64-bit copy of the image.
        with np.errstate(over="ignore", invalid="ignore"):  # infinite ones are seen to below
            out = image.astype(np.float32)
            out -= np.asarray(stats.low, np.float32)
            out /= np.asarray(self._ranges(stats), np.float32)
        if image.dtype.kind == "f" and not np.isfinite(out).all():
            np.nan_to_num(out, copy=False, nan=0.0, posinf=1.0, neginf=0.0)
        fill(out, image, stats.padding, (0.0,) * len(stats.padding), stats.padding_inside)
        return out

    def with_floor(self, stats: Sequence[Stats]) -> Normalize:
        """Learn `floor` from the training images.

        It is a quarter of the median range of the images that are not blank, and at most
        their lower quartile, so that most training images are untouched by it.

        Parameters
        ----------
        stats : sequence of Stats
            Of the training images that show something: those of noise alone would set it to
            what it is to keep dark.

        Returns
        -------
        Normalize
            With `floor` and `floor_dtype`; unchanged without images.

        Examples
        --------
        >>> images = [Stats((0.0,), (80.0,), "uint8"), Stats((0.0,), (120.0,), "uint8")]
        >>> Normalize().with_floor(images).floor
        (25.0,)
        """
        if not stats:
            return self
        dtype = max((s.dtype for s in stats), key=[s.dtype for s in stats].count)
        ranges = np.array([np.subtract(s.high, s.low) for s in stats if s.dtype == dtype])
        floors = [_floor(ranges[:, c][ranges[:, c] > 0]) for c in range(ranges.shape[1])]
        return replace(self, floor=tuple(floors), floor_dtype=dtype)

    def held_down(self, stats: Stats) -> bool:
        """Say whether an image that is not blank is scaled by `floor` instead of its own range.

        Parameters
        ----------
        stats : Stats
            Of `fit`.

        Examples
        --------
        >>> scaling = Normalize(floor=25.0, floor_dtype="uint8")
        >>> [scaling.held_down(Stats((0.0,), (high,), "uint8")) for high in (0.0, 5.0, 80.0)]
        [False, True, False]
        """
        own = [h - lo for lo, h in zip(stats.low, stats.high, strict=True)]
        return any(0 < r < used for r, used in zip(own, self._ranges(stats), strict=True))

    def _ranges(self, stats: Stats) -> list[float]:
        ranges = [h - lo for lo, h in zip(stats.low, stats.high, strict=True)]
        least = self.floor or ()
        if self.floor_dtype not in (None, stats.dtype):
            least = ()
        floors = least * len(ranges) if len(least) == 1 else least or (0.0,) * len(ranges)
        if len(floors) != len(ranges):
            got = f"{len(ranges)} channels"
            raise invalid("image", expected=f"{len(floors)} channels", received=got)
        return [max(r, f) or 1.0 for r, f in zip(ranges, floors, strict=True)]


def _floor(ranges: npt.NDArray[np.float64]) -> float:
    if not ranges.size:
        return 0.0
    return float(min(np.median(ranges) / 4, np.percentile(ranges, 25)))
