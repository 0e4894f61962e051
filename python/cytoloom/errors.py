"""The one way this package says that something it was given cannot be used."""

from __future__ import annotations


class InvalidError(ValueError):
    """Something given by the user cannot be used; the message says what, and what to do."""


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
        What came instead; a string is quoted as it is, anything else by ``repr``.
    remedy : str, default ""
        One sentence on what to do.

    Returns
    -------
    InvalidError
        To be raised by the caller.

    Examples
    --------
    >>> print(invalid("depth", expected="1 or more", received=0))
    Invalid `depth`. Expected 1 or more. Received: 0.
    """
    got = received if isinstance(received, str) else repr(received)
    end = "" if got.endswith(("?", "!", ".")) else "."
    text = f"Invalid `{name}`. Expected {expected}. Received: {got}{end}"
    return InvalidError(f"{text} {remedy}".rstrip())
