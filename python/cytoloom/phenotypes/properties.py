"""What is measured of cells in their crops: intensities, what is around, texture; pure arrays."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Masks = NDArray[np.bool_]
LEVELS = 16
"""Grey levels of co-occurrences: few, so that small cells fill them."""
DISTANCES = 1, 3
RADII = 1, 2, 4
AROUND = 0.15
"""Width of the ring around a cell, of the diameter of a circle of its area."""
_OF_PAIRS = ("contrast", "homogeneity", "energy", "correlation", "entropy")


def intensities(crops: Floats, own: Masks, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Measure how bright cells are, and how unevenly.

    Parameters
    ----------
    crops : ndarray (cells, y, x, channels)
        Scaled intensities; of stacks (cells, z, y, x, channels).
    own : ndarray of bool (cells, y, x)
        Which pixels are the cell's.
    names : sequence of str
        Of the channels.

    Returns
    -------
    dict of ndarray (cells,)
        By channel: mean, sd, skewness, low and high (5 and 95 %), total, and shift: how far the
        centre of its light is from that of its pixels, over the radius of a circle of its area.
        Of each pair of channels the correlation.

    Examples
    --------
    >>> crop = np.array([[[[1.0], [3.0]]]], np.float32)
    >>> found = intensities(crop, np.ones((1, 1, 2), bool), ["dna"])
    >>> float(found["mean_dna"][0]), float(found["total_dna"][0])
    (2.0, 4.0)
    """
    space = tuple(range(1, own.ndim))
    area = np.maximum(own.sum(space), 1).astype(float)
    found: dict[str, NDArray[np.float64]] = {}
    centred = []
    for c, name in enumerate(names):
        values = np.where(own, crops[..., c], 0).astype(np.float64)
        mean = values.sum(space) / area
        away = np.where(own, crops[..., c] - _spread(mean, own), 0)
        sd = np.sqrt((away**2).sum(space) / area)
        cube = (away**3).sum(space) / area
        found[f"mean_{name}"], found[f"sd_{name}"] = mean, sd
        found[f"skewness_{name}"] = np.divide(cube, sd**3, out=np.zeros_like(sd), where=sd > 1e-6)
        shown = np.where(own, crops[..., c], np.nan).reshape(len(own), -1)
        low, high = _quantiles(shown)
        found[f"low_{name}"], found[f"high_{name}"] = low, high
        found[f"total_{name}"] = values.sum(space)
        found[f"shift_{name}"] = _shift(np.maximum(values, 0), own, area)
        centred.append((away, sd))
    for (a, b), (one, other) in zip(
        itertools.combinations(names, 2), itertools.combinations(centred, 2), strict=True
    ):
        both, scale = (one[0] * other[0]).sum(space) / area, one[1] * other[1]
        found[f"correlation_{a}_{b}"] = np.divide(
            both, scale, out=np.zeros_like(both), where=scale > 1e-9
        )
    return found


def around(
    crops: Floats, own: Masks, others: Masks, names: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Measure the ring around cells, free of other cells, and the inner part beside the outer.

    Parameters
    ----------
    crops, own, names
        As for `intensities`.
    others : ndarray of bool (cells, y, x)
        Which pixels are other cells'.

    Returns
    -------
    dict of ndarray (cells,)
        By channel: ring, the mean there; inside_less_ring, the mean of the cell less it;
        inner_less_outer, the mean of the half of its pixels that is deepest less that of the rest.
        A ring without a pixel is as bright as the cell.

    Examples
    --------
    >>> own = np.zeros((1, 9, 9), bool); own[0, 3:6, 3:6] = True
    >>> found = around(own[..., None].astype(np.float32), own, ~own & False, ["dna"])
    >>> float(found["inside_less_ring_dna"][0])
    1.0
    """
    from scipy import ndimage

    space = tuple(range(1, own.ndim))
    area = np.maximum(own.sum(space), 1).astype(float)
    width = AROUND * 2 * np.sqrt(area / math.pi)
    sampling = (1e6, *(1.0,) * (own.ndim - 1))
    free = ndimage.distance_transform_edt(~own, sampling)
    ring = (free > 0) & (free <= np.maximum(2.0, _spread(width, own))) & ~others
    # the border of a crop is no border of a cell
    wide = np.pad(own, ((0, 0), *((1, 1),) * (own.ndim - 1)), mode="edge")
    depth = ndimage.distance_transform_edt(wide, sampling)[
        (slice(None), *(slice(1, -1),) * (own.ndim - 1))
    ]
    inner = own & (depth > _spread(_medians(np.where(own, depth, np.nan)), own))
    found = {}
    for c, name in enumerate(names):
        light = crops[..., c]
        mean = _means(light, own, np.zeros(len(own)))
        outside = _means(light, ring, mean)
        within = _means(light, inner, mean)
        rest = _means(light, own & ~inner, mean)
        found[f"ring_{name}"] = outside
        found[f"inside_less_ring_{name}"] = mean - outside
        found[f"inner_less_outer_{name}"] = within - rest
    return found


def texture(crops: Floats, own: Masks, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Measure how intensities vary from pixel to pixel within cells.

    Parameters
    ----------
    crops, own, names
        As for `intensities`; of stacks the plane in the middle is measured.

    Returns
    -------
    dict of ndarray (cells,)
        By channel: contrast, homogeneity, energy, correlation and entropy of the co-occurrences of
        16 grey levels between the least and the largest of the cell, 1 and 3 px apart, mean over
        four directions (Haralick et al. 1973, doi:10.1109/TSMC.1973.4309314); and grain, the share
        of its light that openings by discs of 1, 2 and 4 px take away.

    Examples
    --------
    >>> crop = np.zeros((1, 9, 9, 1), np.float32); crop[0, :, ::2] = 1
    >>> found = texture(crop, np.ones((1, 9, 9), bool), ["dna"])
    >>> float(found["grain_1_dna"][0].round(2)), float(found["energy_1_dna"][0].round(2))
    (1.0, 0.55)
    """
    if own.ndim == 4:
        middle = own.shape[1] // 2
        crops, own = crops[:, middle], own[:, middle]
    found: dict[str, NDArray[np.float64]] = {}
    for c, name in enumerate(names):
        light = np.ascontiguousarray(crops[..., c])
        pairs = np.array([_of_pairs(one, mask) for one, mask in zip(light, own, strict=True)])
        pairs = pairs.reshape(len(own), len(_OF_PAIRS), len(DISTANCES))
        for (i, what), (j, distance) in itertools.product(
            enumerate(_OF_PAIRS), enumerate(DISTANCES)
        ):
            found[f"{what}_{distance}_{name}"] = pairs[:, i, j]
        for radius, share in zip(RADII, _grain(light, own), strict=True):
            found[f"grain_{radius}_{name}"] = share
    return found


def _of_pairs(light: Floats, own: Masks) -> list[float]:
    """Describe the co-occurrences of one cell, by property and distance."""
    from skimage.feature import graycomatrix, graycoprops

    values = light[own]
    low, high = (values.min(), values.max()) if values.size else (0.0, 0.0)
    scale = (LEVELS - 1e-3) / (high - low) if high > low else 0.0
    levels = np.where(own, np.clip((light - low) * scale, 0, LEVELS - 1) + 1, 0).astype(np.uint8)
    rows, columns = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
    if not len(rows):
        return [0.0] * (len(_OF_PAIRS) * len(DISTANCES))
    box = levels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    angles = np.arange(4) * np.pi / 4
    counts = graycomatrix(box, DISTANCES, angles, LEVELS + 1, symmetric=True)
    # level 0 is what is no cell
    counts = counts[1:, 1:].sum(axis=3, keepdims=True)
    return [float(v) for what in _OF_PAIRS for v in graycoprops(counts, what)[:, 0]]


def _grain(light: Floats, own: Masks) -> list[NDArray[np.float64]]:
    """Return the shares of light within cells that openings by discs take away."""
    from scipy import ndimage
    from skimage.morphology import disk

    space = tuple(range(1, own.ndim))
    dark = (
        np.nanmin(np.where(own, light, np.nan).reshape(len(own), -1), axis=1) if own.any() else 0.0
    )
    above = np.maximum(np.where(own, light - _spread(np.nan_to_num(dark), own), 0), 0)
    total = np.maximum(above.sum(space, dtype=float), 1e-9)
    opened = (ndimage.grey_opening(above, footprint=disk(r)[None]) for r in RADII)
    return [1 - one.sum(space, dtype=float) / total for one in opened]


def _spread(values: NDArray[np.float64], like: Masks) -> NDArray[np.float64]:
    """Return one value for each cell as it broadcasts over the pixels of crops."""
    return np.asarray(values).reshape(-1, *(1,) * (like.ndim - 1))


def _means(light: Floats, where: Masks, otherwise: NDArray[np.float64]) -> NDArray[np.float64]:
    space = tuple(range(1, where.ndim))
    count = where.sum(space)
    total = np.where(where, light, 0).sum(space, dtype=float)
    return np.divide(total, count, out=np.array(otherwise, float), where=count > 0)


def _medians(values: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = values.reshape(len(values), -1)
    some = np.isfinite(flat).any(axis=1)
    found = np.zeros(len(values))
    found[some] = np.nanmedian(flat[some], axis=1)
    return found


def _quantiles(values: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    some = np.isfinite(values).any(axis=1)
    found = np.zeros((2, len(values)))
    found[:, some] = np.nanquantile(values[some], (0.05, 0.95), axis=1)
    return found[0], found[1]


def _shift(
    light: NDArray[np.float64], own: Masks, area: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how far the centre of light is from that of the pixels, over the radius."""
    space = tuple(range(1, own.ndim))
    total = light.sum(space)
    square = np.zeros(len(own))
    for axis, n in enumerate(own.shape[1:]):
        at = np.arange(n).reshape((1, *(-1 if k == axis else 1 for k in range(own.ndim - 1))))
        middle = (own * at).sum(space) / area
        bright = np.divide((light * at).sum(space), total, out=middle.copy(), where=total > 1e-9)
        square += (bright - middle) ** 2
    return np.sqrt(square / (area / math.pi))
