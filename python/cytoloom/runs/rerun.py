"""Rerun: a model in, the same training once more, and whether it gave the same."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..events import Work, verb

if TYPE_CHECKING:
    from ..models.model import Model
    from .repeated import Rerun


@verb
def rerun(
    model: Model | str | os.PathLike[str],
    data: Any = None,
    *,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: bool | str = "auto",
) -> Work[Rerun]:
    """Train again as a model was trained, and say whether the weights are equal.

    All settings are those of its model.json: task, network, scaling, trainer, seed, which images
    were learned from and which were held out, by each member of an ensemble; a training by time is
    replayed step by step.

    Parameters
    ----------
    model : Model or path
        What was trained, or its folder.
    data : folder, Data, arrays, CSV or DataFrame, optional
        Its images with labels, as for `train`. They are known by name and pixels. Not needed of a
        run in a folder of runs.
    out : path, optional
        Model folder for the new one.
    overwrite : bool, default False
        Replace the model that `out` holds.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Rerun
        The new model, whether its weights are equal, the largest difference, and what else is
        different now: versions, device, threads.

    Raises
    ------
    InvalidError
        Images that are missing or were changed, a model whose start is gone, or one whose training
        was interrupted.

    Notes
    -----
    On one machine with the same versions the weights are equal to the last bit, as `train` says;
    another kind of CPU, or another version of the backend, rounds differently.

    Examples
    --------
    >>> import cytoloom as cl
    >>> print(cl.rerun("nuclei.cytoloom", "data/train"))  # doctest: +SKIP
    """
    from .repeated import repeated

    return (yield from repeated(model, data, out, overwrite))
