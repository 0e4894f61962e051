"""Measure objects: labels and images in, one row per object out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..images.labels import renumbered
from .hulls import hull_px
from .intensities import Intensities
from .moments import Moments, shape_columns
from .perimeters import perimeters
from .runs import blocks, boxes, extents, runs_of

if TYPE_CHECKING:
    import pandas as pd


BLOCK_PX = 2**20
"""Pixels summed at a time: positions of object pixels take 8 bytes each."""
ALIKE = 0.01
"""Share by which the sides of a pixel may differ for a length along outlines to be one number."""
Rows = Callable[[slice], np.ndarray]
_Form = tuple[NDArray[np.intp], dict[str, Any], NDArray[np.bool_]]
"""The numbers that are there, columns of their form, and whether they touch the border."""
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
    count = len(names) - 1
    present, form, touches = _form(numbers, count, pixel_size_um)
    shine, belief = Intensities(count, channel_names), np.zeros(count + 1)
    for rows in blocks(labels.shape, BLOCK_PX):
        if image is None and foreground is None:
            break
        # object pixels alone: most of an image is background
        positions = np.flatnonzero(numbers[rows] > 0)
        ids = numbers[rows].ravel()[positions].astype(np.intp, copy=False)
        if image is not None:
            pixels = image(rows)
            shine.add(ids, pixels.reshape(-1, pixels.shape[-1])[positions])
        if foreground is not None:
            belief += np.bincount(ids, foreground(rows).ravel()[positions], minlength=count + 1)
    objects = names[present]
    columns: dict[str, Any] = {"object": objects}
    found = [(classes or {}).get(int(i), np.nan) for i in objects]
    # missing, not an empty text, where there are no classes: NA in R
    columns["class"] = pd.Series(found, dtype=object)
    columns |= form | shine.columns(present)
    columns["mean_foreground"] = (
        belief[present] / form["area_px"] if foreground is not None else np.nan
    )
    columns["touches_border"] = touches
    return pd.DataFrame(columns)


def _form(numbers: np.ndarray, count: int, pixel_size_um: Sequence[float] | None) -> _Form:
    """Measure where objects are and of what shape."""
    shape = numbers.shape
    moments, sides = Moments(shape, count), []
    for rows in blocks(shape, BLOCK_PX):
        runs = runs_of(numbers[rows], rows.start * math.prod(shape[1:-1]))
        sides.append(extents([runs]))
        moments.add(runs, sides[-1])
    present = np.flatnonzero(moments.area)
    sides = extents(sides)
    area, (low, high) = moments.area[present], boxes(sides, shape)
    columns: dict[str, Any] = {"area_px": area.astype(np.int64)}
    columns["area_um2" if len(shape) == 2 else "volume_um3"] = (
        area * math.prod(pixel_size_um) if pixel_size_um else np.nan
    )
    for axis, name in enumerate(AXES[len(shape)]):
        columns[f"centroid_{name}"] = moments.centroids(present)[:, axis]
    for side, ends in (("min", low), ("max", high)):
        for axis, name in enumerate(AXES[len(shape)]):
            columns[f"bbox_{name}_{side}"] = ends[:, axis]
    if len(shape) == 2:
        length = perimeters(numbers, count, BLOCK_PX)[present]
        columns |= {"perimeter_px": length, "perimeter_um": length * _side_um(pixel_size_um)}
    columns |= shape_columns(moments.covariances(present), pixel_size_um)
    columns["solidity"] = area / hull_px(sides, shape, count)[present]
    return present, columns, ((low == 0) | (high == shape)).any(axis=1)


def _side_um(pixel_size_um: Sequence[float] | None) -> float:
    """Return the side of a pixel; NaN where it is not known, or they are not square."""
    if pixel_size_um is None or max(pixel_size_um) > (1 + ALIKE) * min(pixel_size_um):
        return math.nan
    return math.sqrt(math.prod(pixel_size_um))
