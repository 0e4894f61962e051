"""Where foreground lies in each training image, kept as a bounded random subset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

KEPT_PER_IMAGE = 4096
"""Positions kept of each image and class: as many patches are hardly ever drawn from one image."""
KEPT_IN_ALL = 2_000_000
"""Positions kept of all images, about 16 MB in 2-D, however many images there are."""


@dataclass(frozen=True, eq=False)
class Foreground:
    """Foreground pixels of a set of images, by class.

    Attributes
    ----------
    classes : tuple of int
        Label values, or ``(1,)`` where all foreground counts as one.
    images : dict of int to ndarray
        Class to the indices of the images that hold it.
    pixels : dict of (int, int) to ndarray
        (class, image index) to int32 ``(k, n)`` pixel positions.
    """

    classes: tuple[int, ...]
    images: dict[int, npt.NDArray[np.intp]]
    pixels: dict[tuple[int, int], npt.NDArray[np.int32]]


def find_foreground(
    labels: npt.NDArray[Any],
    known: npt.NDArray[np.bool_] | None,
    *,
    by_class: bool,
    limit: int,
    rng: np.random.Generator,
) -> dict[int, npt.NDArray[np.int32]]:
    """List at most `limit` random foreground pixels of one image, per class.

    Parameters
    ----------
    labels : ndarray
        Integers ``(spatial...)``; 0 is background.
    known : ndarray or None
        Pixels that count; None: all.
    by_class : bool
        Whether label values are classes; otherwise all above 0 go under 1.
    limit : int
        Pixels kept per class.
    rng : numpy.random.Generator
        Chooses them.

    Returns
    -------
    dict of int to ndarray
        Class to int32 ``(k, n)`` positions, sorted by class.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> find_foreground(np.array([[0, 2], [0, 1]]), None, by_class=True, limit=10, rng=rng)
    {1: array([[1, 1]], dtype=int32), 2: array([[0, 1]], dtype=int32)}
    """
    foreground = labels > 0 if known is None else (labels > 0) & known
    flat = np.flatnonzero(foreground)
    if not by_class:
        return {1: _subset(flat, labels.shape, limit, rng)} if flat.size else {}
    values = labels.ravel()[flat]
    return {int(v): _subset(flat[values == v], labels.shape, limit, rng) for v in np.unique(values)}


def gather(found: Sequence[dict[int, npt.NDArray[np.int32]]]) -> Foreground:
    """Join what `find_foreground` found in each image."""
    classes = tuple(sorted(set().union(*found)))
    images = {c: np.array([i for i, f in enumerate(found) if c in f], np.intp) for c in classes}
    return Foreground(
        classes, images, {(c, i): p for i, f in enumerate(found) for c, p in f.items()}
    )


def limit_per_image(images: int) -> int:
    """Bound the memory for large sets: pixels kept per image and class.

    Examples
    --------
    >>> limit_per_image(10), limit_per_image(100_000)
    (4096, 64)
    """
    return min(KEPT_PER_IMAGE, max(64, KEPT_IN_ALL // max(images, 1)))


def _subset(
    flat: npt.NDArray[np.intp], shape: tuple[int, ...], limit: int, rng: np.random.Generator
) -> npt.NDArray[np.int32]:
    if flat.size > limit:
        flat = flat[np.sort(rng.choice(flat.size, limit, replace=False, shuffle=False))]
    return np.stack(np.unravel_index(flat, shape), axis=1).astype(np.int32)
