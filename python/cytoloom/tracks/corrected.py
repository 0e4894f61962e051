"""What somebody has looked at: links that are right, and links that are wrong."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..datasets.given import is_file
from ..errors import invalid
from ..messages import counted
from ..storage.spreadsheets import read_spreadsheet
from .graph import Graph, Ints
from .tracklets import FROM, TO, rows_at

RIGHT = "right"
KEYS = (*FROM, *TO[1:])
_YES, _NO = ("yes", "true", "1", "right", "y"), ("no", "false", "0", "wrong", "n")


@dataclass(frozen=True, eq=False)
class Corrections:
    """Links that somebody has looked at, as rows of the detections of one recording.

    Parameters
    ----------
    source, target : ndarray (links,) of int
        Detections.
    right : ndarray (links,) of bool
        Whether each is right.
    """

    source: Ints
    target: Ints
    right: np.ndarray


def read_corrections(given: Any) -> pd.DataFrame | None:
    """Read a table of links with a column that says which are right.

    Parameters
    ----------
    given : DataFrame, dict of columns or path, optional
        Columns frame_from, object_from, frame_to, object_to, right (yes or no; rows without are
        left out), and recording where there are several: what `Tracks.review` makes, filled in.

    Raises
    ------
    InvalidError
        Columns that are missing, words that are neither yes nor no, a link that is both.
    """
    if given is None:
        return None
    if is_file(given):
        path = Path(os.fspath(given)).expanduser()
        if not path.is_file():
            raise invalid("corrections", expected="a file that is there", received=str(path))
        table = read_spreadsheet(path)
    else:
        table = pd.DataFrame(given)
    missing = [name for name in (*KEYS[1:], RIGHT) if name not in table]
    if missing:
        raise invalid("corrections", expected=f"columns {', '.join(missing)}",
                      received=", ".join(map(str, table)))  # fmt: skip
    words = table[RIGHT].map(lambda v: "" if pd.isna(v) else str(v).strip().lower())
    words = words.str.removesuffix(".0")
    odd = ~words.isin(["", *_YES, *_NO])
    if odd.any():
        raise invalid("corrections", expected='yes or no in the column "right"',
                      received=str(table[RIGHT][odd].iloc[0]))  # fmt: skip
    told = table[words != ""].assign(right=words[words != ""].isin(_YES))
    if "recording" not in told:
        told = told.assign(recording="")
    for name in KEYS[1:]:
        told[name] = told[name].astype(int) if name != "recording" else told[name]
    told = told[[*KEYS, RIGHT]].drop_duplicates()
    both = told.duplicated(list(KEYS))
    if both.any():
        row = told[both].iloc[0]
        raise invalid("corrections", expected="each link right or wrong",
                      received=f"{_named(row)} as both")  # fmt: skip
    right = told[told[RIGHT]]
    twice = right.duplicated(["recording", *TO[1:]])
    if twice.any():
        row = right[twice].iloc[0]
        raise invalid("corrections", expected="one mother for each cell",
                      received=f"several right links into object {row['object_to']} of frame "
                      f"{row['frame_to']}")  # fmt: skip
    return told


def of_recording(table: pd.DataFrame | None, name: str, positions: pd.DataFrame) -> Corrections:
    """Return the corrections of one recording, as rows of its positions."""
    none = np.zeros(0, np.int64)
    if table is None or not len(table):
        return Corrections(none, none, np.zeros(0, bool))
    own = table[table["recording"].astype(str).isin(["", name])].assign(recording=name)
    source, target = rows_at(positions.assign(recording=name), own)
    lost = (source < 0) | (target < 0)
    if lost.any():
        raise invalid("corrections", expected="links between cells of the movie",
                      received=f"{_named(own[lost].iloc[0])}, which is in no row"
                      f"{'' if lost.sum() == 1 else f', and {lost.sum() - 1} more'}")  # fmt: skip
    return Corrections(source, target, own[RIGHT].to_numpy(bool))


def corrected(graph: Graph, said: Corrections) -> Graph:
    """Return a graph in which right links have to be chosen and wrong ones cannot be.

    Examples
    --------
    >>> graph = Graph.of([0, 1, 1], [0, 5, 5], [5, 0, 0], source=[0, 0], target=[1, 2],
    ...                  cost=[1.0, 2.0])
    >>> found = corrected(graph, Corrections(np.array([0]), np.array([2]), np.array([True])))
    >>> found.source.tolist(), found.target.tolist()
    ([0], [2])
    """
    if not len(said.source):
        return graph
    n = graph.count
    right = said.right
    mother = np.full(n, -1)
    mother[said.target[right]] = said.source[right]
    daughters = np.bincount(said.source[right], minlength=n)
    wrong = set(zip(said.source[~right].tolist(), said.target[~right].tolist(), strict=True))

    def fits(source: Ints, target: Ints) -> np.ndarray:
        """Whether an edge is not said to be wrong, nor leads into what comes from elsewhere."""
        known = mother[target]
        ok = (known < 0) | (known == source)
        if wrong:
            ok &= np.array([pair not in wrong for pair in
                            zip(source.tolist(), target.tolist(), strict=True)], bool)  # fmt: skip
        return ok

    have = set(zip(graph.source.tolist(), graph.target.tolist(), strict=True))
    more = [(a, b) for a, b in zip(said.source[right].tolist(), said.target[right].tolist(),
                                   strict=True) if (a, b) not in have]  # fmt: skip
    pairs = set(zip(graph.mother.tolist(), graph.first.tolist(), graph.second.tolist(),
                    strict=True))  # fmt: skip
    split = []
    for m in np.flatnonzero(daughters == 2).tolist():
        a, b = sorted(said.target[right][said.source[right] == m].tolist())
        if (m, a, b) not in pairs and (m, b, a) not in pairs:
            split.append((m, a, b))
    if (daughters > 2).any():
        raise invalid(
            "corrections",
            expected="two daughters at most",
            received=f"{counted(int(daughters.max()), 'right link')} out of one cell",
        )
    graph = replace(
        graph,
        source=np.append(graph.source, [a for a, _ in more]).astype(np.int64),
        target=np.append(graph.target, [b for _, b in more]).astype(np.int64),
        cost=np.append(graph.cost, [0.0] * len(more)),
        mother=np.append(graph.mother, [one[0] for one in split]).astype(np.int64),
        first=np.append(graph.first, [one[1] for one in split]).astype(np.int64),
        second=np.append(graph.second, [one[2] for one in split]).astype(np.int64),
        split=np.append(graph.split, [0.0] * len(split)),
    )
    # out of what has right links, only these: one alone, or with a sister; two together
    link = fits(graph.source, graph.target)
    link &= (daughters[graph.source] == 0) | (
        (daughters[graph.source] == 1) & (mother[graph.target] == graph.source))  # fmt: skip
    pair = fits(graph.mother, graph.first) & fits(graph.mother, graph.second)
    own = (mother[graph.first] == graph.mother).astype(int) + (
        mother[graph.second] == graph.mother)  # fmt: skip
    pair &= own >= daughters[graph.mother]
    graph = graph.without(~link, ~pair)
    # what has a right link does not begin, or end, there, and is a cell
    begins, ends = mother >= 0, daughters > 0
    return replace(
        graph,
        enter=np.where(begins, np.inf, graph.enter),
        leave=np.where(ends, np.inf, graph.leave),
        absent=np.where(begins | ends, np.inf, graph.absent),
    )


def _named(row: Any) -> str:
    return (f"object {row['object_from']} of frame {row['frame_from']} to object "
            f"{row['object_to']} of frame {row['frame_to']}")  # fmt: skip
