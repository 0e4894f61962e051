"""A folder of simulated images and labels, as `train` reads it."""

from __future__ import annotations

import os
from pathlib import Path

from ..events import Event, Work, verb

kinds = ("nuclei", "cells", "nuclei_3d", "annotators", "culture", "embryo")
"""What `write` can make."""


@verb
def write(
    folder: str | os.PathLike[str],
    kind: str = "nuclei",
    images: int = 8,
    seed: int = 0,
    *,
    people: int = 5,
    progress: bool | str = "auto",
) -> Work[Path]:
    """Write simulated images, or a movie, with exactly known truth.

    Parameters
    ----------
    folder : str or Path
        New folder for images and labels as TIFF files. It gets ``images/`` and ``labels/`` with
        files of the same names; with ``kind="annotators"`` the exact truth is in ``truth/``, and
        ``labels/`` has a folder for each person, ``annotator_1/``, ``annotator_2/``, ... Frames of
        a movie are ``t000.tif``, ``t001.tif``, ...; a cell keeps its label, and
        ``labels/man_track.txt`` has a line for each: label, first and last frame, mother (0: none).
    kind : str, default "nuclei"
        What to make: nuclei, cells, nuclei_3d, annotators, culture or embryo. Annotators are
        nuclei drawn by several people, culture and embryo movies; all others are what the
        functions of these names make with their defaults.
    images : int, default 8
        How many; of a movie its frames.
    seed : int, default 0
        Same seed, same images; another seed gives none of them.
    people : int, default 5
        How many annotators there are. For ``kind="annotators"``.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InvalidError
        Unknown kind, negative seed, or a folder that already holds images or labels.

    Examples
    --------
    >>> import tempfile
    >>> folder = write(tempfile.mkdtemp(), images=2)
    >>> sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.tif"))
    ['images/nuclei_000.tif', 'images/nuclei_001.tif',
     'labels/nuclei_000.tif', 'labels/nuclei_001.tif']
    """
    from ..storage.results import claimed
    from .files import all_at_once, check_request, end_placing, frames_written

    check_request(kind, kinds, images, seed)
    asked = {"kind": kind, "images": images, "seed": seed, "people": people}
    with claimed(folder, "simulate", "folder") as (path, lock):
        if end_placing(path, asked):
            return path
        with all_at_once(path, asked) as stage:
            written = frames_written(stage, kind, images, seed, people)
            for number in range(images):
                yield Event("progress", f"image {number + 1}/{images}", number, images)
                lock.check()
                next(written)
            next(written, None)
    return path
