"""What a network can learn: tasks as components.

A string stands for a task with its defaults: ``"instances"``, ``"binary"``, or
``"classes:background,cytoplasm,nucleus"``; see `resolve`.
"""

from __future__ import annotations

from ..errors import invalid
from .binary import Binary
from .classes import Classes
from .instances import Instances
from .task import Found, Head, Task

__all__ = ["Binary", "Classes", "Found", "Head", "Instances", "Task", "resolve"]


def resolve(task: str | Task) -> Task:
    """Return the task that a string names, or the task itself.

    Parameters
    ----------
    task : str or Task
        ``"instances"``, ``"binary"``, or ``"classes:"`` and the comma-separated names of the
        class ids from 0 on.

    Examples
    --------
    >>> resolve("binary")
    Binary(threshold=0.5, loss='ce_dice')
    >>> resolve("classes:background, cell").names
    ('background', 'cell')
    """
    if isinstance(task, Task):
        return task
    name, _, rest = str(task).partition(":")
    names = tuple(part.strip() for part in rest.split(",") if part.strip())
    if name == "classes" and names:
        return Classes(names)
    if name in ("instances", "binary") and not rest:
        return Instances() if name == "instances" else Binary()
    raise invalid(
        "task",
        expected='a task, "instances", "binary" or "classes:background,name,..."',
        received=task,
    )
