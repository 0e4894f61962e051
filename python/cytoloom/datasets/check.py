"""Check: everything wrong with annotated images, in one go and without training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..events import Work, verb

if TYPE_CHECKING:
    from ..tasks.task import Task
    from .report import Report


@verb
def check(
    data: Any,
    task: str | Task | None = None,
    *,
    training: bool = True,
    progress: bool | str = "auto",
) -> Work[Report]:
    """Say everything that is wrong with annotated images, without training.

    Every file is decoded once, one at a time: missing partners, duplicates, unreadable files,
    sizes that differ, and labels that cannot be what is meant are all in one report.

    Parameters
    ----------
    data : folder, Data, arrays, CSV, DataFrame or Cells
        Images with labels, as for `train`; or cells or their
        folder, of which a row of the table is a well.
    task : str or task, optional
        Also check that the labels suit this task, which knows the values they may have. Default:
        only what every task asks.
    training : bool, default True
        Whether they are for training, which background alone makes impossible; scoring it is
        not.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Report
        Printed, it is the message; ``.ok`` says whether training may start, ``.table`` has a
        row per image.

    Raises
    ------
    InvalidError
        Only where there are no data at all, such as a folder that does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> image, labels = np.arange(16).reshape(4, 4), np.zeros((4, 4), int)
    >>> print(check((image, labels)))
    1 image checked: 1 problem.
      Problem: all labels are 0, background: there is nothing to learn; ...
    """
    from .checks import examine
    from .opened import opened

    data = opened(data)
    if hasattr(data, "checked"):  # data that are more than images with labels know how
        found: Report = yield from data.checked()
        return found
    report: Report = yield from examine(data, task, training)
    return report
