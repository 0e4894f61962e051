"""Folders for the tables of scores, comparisons and rankings."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..events import Event, note
from ..storage.results import claimed, refuse_inputs, refuse_results
from .given import is_file


@contextlib.contextmanager
def results_folder(
    out: str | os.PathLike[str] | None,
    overwrite: bool,
    data: Any,
    verb: str,
    names: Sequence[str],
    write: Callable[[Path, Any], None],
    begin: Callable[[Path], None] | None = None,
) -> Iterator[Callable[[Any], Iterator[Event]]]:
    """Have a folder for results while they are made; yield what writes them there.

    Parameters
    ----------
    out : path or None
        Where; made if missing. None: they are not written.
    overwrite : bool
        Results that are there may be replaced.
    data : object
        What is scored: a table, perhaps, which is never written to.
    verb : str
        Which makes them.
    names : sequence of str
        Files that are written, the last that by which such results are known.
    write : callable
        From the folder and the results; writes them.
    begin : callable, optional
        Given the folder; clears up in it before anything else.
    """
    if out is None:
        yield lambda results: iter(())
        return
    with claimed(out, verb) as (folder, lock):
        if begin is not None:
            begin(folder)
        refuse_results(folder, names, overwrite)
        refuse_inputs([folder / name for name in names], [data] if is_file(data) else [])

        def written(results: Any) -> Iterator[Event]:
            """Write the tables, if the folder is still there."""
            lock.check()
            # somebody may have changed them in the meantime
            refuse_results(folder, names, overwrite)
            write(folder, results)
            yield note(f"Tables written to {folder}.")

        yield written
