"""The result of a prediction: labels, objects, and one row per file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..messages import counted
from ..storage.results import RUNS
from ..storage.written import refuse_another_run

if TYPE_CHECKING:
    import pandas as pd


RUN = RUNS["predict"]
PART = r"Part \d+ of \d+ is done"
"""How the status begins of an image of which a part was done, and no more."""
FILES_COLUMNS = ("image", "status", "objects", "scale", "low", "high", "labels")


@dataclass(frozen=True, eq=False)
class Predictions:
    """Labels and objects of images; iterating gives (name, labels), from disk where written.

    Attributes
    ----------
    objects : DataFrame
        image, object, class (missing for instances), area_px, area_um2 (3-D: volume_um3),
        centroid_*, bbox_*_min, bbox_*_max (one past the last), perimeter_px, perimeter_um
        (3-D: surface_um2), major_axis_*, minor_axis_*, eccentricity, orientation, solidity,
        <statistic>_intensity_<channel> (mean, sd, min, max; the channel's name, or number from
        0), mean_foreground, probability (that it is real: that a true object overlaps it at IoU
        0.5; missing of models that cannot tell), touches_border: one row per object. Positions
        are in px from 0; definitions are those of `measure`.
    files : DataFrame
        image, status ("ok" or what went wrong), objects, scale, low, high, labels (path or "").
        One row per image given, also for those that failed, of which objects is missing and not 0;
        low and high are the normalisation limits of each channel, as text. In files.csv the paths
        start at its folder.
    summary : DataFrame
        How far to trust it, one row per image: image, count (objects found), count_low and
        count_high (between which the true count lies in 90 of 100 images), mean_area_px of the
        true objects, and predicted_<score> of each main score of the task, with such intervals in
        <column>_low and <column>_high; where `uncertainty` was asked for, uncertainty (mean of the
        plane variance over the pixels found); unlikeness (how far the image looks from those of the
        training: beyond 1 lies one in twenty such images), flags ("unlike"; "faint": contrast held
        down). Missing where a model cannot tell, see `Trust`.
    out : Path or None
        Folder that was written.
    spacing_um : dict
        Micrometres per pixel of each axis, by image where that is known. Empty where results were
        opened again: the label images say so.
    run : dict
        What made this, as plain values: verb, version, model, settings, and where the images are
        if they are files; in files_run.json. Empty of results of earlier versions.

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
    summary: pd.DataFrame
    out: Path | None
    _labels: Mapping[str, np.ndarray]
    _written: Mapping[str, str] = field(default_factory=dict)
    spacing_um: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        for name in self.names:
            yield name, self[name]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def names(self) -> list[str]:
        """Images that were predicted, in order."""
        return [str(n) for n in self.files["image"][self.files["status"] == "ok"]]

    @property
    def failed(self) -> list[str]:
        """Images that could not be used, in order; of a part of the work, of its own."""
        status = self.files["status"].astype(str)
        return [str(n) for n in self.files["image"][(status != "ok") & ~status.str.match(PART)]]

    def __getitem__(self, name: str) -> np.ndarray:
        """Labels of one image by name; `KeyError` where it was not predicted.

        From disk they are those of this prediction, or what somebody has made of them since; an
        error where another prediction has replaced them.
        """
        name = str(name)
        if name in self._labels:
            return self._labels[name]
        if name not in self._paths:
            raise KeyError(f"no labels of {name!r}; there are those of {', '.join(self.names)}")
        from ..images.files import read_labels

        path = Path(self._paths[name])
        self.refuse_another_run([path])
        return np.asarray(read_labels(path))

    @cached_property
    def _paths(self) -> dict[str, str]:
        """Where the labels of each image are that was predicted, looked up once for all."""
        rows = self.files[self.files["status"] == "ok"]
        return dict(zip(rows["image"].astype(str), rows["labels"], strict=True))

    def refuse_another_run(self, paths: Iterable[str | os.PathLike[str]]) -> None:
        """Raise where label images in files are not those of this prediction any more."""
        if self.out is not None:
            # a label image in a store is replaced with its tables, which lie within it
            names = [
                path.relative_to(self.out).as_posix() if path.is_relative_to(self.out) else RUN
                for path in map(Path, paths)
            ]
            refuse_another_run(self.out, self._written, names)

    def __str__(self) -> str:
        part = self.files["status"].astype(str).str.match(PART)
        failed = len(self.failed)
        if part.any():
            text = " ".join(dict.fromkeys(self.files["status"][part]))
            more = f" {counted(failed, 'image')} failed (see the table of files)." if failed else ""
            return text + more
        count = int(self.files["objects"].sum())
        text = f"{counted(count, 'object')} in {counted(len(self), 'image')}"
        text += f", {counted(failed, 'image')} failed (see the table of files)" if failed else ""
        return text + (f", written to {self.out}" if self.out else "")
