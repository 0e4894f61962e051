"""Components: frozen dataclasses that are their own configuration, and plain JSON by name.

A component (a network, a task, a trainer, an augmentation) is a frozen dataclass with
defaults. `to_plain` turns it into a dictionary that JSON can hold, `from_plain` turns the
dictionary back; nothing else knows how. The dictionary names the class under ``"name"`` and
holds every field, so that a file written today means the same when a default changes.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from ..errors import invalid
from ..messages import Call, Value, one_of, say
from .arguments import declared, field_declared
from .rules import optional, rules_of

T = TypeVar("T")
_REGISTRY: dict[str, type] = {}
PACKAGE = "cytoloom"


def component(cls: type[T]) -> type[T]:
    """Register a frozen dataclass under its class name (a decorator).

    Examples
    --------
    >>> @component
    ... @dataclasses.dataclass(frozen=True)
    ... class Tint:
    ...     strength: float = 0.5
    >>> to_plain(Tint())["strength"]
    0.5
    >>> from_plain({"name": "Tint", "strength": 1})
    Tint(strength=1.0)

    Raises
    ------
    InvalidError
        A class of this package has this name: a file could mean either.
    """
    known = _REGISTRY.get(cls.__name__, cls)
    # one file may be two modules (__main__, a notebook run again): of these the last counts
    if (_home(known) == PACKAGE) != (_home(cls) == PACKAGE):
        raise invalid(
            "component",
            expected="a class name of its own",
            received=f"{cls.__name__} of {cls.__module__}, which {known.__module__} has, too",
            remedy="Give the class another name.",
        )
    _REGISTRY[cls.__name__] = cls
    _check_when_made(cls)
    return cls


def _home(cls: type) -> str:
    """Return the module of a class; the package's own are at home in the package."""
    return PACKAGE if cls.__module__.startswith(f"{PACKAGE}.") else cls.__module__


def _check_when_made(cls: Any) -> None:
    """Check rules and types before what else a class does when an instance is made."""
    after = "__post_init__" if hasattr(cls, "__post_init__") else "__init__"
    made = getattr(cls, after)

    @functools.wraps(made)
    def checked(self: Any, *args: Any, **kwargs: Any) -> None:
        """Make the instance and check its fields."""
        if after == "__post_init__":
            _check(self)
            made(self, *args, **kwargs)
        else:
            made(self, *args, **kwargs)
            _check(self)

    setattr(cls, after, checked)


def _check(made: Any) -> None:
    cls: Any = type(made)
    ruled = {field.name for field, _ in rules_of(cls)}
    for field in dataclasses.fields(made):
        if field.init and field.name not in ruled:
            fits = field_declared(cls, field.name)
            object.__setattr__(made, field.name, fits.fit(getattr(made, field.name), field.name))
    for field, rule in rules_of(type(made)):
        value = getattr(made, field.name)
        if not ((value is None and optional(field)) or rule.holds(value)):
            raise invalid(field.name, expected=rule.expected, received=Value(value))
        fits = field_declared(cls, field.name)
        object.__setattr__(made, field.name, fits.fit(value, field.name))
    for rule in getattr(made, "between", ()):
        values = {name: getattr(made, name) for name in rule.fields}
        if not rule.holds(values):
            name = rule.name or type(made).__name__.lower()
            raise invalid(name, expected=rule.expected, received=rule.received(values))


def is_component(value: Any) -> bool:
    """Whether a value, or a class, is a component."""
    cls = value if isinstance(value, type) else type(value)
    return cls in _REGISTRY.values()


def at_home(value: Any) -> bool:
    """Whether a component is one of this package's, and not of the user's own."""
    return _home(type(value)) == PACKAGE


def to_plain(value: Any) -> Any:
    """Turn a component, or a tuple, list or dict of them, into what JSON can hold.

    Examples
    --------
    >>> to_plain((1, 2.5, None, "a"))
    [1, 2.5, None, 'a']
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        module = _home(type(value))
        home = {} if module == PACKAGE else {"module": module}
        return {"name": type(value).__name__, **home, **fields}
    if isinstance(value, Mapping):
        return {str(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_plain(v) for v in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "item"):
        return value.item()
    raise invalid("component", expected="plain values and components", received=value)


def from_plain(plain: Any, expected: type[T] | None = None) -> Any:
    """Rebuild a component from `to_plain`'s dictionary, or from one that R sent.

    Whole floats are accepted for integer fields (R's ``10`` arrives as ``10.0``) and a scalar
    for a tuple field (R's one-element vector arrives as a scalar); ``10.5`` for an integer is
    refused, as are unknown names and unknown fields.

    Parameters
    ----------
    plain : dict
        ``{"name": class name, field: value, ...}``; missing fields take their defaults.
    expected : type, optional
        A base class that the result must be an instance of; where `plain` lacks ``"name"``
        this class itself is built.

    Raises
    ------
    InvalidError
        Unknown name, unknown field, or a value of the wrong type.
    """
    if not isinstance(plain, Mapping):
        raise invalid("component", expected="a dictionary with a name", received=plain)
    fields = dict(plain)
    default = expected.__name__ if expected is not None else None
    name = fields.pop("name", default)
    home = fields.pop("module", None)
    cls = _REGISTRY.get(str(name))
    if home is not None and (cls is None or _home(cls) == PACKAGE):
        raise invalid(
            "name",
            expected="a class that is known here",
            received=f"{name} of the module {home}",
            remedy=f'Import {home} first, or name it as task: "{home}:{name}".',
        )
    if cls is None or (expected is not None and not issubclass(cls, expected)):
        known = sorted(
            n for n, c in _REGISTRY.items() if expected is None or issubclass(c, expected)
        )
        raise invalid("name", expected=one_of(known), received=name)
    hints = typing.get_type_hints(cls)
    known_fields = {f.name for f in dataclasses.fields(cls) if f.init}
    unknown = sorted(set(fields) - known_fields)
    if unknown:
        raise invalid(str(name), expected=one_of(sorted(known_fields)), received=", ".join(unknown))
    missing = [f.name for f in dataclasses.fields(cls) if _needed(f) and f.name not in fields]
    if missing:
        raise invalid(str(name), expected=say("a value of `{}`", missing[0]), received="none")
    kwargs = {k: coerce(v, hints[k], k) for k, v in fields.items()}
    return cls(**kwargs)


def _needed(field: dataclasses.Field[Any]) -> bool:
    """Whether a field has no value where none is given."""
    nothing = dataclasses.MISSING
    return field.init and field.default is nothing and field.default_factory is nothing


def coerce(value: Any, hint: Any, name: str) -> Any:
    """Fit a plain value to a field's type, or refuse it.

    Examples
    --------
    >>> coerce(10.0, int, "depth")
    10
    >>> coerce(256.0, tuple[int, ...], "patch_px")
    (256,)
    >>> coerce(10.5, int, "depth")
    Traceback (most recent call last):
    cytoloom.errors.InvalidError: Invalid `depth`. Expected a whole number. Received: 10.5.
    """
    origin = typing.get_origin(hint)
    if hint is Any:
        return value
    if origin is typing.Union or origin is types.UnionType:
        return _coerce_union(value, hint, name)
    if origin is tuple:
        return _coerce_tuple(value, hint, name)
    if origin is typing.Literal:
        if value not in typing.get_args(hint):
            expected = one_of(typing.get_args(hint))
            raise invalid(name, expected=expected, received=value)
        return value
    plain = hint in (bool, int, float, str)
    if dataclasses.is_dataclass(hint) or (isinstance(value, Mapping) and not plain):
        if isinstance(value, Mapping):
            return from_plain(value, typing.cast(type, hint))
        if isinstance(value, typing.cast(type, hint)):
            return value
        raise invalid(name, expected=say("a {}", Call(hint.__name__, {})), received=value)
    return _coerce_scalar(value, hint, name)


def _coerce_union(value: Any, hint: Any, name: str) -> Any:
    options = typing.get_args(hint)
    if value is None and type(None) in options:
        return None
    failure: Exception | None = None
    for option in options:
        if option is type(None):
            continue
        try:
            return coerce(value, option, name)
        except ValueError as error:
            failure = failure or error
    if failure is not None and isinstance(value, Mapping):
        raise failure  # of what is in it
    raise invalid(name, expected=declared(hint, {}).words(), received=Value(value))


def _coerce_tuple(value: Any, hint: Any, name: str) -> tuple[Any, ...]:
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    args = typing.get_args(hint)
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(coerce(v, args[0], name) for v in items)
    if len(items) != len(args):
        raise invalid(name, expected=f"{len(args)} values", received=value)
    return tuple(coerce(v, a, name) for v, a in zip(items, args, strict=True))


def _coerce_scalar(value: Any, hint: Any, name: str) -> Any:
    if hint is bool and isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) >= 2**63:
        raise invalid(name, expected="a number of 64 bits", received=value)
    if hint is int and not isinstance(value, bool) and isinstance(value, (int, float)):
        if not math.isfinite(value) or int(value) != value:
            raise invalid(name, expected="a whole number", received=value)
        return int(value)
    if hint is float and not isinstance(value, bool) and isinstance(value, (int, float)):
        return float(value)
    if hint is str and isinstance(value, str):
        return value
    raise invalid(name, expected=declared(hint, {}).words(), received=Value(value))
