"""What is odd about movies with tracks: what the verb `check_tracks` composes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from ..datasets.listing import some
from ..datasets.report import Report
from ..errors import InvalidError
from ..events import Event, Work
from ..images.channels import Channels
from ..messages import Argument, counted, say
from .annotated import movies_of, put_together, turned
from .found import Tracks
from .frames import Frames
from .matching import usual_distance
from .taught import ENOUGH
from .warned import KINDS, OF_FILES

COLUMNS = ("recording", "frames", "size", "pixel_size_um", "minutes", "positions", "links",
           "divisions", "outside", "status")  # fmt: skip
TWICE = 0.1
"""Positions nearer than this part of the usual distance of neighbours are one."""
TOLD = ("three daughters", "missed frame", *OF_FILES)
"""Warnings of tracks that are of their annotation."""


def examine(
    data: Any, channels: Channels = None, spacing_um: Any = None, region: Any = None
) -> Work[Report]:
    """Find what is odd about movies and their tracks, recording by recording."""
    problems: list[str] = []
    warnings: list[str] = []
    notes: list[str] = []
    rows: list[dict[str, Any]] = []
    total = dict.fromkeys(ENOUGH, 0)
    for name, given, read in movies_of(data, channels, spacing_um):
        yield Event("progress", f"looking at {name or 'movie'}", len(rows), len(rows) + 1)
        try:
            recordings, words = read()
        except InvalidError as error:
            problems.append(str(error))
            rows.append({"recording": name or str(given), "status": "unread"})
            continue
        notes += words
        for frames, tracks, recording in recordings:
            row, bad, odd = _recording(frames, tracks, recording, region)
            problems += bad
            warnings += odd
            rows.append(row)
            total = {key: total[key] + row.get(key, 0) for key in total}
    few = [f"{total[key]} {key} (of {least} or more)" for key, least in ENOUGH.items()
           if total[key] < least]  # fmt: skip
    if few:
        warnings.append(f"little to learn from: {', '.join(few)}")
    return Report(tuple(problems), tuple(warnings), tuple(notes), tuple(rows), columns=COLUMNS,
                  each="recording")  # fmt: skip


def _recording(
    frames: Frames, tracks: Tracks, recording: str, region: Any
) -> tuple[dict[str, Any], list[str], list[str]]:
    """Return a row of the table, problems and warnings."""
    own = tracks.positions[tracks.positions["recording"] == recording]
    where = frames.name
    problems, warnings = list(_beyond(frames, own)), []
    spacing = frames.spacing_um
    if spacing is None:
        warnings.append(say("{}: the size of pixels is not known; give {}", where,
                            Argument("pixel_size_um")))  # fmt: skip
    if tracks.minutes_per_frame is None:
        warnings.append(f"{where}: the time between frames is not known: nothing will be said of "
                        "speed and of cell cycles")  # fmt: skip
    warnings += _twice(frames, own)
    told = tracks.warned().warnings
    told = pd.concat([told, tracks.warnings]).drop_duplicates(["recording", "frame", "object",
                                                               "kind"])  # fmt: skip
    for kind, rows in told[told["recording"] == recording].groupby("kind", sort=False):
        if kind in TOLD:
            at = some([f"frame {f}, object {o}" for f, o in zip(rows["frame"], rows["object"],
                                                                strict=True)])  # fmt: skip
            warnings.append(f"{where}: {KINDS.get(str(kind), kind)} at {at}")
    row: dict[str, Any] = {
        "recording": where, "frames": frames.count, "size": " x ".join(map(str, frames.shape)),
        "pixel_size_um": None if spacing is None else " x ".join(f"{s:g}" for s in spacing),
        "minutes": tracks.minutes_per_frame, "outside": 0,
    }  # fmt: skip
    if problems:
        return {**row, "positions": len(own), "status": "problem"}, problems, warnings
    try:
        one, words = put_together(frames, recording, tracks, region, "data")
    except InvalidError as error:
        return {**row, "positions": len(own), "status": "problem"}, [str(error)], warnings
    row |= {"positions": len(one.positions), "links": len(one.source),
            "divisions": int(one.dividing.sum()), "outside": one.cut,
            "status": "odd" if warnings else "good"}  # fmt: skip
    return row, problems, [*warnings, *(f"{where}: {text}" for text in words)]


def _beyond(frames: Frames, own: pd.DataFrame) -> Iterator[str]:
    """Say which positions lie outside of the image, axis by axis."""
    axes = [axis for axis in frames.axes if f"{axis}_px" in own]
    late = own[own["frame"] >= frames.count]
    if len(late):
        yield (f"{frames.name}: {counted(len(late), 'position')} in frames after the last, "
               f"{frames.count - 1}, the first in frame {late['frame'].min()}")  # fmt: skip
    found = False
    for axis in axes:
        size = frames.shape[frames.axes.index(axis)]
        values = own[f"{axis}_px"]
        out = own[(values < -0.5) | (values > size - 0.5)]
        if len(out):
            found = True
            first = out.iloc[0]
            yield (
                f"{frames.name}: {counted(len(out), 'position')} outside of the image along "
                f"{axis}, 0 to {size - 1} px, the first in frame {first['frame']}, object "
                f"{first['object']}, at {first[f'{axis}_px']:.4g}"
            )
    if found and len(axes) == len(frames.axes):
        fits = turned(frames, own[[f"{axis}_px" for axis in axes]].to_numpy(float))
        if fits:
            yield f"{frames.name}: {fits}"


def _twice(frames: Frames, own: pd.DataFrame) -> Iterator[str]:
    """Say which cells were marked twice."""
    spacing = np.asarray(frames.spacing_um or (1.0,) * len(frames.axes))
    axes = [f"{axis}_px" for axis in frames.axes if f"{axis}_px" in own]
    if len(axes) != len(frames.axes):
        return
    places = own[axes].to_numpy(float) * spacing
    frame = own["frame"].to_numpy()
    near = TWICE * 2 * usual_distance(frame, places)
    if not np.isfinite(near):
        return
    pairs = []
    for k in np.unique(frame):
        here = np.flatnonzero(frame == k)
        for a, b in sorted(cKDTree(places[here]).query_pairs(near)):
            one, other = own["object"].to_numpy()[here[[a, b]]]
            pairs.append(f"frame {k}, objects {one} and {other}")
    if pairs:
        yield f"{frames.name}: positions that are perhaps one cell marked twice: {some(pairs)}"
