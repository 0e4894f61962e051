"""Score what is no model and knows itself how it is scored, as tracks do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol

from ..datasets.given import is_file
from ..errors import InvalidError, invalid

OPENS = "cytoloom.tracks.known:tracks_at"
"""What opens a path at which something is that knows itself how it is scored, and else says None:
by name, for it is of a room above."""


class ScoresItself(Protocol):
    """Something found that has a method to score it."""

    def evaluated(self, truth: Any) -> Any:
        """Score it against the truth."""


def scoring_itself(given: Any) -> ScoresItself | None:
    """Return what knows itself how it is scored, opened where its path is given; None of models."""
    if hasattr(given, "evaluated"):
        found: ScoresItself = given
        return found
    if not is_file(given):
        return None
    module, _, function = OPENS.partition(":")
    opened: ScoresItself | None = getattr(import_module(module), function)(given)
    return opened


def refuse_for_models(given: Mapping[str, Any]) -> None:
    """Raise where a model is given a setting of those that know themselves how they are scored."""
    for name, value in given.items():
        if value is not None:
            raise invalid(name, expected="tracks, for which this is", received="a model")


def scored_themselves(
    found: Any,
    truth: Any,
    given: Mapping[str, bool],
    how: Mapping[str, Any],
    out: str | os.PathLike[str] | None,
    overwrite: bool,
) -> Any:
    """Return the scores that something found has against the truth, written to `out` if asked.

    Parameters
    ----------
    found : ScoresItself
        What is scored.
    truth : object
        What is true.
    given : dict of str to bool
        Settings for models, and whether each has a value.
    how : dict
        Its own settings; those that are None are left out.
    out : path or None
        Folder for the tables.
    overwrite : bool
        Replace what is there.

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
    own = {name: value for name, value in how.items() if value is not None}
    try:
        scores = found.evaluated(truth, **own)
    except InvalidError as error:
        raise error.renamed("data", of="truth").renamed("data", of="path") from None
    if out is not None:
        try:
            scores.save(out, overwrite=overwrite)
        except InvalidError as error:
            raise error.renamed("out", of="path") from None
    return scores
