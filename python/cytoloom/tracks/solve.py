"""Solve: positions and candidate links in, the tracks that are best of all out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from ..events import Work, verb

if TYPE_CHECKING:
    from .found import Tracks


@verb
def solve(
    positions: Any,
    links: Any,
    *,
    pixel_size_um: float | tuple[float, ...] | None = None,
    minutes_per_frame: float | None = None,
    solver: Literal["optimal", "lap", "nearest"] = "optimal",
    drift: bool = True,
    temperature: float = 1.0,
    size_px: tuple[int, ...] | None = None,
    limits: dict[str, float] | None = None,
    time_limit_s: float | None = None,
    corrections: Any = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: bool | str = "auto",
) -> Work[Tracks]:
    """Choose links so that all of them together are likeliest.

    Parameters
    ----------
    positions : DataFrame or path
        From `detect`, or anybody's: columns frame, object, y, x, in 3-D z (in px, or ``_um``),
        perhaps recording and probability.
    links : DataFrame or path
        From `score_links`, or anybody's: columns frame_from, object_from, frame_to, object_to and
        probability, perhaps recording and division_probability. Where there is a column evidence,
        as `score_links` makes it, links cost what movement and evidence say; else what their
        probability alone says.
    pixel_size_um : float or tuple of float, optional
        Micrometres per pixel, one number or one per axis.
    minutes_per_frame : float, optional
        Time between two frames; warnings of speed and of short cycles need it.
    solver : {"optimal", "lap", "nearest"}, default "optimal"
        "optimal": the cheapest solution of all frames together, with error rates; "lap": pairs of
        frames one after the other, as most programs do; "nearest": each other's nearest.
    drift : bool, default True
        Whether whole frames may have moved.
    temperature : float, default 1.0
        By which margins are divided before they become error rates; what `train_tracker` fitted is
        a field of the task of its network for links.
    size_px : tuple of int, optional
        Of the images, (y, x) or (z, y, x): at their borders cells come and go. Default: as far as
        positions reach.
    limits : dict, optional
        Of warnings, as for `track`.
    time_limit_s : float, optional
        Where the solution has to be searched, for so long at most; its gap is then said.
    corrections : DataFrame or path, optional
        Links that somebody has looked at, as for `track`.
    out : path, optional
        Folder for the tables, as `track` writes them.
    overwrite : bool, default False
        Replace what an earlier call wrote to `out`.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Tracks
        As `track` returns them.

    Raises
    ------
    InvalidError
        Links of positions that there are not, back in time, or over more than two frames;
        probabilities that are none.

    Examples
    --------
    >>> import pandas as pd
    >>> import cytoloom as cl
    >>> positions = pd.DataFrame({"frame": [0, 1, 1], "object": [1, 1, 2], "y": [5.0, 5, 9],
    ...                           "x": [5.0, 6, 5]})
    >>> links = pd.DataFrame({"frame_from": 0, "object_from": 1, "frame_to": 1,
    ...                       "object_to": [1, 2], "probability": [0.9, 0.3]})
    >>> found = cl.solve(positions, links, progress=False)
    >>> found.links[["object_to", "chosen"]].values.tolist()
    [[1, True], [2, False]]
    """
    from .composed import solution

    found: Tracks = yield from solution(
        positions, links, pixel_size_um, minutes_per_frame, solver, drift, temperature, size_px,
        limits, time_limit_s, corrections, out, overwrite,
    )  # fmt: skip
    return found
