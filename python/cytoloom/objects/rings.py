"""What lies around objects."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..images.blocks import inside
from ..images.labels import renumbered
from .intensities import Intensities
from .part import Part, positions, rows_of

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
    numbers, names = renumbered(labels)
    count = len(names) - 1
    there = np.zeros(count + 1, bool)
    rings = Rings(count, around_um, pixel_size_um, channel_names)
    for part in rows_of(numbers, count, block_px, rings.reach_px[0]):
        there[part.own.ravel()] = True
        rings.add(part, None if image is None else image(part.box[0]))
    return rings.table(np.flatnonzero(there[1:]) + 1)


class Rings:
    """Sums over the rings around objects, filled part by part.

    Parameters
    ----------
    count : int
        The largest number of an object.
    around_um : float
        Width of the rings.
    pixel_size_um : sequence of float
        Micrometres per px and axis.
    channel_names : sequence of str
        Of the image.
    """

    def __init__(
        self,
        count: int,
        around_um: float,
        pixel_size_um: Sequence[float],
        channel_names: Sequence[str],
    ) -> None:
        self._width, self._size = around_um, tuple(pixel_size_um)
        self._area = np.zeros(count + 1, np.int64)
        self._shine = Intensities(count, channel_names)

    @property
    def reach_px(self) -> list[int]:
        """How far is to be seen around a box, by axis."""
        return [math.ceil(self._width / side) for side in self._size]

    def add(self, part: Part, pixels: np.ndarray | None) -> None:
        """Add the pixels of a box (..., channels); its part has `reach_px` around it."""
        ring = _nearest(part, self._width, self._size)
        at, ids = positions(ring)
        self._area[part.to] += np.bincount(ids, minlength=len(part.to))
        if pixels is not None:
            self._shine.add(ids, pixels.reshape(-1, pixels.shape[-1])[at], part.to)

    def table(self, present: np.ndarray) -> pd.DataFrame:
        """Return a row for each of these objects, see `measure_around`."""
        import pandas as pd

        columns: dict[str, Any] = {"area_px": self._area[present], **self._shine.columns(present)}
        return pd.DataFrame({f"{name}_around": values for name, values in columns.items()})


def _nearest(part: Part, around_um: float, pixel_size_um: Sequence[float]) -> np.ndarray:
    """Return for the background of a box which object it is around; 0 for none."""
    from scipy import ndimage

    seen = part.labels
    if not seen.any():
        return np.zeros_like(part.own)
    distance, nearest = ndimage.distance_transform_edt(
        seen == 0, sampling=tuple(pixel_size_um), return_indices=True
    )
    own = inside(part.box, part.region)
    near = seen[tuple(axis[own] for axis in nearest)]
    # rounding of sums of squares must not decide
    reached = distance[own] <= around_um * (1 + 1e-9)
    return np.where(reached & (distance[own] > 0), near, 0)
