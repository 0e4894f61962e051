"""What R calls: verbs that take and return only strings, numbers, named lists and raw vectors.

`call` runs a function to its end, `start` runs a verb as a stream of events which R drains, so
that Python never calls R back. Neither raises: an error crosses as a sentence, because what
reticulate makes of an exception differs between its versions.
"""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Callable, Generator
from typing import Any

from ..components.arguments import checked
from ..errors import BackendError, InvalidError, invalid
from ..events import Event
from ..messages import R, one_of, say, shortened, spelled

Plain = dict[str, Any]
Events = Generator[Event, Any, None]
_last: dict[str, str] = {"traceback": ""}


def call(name: str, arguments: Plain) -> Plain:
    """Run one of `functions.FUNCTIONS`.

    Parameters
    ----------
    name : str
        Its name.
    arguments : dict
        Its arguments as R packed them.

    Returns
    -------
    dict
        ``value`` (packed for R) or ``error`` (one sentence), and ``warnings`` (list of str).

    Examples
    --------
    >>> call("simulate", {"kind": "stars"})["error"]
    'Invalid `kind`. Expected nuclei, cells, nuclei_3d, screen, culture or embryo. Received: stars.'
    """
    return guarded(lambda: checked(_function(name))(**_arguments(arguments)))


def start(name: str, arguments: Plain) -> Stream:
    """Begin a verb; the stream's items are dictionaries for R."""

    def begin() -> Events:
        from .functions import begin

        return begin(name, _arguments(arguments))

    return Stream(begin)


class Stream:
    """An iterator of events as dictionaries: kind, message, done, total, value, warnings.

    The last has kind "result", "error" or "interrupted"; nothing is ever raised.
    """

    def __init__(self, begin: Callable[[], Events]) -> None:
        self._begin = begin
        self._work: Events | None = None
        self._ended = False

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Plain:
        if self._ended:
            raise StopIteration
        return self._event(self._step)

    def interrupt(self) -> Plain:
        """Tell the work of a Ctrl-C that came while R ran; return the event that follows.

        The work saves its state and ends, or goes on to its result when it was asked to keep
        what an interrupt leaves.
        """
        work = self._work
        if work is None:
            self._ended = True
            return {"kind": "interrupted", "message": "Interrupted.", "warnings": []}
        return self._event(lambda: _plain(work.throw(KeyboardInterrupt())))

    def _step(self) -> Plain:
        if self._work is None:
            self._work = self._begin()
        return _plain(next(self._work))

    def _event(self, work: Callable[[], Plain]) -> Plain:
        found = guarded(work)
        event = found.get("value") or {"kind": "interrupted" if "interrupted" in found else "error"}
        self._ended = event["kind"] in ("result", "error", "interrupted")
        message = found.get("error") or event["message"]
        more = {name: found[name] for name in ("warnings", "fields") if name in found}
        return {**event, "message": message, **more}


def _plain(event: Event) -> Plain:
    """Return an event as R takes it; of those that are not the result no value crosses."""
    from .functions import told

    return {
        "kind": event.kind,
        "message": event.message,
        "done": float(event.done),
        "total": float(event.total),
        "value": told(event.value) if event.kind == "result" else None,
    }


def heed_interrupts() -> None:
    """Let every Ctrl-C arrive as KeyboardInterrupt, so that a training saves its state.

    The handler of older reticulates asks R whether an interrupt is pending; when R acts on it
    within that very question, the answer is a RuntimeError in the middle of the work.
    """
    signals = sys.modules.get("rpytools.signals")
    ask = getattr(signals, "_callback", None)
    if ask is None:
        return

    def pending(handled: bool) -> bool:
        try:
            return bool(ask(handled))
        except RuntimeError:
            return not handled

    signals.__dict__["_callback"] = pending


def last_traceback() -> str:
    """Traceback of the last error that crossed as a sentence, for `options(cytoloom.debug)`."""
    return _last["traceback"]


def guarded(work: Callable[[], Any]) -> Plain:
    """Run `work`; its packed value, its error as a sentence, and what it warned of."""
    from .values import pack

    found: Plain = {}
    with warnings.catch_warnings(record=True) as caught:
        try:
            found["value"] = pack(work())
        except KeyboardInterrupt as stop:
            kept = f": {stop}" if str(stop) else ""
            found.update(error=f"Interrupted{kept}.", interrupted=True)
        except Exception as error:
            _last["traceback"] = traceback.format_exc()
            found["error"] = spelled(_sentence(error), R)
            found.update(_fields(error))
    told = [w.message for w in caught if issubclass(w.category, UserWarning)]
    own = [spelled(getattr(one, "words", str(one)), R) for one in told]
    return {**found, "warnings": list(dict.fromkeys(own))}


def _fields(error: Exception) -> Plain:
    """Return what an error says of an argument, in R's words; nothing of errors of other kinds."""
    if not isinstance(error, InvalidError) or not error.name:
        return {}
    received = error.received
    words = spelled(received if isinstance(received, str) else say("{}", received), R)
    told = {"argument": error.name, "expected": spelled(error.expected, R), "received": words}
    return {"fields": told}


def _sentence(error: Exception) -> str:
    if isinstance(error, BackendError):
        return f"{error} In R, run: cl_install()".replace("\n", " ")
    if isinstance(error, ModuleNotFoundError):
        return f"Python at {sys.executable} lacks {error.name}. Run: cl_install()"
    if isinstance(error, (InvalidError, FloatingPointError)):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {shortened(str(error.filename or ''))}".removesuffix(": ")
    return f"{type(error).__name__}: {error} (options(cytoloom.debug = TRUE) shows where)"


def _function(name: str) -> Callable[..., Any]:
    from .functions import FUNCTIONS

    if name not in FUNCTIONS:
        raise invalid("name", expected=one_of(sorted(FUNCTIONS)), received=name)
    return FUNCTIONS[name]


def _arguments(arguments: Plain | list[Any]) -> Plain:
    from .values import unpack

    # R's empty named list arrives as an empty list
    return unpack(arguments) if isinstance(arguments, dict) else {}
