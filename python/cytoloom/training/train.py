"""Train: images with truth in, a model out. Composes; what computes is elsewhere."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from ..events import Work, verb

if TYPE_CHECKING:
    from ..images.normalize import Normalize
    from ..models.model import Model
    from ..networks.autoencoder import Autoencoder
    from ..networks.unet import UNet
    from ..tasks.task import Task
    from .trainer import Trainer


@verb
def train(
    data: Any,
    *,
    task: str | Task | None = None,
    network: UNet | Autoencoder | None = None,
    trainer: Trainer | None = None,
    normalize: Normalize | None = None,
    validation: Any = 0.2,
    start: Model | str | os.PathLike[str] | None = None,
    members: int = 1,
    folds: int | None = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    seed: int = 0,
    progress: bool | str = "auto",
    keep_interrupted: bool = False,
) -> Work[Model]:
    """Train a model on annotated images.

    Parameters
    ----------
    data : folder, Data, arrays, CSV or DataFrame
        Images with labels: a folder with ``images/`` and ``masks/`` or ``labels/``; a pair of
        arrays or of lists of arrays; a table with columns image, label[, group, split]. Or the
        cells that `cells` gathered, or their folder.
    task : str or task, optional
        What to learn: "instances" (touching objects told apart; the default), "boundary",
        "affinities" (of stacks "affinities:3d"), "binary", "distance", "hot_distance",
        "inner_distance", "centres", "classes:background,NAME,..." or "instances:NAME,..." (a class
        for each object), or "MODULE:CLASS" for a task of your own; of cells "autoencoder". A
        component such as `tasks.Classes` says more. With `start`, default that of this model.
    network : UNet or Autoencoder, optional
        Default: planned from the images, see `plan`; of cells an `Autoencoder`.
    trainer : Trainer, optional
        How long and how; default 10 minutes.
    normalize : Normalize, optional
        Scaling of each image; default percentiles 1 to 99.8 per channel, the upper one higher
        where there is hardly any foreground.
    validation : float, folder or Data, default 0.2
        Share of the images (whole groups where there are groups) held out to choose weights and
        thresholds, or images for that.
    start : Model or path, optional
        Fine-tune from this model, with its task, network and normalisation unless given. Of
        another task, or one with other classes, the heads and classes of the same names are taken
        over and the others start fresh, which is said. Its folder is never written to.
    members : int, default 1
        Networks that are trained one after the other and predict together, by the mean of their
        maps. Each holds out one fold of the images (whole groups where there are groups), by which
        its weights are chosen and it is scored; thresholds are fitted to what members find on
        images that they have not seen. `minutes` is the time of all. Needs 2 or more images or
        groups; images of their own as `validation` are held out from all, and thresholds are
        fitted to these.
    folds : int, optional
        Parts of the images, for `members`; default as many as these, so that each image is held
        out once. Never more than there are images or groups, and never fewer than members.
    out : path, optional
        Model folder to write, by custom ``name.cytoloom``. A killed training goes on from there
        when the same call is made again.
    overwrite : bool, default False
        Replace the model that `out` holds, once the new one is whole, and give up a training
        that was started there with other settings or data.
    seed : int, default 0
        The same seed gives the same model on one machine, on TensorFlow whatever the number of
        cores: it decides the split, the weights and every batch.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Model
        With the weights best on the validation images and thresholds fitted to these.

    Raises
    ------
    InvalidError
        Unusable data or settings, found before training starts.
    FloatingPointError
        The loss became infinite or not a number.

    Examples
    --------
    >>> import cytoloom as cl
    >>> image, labels = cl.simulate.nuclei(shape=(64, 64), count=6, seed=1)
    >>> model = cl.train(
    ...     ([image] * 3, [labels] * 3),
    ...     network=cl.UNet(filters=4, depth=2),
    ...     trainer=cl.Trainer(iterations=2, batch_size=1, patch_px=32),
    ...     progress=False,
    ... )
    >>> model.predict(image).shape
    (64, 64)
    """
    # keep_interrupted: an interrupt ends training early and its model is the result, instead of
    # being raised after the state was saved.
    from ..components.arguments import check_members
    from .session import asked, training

    started = time.monotonic()
    check_members(members, folds)
    given = asked(task, network, trainer, normalize, start, seed)
    return (
        yield from training(
            given,
            data,
            validation,
            out=out,
            overwrite=overwrite,
            started=started,
            keep_interrupted=keep_interrupted,
            members=members,
            folds=folds,
        )
    )
