"""Arrays as images and label images in OME-Zarr, and label images of it as arrays."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..components.arguments import checked
from ..errors import InvalidError, invalid
from ..images import files
from ..images.formats import labels_within
from ..images.image import AnyArray, Image, check_axes, guess_axes, per_axis
from ..images.labels import smallest
from ..images.ome_zarr import stored_at
from ..images.ome_zarr_write import (
    ENDING,
    VERSIONS,
    ImageWriter,
    LabelsWriter,
    chunks_for,
    is_multiscale,
    list_label,
    need_zarr,
    place_of,
    version_of,
)
from ..images.zarr import is_store
from ..images.zarr_store import node_at
from ..storage.atomic import meant, new_file, partial_name, told

ORDER = "tczyx"
"""Of axes in OME-Zarr."""


@checked
def write(
    path: str | os.PathLike[str],
    array: Any,
    *,
    axes: str | None = None,
    spacing_um: float | Sequence[float] | None = None,
    origin_um: Sequence[float] | None = None,
    channels: Sequence[str] | Mapping[str, str] | None = None,
    labels: bool | None = None,
    version: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write an array as an image or a label image in OME-Zarr, with smaller copies of it.

    Parameters
    ----------
    path : path
        A folder ``NAME.zarr``; ``NAME.zarr/labels/CELLS`` for labels of the image in
        ``NAME.zarr``, which lists them then; or a place in a store that is no image, such as
        ``NAME.zarr/train/crop1/raw``, whose groups are made.
    array : array or Image
        Pixels of any integer or float type; what can be sliced and has `shape` and `dtype` is read
        box by box. Labels are whole numbers of 0 and above.
    axes : str, optional
        A letter of ``t z y x c`` for each axis of the array. Default: those of an `Image`, else
        a last axis of at most 4 is channels and a first one z.
    spacing_um : float or sequence of float, optional
        Micrometres per pixel, one for all spatial axes or one each. Default: of an `Image` its
        own; of labels that of their image; else not known.
    origin_um : sequence of float, optional
        Where the centre of the first pixel lies, along each spatial axis. Default: of labels as
        their image, else 0.
    channels : sequence of str or dict of str, optional
        A name for each channel, or name and colour (``{"DAPI": "0000FF"}``).
    labels : bool, optional
        Whether it is a label image. Default: in ``labels/`` it is.
    version : {"0.5", "0.4"}, optional
        Of OME-Zarr. Default: that of the image for its labels, else 0.5.
    overwrite : bool, default False
        Replace a store that is there, with the labels in it.

    Returns
    -------
    Path
        Where it was written; it appears there only when it is complete.

    Raises
    ------
    InvalidError
        Another place, something that is there, labels of another size than their image, or an
        array that is none of numbers.

    Notes
    -----
    Each copy is half the size of the one before along the axes whose pixels are not much longer
    than those of the others, until none is longer than 512. Pixels of images are the mean of their
    neighbours, rounded, and lie in the middle of them; pixels of labels are the first of their
    neighbours and lie where it does. Chunks hold one time point and one channel.

    Examples
    --------
    >>> import tempfile
    >>> import cytoloom as cl
    >>> image, labels = cl.simulate.nuclei(shape=(64, 80), count=3, seed=1)
    >>> folder = Path(tempfile.mkdtemp())
    >>> stored = cl.volumes.write(folder / "a.zarr", image, spacing_um=0.5)
    >>> _ = cl.volumes.write(stored / "labels" / "nuclei", labels)
    >>> cl.images.read(stored)
    Image('a', 64 x 80 x 1 (yxc), uint16, (0.5, 0.5) um)
    >>> int(cl.volumes.read_labels(stored).max())
    3
    """
    need_zarr("path")
    path = meant(path)
    store, name = place(path)
    as_labels = bool(name) if labels is None else labels
    if name and not as_labels:
        raise invalid("labels", expected="True in a folder labels/", received=labels)
    if isinstance(array, Image):
        spacing_um = array.pixel_size_um if spacing_um is None else spacing_um
        axes, channels = axes or array.axes, channels or array.channel_names
        array = array.array
    pixels, letters = _pixels(array, axes, as_labels)
    spatial = "".join(a for a in letters if a in "zyx")
    spacing, origin = _along("spacing_um", spacing_um, spatial), _floats(origin_um, spatial)
    if name:
        spacing, origin = as_image(store, pixels.shape, spatial, spacing, origin)
    kind = LabelsWriter if as_labels else ImageWriter
    names, colours = _channels(channels, letters, pixels.shape)
    temporary = path.parent / partial_name() if not name else store / partial_name()
    writer = kind(
        temporary, pixels.shape, pixels.dtype.name, chunks_for(pixels.shape, letters), spacing,
        origin, version_to_write(version, store, name), letters, names, colours,
    )  # fmt: skip
    refuse_taken(path, overwrite)
    _written(writer, pixels, path, name)
    if name:
        with told(path):
            list_label(store, name)
    return path


@checked
def read_labels(path: str | os.PathLike[str]) -> AnyArray:
    """Read a label image in OME-Zarr, or in any other format, at full resolution.

    Parameters
    ----------
    path : path
        ``NAME.zarr/labels/CELLS``, a store that is a label image, or an image with one label image
        in it.

    Returns
    -------
    ndarray of an integer dtype, (y, x) or (z, y, x)

    Raises
    ------
    InvalidError
        Several label images in an image, or none that can be read.

    Examples
    --------
    >>> import tempfile
    >>> import cytoloom as cl
    >>> path = Path(tempfile.mkdtemp()) / "cells.zarr"
    >>> _ = cl.volumes.write(path, np.array([[0, 7], [7, 300]]), labels=True)
    >>> read_labels(path).tolist()
    [[0, 7], [7, 300]]
    """
    path = meant(path)
    within = labels_within(path)
    if len(within) > 1:
        names = ", ".join(one.name for one in within)
        remedy = f"Give one of them, such as {within[0]}."
        raise invalid(str(path), expected="one label image", received=names, remedy=remedy)
    return files.read_labels(within[0] if within else path)


def place(path: Path, argument: str = "path") -> tuple[Path, str]:
    """Return the store, and the name of labels in it; "" for what is an image of its own."""
    outer = store_around(path)
    if outer is not None and path.relative_to(outer).parts[0] != "labels":
        _refuse_within_image(path, outer, argument)
        return path, ""
    try:
        store, name = place_of(path)
    except InvalidError as error:
        raise error.renamed(argument) from None
    if name and not is_multiscale(store):
        raise invalid(
            argument,
            expected="labels of an image in OME-Zarr",
            received=f"{path}, where {store} is none",
            remedy="Write the image first, or the labels by themselves, as cells.zarr.",
        )
    return store, name


def store_around(path: Path) -> Path | None:
    """Return the store that a place lies in; None of one that is a store itself.

    Examples
    --------
    >>> store_around(Path("a.zarr/train/raw")) == Path("a.zarr"), store_around(Path("b/a.zarr"))
    (True, None)
    """
    return next((one for one in path.parents if one.name.lower().endswith(ENDING)), None)


def _refuse_within_image(path: Path, store: Path, argument: str) -> None:
    """Refuse a place within an image or an array: programs would not look for one there."""
    for one in path.parents:
        node = node_at(one)
        if is_multiscale(one) or (node is not None and node.array):
            raise invalid(
                argument,
                expected="a place outside of the images of a store",
                received=f"{path}, within the image {one}",
                remedy=f"Labels of it go into {one / 'labels'}.",
            )
        if one == store:
            return


def _make_groups(path: Path, new: Path) -> None:
    """Make the groups of a store that a place in it lies in, of its own format."""
    store = store_around(path)
    if store is None or path.relative_to(store).parts[0] == "labels":
        return
    kind = 2 if (new / ".zgroup").exists() else 3
    for one in reversed([p for p in path.parents if p == store or store in p.parents]):
        need_zarr().open_group(one, mode="a", zarr_format=kind)


def _pixels(array: Any, axes: str | None, as_labels: bool) -> tuple[Any, str]:
    """Return the pixels with their axes in OME-Zarr's order, and the letters of these."""
    if not (hasattr(array, "shape") and hasattr(array, "dtype")):
        array = np.asarray(array)
    if np.dtype(array.dtype).kind not in ("biu" if as_labels else "biuf"):
        expected = "whole numbers" if as_labels else "an array of whole or real numbers"
        raise invalid("array", expected=expected, received=str(array.dtype))
    if 0 in array.shape:
        raise invalid("array", expected="pixels", received=f"the shape {array.shape}")
    if axes is not None:
        letters = check_axes(axes, len(array.shape), "the array")
    elif as_labels and len(array.shape) in (2, 3):
        letters = "zyx"[-len(array.shape) :]
    else:
        letters = guess_axes(tuple(array.shape), "array")
    if len(set(letters)) < len(letters) or (as_labels and "c" in letters):
        expected = "labels without channels" if as_labels else "each axis once"
        raise invalid("axes", expected=expected, received=axes)
    if as_labels and isinstance(array, np.ndarray):
        array = smallest(array)
    order = sorted(range(len(letters)), key=lambda k: ORDER.index(letters[k]))
    kept = "".join(letters[k] for k in order)
    if kept == letters:
        return array, letters
    return (array if hasattr(array, "transpose") else np.asarray(array)).transpose(order), kept


def _along(name: str, sizes: Any, spatial: str) -> tuple[float, ...] | None:
    try:
        return per_axis(sizes, spatial)
    except InvalidError as error:
        raise error.renamed(name) from None


def _floats(origin_um: Sequence[float] | None, spatial: str) -> tuple[float, ...] | None:
    if origin_um is None:
        return None
    found = tuple(float(value) for value in origin_um)
    if len(found) != len(spatial) or not np.isfinite(found).all():
        expected = f"a number for each of {', '.join(spatial)}"
        raise invalid("origin_um", expected=expected, received=origin_um)
    return found


def as_image(
    store: Path,
    shape: tuple[int, ...],
    spatial: str,
    spacing: tuple[float, ...] | None,
    origin: tuple[float, ...] | None,
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """Return spacing and origin of labels, those of their image where none were given."""
    image = stored_at(store, None)
    sizes = dict(zip(image.letters, image.array.shape, strict=True))
    wanted = tuple(sizes.get(a, 1) for a in spatial)
    if wanted != tuple(shape[-len(spatial) :]):
        got = f"{shape}, where the image has {wanted} along {', '.join(spatial)}"
        raise invalid("array", expected="labels as large as their image", received=got)
    own = [image.sizes_um.get(a) for a in spatial]
    if spacing is None and all(own):
        spacing = tuple(float(size or 0) for size in own)
    if origin is None and image.origin_um and spacing is not None:
        origin = tuple(image.origin_um.get(a, 0.0) for a in spatial)
    return spacing, origin


def _channels(
    channels: Sequence[str] | Mapping[str, str] | None, letters: str, shape: tuple[int, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return names and colours of channels."""
    if channels is None:
        return (), ()
    names = tuple(str(name) for name in channels)
    count = shape[letters.index("c")] if "c" in letters else 1
    if len(names) != count or isinstance(channels, str):
        raise invalid("channels", expected=f"{count} names", received=channels)
    colours = tuple(channels.values()) if isinstance(channels, Mapping) else ()
    if any(not re.fullmatch(r"[0-9A-Fa-f]{6}", str(colour)) for colour in colours):
        raise invalid("channels", expected="colours such as 00FF00", received=channels)
    return names, tuple(colour.upper() for colour in colours)


def version_to_write(version: str | None, store: Path, name: str) -> str:
    """Return the version to write: of labels that of their image, in a store that of the store."""
    if version not in (None, *VERSIONS):
        raise invalid("version", expected='"0.5" or "0.4"', received=version)
    outer = store if name else store_around(store)
    own = version_of(outer) if outer is not None and outer.is_dir() else version or "0.5"
    if version not in (None, own):
        raise invalid("version", expected=f"{own}, as {outer} has", received=version)
    return own


def refuse_taken(path: Path, overwrite: bool, argument: str = "path") -> None:
    """Refuse a place with something in it, or in a folder that is not there."""
    if os.path.lexists(path):
        if not overwrite:
            raise new_file(path).renamed(argument)
        if not is_store(path) or path.is_symlink():
            raise invalid(argument, expected="a store of Zarr to replace", received=str(path))
    if not (store_around(path) or path).parent.is_dir():
        raise invalid(argument, expected="a place in a folder that exists", received=str(path))


def put_in_place(new: Path, path: Path) -> None:
    """Give a store its name; what was there goes when the new one is in its place."""
    path.parent.mkdir(exist_ok=True)
    _make_groups(path, new)
    aside = path.with_name(partial_name())
    if os.path.lexists(path):
        os.replace(path, aside)
    try:
        os.replace(new, path)
    except OSError:
        if aside.exists():
            os.replace(aside, path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _written(writer: ImageWriter, pixels: Any, path: Path, name: str) -> None:
    """Write under another name, and give it its own when it is whole."""
    try:
        with told(path):
            writer.folder.parent.mkdir(parents=store_around(path) is not None, exist_ok=True)
            writer.begin()
            for box in writer.boxes(0):
                writer.write(box, np.asarray(pixels[box]))
            for _ in writer.shrink_all():
                pass
            writer.finish(name or path.name.removesuffix(".zarr"), "../../" if name else "")
            put_in_place(writer.folder, path)
    except BaseException:
        shutil.rmtree(writer.folder, ignore_errors=True)
        raise
