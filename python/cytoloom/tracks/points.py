"""One recording as arrays: where detections are, and what else tells them apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from .found import axes_of
from .graph import Floats, Ints

SIZES = ("volume_px", "area_px")


@dataclass(frozen=True, eq=False)
class Points:
    """Detections of one recording, in the order of their frames.

    Parameters
    ----------
    frame : ndarray (n,) of int
        Frame of each.
    at : ndarray (n, axes) of float
        Position, in micrometres (in pixels where their size is not known), without drift.
    size : ndarray (n,) of float
        Logarithm of area or volume; NaN where it is not known.
    odds : ndarray (n,) of float
        Log odds of being a cell; NaN where nothing says so.
    low, high : ndarray (axes,) of float
        The image.
    touches : ndarray (n,) of bool
        Whether the border of the image cuts it.
    """

    frame: Ints
    at: Floats
    size: Floats
    odds: Floats
    low: Floats
    high: Floats
    touches: np.ndarray

    @classmethod
    def of(
        cls,
        table: pd.DataFrame,
        spacing: tuple[float, ...],
        shape: tuple[int, ...] | None = None,
    ) -> Points:
        """Take them from a table of positions."""
        places = table[[f"{axis}_px" for axis in axes_of(table)]].to_numpy(float)
        at = places * np.asarray(spacing)
        size = np.full(len(table), np.nan)
        for name in SIZES:
            if name in table:
                size = np.log(np.maximum(table[name].to_numpy(float), 1e-9))
                break
        p = table["probability"].to_numpy(float)
        with np.errstate(divide="ignore"):
            odds = np.log(np.clip(p, 1e-6, 1 - 1e-6)) - np.log1p(-np.clip(p, 1e-6, 1 - 1e-6))
        low, high = at.min(axis=0), at.max(axis=0)
        if shape is not None:
            low, high = np.zeros(len(spacing)), (np.asarray(shape) - 1.0) * np.asarray(spacing)
        touches = np.zeros(len(table), bool)
        if "touches_border" in table:
            touches = table["touches_border"].to_numpy(bool)
            # what the border cuts is larger than it seems
            size = np.where(touches, np.nan, size)
        return cls(table["frame"].to_numpy(np.int64), at, size, odds, low, high, touches)

    def moved(self, by: Floats) -> Points:
        """Return them without the drift of each frame (frames, axes)."""
        return replace(self, at=self.at - by[self.frame])

    @property
    def axes(self) -> int:
        """Number of axes."""
        return self.at.shape[1]

    def rows(self, frame: int) -> Ints:
        """Return the detections of a frame."""
        begin, end = np.searchsorted(self.frame, [frame, frame + 1])
        return np.arange(begin, end)

    def density(self) -> Floats:
        """Return for each detection how many lie in a unit of volume in its frame."""
        counts = np.bincount(self.frame)[self.frame].astype(float)
        spread = np.maximum(self.high - self.low, 1e-9)
        # what is flat has the thickness of the spacing of its cells at least
        flat = spread[spread > 0.02 * spread.max()]
        volume = np.prod(flat) * (np.prod(flat) / counts.max()) ** (
            (self.axes - len(flat)) / max(1, len(flat))
        )
        return counts / volume

    def from_border(self) -> Floats:
        """Return how far each detection is from the nearest border of the image."""
        away = np.minimum(self.at - self.low, self.high - self.at)
        away = np.where(self.high - self.low > 0, away, np.inf)
        return np.where(self.touches, 0.0, np.maximum(away.min(axis=1), 0))

    def spacing(self) -> float:
        """Return the median distance to the nearest of the same frame; NaN without any."""
        found = []
        for frame in np.unique(self.frame):
            own = self.at[self.rows(int(frame))]
            if len(own) > 1:
                found.append(cKDTree(own).query(own, k=2)[0][:, 1])
        return float(np.median(np.concatenate(found))) if found else float("nan")
