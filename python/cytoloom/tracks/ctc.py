"""The Cell Tracking Challenge: a line for each track, and masks of which each has its number."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import invalid
from ..images import tiff
from ..images.files import probe, read_labels_as
from ..images.units import storable
from ..messages import counted
from ..segmentation.balls import balls
from .found import Tracks
from .held import CELL, Held, damaged, links_of
from .movies import labels_in, walk_here
from .pieces import Pieces, radius_of, sizes_of

LINES = ("res_track.txt", "man_track.txt")
_MASK = re.compile(r"(\d+)\.tiff?$", re.IGNORECASE)
_LINE = "lines of four whole numbers: track, first frame, last frame, parent"
_MOST = 65535
"""Tracks that masks of 16 bit tell apart, which is what programs of the challenge read."""
_MOST_FRAMES = 100_000


def lines_in(folder: Path) -> Path | None:
    """Return the file of tracks of a folder of masks, where it is one."""
    for place in (folder, folder / "TRA"):
        for name in LINES:
            if (place / name).is_file() and masks_in(place):
                return place / name
    return None


def masks_in(folder: Path) -> dict[int, Path]:
    """Return the masks of a folder by the number of their frame, however many digits it has."""
    found = {}
    for path in sorted(folder.iterdir()):
        named = _MASK.search(path.name)
        if named:
            found[int(named[1])] = path
    return found


def read(path: Path) -> Held:
    """Read the lines of a file, and where their masks are, which lie beside it.

    Positions are the centroids of masks, and an object is its label. A parent with one daughter
    goes on as one track.

    Raises
    ------
    InvalidError
        Lines that are none, masks that are missing, tracks without a mask.
    """
    lines = _lines(path)
    masks = masks_in(path.parent)
    if not masks:
        remedy = "Masks lie beside it: man_track000.tif or mask000.tif and so on."
        raise damaged(path.name, "masks for its tracks", f"none in {path.parent}", remedy)
    low, high = int(lines[:, 1].min()), int(lines[:, 2].max())
    lost = high - low + 1 - sum(low <= frame <= high for frame in masks)
    if lost:
        first = next(frame for frame in itertools.count(low) if frame not in masks)
        received = f"none for frame {first}" + (f" and {lost - 1} more" if lost > 1 else "")
        raise damaged(path.name, "a mask for each frame of its tracks", received)
    table = pd.concat([_centroids(masks[t]).assign(frame=t) for t in sorted(masks)],
                      ignore_index=True)  # fmt: skip
    table = table[["frame", "object", *(c for c in table if c not in ("frame", "object"))]]
    return _linked(path, lines, table, probe(next(iter(masks.values()))).pixel_size_um)


def _lines(path: Path) -> np.ndarray:
    found = []
    try:
        text = path.read_text("utf-8-sig")
    except ValueError:
        raise damaged(path.name, _LINE, "what is no text") from None
    for number, line in enumerate(text.splitlines(), 1):
        words = line.replace(",", " ").split()
        if not words:
            continue
        if len(words) != 4 or not all(word.lstrip("-").isdecimal() for word in words):
            raise damaged(path.name, _LINE, f"{line[:60]!r} in line {number}")
        found.append([int(word) for word in words])
    if not found:
        raise damaged(path.name, _LINE, "none")
    lines = np.array(found, np.int64)
    known = {int(label): k for k, label in enumerate(lines[:, 0])}
    for label, begin, end, parent in lines.tolist():
        if label < 1 or begin < 0 or end < begin:
            raise damaged(path.name, _LINE, f"track {label} from frame {begin} to {end}")
        if parent and parent not in known:
            raise damaged(path.name, "parents that have a line", f"parent {parent} of {label}")
        if parent and lines[known[parent], 2] >= begin:
            received = f"parent {parent} of {label}, which ends in frame {lines[known[parent], 2]}"
            raise damaged(path.name, "parents that end before their daughters begin", received)
    if len(known) < len(lines):
        label = pd.Series(lines[:, 0])
        raise damaged(path.name, "each track once", f"{label[label.duplicated()].iloc[0]} twice")
    return lines


def _centroids(path: Path) -> pd.DataFrame:
    labels, _ = read_labels_as(path)
    if labels.ndim not in (2, 3):
        raise damaged(path.name, "a mask (y, x) or (z, y, x)", f"one of {labels.ndim} axes")
    flat = np.flatnonzero(labels)
    found, at, counts = np.unique(labels.ravel()[flat], return_inverse=True, return_counts=True)
    places = np.unravel_index(flat, labels.shape)
    made = {"object": found.astype(np.int64)}
    for axis, along in zip("zyx"[-labels.ndim :], places, strict=True):
        made[f"{axis}_px"] = np.bincount(at, along, len(found)) / np.maximum(counts, 1)
    return pd.DataFrame({**made, "area_px": counts})


def _linked(
    path: Path, lines: np.ndarray, table: pd.DataFrame, spacing: tuple[float, ...] | None
) -> Held:
    frames = {int(n): own.to_numpy() for n, own in table.groupby("object")["frame"]}
    links, cell, last, first = [], np.zeros(len(table), bool), {}, {}
    number, frame = table["object"].to_numpy(), table["frame"].to_numpy()
    begin, end = (dict(zip(lines[:, 0], lines[:, k], strict=True)) for k in (1, 2))
    for label in lines[:, 0].tolist():
        own = frames.get(label, np.zeros(0, int))
        own = own[(own >= begin[label]) & (own <= end[label])]
        if not len(own):
            received = f"none of track {label}, frames {begin[label]} to {end[label]}"
            raise damaged(path.name, "masks of each track", received)
        first[label], last[label] = int(own[0]), int(own[-1])
        links += [(a, label, b, label) for a, b in itertools.pairwise(own)]
    for label, parent in lines[:, [0, 3]].tolist():
        if parent:
            links.append((last[parent], parent, first[label], label))
    known = np.isin(number, lines[:, 0])
    low = pd.Series(number).map(begin).to_numpy(float)
    cell = known & (frame >= low) & (frame <= pd.Series(number).map(end).to_numpy(float))
    notes = _notes(lines, int((~cell).sum()))
    return Held(table.assign(**{CELL: cell}), links_of(links), spacing, None, notes)


def _notes(lines: np.ndarray, loose: int) -> tuple[str, ...]:
    parents = lines[lines[:, 3] > 0, 3]
    alone = int((np.unique(parents, return_counts=True)[1] == 1).sum())
    notes = []
    if alone:
        one = alone == 1
        notes.append(f"{counted(alone, 'track')} {'has' if one else 'have'} one daughter only and "
                     f"{'goes' if one else 'go'} on as {'it' if one else 'these'}")  # fmt: skip
    if loose:
        notes.append(f"{counted(loose, 'mask')} outside the lines of any track: taken for no cell")
    return tuple(notes)


def write(tracks: Tracks, folder: Path, labels: Any = None) -> list[str]:
    """Write masks and res_track.txt of one recording into a folder that is there."""
    pieces = Pieces.of(tracks)
    notes = []
    if len(pieces.table) > _MOST:
        notes.append(f"more than {_MOST} tracks: masks are of 32 bit, which few programs read")
    last = int(tracks.positions["frame"].max())
    if last >= _MOST_FRAMES:
        raise invalid("tracks", expected=f"frames below {_MOST_FRAMES}, each of which gets a mask",
                      received=last)  # fmt: skip
    dtype = np.uint16 if len(pieces.table) <= _MOST else np.uint32
    if labels is None:
        masks, said = _balls(tracks, pieces, dtype)
        notes.append(said)
    else:
        masks = _relabelled(tracks, pieces, labels, dtype)
    digits = 3
    spacing = tracks.spacing_um
    spacing = spacing if spacing is not None and storable(spacing) else None
    written = -1
    for frame, mask in masks:
        digits = max(digits, len(str(last)))
        tiff.write(folder / f"mask{frame:0{digits}d}.tif", mask, spacing, overwrite=False)
        written = frame
    if written < last:
        raise invalid("labels", expected=f"label images of all frames, to {last}",
                      received=f"frames to {written}")  # fmt: skip
    rows = pieces.table[["piece", "frame_begin", "frame_end", "parent"]].to_numpy()
    (folder / LINES[0]).write_text("".join(f"{a} {b} {c} {d}\n" for a, b, c, d in rows.tolist()))
    return notes


def _relabelled(
    tracks: Tracks, pieces: Pieces, labels: Any, dtype: Any
) -> Iterator[tuple[int, np.ndarray]]:
    by_frame = {int(t): own for t, own in pieces.rows.groupby("frame")}
    numbers = _numbers_of(labels, set(by_frame))
    for k, image in enumerate(labels_in(labels)):
        frame = k if numbers is None else numbers[k]
        own = by_frame.get(frame)
        mask = np.zeros(image.shape, dtype)
        if own is not None:
            present, at = np.unique(image, return_inverse=True)
            objects = own["object"].to_numpy()
            lost = objects[~np.isin(objects, present)]
            if len(lost):
                raise invalid("labels", expected="the label images that the objects are of",
                              received=f"frame {frame} without object {lost[0]}")  # fmt: skip
            table = np.zeros(len(present), dtype)
            table[np.searchsorted(present, objects)] = own["piece"].to_numpy()
            mask = table[at].reshape(image.shape)
        yield frame, mask


def _numbers_of(labels: Any, frames: set[int]) -> list[int] | None:
    """Return the frames of files, where these are numbered otherwise than from 0."""
    try:
        files = walk_here(Path(labels).expanduser())
    except TypeError:
        return None
    named = [_MASK.search(path.name) for path in files]
    if not files or not all(named) or frames <= set(range(len(files))):
        return None
    return [int(one[1]) for one in named if one]


def _balls(
    tracks: Tracks, pieces: Pieces, dtype: Any
) -> tuple[Iterator[tuple[int, np.ndarray]], str]:
    spacing = tracks.spacing_um or (1.0,) * len(tracks.axes)
    radius = radius_of(tracks)
    shape = sizes_of(tracks.positions, radius / min(spacing))
    unit = "px" if tracks.spacing_um is None else "um"
    size = " x ".join(map(str, shape))
    names = [f"{axis}_px" for axis in tracks.axes]
    by_frame = {int(t): own for t, own in pieces.rows.groupby("frame")}

    def masks() -> Iterator[tuple[int, np.ndarray]]:
        for frame in range(int(tracks.positions["frame"].max()) + 1):
            own = by_frame.get(frame)
            if own is None:
                yield frame, np.zeros(shape, dtype)
                continue
            places, numbers = own[names].to_numpy(float), own["piece"].to_numpy()
            yield frame, balls(shape, places, numbers, radius, spacing).astype(dtype)

    said = f"without labels masks are balls of {radius:.3g} {unit} in images of {size}"
    return masks(), said
