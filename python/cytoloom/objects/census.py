"""Census: how many objects label images hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..events import Event, Work, verb

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Census:
    """Objects of some label images.

    Attributes
    ----------
    table : DataFrame
        Columns file, objects.
    """

    table: pd.DataFrame

    def __str__(self) -> str:
        return str(self.table.to_string(index=False))


@verb
def census(folder: Any, *, pattern: str = "*.tif", progress: bool | str = "auto") -> Work[Census]:
    """Count the objects of label images.

    Parameters
    ----------
    folder : path
        Where they are.
    pattern : str, default "*.tif"
        Which of its files.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Census
        A row per file.
    """
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from ..images.files import read_labels

    rows = []
    files = sorted(Path(folder).glob(pattern))
    for k, file in enumerate(files):
        yield Event("progress", f"counting {file.name}", k, len(files))
        rows.append((file.name, len(np.unique(read_labels(file))) - 1))
    return Census(pd.DataFrame(rows, columns=["file", "objects"]))
