"""What a model's manifest, model.json, must hold: the type of each of its fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any

from ..components.arguments import declared
from ..errors import InvalidError, invalid
from ..messages import Value, no_json, say

MANIFEST = "model.json"
AGAIN = "Copy the model folder again."
TYPES: dict[str, Any] = {
    "cytoloom": "str | None",
    "networks": "dict[str, dict]",
    "files": "dict[str, str]",
    "trainer": "dict | None",
    "channels": {"count": "int", "names": "list[str] | None"},
    "ndim": "int",
    "pixel_size_um": "list[float] | None",
    "diameter_px": "dict[str, float] | None",
    "seed": "int",
    "precision": "str",
    "threads": "int | None",
    "reproducible": "bool",
    "interrupted": "bool",
    "backend": "str",
    "device": "str",
    "libraries": "dict[str, str]",
    "data": "dict[str, list]",
    "training": {
        "images": "int",
        "iterations": "int",
        "seconds": "float",
        "batch_size": "int",
        "score": "float | None",
        "scores": "dict | None",
        "best_iteration": "int",
        "validation": "str",
    },
    "tile_difference": "float | None",
    "start": "str | None",
}
"""As annotations; a dictionary names fields of a field, among others that are not looked at."""
MEMBER_TYPES = {"iterations": "int", "knots": "list[list]", "held_out": "list[str]"}
"""Of what is known of each member of an ensemble."""
PART_TYPES = {
    "task": "dict",
    "network": "dict",
    "normalize": "dict",
    "inputs": "dict[str, int]",
    "calibration": "dict | None",
}


def read_fields(file: Path) -> dict[str, Any]:
    """Read fields from a file of JSON, or say what is in it instead."""
    try:
        plain = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        received = f"{no_json(error)}, in {file}"
        raise invalid(MANIFEST, expected="JSON", received=received, remedy=AGAIN) from None
    if not isinstance(plain, dict):
        received = say("{} in {}", Value(plain), file)
        raise invalid(MANIFEST, expected="the fields of a model", received=received, remedy=AGAIN)
    return plain


def check_types(plain: Mapping[str, Any], types: Mapping[str, Any], file: Path) -> None:
    """Refuse fields of another type; a field that is not there is another check's.

    Examples
    --------
    >>> check_types({"ndim": "two"}, {"ndim": "int"}, Path("m/model.json"))
    Traceback (most recent call last):
    cytoloom.errors.InvalidError: Invalid `model.json`. Expected a whole number as ndim. ...
    """
    for name, annotation in types.items():
        if isinstance(annotation, str):
            if name in plain:
                _check_type(plain[name], annotation, name, file)
        else:
            inner = plain.get(name)
            _check_type(inner, "dict", name, file)
            missing = [one for one in annotation if one not in inner]
            if missing:
                raise _refused(f"{', '.join(annotation)} in {name}", inner, name, file)
            check_types(inner, annotation, file)


def _check_type(value: Any, annotation: str, name: str, file: Path) -> None:
    kinds = declared(annotation, {})
    try:
        kinds.fit(value, name)
    except InvalidError:
        raise _refused(say("{} as {}", kinds.words(), name), value, name, file) from None


def _refused(expected: str, value: Any, name: str, file: Path) -> InvalidError:
    received = say("{} in {}", Value(value), file)
    return invalid(MANIFEST, expected=expected, received=received, remedy=AGAIN)


def check_scores(plain: Mapping[str, Any], file: Path) -> None:
    """Refuse scores that are no numbers; of nothing to measure they are NaN or null.

    And what is known of members that does not say how they were trained.
    """
    training = plain["training"]
    rows = training.get("out_of_fold")  # of an ensemble alone
    _check_type(rows, "list[dict] | None", "out_of_fold", file)
    _check_type(training.get("reliability"), "list[dict] | None", "reliability", file)
    _check_type(training.get("members"), "list[dict] | None", "members", file)
    for one in training.get("members") or ():
        check_types({"members": one}, {"members": MEMBER_TYPES}, file)
    for row in rows or ():
        _check_type(row.get("image"), "str", "image", file)
        _check_type(row.get("group"), "str | None", "group", file)
    named = [{k: v for k, v in row.items() if k not in ("image", "group")} for row in rows or ()]
    for scores in (training["scores"] or {}, *named):
        for name, value in scores.items():
            if value is not None and (not isinstance(value, Real) or isinstance(value, bool)):
                raise _refused(f"a number as {name}", value, name, file)
