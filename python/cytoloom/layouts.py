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
from .images.facts import AnyArray, Image
from .sources import SHARED, ArraySource, ChannelSource, FileSource, Source

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
    if isinstance(x, (str, os.PathLike)):
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


def any_images(x: Any, options: Options) -> list[Item]:
    """Do the work of `data.as_images`."""
    if isinstance(x, Data):
        found = [replace(item, annotations=()) for item in x.items]
    elif isinstance(x, Mapping):
        found = _named_images(x, options)
    elif isinstance(x, (str, os.PathLike)):
        found = _path_images(x, options)
    else:
        several = isinstance(x, (list, tuple))
        found = _list_images(list(x) if several else [x], (), options)
    if not found:
        remedy = f"cytoloom reads {', '.join(files.SUFFIXES)}."
        raise invalid("images", expected="at least one image", received=_short(x), remedy=remedy)
    return found


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
    images, labels = pairs.split_mixed(pairs.list_images(images_folder or folder))
    return _named_data(images_folder or folder, images, images_folder or folder, labels, options)


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
        got = f"{len(images)} images and {len(labels)} labels"
        raise invalid("data", expected="as many labels as images", received=got)
    ids = _ids(images, names)
    items = [
        item
        for image, label, name in zip(images, labels, ids, strict=True)
        for item in make_items(image, [label], name, options)
    ]
    return _data(items, options)


def table_data(table: Any, folder: Path, options: Options) -> Data:
    """Do the work of `Data.from_table`."""
    import pandas as pd

    if isinstance(table, (str, os.PathLike)):
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
    ids = _ids([r["image"] or "" for r in rows], [r["name"] for r in rows if r.get("name")])
    items: list[Item] = []
    for number, (row, name) in enumerate(zip(rows, ids, strict=True), start=1):
        if row["image"] is None or row["label"] is None:
            problems.append(
                f"row {number} of the table has no {'image' if row['image'] is None else 'label'}"
            )  # noqa: E501
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
    told = {
        k: x[k] for k in ("channels", "unknown", "axes", "pixel_size_um") if x.get(k) is not None
    }
    options = replace(
        options, **{k: tuple(v) if isinstance(v, list) else v for k, v in told.items()}
    )
    if isinstance(options.unknown, float):
        options = replace(options, unknown=int(options.unknown))
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
    items = list(data.items)
    for key, field in (("groups", "group"), ("splits", "split")):
        values = _listed(x.get(key) or ())
        if values and len(values) != len(items):
            raise invalid(key, expected=f"{len(items)} values", received=f"{len(values)} values")
        for i, value in enumerate(values):
            items[i] = replace(items[i], **{field: None if value is None else str(value)})
    return replace(data, items=tuple(items))


def make_items(
    image: Any,
    labels: Sequence[Any],
    name: str,
    options: Options,
    details: Mapping[str, Any] | None = None,
) -> list[Item]:
    """Make the item of one image, or one for each time point of a series.

    Parameters
    ----------
    image : str, Path, ndarray, Image or Source
        The image.
    labels : sequence of the same
        Its annotations.
    name : str
        The id; time points get ``_t000``, ``_t001``, ... and share the group.
    options : Options
        How to read.
    details : mapping, optional
        ``group``, ``split``, ``weight`` of the item.
    """
    details = dict(details or {})
    if not isinstance(image, (str, os.PathLike)):
        annotations = tuple(_label_source(one) for one in labels)
        source = _image_source(image, annotations, name, options)
        return [Item(name, source, annotations, spacing_um=_spacing(source, options), **details)]
    frames = _frames(FileSource(image, axes=options.axes))
    if frames == 1:
        return [_file_item(image, labels, name, options, details, None)]
    details["group"] = details.get("group") or name
    numbered = [f"{name}_t{k:03d}" for k in range(frames)]
    return [
        _file_item(image, labels, numbered[k], options, details, (k, frames)) for k in range(frames)
    ]


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
        problems += [f"{labels_folder / (annotator + n)} has no image" for n in found.lonely_labels]
        if found.affixes != pairs.Affixes():
            notes.append(f"names of images and labels are paired as {found.affixes!r}")
    problems += [
        f"{images_folder / n} has no labels in {labels_folder}" for n in images if n in lonely
    ]
    if len(annotators) > 1:
        first = annotators[0].rstrip("/")
        notes.append(f"{len(annotators)} annotators; {first} is used where one is needed")
    paired = [n for n in images if partners[n]]
    items = [
        item
        for name, id_ in zip(paired, _ids(paired, ()), strict=True)
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
    items = data.items
    if options.channels is not None and options.channels != data.channels:
        chosen = [ChannelSource(item.image, options.channels) for item in items]
        items = tuple(replace(i, image=c) for i, c in zip(items, chosen, strict=True))
    channels = data.channels if options.channels is None else options.channels
    return replace(data, items=items, unknown=unknown, channels=channels)


def _file_item(
    image: str | os.PathLike[str],
    labels: Sequence[Any],
    name: str,
    options: Options,
    details: Mapping[str, Any],
    frame: tuple[int, int] | None,
) -> Item:
    k, frames = frame or (None, 1)
    cache = SHARED if options.cached else None
    source = FileSource(image, channels=options.channels, frame=k, axes=options.axes, cache=cache)
    annotations = tuple(
        FileSource(one, frame=k, role="labels", axes=_frame_axes(one, frames), cache=cache)
        if isinstance(one, (str, os.PathLike))
        else _label_source(one)
        for one in labels
    )
    return Item(name, source, annotations, spacing_um=_spacing(source, options), **details)


def _frame_axes(labels: str | os.PathLike[str], frames: int) -> str | None:
    """Read a plain stack of as many label images as there are time points as time points."""
    if frames == 1:
        return None
    try:
        info = files.probe(labels)
    except InvalidError:
        return None
    return "tyx" if info.axes == "zyxc" and info.shape[0] == frames else None


def _frames(source: FileSource) -> int:
    try:
        return source.info.frames
    except InvalidError:
        return 1


def _spacing(source: Source, options: Options) -> tuple[float, ...] | None:
    try:
        if options.pixel_size_um is None:
            return source.spacing_um
        sizes = np.broadcast_to(options.pixel_size_um, len(source.axes) - 1)
    except InvalidError:
        return None
    except ValueError:
        got = options.pixel_size_um
        expected = f"one size, or one for each of {source.axes.removesuffix('c')}"
        raise invalid("pixel_size_um", expected=expected, received=got) from None
    return tuple(float(s) for s in sizes)


def _label_source(labels: Any) -> Source:
    if isinstance(labels, (str, os.PathLike)):
        return FileSource(labels, role="labels")
    if isinstance(labels, Image):
        if labels.array.shape[-1] != 1:
            got = f"{labels.array.shape[-1]} channels"
            raise invalid("labels", expected="one channel", received=got)
        return ArraySource(labels.array[..., 0], name=labels.name, role="labels")
    if isinstance(labels, Source):
        return labels
    return ArraySource(np.asarray(labels), name="labels", role="labels")


def _image_source(image: Any, annotations: Sequence[Source], name: str, options: Options) -> Source:
    if isinstance(image, Image):
        source: Source = ArraySource(
            image.array, image.axes, spacing_um=image.pixel_size_um, name=name,
            channel_names=image.channel_names,
        )  # fmt: skip
    elif isinstance(image, Source):
        source = image
    else:
        array = np.asarray(image)
        if array.dtype.kind not in "buif":
            raise invalid(name, expected="an array of numbers or a file", received=_short(image))
        axes = options.axes or _axes_beside(array, annotations)
        source = ArraySource(array, axes, name=name)
    return source if options.channels is None else ChannelSource(source, options.channels)


def _axes_beside(array: AnyArray, annotations: Sequence[Source]) -> str | None:
    """Return the axes that an array has beside its labels; None where it has no labels."""
    if not annotations:
        return None
    spatial, shape = annotations[0].axes, annotations[0].shape
    if array.ndim == len(spatial) + 1:
        channels_first = array.shape[1:] == shape and array.shape[:-1] != shape
        return "c" + spatial if channels_first else spatial + "c"
    return spatial if array.ndim == len(spatial) else None


def _named_images(x: Mapping[str, Any], options: Options) -> list[Item]:
    if "images" not in x:
        return [i for name, image in x.items() for i in make_items(image, (), name, options)]
    told = {k: x[k] for k in ("channels", "axes", "pixel_size_um") if x.get(k) is not None}
    options = replace(
        options, **{k: tuple(v) if isinstance(v, list) else v for k, v in told.items()}
    )
    images = x["images"]
    if isinstance(images, (str, os.PathLike)):
        return _path_images(images, options)
    return _list_images(_listed(images), _listed(x.get("names") or ()), options)


def _path_images(x: str | os.PathLike[str], options: Options) -> list[Item]:
    path = Path(x).expanduser()
    if path.is_dir():
        images_folder, labels_folder = pairs.find_folders(path)
        folder = images_folder if images_folder and labels_folder else path
        names = pairs.list_images(folder)
        found: list[Any] = [folder / n for n in names]
        return _list_images(found, _ids(names, ()), options)
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
        raise invalid("images", expected="a folder, a file or a pattern", received=str(path))
    return _list_images([path], (), options)


def _list_images(images: list[Any], names: Sequence[str], options: Options) -> list[Item]:
    plain = [one for one in images if not isinstance(one, Item)]
    ids: Iterator[str] = iter(_ids(plain, names))
    found: list[Item] = []
    for one in images:
        if isinstance(one, Item):
            found.append(replace(one, annotations=()))
        else:
            found += make_items(one, (), next(ids), options)
    return found


def _ids(images: Sequence[Any], names: Sequence[str]) -> list[str]:
    """Return a different id for each image: names given, or the shortest names of files."""
    if len(names):
        if len(names) != len(images) or len(set(names)) != len(names):
            expected = f"{len(images)} different names"
            raise invalid("names", expected=expected, received=", ".join(map(str, names)))
        return [str(n) for n in names]
    if not all(isinstance(one, (str, os.PathLike)) for one in images):
        digits = max(3, len(str(len(images))))
        own = [getattr(one, "name", "") for one in images]
        if all(own) and len(set(own)) == len(own) and all(isinstance(o, Image) for o in images):
            return own
        return (
            ["image"] if len(images) == 1 else [f"image_{i:0{digits}d}" for i in range(len(images))]
        )
    paths = [Path(one) for one in images]
    short = [files.stem(p) for p in paths]
    top = (
        os.path.commonpath([p.parent for p in paths])
        if len(set(p.is_absolute() for p in paths)) == 1
        else ""
    )  # noqa: E501
    longer = [_flat(p.relative_to(top) if top else p) for p in paths]
    choices = [short, [_flat(Path(n).with_name(files.stem(n))) for n in longer], longer]
    for choice in choices:
        if len(set(choice)) == len(choice):
            return choice
    seen: Counter[str] = Counter()
    unique = []
    for name in longer:
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return unique


def _flat(path: Path) -> str:
    return "_".join(part for part in path.parts if part not in ("/", "..", "."))


def _repeated(values: Sequence[str]) -> list[str]:
    return [f"{v} is listed {n} times" for v, n in Counter(values).items() if n > 1]


def _details(row: Mapping[Any, Any]) -> dict[str, Any]:
    weight = row.get("weight")
    return {
        "group": None if row.get("group") is None else str(row["group"]),
        "split": None if row.get("split") is None else str(row["split"]).strip().lower(),
        "weight": 1.0 if weight is None else float(weight),
    }


def _unused_columns(columns: Sequence[str]) -> list[str]:
    unused = [c for c in columns if c not in _TABLE_COLUMNS]
    return [f"columns of the table that are not used: {', '.join(unused)}"] if unused else []


def _read_table(path: Path) -> Any:
    import pandas as pd

    try:
        # sep=None: German and French spreadsheets write semicolons
        return pd.read_csv(path, sep=None, engine="python", dtype=str, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        expected = "a CSV file with columns image and label"
        raise invalid(str(path), expected=expected, received=str(error)) from error


def _listed(x: Any) -> list[Any]:
    """Return a list of images: a single array, file or name is a list of one."""
    if isinstance(x, (str, os.PathLike, np.ndarray, Image)) or not isinstance(x, (list, tuple)):
        return [x]
    return list(x)


def _is_folder(x: Any) -> bool:
    return isinstance(x, (str, os.PathLike)) and Path(x).expanduser().is_dir()


def _short(x: Any) -> str:
    text = repr(x) if not isinstance(x, (np.ndarray, list, tuple)) else type(x).__name__
    return text if len(text) < 120 else text[:117] + "..."
