"""Name images: ids are keys of all tables and names of files."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import invalid
from ..images.formats import stem
from ..images.image import Image
from ..images.inside import divided
from ..messages import shortened
from ..storage.names import changes, table_name, told_apart
from .given import is_file
from .items import Item

ALONE = "image"
"""What a single array is called."""


def make_ids(images: Sequence[Any], names: Sequence[str] = ()) -> list[str]:
    """Return a different id for each image: names given, else the shortest names of files.

    Examples
    --------
    >>> make_ids(["a/1.tif", "a/2.tif"]), make_ids(["a/1.tif", "b/1.tif"])
    (['1', '2'], ['a_1', 'b_1'])
    """
    if not len(images):
        return []
    if len(names):
        odd = [n for n in names if not isinstance(n, (str, int, float, np.generic, Path))]
        if odd:
            raise invalid("names", expected="texts or numbers", received=odd[0])
        texts = [str(n) for n in names]
        if len(texts) != len(images) or len(set(texts)) != len(texts):
            expected = f"{len(images)} different names"
            raise invalid("names", expected=expected, received=shortened(", ".join(texts)))
        return texts
    if all(is_file(one) for one in images):
        return _file_ids([Path(one) for one in images])
    own = [one.name for one in images if isinstance(one, Image) and one.name]
    if len(set(own)) == len(images):
        return own
    digits = max(3, len(str(len(images))))
    return [f"image_{i:0{digits}d}" for i in range(len(images))] if len(images) > 1 else [ALONE]


def named(items: Iterable[Item]) -> tuple[list[Item], list[str]]:
    """Give items ids that tables bring back and that differ, and say what was changed.

    Examples
    --------
    >>> import numpy as np
    >>> from cytoloom.datasets.sources import ArraySource
    >>> image = ArraySource(np.zeros((8, 9)))
    >>> items, notes = named(Item(name, image) for name in ("=a", "b", "b"))
    >>> [item.id for item in items], notes
    (['_=a', 'b', 'b_2'], ["In tables '=a' is written as '_=a', 'b' is written as 'b_2'."])
    """
    items = list(items)
    names = list(told_apart(table_name(item.id) for item in items))
    changed = changes((str(item.id), name) for item, name in zip(items, names, strict=True))
    renamed = [replace(item, id=name) for item, name in zip(items, names, strict=True)]
    return renamed, [f"In tables {changed}."] if changed else []


def _file_ids(paths: Sequence[Path]) -> list[str]:
    paths = _of_containers(paths)
    longer = _below_common(paths)
    # the shortest names that differ: alone, with their folders, with their endings too
    without = [n.parent / stem(n) for n in longer]
    choices = [
        [stem(p) for p in paths],
        [_flat(n) for n in without],
        [_flat(n) for n in longer],
    ]
    for choice in choices:
        if len(set(choice)) == len(choice):
            return choice
    seen: Counter[str] = Counter()
    unique = []
    for name in choices[-1]:
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return unique


def _of_containers(paths: Sequence[Path]) -> list[Path]:
    """Name data sets within files by the files, where each has one; else by both.

    Examples
    --------
    >>> [p.as_posix() for p in _of_containers([Path("b/a.h5:/raw"), Path("a.h5:/t/1")])]
    ['b/a.h5', 'a.h5']
    >>> [p.as_posix() for p in _of_containers([Path("a.h5:/raw"), Path("a.h5:/t/1")])]
    ['a_raw.h5', 'a_t_1.h5']
    """
    apart = [divided(path) for path in paths]
    if len({file for file, _ in apart}) == len(paths):
        return [file for file, _ in apart]
    words = [_one_word(name) for _, name in apart]
    return [
        file.with_name(f"{stem(file)}_{word}{file.suffix}") if word else file
        for (file, _), word in zip(apart, words, strict=True)
    ]


def _one_word(name: str) -> str:
    """Return what is named in a file as one word.

    Examples
    --------
    >>> _one_word("t/1"), _one_word("raw[0:64, 5um:9um]")
    ('t_1', 'raw_0-64_5um-9um')
    """
    return re.sub(r"[/\[,]", "_", name.replace(" ", "")).replace(":", "-").strip("_]")


def _below_common(paths: Sequence[Path]) -> list[Path]:
    if len({p.is_absolute() for p in paths}) > 1:
        return list(paths)
    top = os.path.commonpath([p.parent for p in paths])
    return [p.relative_to(top) for p in paths] if top else list(paths)


def _flat(path: Path) -> str:
    """Return a path as one word: ids are names of files and columns of tables."""
    return "_".join(part for part in path.parts if part not in ("/", "..", "."))
