"""Folds: images parted so that each is held out once, with groups kept together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from ..errors import invalid
from ..messages import Setting, counted, say
from .data import Data
from .splits import Shows, groups_of, shown_by, shown_in

Fold = frozenset[str]
"""Names of the images that are held out together."""


def folds(data: Data, count: int, seed: int = 0, shows: Shows | None = None) -> list[Fold]:
    """Part images into folds of about equal size; images of one group are in one fold.

    Parameters
    ----------
    data : Data
        The images.
    count : int
        How many folds. Never more than images (groups, where there are any) whose
        labels show something, so that something can be learned without each of them.
    seed : int, default 0
        Decides which images are together.
    shows : callable, optional
        From an item to what its labels show; default whether they show anything.

    Returns
    -------
    list of frozenset of str
        Names of images; each kind of thing that labels show is spread over the folds as evenly as
        groups allow, the rarest first (iterative stratification,
        doi:10.1007/978-3-642-23808-6_10).

    Raises
    ------
    InvalidError
        Fewer than two images or groups whose labels show something.

    Examples
    --------
    >>> from cytoloom.datasets.data import as_data
    >>> labels = [np.eye(4, dtype=int)] * 6
    >>> parts = folds(as_data((labels, labels)), 3)
    >>> [len(part) for part in parts], len(frozenset().union(*parts))
    ([2, 2, 2], 6)
    """
    groups, shows = groups_of(data.items), shows or shown_by(data.unknown)
    shown = {name: shown_in(members, shows) for name, members in groups.items()}
    useful = sum(any(kinds) for kinds in shown.values())
    if useful < 2:
        by_group = any(kind == "group" for kind, _ in groups)
        raise invalid(
            "members",
            expected="2 or more images, or groups of them, whose labels show something",
            received=counted(useful, "group" if by_group else "image"),
            remedy=say("Give more, or train a single model: {}.", Setting("members", 1)),
        )
    number = min(count, useful)
    total: Counter[int] = sum(shown.values(), Counter())
    parts: list[list[str]] = [[] for _ in range(number)]
    got: list[Counter[int]] = [Counter() for _ in range(number)]
    names = sorted(groups)
    drawn = [names[k] for k in np.random.default_rng(seed).permutation(len(names))]
    rarest = {name: _rarest(shown[name], total) for name in names}
    for name in sorted(drawn, key=lambda n: (rarest[n] == 0, total[rarest[n]])):
        kind = rarest[name]
        k = min(range(number), key=lambda k: (got[k][kind], got[k][0], k))
        parts[k] += [item.id for item in groups[name]]
        got[k].update(shown[name])
    return [frozenset(part) for part in parts]


def _rarest(shown: Iterable[int], total: Counter[int]) -> int:
    """Return the kind of what a group shows that fewest images show; 0 where it shows nothing."""
    return min((kind for kind in shown if kind), key=lambda kind: (total[kind], kind), default=0)
