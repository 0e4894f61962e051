"""What lies around objects."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..images.labels import renumbered
from .intensities import Intensities
from .runs import blocks

if TYPE_CHECKING:
    import pandas as pd


def measure_around(
    labels: np.ndarray,
    around_um: float,
    pixel_size_um: Sequence[float],
    *,
    image: Callable[[slice], np.ndarray] | None = None,
    channel_names: Sequence[str] = (),
    block_px: int = 2**20,
) -> pd.DataFrame:
    """Measure the ring around each object.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x) or (z, y, x)
        0 is background, every other value an object.
    around_um : float
        Width of the rings.
    pixel_size_um : sequence of float
        Micrometres per px and axis.
    image : callable, optional
        From a slice of the first axis to pixels (rows, ..., c).
    channel_names : sequence of str
        One name per channel of `image`.
    block_px : int
        Pixels worked on at a time, and the rows around them.

    Returns
    -------
    DataFrame
        A row per object, in the order of their numbers: area_px_around and, for each channel,
        ``mean_intensity_<name>_around`` and so sd, min and max.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.array([[0, 0, 1, 0, 0, 0, 2, 0]])
    >>> measure_around(labels, 2, (1, 1))["area_px_around"].tolist()
    [4, 2]
    """
    import pandas as pd

    numbers, names = renumbered(labels)
    count = len(names) - 1
    area, there = np.zeros(count + 1, np.int64), np.zeros(count + 1, bool)
    shine = Intensities(count, channel_names)
    for rows in blocks(labels.shape, block_px):
        there[numbers[rows].ravel()] = True
        ring = _nearest(numbers, rows, around_um, pixel_size_um)
        positions = np.flatnonzero(ring)
        ids = ring.ravel()[positions].astype(np.intp, copy=False)
        area += np.bincount(ids, minlength=count + 1)
        if image is not None:
            pixels = image(rows)
            shine.add(ids, pixels.reshape(-1, pixels.shape[-1])[positions])
    present = np.flatnonzero(there[1:]) + 1
    columns: dict[str, Any] = {"area_px": area[present], **shine.columns(present)}
    return pd.DataFrame({f"{name}_around": values for name, values in columns.items()})


def _nearest(
    numbers: np.ndarray, rows: slice, around_um: float, pixel_size_um: Sequence[float]
) -> np.ndarray:
    """Return for the background of some rows which object it is around; 0 for none."""
    from scipy import ndimage

    reach = math.ceil(around_um / pixel_size_um[0])
    first = max(rows.start - reach, 0)
    seen = numbers[first : rows.stop + reach]
    if not seen.any():
        return np.zeros_like(numbers[rows])
    distance, nearest = ndimage.distance_transform_edt(
        seen == 0, sampling=tuple(pixel_size_um), return_indices=True
    )
    own = slice(rows.start - first, rows.stop - first)
    near = seen[tuple(axis[own] for axis in nearest)]
    # rounding of sums of squares must not decide
    reached = distance[own] <= around_um * (1 + 1e-9)
    return np.where(reached & (distance[own] > 0), near, 0)
