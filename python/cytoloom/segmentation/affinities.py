"""Which pixels some steps apart are of one object: affinities, and objects made of them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import invalid
from .objects import Labels
from .surfaces import apart

Array = NDArray[Any]
Offsets = Sequence[Sequence[int]]
PACKAGE, EXTRA = "bioimage_cpp", "affinities"


def affinities(
    labels: Array, offsets: Offsets, known: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Say of each pixel and each offset whether the pixel there is of the same object.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x) or (z, y, x)
        0 is background, of which no two pixels are of one object.
    offsets : sequence of (int, ...)
        Steps along each axis, of either sign.
    known : ndarray of bool, optional
        Pixels whose label is known; all by default.

    Returns
    -------
    (ndarray of float32, ndarray of bool), shape (spatial..., offsets)
        1 or 0; and whether both pixels are known and in the array, else the value is 0.

    Examples
    --------
    >>> value, sure = affinities(np.array([[1, 1, 2, 0, 0]]), [(0, -1), (0, 2)])
    >>> value[0, :, 0], sure[0, :, 0].astype(int)
    (array([0., 1., 0., 0., 0.], dtype=float32), array([0, 1, 1, 1, 1]))
    >>> value[0, :, 1], sure[0, :, 1].astype(int)
    (array([0., 0., 0., 0., 0.], dtype=float32), array([1, 1, 1, 0, 0]))
    """
    value = np.zeros((*labels.shape, len(offsets)), np.float32)
    sure = np.zeros(value.shape, bool)
    for channel, offset in enumerate(offsets):
        here, there = apart(offset)
        both = True if known is None else known[here] & known[there]
        value[..., channel][here] = (labels[here] == labels[there]) & (labels[here] > 0) & both
        sure[..., channel][here] = both
    return value, sure


def touching(mask: NDArray[np.bool_], offsets: Offsets) -> NDArray[np.bool_]:
    """Say of each pixel and each offset whether this pixel or the one there is of a mask.

    Examples
    --------
    >>> touching(np.array([True, False, False]), [(-1,), (1,)]).astype(int).tolist()
    [[1, 1], [1, 0], [0, 0]]
    """
    found = np.repeat(mask[..., None], len(offsets), axis=-1)
    for channel, offset in enumerate(offsets):
        here, there = apart(offset)
        found[..., channel][here] |= mask[there]
    return found


def mutex_watershed(
    affinity: Array, offsets: Offsets, foreground: NDArray[np.bool_], bias: float = 0.5
) -> Labels:
    """Make objects of affinities: the surest pairs first, joined or kept apart for good.

    Parameters
    ----------
    affinity : ndarray of float, shape (spatial..., offsets)
        Probabilities that both pixels are of one object.
    offsets : sequence of (int, ...)
        As for `affinities`. Neighbours over a face join and part, all others only part.
    foreground : ndarray of bool, shape (spatial...)
        Pixels of objects.
    bias : float, default 0.5
        Affinity at which joining and parting weigh the same; larger parts more.

    Returns
    -------
    ndarray of int32
        0 is background; ids 1 to the number of objects. Pieces of foreground that do not touch
        over a face have nothing to do with each other.

    Raises
    ------
    InvalidError
        Without the extra `affinities`.

    References
    ----------
    .. [1] S. Wolf et al., The mutex watershed, ECCV (2018), :doi:`10.1007/978-3-030-01225-0_34`
    """
    library = need_library()
    short = [k for k, offset in enumerate(offsets) if is_short(offset)]
    far = [k for k in range(len(offsets)) if k not in short]
    # Neighbours are there once more to part: joining with weight 0 still joins what nothing parts,
    # and an object smaller than all long offsets would run into its surroundings.
    order = [*short, *far, *short]
    edges = np.moveaxis(np.asarray(affinity, np.float32)[..., order], -1, 0)
    edges = np.ascontiguousarray(np.clip(edges, 0, 1))
    joins = len(short)
    edges[joins:] = (1 - edges[joins:]) * np.float32(bias)
    edges[:joins] *= np.float32(1 - bias)
    steps = [[int(k) for k in offsets[c]] for c in order]
    found = library.segmentation.mutex_watershed(
        edges, steps, joins, mask=np.ascontiguousarray(foreground)
    )
    return np.asarray(found).astype(np.int32)


def is_short(offset: Sequence[int]) -> bool:
    """Whether an offset leads to a neighbour over a face.

    Examples
    --------
    >>> is_short((0, -1)), is_short((1, 1))
    (True, False)
    """
    return sum(abs(k) for k in offset) == 1


def need_library() -> Any:
    """Import the library that makes objects of affinities, or say which extra has it."""
    try:
        importlib.import_module(f"{PACKAGE}.segmentation")
        return importlib.import_module(PACKAGE)
    except ImportError:
        raise invalid(
            "task",
            expected="the package bioimage-cpp, which makes objects of affinities",
            received="no such package",
            remedy=f'Run pip install "cytoloom[{EXTRA}]", in R cl_install(extras = "{EXTRA}"); '
            'or take task "boundary", which needs none.',
        ) from None
