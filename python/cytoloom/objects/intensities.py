"""What the pixels of objects are: mean, spread and range of each channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .runs import Ints, changes

Floats = NDArray[np.float64]
STATISTICS = ("mean", "sd", "min", "max")


class Intensities:
    """Sums over the pixels of each object and channel, filled block by block.

    Parameters
    ----------
    count : int
        The largest number of an object.
    names : sequence of str
        Of the channels.

    Examples
    --------
    >>> found = Intensities(1, ["dna"])
    >>> found.add(np.array([1, 1]), np.array([[3.0], [5.0]]))
    >>> found.columns(np.array([1]))["sd_intensity_dna"]
    array([1.])
    """

    def __init__(self, count: int, names: Sequence[str]) -> None:
        size = (len(names), count + 1)
        self._names = names
        self._n, self._sum, self._squares = np.zeros(size), np.zeros(size), np.zeros(size)
        self._low, self._high = np.full(size, np.inf), np.full(size, -np.inf)

    def add(self, ids: Ints, pixels: NDArray[Any], to: Ints | None = None) -> None:
        """Add pixels (n, channels), each of the object of that number; only finite ones count.

        Where the numbers are of objects of a box, from 1 on, `to` are these objects, 0 first.
        """
        to = np.arange(self._n.shape[1]) if to is None else to
        n = np.bincount(ids, minlength=len(to))
        for k in range(len(self._names)):
            values = pixels[:, k].astype(float)
            known = np.isfinite(values) if pixels.dtype.kind == "f" else np.True_
            if known.all():
                self._add(k, n, ids, values, to)
            else:
                own = ids[known]
                self._add(k, np.bincount(own, minlength=len(n)), own, values[known], to)

    def _add(self, k: int, n: NDArray[Any], ids: Ints, values: Floats, to: Ints) -> None:
        self._add_squares(k, n, ids, values, to)
        # pixels of one object follow each other: the extremes of runs are far fewer
        starts = np.flatnonzero(changes(ids))
        if starts.size:
            own = to[ids[starts]]
            np.minimum.at(self._low[k], own, np.minimum.reduceat(values, starts))
            np.maximum.at(self._high[k], own, np.maximum.reduceat(values, starts))
        self._n[k, to] += n

    def _add_squares(self, k: int, n: NDArray[Any], ids: Ints, values: Floats, to: Ints) -> None:
        """Add sums, and squares of the distance from the mean, which moves with each block.

        Notes
        -----
        T. F. Chan, G. H. Golub, R. J. LeVeque, The American Statistician 37, 242 (1983),
        :doi:`10.1080/00031305.1983.10483115`: no digits are lost on a large background.
        """
        total = np.bincount(ids, values, minlength=len(n))
        mean = total / np.maximum(n, 1)
        met = self._n[k, to]
        before = self._sum[k, to] / np.maximum(met, 1)
        within = np.bincount(ids, (values - mean[ids]) ** 2, minlength=len(n))
        both = met * n / np.maximum(met + n, 1)
        self._squares[k, to] += within + both * (mean - before) ** 2
        self._sum[k, to] += total

    def columns(self, present: NDArray[np.intp]) -> dict[str, Floats]:
        """Columns ``mean_intensity_<channel>``, ``sd_``, ``min_`` and ``max_`` of some objects.

        NaN where an object has no pixel that is a finite number.
        """
        found: dict[str, Floats] = {}
        for k, name in enumerate(self._names):
            n = self._n[k, present]
            some = np.where(n > 0, n, np.nan)
            values = (
                self._sum[k, present] / some,
                np.sqrt(self._squares[k, present] / some),
                np.where(n > 0, self._low[k, present], np.nan),
                np.where(n > 0, self._high[k, present], np.nan),
            )
            pairs = zip(STATISTICS, values, strict=True)
            found |= {f"{statistic}_intensity_{name}": value for statistic, value in pairs}
        return found
