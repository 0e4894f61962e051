"""Tables of positions with their tracks: a row for each, in CSV or a DataFrame."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..images.units import um_per
from ..messages import VerbName, say
from ..storage.spreadsheets import no_table
from ..storage.tables import read_table, write_table
from .found import Tracks
from .held import CELL, Held, damaged, links_of
from .movies import COLUMNS as OF_POSITIONS
from .pieces import chosen_of
from .tracklets import rows_at

ENDING = ".csv"
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "spot_id"),
    **{key: tuple(n for n in names if n not in ("id", "spot_id"))
       for key, names in OF_POSITIONS.items()},
    "track": ("track", "track_id", "trackid", "tracklet_id", "trackobjects_label"),
    "parent": ("parent", "parent_id", "parent_track", "parent_track_id", "mother", "mother_id"),
    "minutes": ("minutes",),
    "link_probability": ("link_probability",),
    "p_wrong": ("p_wrong",),
}  # fmt: skip
"""What columns are called, capitals or not, the first the surest."""
ENDS = (("source", "source_id", "spot_source_id"), ("target", "target_id", "spot_target_id"))
TEXT = ("recording", "movie", "series", "name")
_HEADS = 3
"""Rows of names and units that TrackMate writes below the names of columns."""


def read(path: Path) -> Held:
    """Read a CSV; where edges.csv with source and target lies beside it, these are the links."""
    edges = path.with_name("edges.csv")
    beside = edges.is_file() and edges != path and path.name == "nodes.csv"
    return of_table(_table(path), path.name, _table(edges) if beside else None)


def _table(path: Path) -> pd.DataFrame:
    try:
        table = read_table(path, text=TEXT)
    except (UnicodeDecodeError, pd.errors.EmptyDataError) as error:
        raise no_table(path, str(error)) from None
    return table


def of_table(table: pd.DataFrame, where: str, edges: pd.DataFrame | None = None) -> Held:
    """Understand a table.

    Parameters
    ----------
    table : DataFrame
        A frame and a place in each row, and which cell it is: a number of its track, with the
        number of the track that it comes from as parent; or its id and, as parent, that of the
        position before it.
    where : str
        What it is called in messages.
    edges : DataFrame, optional
        Columns source and target with ids: the links.

    Raises
    ------
    InvalidError
        Columns that are missing, a track twice in a frame, parents that are none.
    """
    table = _of_napari(table)
    names = _names(table, where)
    table, unit = _without_heads(table, names)
    numbers = {key: pd.to_numeric(table[own], errors="coerce").to_numpy(float)
               for key, own in names.items() if key != "recording"}  # fmt: skip
    at, spacing, assumed = _places(table, names, numbers, where, unit)
    frame = numbers["frame"]
    if (~np.isfinite(frame) | (frame % 1 != 0)).any():
        row = int(np.flatnonzero(~np.isfinite(frame) | (frame % 1 != 0))[0]) + 1
        received = f"{table[names['frame']].iloc[row - 1]!s} in row {row}"
        raise damaged(where, "a whole number as frame in each row", received)
    made = pd.DataFrame({"frame": frame.astype(np.int64), **at})
    if "recording" in names:
        made.insert(0, "recording", table[names["recording"]].astype(str).to_numpy())
    made["object"] = _objects(made, numbers)
    if "probability" in numbers:
        made["probability"] = numbers["probability"]
    track = numbers.get("track")
    links = _links(made, numbers, edges, where, names)
    if track is not None:
        made[CELL] = np.isfinite(track)
    taken = {*names.values(), *(c for c in table if str(c) in ("z_um", "y_um", "x_um"))}
    more = [c for c in table if c not in taken and str(c) not in made]
    made = pd.concat([made, table[more].reset_index(drop=True)], axis=1)
    minutes = _ratio(frame, numbers["minutes"]) if "minutes" in numbers else None
    return Held(made, links, spacing, minutes, assumed=assumed)


def _of_napari(table: pd.DataFrame) -> pd.DataFrame:
    """Name the columns of points that napari saved: ``axis-0`` is time, the last ones y and x."""
    axes = [c for c in table if re.fullmatch(r"axis-\d", str(c))]
    if len(axes) not in (3, 4):
        return table
    names = ("frame", "z", "y", "x") if len(axes) == 4 else ("frame", "y", "x")
    own = dict(zip(sorted(axes), names, strict=True))
    return table.drop(columns=[c for c in ("index",) if c in table]).rename(columns=own)


def _names(table: pd.DataFrame, where: str) -> dict[str, Any]:
    plain = {re.sub(r"\W+", "_", str(own).strip().lower()): own for own in reversed(table.columns)}
    names: dict[str, Any] = {}
    for key, known in COLUMNS.items():
        for one in (*known, *((f"{key}_um",) if key in "zyx" else ())):
            if one in plain and plain[one] not in names.values():
                names[key] = plain[one]
                break
    missing = [key for key in ("frame", "y", "x") if key not in names]
    if missing:
        received = say("columns {}", [str(c) for c in table.columns])
        raise damaged(where, f"columns of positions: {', '.join(missing)}", received)
    return names


def _without_heads(table: pd.DataFrame, names: Mapping[str, Any]) -> tuple[pd.DataFrame, str]:
    """Leave out what stands below the names of columns; return what it says the unit of y is."""
    heads = 0
    frame = pd.to_numeric(table[names["frame"]], errors="coerce").to_numpy(float)
    while heads < min(_HEADS, len(table)) and not np.isfinite(frame[heads]):
        heads += 1
    if not heads or heads == len(table):
        return table.reset_index(drop=True), ""
    unit = str(table[names["y"]].iloc[heads - 1]).strip("() ")
    return table.iloc[heads:].reset_index(drop=True), unit


def _places(
    table: pd.DataFrame, names: Mapping[str, Any], numbers: Mapping[str, np.ndarray], where: str,
    unit: str,
) -> tuple[dict[str, np.ndarray], tuple[float, ...] | None, bool]:  # fmt: skip
    """Return places in pixels, how large these are where both units are there, or micrometres."""
    axes = [axis for axis in "zyx" if axis in names]
    at = {f"{axis}_px": numbers[axis] for axis in axes}
    lost = ~np.isfinite(np.stack(list(at.values()))).all(axis=0)
    if lost.any():
        received = f"none in row {int(np.flatnonzero(lost)[0]) + 1}"
        raise damaged(where, "a position in each row", received)
    in_um = all(str(names[axis]).strip().lower() == f"{axis}_um" for axis in axes)
    per = um_per(unit) if unit else None
    if in_um or per is not None:
        at = {name: places * (per or 1.0) for name, places in at.items()}
        return at, (1.0,) * len(axes), True
    found = [_ratio(numbers[axis], pd.to_numeric(table[f"{axis}_um"], errors="coerce"))
             if f"{axis}_um" in table else None for axis in axes]  # fmt: skip
    sizes = [one for one in found if one is not None]
    return at, tuple(sizes) if len(sizes) == len(axes) else None, False


def _ratio(of: np.ndarray, values: Any) -> float | None:
    """Return by what one column is another, where it is by one number."""
    values = np.asarray(values, float)
    known = np.isfinite(of) & np.isfinite(values) & (of != 0)
    if not known.any():
        return None
    several, counts = np.unique(values[known] / of[known], return_counts=True)
    ratio = float(several[np.argmax(counts)])
    if not np.array_equal(of[known] * ratio, values[known]):
        ratio = float(f"{ratio:.12g}")
    alike = np.allclose(values[known], of[known] * ratio, rtol=1e-6, atol=1e-6)
    return ratio if alike and ratio > 0 else None


def _objects(made: pd.DataFrame, numbers: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the number of each position in its frame."""
    key = [n for n in ("recording", "frame") if n in made]
    for name in ("object", "id"):
        number = numbers.get(name)
        if number is not None and np.isfinite(number).all() and (number % 1 == 0).all():
            if not made[key].assign(object=number).duplicated().any():
                return number.astype(np.int64)
    counted: np.ndarray = made.groupby(key).cumcount().to_numpy() + 1
    return counted


def _links(
    made: pd.DataFrame, numbers: Mapping[str, np.ndarray], edges: pd.DataFrame | None, where: str,
    names: Mapping[str, Any],
) -> pd.DataFrame:  # fmt: skip
    recording = made["recording"].to_numpy() if "recording" in made else np.zeros(len(made))
    group = pd.factorize(recording)[0]
    track, parent = numbers.get("track"), numbers.get("parent")
    if edges is not None:
        pairs = _of_edges(edges, numbers.get("id"), where)
    elif _by_position(group, track, parent, numbers.get("id")):
        assert parent is not None
        pairs = _of_positions(group, numbers["id"], parent, where)
    elif track is not None:
        pairs = _of_tracks(made, group, track, parent, where)
    else:
        remedy = say("To link positions that are no tracks yet, run {}.", VerbName("track"))
        received = say("columns {}", list(map(str, names.values())))
        raise damaged(where, "a column track, or id and parent_id", received, remedy)
    frame, number = made["frame"].to_numpy(), made["object"].to_numpy()
    a, b = pairs[:, 0], pairs[:, 1]
    links = links_of(np.stack([frame[a], number[a], frame[b], number[b]], axis=1))
    if "recording" in made:
        links.insert(0, "recording", recording[a])
    for ours, own in (("probability", "link_probability"), ("p_wrong", "p_wrong")):
        if own in numbers:
            links[ours] = numbers[own][b]
    return links


def _by_position(group: np.ndarray, track: Any, parent: Any, ids: Any) -> bool:
    """Whether a parent is a position: in a table of tracks it is the same in all rows of one."""
    if parent is None or ids is None:
        return False
    if track is None:
        return True
    table = pd.DataFrame({"group": group, "track": track, "parent": np.nan_to_num(parent, nan=-1)})
    of_each = table[np.isfinite(track)].groupby(["group", "track"])["parent"]
    return bool((of_each.nunique() > 1).any() or (of_each.size() == 1).all())


def _missing(parent: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Which say that there is no parent: nothing, less than 0, or 0 where that is no number."""
    none = ~np.isfinite(parent) | (parent < 0)
    counted_from_0 = 0 in known and bool(none.any())
    return none if counted_from_0 else none | (parent == 0)


def _of_positions(group: np.ndarray, ids: np.ndarray, parent: np.ndarray, where: str) -> np.ndarray:
    index = pd.MultiIndex.from_arrays([group, ids])
    if index.has_duplicates:
        twice = ids[index.duplicated()][0]
        raise damaged(where, "ids that are there once, by which parents are known", f"{twice:g}")
    own = np.flatnonzero(~_missing(parent, ids))
    rows = index.get_indexer(pd.MultiIndex.from_arrays([group[own], parent[own]]))
    if (rows < 0).any():
        raise damaged(where, "parents that are an id", f"{parent[own[rows < 0][0]]:g}")
    return np.stack([rows, own], axis=1)


def _of_edges(edges: pd.DataFrame, ids: np.ndarray | None, where: str) -> np.ndarray:
    plain = {str(name).strip().lower(): name for name in edges}
    ends = [next((plain[one] for one in known if one in plain), None) for known in ENDS]
    if ids is None or None in ends:
        raise damaged(where, "ids, and edges with source and target", "none")
    index = pd.Index(ids)
    if index.has_duplicates:
        raise damaged(where, "ids that are there once", f"{ids[index.duplicated()][0]:g}")
    rows = []
    for name in ends:
        own = pd.to_numeric(edges[name], errors="coerce").to_numpy(float)
        rows.append(index.get_indexer(own))
        if (rows[-1] < 0).any():
            raise damaged(where, "edges between its ids", f"{own[rows[-1] < 0][0]:g}")
    return np.stack(rows, axis=1)


def _of_tracks(
    made: pd.DataFrame, group: np.ndarray, track: np.ndarray, parent: np.ndarray | None, where: str
) -> np.ndarray:
    frame = made["frame"].to_numpy()
    order = np.lexsort((frame, track, group))
    order = order[np.isfinite(track[order])]
    same = (np.diff(track[order]) == 0) & (np.diff(group[order]) == 0)
    twice = same & (np.diff(frame[order]) == 0)
    if twice.any():
        row = order[1:][twice][0]
        remedy = "TrackMate's tables of spots do not say which are linked: read its XML."
        received = f"track {track[row]:g} twice in frame {frame[row]}"
        raise damaged(where, "each track once in a frame", received, remedy)
    pairs = np.stack([order[:-1][same], order[1:][same]], axis=1)
    if parent is None:
        return pairs
    first, last = order[np.append(True, ~same)], order[np.append(~same, True)]
    last_of = {(group[k], track[k]): k for k in last}
    none = _missing(parent, track)
    more = []
    for k in first:
        if none[k] or parent[k] == track[k]:
            continue
        mother = last_of.get((group[k], parent[k]))
        if mother is None:
            raise damaged(where, "parents that are a track", f"{parent[k]:g} of {track[k]:g}")
        if frame[mother] >= frame[k]:
            received = f"{parent[k]:g} of {track[k]:g}, which ends in frame {frame[mother]}"
            raise damaged(where, "parents that end before their daughters begin", received)
        more.append((mother, k))
    return np.concatenate([pairs, np.array(more, int).reshape(-1, 2)])


def table_of(tracks: Tracks) -> pd.DataFrame:
    """Return a row for each position: its track and that of its mother, and the link into it."""
    at, links = tracks.positions, chosen_of(tracks)
    parents = pd.Series(tracks.tracks["parent"].to_numpy(), tracks.tracks["track"].to_numpy())
    made = at[["recording", "track", "frame", "object"]].copy()
    made.insert(2, "parent", at["track"].map(parents).astype("Int64"))
    for axis in tracks.axes:
        made[axis] = at[f"{axis}_px"]
    if tracks.spacing_um is not None:
        made = made.assign(**{f"{axis}_um": at[f"{axis}_um"] for axis in tracks.axes})
    if tracks.minutes_per_frame is not None:
        made["minutes"] = at["frame"] * tracks.minutes_per_frame
    made["probability"] = at["probability"]
    _, target = rows_at(at, links)
    for name, own in (("probability", "link_probability"), ("p_wrong", "p_wrong")):
        values = np.full(len(at), np.nan)
        values[target] = links[name].to_numpy(float)
        made[own] = values
    taken = (*made, *(f"{axis}_px" for axis in tracks.axes), *(f"{a}_um" for a in tracks.axes))
    return pd.concat([made, at[[name for name in at if name not in taken]]], axis=1)


def write(tracks: Tracks, path: Path) -> list[str]:
    """Write all recordings as one CSV."""
    write_table(table_of(tracks), path)
    return []
