"""Movies and tracks as R sends them, and what its methods of tracks are made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..tracks.found import Tracks

Plain = dict[str, Any]


def movie_of(value: Plain) -> Any:
    """Return a movie as `track` takes it."""
    source = value["source"]
    kind, given = source["kind"], source["value"]
    if kind == "tracks":
        return tracks_of(given)
    if kind == "recordings":
        names = source["names"] if isinstance(source["names"], list) else [source["names"]]
        return {name: movie_of({"source": one}) for name, one in zip(names, given, strict=True)}
    return given


def given_tracks(value: Plain) -> Any:
    """Return tracks as a verb takes them: tracks, a table, or their path."""
    source = value.get("source", value)
    return tracks_of(source["value"]) if source["kind"] == "tracks" else source["value"]


def tracks_of(given: Plain) -> Tracks:
    """Return tracks of the tables that R holds."""
    from ..tracks.found import Tracks

    positions = given["positions"]
    spacing = given.get("spacing_um")
    spacing = spacing if isinstance(spacing, list) or spacing is None else [spacing]
    return Tracks.of(
        positions.drop(columns="track"),
        given["links"],
        kept=positions["track"].notna().to_numpy(),
        spacing_um=spacing or None,
        minutes_per_frame=given.get("minutes_per_frame"),
        warnings=given["warnings"],
        run=json.loads(given["run"]) if given.get("run") else {},
    )


def _known(value: Plain) -> Tracks:
    from ..tracks.found import Tracks
    from ..tracks.reading import read_tracks

    given = given_tracks(value)
    return given if isinstance(given, Tracks) else read_tracks(given)


def _filtered(tracks: Plain, max_error: float) -> Any:
    return _known(tracks).filtered(max_error)


def _review(tracks: Plain, limit: float) -> Any:
    return _known(tracks).review(limit)


def _tree(tracks: Plain, cell: Any) -> Any:
    whole = isinstance(cell, float) and cell.is_integer()
    return _known(tracks).tree(int(cell) if whole else cell)


def _evaluated(tracks: Plain, truth: Plain, max_distance_um: float | None = None) -> Any:
    return _known(tracks).evaluated(given_tracks(truth), max_distance_um=max_distance_um)


def _read(path: Plain, spacing_um: Any = None, minutes_per_frame: Any = None) -> Any:
    from ..tracks.reading import read_tracks

    spacing = tuple(spacing_um) if isinstance(spacing_um, list) else spacing_um
    return read_tracks(
        given_tracks(path), spacing_um=spacing, minutes_per_frame=minutes_per_frame
    )


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "tracks_filtered": _filtered,
    "tracks_review": _review,
    "tracks_tree": _tree,
    "tracks_evaluated": _evaluated,
    "read_tracks": _read,
}
