"""The consensus of several annotators as a source of labels, for training and scoring."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..datasets.cache import SHARED
from ..datasets.items import Item
from ..datasets.sources import Slices, Source
from ..images.image import AnyArray
from ..messages import counted
from ..segmentation.classed import by_majority, parted, with_classes
from ..tasks.task import Task
from .compare import consensus_of
from .numbers import understood


class AgreedSource:
    """What several annotations of an image agree on, found when it is first read.

    Masks and classes by STAPLE; objects are matched, and those that most drew stay, with the pixels
    that most gave them: STAPLE may follow a single expert there. Where objects have classes, one
    has that which most experts' pixels of it have.

    Parameters
    ----------
    sources : sequence of Source
        Labels of one size, in order.
    kind : {"binary", "classes", "instances"}
        What they are.
    unknown : int, optional
        The label value that counts nowhere: so do pixels that one of them gave it.
    classed : bool, default False
        Whether labels of objects hold their classes, see `segmentation.classed`.

    Examples
    --------
    >>> from cytoloom.datasets.sources import ArraySource
    >>> drawn = [[[0, 1, 1]], [[0, 0, 1]], [[0, 1, 1]]]
    >>> sources = [ArraySource(np.array(one), "yx", role="labels") for one in drawn]
    >>> AgreedSource(sources, "binary").read()
    array([[0, 1, 1]])
    """

    spacing_um: tuple[float, ...] | None = None

    def __init__(
        self,
        sources: Sequence[Source],
        kind: str,
        unknown: int | None = None,
        *,
        classed: bool = False,
    ) -> None:
        self.sources, self.kind, self._unknown = tuple(sources), kind, unknown
        self._classed = classed
        # as long as labels are kept under it, nothing else can be taken for it
        self._key = object()
        self.shape, self.axes = sources[0].shape, sources[0].axes
        self.name = f"the consensus of {counted(len(sources), 'annotator')}, {sources[0].name} ..."

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the labels."""
        return self.read().dtype

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return the labels of a region."""
        whole = SHARED.get(self._key, self._agreed)
        return whole if slices is None else whole[slices]

    def _agreed(self) -> AnyArray:
        drawn = {str(k): one.read() for k, one in enumerate(self.sources)}
        none = np.zeros(self.shape, bool)
        if self._unknown is not None:
            none = np.any([one == self._unknown for one in drawn.values()], axis=0)
            drawn = {name: np.where(none, 0, one) for name, one in drawn.items()}
        each = [parted(one) for one in drawn.values()] if self._classed else []
        drawn = dict(zip(drawn, (one for one, _ in each), strict=True)) if each else drawn
        said = understood(drawn, self.kind)
        found = consensus_of(said, "majority" if self.kind == "instances" else "staple").labels
        if each:
            votes = np.stack([classes for _, classes in each])
            found = with_classes(found, by_majority(np.broadcast_to(found, votes.shape), votes)[0])
        return np.where(none, self._unknown, found) if none.any() else found


def kind_of(task: Task) -> str:
    """Say what labels are to a task, as `consensus` names it.

    Examples
    --------
    >>> from cytoloom.tasks import Binary, Classes, Instances
    >>> kind_of(Binary()), kind_of(Classes(["a", "b", "c"])), kind_of(Instances())
    ('binary', 'classes', 'instances')
    """
    if task.balances_classes:
        return "classes"
    return "binary" if task.objects(np.zeros((1, 1), int)) is None else "instances"


def agreed(sources: Sequence[Source], task: Task, unknown: int | None = None) -> AgreedSource:
    """Return what several annotations agree on, as labels of a task."""
    return AgreedSource(sources, kind_of(task), unknown, classed=bool(task.object_classes))


def with_consensus(
    items: Iterable[Item], task: Task, unknown: int | None = None
) -> tuple[Item, ...]:
    """Give each item with several annotations their consensus as the only one."""
    return tuple(
        replace(item, annotations=(agreed(item.annotations, task, unknown),))
        if len(item.annotations) > 1
        else item
        for item in items
    )


def each_drawn(item: Item) -> list[Item]:
    """Return an item for each annotator that its consensus was made of; else the item alone."""
    sources = [getattr(one, "sources", ()) or (one,) for one in item.annotations]
    return [replace(item, annotations=(one,)) for several in sources for one in several]
