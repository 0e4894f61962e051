"""OrganoidTracker: .aut and .json of both versions, .autlist of several; version 2 is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InvalidError, invalid
from ..messages import no_json
from .found import Tracks
from .held import CELL, Held, damaged, links_of
from .pieces import Pieces, chosen_of
from .tracklets import KEY, rows_at

ENDING, LIST = ".aut", ".autlist"
_WHAT = "positions and tracks of OrganoidTracker"
_NOT_READ = ("data_axes", "beacons", "connections", "image_filters", "image_timings", "other_data")
_KEPT = ("image_offsets", "warning_limits")
"""What is in a file besides, is kept, and written again."""
_LINK = {"link_probability": "probability", "marginal_probability": "p_wrong"}
_NO_CELL = "cytoloom_no_cell"
Place = tuple[float, float, float]


def read(path: Path) -> Held:
    """Read a file of either version.

    Positions are those in the images: their offsets are subtracted. Metadata of positions and links
    are columns; `null` is a missing value.

    Raises
    ------
    InvalidError
        No JSON, or none of OrganoidTracker's.
    """
    data = loaded(path)
    try:
        return _held(path, data)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        if isinstance(error, InvalidError):
            raise
        said = "something missing or of another kind" if isinstance(error, KeyError) else str(error)
        raise damaged(path.name, _WHAT, said) from None


def loaded(path: Path) -> Any:
    """Return what is in a file of JSON."""
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise damaged(path.name, _WHAT, no_json(error)) from None


def listed(path: Path, of_file: Callable[[Path], Held]) -> Iterator[tuple[str, Held]]:
    """Read the recordings of an .autlist, each between its first and last time point.

    Parameters
    ----------
    path : Path
        The list.
    of_file : callable
        Reads one of the files that it names, in any format.

    Raises
    ------
    InvalidError
        No list, or files that are not there.
    """
    entries = loaded(path)
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise damaged(path.name, "a list of experiments", f"{type(entries).__name__} of others")
    files = [one for one in entries if "experiment_file" in one]
    if not files:
        raise damaged(path.name, "experiments with an experiment_file", "none")
    names: set[str] = set()
    for one in files:
        file = path.parent / str(one["experiment_file"]).replace("\\", "/")
        if not file.is_file():
            raise damaged(path.name, "files of experiments that are there", str(file))
        name, number = file.stem, 2
        while name in names:
            name, number = f"{file.stem}_{number}", number + 1
        names.add(name)
        yield name, _between(path, one, of_file(file))


def _between(path: Path, entry: Mapping[str, Any], held: Held) -> Held:
    try:
        low = int(entry.get("min_time_point", 0))
        high = int(entry.get("max_time_point", 2**31))
    except (TypeError, ValueError):
        raise damaged(path.name, "whole numbers as time points", str(entry)) from None
    at, links = held.positions, held.links
    inside = (links[["frame_from", "frame_to"]].min(axis=1) >= low) & (
        links[["frame_from", "frame_to"]].max(axis=1) <= high)  # fmt: skip
    return replace(held, positions=at[at["frame"].between(low, high)], links=links[inside])


@dataclass
class _Places:
    """Positions by frame and place, which is by what a file tells them."""

    rows: dict[tuple[int, Place], int] = field(default_factory=dict)
    more: list[dict[str, Any]] = field(default_factory=list)

    def add(self, frame: int, place: Sequence[float], more: Mapping[str, Any] = {}) -> int:
        """Add a position, where it is not there yet, and return its row."""
        three = [float(one) for one in place[:3]] + [0.0] * (3 - len(place[:3]))
        if len(place) < 2:
            raise ValueError(f"a position with {len(place)} coordinates")
        key = (int(frame), (three[0], three[1], three[2]))
        if key not in self.rows:
            self.rows[key] = len(self.more)
            self.more.append({})
        self.more[self.rows[key]].update({k: v for k, v in more.items() if v is not None})
        return self.rows[key]

    def table(self) -> pd.DataFrame:
        """Return frame, object, z, y, x and what else is known of each."""
        places = np.array([place for _, place in self.rows], float).reshape(-1, 3)
        frame = np.array([frame for frame, _ in self.rows], np.int64)
        table = pd.DataFrame({"frame": frame, "z_px": places[:, 2], "y_px": places[:, 1],
                              "x_px": places[:, 0]})  # fmt: skip
        own = {"frame": "frame_meta", "recording": "recording_meta", "track": "track_meta"}
        more = pd.DataFrame(self.more, index=table.index).rename(columns=own)
        more = more.drop(columns=[n for n in more if n in table])
        table = pd.concat([table, more.infer_objects()], axis=1)
        number = table.pop("object") if "object" in table else None
        whole = number is not None and number.notna().all()
        if whole:
            twice = pd.DataFrame({"frame": frame, "object": number}).duplicated().any()
            whole = not twice and pd.api.types.is_integer_dtype(number)
        table.insert(1, "object", number if whole else table.groupby("frame").cumcount() + 1)
        return table


def _held(path: Path, data: Any) -> Held:
    if not isinstance(data, dict):
        raise damaged(path.name, _WHAT, type(data).__name__)
    places = _Places()
    ends: list[tuple[int, int]] = []
    meta: list[dict[str, Any]] = []
    version = data.get("version", "v1")
    if version == "v2":
        _second(data, places, ends, meta)
    elif version == "v1":
        _first(data, places, ends, meta)
    else:
        raise damaged(path.name, 'version "v1" or "v2"', f"version {version}")
    if not places.rows:
        raise damaged(path.name, _WHAT, "no positions")
    table = places.table()
    spacing, minutes = _sizes(data)
    table = _without_offsets(table, data.get("image_offsets") or [])
    if not table["z_px"].any():
        table = table.drop(columns="z_px")
        spacing = None if spacing is None else spacing[1:]
    if _NO_CELL in table:
        table[CELL] = ~(table.pop(_NO_CELL).notna().to_numpy())
    frame, number = table["frame"].to_numpy(), table["object"].to_numpy()
    links = links_of([(frame[a], number[a], frame[b], number[b]) for a, b in ends])
    links = pd.concat([links, _of_links(meta)], axis=1)
    return Held(table, links, spacing, minutes, _notes(data), _run(data))


def _second(
    data: Mapping[str, Any], places: _Places, ends: list[Any], meta: list[dict[str, Any]]
) -> None:
    for one in data.get("positions", []):
        known = one.get("position_meta") or {}
        for k, place in enumerate(one["coords_xyz_px"]):
            said = {str(n): values[k] for n, values in known.items() if k < len(values)}
            places.add(one["time_point"], place, said)
    for track in data.get("tracks", []):
        start = int(track["time_point_start"])
        rows = [places.add(start + k, place) for k, place in enumerate(track["coords_xyz_px"])]
        between = track.get("link_meta") or {}
        for k in range(len(rows) - 1):
            ends.append((rows[k], rows[k + 1]))
            meta.append({n: v[k] for n, v in between.items() if k < len(v)})
        before = track.get("link_meta_before") or {}
        for k, place in enumerate(track.get("coords_xyz_px_before") or []):
            ends.append((places.add(start - 1, place), rows[0]))
            meta.append({n: v[k] for n, v in before.items() if k < len(v)})


def _first(
    data: Mapping[str, Any], places: _Places, ends: list[Any], meta: list[dict[str, Any]]
) -> None:
    graph = data if "directed" in data else None
    simple = data.get("shapes", data.get("positions"))
    if graph is None:
        known = ("links", "links_scratch", "links_baseline")
        graph = next((data[name] for name in known if name in data), None)
        if graph is None and simple is None:  # a file of positions alone
            simple = data
    for frame, several in (simple or {}).items() if isinstance(simple, dict) else []:
        for place in several:
            places.add(int(frame), place[:3])
    for node in (graph or {}).get("nodes", []):
        said = {k: v for k, v in node.items() if k != "id"}
        places.add(*_node(node["id"]), said)
    for link in (graph or {}).get("links", []):
        ends.append((places.add(*_node(link["source"])), places.add(*_node(link["target"]))))
        meta.append(
            {
                k: v
                for k, v in link.items()
                if k not in ("source", "target") and not k.startswith("__lineage_")
            }
        )


def _node(node: Mapping[str, Any]) -> tuple[int, list[float]]:
    frame = node["_time_point_number"] if "_time_point_number" in node else node["_frame_number"]
    return int(frame), [node["x"], node["y"], node.get("z", 0.0)]


def _sizes(data: Mapping[str, Any]) -> tuple[tuple[float, ...] | None, float | None]:
    said = data.get("image_resolution") or {}
    sizes = [float(said.get(f"{axis}_um") or 0) for axis in "zyx"]
    minutes = float(said.get("t_m") or 0)
    known = all(np.isfinite(one) and one > 0 for one in sizes)
    return tuple(sizes) if known else None, minutes if minutes > 0 else None


def _without_offsets(table: pd.DataFrame, offsets: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Subtract what images are moved by in each frame; in others they are not."""
    for axis in "zyx":
        by = {int(one["_time_point_number"]): float(one[axis]) for one in offsets}
        moved = table["frame"].map(by).fillna(0.0).to_numpy(float)
        table[f"{axis}_px"] = table[f"{axis}_px"] - moved
    return table


def _of_links(meta: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(list(meta), index=range(len(meta))).infer_objects()
    table = table.drop(columns=[n for n in ("probability", "p_wrong", "chosen") if n in table])
    table = table.rename(columns=_LINK)
    for name in _LINK.values():
        if name in table:
            numbers = pd.to_numeric(table[name], errors="coerce").to_numpy(float)
            table[name] = 1 - numbers if name == "p_wrong" else numbers
    return table


def _notes(data: Mapping[str, Any]) -> tuple[str, ...]:
    notes = []
    moved = [o for o in data.get("image_offsets") or [] if any(o[axis] for axis in "xyz")]
    if moved:
        notes.append("image offsets are subtracted: positions are those in the images")
    left = [name for name in _NOT_READ if data.get(name)]
    if any(track.get("lineage_meta") for track in data.get("tracks", [])):
        left.append("lineage_meta")
    if left:
        notes.append(f"not read: {', '.join(left)}")
    return tuple(notes)


def _run(data: Mapping[str, Any]) -> dict[str, Any]:
    run = {name: data[name] for name in _KEPT if data.get(name)}
    if data.get("name") and not data.get("name_is_automatic"):
        run["name"] = str(data["name"])
    return run


def write(tracks: Tracks, path: Path) -> list[str]:
    """Write the tracks of one recording as version 2."""
    at, notes = tracks.positions, []
    places = np.zeros((len(at), 3))
    offsets = tracks.run.get("image_offsets") or []
    for axis in tracks.axes:
        by = {int(one["_time_point_number"]): float(one[axis]) for one in offsets}
        moved = at["frame"].map(by).fillna(0.0).to_numpy(float)
        places[:, "xyz".index(axis)] = at[f"{axis}_px"].to_numpy(float) + moved
    _refuse_twice(at, places)
    pieces = Pieces.of(tracks)
    far = int((pieces.table["gap"] > 0).sum())
    if far:
        links = "link" if far == 1 else "links"
        notes.append(f"{far} {links} over more than one frame left out: .aut holds none")
    data: dict[str, Any] = {
        "version": "v2", "positions": _positions(at, places),
        "tracks": _tracks(tracks, pieces, places), "name": str(at["recording"].iloc[0]),
        "name_is_automatic": False,
    }  # fmt: skip
    if tracks.spacing_um is not None or tracks.minutes_per_frame is not None:
        sizes = dict(zip(tracks.axes, tracks.spacing_um or (0.0,) * 3, strict=False))
        data["image_resolution"] = {
            **{f"{axis}_um": float(sizes.get(axis, 1.0 if tracks.spacing_um else 0.0))
               for axis in "xyz"}, "t_m": float(tracks.minutes_per_frame or 0.0),
        }  # fmt: skip
    data |= {name: tracks.run[name] for name in _KEPT if tracks.run.get(name)}
    path.write_text(json.dumps(data, ensure_ascii=False, allow_nan=False), "utf-8")
    return notes


def _refuse_twice(at: pd.DataFrame, places: np.ndarray) -> None:
    where = pd.DataFrame(places).assign(frame=at["frame"].to_numpy())
    twice = where.duplicated().to_numpy()
    if twice.any():
        row = at[twice].iloc[0]
        received = f"object {row['object']} of frame {row['frame']} where another one is"
        raise invalid("tracks", expected="each position at a place of its own, by which .aut tells "
                      "them", received=received)  # fmt: skip


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it; None for what is missing."""
    if value is None or value is pd.NA or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value


def _positions(at: pd.DataFrame, places: np.ndarray) -> list[dict[str, Any]]:
    own = (*KEY[:2], "track", *(f"{a}_{u}" for a in "zyx" for u in ("px", "um")))
    columns = {n: [_plain(v) for v in at[n].tolist()] for n in at if n not in own}
    columns[_NO_CELL] = [True if missing else None for missing in at["track"].isna()]
    frames = at["frame"].to_numpy()
    found = []
    for frame in np.unique(frames):
        rows = np.flatnonzero(frames == frame)
        said = {n: [values[k] for k in rows] for n, values in columns.items()}
        said = {n: values for n, values in said.items() if any(v is not None for v in values)}
        found.append({"time_point": int(frame), "coords_xyz_px": places[rows].tolist(),
                      "position_meta": said})  # fmt: skip
    return found


def _tracks(tracks: Tracks, pieces: Pieces, places: np.ndarray) -> list[dict[str, Any]]:
    links = chosen_of(tracks)
    _, target = rows_at(tracks.positions, links)
    own = [n for n in links if n not in ("recording", "frame_from", "object_from", "frame_to",
                                         "object_to", "chosen", "division")]  # fmt: skip
    names = {**{n: n for n in own}, **{ours: theirs for theirs, ours in _LINK.items()}}
    values = {names[n]: [_plain(1 - v if n == "p_wrong" else v) for v in links[n].tolist()]
              for n in own}  # fmt: skip
    into = {int(row): k for k, row in enumerate(target)}
    by_piece = {int(n): rows.to_numpy() for n, rows in pieces.rows.groupby("piece").groups.items()}

    def said(rows: Sequence[int]) -> dict[str, list[Any]]:
        found = {n: [v[into[int(row)]] for row in rows] for n, v in values.items()}
        return {n: v for n, v in found.items() if any(one is not None for one in v)}

    found = []
    for piece, parent, begin, _, gap in pieces.table.to_numpy().tolist():
        rows = by_piece[piece]
        track: dict[str, Any] = {"time_point_start": begin, "coords_xyz_px": places[rows].tolist()}
        if between := said(rows[1:]):
            track["link_meta"] = between
        if parent and not gap:
            track["coords_xyz_px_before"] = [places[by_piece[parent][-1]].tolist()]
            if before := said(rows[:1]):
                track["link_meta_before"] = before
        if len(rows) > 1 or parent:
            found.append(track)
    return found
