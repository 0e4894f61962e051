"""Images without labels, as items: files, folders, patterns, arrays."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import invalid
from ..images import files, formats
from ..images.image import Channels
from ..messages import say
from . import pairing as pairs
from .data import Data
from .folders import refuse_parent
from .ids import make_ids
from .items import (
    Item,
    ReadOptions,
    is_file,
    listed,
    make_items,
    planes,
    shortened,
    with_settings,
)
from .tables import TABLES, read_table


def as_images(
    x: Any,
    *,
    channels: Channels = None,
    axes: str | None = None,
    slices: bool = False,
    taken: tuple[int, int] | None = None,
) -> list[Item]:
    """Turn whatever names images without labels into items; only headers are read.

    Parameters
    ----------
    x : str, Path, ndarray, Image, Source, Item, Data, dict or sequence of these
        A folder (of its ``images/`` where it has labels beside), a file, a pattern such as
        ``"plate1/*_dapi.tif"``, arrays, or a dict of names and arrays or files.
    channels : int, str or sequence of them, optional
        Channels to use, by index from 0 or by name.
    axes : str, optional
        What the stored axes are, overriding files and guesses on arrays.
    slices : bool, default False
        Whether each plane of a z stack is an image of its own, ``name_z000``, ...
    taken : (int, int), optional
        Spatial axes and channels that a model takes: an array of so many is not guessed at.

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
    options = ReadOptions(channels, axes=axes, cached=False, taken=taken)
    if isinstance(x, Data):
        found = [replace(item, annotations=()) for item in x.items]
    elif isinstance(x, Mapping):
        found = _named_images(x, options)
    elif is_file(x):
        # an empty name would mean the working directory
        found = _path_images(x, options) if str(x) else []
    else:
        several = isinstance(x, (list, tuple))
        found = _list_images(_expanded(x) if several else [x], (), options)
    if not found:
        remedy = f"cytoloom reads {', '.join(files.SUFFIXES)}."
        raise invalid("images", expected="at least one image", received=shortened(x), remedy=remedy)
    return [plane for item in found for plane in planes(item)] if slices else found


def _named_images(x: Mapping[str, Any], options: ReadOptions) -> list[Item]:
    if "images" not in x:
        return [i for name, image in x.items() for i in make_items(image, (), name, options)]
    options = with_settings(x, options)
    images = x["images"]
    if is_file(images):
        return _path_images(images, options)
    return _list_images(listed(images), listed(x.get("names") or ()), options)


def _path_images(x: str | os.PathLike[str], options: ReadOptions) -> list[Item]:
    path = Path(x).expanduser()
    if path.is_dir() and not formats.is_image_folder(path):
        images_folder, labels_folder = pairs.find_folders(path)
        folder = images_folder if images_folder and labels_folder else path
        refuse_parent(folder)
        names = pairs.list_images(folder)
        found: list[Any] = [folder / n for n in names]
        return _list_images(found, make_ids(names, ()), options)
    if path.suffix.lower() in TABLES and path.is_file():
        table = read_table(path)
        if "image" not in table:
            expected = "a table with a column image"
            raise invalid(str(path), expected=expected, received=say("columns {}", list(table)))
        return _list_images([path.parent / str(p) for p in table["image"]], (), options)
    # a file may have brackets in its name: it is a pattern only where there is no such file
    if not path.exists() and glob.has_magic(str(path)):
        matches = sorted(glob.glob(str(path), recursive=True), key=pairs.natural_order)
        return _list_images(matches, (), options)
    if not path.exists():
        remedy = "Relative paths start at the working directory."
        expected = "a folder, a file or a pattern that is there"
        raise invalid("images", expected=expected, received=str(path), remedy=remedy)
    return _list_images([path], (), options)


def _expanded(images: Sequence[Any]) -> list[Any]:
    """Put in place of each folder and pattern among images what it stands for."""
    found: list[Any] = []
    for one in images:
        path = Path(one).expanduser() if is_file(one) else None
        if path is None or path.is_file() or formats.is_image_folder(path):
            found.append(one)
        elif path.is_dir():
            found += [path / name for name in pairs.list_images(path)]
        elif glob.has_magic(str(path)):
            found += sorted(glob.glob(str(path), recursive=True), key=pairs.natural_order)
        else:
            found.append(one)
    return found


def _list_images(images: list[Any], names: Sequence[str], options: ReadOptions) -> list[Item]:
    plain = [one for one in images if not isinstance(one, Item)]
    ids: Iterator[str] = iter(make_ids(plain, names))
    found: list[Item] = []
    for one in images:
        if isinstance(one, Item):
            found.append(replace(one, annotations=()))
        else:
            found += make_items(one, (), next(ids), options)
    return found
