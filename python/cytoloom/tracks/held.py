"""What a file of tracks holds, and what cannot be: two mothers of a cell, links within a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InvalidError, invalid
from ..messages import counted
from .found import axes_of
from .tracklets import WARNED, rows_at

CELL = "(cell)"
"""Of positions that a reader returns: whether each is taken for a cell; default all are."""
ENDS = ("frame_from", "object_from", "frame_to", "object_to")


@dataclass(frozen=True, eq=False)
class Held:
    """What a file holds.

    Parameters
    ----------
    positions : DataFrame
        frame, object, [z_px], y_px, x_px, perhaps recording, probability, `CELL` and more.
    links : DataFrame
        frame_from, object_from, frame_to, object_to, perhaps recording, chosen and more; in any
        direction, and of several mothers.
    spacing_um : tuple of float, optional
        Micrometres per pixel.
    minutes_per_frame : float, optional
        Time between frames.
    notes : tuple of str
        Sentences on what had to be guessed, or is not read.
    run : dict
        What else is worth keeping.
    assumed : bool, default False
        Whether positions are micrometres and nothing says how large a pixel is.
    """

    positions: pd.DataFrame
    links: pd.DataFrame
    spacing_um: tuple[float, ...] | None = None
    minutes_per_frame: float | None = None
    notes: tuple[str, ...] = ()
    run: Mapping[str, Any] = field(default_factory=dict)
    assumed: bool = False


def links_of(rows: Sequence[Sequence[int]]) -> pd.DataFrame:
    """Make a table of links of (frame_from, object_from, frame_to, object_to) each.

    Examples
    --------
    >>> links_of([(0, 1, 1, 2)]).to_dict("list")
    {'frame_from': [0], 'object_from': [1], 'frame_to': [1], 'object_to': [2]}
    """
    table = np.array(rows, np.int64).reshape(-1, 4)
    return pd.DataFrame(table, columns=list(ENDS))


def damaged(where: str, expected: str, received: str, remedy: str = "") -> InvalidError:
    """Return the error of a file that holds no tracks as it should."""
    return invalid(where, expected=expected, received=received, remedy=remedy)


def refuse_places(where: str, positions: pd.DataFrame) -> None:
    """Raise where a position is nowhere, or in no frame."""
    places = positions[[f"{axis}_px" for axis in axes_of(positions)]].to_numpy(float)
    lost = ~np.isfinite(places).all(axis=1)
    if lost.any():
        row = positions[lost].iloc[0]
        received = f"object {row['object']} of frame {row['frame']} at no number"
        raise damaged(where, "a place for each position", received)
    early = positions["frame"].to_numpy() < 0
    if early.any():
        received = f"frame {positions['frame'].to_numpy()[early][0]}"
        raise damaged(where, "frames that are counted from 0", received)


def settled(
    where: str,
    positions: pd.DataFrame,
    links: pd.DataFrame,
    spacing_um: Sequence[float] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Turn links forward in time, and leave each cell one mother.

    Parameters
    ----------
    where : str
        The file, for messages.
    positions, links : DataFrame
        Of one file, with recording; see `Held`.
    spacing_um : sequence of float, optional
        Micrometres per pixel: which mother is nearer is told in micrometres where they are known.

    Returns
    -------
    (DataFrame, DataFrame, list of str)
        Links with a column chosen; what is worth a look, as `Tracks.warnings`; and sentences. Of
        several mothers the nearest stays, of those alike the first; the links of others are not
        chosen.

    Raises
    ------
    InvalidError
        A link to what is no position.

    Examples
    --------
    >>> positions = pd.DataFrame({"recording": "a", "frame": [0, 0, 1], "object": [1, 2, 1],
    ...                           "y_px": [0.0, 9, 1], "x_px": 0.0})
    >>> links = links_of([(0, 1, 1, 1), (0, 2, 1, 1)]).assign(recording="a")
    >>> links, warnings, words = settled("a.xml", positions, links)
    >>> links["chosen"].tolist(), warnings[["kind", "value", "limit"]].values.tolist()
    ([True, False], [['merge', 8.0, 1.0]])
    >>> words
    ['1 cell has two mothers or more: the link of the nearest is kept, the others are in warnings']
    """
    links = _forward(links)
    chosen = links["chosen"].astype(bool).to_numpy() if "chosen" in links else None
    links["chosen"] = np.ones(len(links), bool) if chosen is None else chosen
    found, words = [], []
    within = (links["frame_from"] == links["frame_to"]).to_numpy()
    if within.any():
        odd = links[within]
        found.append(_rows(odd, "from", "link within a frame", odd["object_to"], np.nan,
                           lambda v: f"linked to object {v:.0f} of the same frame"))  # fmt: skip
        words.append(f"{counted(int(within.sum()), 'link')} within a frame cannot be of a cell "
                     "over time: left out, and in warnings")  # fmt: skip
        links = links[~within].reset_index(drop=True)
    source, target = rows_at(positions, links)
    _refuse_unknown(where, links, source, target)
    away = _distances(positions, source, target, spacing_um)
    merged = _merges(links, target, away)
    if len(merged):
        found.append(merged)
        cells = merged[["recording", "frame", "object"]].drop_duplicates()
        has = "has" if len(cells) == 1 else "have"
        words.append(f"{counted(len(cells), 'cell')} {has} two mothers or more: the link of the "
                     "nearest is kept, the others are in warnings")  # fmt: skip
    found += _worth_a_look(links, source)
    rows = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(WARNED))
    return links, rows, words


def _forward(links: pd.DataFrame) -> pd.DataFrame:
    """Return links from earlier to later, each once."""
    links = links.copy()
    back = (links["frame_from"] > links["frame_to"]).to_numpy()
    if back.any():
        for one, other in (("frame_from", "frame_to"), ("object_from", "object_to")):
            here, there = links[one].to_numpy(), links[other].to_numpy()
            links[one], links[other] = np.where(back, there, here), np.where(back, here, there)
    return links.drop_duplicates(["recording", *ENDS]).reset_index(drop=True)


def _refuse_unknown(
    where: str, links: pd.DataFrame, source: np.ndarray, target: np.ndarray
) -> None:
    for rows, end in ((source, "from"), (target, "to")):
        if (rows < 0).any():
            row = links[rows < 0].iloc[0]
            received = (f"one {end} object {row[f'object_{end}']} of frame {row[f'frame_{end}']}, "
                        "which is no position")  # fmt: skip
            raise damaged(where, "links between its positions", received)


def _distances(
    positions: pd.DataFrame,
    source: np.ndarray,
    target: np.ndarray,
    spacing_um: Sequence[float] | None,
) -> np.ndarray:
    places = positions[[f"{axis}_px" for axis in axes_of(positions)]].to_numpy(float)
    places = places * np.asarray(spacing_um or [1.0] * places.shape[1])
    away: np.ndarray = np.linalg.norm(places[target] - places[source], axis=1)
    return away


def _merges(links: pd.DataFrame, target: np.ndarray, away: np.ndarray) -> pd.DataFrame:
    """Take the choice from all links into a cell but the shortest one, and list these."""
    chosen = links["chosen"].to_numpy(bool)
    rows = np.flatnonzero(chosen)
    order = rows[np.lexsort((rows, away[rows], target[rows]))]
    other = np.zeros(len(order), bool)
    other[1:] = target[order[1:]] == target[order[:-1]]
    first = np.maximum.accumulate(np.where(other, 0, np.arange(len(order))))
    lost = order[other]
    links["chosen"] = chosen & ~np.isin(np.arange(len(links)), lost)
    out = _rows(links.iloc[lost], "to", "merge", away[lost], away[order[first[other]]],
                lambda v: f"a second mother {v:.3g} away, whose link is left out")  # fmt: skip
    mothers = [
        f", object {n} of frame {f}"
        for n, f in zip(
            links["object_from"].iloc[lost], links["frame_from"].iloc[lost], strict=True
        )
    ]
    out["words"] = [words + mother for words, mother in zip(out["words"], mothers, strict=True)]
    return out.sort_values(["recording", "frame", "object"], kind="stable")


def _worth_a_look(links: pd.DataFrame, source: np.ndarray) -> list[pd.DataFrame]:
    """List three daughters and more, and links over more than one frame: both are legal."""
    chosen = links["chosen"].to_numpy(bool)
    out = np.bincount(source[chosen], minlength=source.max(initial=0) + 1)
    first = np.zeros(len(links), bool)
    first[np.unique(np.where(chosen, source, -1), return_index=True)[1]] = True
    many = chosen & first & (out[source] > 2)
    gap = (links["frame_to"] - links["frame_from"]).to_numpy()
    far = chosen & (gap > 1)
    found = [
        _rows(links[many], "from", "three daughters", out[source[many]], 2,
              lambda v: f"{v:.0f} daughters"),
        _rows(links[far], "from", "missed frame", gap[far], 1,
              lambda v: "a cell was not found in a frame between: "
              f"{counted(int(v) - 1, 'frame')} missing"),
    ]  # fmt: skip
    return [one for one in found if len(one)]


def _rows(
    links: pd.DataFrame, end: str, kind: str, value: Any, limit: Any, words: Any
) -> pd.DataFrame:
    """Return rows of warnings about one end of links."""
    value = np.asarray(value, float)
    return pd.DataFrame({
        "recording": links["recording"].to_numpy(), "frame": links[f"frame_{end}"].to_numpy(),
        "object": links[f"object_{end}"].to_numpy(), "kind": kind, "value": value, "limit": limit,
        "words": [words(v) for v in value],
    })  # fmt: skip
