"""TrackMate's XML: spots with features, edges between them, and which tracks it shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np
import pandas as pd

from ..images.units import positive, um_per
from ..messages import counted
from .found import Tracks, axes_of
from .held import CELL, Held, damaged, links_of
from .pieces import chosen_of, minutes_in, numbered, radius_of, sizes_of
from .tracklets import KEY, rows_at

ENDING = ".xml"
_WHAT = "XML of TrackMate"
_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_AGAIN = "It may be cut off or damaged: copy it or save it in TrackMate again."
_OWN = ("ID", "name", "FRAME", "VISIBILITY", "POSITION_X", "POSITION_Y", "POSITION_Z", "POSITION_T")
_DERIVED = ("SPOT_SOURCE_ID", "SPOT_TARGET_ID", "EDGE_TIME", "EDGE_X_LOCATION", "EDGE_Y_LOCATION",
            "EDGE_Z_LOCATION", "SPEED", "DISPLACEMENT", "DIRECTIONAL_CHANGE_RATE")  # fmt: skip
"""Of edges: what positions tell."""


def read(path: Path) -> Held:
    """Read spots and edges.

    What TrackMate hides stays as rows: spots that are no cells (VISIBILITY 0, or only in tracks
    that are filtered out), links that are not chosen.

    Raises
    ------
    InvalidError
        Cut off, with definitions of entities, or not TrackMate's.
    """
    file = _File.of(path)
    if not file.spots:
        raise damaged(path.name, "spots", "none")
    spots = pd.DataFrame(file.spots)
    missing = [n for n in ("ID", "FRAME", "POSITION_X", "POSITION_Y") if n not in spots]
    if missing:
        raise damaged(path.name, f"spots with {', '.join(missing)}", "some without")
    at = {n: _numbers(spots[n]) for n in spots if n != "name"}
    spacing, minutes, scale, assumed = _sizes(file)
    flat = _is_flat(file, at)
    axes = ("y", "x") if flat else ("z", "y", "x")
    spacing = None if spacing is None else spacing[-len(axes) :]
    whole = {n: _whole(path, n, at[n]) for n in ("ID", "FRAME")}
    table = pd.DataFrame({"frame": whole["FRAME"], "object": whole["ID"]})
    for axis, size in zip(("z", "y", "x"), scale, strict=True):
        if axis in axes:
            table[f"{axis}_px"] = at[f"POSITION_{axis.upper()}"] / size
    if "object" in at:  # of spots that this package wrote
        own = pd.DataFrame({"frame": whole["FRAME"], "object": at["object"]})
        if own["object"].notna().all() and not own.duplicated().any():
            table["object"] = own["object"].astype(np.int64)
    more = [n for n in at if n not in (*_OWN, "object", "frame")]
    table = pd.concat([table, pd.DataFrame({n: _typed(at[n], n in file.whole) for n in more})],
                      axis=1)  # fmt: skip
    if "name" in spots and not (spots["name"] == "ID" + spots["ID"]).all():
        table["name"] = spots["name"]
    notes = []
    links, hidden = _links(path, file, whole, table)
    table[CELL] = _cells(file, at, links, table)
    if hidden:
        notes.append(f"{counted(hidden, 'link')} of tracks that TrackMate hides are kept as not "
                     "chosen")  # fmt: skip
    return Held(table, links, spacing, minutes, tuple(notes), assumed=assumed)


@dataclass
class _File:
    """What is read of the XML as it comes: no tree of it is made."""

    root: str = ""
    model: Mapping[str, str] = field(default_factory=dict)
    image: Mapping[str, str] = field(default_factory=dict)
    spots: list[dict[str, str]] = field(default_factory=list)
    edges: list[dict[str, str]] = field(default_factory=list)
    tracks: list[str] = field(default_factory=list)
    shown: set[str] | None = None
    whole: set[str] = field(default_factory=set)
    _track: str = ""
    _in: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, path: Path) -> _File:
        """Parse a file; one that defines entities, which may grow without end, is refused."""
        file = cls()
        parser = expat.ParserCreate()
        parser.StartElementHandler = file._begin
        parser.EndElementHandler = file._end

        def refuse(*_: object) -> None:
            raise damaged(path.name, "XML without definitions of its own (DOCTYPE)", "some")

        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
        try:
            with open(path, "rb") as stream:
                parser.ParseFile(stream)
        except expat.ExpatError as error:
            received = f"some that breaks off ({error})"
            raise damaged(path.name, "whole XML", received, _AGAIN) from None
        if file.root != "TrackMate":
            raise damaged(path.name, f"{_WHAT} (TrackMate)", f"<{file.root}>")
        return file

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        self.root = self.root or tag
        self._in.append(tag)
        if tag == "Spot":
            self.spots.append(attributes)
        elif tag == "Edge":
            self.edges.append(attributes)
            self.tracks.append(self._track)
        elif tag == "Track":
            self._track = attributes.get("TRACK_ID", "")
        elif tag == "FilteredTracks":
            self.shown = self.shown or set()
        elif tag == "TrackID" and self.shown is not None:
            self.shown.add(attributes.get("TRACK_ID", ""))
        elif tag == "Model":
            self.model = attributes
        elif tag == "ImageData":
            self.image = attributes
        elif tag == "Feature" and self._in[-2:-1] == ["SpotFeatures"]:
            if attributes.get("isint") == "true":
                self.whole.add(attributes.get("feature", ""))

    def _end(self, tag: str) -> None:
        self._in.pop()


def _numbers(column: pd.Series) -> np.ndarray:
    return pd.to_numeric(column, errors="coerce").to_numpy(float)


def _typed(numbers: np.ndarray, whole: bool) -> Any:
    """Return a feature that is declared to be of whole numbers as such."""
    if not whole or not np.isfinite(numbers).any():
        return numbers
    missing = ~np.isfinite(numbers)
    if missing.any():
        return pd.array(np.where(missing, pd.NA, numbers), dtype="Int64")
    return numbers.astype(np.int64)


def _whole(path: Path, name: str, numbers: np.ndarray) -> np.ndarray:
    odd = ~(np.isfinite(numbers) & (numbers % 1 == 0))
    if odd.any():
        received = f"spot {int(np.flatnonzero(odd)[0]) + 1} without"
        raise damaged(path.name, f"a whole number {name} of each spot", received)
    return numbers.astype(np.int64)


def _sizes(
    file: _File,
) -> tuple[tuple[float, ...] | None, float | None, tuple[float, float, float], bool]:
    """Return micrometres per pixel, minutes per frame, units per pixel, and if pixels are these."""
    names = ("voxeldepth", "pixelheight", "pixelwidth")
    found = [positive(file.image.get(name)) for name in names]
    scale = (found[0] or 1.0, found[1] or 1.0, found[2] or 1.0)
    um = um_per(file.model.get("spatialunits"))
    assumed = um is not None and (found[1] is None or found[2] is None)
    spacing = None if um is None else tuple(one * um for one in scale)
    minutes = minutes_in(file.model.get("timeunits"))
    interval = positive(file.image.get("timeinterval"))
    per = None if minutes is None or interval is None else minutes * interval
    return spacing, per, scale, assumed


def _is_flat(file: _File, at: Mapping[str, np.ndarray]) -> bool:
    """Whether its images are of one plane."""
    z = at.get("POSITION_Z")
    return z is None or (not np.nan_to_num(z).any() and file.image.get("nslices", "1") == "1")


def _links(
    path: Path, file: _File, whole: Mapping[str, np.ndarray], table: pd.DataFrame
) -> tuple[pd.DataFrame, int]:
    row = {int(number): k for k, number in enumerate(whole["ID"])}
    frame, number = table["frame"].to_numpy(), table["object"].to_numpy()
    ends = []
    for edge in file.edges:
        pair = []
        for key in ("SPOT_SOURCE_ID", "SPOT_TARGET_ID"):
            spot = edge.get(key, "none")
            if not spot.lstrip("-").isdecimal() or int(spot) not in row:
                raise damaged(path.name, "edges between its spots", f"{key} {spot}", _AGAIN)
            pair.append(row[int(spot)])
        ends.append((frame[pair[0]], number[pair[0]], frame[pair[1]], number[pair[1]]))
    links = links_of(ends)
    edges = pd.DataFrame(file.edges)
    for name in edges:
        if name not in _DERIVED:
            links[name] = _numbers(edges[name])
    shown = [file.shown is None or one in file.shown for one in file.tracks]
    links["chosen"] = np.array(shown, bool)
    return links, len(shown) - sum(shown)


def _cells(
    file: _File, at: Mapping[str, np.ndarray], links: pd.DataFrame, table: pd.DataFrame
) -> np.ndarray:
    """Which spots are cells: visible, and not of hidden tracks alone."""
    visible = at["VISIBILITY"] != 0 if "VISIBILITY" in at else np.ones(len(table), bool)
    key = table[["frame", "object"]].assign(recording="")[list(KEY)]
    source, target = rows_at(key, links.assign(recording=""))
    chosen = links["chosen"].to_numpy(bool)
    hidden = np.zeros(len(table), bool)
    hidden[source[~chosen]] = hidden[target[~chosen]] = True
    hidden[source[chosen]] = hidden[target[chosen]] = False
    cells: np.ndarray = visible & ~hidden
    return cells


def write(tracks: Tracks, path: Path) -> list[str]:
    """Write the tracks of one recording."""
    at, links = tracks.positions, chosen_of(tracks)
    source, target = rows_at(at, links)
    ids, notes = numbered(at), []
    um = tracks.spacing_um or (1.0,) * len(tracks.axes)
    root = ElementTree.Element("TrackMate", version="7.14.0")
    units = {"spatialunits": "pixel" if tracks.spacing_um is None else "µm",
             "timeunits": "frame" if tracks.minutes_per_frame is None else "min"}  # fmt: skip
    model = ElementTree.SubElement(root, "Model", units)
    features, left = _features(at)
    if left:
        notes.append(f"TrackMate holds numbers only: {', '.join(left)} left out")
    _declare(model, features, links)
    _spots(model, tracks, ids, um, features)
    _tracks(model, at, links, ids, source, target)
    settings = ElementTree.SubElement(root, "Settings")
    size = sizes_of(at)
    ElementTree.SubElement(settings, "ImageData", {
        "filename": str(at["recording"].iloc[0]), "folder": "", "width": str(size[-1]),
        "height": str(size[-2]), "nslices": str(size[0] if len(size) == 3 else 1),
        "nframes": str(int(at["frame"].max()) + 1), "pixelwidth": repr(um[-1]),
        "pixelheight": repr(um[-2]), "voxeldepth": repr(um[0] if len(um) == 3 else 1.0),
        "timeinterval": repr(float(tracks.minutes_per_frame or 1.0)),
    })  # fmt: skip
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, "utf-8", xml_declaration=True)
    return notes


def _features(at: pd.DataFrame) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the columns that can be features, and the names of the others."""
    own = (*KEY, "track", "name", *(f"{a}_{u}" for a in "zyx" for u in ("px", "um")))
    made: dict[str, np.ndarray] = {}
    left = []
    for name in at:
        if name in own:
            continue
        column = at[name]
        plain = _ATTRIBUTE.fullmatch(str(name)) and pd.api.types.is_numeric_dtype(column)
        if plain:
            numbers = column.to_numpy(float, na_value=np.nan)
            if not np.isnan(numbers).all():
                made[str(name)] = numbers
        elif column.notna().any():
            left.append(str(name))
    return made, left


def _declare(model: ElementTree.Element, features: Mapping[str, np.ndarray], links: Any) -> None:
    declared = ElementTree.SubElement(model, "FeatureDeclarations")
    edges = {"probability": links["probability"], "p_wrong": links["p_wrong"]}
    for tag, known in (("SpotFeatures", {"QUALITY": None, "POSITION_X": None, "POSITION_Y": None,
                                         "POSITION_Z": None, "POSITION_T": None, "FRAME": None,
                                         "RADIUS": None, "VISIBILITY": None, "object": None,
                                         **features}), ("EdgeFeatures", edges)):  # fmt: skip
        group = ElementTree.SubElement(declared, tag)
        for name, numbers in known.items():
            whole = name in ("FRAME", "VISIBILITY", "object") or (
                tag == "SpotFeatures" and numbers is not None and _is_whole(numbers)
            )
            place = "POSITION" if name[:-1] == "POSITION_" else "NONE"
            dimension = {"POSITION_T": "TIME", "RADIUS": "LENGTH", "QUALITY": "QUALITY"}
            ElementTree.SubElement(group, "Feature", {
                "feature": name, "name": name, "shortname": name,
                "dimension": dimension.get(name, place), "isint": str(whole).lower(),
            })  # fmt: skip
    ElementTree.SubElement(declared, "TrackFeatures")


def _is_whole(numbers: np.ndarray) -> bool:
    known = numbers[np.isfinite(numbers)]
    return bool((known % 1 == 0).all())


def _spots(
    model: ElementTree.Element,
    tracks: Tracks,
    ids: np.ndarray,
    um: tuple[float, ...],
    features: Mapping[str, np.ndarray],
) -> None:
    at = tracks.positions
    spots = ElementTree.SubElement(model, "AllSpots", nspots=str(len(at)))
    places = at[[f"{axis}_px" for axis in axes_of(at)]].to_numpy(float) * np.asarray(um)
    radius, minutes = radius_of(tracks), float(tracks.minutes_per_frame or 1.0)
    names = at["name"] if "name" in at else None
    cell = at["track"].notna().to_numpy()
    number, frames = at["object"].to_numpy(), at["frame"].to_numpy()
    for frame in np.unique(frames):
        group = ElementTree.SubElement(spots, "SpotsInFrame", frame=str(frame))
        for k in np.flatnonzero(frames == frame):
            said = {"ID": str(ids[k]),
                    "name": f"ID{ids[k]}" if names is None or pd.isna(names.iloc[k])
                    else str(names.iloc[k]),
                    "QUALITY": "1.0", "RADIUS": repr(float(radius)), "FRAME": str(frame),
                    "POSITION_T": repr(float(frame) * minutes), "POSITION_Z": "0.0",
                    "VISIBILITY": str(int(cell[k])), "object": str(number[k])}  # fmt: skip
            for axis, place in zip(tracks.axes, places[k], strict=True):
                said[f"POSITION_{axis.upper()}"] = repr(float(place))
            for name, numbers in features.items():
                if not np.isnan(numbers[k]):
                    said[name] = repr(float(numbers[k])).replace("inf", "Infinity")
            ElementTree.SubElement(group, "Spot", said)


def _tracks(
    model: ElementTree.Element, at: pd.DataFrame, links: pd.DataFrame, ids: np.ndarray,
    source: np.ndarray, target: np.ndarray,
) -> None:  # fmt: skip
    """Write edges by lineage, which is what TrackMate calls a track."""
    lineage = np.arange(len(at))
    frame = at["frame"].to_numpy()
    for k in np.argsort(frame[target], kind="stable"):
        lineage[target[k]] = lineage[source[k]]
    every = ElementTree.SubElement(model, "AllTracks")
    shown = ElementTree.SubElement(model, "FilteredTracks")
    of = lineage[source]
    for number, root in enumerate(np.unique(of)):
        edges = np.flatnonzero(of == root)
        track = ElementTree.SubElement(every, "Track", {
            "name": f"Track_{number}", "TRACK_ID": str(number), "TRACK_INDEX": str(number),
            "NUMBER_SPOTS": str(len(edges) + 1),
        })  # fmt: skip
        for k in edges:
            said = {"SPOT_SOURCE_ID": str(ids[source[k]]), "SPOT_TARGET_ID": str(ids[target[k]])}
            for name in ("probability", "p_wrong"):
                value = float(links[name].iloc[k])
                if np.isfinite(value):
                    said[name] = repr(value)
            ElementTree.SubElement(track, "Edge", said)
        ElementTree.SubElement(shown, "TrackID", TRACK_ID=str(number))
