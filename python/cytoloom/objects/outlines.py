"""Outlines of objects along the edges of their pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .runs import changes

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rings:
    """Closed lines around pieces of objects and around their holes, one after another.

    Attributes
    ----------
    first : int64 ndarray (rings,)
        Where each begins among the corners.
    pixel : int64 ndarray (rings,)
        A pixel of the object that it is of, counted through the image.
    y, x : int64 ndarray (corners,)
        Corners in px from the image's corner; the outside of a piece runs clockwise where y
        points downwards, a hole the other way.
    """

    first: Ints
    pixel: Ints
    y: Ints
    x: Ints

    @property
    def stop(self) -> Ints:
        """One past the last corner of each."""
        return np.append(self.first[1:], self.x.size)

    @property
    def next(self) -> Ints:
        """For each corner which one follows it, around its ring."""
        following = np.arange(1, self.x.size + 1)
        following[self.stop - 1] = self.first
        return following

    @property
    def area(self) -> NDArray[np.float64]:
        """What each encloses; below 0 of a hole."""
        if not self.first.size:
            return np.zeros(0)
        cross = self.x * self.y[self.next] - self.x[self.next] * self.y
        return np.add.reduceat(cross, self.first) / 2


def outlines(labels: NDArray[Any]) -> pd.DataFrame:
    """Trace the outlines of all objects of a label image.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x)
        0 is background, every other value an object.

    Returns
    -------
    DataFrame
        object, part, ring, x, y: corners in the order in which a line connects them, the first
        of each ring again as its last. Ring 1 of a part is its outside, others are its holes.

    Examples
    --------
    >>> import numpy as np
    >>> outlines(np.array([[0, 7, 7]]))
       object  part  ring    x    y
    0       7     1     1  0.5 -0.5
    1       7     1     1  2.5 -0.5
    2       7     1     1  2.5  0.5
    3       7     1     1  0.5  0.5
    4       7     1     1  0.5 -0.5
    """
    import pandas as pd

    rings = _simple(_corners(_traced(labels)))
    owner, part, ring = _places(labels, rings)
    length = rings.stop - rings.first
    # each ring once more from its first corner
    order = np.lexsort((ring, part, owner))
    closed = length[order] + 1
    starts = np.repeat(np.cumsum(closed) - closed, closed)
    steps = np.arange(closed.sum()) - starts
    chosen = np.repeat(order, closed)
    at = rings.first[chosen] + steps % length[chosen]
    return pd.DataFrame(
        {
            "object": owner[chosen],
            "part": part[chosen],
            "ring": ring[chosen],
            "x": rings.x[at] - 0.5,
            "y": rings.y[at] - 0.5,
        }
    )


RIGHT, DOWN, LEFT, UP = range(4)
"""Which way an edge of a pixel runs, with the pixel to its right: its upper one runs right."""


def _traced(labels: NDArray[Any]) -> Rings:
    """Follow the edges of pixels around objects, turning to the same pixel where it can."""
    padded = np.pad(labels, 1)
    width = padded.shape[1]
    flat = padded.ravel()
    # what lies across the edge of each side, and where the next pixel on it is
    across = np.array([-width, 1, width, -1])
    ahead = np.array([1, width, -1, -width])
    edges = np.sort(np.concatenate([4 * _at_side(padded, side) + side for side in range(4)]))
    pixel, side = edges // 4, edges % 4
    own = flat[pixel]
    straight, turned = pixel + ahead[side], pixel + ahead[side] + across[side]
    follower = np.where(flat[turned] == own, 4 * turned + (side + 3) % 4, 4 * straight + side)
    follower = np.where(flat[straight] == own, follower, 4 * pixel + (side + 1) % 4)
    order, first = _cycles(np.searchsorted(edges, follower))
    pixel, side = pixel[order], side[order]
    y, x = pixel // width - 1, pixel % width - 1
    # edges begin at the upper left of the pixel, or further on around it
    corner_y = y + ((side == LEFT) | (side == UP))
    corner_x = x + ((side == DOWN) | (side == LEFT))
    return Rings(first, y[first] * labels.shape[1] + x[first], corner_y, corner_x)


def _at_side(padded: NDArray[Any], side: int) -> Ints:
    """Find the pixels of objects that another value lies beside on one side."""
    rows, columns = [(0, -2), (1, -1), (2, None), (1, -1)], [(1, -1), (2, None), (1, -1), (0, -2)]
    inner = padded[1:-1, 1:-1]
    beside = padded[slice(*rows[side]), slice(*columns[side])]
    y, x = np.nonzero((inner != 0) & (inner != beside))
    return (y + 1) * padded.shape[1] + x + 1


def _cycles(following: Ints) -> tuple[Ints, Ints]:
    """Put the elements of a permutation into the order of its cycles, each from its smallest.

    By doubling: after k rounds each element knows the 2**k that follow it.

    Examples
    --------
    >>> order, first = _cycles(np.array([2, 1, 3, 0]))
    >>> order, first
    (array([0, 2, 3, 1]), array([0, 3]))
    """
    least, jump = np.arange(following.size), following
    while True:
        lower = np.minimum(least, least[jump])
        if (lower == least).all():
            break
        least, jump = lower, jump[jump]
    ends = following == least
    left, jump = (~ends).astype(np.int64), np.where(ends, np.arange(following.size), following)
    while left[jump].any():
        left, jump = left + left[jump], jump[jump]
    order = np.lexsort((-left, least))
    return order, np.flatnonzero(changes(least[order]))


def _corners(rings: Rings) -> Rings:
    """Drop the points at which a line goes straight on."""
    if not rings.x.size:
        return rings
    before = np.empty(rings.x.size, np.int64)
    before[rings.next] = np.arange(rings.x.size)
    here = np.arange(rings.x.size)
    into = rings.x[here] != rings.x[before]
    out = rings.x[rings.next] != rings.x[here]
    kept = into != out
    number = np.repeat(np.arange(rings.first.size), rings.stop - rings.first)[kept]
    return Rings(np.flatnonzero(changes(number)), rings.pixel, rings.y[kept], rings.x[kept])


def _simple(rings: Rings) -> Rings:
    """Divide rings that pass a point twice there, as where pixels touch by a corner only."""
    number = np.repeat(np.arange(rings.first.size), rings.stop - rings.first)
    order = np.lexsort((rings.x, rings.y, number))
    again = ~(changes(number[order]) | changes(rings.y[order]) | changes(rings.x[order]))
    crossing = set(number[order][again].tolist())
    if not crossing:
        return rings
    parts, pixels = [], []
    for k, (first, stop) in enumerate(zip(rings.first.tolist(), rings.stop.tolist(), strict=True)):
        own = list(range(first, stop))
        found = _loops(own, rings) if k in crossing else [own]
        parts += found
        pixels += [int(rings.pixel[k])] * len(found)
    sizes = np.array([len(one) for one in parts])
    at = np.concatenate(parts)
    return Rings(np.cumsum(sizes) - sizes, np.array(pixels), rings.y[at], rings.x[at])


def _loops(corners: list[int], rings: Rings) -> list[list[int]]:
    """Cut a ring into loops that pass each point once."""
    found, path = [], []
    place: dict[tuple[int, int], int] = {}
    for corner in corners:
        point = (int(rings.y[corner]), int(rings.x[corner]))
        if point in place:
            loop = path[place[point] :]
            del path[place[point] :]
            for one in loop:
                del place[int(rings.y[one]), int(rings.x[one])]
            found.append(loop)
        place[point] = len(path)
        path.append(corner)
    return [*found, path]


def _places(labels: NDArray[Any], rings: Rings) -> tuple[Ints, Ints, Ints]:
    """Return object, part of it and number within the part of each ring."""
    from skimage.measure import label

    owner = labels.ravel()[rings.pixel].astype(np.int64)
    # of pieces that touch by a corner only the rings are apart
    piece = label(labels, background=0, connectivity=1).ravel()[rings.pixel].astype(np.int64)
    order = np.lexsort((rings.first, rings.area < 0, piece, owner))
    fresh, next_piece = changes(owner[order]), changes(piece[order])
    part = _counted(next_piece, fresh)
    ring = _counted(np.ones(order.size, bool), fresh | next_piece)
    back = np.argsort(order)
    return owner, part[back], ring[back]


def _counted(marks: NDArray[np.bool_], fresh: NDArray[np.bool_]) -> Ints:
    """Count marks, from 1 again where something fresh begins.

    Examples
    --------
    >>> _counted(np.array([True, False, True, True]), np.array([True, False, False, True]))
    array([1, 1, 2, 1])
    """
    total = np.cumsum(marks)
    base = np.maximum.accumulate(np.where(fresh, total - marks, 0))
    return total - base
