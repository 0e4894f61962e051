"""Export tracks: as other programs hold them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..events import Work, verb


@verb
def export_tracks(
    tracks: Any,
    out: str | os.PathLike[str],
    *,
    format: str | None = None,
    labels: Any = None,
    overwrite: bool = False,
    progress: bool | str = "auto",
) -> Work[Path]:
    """Write tracks for other programs.

    Parameters
    ----------
    tracks : Tracks, path or DataFrame
        What `track` returned or wrote, or whatever `read_tracks` reads.
    out : path
        The file, or of GEFF and CTC the folder. Its ending says the format: ``.geff``, ``.xml``
        (TrackMate), ``.aut`` (OrganoidTracker), ``.csv``, or a folder that ends in ``_RES`` (CTC).
    format : {"geff", "ctc", "trackmate", "aut", "csv"}, optional
        Where the ending does not say it.
    labels : array, list of arrays or path, optional
        Of "ctc": the label images whose objects were tracked. Default: balls around the positions.
        For several recordings a dict of these by name.
    overwrite : bool, default False
        Replace an earlier export that is at `out`.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Path
        What was written; it is there whole or not at all.

    Raises
    ------
    InvalidError
        No tracks, another format, something at `out`, positions that are no numbers, columns that
        the format cannot hold, labels without the objects.

    Notes
    -----
    Links that were not chosen are in the tables of `track` alone. "geff" and "csv" hold several
    recordings; of the others each gets a file or folder in `out`, which needs `format`. What a
    format cannot hold of these tracks is said.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> import cytoloom as cl
    >>> table = pd.DataFrame({"track": [1, 1], "frame": [0, 1], "y": [5.0, 6], "x": [5.0, 5]})
    >>> path = cl.export_tracks(table, Path(tempfile.mkdtemp()) / "a.aut", progress=False)
    >>> len(cl.read_tracks(path).links)
    1
    """
    from .writing import exported

    found: Path = yield from exported(tracks, out, format, labels, overwrite)
    return found
