"""The rules of all components as a table that R reads, so that it need not start Python.

``python -m cytoloom.r.rules`` writes it anew, where a rule has changed.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

import cytoloom as cl

from ..components.arguments import field_declared
from ..components.rules import INF, optional, rules_of
from ..messages import R, spelled

COMPONENTS = (
    cl.Trainer,
    cl.UNet,
    cl.Augment,
    cl.Normalize,
    cl.tasks.Binary,
    cl.tasks.Classes,
    cl.tasks.Instances,
    cl.tasks.Boundary,
    cl.tasks.Affinities,
    cl.tasks.Centres,
    cl.tasks.Distance,
    cl.tasks.HotDistance,
    cl.tasks.InnerDistance,
    cl.tasks.Reconstruction,
    cl.Autoencoder,
    cl.DataSplit,
    *cl.losses.NAMES.values(),
)
FLAGS = ("above", "below", "whole", "odd", "or_zero", "ordered", "rising", "some")
HEAD = ("component", "fields", "test", "expected", "low", "high", *FLAGS)
HEAD += ("length", "columns", "texts", "words", "or", "optional")
TYPES = {"bool": "flag", "str | None": "text"}
"""Tests of fields that have no rule, by their types."""
_NO_NUMBERS = ["-Inf", "Inf", *["FALSE"] * len(FLAGS), 1, 0, 0, "", ""]
FILE = Path(__file__).with_name("rules.csv")


def table() -> str:
    """Return the table as CSV.

    A row for each field and each rule between fields: component, fields (names with spaces
    between), test (value, flag, text or one of those of `Between`), expected (as R spells it), low,
    high, the flags, length, columns, texts, words (with spaces between), component that is allowed,
    optional.

    Examples
    --------
    >>> print(table().splitlines()[1])
    Trainer,minutes,value,a finite number above 0,0,Inf,TRUE,FALSE,FALSE,FALSE,FALSE,FALSE,...
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEAD)
    for cls in COMPONENTS:
        for field, rule in rules_of(cls):
            flags = [_word(getattr(rule, flag)) for flag in FLAGS]
            more = [
                rule.length,
                rule.columns,
                rule.texts,
                " ".join(rule.words),
                rule.component,
                _word(optional(field)),
            ]
            words = [cls.__name__, field.name, "value", spelled(rule.expected, R)]
            writer.writerow([*words, _word(rule.low), _word(rule.high), *flags, *more])
        for field in dataclasses.fields(cls):
            if str(field.type) in TYPES and "rule" not in field.metadata:
                expected = spelled(field_declared(cls, field.name).words(), R)
                words = [cls.__name__, field.name, TYPES[str(field.type)], expected]
                writer.writerow([*words, *_NO_NUMBERS, _word(optional(field))])
        for one in getattr(cls, "between", ()):
            words = [cls.__name__, " ".join(one.fields), one.test, spelled(one.expected, R)]
            writer.writerow([*words, _word(one.low), _word(one.high), *_NO_NUMBERS[2:], "TRUE"])
    return text.getvalue()


def _word(value: Any) -> str:
    """Write a number or a truth as R reads it."""
    if isinstance(value, bool):
        return str(value).upper()
    return {INF: "Inf", -INF: "-Inf"}.get(value) or f"{value:g}"


if __name__ == "__main__":
    FILE.write_text(table(), encoding="utf-8")
