"""Which images, which labels, which groups: the data of training and of evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import invalid
from .images.facts import AnyArray, Channels
from .sources import (
    ArraySource,
    Cache,
    ChannelSource,
    CropSource,
    FileSource,
    Slices,
    Source,
    fingerprint,
)
from .spelling import counted

if TYPE_CHECKING:
    from . import checking

__all__ = [
    "ArraySource",
    "Cache",
    "ChannelSource",
    "CropSource",
    "Data",
    "FileSource",
    "Item",
    "Options",
    "Source",
    "as_data",
    "as_images",
    "check",
    "manifest",
    "read_labels",
    "split",
]


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
    """

    id: str
    image: Source
    annotations: tuple[Source, ...] = ()
    group: str | None = None
    split: str | None = None
    roi: tuple[tuple[int, int], ...] | None = None
    spacing_um: tuple[float, ...] | None = None
    weight: float = 1.0


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

    Examples
    --------
    >>> data = as_data((np.zeros((8, 8)), np.ones((8, 8), int)))
    >>> len(data), data.items[0].image.shape
    (1, (8, 8, 1))
    """

    items: tuple[Item, ...]
    channels: Channels = None
    unknown: int | None = None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"Data({counted(len(self.items), 'image')})"

    def with_channels(self, channels: Channels) -> Data:
        """Return the same images with only these channels, by index or name."""
        items = tuple(
            replace(item, image=ChannelSource(item.image, channels)) for item in self.items
        )
        return replace(self, items=items, channels=channels)

    @classmethod
    def from_folder(cls, folder: str | Path, **options: Any) -> Data:
        """Take a folder with ``images/`` and ``masks/`` or ``labels/``, or with both mixed.

        Partners have the same name, or one text more (``0001.tif`` and ``0001_mask.png``),
        inferred from all names. Folders inside ``images/`` are groups; folders inside
        ``masks/`` that ``images/`` does not have are annotators.

        Parameters
        ----------
        folder : str or Path
            The folder.
        **options
            `channels`, `unknown` and `axes` of `as_data`.
        """
        from .layouts import folder_data

        return folder_data(Path(folder).expanduser(), Options(**options))

    @classmethod
    def from_pairs(
        cls, images: Sequence[Any], labels: Sequence[Any], names: Sequence[str] = (), **options: Any
    ) -> Data:
        """Take images and labels in the same order, each a file, an array or a `Source`.

        Parameters
        ----------
        images, labels : sequence, or a folder each
            As many labels as images. Two folders are paired by name.
        names : sequence of str, optional
            Ids; default: names of files, else ``image_000``, ``image_001``, ...
        **options
            `channels`, `unknown` and `axes` of `as_data`.
        """
        from .layouts import pair_data

        return pair_data(images, labels, names, Options(**options))

    @classmethod
    def from_table(cls, table: Any, folder: str | Path = ".", **options: Any) -> Data:
        """Take a CSV file or DataFrame with columns image, label[, group, split, name, weight].

        Parameters
        ----------
        table : str, Path, DataFrame or mapping of columns
            One row per image. Paths are relative to the CSV file's folder, or to `folder`.
        folder : str or Path, default "."
            What paths of a DataFrame are relative to.
        **options
            `channels`, `unknown` and `axes` of `as_data`.
        """
        from .layouts import table_data

        return table_data(table, Path(folder).expanduser(), Options(**options))


@dataclass(frozen=True)
class Options:
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
    """

    channels: Channels = None
    unknown: int | None = None
    axes: str | None = None
    pixel_size_um: float | tuple[float, ...] | None = None
    cached: bool = True
    taken: tuple[int, int] | None = None


def as_data(
    x: Any,
    *,
    channels: Channels = None,
    unknown: int | None = None,
    axes: str | None = None,
    pixel_size_um: float | tuple[float, ...] | None = None,
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
        Channels to use, by index from 0 or by name.
    unknown : int, optional
        The label value that counts nowhere.
    axes : str, optional
        What the stored axes of the images are, for example ``"tyx"``, overriding the files.
    pixel_size_um : float or tuple of float, optional
        Micrometres per pixel, overriding the files.

    Returns
    -------
    Data
        What is wrong with single files is found by `check`, not here.

    Raises
    ------
    InvalidError
        Where there is nothing to take.
    """
    from .layouts import any_data

    return any_data(x, Options(channels, unknown, axes, pixel_size_um))


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
    from .layouts import any_images

    return any_images(x, Options(channels, axes=axes, cached=False, taken=taken), slices)


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
        None where `unknown` is None: everything is known.

    Examples
    --------
    >>> item = as_data((np.zeros((1, 3)), np.array([[0, 1, 9]]))).items[0]
    >>> read_labels(item, unknown=9)
    (array([[0, 1, 0]], dtype=int32), array([[ True,  True, False]]))
    """
    if not item.annotations:
        raise invalid(item.id, expected="an image with labels", received="no labels")
    stored = item.annotations[0].read(slices)
    known = None if unknown is None else stored != unknown
    if stored.dtype.itemsize >= 4 and stored.size and stored.max() > np.iinfo(np.int32).max:
        remedy = "Renumber the objects 1, 2, 3, ..."
        got = f"label {stored.max()}"
        raise invalid(item.annotations[0].name, expected="labels below 2**31", received=got,
                      remedy=remedy)  # fmt: skip
    labels = stored.astype(np.int32)
    if known is not None:
        labels[~known] = 0
    return labels, known


def manifest(data: Data) -> list[dict[str, Any]]:
    """List what the images are, by their decoded pixels.

    Returns
    -------
    list of dict
        ``id``, ``image_sha256`` (of shape, type and pixels of the whole image, with the
        channels used), ``label_sha256`` (of the first annotation; None without), ``shape``.
    """
    return [
        {
            "id": item.id,
            "image_sha256": fingerprint(item.image),
            "label_sha256": fingerprint(item.annotations[0]) if item.annotations else None,
            "shape": list(item.image.shape),
        }
        for item in data.items
    ]


def check(data: Any, task: Any = None, **options: Any) -> checking.Report:
    """Find everything wrong with annotated images; see `checking.check`."""
    from . import checking

    return checking.check(data, task, **options)


def split(data: Data, validation: Any = 0.2, seed: int = 0) -> tuple[Data, Data, str]:
    """Part data into training and validation; see `splits.split`."""
    from . import splits

    return splits.split(data, validation, seed)
