"""Hold out images for validation: by group, and by region where there are too few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidError, invalid
from ..messages import counted, say
from .data import Data, as_data
from .items import Item, read_labels
from .sources import Source
from .views import CropSource

_TRAIN = ("train", "training")
_VALIDATION = ("validation", "val", "valid")


def split(data: Data, validation: Any = 0.2, seed: int = 0) -> tuple[Data, Data, str]:
    """Part data into what is learned from and what is held out.

    Parameters
    ----------
    data : Data
        The images.
    validation : float, str, Path, Data or None, default 0.2
        A fraction of the images, from 0 (none) to below 1; or images of their own (anything
        `as_data` accepts). Items that name a split themselves are parted by that.
    seed : int, default 0
        Chooses the images or the region.

    Returns
    -------
    train, validation : Data
        Images of one group are all in one of them. Where one image (or group) would be more
        than twice the fraction, a region of every image is held out instead.
    note : str
        A sentence on what was done, to be said aloud.

    Raises
    ------
    InvalidError
        A fraction outside 0 to 1, or nothing left to train on.
    """
    if validation is not None and not isinstance(validation, (int, float)):
        try:
            held = as_data(validation, channels=data.channels, unknown=data.unknown)
        except InvalidError as error:
            raise error.renamed("validation", of="data") from None
        return data, held, f"{counted(len(held), 'image')} of their own for validation"
    if not data.items:
        raise invalid("data", expected="at least one image", received="none")
    fraction = float(validation or 0.0)
    if not 0 <= fraction < 1:
        raise invalid("validation", expected="0 to below 1, or images", received=validation)
    if any(item.split for item in data.items):
        return _split_named(data)
    if fraction == 0:
        return data, replace(data, items=()), "no images held out for validation"
    groups = _groups(data.items)
    # one group of so few would be more than twice what was asked for
    if len(groups) * fraction < 0.5:
        return _split_region(data, fraction, seed, len(groups))
    return _split_groups(data, groups, fraction, seed)


def _split_named(data: Data) -> tuple[Data, Data, str]:
    def chosen(names: Sequence[str | None]) -> tuple[Item, ...]:
        return tuple(i for i in data.items if _named(i) in names)

    odd = odd_splits(data.items)
    if odd:
        raise invalid("split", expected="train, validation or test", received="; ".join(odd))
    train, held, left = chosen((*_TRAIN, None)), chosen(_VALIDATION), chosen(("test",))
    if not train:
        raise invalid("split", expected="at least one image to train on", received="none")
    both = sorted({i.group for i in train if i.group} & {i.group for i in held if i.group})
    note = f"split as given: {counted(len(train), 'image')} to train, {len(held)} for validation"
    note += f", {len(left)} for test left out" if left else ""
    note += f"; these groups are on both sides: {', '.join(both[:5])}" if both else ""
    return replace(data, items=train), replace(data, items=held), note


def odd_splits(items: Sequence[Item]) -> list[str]:
    """Say which items name a split that there is not."""
    known = (*_TRAIN, *_VALIDATION, "test", None)
    return [f"{item.id} with {item.split}" for item in items if _named(item) not in known]


def _named(item: Item) -> str | None:
    return item.split.strip().lower() if item.split else None


def _groups(items: Sequence[Item]) -> dict[tuple[str, str], list[Item]]:
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        key = ("item", item.id) if item.group is None else ("group", item.group)
        groups.setdefault(key, []).append(item)
    return groups


def _split_groups(
    data: Data, groups: dict[tuple[str, str], list[Item]], fraction: float, seed: int
) -> tuple[Data, Data, str]:
    names = sorted(groups)
    order = np.random.default_rng(seed).permutation(len(names))
    wanted = fraction * len(data.items)
    held: set[str] = set()
    count = 0
    for number in order[:-1]:
        members = [i.id for i in groups[names[number]]]
        # the first is always taken; another only where that comes closer to what is wanted
        if held and abs(len(held) + len(members) - wanted) >= abs(len(held) - wanted):
            continue
        held.update(members)
        count += 1
    train = tuple(i for i in data.items if i.id not in held)
    validation = tuple(i for i in data.items if i.id in held)
    by = f" ({count} of {len(names)} groups)" if any(k == "group" for k, _ in names) else ""
    note = f"{len(validation)} of {len(data.items)} images held out for validation{by}"
    return replace(data, items=train), replace(data, items=validation), note


def _split_region(data: Data, fraction: float, seed: int, groups: int) -> tuple[Data, Data, str]:
    rng = np.random.default_rng(seed)
    parts = [_region(item, fraction, rng, data.unknown) for item in data.items]
    train = tuple(_crop(i, kept) for i, (kept, _) in zip(data.items, parts, strict=True))
    held = tuple(_crop(i, cut) for i, (_, cut) in zip(data.items, parts, strict=True))
    what = f"{groups} image{'s' if groups > 1 else ''} or groups are too few to hold one out"
    note = f"{what}: a region of {fraction:.0%} of each image is held out for validation"
    return replace(data, items=train), replace(data, items=held), note


Box = tuple[tuple[int, int], ...]


def _region(
    item: Item, fraction: float, rng: np.random.Generator, unknown: int | None
) -> tuple[Box, Box]:
    """Return boxes kept and held: an end of y or x, with foreground in both if possible."""
    labels, _ = read_labels(item, unknown)
    boxes = [
        _cut(labels.shape, axis, fraction, end)
        # not along z: planes next to each other show the same objects
        for axis in (labels.ndim - 2, labels.ndim - 1)
        for end in (True, False)
        if labels.shape[axis] > 1
    ]
    if not boxes:
        got = say("{} of shape {}", item.id, labels.shape)
        raise invalid("validation", expected="images of more than one pixel", received=got)
    order = [boxes[i] for i in rng.permutation(len(boxes))]
    # a part without objects can neither be learned from nor be scored
    good = [b for b in order if all(labels[_slices(part)].any() for part in b)]
    kept, held = (good or order)[0]
    return kept, held


def _cut(shape: tuple[int, ...], axis: int, fraction: float, end: bool) -> tuple[Box, Box]:
    size = shape[axis]
    width = min(max(round(fraction * size), 1), size - 1)
    low, high = ((0, size - width), (size - width, size)) if end else ((width, size), (0, width))
    whole = [(0, n) for n in shape]
    kept, held = list(whole), list(whole)
    kept[axis], held[axis] = low, high
    return tuple(kept), tuple(held)


def _slices(box: Box) -> tuple[slice, ...]:
    return tuple(slice(start, stop) for start, stop in box)


def _crop(item: Item, box: Box) -> Item:
    def crop(source: Source) -> CropSource:
        return CropSource(source, box)

    annotations = tuple(crop(a) for a in item.annotations)
    return replace(item, image=crop(item.image), annotations=annotations, roi=box)


def fraction_or_path(validation: Any) -> float | Path | Any:
    """Read what a command line or R gave: a number as text is a fraction.

    Examples
    --------
    >>> fraction_or_path("0.3"), fraction_or_path("held_out/")
    (0.3, 'held_out/')
    """
    try:
        return float(validation)
    except (TypeError, ValueError):
        return validation
