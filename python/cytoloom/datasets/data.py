"""Which images, which labels, which groups: the data of training and of evaluation."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..components.arguments import EMPTY, checked
from ..errors import InvalidError, invalid
from ..images.channels import Channels
from ..messages import counted, say
from ..storage.atomic import meant
from .across import aligned
from .classed import ClassedSource
from .drawn import DrawnSource
from .files import FileSource, pixel_sha256, values_sha256
from .folders import folder_data, pair_data
from .given import ReadOptions, is_file, listed, listed_at, shortened, told_where, with_settings
from .given_classes import with_object_classes
from .ids import named
from .items import Gathered, Item
from .layouts import WHAT
from .learned import as_learned
from .mapped import (
    MARK,
    ClassIds,
    MappedSource,
    checked_class_ids,
    described,
    marked,
    may_be_unknown,
    names_of,
    with_unknown,
)
from .origin import origin
from .placed import PlacedSource
from .several import joined
from .sources import Source
from .tables import TABLES, table_data
from .views import ChannelSource


@dataclass(frozen=True, eq=False)
class Data:
    """Annotated images.

    Parameters
    ----------
    items : tuple of Item
        The images.
    channels : int, str or sequence of them, optional
        Channels to use, by index from 0 or by name. Default: all.
    unknown : int, optional
        The label value that counts nowhere: no loss, no gradient, no score.
    problems, notes : tuple of str, default ()
        What was found wrong, and what was inferred, while pairing; `check` reports them.
    classes : tuple of str, default ()
        Names of label values from 0 on, where the set says so; `check` compares them with the
        task's.
    class_ids : dict, optional
        Which ids of the labels are which class, see `as_data`.
    origin : dict, default {}
        Where files are and how they are read, as plain values; empty of what is in memory.

    Examples
    --------
    >>> import numpy as np
    >>> data = as_data((np.zeros((8, 8)), np.ones((8, 8), int)))
    >>> len(data), data.items[0].image.shape
    (1, (8, 8, 1))
    """

    items: tuple[Item, ...]
    channels: Channels = None
    unknown: int | None = None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    class_ids: ClassIds | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"Data({counted(len(self.items), 'image')})"

    def with_channels(self, channels: Channels) -> Data:
        """Return the same images with only these channels.

        Parameters
        ----------
        channels : int, str or sequence of them
            By index from 0, or by name.

        Returns
        -------
        Data

        Examples
        --------
        >>> import numpy as np
        >>> data = as_data((np.zeros((8, 8, 3)), np.ones((8, 8), int)))
        >>> data.with_channels((0, 2)).items[0].image.shape
        (8, 8, 2)
        """
        items = tuple(
            replace(item, image=ChannelSource(item.image, channels)) for item in self.items
        )
        there = self.origin if self.channels is None else {}
        now = {**there, "channels": channels} if there else {}
        return replace(self, items=items, channels=channels, origin=now)

    def with_unknown(self, unknown: int | None) -> Data:
        """Return the same images, of whose labels this value counts nowhere.

        Parameters
        ----------
        unknown : int or None
            The label value; None: all count.

        Returns
        -------
        Data

        Examples
        --------
        >>> import numpy as np
        >>> as_data((np.zeros((8, 8)), np.ones((8, 8), int))).with_unknown(1).unknown
        1
        """
        items = tuple(
            replace(item, annotations=tuple(_knowing(a, unknown) for a in item.annotations))
            for item in self.items
        )
        now = {**self.origin, "unknown": unknown} if self.origin else {}
        marks = unknown is not None and marked(a for i in self.items for a in i.annotations)
        value = MARK if marks else unknown
        return replace(self, items=items, unknown=value, origin=now)

    def with_class_ids(self, class_ids: Any) -> Data:
        """Return the same images, their labels put together to classes.

        Parameters
        ----------
        class_ids : dict of str to list of int
            See `as_data`.

        Returns
        -------
        Data

        Raises
        ------
        InvalidError
            Labels that are classes already.

        Examples
        --------
        >>> import numpy as np
        >>> data = as_data((np.zeros((1, 4)), np.array([[0, 3, 4, 7]])))
        >>> data.with_class_ids({"mito": [3, 4], "er": 7}).items[0].annotations[0].read()
        array([[0, 1, 1, 2]])
        """
        ids = checked_class_ids(class_ids)
        if ids is None or ids == self.class_ids:
            return self
        if self.class_ids is not None:
            received = ", ".join(names_of(self.class_ids))
            raise invalid("class_ids", expected="labels as they are stored", received=received)
        ids = with_unknown(ids, self.unknown)
        items = tuple(
            replace(item, annotations=tuple(MappedSource(a, ids) for a in item.annotations))
            for item in self.items
        )
        unknown = MARK if self.unknown is not None or may_be_unknown(ids) else None
        notes = (*self.notes, described(ids))
        now = {**self.origin, "class_ids": dict(ids)} if self.origin else {}
        return replace(
            self, items=items, unknown=unknown, notes=notes, classes=names_of(ids), class_ids=ids,
            origin=now,
        )  # fmt: skip

    def of_task(self, task: Any) -> Data:
        """Return the same images, with labels read as the task learns them.

        Where its label values are numbers of classes, an outline has that of its class. Where
        its objects have classes, labels hold these, too.

        Parameters
        ----------
        task : Task or None
            None: outlines are objects, and these have no classes.

        Returns
        -------
        Data

        Examples
        --------
        >>> import numpy as np
        >>> from cytoloom.tasks import Classes
        >>> as_data((np.zeros((8, 8)), np.ones((8, 8), int))).of_task(Classes())
        Data(1 image)
        """
        items = tuple(
            replace(item, annotations=tuple(as_learned(a, task) for a in item.annotations))
            for item in self.items
        )
        return replace(self, items=items)

    @classmethod
    @checked
    def join(cls, parts: Sequence[Any], weights: Sequence[float] | None = None) -> Data:
        """Take several data sets as one, of which patches are drawn as weights say.

        Parameters
        ----------
        parts : sequence of Data, or of what `as_data` takes
            The sets. Their images are called as set and image are.
        weights : sequence of float, optional
            One for each set: ``[3, 1]`` draws three patches of four from the first, however many
            images each has. Within a set its images count as they do alone. Default: all alike.

        Returns
        -------
        Data

        Raises
        ------
        InvalidError
            Other numbers of weights than sets, or classes that differ.

        Examples
        --------
        >>> import numpy as np
        >>> one = as_data((np.zeros((8, 8)), np.ones((8, 8), int)))
        >>> [item.share for item in Data.join([one, one], weights=[3, 1]).items]
        [('set 1', 3.0), ('set 2', 1.0)]
        """
        return _joined([as_data(part) for part in parts], weights)

    @classmethod
    @checked
    def from_folder(cls, folder: str | Path, **options: Any) -> Data:
        """Take a folder with ``images/`` and ``masks/`` or ``labels/``, or with both mixed.

        Partners have the same name, or one text more (``0001.tif`` and ``0001_mask.png``),
        inferred from all names. Folders inside ``images/`` are groups; folders inside
        ``masks/`` that ``images/`` does not have are annotators. Labels may also be outlines of
        ImageJ or QuPath, or a file of COCO for all images.

        Parameters
        ----------
        folder : str or Path
            The folder.
        **options
            `channels`, `unknown`, `axes`, `pixel_size_um`, `pattern`, `class_ids` and
            `object_classes` of `as_data`.

        Returns
        -------
        Data

        Raises
        ------
        InvalidError
            No such folder, or no images in it.

        Examples
        --------
        >>> import tempfile
        >>> from cytoloom import simulate
        >>> Data.from_folder(simulate.write(tempfile.mkdtemp(), images=2))
        Data(2 images)
        """
        how = ReadOptions(**options)
        found = _data(folder_data(Path(folder).expanduser(), how), how)
        return replace(found, origin=_origin(folder, how))

    @classmethod
    @checked
    def from_pairs(
        cls, images: Any, labels: Any, names: Sequence[str] = (), **options: Any
    ) -> Data:
        """Take images and labels in the same order, each a file, an array or a `Source`.

        Parameters
        ----------
        images, labels : sequence, or a folder each
            As many labels as images. Two folders are paired by name; one file of COCO
            (``annotations.json``) holds the labels of all.
        names : sequence of str, optional
            Ids; default: names of files, else ``image_000``, ``image_001``, ...
        **options
            `channels`, `unknown`, `axes`, `pixel_size_um`, `pattern`, `class_ids` and
            `object_classes` of `as_data`.

        Returns
        -------
        Data

        Raises
        ------
        InvalidError
            As many labels as images are needed.

        Examples
        --------
        >>> import numpy as np
        >>> data = Data.from_pairs([np.zeros((8, 8))], [np.ones((8, 8), int)], names=["a"])
        >>> data.items[0].id
        'a'
        """
        how = ReadOptions(**options)
        found = _paired(images, labels, names, how)
        # names of one's own go with no folders
        return found if names else replace(found, origin=_origin([images, labels], how))

    @classmethod
    @checked
    def from_table(cls, table: Any, folder: str | Path = ".", **options: Any) -> Data:
        """Take a CSV file or DataFrame with columns image, label[, group, split, name, weight].

        Parameters
        ----------
        table : str, Path, DataFrame or mapping of columns
            One row per image. Paths are relative to the CSV file's folder, or to `folder`.
        folder : str or Path, default "."
            What paths of a DataFrame are relative to.
        **options
            `channels`, `unknown`, `axes`, `pixel_size_um`, `pattern`, `class_ids` and
            `object_classes` of `as_data`.

        Returns
        -------
        Data

        Raises
        ------
        InvalidError
            No such file, or no columns image and label.

        Examples
        --------
        >>> import tempfile
        >>> from cytoloom import simulate
        >>> folder = simulate.write(tempfile.mkdtemp(), images=1)
        >>> row = {"image": "images/nuclei_000.tif", "label": "labels/nuclei_000.tif"}
        >>> Data.from_table({name: [value] for name, value in row.items()}, folder)
        Data(1 image)
        """
        how = ReadOptions(**options)
        return _data(table_data(table, Path(folder).expanduser(), how), how)


def as_data(
    x: Any,
    *,
    channels: Channels = None,
    unknown: int | None = None,
    axes: str | None = None,
    pixel_size_um: float | tuple[float, ...] | None = None,
    pattern: str | None = None,
    class_ids: Mapping[str, Any] | None = None,
    object_classes: Any = None,
    also: Any = None,
    weights: float | tuple[float, ...] | None = None,
) -> Data:
    """Turn whatever names annotated images into `Data`; no pixel is decoded.

    Parameters
    ----------
    x : Data, str, Path, DataFrame, dict or sequence
        A folder with ``images/`` and ``masks/`` or ``labels/``; a CSV file or table with
        columns image, label[, group, split]; a pair of arrays, of lists of arrays or files, or
        of folders; a list of `Item`; a dict of such lists (``images``, ``labels``, ``names``).
        An image array has the axes of its labels, and channels last if it has one more.
    channels : int, str or sequence of them, optional
        Channels to use, by index from 0 or by name; ``[0, [2, 3]]`` are two, of which the second
        is the sum of channels 2 and 3. Default: all.
    unknown : int, optional
        The label value that counts nowhere.
    axes : str, optional
        What the stored axes of the images are, for example ``"tyx"``, overriding the files.
    pixel_size_um : float or tuple of float, optional
        Micrometres per pixel, overriding the files.
    pattern : str, optional
        How names of files tell which are one image, such as ``"{well}_s{site}_w{channel}"``. Files
        that differ in ``{channel}``, ``{z}`` or ``{t}`` only are joined; other fields tell images
        apart. Default: ``_w1``, ``_ch1``, ``_c1``, stains such as ``_DAPI``, ``_z01``, ``_t001``
        and names of nnU-Net, Opera and CellVoyager, also where folders tell field or channel
        (``A01/w1.tif``, ``DAPI/A01.tif``); ``"{name}"``: each file is an image.
    class_ids : dict of str to list of int, optional
        Which ids of the labels are which class: ``{"mito": [3, 4, 5], "er": [7]}`` makes label
        values 1 (mito) and 2 (er), for tasks that learn classes; those that learn objects keep the
        ids that are named. Ids that are not named are background; where ``background`` is named
        itself they are unknown, as are those named ``unknown``. (Groups are groups of images.)
    object_classes : path, DataFrame or sequence, optional
        Which class each object has, for tasks with classes of objects: a folder of maps called
        as the labels (pixels of objects have the number of a class, from 1 on), a table with
        columns image, object, class, or a map for each image. Default: ``classes/`` or
        ``classes.csv`` beside ``labels/``, and the classes of outlines.
    also : path, Data or sequence of them, optional
        More data sets, read in the same way. Patches are drawn from each set alike, or as
        `weights` say, however many images each has; see `Data.join`.
    weights : tuple of float, optional
        How often patches are drawn from each of the sets, the first one first.

    Returns
    -------
    Data
        What is wrong with single files is found by `check`, not here.

    Raises
    ------
    InvalidError
        Where there is nothing to take.
    """
    options = ReadOptions(
        channels,
        unknown,
        axes,
        pixel_size_um,
        pattern=pattern,
        class_ids=class_ids,
        object_classes=object_classes,
    )
    if also is not None or weights is not None:
        return _several([x, *([] if also is None else listed(also))], weights, options)
    return _one_set(x, options)


def _one_set(x: Any, options: ReadOptions) -> Data:
    if isinstance(x, Data):
        return _reread(x, options)
    return replace(_as_data(x, options), origin=_origin(x, options))


def _joined(parts: Sequence[Data], weights: Any) -> Data:
    found = joined(parts, weights)
    class_ids = next((part.class_ids for part in parts if part.class_ids), None)
    return Data(
        found.items, parts[0].channels, found.unknown, found.problems, found.notes, found.classes,
        class_ids,
    )  # fmt: skip


def _several(parts: Sequence[Any], weights: Any, options: ReadOptions) -> Data:
    # classes of objects that are given are those of the first; others have theirs beside them
    others = replace(options, object_classes=None)
    each = [_one_set(part, others if k else options) for k, part in enumerate(parts)]
    found = _joined(each, weights)
    whole = [_origin(part, options) for part in parts]
    if not all(whole):
        return found
    more = {"also": [one["given"] for one in whole[1:]], "weights": weights}
    return replace(found, origin={**whole[0], **more})


def _as_data(x: Any, options: ReadOptions) -> Data:
    if is_file(x) and str(x):
        return _path_data(Path(x).expanduser(), options)
    if hasattr(x, "columns"):
        return _data(table_data(x, Path("."), options), options)
    if isinstance(x, Mapping):
        return _mapping_data(x, options)
    if isinstance(x, (list, tuple)) and x:
        if all(isinstance(one, Item) for one in x):
            return _reread(Data(tuple(x)), options)
        if all(isinstance(one, tuple) and len(one) == 2 for one in x):
            _refuse_two_of_two(x)
            images, labels = zip(*x, strict=True)
            return _paired(images, labels, (), options)
        if len(x) == 2:
            return _paired(x[0], x[1], (), options)
    remedy = EMPTY if isinstance(x, str) else ""
    raise invalid("data", expected=WHAT, received=shortened(x), remedy=remedy)


def _refuse_two_of_two(x: Sequence[Any]) -> None:
    """Refuse what may be two pairs, or two images and their labels, as zip() leaves them."""
    if isinstance(x, tuple) and len(x) == 2:
        raise invalid(
            "data",
            expected="pairs, or images and labels",
            received="two tuples of two, which may be either",
            remedy="Give a list of pairs, [(image, labels), ...], or lists, ([image, ...], "
            "[labels, ...]).",
        )


def _origin(x: Any, options: ReadOptions) -> dict[str, Any]:
    names = ("channels", "unknown", "axes", "pixel_size_um", "pattern", "class_ids")
    how = {name: getattr(options, name) for name in names}
    given = options.object_classes
    # of a table in memory there is nothing to read again
    path = os.fspath(meant(given)) if is_file(given) else None
    return origin(x, **how, object_classes=path)


def given_data(x: Any) -> Data:
    """Take data that a verb was given; a fault says where the setting is given that mends it."""
    try:
        return as_data(x)
    except InvalidError as error:
        raise told_where(error) from None


def manifest(data: Data) -> list[dict[str, Any]]:
    """List what the images are, by their decoded pixels.

    Returns
    -------
    list of dict
        ``id``, ``image_sha256`` (of shape, type and pixels of the whole image, with the
        channels used), ``values_sha256`` (the same whichever type holds them), ``label_sha256``
        (of the first annotation; None without), ``shape``; where this annotation is a consensus,
        ``drawn_sha256`` of what each annotator drew.
    """
    return [
        {
            "id": item.id,
            "image_sha256": pixel_sha256(item.image),
            "values_sha256": values_sha256(item.image),
            "label_sha256": pixel_sha256(item.annotations[0]) if item.annotations else None,
            "shape": list(item.image.shape),
            **_drawn(item),
        }
        for item in data.items
    ]


def _drawn(item: Item) -> dict[str, list[str]]:
    drawn = getattr(item.annotations[0], "sources", ()) if item.annotations else ()
    return {"drawn_sha256": [pixel_sha256(one) for one in drawn]} if drawn else {}


def _knowing(labels: Source, unknown: int | None) -> Source:
    """Tell labels in a file what counts nowhere; those in memory were understood before."""
    known = isinstance(labels, (FileSource, DrawnSource, MappedSource, PlacedSource, ClassedSource))
    return labels.knowing(unknown) if known else labels


def _data(found: Gathered, options: ReadOptions) -> Data:
    items, changed = named(found.items)
    items, turned = aligned(items)
    notes = (*found.notes, *changed, *turned)
    marks = marked(one for item in items for one in item.annotations)
    unknown = found.unknown if marks or options.unknown is None else options.unknown
    data = Data(tuple(items), options.channels, unknown, found.problems, notes, found.classes)
    data = data.with_class_ids(options.class_ids)
    if options.object_classes is not None:
        return _classed(data, options.object_classes)
    return data if found.object_classes is None else _classed_by(data, found.object_classes)


def _classed_by(data: Data, path: Path) -> Data:
    """Take the classes of objects that lie beside labels; most tasks can do without."""
    try:
        return _classed(data, path)
    except InvalidError as error:
        told = say("{} is not used for classes of objects: {}", str(path), str(error))
        return replace(data, notes=(*data.notes, told))


def _classed(data: Data, given: Any) -> Data:
    """Give labels the classes of their objects, and say where these come from."""
    found = with_object_classes(data.items, given, data.unknown)
    problems, notes = (*data.problems, *found.problems), (*data.notes, *found.notes)
    return replace(data, items=found.items, problems=problems, notes=notes)


def _paired(images: Any, labels: Any, names: Sequence[str], options: ReadOptions) -> Data:
    return _data(pair_data(images, labels, names, options), options)


def _mapping_data(x: Mapping[str, Any], options: ReadOptions) -> Data:
    """Take a dictionary, as R sends it.

    Keys: either ``folder``, or ``table`` (columns), or ``images`` and ``labels`` with optional
    ``names``, ``groups``, ``splits``; and any of ``channels``, ``unknown``, ``axes``,
    ``pixel_size_um``, ``pattern``, ``class_ids``, ``object_classes``.
    """
    options = with_settings(x, options)
    if "folder" in x:
        return _data(folder_data(_path_at(x, "folder"), options), options)
    if "table" in x:
        base = _path_at({"base": ".", **x}, "base")
        return _data(table_data(x["table"], base, options), options)
    if "image" in x and "label" in x:
        return _data(table_data(x, Path("."), options), options)
    if "images" not in x or "labels" not in x:
        got = say("a dictionary with {}", sorted(map(str, x)))
        raise invalid("data", expected="images and labels, a folder, or a table", received=got)
    data = _paired(x["images"], x["labels"], listed_at(x, "names"), options)
    groups, splits = (_one_each(x, key, len(data.items)) for key in ("groups", "splits"))
    items = [
        replace(item, group=group or item.group, split=split or item.split)
        for item, group, split in zip(data.items, groups, splits, strict=True)
    ]
    return replace(data, items=tuple(items))


def _path_at(x: Mapping[str, Any], key: str) -> Path:
    if not is_file(x[key]):
        raise invalid(key, expected="a path", received=x[key])
    return Path(x[key]).expanduser()


def _one_each(x: Mapping[str, Any], key: str, count: int) -> list[str | None]:
    values = listed_at(x, key) or [None] * count
    if len(values) != count:
        raise invalid(key, expected=f"{count} values", received=f"{len(values)} values")
    return [None if value is None else str(value) for value in values]


def _path_data(path: Path, options: ReadOptions) -> Data:
    if path.suffix.lower() in TABLES:
        return _data(table_data(path, path.parent, options), options)
    return _data(folder_data(path, options), options)


def _reread(data: Data, options: ReadOptions) -> Data:
    """Apply what was asked for now to data made before."""
    items, turned = aligned(data.items)
    if turned:
        data = replace(data, items=items, notes=(*data.notes, *turned))
    if options.unknown not in (None, data.unknown):
        data = data.with_unknown(options.unknown)
    data = data.with_class_ids(options.class_ids)
    if options.object_classes is not None:
        data = _classed(data, options.object_classes)
    if options.channels is None or options.channels == data.channels:
        return data
    return data.with_channels(options.channels)
