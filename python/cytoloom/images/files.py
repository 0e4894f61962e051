"""Read images and label images from files; write label images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..errors import InvalidError, invalid
from . import labels as label_rules
from .image import (
    AnyArray,
    Channels,
    Image,
    ImageInfo,
    arrange,
    arrangement,
    check_axes,
    guess_axes,
    pick_channels,
)

SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".npy", ".bmp")

_MAGIC = {
    b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"BM": "bmp", b"\x93NUMPY": "npy",
    b"II*\x00": "tiff", b"MM\x00*": "tiff", b"II+\x00": "tiff", b"MM\x00+": "tiff",
}  # fmt: skip
_CONVERT = {
    "Open it in Fiji (Bio-Formats) and save it as TIFF, or run `bfconvert {0} {1}.ome.tif`.": (
        ".czi .lif .nd2 .lsm .oib .oif .oir .vsi .stk .dv .ims .zvi .sld .flex .mvd2 .ndpi .svs"
        " .scn .mrxs .r3d .ics .xdce"
    ),
    "Read the data set you need with h5py, then pass the array or save it with tifffile.imwrite.": (
        ".h5 .hdf5 .ilp .hdf"
    ),
    "Load it and pass the array, or save it as TIFF or .npy.": ".zarr .n5 .npz .mat .pkl",
    "Save it as PNG or TIFF from Fiji or an image editor.": (
        ".gif .webp .heic .avif .jp2 .jxl .psd .pdf .svg"
    ),
    "Open it in Fiji or 3D Slicer and save it as TIFF.": ".nii .gz .mha .mhd .nrrd .dcm .mrc .rec",
    "Open it in Fiji and save it as a TIFF stack.": ".avi .mp4 .mov",
}  # fmt: skip
_REMEDIES = {suffix: remedy for remedy, group in _CONVERT.items() for suffix in group.split()}
_BESIDE_IMAGES = (".pdf", ".svg", ".psd", ".avi", ".mp4", ".mov", ".npz", ".mat", ".pkl")
T = TypeVar("T")


def stem(path: str | Path) -> str:
    """Return a file's name without folder and ending; ``.ome.tif`` is one ending.

    Examples
    --------
    >>> stem("plate/B03.s1.ome.tif"), stem("0001_mask.png")
    ('B03.s1', '0001_mask')
    """
    name = Path(path).stem
    return name[:-4] if name.lower().endswith(".ome") else name


def is_foreign(path: str | Path) -> bool:
    """Whether a file's ending is that of a microscope's or image format not read here.

    Films, archives and drawings, which often lie beside images, are not meant.

    Examples
    --------
    >>> is_foreign("a.czi"), is_foreign("a.png"), is_foreign("README.md"), is_foreign("fig.pdf")
    (True, False, False, False)
    """
    suffix = Path(path).suffix.lower()
    return suffix in _REMEDIES and suffix not in _BESIDE_IMAGES


def probe(path: str | Path, *, axes: str | None = None) -> ImageInfo:
    """Read what a file's header says: shape, type, axes, pixel size, channel names.

    Parameters
    ----------
    path : str or Path
        A file in one of the formats of `SUFFIXES`; its content decides, not its ending.
    axes : str, optional
        What the stored axes are, overriding the file, for example ``"tyx"``.

    Returns
    -------
    ImageInfo
        No pixel has been decoded.

    Raises
    ------
    InvalidError
        Missing, damaged, or in a format not read; the message says how to convert it.
    """
    path = Path(path).expanduser()
    kind = _kind(path)
    info = _reading(path, lambda: _header(path, kind, axes))
    return replace(info, name=stem(path), dtype=info.dtype.newbyteorder("="))


def read(
    path: str | Path,
    *,
    channels: Channels = None,
    axes: str | None = None,
    frame: int | None = None,
) -> Image:
    """Read an image file, channels last.

    PNG, JPEG, BMP, TIFF (OME, ImageJ, plain) and NPY. Palette pictures give their colours (one
    channel where the palette is grey), alpha is left out, 1-bit pictures give 0 and 255,
    photographs are turned upright. Pages of a TIFF are time, z or channels as its metadata
    says; without such metadata a stack is z. Colour maps of ImageJ are ways of showing and
    leave the values alone.

    Parameters
    ----------
    path : str or Path
        The file.
    channels : int, str or sequence of them, optional
        Channels to keep, by index from 0 or by name. Default: all.
    axes : str, optional
        What the stored axes are, overriding the file: letters of ``t z y x c`` in the file's
        own order, for example ``"tyx"`` for a plain stack of time points.
    frame : int, optional
        A single time point of a series, from 0. Default: all, as the first axis.

    Returns
    -------
    Image
        With ``.array`` of the file's own dtype, ``.axes`` and ``.pixel_size_um``.

    Raises
    ------
    InvalidError
        Missing, damaged, or in a format not read; the message says how to convert it.

    Examples
    --------
    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "cells.npy")
    >>> np.save(path, np.zeros((64, 48), np.uint16))
    >>> read(path)
    Image('cells', 64 x 48 x 1 (yxc), uint16)
    """
    path = Path(path).expanduser()
    info = probe(path, axes=axes)
    keep = pick_channels(channels, info.channels, info.channel_names, str(path))
    kind = _kind(path)
    array = _native(_reading(path, lambda: _pixels(path, kind, axes, frame)))
    names = info.channel_names
    if keep is not None:
        array = array[..., list(keep)]
        names = names and tuple(names[k] for k in keep)
    letters = info.axes if frame is None else info.axes.removeprefix("t")
    return Image(array, letters, info.pixel_size_um, names, info.name)


def read_labels(path: str | Path, *, axes: str | None = None, frame: int | None = None) -> AnyArray:
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

    Returns
    -------
    ndarray of an integer dtype

    Raises
    ------
    InvalidError
        Unreadable, or not labels: grey levels of JPEG, interpolated masks, fractions,
        more than two colours.
    """
    return read_labels_as(path, axes=axes, frame=frame)[0]


def read_labels_as(
    path: str | Path, *, axes: str | None = None, frame: int | None = None
) -> tuple[AnyArray, str]:
    """Read labels as `read_labels` and say how they were understood.

    Returns
    -------
    labels : ndarray of an integer dtype
    understood : str
        Empty for plain label images; else for example ``"0/255 mask"`` or ``"RGB mask"``.
    """
    path = Path(path).expanduser()
    kind = _kind(path)
    alpha = None
    if kind in ("png", "jpeg", "bmp"):
        from . import bitmaps

        values, alpha = _reading(path, lambda: bitmaps.label_pixels(path, kind))
    elif kind == "tiff":
        from . import tiff

        values = _reading(path, lambda: tiff.pixels(path, axes, frame=frame, raw=True))
    else:
        values = _reading(path, lambda: _pixels(path, kind, axes, frame))
    try:
        return label_rules.understand(_native(values), alpha, lossy=kind == "jpeg")
    except InvalidError as error:
        raise error.renamed(str(path)) from None


def write_labels(
    path: str | Path, labels: AnyArray, pixel_size_um: float | tuple[float, ...] | None = None
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

    Returns
    -------
    Path
        Where it was written.

    Examples
    --------
    >>> import os, tempfile
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
    if pixel_size_um is not None:
        sizes = np.broadcast_to(np.asarray(pixel_size_um, float), labels.ndim)
        pixel_size_um = tuple(float(s) for s in sizes)
    tiff.write(path, label_rules.smallest(labels), pixel_size_um)
    return path


def _native(array: AnyArray) -> AnyArray:
    """Bring big-endian pixels into this machine's order, as all that follows expects."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _kind(path: Path) -> str:
    """Return the format a file's first bytes tell, or raise saying what to do with it."""
    if path.suffix.lower() in _REMEDIES and path.exists():
        raise _unreadable(path)
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except FileNotFoundError:
        raise invalid(str(path), expected="a file that exists", received="nothing there") from None
    except OSError as error:
        raise invalid(str(path), expected="a file to read", received=str(error)) from None
    for magic, kind in _MAGIC.items():
        if start.startswith(magic):
            return kind
    raise _unreadable(path, start)


def _unreadable(path: Path, start: bytes = b"") -> InvalidError:
    suffix = path.suffix.lower()
    expected = "a PNG, JPEG, TIFF or NPY image"
    if suffix in _REMEDIES:
        remedy = _REMEDIES[suffix].format(path.name, stem(path))
        return invalid(str(path), expected=expected, received=f"a {suffix} file", remedy=remedy)
    if suffix not in SUFFIXES:
        remedy = "Save it as TIFF or PNG."
        got = f"a file ending in {suffix!r}"
        return invalid(str(path), expected=expected, received=got, remedy=remedy)
    got = f"a file that starts with {start!r}" if start else "an empty file"
    return invalid(str(path), expected=expected, received=got, remedy="Copy or export it again.")


def _reading(path: Path, action: Callable[[], T]) -> T:
    """Run a decoder; whatever it raises on a damaged file becomes the one error with its name."""
    try:
        return action()
    except (InvalidError, MemoryError):
        raise
    except Exception as error:
        what = f"a file that cannot be decoded ({type(error).__name__}: {error})"
        remedy = "It may be cut off or damaged: copy or export it again."
        raise invalid(str(path), expected="a whole image", received=what, remedy=remedy) from error


def _header(path: Path, kind: str, axes: str | None) -> ImageInfo:
    if kind == "tiff":
        from . import tiff

        return tiff.header(path, axes)
    if kind == "npy":
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        shape, _, ordered = arrangement(array.shape, _array_axes(array, path, axes))
        return ImageInfo(shape, array.dtype, ordered)
    from . import bitmaps

    return bitmaps.header(path, kind)


def _pixels(path: Path, kind: str, axes: str | None, frame: int | None) -> AnyArray:
    if kind == "tiff":
        from . import tiff

        return tiff.pixels(path, axes, frame=frame)
    if kind == "npy":
        array = np.load(path, mmap_mode=None if frame is None else "r", allow_pickle=False)
        arranged, letters = arrange(array, _array_axes(array, path, axes))
        return np.array(arranged[frame]) if frame is not None and "t" in letters else arranged
    from . import bitmaps

    return bitmaps.pixels(path, kind)


def _array_axes(array: AnyArray, path: Path, axes: str | None) -> str:
    if axes is not None:
        return check_axes(axes, array.ndim, str(path))
    return guess_axes(array.shape, str(path))
