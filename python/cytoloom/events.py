"""Events that long work reports, how Python shows them, and verbs.

A verb is declared once, as a generator of events with a signature and a docstring; `verb` makes
it what is called from Python, and what the command line and R read to make their own of it.
Whoever drives one (a Python call, the command line, R) drains its events and shows what it
likes. Nothing calls back.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, ParamSpec, TextIO, TypeVar, cast

from .components import docstrings
from .components.arguments import fitted
from .errors import disk_told, invalid
from .messages import say

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Parameters
    ----------
    kind : {"progress", "note", "warning", "waiting", "result"}
        What it is. "progress" may be dropped by whoever shows it; "waiting" is of work that waits
        for somebody, so that who drives it is asked now and then; "result" comes last.
    message : str
        One line for people.
    done, total : float
        How far the work is; `total` 0 when unknown.
    value : object
        The result, for kind "result"; of progress perhaps numbers that it tells, by name.
    """

    kind: str
    message: str = ""
    done: float = 0.0
    total: float = 0.0
    value: Any = None


Work = Generator[Event, Any, T]
"""What a verb's generator is: it yields what happens and returns its result."""


def note(message: str) -> Event:
    """Something people should read."""
    return Event("note", message)


def warn(message: str) -> Event:
    """Something people should act on."""
    return Event("warning", message)


def result_of(work: Work[T]) -> T:
    """Run work whose events nobody wants to its result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return cast(T, end.value)


def said_of(name: str, work: Work[T], part: int | None = None, parts: int = 1) -> Work[T]:
    """Pass on what happens in the work for one of several; progress is that of all together.

    Parameters
    ----------
    name : str
        What each message begins with.
    work : generator
        It is closed where this one is.
    part, parts : int, optional
        Which of how many it is, from 0; default one whose progress is its own.

    Examples
    --------
    >>> def work():
    ...     yield Event("progress", "image 2", 1, 4)
    ...     return 3
    >>> events = said_of("b", work(), 1, 2)
    >>> next(events)
    Event(kind='progress', message='b: image 2', done=5, total=8, value=None)
    """
    with contextlib.closing(work):
        while True:
            try:
                event = next(work)
            except StopIteration as end:
                return cast(T, end.value)
            message = say("{}: {}", name, event.message) if event.message else ""
            done, total = event.done, event.total
            if part is not None and total:
                done, total = part * total + done, parts * total
            yield Event(event.kind, message, done, total, event.value)


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
    if not isinstance(progress, (bool, str)) or progress not in (True, False, "auto"):
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


class _Nowhere(io.TextIOBase):
    """Takes what nobody can read."""

    def write(self, text: str) -> int:
        return len(text)


def standard_error() -> TextIO:
    """Return standard error; where there is none, or it was closed, what swallows all.

    Programs without a console have none (``pythonw``), services may have closed it.

    Examples
    --------
    >>> import contextlib
    >>> with contextlib.redirect_stderr(None):
    ...     standard_error().write("word")
    4
    """
    stream = sys.stderr
    usable = stream is not None and not getattr(stream, "closed", False)
    return stream if usable else cast(TextIO, _Nowhere())


def _shown(events: Iterable[Event], quiet: bool, spell: Callable[[str], str]) -> Iterator[Event]:
    stream = standard_error()
    terminal = stream.isatty()
    last, pending = -1e9, False
    for event in events:
        if event.kind == "progress":
            now = time.monotonic()
            if not quiet and now - last > (0.2 if terminal else 10):
                text = spell(event.message)
                stream.write(f"\r\x1b[K{text}" if terminal else f"{text}\n")
                stream.flush()
                last, pending = now, terminal
        elif event.message and (event.kind == "warning" or not quiet):
            lead = "\n" if pending else ""
            mark = "Warning: " if event.kind == "warning" else ""
            stream.write(f"{lead}{mark}{spell(event.message)}\n")
            pending = False
        yield event
    if pending:
        stream.write("\n")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a verb: what its signature and its docstring say."""

    name: str
    kind: Any
    default: Any
    annotation: str
    description: str

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is inspect.Parameter.empty


class Verb(Generic[P, T]):
    """A function that is declared as a generator of events.

    Called, it shows the events and returns the result; `events` gives them to whoever shows
    them otherwise. Its last public parameter is `progress`, which is for the call alone; what
    follows it in the generator's signature is for those who drive `events`.

    Parameters
    ----------
    work : callable
        Its annotation says ``-> Work[...]``, in a module that is light to import.

    Examples
    --------
    >>> @verb
    ... def double(number: int, *, progress: bool | str = "auto") -> Work[int]:
    ...     '''Double a number.
    ...
    ...     Parameters
    ...     ----------
    ...     number : int
    ...         Any.
    ...     progress : bool or "auto", default "auto"
    ...         Show progress on standard error.
    ...     '''
    ...     yield note("doubling")
    ...     return 2 * number
    >>> double(2, progress=False)
    4
    >>> [event.kind for event in double.events(2)]
    ['note', 'result']
    >>> double.parameters()[0].description
    'Any.'
    """

    __name__: str
    __qualname__: str

    def __init__(self, work: Callable[P, Work[T]]) -> None:
        functools.update_wrapper(self, work)
        self._work = work
        self.__signature__ = public = _public(inspect.signature(work))
        self.__annotations__ = {**work.__annotations__, "return": public.return_annotation}

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run to the result, showing what happens."""
        progress = kwargs.get("progress", self.__signature__.parameters["progress"].default)
        return cast(T, drain(self.events(*args, **kwargs), cast("bool | str", progress)))

    def __get__(self, instance: object, owner: type | None = None) -> Verb[P, T]:
        # What has __get__ is a routine to inspect, help, doctest and Sphinx.
        return self

    def __reduce__(self) -> str:
        # Pickled by name, as functions are.
        return self.__qualname__

    def __repr__(self) -> str:
        return f"<verb {self.__module__}.{self.__qualname__}>"

    def events(self, *args: P.args, **kwargs: P.kwargs) -> Generator[Event, Any, None]:
        """Begin the work: a generator of events, the last of kind "result"."""
        fits, named = fitted(self._work, args, kwargs)
        return with_result(self._work(*fits, **named))

    @property
    def summary(self) -> str:
        """The docstring's first line."""
        return docstrings.summary(self.__doc__)

    def parameters(self) -> tuple[Parameter, ...]:
        """List the public parameters in their order."""
        said = docstrings.parameters(self.__doc__)
        return tuple(
            Parameter(p.name, p.kind, p.default, _written(p.annotation), said.get(p.name, ""))
            for p in self.__signature__.parameters.values()
        )


def verb(work: Callable[P, Work[T]]) -> Verb[P, T]:
    """Declare a verb (a decorator)."""
    return Verb(work)


def find_verb(address: str) -> Verb[..., Any]:
    """Import a verb from its address in the table `cytoloom.VERBS`.

    Examples
    --------
    >>> find_verb("simulate.folder:write").summary
    'Write simulated images, or a movie, with exactly known truth.'
    """
    module, _, name = address.partition(":")
    return cast("Verb[..., Any]", getattr(import_module(f".{module}", __package__), name))


def with_result(work: Work[Any]) -> Generator[Event, Any, None]:
    """Let work end with an event of its result; what the disk has against it is told."""
    with disk_told():
        value = yield from work
    yield Event("result", value=value)


def _written(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _public(signature: inspect.Signature) -> inspect.Signature:
    """Return what a call takes and gives: parameters up to `progress`, ``Work[T]`` as T."""
    names = list(signature.parameters)
    known = names[: names.index("progress") + 1]
    returns = str(signature.return_annotation).removeprefix("Work[").removesuffix("]")
    parameters = [signature.parameters[name] for name in known]
    return signature.replace(parameters=parameters, return_annotation=returns)
