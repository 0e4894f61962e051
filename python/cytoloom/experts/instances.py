"""Objects that several experts agree on: matched, then voted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..metrics.matching import match, matches_of, object_overlaps
from ..segmentation.objects import areas
from .patterns import Array, Floats

IOU = 0.5
"""From which two objects of different experts are the same one."""


def agreed_objects(drawn: Sequence[Array], foreground: Array) -> Array:
    """Give each pixel of the foreground to the object that most experts say it belongs to.

    Objects of two experts are the same one from an IoU of 0.5 on, the best pairs first; none is
    two of one expert. Of objects with as many votes at a pixel the smaller one has it, so that
    what half of the experts have parted stays parted. An object that keeps less than half of its
    area, the median of those drawn, is none, and its pixels go to the next.

    Parameters
    ----------
    drawn : sequence of integer arrays of one shape
        Object numbers of each expert, 0 is background; as large as arrays can be.
    foreground : bool array of that shape
        What they agree on.

    Returns
    -------
    int32 array of that shape
        Numbers from 1 on, in the order in which they begin.

    Examples
    --------
    >>> parted, joined = np.array([[1, 1, 2, 2]]), np.array([[5, 5, 5, 5]])
    >>> agreed_objects([parted, parted, joined], parted > 0)
    array([[1, 1, 2, 2]], dtype=int32)
    >>> agreed_objects([parted, joined, joined], parted > 0)
    array([[1, 1, 1, 1]], dtype=int32)
    """
    groups, size = _same(drawn)
    inside = np.flatnonzero(foreground)
    said = np.stack([of[one.ravel()[inside]] for of, one in zip(groups, drawn, strict=True)])
    most = np.bincount(_most(said, size), minlength=len(size))
    kept = 2 * most >= size
    found = _most(np.where(kept[said], said, 0), size)
    present, begins = np.unique(found, return_index=True)
    order = present[present > 0][np.argsort(begins[present > 0])]
    numbers = np.zeros(len(size), np.int32)
    numbers[order] = np.arange(1, len(order) + 1)
    labels = np.zeros(foreground.shape, np.int32)
    labels.ravel()[inside] = numbers[found]
    return labels


def _same(drawn: Sequence[Array]) -> tuple[list[Array], Floats]:
    """Return for each expert from object to group, and the median area of each group."""
    sizes = [areas(one) for one in drawn]
    first = np.cumsum([0, *(len(size) for size in sizes)])
    group = _joined(_pairs(drawn, first), first)
    area = np.concatenate(sizes)
    here = np.flatnonzero(area)
    # what is background to its expert is in no group
    here = here[~np.isin(here, first)]
    number = np.zeros(len(area), np.int64)
    number[here] = np.unique(group[here], return_inverse=True)[1] + 1
    order = here[np.argsort(number[here], kind="stable")]
    parts = np.split(area[order], np.flatnonzero(np.diff(number[order])) + 1)
    size = [0.0, *(float(np.median(part)) for part in parts if len(part))]
    each = [number[first[k] : first[k + 1]] for k in range(len(drawn))]
    return each, np.array(size)


def _pairs(drawn: Sequence[Array], first: Array) -> list[tuple[int, int]]:
    """List the pairs of objects that match, the best first; objects are counted on from `first`."""
    found = []
    for a in range(len(drawn)):
        for b in range(a + 1, len(drawn)):
            same = match(drawn[a], drawn[b], IOU)
            found += zip(
                (-same.ious).tolist(),
                (same.truth + first[a]).tolist(),
                (same.found + first[b]).tolist(),
                strict=True,
            )
    return [(one, other) for _, one, other in sorted(found)]


def _joined(pairs: Sequence[tuple[int, int]], first: Array) -> Array:
    """Join pairs to groups of which no expert has two; the group of each object, by a member."""
    group = list(range(first[-1]))
    members = {k: {k} for pair in pairs for k in pair}
    of = np.searchsorted(first, np.arange(first[-1]), side="right").tolist()
    for one, other in pairs:
        a, b = members[group[one]], members[group[other]]
        if a is b or {of[k] for k in a} & {of[k] for k in b}:
            continue
        a |= b
        for k in b:
            group[k] = group[one]
    return np.array(group)


def _most(said: Array, size: Floats) -> Array:
    """Return the group with most votes at each pixel, of equals the smaller; 0 where none has."""
    rank = np.argsort(np.argsort(size, kind="stable"), kind="stable")
    best, votes = np.zeros(said.shape[1], np.int64), np.zeros(said.shape[1], np.int64)
    for own in said:
        count = np.where(own > 0, (said == own).sum(axis=0), 0)
        better = (count > votes) | ((count == votes) & (rank[own] < rank[best]) & (own > 0))
        best, votes = np.where(better, own, best), np.where(better, count, votes)
    return best


@dataclass(frozen=True, eq=False)
class Fates:
    """What one expert made of the objects of the consensus: arrays of their numbers.

    Attributes
    ----------
    drew, split, merged : integer arrays
        Objects that the expert has, too (IoU of 0.5 or more); that are several of the expert's;
        that one of the expert's covers together with another.
    """

    drew: Array
    split: Array
    merged: Array


def fates(labels: Array, own: Array) -> Fates:
    """Say what an expert made of the objects of the consensus.

    An object is split where two or more of the expert's lie in it with more than half of their
    area, and cover half of it together; two are merged of which one of the expert's covers more
    than half each.

    Examples
    --------
    >>> agreed = np.array([[1, 1, 1, 1, 2, 2, 3, 3, 3]])
    >>> found = fates(agreed, np.array([[1, 1, 2, 2, 3, 3, 3, 3, 3]]))
    >>> found.drew.tolist(), found.split.tolist(), found.merged.tolist()
    ([1, 3], [1], [2, 3])
    """
    table = object_overlaps(labels, own, None)
    covers = 2 * table.shared_px > table.true_px[table.row]
    several = np.bincount(table.column[covers], minlength=table.found_ids.size) > 1
    merged = np.unique(table.row[covers & several[table.column]])
    within = 2 * table.shared_px > table.found_px[table.column]
    parts = np.bincount(table.row[within], minlength=table.true_ids.size)
    shared = np.bincount(table.row[within], table.shared_px[within], minlength=table.true_ids.size)
    split = np.flatnonzero((parts > 1) & (2 * shared >= table.true_px))
    return Fates(matches_of(table, IOU).truth, table.true_ids[split], table.true_ids[merged])
