"""What people do to labels, step by step, on plain arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import invalid
from ..exchange.drawn import Ring, filled
from ..segmentation.objects import components

KINDS = ("add", "redraw", "delete")
MOST_CORNERS = 20_000
FARTHEST = 1e6
"""Corners may be outside the image, but not so far that nobody has drawn them."""
Labels = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Step:
    """One change of one object.

    Parameters
    ----------
    kind : {"add", "redraw", "delete"}
        What is done.
    number : int
        Of the object.
    rings : tuple of float ndarray (n, 2), default ()
        Lines around it: x and y from the corner of the image, as in other programs. What is
        inside an even number of them is outside.
    """

    kind: str
    number: int
    rings: tuple[Ring, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        rings = [ring.tolist() for ring in self.rings]
        return {"kind": self.kind, "object": self.number, **({"rings": rings} if rings else {})}


def step_of(plain: Mapping[str, Any]) -> Step:
    """Read a step from JSON.

    Raises
    ------
    InvalidError
        Anything that nobody can have drawn.

    Examples
    --------
    >>> step_of({"kind": "delete", "object": 3})
    Step(kind='delete', number=3, rings=())
    """
    kind, number = plain.get("kind"), plain.get("object")
    if kind not in KINDS:
        raise invalid("kind", expected=", ".join(KINDS), received=kind)
    if type(number) is not int or not 0 < number < 2**31:
        raise invalid("object", expected="the number of an object", received=number)
    rings = () if kind == "delete" else tuple(map(_ring, _listed(plain.get("rings"))))
    if kind != "delete" and (not rings or sum(map(len, rings)) > MOST_CORNERS):
        expected = f"lines of 3 to {MOST_CORNERS} corners"
        raise invalid("rings", expected=expected, received=sum(map(len, rings)))
    return Step(str(kind), number, rings)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _ring(corners: Any) -> Ring:
    try:
        ring = np.asarray(corners, np.float64)
        usable = ring.ndim == 2 and ring.shape[1] == 2 and len(ring) >= 3
    except (ValueError, TypeError):
        usable = False
    if not usable or not (np.abs(ring) < FARTHEST).all():
        expected = "lines of 3 corners or more, two numbers each"
        raise invalid("rings", expected=expected, received=corners)
    return ring


def applied(labels: NDArray[Any], steps: Iterable[Step]) -> Labels:
    """Return labels with steps done to them; what was not touched keeps its pixels.

    A pixel is inside a line where its middle is. A new object, or one that is drawn anew, takes
    pixels that are free: those of others stay theirs, and where these cut it its largest piece is
    kept.

    Parameters
    ----------
    labels : int ndarray (y, x)
        0 is background.
    steps : iterable of Step
        In their order.

    Returns
    -------
    int32 ndarray (y, x)

    Examples
    --------
    >>> box = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 1.0], [0.0, 1.0]])
    >>> applied(np.array([[0, 0, 4, 5]]), [Step("add", 6, (box,)), Step("delete", 5)])
    array([[6, 6, 4, 0]], dtype=int32)
    """
    found = np.array(labels, np.int32)
    for step in steps:
        if step.kind != "add":
            found[found == step.number] = 0
        if step.rings:
            box, own = drawn(found, step.rings)
            found[box][own] = step.number
    return found


def drawn(
    labels: NDArray[Any], rings: Sequence[Ring]
) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """Return the box of what was drawn, and which pixels of it the new object has."""
    box, inside = filled(rings, labels.shape)
    free = inside & (labels[box] == 0)
    if free.any() and (free != inside).any():
        pieces = components(free)
        free = pieces == np.argmax(np.bincount(pieces[free]))
    return box, free


def refuse_impossible(labels: NDArray[Any], step: Step) -> None:
    """Raise where a step changes nothing: no such object, or nothing free within the line."""
    there = labels == step.number
    if step.kind != "add" and not there.any():
        received = f"{step.number}, which is not there"
        raise invalid("object", expected="an object of the image", received=received)
    if step.kind != "delete":
        free = np.where(there, 0, labels)
        if not drawn(free, step.rings)[1].any():
            raise invalid(
                "rings",
                expected="a line around pixels of the image that no other object has",
                received="a line around none",
                remedy="Delete or redraw the object that is there, or draw larger.",
            )


def changed_box(before: NDArray[Any], after: NDArray[Any]) -> tuple[int, int, int, int]:
    """Return top, left, bottom and right of what differs; all 0 where nothing does.

    Examples
    --------
    >>> changed_box(np.array([[0, 1, 0]]), np.array([[0, 0, 2]]))
    (0, 1, 1, 3)
    """
    rows, columns = np.nonzero(before != after)
    if not rows.size:
        return 0, 0, 0, 0
    top, left = int(rows.min()), int(columns.min())
    return top, left, int(rows.max()) + 1, int(columns.max()) + 1
