"""Labels as a task learns them, whatever they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .classed import ClassedSource, ClassRows, ClassSets
from .drawn import DrawnSource
from .mapped import MARK, MappedSource
from .placed import MergedSource, PlacedSource
from .sources import Source

if TYPE_CHECKING:
    from ..tasks.task import Task


def as_learned(labels: Source, task: Task | None) -> Source:
    """Tell outlines, ids put together and objects with classes what a task learns of them.

    Parameters
    ----------
    labels : Source
        Labels; of most kinds they are as they are stored to all tasks.
    task : Task or None
        None: outlines are objects.
    """
    if isinstance(labels, ClassedSource):
        return _with_classes(labels, task)
    if isinstance(labels, MappedSource):
        if task is not None and task.object_classes:
            named = ClassRows(labels.name, labels.named, whole=False)
            return ClassedSource(labels.of_objects(True), named, MARK).of_task(task)
        return labels.of_objects(_are_objects(task))
    if isinstance(labels, DrawnSource):
        return labels.of_task(task)
    if isinstance(labels, PlacedSource):
        return labels.over(as_learned(labels.labels, task))
    if isinstance(labels, MergedSource):
        if task is not None and task.object_classes:
            each = ClassSets(labels.names)
            return ClassedSource(labels.of_classes(()), each, MARK).of_task(task)
        return labels.of_classes(_names(task))
    return labels


def _with_classes(labels: ClassedSource, task: Task | None) -> ClassedSource:
    """Return labels with the classes of a task, from labels of objects without."""
    if task is None or not task.object_classes:
        return labels.over(as_learned(labels.labels, task)).of_task(None)
    plain = labels.labels
    own = plain.of_objects(True) if isinstance(plain, MappedSource) else as_learned(plain, None)
    return labels.over(own).of_task(task)


def _names(task: Task | None) -> tuple[str, ...]:
    return tuple(task.label_names) if task is not None and task.numbers_classes else ()


def _are_objects(task: Task | None) -> bool:
    """Whether label values are numbers of objects to a task."""
    plain = task is not None and not _names(task)
    return plain and task is not None and task.objects(np.zeros((1, 1), int)) is not None
