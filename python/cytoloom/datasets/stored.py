"""Arrays as the files of a training have them: what they are where they do not say it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from ..errors import InvalidError
from ..events import Event, note, warn
from ..images.image import AnyArray
from ..images.pixel_type import (
    BARE,
    SHARES,
    Taken,
    Values,
    are_shares,
    as_type,
    common_type,
    how_to_say,
    of_set,
    type_of,
)
from ..messages import say
from .data import Data
from .items import Item, shown_names
from .sources import ArraySource, Source
from .views import CropSource


class StoredSource(ArraySource):
    """Another source in memory, its pixels in the type of files that they are taken for.

    Parameters
    ----------
    source : Source
        Of a type that says nothing.
    values : Values
        What its values are.
    trained : str, optional
        Type of the pixels of training.
    shares : bool, optional
        Whether fractions are shares, see `are_shares`.
    taken : Taken, optional
        What it is taken for. Default: as `type_of` has it.

    Examples
    --------
    >>> import numpy as np
    >>> from cytoloom.datasets.sources import ArraySource
    >>> given = np.array([[0, 300]])
    >>> StoredSource(ArraySource(given), Values.of(given), "uint16").dtype
    dtype('uint16')
    """

    def __init__(  # its pixels come when first read
        self,
        source: Source,
        values: Values,
        trained: str | None = None,
        shares: bool | None = None,
        taken: Taken | None = None,
    ) -> None:
        self.given, self.values = source, values
        self._trained, self._shares, self._known = trained, shares, taken
        self.axes, self.spacing_um, self.name = source.axes, source.spacing_um, source.name
        self.bare, self.notes = False, ()
        self.channel_names: tuple[str, ...] | None = getattr(source, "channel_names", None)

    @cached_property
    def taken(self) -> Taken:
        """What it is taken for."""
        # when first read: what cannot be used among other images stops none of these
        try:
            return self._known or type_of(self.values, self._trained, self._shares)
        except InvalidError as error:
            raise error.renamed(self.name) from None

    @cached_property
    def _array(self) -> AnyArray:  # type: ignore[override]
        return as_type(self.given.read(), self.taken)

    @property
    def guess(self) -> str:
        """What is not certain of the type, and how to say another; empty where nothing is."""
        dtype, values = self.taken.dtype, self.values
        if self.taken.scale > 1 and dtype in SHARES and values.finite and not values.ends:
            if dtype not in values.shares:
                words = f"fractions are taken for shares of {SHARES[dtype]}, though not all are"
                return say("{} such. {}", words, how_to_say("float32"))
        elif values.high > 1 and dtype == "uint16" and values.fit("uint8"):
            words = "whole numbers up to 255 are taken for pixels of uint16, as in training"
            return say("{}. {}", words, how_to_say("uint8"))
        return ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array, with channels last."""
        return self.given.shape


def _is_bare(source: Any) -> bool:
    """Whether pixels are in memory, in a type that says nothing."""
    return getattr(source, "bare", False) and source.dtype.name in BARE


def _whole(source: Any) -> Any:
    """Return what a box is cut from, itself of any other source."""
    return source.whole if isinstance(source, CropSource) else source


def _stored(item: Item, values: Values | None, **how: Any) -> Item:
    """Return an item with its pixels in a type of files, itself where they are."""
    source = item.image
    if values is None:
        return item
    stored = StoredSource(_whole(source), values, **how)
    cropped = isinstance(source, CropSource)
    return replace(item, image=CropSource(stored, source.roi) if cropped else stored)


def _values(items: Sequence[Item]) -> list[Values | None]:
    """Look at the values of images whose type says nothing; None of others."""
    return [_values_of(item.image) for item in items]


def _values_of(source: Source) -> Values | None:
    try:
        return Values.of(_whole(source).read()) if _is_bare(source) else None
    except InvalidError:  # said when it is read
        return None


def as_trained(items: Sequence[Item], trained: str | None) -> list[Item]:
    """Take arrays that do not say their type for what files of the training hold, all alike.

    Parameters
    ----------
    items : sequence of Item
        Images.
    trained : str or None
        Type of the pixels of training; None: nothing is changed.
    """
    if not trained:
        return list(items)
    values = _values(items)
    shares = are_shares([one for one in values if one is not None])
    pairs = zip(items, values, strict=True)
    return [_stored(item, one, trained=trained, shares=shares) for item, one in pairs]


def as_passed(source: Source) -> Source:
    """Return an image with the values that were passed, whatever the network is shown.

    Examples
    --------
    >>> import numpy as np
    >>> from cytoloom.datasets.sources import ArraySource
    >>> given = ArraySource(np.array([[0.0, 0.5]]), bare=True)
    >>> (item,) = as_trained([Item("a", given)], "uint16")
    >>> item.image.read()[0, 1], as_passed(item.image).read()[0, 1]
    (array([32768], dtype=uint16), array([0.5]))
    """
    whole = _whole(source)
    if not isinstance(whole, StoredSource):
        return source
    return CropSource(whole.given, source.roi) if isinstance(source, CropSource) else whole.given


def scale_of(source: Source) -> int:
    """Return what the values that were passed are multiplied by for the network."""
    whole = _whole(source)
    return whole.taken.scale if isinstance(whole, StoredSource) else 1


def taken_for(items: Sequence[Item]) -> Iterator[Event]:
    """Say which arrays are not certain to be of the type that they are taken for, and why."""
    stored = [(item.id, s) for item in items if isinstance(s := _whole(item.image), StoredSource)]
    guesses: dict[str, list[str]] = {}
    for name, source in stored:
        try:
            if source.guess:
                guesses.setdefault(source.guess, []).append(name)
        except InvalidError:  # said when it is read
            continue
    for text, names in guesses.items():
        yield note(say("{}: {}", shown_names(names), text))
    yield from _left_alone([(name, source.values) for name, source in stored])


_ALONE = (
    "{}: taken as they are and for no pixels of files, as {} has {}, which is neither whole nor a "
    "fraction of 1; what was learned of noise in files does not hold for them. Give all from 0 to "
    "1. {}"
)


def _left_alone(found: Sequence[tuple[str, Values]]) -> Iterator[Event]:
    """Say which arrays are of no type, since one of them holds other numbers than fractions."""
    beyond = [(name, one.beyond) for name, one in found if one.beyond is not None]
    if not beyond:
        return
    names = [name for name, one in found if not one.whole]
    odd, value = beyond[0]
    words = say(_ALONE, shown_names(names), odd, f"{value:.6g}", how_to_say("float32"))
    # where it changes what others are, nobody would expect it
    yield warn(words) if any(one.fractions for _, one in found) else note(words)


def of_one_type(parts: Sequence[Data], prefer: str | None = None) -> list[Data]:
    """Take the arrays of a training set for pixels of one type.

    Parameters
    ----------
    parts : sequence of Data
        What is learned from, and what is held out.
    prefer : str, optional
        The type of the images of a model that is trained further.
    """
    found = [_values(part.items) for part in parts]
    values = [one for part in found for one in part if one is not None]
    if not values:
        return list(parts)
    typed = [_type(i) for p in parts for i in p.items if not _is_bare(i.image)]
    dtype = common_type(values, [name for name in (*typed, prefer) if name])
    if dtype is None:
        return list(parts)
    shares = are_shares(values)

    def stored(item: Item, one: Values | None) -> Item:
        return _stored(item, one, taken=None if one is None else of_set(one, dtype, shares))

    return [
        replace(part, items=tuple(map(stored, part.items, of)))
        for part, of in zip(parts, found, strict=True)
    ]


def _type(item: Item) -> str | None:
    try:
        return item.image.dtype.name
    except (InvalidError, OSError):  # said when it is read
        return None
