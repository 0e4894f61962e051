"""Movies and tracks as R sends them, and what R's methods of tracks are made of."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ..errors import InvalidError, invalid

if TYPE_CHECKING:
    import pandas as pd

    from ..tracks.found import Tracks
    from ..tracks.scores import TrackScores

Plain = dict[str, Any]
TABLES = ("positions", "links", "tracks", "lineages", "warnings")


def movie_of(value: Plain) -> Any:
    """Return a movie as `track` takes it: what R sent, recordings by name, or tracks."""
    source = value["source"]
    if isinstance(source, dict) and "recordings" in source:
        return {name: movie_of({"source": one}) for name, one in source["recordings"].items()}
    return tracks_of(source)


def training_of(value: Any) -> Any:
    """Return movies with tracks as `train_tracker` takes them."""
    if not isinstance(value, dict):
        return value
    if "recordings" in value:
        return {name: training_of(one) for name, one in value["recordings"].items()}
    if "several" in value:
        return [training_of(one) for one in value["several"]]
    given = {**value, "images": movie_of(value["images"])}
    if "links" not in given:
        return given["images"], tracks_of(given["tracks"])
    size = given.get("spacing_um")
    given["spacing_um"] = tuple(size) if isinstance(size, list) else size
    return SimpleNamespace(**given)


def tracks_of(value: Any) -> Any:
    """Return tracks that R holds as the `Tracks` that they were; all else as it is."""
    if not (isinstance(value, dict) and value.get("kind") == "cl_tracks"):
        return value
    from ..tracks.found import Tracks

    positions: pd.DataFrame = value["positions"]
    if "track" not in positions:
        received = ", ".join(map(str, positions))
        raise invalid("positions", expected="a column track", received=received)
    spacing = value.get("spacing_um")
    return Tracks.of(
        positions,
        value["links"],
        kept=positions["track"].notna().to_numpy(bool),
        spacing_um=spacing if spacing is None or isinstance(spacing, list) else [spacing],
        minutes_per_frame=value.get("minutes_per_frame"),
        warnings=value["warnings"],
        run=json.loads(value["run"]) if value.get("run") else {},
    )


def filtered(tracks: Any, max_error: float) -> Tracks:
    """Leave links out that are likely wrong."""
    found: Tracks = tracks_of(tracks).filtered(max_error)
    return found


def to_review(tracks: Any, limit: float) -> pd.DataFrame:
    """List links that are worth a look."""
    found: pd.DataFrame = tracks_of(tracks).review(limit)
    return found


def warned(tracks: Any, limits: Any = None) -> Tracks:
    """List anew what is worth a look."""
    found: Tracks = tracks_of(tracks).warned(limits)
    return found


def read(
    path: Any, spacing_um: Any = None, minutes_per_frame: float | None = None
) -> Tracks:  # fmt: skip
    """Read the tracks that any program wrote."""
    from ..tracks.reading import read_tracks

    spacing = tuple(spacing_um) if isinstance(spacing_um, list) else spacing_um
    return read_tracks(tracks_of(path), spacing_um=spacing, minutes_per_frame=minutes_per_frame)


def scored(
    tracks: Any,
    truth: Any,
    max_distance_um: float | None = None,
    labels: Any = None,
    truth_labels: Any = None,
    out: str | None = None,
    overwrite: bool = False,
) -> TrackScores:
    """Score tracks against true ones, and write the scores where they are to go."""
    how = {"labels": labels, "truth_labels": truth_labels}
    given = {name: None if one is None else movie_of(one) for name, one in how.items()}
    try:
        found: TrackScores = tracks_of(tracks).evaluated(
            tracks_of(truth), max_distance_um=max_distance_um, **given
        )
    except InvalidError as error:
        raise error.renamed("truth", of="path") from None
    if out is not None:
        try:
            found.save(out, overwrite=overwrite)
        except InvalidError as error:
            raise error.renamed("out", of="path") from None
    return found
