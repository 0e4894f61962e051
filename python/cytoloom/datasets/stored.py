"""Arrays as the files of a training have them: what they are where they do not say it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from ..errors import InvalidError
from ..images.image import AnyArray
from ..images.pixel_type import BARE, SHARES, Values, as_type, common_type, how_to_say, type_of
from ..messages import Message, say
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
    dtype : str, optional
        What it is taken for. Default: as `type_of` has it.
    trained : str, optional
        Type of the pixels of training.

    Examples
    --------
    >>> import numpy as np
    >>> from cytoloom.datasets.sources import ArraySource
    >>> StoredSource(ArraySource(np.array([[0, 300]])), trained="uint16").dtype
    dtype('uint16')
    """

    def __init__(  # its pixels come when first read
        self, source: Source, dtype: str | None = None, trained: str | None = None
    ) -> None:
        self._source, self._dtype, self._trained = source, dtype, trained
        self.axes, self.spacing_um, self.name = source.axes, source.spacing_um, source.name
        self.bare, self.notes = False, ()
        self.channel_names: tuple[str, ...] | None = getattr(source, "channel_names", None)

    @cached_property
    def values(self) -> Values:
        """What the values are."""
        return Values.of(self._source.read())

    @cached_property
    def _array(self) -> AnyArray:  # type: ignore[override]
        # when first read: what cannot be used among other images stops none of these
        try:
            dtype = self._dtype or type_of(self.values, self._trained)
        except InvalidError as error:
            raise error.renamed(self.name) from None
        return as_type(self._source.read(), self.values, dtype)

    @property
    def guess(self) -> str:
        """What is not certain of the type, and how to say another; empty where nothing is."""
        dtype, values = str(self.dtype), self.values
        if values.fractions and dtype in SHARES and dtype not in values.shares:
            words = f"fractions are taken for shares of {SHARES[dtype]}, though not all are such"
            return say("{}. {}", words, how_to_say("float32"))
        if values.high > 1 and dtype == "uint16" and values.fit("uint8"):
            words = "whole numbers up to 255 are taken for pixels of uint16, as in training"
            return say("{}. {}", words, how_to_say("uint8"))
        return ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array, with channels last."""
        return self._source.shape


def _is_bare(source: Any) -> bool:
    """Whether pixels are in memory, in a type that says nothing."""
    return getattr(source, "bare", False) and source.dtype.name in BARE


def _stored(item: Item, **how: Any) -> Item:
    """Return an item with its pixels in a type of files, itself where they are."""
    source = item.image
    if not _is_bare(source):
        return item
    if isinstance(source, CropSource):
        return replace(item, image=CropSource(StoredSource(source.whole, **how), source.roi))
    return replace(item, image=StoredSource(source, **how))


def as_trained(items: Sequence[Item], trained: str | None) -> list[Item]:
    """Take arrays that do not say their type for what files of the training hold.

    Parameters
    ----------
    items : sequence of Item
        Images.
    trained : str or None
        Type of the pixels of training; None: nothing is changed.
    """
    return [_stored(item, trained=trained) for item in items] if trained else list(items)


def taken_for(items: Sequence[Item]) -> Iterator[Message]:
    """Say which arrays are not certain to be of the type that they are taken for."""
    guesses: dict[str, list[str]] = {}
    for item in items:
        source = getattr(item.image, "whole", item.image)
        try:
            if isinstance(source, StoredSource) and source.guess:
                guesses.setdefault(source.guess, []).append(item.id)
        except InvalidError:  # said when it is read
            continue
    for text, names in guesses.items():
        yield say("{}: {}", shown_names(names), text)


def of_one_type(parts: Sequence[Data], prefer: str | None = None) -> list[Data]:
    """Take the arrays of a training set for pixels of one type.

    Parameters
    ----------
    parts : sequence of Data
        What is learned from, and what is held out.
    prefer : str, optional
        The type of the images of a model that is trained further.
    """
    items = [item for part in parts for item in part.items]
    bare = [item.image for item in items if _is_bare(item.image)]
    if not bare:
        return list(parts)
    values = [Values.of(getattr(source, "whole", source).read()) for source in bare]
    typed = [_type(item) for item in items if not _is_bare(item.image)]
    dtype = common_type(values, [name for name in (*typed, prefer) if name])
    if dtype is None:
        return list(parts)
    return [replace(p, items=tuple(_stored(i, dtype=dtype) for i in p.items)) for p in parts]


def _type(item: Item) -> str | None:
    try:
        return item.image.dtype.name
    except (InvalidError, OSError):  # said when it is read
        return None
