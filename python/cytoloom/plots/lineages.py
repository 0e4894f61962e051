"""Pictures of cells over time: lineage trees, paths, error rates of links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..components.arguments import checked
from .figures import _figure, _panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENDS = {"divided": "", "lost": "x", "left": ">", "movie": ""}
"""What marks how a cell ends."""
INK, SOFT, ALERT = "#22577a", "#b9bec1", "#c1121f"


def places(tracks: pd.DataFrame) -> dict[int, float]:
    """Return where each track of some lineages stands beside the others: daughters around mothers.

    Examples
    --------
    >>> import pandas as pd
    >>> places(pd.DataFrame({"track": [1, 2, 3], "parent": [0, 1, 1]}))
    {2: 0.0, 3: 1.0, 1: 0.5}
    """
    known = set(tracks["track"].tolist())
    daughters: dict[int, list[int]] = {}
    roots = []
    for track, parent in zip(tracks["track"].tolist(), tracks["parent"].tolist(), strict=True):
        if parent in known:
            daughters.setdefault(parent, []).append(track)
        else:
            roots.append(track)
    found: dict[int, float] = {}
    free = 0.0
    for root in roots:
        waiting = [(root, False)]
        while waiting:
            track, seen = waiting.pop()
            own = daughters.get(track, [])
            if own and not seen:
                waiting += [(track, True), *((one, False) for one in reversed(own))]
            elif own:
                found[track] = float(np.mean([found[one] for one in own]))
            else:
                found[track] = free
                free += 1
        free += 1
    return found


@checked
def tree(
    tracks: Any,
    *,
    hours_per_frame: float | None = None,
    title: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw lineages: a line for each cell, from top to bottom over time.

    Parameters
    ----------
    tracks : DataFrame
        Columns track, parent, frame_begin, frame_end, end; the tracks of one lineage or several.
    hours_per_frame : float, optional
        Time is drawn in hours; default in frames.
    title : str, default ""
        Above the picture.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure
        A cross where a cell is lost, an arrow head where it leaves the image.

    Examples
    --------
    >>> import pandas as pd
    >>> figure = tree(pd.DataFrame({"track": [1, 2, 3], "parent": [0, 1, 1],
    ...     "frame_begin": [0, 5, 5], "frame_end": [4, 9, 7],
    ...     "end": ["divided", "movie", "lost"]}))
    """
    at = places(tracks)
    scale = hours_per_frame or 1.0
    size = (min(14.0, max(4.0, 0.22 * (max(at.values(), default=0) + 2))), 5.0)
    figure, panel = _one(ax, size)
    rows = tracks.to_dict("records")
    ends = {row["track"]: row["frame_end"] for row in rows}
    for row in rows:
        x = at[row["track"]]
        begin = ends.get(row["parent"], row["frame_begin"])
        panel.plot([x, x], [begin * scale, row["frame_end"] * scale], color=INK, lw=1.2)
        if row["parent"] in at:
            panel.plot([at[row["parent"]], x], [begin * scale] * 2, color=INK, lw=1.2)
        mark = ENDS.get(row["end"], "")
        if mark:
            panel.plot([x], [row["frame_end"] * scale], mark, color=ALERT, ms=4)
    panel.invert_yaxis()
    panel.set_xticks([])
    panel.set_ylabel("hours" if hours_per_frame else "frame")
    for side in ("top", "right", "bottom"):
        panel.spines[side].set_visible(False)
    panel.set_title(title)
    return figure


@checked
def paths(
    y: ArrayLike,
    x: ArrayLike,
    frame: ArrayLike,
    track: ArrayLike,
    *,
    unit: str = "px",
    title: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw where cells went, from above, a line each, darker the later.

    Parameters
    ----------
    y, x : array (n,)
        Positions.
    frame, track : array (n,) of int
        When, and of which cell.
    unit : str, default "px"
        Of the axes.
    title : str, default ""
        Above the picture.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = paths([0, 1, 2], [0, 0, 1], [0, 1, 2], [1, 1, 1])
    """
    from matplotlib.collections import LineCollection

    y, x = np.asarray(y, float), np.asarray(x, float)
    frame, track = np.asarray(frame, float), np.asarray(track, float)
    order = np.lexsort([frame, track])
    y, x, frame, track = y[order], x[order], frame[order], track[order]
    same = track[1:] == track[:-1]
    ends = np.stack([np.stack([x[:-1], y[:-1]], 1), np.stack([x[1:], y[1:]], 1)], axis=1)[same]
    figure, panel = _one(ax, (6.0, 5.5))
    lines = LineCollection(list(ends), cmap="viridis_r", linewidths=1.0)
    lines.set_array(frame[1:][same])
    panel.add_collection(lines)
    panel.autoscale()
    panel.set_aspect("equal")
    panel.invert_yaxis()
    panel.set_xlabel(f"x ({unit})")
    panel.set_ylabel(f"y ({unit})")
    panel.set_title(title)
    figure.colorbar(lines, ax=panel, label="frame", shrink=0.8)
    return figure


@checked
def errors(
    frame: ArrayLike,
    wrong: ArrayLike,
    *,
    limit: float = 0.01,
    title: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw how likely each link is wrong, over time.

    Parameters
    ----------
    frame : array (n,) of int
        From which each link goes.
    wrong : array (n,) of float
        Probability that it is wrong.
    limit : float, default 0.01
        Above which links are worth a look.
    title : str, default ""
        Above the picture.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = errors([0, 1, 2], [1e-5, 0.2, 0.001])
    """
    frame, wrong = np.asarray(frame, float), np.asarray(wrong, float)
    shown = np.clip(wrong, 1e-5, 1)
    figure, panel = _one(ax, (7.0, 3.5))
    flagged = wrong > limit
    panel.plot(frame[~flagged], shown[~flagged], ".", color=SOFT, ms=3)
    panel.plot(frame[flagged], shown[flagged], ".", color=ALERT, ms=5)
    panel.axhline(limit, color=INK, lw=0.8, ls="--")
    panel.set_yscale("log")
    panel.set_ylim(7e-6, 1.4)
    panel.set_xlabel("frame")
    panel.set_ylabel("probability that a link is wrong")
    panel.set_title(title)
    return figure


def _one(ax: Axes | None, size: tuple[float, float]) -> tuple[Figure, Axes]:
    panel = _panels(1, 1, size)[0] if ax is None else ax
    return _figure(panel), panel
