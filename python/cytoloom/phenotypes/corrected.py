"""Features as screeners want them: beside the controls of the plate, sphered, none twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import invalid
from ..messages import Argument, counted, one_of, say
from .detectors import Scaler, need_sklearn
from .table import controls_of, plates_of

if TYPE_CHECKING:
    import pandas as pd

Corrected = Literal["robust-z", "sphered"]
CORRECTIONS = "robust-z", "sphered"
ALIKE = 0.9
"""Correlation from which one of two features is left out."""
LEAST = 3
"""Control cells of a plate from which on they tell a median and a spread."""
Floats = NDArray[np.float64]


def corrected(
    table: pd.DataFrame, names: list[str], controls: Any, how: str
) -> tuple[pd.DataFrame, list[str]]:
    """Hold the features of each plate against those of its own controls.

    Parameters
    ----------
    table : DataFrame
        A row per cell.
    names : list of str
        The columns that are features.
    controls : str, list of str or dict
        Which cells are controls, as in `controls_of`.
    how : {"robust-z", "sphered"}
        "robust-z": less the median of the plate's controls, over their median distance from it
        times 1.4826. "sphered": then all directions are made as wide as in controls and
        uncorrelated, turned as little as possible (ZCA-cor: Kessy et al. 2018,
        doi:10.1080/00031305.2016.1277159), by the correlations of all controls, shrunk by Ledoit
        and Wolf so that directions that hardly vary are not blown up.

    Returns
    -------
    (DataFrame, list of str)
        The table, and its features; one that does not vary among the controls of a plate is gone.

    Raises
    ------
    InvalidError
        No controls, or fewer than three on a plate.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"well": ["A01"] * 4, "control": ["neg"] * 3 + [None],
    ...                       "shape_area_px": [1.0, 2, 3, 9]})
    >>> found, names = corrected(cells, ["shape_area_px"], "neg", "robust-z")
    >>> found["shape_area_px"].round(2).tolist()
    [-0.67, 0.0, 0.67, 4.72]
    """
    refuse_correction(how, controls)
    own, plates = controls_of(table, controls), plates_of(table)
    values = table[names].to_numpy(float)
    scaled, kept = np.empty_like(values), np.ones(len(names), bool)
    for plate in np.unique(plates):
        among = plates == plate
        if (count := int((among & own).sum())) < LEAST:
            where = f" on plate {plate}" if plate else ""
            raise invalid("controls", expected=f"{LEAST} control cells or more on every plate",
                          received=f"{count}{where}")  # fmt: skip
        scaler = Scaler.of(values[among & own])
        kept &= scaler.kept
        spread = np.where(scaler.kept, scaler.spread, 1.0)
        scaled[among] = (values[among] - scaler.middle) / spread
    scaled = scaled[:, kept]
    left = [name for name, one in zip(names, kept, strict=True) if one]
    if how == "sphered" and left:
        scaled = sphered(scaled, own)
    made = table.drop(columns=names)
    for k, name in enumerate(left):
        made[name] = scaled[:, k]
    return made, left


def refuse_correction(how: Any, controls: Any) -> None:
    """Refuse a correction that there is not, or one by controls where there are none."""
    if how is None:
        return
    if how not in CORRECTIONS:
        raise invalid("corrected", expected=one_of(CORRECTIONS), received=how)
    if controls is None:
        expected = say("cells that were gathered with {}", Argument("controls"))
        raise invalid("corrected", expected=expected, received="none that are controls")


def sphered(values: Floats, controls: NDArray[np.bool_]) -> Floats:
    """Make features of controls uncorrelated and equally wide, turned as little as possible.

    Parameters
    ----------
    values : ndarray (cells, features)
        Of all cells.
    controls : ndarray of bool (cells,)
        Whose correlations these are; shrunk by Ledoit and Wolf.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> one = rng.normal(size=(500, 1))
    >>> both = np.hstack([one, one + 0.5 * rng.normal(size=(500, 1))])
    >>> np.corrcoef(sphered(both, np.ones(500, bool)).T).round(1).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    need_sklearn()
    from sklearn.covariance import LedoitWolf

    own = values[controls]
    middle, spread = own.mean(axis=0), np.maximum(own.std(axis=0), 1e-12)
    standard = (values - middle) / spread
    found = LedoitWolf(assume_centered=True).fit(standard[controls])
    wide, axes = np.linalg.eigh(found.covariance_)
    turn = axes @ np.diag(1 / np.sqrt(np.maximum(wide, 1e-12))) @ axes.T
    return np.asarray(standard @ turn)


def selected(values: Floats, names: list[str], alike: float = ALIKE) -> list[str]:
    """Return features that vary, without those that say what another says.

    Of two whose correlation is above `alike`, either way, that is left out which is more correlated
    with all others.

    Parameters
    ----------
    values : ndarray (cells, features)
        Of all cells.
    names : list of str
        Of the features.
    alike : float, default 0.9
        The correlation.

    Examples
    --------
    >>> x = np.arange(9.0)
    >>> values = np.stack([x, 2 * x, x % 2, x * 0], axis=1)
    >>> selected(values, ["a", "b", "c", "d"])
    ['b', 'c']
    """
    finite = np.nan_to_num(values)
    spread = finite.std(axis=0)
    varying = np.flatnonzero(spread > 1e-9 * np.maximum(1.0, np.abs(finite.mean(axis=0))))
    if len(varying) < 2:
        return [names[k] for k in varying]
    much = np.abs(np.corrcoef(finite[:, varying].T))
    left = np.ones(len(varying), bool)
    np.fill_diagonal(much, 0)
    order = np.argsort(-much, axis=None, kind="stable")
    total = much.sum(axis=0)
    for a, b in zip(*np.unravel_index(order, much.shape), strict=True):
        if much[a, b] <= alike:
            break
        if left[a] and left[b]:
            left[a if total[a] >= total[b] else b] = False
    return [names[k] for k, one in zip(varying, left, strict=True) if one]


def mended(
    table: pd.DataFrame, names: list[str], controls: Any, how: str | None, select: bool
) -> tuple[pd.DataFrame, str]:
    """Correct and select as was asked for; return the table and what was done, in words."""
    left, said = names, []
    if how is not None:
        table, left = corrected(table, names, controls, how)
        if len(left) < len(names):
            said.append(f"{counted(len(names) - len(left), 'feature')} that do not vary among "
                        "controls are left out")  # fmt: skip
    if select:
        kept = selected(table[left].to_numpy(float), left)
        if len(kept) < len(left):
            said.append(f"{counted(len(left) - len(kept), 'feature')} that say what others say are "
                        "left out")  # fmt: skip
        table = table.drop(columns=[name for name in left if name not in kept])
    return table, "; ".join(said)
