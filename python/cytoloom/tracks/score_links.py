"""Score links: positions in, candidate links with their probabilities out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..events import Work, verb

if TYPE_CHECKING:
    import pandas as pd

    from ..images.channels import Channels


@verb
def score_links(
    model: Any,
    movie: Any,
    positions: Any,
    *,
    max_step_um: float | None = None,
    channels: Channels = None,
    pixel_size_um: float | tuple[float, ...] | None = None,
    drift: bool = True,
    divisions: bool = True,
    gaps: bool = True,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    workers: int = 1,
    client: Any = None,
    progress: bool | str = "auto",
) -> Work[pd.DataFrame]:
    """Say of pairs of detections how likely they are the same cell.

    Parameters
    ----------
    model : Model or path
        From `train_tracker`, with a network for links.
    movie : array, list of arrays or files, path, or dict of these
        Images, as for `detect`.
    positions : DataFrame, path, or label images
        From `detect`, or anybody's: as `track` takes them.
    max_step_um : float, optional
        Cells move no further from one frame to the next, in micrometres, in pixels where the size
        of pixels is not known. Default: as the nearest neighbours say.
    channels : int, str or list, optional
        Channels to look at, as in training.
    pixel_size_um : float or tuple of float, optional
        Micrometres per pixel; default as the files say.
    drift : bool, default True
        Whether whole frames may have moved; their drift is subtracted.
    divisions : bool, default True
        Whether cells divide.
    gaps : bool, default True
        Whether a cell may be missed for one frame.
    out : path, optional
        CSV file for the table.
    overwrite : bool, default False
        Replace a file that is there.
    workers : int, default 1
        Processes that look at frames side by side, by Dask.
    client : dask.distributed.Client or str, optional
        Of a cluster, or the address of its scheduler.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    DataFrame
        recording, frame_from, object_from, frame_to, object_to, probability (of being the same
        cell, or mother and daughter, by how cells move and what they look like), evidence (by how
        much looks change its log odds), division_probability (of the earlier one to divide before
        the next frame): all candidates, for `solve`.

    Raises
    ------
    InvalidError
        A model without a network for links, positions beyond the images, too many candidates.

    Examples
    --------
    >>> import cytoloom as cl
    >>> movie = cl.simulate.culture(frames=8, shape=(96, 96), count=5, seed=1)
    >>> model = cl.train_tracker(
    ...     movie, networks=("link",), trainer=cl.Trainer(iterations=2), progress=False,
    ... )
    >>> links = cl.score_links(model, movie.images, movie.positions, progress=False)
    >>> links.columns.tolist()[-2:]
    ['evidence', 'division_probability']
    """
    from .steps import candidates_of

    found: pd.DataFrame = yield from candidates_of(
        model, movie, positions, max_step_um, channels, pixel_size_um, drift, divisions, gaps, out,
        overwrite, workers, client,
    )  # fmt: skip
    return found
