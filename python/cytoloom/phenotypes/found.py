"""What was found to be unlike controls: tables of cells, wells and treatments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..storage.results import RUNS, put_in_place, staged, write_run
from ..storage.written import Written
from .fitted import FILE as DETECTOR
from .fitted import Fitted
from .gallery_files import CLUSTERS, FOLDER, write_galleries

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

CELLS, WELLS, HITS = "novelty_cells.csv", "novelty_wells.csv", "hits.csv"
RUN = RUNS["novelty"]
FILES = (CELLS, WELLS, DETECTOR, RUN, CLUSTERS, HITS)
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
        A row per cell: what is known of it, is_control, score, outlier, cluster (of the outliers
        that are alike, from 1, the largest first) and its principal components, pc_1 and so on.
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
    by : str
        The column of treatments.
    run : dict
        What made this: version and settings.
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
    by: str = "treatment"
    run: Mapping[str, Any] = field(default_factory=dict)
    out: Path | None = None
    _fitted: Fitted | None = field(default=None, repr=False)

    def write_to(self, folder: Path, cells: Any = None) -> None:
        """Write the tables, and galleries of cells, into a folder that is this run's alone."""
        tables = {CELLS: self.cells, WELLS: self.wells, HITS: self.hits}
        with staged(folder) as stage:
            write_run({**self.run, **self.told()}, stage / RUN)
            if self._fitted is not None:
                self._fitted.save(stage / DETECTOR)
            kept = [] if self._fitted is None else [DETECTOR]
            pictures = [] if cells is None else write_galleries(stage, self, cells)
            earlier = (n for n in Written(folder).names() if n.startswith((f"{FOLDER}/", CLUSTERS)))
            gone = [name for name in earlier if name not in pictures]
            put_in_place(stage, folder, tables, [*kept, RUN, *pictures], gone)

    def told(self) -> dict[str, Any]:
        """Return what stands in no table."""
        names = ("threshold", "method", "rate", "features", "note", "by")
        return {name: getattr(self, name) for name in names}

    def plot(self, kind: str = "plate", *, cells: Any = None, ax: Any = None, **how: Any) -> Figure:
        """Draw what was found.

        Parameters
        ----------
        kind : {"plate", "hits", "map", "novel", "typical", "clusters"}
            A heat map of the plate, with a ring in control wells; effects with their intervals; a
            map of cells; the most novel cells of each treatment, or the most typical; cells of each
            cluster of outliers.
        cells : Cells or path, optional
            For the last three, whose cells are shown: what `cells` gathered, or its folder.
        ax : matplotlib.axes.Axes, optional
            Where to draw.
        **how
            "plate": ``value`` ("outliers", the share, or "score") and ``plate``, where there are
            several; "hits": ``rows``, how many; "map": ``by``, "pca" or "umap" (which takes
            umap-learn), and ``seed``; "novel", "typical", "clusters": ``n`` cells of each, and of
            so many ``rows`` at most.

        Returns
        -------
        matplotlib.figure.Figure
            `plots.save` writes it.
        """
        from .kept import as_cells
        from .pictures import picture

        return picture(self, kind, None if cells is None else as_cells(cells), ax, how)

    def __str__(self) -> str:
        shown = self.hits.head(10).to_string(index=False, float_format=lambda v: f"{v:.3g}")
        more = len(self.hits) - 10
        lines = [shown, f"... and {more} more"] if more > 0 else [shown]
        return "\n".join([*lines, *([self.note] if self.note else [])])
