"""A consensus, read again from its folder."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from ..errors import GuessWarning, invalid
from ..messages import counted
from ..storage.results import read_run
from ..storage.tables import read_table, with_counts
from ..storage.written import Written
from .folder import OBJECTS_AGREED, RUN, TABLES
from .result import Consensus


def consensus_in(folder: Path) -> Consensus:
    """Read what `consensus` wrote.

    Raises
    ------
    InvalidError
        A table that is not there, or that is another one.
    """
    import pandas as pd

    try:
        per_image, per_expert, per_label, pairs = (
            read_table(folder / name) for name in TABLES if name != OBJECTS_AGREED
        )
        there = (folder / OBJECTS_AGREED).is_file()
        objects = read_table(folder / OBJECTS_AGREED) if there else pd.DataFrame()
        counts = [name for name in ("objects", "disputed") if name in per_image]
        per_image = with_counts(per_image, *counts)
        labels = [str(folder / name) if name else "" for name in per_image["labels"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise invalid(
            "folder", expected="tables of a consensus", received=f"{folder}: {reason}"
        ) from None
    run = read_run(folder / RUN)
    settings = run.get("settings", {})
    method, task = (str(settings.get(name, "")) for name in ("method", "task"))
    record = Written(folder)
    _tell_corrected(record, [name for name in per_image["labels"] if name])
    digests = {name: max(record.digests(name)) for name in record.names()}
    per_image = per_image.assign(labels=labels)
    return Consensus(
        per_image, per_expert, per_label, pairs, objects, method, task, folder, (), {}, {},
        digests, run,
    )  # fmt: skip


def _tell_corrected(record: Written, names: Sequence[str]) -> None:
    """Warn of what somebody has changed or taken away since it was written."""
    said = {
        "changed since the consensus": record.changed([*names, *TABLES]),
        "of the consensus no longer there": record.gone(TABLES, ("labels/",)),
    }
    for what, files in said.items():
        if files:
            text = (
                f"{record.folder}: {counted(len(files), 'file')} {what} ({', '.join(files[:3])})."
            )
            warnings.warn(GuessWarning(text), stacklevel=3)
