"""Measure objects: labels and images in, one row per object out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..images.labels import renumbered

if TYPE_CHECKING:
    import pandas as pd


BLOCK_PX = 2**20
"""Pixels summed at a time: positions of object pixels take 8 bytes each."""
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
        One name per channel of `image`; columns ``mean_intensity_<name>``.
    classes : mapping of int to str, optional
        Class name of each object.
    pixel_size_um : sequence of float, optional
        Micrometres per px and axis; adds ``area_um2`` (``volume_um3`` in 3-D).

    Returns
    -------
    DataFrame
        object, class, area_px, area_um2, centroid_*, bbox_*_min, bbox_*_max (one past the
        last), mean_intensity_*, mean_foreground, touches_border; one row per object. Centroids
        and boxes are in px from the image's corner, starting at 0; in 3-D areas are volumes.

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
    area = np.zeros(count + 1)
    centre = np.zeros((labels.ndim, count + 1))
    shine = np.zeros((len(channel_names), count + 1))
    belief = np.zeros(count + 1)
    for rows in _blocks(labels.shape):
        block = numbers[rows]
        # object pixels alone: most of an image is background
        positions = np.flatnonzero(block)
        ids = block.ravel()[positions]

        def total(weights: np.ndarray | None, ids: np.ndarray = ids) -> np.ndarray:
            return np.bincount(ids, weights, minlength=count + 1)

        area += total(None)
        for axis, index in enumerate(np.unravel_index(positions, block.shape)):
            centre[axis] += total(index + (rows.start if axis == 0 else 0))
        if image is not None:
            # sums, not means, run over blocks: an object may lie in several
            pixels = image(rows)
            for channel in range(len(channel_names)):
                shine[channel] += total(pixels[..., channel].ravel()[positions])
        if foreground is not None:
            belief += total(foreground(rows).ravel()[positions])
    present = np.flatnonzero(area[1:]) + 1
    n = area[present]
    axes = AXES[labels.ndim]
    objects = names[present]
    columns: dict[str, Any] = {"object": objects}
    columns["class"] = [classes.get(int(i), "") for i in objects] if classes else ""
    columns["area_px"] = n.astype(np.int64)
    columns["area_um2" if labels.ndim == 2 else "volume_um3"] = (
        n * math.prod(pixel_size_um) if pixel_size_um else np.nan
    )
    for axis, name in enumerate(axes):
        columns[f"centroid_{name}"] = centre[axis, present] / n
    low, high = boxes(numbers, present)
    for axis, name in enumerate(axes):
        columns[f"bbox_{name}_min"] = low[:, axis]
    for axis, name in enumerate(axes):
        columns[f"bbox_{name}_max"] = high[:, axis]
    for channel, name in enumerate(channel_names):
        columns[f"mean_intensity_{name}"] = shine[channel, present] / n
    columns["mean_foreground"] = belief[present] / n if foreground is not None else np.nan
    columns["touches_border"] = ((low == 0) | (high == labels.shape)).any(axis=1)
    return pd.DataFrame(columns)


def boxes(labels: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounding boxes of objects: first and one past the last px, each (objects, axes)."""
    from scipy import ndimage

    found = ndimage.find_objects(labels)
    chosen = [found[i - 1] for i in present]
    shape = (len(present), labels.ndim)
    low = np.array([[s.start for s in box] for box in chosen], np.int64).reshape(shape)
    high = np.array([[s.stop for s in box] for box in chosen], np.int64).reshape(shape)
    return low, high


def _blocks(shape: Sequence[int]) -> list[slice]:
    rows = max(1, BLOCK_PX // max(1, math.prod(shape[1:])))
    return [slice(k, min(k + rows, shape[0])) for k in range(0, shape[0], rows)]
