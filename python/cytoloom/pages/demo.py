"""Demo: a plate that is simulated, and all that is made of one, in one call."""

from __future__ import annotations

import os
from pathlib import Path

from ..events import Work, verb


@verb
def cells_demo(
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    seed: int = 0,
    progress: bool | str = "auto",
) -> Work[Path]:
    """Simulate a small plate, and make of it cells, features, a hit list and a page.

    Parameters
    ----------
    out : path
        New folder for cells/ (with images and labels), plate.csv, features.csv, novelty/ and
        report.html.
    overwrite : bool, default False
        Replace what an earlier demo left there.
    seed : int, default 0
        The same seed gives the same plate.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InvalidError
        A folder with files in it, or no scikit-learn or Jinja2, which are in the extras ``cells``
        and ``report``.

    Notes
    -----
    32 wells, 12 of them controls: the treatments that `simulate.screen` has of itself, a strong, a
    weak, a rare, a granular and an inert one, in four wells each.

    Examples
    --------
    >>> import cytoloom as cl
    >>> page = cl.cells_demo("demo/")  # doctest: +SKIP
    """
    from .screen_demo import demonstrated

    page: Path = yield from demonstrated(out, overwrite, seed)
    return page
