"""Hold out images for validation: by group, and by region where there are too few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidError, invalid
from ..images.image import AnyArray
from ..images.labels import values_of
from ..messages import counted, say
from .data import Data, as_data
from .items import Item, shown_names
from .looked_at import labels_looked_at
from .sources import Source
from .views import CropSource

Kinds = frozenset[int]
"""What labels show: class ids, or 1 for anything."""
Shows = Callable[[Item], Kinds]
_TRAIN = ("train", "training")
_VALIDATION = ("validation", "val", "valid")


def held_out_of(data: Data, validation: Any) -> Data:
    """Take validation images of their own, with the channels and unknown labels of the others.

    Parameters
    ----------
    data : Data
        What is learned from.
    validation : str, Path, Data, ...
        Anything `as_data` accepts.
    """
    try:
        # of labels put together, what is unknown is told among the ids
        unknown = data.unknown if data.class_ids is None else None
        return as_data(
            validation, channels=data.channels, unknown=unknown, class_ids=data.class_ids
        )
    except InvalidError as error:
        raise error.renamed("validation", of="data") from None


def split(
    data: Data, validation: Any = 0.2, seed: int = 0, shows: Shows | None = None
) -> tuple[Data, Data, str]:
    """Part data into what is learned from and what is held out.

    Parameters
    ----------
    data : Data
        The images.
    validation : float, str, Path, Data or None, default 0.2
        A fraction of the images, from 0 (none) to below 1; or images of their own (anything
        `as_data` accepts). Items that name a split themselves are parted by that; where none is
        named for validation, the fraction is of those that are not for test.
    seed : int, default 0
        Chooses the images or the region.
    shows : callable, optional
        From an item to what its labels show; default whether they show anything.

    Returns
    -------
    train, validation : Data
        Images of one group are all in one of them, and whatever labels show is in both as long
        as two groups have it; of each about that fraction. Where one image (or group) would be
        more than twice the fraction, or a single one shows anything, a region of every image is
        held out instead.
    note : str
        A sentence on what was done, to be said aloud.

    Raises
    ------
    InvalidError
        A fraction outside 0 to 1, or nothing left to train on.
    """
    if validation is not None and not isinstance(validation, (int, float)):
        held = held_out_of(data, validation)
        return data, held, f"{counted(len(held), 'image')} of their own for validation"
    if not data.items:
        raise invalid("data", expected="at least one image", received="none")
    fraction = float(validation or 0.0)
    if not 0 <= fraction < 1:
        raise invalid("validation", expected="0 to below 1, or images", received=validation)
    if any(item.split for item in data.items):
        return _split_named(data, fraction, seed, shows)
    if fraction == 0:
        return data, replace(data, items=()), "no images held out for validation"
    groups, shows = groups_of(data.items), shows or shown_by(data.unknown)
    # one group of so few would be more than twice what was asked for
    if len(groups) * fraction < 0.5:
        several = f"{len(groups)} images or groups are"
        few = "1 image or group is" if len(groups) == 1 else several
        return _split_region(data, fraction, seed, shows, f"{few} too few to hold one out")
    shown = {name: shown_in(members, shows) for name, members in groups.items()}
    held = _held_groups(shown, fraction, seed)
    # of objects that are all in one group only a part can be held out
    if not any(kind for name in held for kind in shown[name]) and any(map(len, shown.values())):
        alone = "what there is to learn is in too few images or groups to hold one out"
        return _split_region(data, fraction, seed, shows, alone)
    return _parted(data, groups, held)


def shown_by(
    unknown: int | None, classes: bool = False, known: Mapping[str, Kinds] | None = None
) -> Shows:
    """Return the function from an item to what its labels show.

    Parameters
    ----------
    unknown : int or None
        The label value that counts nowhere.
    classes : bool, default False
        Whether labels are class ids, which are told apart; else 1 stands for all.
    known : dict, optional
        By name of the item, what was seen before; a part of an image is looked at.
    """

    def shows(item: Item) -> Kinds:
        """Look it up, or read the labels."""
        if known and item.roi is None and item.id in known:
            return known[item.id]
        if not item.annotations:
            return Kinds()
        looked_at = labels_looked_at(item, unknown)
        return Kinds().union(*(kinds_in(labels, classes) for labels, _ in looked_at))

    return shows


def kinds_in(labels: AnyArray, classes: bool = False) -> Kinds:
    """Say what labels show: class ids, or 1 for anything.

    Examples
    --------
    >>> labels = np.array([0, 3, 7])
    >>> kinds_in(labels), sorted(kinds_in(labels, classes=True))
    (frozenset({1}), [3, 7])
    """
    if classes:
        return Kinds(int(v) for v in values_of(labels) if v > 0)
    return Kinds([1] if labels.any() else [])


def _split_named(
    data: Data, fraction: float, seed: int, shows: Shows | None
) -> tuple[Data, Data, str]:
    def chosen(names: Sequence[str | None]) -> tuple[Item, ...]:
        return tuple(i for i in data.items if _named(i) in names)

    odd = odd_splits(data.items)
    if odd:
        raise invalid("split", expected="train, validation or test", received="; ".join(odd))
    train, held, left = chosen((*_TRAIN, None)), chosen(_VALIDATION), chosen(("test",))
    if not train:
        raise invalid("split", expected="at least one image to train on", received="none")
    if not held and fraction:  # what is for test alone is named: a share of the others
        free = replace(data, items=tuple(replace(item, split=None) for item in train))
        kept, part, words = split(free, fraction, seed, shows)
        return kept, part, f"{words}; {len(left)} for test left out" if left else words
    both = sorted({i.group for i in train if i.group} & {i.group for i in held if i.group})
    note = f"split as given: {counted(len(train), 'image')} to train, {len(held)} for validation"
    note += f", {len(left)} for test left out" if left else ""
    note += f"; these groups are on both sides: {', '.join(both[:5])}" if both else ""
    return replace(data, items=train), replace(data, items=held), note


def odd_splits(items: Sequence[Item]) -> list[str]:
    """Say which items name a split that there is not."""
    known = (*_TRAIN, *_VALIDATION, "test", None)
    return [f"{item.id} with {item.split}" for item in items if _named(item) not in known]


def divided_groups(items: Sequence[Item]) -> list[str]:
    """Say which groups have images in several splits, where items name these.

    Examples
    --------
    >>> from cytoloom.datasets.sources import ArraySource
    >>> source = ArraySource(np.zeros((8, 9)))
    >>> divided_groups([Item(k, source, group="g", split=k) for k in ("train", "test")])
    ['group g is in several splits (test, train): scores then say little of other groups']
    """
    if not any(item.split for item in items):
        return []
    sides: dict[str, set[str]] = {}
    for item in items:
        if item.group:
            sides.setdefault(item.group, set()).add(_side(item))
    odd = {group: found for group, found in sides.items() if len(found) > 1}
    if not odd:
        return []
    several = sorted(set[str]().union(*odd.values()))
    words = f"{'groups' if len(odd) > 1 else 'group'} {shown_names(sorted(odd))}"
    are = "are" if len(odd) > 1 else "is"
    return [
        f"{words} {are} in several splits ({', '.join(several)}): scores then say little of other "
        "groups"
    ]


def _side(item: Item) -> str:
    name = _named(item)
    return "train" if name in (*_TRAIN, None) else "validation" if name in _VALIDATION else name


def _named(item: Item) -> str | None:
    return item.split.strip().lower() if item.split else None


def groups_of(items: Sequence[Item]) -> dict[tuple[str, str], list[Item]]:
    """Put together items of one group; without groups each is alone."""
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        key = ("item", item.id) if item.group is None else ("group", item.group)
        groups.setdefault(key, []).append(item)
    return groups


def shown_in(members: Sequence[Item], shows: Shows) -> Counter[int]:
    """Count the images of a group that show each kind, and under 0 all of them."""
    return Counter({0: len(members)}) + Counter(kind for item in members for kind in shows(item))


def _held_groups(
    shown: Mapping[tuple[str, str], Counter[int]], fraction: float, seed: int
) -> list[tuple[str, str]]:
    """Choose groups to hold out: about the fraction of the images that show each kind.

    The rarest kind first, since whatever shows it shows others too; all images last.
    """
    names = sorted(shown)
    order = [names[k] for k in np.random.default_rng(seed).permutation(len(names))]
    total, got, held = sum(shown.values(), Counter()), Counter[int](), []
    left = Counter(kind for name in names for kind in shown[name])

    def closer(name: tuple[str, str], kind: int) -> bool:
        """Whether taking a group comes nearer to what is wanted of a kind."""
        wanted = fraction * total[kind]
        return abs(got[kind] + shown[name][kind] - wanted) < abs(got[kind] - wanted)

    for kind in sorted(total, key=lambda kind: (kind == 0, total[kind], kind)):
        for name in order:
            # training keeps a group of everything; the first that can be spared is always taken
            spare = all(left[k] > 1 for k in shown[name])
            wanted = closer(name, kind) and (kind or all(closer(name, k) for k in shown[name]))
            if name in held or not shown[name][kind] or not spare or (got[kind] and not wanted):
                continue
            held.append(name)
            got.update(shown[name])
            left.subtract(dict.fromkeys(shown[name], 1))
    return held


def _parted(
    data: Data, groups: Mapping[tuple[str, str], list[Item]], names: Sequence[tuple[str, str]]
) -> tuple[Data, Data, str]:
    held = {item.id for name in names for item in groups[name]}
    train = tuple(i for i in data.items if i.id not in held)
    validation = tuple(i for i in data.items if i.id in held)
    by_group = any(k == "group" for k, _ in groups)
    by = f" ({len(names)} of {len(groups)} groups)" if by_group else ""
    note = f"{len(validation)} of {len(data.items)} images held out for validation{by}"
    return replace(data, items=train), replace(data, items=validation), note


def _split_region(
    data: Data, fraction: float, seed: int, shows: Shows, why: str
) -> tuple[Data, Data, str]:
    rng = np.random.default_rng(seed)
    parts = [_region(item, fraction, rng, shows) for item in data.items]
    train = tuple(_crop(i, kept) for i, (kept, _) in zip(data.items, parts, strict=True))
    held = tuple(_crop(i, cut) for i, (_, cut) in zip(data.items, parts, strict=True))
    note = f"{why}: a region of {fraction:.0%} of each image is held out for validation"
    return replace(data, items=train), replace(data, items=held), note


Box = tuple[tuple[int, int], ...]


def _region(item: Item, fraction: float, rng: np.random.Generator, shows: Shows) -> tuple[Box, Box]:
    """Return boxes kept and held: an end of y or x, with as much in both as is possible."""
    shape = item.image.shape[:-1]
    # of labels for a part of the image a share of this part
    inside = getattr(item.annotations[0], "inside", None) if item.annotations else None
    labelled = [(s.start, s.stop) for s in inside] if inside else [(0, n) for n in shape]
    boxes = [
        _cut(shape, axis, fraction, end, labelled[axis])
        # not along z: planes next to each other show the same objects
        for axis in (len(shape) - 2, len(shape) - 1)
        for end in (True, False)
        if labelled[axis][1] - labelled[axis][0] > 1
    ]
    if not boxes:
        got = say("{} of shape {}", item.id, shape)
        raise invalid("validation", expected="images of more than one pixel", received=got)
    order = [boxes[i] for i in rng.permutation(len(boxes))]
    if not shows(item):
        return order[0]
    # a part without objects can neither be learned from nor be scored
    return max(
        order, key=lambda pair: len(Kinds.intersection(*(shows(_crop(item, b)) for b in pair)))
    )


def _cut(
    shape: tuple[int, ...], axis: int, fraction: float, end: bool, labelled: tuple[int, int]
) -> tuple[Box, Box]:
    size, (first, last) = shape[axis], labelled
    width = min(max(round(fraction * (last - first)), 1), last - first - 1)
    at = last - width if end else first + width
    low, high = ((0, at), (at, size)) if end else ((at, size), (0, at))
    whole = [(0, n) for n in shape]
    kept, held = list(whole), list(whole)
    kept[axis], held[axis] = low, high
    return tuple(kept), tuple(held)


def _crop(item: Item, box: Box) -> Item:
    def crop(source: Source) -> CropSource:
        return CropSource(source, box)

    annotations = tuple(crop(a) for a in item.annotations)
    image = item.image
    if not isinstance(image, CropSource):
        return replace(item, image=crop(image), annotations=annotations, roi=box)
    # of a part of a larger image: normalisation measures the whole of that in any case
    axes = zip(image.roi, box, strict=True)
    roi = tuple((first + start, first + stop) for (first, _), (start, stop) in axes)
    part = CropSource(image.whole, roi)
    return replace(item, image=part, annotations=annotations, roi=roi)


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
