"""The result of a prediction: labels, objects, and one row per file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..messages import counted

if TYPE_CHECKING:
    import pandas as pd


FILES_COLUMNS = ("image", "status", "objects", "scale", "low", "high", "labels")


@dataclass(frozen=True, eq=False)
class Predictions:
    """Labels and objects of images; iterating gives (name, labels), from disk where written.

    Attributes
    ----------
    objects : DataFrame
        image, object, class (missing for instances), area_px, area_um2 (3-D: volume_um3),
        centroid_*, bbox_*_min, bbox_*_max (one past the last), perimeter_px, perimeter_um,
        major_axis_*, minor_axis_*, eccentricity, orientation, solidity,
        <statistic>_intensity_<channel> (mean, sd, min, max; the channel's name, or number from
        0), mean_foreground, touches_border: one row per object. Positions are in px from 0;
        definitions are those of `measure`.
    files : DataFrame
        image, status ("ok" or what went wrong), objects, scale, low, high, labels (path or "").
        One row per image given, also for those that failed, of which objects is missing and not 0;
        low and high are the normalisation limits of each channel, as text. In files.csv the paths
        start at its folder.
    out : Path or None
        Folder that was written.

    Examples
    --------
    >>> from cytoloom import predict
    >>> from cytoloom.models.untrained import untrained
    >>> found = predict(untrained(), {"a": np.zeros((8, 9))}, rescale=None, progress=False)
    >>> found.names, found["a"].shape, found.files["status"].tolist()
    (['a'], (8, 9), ['ok'])
    """

    objects: pd.DataFrame
    files: pd.DataFrame
    out: Path | None
    _labels: Mapping[str, np.ndarray]

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        for name in self.names:
            yield name, self[name]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def names(self) -> list[str]:
        """Images that were predicted, in order."""
        return [str(n) for n in self.files["image"][self.files["status"] == "ok"]]

    def __getitem__(self, name: str) -> np.ndarray:
        """Labels of one image by name; `KeyError` where it was not predicted."""
        name = str(name)
        if name in self._labels:
            return self._labels[name]
        row = self.files[(self.files["image"] == name) & (self.files["status"] == "ok")]
        if row.empty:
            raise KeyError(f"no labels of {name!r}; there are those of {', '.join(self.names)}")
        from ..images.files import read_labels

        return np.asarray(read_labels(row["labels"].iloc[0]))

    def __str__(self) -> str:
        failed = int((self.files["status"] != "ok").sum())
        count = int(self.files["objects"].sum())
        text = f"{counted(count, 'object')} in {counted(len(self), 'image')}"
        text += f", {counted(failed, 'image')} failed (see .files)" if failed else ""
        return text + (f", written to {self.out}" if self.out else "")
