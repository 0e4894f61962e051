"""How two divisions of an image into objects differ: variation of information, Rand, SEG."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..components.arguments import checked
from .contingency import LARGEST_ID, Contingency, Floats, contingency, label_pair, sums
from .matching import object_overlaps


@checked
def variation_of_information(
    truth: ArrayLike, found: ArrayLike, *, unknown: int | None = None, background: bool = False
) -> tuple[float, float]:
    """Bits by which objects were split and by which they were merged.

    Parameters
    ----------
    truth, found : array of integers, any shape, the same for both
        Instance labels; 0 is background, ids of any size.
    unknown : int, optional
        Value of `truth` that marks pixels which count nowhere.
    background : bool, default False
        Whether the background of `truth` is one more object. By default its pixels do not count.

    Returns
    -------
    (float, float)
        Split, H(found | truth), and merge, H(truth | found), in bits; 0 is best, and the sum is
        the variation of information. What is found as background is one object. Without true
        objects: (0, 0).

    Raises
    ------
    InvalidError
        Shapes that differ, values that are no labels.

    Notes
    -----
    Entropies of the shares of pixels [1]_. That the true background does not count is the way of
    the CREMI challenge. Finding nothing costs no more than merging everything, which for a
    single object is nothing: look at `average_precision` beside it.

    References
    ----------
    .. [1] M. Meila, Journal of Multivariate Analysis 98, 873 (2007),
       :doi:`10.1016/j.jmva.2006.11.013`

    Examples
    --------
    An object cut into halves, and two that became one:

    >>> variation_of_information([[1, 1, 1, 1]], [[5, 5, 6, 6]])
    (1.0, 0.0)
    >>> variation_of_information([[1, 1, 2, 2]], [[5, 5, 5, 5]])
    (0.0, 1.0)
    """
    return information_of(_partition(truth, found, unknown, background))


def information_of(table: Contingency) -> tuple[float, float]:
    """Bits of split and of merge by a table of all that counts.

    Examples
    --------
    >>> information_of(contingency([[1, 1, 1, 1]], [[5, 5, 6, 6]]))
    (1.0, 0.0)
    """
    total = table.pixels.sum()
    if not total:
        return 0.0, 0.0
    joint, of_truth, of_found = (
        _entropy(pixels / total)
        for pixels in (table.pixels, _sizes(table.truth, table), _sizes(table.found, table))
    )
    # differences of sums that are equal but for their order would be -1e-16
    return max(0.0, joint - of_truth), max(0.0, joint - of_found)


@checked
def adapted_rand_error(truth: ArrayLike, found: ArrayLike, *, unknown: int | None = None) -> float:
    """One minus the F-score of the pairs of pixels that are in one object.

    Parameters
    ----------
    truth, found : array of integers, any shape, the same for both
        Instance labels; 0 is background, ids of any size.
    unknown : int, optional
        Value of `truth` that marks pixels which count nowhere.

    Returns
    -------
    float
        0 to 1, 0 is best. No object in either image: 0; in only one: 1.

    Raises
    ------
    InvalidError
        Shapes that differ, values that are no labels.

    Notes
    -----
    The measure of the SNEMI3D challenge [1]_, over pairs of different pixels: the background of
    `truth` does not count, and each pixel of an object that is found as background is an object
    of its own, so that finding nothing is as bad as it can be. scikit-image takes these pixels
    for one object; where none is found as background the two agree.

    References
    ----------
    .. [1] I. Arganda-Carreras et al., Frontiers in Neuroanatomy 9, 142 (2015),
       :doi:`10.3389/fnana.2015.00142`

    Examples
    --------
    Of the 6 pairs of an object of four pixels 2 are still together: 1 - 2 * 2 / (6 + 2).

    >>> adapted_rand_error([[1, 1, 1, 1]], [[5, 5, 6, 6]])
    0.5
    """
    table = _partition(truth, found, unknown, False)
    if not table.pixels.size:
        return float((label_pair(truth, found)[1][_known(truth, unknown)] > 0).any())
    return rand_error_of(table)


def rand_error_of(table: Contingency) -> float:
    """Adapted Rand error by a table of the pixels of true objects, of which there are some.

    Examples
    --------
    >>> rand_error_of(contingency([[1, 1, 1, 1]], [[5, 5, 6, 6]]))
    0.5
    """
    seen = table.found > 0
    both = _pairs(table.pixels[seen])
    of_found = _pairs(sums(table.found[seen], table.pixels[seen], np.unique(table.found[seen])))
    whole = _pairs(_sizes(table.truth, table)) + of_found
    return 1 - 2 * both / whole if whole else 0.0


@checked
def seg(truth: ArrayLike, found: ArrayLike, *, unknown: int | None = None) -> float:
    """Segmentation accuracy (SEG) of the Cell Tracking Challenge.

    Parameters
    ----------
    truth, found : array of integers, any shape, the same for both
        Instance labels; 0 is background.
    unknown : int, optional
        Value of `truth` that marks pixels which count nowhere. A found object with more than
        half of its pixels there is left out.

    Returns
    -------
    float
        0 to 1. No object in either image: 1; in only one: 0.

    Raises
    ------
    InvalidError
        Shapes that differ, values that are no labels.

    Notes
    -----
    Mean over true objects of the IoU with the found object that covers more than half of it, 0
    where none does [1]_. Found objects that match none cost nothing, unless there is no true
    object at all. The challenge's means are over all objects of a recording.

    References
    ----------
    .. [1] M. Maška et al., Bioinformatics 30, 1609 (2014), :doi:`10.1093/bioinformatics/btu080`

    Examples
    --------
    Of 1 two thirds are found, of 2 only a half: (2/3 + 0) / 2.

    >>> seg([[1, 1, 1, 0, 2, 2]], [[4, 4, 0, 0, 0, 9]])
    0.3333
    """
    table = object_overlaps(truth, found, unknown)
    if not table.true_ids.size:
        return float(not table.found_ids.size)
    covers = 2 * table.shared_px > table.true_px[table.row]
    return float(table.ious[covers].sum() / table.true_ids.size)


def _partition(
    truth: ArrayLike, found: ArrayLike, unknown: int | None, background: bool
) -> Contingency:
    """Overlaps of all that counts, with numbers that say nothing but which are the same."""
    true, seen = label_pair(truth, found)
    known = _known(true, unknown)
    true, seen = _renumbered(true[known]), _renumbered(seen[known])
    if background:
        # 0 with 0 is not listed
        true = true.astype(np.int64) + 1
    table = contingency(true, seen)
    counts = table.truth != 0
    return Contingency(table.truth[counts], table.found[counts], table.pixels[counts])


def _known(truth: ArrayLike, unknown: int | None) -> NDArray[np.bool_]:
    true = np.atleast_1d(np.asarray(truth))
    return np.ones(true.shape, bool) if unknown is None else true != unknown


def _renumbered(labels: NDArray[Any]) -> NDArray[Any]:
    """Give ids that are too large for a table small ones; 0 stays."""
    if not labels.size or labels.min() < 0 or labels.max() <= LARGEST_ID:
        return labels
    ids, number = np.unique(labels, return_inverse=True)
    return np.asarray(number.reshape(labels.shape) + (ids[0] != 0), np.int64)


def _sizes(ids: NDArray[np.int64], table: Contingency) -> NDArray[np.int64]:
    return sums(ids, table.pixels, np.unique(ids))


def _entropy(shares: Floats) -> float:
    return float(-(shares * np.log2(shares)).sum())


def _pairs(pixels: NDArray[np.int64]) -> float:
    """Pairs of different pixels, counted both ways."""
    sizes = pixels.astype(np.float64)
    return float((sizes * (sizes - 1)).sum())
