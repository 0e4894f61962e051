"""How well outlines agree: the boundary F-score."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..components.arguments import checked
from ..errors import invalid
from .contingency import label_pair


@checked
def boundary_f(
    truth: ArrayLike,
    found: ArrayLike,
    tolerance_px: float = 2,
    *,
    unknown: int | None = None,
) -> float:
    """F-score of the outlines: how many boundary pixels have a partner nearby.

    Parameters
    ----------
    truth, found : array of bool or integers (y, x) or (z, y, x), the same shape
        Masks, class maps or instance labels; 0 is background.
    tolerance_px : float, default 2
        Largest Euclidean distance, in pixels, between partners.
    unknown : int, optional
        Value of `truth` that marks pixels which count nowhere; where an object meets an
        unknown region it has no boundary.

    Returns
    -------
    float
        0 to 1. Neither image has a boundary: 1; only one has: 0.

    Raises
    ------
    InvalidError
        Shapes that differ, values that are no labels, or a tolerance below 0.

    Notes
    -----
    A boundary pixel is a labelled pixel with a face neighbour of another value (background or
    another label); the image's edge is no boundary. Precision is the share of found boundary
    pixels within the tolerance of a true one, recall the reverse, and the score their harmonic
    mean [1]_, [2]_. All labels together: which label an outline has is not compared.

    References
    ----------
    .. [1] G. Csurka et al., What is a good evaluation measure for semantic segmentation?,
       BMVC (2013), :doi:`10.5244/C.27.32`
    .. [2] D. R. Martin et al., IEEE Transactions on Pattern Analysis and Machine Intelligence 26,
       530 (2004), :doi:`10.1109/TPAMI.2004.1273918`

    Examples
    --------
    >>> truth = np.zeros((9, 9), int)
    >>> truth[2:5, 2:5] = 1
    >>> boundary_f(truth, np.roll(truth, 1, axis=1), tolerance_px=1)
    1.0
    >>> boundary_f(truth, np.roll(truth, 4, axis=1), tolerance_px=1)
    0.0
    """
    if tolerance_px < 0:
        raise invalid("tolerance_px", expected="0 or more", received=tolerance_px)
    true, seen = label_pair(truth, found)
    known = None if unknown is None else true != unknown
    true_line, seen_line = boundary(true, known), boundary(seen, known)
    if not true_line.any() or not seen_line.any():
        return float(true_line.any() == seen_line.any())
    right = _near(true_line, tolerance_px)[seen_line].mean()
    caught = _near(seen_line, tolerance_px)[true_line].mean()
    return float(2 * right * caught / (right + caught)) if right + caught else 0.0


def boundary(labels: NDArray[Any], known: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """Labelled pixels with a face neighbour of another value: the inner outline of every object.

    Parameters
    ----------
    labels : integer array (y, x) or (z, y, x)
        0 is background.
    known : bool array of that shape, optional
        No outline runs between a known and an unknown pixel, nor between two unknown ones.

    Returns
    -------
    bool array of that shape

    Examples
    --------
    >>> boundary(np.array([[0, 1, 1, 1, 2, 0]])).astype(int)
    array([[0, 1, 0, 1, 1, 0]])
    """
    line = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        lower = tuple(slice(None, -1) if a == axis else slice(None) for a in range(labels.ndim))
        upper = tuple(slice(1, None) if a == axis else slice(None) for a in range(labels.ndim))
        edge = labels[lower] != labels[upper]
        if known is not None:
            edge &= known[lower] & known[upper]
        line[lower] |= edge
        line[upper] |= edge
    line &= labels != 0
    return line


def _near(line: NDArray[np.bool_], tolerance_px: float) -> NDArray[np.bool_]:
    """Whether pixels are within the tolerance of a line, of which there is some."""
    from scipy import ndimage

    return np.asarray(ndimage.distance_transform_edt(~line) <= tolerance_px)
