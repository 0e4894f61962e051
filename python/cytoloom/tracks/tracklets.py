"""Tables of what was linked: tracks between divisions, lineages from their first cell on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .graph import Ints

KEY = ("recording", "frame", "object")
FROM, TO = ("recording", "frame_from", "object_from"), ("recording", "frame_to", "object_to")
TRACKS = ("recording", "track", "parent", "frame_begin", "frame_end", "end", "positions")
LINEAGES = ("recording", "lineage", "root", "tracks", "divisions", "p_wrong")
WARNED = ("recording", "frame", "object", "kind", "value", "limit", "words")
ENDS = ("divided", "lost", "left", "movie")


def rows_at(positions: pd.DataFrame, links: pd.DataFrame) -> tuple[Ints, Ints]:
    """Return in which rows of the positions each link begins and ends, -1 where in none.

    Examples
    --------
    >>> positions = pd.DataFrame({"recording": "a", "frame": [0, 1], "object": [7, 3]})
    >>> links = pd.DataFrame({"recording": "a", "frame_from": [0], "object_from": [7],
    ...                       "frame_to": [1], "object_to": [3]})
    >>> [rows.tolist() for rows in rows_at(positions, links)]
    [[0], [1]]
    """
    index = pd.MultiIndex.from_frame(positions[list(KEY)])
    found = [
        index.get_indexer(pd.MultiIndex.from_frame(links[list(names)], names=list(KEY)))
        for names in (FROM, TO)
    ]
    return found[0].astype(np.int64), found[1].astype(np.int64)


def chains(count: int, source: Ints, target: Ints) -> tuple[Ints, Ints]:
    """Tell the chains of detections that links make, and from which chain each one comes.

    Parameters
    ----------
    count : int
        Detections, in the order of their frames.
    source, target : ndarray of int
        Links; a detection with more than one out of it divides, and its chain ends there.

    Returns
    -------
    (ndarray (count,), ndarray (chains,))
        The chain of each detection, from 0 in the order in which they begin, and the chain that
        each comes from, -1 where from none.

    Examples
    --------
    >>> [found.tolist() for found in chains(4, np.array([0, 1, 1]), np.array([1, 2, 3]))]
    [[0, 0, 1, 2], [-1, 0, 0]]
    """
    out = np.bincount(source, minlength=count)
    before = np.full(count, -1)
    before[target] = source
    chain, parent = np.full(count, -1), []
    for k in range(count):
        at = before[k]
        if at >= 0 and out[at] == 1:
            chain[k] = chain[at]
        else:
            chain[k] = len(parent)
            parent.append(chain[at] if at >= 0 else -1)
    return chain, np.array(parent, np.int64)


def tables(
    positions: pd.DataFrame, links: pd.DataFrame, kept: np.ndarray | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return positions with their track, the tracks, and the lineages.

    Parameters
    ----------
    positions : DataFrame
        Sorted by recording and frame, with columns recording, frame, object; perhaps ``leaving``,
        whether what ends there may have left the image.
    links : DataFrame
        Those that were chosen: recording, frame_from, object_from, frame_to, object_to, p_wrong.
    kept : ndarray of bool, optional
        Which positions are cells; the others have no track.
    """
    kept = np.ones(len(positions), bool) if kept is None else kept
    source, target = rows_at(positions, links)
    chain, parent = chains(len(positions), source, target)
    used = np.unique(chain[kept])
    number = np.zeros(len(parent) + 1, np.int64)
    number[used] = np.arange(1, len(used) + 1)
    track = pd.array(np.where(kept, number[chain], 0), dtype="Int64")
    track[~kept] = pd.NA
    out = np.bincount(source, minlength=len(positions))
    begin = np.full(len(parent), -1)
    end = np.full(len(parent), -1)
    rows = np.flatnonzero(kept)
    begin[chain[rows[::-1]]] = rows[::-1]
    end[chain[rows]] = rows
    begin, end = begin[used], end[used]
    frame = positions["frame"].to_numpy()
    recording = positions["recording"].to_numpy()
    last = positions.groupby("recording", sort=False)["frame"].transform("max").to_numpy()
    leaving = positions["leaving"].to_numpy(bool) if "leaving" in positions else None
    how = np.full(len(used), "lost", object)
    if leaving is not None:
        how[leaving[end]] = "left"
    how[frame[end] == last[end]] = "movie"
    how[out[end] > 1] = "divided"
    found = pd.DataFrame({
        "recording": recording[begin], "track": np.arange(1, len(used) + 1),
        "parent": number[parent[used]], "frame_begin": frame[begin], "frame_end": frame[end],
        "end": how, "positions": np.bincount(number[chain[rows]] - 1, minlength=len(used)),
    })  # fmt: skip
    placed = positions.drop(columns=[*({"track"} & set(positions))])
    placed.insert(3, "track", track)
    return placed, found, _lineages(found, links, number[chain[source]])


def _lineages(tracks: pd.DataFrame, links: pd.DataFrame, of: Ints) -> pd.DataFrame:
    parent = tracks["parent"].to_numpy()
    root = np.arange(1, len(parent) + 1)
    # parents begin before their daughters, but need not be numbered before them in all files
    for k in np.argsort(tracks["frame_begin"].to_numpy(), kind="stable"):
        if parent[k]:
            root[k] = root[parent[k] - 1]
    roots, lineage = np.unique(root, return_inverse=True)
    divided = (tracks["end"] == "divided").to_numpy()
    wrong = links["p_wrong"].to_numpy(float) if "p_wrong" in links else np.full(len(links), np.nan)
    right = np.zeros(len(roots))
    np.add.at(right, lineage[of - 1], np.log1p(-np.minimum(wrong, 1 - 1e-12)))
    return pd.DataFrame({
        "recording": tracks["recording"].to_numpy()[roots - 1],
        "lineage": np.arange(1, len(roots) + 1), "root": roots,
        "tracks": np.bincount(lineage, minlength=len(roots)),
        "divisions": np.bincount(lineage, weights=divided, minlength=len(roots)).astype(int),
        "p_wrong": -np.expm1(right),
    })  # fmt: skip
