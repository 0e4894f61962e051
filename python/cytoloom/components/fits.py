"""What values are as good as: each function returns one as a type, or raises `NoFitError`."""

from __future__ import annotations

import dataclasses
import inspect
import math
import os
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import Any

LONGEST_PATH = 4096
"""Characters that no path on any system has."""


class NoFitError(Exception):
    """A value is not of a type."""


def instance(classes: tuple[type, ...], value: Any) -> Any:
    """Return an instance of one of the classes."""
    if not isinstance(value, classes):
        raise NoFitError
    return value


def word(words: Iterable[Any], value: Any) -> Any:
    """Return one of the words."""
    if not isinstance(value, str) or value not in words:
        raise NoFitError
    return value


def flag(value: Any) -> bool:
    """Return True or False; NumPy's are as good."""
    if type(value).__name__ not in ("bool", "bool_"):
        raise NoFitError
    return bool(value)


def number(value: Any) -> Any:
    """Return a finite number; NumPy's are numbers, flags are none."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise NoFitError
    try:
        finite = math.isfinite(value)
    except (OverflowError, TypeError):  # beyond 1e308; spans of time, which NumPy calls integers
        finite = False
    if not finite:
        raise NoFitError
    plain = isinstance(value, (int, float)) and not hasattr(value, "dtype")
    return value if plain else float(value)


def whole(value: Any) -> int:
    """Return a whole number of 64 bits, as everything below has them."""
    near = number(value)
    exact = int(value) if isinstance(value, Integral) else near
    if isinstance(value, bool) or exact % 1 or not -(2**63) <= exact < 2**63:
        raise NoFitError
    return int(exact)


def is_path(value: Any) -> bool:
    r"""Whether a value may be the path of a file, there or not.

    Examples
    --------
    >>> is_path("a.tif"), is_path("a\0b"), is_path(3)
    (True, False, False)
    """
    try:
        path(value)
        return True
    except NoFitError:
        return False


def path(value: Any) -> Any:
    """Return what may be the path of a file, there or not."""
    text = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    # an empty one, as of a variable of a shell that is not set, would be the working folder
    if not isinstance(text, str) or not text or "\0" in text or len(text) > LONGEST_PATH:
        raise NoFitError
    try:
        os.fsencode(text)
        Path(text).expanduser()
    except (UnicodeError, RuntimeError):  # a lone surrogate; the home of nobody
        raise NoFitError from None
    return value


def array(value: Any) -> Any:
    """Return an array of real numbers."""
    import numpy as np

    try:
        made = np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        raise NoFitError from None
    if made.dtype.kind not in "buif" or not made.ndim:
        raise NoFitError
    return value if isinstance(value, np.ndarray) else made


def function(value: Any) -> Any:
    """Return what can be called."""
    if not callable(value):
        raise NoFitError
    return value


def of_class(cls: type, value: Any) -> Any:
    """Return an instance of a class, of a relative of it, or what follows a protocol."""
    if getattr(cls, "_is_protocol", False):
        # looked at, not asked: what a file holds is not read for this
        fits = all(inspect.getattr_static(value, name, None) for name in _members(cls))
    else:
        fits = isinstance(value, cls) or _relatives(cls, type(value))
    if not fits:
        raise NoFitError
    return value


def _members(protocol: type) -> set[str]:
    public = {*vars(protocol), *inspect.get_annotations(protocol)}
    return {name for name in public if not name.startswith("_")}


def _relatives(declared_class: type, given: type) -> bool:
    """Whether a component stands where another one of its base is named: a network of one's own."""
    bases = {base for base in declared_class.__mro__[1:] if base is not object}
    components = dataclasses.is_dataclass(declared_class) and dataclasses.is_dataclass(given)
    return components and bool(bases & set(given.__mro__))
