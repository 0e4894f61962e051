"""Detect: a movie in, the positions of its cells out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..events import Work, verb

if TYPE_CHECKING:
    import pandas as pd

    from ..images.channels import Channels


@verb
def detect(
    model: Any,
    movie: Any,
    *,
    channels: Channels = None,
    pixel_size_um: float | tuple[float, ...] | None = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    workers: int = 1,
    client: Any = None,
    progress: bool | str = "auto",
) -> Work[pd.DataFrame]:
    """Find the cells of each frame of a movie.

    Parameters
    ----------
    model : Model or path
        From `train_tracker`, or one that was trained with the task "centres".
    movie : array, list of arrays or files, path, or dict of these
        Images (t, y, x) or (t, z, y, x), channels last; a file, a folder of frames; a folder of
        such folders, or a dict: several recordings.
    channels : int, str or list, optional
        Channels to look at, as in training.
    pixel_size_um : float or tuple of float, optional
        Micrometres per pixel; default as the files say.
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
        recording, frame, object (from 1 in each frame), [z_px,] y_px, x_px, with fractions,
        probability of being a cell, and by channel mean_intensity of a ball of a quarter of the
        usual distance of neighbours, surrounding_intensity of what is around it. What is less
        likely than 0.1 is left out; where nothing is linked, take those above 0.5.

    Raises
    ------
    InvalidError
        A model that finds no centres, a movie of other dimensions or channels.

    Examples
    --------
    >>> import cytoloom as cl
    >>> movie = cl.simulate.culture(frames=8, shape=(96, 96), count=5, seed=1)
    >>> model = cl.train_tracker(
    ...     movie, networks=("centres",), network=cl.UNet(filters=4, depth=2),
    ...     trainer=cl.Trainer(iterations=2, batch_size=1, patch_px=32), progress=False,
    ... )
    >>> cl.detect(model, movie.images, progress=False).columns.tolist()[:6]
    ['recording', 'frame', 'object', 'y_px', 'x_px', 'probability']
    """
    from .steps import detections

    found: pd.DataFrame = yield from detections(
        model, movie, channels, pixel_size_um, out, overwrite, workers, client
    )
    return found
