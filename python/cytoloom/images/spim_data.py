"""What the XML of BigDataViewer says: which views there are, what belongs together, where it is."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ..errors import InvalidError, invalid
from ..messages import said_by
from .cache import state_of

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
    """

    number: int
    size: tuple[int, int, int]
    voxel: tuple[float, float, float] | None
    unit: str
    attributes: Mapping[str, str]


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
    """

    kind: str
    data: Path
    setups: tuple[Setup, ...]
    frames: tuple[int, ...]
    missing: frozenset[tuple[int, int]]
    names: Mapping[tuple[str, str], str]

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
    data = _beside(path, root, loader.find(FORMATS[kind]), kind)
    return SpimData(
        kind, data, setups, _frames(path, sequence), frozenset(missing), _names(sequence)
    )


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
    size = _numbers(node.findtext("size"), int)
    if len(size) != 3 or min(size) < 1:
        got = node.findtext("size") or "none"
        raise _wrong(path, f"a size along x, y and z of setup {number}", got)
    voxel = _numbers(node.findtext("voxelSize/size"), float)
    known = len(voxel) == 3 and min(voxel) > 0
    attributes = node.find("attributes")
    ids = {} if attributes is None else {one.tag: (one.text or "").strip() for one in attributes}
    return Setup(
        number, (size[2], size[1], size[0]), (voxel[2], voxel[1], voxel[0]) if known else None,
        (node.findtext("voxelSize/unit") or "").strip(), ids,
    )  # fmt: skip


def _numbers(text: str | None, kind: Any) -> list[Any]:
    """Return the numbers in a text; nothing where it is none.

    Examples
    --------
    >>> _numbers("512 512 30", int), _numbers("0.5, nan, x", float), _numbers(None, int)
    ([512, 512, 30], [], [])
    """
    try:
        found = [kind(one) for one in re.split(r"[\s,]+", (text or "").strip()) if one]
    except ValueError:
        return []
    return found if all(abs(one) < 1e18 for one in found) else []


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
