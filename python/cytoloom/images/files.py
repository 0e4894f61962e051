"""Read images and label images from files; write label images."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..components.arguments import checked
from ..errors import GuessWarning, InvalidError, invalid
from ..messages import Value, say, unsettled
from ..storage.atomic import new_file
from . import labels as label_rules
from .channels import Channels, pick_channels
from .decoding import reading
from .formats import reader_of, stem, suffixes
from .image import AnyArray, Image, ImageInfo, per_axis
from .reader import Part, Reader
from .remote import shown
from .units import odd_size, storable

SUFFIXES = suffixes()


@checked
def scenes(path: str | Path) -> tuple[str, ...]:
    """Return the names of the images that a file holds.

    Parameters
    ----------
    path : str or Path
        A file in one of the formats of `SUFFIXES`; its content decides, not its ending.

    Returns
    -------
    tuple of str
        Names for `read` and `probe`; empty where the file holds one image.

    Raises
    ------
    InvalidError
        Missing, damaged, or in a format not read; the message says how to convert it.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> path = os.path.join(tempfile.mkdtemp(), "cells.npy")
    >>> np.save(path, np.zeros((64, 48)))
    >>> scenes(path)
    ()
    """
    path = Path(path).expanduser()
    reader = reader_of(path)
    return reading(path, lambda: reader.scenes(path))


@checked
def probe(path: str | Path, *, axes: str | None = None, scene: str | None = None) -> ImageInfo:
    """Read what a file's header says: shape, type, axes, pixel size, channel names.

    Parameters
    ----------
    path : str or Path
        A file in one of the formats of `SUFFIXES`; its content decides, not its ending.
    axes : str, optional
        What the stored axes are, overriding the file, for example ``"tyx"``.
    scene : str, optional
        Which image of a file that holds several (`scenes`).

    Returns
    -------
    ImageInfo
        No pixel has been decoded.

    Raises
    ------
    InvalidError
        Missing, damaged, or in a format not read; the message says how to convert it.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> path = os.path.join(tempfile.mkdtemp(), "stack.npy")
    >>> np.save(path, np.zeros((5, 64, 48), np.uint16))
    >>> info = probe(path)
    >>> info.shape, info.axes, info.dtype.name
    ((5, 64, 48, 1), 'zyxc', 'uint16')
    """
    path = Path(path).expanduser()
    reader = reader_of(path)
    _check_axes(axes, reader, path)
    if scene is not None:
        _check_scene(scene, scenes(path), path)
    info = reading(path, lambda: reader.info(path, Part(axes, scene=scene)))
    if info.dtype.kind not in "biuf":
        remedy = "Save its real part or its magnitude." if info.dtype.kind == "c" else ""
        expected = "an image of whole or real numbers"
        received = f"{info.dtype} in {path}"
        raise invalid("image", expected=expected, received=received, remedy=remedy)
    return replace(info, name=stem(path), dtype=info.dtype.newbyteorder("="))


@checked
def read(
    path: str | Path,
    *,
    channels: Channels = None,
    axes: str | None = None,
    frame: int | None = None,
    scene: str | None = None,
) -> Image:
    """Read an image file, channels last.

    PNG, JPEG, BMP, TIFF (OME, ImageJ, plain), NPY and, with ``cytoloom[vendor]``, CZI, LIF and
    ND2, for which no axes can be given; with ``cytoloom[volumes]`` Zarr, OME's at full resolution,
    N5, data sets of HDF5 (``a.h5:/raw``), Imaris and BigDataViewer, and Zarr and N5 on servers.
    Palette pictures give their colours (one channel where
    the palette is grey), alpha is left out unless `axes` asks for it, 1-bit pictures give 0 and
    255, photographs are turned upright. Pages of a TIFF are time, z or channels as its metadata
    says; without such metadata a stack is z. Colour maps of ImageJ are ways of showing and
    leave the values alone.

    Parameters
    ----------
    path : str or Path
        The file; of Zarr and N5 a folder, of an image, a label image or an array, or its address
        (``https://``, ``s3://``, ``gs://``). A smaller copy in a file is named behind a colon:
        ``slide.svs:/1``, or by the size of its pixels, ``slide.svs:/0.5um``; and so is a region,
        ``a.zarr:[0:64, 100:612, 0:512]``, in pixels from 0 or ``5um:20um`` along z, y and x.
    channels : int, str or sequence of them, optional
        Channels to keep, by index from 0 or by name; ``[0, [2, 3]]`` keeps two, of which the
        second is a sum. Default: all.
    axes : str, optional
        What the stored axes are, overriding the file: letters of ``t z y x c`` in the file's
        own order, for example ``"tyx"`` for a plain stack of time points.
    frame : int, optional
        A single time point of a series, from 0. Default: all, as the first axis.
    scene : str, optional
        Which image of a file that holds several (`scenes`).

    Returns
    -------
    Image
        With ``.array`` of the file's own dtype, ``.axes`` and ``.pixel_size_um``.

    Warns
    -----
    UserWarning
        What had to be guessed, and what is odd about the file: axes without names, alpha, an
        overview beside the image, a turned picture, a pixel size that cannot be.

    Raises
    ------
    InvalidError
        Missing, damaged, incomplete (a plane of a stack, a file of a set), larger than the free
        memory, or in a format not read; the message says what to do.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> path = os.path.join(tempfile.mkdtemp(), "cells.npy")
    >>> np.save(path, np.zeros((64, 48), np.uint16))
    >>> read(path)
    Image('cells', 64 x 48 x 1 (yxc), uint16)
    """
    path = Path(path).expanduser()
    reader, info = reader_of(path), probe(path, axes=axes, scene=scene)
    odd = (*info.notes_of_image, *odd_size(info.pixel_size_um))
    _tell(path, unsettled(odd, _given(channels=channels, axes=axes)))
    keep = pick_channels(channels, info.channels, info.channel_names, str(path))
    part = Part(axes, frame, scene)
    array = _native(reading(path, lambda: reader.pixels(path, part)))
    names = info.channel_names
    if keep is not None:
        array, names = keep.take(array), keep.names(names)
    letters = info.axes if frame is None else info.axes.removeprefix("t")
    return Image(array, letters, info.pixel_size_um, names, info.name)


def read_part(path: Path, part: Part) -> AnyArray:
    """Read a part of an image, of which all is known that `probe` says.

    Parameters
    ----------
    path : Path
        The file.
    part : Part
        Which time point or scene; a region only where `ImageInfo.regions` says that one can be
        read alone.

    Returns
    -------
    ndarray (spatial..., c), any dtype

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> path = Path(tempfile.mkdtemp()) / "cells.npy"
    >>> np.save(path, np.arange(12).reshape(3, 4))
    >>> read_part(path, Part(region=(slice(1, 2), slice(0, 3))))[..., 0]
    array([[4, 5, 6]])
    """
    reader = reader_of(path)
    return _native(reading(path, lambda: reader.pixels(path, part)))


@checked
def read_labels(
    path: str | Path,
    *,
    axes: str | None = None,
    frame: int | None = None,
    unknown: int | None = None,
) -> AnyArray:
    """Read a label image or mask: integers ``(y, x)`` or ``(z, y, x)``.

    Masks of 1 bit, of equal red, green and blue, of two colours (the colour black, else the
    commoner one, is background) and drawn in alpha are understood; palette pictures give
    their indices. Values 0 and 255 are kept: what they mean is the task's to say.

    Parameters
    ----------
    path : str or Path
        The file.
    axes : str, optional
        What the stored axes are, overriding the file.
    frame : int, optional
        A single time point of a series, from 0. Default: all, as the first axis.
    unknown : int, optional
        The label value that counts nowhere. It stays in what is returned; whether the file holds
        labels, and of which kind, is judged by the others.

    Returns
    -------
    ndarray of an integer dtype

    Warns
    -----
    UserWarning
        As `read` does.

    Raises
    ------
    InvalidError
        Unreadable, or not labels: grey levels of JPEG, interpolated masks or object numbers,
        fractions, more than two colours.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> path = os.path.join(tempfile.mkdtemp(), "labels.tif")
    >>> _ = write_labels(path, np.array([[0, 1], [2, 300]]))
    >>> read_labels(path)
    array([[  0,   1],
           [  2, 300]], dtype=uint16)
    """
    path = Path(path).expanduser()
    labels, said = read_labels_as(path, axes=axes, frame=frame, unknown=unknown)
    # of sizes and channels labels say nothing
    given = {"pixel_size_um", "channels", *_given(axes=axes)}
    notes = unsettled(probe(path, axes=axes).notes, given)
    beside = (f"labels understood as {said}",) if said.endswith(label_rules.BESIDE_ALPHA) else ()
    _tell(path, (*notes, *beside))
    return labels


def read_labels_as(
    path: str | Path,
    *,
    axes: str | None = None,
    frame: int | None = None,
    unknown: int | None = None,
) -> tuple[AnyArray, str]:
    """Read labels as `read_labels` and say how they were understood.

    Returns
    -------
    labels : ndarray of an integer dtype
    understood : str
        Empty for plain label images; else for example ``"0/255 mask"`` or ``"RGB mask"``.
    """
    path = Path(path).expanduser()
    reader, part = reader_of(path), Part(axes, frame)
    _check_axes(axes, reader, path)
    values, alpha = reading(path, lambda: reader.values(path, part))
    lossy = reading(path, lambda: reader.is_lossy(path))
    try:
        return label_rules.understand(_native(values), alpha, lossy=lossy, unknown=unknown)
    except InvalidError as error:
        raise error.renamed(str(path)) from None


@checked
def write_labels(
    path: str | Path,
    labels: AnyArray,
    pixel_size_um: float | tuple[float, ...] | None = None,
    *,
    overwrite: bool = False,
) -> Path:
    """Write a label image as compressed TIFF that ImageJ opens.

    The type is the smallest of uint8, uint16 and uint32 that holds the labels. The file
    appears under its name only when it is complete.

    Parameters
    ----------
    path : str or Path
        Ends in ``.tif`` or ``.tiff``; its folder exists.
    labels : integer or boolean ndarray (y, x) or (z, y, x)
        0 is background.
    pixel_size_um : float or tuple of float, optional
        Micrometres per pixel, one for all axes or one each; kept in the file.
    overwrite : bool, default False
        Replace a file that is there.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    InvalidError
        Another ending, no such folder, a file that is there, another number of axes, or values
        that are no labels.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> path = os.path.join(tempfile.mkdtemp(), "labels.tif")
    >>> _ = write_labels(path, np.array([[0, 1], [2, 300]]), pixel_size_um=0.5)
    >>> read(path)
    Image('labels', 2 x 2 x 1 (yxc), uint16, (0.5, 0.5) um)
    """
    from . import tiff

    path = Path(path).expanduser()
    if path.suffix.lower() not in (".tif", ".tiff"):
        raise invalid("path", expected="a name ending in .tif", received=str(path))
    if labels.ndim not in (2, 3):
        raise invalid("labels", expected="shape (y, x) or (z, y, x)", received=str(labels.shape))
    if not path.parent.is_dir():
        raise invalid("path", expected="a file in a folder that exists", received=str(path))
    if os.path.lexists(path) and not overwrite:
        raise new_file(path)
    sizes = per_axis(pixel_size_um, "zyx"[-labels.ndim :])
    if sizes is not None and not storable(sizes):
        expected = "sizes from 1e-5 to 1e9 micrometres"
        raise invalid("pixel_size_um", expected=expected, received=pixel_size_um)
    tiff.write(path, label_rules.smallest(labels), sizes, overwrite)
    return path


def _given(**arguments: object) -> set[str]:
    return {name for name, value in arguments.items() if value is not None}


def _tell(path: Path, notes: Iterable[str]) -> None:
    """Warn whoever called `read` or `read_labels` of what had to be guessed."""
    for text in notes:
        # past `checked`, to whoever called a function that has it
        warnings.warn(GuessWarning(say("{}: {}", shown(path), text)), stacklevel=4)


def _check_axes(axes: str | None, reader: Reader, path: Path) -> None:
    """Refuse axes that would be passed over."""
    if axes is not None and reader.names_axes:
        received = say("{} for {}", Value(axes), str(path))
        raise invalid("axes", expected=f"none, as {reader.name} names its axes", received=received)


def _check_scene(scene: str, known: tuple[str, ...], path: Path) -> None:
    if scene not in known:
        one = f"one of {', '.join(known)}" if known else say("{}, as there is one image", None)
        raise invalid("scene", expected=say("{} in {}", one, path), received=Value(scene))


def _native(array: AnyArray) -> AnyArray:
    """Bring big-endian pixels into this machine's order, as all that follows expects."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)
