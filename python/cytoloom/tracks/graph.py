"""What could be linked, and what each choice costs: a graph of detections, links and divisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ..errors import invalid
from ..messages import counted

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def _no_numbers() -> Ints:
    return np.zeros(0, np.int64)


def _no_costs() -> Floats:
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class Graph:
    """Detections, candidate links and candidate divisions, with negative log odds as costs.

    A solution keeps some detections. What is kept has come from one earlier detection, by a link or
    a division, or has entered; and has gone to one later detection, or to two by a division, or has
    left. Its cost is the sum of all that it chooses, and of ``absent`` for what is not kept.

    Parameters
    ----------
    frame : ndarray (n,) of int
        Of each detection.
    enter, leave : ndarray (n,) of float
        Cost of a track that begins, or ends, there.
    absent : ndarray (n,) of float
        Cost of the detection being none; infinite where it has to be kept.
    source, target, cost : ndarray (links,)
        Indices of the detections of each candidate link, the earlier one first, and its cost.
    mother, first, second, split : ndarray (divisions,)
        Indices of the detections of each candidate division, and its cost, that of both links
        with it.

    Raises
    ------
    InvalidError
        Arrays that do not fit, links that do not go forward in time, costs that are no numbers.

    Notes
    -----
    A division is a choice of its own (mother and both daughters), not a second link that a mother
    may have for a price. With a price, the linear program is fractional where a division and no
    successor together cost less than nothing (costs of 0, 1, 2 daughters that are not convex); as
    its own choice it has no such condition.

    Examples
    --------
    >>> one = Graph.of([0, 1], [0, 5], [5, 0], source=[0], target=[1], cost=[1.0])
    >>> one.count, one.pruned()[0].source.size
    (2, 1)
    """

    frame: Ints
    enter: Floats
    leave: Floats
    absent: Floats
    source: Ints = field(default_factory=_no_numbers)
    target: Ints = field(default_factory=_no_numbers)
    cost: Floats = field(default_factory=_no_costs)
    mother: Ints = field(default_factory=_no_numbers)
    first: Ints = field(default_factory=_no_numbers)
    second: Ints = field(default_factory=_no_numbers)
    split: Floats = field(default_factory=_no_costs)

    @classmethod
    def of(
        cls,
        frame: Sequence[int],
        enter: Sequence[float],
        leave: Sequence[float],
        absent: Sequence[float] | None = None,
        **rest: Sequence[float],
    ) -> Graph:
        """Make a graph of lists; without `absent` all detections have to be kept."""
        absent = [np.inf] * len(frame) if absent is None else absent
        ints = {"source", "target", "mother", "first", "second"}
        more = {name: np.asarray(values, np.int64 if name in ints else float)
                for name, values in rest.items()}  # fmt: skip
        own = (np.asarray(values, float) for values in (enter, leave, absent))
        return cls(np.asarray(frame, np.int64), *own, **more)

    def __post_init__(self) -> None:
        for names in (("frame", "enter", "leave", "absent"), ("source", "target", "cost"),
                      ("mother", "first", "second", "split")):  # fmt: skip
            sizes = {name: len(getattr(self, name)) for name in names}
            if len(set(sizes.values())) > 1:
                raise invalid("graph", expected=f"{', '.join(names)} of one length",
                              received=", ".join(map(str, sizes.values())))  # fmt: skip
        for name in ("enter", "leave", "absent", "cost", "split"):
            values = getattr(self, name)
            if np.isnan(values).any() or np.isneginf(values).any():
                raise invalid("graph", expected=f"numbers as costs ({name})",
                              received=float(values[~np.isfinite(values)][0]))  # fmt: skip
        for earlier, later in ((self.source, self.target), (self.mother, self.first),
                               (self.mother, self.second)):  # fmt: skip
            back = self.frame[earlier] >= self.frame[later]
            if back.any():
                k = int(np.flatnonzero(back)[0])
                raise invalid("graph", expected="links from earlier to later frames",
                              received=f"one from frame {self.frame[earlier[k]]} to frame "
                              f"{self.frame[later[k]]}")  # fmt: skip

    @property
    def count(self) -> int:
        """Number of detections."""
        return len(self.frame)

    @property
    def choices(self) -> int:
        """Number of links and divisions to choose among."""
        return len(self.source) + len(self.mother)

    def __str__(self) -> str:
        return (
            f"{counted(self.count, 'detection')}, {counted(len(self.source), 'link')}, "
            f"{counted(len(self.mother), 'division')}"
        )

    def pruned(self) -> tuple[Graph, Ints, Ints]:
        """Return it without links and divisions that no solution is better for.

        What costs more than the tracks' ending and beginning there is in no optimum, whatever else
        is forbidden: it can always be replaced by these.

        Returns
        -------
        graph : Graph
            What is left.
        links, divisions : ndarray of int
            Where these were.
        """
        apart = self.leave[self.source] + self.enter[self.target]
        whole = self.leave[self.mother] + self.enter[self.first] + self.enter[self.second]
        links, pairs = self.cost >= apart, self.split >= whole
        return self.without(links, pairs), np.flatnonzero(~links), np.flatnonzero(~pairs)

    def without(self, links: Bools, divisions: Bools) -> Graph:
        """Return it without some links and divisions."""
        kept = {name: getattr(self, name)[~links] for name in ("source", "target", "cost")}
        more = ("mother", "first", "second", "split")
        return replace(self, **kept, **{name: getattr(self, name)[~divisions] for name in more})

    def within(self, detections: Bools, came: Bools, went: Bools) -> tuple[Graph, Ints, Ints, Ints]:
        """Return the part of some detections, and where its detections, links, divisions were.

        Parameters
        ----------
        detections : ndarray (n,) of bool
            Those of the part.
        came, went : ndarray (n,) of bool
            Those that have come from, and gone to, others: they are kept, and do so at no cost and
            in no other way.
        """
        own = np.flatnonzero(detections)
        place = np.full(self.count, -1)
        place[own] = np.arange(len(own))
        into, out = detections & ~came, detections & ~went
        links = np.flatnonzero(out[self.source] & into[self.target])
        pairs = np.flatnonzero(out[self.mother] & into[self.first] & into[self.second])
        part = Graph(
            self.frame[own],
            np.where(came, 0.0, self.enter)[own],
            np.where(went, 0.0, self.leave)[own],
            np.where(came | went, np.inf, self.absent)[own],
            place[self.source[links]], place[self.target[links]], self.cost[links],
            place[self.mother[pairs]], place[self.first[pairs]], place[self.second[pairs]],
            self.split[pairs],
        )  # fmt: skip
        return part, own, links, pairs


@dataclass(frozen=True, eq=False)
class Prices:
    """What each detection adds to the lowest cost by the way into it, and by the way out of it.

    No choice costs less than the prices of the ways that it takes, and what is chosen costs just
    that: what another choice costs more is by how much it makes a solution dearer at least.

    Parameters
    ----------
    into, out : ndarray (n,) of float
        By detection.
    """

    into: Floats
    out: Floats


@dataclass(frozen=True, eq=False)
class Solution:
    """What was chosen of a graph.

    Parameters
    ----------
    links, divisions, kept : ndarray of bool
        By candidate link, candidate division and detection.
    cost : float
        Of all that was chosen.
    gap : float, default 0
        How much cheaper a solution could be at most: 0 where this one is proven to be the best.
    fractional : int, default 0
        Choices that the linear program left open, which had to be searched.
    """

    links: Bools
    divisions: Bools
    kept: Bools
    cost: float
    gap: float = 0.0
    fractional: int = 0


def cost_of(graph: Graph, links: Bools, divisions: Bools, kept: Bools | None = None) -> float:
    """Return what a choice costs; without `kept`, what nothing links is kept or not as is cheaper.

    Examples
    --------
    >>> one = Graph.of([0, 1], [0, 5], [5, 0], source=[0], target=[1], cost=[1.0])
    >>> cost_of(one, np.array([True]), np.zeros(0, bool))
    1.0
    >>> cost_of(one, np.array([False]), np.zeros(0, bool))
    10.0
    """
    came, went = ways(graph, links, divisions)
    alone = (came == 0) & (went == 0)
    kept = ~alone | (graph.enter + graph.leave <= graph.absent) if kept is None else kept
    total = graph.cost[links].sum() + graph.split[divisions].sum()
    total += graph.enter[kept & (came == 0)].sum() + graph.leave[kept & (went == 0)].sum()
    return float(total + graph.absent[~kept].sum())


def ways(graph: Graph, links: Bools, divisions: Bools) -> tuple[Ints, Ints]:
    """Return how many ways lead into, and out of, each detection."""
    came = np.bincount(graph.target[links], minlength=graph.count)
    came += np.bincount(graph.first[divisions], minlength=graph.count)
    came += np.bincount(graph.second[divisions], minlength=graph.count)
    went = np.bincount(graph.source[links], minlength=graph.count)
    went += np.bincount(graph.mother[divisions], minlength=graph.count)
    return came, went
