"""Scores of the Cell Tracking Challenge on label images, by py-ctcmetrics."""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.listing import walk
from ..errors import invalid
from ..images.files import read_labels
from ..messages import counted
from .agreement import TOLERANCES, Side

MASKED = ("LNK", *(f"BC{i}" for i in TOLERANCES), "CT", "TF", "TRA", "DET", "SEG")
"""What it says; `SEG` cannot be said without masks."""


class Frames:
    """Label images of a recording, one at a time.

    Parameters
    ----------
    given : array (t, y, x) or (t, z, y, x), list of arrays, or path
        A path is a folder of one file for each frame, or a file with all.
    name : str
        What the argument is called.
    """

    def __init__(self, given: Any, name: str) -> None:
        self.name, self.arrays = name, given
        self.files: list[Path] = []
        if isinstance(given, (str, Path)):
            path = Path(given).expanduser()
            if not path.exists():
                raise invalid(name, expected="label images, a folder or file that is there",
                              received=str(path))  # fmt: skip
            listing = walk(path, labels=True).images if path.is_dir() else []
            self.files = [path / name for name in listing if "/" not in name]
            self.arrays = [] if self.files else read_labels(path)
        if not len(self):
            raise invalid(name, expected="label images of each frame", received="none")

    def __len__(self) -> int:
        return len(self.files) or len(self.arrays)

    def frame(self, t: int) -> np.ndarray:
        """Return the labels of one frame."""
        if t >= len(self):
            raise invalid(self.name, expected=f"label images up to frame {t}",
                          received=counted(len(self), "frame"))  # fmt: skip
        return read_labels(self.files[t]) if self.files else np.asarray(self.arrays[t])

    def checked(self, side: Side, t: int) -> np.ndarray:
        """Return the labels of one frame, in which all positions are."""
        labels = self.frame(t)
        own = side.object[side.frame == t]
        lost = np.setdiff1d(own, labels)
        if len(lost):
            raise invalid(self.name, expected="a label for each position of the tracks",
                          received=f"no pixels of object {int(lost[0])} in frame {t}")  # fmt: skip
        return labels


def challenge(
    truth: Side, found: Side, true: Frames, labels: Frames, frames: tuple[int, int]
) -> dict[str, float]:
    """Score label images and links as the Cell Tracking Challenge does.

    Raises
    ------
    InvalidError
        py-ctcmetrics is not there, or finds the tracks to be none.
    """
    try:
        from ctc_metrics.scripts.evaluate import evaluate_sequence
    except ImportError:
        raise invalid(
            "labels", expected="the package py-ctcmetrics, which scores label images",
            received="an installation without it",
            remedy="Run pip install py-ctcmetrics, or score positions, without label images.",
        ) from None  # fmt: skip
    wanted = ["Valid", "DET", "SEG", "TRA", "LNK", "CT", "TF", "BC"]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        there, here = Path(folder, "01_GT"), Path(folder, "01_RES")
        for part in (there / "TRA", there / "SEG", here):
            part.mkdir(parents=True)
        _written(true, truth, frames, [there / "TRA" / "man_track", there / "SEG" / "man_seg"])
        _written(labels, found, frames, [here / "mask"])
        _listed(truth, frames[0], there / "TRA" / "man_track.txt")
        _listed(found, frames[0], here / "res_track.txt")
        with contextlib.redirect_stdout(io.StringIO()):
            said = evaluate_sequence(str(here), str(there), wanted, threads=1)
    if not said.get("Valid"):
        why = next((str(w.message) for w in heard if w.category is UserWarning), "no reason given")
        raise invalid("tracks", expected="tracks that the Cell Tracking Challenge takes",
                      received=why)  # fmt: skip
    values = {name: said[f"BC({name[2:]})" if name[:2] == "BC" else name] for name in MASKED}
    return {k: float("nan") if v is None else float(v) for k, v in values.items()}


def _numbers(side: Side) -> tuple[np.ndarray, list[tuple[int, int, int, int]]]:
    """Give numbers to tracks, cut where frames are missing: of each position, and as a list."""
    number = np.zeros(len(side.frame), np.int64)
    first, _ = side.ends
    before = np.full(len(side.frame), -1)
    before[side.target] = side.source
    gone: list[tuple[int, int, int, int]] = []
    order = np.lexsort((side.frame, side.chain))
    for row in order.tolist():
        back = int(before[row])
        starts = row == first[side.chain[row]]
        if starts or side.frame[row] - side.frame[back] > 1:
            gone.append((len(gone) + 1, int(side.frame[row]), int(side.frame[row]), back))
        number[row] = len(gone)
        k, begin, _end, mother = gone[-1]
        gone[-1] = (k, begin, int(side.frame[row]), mother)
    return number, [(k, a, b, int(number[m]) if m >= 0 else 0) for k, a, b, m in gone]


def _listed(side: Side, start: int, path: Path) -> None:
    _, lines = _numbers(side)
    text = "".join(f"{k} {a - start} {b - start} {mother}\n" for k, a, b, mother in lines)
    path.write_text(text, encoding="utf-8")


def _written(frames: Frames, side: Side, span: tuple[int, int], names: Sequence[Path]) -> None:
    import tifffile

    number, _ = _numbers(side)
    for t, labels in _renamed(frames, side, span, number):
        for name in names:
            tifffile.imwrite(f"{name}{t:04d}.tif", labels)


def _renamed(
    frames: Frames, side: Side, span: tuple[int, int], number: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    for t in range(span[0], span[1] + 1):
        labels = frames.checked(side, t)
        own = side.frame == t
        names = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
        names[side.object[own]] = number[own]
        yield t - span[0], names[labels]
