"""What the XML of BigDataViewer says: which views there are, what belongs together, where it is."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

from ..errors import InvalidError, invalid
from ..messages import said_by
from .cache import state_of
from .registrations import Matrix, numbers_in, one_place, registrations, scale_of, world_um
from .units import um_per

_AGAIN = "It may be cut off or damaged: copy or export it again."
_LARGEST = 200_000_000
FORMATS = {"bdv.hdf5": "hdf5", "bdv.n5": "n5"}
"""The formats that are read, and the elements that name their files."""
_MOST_FRAMES = 100_000


@dataclass(frozen=True)
class Setup:
    """What one camera or channel saw in one place.

    Parameters
    ----------
    number : int
        Its id.
    size : tuple of int
        z, y, x.
    voxel : tuple of float, optional
        The size of a voxel along z, y and x, in `unit`.
    unit : str
        As it is written.
    attributes : dict
        Ids by ``channel``, ``angle``, ``tile``, ``illumination`` and others.
    origin_um : tuple of float, optional
        Where its first voxel lies along z, y and x, if that is one place at all times.
    """

    number: int
    size: tuple[int, int, int]
    voxel: tuple[float, float, float] | None
    unit: str
    attributes: Mapping[str, str]
    origin_um: tuple[float, float, float] | None = None

    @property
    def voxel_um(self) -> tuple[float, float, float] | None:
        """The size of a voxel in micrometres; None where it is not known."""
        um = um_per(self.unit)
        if self.voxel is None or um is None:
            return None
        return self.voxel[0] * um, self.voxel[1] * um, self.voxel[2] * um


@dataclass(frozen=True)
class SpimData:
    """What the XML says.

    Parameters
    ----------
    kind : str
        One of `FORMATS`.
    data : Path
        The HDF5 file or the N5 folder.
    setups : tuple of Setup
        In the order of the file.
    frames : tuple of int
        Ids of time points.
    missing : set of (int, int)
        Time point and setup of those that were never taken.
    names : dict
        Names of channels, angles and others by attribute and id.
    unplaced : set of int
        Setups of which a transform cannot be read.
    """

    kind: str
    data: Path
    setups: tuple[Setup, ...]
    frames: tuple[int, ...]
    missing: frozenset[tuple[int, int]]
    names: Mapping[tuple[str, str], str]
    unplaced: frozenset[int] = frozenset()

    def views(self) -> Mapping[str, tuple[Setup, ...]]:
        """Return by name the setups that differ in their channel alone: these are one image."""
        found: dict[tuple[tuple[str, str], ...], list[Setup]] = {}
        for one in self.setups:
            apart = tuple(sorted((k, v) for k, v in one.attributes.items() if k != "channel"))
            found.setdefault(apart, []).append(one)
        # setups of one view and channel, or of several sizes, are images of their own
        split: list[tuple[tuple[tuple[str, str], ...], list[Setup]]] = []
        for apart, setups in found.items():
            channels = [one.attributes.get("channel") for one in setups]
            alike = len({(one.size, one.voxel, one.unit) for one in setups}) == 1
            together = alike and len(set(channels)) == len(channels)
            split += [(apart, setups)] if together else [(apart, [one]) for one in setups]
        names = self._named([apart for apart, _ in split])
        if len(set(names)) < len(names):
            names = [f"setup{setups[0].number}" for _, setups in split]
        return {name: tuple(setups) for name, (_, setups) in zip(names, split, strict=True)}

    def _named(self, views: Sequence[tuple[tuple[str, str], ...]]) -> list[str]:
        """Call views by what they differ in."""
        same = set(views[0]).intersection(*views[1:]) if views else set()
        return [
            "_".join(f"{key}{self.names.get((key, value), value)}" for key, value in view
                     if (key, value) not in same)
            for view in views
        ]  # fmt: skip

    def channel_name(self, setup: Setup) -> str | None:
        """Return the name of the channel of a setup, where it is more than its number."""
        value = setup.attributes.get("channel")
        name = self.names.get(("channel", value or ""))
        return None if name is None or name == value else name


def spim_data(path: Path) -> SpimData:
    """Read an XML file.

    Raises
    ------
    InvalidError
        It is damaged, of a format that is not read, or its data are not beside it.
    """
    return _spim_data(path, state_of(path))


@functools.lru_cache(maxsize=32)
def _spim_data(path: Path, state: object) -> SpimData:
    root = _root(path)
    sequence = root.find("SequenceDescription")
    loader = None if sequence is None else sequence.find("ImageLoader")
    if sequence is None or loader is None:
        raise _wrong(path, "a SequenceDescription with an ImageLoader", "none")
    kind = loader.get("format", "")
    if kind not in FORMATS:
        remedy = "Save it as HDF5 or N5 (Fiji: BigDataViewer, Export Current Image)."
        raise _wrong(path, "images in bdv.hdf5 or bdv.n5", kind or "no format", remedy)
    setups = tuple(_setup(path, one) for one in sequence.iterfind("ViewSetups/ViewSetup"))
    if not setups:
        raise _wrong(path, "a ViewSetup for each view", "none")
    gone = sequence.iterfind("MissingViews/MissingView")
    missing = {(_whole(path, one.get("timepoint")), _whole(path, one.get("setup"))) for one in gone}
    data, frames = _beside(path, root, loader.find(FORMATS[kind]), kind), _frames(path, sequence)
    known = registrations(root)
    broken = frozenset(number for (_, number), matrix in known.items() if matrix is None)

    def taken(setup: int) -> Iterator[Matrix | None]:
        # one by one: a short file may speak of as many setups as time points
        return (known.get((t, setup)) for t in frames if (t, setup) not in missing)

    placed = _placed(setups, taken)
    return SpimData(kind, data, placed, frames, frozenset(missing), _names(sequence), broken)


def _root(path: Path) -> ElementTree.Element:
    """Parse the file; one that defines entities, which may grow without end, is refused."""
    if path.stat().st_size > _LARGEST:
        raise _wrong(path, "an XML file", f"one of {path.stat().st_size / 1e6:.0f} MB")
    data = path.read_bytes()
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise _wrong(path, "XML without definitions of its own (DOCTYPE)", "some")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise _wrong(path, "whole XML", f"some that breaks off ({said_by(error)})") from None
    if root.tag != "SpimData":
        raise _wrong(path, "XML of BigDataViewer (SpimData)", f"<{root.tag}>")
    return root


def _setup(path: Path, node: ElementTree.Element) -> Setup:
    number = _whole(path, node.findtext("id"))
    size = numbers_in(node.findtext("size"), int)
    if len(size) != 3 or min(size) < 1:
        got = node.findtext("size") or "none"
        raise _wrong(path, f"a size along x, y and z of setup {number}", got)
    voxel = numbers_in(node.findtext("voxelSize/size"), float)
    known = len(voxel) == 3 and min(voxel) > 0
    attributes = node.find("attributes")
    ids = {} if attributes is None else {one.tag: (one.text or "").strip() for one in attributes}
    return Setup(
        number, (size[2], size[1], size[0]), (voxel[2], voxel[1], voxel[0]) if known else None,
        (node.findtext("voxelSize/unit") or "").strip(), ids,
    )  # fmt: skip


def _placed(
    setups: Sequence[Setup], taken: Callable[[int], Iterator[Matrix | None]]
) -> tuple[Setup, ...]:
    """Return setups with their place, and with the size of voxels where only the world tells it."""
    scales = {one.number: scale_of(taken(one.number), one.size) for one in setups}
    um = world_um(scales, {one.number: one.voxel_um for one in setups})
    return tuple(_at(one, taken(one.number), scales[one.number], um) for one in setups)


def _at(
    setup: Setup, matrices: Iterator[Matrix | None], scale: Sequence[float] | None, um: float | None
) -> Setup:
    if um is None or scale is None:
        return setup
    if setup.voxel is None:
        setup = replace(setup, voxel=(scale[0] * um, scale[1] * um, scale[2] * um), unit="um")
    places = [None if one is None else tuple(one[:, 3] * um) for one in matrices]
    return replace(setup, origin_um=one_place(places, setup.voxel_um))


def _whole(path: Path, text: str | None) -> int:
    number = (text or "").strip()
    if not number.isdecimal():
        raise _wrong(path, "numbers of setups and time points", number or "none")
    return int(number)


def _frames(path: Path, sequence: ElementTree.Element) -> tuple[int, ...]:
    """Return the ids of time points: a range, a list, or a pattern such as ``0-10:2, 20``."""
    node = sequence.find("Timepoints")
    if node is None:
        return (0,)
    if node.get("type") == "range":
        ends = [_whole(path, node.findtext(name)) for name in ("first", "last")]
        spans = [(ends[0], ends[1], 1)]
    elif node.get("type") == "list":
        numbers = [_whole(path, one.findtext("id") or one.text) for one in node]
        spans = [(number, number, 1) for number in numbers]
    else:
        spans = [_span(path, one) for one in (node.findtext("integerpattern") or "0").split(",")]
    odd = any(step < 1 or last < first for first, last, step in spans)
    if odd or sum(last - first + 1 for first, last, _ in spans) > _MOST_FRAMES:
        expected = f"at most {_MOST_FRAMES} time points, from the first to the last"
        raise _wrong(path, expected, "others")
    return tuple(k for first, last, step in spans for k in range(first, last + 1, step))


def _span(path: Path, text: str) -> tuple[int, int, int]:
    match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*(?::\s*(\d+)\s*)?)?", text)
    if match is None:
        raise _wrong(path, "time points such as 0-10:2", text.strip() or "none")
    return int(match[1]), int(match[2] or match[1]), int(match[3] or 1)


def _names(sequence: ElementTree.Element) -> dict[tuple[str, str], str]:
    """Return what channels, angles, tiles are called."""
    found = {}
    for group in sequence.iterfind("ViewSetups/Attributes"):
        for one in group:
            name, number = one.findtext("name"), one.findtext("id")
            if name and name.strip() and number:
                found[group.get("name", ""), number.strip()] = name.strip()
    return found


def _beside(
    path: Path, root: ElementTree.Element, node: ElementTree.Element | None, kind: str
) -> Path:
    """Return the file or folder of the data; only what lies beside the XML or below is read."""
    text = ((node.text if node is not None else "") or "").strip()
    base = (root.findtext("BasePath") or ".").strip() or "."
    parts = [p for p in re.split(r"[/\\]", f"{base}/{text}") if p not in ("", ".")]
    name = parts[-1] if text else ""
    odd = ".." in parts or re.match(r"[/\\]|[A-Za-z]:", text) or re.match(r"[/\\]|[A-Za-z]:", base)
    inside = path.parent / name if odd else path.parent.joinpath(*parts)
    there = inside.is_dir() if kind == "bdv.n5" else inside.is_file()
    if not name or name == ".." or not there:
        what = "folder" if kind == "bdv.n5" else "file"
        remedy = f"Put the {what} that belongs to it into the same folder."
        raise _wrong(path, f"its {what} of data beside it", f"none called {name or '?'}", remedy)
    return inside


def _wrong(path: Path, expected: str, received: str, remedy: str = _AGAIN) -> InvalidError:
    return invalid(str(path), expected=expected, received=received, remedy=remedy)
