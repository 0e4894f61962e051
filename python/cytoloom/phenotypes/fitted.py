"""A detector that is kept: the controls that it was fitted to, and how; it is fitted anew."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..datasets.listing import some
from ..errors import invalid
from ..messages import said_by
from .detectors import FITTED, METHODS, Score, fit

FILE = "detector.npz"
FORMAT = 1
_LARGEST = 2_000_000_000
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fitted:
    """What is needed to fit a detector again, with the same result.

    Parameters
    ----------
    values : ndarray of float32 (cells, features)
        Of the controls, scaled by those of their plate; 20 000 cells at most.
    names : tuple of str
        Of the features.
    method : str
        One of `METHODS`.
    seed : int
        Of what is drawn.
    threshold : float
        The score from which a cell is an outlier.
    rate : float
        Share of control cells that may be.
    model : str, default ""
        Which model learned the features, where one did.
    """

    values: NDArray[np.float32]
    names: tuple[str, ...]
    method: str
    seed: int
    threshold: float
    rate: float
    model: str = ""

    @classmethod
    def of(
        cls, values: Floats, names: Sequence[str], method: str, seed: int, threshold: float,
        rate: float, model: str = "",
    ) -> Fitted:  # fmt: skip
        """Keep controls, so many of them as a detector is fitted to at most."""
        if len(values) > FITTED:
            rng = np.random.default_rng(seed)
            values = values[np.sort(rng.choice(len(values), FITTED, replace=False))]
        return cls(values.astype(np.float32), tuple(names), method, seed, threshold, rate, model)

    def score(self) -> Score:
        """Fit, and return what scores cells of the same features, scaled by their own controls."""
        return fit(self.method, self.values.astype(np.float64), self.seed)

    def was_fitted_to(self, controls: Floats) -> bool:
        """Whether half of the cells, or more, that this was fitted to are among these.

        Examples
        --------
        >>> one = Fitted(np.zeros((9, 1), np.float32), ("a",), "mahalanobis", 0, 3.0, 0.05)
        >>> one.was_fitted_to(np.zeros((2, 1))), one.was_fitted_to(np.ones((2, 1)))
        (True, False)
        """
        there = {row.tobytes() for row in np.asarray(controls, np.float32)}
        return sum(row.tobytes() in there for row in self.values) * 2 >= len(self.values)

    def save(self, path: Path) -> None:
        """Write arrays and settings into one file, of numbers and text only."""
        kept = ("method", "seed", "threshold", "rate", "model")
        about = {"format": FORMAT, "names": list(self.names)}
        about |= {name: getattr(self, name) for name in kept}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
            numbers = io.BytesIO()
            np.save(numbers, self.values, allow_pickle=False)
            out.writestr("values.npy", numbers.getvalue())
            out.writestr("about.json", json.dumps(about))

    @classmethod
    def load(cls, path: Path) -> Fitted:
        """Read what `save` wrote; nothing in it is run.

        Raises
        ------
        InvalidError
            No such file, or one that holds something else.
        """
        file = path / FILE if path.is_dir() else path
        if not file.is_file():
            raise invalid("detector", expected="results of novelty, or their folder",
                          received=str(path))  # fmt: skip
        try:
            with zipfile.ZipFile(file) as held:
                if sum(one.file_size for one in held.infolist()) > _LARGEST:
                    raise ValueError("it is too large")
                about = json.loads(held.read("about.json"))
                values = np.load(io.BytesIO(held.read("values.npy")), allow_pickle=False)
            names = tuple(map(str, about["names"]))
            how = str(about["method"]), int(about["seed"])
            limits = float(about["threshold"]), float(about["rate"])
            made = cls(np.asarray(values, np.float32), names, *how, *limits, str(about["model"]))
            if (
                about["format"] != FORMAT
                or made.method not in METHODS
                or made.values.ndim != 2
                or made.values.shape[1] != len(names)
                or not np.isfinite(made.values).all()
            ):
                raise ValueError("it does not fit together")
        except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
            raise invalid("detector", expected=f"what novelty wrote in {file}",
                          received=said_by(error), remedy="Fit it again.") from None  # fmt: skip
        return made

    def in_order(self, names: Sequence[str], values: Floats, model: str = "") -> Floats:
        """Return the columns that this was fitted to, of a table that has others, too."""
        if model != self.model:
            mine, other = (
                f"those of model {one}" if one else "no learned ones" for one in (self.model, model)
            )
            expected = f"the features that the detector was fitted to, {mine}"
            raise invalid("features", expected=expected, received=other,
                          remedy="Encode these cells by the same model.")  # fmt: skip
        place = {name: k for k, name in enumerate(names)}
        missing = [name for name in self.names if name not in place]
        if missing:
            raise invalid("features", expected="the features that the detector was fitted to",
                          received=f"none called {some(missing)}",
                          remedy="Measure the same kinds, by the same model.")  # fmt: skip
        return values[:, [place[name] for name in self.names]]


def drift_words(scores: Floats, units: Sequence[str], fitted: Fitted) -> str:
    """Say where controls have more outliers, or fewer, than they had when a detector was fitted.

    Parameters
    ----------
    scores : ndarray (cells,)
        Of control cells of later plates.
    units : sequence of str
        Their wells.
    fitted : Fitted
        The detector.

    Examples
    --------
    >>> fitted = Fitted(np.zeros((9, 1), np.float32), ("a",), "mahalanobis", 0, 3.0, 0.05)
    >>> wells = ["a"] * 40 + ["b"] * 40 + ["c"] * 40
    >>> drift_words(np.tile(np.arange(40) * 0.2, 3), wells, fitted)[:45]
    'Controls have drifted: 60% of their cells are'
    >>> drift_words(np.tile(np.arange(40) / 13, 3), wells, fitted)
    ''
    """
    from scipy import stats

    names, of = np.unique(np.asarray(units, str), return_inverse=True)
    shares = np.array([(scores[of == k] > fitted.threshold).mean() for k in range(len(names))])
    mean = float(shares.mean())
    spread = float(shares.std(ddof=1)) if len(names) > 1 else 0.0
    # a share of few cells varies by itself
    chance = np.sqrt(fitted.rate * (1 - fitted.rate) / max(1.0, len(scores) / len(names)))
    error = max(spread, float(chance)) / np.sqrt(len(names))
    wide = float(stats.t.ppf(0.995, max(1, len(names) - 1))) if len(names) > 1 else 10.0
    if abs(mean - fitted.rate) <= max(wide * error, fitted.rate / 2):
        return ""
    return (
        f"Controls have drifted: {mean:.0%} of their cells are outliers of a detector that was "
        f"fitted so that {fitted.rate:.0%} are. Fit it to these controls, or look at the plates."
    )
