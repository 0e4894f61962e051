"""What a network can learn: tasks as components.

A string stands for a task with its defaults: ``"instances"``, ``"binary"``, others of `NAMES`, or
``"classes:background,cytoplasm,nucleus"``, ``"instances:live,dead"``; see `resolve`.
"""

from __future__ import annotations

import importlib
import os
import sys

from ..components import is_component
from ..components.arguments import checked
from ..errors import invalid
from .affinities import Affinities
from .binary import Binary
from .boundary import Boundary
from .centres import Centres
from .classes import Classes
from .distance import Distance
from .division import Division
from .found import Found
from .head import Head
from .hot_distance import HotDistance
from .inner_distance import InnerDistance
from .instances import Instances
from .link import Link
from .reconstruction import Reconstruction
from .task import Task

NAMES: dict[str, type[Task]] = {
    "instances": Instances,
    "boundary": Boundary,
    "affinities": Affinities,
    "binary": Binary,
    "distance": Distance,
    "hot_distance": HotDistance,
    "inner_distance": InnerDistance,
    "centres": Centres,
    "autoencoder": Reconstruction,
}
"""Tasks that a word alone stands for."""
STACKS = "affinities:3d"
"""Affinities of stacks, whose offsets have an axis more."""

_WORDS = ", ".join(f'"{name}"' for name in (*NAMES, STACKS))
TASKS = f'a task, {_WORDS}, "classes:background,name,...", "instances:name,..." or "module:Class"'

__all__ = [
    "Affinities",
    "Binary",
    "Boundary",
    "Centres",
    "Classes",
    "Distance",
    "Division",
    "Found",
    "Head",
    "HotDistance",
    "InnerDistance",
    "Instances",
    "Link",
    "Reconstruction",
    "Task",
    "resolve",
]


@checked
def resolve(task: str | Task) -> Task:
    """Return the task that a string names, or the task itself.

    Parameters
    ----------
    task : str or Task
        ``"instances"``, ``"boundary"``, ``"affinities"``, ``"binary"``, ``"distance"``,
        ``"hot_distance"``, ``"inner_distance"``, ``"centres"``; ``"affinities:3d"`` for stacks;
        ``"classes:"`` and the comma-separated names of the class ids from 0 on; ``"instances:"``
        and those of the classes that objects may have; or ``"my_task:Ridges"``, the module and the
        class of a task outside this package, which is then imported.

    Returns
    -------
    Task
        With its defaults, where a string was given.

    Raises
    ------
    InvalidError
        No such task, or no such module.

    Examples
    --------
    >>> resolve("binary")
    Binary(threshold=0.5, loss='ce_dice')
    >>> resolve("classes:background, cell").names
    ('background', 'cell')
    >>> resolve("instances:live, dead").classes
    ('live', 'dead')
    """
    if isinstance(task, Task):
        _check_known(type(task))
        return task
    name, _, rest = str(task).partition(":")
    names = tuple(part.strip() for part in rest.split(",") if part.strip())
    if name == "classes" and names:
        return Classes(names)
    if name == "instances" and names:
        return Instances(classes=names)
    if str(task) == STACKS:
        return Affinities(ndim=3)
    if name in NAMES and not rest:
        return NAMES[name]()
    if rest and name != "classes":
        return _of_module(name, rest.strip())
    raise invalid("task", expected=TASKS, received=task)


def _of_module(module: str, name: str) -> Task:
    """Import a task outside this package, from the Python path or the working directory."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        remedy = "Start where the file lies, or name its folder in PYTHONPATH."
        received = f"{module}, of which there is no module {error.name}"
        raise invalid("task", expected=TASKS, received=received, remedy=remedy) from None
    if not (isinstance(found, type) and issubclass(found, Task)):
        expected = f"the name of a task in {module}"
        raise invalid("task", expected=expected, received=name)
    _check_known(found)
    try:
        return found()
    except TypeError as error:
        expected = "a task each of whose fields has a default"
        raise invalid("task", expected=expected, received=f"{module}:{name}, {error}") from None


def _check_known(cls: type) -> None:
    """Refuse a task that no file could name."""
    if not is_component(cls):
        name = cls.__name__
        raise invalid(
            "task",
            expected="a task that is a component, as a model's file names it",
            received=f"{cls.__module__}:{name}",
            remedy=f"Write @component and @dataclass(frozen=True) above class {name}.",
        )
