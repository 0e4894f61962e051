"""What was found to be unlike controls, read again from its folder."""

from __future__ import annotations

from pathlib import Path

from ..errors import invalid
from ..storage.results import read_run
from ..storage.tables import read_table
from .found import CELLS, HITS, RUN, WELLS, Novelty


def is_novelty(folder: Path) -> bool:
    """Whether a folder has what `novelty` wrote."""
    return (folder / HITS).is_file() and (folder / CELLS).is_file()


def novelty_in(folder: Path) -> Novelty:
    """Read what `novelty` wrote.

    Raises
    ------
    InvalidError
        A table that is not there, or that is another one.
    """
    try:
        cells, wells, hits = (read_table(folder / name) for name in (CELLS, WELLS, HITS))
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise invalid(
            "results", expected="tables of novelty", received=f"{folder}: {reason}"
        ) from None
    run = read_run(folder / RUN)
    needed = (
        (RUN, run, ("threshold", "method", "rate", "features", "by")),
        (CELLS, cells, ("score", "outlier", "is_control", run.get("by", ""))),
        (WELLS, wells, ("outliers", "score", "is_control", "treatment")),
        (HITS, hits, ("treatment", "effect", "low", "high", "p", "q")),
    )
    for name, table, columns in needed:
        for column in columns:
            if column not in table:
                received = f"{folder / name} without {column or 'the column of treatments'}"
                raise invalid("results", expected="tables of novelty", received=received)
    ends = {name: hits[name].astype(float) for name in ("low", "high")}  # text in other tables
    if "cluster" in cells:
        cells = cells.assign(cluster=cells["cluster"].astype("Int64"))
    told = {name: run.pop(name, None) for name in ("threshold", "method", "rate", "by")}
    features, note = tuple(run.pop("features")), str(run.pop("note", ""))
    return Novelty(
        hits.assign(**ends), wells, cells, float(told["threshold"]), str(told["method"]),
        float(told["rate"]), features, note, str(told["by"]), run, folder,
    )  # fmt: skip
