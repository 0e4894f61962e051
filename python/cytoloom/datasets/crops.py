"""Crops: parts of volumes with labels of their own, ``train|test/<crop>/{raw,labels,mask}``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidError, invalid
from ..images import formats
from ..images.image import per_axis
from ..images.units import odd_size
from ..messages import Argument, counted, say, unsettled
from .cache import SHARED
from .files import FileSource
from .given import ReadOptions
from .items import Gathered, Item, notes_of
from .mapped import MARK
from .pairing import natural_order
from .placed import MergedSource, PlacedSource
from .sources import Source
from .views import CropSource

SPLITS = {
    "train": "train",
    "training": "train",
    "validate": "validation",
    "validation": "validation",
    "val": "validation",
    "test": "test",
}
"""What folders of crops are called, and the split that each is."""
_PARTS = ("raw", "labels", "mask")
CONTEXT_PX = 64
"""How much of a larger image is kept around labels, in pixels of its finest axis: as far as the
usual networks see."""
_LEVELS = 16
"""So many resolutions of an image are looked at for that of its labels."""
_SAME = 0.01
"""Sizes that differ by less are the same, and places that are so near to a pixel are that pixel."""


@dataclass(frozen=True)
class Crop:
    """Where one crop is.

    Parameters
    ----------
    name : str
        What it is called.
    raw : Path
        The image.
    labels : tuple of Path
        Its labels; several where a folder holds one for each class.
    mask : Path, optional
        0 where nothing is known.
    split : str, optional
        ``"train"``, ``"validation"`` or ``"test"``.
    """

    name: str
    raw: Path
    labels: tuple[Path, ...]
    mask: Path | None = None
    split: str | None = None


def find_crops(folder: Path) -> list[Crop]:
    """Find the crops in a folder, or in a group of Zarr; none where it is something else.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "test" / "crop1"
    >>> folder.mkdir(parents=True)
    >>> for name in ("raw", "labels"):
    ...     np.save(folder / f"{name}.npy", np.zeros((8, 8), np.uint8))
    >>> [(crop.name, crop.split) for crop in find_crops(folder.parent.parent)]
    [('test_crop1', 'test')]
    """
    named = [one for one in _folders(folder) if one.name.lower() in SPLITS]
    found = [
        crop
        for one in named
        for crop in _crops(one, SPLITS[one.name.lower()], f"{one.name}_", one.name)
    ]
    return found or list(_crops(folder, None, "", folder.name))


def _crops(folder: Path, split: str | None, before: str, alone: str) -> Iterator[Crop]:
    """Yield the crop that a folder is, or those in it."""
    one = _crop_at(folder, alone, split)
    if one is not None:
        yield one
        return
    for inside in _folders(folder):
        found = _crop_at(inside, before + inside.name, split)
        if found is not None:
            yield found


def _inside(folder: Path) -> list[Path]:
    """Return what is in a folder; nothing of one that cannot be read, which is said later."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _folders(folder: Path) -> list[Path]:
    inside = (p for p in _inside(folder) if p.name[0] not in "._" and p.is_dir())
    return sorted(inside, key=lambda p: natural_order(p.name))


def _crop_at(folder: Path, name: str, split: str | None) -> Crop | None:
    parts: dict[str, Path] = {}
    # whatever their endings
    for path in (p for p in _inside(folder) if formats.stem(p).lower() in _PARTS):
        if path.is_dir() or _is_image(path):
            parts.setdefault(formats.stem(path).lower(), path)
    raw, labels, mask = (parts.get(part) for part in _PARTS)
    if raw is None or labels is None or not _is_image(raw):
        return None
    several = _images_in(labels)
    return Crop(name, raw, several, mask, split) if several else None


def _is_image(path: Path) -> bool:
    if path.is_dir():
        return formats.is_single(path)
    return path.name.lower().endswith(formats.suffixes())


def _images_in(labels: Path) -> tuple[Path, ...]:
    """Return label images: the one that a path is, or those in a folder, one for each class."""
    if _is_image(labels):
        return (labels,)
    inside = sorted(_inside(labels), key=lambda p: natural_order(p.name)) if labels.is_dir() else []
    # of a folder of images without a store beside them something else is meant
    stores = formats.is_image_folder(labels)
    return tuple(p for p in inside if p.name[0] != "." and _is_image(p)) if stores else ()


def crops_data(crops: Sequence[Crop], options: ReadOptions) -> Gathered:
    """Make an item of each crop; what is wrong with one is a problem of its own."""
    items: list[Item] = []
    problems: list[str] = []
    for crop in crops:
        try:
            items.append(_item(crop, options))
        except InvalidError as error:
            problems.append(str(error))
    labels = [one for item in items for one in item.annotations if isinstance(one, PlacedSource)]
    partly = options.unknown is not None or any(map(_is_partial, labels))
    notes = [_understood(crops)]
    larger = [i.id for i, one in zip(items, labels, strict=True) if one.inside != _all(one.shape)]
    if larger:
        notes.append(f"images are larger than their labels, unknown around these: {_few(larger)}")
    masked = [item.id for item, one in zip(items, labels, strict=True) if one.mask is not None]
    if masked:
        notes.append(f"nothing is known where the mask is 0: {_few(masked)}")
    unknown = MARK if partly else None
    return Gathered(tuple(items), tuple(problems), tuple(notes), unknown)


def _is_partial(labels: PlacedSource) -> bool:
    return labels.mask is not None or labels.inside != _all(labels.shape)


def _all(shape: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(0, n) for n in shape)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _understood(crops: Sequence[Crop]) -> str:
    splits = {name: sum(crop.split == name for crop in crops) for name in SPLITS.values()}
    words = ", ".join(f"{n} of {name}" for name, n in splits.items() if n)
    return f"{counted(len(crops), 'crop')} (raw, labels, mask)" + (f": {words}" if words else "")


def _item(crop: Crop, options: ReadOptions) -> Item:
    cache = SHARED if options.cached else None
    several = [
        FileSource(path, role="labels", cache=cache, unknown=options.unknown)
        for path in crop.labels
    ]
    mask = None if crop.mask is None else FileSource(crop.mask, role="labels", cache=cache)
    raw = _at_resolution(crop.raw, several[0], options)
    given = per_axis(options.pixel_size_um, raw.axes)
    spacing = given or raw.spacing_um
    at = [_place(raw, one, spacing) for one in several]
    if len(set(at)) > 1:
        received = f"{several[0].name} at {at[0]}, {several[-1].name} at {at[-1]}"
        raise invalid(crop.name, expected="label images of one place", received=received)
    if mask is not None and (mask.shape, _place(raw, mask, spacing)) != (several[0].shape, at[0]):
        raise invalid(
            mask.name,
            expected=f"{_sizes(several[0].shape)} at {at[0]}, the size and place of its labels",
            received=f"{_sizes(mask.shape)} at {_place(raw, mask, spacing)}",
        )
    if len(several) > 1 and options.class_ids:
        received = f"{len(several)}, one for each class, in {crop.labels[0].parent}"
        raise invalid("class_ids", expected="one label image", received=received)
    labels: Source = (
        several[0]
        if len(several) == 1
        else MergedSource(several, [formats.stem(path) for path in crop.labels])
    )
    box = _around(raw.shape[:-1], at[0], labels.shape, spacing)
    shape = tuple(stop - start for start, stop in box)
    here = tuple(a - start for a, (start, _) in zip(at[0], box, strict=True))
    whole = shape == raw.shape[:-1]
    known = {n for n in ("channels", "axes", "pixel_size_um") if getattr(options, n) is not None}
    return Item(
        crop.name,
        raw if whole else CropSource(raw, box),
        (PlacedSource(labels, shape, here, mask, options.unknown),),
        split=crop.split,
        roi=None if whole else box,
        spacing_um=spacing,
        notes=(*unsettled(notes_of(raw), known), *odd_size(spacing), *_placeless(raw, several[0])),
    )  # fmt: skip


def _placeless(raw: FileSource, labels: FileSource) -> tuple[str, ...]:
    """Say so where nothing tells at which pixel of a larger image its labels begin."""
    told = labels.spacing_um is not None or labels.info.origin_px is not None
    if told or labels.shape == raw.shape[:-1]:
        return ()
    return (
        "its labels are smaller and say neither pixel size nor place: they are taken to begin "
        "where the image does. Write them with both if they do not",
    )


def _place(
    raw: FileSource, labels: FileSource, spacing: tuple[float, ...] | None
) -> tuple[int, ...]:
    """Return the pixel of an image at which its labels begin.

    Raises
    ------
    InvalidError
        Another number of axes or resolution, no voxel size though sizes or places differ, a place
        between pixels, or one outside the image.
    """
    size, own = raw.shape[:-1], labels.shape
    if len(size) != len(own):
        received = f"{_sizes(own)} for an image of {_sizes(size)}"
        raise invalid(labels.name, expected=f"labels of {len(size)} axes", received=received)
    if not _are_of_one_resolution(raw, labels):
        raise _other_resolution(raw, labels)
    places = raw.info.origin_px, labels.info.origin_px
    if own == size and not any(places):
        return (0,) * len(size)
    if spacing is None and not any(places):
        raise invalid(
            raw.name,
            expected=f"a voxel size, by which {labels.name} of {_sizes(own)} is placed in it",
            received="none",
            remedy=say("Give it as {}.", Argument("pixel_size_um")),
        )
    if not any(places) and not formats.is_image_folder(labels.path):
        raise invalid(
            labels.name,
            expected=f"{_sizes(size)} pixels, as {raw.name}, or a translation to their place",
            received=f"{_sizes(own)} and none",
            remedy="Write labels as OME-Zarr with a translation, or cut the image to them.",
        )
    none = (0.0,) * len(size)
    moved = np.subtract(places[1] or none, places[0] or none)
    pixels = np.rint(moved)
    if np.abs(moved - pixels).max() > _SAME:
        raise invalid(
            labels.name,
            expected=f"a translation by whole voxels of {raw.name}{_of(spacing)}",
            received=f"{', '.join(f'{m:.4g}' for m in moved)} voxels",
        )
    at = tuple(int(p) for p in pixels)
    if any(a < 0 or a + n > whole for a, n, whole in zip(at, own, size, strict=True)):
        raise invalid(
            labels.name,
            expected=f"labels within {raw.name}, {_sizes(size)} voxels",
            received=f"{_sizes(own)} from voxel {', '.join(map(str, at))} on",
        )
    return at


def _of(spacing: Sequence[float] | None) -> str:
    return f", {_sizes(spacing)} um" if spacing else ""


def _at_resolution(path: Path, labels: FileSource, options: ReadOptions) -> FileSource:
    """Return an image at the resolution of its labels: the level of its pyramid that has it."""
    cache = SHARED if options.cached else None
    how: dict[str, Any] = {"channels": options.channels, "axes": options.axes, "cache": cache}
    raw = FileSource(path, **how)
    if _are_of_one_resolution(raw, labels):
        return raw
    for k in range(1, _LEVELS):
        level = FileSource(f"{path}:/{k}", **how)
        try:
            fits = level.spacing_um is not None and _are_of_one_resolution(level, labels)
        except InvalidError:  # there is no such level
            break
        if fits:
            return level
    raise _other_resolution(raw, labels)


def _are_of_one_resolution(raw: FileSource, labels: FileSource) -> bool:
    image, own = raw.spacing_um, labels.spacing_um
    known = image is not None and own is not None and len(image) == len(own)
    return not known or bool(np.allclose(image, own, rtol=_SAME))  # type: ignore[arg-type]


def _other_resolution(raw: FileSource, labels: FileSource) -> InvalidError:
    return invalid(
        labels.name,
        expected=f"voxels of {_sizes(raw.spacing_um or ())} um, as {raw.name} has them, or of a "
        "smaller copy in it",
        received=f"{_sizes(labels.spacing_um or ())} um",
        remedy="Give the image at that resolution.",
    )


def _around(
    size: Sequence[int], at: Sequence[int], own: Sequence[int], spacing: Sequence[float] | None
) -> tuple[tuple[int, int], ...]:
    """Return the box of labels with the context that is kept around them.

    Examples
    --------
    >>> _around((50, 400, 400), (10, 100, 300), (20, 80, 100), (4.0, 1.0, 1.0))
    ((0, 46), (36, 244), (236, 400))
    """
    steps = [min(spacing) / s for s in spacing] if spacing else [1.0] * len(size)
    wide = [max(1, round(CONTEXT_PX * step)) for step in steps]
    axes = zip(size, at, own, wide, strict=True)
    return tuple((max(0, a - w), min(n, a + k + w)) for n, a, k, w in axes)


def _sizes(values: Sequence[Any]) -> str:
    return " x ".join(f"{v:.6g}" if isinstance(v, float) else str(v) for v in values)
