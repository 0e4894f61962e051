"""Which labels of the truth and of a result meet: all that most scores of an image need.

Of the blocks of a large image the tables add up to those of the whole, so that both have one score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..metrics.contingency import Contingency, contingency
from ..metrics.matching import overlaps_of
from ..metrics.overlap import Overlap, overlap_of
from .found import Found
from .labels import EMPTY, OVERLAP, Array, unknown_marked

Objects = tuple[Contingency, Mapping[int, int]]


@dataclass(frozen=True, eq=False)
class Pairs:
    """What of the truth lies where of a result.

    Parameters
    ----------
    labels : Contingency
        Of the truth, as a task prepared it and -1 where it is unknown, with the labels found.
    objects : callable
        Returns that of the truth with the objects found, and the class that each has where labels
        are classes. Of those it takes looking for connected pieces, which is seldom needed.
    object_classes : dict of int to int, default {}
        Class of each object found, where objects have classes; see `Found.object_classes`.

    Examples
    --------
    >>> import numpy as np
    >>> pairs = pairs_of(np.array([[0, 1, 1, 2]]), Found(np.array([[0, 4, 0, 4]])))
    >>> pairs.overlap().tp.tolist(), pairs.overlap(2).tp.tolist()
    ([2], [0])
    """

    labels: Contingency
    objects: Callable[[], Objects]
    object_classes: Mapping[int, int] = field(default_factory=dict)

    def overlap(self, of_class: int | None = None) -> Overlap:
        """Return what the masks of a class share; by default of all that is not background."""
        true, seen = self.labels.truth, self.labels.found
        if of_class is None:
            return overlap_of(self.labels, true > 0, seen > 0)
        return overlap_of(self.labels, true == of_class, seen == of_class)

    def found_on_empty(self, of_class: int | None = None) -> dict[str, float]:
        """Count the objects found on an image that has none, of a class or at all.

        Nothing where it has some. Objects found mostly on unknown pixels count nowhere.

        Examples
        --------
        >>> import numpy as np
        >>> nothing, one = np.zeros((1, 3), int), np.array([[1, 0, 0]])
        >>> pairs_of(nothing, Found(one)).found_on_empty()
        {'n_found_on_empty': 1.0}
        >>> pairs_of(one, Found(one)).found_on_empty()
        {}
        """
        true, seen = self.labels.truth, self.labels.found
        if ((true > 0) if of_class is None else (true == of_class)).any():
            return {}
        if not ((seen > 0) if of_class is None else (seen == of_class)).any():
            return {EMPTY: 0.0}
        met, classes = self.objects()
        ids = overlaps_of(met).found_ids.tolist()
        own = ids if of_class is None else [k for k in ids if classes.get(k) == of_class]
        return {EMPTY: float(len(own))}


def pairs_of(truth: Array, found: Found, known: Array | None = None) -> Pairs:
    """Return what of the truth lies where of a result that is in memory.

    Parameters
    ----------
    truth : ndarray of int, shape (y, x) or (z, y, x)
        Labels, as a task prepared them.
    found : Found
        What was found in the image.
    known : ndarray of bool, optional
        Pixels that count; all by default.
    """
    marked = unknown_marked(truth, known)
    labels = contingency(marked, found.labels, unknown=-1)

    def objects() -> Objects:
        if not found.semantic:
            return labels, {}
        return contingency(marked, found.objects_labels, unknown=-1), found.classes

    return Pairs(labels, objects, found.object_classes)


def overlap_scores(overlap: Overlap) -> dict[str, float]:
    """Dice, IoU, precision and recall of one pair of masks.

    All NaN where both are empty: what finds nothing must not be praised in a mean over images.

    Examples
    --------
    >>> import numpy as np
    >>> overlap_scores(pairs_of(np.array([1, 1]), Found(np.array([0, 1]))).overlap())["iou"]
    0.5
    """
    if not (overlap.tp + overlap.fp + overlap.fn).any():
        return dict.fromkeys(OVERLAP, float("nan"))
    return {name: float(getattr(overlap, name)[0]) for name in OVERLAP}
