"""Options from declarations: of a verb's parameters, and of a component's fields."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..components import docstrings
from ..components.rules import Rule, rules_of
from ..messages import InOptions, spelled

_WORDS = {"str", "Any", "Path", "os.PathLike[str]"}
_CHANNELS = {"Channels"}
_NAMED, _NUMBERS = "Mapping[str, Any]", "dict[str, float]"
_BOXES = "Sequence[Mapping[str, Any]]"
_TEXTS = "tuple[str, ...]"
_SEVERAL = {"nargs": "+", "metavar": "N"}
FEW = 3


@dataclass(frozen=True)
class Option:
    """One option or positional argument.

    Parameters
    ----------
    name : str
        Of the parameter or field.
    annotation : str
        Its type, as it is written.
    default : object
        What is passed where it is not given; for a field it is only shown.
    description : str
        From the docstring.
    more : dict, default {}
        What argparse is told besides.
    positional : bool, default False
        Whether it has no default.
    rule : Rule, optional
        What a field must be.
    of_component : bool, default False
        Whether it is a field.

    Examples
    --------
    >>> option = Option("rescale", "float | str | None", "auto", "A factor or None. More of it.")
    >>> option.settings()["type"]("none"), option.settings()["type"]("2"), option.help({"rescale"})
    (None, 2.0, 'a factor or none')
    """

    name: str
    annotation: str
    default: Any
    description: str
    more: Mapping[str, Any] = field(default_factory=dict)
    positional: bool = False
    rule: Rule | None = None
    of_component: bool = False

    @property
    def types(self) -> set[str]:
        """The types that it may have besides None."""
        return set(re.split(r"\s*\|\s*(?![^\[]*\])", self.annotation)) - {"None"}

    def settings(self) -> dict[str, Any] | None:
        """Return what argparse is told of the type; None where no option can hold it."""
        types = self.types
        if types == {"bool"}:
            yes = argparse.BooleanOptionalAction if self.default is True else "store_true"
            return {"action": yes}
        if types == {_NAMED}:
            return {"type": _name_with_numbers, "nargs": "+", "metavar": "NAME=N,N"}
        if types == {_NUMBERS}:
            return {"type": _name_with_number, "nargs": "+", "metavar": "NAME=N"}
        if types & _CHANNELS:
            return {"type": _index_or_name, "nargs": "+"}
        if _BOXES in types:
            how = {"type": _axis_with_ends, "nargs": "+", "metavar": "AXIS=A:B"}
            return {**how, "action": "append"}
        if types == {_TEXTS} and not self.of_component:
            return {"type": str, "nargs": "+", "metavar": "NAME"}
        for number in (int, float):
            several = {f"tuple[{number.__name__}, {more}]" for more in ("...", number.__name__)}
            if types <= {number.__name__, *several}:
                return {"type": number, **(_SEVERAL if several & types else {})}
            if types & several and all(_is_choice(one) for one in types - several):
                return {"type": functools.partial(_number_or_word, number), **_SEVERAL}
        words = types & _WORDS or all(_is_choice(one) for one in types)
        return {"type": self._read} if words else None

    def _read(self, word: str) -> Any:
        """Read a word: as None or a number where it may be such."""
        if word == "none" and self.annotation.endswith("| None") and self.default is not None:
            return None
        if not self.positional and self.types & {"float", "Any"}:
            try:
                return float(word)
            except ValueError:
                return word
        return word

    def value(self, args: argparse.Namespace) -> Any:
        """Return what was given, as the verb takes it."""
        given = getattr(args, self.name)
        if not isinstance(given, list) or self.types & _CHANNELS:
            return given
        if self.types in ({_NAMED}, {_NUMBERS}):
            return dict(given)
        if _BOXES in self.types:
            return [dict(box) for box in given]
        if len(given) == 1 and not all(one.startswith("tuple[") for one in self.types):
            return given[0]
        return given if "Any" in self.types else tuple(given)

    def add(self, group: Any, names: Container[str]) -> None:
        """Add it to a parser or a group; `names` are those of all options of the command."""
        settings = {"help": self.help(names), **(self.settings() or {}), **self.more}
        if self.positional:
            group.add_argument(self.name, **{"metavar": self.name.upper(), **settings})
        else:
            default = argparse.SUPPRESS if self.of_component else self.default
            option = "--" + self.name.replace("_", "-")
            made = group.add_argument(option, dest=self.name, default=default, **settings)
            made.help = settings["help"]  # argparse says defaults of flags as Python writes them

    def help(self, names: Container[str]) -> str:
        """Return the first sentence of the description, the rule and, of a field, the default."""
        found = re.match(r".+?[.](?=\s+[A-Z0-9\"`]|$)", self.description)
        text = found.group()[:-1] if found else self.description
        text = re.sub(r"`+([^`]*)`+", lambda match: _spelled(match[1], names), text)
        text = re.sub(r"\bNone\b", "none", text)
        notes = []
        if self.rule is not None and "choices" not in self.more:
            notes.append(spelled(self.rule.expected, InOptions(())))
        if self.default is True or (self.of_component and self.default not in (None, False)):
            own = self.default
            notes.append(f"default: {own if isinstance(own, str) else InOptions(()).value(own)}")
        text = text if text[1:2].isupper() else text[:1].lower() + text[1:]
        return (f"{text} ({'; '.join(notes)})" if notes else text).replace("%", "%%")


def component_options(cls: Any) -> list[Option]:
    """Return the options of a component's fields that an option can hold."""
    said = docstrings.parameters(cls.__doc__)
    rules = {field.name: rule for field, rule in rules_of(cls)}
    found = []
    for f in dataclasses.fields(cls):
        rule = rules.get(f.name)
        few = rule is not None and rule.whole and rule.high - rule.low < FEW
        more = {"choices": range(int(rule.low), int(rule.high) + 1)} if rule and few else {}
        option = Option(f.name, str(f.type), f.default, said.get(f.name, ""), more, rule=rule)
        found.append(dataclasses.replace(option, of_component=True))
    return [option for option in found if option.settings()]


def file_options(cls: Any) -> list[Option]:
    """Return an option for each kind of file that a component is read from, by ``from_...``."""
    found = []
    for name in sorted(name for name in vars(cls) if name.startswith("from_")):
        text = docstrings.summary(getattr(cls, name).__doc__).removesuffix(".")
        option = Option(name, "Path", None, f"{text}; other options go before it.")
        found.append(dataclasses.replace(option, more={"metavar": "FILE"}, of_component=True))
    return found


def component_of(cls: Any, options: list[Option], args: argparse.Namespace) -> Any:
    """Build a component of a file and of the fields that were given; None where none was."""
    given = {one.name: one.value(args) for one in options if hasattr(args, one.name)}
    files = [name for name in given if name in {one.name for one in file_options(cls)}]
    if not files:
        return cls(**given) if given else None
    (read,) = (getattr(cls, name)(given.pop(name)) for name in files)
    for rule in getattr(cls, "between", ()):
        if rule.test == "one_of" and set(rule.fields) & set(given):
            given = {**dict.fromkeys(rule.fields), **given}
    return dataclasses.replace(read, **given)


def _index_or_name(word: str) -> int | str:
    return int(word) if word.isdecimal() else word


def _name_with_numbers(word: str) -> tuple[str, list[int]]:
    """Read ``mito=3,4,5``.

    Examples
    --------
    >>> _name_with_numbers("mito=3,4,5")
    ('mito', [3, 4, 5])
    """
    name, _, numbers = word.partition("=")
    return name, [int(number) for number in numbers.split(",")]


def _name_with_number(word: str) -> tuple[str, float]:
    """Read ``grows=2``.

    Examples
    --------
    >>> _name_with_number("grows=2")
    ('grows', 2.0)
    """
    name, _, number = word.partition("=")
    return name, float(number)


def _axis_with_ends(word: str) -> tuple[str, tuple[float, float]]:
    """Read ``y=0:99``.

    Examples
    --------
    >>> _axis_with_ends("y=0:99")
    ('y', (0.0, 99.0))
    """
    name, _, ends = word.partition("=")
    first, last = ends.split(":")
    return name, (float(first), float(last))


def _is_choice(annotation: str) -> bool:
    return annotation.startswith("Literal[")


def _number_or_word(number: type, word: str) -> Any:
    try:
        return number(word)
    except ValueError:
        return word


def _spelled(name: str, names: Container[str]) -> str:
    return "--" + name.replace("_", "-") if name in names else name
