"""Parts of the blocks of a volume, or of the images of a folder, for jobs of a queue."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd

from ..errors import invalid
from ..messages import Argument, Message, counted, say
from .predictions import FILES_COLUMNS, Predictions
from .summary import summary_table

T = TypeVar("T")
Part = tuple[int, int]
PARTS_WAIT_S = 3600.0
"""So long a part waits for another that looks at the image, or at all images."""


def part_of(part: Any) -> Part | None:
    """Read which part of the work is asked for, and of how many.

    Raises
    ------
    InvalidError
        Something else than "3/40".

    Examples
    --------
    >>> part_of("3/40"), part_of(None)
    ((3, 40), None)
    """
    if part is None:
        return None
    text = part if isinstance(part, str) else ""
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.replace(" ", ""))
    k, count = map(int, found.groups()) if found else (0, 0)
    if not 1 <= k <= count:
        expected = 'a part and how many there are, such as "3/40"'
        raise invalid("part", expected=expected, received=part)
    return k, count


def share_of(things: Sequence[T], part: Part) -> Sequence[T]:
    """Return every n-th of some things, from the k-th on.

    Examples
    --------
    >>> share_of(["a", "b", "c", "d", "e"], (2, 3))
    ['b', 'e']
    """
    return things[part[0] - 1 :: part[1]]


def part_words(part: Part, missing: int, of: int, what: str = "block") -> Message:
    """Say what a part has done, and what is to be done now."""
    text = "Part {} of {} is done; {} of {} are missing. The same call without {} "
    then = "puts all together." if not missing else "makes what no part has, and puts all together."
    return say(text + then, *part, missing, counted(of, what), Argument("part"))


def begun(statuses: Mapping[str, Message | str], task: Any) -> Predictions:
    """Return what a part has of images: their names, and how far it has come with each."""
    empty = {"low": "", "high": "", "labels": ""}
    rows = [{"image": name, "status": str(text), **empty} for name, text in statuses.items()]
    files = pd.DataFrame(rows, columns=list(FILES_COLUMNS)).astype({"objects": "Int64"})
    objects = pd.DataFrame(columns=["image", "object"])
    summary = summary_table(task, [{"image": name} for name in statuses])
    return Predictions(objects, files, summary, None, {})
