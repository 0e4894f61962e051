"""Walk a folder: which images are in it, and what else lies there and is passed over."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..images import formats
from ..images.npy import is_pickled
from ..storage.results import AGREED, PREDICTED, UNFINISHED, is_of_runs
from .drawn import is_drawn
from .pairing import natural_order

_SHOWN = 3
_OURS = "file of a run"
_CELLPOSE = "of Cellpose's *_seg.npy, pickles, which are never loaded"
_OF_A_SET = "other file of a set of OME-TIFF that is one image"
_OF_XML = "of the pixels that an XML file of BigDataViewer describes"
_OF_CELLPOSE = re.compile(r"(.+)_(flows|cp_flows|flows_cp|cp_output|cp_outlines|outlines_cp|dP)")


@dataclass(frozen=True)
class Listing:
    """What walking a folder found.

    Parameters
    ----------
    folder : Path
        The folder.
    images : list of str
        Image files below it, in natural order, as paths relative to it with ``/``. Formats that
        are known but not read (CZI, HDF5, ...) are among them, so that they are reported. A
        folder that is one image is listed as one and not looked into.
    passed : dict of list of str
        Everything else by what it is.
    """

    folder: Path
    images: list[str]
    passed: dict[str, list[str]] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """Say what is passed over, with its number; nothing where nothing is."""
        return passed_over(self.folder, self.passed)

    @property
    def pickled(self) -> bool:
        """Whether there are Cellpose's pickles."""
        return _CELLPOSE in self.passed


def passed_over(folder: Path, passed: dict[str, list[str]]) -> tuple[str, ...]:
    """Say what is passed over in a folder.

    Examples
    --------
    >>> passed_over(Path("set"), {"file ending in .roi": ["a.roi", "b.roi"]})
    ('passed over in set: 2 files ending in .roi (a.roi, b.roi)',)
    """
    kinds = [_several(what, names) for what, names in passed.items()]
    return (f"passed over in {folder}: {', '.join(kinds)}",) if kinds else ()


def _several(what: str, names: Sequence[str]) -> str:
    end = "s" if len(names) > 1 else ""
    words = re.sub(r"\b(file|folder|link|image)\b", rf"\1{end}", what, count=1)
    number, _, shown = some(names).partition(" ")
    return f"{number} {words} {shown}"


def some(names: Sequence[str]) -> str:
    """Show how many names there are and the first of them.

    Examples
    --------
    >>> some(["b", "a10", "a2", "c"])
    '4 (a2, a10, b, ...)'
    """
    more = ", ..." if len(names) > _SHOWN else ""
    shown = ", ".join(sorted(names, key=natural_order)[:_SHOWN])
    return f"{len(names)} ({shown}{more})"


def walk(folder: str | Path, labels: bool = False) -> Listing:
    """List the images under a folder, and what is passed over; of labels outlines, too."""
    folder = Path(folder)
    found: list[str] = []
    passed: dict[str, list[str]] = defaultdict(list)

    def unreadable(error: OSError) -> None:
        passed["folder that cannot be read"].append(_below(folder, Path(str(error.filename))))

    for root, folders, names in os.walk(folder, onerror=unreadable):
        here = Path(root)
        whole = [f for f in folders if formats.is_image_folder(here / f)]
        for name in sorted(set(folders) - set(whole)):
            what = _folder_kind(here / name)
            if what:
                folders.remove(name)
            if what and what != _OURS:
                passed[what].append(_below(folder, here / name))
        folders[:] = sorted(f for f in folders if f not in whole)
        pictures = {formats.stem(n) for n in names if n.lower().endswith(formats.suffixes())}
        for name in [*whole, *names]:
            # beside a label image they are what it was made of
            drawn = labels and is_drawn(name) and formats.stem(name) not in pictures
            drawn = drawn and not name.startswith(".")
            what = "" if name in whole or drawn else _file_kind(here / name, names)
            if what != _OURS:
                (passed[what] if what else found).append(_below(folder, here / name))
    paths = [folder / name for name in sorted(found, key=natural_order)]
    of_xml = {data for path in paths if (data := formats.data_of(path)) is not None}
    described = [_below(folder, path) for path in paths if path in of_xml]
    if described:
        passed[_OF_XML] = described
    paths = [path for path in paths if path not in of_xml]
    images = [_below(folder, path) for path in formats.once(paths)]
    others = {_below(folder, path) for path in paths} - set(images)
    if others:
        passed[_OF_A_SET] = sorted(others, key=natural_order)
    return Listing(folder, images, dict(sorted(passed.items())))


def beside(folder: Path, taken: Iterable[Path]) -> tuple[str, ...]:
    """Say what lies in a folder beside the folders in it that are taken."""
    kept = {path.name for path in taken}
    passed: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        if path.name not in kept:
            what = "folder" if path.is_dir() else _file_kind(path, ()) or "image"
            what = "hidden file" if path.name.startswith(".") else what
            if not is_of_runs(path.name):
                passed[what].append(path.name)
    return passed_over(folder, passed)


def _below(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _folder_kind(path: Path) -> str:
    """Say why a folder is not walked into; nothing where it is."""
    if path.name.startswith("."):
        return _OURS if is_of_runs(path.name) else "hidden folder"
    if any((path / name).exists() for name in (AGREED, PREDICTED, UNFINISHED, "model.json")):
        return "folder of results or of a model"
    # links may lead in circles, and to what was listed already
    return "link to a folder" if path.is_symlink() else ""


def _file_kind(path: Path, siblings: Sequence[str]) -> str:
    """Say what a file is that is no image; nothing where it is one."""
    name = path.name.lower()
    if name.startswith("."):
        return _OURS if is_of_runs(path.name) else "hidden file"
    if name.endswith("_seg.npy") and is_pickled(path):
        return _CELLPOSE
    if _by_cellpose(path.stem, siblings):
        return "of Cellpose's flows and outlines"
    # .gz is an image only as .nii.gz; tables and texts are compressed too
    known = name.endswith(formats.suffixes()) or formats.is_foreign(name)
    known = known or formats.data_of(path) is not None
    if known and (not name.endswith(".gz") or name.endswith(".nii.gz")):
        return ""
    return f"file ending in {path.suffix}" if path.suffix else "file without an ending"


def _by_cellpose(stem: str, siblings: Sequence[str]) -> bool:
    """Whether a file is of flows or outlines, and Cellpose's masks lie beside it."""
    match = _OF_CELLPOSE.fullmatch(stem)
    masks = tuple(f"{match[1]}_{end}." for end in ("cp_masks", "masks", "seg")) if match else ()
    return match is not None and any(name.startswith(masks) for name in siblings)
