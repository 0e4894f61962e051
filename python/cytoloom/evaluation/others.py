"""Score what is no model and knows itself how it is scored, as tracks do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol

from ..errors import invalid


class ScoresItself(Protocol):
    """Something found that has a method to score it."""

    def evaluated(self, truth: Any) -> Any:
        """Score it against the truth."""


def scored_themselves(
    found: Any,
    truth: Any,
    given: Mapping[str, bool],
    out: str | os.PathLike[str] | None,
    overwrite: bool,
) -> Any:
    """Return the scores that something found has against the truth, written to `out` if asked.

    Raises
    ------
    InvalidError
        No truth, or a setting that is for models only.
    """
    kind = type(found).__name__
    for name, set_ in given.items():
        if set_:
            raise invalid(name, expected=f"a model, for which this is; {kind} have no images",
                          received="a value for it")  # fmt: skip
    if truth is None:
        raise invalid("data", expected=f"the truth that {kind} are scored against", received=None)
    scores = found.evaluated(truth)
    if out is not None:
        scores.save(out, overwrite=overwrite)
    return scores
