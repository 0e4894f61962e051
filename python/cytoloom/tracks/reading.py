"""Read tracks: of any program, whose file is known by its content and its ending."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..components.arguments import checked
from ..datasets.given import is_file
from ..datasets.pairing import natural_order
from ..errors import GuessWarning, InvalidError, disk_told, invalid
from ..images.image import per_axis
from ..messages import Setting, said_by, say
from ..storage.results import RUNS, read_run
from ..storage.tables import read_table
from ..version import __version__
from . import aut, ctc, geff, table, trackmate
from .found import LINKS, POSITIONS, TRACKS, WARNINGS, Tracks, axes_of
from .held import CELL, Held, damaged, refuse_places, settled
from .tracklets import WARNED

_WHAT = (
    "tracks: GEFF, CTC (man_track.txt or res_track.txt with masks), TrackMate's XML, "
    "OrganoidTracker's .aut, .json or .autlist, a CSV, or a folder that was written"
)
_OF_CTC = ("_GT", "_RES")


@checked
def read_tracks(
    path: Any,
    *,
    spacing_um: float | tuple[float, ...] | None = None,
    minutes_per_frame: float | None = None,
) -> Tracks:
    """Read the tracks that any program wrote.

    Parameters
    ----------
    path : path, DataFrame or dict
        A file or folder; its content decides, then its ending. GEFF; the Cell Tracking Challenge
        (``man_track.txt`` or ``res_track.txt`` with masks beside it, or their folder); TrackMate's
        XML; OrganoidTracker's ``.aut``, ``.json`` and ``.autlist``; a table (columns track, frame,
        [z,] y, x, parent; or id and parent_id), also ``nodes.csv`` with ``edges.csv`` beside it;
        what `track` wrote; a folder of several of these, a recording each.
    spacing_um : float or tuple of float, optional
        Micrometres per pixel, one or one for each axis; default as the file says.
    minutes_per_frame : float, optional
        Time between frames; default as the file says.

    Returns
    -------
    Tracks
        Positions in pixels, the middle of the first is 0. What the file keeps of them besides is in
        further columns. Tracks are numbered anew, from division to division.

    Warns
    -----
    UserWarning
        Cells with two mothers, of which the nearer is kept; what had to be guessed or is not read.

    Raises
    ------
    InvalidError
        Missing, damaged, without positions, or in a format that is not read.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"track": [1, 1, 2, 3], "parent": [0, 0, 1, 1],
    ...                       "frame": [0, 1, 2, 2], "y": [5.0, 5, 3, 7], "x": [5.0, 5, 5, 5]})
    >>> read_tracks(table).tracks[["track", "parent", "frame_begin", "frame_end", "end"]]
       track  parent  frame_begin  frame_end      end
    0      1       0            0          1  divided
    1      2       1            2          2    movie
    2      3       1            2          2    movie
    """
    with disk_told():
        tracks, notes = tracks_of(path, spacing_um, minutes_per_frame)
    for text in notes:
        warnings.warn(GuessWarning(text), stacklevel=3)
    return tracks


def tracks_of(
    given: Any, spacing_um: Any = None, minutes_per_frame: float | None = None,
    argument: str = "path",
) -> tuple[Tracks, list[str]]:  # fmt: skip
    """Return tracks of whatever holds some, and sentences on what was guessed."""
    if isinstance(given, Tracks):
        return given, []
    if minutes_per_frame is not None and not (
        np.isfinite(minutes_per_frame) and minutes_per_frame > 0
    ):
        raise invalid("minutes_per_frame", expected="a number above 0", received=minutes_per_frame)
    if hasattr(given, "columns") or isinstance(given, Mapping):
        held = {"movie": table.of_table(pd.DataFrame(given), argument)}
        return _whole(held, argument, spacing_um, minutes_per_frame, {})
    if not is_file(given):
        raise invalid(argument, expected=_WHAT, received=given)
    path = Path(given).expanduser()
    if not os.path.lexists(path):
        raise invalid(argument, expected="a file or folder that is there", received=str(path))
    if not path.is_dir() and not path.is_file():
        raise invalid(argument, expected="a file or folder", received=f"{path}, which is neither")
    if path.is_dir() and (path / TRACKS).is_file() and (path / POSITIONS).is_file():
        try:
            return _written(path, spacing_um, minutes_per_frame), []
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InvalidError):
                raise
            raise damaged(path.name, "the tables of tracks as written", said_by(error)) from None
    run = {"verb": "read_tracks", "version": __version__, "settings": {"path": str(path)}}
    return _whole(dict(_recordings(path)), path.name, spacing_um, minutes_per_frame, run)


def _recordings(path: Path) -> Iterator[tuple[str, Held]]:
    """Yield the recordings of a file or folder by name."""
    if path.is_dir():
        if geff.is_geff(path) or path.suffix.lower() == geff.ENDING:
            yield path.stem, geff.read(path)
        elif (lines := ctc.lines_in(path)) is not None:
            yield path.name, ctc.read(lines)
        elif (path / "nodes.csv").is_file():
            yield path.name, table.read(path / "nodes.csv")
        elif any(path.glob(f"*{aut.LIST}")):
            for listed in sorted(path.glob(f"*{aut.LIST}")):
                yield from aut.listed(listed, of_file)
        else:
            yield from _several(path)
    elif _start(path)[:1] == b"[":
        yield from aut.listed(path, of_file)
    else:
        yield path.stem if path.name not in ctc.LINES else path.parent.name, of_file(path)


def _several(folder: Path) -> Iterator[tuple[str, Held]]:
    endings = (aut.ENDING, trackmate.ENDING, geff.ENDING)
    inside = sorted(folder.iterdir(), key=lambda one: natural_order(one.name))
    files = [one for one in inside if one.suffix.lower() in endings]
    folders = [one for one in inside if one.is_dir() and one.name.endswith(_OF_CTC)]
    of_ctc = {one.name.removesuffix("_GT").removesuffix("_RES"): one for one in folders}
    if len(of_ctc) < len(folders):
        names = ", ".join(one.name for one in folders)
        raise damaged(folder.name, "truth or results of each sequence", names,
                      "Pass the folder of one.")  # fmt: skip
    found = {**{one.stem: one for one in files}, **of_ctc}
    if not found or (files and folders):
        inside_of = ", ".join(one.name for one in inside[:5]) or "nothing"
        raise damaged(folder.name, _WHAT, f"a folder with {inside_of}")
    for name, one in found.items():
        for _, held in _recordings(one):
            yield name, held


def of_file(path: Path) -> Held:
    """Read a file of one recording."""
    start = _start(path)
    if start[:1] == b"<" or path.suffix.lower() == trackmate.ENDING:
        return trackmate.read(path)
    if start[:1] == b"{" or path.suffix.lower() in (aut.ENDING, ".json"):
        return aut.read(path)
    if path.name in ctc.LINES or (path.suffix.lower() == ".txt" and _is_lines(start)):
        return ctc.read(path)
    if start[:1] in (b"", b"\x89", b"\xff", b"\0") or (b"\0" in start[:64] and start[1:2] != b"\0"):
        raise damaged(path.name, _WHAT, "another file" if start else "an empty file")
    return table.read(path)


def _start(path: Path) -> bytes:
    with open(path, "rb") as stream:
        return stream.read(512).removeprefix(b"\xef\xbb\xbf").lstrip()


def _is_lines(start: bytes) -> bool:
    words = start.splitlines()[0].split() if start else []
    return len(words) == 4 and all(word.lstrip(b"-").isdigit() for word in words)


def _written(folder: Path, spacing_um: Any, minutes_per_frame: float | None) -> Tracks:
    """Read what `Tracks.write_to` wrote."""
    text = ("recording", "kind", "words", "end", "name")
    found = {}
    for name in (POSITIONS, LINKS, TRACKS):
        if not (folder / name).is_file():
            raise damaged(folder.name, f"the tables of tracks, {name} among them", "none")
        found[name] = read_table(folder / name, text=text)
    run = read_run(folder / RUNS["track"])
    at = found[POSITIONS]
    if "track" not in at or "frame" not in at:
        raise damaged(POSITIONS, "columns track and frame", ", ".join(map(str, at)))
    spacing = run.get("spacing_um") if spacing_um is None else spacing_um
    spacing = _spacing(spacing, at)
    minutes = run.get("minutes_per_frame") if minutes_per_frame is None else minutes_per_frame
    kept = at["track"].notna().to_numpy()
    more = {}
    if (folder / WARNINGS).is_file():
        table_ = read_table(folder / WARNINGS, text=text)
        more["warnings"] = table_ if len(table_.columns) else pd.DataFrame(columns=list(WARNED))
    tracks = Tracks.of(at, found[LINKS], kept=kept, spacing_um=spacing, minutes_per_frame=minutes,
                       run=run, **more)  # fmt: skip
    if len(tracks.tracks) != len(found[TRACKS]):
        received = f"{len(found[TRACKS])} rows in {TRACKS}, {len(tracks.tracks)} tracks in {LINKS}"
        raise damaged(folder.name, "tables that belong together", received)
    return tracks


def _whole(
    held: Mapping[str, Held],
    where: str,
    spacing_um: Any,
    minutes_per_frame: float | None,
    run: Mapping[str, Any],
) -> tuple[Tracks, list[str]]:
    """Put recordings together, each cell with one mother."""
    if not held:
        raise damaged(where, _WHAT, "none")
    notes, parts = [], []
    if len({axes_of(one.positions) for one in held.values()}) > 1:
        raise damaged(where, "recordings of 2-D or of 3-D images", "both")
    sizes = {one.spacing_um for one in held.values()}
    times = {one.minutes_per_frame for one in held.values()}
    for what, several, given, name in (
        ("sizes of pixels", sizes, spacing_um, "spacing_um"),
        ("times between frames", times, minutes_per_frame, "minutes_per_frame"),
    ):
        if len(several) > 1 and given is None:
            notes.append(say("{}: recordings have different {}, so none is taken; say so: {}",
                             where, what, Setting(name, 1.0)))  # fmt: skip
    first = next(iter(held.values())).positions
    spacing = _spacing(spacing_um, first)
    if spacing is None and len(sizes) == 1:
        spacing = sizes.pop()
    minutes = minutes_per_frame
    if minutes is None and len(times) == 1:
        minutes = times.pop()
    for name, one in held.items():
        # a name that a file gives itself may be that of others
        called = str(one.run.get("name", name)) if len(held) == 1 else name
        one, guessed = _in_pixels(one, spacing_um is not None, spacing)
        at, links, warned, words = _part(called, one, spacing, where)
        parts.append((at, links, warned))
        start = f"{where}: {name}: " if len(held) > 1 else f"{where}: "
        notes += [f"{start}{text}" for text in (*guessed, *one.notes, *words)]
    at, links, warned = (pd.concat([p[k] for p in parts], ignore_index=True) for k in range(3))
    order = at.sort_values(["recording", "frame", "object"], kind="stable")
    kept = np.ones(len(at), bool)
    if CELL in order:
        kept = order.pop(CELL).fillna(True).to_numpy(bool)
    more = dict(next(iter(held.values())).run) if len(held) == 1 else {}
    try:
        tracks = Tracks.of(order, links, kept=kept, spacing_um=spacing, minutes_per_frame=minutes,
                           warnings=warned, run={**run, **more})  # fmt: skip
    except InvalidError as error:
        raise error.renamed(where) from None
    return tracks, notes


def _in_pixels(
    held: Held, given: bool, spacing: tuple[float, ...] | None
) -> tuple[Held, tuple[str, ...]]:
    """Turn positions that are micrometres into pixels, or say that these are assumed."""
    if not held.assumed:
        return held, ()
    if not given or spacing is None or held.spacing_um is None:
        return held, (
            "positions are in micrometres, and how large a pixel is it does not say: pixels of 1 "
            "micrometre are assumed",
        )
    at = held.positions.copy()
    for axis, um, own in zip(axes_of(at), held.spacing_um, spacing, strict=True):
        at[f"{axis}_px"] = at[f"{axis}_px"] * (um / own)
    return replace(held, positions=at), ()


def _part(
    name: str, held: Held, spacing: tuple[float, ...] | None, where: str
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, list[str]]:
    at, links = held.positions, held.links
    if not len(at):
        raise damaged(where, "positions", "none")
    if "recording" not in at:
        at = at.assign(recording=name)
    at = at.assign(recording=at["recording"].astype(str))
    if "recording" not in links:
        links = links.assign(recording=at["recording"].iloc[0])
    refuse_places(where, at)
    links, warned, words = settled(where, at, links, spacing)
    return at, links, warned, words


def _spacing(spacing_um: Any, at: pd.DataFrame) -> tuple[float, ...] | None:
    try:
        return per_axis(spacing_um, "".join(axes_of(at)))
    except InvalidError as error:
        raise error.renamed("spacing_um") from None
