"""Plan: what a training would use for these images, or a prediction take, without either."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import invalid
from ..events import Work, verb

if TYPE_CHECKING:
    from ..images.normalize import Normalize
    from ..models.model import Model
    from ..networks.unet import UNet
    from ..tasks.task import Task
    from ..training.recipe import Plan
    from ..training.trainer import Trainer
    from .blockwise.planned import VolumePlan


@verb
def plan(
    data: Any,
    model: Model | str | os.PathLike[str] | None = None,
    *,
    task: str | Task = "instances",
    minutes: float | None = None,
    memory_gb: float | None = None,
    network: UNet | None = None,
    trainer: Trainer | None = None,
    normalize: Normalize | None = None,
    validation: Any = 0.2,
    seed: int = 0,
    progress: bool | str = "auto",
) -> Work[Plan | VolumePlan]:
    """Say what a training would use, and why, or what the prediction of a volume would take.

    Parameters
    ----------
    data : folder, Data, arrays, CSV or DataFrame
        Images with labels, as for `train`. With a model one image, as for `predict`.
    model : Model or path, optional
        A model that is to be applied to the image block by block, into OME-Zarr. Three parts of it
        are tried; settings of a training are refused, then.
    task : str or task, default "instances"
        What to learn, as for `train`.
    minutes : float, optional
        Wall time of the training. Default that of `trainer`.
    memory_gb : float, optional
        Memory that training may use, in GB; default half of the machine's.
    network, trainer, normalize : component, optional
        What is decided already; the rest is chosen to go with it.
    validation : float, folder or Data, default 0.2
        Share of the images held out, or images for that, as for `train`.
    seed : int, default 0
        The same seed gives the same split.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Plan
        Its `network`, `trainer` and `normalize` can be given to `train`, changed or not. `train`
        makes the same plan for what it is not given. With a model: hours, GB of disk for labels,
        their smaller copies and maps, GB of memory of each worker, and which copy of the image to
        name where it holds smaller ones; estimates, for blocks differ in what is in them.

    Raises
    ------
    InvalidError
        Unusable data; several images, or settings of a training, with a model.

    Examples
    --------
    >>> import cytoloom as cl
    >>> image, labels = cl.simulate.nuclei((128, 128), 20, seed=1)
    >>> found = cl.plan(([image] * 3, [labels] * 3), minutes=5, memory_gb=8, progress=False)
    >>> found.trainer.minutes, found.trainer.patch_px, found.network.stem_stride
    (5.0, (128, 128), 2)
    """
    from ..components.arguments import checked_seed
    from ..tasks import resolve
    from ..training.prepare import planned
    from ..training.stages import Given
    from ..training.trainer import Trainer
    from .blockwise.planned import planned_volume

    if model is not None:
        decided = {"minutes": minutes, "memory_gb": memory_gb, "network": network}
        for name, value in (decided | {"trainer": trainer, "normalize": normalize}).items():
            if value is not None:
                expected = "nothing of a training, where there is a model to predict with"
                raise invalid(name, expected=expected, received=value)
        return (yield from planned_volume(model, data))

    trainer = trainer or Trainer()
    if minutes is not None:
        trainer = replace(trainer, minutes=minutes, iterations=None, epochs=None)
    given = Given(resolve(task), trainer, network, normalize, checked_seed(seed))
    if memory_gb is not None and memory_gb <= 0:
        raise invalid("memory_gb", expected="a finite number above 0", received=memory_gb)
    return (yield from planned(given, data, validation, memory_gb))
