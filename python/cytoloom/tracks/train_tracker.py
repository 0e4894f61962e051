"""Train a tracker: movies with tracks in; a model that finds, divides and links cells out."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..events import Work, verb

if TYPE_CHECKING:
    from ..images.channels import Channels
    from ..images.normalize import Normalize
    from ..models.model import Model
    from ..networks.unet import UNet
    from ..training.trainer import Trainer

NETWORKS = ("centres", "link", "division")


@verb
def train_tracker(
    data: Any,
    *,
    minutes: float | None = None,
    networks: tuple[str, ...] = NETWORKS,
    network: UNet | None = None,
    trainer: Trainer | None = None,
    normalize: Normalize | None = None,
    channels: Channels = None,
    region: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    pixel_size_um: float | tuple[float, ...] | None = None,
    start: Model | str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    seed: int = 0,
    progress: bool | str = "auto",
    keep_interrupted: bool = False,
) -> Work[Model]:
    """Train what finds the cells of a movie, sees them divide, and links them.

    Parameters
    ----------
    data : pair, list or dict of pairs, table, folder, or what `simulate` makes
        Images of movies with their tracks: (images, tracks); several such pairs, by name in a dict;
        a CSV or table with columns images and tracks; a folder with movies and files of tracks
        beside them (``01`` and ``01_GT``, or ``a.tif`` and ``a.aut``). Images: arrays (t, y, x) or
        (t, z, y, x), channels last, files, folders of frames. Tracks: whatever `read_tracks` takes;
        clicked centres and links are enough.
    minutes : float, optional
        How long the call may take. Short for ``trainer=Trainer(minutes=)``; without either it is
        10 minutes.
    networks : tuple of str, default ("centres", "link", "division")
        Which to train, "centres" (where cells are), "link" (which two are the same), "division"
        (which are about to divide; left out where fewer than 3 are annotated).
    network : UNet, optional
        For centres; default: planned from the images.
    trainer : Trainer, optional
        How long and how, of all networks together; iterations are each network's.
    normalize : Normalize, optional
        Scaling of each frame; default percentiles 1 to 99.8 per channel.
    channels : int, str or list, optional
        Channels to learn from, by index or name; ``[0, [2, 3]]``: two, the second a sum.
    region : dict, optional
        Where everything is annotated: from axes ("z", "y", "x") and "frames" to (first, last), in
        px; a list of these where it changes over time; by the name of the recording where these
        differ. Outside nothing counts. Default: the box of the annotated positions with a quarter
        of the usual distance of neighbours around it, in the frames that have some.
    pixel_size_um : float or tuple of float, optional
        Micrometres per pixel, one number or one per axis; default as images say, else as tracks.
    start : Model or path, optional
        Go on from this tracker, with the networks that it has.
    out : path, optional
        Model folder to write. A killed training goes on from there when the same call is made
        again.
    overwrite : bool, default False
        Replace the model that `out` holds, once the new one is whole.
    seed : int, default 0
        The same seed gives the same model on one machine.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Model
        For `track`, `detect` and `score_links`.

    Raises
    ------
    InvalidError
        Positions beyond the image (the axis is named), fewer than 4 annotated frames, no links,
        all of them outside of the region, recordings of 2-D and 3-D images.

    Notes
    -----
    Of three or more recordings some are held out, of fewer the last fifth of their frames, with a
    frame between: never some frames among others. On these the threshold of detection is fitted,
    and what makes probabilities of cells, links and divisions honest (Platt's fit), as the network
    finds cells there, not as they were annotated; and they are scored, see ``summary()``.

    Examples
    --------
    >>> import cytoloom as cl
    >>> movie = cl.simulate.culture(frames=8, shape=(96, 96), count=5, seed=1)
    >>> model = cl.train_tracker(
    ...     movie, network=cl.UNet(filters=4, depth=2),
    ...     trainer=cl.Trainer(iterations=2, batch_size=1, patch_px=32), progress=False,
    ... )
    >>> sorted(model.parts)
    ['centres', 'link']
    """
    from dataclasses import replace

    from ..errors import invalid
    from ..training.trainer import Trainer
    from .taught import tracker

    started = time.monotonic()
    if minutes is not None:
        if trainer is not None and any((trainer.minutes, trainer.iterations, trainer.epochs)):
            expected = "minutes, or a trainer with a length of its own"
            raise invalid("minutes", expected=expected, received="both")
        trainer = replace(trainer or Trainer(), minutes=minutes)
    named = (networks,) if isinstance(networks, str) else tuple(networks)
    model: Model = yield from tracker(
        data, networks=named, network=network, trainer=trainer, normalize=normalize,
        channels=channels, region=region, spacing_um=pixel_size_um, start=start, out=out,
        overwrite=overwrite, seed=seed, started=started, keep_interrupted=keep_interrupted,
    )  # fmt: skip
    return model
