"""Parts of the blocks of a volume, or of the images of a folder, for jobs of a queue."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from ..errors import InvalidError, invalid
from ..events import Event, Work, note
from ..messages import Argument, Message, Setting, counted, say
from ..storage.lock import InUse, user_of
from .predictions import FILES_COLUMNS, Predictions
from .summary import summary_table

T = TypeVar("T")
Part = tuple[int, int]
PARTS_WAIT_S = 3600.0
"""So long a part waits for another that looks at the image, or at all images."""
LOOK_S, RACE_S = 0.5, 10.0
"""How often it looks, and how long it stands in line with others that waited, too."""


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


def check_parts(out: Any, part: Any, workers: int, client: Any) -> None:
    """Refuse what cannot be meant of parts of images, or of several processes for them."""
    name = "part" if part is not None else "client" if client is not None else "workers"
    if out is None and (part is not None or client is not None or workers > 1):
        expected = say("{} with it", Argument("out"))
        raise invalid(name, expected=expected, received=say("{}", Setting("out", None)))
    if part is not None and (client is not None or workers > 1):
        expected = say("{} or {}, of a folder of images", Argument("part"), Argument("workers"))
        remedy = "Give a part to each job of a queue, or all images to workers."
        raise invalid("part", expected=expected, received="both", remedy=remedy)


def share_of(things: Sequence[T], part: Part) -> Sequence[T]:
    """Return every n-th of some things, from the k-th on.

    Examples
    --------
    >>> share_of(["a", "b", "c", "d", "e"], (2, 3))
    ['b', 'e']
    """
    return things[part[0] - 1 :: part[1]]


def part_words(part: Part, missing: int, of: int, what: str = "block") -> Message:
    """Say what a part has done, and what is to be done now; as `PART` has it."""
    text = "Part {} of {} is done; {} of {} are missing. The same call without {} "
    then = "puts all together." if not missing else "makes what no part has, and puts all together."
    return say(text + then, *part, missing, counted(of, what), Argument("part"))


def entered(
    stack: contextlib.ExitStack,
    opened: Callable[[float], AbstractContextManager[T]],
    folder: Path,
    part: Part | None,
    first: str,
) -> Work[T]:
    """Enter a folder for one run alone; a part waits for another, and says for which.

    Parameters
    ----------
    stack : ExitStack
        Leaves it again.
    opened : callable
        From the seconds that another run is waited for to what is entered.
    folder : Path
        In which the other run is.
    part : (int, int) or None
        None: nothing is waited for.
    first : str
        What the first of all parts does, in words.

    Raises
    ------
    InvalidError
        Another run has it, of a part for more than an hour.
    """
    if part is None:
        return stack.enter_context(opened(0.0))
    end, said = time.monotonic() + PARTS_WAIT_S, False
    while True:
        while user := user_of(folder):
            words = say("Part {} of {} waits for {}: one alone {}.", *part, user, first)
            if time.monotonic() >= end:
                raise _too_late(user)
            yield Event("progress", words) if said else note(words)
            said = True
            time.sleep(LOOK_S)
        with contextlib.suppress(InUse):
            return stack.enter_context(opened(RACE_S))


def _too_late(user: Message) -> InvalidError:
    return invalid(
        "part",
        expected=f"its turn within {PARTS_WAIT_S / 60:.0f} minutes",
        received=say("none, {} still has the folder", user),
        remedy="Run this part again when that has ended.",
    )


def begun(statuses: Mapping[str, Message | str], task: Any) -> Predictions:
    """Return what a part has of images: their names, and how far it has come with each."""
    empty = {"low": "", "high": "", "labels": ""}
    rows = [{"image": name, "status": str(text), **empty} for name, text in statuses.items()]
    files = pd.DataFrame(rows, columns=list(FILES_COLUMNS)).astype({"objects": "Int64"})
    objects = pd.DataFrame(columns=["image", "object"])
    summary = summary_table(task, [{"image": name} for name in statuses])
    return Predictions(objects, files, summary, None, {})
