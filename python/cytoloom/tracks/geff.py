"""GEFF, the graph exchange file format: written so that every reader of it gets what was meant."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InvalidError, invalid
from ..images.units import positive, um_per
from ..messages import said_by
from .found import Tracks
from .held import CELL, Held, damaged, links_of
from .pieces import chosen_of, minutes_in
from .tracklets import rows_at

ENDING = ".geff"
_TIMES, _TRACKS = ("t", "time", "frame"), ("track", "tracklet_id", "track_id")
_LINK = ("probability", "p_wrong")


def need_geff(argument: str) -> Any:
    """Return the package geff, or say how to get it."""
    try:
        import geff
    except ImportError:
        raise invalid(
            argument,
            expected="the package geff, which reads and writes GEFF",
            received="it is not installed",
            remedy='Run pip install "cytoloom[tracks]", in R cl_install(extras = "tracks").',
        ) from None
    return geff


def is_geff(folder: Path) -> bool:
    """Whether a folder says that it is one."""
    for name in (".zattrs", "zarr.json"):
        try:
            found = json.loads((folder / name).read_bytes())
            if "geff" in (found.get("attributes", found) if isinstance(found, dict) else {}):
                return True
        except (OSError, ValueError, RecursionError, TypeError):
            continue
    return False


def read(path: Path) -> Held:
    """Read a graph.

    Raises
    ------
    InvalidError
        No GEFF, or damaged; axes without time; times between frames; a package that is missing.
    """
    need_geff(path.name)
    from geff.core_io import read_to_memory

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph = read_to_memory(path)
    except InvalidError:
        raise
    except Exception as error:  # of many libraries below it
        raise damaged(path.name, "a whole GEFF", said_by(error)) from None
    columns, left = _columns(graph["node_props"])
    axes = _axes(path, graph["metadata"], columns)
    table, used = _positions(path, graph, columns, axes)
    spacing, minutes, scale = _sizes(axes)
    for axis, size in scale.items():
        table[f"{axis}_px"] = table[f"{axis}_px"] / size
    given = columns.get("track")
    if given is not None:
        table[CELL] = ~pd.isna(given)
    own = (*used, *_TRACKS[:2])
    table = pd.concat(
        [
            table,
            pd.DataFrame({n: v for n, v in columns.items() if n not in own and n not in table}),
        ],
        axis=1,
    )
    links = _links(path, graph, table)
    notes = [f"not read: {', '.join(left)}, which have a list for each cell"] if left else []
    return Held(table, links, spacing, minutes, tuple(notes), assumed=bool(scale))


def _columns(props: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return properties as columns, missing where they are, and the names of those of lists."""
    found: dict[str, Any] = {}
    left = []
    for name, said in props.items():
        values, missing = said["values"], said["missing"]
        if values.ndim != 1 or (values.dtype == object and any(np.ndim(one) for one in values)):
            left.append(name)
            continue
        if missing is None or not missing.any():
            found[name] = values.astype(object) if values.dtype.kind == "U" else values
        elif values.dtype.kind == "f":
            found[name] = np.where(missing, np.nan, values)
        elif values.dtype.kind in "biu":
            kind = "boolean" if values.dtype.kind == "b" else "Int64"
            found[name] = pd.array(np.where(missing, None, values.astype(object)), dtype=kind)
        else:
            found[name] = np.where(missing, None, values.astype(object))
    return found, left


def _axes(path: Path, metadata: Any, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return by t, z, y, x what is said of the axes."""
    found: dict[str, Any] = {}
    for one in metadata.axes or ():
        name = one.name.lower()
        if one.type == "time" or name in _TIMES:
            found.setdefault("t", one)
        elif name in "zyx":
            found[name] = one
    for name in ("t", "z", "y", "x"):
        if name not in found and name in columns:
            found[name] = None
    missing = [name for name in "tyx" if name not in found]
    if missing:
        raise damaged(path.name, "axes t, y and x", f"none called {', '.join(missing)}")
    return found


def _positions(
    path: Path, graph: Mapping[str, Any], columns: Mapping[str, Any], axes: Mapping[str, Any]
) -> tuple[pd.DataFrame, list[str]]:
    names = {axis: axis if one is None else one.name for axis, one in axes.items()}
    time = np.asarray(columns[names["t"]], float)
    if (~np.isfinite(time) | (time % 1 != 0)).any():
        odd = time[~np.isfinite(time) | (time % 1 != 0)][0]
        raise damaged(path.name, "whole numbers of frames as time", f"{odd:g}")
    table = pd.DataFrame({"frame": time.astype(np.int64)})
    ids = graph["node_ids"].astype(np.int64)
    table["object"] = ids
    for axis in "zyx":
        if axis in names:
            table[f"{axis}_px"] = np.asarray(columns[names[axis]], float)
    used = list(names.values())
    if "recording" in columns:
        table.insert(0, "recording", columns["recording"])
        used.append("recording")
    key = [n for n in ("recording", "frame") if n in table]
    own = columns.get("object")
    if own is not None:
        used.append("object")
        number = pd.Series(own)
        whole = number.notna().all() and pd.api.types.is_integer_dtype(number)
        if whole and not table[key].assign(object=number).duplicated().any():
            table["object"] = number.astype(np.int64)
    return table, used


def _sizes(
    axes: Mapping[str, Any],
) -> tuple[tuple[float, ...] | None, float | None, dict[str, float]]:
    """Return micrometres per pixel, minutes per frame, and by what micrometres become pixels."""
    spacing: list[float] = []
    scale: dict[str, float] = {}
    for axis in "zyx":
        one = axes.get(axis)
        if axis not in axes:
            continue
        size = None if one is None else positive(one.scale)
        um = None if one is None else um_per(one.scaled_unit)
        own = None if one is None else um_per(one.unit)
        if size is not None and um is not None:
            spacing.append(size * um)
        elif own is not None:
            spacing.append(1.0)
            scale[axis] = 1 / own
    known = len(spacing) == sum(axis in axes for axis in "zyx")
    time = axes["t"]
    minutes = None
    if time is not None and positive(time.scale) is not None:
        unit = minutes_in(time.scaled_unit)
        minutes = None if unit is None else float(time.scale) * unit
    return tuple(spacing) if known else None, minutes, scale if known else {}


def _links(path: Path, graph: Mapping[str, Any], table: pd.DataFrame) -> pd.DataFrame:
    index = pd.Index(graph["node_ids"])
    edges = graph["edge_ids"].reshape(-1, 2)
    rows = index.get_indexer(edges.ravel()).reshape(-1, 2)
    if (rows < 0).any():
        received = f"one with node {edges[(rows < 0)][0]}"
        raise damaged(path.name, "edges between its nodes", received)
    frame, number = table["frame"].to_numpy(), table["object"].to_numpy()
    a, b = rows[:, 0], rows[:, 1]
    links = links_of(np.stack([frame[a], number[a], frame[b], number[b]], axis=1))
    if "recording" in table:
        links.insert(0, "recording", table["recording"].to_numpy()[a])
    more, _ = _columns(graph["edge_props"])
    for name, values in more.items():
        if name not in links and name not in ("chosen", "division"):
            links[name] = np.asarray(values, float) if name in _LINK else values
    return links


def write(tracks: Tracks, path: Path) -> list[str]:
    """Write all recordings as one graph, into a folder that is not there yet or empty.

    Nodes are numbered from 0. A value that is missing is missing, of any type.

    Raises
    ------
    InvalidError
        A column with numbers and text.
    """
    need_geff("format")
    from geff import GeffMetadata
    from geff.core_io import write_arrays

    at, links = tracks.positions, chosen_of(tracks)
    source, target = rows_at(at, links)
    own = ("frame", *(f"{axis}_{unit}" for axis in "zyx" for unit in ("px", "um")))
    nodes = {"t": {"values": at["frame"].to_numpy(np.int64), "missing": None}}
    for axis in tracks.axes:
        nodes[axis] = {"values": at[f"{axis}_px"].to_numpy(float), "missing": None}
    nodes |= _props(at, own, "positions")
    ends = ("recording", "frame_from", "object_from", "frame_to", "object_to", "chosen")
    edges = _props(links, ends, "links")
    metadata = GeffMetadata(directed=True, axes=_written_axes(tracks), node_props_metadata={},
                            edge_props_metadata={})  # fmt: skip
    if path.is_dir():
        path.rmdir()  # the package takes what is there for a graph
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_arrays(
            path, np.arange(len(at), dtype=np.uint64), nodes,
            np.stack([source, target], axis=1).astype(np.uint64), edges, metadata,
        )  # fmt: skip
    return []


def _written_axes(tracks: Tracks) -> list[dict[str, Any]]:
    axes: list[dict[str, Any]] = [{"name": "t", "type": "time", "unit": "frame"}]
    if tracks.minutes_per_frame is not None:
        axes[0] |= {"scale": float(tracks.minutes_per_frame), "scaled_unit": "minute"}
    for k, axis in enumerate(tracks.axes):
        one: dict[str, Any] = {"name": axis, "type": "space", "unit": "pixel"}
        if tracks.spacing_um is not None:
            one |= {"scale": float(tracks.spacing_um[k]), "scaled_unit": "micrometer"}
        axes.append(one)
    return axes


def _props(table: pd.DataFrame, own: tuple[str, ...], where: str) -> dict[str, Any]:
    """Return columns as arrays of one type each, with what is missing beside them."""
    found: dict[str, Any] = {}
    for name in table:
        column = table[name]
        if name in own:
            continue
        missing = column.isna().to_numpy()
        if missing.all():
            continue  # nothing is known, and of which type is not known either
        if column.dtype.kind in "biuf" and isinstance(column.dtype, np.dtype):
            values = column.to_numpy()
            filled = np.where(missing, 0, values) if missing.any() else values
            found[str(name)] = {"values": filled, "missing": missing if missing.any() else None}
            continue
        kinds = {_kind(one) for one in column[~missing].unique()}
        if len(kinds) > 1:
            raise invalid(where, expected=f"one type in column {name}, as GEFF holds it",
                          received=f"{' and '.join(sorted(kinds))}")  # fmt: skip
        kind = kinds.pop()
        empty: Any = {"text": "", "numbers": 0, "yes and no": False}[kind]
        filled = column.astype(object).where(~missing, empty).tolist()
        values = np.array([str(one) for one in filled] if kind == "text" else filled)
        if values.dtype == object:
            raise invalid(where, expected=f"numbers or text in column {name}, as GEFF holds them",
                          received=type(filled[0]).__name__)  # fmt: skip
        found[str(name)] = {"values": values, "missing": missing if missing.any() else None}
    return found


def _kind(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "yes and no"
    return "numbers" if isinstance(value, (int, float, np.number)) else "text"
