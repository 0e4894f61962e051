"""Bring images to a common scale: by percentiles of each channel, or by a fixed range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt

from ..components import component
from ..components.arguments import checked
from ..components.rules import Between, Rule, ruled
from ..errors import invalid
from ..messages import Setting, say
from .blocks import at_hand
from .image import AnyArray
from .padding import fill, padding_of
from .parts import is_huge, sample_of
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


_RANGE = Rule(
    'two finite numbers, the first below the second, or "dtype"',
    length=2,
    rising=True,
    words=("dtype",),
)


@component
@dataclass(frozen=True)
class Stats:
    """What `Normalize` measured on one image.

    Parameters
    ----------
    low, high : tuple of float
        The two percentiles of each channel, or the ends of a fixed range, in the image's own
        units.
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
    values do not count, nor does what a stitched or turned image was filled up with. Of images of
    more than 4 billion pixels they are those of 512 parts of 32 x 32 x 32, the same each time and
    within what was written, and filling up is not looked for.

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
    range : tuple of float, or "dtype", optional
        Instead of percentiles: the two values that become 0 and 1 in every image; "dtype": the
        least and the largest value of its pixel type, which must be of whole numbers of 8 or 16
        bits. Nothing is measured then, and nothing is taken for what an image was filled up with.

    Examples
    --------
    >>> image = np.arange(101, dtype=np.uint8).reshape(101, 1, 1)
    >>> Normalize(low=0, high=50)(image)[[0, 50, 100], 0, 0]
    array([0., 1., 2.], dtype=float32)
    >>> Normalize(range=(0, 200))(image)[[0, 50, 100], 0, 0]
    array([0.  , 0.25, 0.5 ], dtype=float32)
    """

    low: float = 1.0
    high: float = 99.8
    floor: tuple[float, ...] | None = ruled(
        None, Rule("a finite number, 0 or more, or one for each channel", 0, length=0)
    )
    floor_dtype: str | None = None
    range: tuple[float, float] | Literal["dtype"] | None = ruled(None, _RANGE)

    between: ClassVar = (
        Between(("low", "high"), "increasing", "0 <= low < high <= 100", 0, 100),
        Between(("floor", "range"), "one_of", "one of floor, range"),
    )

    @property
    def words(self) -> str:
        """Between what images are scaled.

        Examples
        --------
        >>> Normalize().words, Normalize(range=(0, 4095)).words
        ('percentiles 1 and 99.8', '0 and 4095')
        """
        if self.range is None:
            return f"percentiles {self.low:g} and {self.high:g}"
        if self.range == "dtype":
            return "the least and the largest value of their pixel type"
        low, high = self.range
        return f"{low:.10g} and {high:.10g}"

    @checked
    def __call__(self, image: AnyArray) -> npt.NDArray[np.float32]:
        """Measure and apply in one go: ``(..., c)`` of any type to float32."""
        return self.apply(image, self.fit(image))

    @checked
    def fit(self, source: AnyArray | Readable) -> Stats:
        """Measure the percentiles of a whole image; a fixed range is taken as it is.

        Parameters
        ----------
        source : ndarray (..., c) or Source
            Of a cropped source the whole image is measured, not the crop; a large one is read
            block by block.

        Returns
        -------
        Stats
            The two percentiles of each channel.

        Raises
        ------
        InvalidError
            No pixels; or no type of whole numbers of 8 or 16 bits, where its range is asked for.

        Examples
        --------
        >>> Normalize(0, 50).fit(np.arange(5, dtype=np.uint8).reshape(1, 5, 1)).high
        (2.0,)
        >>> Normalize(range="dtype").fit(np.zeros((1, 5, 2), np.int8)).low
        (-128.0, -128.0)
        """
        whole: Any = getattr(source, "whole", source)
        if len(whole.shape) < 3 or not all(whole.shape):
            expected = "pixels (y, x, c) or (z, y, x, c)"
            raise invalid("image", expected=expected, received=say("shape {}", whole.shape))
        if self.range is not None:
            dtype = np.dtype(whole.dtype)
            ends = type_range(dtype, source) if self.range == "dtype" else self.range
            low, high = ((float(end),) * whole.shape[-1] for end in ends)
            return Stats(low, high, str(dtype))
        if is_huge(whole):
            return self.fit_part(sample_of(whole))
        whole = at_hand(whole)
        around = padding_of(whole)
        padding = around.finite if around is not None else ()
        found, dtype = percentiles(whole, (self.low, self.high), around)
        low, high = zip(*found, strict=True)
        return Stats(low, high, dtype, padding, around is not None and around.inside)

    def fit_part(self, pixels: AnyArray) -> Stats:
        """Measure percentiles on some pixels of an image; filling up is not looked for.

        Parameters
        ----------
        pixels : ndarray (..., c)
            From wherever in the image.

        Returns
        -------
        Stats
            As of `fit`.

        Examples
        --------
        >>> Normalize(0, 100).fit_part(np.array([[0], [7], [9]], np.uint8)).high
        (9.0,)
        """
        found, dtype = percentiles(pixels, (self.low, self.high), None)
        low, high = zip(*found, strict=True)
        return Stats(low, high, dtype)

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
            With `floor` and `floor_dtype`; unchanged without images. With a fixed range there is
            no floor, and `floor_dtype` tells the type of the training images.

        Examples
        --------
        >>> images = [Stats((0.0,), (80.0,), "uint8"), Stats((0.0,), (120.0,), "uint8")]
        >>> Normalize().with_floor(images).floor
        (25.0,)
        """
        if not stats:
            return self
        dtype = max((s.dtype for s in stats), key=[s.dtype for s in stats].count)
        if self.range is not None:
            return replace(self, floor_dtype=dtype)
        ranges = np.array([np.subtract(s.high, s.low) for s in stats if s.dtype == dtype])
        floors = [_floor(channel[channel > 0]) for channel in ranges.T]
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


def type_range(dtype: np.dtype[Any], source: Any = None) -> tuple[float, float]:
    """Return the least and the largest value of a pixel type.

    Parameters
    ----------
    dtype : numpy.dtype
        Of whole numbers of 8 or 16 bits: those of wider ones, and of fractions, say nothing of
        what a camera gives.
    source : Source, optional
        What has it, for the error.

    Examples
    --------
    >>> type_range(np.dtype("uint16"))
    (0.0, 65535.0)
    """
    if dtype.kind not in "bui" or dtype.itemsize > 2:
        raise invalid(
            getattr(source, "name", "image"),
            expected=say("whole numbers of 8 or 16 bits for {}", Setting("range", "dtype")),
            received=f"pixels of {dtype}",
            remedy=say("Give the range as two numbers, such as {}.", Setting("range", (0, 4095))),
        )
    if dtype.kind == "b":
        return 0.0, 1.0
    info = np.iinfo(dtype)
    return float(info.min), float(info.max)


def _floor(ranges: npt.NDArray[np.float64]) -> float:
    if not ranges.size:
        return 0.0
    return float(min(np.median(ranges) / 4, np.percentile(ranges, 25)))
