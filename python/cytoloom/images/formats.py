"""The file formats that are read, and what to do with those that are not."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path

from ..errors import InvalidError, invalid
from . import bdv, bitmaps, czi, hdf5, imaris, lif, n5, nd2, npy, tiff, zarr
from .inside import divided
from .reader import Reader
from .regions import Cut, apart, refuse_odd
from .remote import address, not_a_store, refuse_unread

READERS: tuple[Reader, ...] = (
    tiff.TIFF,
    bitmaps.PNG,
    bitmaps.JPEG,
    bitmaps.BMP,
    npy.NPY,
    czi.CZI,
    lif.LIF,
    nd2.ND2,
    zarr.ZARR,
    n5.N5_FOLDER,
    imaris.IMARIS,
    hdf5.HDF5,
    bdv.BDV,
)
"""Every format, the first that can open a file reads it."""

_CONVERT = {
    "Open it in Fiji (Bio-Formats) and save it as TIFF, or run `bfconvert {0} {1}.ome.tif`.": (
        ".lsm .oib .oif .oir .vsi .stk .dv .zvi .sld .flex .mvd2 .mrxs .r3d .ics .xdce"
    ),
    "Load it and pass the array, or save it as TIFF or .npy.": ".npz .mat .pkl",
    "Outlines of ImageJ are labels: put them into a folder of labels, with the names of the images "
    "(a.tif, a.zip); archives of images, such as a.zarr.zip, are to be unpacked.": ".roi .zip",
    "Save it as PNG or TIFF from Fiji or an image editor.": (
        ".gif .webp .heic .avif .jp2 .jxl .psd .pdf .svg"
    ),
    "Open it in Fiji or 3D Slicer and save it as TIFF.": ".nii .gz .mha .mhd .nrrd .dcm .mrc .rec",
    "Open it in Fiji and save it as a TIFF stack.": ".avi .mp4 .mov",
}
_REMEDIES = {suffix: remedy for remedy, group in _CONVERT.items() for suffix in group.split()}
_BESIDE_IMAGES = (
    ".pdf", ".svg", ".psd", ".avi", ".mp4", ".mov", ".npz", ".mat", ".pkl", ".roi", ".zip",
)  # fmt: skip
_START_BYTES = 16


def suffixes() -> tuple[str, ...]:
    """Return the endings of the formats read, in small letters.

    Examples
    --------
    >>> suffixes()[:2]
    ('.tif', '.tiff')
    """
    return tuple(suffix for reader in READERS for suffix in reader.suffixes)


def stem(path: str | Path) -> str:
    """Return a file's name without folder and ending; ``.ome.tif`` is one ending.

    Examples
    --------
    >>> stem("plate/B03.s1.ome.tif"), stem("0001_mask.png"), stem("a.h5:/raw")
    ('B03.s1', '0001_mask', 'a')
    """
    name = divided(path)[0].stem
    return name[:-4] if name.lower().endswith(".ome") else name


def is_foreign(path: str | Path) -> bool:
    """Whether a file's ending is that of a microscope's or image format not read here.

    Films, archives and drawings, which often lie beside images, are not meant.

    Examples
    --------
    >>> is_foreign("a.oib"), is_foreign("a.png"), is_foreign("README.md"), is_foreign("fig.pdf")
    (True, False, False, False)
    """
    suffix = divided(path)[0].suffix.lower()
    return _is_unread(suffix) and suffix not in _BESIDE_IMAGES


def is_image_folder(path: str | Path) -> bool:
    """Whether a folder is one image, as some formats store it, rather than a folder of images.

    Examples
    --------
    >>> import tempfile
    >>> is_image_folder(tempfile.mkdtemp())
    False
    """
    path = apart(Path(path).expanduser())[0]
    if address(path) is not None:
        # only such are read from servers
        return True
    folders = [reader for reader in READERS if reader.folders]
    there = divided(path)[0].is_dir()
    return bool(folders) and there and any(r.can_open(path, b"") for r in folders)


def is_single(path: str | Path) -> bool:
    """Whether a folder is one image, and no group of several.

    Examples
    --------
    >>> import tempfile
    >>> is_single(tempfile.mkdtemp())
    False
    """
    path = Path(path)
    if not is_image_folder(path):
        return False
    try:
        return not reader_of(path).scenes(path)
    except InvalidError:
        return False


def is_one_image(path: str | Path) -> bool:
    """Whether a file, a data set in one, or a folder that is one image is there.

    Examples
    --------
    >>> import tempfile
    >>> is_one_image("nothing.tif"), is_one_image(tempfile.mkdtemp())
    (False, False)
    """
    path = Path(path).expanduser()
    return divided(path)[0].is_file() or is_image_folder(path)


def reader_of(path: Path) -> Reader:
    """Return what reads a file, as its first bytes tell, or raise saying what to do with it."""
    whole, region = apart(path)
    if region:
        return Cut(reader_of(whole), whole, region)
    refuse_odd(path)
    url = address(path)
    if url is not None:
        refuse_unread(url)
        return _reader_at(url, path)
    start = b"" if is_image_folder(path) else _first_bytes(divided(path)[0])
    found = next((reader for reader in READERS if reader.can_open(path, start)), None)
    if found is None:
        raise _unreadable(divided(path)[0], start)
    return found


def _reader_at(url: str, path: Path) -> Reader:
    """Return what reads a store on a server."""
    folders = (reader for reader in READERS if reader.folders)
    found = next((reader for reader in folders if reader.can_open(path, b"")), None)
    if found is None:
        raise not_a_store(url)
    return found


def once(paths: Sequence[Path]) -> list[Path]:
    """Return one path for each image: of the files of one OME set only the first.

    Examples
    --------
    >>> once([Path("a.png"), Path("b.png")]) == [Path("a.png"), Path("b.png")]
    True
    """
    found: list[Path] = []
    seen: set[Path] = set()
    for path in paths:
        if path not in seen:
            found.append(path)
            seen.update(path.parent / name for name in members(path))
    return found


def members(path: Path) -> tuple[str, ...]:
    """Return the names of the files in its folder that an image is read from, itself among them.

    Examples
    --------
    >>> members(Path("images/a.png"))
    ('a.png',)
    """
    # other names are not opened, of which a folder may hold thousands
    if ".ome." not in path.name.lower() or path.suffix.lower() in zarr.ZARR.suffixes:
        return (path.name,)
    try:
        return reader_of(path).members(path)
    except Exception:  # whatever is wrong with it is said when it is read
        return (path.name,)


def labels_within(path: Path) -> tuple[Path, ...]:
    """Return the label images that an image holds itself, of formats whose images are folders.

    Examples
    --------
    >>> labels_within(Path("images/a.png"))
    ()
    """
    return reader_of(path).labels(path) if is_image_folder(path) else ()


def image_around(path: Path) -> Path | None:
    """Return the image that holds a label image itself, of formats whose images are folders.

    Examples
    --------
    >>> image_around(Path("labels/a.png")) is None
    True
    """
    return reader_of(path).image(path) if is_image_folder(path) else None


def pair_within(path: Path) -> tuple[Path, Path] | None:
    """Return image and labels within a file that holds just these.

    Examples
    --------
    >>> pair_within(Path("images/a.png")) is None
    True
    """
    # others are not opened, of which a folder may hold thousands
    if path.suffix.lower() not in hdf5.HDF5.suffixes:
        return None
    return reader_of(path).pair(path)


def data_of(path: Path) -> Path | None:
    """Return the file or folder that holds the pixels of one that describes them, if it does.

    Examples
    --------
    >>> data_of(Path("images/a.png")) is None
    True
    """
    if path.suffix.lower() != ".xml":
        return None
    try:
        described = reader_of(path)
        return described.watched(path, None)[-1] if described is bdv.BDV else None
    except Exception:  # whatever is wrong with it is said when it is read
        return None


def watched(path: Path, scene: str | None) -> tuple[Path, ...]:
    """Return files and folders that are others once an image was written anew.

    Examples
    --------
    >>> watched(Path("images/a.png"), None) == (Path("images/a.png"),)
    True
    """
    within = divided(path)[1]
    if not within and not is_image_folder(path):
        return tuple(path.parent / name for name in members(path))
    try:
        return reader_of(path).watched(path, scene)
    except Exception:  # whatever is wrong with it is said when it is read
        return (path,)


def _first_bytes(path: Path) -> bytes:
    # before its bytes: many of these formats are TIFF inside, and would be misread
    if _is_unread(path.suffix.lower()) and path.exists():
        raise _unreadable(path)
    try:
        # opening one would wait for whoever writes into it, for ever
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            got = "a folder" if stat.S_ISDIR(mode) else "a pipe, a socket or a device"
            raise invalid(str(path), expected="a file to read", received=got)
        with path.open("rb") as file:
            return file.read(_START_BYTES)
    except FileNotFoundError:
        raise invalid(str(path), expected="a file that exists", received="nothing there") from None
    except OSError as error:
        raise invalid(
            str(path), expected="a file to read", received=error.strerror or str(error)
        ) from None


def _shown(start: bytes) -> str:
    r"""Show the first bytes of a file: text as such, else each byte by its two digits.

    Examples
    --------
    >>> _shown(b"x,y\n1"), _shown(b"\x89PNG")
    ('"x,y 1"', 'the bytes 89 50 4e 47')
    """
    text = " ".join(start.decode("latin-1").split())
    if text.isascii() and text.isprintable():
        return f'"{text}"'
    return f"the bytes {start.hex(' ')}"


def _is_unread(suffix: str) -> bool:
    return suffix in _REMEDIES and suffix not in suffixes()


def _unreadable(path: Path, start: bytes = b"") -> InvalidError:
    suffix = path.suffix.lower()
    *names, last = [reader.name for reader in READERS]
    expected = f"an image in {', '.join(names)} or {last}"
    if _is_unread(suffix):
        remedy = _REMEDIES[suffix].format(path.name, stem(path))
        return invalid(str(path), expected=expected, received=f"a {suffix} file", remedy=remedy)
    if suffix not in suffixes():
        remedy = "Save it as TIFF or PNG."
        got = f"a file ending in {suffix}" if suffix else "a name without an ending"
        return invalid(str(path), expected=expected, received=got, remedy=remedy)
    got = f"a file that starts with {_shown(start[:8])}" if start else "an empty file"
    return invalid(str(path), expected=expected, received=got, remedy="Copy or export it again.")
