"""Galleries of what was found as PNG: one for each treatment, one of the clusters of outliers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..plots import screens
from ..plots.figures import save
from ..storage.names import file_names
from .galleries import Group, crops_of, groups_of, most_novel, most_typical, rows_in
from .pictures import cluster_groups, order

FOLDER, CLUSTERS = "galleries", "clusters.png"
CELLS_EACH = 10
"""Cells in each row of a picture."""


def write_galleries(folder: Path, found: Any, cells: Any) -> list[str]:
    """Write the cells of each treatment, ranked, and of each cluster of outliers.

    Parameters
    ----------
    folder : Path
        Where: ``galleries/NAME.png`` for each treatment, with its most novel cells, the most novel
        first, above its most typical ones; ``clusters.png`` where there are outliers.
    found : Novelty
        What was found.
    cells : Cells
        The cells of which it is.

    Returns
    -------
    list of str
        The files, below the folder.
    """
    (folder / FOLDER).mkdir()
    rows, stats = rows_in(cells, found.cells), cells.stats()
    scores, every = found.cells["score"].to_numpy(float), groups_of(found.cells[found.by])
    written = []
    for name, file in file_names(one for one in order(found) if one in every).items():
        own = every[name]
        groups = [
            Group("most novel", len(own), rows[most_novel(scores, own, CELLS_EACH)]),
            Group("most typical", len(own), rows[most_typical(scores, own, CELLS_EACH)]),
        ]
        crops = crops_of(cells, groups, stats)
        named = {group.name: crops[group.title] for group in groups}
        written.append(f"{FOLDER}/{file}.png")
        save(screens.gallery(named, title=f"{name}, n = {len(own)}"), folder / written[-1])
    clusters = cluster_groups(found, CELLS_EACH) if found.cells["outlier"].any() else []
    if clusters:
        moved = [Group(one.name, one.count, rows[one.rows]) for one in clusters]
        save(screens.gallery(crops_of(cells, moved, stats)), folder / CLUSTERS)
        written.append(CLUSTERS)
    return written
