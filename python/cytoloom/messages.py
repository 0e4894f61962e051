"""Words of messages: how many there are, and settings that each face spells in its own way.

A message that names a setting, a value or a verb keeps these as parts: as a string it reads as
Python does, and `Message.spelled` gives what a user of R or of the command line would write.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
import shlex
from collections.abc import Container, Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any


def counted(count: int, what: str) -> str:
    """Say how many there are.

    Examples
    --------
    >>> counted(1, "image"), counted(2, "image"), counted(8, "patch")
    ('1 image', '2 images', '8 patches')
    """
    end = "" if count == 1 else "es" if what.endswith("ch") else "s"
    return f"{count} {what}{end}"


def one_of(choices: Iterable[Any]) -> str:
    """Name what there is to choose from; a single one is named alone.

    Examples
    --------
    >>> print(one_of(["roi", "coco"]), one_of([0.5, 1]), one_of(["all"]), sep="; ")
    one of "roi", "coco"; one of 0.5, 1; "all"
    """
    choices = list(choices)
    words = ", ".join(f'"{one}"' if isinstance(one, str) else str(one) for one in choices)
    return shortened(words) if len(choices) == 1 else f"one of {shortened(words)}"


def in_lines(subjects: Mapping[str, Any], width: int = 14) -> Message:
    """Lay subjects out in two columns, a line each.

    Examples
    --------
    >>> print(in_lines({"disk": "7 GB", "R": "none"}, width=5))
    disk  7 GB
    R     none
    """
    return joined("\n", (say("{} {}", f"{k:<{width}}", v) for k, v in subjects.items()))


def shortened(text: str, longest: int = 240) -> str:
    """Leave out the middle of a text that nobody would read to its end.

    Examples
    --------
    >>> shortened("abcdefghij" * 30, longest=20)
    'abcdefghij...defghij'
    """
    if len(text) <= longest:
        return text
    return f"{text[: longest // 2]}...{text[len(text) - longest // 2 + 3 :]}"


def said_by(error: BaseException) -> str:
    r"""Return what an error of another library says, in one line without addresses of memory.

    Examples
    --------
    >>> said_by(ValueError("no good:\n <object at 0x7f00>"))
    'ValueError: no good: <object>'
    """
    text = re.sub(r" at 0x[0-9a-f]+", "", " ".join(str(error).split()))
    return f"{type(error).__name__}: {shortened(text)}"


def no_json(error: Exception) -> str:
    """Say why something that should be JSON cannot be read as it.

    Examples
    --------
    >>> try:
    ...     json.loads("{'a': 1}")
    ... except ValueError as error:
    ...     print(no_json(error))
    text that is no JSON from line 1, column 2 on
    """
    if isinstance(error, json.JSONDecodeError):
        return f"text that is no JSON from line {error.lineno}, column {error.colno} on"
    return "what cannot be read"


def in_words(value: Any) -> str:
    """Show any value in one line of a length that can be read; large ones by their type.

    Examples
    --------
    >>> import numpy as np
    >>> in_words(np.zeros((2, 3))), in_words([1, "a"]), in_words(object())
    ('a float64 array of shape (2, 3)', "[1, 'a']", 'an object')
    >>> in_words(np.zeros(2, int))
    'an int64 array of shape (2,)'
    """
    if "ndarray" in {cls.__name__ for cls in type(value).__mro__} and value.ndim:
        article = "an" if str(value.dtype).startswith(("int", "object")) else "a"
        return f"{article} {value.dtype} array of shape {tuple(value.shape)}"
    try:
        text = repr(value)
    except Exception:  # numbers of more digits than Python shows, objects that are half made
        text = "\n"
    if "\n" in text or " at 0x" in text:
        kind = type(value).__name__
        return f"a{'n' if kind[:1].lower() in 'aeiou' else ''} {kind}"
    return shortened(text)


def described(value: Any) -> Message:
    """Show a value that is no plain one, as each face calls it.

    Examples
    --------
    >>> import numpy as np
    >>> words = described(np.zeros((2, 3)))
    >>> words, words.spelled(R)
    ('a float64 array of shape (2, 3)', 'an array of 2 x 3 numbers')
    """
    words = in_words(value)
    return say("{}", Either(python=words, r=_in_words_of_r(value), options=words))


def is_plain(value: Any, depth: int = 4) -> bool:
    """Whether a value is numbers, texts, lists, components and parts of messages throughout.

    Examples
    --------
    >>> is_plain([1, ("a", None)]), is_plain([object()])
    (True, False)
    """
    if isinstance(value, (list, tuple)):
        return depth > 0 and all(is_plain(one, depth - 1) for one in value)
    if isinstance(value, Mapping):
        return is_plain([*value, *value.values()], depth)
    named = dataclasses.is_dataclass(value) and not isinstance(value, type)
    return value is None or named or isinstance(value, (bool, int, float, str, os.PathLike))


@dataclass(frozen=True)
class Setting:
    """A part of a message: an argument with a value to give it."""

    name: str
    value: Any


@dataclass(frozen=True)
class Argument:
    """A part of a message: an argument by its name alone."""

    name: str


@dataclass(frozen=True)
class Value:
    """A part of a message: a value; a string is quoted, which as a part itself it is not."""

    value: Any


@dataclass(frozen=True)
class Call:
    """A part of a message: a component by its name and some of its fields; `own` if R has it."""

    name: str
    fields: Mapping[str, Any]
    own: bool = True


@dataclass(frozen=True)
class VerbName:
    """A part of a message: a verb to run."""

    name: str


@dataclass(frozen=True)
class Either:
    """A part of a message for which each face has words of its own."""

    python: str
    r: str
    options: str


class Face:
    """How Python spells the parts of a message; the other faces differ in some of them."""

    def part(self, part: Any) -> str:
        """Spell one part: strings as they are, other values as values."""
        match part:
            case Message():
                return part.spelled(self)
            case str() | os.PathLike():
                return str(part)
            case Setting():
                return self.setting(part.name, part.value)
            case Argument():
                return self.argument(part.name)
            case VerbName():
                return self.verb(part.name)
            case Either():
                return self.either(part)
        return self.value(part.value if isinstance(part, Value) else part)

    def setting(self, name: str, value: Any) -> str:
        """Spell a setting."""
        return f"{name}={self.value(value)}"

    def argument(self, name: str) -> str:
        """Spell the name of an argument."""
        return f"`{name}`"

    def value(self, value: Any) -> str:
        """Spell a value."""
        if isinstance(value, Call):
            return (
                f"{value.name}({', '.join(self.setting(*pair) for pair in value.fields.items())})"
            )
        return in_words(value)

    def verb(self, name: str) -> str:
        """Spell the name of a verb."""
        return f"`{name.replace('run_', 'runs.', 1) if name.startswith('run_') else name}`"

    def either(self, words: Either) -> str:
        """Choose this face's words."""
        return words.python


LOSSES = {
    "CrossEntropy": "ce",
    "CrossEntropyDice": "ce_dice",
    "Dice": "dice",
    "Focal": "focal",
    "AbsoluteError": "l1",
    "SquaredError": "mse",
    "Tversky": "tversky",
}
"""Names of losses, which one function of R makes."""


class InR(Face):
    """How R spells them.

    Examples
    --------
    >>> words = say("Pass {}, not {}.", Setting("rescale", None), (1, True, "a"))
    >>> words, words.spelled(InR())
    ("Pass rescale=None, not (1, True, 'a').", 'Pass rescale = NULL, not c(1, TRUE, "a").')
    """

    def setting(self, name: str, value: Any) -> str:
        """Spell a setting with spaces."""
        return f"{name} = {self.value(value)}"

    def value(self, value: Any) -> str:
        """Spell a value: NULL, TRUE, c(1, 2), list(a = 1), cl_unet(filters = 8)."""
        match value:
            case None:
                return "NULL"
            case bool():
                return str(value).upper()
            case str():
                return json.dumps(shortened(value), ensure_ascii=False)
            case float() if not math.isfinite(value):
                return {"inf": "Inf", "-inf": "-Inf"}.get(str(value), "NaN")
            case int() if abs(value) >= 1e15:
                return f"{float(value):.15g}" if abs(value) < 2**1023 else in_words(value)
            case float():
                return f"{value:.15g}"
            case list() | tuple() | set() as none if not none:
                return "list()"
            case list() | tuple() as many if len(many) == 1:
                return self.value(many[0])
            case list() | tuple():
                nested = any(isinstance(one, (list, tuple, dict)) for one in value)
                return f"{'list' if nested else 'c'}({', '.join(map(self.value, value))})"
            case dict():
                return f"list({', '.join(self.setting(*pair) for pair in value.items())})"
            case Call(own=True) if value.name in LOSSES:
                fields = [self.setting(*pair) for pair in value.fields.items()]
                return f"cl_loss({', '.join([json.dumps(LOSSES[value.name]), *fields])})"
            case Call():
                snake = re.sub("([a-z])([A-Z])", r"\1_\2", value.name).lower()
                name = f"cl_{snake}" if value.own else value.name
                return super().value(Call(name, value.fields))
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self.value(changed(value))
        scalar = hasattr(value, "item") and getattr(value, "ndim", 0) == 0
        return self.value(value.item()) if scalar else _in_words_of_r(value)

    def verb(self, name: str) -> str:
        """Spell the name of a verb: predict() and evaluate() are generics in R."""
        return f"{name}()" if name in ("predict", "evaluate") else f"cl_{name}()"

    def either(self, words: Either) -> str:
        """Choose R's words."""
        return words.r


def _in_words_of_r(value: Any) -> str:
    """Show a value that R has no code for: arrays and tables by their size."""
    if hasattr(value, "columns"):
        return (
            f"a data frame of {counted(len(value), 'row')} ({', '.join(map(str, value.columns))})"
        )
    if hasattr(value, "dtype"):
        return f"an array of {' x '.join(map(str, value.shape))} numbers"
    return in_words(value)


GROUPS = ("run", "cells")
"""Commands that have commands of their own."""


def command_of(verb: str) -> str:
    """Return the words of a verb's command.

    Examples
    --------
    >>> command_of("export_model"), command_of("run_start")
    ('export-model', 'run start')
    """
    first, _, rest = verb.partition("_")
    return f"{first} {rest}" if first in GROUPS and rest else verb.replace("_", "-")


@dataclass(frozen=True)
class InOptions(Face):
    r"""How the command line spells them: settings that are options of the command, as such.

    Examples
    --------
    >>> words = say("Pass {} or {}.", Setting("patch_px", (32, 64)), Setting("axes", "yx"))
    >>> words.spelled(InOptions({"patch_px", "rescale"}))
    "Pass --patch-px 32 64 or axes='yx'."
    >>> print(say("Not {}, {} or {}.", None, (1, True), Value("it's")).spelled(InOptions(())))
    Not none, 1, on or 'it'\''s'.
    """

    options: Container[str]

    def setting(self, name: str, value: Any) -> str:
        """Spell a setting as the option that it is, if it is one."""
        if name not in self.options or value is False:
            several = isinstance(value, (list, tuple))
            return f"{name}=({self.value(value)})" if several else super().setting(name, value)
        several = value if isinstance(value, (list, tuple)) else () if value is True else (value,)
        words = ("none" if one is None else shlex.quote(str(one)) for one in several)
        return " ".join([self.argument(name), *words])

    def value(self, value: Any) -> str:
        """Spell a value as one that is typed: none, on, 'a name', 1, 2, (1, 2), (3, 4)."""
        match value:
            case None:
                return "none"
            case bool():
                return "on" if value else "off"
            case str():
                return "'" + shortened(value).replace("'", "'\\''") + "'"
            case list() | tuple():
                inner = (
                    f"({self.value(v)})" if isinstance(v, (list, tuple)) else self.value(v)
                    for v in value
                )
                return shortened(", ".join(inner)) or "nothing"
            case dict():
                return ", ".join(f"{k}: {self.value(v)}" for k, v in value.items()) or "nothing"
        scalar = hasattr(value, "item") and getattr(value, "ndim", 0) == 0
        return self.value(value.item()) if scalar else super().value(value)

    def argument(self, name: str) -> str:
        """Spell an argument as the option that it is, if it is one."""
        option = "--" + name.replace("_", "-")
        return option if name in self.options else super().argument(name)

    def verb(self, name: str) -> str:
        """Spell a verb as its command."""
        return f"cytoloom {command_of(name)}"

    def either(self, words: Either) -> str:
        """Choose the command line's words."""
        return words.options


class InTables(Face):
    """How a table in a file spells them, which any face may have written and any may read.

    Examples
    --------
    >>> words = say("Pass {} or {}, see {}.", Setting("axes", "tyx"), Setting("slices", True),
    ...             VerbName("predict"))
    >>> words.spelled(InTables())
    'Pass axes = tyx or slices = true, see predict.'
    """

    def setting(self, name: str, value: Any) -> str:
        """Spell a setting by its name and value alone."""
        return f"{name} = {value if isinstance(value, str) else self.value(value)}"

    def argument(self, name: str) -> str:
        """Spell the name of an argument as it is."""
        return name

    def value(self, value: Any) -> str:
        """Spell a value as JSON, where it can be."""
        try:
            return json.dumps(value, ensure_ascii=False)
        except (TypeError, ValueError):
            return super().value(value)

    def verb(self, name: str) -> str:
        """Spell the name of a verb as it is."""
        return name


PYTHON, R, TABLES = Face(), InR(), InTables()


class Message(str):
    """Words with parts that each face spells in its own way; as a string, in Python's.

    Parameters
    ----------
    template : str
        With ``{}`` for each part.
    *parts : object
        Strings, which are never respelled (names of files), messages, `Setting`, `Argument`,
        `VerbName`, `Either`, `Call`, and values.

    Examples
    --------
    >>> text = say("{} is there. Pass {}.", "seed=1.tif", Setting("overwrite", True))
    >>> text
    'seed=1.tif is there. Pass overwrite=True.'
    >>> text.spelled(R)
    'seed=1.tif is there. Pass overwrite = TRUE.'
    >>> text.spelled(InOptions({"overwrite", "seed"}))
    'seed=1.tif is there. Pass --overwrite.'
    """

    template: str
    parts: tuple[Any, ...]

    def __new__(cls, template: str, *parts: Any) -> Message:  # noqa: D102
        self = super().__new__(cls, template.format(*map(PYTHON.part, parts)))
        self.template, self.parts = template, parts
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.template, *self.parts)

    def __str__(self) -> str:
        # str() of an error gives its message whole, parts and all.
        return self

    def spelled(self, face: Face) -> str:
        """Return the words as a face spells them."""
        return self.template.format(*map(face.part, self.parts))


say = Message


def arguments_of(text: str) -> set[str]:
    """Return the names of the arguments that a message tells to give.

    Examples
    --------
    >>> arguments_of(say("{}; say so: {}", "not named", Setting("axes", "tyx")))
    {'axes'}
    """
    parts = text.parts if isinstance(text, Message) else ()
    own = {part.name for part in parts if isinstance(part, (Setting, Argument))}
    return own.union(*map(arguments_of, filter(lambda part: isinstance(part, str), parts)))


def unsettled(notes: Iterable[str], given: Set[str]) -> tuple[str, ...]:
    """Return the notes that ask for none of the arguments that were given.

    Examples
    --------
    >>> unsettled(["odd", say("say so: {}", Setting("axes", "tyx"))], {"axes"})
    ('odd',)
    """
    return tuple(text for text in notes if not arguments_of(text) & given)


def joined(separator: str, texts: Iterable[str]) -> Message:
    """Join texts, messages among them, to one message."""
    parts = tuple(texts)
    return Message(separator.join(["{}"] * len(parts)), *parts)


def spelled(text: str, face: Face) -> str:
    """Return a text as a face spells it, where it is a message, else as it is."""
    return text.spelled(face) if isinstance(text, Message) else text


def changed(component: Any, names: Iterable[str] | None = None) -> Call:
    """Return a component as a call with the fields that differ from their defaults.

    Parameters
    ----------
    component : dataclass
        Fields without a default are shown, too.
    names : iterable of str, optional
        Which fields to show, changed or not.
    """
    fields = {f.name: getattr(component, f.name) for f in dataclasses.fields(component)}
    usual = {f.name: f.default for f in dataclasses.fields(component)}
    shown = [n for n in fields if fields[n] != usual[n]] if names is None else names
    own = type(component).__module__.startswith(f"{__package__}.")
    return Call(type(component).__name__, {name: fields[name] for name in shown}, own)
