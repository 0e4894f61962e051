"""Several devices that train one network together: each has all weights and a part of the batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from ..errors import invalid
from ..messages import Value, counted, say
from . import backend

Scope = Callable[[], contextlib.AbstractContextManager[Any]]


def number(asked: str | None) -> int:
    """How many devices train together: all that this backend computes on, or one.

    Parameters
    ----------
    asked : "all" or None
        See `Trainer`.

    Returns
    -------
    int
        All GPUs where there are some, else the processor; a backend may take it for several.

    Raises
    ------
    InvalidError
        PyTorch runs, with which Keras trains on one device.
    """
    return 1 if asked is None else len(_found())


def check(asked: str | None, batch_size: int | None) -> None:
    """Refuse devices that cannot share out a batch of this size; None: not known yet.

    Raises
    ------
    InvalidError
        See `number`; a batch that cannot be divided among the devices.
    """
    count = number(asked)
    if batch_size is not None and batch_size % count:
        raise invalid(
            "batch_size",
            expected=f"a multiple of {count}, the number of devices that share a batch",
            received=batch_size,
            remedy="Choose another, or train on one device.",
        )


def words(count: int) -> str:
    """One line on what trains."""
    one = backend.device()
    return one if count == 1 else f"{counted(count, 'device')}, each {one}"


def why_not_repeatable(ndim: int, count: int) -> str | None:
    """Say why the same seed may give other weights another time; see the backend's."""
    why = backend.why_not_repeatable(ndim)
    return why or ("several devices add up in any order" if count > 1 else None)


def scope(count: int) -> Scope:
    """Return what makes networks and optimizers, within it, those of the first `count` devices.

    Steps are taken within it as well where `keras.distribution` does it, as on JAX; on TensorFlow
    a model keeps the strategy that it was made under.
    """
    if count == 1:
        return contextlib.nullcontext
    if backend.name() == "tensorflow":
        import tensorflow as tf

        # By default each device numbers what is put together by itself: of a step that has both
        # gradients and averages to put together, one took the one for the other in some runs.
        by = tf.distribute.ReductionToOneDevice()
        strategy = tf.distribute.MirroredStrategy(_found()[:count], cross_device_ops=by)
        return strategy.scope  # type: ignore[no-any-return]
    keras = backend.require()
    return keras.distribution.DataParallel(devices=_found()[:count]).scope  # type: ignore[no-any-return]


def _found() -> list[str]:
    """Names of the devices that the running backend computes on."""
    running = backend.name()
    if running == "tensorflow":
        import tensorflow as tf

        listed = tf.config.list_logical_devices
        return [device.name for device in listed("GPU") or listed("CPU")]
    if running == "jax":
        return list(backend.require().distribution.list_devices())
    raise invalid(
        "devices",
        expected=say("{} on PyTorch, with which Keras trains on one device", Value(None)),
        received="all",
        remedy="Take TensorFlow or JAX for several.",
    )
