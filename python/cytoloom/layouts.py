"""Turn folders, tables, arrays and dictionaries into items."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .data import Data, Item, Options
from .errors import InvalidError, invalid
from .images import files, pairs
from .images.facts import Image
from .items import is_file, make_ids, make_items, planes
from .spelling import counted

_WHAT = (
    "a folder with images/ and masks/ or labels/, a CSV file or table with columns image and "
    "label, a pair of arrays or of lists, or a cl.Data"
)
_TABLES = (".csv", ".tsv", ".txt")
_TABLE_COLUMNS = ("image", "label", "group", "split", "name", "weight")


def any_data(x: Any, options: Options) -> Data:
    """Do the work of `data.as_data`."""
    if isinstance(x, Data):
        return _reread(x, options)
    if is_file(x) and str(x):
        return _path_data(Path(x).expanduser(), options)
    if hasattr(x, "columns"):
        return table_data(x, Path("."), options)
    if isinstance(x, Mapping):
        return mapping_data(x, options)
    if isinstance(x, (list, tuple)) and x:
        if all(isinstance(one, Item) for one in x):
            return _reread(Data(tuple(x), unknown=options.unknown), options)
        if all(isinstance(one, tuple) and len(one) == 2 for one in x):
            images, labels = zip(*x, strict=True)
            return pair_data(images, labels, (), options)
        if len(x) == 2:
            return pair_data(x[0], x[1], (), options)
    raise invalid("data", expected=_WHAT, received=_short(x))


def any_images(x: Any, options: Options, slices: bool = False) -> list[Item]:
    """Do the work of `data.as_images`."""
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
        raise invalid("images", expected="at least one image", received=_short(x), remedy=remedy)
    return [plane for item in found for plane in planes(item)] if slices else found


def folder_data(folder: Path, options: Options) -> Data:
    """Do the work of `Data.from_folder`."""
    if not folder.is_dir():
        remedy = "Give the path of a folder; relative paths start at the working directory."
        raise invalid("data", expected=_WHAT, received=str(folder), remedy=remedy)
    images_folder, labels_folder = pairs.find_folders(folder)
    if labels_folder is not None:
        if images_folder is not None:
            return folders_data(images_folder, labels_folder, options)
        return folders_data(folder, labels_folder, options)
    if images_folder is None and _beside_labels(folder):
        raise invalid(
            "data",
            expected="the folder that holds images and labels",
            received=f"{folder}, the images alone",
            remedy=f"Give {folder.parent}.",
        )
    images, labels = pairs.split_mixed(pairs.list_images(images_folder or folder))
    if not labels:
        _refuse_parent(folder)
    return _named_data(images_folder or folder, images, images_folder or folder, labels, options)


def _beside_labels(folder: Path) -> bool:
    """Whether this is the folder of images of a pair of folders."""
    images, labels = pairs.find_folders(folder.absolute().parent)
    return labels is not None and images is not None and images.name == folder.absolute().name


def _refuse_parent(folder: Path) -> None:
    """Say so if the folders inside, such as train and test, are what is meant."""
    usable = [p for p in sorted(folder.iterdir()) if _is_set(p)]
    if not usable:
        return
    shown = ", ".join(p.name for p in usable[:5]) + (", ..." if len(usable) > 5 else "")
    beside = next((n for n in pairs.list_images(folder) if "/" not in n), None)
    alone = f", or {folder}/*{Path(beside).suffix} for the images beside it" if beside else ""
    raise invalid(
        "data",
        expected="the folder of one set of images",
        received=f"{folder}, in which there are folders of images and labels: {shown}",
        remedy=f"Give one of them: {usable[0]}{alone}.",
    )


def _is_set(folder: Path) -> bool:
    """Whether a folder holds folders with images and with labels."""
    if folder.name.startswith(".") or not folder.is_dir():
        return False
    try:
        found = pairs.find_folders(folder)
        return all(inside is not None and pairs.list_images(inside) for inside in found)
    except (OSError, InvalidError):  # somebody else's, or both labels and masks
        return False


def folders_data(images_folder: Path, labels_folder: Path, options: Options) -> Data:
    """Pair the files of two folders by name."""
    for folder in (images_folder, labels_folder):
        if not folder.is_dir():
            raise invalid("data", expected="a folder", received=str(folder))
    images = pairs.list_images(images_folder)
    if labels_folder.parent == images_folder:
        images = [n for n in images if not n.startswith(f"{labels_folder.name}/")]
    labels = pairs.list_images(labels_folder)
    return _named_data(images_folder, images, labels_folder, labels, options)


def pair_data(images: Any, labels: Any, names: Sequence[str], options: Options) -> Data:
    """Do the work of `Data.from_pairs`."""
    if _is_folder(images) and _is_folder(labels):
        return folders_data(Path(images).expanduser(), Path(labels).expanduser(), options)
    images, labels = _listed(images), _listed(labels)
    if len(images) != len(labels) or not images:
        got = f"{counted(len(images), 'image')} and {counted(len(labels), 'label')}"
        raise invalid("data", expected="as many labels as images", received=got)
    ids = make_ids(images, names)
    items = [
        item
        for image, label, name in zip(images, labels, ids, strict=True)
        for item in make_items(image, [label], name, options)
    ]
    return _data(items, options)


def table_data(table: Any, folder: Path, options: Options) -> Data:
    """Do the work of `Data.from_table`."""
    import pandas as pd

    if is_file(table):
        path = Path(table).expanduser()
        folder = path.parent
        table = _read_table(path)
    frame = pd.DataFrame(table)
    frame.columns = [str(c).strip().lower() for c in frame.columns]
    frame = frame.rename(columns={"labels": "label", "mask": "label", "images": "image"})
    missing = [c for c in ("image", "label") if c not in frame.columns]
    if missing or frame.empty:
        got = f"columns {list(frame.columns)} and {len(frame)} rows"
        raise invalid("data", expected="rows with columns image and label", received=got)
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    problems = _repeated([str(r["image"]) for r in rows if r["image"] is not None])
    ids = make_ids([r["image"] or "" for r in rows], [r["name"] for r in rows if r.get("name")])
    items: list[Item] = []
    for number, (row, name) in enumerate(zip(rows, ids, strict=True), start=1):
        empty = [c for c in ("image", "label") if row[c] is None]
        if empty:
            problems.append(f"row {number} of the table has no {' and no '.join(empty)}")
            continue
        image, label = (folder / Path(str(row[c])).expanduser() for c in ("image", "label"))
        items += make_items(image, [label], name, options, _details(row))
    return _data(items, options, problems, _unused_columns(frame.columns))


def mapping_data(x: Mapping[str, Any], options: Options) -> Data:
    """Take a dictionary, as R sends it.

    Keys: either ``folder``, or ``table`` (columns), or ``images`` and ``labels`` with optional
    ``names``, ``groups``, ``splits``; and any of ``channels``, ``unknown``, ``axes``,
    ``pixel_size_um``.
    """
    options = _told(x, options)
    if "folder" in x:
        return folder_data(Path(x["folder"]).expanduser(), options)
    if "table" in x:
        return table_data(x["table"], Path(x.get("base", ".")).expanduser(), options)
    if "image" in x and "label" in x:
        return table_data(x, Path("."), options)
    if "images" not in x or "labels" not in x:
        got = f"a dictionary with {sorted(x)}"
        raise invalid("data", expected="images and labels, a folder, or a table", received=got)
    data = pair_data(x["images"], x["labels"], _listed(x.get("names") or ()), options)
    groups, splits = (_one_each(x, key, len(data.items)) for key in ("groups", "splits"))
    items = [
        replace(item, group=group or item.group, split=split or item.split)
        for item, group, split in zip(data.items, groups, splits, strict=True)
    ]
    return replace(data, items=tuple(items))


def _one_each(x: Mapping[str, Any], key: str, count: int) -> list[str | None]:
    values = _listed(x.get(key) or [None] * count)
    if len(values) != count:
        raise invalid(key, expected=f"{count} values", received=f"{len(values)} values")
    return [None if value is None else str(value) for value in values]


def _told(x: Mapping[str, Any], options: Options) -> Options:
    """Take what a dictionary says of channels, unknown labels, axes and pixel size."""

    def told(key: str) -> Any:
        value = x.get(key)
        return tuple(value) if isinstance(value, list) else value

    unknown = told("unknown")
    return replace(
        options,
        channels=options.channels if told("channels") is None else told("channels"),
        unknown=options.unknown if unknown is None else int(unknown),
        axes=told("axes") or options.axes,
        pixel_size_um=told("pixel_size_um") or options.pixel_size_um,
    )


def _path_data(path: Path, options: Options) -> Data:
    if path.suffix.lower() in _TABLES:
        return table_data(path, path.parent, options)
    return folder_data(path, options)


def _named_data(
    images_folder: Path, images: list[str], labels_folder: Path, labels: list[str], options: Options
) -> Data:
    """Pair names, for each annotator where the labels lie in folders of annotators."""
    if not images:
        remedy = f"Put images ({', '.join(files.SUFFIXES)}) there, or into images/ beside labels/."
        got = f"no image in {images_folder}"
        raise invalid("data", expected=_WHAT, received=got, remedy=remedy)
    partners: dict[str, list[Path]] = {name: [] for name in images}
    problems: list[str] = []
    notes: list[str] = []
    lonely = set(images)
    annotators = _annotators(images, labels)
    for annotator in annotators:
        own = [n.removeprefix(annotator) for n in labels if n.startswith(annotator)]
        found = pairs.pair_names(images, own)
        for image, label in found.pairs:
            partners[image].append(labels_folder / (annotator + label))
        lonely &= set(found.lonely_images)
        problems += list(found.duplicates)
        problems += [
            f"{labels_folder / (annotator + n)} has no image: add it, or move them away"
            for n in found.lonely_labels
        ]
        if found.affixes != pairs.Affixes():
            notes.append(f"images and labels are paired by name: {found.affixes}")
    problems += [
        f"{images_folder / n} has no labels in {labels_folder}: add them, or move it away"
        for n in images
        if n in lonely
    ]
    if len(annotators) > 1:
        first = annotators[0].rstrip("/")
        notes.append(f"{len(annotators)} annotators; {first} is used where one is needed")
    paired = [n for n in images if partners[n]]
    items = [
        item
        for name, id_ in zip(paired, make_ids(paired, ()), strict=True)
        for item in make_items(
            images_folder / name, partners[name], id_, options, {"group": _folder(name)}
        )
    ]
    return _data(items, options, problems, notes)


def _annotators(images: list[str], labels: list[str]) -> list[str]:
    """Return folders (with ``/``) that labels lie in and images do not, or one empty text."""
    inside = sorted({n.split("/")[0] for n in labels if "/" in n})
    of_images = {n.split("/")[0] for n in images if "/" in n}
    if inside and not of_images & set(inside) and all("/" in n for n in labels):
        return [f"{folder}/" for folder in inside]
    return [""]


def _folder(name: str) -> str | None:
    parent = Path(name).parent.as_posix()
    return None if parent == "." else parent


def _data(
    items: Sequence[Item], options: Options, problems: Sequence[str] = (), notes: Sequence[str] = ()
) -> Data:
    return Data(tuple(items), options.channels, options.unknown, tuple(problems), tuple(notes))


def _reread(data: Data, options: Options) -> Data:
    """Apply what was asked for now to data made before."""
    unknown = data.unknown if options.unknown is None else options.unknown
    data = replace(data, unknown=unknown)
    if options.channels is None or options.channels == data.channels:
        return data
    return data.with_channels(options.channels)


def _named_images(x: Mapping[str, Any], options: Options) -> list[Item]:
    if "images" not in x:
        return [i for name, image in x.items() for i in make_items(image, (), name, options)]
    options = _told(x, options)
    images = x["images"]
    if is_file(images):
        return _path_images(images, options)
    return _list_images(_listed(images), _listed(x.get("names") or ()), options)


def _path_images(x: str | os.PathLike[str], options: Options) -> list[Item]:
    path = Path(x).expanduser()
    if path.is_dir():
        images_folder, labels_folder = pairs.find_folders(path)
        folder = images_folder if images_folder and labels_folder else path
        _refuse_parent(folder)
        names = pairs.list_images(folder)
        found: list[Any] = [folder / n for n in names]
        return _list_images(found, make_ids(names, ()), options)
    if path.suffix.lower() in _TABLES and path.is_file():
        table = _read_table(path)
        if "image" not in table:
            expected = "a table with a column image"
            raise invalid(str(path), expected=expected, received=f"columns {list(table)}")
        return _list_images([path.parent / str(p) for p in table["image"]], (), options)
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
        if path is None or path.is_file():
            found.append(one)
        elif path.is_dir():
            found += [path / name for name in pairs.list_images(path)]
        elif glob.has_magic(str(path)):
            found += sorted(glob.glob(str(path), recursive=True), key=pairs.natural_order)
        else:
            found.append(one)
    return found


def _list_images(images: list[Any], names: Sequence[str], options: Options) -> list[Item]:
    plain = [one for one in images if not isinstance(one, Item)]
    ids: Iterator[str] = iter(make_ids(plain, names))
    found: list[Item] = []
    for one in images:
        if isinstance(one, Item):
            found.append(replace(one, annotations=()))
        else:
            found += make_items(one, (), next(ids), options)
    return found


def _repeated(values: Sequence[str]) -> list[str]:
    return [f"{v} is listed {n} times" for v, n in Counter(values).items() if n > 1]


def _details(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "group": None if row.get("group") is None else str(row["group"]),
        "split": None if row.get("split") is None else str(row["split"]).strip().lower(),
        "weight": _weight(row.get("weight")),
    }


def _weight(told: Any) -> float:
    try:
        weight = 1.0 if told is None else float(told)
    except ValueError:
        weight = -1.0
    if not 0 < weight < float("inf"):
        raise invalid("weight", expected="a number above 0", received=told)
    return weight


def _unused_columns(columns: Sequence[str]) -> list[str]:
    unused = [c for c in columns if c not in _TABLE_COLUMNS]
    return [f"columns of the table that are not used: {', '.join(unused)}"] if unused else []


def _read_table(path: Path) -> Any:
    import pandas as pd

    try:
        with path.open(encoding="utf-8-sig") as file:
            names = file.readline()
        # German and French spreadsheets write semicolons
        separator = next((s for s in (",", ";", "\t") if s in names), ",")
        return pd.read_csv(path, sep=separator, dtype=str, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        expected = "a CSV file with columns image and label"
        raise invalid(str(path), expected=expected, received=str(error)) from error


def _listed(x: Any) -> list[Any]:
    """Return a list of images: a single array, file or name is a list of one."""
    if isinstance(x, (str, os.PathLike, np.ndarray, Image)) or not isinstance(x, (list, tuple)):
        return [x]
    return list(x)


def _is_folder(x: Any) -> bool:
    return is_file(x) and Path(x).expanduser().is_dir()


def _short(x: Any) -> str:
    text = repr(x) if not isinstance(x, (np.ndarray, list, tuple)) else type(x).__name__
    return text if len(text) < 120 else text[:117] + "..."
