"""Tracks as formats take them: chosen links, pieces without gaps, numbers of all positions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from .found import Tracks, axes_of
from .graph import Ints
from .points import Points

LARGEST_UM, LARGEST_PX = 3.5, 5.0
"""Radius of balls that are drawn for positions: half of what OrganoidTracker draws, 7 um."""
_MINUTES = {
    "s": 1 / 60,
    "sec": 1 / 60,
    "second": 1 / 60,
    "ms": 1 / 60000,
    "millisecond": 1 / 60000,
    "min": 1.0,
    "minute": 1.0,
    "h": 60.0,
    "hr": 60.0,
    "hour": 60.0,
    "day": 1440.0,
}


def minutes_in(unit: Any) -> float | None:
    """Return how many minutes a unit of time is; None where it is none.

    Examples
    --------
    >>> minutes_in("sec") * 60, minutes_in("Hours"), minutes_in("frame")
    (1.0, 60.0, None)
    """
    name = str(unit or "").strip().lower()
    return _MINUTES.get(name, _MINUTES.get(name.removesuffix("s")))


def chosen_of(tracks: Tracks) -> pd.DataFrame:
    """Return the links that were chosen."""
    return tracks.links[tracks.links["chosen"]].reset_index(drop=True)


def each_recording(tracks: Tracks) -> Iterator[tuple[str, Tracks]]:
    """Yield the tracks of each recording, with their numbers."""
    for name in tracks.positions["recording"].unique():
        own = {
            table: getattr(tracks, table)[lambda t, n=name: t["recording"] == n].reset_index(
                drop=True
            )
            for table in ("positions", "links", "tracks", "lineages")
        }
        yield str(name), replace(tracks, **own)


def numbered(positions: pd.DataFrame) -> Ints:
    """Return a number for each position: its object where this is its own alone, else from 0."""
    objects: Ints = positions["object"].to_numpy(np.int64)
    own = len(np.unique(objects)) == len(objects) and (objects >= 0).all()
    return objects if own else np.arange(len(objects))


def sizes_of(positions: pd.DataFrame, more: float = 0.0) -> tuple[int, ...]:
    """Return the size of an image that has all positions, with so many pixels beyond."""
    places = positions[[f"{axis}_px" for axis in axes_of(positions)]].to_numpy(float)
    return tuple(int(np.ceil(high + more)) + 1 for high in places.max(axis=0))


def radius_of(tracks: Tracks) -> float:
    """Return the radius of a ball for a position, in micrometres (pixels where not known)."""
    largest = LARGEST_PX if tracks.spacing_um is None else LARGEST_UM
    spacing = tracks.spacing_um or (1.0,) * len(tracks.axes)
    near = Points.of(tracks.positions, spacing).spacing()
    return float(min(largest, near / 2)) if np.isfinite(near) and near > 0 else largest


@dataclass(frozen=True, eq=False)
class Pieces:
    """Tracks that have a position in each of their frames: others are cut at their gaps.

    Parameters
    ----------
    rows : DataFrame
        Positions that are of a track, by piece and frame, with a column piece, from 1; its index is
        that of the positions.
    table : DataFrame
        piece, parent (0: none), frame_begin, frame_end, and gap: frames between the end of the
        parent and its begin.
    """

    rows: pd.DataFrame
    table: pd.DataFrame

    @classmethod
    def of(cls, tracks: Tracks) -> Pieces:
        """Cut tracks at gaps.

        Examples
        --------
        >>> positions = pd.DataFrame({"frame": [0, 1, 3], "object": 1, "y_px": 0.0, "x_px": 0.0})
        >>> links = pd.DataFrame({"frame_from": [0, 1], "object_from": 1, "frame_to": [1, 3],
        ...                       "object_to": 1})
        >>> Pieces.of(Tracks.of(positions, links)).table.values.tolist()
        [[1, 0, 0, 1, 0], [2, 1, 3, 3, 1]]
        """
        at = tracks.positions
        rows = at[at["track"].notna()].copy()
        rows["track"] = rows["track"].astype(np.int64)
        rows = rows.sort_values(["track", "frame"], kind="stable")
        track, frame = rows["track"].to_numpy(), rows["frame"].to_numpy()
        new = np.ones(len(rows), bool)
        new[1:] = (np.diff(track) != 0) | (np.diff(frame) > 1)
        rows["piece"] = np.cumsum(new)
        begin, last = np.flatnonzero(new), np.flatnonzero(np.append(new[1:], True))
        last_of = dict(zip(track[last], rows["piece"].to_numpy()[last], strict=True))
        parents = dict(zip(tracks.tracks["track"], tracks.tracks["parent"], strict=True))
        parent = np.zeros(len(begin), np.int64)
        for k, row in enumerate(begin):
            going_on = row > 0 and track[row - 1] == track[row]
            parent[k] = k if going_on else last_of.get(parents.get(track[row], 0), 0)
        end = frame[last]
        gap = np.where(parent > 0, frame[begin] - end[parent - 1] - 1, 0) if len(end) else parent
        table = pd.DataFrame(
            {
                "piece": np.arange(1, len(begin) + 1),
                "parent": parent,
                "frame_begin": frame[begin],
                "frame_end": end,
                "gap": gap,
            }
        )
        return cls(rows, table)
