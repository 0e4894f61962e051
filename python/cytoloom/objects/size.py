"""How large objects are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..images.labels import renumbered


def size_range(images: Sequence[np.ndarray], ndim: int) -> dict[str, float]:
    """Summarise the diameters of objects, one array per image.

    Returns
    -------
    dict
        5th percentile, median and 95th of all objects as "low", "median" and "high"; the
        typical one; and the smallest and largest that is typical of an image (of those with
        `FEW_OBJECTS`, if any) as "least_typical" and "most_typical".
    """
    every = np.concatenate(images)
    low, median, high = np.percentile(every, [5, 50, 95])
    many = [typical_diameter(one, ndim) for one in images if one.size >= FEW_OBJECTS]
    typical = typical_diameter(every, ndim)
    named = {"low": low, "median": median, "high": high, "typical": typical}
    named |= {
        "least_typical": min(many, default=typical),
        "most_typical": max(many, default=typical),
    }
    return {name: float(value) for name, value in named.items()}


FEW_OBJECTS = 5
"""From so many objects on an image has a typical one."""


def diameters(labels: np.ndarray) -> np.ndarray:
    """Diameter in px of the circle (2-D) or ball (3-D) of each object's size.

    Examples
    --------
    >>> import numpy as np
    >>> diameters(np.array([[1, 1], [1, 1]])).round(2)
    array([2.26])
    """
    from ..segmentation.objects import areas

    area = areas(renumbered(labels)[0])[1:]
    area = area[area > 0]
    if labels.ndim == 2:
        return np.asarray(2 * np.sqrt(area / math.pi))
    return np.asarray(np.cbrt(6 * area / math.pi))


def typical_diameter(diameters: np.ndarray, ndim: int) -> float:
    """Diameter of the object up to which half of the area (3-D: volume) lies.

    Specks hardly count, however many they are.

    Examples
    --------
    >>> import numpy as np
    >>> typical_diameter(np.array([1.0, 1.0, 1.0, 9.0, 10.0]), 2)
    10.0
    """
    # by area, for a median of diameters would be that of the debris
    ordered = np.sort(diameters)
    area = np.cumsum(ordered**ndim)
    return float(ordered[np.searchsorted(area, area[-1] / 2)])
