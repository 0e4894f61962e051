"""Run one command: nothing but its own module is imported, and nothing heavy for the help."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..errors import BackendError, GuessWarning, InvalidError
from ..events import standard_error
from ..messages import InOptions, spelled
from .commands import FAILED, INTERRUPTED, OK, complain
from .parser import parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; default those of the process.

    Returns
    -------
    int
        0 done, 1 failed, 3 some images failed, 130 interrupted. Wrong usage exits with 2.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    args, unknown = parser(argv).parse_known_args(argv)
    if unknown:
        args.command.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        with _told(args.options):
            code = int(args.run(args))
        if sys.stdout is not None:  # closed by whoever started this
            sys.stdout.flush()  # what nobody reads is told here, not when Python ends
        return code
    except KeyboardInterrupt as stop:
        return complain(f"interrupted: {stop}" if str(stop) else "interrupted", INTERRUPTED)
    except BrokenPipeError:
        # The reader (head, less) has gone; keep Python from complaining when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:
        if args.debug:
            raise
        return complain(spelled(_sentence(error), InOptions(args.options)), FAILED)


@contextlib.contextmanager
def _told(options: Iterable[str]) -> Iterator[None]:
    """Print warnings of our own as those of verbs are: a line each, and each once."""
    usual, said = warnings.showwarning, set[str]()

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        """Print one; those of others as they are."""
        if not issubclass(category, GuessWarning):
            usual(message, category, *where, **more)
        elif str(message) not in said:
            said.add(str(message))
            words = spelled(getattr(message, "words", str(message)), InOptions(options))
            print(f"Warning: {words}", file=standard_error())

    with warnings.catch_warnings():
        warnings.simplefilter("always", GuessWarning)
        warnings.showwarning = show
        yield


def _sentence(error: Exception) -> str:
    if isinstance(error, (InvalidError, BackendError)) or (
        isinstance(error, OSError) and error.strerror
    ):
        return str(error)
    return f"{type(error).__name__}: {error} (add --debug to see where)"
