"""What the fields of a component must be: declared once, beside the field.

A rule is data: Python checks it when a component is made, the command line says its words, and R
reads it from a table (`cytoloom.r.rules`) to check where a component is made there.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import Any

from ..messages import Message, Setting, Value, joined, one_of, say

INF = math.inf


@dataclass(frozen=True)
class Rule:
    """What a value of one field must be.

    Parameters
    ----------
    expected : str
        In words; a `Message` where faces differ.
    low, high : float
        Its ends.
    above, below : bool, default False
        Whether the lower and the upper end are outside.
    whole, odd : bool, default False
        A whole number; an odd one.
    or_zero : bool, default False
        Whether 0 is one of them, too.
    length : int, default 1
        How many such numbers it is; 0 is one or more.
    ordered, rising : bool, default False
        Whether these must not fall; whether each must be above the one before.
    columns : int, default 0
        Where it is a table: how many numbers a row has.
    words : tuple of str, default ()
        Where it is a choice: the words; of several numbers: what may stand for them.
    component : str, default ""
        Where it is a choice: the component that is one too, or a base of such.
    some : bool, default False
        Whether one of the numbers must be above 0.
    texts : int, default 0
        Where it is texts: how many different ones there must be at least.

    Examples
    --------
    >>> share(0.5).metadata["rule"].holds(1.5), SHARE.holds(1), SHARE.holds("1")
    (False, True, False)
    """

    expected: str
    low: float = -INF
    high: float = INF
    above: bool = False
    below: bool = False
    whole: bool = False
    odd: bool = False
    or_zero: bool = False
    length: int = 1
    ordered: bool = False
    rising: bool = False
    columns: int = 0
    words: tuple[str, ...] = ()
    component: str = ""
    some: bool = False
    texts: int = 0

    def holds(self, value: Any) -> bool:
        """Whether a value is what it must be."""
        if self.words and (isinstance(value, str) or self.length == 1):
            return value in self.words if isinstance(value, str) else self._named(value)
        if self.texts:
            return isinstance(value, (list, tuple)) and self._differ(value)
        if self.columns:
            return isinstance(value, (list, tuple)) and all(map(self._row, value))
        several = isinstance(value, (list, tuple)) and self.length != 1
        numbers = value if several else (value,)
        if len(numbers) != (self.length or len(numbers) or 1) or not all(
            map(self._number, numbers)
        ):
            return False
        if self.some and not any(numbers):
            return False
        if self.rising and any(a >= b for a, b in pairwise(numbers)):
            return False
        return not self.ordered or list(numbers) == sorted(numbers)

    def _named(self, value: Any) -> bool:
        return bool(self.component) and self.component in {c.__name__ for c in type(value).__mro__}

    def _differ(self, texts: Sequence[Any]) -> bool:
        plain = all(isinstance(text, str) for text in texts)
        return plain and self.texts <= len(texts) <= self.high and len(set(texts)) == len(texts)

    def _row(self, row: Any) -> bool:
        fits = isinstance(row, (list, tuple)) and len(row) == self.columns
        return fits and all(map(self._number, row))

    def _number(self, value: Any) -> bool:
        if not isinstance(value, Real) or isinstance(value, bool):
            return False
        try:
            number = float(value)
        except (OverflowError, TypeError):  # a whole number beyond 1e308, a span of time
            return False
        if not math.isfinite(number):
            return False
        if self.or_zero and number == 0:
            return True
        inside = (number > self.low if self.above else number >= self.low) and (
            number < self.high if self.below else number <= self.high
        )
        return inside and (not self.whole or number % 1 == 0) and (not self.odd or number % 2 == 1)


@dataclass(frozen=True)
class Between:
    """What several fields of a component must be to each other.

    Parameters
    ----------
    fields : tuple of str
        Which.
    test : {"one_of", "increasing", "as_many", "per_axis", "per_level"}
        At most one of them is given; or each is above the one before; or the first, where it is
        given, has as many values as the second; one, or as many as the second says; as many rows
        as the second says, each of as many as the third.
    expected : str
        In words.
    low, high : float
        Ends of all of them, for "increasing".

    Examples
    --------
    >>> lengths = Between(("minutes", "epochs"), "one_of", "one of minutes, epochs")
    >>> lengths.holds({"minutes": 1, "epochs": None}), lengths.holds({"minutes": 1, "epochs": 2})
    (True, False)
    """

    fields: tuple[str, ...]
    test: str
    expected: str
    low: float = -INF
    high: float = INF

    def holds(self, values: dict[str, Any]) -> bool:
        """Whether the fields, by name, are what they must be."""
        given = [values[name] for name in self.fields if values[name] is not None]
        if self.test == "one_of":
            return len(given) <= 1
        if self.test != "increasing":
            first, *counts = (values[name] for name in self.fields)
            return first is None or _counted(self.test, first, counts)
        numbers = all(Rule("", self.low, self.high).holds(value) for value in given)
        return numbers and all(a < b for a, b in pairwise(given))

    @property
    def name(self) -> str:
        """The field at fault, where it is one: the first."""
        return "" if self.test in ("one_of", "increasing") else self.fields[0]

    def received(self, values: dict[str, Any]) -> Message:
        """Say what came instead."""
        if self.name:
            return say("{}", Value(values[self.name]))
        given = [name for name in self.fields if values[name] is not None]
        if self.test == "one_of":
            return say("{}", Value(given))
        return joined(", ", (say("{}", Setting(name, values[name])) for name in given))


def _counted(test: str, first: Any, counts: Sequence[Any]) -> bool:
    """Whether a field has as many values as others say."""
    if test == "as_many":
        return len(first) == len(counts[0])
    if test == "per_axis":
        return not isinstance(first, tuple) or len(first) == counts[0]
    levels, axes = counts
    return len(first) == levels and all(len(row) == axes and min(row) >= 1 for row in first)


def ruled(default: Any, rule: Rule) -> Any:
    """Declare a field with its default and its rule."""
    return dataclasses.field(default=default, metadata={"rule": rule})


SHARE = Rule("a share from 0 to 1", 0, 1)


def share(default: float) -> Any:
    """Declare a field that is a share."""
    return ruled(default, SHARE)


def fraction(default: float) -> Any:
    """Declare a field that lies between 0 and 1, neither included."""
    return ruled(default, Rule("a number between 0 and 1", 0, 1, above=True, below=True))


def below_one(default: float) -> Any:
    """Declare a field from 0 on that stays below 1."""
    return ruled(default, Rule("at least 0 and below 1", 0, 1, below=True))


def positive(default: float | None) -> Any:
    """Declare a number above 0."""
    return ruled(default, Rule("a finite number above 0", 0, above=True))


def at_least(least: float, default: float) -> Any:
    """Declare a number that is so much or more."""
    return ruled(default, Rule(f"a finite number, {least:g} or more", least))


def count(default: int | None, least: int = 1, most: float = INF) -> Any:
    """Declare a whole number."""
    words = f"{least} or more" if most == INF else f"{least} to {most:g}"
    return ruled(default, Rule(f"a whole number, {words}", least, most, whole=True))


def rising(default: Sequence[float], expected: str, low: float = 0, above: bool = False) -> Any:
    """Declare numbers that do not fall, as many as the default has."""
    rule = Rule(expected, low, above=above, length=len(default), ordered=True)
    return ruled(default, rule)


def rules_of(cls: type) -> Iterator[tuple[dataclasses.Field[Any], Rule]]:
    """Give the fields of a component that have a rule; a `Literal` is one."""
    for field in dataclasses.fields(cls):
        rule = field.metadata.get("rule") or _choice(str(field.type))
        if rule is not None:
            yield field, rule


def optional(field: dataclasses.Field[Any]) -> bool:
    """Whether a field may be None."""
    return str(field.type).endswith("| None")


def _choice(annotation: str) -> Rule | None:
    start, _, rest = annotation.partition("Literal[")
    if start or not rest:
        return None
    words = tuple(word.strip(" '\"") for word in rest.partition("]")[0].split(","))
    return Rule(one_of(words), words=words)
