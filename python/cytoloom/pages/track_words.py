"""What the page of tracks says in words."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

import numpy as np

from ..messages import counted
from ..tracks.found import Tracks
from ..tracks.warned import KINDS
from ..version import __version__
from .rows import shown_number
from .words import SOFTWARE

HIGHS = (
    "Huangfu, Q. & Hall, J. A. J. (2018). Parallelizing the dual revised simplex method. "
    "Mathematical Programming Computation 10, 119-142. doi:10.1007/s12532-017-0130-5"
)
ENDS = {
    "divided": "the cell divided",
    "movie": "the movie ended",
    "left": "it left the image",
    "lost": "it is lost within the image",
}
OF_FILES = {
    "merge": "a second mother in the file, whose link is left out",
    "link within a frame": "a link in the file between cells of one frame, left out",
}
SOLVERS = {
    "optimal": "by the cheapest solution of all frames together, found by linear programming",
    "lap": "frame by frame, by linear assignment",
    "nearest": "frame by frame, each other's nearest",
}
PICTURES = {
    "tree": (
        "Lineage trees",
        "The lineages with most divisions; a cross is where a cell is lost, an arrow head where it "
        "leaves the image.",
    ),
    "errors": ("How likely links are wrong, over time", "How likely links are wrong, over time."),
    "paths": ("The paths of cells, from above", "The paths of cells, from above"),
}


def figures(tracks: Tracks, flagged: int) -> list[tuple[str, str]]:
    """Return the few numbers that stand at the top, each with what it is."""
    links = int(tracks.links["chosen"].sum())
    divisions = int((tracks.tracks["end"] == "divided").sum())
    found = [(len(tracks.tracks), "track"), (divisions, "division"),
             (len(tracks.lineages), "lineage"), (links, "link")]  # fmt: skip
    made = [(shown_number(n), what if n == 1 else f"{what}s") for n, what in found]
    rated = tracks.links["p_wrong"].notna().any()
    return [*made, *([(shown_number(flagged), "to look at")] if rated else [])]


def summary(tracks: Tracks) -> list[str]:
    """Return sentences on what was linked, and how sure that is."""
    at = tracks.positions
    frames = int(at.groupby("recording")["frame"].agg(lambda f: f.max() - f.min() + 1).sum())
    movies = at["recording"].nunique()
    where = counted(frames, "frame") + (f" of {movies} recordings" if movies > 1 else "")
    said = [f"{shown_number(len(at))} positions in {where}."]
    none = int(at["track"].isna().sum())
    if none:
        said.append(f"{counted(none, 'position')} taken for no cell.")
    wrong = tracks.links.loc[tracks.links["chosen"], "p_wrong"].to_numpy(float)
    if np.isfinite(wrong).any():
        flagged = int((wrong > 0.01).sum())
        left = float(np.nansum(wrong[wrong <= 0.01]))
        said.append(
            f"{counted(flagged, 'link')} more than 1 % likely to be wrong, of which "
            f"{np.nansum(wrong) - left:.1f} are expected to be; among all others {left:.1f}."
        )
    else:
        said.append('These tracks have no error rates: the solver "optimal" gives them.')
    return said


def of_kind(kind: str) -> str:
    """Say what a kind of warning means."""
    return KINDS.get(kind, OF_FILES.get(kind, ""))


def of_picture(kind: str, tracks: Tracks) -> tuple[str, str]:
    """Say what a picture shows: for those who do not see it, and below it."""
    alt, words = PICTURES[kind]
    if kind == "paths":
        several = tracks.positions["recording"].nunique() > 1
        return alt, f"{words}, of the first recording." if several else f"{words}."
    return alt, words


def methods(tracks: Tracks) -> str:
    """Return a paragraph for the methods of a paper."""
    version = tracks.run.get("version", __version__)
    asked = tracks.run.get("settings", {})
    if tracks.run.get("verb") != "track":
        return f"Tracks were read and checked with cytoloom {version}."
    solver = asked.get("solver", "optimal")
    text = (
        f"Cells were linked with cytoloom {version} {SOLVERS.get(solver, solver)}. Costs are minus "
        "the logarithm of how likely steps, changes of size, divisions, missed frames, and cells "
        "that appear or are lost are, which was learned from the movie itself."
    )
    if solver == "optimal":
        text += (
            " The probability of a link to be wrong is 1 / (1 + exp(m)), where m is by how much "
            "the best solution without it is dearer."
        )
    if asked.get("corrections"):
        text += f" {counted(asked['corrections'], 'link')} had been looked at by a person."
    return text


def citations(tracks: Tracks) -> list[str]:
    """Return what to cite."""
    solver = tracks.run.get("settings", {}).get("solver")
    software = SOFTWARE.format(tracks.run.get("version", __version__))
    return [software, *([HIGHS] if solver == "optimal" else [])]


def settings(tracks: Tracks) -> list[tuple[str, str]]:
    """Return how the results were made, a line per subject."""
    asked = tracks.run.get("settings", {})
    made = [(name, _told(value)) for name, value in asked.items() if value not in (None, {})]
    if tracks.spacing_um is not None:
        made.append(("pixel size", " x ".join(f"{one:g}" for one in tracks.spacing_um) + " um"))
    if tracks.minutes_per_frame is not None:
        made.append(("time between frames", f"{tracks.minutes_per_frame:g} minutes"))
    by = f"cytoloom {__version__}, Python {platform.python_version()}"
    made += [("cytoloom", str(tracks.run.get("version", __version__)))]
    return [*made, ("this page", f"{by}, Jinja2 {metadata.version('jinja2')}")]


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_told(one)}" for name, one in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
