"""Which axes a U-Net pools, by how far apart their pixels are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..errors import invalid

Size = tuple[int, ...]
Spacing = Sequence[float] | None


def checked_spacing(spacing_um: Spacing, ndim: int) -> tuple[float, ...]:
    """Return micrometres per pixel along each axis, 1 where unknown; raise where they are none.

    Examples
    --------
    >>> checked_spacing(None, 2)
    (1.0, 1.0)
    """
    spacing = (1.0,) * ndim if spacing_um is None else tuple(map(float, spacing_um))
    if len(spacing) != ndim or not all(0 < s < math.inf for s in spacing):
        expected = f"{ndim} positive micrometres per pixel"
        raise invalid("spacing_um", expected=expected, received=spacing_um)
    return spacing


def apply_factors(spacing: tuple[float, ...], size: Size) -> tuple[Size, tuple[float, ...]]:
    """Apply the factors `size` to the axes less than twice as coarse as the finest one.

    Examples
    --------
    >>> apply_factors((1.0, 0.5, 0.5), (2, 2, 2))
    ((1, 2, 2), (1.0, 1.0, 1.0))
    """
    limit = 2 * min(spacing)
    size = tuple(f if s < limit else 1 for f, s in zip(size, spacing, strict=True))
    return size, tuple(s * f for s, f in zip(spacing, size, strict=True))
