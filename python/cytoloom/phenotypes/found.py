"""What was found to be unlike controls: tables of cells, wells and treatments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..storage.results import write_tables

if TYPE_CHECKING:
    import pandas as pd

CELLS, WELLS, HITS = "novelty_cells.csv", "novelty_wells.csv", "hits.csv"
FILES = (CELLS, WELLS, HITS)
"""The last is that by which such results are known."""


@dataclass(frozen=True, eq=False)
class Novelty:
    """What `novelty` found.

    Attributes
    ----------
    hits : DataFrame
        A row per plate and treatment: plate (where there are several), treatment, wells, cells,
        outliers, effect, low, high, p, q; the largest effect first.
    wells : DataFrame
        A row per well: plate, well, treatment, control, cells, outliers, score (the median).
    cells : DataFrame
        A row per cell: what is known of it, score, outlier.
    threshold : float
        The score above which a cell is an outlier.
    method : str
        The detector.
    rate : float
        Share of control cells that may be outliers.
    features : tuple of str
        Columns that were used.
    note : str
        What the number of wells does not allow; empty where it allows all.
    out : Path or None
        Where tables were written.
    """

    hits: pd.DataFrame
    wells: pd.DataFrame
    cells: pd.DataFrame
    threshold: float
    method: str
    rate: float
    features: tuple[str, ...]
    note: str = ""
    out: Path | None = None

    def write_to(self, folder: Path) -> None:
        """Write the tables into a folder that is this run's alone."""
        write_tables(folder, {CELLS: self.cells, WELLS: self.wells, HITS: self.hits})

    def __str__(self) -> str:
        shown = self.hits.head(10).to_string(index=False, float_format=lambda v: f"{v:.3g}")
        more = len(self.hits) - 10
        lines = [shown, f"... and {more} more"] if more > 0 else [shown]
        return "\n".join([*lines, *([self.note] if self.note else [])])
