"""How far masks are from each other: Hausdorff, mean false distances, overlap with tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..components.arguments import checked
from ..errors import invalid
from .contingency import label_pair
from .overlap import Overlap

Mask = NDArray[np.bool_]


@checked
def hausdorff(
    truth: ArrayLike,
    found: ArrayLike,
    spacing: Sequence[float] | None = None,
    *,
    percentile: float = 100,
    unknown: int | None = None,
) -> float:
    """Hausdorff distance of the outlines of two masks.

    Parameters
    ----------
    truth, found : array of bool or integers (y, x) or (z, y, x), the same shape
        Masks; of labels, all that is not 0.
    spacing : sequence of float, optional
        Pixel size along each axis, in the order of the axes; 1 by default.
    percentile : float, default 100
        Of the distances, above 0 to 100: 95 leaves out the farthest twentieth of each outline.
    unknown : int, optional
        Value of `truth` that marks pixels which count nowhere; where an object meets them it
        has no outline.

    Returns
    -------
    float
        In units of `spacing`; 0 is best. Both empty: 0; one empty: infinite.

    Raises
    ------
    InvalidError
        Shapes that differ, values that are no labels, a spacing that does not go with the axes.

    Notes
    -----
    The outline of a mask are its pixels with a face neighbour outside of it; the edge of the
    image is outside. Of the distances of each outline to the other one the percentile is taken
    (linear interpolation), and of the two the larger [1]_.

    References
    ----------
    .. [1] A. Reinke et al., Nature Methods 21, 182 (2024), :doi:`10.1038/s41592-023-02150-0`

    Examples
    --------
    >>> truth = np.zeros((9, 5, 5), bool)
    >>> truth[2:4, 1:4, 1:4] = True
    >>> hausdorff(truth, np.roll(truth, 3, axis=0), spacing=(4, 1, 1))
    12.0
    """
    if not 0 < percentile <= 100:
        raise invalid("percentile", expected="above 0 to 100", received=percentile)
    true, seen, known = _masks(truth, found, unknown)
    sizes = _sizes(spacing, true.ndim)
    lines = [_outline(mask, known) for mask in (true, seen)]
    if not all(line.any() for line in lines):
        return 0.0 if bool(true.any()) == bool(seen.any()) else float("inf")
    away = [_to(line, sizes)[other] for line, other in (lines, lines[::-1])]
    return float(max(np.percentile(one, percentile) for one in away))


@checked
def mean_false_distances(
    truth: ArrayLike,
    found: ArrayLike,
    spacing: Sequence[float] | None = None,
    *,
    unknown: int | None = None,
) -> tuple[float, float]:
    """How far what is found lies from the truth on average, and what is true from what is found.

    Parameters
    ----------
    truth, found : array of bool or integers (y, x) or (z, y, x), the same shape
        Masks; of labels, all that is not 0.
    spacing : sequence of float, optional
        Pixel size along each axis, in the order of the axes; 1 by default.
    unknown : int, optional
        Value of `truth` that marks pixels which count nowhere.

    Returns
    -------
    (float, float)
        Mean false positive and mean false negative distance in units of `spacing`; 0 is best.
        A mean over no pixel is 0, the distance to an empty mask infinite.

    Raises
    ------
    InvalidError
        Shapes that differ, values that are no labels, a spacing that does not go with the axes.

    Notes
    -----
    Means over all found and over all true pixels, of which those in both are at 0: ADGT and ADF
    of the CREMI challenge for synaptic clefts, and DaCapo's mean false distances.

    Examples
    --------
    Of three found pixels two are right, and the third is 2 away; all true ones are found.

    >>> mean_false_distances([[1, 1, 0, 0]], [[1, 1, 0, 1]])
    (0.6667, 0.0)
    """
    true, seen, known = _masks(truth, found, unknown)
    sizes = _sizes(spacing, true.ndim)
    return _mean(_to(true, sizes)[seen & known]), _mean(_to(seen, sizes)[true & known])


@checked
def overlap_within(
    truth: ArrayLike,
    found: ArrayLike,
    tolerance: float,
    spacing: Sequence[float] | None = None,
    *,
    unknown: int | None = None,
) -> Overlap:
    """Count pixels of two masks where what is near enough is not wrong.

    Parameters
    ----------
    truth, found : array of bool or integers (y, x) or (z, y, x), the same shape
        Masks; of labels, all that is not 0.
    tolerance : float
        Distance, in units of `spacing`, up to which a pixel of one mask may lie from the other.
    spacing : sequence of float, optional
        Pixel size along each axis, in the order of the axes; 1 by default.
    unknown : int, optional
        Value of `truth` that marks pixels which count nowhere.

    Returns
    -------
    Overlap
        Of one class: its `precision`, `recall` and `dice` (which is F1) are arrays of one number.
        Both empty: 1; one empty: 0.

    Raises
    ------
    InvalidError
        Shapes that differ, values that are no labels, a tolerance below 0.

    Notes
    -----
    TP are the pixels in both, FP those found farther than the tolerance from any true one, FN
    the true ones farther than it from any found one, as DaCapo counts them.

    Examples
    --------
    >>> overlap_within([[1, 1, 0, 0, 0]], [[1, 1, 1, 0, 1]], tolerance=1).precision
    array([0.6667])
    """
    if not tolerance >= 0:
        raise invalid("tolerance", expected="0 or more", received=tolerance)
    true, seen, known = _masks(truth, found, unknown)
    sizes = _sizes(spacing, true.ndim)
    counts = [
        (true & seen & known).sum(),
        ((_to(true, sizes) > tolerance) & seen & known).sum(),
        ((_to(seen, sizes) > tolerance) & true & known).sum(),
    ]
    return Overlap(np.ones(1, np.int64), *(np.array([n], np.int64) for n in counts))


def _masks(truth: ArrayLike, found: ArrayLike, unknown: int | None) -> tuple[Mask, Mask, Mask]:
    """Both masks, and which pixels count; what does not is in neither."""
    true, seen = label_pair(truth, found)
    known = np.ones(true.shape, bool) if unknown is None else np.asarray(true != unknown)
    return (true != 0) & known, (seen != 0) & known, known


def _sizes(spacing: Sequence[float] | None, ndim: int) -> tuple[float, ...]:
    sizes = (1.0,) * ndim if spacing is None else tuple(float(size) for size in spacing)
    if len(sizes) != ndim or not all(0 < size < float("inf") for size in sizes):
        expected = f"{ndim} sizes above 0, one for each axis"
        raise invalid("spacing", expected=expected, received=spacing)
    return sizes


def _outline(mask: Mask, known: Mask) -> Mask:
    """Pixels of a mask beside known ones that are not of it, or beside the edge of the image."""
    from scipy import ndimage

    outside = np.pad(known & ~mask, 1, constant_values=True)
    beside = ndimage.binary_dilation(outside)[(slice(1, -1),) * mask.ndim]
    return np.asarray(mask & beside)


def _to(mask: Mask, sizes: tuple[float, ...]) -> NDArray[np.float64]:
    """Distance of each pixel to the nearest one of a mask."""
    from scipy import ndimage

    if not mask.any():
        return np.full(mask.shape, np.inf)
    away: NDArray[np.float64] = ndimage.distance_transform_edt(~mask, sampling=sizes)
    return away


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if values.size else 0.0
