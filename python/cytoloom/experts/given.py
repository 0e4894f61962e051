"""Which experts were given, and which images each of them drew."""

from __future__ import annotations

import contextlib
import glob
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.data import Data
from ..datasets.drawn import DrawnSource, is_drawn
from ..datasets.folders import is_folder, made_of_others, refuse_other_order
from ..datasets.given import ReadOptions, is_file, is_pixels
from ..datasets.ids import make_ids, named
from ..datasets.items import Item
from ..datasets.layouts import find_folders
from ..datasets.listing import some, walk
from ..datasets.make_items import make_items, raise_refused
from ..datasets.pairing import natural_order
from ..datasets.sources import Source
from ..datasets.unlabelled import gather_images
from ..errors import InvalidError, invalid
from ..images.formats import stem
from ..messages import Either, counted, joined, say
from ..storage.results import AGREED

WHAT = say(
    "{}",
    Either(
        python="a folder with a folder for each expert, these folders, lists of arrays, or Data",
        r="a folder with a folder for each expert, folders, lists of matrices, or cl_data()",
        options="a folder with a folder for each expert, or these folders",
    ),
)
_TWO = "labels of two experts or more"
_CALL_ALIKE = "Call the labels that experts drew of one image alike."


@dataclass(frozen=True, eq=False)
class Given:
    """What experts drew.

    Attributes
    ----------
    items : tuple of Item
        The images that somebody drew; annotations are in the order of `experts`, and
        `annotators` says whose they are.
    experts : tuple of str
        All of them.
    folders : tuple of Path
        Those that were read.
    warnings, notes : tuple of str
        What to tell.
    """

    items: tuple[Item, ...]
    experts: tuple[str, ...]
    folders: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def gather(experts: Any) -> Given:
    """Find out who drew what, and match it by name; only headers are read.

    Raises
    ------
    InvalidError
        Nothing of the kind, one expert only, or no image that two of them drew.
    """
    if isinstance(experts, Data):
        found = _of_data(experts)
    else:
        found = _of_folders(experts) if _are_paths(experts) else _of_arrays(experts)
    if len(found.experts) < 2:
        got = f"one, {found.experts[0]}" if found.experts else "none"
        remedy = "With one there is nothing to agree on: train on these labels as they are."
        remedy = remedy if found.experts else ""
        raise invalid("experts", expected=_TWO, received=got, remedy=remedy)
    items, changed = named(found.items)
    if max((len(item.annotations) for item in items), default=0) < 2:
        each = ", ".join(_drew(items, expert) for expert in found.experts)
        raise invalid(
            "experts",
            expected="images that two experts or more drew, under the same name",
            received=joined("; ", [f"none: {each}", *found.warnings[:1]]),
            remedy=_CALL_ALIKE if sum(bool(item.annotations) for item in items) > 1 else "",
        )
    return replace(found, items=tuple(items), notes=(*found.notes, *changed))


def _drew(items: Sequence[Item], expert: str) -> str:
    names = [item.id for item in items if expert in item.annotators]
    return f"{expert} drew {some(names) if names else 'nothing'}"


def _of_data(data: Data) -> Given:
    """Take the annotations of images that have several."""
    if data.unknown is not None:
        expected = say("labels of which all count, {}", "without a value that is unknown")
        raise invalid("experts", expected=expected, received=f"unknown={data.unknown}")
    items = [
        item
        if item.annotators
        else replace(item, annotators=tuple(_numbered(len(item.annotations))))
        for item in data.items
    ]
    names = sorted({name for item in items for name in item.annotators}, key=natural_order)
    return Given(tuple(items), tuple(names), (), data.problems, data.notes)


def _numbered(count: int) -> list[str]:
    return [f"expert_{k}" for k in range(1, count + 1)]


def _are_paths(experts: Any) -> bool:
    if isinstance(experts, Mapping):
        experts = list(experts.values())
    each = experts if isinstance(experts, (list, tuple)) else [experts]
    return bool(each) and all(is_file(one) for one in each)


def _of_folders(experts: Any) -> Given:
    """Match the files of a folder for each expert by their places below it, without endings."""
    folders, notes = _folders(experts)
    images = _images_beside(experts)
    drawn: dict[str, dict[str, Path]] = {}
    warnings = []
    for name, folder in folders.items():
        listing = walk(folder, labels=True)
        notes += listing.notes
        drawn[name], twice = _by_key(folder, listing.images)
        warnings += [f"{name} is left out of {key}, with files {_names(of)}" for key, of in twice]
    empty = [name for name, of in drawn.items() if not of]
    if empty and len(empty) == len(drawn):
        raise invalid("experts", expected=WHAT, received=f"no image in {folders[empty[0]]}")
    warnings += [f"there is no image in {folders[name]}" for name in empty]
    kept = {name: of for name, of in drawn.items() if of}
    items, left_out = _matched(kept, images)
    told = (*warnings, *left_out)
    notes += made_of_others(kept)
    return Given(items, tuple(kept), tuple(folders.values()), told, tuple(notes))


def _images_beside(experts: Any) -> dict[str, Source]:
    """Return the images of a folder of data by name, which have the sizes of outlines."""
    if not is_file(experts) or not is_folder(experts):
        return {}
    images, labels = find_folders(Path(experts).expanduser())
    if images is None or labels is None:
        return {}
    with contextlib.suppress(InvalidError):  # said where a size is wanted of them
        return {item.id: item.image for item in gather_images(images).items}
    return {}


def _names(paths: Iterable[Path]) -> str:
    return " and ".join(path.name for path in paths)


def _by_key(
    folder: Path, names: Sequence[str]
) -> tuple[dict[str, Path], list[tuple[str, list[Path]]]]:
    """Name files without endings; those of one name are no answer, and given apart."""
    found: dict[str, list[Path]] = {}
    for name in names:
        below = Path(name).parent / stem(name)
        found.setdefault("_".join(below.parts), []).append(folder / name)
    alone = {key: paths[0] for key, paths in found.items() if len(paths) == 1}
    return alone, [(key, paths) for key, paths in found.items() if len(paths) > 1]


def _folders(experts: Any) -> tuple[dict[str, Path], list[str]]:
    """Return the folder of each expert, and what is passed over beside them."""
    if isinstance(experts, Mapping):
        return {str(name): _a_folder(one) for name, one in experts.items()}, []
    if isinstance(experts, (list, tuple)):
        paths = [_a_folder(one) for one in experts]
        _refuse_twice([str(path) for path in paths], "folders that differ")
        return dict(zip(make_ids(paths, ()), paths, strict=True)), []
    if not os.path.exists(Path(experts).expanduser()) and glob.has_magic(str(experts)):
        matching = sorted(glob.glob(str(Path(experts).expanduser())), key=natural_order)
        return _folders([path for path in matching if is_folder(path)] or [experts])
    parent = _a_folder(experts)
    parent = find_folders(parent)[1] or parent
    inside = sorted(
        (p for p in parent.iterdir() if p.is_dir()), key=lambda p: natural_order(p.name)
    )
    usable = [p for p in inside if not p.name.startswith(".") and not (p / AGREED).exists()]
    if not usable:
        raise invalid("experts", expected=WHAT, received=f"{parent}, in which there is no folder")
    beside = [p.name for p in sorted(parent.iterdir()) if p.is_file() and p.name[0] != "."]
    notes = [f"passed over in {parent}: {some(beside)}"] if beside else []
    return {path.name: path for path in usable}, notes


def _refuse_twice(names: Iterable[str], expected: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise invalid("experts", expected=expected, received=f"{', '.join(twice)} more than once")


def named_experts(names: Sequence[str], drawn: Sequence[Any]) -> dict[str, Any]:
    """Return what experts drew by their names, which have to differ, and be there.

    Examples
    --------
    >>> named_experts(["anna", "ben"], [1, 2])
    {'anna': 1, 'ben': 2}
    """
    _refuse_unnamed(names, "a name of each expert, or of none")
    _refuse_twice(names, "experts of different names")
    return dict(zip(names, drawn, strict=True))


def named_images(expert: str, names: Sequence[str], images: Sequence[Any]) -> dict[str, Any]:
    """Return what an expert drew by the names of images, which have to differ, and be there."""
    _refuse_unnamed(names, f"a name of each image of {expert}, or of none")
    _refuse_twice(names, f"images of different names of {expert}")
    return dict(zip(names, images, strict=True))


def _refuse_unnamed(names: Sequence[str], expected: str) -> None:
    if not all(names):
        place = 1 + next(k for k, name in enumerate(names) if not name)
        raise invalid("experts", expected=expected, received=f"none in place {place}")


def _a_folder(path: Any) -> Path:
    folder = Path(path).expanduser()
    # of names that no disk takes os.path says what pathlib raises
    if not os.path.isdir(folder) or not is_folder(folder):
        raise invalid("experts", expected=WHAT, received=f"{folder}, which is no folder")
    return folder


def _of_arrays(experts: Any) -> Given:
    """Match arrays by name, or by their order where they have none."""
    if isinstance(experts, Mapping):
        named_experts = {str(name): one for name, one in experts.items()}
    elif isinstance(experts, (list, tuple)):
        named_experts = dict(zip(_numbered(len(experts)), experts, strict=True))
    else:
        raise invalid("experts", expected=WHAT, received=experts)
    drawn = {name: _arrays(one) for name, one in named_experts.items()}
    counts = {len(of) for of in drawn.values() if isinstance(of, list)}
    if len(counts) > 1 or (counts and any(isinstance(of, dict) for of in drawn.values())):
        each = ", ".join(f"{len(of)} of {name}" for name, of in drawn.items())
        raise invalid(
            "experts",
            expected="as many images of each expert, in the same order, or images with names",
            received=each,
            remedy=say("Put {} where an expert drew nothing.", None),
        )
    first, *others = [of for of in drawn.values() if isinstance(of, list)] or [[]]
    for of in others:
        refuse_other_order("experts", first, of)
    names = make_ids([np.zeros(0)] * max(counts, default=0))
    by_name = {
        expert: dict(zip(names, of, strict=True)) if isinstance(of, list) else of
        for expert, of in drawn.items()
    }
    items, left_out = _matched(by_name)
    return Given(items, tuple(by_name), warnings=tuple(left_out))


def _arrays(one: Any) -> list[Any] | dict[str, Any]:
    """Return what one expert drew: images by name, or in order."""
    if isinstance(one, Mapping):
        return {str(name): image for name, image in one.items()}
    if is_pixels(one) or not isinstance(one, (list, tuple)) or _is_rows(one):
        return [one]
    return list(one)


def _is_rows(one: Sequence[Any]) -> bool:
    """Whether nested lists are the rows of a single image."""
    first = one[0][:1] if one and isinstance(one[0], (list, tuple)) else [[]]
    return all(isinstance(value, Real) for value in first)


def _matched(
    drawn: Mapping[str, Mapping[str, Any]], sizes: Mapping[str, Source] | None = None
) -> tuple[tuple[Item, ...], list[str]]:
    """Make an item of each image, time points of series apart; say what is left out, and why.

    `sizes` are images by name, of which outlines have the size; else they have that of the label
    image of another expert.
    """
    made: dict[str, dict[str, Item]] = {}
    left_out = []
    every = [(expert, name, one) for expert, of in drawn.items() for name, one in of.items()]
    outlines = [is_file(one) and is_drawn(one) for _, _, one in every]
    for late in (False, True):
        for (expert, name, one), has_no_size in zip(every, outlines, strict=True):
            if has_no_size is not late:
                continue
            try:
                items = [_outlined(name, one, made, sizes or {})] if late else _items(name, one)
                for item in items:
                    made.setdefault(item.id, {})[expert] = item
            except InvalidError as error:
                left_out.append(say("{} is left out of {}: {}", expert, name, str(error)))
    order = sorted(made, key=natural_order)
    return tuple(_item(name, _in_order(made[name], drawn)) for name in order), left_out


def _in_order(by: Mapping[str, Item], experts: Iterable[str]) -> dict[str, Item]:
    return {expert: by[expert] for expert in experts if expert in by}


def _outlined(
    name: str, path: Any, made: Mapping[str, Mapping[str, Item]], sizes: Mapping[str, Source]
) -> Item:
    """Make the item of a file of outlines, of the size that is known of the image."""
    others = [item.image for item in made.get(name, {}).values()]
    image = sizes.get(name) or next(iter(others), None)
    if image is None:
        raise invalid(
            str(path),
            expected="outlines of an image whose size is known",
            received="no label image of another expert, and no image",
            remedy="Give a folder with images/ and, in labels/, a folder for each expert.",
        )
    return Item(name, image, (DrawnSource(path, image),))


def _items(name: str, one: Any) -> list[Item]:
    """Make the items of what one expert drew of an image; None: nothing."""
    if one is None:
        return []
    if not (is_file(one) or is_pixels(one)):
        try:
            one = np.asarray(one)
        except ValueError:  # lists of lists that are no box of numbers
            raise invalid(name, expected="an array", received=one) from None
    items = make_items(one, [one], name, ReadOptions())
    raise_refused(items)
    return items


def _item(name: str, by: Mapping[str, Item]) -> Item:
    annotations = tuple(item.annotations[0] for item in by.values())
    return replace(
        next(iter(by.values())), id=name, annotations=annotations, annotators=tuple(by), group=None
    )


def said(given: Given) -> str:
    """Say how many there are of what."""
    lacking = sum(len(item.annotations) < len(given.experts) for item in given.items)
    text = f"{counted(len(given.experts), 'expert')}, {counted(len(given.items), 'image')}"
    return f"{text}; {counted(lacking, 'image')} not drawn by all" if lacking else text
