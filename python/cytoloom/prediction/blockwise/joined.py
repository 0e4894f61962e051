"""What was found in blocks, put together to what the whole image has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...objects.measure import AXES
from ...volumes.kept import as_table, file_of, read_block
from ...volumes.stitch import Faces, joined, numbered, same_objects
from ..apply import with_object_classes
from .block import SUMS, Job, drops_border
from .pictures import UNSURE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Joined:
    """The objects of an image that was worked on in blocks.

    Attributes
    ----------
    numbers : ndarray of int (labels of all blocks + 1,)
        Of each label of each block in turn, behind a 0 for background: its number in the whole,
        0 where it is dropped.
    starts : ndarray of int (blocks + 1,)
        Where the labels of each block begin there.
    rows : DataFrame
        What blocks measured of objects that they saw as a whole, by number; of the others, which
        are to be measured anew, what is known from their parts: mean_foreground, and their boxes.
        Where nothing was measured, object, class, area_px and touches_border alone.
    traits, seen_px : ndarray or None
        By which these objects are judged, see `Evidence`.
    anew : ndarray of int
        Numbers of those others: they reach farther than the block in which they begin could see.
    cut : ndarray of int
        Numbers of objects that some block saw only in part, though it decides pixels of them.
    sums : dict of str to float
        Over all pixels, see `evidence.joined`.
    semantic : bool
        Whether labels are classes, and objects connected pieces of them.
    differing_px : int
        Pixels at the ends of blocks of which two blocks said different things.
    differing : ndarray of int
        Numbers of the objects that have such a pixel, as either of the two has it.
    unsure : float or None
        How unsure the pixels of objects are in the mean, where that was asked for.
    """

    numbers: Ints
    starts: Ints
    rows: pd.DataFrame
    traits: np.ndarray | None
    seen_px: np.ndarray | None
    anew: Ints
    cut: Ints
    sums: dict[str, float]
    semantic: bool
    differing_px: int
    differing: Ints
    unsure: float | None

    @property
    def count(self) -> int:
        """Objects in the whole."""
        return len(self.rows)

    def new(self, k: int) -> Ints:
        """Return the number of each label of block `k`, that of 0 first."""
        return np.append(0, self.numbers[self.starts[k] + 1 : self.starts[k + 1] + 1])


def join(job: Job) -> Joined:
    """Find out which objects of blocks are one, number them, and put their rows together."""
    names = (
        "begins", "area", "cut", "class_sums", "traits", "seen_px", "sums", "semantic", UNSURE,
        "column.",
    )  # fmt: skip
    kept = [read_block(file_of(job.folder, k), *names) for k in range(len(job.blocks))]
    starts = np.cumsum([0, *(len(one["area"]) for one in kept)]).astype(np.int64)
    pairs, differing_px, odd = same_objects(job.blocks, _FacesOnDisk(job), starts)
    labels = pd.concat([as_table(one) for one in kept], ignore_index=True)
    for name in ("begins", "begins_seen", "area", "cut"):
        labels[f".{name}"] = np.concatenate([one[name] for one in kept])
    begins = np.append(-1, labels[".begins"].to_numpy())
    numbers = numbered(joined(int(starts[-1]), pairs), begins)
    if drops_border(job.model.task):
        numbers = _without(numbers, numbers[1:][labels["touches_border"].to_numpy(bool)])
    rows, at, anew = _rows(labels, numbers[1:], len(job.blocks.shape))
    if all("class_sums" in one for one in kept):
        parts = np.concatenate([one["class_sums"] for one in kept])
        sums = np.zeros((len(rows) + 1, parts.shape[1]))
        np.add.at(sums, numbers[1:], parts)
        rows = with_object_classes(rows, sums[1:], job.model.task.object_classes)
    traits = seen = None
    if all("traits" in one for one in kept):
        traits = np.concatenate([one["traits"] for one in kept])[at]
        seen = np.concatenate([one["seen_px"] for one in kept])[at]
    found = np.sum([one.get("sums", np.zeros(len(SUMS))) for one in kept], axis=0)
    sums = dict(zip(SUMS, map(float, found), strict=True))
    semantic = bool(kept) and bool(kept[0]["semantic"])
    cut = np.unique(numbers[1:][labels[".cut"].to_numpy(bool)])
    cut, differing = cut[cut > 0], np.unique(numbers[odd])
    differing = differing[differing > 0]
    unsure = _mean_over(kept, labels[".area"].to_numpy(), numbers[1:] > 0)
    return Joined(
        numbers, starts, rows, traits, seen, anew, cut, sums, semantic, differing_px, differing,
        unsure,
    )  # fmt: skip


def _mean_over(kept: list[dict[str, np.ndarray]], area: np.ndarray, there: np.ndarray) -> Any:
    """Return how unsure pixels are in the mean over the labels that are there; None of no pixel."""
    if not all(UNSURE in one for one in kept) or not area[there].sum():
        return None
    unsure = np.concatenate([one[UNSURE] for one in kept])
    return round(float(unsure[there].sum() / area[there].sum()), 4)


def _without(numbers: Ints, dropped: Ints) -> Ints:
    """Return numbers from 1 on without those of dropped objects, which become 0."""
    keep = np.ones(int(numbers.max(initial=0)) + 1, bool)
    keep[0] = keep[dropped] = False
    return np.where(keep, np.cumsum(keep), 0)[numbers]


def _rows(labels: pd.DataFrame, numbers: Ints, ndim: int) -> tuple[pd.DataFrame, Ints, Ints]:
    """Return a row for each number, where it comes from, and the numbers to be measured anew.

    Of parts of one object that counts which has the most of it, and which is the whole of it if
    its block saw as many pixels as all blocks together have.
    """
    count = int(numbers.max(initial=0))
    pixels = np.bincount(numbers, labels[".area"], minlength=count + 1)
    home = (labels[".begins"] == labels[".begins_seen"]).to_numpy()
    whole = home & (labels["area_px"] == pixels[numbers]).to_numpy()
    order = np.lexsort((labels[".area"], whole, numbers))
    last = order[np.append(np.diff(numbers[order]) > 0, True)[: len(order)]]
    at = last[numbers[last] > 0]
    rows = labels.iloc[at].reset_index(drop=True)
    rows["object"] = np.arange(1, count + 1)
    parted = ~whole[at]
    if "mean_foreground" in rows:
        rows = _of_parts(rows, labels, numbers, parted, ndim)
    own = [name for name in rows if not str(name).startswith(".")]
    return rows[own], at, np.flatnonzero(parted) + 1


def _of_parts(
    rows: pd.DataFrame, labels: pd.DataFrame, numbers: Ints, parted: np.ndarray, ndim: int
) -> pd.DataFrame:
    """Say of objects that no block saw as a whole what is known from their parts."""
    count = len(rows)
    pixels = np.bincount(numbers, labels[".area"], minlength=count + 1)
    for name in AXES[ndim]:
        ends = {"min": np.minimum, "max": np.maximum}
        for side, extreme in ends.items():
            column = labels[f"bbox_{name}_{side}"].to_numpy()
            found = rows[f"bbox_{name}_{side}"].to_numpy()
            every = np.append(0, found)
            extreme.at(every, numbers[numbers > 0], column[numbers > 0])
            rows[f"bbox_{name}_{side}"] = np.where(parted, every[1:], found)
    mean = np.bincount(numbers, labels[".area"] * labels["mean_foreground"], count + 1)
    known = mean[1:] / np.maximum(pixels[1:], 1)
    rows["mean_foreground"] = np.where(parted, known, rows["mean_foreground"])
    return rows


class _FacesOnDisk(Mapping[int, Faces]):
    """Faces of blocks, read as they are asked for; those of the last few are kept."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._kept: dict[int, Faces] = {}
        self._most = 4 * int(np.prod(job.blocks.counts[1:])) + 64

    def __getitem__(self, k: int) -> Faces:
        if k not in self._kept:
            axes = range(len(self._job.blocks.shape))
            one = read_block(file_of(self._job.folder, k), "first", "behind")
            first, behind = (tuple(one[f"{s}{a}"] for a in axes) for s in ("first", "behind"))
            if len(self._kept) >= self._most:
                self._kept.pop(next(iter(self._kept)))
            self._kept[k] = Faces(first, behind)
        return self._kept[k]

    def __len__(self) -> int:
        return len(self._job.blocks)

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))
