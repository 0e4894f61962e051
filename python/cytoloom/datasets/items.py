"""Make items of files, arrays and images."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..components.arguments import checked
from ..errors import InvalidError, invalid
from ..images import files
from ..images.channels import Channels
from ..images.image import AnyArray, Image, per_axis
from ..images.units import odd_size
from ..messages import Message, in_words, say, unsettled
from .cache import SHARED
from .files import FileSource
from .joined import Files, JoinedSource
from .padding import shown
from .sources import ArraySource, Role, Slices, Source
from .views import ChannelSource, PlaneSource


@dataclass(frozen=True, eq=False)
class Item:
    """One image and what is known about it.

    Parameters
    ----------
    id : str
        Name in all tables; unique within a `Data`.
    image : Source
        Pixels ``(y, x, c)`` or ``(z, y, x, c)``.
    annotations : tuple of Source, default ()
        Labels ``(y, x)`` or ``(z, y, x)``, one per annotator.
    group : str, optional
        Plate, well, donor or recording: images of one group are never on both sides of a split.
    split : str, optional
        ``"train"``, ``"validation"`` or ``"test"``, where the user says.
    roi : tuple of (int, int), optional
        The box of the file's image that this is, where it is not the whole.
    spacing_um : tuple of float, optional
        Micrometres per pixel of each spatial axis.
    weight : float, default 1.0
        How often it is drawn in training, relative to the others.
    notes : tuple of str, default ()
        What had to be guessed of the image, and what is odd about its file.

    Examples
    --------
    >>> from cytoloom.datasets.sources import ArraySource
    >>> item = Item("a", ArraySource(np.zeros((8, 9))), group="plate 1")
    >>> item.image.shape, item.weight
    ((8, 9, 1), 1.0)
    """

    id: str
    image: Source
    annotations: tuple[Source, ...] = ()
    group: str | None = None
    split: str | None = None
    roi: tuple[tuple[int, int], ...] | None = None
    spacing_um: tuple[float, ...] | None = None
    weight: float = 1.0
    notes: tuple[str, ...] = ()


@checked
@dataclass(frozen=True)
class ReadOptions:
    """How all images of a `Data` are read.

    Parameters
    ----------
    channels : int, str or sequence of them, optional
        Channels to use.
    unknown : int, optional
        The label value that counts nowhere.
    axes : str, optional
        What the stored axes of images are, overriding files.
    pixel_size_um : float or tuple of float, optional
        Micrometres per pixel, overriding files.
    cached : bool, default True
        Whether decoded files are kept in the shared cache.
    taken : (int, int), optional
        Spatial axes and channels of the arrays that are expected, if known.
    pattern : str, optional
        How names of files tell channel, plane and time.
    """

    channels: Channels = None
    unknown: int | None = None
    axes: str | None = None
    pixel_size_um: float | tuple[float, ...] | None = None
    cached: bool = True
    taken: tuple[int, int] | None = None
    pattern: str | None = None


@dataclass(frozen=True)
class Gathered:
    """What a folder, a table or a list of pairs comes to.

    Parameters
    ----------
    items : tuple of Item
        The images.
    problems, notes : tuple of str, default ()
        What was found wrong, and what was inferred.
    """

    items: tuple[Item, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_labels(
    item: Item, unknown: int | None = None, slices: Slices | None = None
) -> tuple[AnyArray, AnyArray | None]:
    """Read an item's labels, the unknown ones apart.

    Parameters
    ----------
    item : Item
        Its first annotation is read.
    unknown : int, optional
        The label value that counts nowhere.
    slices : tuple of slice, optional
        One per spatial axis; default: all.

    Returns
    -------
    labels : int32 ndarray (y, x) or (z, y, x)
        0 where unknown.
    known : bool ndarray of the same shape, or None
        False where labels are unknown, and where the image is padding around what was seen; None
        where everything is known.

    Examples
    --------
    >>> from cytoloom.datasets.data import as_data
    >>> item = as_data((np.zeros((1, 3)), np.array([[0, 1, 9]]))).items[0]
    >>> read_labels(item, unknown=9)
    (array([[0, 1, 0]], dtype=int32), array([[ True,  True, False]]))
    """
    if not item.annotations:
        raise invalid(item.id, expected="an image with labels", received="no labels")
    stored = item.annotations[0].read(slices)
    known = None if unknown is None else stored != unknown
    seen = _shown(item, slices)
    if seen is not None:
        known = seen if known is None else known & seen
    if stored.dtype.itemsize >= 4 and stored.size:
        _check_fits(stored if known is None else stored[known], item.annotations[0].name)
    # a copy in any case: the stored pixels are shared and read-only
    labels = stored.astype(np.int32)
    if known is not None:
        labels[~known] = 0
    return labels, known


def _shown(item: Item, slices: Slices | None) -> AnyArray | None:
    """Say where an image shows something; None where it does everywhere, or does not fit."""
    try:
        fits = item.image.shape[:-1] == item.annotations[0].shape
        return shown(item.image, slices) if fits else None
    except InvalidError:  # said when the image is read
        return None


def _check_fits(labels: AnyArray, name: str) -> None:
    """Refuse labels that int32 cannot hold."""
    limits = np.iinfo(np.int32)
    for label in (labels.max(initial=0), labels.min(initial=0)):
        if not limits.min <= int(label) <= limits.max:
            remedy = "Renumber the objects 1, 2, 3, ..."
            got = f"label {label}"
            raise invalid(name, expected="labels below 2**31", received=got, remedy=remedy)


def make_items(
    image: Any,
    labels: Sequence[Any],
    name: str,
    options: ReadOptions,
    details: Mapping[str, Any] | None = None,
) -> list[Item]:
    """Make the item of one image, or one for each time point of a series and scene of a file.

    Parameters
    ----------
    image : str, Path, Files, ndarray, Image or Source
        The image.
    labels : sequence of the same
        Its annotations.
    name : str
        The id; time points get ``_t000``, ``_t001``, ..., scenes (of files without labels)
        their names, and share the group.
    options : ReadOptions
        How to read.
    details : mapping, optional
        ``group``, ``split``, ``weight`` of the item.
    """
    details = dict(details or {})
    if isinstance(image, Files):
        return _series_items(_joined(image, options, "image"), labels, name, options, details)
    if not is_file(image):
        annotations = tuple(_label_source(one, name, options) for one in labels)
        source = _image_source(image, annotations, name, options)
        return [_item(name, source, annotations, options, details)]
    # what belongs to which scene, label files do not say: reading one asks to choose
    scenes = _scenes(image) if not labels else {}
    if scenes:
        details["group"] = details.get("group") or name
    return [
        item
        for scene, tail in (scenes or {None: ""}).items()
        for item in _series_items(
            _frames_of(image, options, scene), labels, name + tail, options, details
        )
    ]


def _series_items(
    frames: Sequence[Source],
    labels: Sequence[Any],
    name: str,
    options: ReadOptions,
    details: dict[str, Any],
) -> list[Item]:
    """Make an item of each time point; of one, with the name alone."""
    if len(frames) == 1:
        annotations = tuple(_label_source(one, name, options) for one in labels)
        return [_item(name, frames[0], annotations, options, details)]
    details = {**details, "group": details.get("group") or name}
    series = [_label_series(one, name, len(frames), options) for one in labels]
    return [
        _item(f"{name}_t{k:03d}", frame, tuple(s[k] for s in series), options, details)
        for k, frame in enumerate(frames)
    ]


def _frames_of(image: Any, options: ReadOptions, scene: str | None = None) -> list[Source]:
    """Return a source for each time point of a file."""
    file = FileSource(
        image, channels=options.channels, axes=options.axes, cache=_cache(options), scene=scene
    )
    count = _frames(file)
    return [file] if count == 1 else [file.at(k) for k in range(count)]


def _joined(image: Files, options: ReadOptions, role: Role = "image") -> list[Source]:
    """Return a source for each time point of an image in several files."""
    axes = options.axes if role == "image" else None
    times = [
        [[FileSource(f, role=role, axes=axes, cache=_cache(options)) for f in c] for c in planes]
        for planes in image.paths
    ]
    # files of one channel each may be time series themselves
    count = max(_frames(file) for c in times[0] for file in c) if len(times) == 1 else 1
    if count > 1:
        times = [[[file.at(k) for file in c] for c in times[0]] for k in range(count)]
    return [_put_together(planes, image.channel_names, options, role) for planes in times]


def _put_together(
    planes: Sequence[Sequence[FileSource]],
    names: tuple[str, ...] | None,
    options: ReadOptions,
    role: Role,
) -> Source:
    """Join channels and then planes, and choose channels."""
    each = [JoinedSource(c, "c", names) if len(c) > 1 or names else c[0] for c in planes]
    whole = each[0] if len(each) == 1 else JoinedSource(each, "z")
    if options.channels is None or role == "labels":
        return whole
    return ChannelSource(whole, options.channels)


def planes(item: Item) -> list[Item]:
    """Make an item of each plane of a z stack; any other item stays as it is."""
    try:
        if not item.image.axes.startswith("z"):
            return [item]
        count, spacing = item.image.shape[0], item.spacing_um and item.spacing_um[-2:]
        return [
            replace(item, id=f"{item.id}_z{z:03d}", image=PlaneSource(item.image, z),
                    spacing_um=spacing)
            for z in range(count)
        ]  # fmt: skip
    except InvalidError:
        return [item]


def is_file(x: Any) -> bool:
    """Whether something is a path rather than pixels."""
    return isinstance(x, (str, os.PathLike))


def _item(
    name: str,
    source: Source,
    annotations: tuple[Source, ...],
    options: ReadOptions,
    details: Mapping[str, Any],
) -> Item:
    spacing = _spacing(source, options)
    given = {n for n in ("channels", "axes", "pixel_size_um") if getattr(options, n) is not None}
    notes = (*unsettled(notes_of(source), given), *odd_size(spacing))
    return Item(name, source, annotations, spacing_um=spacing, notes=notes, **details)


def said_once(items: Sequence[Item]) -> list[Message]:
    """Put the notes of items together: each once, with the images that it is about.

    Examples
    --------
    >>> from cytoloom.datasets.sources import ArraySource
    >>> source = ArraySource(np.zeros((8, 9)))
    >>> said_once([Item("a", source, notes=("is odd",)), Item("b", source, notes=("is odd",))])
    ['a, b: is odd']
    """
    about: dict[str, list[str]] = {}
    for item in items:
        for text in item.notes:
            about.setdefault(text, []).append(item.id)
    return [say("{}: {}", shown_names(names), text) for text, names in about.items()]


def shown_names(names: Sequence[str], shown: int = 5) -> str:
    """List the first few names, and how many more there are.

    Examples
    --------
    >>> shown_names("abcdefg")
    'a, b, c, d, e and 2 more'
    """
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def notes_of(source: Source) -> tuple[str, ...]:
    """Return what had to be guessed of a source; nothing of one that cannot be read."""
    try:
        return getattr(source, "notes", ())
    except InvalidError:  # said when it is read
        return ()


def _cache(options: ReadOptions) -> Any:
    return SHARED if options.cached else None


def _scenes(image: Any) -> dict[str | None, str]:
    """Return the scenes of a file that has several, with what they add to its name."""
    try:
        names = files.scenes(image)
    except InvalidError:  # said when it is read
        return {}
    tails = [re.sub(r"[^\w.-]+", "_", scene) for scene in names]
    if len(set(tails)) < len(names):
        tails = [f"{k}_{tail}" for k, tail in enumerate(tails)]
    return {scene: f"_{tail}" for scene, tail in zip(names, tails, strict=True)}


def _frames(source: FileSource) -> int:
    """Return the number of time points; 1 for a file that cannot be read, which is said later."""
    try:
        return source.info.frames
    except InvalidError:
        return 1


def _label_series(labels: Any, name: str, frames: int, options: ReadOptions) -> list[Source]:
    """Return the labels of each time point, of a time series or a plain stack of as many."""
    source = _label_source(labels, name, options)
    if isinstance(source, FileSource):
        try:
            stack = source.info.axes == "zyxc" and source.info.shape[0] == frames
        except InvalidError:
            stack = False
        return [source.at(k, axes="tyx" if stack else None) for k in range(frames)]
    if source.shape[0] != frames:
        got = say("labels of shape {}", source.shape)
        raise invalid(source.name, expected=f"{frames} time points", received=got)
    return [PlaneSource(source, k) for k in range(frames)]


def _spacing(source: Source, options: ReadOptions) -> tuple[float, ...] | None:
    try:
        if options.pixel_size_um is None:
            return source.spacing_um
        axes = source.axes
    except InvalidError:
        return None
    return per_axis(options.pixel_size_um, axes)


def _label_source(labels: Any, name: str, options: ReadOptions) -> Source:
    if isinstance(labels, Files):
        return _joined(labels, options, "labels")[0]
    if is_file(labels):
        return FileSource(labels, role="labels", cache=_cache(options), unknown=options.unknown)
    if isinstance(labels, Image):
        if labels.array.shape[-1] != 1:
            got = f"{labels.array.shape[-1]} channels"
            raise invalid("labels", expected="one channel", received=got)
        labels = labels.array[..., 0]
    if isinstance(labels, Source):
        return labels
    where = f"labels of {name}"
    return ArraySource(np.asarray(labels), name=where, role="labels", unknown=options.unknown)


def _image_source(
    image: Any, annotations: Sequence[Source], name: str, options: ReadOptions
) -> Source:
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
            got = f"{type(image).__name__} of {array.dtype}"
            raise invalid(name, expected="an array of numbers, or a file", received=got)
        axes = options.axes or _axes_beside(array, annotations) or _axes_taken(array, options)
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


def _axes_taken(array: AnyArray, options: ReadOptions) -> str | None:
    """Return the axes of an array that is what a model takes; None where it is not."""
    ndim, channels = options.taken or (0, 0)
    if array.ndim != ndim + 1:
        return None
    spatial = "zyx"[-ndim:]
    if array.shape[-1] == channels:
        return spatial + "c"
    return "c" + spatial if array.shape[0] == channels > 1 else None


def listed(x: Any) -> list[Any]:
    """Return a list of images: a single array, file or name is a list of one."""
    if isinstance(x, (str, os.PathLike, np.ndarray, Image)) or not isinstance(x, (list, tuple)):
        return [x]
    return list(x)


def shortened(x: Any) -> str:
    """Show what was given in a few words, lists by their type."""
    return type(x).__name__ if isinstance(x, (list, tuple)) else in_words(x)


SETTINGS = ("channels", "unknown", "axes", "pattern", "pixel_size_um")


def with_settings(x: Mapping[str, Any], options: ReadOptions) -> ReadOptions:
    """Take what a dictionary says of channels, unknown labels, axes, names and pixel size."""
    # R sends no text where nothing is said
    said = {k: x[k] for k in SETTINGS if x.get(k) is not None and not _is_empty_text(x[k])}
    return replace(options, **{k: tuple(v) if isinstance(v, list) else v for k, v in said.items()})


def _is_empty_text(value: Any) -> bool:
    return isinstance(value, str) and not value
