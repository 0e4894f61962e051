"""Scores, read again from their folder."""

from __future__ import annotations

from pathlib import Path

from ..errors import invalid
from ..storage.results import PER_IMAGE, PER_OBJECT, SCORED, read_run
from ..storage.tables import read_table
from .scores import RUN, Scores


def scores_in(folder: Path) -> Scores:
    """Read what `evaluate` wrote.

    Raises
    ------
    InvalidError
        A table that is not there, or that is another one.
    """
    try:
        summary, per_image, per_object = (
            read_table(folder / name) for name in (SCORED, PER_IMAGE, PER_OBJECT)
        )
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise invalid(
            "folder", expected="tables of scores", received=f"{folder}: {reason}"
        ) from None
    import pandas as pd

    # text in the tables of predictions
    ends = {name: pd.to_numeric(summary[name]) for name in ("low", "high") if name in summary}
    summary = summary.assign(**ends)
    needed = ((SCORED, summary, "metric"), (PER_IMAGE, per_image, "image"))
    for name, table, column in needed:
        if column not in table:
            received = f"{folder / name} without the column {column}"
            raise invalid("folder", expected="tables of scores", received=received)
    return Scores(summary, per_image, per_object, read_run(folder / RUN))
