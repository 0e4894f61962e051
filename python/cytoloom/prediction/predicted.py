"""What came of one image, while a prediction is under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Predicted:
    """What came of one image.

    Attributes
    ----------
    row : dict
        Its row of the table of files; paths are below the folder of results.
    objects : DataFrame or dict
        Its objects, perhaps `packed`; without rows where they are in the folder.
    labels : ndarray of int or None
        None where they are in the folder.
    notes : list of str
        What to warn of.
    pixels : str
        What its pixels were, see `pixels_seen`; empty where nothing is written.
    held_down : bool
        Whether its contrast was, see `Normalize.held_down`.
    files : dict of str to str or None
        SHA-256 of what was written by name below the folder, where another process did so.
    """

    row: dict[str, Any]
    objects: pd.DataFrame | dict[str, Any]
    labels: np.ndarray | None
    notes: Sequence[str] = ()
    pixels: str = ""
    held_down: bool = False
    files: Mapping[str, str] | None = None
