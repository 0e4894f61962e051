"""Make items of files, arrays and images."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InvalidError, invalid
from ..images import files
from ..images.image import AnyArray, Image, per_axis
from ..images.units import odd_size
from ..messages import Value, say, unsettled
from .cache import SHARED
from .drawn import DrawnSource, is_drawn, is_together
from .files import FileSource
from .given import ReadOptions, is_file
from .ids import ALONE
from .items import Item, notes_of
from .joined import Files, JoinedSource
from .sources import ArraySource, RefusedSource, Role, Source
from .views import ChannelSource, PlaneSource


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
        annotations = tuple(_labels_or_refused(one, name, options) for one in labels)
        try:
            source = _image_source(image, annotations, name, options)
        except InvalidError as error:  # said when it is read
            source = RefusedSource(error)
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


def raise_refused(items: Sequence[Item]) -> None:
    """Raise what is wrong with pixels that cannot be used, where no others are given with them."""
    for source in (source for item in items for source in (item.image, *item.annotations)):
        if isinstance(source, RefusedSource):
            raise source.error


def _series_items(
    frames: Sequence[Source],
    labels: Sequence[Any],
    name: str,
    options: ReadOptions,
    details: dict[str, Any],
) -> list[Item]:
    """Make an item of each time point; of one, with the name alone."""
    if len(frames) == 1:
        annotations = tuple(_label_source(one, name, options, frames[0]) for one in labels)
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
    return [_put_together(planes, image, options, role) for planes in times]


def _put_together(
    planes: Sequence[Sequence[FileSource]],
    image: Files,
    options: ReadOptions,
    role: Role,
) -> Source:
    """Join channels and then planes, and choose channels."""
    names, among = image.channel_names, image.among
    join = len(planes[0]) > 1 or names or among
    each = [JoinedSource(c, "c", names, among) if join else c[0] for c in planes]
    whole = each[0] if len(each) == 1 else JoinedSource(each, "z", None, among)
    if options.channels is None or role == "labels":
        return whole
    return ChannelSource(whole, options.channels)


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


def _labels_or_refused(labels: Any, name: str, options: ReadOptions) -> Source:
    """Return the source of labels; what cannot be used is said when it is read."""
    try:
        return _label_source(labels, name, options)
    except InvalidError as error:
        return RefusedSource(error, "labels")


def _label_source(
    labels: Any, name: str, options: ReadOptions, image: Source | None = None
) -> Source:
    where = f"labels of {name}" if name != ALONE else "labels"
    if isinstance(labels, RefusedSource):
        return labels.called(where)
    if isinstance(labels, Files):
        return _joined(labels, options, "labels")[0]
    if is_file(labels) and (is_drawn(labels) or is_together(labels)):
        if image is None:
            received, remedy = str(labels), "Give the image as a file, too, or label images."
            raise invalid("labels", expected="labels of an image", received=received, remedy=remedy)
        return DrawnSource(labels, image, _cache(options), options.unknown)
    if is_file(labels):
        return FileSource(labels, role="labels", cache=_cache(options), unknown=options.unknown)
    if isinstance(labels, Image):
        if labels.array.shape[-1] != 1:
            got = f"{labels.array.shape[-1]} channels"
            raise invalid("labels", expected="one channel", received=got)
        labels = labels.array[..., 0]
    if isinstance(labels, Source):
        return labels
    return ArraySource(np.asarray(labels), name=where, role="labels", unknown=options.unknown)


def _image_source(
    image: Any, annotations: Sequence[Source], name: str, options: ReadOptions
) -> Source:
    if isinstance(image, RefusedSource):
        return image.called(name)
    if isinstance(image, Image):
        source: Source = ArraySource(
            image.array, image.axes, spacing_um=image.pixel_size_um, name=name,
            channel_names=image.channel_names, bare=getattr(image, "bare", False),
        )  # fmt: skip
    elif isinstance(image, Source):
        source = image
    else:
        array = np.asarray(image)
        if array.dtype.kind not in "buif":
            raise invalid(name, expected="an array of numbers, or a file", received=Value(image))
        axes = options.axes or _axes_beside(array, annotations) or _axes_taken(array, options)
        source = ArraySource(array, axes, name=name, bare=True)
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
