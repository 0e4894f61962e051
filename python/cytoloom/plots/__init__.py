"""Pictures: history, reliability, outlines, worst and best images, agreement, runs, plates.

Every function returns a `matplotlib.figure.Figure` made without pyplot, so that no global state
changes and nothing has to be closed; with `ax` it draws there and returns that axes' figure.
`outlines_rgb` and `write_overlay` need no matplotlib and suit images of any size.
"""

from .figures import (
    agreement,
    augmentation_sheet,
    history,
    overlay,
    reliability,
    save,
    worst_best,
)
from .lineages import errors, paths, tree
from .overlays import outlines_rgb, write_overlay
from .repetitions import repetitions
from .screens import cell_map, effects, gallery, plate

__all__ = [
    "agreement",
    "augmentation_sheet",
    "cell_map",
    "effects",
    "errors",
    "gallery",
    "history",
    "outlines_rgb",
    "overlay",
    "paths",
    "plate",
    "reliability",
    "repetitions",
    "save",
    "tree",
    "worst_best",
    "write_overlay",
]
