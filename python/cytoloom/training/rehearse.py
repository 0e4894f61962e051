"""A task's methods tried on the first batch: a mistake in one shows before training, not after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ..errors import InvalidError, invalid
from ..messages import Value, say
from ..tasks.found import Found
from ..tasks.task import Task
from .lesson import Batch

T = TypeVar("T")


def rehearse(task: Task, batch: Callable[[int], Batch]) -> None:
    """Make the first targets, and decode them as if a perfect network had said them.

    Parameters
    ----------
    task : Task
        One of the user's own.
    batch : callable
        The lesson's.

    Raises
    ------
    InvalidError
        Targets that do not fit the heads, something other than labels of the patch's size, or
        an exception: one sentence with task and method.
    """
    _, targets = _tried(task, "target", lambda: batch(0))
    if set(targets) != set(task.heads):
        expected = say("one array for each head, {}", sorted(task.heads))
        raise invalid(_name(task, "target"), expected=expected, received=say("{}", sorted(targets)))
    maps: dict[str, Any] = {}
    for name, head in task.heads.items():
        maps[name] = targets[name][0][..., : head.channels]
        # behind the values is the weight, one for all channels or one for each
        wide = targets[name].shape[-1]
        if wide not in (head.channels + 1, 2 * head.channels):
            expected = f"{head.channels} channels for the head {name}"
            received = f"{wide - 1}"
            raise invalid(_name(task, "target"), expected=expected, received=received)
    shape = max((m.shape[:-1] for m in maps.values()), key=len)
    found = _tried(task, "decode", lambda: task.decode(maps))
    if not isinstance(found, Found):
        received = type(found).__name__
        raise invalid(_name(task, "decode"), expected="a Found", received=received)
    labels = np.asarray(found.labels)
    if labels.shape != shape or labels.dtype.kind not in "iu":
        expected = say("whole numbers of shape {}, as the maps", shape)
        received = say("{} of shape {}", str(labels.dtype), labels.shape)
        raise invalid(_name(task, "decode"), expected=expected, received=received)


def _name(task: Task, method: str) -> str:
    return f"{type(task).__name__}.{method}"


def _tried(task: Task, method: str, call: Callable[[], T]) -> T:
    try:
        return call()
    except (InvalidError, OSError):
        raise
    except Exception as error:
        received = say("{}", Value(f"{type(error).__name__}: {error}"))
        raise invalid(_name(task, method), expected="no exception", received=received) from error
