"""Measure objects: labels and images in, one row per object out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..images.labels import renumbered
from .intensities import Intensities
from .moments import Moments, shape_columns
from .part import Part, positions, rows_of
from .perimeters import AROUND, LENGTHS, outline_kinds
from .runs import extents, placed, runs_of
from .sides import Sides
from .surfaces import AROUND as AROUND_3D
from .surfaces import KINDS, crossings, surfaces_um2

if TYPE_CHECKING:
    import pandas as pd


BLOCK_PX = 2**20
"""Pixels summed at a time: positions of object pixels take 8 bytes each."""
ALIKE = 0.01
"""Share by which the sides of a pixel may differ for a length along outlines to be one number."""
Rows = Callable[[slice], np.ndarray]
AXES = {2: ("y", "x"), 3: ("z", "y", "x")}


def measure(
    labels: np.ndarray,
    *,
    image: Rows | None = None,
    foreground: Rows | None = None,
    channel_names: Sequence[str] = (),
    classes: Mapping[int, str] | None = None,
    pixel_size_um: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Make the objects table of one label image.

    Sums run over blocks of rows, so that nothing of the size of the image is made.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x) or (z, y, x)
        0 is background, every other value an object.
    image : callable, optional
        From a slice of the first axis to pixels (rows, ..., c), as stored on disk.
    foreground : callable, optional
        From such a slice to the foreground probability (rows, ...).
    channel_names : sequence of str
        One name per channel of `image`; columns ``mean_intensity_<name>`` and so on.
    classes : mapping of int to str, optional
        Class name of each object.
    pixel_size_um : sequence of float, optional
        Micrometres per px and axis; adds ``area_um2`` (``volume_um3`` in 3-D).

    Returns
    -------
    DataFrame
        One row per object, with the columns of `cytoloom.measure` but ``image``, and
        mean_foreground.

    Examples
    --------
    >>> import numpy as np
    >>> table = measure(np.array([[1, 1, 0], [0, 0, 0], [0, 2, 0]]))
    >>> table[["object", "area_px", "centroid_y", "centroid_x", "touches_border"]]
       object  area_px  centroid_y  centroid_x  touches_border
    0       1        2         0.0         0.5            True
    1       2        1         2.0         1.0            True
    """
    import pandas as pd

    numbers, names = renumbered(labels)
    found = Objects(numbers.shape, len(names) - 1, channel_names)
    for part in rows_of(numbers, len(names) - 1, BLOCK_PX, around(numbers.ndim)):
        rows = part.box[0]
        found.add(part, image(rows) if image else None, foreground(rows) if foreground else None)
    table = found.table(names, pixel_size_um)
    named = [(classes or {}).get(int(i), np.nan) for i in table["object"]]
    # missing, not an empty text, where there are no classes: NA in R
    table["class"] = pd.Series(named, dtype=object)
    if foreground is None:
        table["mean_foreground"] = np.nan
    return table


def around(ndim: int) -> int:
    """Return how many pixels are to be seen around a box whose objects are measured."""
    return AROUND if ndim == 2 else AROUND_3D


class Objects:
    """Sums over the pixels of objects, filled part by part, in C order.

    Parameters
    ----------
    shape : sequence of int
        Of the label image.
    count : int
        The largest number of an object.
    channel_names : sequence of str
        Of the image, where its pixels are given.
    """

    def __init__(self, shape: Sequence[int], count: int, channel_names: Sequence[str] = ()) -> None:
        self._shape = tuple(shape)
        self._moments, self._sides = Moments(shape, count), Sides(shape, count)
        self._kinds = np.zeros((count + 1 if len(shape) == 2 else 0, len(LENGTHS)), np.int64)
        self._crossed = np.zeros((count + 1 if len(shape) == 3 else 0, len(KINDS)), np.int64)
        self._shine = Intensities(count, channel_names)
        self._belief = np.zeros(count + 1)

    def add(
        self, part: Part, pixels: np.ndarray | None = None, foreground: np.ndarray | None = None
    ) -> None:
        """Add the objects of a box; parts have the pixels around them that `around` says.

        Parameters
        ----------
        part : Part
            Their labels.
        pixels : ndarray (..., channels), optional
            Of the box.
        foreground : ndarray (...), optional
            Probability of foreground.
        """
        own = part.own
        runs = placed(runs_of(own), part.box, self._shape)
        sides = extents([runs])
        self._moments.add(runs, sides, part.to)
        self._sides.add(sides, part.to)
        if len(self._kinds):
            self._kinds[part.to] += outline_kinds(part.framed(AROUND), len(part.to) - 1)
        if len(self._crossed):
            self._crossed[part.to] += crossings(part.framed(AROUND_3D), len(part.to) - 1)
        if pixels is None and foreground is None:
            return
        # object pixels alone: most of an image is background
        at, ids = positions(own)
        if pixels is not None:
            self._shine.add(ids, pixels.reshape(-1, pixels.shape[-1])[at], part.to)
        if foreground is not None:
            sums = np.bincount(ids, foreground.ravel()[at], minlength=len(part.to))
            self._belief[part.to] += sums

    def end(self, numbers: NDArray[Any]) -> None:
        """Let go of what is only needed until objects are whole: no more is added of these."""
        self._sides.end(numbers)

    def table(self, names: NDArray[Any], pixel_size_um: Sequence[float] | None) -> pd.DataFrame:
        """Return a row for each object that has pixels, see `measure`; `names` by number."""
        import pandas as pd

        present = np.flatnonzero(self._moments.area)
        columns: dict[str, Any] = {"object": names[present]}
        columns["class"] = pd.Series(np.full(len(present), np.nan), dtype=object)
        columns |= self._form(present, pixel_size_um) | self._shine.columns(present)
        columns["mean_foreground"] = self._belief[present] / columns["area_px"]
        low, high = self._sides.low[present], self._sides.high[present]
        columns["touches_border"] = ((low == 0) | (high == self._shape)).any(axis=1)
        return pd.DataFrame(columns)

    def _form(self, present: NDArray[np.intp], pixel_size_um: Sequence[float] | None) -> Any:
        """Return columns of where objects are and of what shape."""
        ndim, moments, sides = len(self._shape), self._moments, self._sides
        area, centroids = moments.area[present], moments.centroids(present)
        hull = sides.hulls()[present]
        columns: dict[str, Any] = {"area_px": area.astype(np.int64)}
        columns["area_um2" if ndim == 2 else "volume_um3"] = (
            area * math.prod(pixel_size_um) if pixel_size_um else np.nan
        )
        for axis, name in enumerate(AXES[ndim]):
            columns[f"centroid_{name}"] = centroids[:, axis]
        for side, ends in (("min", sides.low[present]), ("max", sides.high[present])):
            for axis, name in enumerate(AXES[ndim]):
                columns[f"bbox_{name}_{side}"] = ends[:, axis]
        if ndim == 2:
            length = self._kinds[present] @ LENGTHS
            columns |= {"perimeter_px": length, "perimeter_um": length * _side_um(pixel_size_um)}
        else:
            columns["surface_um2"] = surfaces_um2(self._crossed[present], pixel_size_um)
        columns |= shape_columns(moments.covariances(present), pixel_size_um)
        columns["solidity"] = area / hull
        return columns


def _side_um(pixel_size_um: Sequence[float] | None) -> float:
    """Return the side of a pixel; NaN where it is not known, or they are not square."""
    if pixel_size_um is None or max(pixel_size_um) > (1 + ALIKE) * min(pixel_size_um):
        return math.nan
    return math.sqrt(math.prod(pixel_size_um))
