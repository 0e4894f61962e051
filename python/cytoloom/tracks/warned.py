"""What of the tracks is worth a look: short cycles, sudden growth, fast moves, tracks that end.

By a word for each, with limits that can be set; OrganoidTracker's error codes are among them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ..errors import invalid
from ..messages import counted
from .suspected import Seen, suspected
from .tracklets import WARNED, rows_at

LIMITS = {
    "max_error": 0.01,
    "shortest_cycle_h": 10.0,
    "fastest_um_per_min": 10.0,
    "grows": 1.5,
    "min_probability": 0.1,
    "shortest_track": 3,
    "min_link": 0.1,
    "likely_link": 0.5,
    "min_division": 0.1,
    "likely_division": 0.5,
}
"""Links more likely to be wrong than this; hours between divisions; micrometres a minute; times the
size of the frame before; of being a cell at all; frames of a track that ends before the movie; of a
link that was chosen, by itself; of one that was not; of a division; of one that is not there."""
KINDS = {
    "uncertain link": "a link that may be wrong",
    "unlikely link": "a link that looks wrong by itself",
    "missed division": "a cell that may have divided",
    "unlikely division": "a division that does not look like one",
    "three daughters": "a cell with more than two daughters",
    "possible merge": "two cells that may have become one",
    "short cell cycle": "two divisions shortly after each other",
    "moved fast": "a cell moved further than cells do",
    "changed size": "a cell grew or shrank within a frame",
    "uncertain position": "a position that may be no cell",
    "no cell": "a position that was taken for no cell",
    "track ends": "a cell is lost within the image",
    "appears": "a cell appears within the image",
    "missed frame": "a cell was not found in a frame between",
    "short track": "a track of few frames",
}
"""What each kind of warning means."""
OF_FILES = ("merge", "link within a frame")
"""Kinds that only what reads tracks can know: of links that `Tracks` do not have."""


def warnings_of(tracks: Any, limits: Mapping[str, float] | None = None) -> pd.DataFrame:
    """List what is worth a look.

    Parameters
    ----------
    tracks : Tracks
        What was linked.
    limits : dict, optional
        Others than the usual: max_error (0.01), shortest_cycle_h (10), fastest_um_per_min (10),
        grows (1.5, times), min_probability (0.1), shortest_track (3 frames), min_link (0.1),
        likely_link (0.5), min_division (0.1), likely_division (0.5).

    Returns
    -------
    DataFrame
        recording, frame, object, kind, value, limit, words; by recording and frame. What needs
        micrometres or minutes, or a column division_probability of the positions, is listed only
        where these are known.

    Raises
    ------
    InvalidError
        A limit that there is not.

    Examples
    --------
    >>> import cytoloom as cl
    >>> positions = pd.DataFrame({"frame": [0, 1, 2, 3], "object": 1, "y_px": 5.0, "x_px": 5.0})
    >>> links = pd.DataFrame({"frame_from": [0, 1], "object_from": 1, "frame_to": [1, 3],
    ...                       "object_to": 1, "p_wrong": [0.001, 0.3]})
    >>> found = warnings_of(cl.Tracks.of(positions, links))
    >>> found[["frame", "kind", "value"]].head(2)
       frame            kind  value
    0      1    missed frame    2.0
    1      1  uncertain link    0.3
    """
    used = _limits(limits)
    at = tracks.positions
    links = tracks.links[tracks.links["chosen"]]
    source, target = rows_at(at, links)
    found: list[pd.DataFrame] = []

    def add(
        kind: str, rows: Any, value: Any, limit: float, words: Callable[[Any], str] | list[str]
    ) -> None:
        own = at.iloc[rows][["recording", "frame", "object"]]
        value = np.asarray(value, float)
        told = [words(v) for v in value] if callable(words) else words
        said = [f"{KINDS[kind]}: {text}" for text in told]
        found.append(own.assign(kind=kind, value=value, limit=limit, words=said))

    wrong = links["p_wrong"].to_numpy(float)
    bad = wrong > used["max_error"]
    add("uncertain link", source[bad], wrong[bad], used["max_error"],
        lambda v: f"wrong with a probability of {v:.2g}")  # fmt: skip
    alone = links["probability"].to_numpy(float)
    odd = alone < used["min_link"]
    add("unlikely link", source[odd], alone[odd], used["min_link"],
        lambda v: f"right with a probability of {v:.2g}, others not considered")  # fmt: skip
    for one in suspected(_seen(tracks, source, target), used):
        add(one.kind, one.rows, one.value, used.get(one.limit, 2), one.words)
    gap = (links["frame_to"] - links["frame_from"]).to_numpy()
    add(
        "missed frame",
        source[gap > 1],
        gap[gap > 1],
        1,
        lambda v: f"{counted(int(v) - 1, 'frame')} missing",
    )
    _moves(tracks, source, target, gap, used, add)
    _sizes(at, links, source, target, used, add)
    p = at["probability"].to_numpy(float)
    has_track = at["track"].notna().to_numpy()
    low = has_track & (p < used["min_probability"])
    add("uncertain position", np.flatnonzero(low), p[low], used["min_probability"],
        lambda v: f"a cell with a probability of {v:.2g}")  # fmt: skip
    add("no cell", np.flatnonzero(~has_track), p[~has_track], float("nan"),
        lambda v: "linked to nothing is likelier")  # fmt: skip
    _tracks(tracks, used, add)
    whole = pd.concat([one for one in found if len(one)] or found[:1], ignore_index=True)
    order = ["recording", "frame", "object", "kind"]
    return whole.sort_values(order, kind="stable")[list(WARNED)].reset_index(drop=True)


def _limits(given: Mapping[str, float] | None) -> dict[str, float]:
    """Return all limits, those that were given in their place."""
    used = {**LIMITS, **(given or {})}
    odd = [name for name in used if name not in LIMITS]
    if odd:
        raise invalid("limits", expected=f"some of {', '.join(LIMITS)}", received=", ".join(odd))
    return used


def _seen(tracks: Any, source: Any, target: Any) -> Seen:
    links = tracks.links
    one = ~links["chosen"] & (links["frame_to"] - links["frame_from"] == 1)
    others = links[one]
    return Seen(tracks.positions, source, target, *rows_at(tracks.positions, others),
                others["probability"].to_numpy(float))  # fmt: skip


def _moves(
    tracks: Any, source: Any, target: Any, gap: Any, used: Mapping[str, float], add: Any
) -> None:
    if tracks.minutes_per_frame is None or tracks.spacing_um is None:
        return
    places = tracks.positions[[f"{axis}_um" for axis in tracks.axes]].to_numpy(float)
    away = np.linalg.norm(places[target] - places[source], axis=1)
    speed = away / (gap * tracks.minutes_per_frame)
    fast = speed > used["fastest_um_per_min"]
    add("moved fast", source[fast], speed[fast], used["fastest_um_per_min"],
        lambda v: f"{v:.3g} um a minute")  # fmt: skip


def _sizes(
    at: pd.DataFrame, links: pd.DataFrame, source: Any, target: Any, used: Mapping[str, float],
    add: Any,
) -> None:  # fmt: skip
    if "area_px" not in at:
        return
    size = at["area_px"].to_numpy(float)
    times = size[target] / size[source]
    odd = (np.maximum(times, 1 / times) > used["grows"]) & ~links["division"].to_numpy(bool)
    add("changed size", source[odd], times[odd], used["grows"],
        lambda v: f"{v:.2f} times its size in the next")  # fmt: skip


def _tracks(tracks: Any, used: Mapping[str, float], add: Any) -> None:
    at, table = tracks.positions, tracks.tracks
    own = at[at["track"].notna()]
    rows = pd.Series(own.index, index=own["track"].astype(int))
    first, last = rows.groupby(level=0).first(), rows.groupby(level=0).last()
    frames = at.groupby("recording")["frame"]
    begin = table["recording"].map(frames.min()).to_numpy()
    length = (table["frame_end"] - table["frame_begin"] + 1).to_numpy()
    alone = (table["parent"] == 0).to_numpy()
    lost = (table["end"] == "lost").to_numpy()
    numbers = table["track"].to_numpy()
    add("track ends", last.loc[numbers[lost]].to_numpy(), length[lost], float("nan"),
        lambda v: f"after {v:.0f} frames")  # fmt: skip
    entering = at["leaving"].to_numpy(bool) if "leaving" in at else np.zeros(len(at), bool)
    new = alone & (table["frame_begin"].to_numpy() > begin)
    new &= ~entering[first.loc[numbers].to_numpy()] if len(numbers) else new
    add("appears", first.loc[numbers[new]].to_numpy(), length[new], float("nan"),
        lambda v: f"for {v:.0f} frames")  # fmt: skip
    short = (length < used["shortest_track"]) & (table["end"] != "movie").to_numpy()
    short &= table["frame_begin"].to_numpy() > begin
    add("short track", first.loc[numbers[short]].to_numpy(), length[short], used["shortest_track"],
        lambda v: f"{v:.0f} frames")  # fmt: skip
    if tracks.minutes_per_frame is None:
        return
    hours = length * tracks.minutes_per_frame / 60
    quick = ~alone & (table["end"] == "divided").to_numpy() & (hours < used["shortest_cycle_h"])
    add("short cell cycle", last.loc[numbers[quick]].to_numpy(), hours[quick],
        used["shortest_cycle_h"], lambda v: f"{v:.2g} hours")  # fmt: skip


def warned_anew(tracks: Any, limits: Mapping[str, float] | None = None) -> Any:
    """Return tracks with warnings by these limits; see `Tracks.warned`."""
    known = tracks.warnings[tracks.warnings["kind"].isin(OF_FILES)]
    found = [one for one in (known, warnings_of(tracks, limits)) if len(one)]
    table = pd.concat(found, ignore_index=True) if found else tracks.warnings[:0]
    table = table.sort_values(["recording", "frame", "object", "kind"], kind="stable")
    return replace(tracks, warnings=table.reset_index(drop=True))
