"""Pieces of images around cells, of one size: exactly centred, at borders too; pure arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Box = tuple[slice, ...]
Others = Literal["kept", "blanked", "alone"]
REACH = math.sqrt(2)
"""A square that is turned reaches so many times as far."""


def start_of(centre: Sequence[float], size_px: Sequence[int]) -> tuple[int, ...]:
    """Return where a crop begins along each axis; before an image where it lies at its border.

    Parameters
    ----------
    centre : sequence of float
        Position along each axis, px; whole numbers are middles of pixels.
    size_px : sequence of int
        Edges, even or odd.

    Returns
    -------
    tuple of int
        The middle of the crop is as near to the centre as whole pixels allow. An even edge has no
        middle pixel: what is the middle of a pixel comes to lie in the second of the two.

    Examples
    --------
    >>> start_of((10, 10), (5, 4)), start_of((10.6, 1), (4, 6))
    ((8, 8), (9, -2))
    """
    return tuple(math.ceil(c - s / 2) for c, s in zip(centre, size_px, strict=True))


def cut(image: Array, start: Sequence[int], size_px: Sequence[int], fill: Any = 0) -> Array:
    """Cut a piece out of an image; what lies outside of this is filled.

    Parameters
    ----------
    image : ndarray (spatial..., ...)
        The image, or labels.
    start, size_px : sequence of int
        Where the piece begins, and its edges; it may lie outside in part, or wholly.
    fill : number or ndarray
        Of pixels outside; of each channel its own where it has as many values.

    Examples
    --------
    >>> cut(np.arange(1, 5), (-1,), (3,)), cut(np.arange(1, 5), (3,), (3,), 9)
    (array([0, 1, 2]), array([4, 9, 9]))
    """
    piece = np.empty((*size_px, *image.shape[len(size_px) :]), image.dtype)
    piece[...] = fill
    ends = [
        (max(0, -a), min(s, n - a)) for a, s, n in zip(start, size_px, image.shape, strict=False)
    ]
    if all(low < high for low, high in ends):
        inside = tuple(slice(low, high) for low, high in ends)
        piece[inside] = image[
            tuple(slice(a + low, a + high) for a, (low, high) in zip(start, ends, strict=True))
        ]
    return piece


def is_padded(start: Sequence[int], size_px: Sequence[int], shape: Sequence[int]) -> bool:
    """Whether a crop reaches beyond the image.

    Examples
    --------
    >>> is_padded((0, 4), (8, 8), (20, 20)), is_padded((-1, 4), (8, 8), (20, 20))
    (False, True)
    """
    return any(a < 0 or a + s > n for a, s, n in zip(start, size_px, shape, strict=False))


@dataclass(frozen=True)
class Cut:
    """How cells are cut out of their images.

    Parameters
    ----------
    size_px : tuple of int
        Edges, (y, x) or (z, y, x).
    others : {"kept", "blanked", "alone"}
        Whether other cells stay as they are; are set to the background; or all that is not the
        cell is.
    turned : bool
        Whether the main axis of each cell is laid along x; of stacks in the plane.
    """

    size_px: tuple[int, ...]
    others: Others = "kept"
    turned: bool = False

    def crop(
        self,
        image: Array,
        centre: Sequence[float],
        labels: Array | None = None,
        number: int = 0,
        angle: float = 0.0,
        fill: Any = 0,
    ) -> Array:
        """Cut one cell out of an image.

        Parameters
        ----------
        image : ndarray (spatial..., c)
            Pixels, as they are or scaled.
        centre : sequence of float
            Of the cell, px.
        labels : ndarray of int (spatial...), optional
            Of the image, where others are blanked.
        number : int, default 0
            Of the cell in `labels`.
        angle : float, default 0.0
            From the y axis (downwards) to its main axis, as `measure` has it; for `turned`.
        fill : number or sequence of float, default 0
            The background, of each channel.

        Returns
        -------
        ndarray (size..., c)
            Of the image's type; float32 where it is turned.

        Examples
        --------
        >>> image = np.arange(25).reshape(5, 5, 1)
        >>> Cut((3, 3)).crop(image, (0, 0))[..., 0].tolist()
        [[0, 0, 0], [0, 0, 1], [0, 5, 6]]
        >>> labels = np.array([[0, 1, 2]] * 5).repeat(2, axis=1)[:, :5]
        >>> Cut((1, 5), "blanked").crop(image, (2, 2), labels, 1)[0, :, 0].tolist()
        [10, 11, 12, 13, 0]
        """
        reach = self._reach() if self.turned else self.size_px
        start = start_of(centre, reach)
        piece = cut(image, start, reach, fill)
        if self.others != "kept" and labels is not None:
            own = cut(labels, start, reach)
            piece[self._blank(own, number)] = fill
        if not self.turned:
            return piece
        return self._turned(piece, [c - a for c, a in zip(centre, start, strict=True)], angle, fill)

    def _reach(self) -> tuple[int, ...]:
        """Return the edges of what is read to be turned; the middle stays where it is."""
        *above, y, x = self.size_px
        edge = math.ceil(math.hypot(y, x)) + 2
        return (*above, edge + (edge - y) % 2, edge + (edge - x) % 2)

    def _blank(self, labels: Array, number: int) -> Array:
        return (labels != number) & (labels > 0) if self.others == "blanked" else labels != number

    def _turned(self, piece: Array, centre: Sequence[float], angle: float, fill: Any) -> Array:
        """Turn a piece about its centre in the plane, and keep its middle; linear interpolation."""
        from scipy import ndimage

        *above, y, x = self.size_px
        # the main axis is (cos, sin) in y, x: that is where x of the result points
        cos, sin = math.cos(angle), math.sin(angle)
        axes = np.array([[sin, cos], [-cos, sin]])
        middle = np.array([(y - 1) / 2, (x - 1) / 2])
        offset = np.asarray(centre[-2:]) - axes @ middle
        planes = piece.reshape(-1, *piece.shape[-3:])
        found = np.empty((len(planes), y, x, piece.shape[-1]), np.float32)
        fills = np.broadcast_to(np.asarray(fill, np.float32), piece.shape[-1:])
        for plane, out in zip(planes, found, strict=True):
            for c in range(piece.shape[-1]):
                pixels = plane[..., c].astype(np.float32)
                ndimage.affine_transform(
                    pixels, axes, offset, (y, x), out[..., c], order=1, cval=float(fills[c])
                )
        return found.reshape(*above, y, x, piece.shape[-1])
