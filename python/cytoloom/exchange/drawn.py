"""Objects as lines around them, from labels and to labels again."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import invalid
from ..objects.outlines import outlines
from .fit import Fit

Ring = NDArray[np.float64]
"""Corners (n, 2) of a closed line, x and y in px from the corner of the image, none twice."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """An object.

    Parameters
    ----------
    name : str
        As the file has it; of an object of ours its number.
    parts : sequence of sequence of Ring
        Pieces: the first ring of each goes around it, the others around its holes. What an odd
        number of rings goes around is inside.
    label : str, default ""
        Its class.
    probability : float, optional
        That it is real, where a model says so.
    """

    name: str
    parts: Sequence[Sequence[Ring]]
    label: str = ""
    probability: float | None = None

    @property
    def rings(self) -> list[Ring]:
        """All lines."""
        return [ring for part in self.parts for ring in part]


def drawn(
    labels: NDArray[Any],
    classes: Mapping[int, str] | None = None,
    probabilities: Mapping[int, float] | None = None,
) -> list[Drawn]:
    """Draw the objects of a label image along the edges of their pixels.

    Parameters
    ----------
    labels : int ndarray (y, x)
        0 is background.
    classes : dict of int to str, optional
        The class of each object.
    probabilities : dict of int to float, optional
        That objects are real.

    Examples
    --------
    >>> one, = drawn(np.array([[0, 7, 7]]))
    >>> one.name, one.rings[0].tolist()
    ('7', [[1.0, 0.0], [3.0, 0.0], [3.0, 1.0], [1.0, 1.0]])
    """
    table = outlines(labels)
    corners = table[["x", "y"]].to_numpy() + 0.5
    keys = table[["object", "part", "ring"]].to_numpy()
    edges = np.flatnonzero((np.diff(keys, axis=0, prepend=-1, append=-1) != 0).any(axis=1))
    objects: dict[int, dict[int, list[Ring]]] = {}
    for first, stop in itertools.pairwise(edges.tolist()):
        number, part, _ = keys[first].tolist()
        # the first corner is there again as the last
        objects.setdefault(number, {}).setdefault(part, []).append(corners[first : stop - 1])
    known, sure = classes or {}, probabilities or {}
    return [
        Drawn(str(number), list(parts.values()), known.get(number, ""), sure.get(number))
        for number, parts in objects.items()
    ]


def least_sure_first(objects: Sequence[Drawn]) -> list[Drawn]:
    """Return objects in the order of their probabilities; as they were where these are unknown.

    Examples
    --------
    >>> objects = [Drawn("1", [], "", 0.9), Drawn("2", []), Drawn("3", [], "", 0.2)]
    >>> [one.name for one in least_sure_first(objects)]
    ['3', '1', '2']
    """
    return sorted(objects, key=lambda one: 2.0 if one.probability is None else one.probability)


def open_ring(corners: Any) -> Ring:
    """Return the corners of a line, whether or not the first is there again as the last.

    Examples
    --------
    >>> open_ring([[0, 0], [3, 0], [3, 3], [0, 0]]).tolist()
    [[0.0, 0.0], [3.0, 0.0], [3.0, 3.0]]
    """
    ring = np.asarray(corners, np.float64)
    if ring.ndim != 2 or ring.shape[1] < 2 or not np.isfinite(ring).all():
        raise ValueError("corners that are no pairs of numbers")
    again = len(ring) > 1 and bool((ring[0, :2] == ring[-1, :2]).all())
    return ring[: len(ring) - again, :2]


def refuse_planes(path: Path, planes: Iterable[Hashable]) -> None:
    """Refuse outlines that are of different planes of a stack."""
    count = len(set(planes))
    if count > 1:
        raise invalid(
            str(path),
            expected="outlines on one plane",
            received=f"outlines on {count} planes of a stack",
            remedy="Save those of each plane in a file of its own.",
        )


def to_labels(
    objects: Sequence[Drawn],
    shape: tuple[int, ...],
    values: Sequence[int] | None = None,
    fit: Fit | None = None,
) -> tuple[NDArray[np.int32], int]:
    """Fill the lines: a pixel is inside where its middle is, and where some lie, of the later.

    Parameters
    ----------
    objects : sequence of Drawn
        They keep their numbers where each has one of its own for a name, else they are counted.
    shape : (int, int)
        Of the image.
    values : sequence of int, optional
        The label value of each, instead of its number.
    fit : Fit, optional
        Counts how they lie in the image.

    Returns
    -------
    labels : int32 ndarray
    covered : int
        How many pixels are in several objects.

    Examples
    --------
    >>> labels = np.array([[0, 7, 7], [7, 0, 7], [7, 7, 7]])
    >>> to_labels(drawn(labels), labels.shape)[0].tolist()
    [[0, 7, 7], [7, 0, 7], [7, 7, 7]]
    """
    labels = np.zeros(shape, np.int32)
    covered = 0
    given = numbers_of(objects) if values is None else values
    for number, one in zip(given, objects, strict=True):
        box, inside = filled(one.rings, shape)
        covered += int((labels[box][inside] != 0).sum())
        labels[box][inside] = number
        if fit is not None:
            fit.add(one.rings, int(np.count_nonzero(inside)))
    return labels, covered


def numbers_of(objects: Sequence[Drawn]) -> list[int]:
    """Return the number of each object: its own where each has one, else that of its place.

    Examples
    --------
    >>> numbers_of([Drawn("7", []), Drawn("3", [])]), numbers_of([Drawn("a", []), Drawn("3", [])])
    ([7, 3], [1, 2])
    """
    numbers = [int(one.name) for one in objects if one.name.isdecimal() and len(one.name) < 11]
    own = len(set(numbers)) == len(objects) == len(numbers)
    own = own and all(0 < n < 2**31 for n in numbers)
    return numbers if own else list(range(1, len(objects) + 1))


def filled(
    rings: Sequence[Ring], shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """Return the box of an object within an image, and which pixels of it are inside its lines.

    Parameters
    ----------
    rings : sequence of float ndarray (n, 2)
        Closed lines of x and y from the corner of the image; what is inside an even number of
        them is outside.
    shape : (int, int)
        Of the image.

    Returns
    -------
    box : (slice, slice)
        Of y and x.
    inside : bool ndarray
        Of the size of the box.

    Examples
    --------
    >>> filled([np.array([[1.0, 0.0], [3.0, 0.0], [3.0, 1.0], [1.0, 1.0]])], (2, 4))
    ((slice(0, 1, None), slice(1, 3, None)), array([[ True,  True]]))
    """
    from skimage.draw import polygon

    corners = np.concatenate(rings) if rings else np.zeros((0, 2))
    if not len(corners):
        return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), bool)
    limits = np.array(shape[::-1])
    low = np.clip(np.floor(corners.min(axis=0)), 0, limits).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)), low, limits).astype(int)
    (left, top), (right, bottom) = low.tolist(), high.tolist()
    inside = np.zeros((bottom - top, right - left), bool)
    for ring in rings:
        # middles of pixels are half a pixel from their corners
        x, y = ring[:, 0] - 0.5 - left, ring[:, 1] - 0.5 - top
        inside[polygon(y, x, inside.shape)] ^= True
    return (slice(top, bottom), slice(left, right)), inside
