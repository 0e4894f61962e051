"""What arguments must be: the types that a signature declares, read where the signature is.

Whoever calls a function with something else is told so in one sentence, before work starts,
wherever the call comes from. What is as good as the type is made that type: a whole float an
integer, one channel a sequence of one.
"""

from __future__ import annotations

import ast
import functools
import inspect
import os
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InvalidError, invalid
from ..messages import Call, Message, Setting, Value, counted, joined, say
from . import fits
from .fits import NoFitError

F = TypeVar("F", bound=Callable[..., Any])
Fit = Callable[[Any], Any]


EMPTY = "Name a file or a folder; a variable of the shell that is empty gives nothing."
"""What to do where a path has no letter."""


@dataclass(frozen=True)
class Kind:
    """One type that an argument may have.

    Parameters
    ----------
    words : str
        What it is called in messages.
    fit : callable
        Returns a value as this type, or raises `NoFitError`.
    """

    words: str
    fit: Fit


@dataclass(frozen=True)
class Declared:
    """The types that an annotation names; without any, everything is taken.

    Examples
    --------
    >>> declared("int | None", {}).fit(3.0, "count")
    3
    >>> declared("int | None", {}).fit("a", "count")
    Traceback (most recent call last):
    cytoloom.errors.InvalidError: Invalid `count`. Expected a whole number or None. Received: 'a'.
    """

    kinds: tuple[Kind, ...]

    def fit(self, value: Any, name: str) -> Any:
        """Return a value as one of the types, or say what an argument must be."""
        empty = isinstance(value, str) and not value
        if not self.kinds and not (empty and name in _OF_NAME):
            return value
        for kind in self.kinds:
            try:
                return kind.fit(value)
            except NoFitError:
                continue
        nowhere = empty and _PATH in self.kinds
        raise refused(name, value, self.words(), EMPTY if nowhere else "")

    def words(self) -> Message:
        """Say what an argument must be: "a finite number, text or None"."""
        words = list(dict.fromkeys(kind.words for kind in self.kinds)) or ["a value"]
        if len(words) == 1:
            return say("{}", words[0])
        return say("{} or {}", joined(", ", words[:-1]), words[-1])


def refused(name: str, value: Any, expected: str = "", remedy: str = "") -> InvalidError:
    """Build the error for an argument; some names have better words than their types.

    Examples
    --------
    >>> print(refused("axes", 3))
    Invalid `axes`. Expected letters such as "zyx". Received: 3.
    """
    # a number of images is a number
    if expected != _PLAIN[int].words:
        expected, remedy = _OF_NAME.get(name, (expected, remedy))
    return invalid(name, expected=expected, received=Value(value), remedy=remedy)


def checked_seed(seed: int) -> int:
    """Return the seed, or refuse what is none.

    Examples
    --------
    >>> checked_seed(7)
    7
    """
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise invalid("seed", expected="a whole number, 0 or more", received=seed)
    return int(seed)


def check_members(members: int, folds: int | None) -> None:
    """Refuse numbers of members and folds that say nothing.

    Examples
    --------
    >>> check_members(0, None)
    Traceback (most recent call last):
    cytoloom.errors.InvalidError: Invalid `members`. Expected 1 or more. Received: 0.
    """
    if members < 1:
        raise invalid("members", expected="1 or more", received=members)
    if folds is not None and (folds < members or members == 1):
        expected = "no fewer than members, of which there are 2 or more"
        received = f"{counted(folds, 'fold')} for {counted(members, 'member')}"
        raise invalid("folds", expected=expected, received=received)


def checked(function: F) -> F:
    """Check what a function, or the class that is a dataclass, is called with (a decorator).

    What belongs to a signature is refused as Python does (`TypeError`): names and their number.

    Examples
    --------
    >>> @checked
    ... def half(number: float) -> float:
    ...     return number / 2
    >>> half("a")
    Traceback (most recent call last):
    cytoloom.errors.InvalidError: Invalid `number`. Expected a finite number. Received: 'a'.
    """
    if isinstance(function, type):
        function.__init__ = checked(function.__init__)  # type: ignore[misc]
        return function

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        """Call with arguments that fit."""
        args, kwargs = fitted(function, args, kwargs)
        return function(*args, **kwargs)

    return typing.cast(F, call)


def fitted(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return arguments as the signature of a function declares them."""
    signature, declarations = _declarations(function)
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:
        # names that it does not have, or too few: the call itself says so as Python does
        return args, kwargs
    for name, value in bound.arguments.items():
        if name in declarations:
            bound.arguments[name] = declarations[name].fit(value, name)
    return bound.args, bound.kwargs


@functools.cache
def _declarations(
    function: Callable[..., Any],
) -> tuple[inspect.Signature, dict[str, Declared]]:
    """Read a signature once; ``*args`` and ``**kwargs`` are for what takes them."""
    found = {}
    scope = vars(sys.modules[function.__module__])
    signature = inspect.signature(function)
    for name, parameter in signature.parameters.items():
        named = parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if named and parameter.annotation is not parameter.empty:
            found[name] = declared(parameter.annotation, scope)
    return signature, found


@functools.cache
def field_declared(cls: type, name: str) -> Declared:
    """Read what the annotation of a component's field declares."""
    owner = next(c for c in cls.__mro__ if name in inspect.get_annotations(c))
    return declared(owner.__annotations__[name], vars(sys.modules[owner.__module__]))


def declared(annotation: Any, scope: Mapping[str, Any]) -> Declared:
    """Read an annotation, a string mostly, of a module whose names are `scope`."""
    hints = _hints(annotation, scope)
    if any(hint in (Any, object) or isinstance(hint, TypeVar) for hint in hints):
        return Declared(())
    paths = any(_is_path(hint) for hint in hints)
    kinds = [_PATH if paths and hint is str else _kind(hint) for hint in hints]
    # None last, as it is said last
    kinds.sort(key=lambda kind: kind is _NONE)
    return Declared(tuple(kinds))


def _hints(annotation: Any, scope: Mapping[str, Any]) -> list[Any]:
    """Return the alternatives of an annotation."""
    if isinstance(annotation, str):
        parts = _alternatives(ast.parse(annotation, mode="eval").body)
        if len(parts) > 1:
            return [hint for part in parts for hint in _hints(part, scope)]
        annotation = _evaluated(annotation, scope)
    if _is_array(annotation):
        return [annotation]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [hint for one in typing.get_args(annotation) for hint in _hints(one, scope)]
    return [annotation]


def _evaluated(annotation: str, scope: Mapping[str, Any]) -> Any:
    """Return what an annotation of a module's own source is, as `typing.get_type_hints` does.

    Names that are imported for checkers only are imported now.
    """
    try:
        return eval(annotation, dict(scope))
    except NameError:
        try:
            return eval(annotation, {**scope, **_for_checkers(scope["__name__"])})
        except (NameError, KeyError, ImportError, OSError, AttributeError):
            return Any


@functools.cache
def _for_checkers(module: str) -> dict[str, Any]:
    """Import what a module imports where `TYPE_CHECKING` holds."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    tests = [node for node in tree.body if isinstance(node, ast.If)]
    found: dict[str, Any] = {}
    for test in tests:
        if ast.unparse(test.test) == "TYPE_CHECKING":
            code = ast.Module(body=test.body, type_ignores=[])
            exec(compile(code, module, "exec"), dict(vars(sys.modules[module])), found)
    return found


def _alternatives(node: ast.expr) -> list[str]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_alternatives(node.left), *_alternatives(node.right)]
    return [ast.unparse(node)]


def _is_path(hint: Any) -> bool:
    return hint is Path or hint is os.PathLike or typing.get_origin(hint) is os.PathLike


def _is_array(hint: Any) -> bool:
    """Whether arrays are meant, or what NumPy makes one of."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return "_SupportsArray" in str(hint)
    return "ndarray" in str(typing.get_origin(hint) or hint)


def _kind(hint: Any) -> Kind:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if _is_path(hint):
        return _PATH
    if _is_array(hint):
        return _ARRAY
    if origin is typing.Literal:
        return Kind(", ".join(f'"{one}"' for one in args), functools.partial(fits.word, args))
    if origin in (tuple, list, Sequence):
        return _several(typing.cast(type, origin), args)
    if hint in (dict, Mapping) or origin in (dict, Mapping):
        inner = tuple(declared(one, {}) for one in args)
        return Kind("names with values", functools.partial(_pairs, inner))
    if origin is Callable or hint is Callable:
        return Kind("a function", fits.function)
    if isinstance(hint, type):
        name = hint.__name__
        article = "an" if name[:1] in "AEIO" else "a"
        words = _OF_CLASS.get(name, f"{article} {name}")
        return Kind(words, functools.partial(fits.of_class, hint))
    return Kind("", lambda value: value)


def _several(origin: type, args: tuple[Any, ...]) -> Kind:
    """Return what several values of a type are: so many, or any number, of which one is as good."""
    many = origin is not tuple or (len(args) == 2 and args[1] is Ellipsis)
    inner = [declared(one, {}) for one in (args[:1] if many else args)]
    words = inner[0].words() if inner and inner[0].kinds else ""
    said = _PLURAL.get(words, f"values, each {words}" if words else "values")
    fit = functools.partial(_each, inner, many, list if origin is list else tuple)
    return Kind(said if many else f"{len(args)} {said}", fit)


def _each(inner: Sequence[Declared], many: bool, make: type, value: Any) -> Any:
    if isinstance(value, (list, tuple, range)) or (
        hasattr(value, "tolist") and getattr(value, "ndim", 0) == 1
    ):
        values = list(value)
    elif many and inner and inner[0].kinds:
        values = [value]
    else:
        raise NoFitError
    if not many and len(values) != len(inner):
        raise NoFitError
    try:
        parts = [inner[0]] * len(values) if many and inner else inner
        fitted = [one.fit(v, "") for one, v in zip(parts, values, strict=True)] if inner else values
    except ValueError:
        raise NoFitError from None
    return make(fitted)


def _pairs(inner: tuple[Declared, ...], value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise NoFitError
    try:
        for one, parts in zip(inner, (list(value), list(value.values())), strict=False):
            for part in parts:
                one.fit(part, "")
    except ValueError:
        raise NoFitError from None
    return value


_OF_NAME = {
    "axes": ('letters such as "zyx"', ""),
    "channels": (say("indices from 0 or names of channels, or {}", None), ""),
    "images": ("a folder, files or arrays of images", EMPTY),
    "image": ("pixels that are real numbers", ""),
    "rescale": (
        say('a factor from 1/16 to 16, "auto" or {}', None),
        say(
            "Pass {} to have it found, or {} for images as they are.",
            Setting("rescale", "auto"),
            Setting("rescale", None),
        ),
    ),
}
"""What arguments of some names are, in better words than their types have, and what to do."""
_OF_CLASS = {
    "ScoresItself": "Tracks",
    "Model": "a model",
    "DataFrame": "a table",
    "Generator": "a random generator",
    **{
        name: say("a {}", Call(name, {}))
        for name in ("Trainer", "UNet", "Normalize", "Augment", "Loss")
    },
    "Network": say("a {}", Call("UNet", {})),
    "Task": say("a task such as {}", Call("Instances", {})),
}
_PLURAL = {
    "a whole number": "whole numbers",
    "a finite number": "finite numbers",
    "text": "texts",
}
_TEXT = Kind("text", functools.partial(fits.instance, (str,)))
_NONE = Kind(say("{}", None), functools.partial(fits.instance, (type(None),)))
_PATH = Kind("a path", fits.path)
_ARRAY = Kind("an array of real numbers", fits.array)
_PLAIN: dict[Any, Kind] = {
    None: _NONE,
    type(None): _NONE,
    bool: Kind(say("{} or {}", True, False), fits.flag),
    int: Kind("a whole number", fits.whole),
    float: Kind("a finite number", fits.number),
    str: _TEXT,
}
