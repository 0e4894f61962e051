"""Events that long work reports, and how Python shows them.

The verbs are generators of events inside; whoever drives them (a Python call, the command line,
R) drains the generator and shows what it likes. Nothing calls back.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .errors import invalid


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Parameters
    ----------
    kind : {"progress", "note", "warning", "result"}
        What it is. "progress" may be dropped by whoever shows it; "result" comes last.
    message : str
        One line for people.
    done, total : float
        How far the work is; `total` 0 when unknown.
    value : object
        The result, for kind "result".
    """

    kind: str
    message: str = ""
    done: float = 0.0
    total: float = 0.0
    value: Any = None


def note(message: str) -> Event:
    """Something people should read."""
    return Event("note", message)


def warn(message: str) -> Event:
    """Something people should act on."""
    return Event("warning", message)


def drain(
    events: Iterable[Event],
    progress: bool | str = "auto",
    spell: Callable[[str], str] = str,
) -> Any:
    """Run the events to their result, showing them on standard error.

    Parameters
    ----------
    events : iterable of Event
        The work. A generator is closed where it breaks off, be it by an error or Ctrl-C while
        something is shown.
    progress : bool or "auto"
        True or "auto": notes and progress, rewritten in place on a terminal and a line every
        ten seconds elsewhere. False: warnings only.
    spell : callable, optional
        From a message to the text that is shown.

    Returns
    -------
    object
        The value of the last event.
    """
    if progress not in (True, False, "auto"):
        raise invalid("progress", expected='True, False or "auto"', received=progress)
    result = None
    try:
        for event in _shown(events, progress is False, spell):
            if event.kind == "result":
                result = event.value
    finally:
        if isinstance(events, Generator):
            events.close()
    return result


def _shown(events: Iterable[Event], quiet: bool, spell: Callable[[str], str]) -> Iterator[Event]:
    terminal = sys.stderr.isatty()
    last, pending = -1e9, False
    for event in events:
        if event.kind == "progress":
            now = time.monotonic()
            if not quiet and now - last > (0.2 if terminal else 10):
                text = spell(event.message)
                sys.stderr.write(f"\r\x1b[K{text}" if terminal else f"{text}\n")
                sys.stderr.flush()
                last, pending = now, terminal
        elif event.message and (event.kind == "warning" or not quiet):
            lead = "\n" if pending else ""
            mark = "Warning: " if event.kind == "warning" else ""
            sys.stderr.write(f"{lead}{mark}{spell(event.message)}\n")
            pending = False
        yield event
    if pending:
        sys.stderr.write("\n")
