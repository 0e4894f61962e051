"""The one way this package says that something it was given cannot be used."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from typing import Any, Self

from .messages import Argument, Message, Value, described, is_plain, say, shortened


class InvalidError(ValueError):
    """Something given by the user cannot be used; the message says what, and what to do.

    Attributes
    ----------
    name, expected, received, remedy
        As they were given to `invalid`; empty where the error was made of a sentence.
    """

    name: str = ""
    expected: str = ""
    received: Any = ""
    remedy: str = ""

    def renamed(self, name: str, of: str | None = None) -> InvalidError:
        """Return the same error of an argument, field or file of another name.

        Parameters
        ----------
        name : str
            The new name.
        of : str, optional
            The name that is replaced; default whatever it is.

        Examples
        --------
        >>> print(invalid("data", expected="images", received="none").renamed("validation"))
        Invalid `validation`. Expected images. Received: none.
        """
        if not self.name or of not in (None, self.name):
            return self
        return invalid(name, expected=self.expected, received=self.received, remedy=self.remedy)

    def told(self, words: str) -> InvalidError:
        """Return the same error, which says this."""
        return InvalidError(words).of(self)

    def of(self, other: InvalidError) -> Self:
        """Return this error with the fields of another."""
        self.name, self.expected = other.name, other.expected
        self.received, self.remedy = other.received, other.remedy
        return self


class DiskError(InvalidError, OSError):
    """A file or folder cannot be used, because the system says so."""

    def __reduce__(self) -> Any:
        return _disk_error, (self.args, vars(self))


def _disk_error(args: tuple[Any, ...], fields: dict[str, Any]) -> DiskError:
    error = DiskError(*args)
    vars(error).update(fields)
    return error


class GuessWarning(UserWarning):
    """What had to be guessed of a file; `words` keeps the parts that each face spells its way.

    Its text is a plain string, as processes that pass warnings on expect.
    """

    def __init__(self, words: str) -> None:
        super().__init__("".join(words))
        self.words = words


class BackendError(ImportError):
    """No deep-learning backend is installed; the message says what to install."""


def invalid(name: str, *, expected: str, received: object, remedy: str = "") -> InvalidError:
    """Build (not raise) the package's standard error.

    Parameters
    ----------
    name : str
        The argument, field or file at fault.
    expected : str
        What would have been accepted.
    received : object
        What came instead; a string is quoted as it is, anything else by ``repr``, or as R or
        the command line write it.
    remedy : str, default ""
        One sentence on what to do; a `Message` where it names a setting.

    Returns
    -------
    InvalidError
        To be raised by the caller.

    Examples
    --------
    >>> print(invalid("depth", expected="1 or more", received=0))
    Invalid `depth`. Expected 1 or more. Received: 0.
    """
    received = _kept(received)
    got = _short(received) if isinstance(received, str) else say("{}", received)
    end = "" if got.endswith(("?", "!", ".")) else "."
    found = say(
        "Invalid {}. Expected {}. Received: {}" + end, Argument(_short(name)), expected, got
    )
    error = InvalidError(say("{} {}", found, remedy) if remedy else found)
    error.name, error.expected, error.received, error.remedy = name, expected, received, remedy
    return error


def _kept(received: object) -> object:
    """Return a value as it is where it is plain, else in words: an error crosses processes."""
    if isinstance(received, Value):
        return Value(_kept(received.value)) if is_plain(received.value) else _kept(received.value)
    return received if is_plain(received) else described(received)


def _short(text: str) -> str:
    """Shorten a name or a value, but no message, which may have lines and faces' parts."""
    return text if isinstance(text, Message) or "\n" in text else shortened(text)


_RIGHTS = "Ask whoever owns it for the right to, or pass another."
_REMEDIES = {
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EIO: "The disk, or the way to it, may be failing: try again, or copy what is on it.",
    errno.EMFILE: "Close other files, or raise the limit (ulimit -n).",
}


@contextlib.contextmanager
def disk_told() -> Iterator[None]:
    """Say in one sentence what of a disk could not be used, where nothing closer has said it.

    Examples
    --------
    >>> with disk_told():
    ...     raise PermissionError(errno.EACCES, "Permission denied", "m/model.json")
    Traceback (most recent call last):
    cytoloom.errors.DiskError: Invalid `m/model.json`. Expected a file or folder that can be used. \
Received: Permission denied. Ask whoever owns it ...
    """
    try:
        yield
    except (InvalidError, ImportError, ConnectionError, BrokenPipeError):
        raise
    except OSError as error:
        if not error.strerror:  # a sentence of its own
            raise
        raise disk_error(_of_system(error)) from error


def disk_error(said: InvalidError) -> DiskError:
    """Return the same error as one of the disk."""
    return DiskError(*said.args).of(said)


def _of_system(error: OSError) -> InvalidError:
    """Return what the system says as a sentence of ours."""
    if error.filename is None and error.errno == errno.ENOENT:
        return invalid(
            "working folder",
            expected="one that is there, where relative paths start",
            received="one that was removed since",
            remedy="Go to another folder (cd), or pass whole paths.",
        )
    path = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else "disk"
    return invalid(
        path,
        expected="a file or folder that can be used",
        received=error.strerror,
        remedy=_REMEDIES.get(error.errno or 0, ""),
    )
