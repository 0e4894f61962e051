"""Check cells in a folder: the verb of the command line; `check` takes cells that are at hand."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..events import Work, verb

if TYPE_CHECKING:
    from ..datasets.report import Report
    from .gathered import Cells


@verb
def check(cells: Cells | str | os.PathLike[str], *, progress: bool | str = "auto") -> Work[Report]:
    """Say what is odd about cells and their plates, before features are measured.

    Parameters
    ----------
    cells : Cells or path
        From `cells`, or the folder that it wrote.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Report
        Printed, it is the message; ``.ok`` says whether there is no problem, ``.table`` has a row
        per well: plate, well, control, images, cells, at_border (share of cells that a border
        cuts), padded (share whose crop reaches beyond its image), length_px (of the median cell),
        intensity and focus (of its images), status.

    Raises
    ------
    InvalidError
        No such folder.

    Examples
    --------
    >>> import cytoloom as cl
    >>> image, labels = cl.simulate.nuclei(shape=(96, 96), count=5, seed=1)
    >>> cells = cl.cells({"A01": image}, labels={"A01": labels}, size_px=24, progress=False)
    >>> cl.check(cells, progress=False).table[["well", "cells"]]
      well  cells
    0  A01      5
    """
    from .checks import examine
    from .kept import as_cells

    report: Report = yield from examine(as_cells(cells))
    return report
