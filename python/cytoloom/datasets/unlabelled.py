"""Images without labels, as items: files, folders, patterns, arrays."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import invalid
from ..images import files, formats
from ..images.channels import Channels
from ..images.inside import divided, is_there, matching
from ..messages import joined
from . import pairing as pairs
from .across import aligned
from .data import Data
from .fields import Fields, join
from .folders import fields_of, files_of
from .given import ReadOptions, is_file, listed, listed_at, shortened, with_settings
from .ids import make_ids
from .items import Gathered, Item, planes
from .joined import Files
from .layouts import layout_of, refuse_parent
from .listing import some
from .make_items import make_items
from .tables import TABLES, table_images


def as_images(
    x: Any,
    *,
    channels: Channels = None,
    axes: str | None = None,
    slices: bool = False,
    taken: tuple[int, int] | None = None,
    pattern: str | None = None,
) -> list[Item]:
    """Turn whatever names images without labels into items; only headers are read.

    Parameters
    ----------
    x : str, Path, ndarray, Image, Source, Item, Data, DataFrame, dict or sequence of these
        A folder (of its ``images/`` where it has labels beside), a file, a pattern such as
        ``"plate1/*_dapi.tif"``, arrays, a dict of names and arrays or files, or a table with a
        column ``image`` or ``path`` of files or arrays, whose other columns come along.
    channels : int, str or sequence of them, optional
        Channels to use, by index from 0 or by name.
    axes : str, optional
        What the stored axes are, overriding files and guesses on arrays.
    slices : bool, default False
        Whether each plane of a z stack is an image of its own, ``name_z000``, ...
    taken : (int, int), optional
        Spatial axes and channels that a model takes: an array of so many is not guessed at.
    pattern : str, optional
        How names of files tell channel, plane and time, as in `as_data`.

    Returns
    -------
    list of Item
        Time points of a series are items of their own, ``name_t000``, ... An image that
        cannot be read is an item too, and raises when read.

    Raises
    ------
    InvalidError
        Where there is no image at all.
    """
    return list(
        gather_images(
            x, channels=channels, axes=axes, slices=slices, taken=taken, pattern=pattern
        ).items
    )


def gather_images(
    x: Any,
    *,
    channels: Channels = None,
    axes: str | None = None,
    slices: bool = False,
    taken: tuple[int, int] | None = None,
    pattern: str | None = None,
) -> Gathered:
    """Turn images into items as `as_images` does, with what is to say of them."""
    options = ReadOptions(channels, axes=axes, cached=False, taken=taken, pattern=pattern)
    said = _Said()
    if isinstance(x, Data):
        found = [replace(item, annotations=()) for item in x.items]
    elif hasattr(x, "columns"):
        found = _table_images(x, options, said)
    elif isinstance(x, Mapping):
        found = _named_images(x, options, said)
    elif is_file(x):
        # an empty name would mean the working directory
        found = _path_images(x, options, said) if str(x) else []
    else:
        several = isinstance(x, (list, tuple))
        found = _several(x, options, said) if several else _list_images([x], (), {}, options)
    if not found:
        got = joined("; ", [shortened(x), *said.problems, *said.notes])
        remedy = f"cytoloom reads {', '.join(files.SUFFIXES)}."
        raise invalid("images", expected="at least one image", received=got, remedy=remedy)
    found = [plane for item in found for plane in planes(item)] if slices else found
    items, turned = aligned(found)
    return Gathered(items, tuple(said.problems), (*said.notes, *turned))


_Found = tuple[list[Path | Files], list[str], dict[Path | Files, str | None]]
"""Images, their ids and their groups."""


@dataclass
class _Said:
    """What is to say of the images."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _named_images(x: Mapping[str, Any], options: ReadOptions, said: _Said) -> list[Item]:
    if "images" not in x:
        return [i for name, image in x.items() for i in make_items(image, (), name, options)]
    options = with_settings(x, options)
    images = x["images"]
    if is_file(images):
        return _path_images(images, options, said)
    return _list_images(listed(images), listed_at(x, "names"), {}, options)


def _folder_images(folder: Path, options: ReadOptions, said: _Said) -> _Found:
    """Return the images of a folder without its labels, as a training takes them."""
    layout = layout_of(folder)
    if not layout.labels:
        refuse_parent(layout.images_folder)
    said.notes += layout.notes
    said.problems += layout.problems
    fields = fields_of(layout, options.pattern)
    if layout.labels_folder == layout.images_folder and not layout.per_object and layout.labels:
        # what is called a mask is an image where it belongs to none
        if pairs.pair_names(list(fields.images), list(fields.labels)).pairs:
            said.notes.append(f"labels of these images, not taken as images: {some(layout.labels)}")
        else:
            names = sorted([*layout.images, *layout.labels], key=pairs.natural_order)
            fields = fields_of(replace(layout, images=names, labels=[]), options.pattern)
    return _fields(fields, layout.images_folder, said)


def _fields(found: Fields, folder: Path, said: _Said) -> _Found:
    """Return the files of images, saying what is joined and what is missing."""
    said.problems += found.problems
    said.notes += found.notes
    images = [files_of(folder, one) for one in found.images.values()]
    groups = {one: found.groups.get(n) for n, one in zip(found.images, images, strict=True)}
    return images, make_ids(list(found.images), ()), groups


def _path_images(x: str | os.PathLike[str], options: ReadOptions, said: _Said) -> list[Item]:
    path = Path(x).expanduser()
    if path.is_dir() and not formats.is_image_folder(path):
        return _list_images(*_folder_images(path, options, said), options=options)
    if path.suffix.lower() in TABLES and path.is_file():
        return _table_images(path, options, said)
    # a file may have brackets in its name: it is a pattern only where there is no such file
    if not is_there(path) and _is_pattern(path):
        return _several([path], options, said)
    if not is_there(path):
        remedy = "Relative paths start at the working directory."
        expected = "a folder, a file or a pattern that is there"
        raise invalid("images", expected=expected, received=str(path), remedy=remedy)
    return _list_images([path], (), {}, options)


def _table_images(table: Any, options: ReadOptions, said: _Said) -> list[Item]:
    found = table_images(table, Path("."), options)
    said.notes += found.notes
    said.problems += found.problems
    _refuse_unread([getattr(item.image, "path", item.image) for item in found.items])
    return list(found.items)


def _several(x: Sequence[Any], options: ReadOptions, said: _Said) -> list[Item]:
    """Take a list of images: files among them that are one image are joined."""
    images: list[Any] = []
    for one in x:
        path = Path(one).expanduser() if is_file(one) else None
        if path is None or formats.is_one_image(path):
            images.append(one)
        elif path.is_dir():
            images += _folder_images(path, options, said)[0]
        elif _is_pattern(path):
            images += sorted(matching(path), key=pairs.natural_order)
        else:
            images.append(one)
    if any(isinstance(one, Files) for one in images):
        # joined within their folders
        names = [one.name if isinstance(one, Files) else one for one in images]
        return _list_images(images, make_ids(names), {}, options)
    if not images or not all(is_file(one) for one in images):
        return _list_images(images, (), {}, options)
    paths = [Path(p).expanduser() for p in images]
    twice = [str(path) for path, count in Counter(paths).items() if count > 1]
    said.problems += [f"given more than once, and taken once: {some(twice)}"] if twice else []
    names = [path.as_posix() for path in formats.once(paths)]
    return _list_images(*_fields(join(names, (), options.pattern), Path(), said), options=options)


def _is_pattern(path: Path) -> bool:
    """Whether several files may be meant; brackets of a region are none of a pattern."""
    return glob.has_magic(str(divided(path)[0]))


def _list_images(
    images: list[Any], names: Sequence[str], groups: Mapping[Any, str | None], options: ReadOptions
) -> list[Item]:
    if not names and images and all(is_file(one) for one in images):
        images = list(formats.once([Path(one).expanduser() for one in images]))
    _refuse_unread(images)
    plain = [one for one in images if not isinstance(one, Item)]
    ids: Iterator[str] = iter(make_ids(plain, names))
    found: list[Item] = []
    for one in images:
        if isinstance(one, Item):
            found.append(replace(one, annotations=()))
        else:
            group = groups.get(one) if isinstance(one, (Path, Files)) else None
            found += make_items(one, (), next(ids), options, {"group": group})
    return found


def _refuse_unread(images: Sequence[Any]) -> None:
    """Say at once that none of the images is in a format that is read; some are said as rows."""
    unread = [Path(one) for one in images if is_file(one) and formats.is_foreign(one)]
    if images and len(unread) == len(images):
        formats.reader_of(unread[0].expanduser())
