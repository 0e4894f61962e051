"""The one way this package says that something it was given cannot be used."""

from __future__ import annotations

from typing import Any

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
        error = InvalidError(words)
        error.name, error.expected = self.name, self.expected
        error.received, error.remedy = self.received, self.remedy
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
