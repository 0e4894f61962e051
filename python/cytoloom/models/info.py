"""Info: what a model says of itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..events import Work, verb
from ..messages import in_lines

if TYPE_CHECKING:
    from .model import Model


@dataclass(frozen=True)
class Info:
    """What a model says of itself; printed, a line per subject.

    Attributes
    ----------
    summary : dict of str to str
        From subject (task, network, channels, ...) to what is to be said of it.
    """

    summary: dict[str, str]

    def __str__(self) -> str:
        return in_lines(self.summary)


@verb
def info(model: Model | str | os.PathLike[str], *, progress: bool | str = "auto") -> Work[Info]:
    """Describe a model.

    Parameters
    ----------
    model : Model or path
        What to describe, or its folder.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Info
        Task, network, channels, pixel size, what it was trained on, how well it did, by which
        software.

    Raises
    ------
    InvalidError
        Not a model folder.

    Examples
    --------
    >>> import cytoloom as cl
    >>> print(cl.info("nuclei.cytoloom"))  # doctest: +SKIP
    task           Instances(seed_threshold=0.45)
    network        UNet()
    channels       1
    ...
    """
    from .card import summary_of
    from .inputs import as_model

    yield from ()
    return Info(summary_of(as_model(model)))
