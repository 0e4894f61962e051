"""Facts of the images of a set, compared with each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import InvalidError
from ..messages import Argument, Setting, counted, say
from .items import Item, shown_names
from .views import ChannelSource

_SIZES_ALIKE = 1.2
_SHOWN_KINDS = 5
_SAME_SIZE = 0.01
"""How far pixel sizes of one image may differ by rounding: files keep them as fractions."""
_OTHER_DEPTH = 16
"""Images whose largest values are so many times apart, 4 bits, were hardly stored alike."""


@dataclass(frozen=True)
class Facts:
    """What is known of one image besides its pixels.

    Parameters
    ----------
    id : str
        The image.
    ndim, channels : int
        Spatial axes, and channels.
    names : tuple of str, optional
        Of the channels.
    dtype : numpy.dtype
        Type of the pixels.
    spacing_um : tuple of float, optional
        Micrometres per pixel.
    ends : (float, float), optional
        Least and largest value; none where all are the same.
    """

    id: str
    ndim: int
    channels: int
    names: tuple[str, ...] | None
    dtype: np.dtype[Any]
    spacing_um: tuple[float, ...] | None
    ends: tuple[float, float] | None = None

    @classmethod
    def of(cls, item: Item, ends: tuple[float, float] | None = None) -> Facts:
        """Read the facts of an image; `ends` are those of its pixels."""
        source = item.image
        names = getattr(source, "channel_names", None)
        shape = source.shape
        varies = ends is not None and ends[0] < ends[1] < float("inf")
        return cls(
            item.id, len(shape) - 1, shape[-1], names and tuple(names), source.dtype,
            item.spacing_um, ends if varies else None,
        )  # fmt: skip


def aligned(items: Sequence[Item]) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """Put channels that have the same names into one order: that of the first image.

    Returns
    -------
    items : tuple of Item
        The images.
    notes : tuple of str
        Which images were put right.
    """
    first: tuple[str, ...] | None = None
    found, turned = [], []
    for item in items:
        names = _names(item)
        first = first or names
        if names and first and names != first and _same(names, first):
            item = replace(item, image=ChannelSource(item.image, first))
            turned.append(item.id)
        found.append(item)
    if not turned or first is None:
        return tuple(items), ()
    words = (
        f"channels of {shown_names(turned)} are in another order, and taken as {', '.join(first)}"
    )
    return tuple(found), (words,)


def _names(item: Item) -> tuple[str, ...] | None:
    try:
        return getattr(item.image, "channel_names", None)
    except (InvalidError, OSError):  # said when it is read
        return None


def _same(names: Sequence[str], others: Sequence[str]) -> bool:
    """Whether these are the same names in another order, each of them once."""
    folded = sorted(name.casefold() for name in names)
    return folded == sorted(name.casefold() for name in others) and len(set(folded)) == len(folded)


def unusable(facts: Sequence[Facts]) -> Iterator[str]:
    """Say what images of one set may not differ in."""
    kinds = _by(facts, lambda one: f"{one.ndim}-D")
    if len(kinds) > 1:
        yield say(
            "images of one kind are needed: {}; a stack of time points is read as such with {}",
            _groups(kinds),
            Setting("axes", "tyx"),
        )
    channels = _by(facts, lambda one: counted(one.channels, "channel"))
    if len(channels) > 1:
        yield say(
            "images need the same channels: {}; choose some with {}",
            _groups(channels),
            Argument("channels"),
        )


def differing(facts: Sequence[Facts]) -> Iterator[str]:
    """Say what images of one set seldom differ in on purpose."""
    names = _by(facts, lambda one: ", ".join(one.names) if one.names else "no names")
    if len(names) > 1 and len({one.channels for one in facts}) == 1:
        yield say(
            "channels are named differently: {}; they are taken in the order of the files, choose "
            "others with {}",
            _groups(names),
            Argument("channels"),
        )
    types = _by(facts, lambda one: str(one.dtype))
    if len(types) > 1:
        yield f"images differ in pixel type: {_groups(types)}"
    else:
        yield from _ranges([one for one in facts if one.ends is not None])
    yield from _spacings(facts)


def _ranges(facts: Sequence[Facts]) -> Iterator[str]:
    """Say so where some images seem to be stored at another depth than others."""
    highs = {one.id: abs(one.ends[1]) for one in facts if one.ends is not None}
    if not highs or facts[0].dtype.itemsize == 1:
        return
    most = max(highs.values())
    # fractions of 1 among others, else values of 8 bits among others
    fractions = facts[0].dtype.kind == "f" and min(highs.values()) <= 1
    bound = 1 if fractions else 255
    low = [name for name, high in highs.items() if high <= bound]
    if low and most > _OTHER_DEPTH * bound:
        yield (
            f"values of {shown_names(low)} reach {max(highs[name] for name in low):g}, those of "
            f"others {most:g}: were they stored in another way? Each image is scaled on its own, "
            "but what is noise in one may be signal in another"
        )


def _spacings(facts: Sequence[Facts]) -> Iterator[str]:
    """Say so where pixel sizes differ, or only some are known."""
    spacings = [one.spacing_um for one in facts if one.spacing_um is not None]
    unknown = [one.id for one in facts if one.spacing_um is None]
    if spacings and unknown:
        yield say(
            "the pixel size of {} is not known, that of other images is: give {}",
            shown_names(unknown),
            Argument("pixel_size_um"),
        )
    if spacings and len({len(s) for s in spacings}) == 1:
        smallest, largest = np.min(spacings, axis=0), np.max(spacings, axis=0)
        if (largest > _SIZES_ALIKE * smallest).any():
            low, high = (tuple(round(float(v), 4) for v in s) for s in (smallest, largest))
            yield f"pixel sizes differ, from {low} to {high} um"


def other_sizes(items: Sequence[Item]) -> Iterator[str]:
    """Say so where label images have another pixel size than their images, which counts."""
    odd: dict[str, list[str]] = defaultdict(list)
    for item in items:
        sizes = _sizes_of(item)
        if sizes and not np.allclose(*sizes, rtol=_SAME_SIZE):
            own, labels = (" x ".join(f"{v:.4g}" for v in one) for one in sizes)
            odd[f"{labels} um by the labels and {own} um by the image, which counts"].append(
                item.id
            )
    for text, names in odd.items():
        yield say("{}: pixels are {}; else give {}", shown_names(names), text,
                  Argument("pixel_size_um"))  # fmt: skip


def _sizes_of(item: Item) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return what files say of the pixels of an image and of its labels, if nobody else did."""
    try:
        own = item.image.spacing_um
        labels = item.annotations[0].spacing_um if item.annotations else None
    except InvalidError:  # said when they are read
        return None
    given = item.spacing_um is not None and item.spacing_um != own
    known = own is not None and labels is not None and not given
    return (own, labels) if known and len(own) == len(labels) else None  # type: ignore[arg-type, return-value]


def _by(facts: Sequence[Facts], kind: Any) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = defaultdict(list)
    for one in facts:
        kinds[kind(one)].append(one.id)
    return kinds


def _groups(kinds: dict[str, list[str]]) -> str:
    fewest_first = sorted(kinds.items(), key=lambda kind: len(kind[1]))
    shown = [f"{shown_names(names, 3)}: {kind}" for kind, names in fewest_first]
    more = len(shown) - _SHOWN_KINDS
    return "; ".join(shown[:_SHOWN_KINDS]) + (f"; and {more} more" if more > 0 else "")
