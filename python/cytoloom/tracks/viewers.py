"""Tracks for viewers: napari's layer of tracks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .graph import Floats


def napari_layer(
    positions: pd.DataFrame, tracks: pd.DataFrame
) -> tuple[Floats, dict[int, list[int]]]:
    """Return what ``viewer.add_tracks`` takes: rows of track, frame, [z,] y, x, and mothers."""
    at = positions[positions["track"].notna()]
    at = at.assign(track=at["track"].astype(np.int64)).sort_values(["track", "frame"])
    places = [f"{axis}_px" for axis in "zyx" if f"{axis}_px" in at]
    rows = at[["track", "frame", *places]].to_numpy(float)
    pairs = zip(tracks["track"], tracks["parent"], strict=True)
    return rows, {int(track): [int(parent)] for track, parent in pairs if parent}
