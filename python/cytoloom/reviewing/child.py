"""One verb in a process of its own: events go out as lines of JSON, and "stop" ends it.

Run by `jobs`, as ``python -m cytoloom.reviewing.child``. It ends, too, where whoever started it
is no more.
"""

from __future__ import annotations

import _thread
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from .. import VERBS
from ..errors import BackendError, InvalidError
from ..events import Event, find_verb
from ..messages import TABLES, spelled

Tell = Callable[..., None]


def main() -> None:
    """Read what to do from the first line of standard input, and tell how far it is."""
    plain = json.loads(sys.stdin.readline())
    # what libraries print is no event
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    threading.Thread(target=_stop_when_told, daemon=True).start()
    try:
        for event in _events(plain["verb"], plain["arguments"]):
            _tell(out, event)
    except KeyboardInterrupt:
        _write(out, {"kind": "error", "message": "Stopped."})
    except (InvalidError, BackendError, OSError, FloatingPointError, MemoryError) as error:
        said = spelled(str(error), TABLES) or type(error).__name__
        _write(out, {"kind": "error", "message": said})


def _stop_when_told() -> None:
    """Wait for a line, or for the end of who would write it."""
    sys.stdin.readline()
    _thread.interrupt_main()


def _events(name: str, arguments: Mapping[str, Any]) -> Any:
    if name == "train":
        from ..training.trainer import Trainer

        given = {key: value for key, value in arguments.items() if key != "minutes"}
        trainer = Trainer(minutes=arguments["minutes"])
        return find_verb(VERBS[name]).events(**given, trainer=trainer, keep_interrupted=True)
    return find_verb(VERBS[name]).events(**arguments)


def _tell(out: TextIO, event: Event) -> None:
    told = {"kind": event.kind, "message": spelled(event.message, TABLES)}
    if event.kind == "progress":
        told |= {"done": event.done, "total": event.total, "numbers": event.value or {}}
    if event.kind == "result":
        said = event.value.summary() if hasattr(event.value, "summary") else str(event.value)
        told["message"] = spelled(said, TABLES)
    _write(out, told)


def _write(out: TextIO, told: Mapping[str, Any]) -> None:
    out.write(json.dumps(told) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
