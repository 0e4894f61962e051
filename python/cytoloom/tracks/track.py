"""Track: which cell of one frame is which of the next, and how likely each link is wrong."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from ..events import Work, verb

if TYPE_CHECKING:
    from ..images.channels import Channels
    from .found import Tracks


@verb
def track(
    model: Any,
    movie: Any,
    *,
    max_step_um: float | None = None,
    pixel_size_um: float | tuple[float, ...] | None = None,
    minutes_per_frame: float | None = None,
    solver: Literal["optimal", "lap", "nearest"] = "optimal",
    drift: bool = True,
    divisions: bool = True,
    gaps: bool = True,
    limits: dict[str, float] | None = None,
    time_limit_s: float | None = None,
    corrections: Any = None,
    positions: Any = None,
    channels: Channels = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    workers: int = 1,
    client: Any = None,
    progress: bool | str = "auto",
) -> Work[Tracks]:
    """Link the cells of a movie, with divisions and with an error rate for every link.

    Parameters
    ----------
    model : Model, path or None
        From `train_tracker`: it finds the cells, sees which divide and which are the same; or a
        model that outlines the cells of each frame; None where the movie is of label images or
        positions, from any program.
    movie : array, list of arrays, path, DataFrame, Tracks or dict of these
        Label images (t, y, x) or (t, z, y, x): arrays, a file, a folder of files in the order of
        their numbers; or positions: a table with columns frame, y, x, in 3-D z (in px, or with
        ``_um`` behind their name), perhaps object, recording, probability. A dict, a folder of
        folders or a column recording: several recordings. For a model the same of images.
    max_step_um : float, optional
        Cells move no further from one frame to the next, in micrometres, in pixels where the size
        of pixels is not known. Default: as the nearest neighbours say.
    pixel_size_um : float or tuple of float, optional
        Micrometres per pixel, one number or one per axis; default as the files say.
    minutes_per_frame : float, optional
        Time between two frames; warnings of speed and of short cycles need it.
    solver : {"optimal", "lap", "nearest"}, default "optimal"
        "optimal": the cheapest solution of all frames together, with error rates; "lap": pairs of
        frames one after the other, as most programs do; "nearest": each other's nearest.
    drift : bool, default True
        Whether whole frames may have moved; their drift is subtracted before linking.
    divisions : bool, default True
        Whether cells divide.
    gaps : bool, default True
        Whether a cell may be missed for one frame.
    limits : dict, optional
        Of warnings: max_error (0.01), shortest_cycle_h (10), fastest_um_per_min (10), grows (1.5),
        min_probability (0.1), shortest_track (3), min_link (0.1), likely_link (0.5), min_division
        (0.1), likely_division (0.5).
    time_limit_s : float, optional
        Where the solution has to be searched, for so long at most; its gap is then said.
    corrections : DataFrame or path, optional
        Links that somebody has looked at: what `Tracks.review` makes, with yes or no in its column
        ``right``. Right links are kept, wrong ones never chosen, and all else is solved anew.
    positions : DataFrame, label images or path, optional
        For a model of `train_tracker`: where cells are, from anybody, instead of what it finds.
    channels : int, str or list, optional
        For such a model: channels to look at, as in training.
    out : path, optional
        Folder for positions.csv, links.csv, tracks.csv, lineages.csv and track_warnings.csv. Of a
        call that was killed, the same call goes on from the frames that networks had looked at.
    overwrite : bool, default False
        Replace what an earlier call wrote to `out`.
    workers : int, default 1
        For such a model: processes that look at frames side by side, by Dask.
    client : dask.distributed.Client or str, optional
        Of a cluster, or the address of its scheduler.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Tracks
        `positions`, `links` (all candidates, those that were chosen marked, each with p_wrong),
        `tracks`, `lineages` and `warnings`.

    Raises
    ------
    InvalidError
        A movie of one frame, frames of different sizes, no cells, positions without frame, a step
        that leaves too many candidates.

    Notes
    -----
    How cells move, grow, divide, come and go is learned from the movie itself, and a link costs
    minus the logarithm of how likely it is. p_wrong is 1 / (1 + exp(margin)), where the margin is
    by how much the best solution without the link is dearer: what the positions alone allow to
    know. Nothing is invented: what is taken for no cell keeps its row, without a track.

    Examples
    --------
    >>> import pandas as pd
    >>> import cytoloom as cl
    >>> table = pd.DataFrame({"frame": [0, 0, 1, 1, 2, 2], "y": [5.0, 30, 6, 29, 7, 28],
    ...                       "x": [5.0, 30, 5, 31, 6, 31]})
    >>> found = cl.track(None, table, progress=False)
    >>> found.tracks[["track", "frame_begin", "frame_end", "end"]]
       track  frame_begin  frame_end    end
    0      1            0          2  movie
    1      2            0          2  movie
    """
    from .composed import tracked

    found: Tracks = yield from tracked(
        model, movie, max_step_um, pixel_size_um, minutes_per_frame, solver, drift, divisions, gaps,
        limits, time_limit_s, corrections, out, overwrite, positions, channels, workers, client,
    )  # fmt: skip
    return found
