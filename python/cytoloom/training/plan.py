"""Say what a training would use, and why, without training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..images.normalize import Normalize
from ..networks.network import Network
from .recipe import Plan
from .trainer import Trainer


def plan(
    data: Any,
    *,
    task: Any = "instances",
    minutes: float | None = None,
    memory_gb: float | None = None,
    network: Network | None = None,
    trainer: Trainer | None = None,
    normalize: Normalize | None = None,
    validation: Any = 0.2,
    seed: int = 0,
    progress: bool | str = "auto",
) -> Plan:
    """Say what `train` would use for these images, and why, without training.

    Parameters
    ----------
    data, task, validation, seed
        As for `train`.
    minutes : float, optional
        Wall time of the training; default that of `trainer`.
    memory_gb : float, optional
        Memory that training may use; default half of the machine's.
    network, trainer, normalize : component, optional
        What is decided already; the rest is chosen to go with it.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Plan
        Its `network`, `trainer` and `normalize` can be given to `train`, changed or not. `train`
        makes the same plan for what it is not given.

    Raises
    ------
    InvalidError
        Unusable data.

    Examples
    --------
    >>> import cytoloom as cl
    >>> image, labels = cl.simulate.nuclei((128, 128), 20, seed=1)
    >>> found = cl.plan(([image] * 3, [labels] * 3), minutes=5, memory_gb=8, progress=False)
    >>> found.trainer.minutes, found.trainer.patch_px, found.network.stem_stride
    (5.0, (128, 128), 2)
    """
    from ..events import drain

    found: Plan = drain(
        plan_events(
            data,
            task=task,
            minutes=minutes,
            memory_gb=memory_gb,
            network=network,
            trainer=trainer,
            normalize=normalize,
            validation=validation,
            seed=seed,
        ),
        progress,
    )
    return found


def plan_events(
    data: Any,
    *,
    task: Any = "instances",
    minutes: float | None = None,
    memory_gb: float | None = None,
    network: Network | None = None,
    trainer: Trainer | None = None,
    normalize: Normalize | None = None,
    validation: Any = 0.2,
    seed: int = 0,
) -> Iterator[Any]:
    """Do what `plan` does as a generator of events, the last of kind "result"."""
    from ..events import Event
    from ..tasks import resolve
    from .prepare import planned
    from .stages import Given

    trainer = trainer or Trainer()
    if minutes is not None:
        trainer = replace(trainer, minutes=minutes, iterations=None, epochs=None)
    given = Given(resolve(task), trainer, network, normalize, seed)
    found = yield from planned(given, data, validation, memory_gb)
    yield Event("result", value=found)
