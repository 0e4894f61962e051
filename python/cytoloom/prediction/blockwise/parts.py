"""Parts of the blocks of a volume, for jobs of a queue that know nothing of each other."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from ...errors import invalid
from ...messages import Argument, Message, counted, say
from ..predictions import FILES_COLUMNS, Predictions
from ..summary import summary_table

Part = tuple[int, int]


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


def part_words(part: Part, missing: int, blocks: int) -> Message:
    """Say what a part has done, and what is to be done now."""
    text = "Part {} of {} is done; {} of {} are missing. The same call without {} "
    then = "puts all together." if not missing else "makes what no part has, and puts all together."
    return say(text + then, *part, missing, counted(blocks, "block"), Argument("part"))


def begun(image: str, status: Message, task: Any) -> Predictions:
    """Return what a part has of an image: its name, and how far it has come."""
    row = {"image": image, "status": str(status), "low": "", "high": "", "labels": ""}
    files = pd.DataFrame([row], columns=list(FILES_COLUMNS)).astype({"objects": "Int64"})
    objects = pd.DataFrame(columns=["image", "object"])
    return Predictions(objects, files, summary_table(task, [{"image": image}]), None, {})
