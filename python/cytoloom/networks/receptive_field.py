"""What a network costs and how far it sees, from its wiring alone.

A `CostModel` offers the same operations as a builder of layers, but passes `Trace` objects along:
how many channels there are, how often a pixel is computed, and which input pixels it sees.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

Size = tuple[int, ...]


@dataclass(frozen=True)
class Reach:
    """Along one axis, the first and last input pixel that each pixel of a level sees.

    Pixel ``i + len(first)`` sees what pixel ``i`` sees, `period` input pixels further: pooling
    makes neighbours see unequally far, but the pattern repeats.

    Attributes
    ----------
    first, last : tuple of int
        Input pixels seen by the level's pixels 0, 1, ...
    period : int
        Input pixels after which the pattern repeats.

    Examples
    --------
    >>> pooled = Reach((0, 1), (0, 1), 2).windows(2, 2)
    >>> pooled.first, pooled.last
    ((0,), (1,))
    >>> pooled.repeated(2).radius
    1
    """

    first: Size
    last: Size
    period: int

    def windows(self, width: int, stride: int) -> Reach:
        """Reach after a convolution or pooling of `width` px, one output per `stride` px."""
        # "same" padding puts the odd pixel of an even width behind, as TensorFlow and Keras do
        before = (width - stride) // 2
        starts = [i * stride - before for i in range(len(self.first) // stride)]
        return self._select(starts, [start + width - 1 for start in starts])

    def repeated(self, times: int) -> Reach:
        """Reach after each pixel has become `times` pixels."""
        # repeated pixels see what the one did that they were made of
        origin = [i // times for i in range(len(self.first) * times)]
        return self._select(origin, origin)

    def joined(self, other: Reach) -> Reach:
        """Reach of a pixel that sees what both see."""
        # both have the same level, thus the same length and period
        first = tuple(map(min, self.first, other.first))
        return Reach(first, tuple(map(max, self.last, other.last)), self.period)

    @property
    def radius(self) -> int:
        """The farthest any pixel sees to either side, where levels have the input's size."""
        sides = zip(self.first, self.last, strict=True)
        return max(max(i - lo, hi - i) for i, (lo, hi) in enumerate(sides))

    @property
    def overhang(self) -> int:
        """The farthest any pixel of a grid cell sees beyond that cell."""
        return max(-min(self.first), max(self.last) - (self.period - 1))

    def _select(self, starts: list[int], ends: list[int]) -> Reach:
        first = tuple(self._at(self.first, i) for i in starts)
        return Reach(first, tuple(self._at(self.last, i) for i in ends), self.period)

    def _at(self, seen: Size, i: int) -> int:
        # pixels outside the first period see the same, shifted by whole periods
        turns, within = divmod(i, len(seen))
        return seen[within] + turns * self.period


@dataclass(frozen=True)
class Trace:
    """What stands for a tensor while costs are counted.

    Attributes
    ----------
    channels : int
        Feature channels.
    reach : tuple of Reach
        One for each spatial axis.
    """

    channels: int
    reach: tuple[Reach, ...]

    @property
    def density(self) -> float:
        """Pixels of this tensor per pixel of the image."""
        return math.prod(len(axis.first) / axis.period for axis in self.reach)

    def seeing(self, change: Callable[..., Reach], *of_axes: Iterable[Any]) -> Trace:
        """Return this tensor with `change` made to each axis' reach."""
        return replace(self, reach=tuple(map(change, self.reach, *of_axes)))


class CostModel:
    """Reads a wiring into counts.

    Attributes
    ----------
    parameters : int
        Numbers that the layers hold, batch-norm statistics included.
    operations : float
        Multiplications of the convolutions per pixel of the image.
    values : float
        Values of feature maps that convolutions make, per pixel of the image.
    """

    def __init__(self) -> None:
        self.parameters = 0
        self.operations = 0.0
        self.values = 0.0

    def image(self, channels: int, grid_px: Size) -> Trace:
        """Return the input: every pixel sees itself."""
        return Trace(channels, tuple(Reach((*range(g),), (*range(g),), g) for g in grid_px))

    def convolve(
        self,
        x: Trace,
        name: str,
        filters: int,
        kernel: Size,
        strides: Size,
        bias: bool,
        initial: str,
    ) -> Trace:
        """Count a convolution."""
        seen = x.seeing(Reach.windows, kernel, strides)
        return self._weighted(x, replace(seen, channels=filters), math.prod(kernel), bias)

    def head(self, x: Trace, name: str, channels: int) -> Trace:
        """Count a 1 x 1 convolution with bias."""
        return self._weighted(x, replace(x, channels=channels), 1, True)

    def transposed(self, x: Trace, name: str, filters: int, size: Size) -> Trace:
        """Count a transposed convolution whose kernel is as wide as its stride."""
        seen = replace(x.seeing(Reach.repeated, size), channels=filters)
        self.parameters += math.prod(size) * x.channels * filters + filters
        self.operations += x.channels * filters * seen.density
        self.values += filters * seen.density
        return seen

    def normalise(self, x: Trace, name: str) -> Trace:
        """Count a batch normalisation: scale, offset, mean and variance."""
        self.parameters += 4 * x.channels
        return x

    def pool(self, x: Trace, name: str, size: Size) -> Trace:
        """Follow a pooling."""
        return x.seeing(Reach.windows, size, size)

    def repeat(self, x: Trace, name: str, size: Size) -> Trace:
        """Follow a repetition of pixels."""
        return x.seeing(Reach.repeated, size)

    def concatenate(self, xs: list[Trace], name: str) -> Trace:
        """Follow a concatenation of channels."""
        return replace(self.add(xs, name), channels=sum(x.channels for x in xs))

    def add(self, xs: list[Trace], name: str) -> Trace:
        """Follow a sum."""
        joined = xs[0]
        for x in xs[1:]:
            joined = joined.seeing(Reach.joined, x.reach)
        return joined

    def relu(self, x: Trace, name: str) -> Trace:
        """Pass: nothing is counted."""
        return x

    def dropout(self, x: Trace, name: str, rate: float) -> Trace:
        """Pass: nothing is counted."""
        return x

    def _weighted(self, x: Trace, seen: Trace, taps: int, bias: bool) -> Trace:
        self.parameters += (taps * x.channels + bias) * seen.channels
        self.operations += taps * x.channels * seen.channels * seen.density
        self.values += seen.channels * seen.density
        return seen
