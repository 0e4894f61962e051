"""Several data sets as one: patches are drawn from each as often as its weight says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import InvalidError, invalid
from ..messages import counted, say
from ..storage.names import told_apart
from .across import aligned
from .ids import named
from .items import Gathered, Item
from .mapped import MARK, marked
from .placed import PlacedSource
from .sources import Source


def joined(parts: Sequence[Any], weights: Any = None) -> Gathered:
    """Do the work of `Data.join`, on sets that are data already."""
    if not parts:
        raise invalid("data", expected="at least one data set", received="none")
    shares = _weights(weights, len(parts))
    names = list(told_apart(_name(part, k) for k, part in enumerate(parts, 1)))
    classes = {part.classes for part in parts if part.classes}
    if len(classes) > 1:
        received = " and ".join(", ".join(one) for one in sorted(classes))
        raise invalid("data", expected="sets with the same classes", received=received)
    # what is unknown in one set may be an object of another
    marks = len({part.unknown for part in parts}) > 1
    items = [
        replace(
            _marking(item, part.unknown) if marks else item,
            id=f"{name}_{item.id}",
            share=(name, share),
        )
        for part, name, share in zip(parts, names, shares, strict=True)
        for item in part.items
    ]
    found, changed = named(items)
    found, turned = aligned(found)
    total = sum(shares)
    each = ", ".join(f"{n} {s / total:.0%}" for n, s in zip(names, shares, strict=True))
    said = f"{counted(len(parts), 'data set')}; of the patches of training: {each}"
    return Gathered(
        tuple(found),
        tuple(text for part in parts for text in part.problems),
        (said, *dict.fromkeys(t for part in parts for t in part.notes), *changed, *turned),
        MARK if marks else parts[0].unknown,
        next(iter(classes), ()),
    )


def _weights(given: Any, count: int) -> list[float]:
    """Return a weight for each set, 1 where none are given."""
    if given is None:
        return [1.0] * count
    several = list(given) if isinstance(given, (list, tuple)) else [given]
    try:
        found = [float(one) for one in several]
    except (TypeError, ValueError):
        found = []
    if len(found) != count or not all(0 < one < float("inf") for one in found):
        expected = f"{counted(count, 'number')} above 0, one for each data set"
        raise invalid("weights", expected=expected, received=say("{}", several))
    return found


def _name(part: Any, number: int) -> str:
    """Return what a set is called: its folder or table, else its number."""
    given = part.origin.get("given")
    return Path(given).stem if isinstance(given, str) else f"set {number}"


def _marking(item: Item, unknown: int | None) -> Item:
    """Return an item whose unknown pixels are marked as those of the other sets are."""

    def marking(labels: Source) -> Source:
        if marked([labels]):
            return labels
        try:
            shape = labels.shape
        except InvalidError:  # said when it is read
            return labels
        return PlacedSource(labels, shape, (0,) * len(shape), None, unknown)

    return replace(item, annotations=tuple(map(marking, item.annotations)))
