"""Check tracks: movies with tracks in, what is odd about them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..events import Work, verb

if TYPE_CHECKING:
    from ..datasets.report import Report


@verb
def check_tracks(
    data: Any,
    *,
    channels: Any = None,
    region: Any = None,
    pixel_size_um: float | tuple[float, ...] | None = None,
    progress: bool | str = "auto",
) -> Work[Report]:
    """Say what is odd about movies and their tracks, before anything is trained on them.

    Parameters
    ----------
    data : pair, list or dict of pairs, table, folder, or what `simulate` makes
        Images with tracks, as `train_tracker` takes them.
    channels : int, str or list, optional
        Channels to learn from.
    region : dict, optional
        Where everything is annotated, as for `train_tracker`.
    pixel_size_um : float or tuple of float, optional
        Micrometres per pixel; default as the files say.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Report
        Printed, it is the message; ``.ok`` says whether there is no problem; ``.table`` has a row
        per recording: recording, frames, size, pixel_size_um, minutes (between frames), positions,
        links, divisions, outside (positions outside of the region), status.

    Notes
    -----
    Problems, each with its recording, frame and position: positions outside of the image (by the
    axis, and whether they would fit in another order or unit), frames of different sizes, links
    that all lead out of the region, files that cannot be read; one recording does not keep others
    from being looked at. Odd: cells marked twice, links over more than one frame, three daughters,
    merges, no pixel size, no time between frames, too little to learn from.

    Examples
    --------
    >>> import cytoloom as cl
    >>> movie = cl.simulate.culture(frames=6, shape=(96, 96), count=5, seed=1)
    >>> report = cl.check_tracks(movie, progress=False)
    >>> report.ok, report.table[["frames", "positions"]].values.tolist()
    (True, [[6, 53]])
    """
    from .checked import examine

    report: Report = yield from examine(data, channels, pixel_size_um, region)
    return report
