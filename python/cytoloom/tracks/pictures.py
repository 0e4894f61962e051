"""Pictures of tracks, by kind.

`Tracks` draws itself by these, so it is not imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import invalid
from ..plots import lineages

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS: Mapping[str, tuple[str, ...]] = {
    "tree": ("cell", "n", "title"),
    "paths": ("recording", "title"),
    "errors": ("title",),
}


def picture(tracks: Any, kind: str, ax: Any, how: dict[str, Any]) -> Figure:
    """Draw tracks; the parameters are those of `Tracks.plot`."""
    if kind not in KINDS:
        raise invalid("kind", expected='"tree", "paths" or "errors"', received=kind)
    odd = [name for name in how if name not in KINDS[kind]]
    if odd:
        expected = f"for {kind} some of {', '.join(KINDS[kind])}"
        raise invalid("plot", expected=expected, received=", ".join(odd))
    return {"tree": _tree, "paths": _paths, "errors": _errors}[kind](tracks, ax=ax, **how)


def _tree(tracks: Any, ax: Any, cell: int | None = None, n: int = 8, title: str = "") -> Figure:
    if cell is not None:
        shown = tracks.tree(cell)
    else:
        order = tracks.lineages.sort_values(["divisions", "tracks"], ascending=False,
                                            kind="stable")  # fmt: skip
        roots = order["root"].head(int(n)).tolist()
        keep = {track for root in roots for track in tracks.tree(int(root))["track"]}
        shown = tracks.tracks[tracks.tracks["track"].isin(keep)]
    hours = None if tracks.minutes_per_frame is None else tracks.minutes_per_frame / 60
    return lineages.tree(shown, hours_per_frame=hours, title=title, ax=ax)


def _paths(tracks: Any, ax: Any, recording: str | None = None, title: str = "") -> Figure:
    at = tracks.positions
    known = list(dict.fromkeys(at["recording"]))
    recording = known[0] if recording is None else recording
    if recording not in known:
        raise invalid("recording", expected=f"one of {', '.join(known)}", received=recording)
    unit = "px" if tracks.spacing_um is None else "um"
    own = at[(at["recording"] == recording) & at["track"].notna()]
    return lineages.paths(own[f"y_{unit}"], own[f"x_{unit}"], own["frame"], own["track"],
                          unit=unit, title=title, ax=ax)  # fmt: skip


def _errors(tracks: Any, ax: Any, title: str = "") -> Figure:
    links = tracks.links[tracks.links["chosen"]]
    wrong = links["p_wrong"].to_numpy(float)
    if not np.isfinite(wrong).any():
        raise invalid("kind", expected='tracks of solver "optimal", for error rates',
                      received="none")  # fmt: skip
    return lineages.errors(links["frame_from"], wrong, title=title, ax=ax)
