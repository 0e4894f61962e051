"""Smaller copies of an image in its own file: which one is meant by a number or a pixel size."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import invalid
from ..messages import counted

_SAME = 1.05
"""Sizes of pixels that are one size, as copies are rounded to whole pixels."""


@dataclass(frozen=True)
class Wanted:
    """Which copy is meant.

    Parameters
    ----------
    number : int, optional
        Counted from 0, the full resolution.
    um : float, optional
        Its pixels are at most so large.
    """

    number: int | None = None
    um: float | None = None


def wanted(name: str) -> Wanted | None:
    """Return which level a name means; None where it is the name of something else.

    Examples
    --------
    >>> wanted("2"), wanted("0.5um"), wanted("raw")
    (Wanted(number=2, um=None), Wanted(number=None, um=0.5), None)
    """
    if re.fullmatch(r"\d{1,3}", name):
        return Wanted(number=int(name))
    match = re.fullmatch(r"(\d+\.?\d*|\.\d+) ?(um|\u00b5m|\u03bcm)", name)
    return Wanted(um=float(match[1])) if match and float(match[1]) > 0 else None


def chosen(level: Wanted, sizes_um: Sequence[Mapping[str, float | None]], where: str) -> int:
    """Return the number of the copy that is meant.

    Parameters
    ----------
    level : Wanted
        What is asked for: by pixel size the smallest copy that still has it along y and x, or
        the full resolution where even that has larger pixels.
    sizes_um : sequence of dict
        Of each copy, the full resolution first: micrometres along ``y`` and ``x``.
    where : str
        The file, for messages.

    Raises
    ------
    InvalidError
        There are not so many, or pixel sizes are not known.

    Examples
    --------
    >>> sizes = [{"y": 0.25, "x": 0.25}, {"y": 0.5, "x": 0.5}, {"y": 1.0, "x": 1.0}]
    >>> [chosen(Wanted(um=um), sizes, "a.svs") for um in (0.1, 0.5, 0.9, 4)]
    [0, 1, 1, 2]
    """
    if level.number is not None:
        if level.number >= len(sizes_um):
            got = f"level {level.number} of a file of {counted(len(sizes_um), 'level')}"
            known = [f"{k}{_shown(size)}" for k, size in enumerate(sizes_um)]
            raise invalid(where, expected=f"a level among {', '.join(known)}", received=got)
        return level.number
    assert level.um is not None
    if any(not size.get("y") or not size.get("x") for size in sizes_um):
        remedy = "Give the level by its number: 0 is the full resolution."
        got = "a file without"
        raise invalid(where, expected="a pixel size to choose by", received=got, remedy=remedy)
    fine = [
        k for k, size in enumerate(sizes_um)
        if max(size["y"] or 0, size["x"] or 0) <= level.um * _SAME
    ]  # fmt: skip
    return max(fine, default=0)


def _shown(size: Mapping[str, float | None]) -> str:
    return f" ({size['x']:.3g} um)" if size.get("x") else ""
