"""Tracks: positions, links with their error rates, and what they make."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import invalid
from ..messages import counted
from ..storage.results import RUNS, put_in_place, staged, write_run
from .tracklets import FROM, KEY, TO, WARNED, rows_at, tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .scores import TrackScores

POSITIONS, LINKS, TRACKS, LINEAGES, WARNINGS = (
    "positions.csv", "links.csv", "tracks.csv", "lineages.csv", "track_warnings.csv",
)  # fmt: skip
FILES = (POSITIONS, LINKS, LINEAGES, WARNINGS, RUNS["track"], TRACKS)
"""The last is that by which such results are known."""
AXES = ("z", "y", "x")


@dataclass(frozen=True, eq=False)
class Tracks:
    """Cells over time: where they are, and which is which.

    Attributes
    ----------
    positions : DataFrame
        A row per detection: recording, frame (from 0), object (its number in the frame, that of its
        label), track (missing where it is taken for no cell), z_px (3-D only), y_px, x_px, z_um,
        y_um, x_um (empty where the size of pixels is not known), probability, and what else is
        known of it.
    links : DataFrame
        A row per candidate: recording, frame_from, object_from, frame_to, object_to, probability
        (of the link alone), p_wrong (of one that was chosen: the probability that it is wrong, all
        others considered), chosen, division (whether it leads to a daughter).
    tracks : DataFrame
        A row per cell, from division to division: recording, track, parent (0: none), frame_begin,
        frame_end, end ("divided", "left" the image, "lost", or the "movie" ended), positions.
    lineages : DataFrame
        A row per cell that comes from no other: recording, lineage, root (its track), tracks,
        divisions, p_wrong (that any link of it is wrong).
    warnings : DataFrame
        What is worth a look: recording, frame, object, kind, value, limit, words.
    spacing_um : tuple of float or None
        Micrometres per pixel, (y, x) or (z, y, x).
    minutes_per_frame : float or None
        Time between frames.
    run : dict
        What made this: version and settings.
    out : Path or None
        Where tables were written.
    """

    positions: pd.DataFrame
    links: pd.DataFrame
    tracks: pd.DataFrame
    lineages: pd.DataFrame
    warnings: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(WARNED)))
    spacing_um: tuple[float, ...] | None = None
    minutes_per_frame: float | None = None
    run: Mapping[str, Any] = field(default_factory=dict)
    out: Path | None = None

    @classmethod
    def of(
        cls,
        positions: pd.DataFrame,
        links: pd.DataFrame,
        *,
        kept: np.ndarray | None = None,
        spacing_um: Sequence[float] | None = None,
        minutes_per_frame: float | None = None,
        warnings: pd.DataFrame | None = None,
        run: Mapping[str, Any] | None = None,
    ) -> Tracks:
        """Make tracks of positions and links.

        Parameters
        ----------
        positions : DataFrame
            Columns frame, object (unique in its frame), y_px, x_px, in 3-D z_px; perhaps recording,
            probability and more.
        links : DataFrame
            Columns frame_from, object_from, frame_to, object_to; perhaps recording, chosen (default
            all), probability, p_wrong. None over time backwards, none of two mothers.
        kept : ndarray of bool, optional
            Which positions are cells; default all.
        spacing_um : sequence of float, optional
            Micrometres per pixel, (y, x) or (z, y, x).
        minutes_per_frame : float, optional
            Time between frames.
        warnings : DataFrame, optional
            What is worth a look.
        run : dict, optional
            What made this.

        Raises
        ------
        InvalidError
            Positions twice, links to none, back in time, or from two mothers.

        Examples
        --------
        >>> positions = pd.DataFrame({"frame": [0, 1, 1], "object": [1, 1, 2],
        ...                           "y_px": [5.0, 4, 6], "x_px": [5.0, 5, 5]})
        >>> links = pd.DataFrame({"frame_from": 0, "object_from": 1, "frame_to": 1,
        ...                       "object_to": [1, 2]})
        >>> Tracks.of(positions, links).tracks[["track", "parent", "end"]]
           track  parent      end
        0      1       0  divided
        1      2       1    movie
        2      3       1    movie
        """
        positions, links = _positions(positions, spacing_um), _links(links)
        _refuse_twice(positions)
        source, target = rows_at(positions, links)
        _refuse_odd(positions, links, source, target)
        chosen = links["chosen"].to_numpy(bool)
        _refuse_mothers(links[chosen], target[chosen])
        divided = np.bincount(source[chosen], minlength=len(positions)) > 1
        links["division"] = chosen & divided[source]
        kept = np.ones(len(positions), bool) if kept is None else kept.copy()
        kept[source[chosen]] = kept[target[chosen]] = True
        placed, tracks, lineages = tables(positions, links[chosen], kept)
        spacing = None if spacing_um is None else tuple(map(float, spacing_um))
        more = {} if warnings is None else {"warnings": warnings}
        return cls(placed, links, tracks, lineages, spacing_um=spacing,
                   minutes_per_frame=minutes_per_frame, run=run or {}, **more)  # fmt: skip

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes: ("y", "x") or ("z", "y", "x")."""
        return axes_of(self.positions)

    def filtered(self, max_error: float = 0.01) -> Tracks:
        """Return tracks without the links that are wrong with a larger probability.

        Where one is left out, the track ends, and what follows begins anew.

        Examples
        --------
        >>> positions = pd.DataFrame({"frame": [0, 1], "object": 1, "y_px": 5.0, "x_px": 5.0})
        >>> links = pd.DataFrame({"frame_from": [0], "object_from": 1, "frame_to": 1,
        ...                       "object_to": 1, "p_wrong": 0.2})
        >>> len(Tracks.of(positions, links).filtered(0.1).tracks)
        2
        """
        if not 0 <= max_error <= 1:
            raise invalid("max_error", expected="a probability, 0 to 1", received=max_error)
        sure = self.links["chosen"] & ~(self.links["p_wrong"] > max_error)
        links = self.links.assign(chosen=sure)
        kept = self.positions["track"].notna().to_numpy()
        found = Tracks.of(self.positions, links, kept=kept, spacing_um=self.spacing_um,
                          minutes_per_frame=self.minutes_per_frame)  # fmt: skip
        return replace(found, warnings=self.warnings,
                       run={**self.run, "max_error": max_error})  # fmt: skip

    def review(self, limit: float = 0.01) -> pd.DataFrame:
        """Return the links that are worth a look, those that are likeliest wrong first.

        Parameters
        ----------
        limit : float, default 0.01
            From which probability of being wrong on.

        Returns
        -------
        DataFrame
            recording, frame_from, object_from, frame_to, object_to, p_wrong, division, the
            position of both ends in px (y_from, x_from, y_to, x_to, in 3-D z_from, z_to) and
            ``right``, empty: to be filled with yes or no and given to `track` as `corrections`.

        Examples
        --------
        >>> positions = pd.DataFrame({"frame": [0, 1], "object": 1, "y_px": 5.0, "x_px": 5.0})
        >>> links = pd.DataFrame({"frame_from": [0], "object_from": 1, "frame_to": 1,
        ...                       "object_to": 1, "p_wrong": 0.2})
        >>> Tracks.of(positions, links).review()[["frame_from", "p_wrong", "right"]]
           frame_from  p_wrong right
        0           0      0.2
        """
        if not 0 <= limit <= 1:
            raise invalid("limit", expected="a probability, 0 to 1", received=limit)
        links = self.links[self.links["chosen"] & (self.links["p_wrong"] > limit)]
        links = links.sort_values("p_wrong", ascending=False, kind="stable").reset_index(drop=True)
        table = links[[*FROM, *TO[1:], "p_wrong", "division"]].copy()
        for end, rows in zip(("from", "to"), rows_at(self.positions, links), strict=True):
            for axis in self.axes:
                places = self.positions[f"{axis}_px"].to_numpy()
                table[f"{axis}_{end}"] = places[rows].round(1)
        return table.assign(right="")

    def warned(self, limits: Mapping[str, float] | None = None) -> Tracks:
        """Return tracks with their warnings listed anew, with other limits or of a file's tracks.

        Parameters
        ----------
        limits : dict, optional
            As for `track`.

        Returns
        -------
        Tracks
            Of the warnings that were there, those that only the file knows are kept: cells with two
            mothers and links within a frame.

        Raises
        ------
        InvalidError
            A limit that there is not.

        Examples
        --------
        >>> positions = pd.DataFrame({"frame": [0, 2], "object": 1, "y_px": 5.0, "x_px": 5.0})
        >>> links = pd.DataFrame({"frame_from": [0], "object_from": 1, "frame_to": 2,
        ...                       "object_to": 1})
        >>> Tracks.of(positions, links).warned().warnings["words"].tolist()
        ['a cell was not found in a frame between: 1 frame missing']
        """
        from .warned import warned_anew

        found: Tracks = warned_anew(self, limits)
        return found

    def tree(self, cell: int) -> pd.DataFrame:
        """Return the tracks of the lineage that a track belongs to, with their generation.

        Parameters
        ----------
        cell : int
            Number of any of its tracks.

        Returns
        -------
        DataFrame
            The rows of `tracks`, and generation: 0 for the first cell.

        Raises
        ------
        InvalidError
            No such track.

        Examples
        --------
        >>> positions = pd.DataFrame({"frame": [0, 1, 1], "object": [1, 1, 2],
        ...                           "y_px": [5.0, 4, 6], "x_px": [5.0, 5, 5]})
        >>> links = pd.DataFrame({"frame_from": 0, "object_from": 1, "frame_to": 1,
        ...                       "object_to": [1, 2]})
        >>> Tracks.of(positions, links).tree(3)["generation"].tolist()
        [0, 1, 1]
        """
        parents = dict(zip(self.tracks["track"], self.tracks["parent"], strict=True))
        if cell not in parents:
            expected = f"a track, 1 to {len(parents)}"
            raise invalid("cell", expected=expected, received=cell)
        root = cell
        while parents[root]:
            root = parents[root]
        daughters: dict[int, list[int]] = {}
        for track, parent in parents.items():
            daughters.setdefault(parent, []).append(track)
        generation = {}
        waiting = [(root, 0)]
        while waiting:
            track, at = waiting.pop()
            generation[track] = at
            waiting += [(one, at + 1) for one in daughters.get(track, [])]
        own = self.tracks[self.tracks["track"].isin(generation)]
        return own.assign(generation=own["track"].map(generation)).reset_index(drop=True)

    def evaluated(
        self,
        truth: Tracks | str | os.PathLike[str],
        *,
        max_distance_um: float | None = None,
        labels: Any = None,
        truth_labels: Any = None,
    ) -> TrackScores:
        """Score these tracks against true ones.

        Parameters
        ----------
        truth : Tracks or path
            What is true. Frames before its first and after its last position do not count.
            Recordings are those of the same name; of one each, the names need not agree.
        max_distance_um : float, optional
            How far a found position may be from a true one that it is taken for; in pixels where
            their size is not known. Default: half the median distance from a true position to the
            nearest other one of its frame.
        labels, truth_labels : array, list of arrays, path, or dict of these by recording, optional
            Label images of both, (t, y, x) or (t, z, y, x), or a folder with a file for each frame;
            labels are `object` of the positions. Then labels that cover more than half of a true
            one are paired, and LNK, TRA, DET, SEG, CT, TF and BC are those of py-ctcmetrics.

        Returns
        -------
        TrackScores
            Tables `summary` and `per_recording`.

        Raises
        ------
        InvalidError
            No such truth, of other axes, pixels or recordings; labels that are not those of the
            positions.

        Notes
        -----
        Positions of each frame are paired one to one, as many as possible and then with the
        smallest sum of distances. LNK, TRA and DET weigh what a person would have to mend as the
        Cell Tracking Challenge does [1]_: a missed position 10, a false one 1, a missed link 1.5,
        one too many 1, one that is a daughter and should not be, or the other way round, 1. BC0 to
        BC3 are F1 of divisions with mother and both daughters right, 0 to 3 frames early or late;
        CT is F1 of tracks that are right from first to last frame; TF is how much of a true track
        was followed in one piece, in the mean of those of which anything was [2]_. A link over
        frames in which the cell was not found is not wrong where it leads along the true track.

        References
        ----------
        .. [1] P. Matula et al., PLoS ONE 10, e0144959 (2015), :doi:`10.1371/journal.pone.0144959`
        .. [2] V. Ulman et al., Nature Methods 14, 1141 (2017), :doi:`10.1038/nmeth.4473`

        Examples
        --------
        >>> positions = pd.DataFrame({"frame": [0, 1, 2], "object": 1, "y_px": 5.0, "x_px": 5.0})
        >>> links = pd.DataFrame({"frame_from": [0, 1], "object_from": 1, "frame_to": [1, 2],
        ...                       "object_to": 1})
        >>> truth, found = Tracks.of(positions, links), Tracks.of(positions, links[:1])
        >>> scores = found.evaluated(truth)
        >>> scores["LNK"], scores["links_missed"], scores["DET"]
        (0.5, 1.0, 1.0)
        """
        from .scores import evaluated

        return evaluated(self, truth, max_distance_um=max_distance_um, labels=labels,
                         truth_labels=truth_labels)  # fmt: skip

    def napari(self) -> tuple[np.ndarray, dict[int, list[int]]]:
        """Return what napari's layer of tracks takes.

        Returns
        -------
        (ndarray (n, 4 or 5) of float, dict of int to list of int)
            Rows of track, frame, [z,] y, x in pixels, and the mother of each daughter:
            ``data, graph = tracks.napari(); viewer.add_tracks(data, graph=graph)``.

        Examples
        --------
        >>> positions = pd.DataFrame({"frame": [0, 1, 1], "object": [1, 1, 2],
        ...                           "y_px": [5.0, 4, 6], "x_px": [5.0, 5, 5]})
        >>> links = pd.DataFrame({"frame_from": 0, "object_from": 1, "frame_to": 1,
        ...                       "object_to": [1, 2]})
        >>> data, graph = Tracks.of(positions, links).napari()
        >>> data.tolist(), graph
        ([[1.0, 0.0, 5.0, 5.0], [2.0, 1.0, 4.0, 5.0], [3.0, 1.0, 6.0, 5.0]], {2: [1], 3: [1]})
        """
        from .viewers import napari_layer

        return napari_layer(self.positions, self.tracks)

    def write_to(self, folder: Path) -> None:
        """Write the tables into a folder that is this run's alone."""
        written = {POSITIONS: self.positions, LINKS: self.links, LINEAGES: self.lineages,
                   WARNINGS: self.warnings, TRACKS: self.tracks}  # fmt: skip
        with staged(folder) as stage:
            write_run({**self.run, **self.told()}, stage / RUNS["track"])
            put_in_place(stage, folder, written, [RUNS["track"]])

    def told(self) -> dict[str, Any]:
        """Return what stands in no table."""
        spacing = None if self.spacing_um is None else list(self.spacing_um)
        return {"spacing_um": spacing, "minutes_per_frame": self.minutes_per_frame}

    def plot(self, kind: str = "tree", *, ax: Any = None, **how: Any) -> Figure:
        """Draw the tracks.

        Parameters
        ----------
        kind : {"tree", "paths", "errors"}
            Lineage trees; the paths of cells, from above; how likely links are wrong, over time.
        ax : matplotlib.axes.Axes, optional
            Where to draw.
        **how
            "tree": ``cell``, a track whose lineage is shown (default those with most divisions) and
            ``n``, how many lineages; "paths": ``recording``.

        Returns
        -------
        matplotlib.figure.Figure
            `plots.save` writes it.
        """
        from .pictures import picture

        return picture(self, kind, ax, how)

    def __str__(self) -> str:
        links = self.links[self.links["chosen"]]
        divisions = int((self.tracks["end"] == "divided").sum())
        said = [
            f"{counted(len(self.positions), 'position')}, {counted(len(links), 'link')}, "
            f"{counted(len(self.tracks), 'track')}, {counted(divisions, 'division')}"
        ]
        wrong = links["p_wrong"].to_numpy(float)
        if np.isfinite(wrong).any():
            flagged = int((wrong > 0.01).sum())
            said.append(
                f"{counted(flagged, 'link')} more than 1 % likely to be wrong; "
                f"{np.nansum(wrong):.1f} wrong ones are expected in all"
            )
        none = int(self.positions["track"].isna().sum())
        if none:
            said.append(f"{counted(none, 'position')} taken for no cell")
        return "\n".join(said)


def axes_of(positions: pd.DataFrame) -> tuple[str, ...]:
    """Return the names of the axes of a table of positions."""
    return AXES if "z_px" in positions else AXES[1:]


def _positions(positions: pd.DataFrame, spacing_um: Sequence[float] | None) -> pd.DataFrame:
    table = positions.copy()
    if "recording" not in table:
        table.insert(0, "recording", "movie")
    table["recording"] = table["recording"].astype(str)
    axes = axes_of(table)
    missing = [n for n in ("frame", "object", *(f"{a}_px" for a in axes)) if n not in table]
    if missing:
        expected = f"columns {', '.join(missing)}"
        raise invalid("positions", expected=expected, received=", ".join(map(str, table)))
    if spacing_um is not None and len(tuple(spacing_um)) != len(axes):
        raise invalid("spacing_um", expected=f"{len(axes)} numbers ({', '.join(axes)})",
                      received=tuple(spacing_um))  # fmt: skip
    for k, axis in enumerate(axes):
        px = table[f"{axis}_px"].to_numpy(float)
        table[f"{axis}_px"] = px
        table[f"{axis}_um"] = np.nan if spacing_um is None else px * float(tuple(spacing_um)[k])
    if "probability" not in table:
        table["probability"] = np.nan
    own = [*KEY, *(f"{a}_px" for a in axes), *(f"{a}_um" for a in axes), "probability"]
    table = table[[*own, *(name for name in table if name not in own and name != "track")]]
    for name in KEY[1:]:
        table[name] = table[name].astype(np.int64)
    return table.sort_values(list(KEY), kind="stable").reset_index(drop=True)


def _links(links: pd.DataFrame) -> pd.DataFrame:
    table = links.copy()
    if "recording" not in table:
        table.insert(0, "recording", "movie")
    table["recording"] = table["recording"].astype(str)
    own = [*FROM, *TO[1:]]
    missing = [name for name in own if name not in table]
    if missing:
        raise invalid("links", expected=f"columns {', '.join(missing)}",
                      received=", ".join(map(str, table)))  # fmt: skip
    for name, value in (("probability", np.nan), ("p_wrong", np.nan), ("chosen", True)):
        if name not in table:
            table[name] = value
    table["chosen"] = table["chosen"].astype(bool)
    for name in own[1:]:
        table[name] = table[name].astype(np.int64)
    own += ["probability", "p_wrong", "chosen"]
    table = table[[*own, *(name for name in table if name not in own and name != "division")]]
    return table.sort_values(own[:5], kind="stable").reset_index(drop=True)


def _refuse_twice(positions: pd.DataFrame) -> None:
    twice = positions.duplicated(list(KEY))
    if twice.any():
        row = positions[twice].iloc[0]
        received = f"object {row['object']} of frame {row['frame']} in {row['recording']} twice"
        raise invalid("positions", expected="each object once in a frame", received=received)


def _refuse_odd(
    positions: pd.DataFrame, links: pd.DataFrame, source: np.ndarray, target: np.ndarray
) -> None:
    lost = (source < 0) | (target < 0)
    if lost.any():
        row = links[lost].iloc[0]
        end = "from" if source[np.flatnonzero(lost)[0]] < 0 else "to"
        raise invalid("links", expected="links between positions of the table",
                      received=f"one {end} object {row['object_' + end]} of frame "
                      f"{row['frame_' + end]}, which is in no row")  # fmt: skip
    back = links["frame_from"] >= links["frame_to"]
    if back.any():
        row = links[back].iloc[0]
        received = f"one from frame {row['frame_from']} to {row['frame_to']}"
        raise invalid("links", expected="links forward in time", received=received)


def _refuse_mothers(links: pd.DataFrame, target: np.ndarray) -> None:
    many = np.bincount(target) if len(target) else np.zeros(1)
    if (many > 1).any():
        row = links[target == int(many.argmax())].iloc[0]
        raise invalid("links", expected="one mother for each cell",
                      received=f"{int(many.max())} links into object {row['object_to']} of frame "
                      f"{row['frame_to']}", remedy="Leave all but one out.")  # fmt: skip
