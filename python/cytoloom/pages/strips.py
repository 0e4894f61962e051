"""Strips of pictures: what is around a link in the frames before, at and after it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InvalidError, invalid
from ..events import Event, Work
from ..messages import counted
from ..plots.overlays import grey_limits, stretched
from ..tracks.found import Tracks
from ..tracks.frames import Frames
from ..tracks.matching import usual_distance
from ..tracks.tracklets import rows_at
from . import layers

PANEL_PX = 144
GAP_PX = 4
LEAST_PX = 10
"""Half the edge of what is cut out, at least, in pixels of the image."""
SAMPLED = 50
"""Frames in which the distance of neighbours is measured."""
LETTERS = "abc"
"""Other candidates that are marked, the likeliest first."""


@dataclass(frozen=True)
class Point:
    """A detection that is marked.

    Attributes
    ----------
    frame : int
        In which frame.
    row : int
        Of the positions.
    kind : {"here", "chosen", "sister", "other", "way"}
        The earlier end of the link, its later end, the other daughter, another candidate, where the
        cell was before or is after it.
    letter : str
        Of another candidate that the link may lead to.
    new : bool
        Whether no link leads to that candidate, so that it may be the other daughter.
    """

    frame: int
    row: int
    kind: str
    letter: str = ""
    new: bool = False


@dataclass(frozen=True, eq=False)
class Look:
    """One link that somebody is to look at.

    Attributes
    ----------
    recording : str
        Of which movie.
    source, target : int
        Rows of the positions.
    points : tuple of Point
        What is marked.
    """

    recording: str
    source: int
    target: int
    points: tuple[Point, ...]

    @property
    def others(self) -> tuple[Point, ...]:
        """Other candidates that the link may lead to."""
        return tuple(one for one in self.points if one.letter)


@dataclass(frozen=True)
class Window:
    """What is cut out of frames: from a corner (y, x), so many pixels along both, some planes."""

    y: int
    x: int
    edge: int
    z: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Strip:
    """Frames side by side.

    Attributes
    ----------
    picture : bytes
        JPEG; empty where no frame could be read.
    width, height : int
        Of the picture.
    frames : list of (int, int)
        The place along x of each panel, and its frame.
    marks : list of dict
        x, y, kind and letter.
    """

    picture: bytes
    width: int
    height: int
    frames: list[tuple[int, int]]
    marks: list[dict[str, Any]]


def looks_of(tracks: Tracks, links: pd.DataFrame) -> list[Look]:
    """Say what is marked for each of some links that were chosen."""
    at = tracks.positions
    frame = at["frame"].to_numpy()
    every = tracks.links
    source, target = rows_at(at, every)
    chosen, p = every["chosen"].to_numpy(bool), every["probability"].to_numpy(float)
    out: dict[int, list[int]] = defaultdict(list)
    into: dict[int, list[int]] = defaultdict(list)
    ends = np.unique(np.concatenate(rows_at(at, links)))
    beside = np.union1d(ends, target[np.isin(source, ends)])
    some = np.flatnonzero(np.isin(source, ends) | np.isin(target, beside))
    for k in some[np.argsort(-np.nan_to_num(p[some]), kind="stable")].tolist():
        out[int(source[k])].append(k)
        into[int(target[k])].append(k)
    found = []
    for one, two in zip(*rows_at(at, links), strict=True):
        points = [Point(int(frame[one]), int(one), "here"),
                  Point(int(frame[two]), int(two), "chosen")]  # fmt: skip
        rest = [k for k in out[int(one)] if target[k] != two and frame[target[k]] == frame[two]]
        sisters = [int(target[k]) for k in rest if chosen[k]]
        others = [int(target[k]) for k in rest if not chosen[k]][: len(LETTERS)]
        mothers = [int(source[k]) for k in into[int(two)]
                   if not chosen[k] and frame[source[k]] == frame[one]]  # fmt: skip
        points += [Point(int(frame[row]), row, "sister") for row in sisters]
        points += [Point(int(frame[row]), row, "other", letter,
                         not any(chosen[k] for k in into[row]))
                   for row, letter in zip(others, LETTERS, strict=False)]  # fmt: skip
        points += [Point(int(frame[row]), row, "other") for row in mothers[: len(LETTERS)]]
        way = [int(source[k]) for k in into[int(one)] if chosen[k]]
        way += [int(target[k]) for k in out[int(two)] if chosen[k]]
        points += [Point(int(frame[row]), row, "way") for row in way]
        recording = str(at["recording"].iloc[one])
        found.append(Look(recording, int(one), int(two), tuple(points)))
    return found


def frames_around(first: int, last: int, count: int) -> list[int]:
    """Return the frames from one before to one after, of those that there are.

    Examples
    --------
    >>> frames_around(0, 1, 10), frames_around(3, 5, 6)
    ([0, 1, 2], [2, 3, 4, 5])
    """
    return list(range(max(0, first - 1), min(count, last + 2)))


def window_of(
    places: NDArray[Any], near: float, spacing: Sequence[float], shape: Sequence[int]
) -> Window:
    """Return what is cut out around positions of which the first two are the ends of a link.

    Parameters
    ----------
    places : ndarray (n, 2 or 3)
        Positions in pixels, (y, x) or (z, y, x).
    near : float
        Distance of neighbours in units of `spacing`; NaN where it is not known.
    spacing : sequence of float
        Of the axes.
    shape : sequence of int
        Of a frame.

    Examples
    --------
    >>> window_of(np.array([[50.0, 50], [50, 54]]), 20.0, (1.0, 1.0), (100, 200))
    Window(y=20, x=22, edge=61, z=None)
    """
    middle = places[:2].mean(axis=0)
    away = np.abs(places - middle)[:, -2:].max()
    known = near / spacing[-1] if np.isfinite(near) else 0.0
    most = max(shape[-2:])
    half = int(min(max(LEAST_PX, 1.5 * known, 1.2 * away + 0.4 * known), most / 2))
    y, x = (round(float(value)) - half for value in middle[-2:])
    if len(shape) == 2:
        return Window(y, x, 2 * half + 1)
    thick = max(1, round(0.5 * known * spacing[-1] / spacing[0]))
    z = places[:2, 0]
    low, high = int(np.floor(z.min())) - thick, int(np.ceil(z.max())) + thick + 1
    return Window(y, x, 2 * half + 1, (max(0, low), min(shape[0], max(high, 1))))


def cut(image: NDArray[Any], window: Window) -> NDArray[Any]:
    """Cut a window out of a frame (y, x, c) or (z, y, x, c): its brightest values along z.

    What lies beyond the image is 0.

    Examples
    --------
    >>> cut(np.arange(12).reshape(3, 4, 1), Window(-1, 2, 3))[..., 0].tolist()
    [[0, 0, 0], [2, 3, 0], [6, 7, 0]]
    """
    if window.z is not None:
        image = image[window.z[0] : window.z[1]].max(axis=0)
    whole = np.zeros((window.edge, window.edge, image.shape[-1]), image.dtype)
    top, left = max(0, window.y), max(0, window.x)
    bottom = min(image.shape[0], window.y + window.edge)
    right = min(image.shape[1], window.x + window.edge)
    if bottom > top and right > left:
        part = image[top:bottom, left:right]
        whole[top - window.y : bottom - window.y, left - window.x : right - window.x] = part
    return whole


def strips_of(
    tracks: Tracks, looks: Sequence[Look], movies: Mapping[str, Frames]
) -> Work[tuple[list[Strip | None], list[str]]]:
    """Make the strips of links, reading each frame once, one at a time.

    Parameters
    ----------
    tracks : Tracks
        Whose links these are.
    looks : sequence of Look
        The links.
    movies : dict of str to Frames
        The images of recordings, by name.

    Returns
    -------
    (list of Strip or None, list of str)
        None where a recording has no images; and what could not be read.
    """
    spacing = tracks.spacing_um or (1.0,) * len(tracks.axes)
    places = tracks.positions[[f"{axis}_px" for axis in tracks.axes]].to_numpy(float)
    near = _distances(tracks, places, spacing)
    windows: list[Window | None] = []
    needed: dict[tuple[str, int], list[int]] = defaultdict(list)
    for k, look in enumerate(looks):
        movie = movies.get(look.recording)
        if movie is None:
            windows.append(None)
            continue
        rows = [point.row for point in look.points if point.kind != "way"]
        windows.append(window_of(places[rows], near[look.recording], spacing, movie.shape))
        for frame in _frames(tracks, look, movie):
            needed[look.recording, frame].append(k)
    crops: dict[tuple[int, int], NDArray[Any]] = {}
    problems: list[str] = []
    for done, ((name, frame), wanted) in enumerate(sorted(needed.items())):
        yield Event("progress", f"frames of {counted(len(looks), 'link')}", done, len(needed))
        try:
            image = movies[name].frame(frame)
        except (InvalidError, OSError) as error:
            problems.append(f"Frame {frame} of {name} is not shown: {error}")
            continue
        for k in wanted:
            window = windows[k]
            if window is not None:
                # of what is larger than it is shown only as many pixels are kept
                step = max(1, window.edge // (2 * PANEL_PX))
                crops[k, frame] = cut(image, window)[::step, ::step].copy()
    return [
        None if window is None else _strip(tracks, look, window, k, crops, movies[look.recording])
        for k, (look, window) in enumerate(zip(looks, windows, strict=True))
    ], problems


def refuse_others(tracks: Tracks, movies: Mapping[str, Frames]) -> None:
    """Raise where positions are not those of the images.

    Raises
    ------
    InvalidError
        Images of other axes, of fewer frames, or too small for the positions.
    """
    at = tracks.positions
    for name, movie in movies.items():
        own = at[at["recording"] == name]
        if movie.axes != tracks.axes:
            raise invalid("images", expected=f"frames with axes {', '.join(tracks.axes)}",
                          received=f"{', '.join(movie.axes)} in {movie.name}")  # fmt: skip
        if len(own) and own["frame"].max() >= movie.count:
            raise invalid("images", expected=f"{own['frame'].max() + 1} frames or more of {name}",
                          received=counted(movie.count, "frame"))  # fmt: skip
        for axis, size in zip(tracks.axes, movie.shape, strict=True):
            if len(own) and own[f"{axis}_px"].max() > size:
                received = f"one at {axis} = {own[f'{axis}_px'].max():.6g}"
                expected = f"images of the positions: {axis} below {size} in {movie.name}"
                raise invalid("images", expected=expected, received=received)


def _distances(tracks: Tracks, places: NDArray[Any], spacing: Sequence[float]) -> dict[str, float]:
    """Return the median distance of neighbours in each recording."""
    found = {}
    names, frame = tracks.positions["recording"].to_numpy(), tracks.positions["frame"].to_numpy()
    for name in dict.fromkeys(names):
        seen = np.unique(frame[names == name])
        seen = seen[:: max(1, len(seen) // SAMPLED)]
        own = (names == name) & np.isin(frame, seen)
        found[str(name)] = 2 * usual_distance(frame[own], places[own] * np.asarray(spacing))
    return found


def _frames(tracks: Tracks, look: Look, movie: Frames) -> list[int]:
    frame = tracks.positions["frame"].to_numpy()
    return frames_around(int(frame[look.source]), int(frame[look.target]), movie.count)


def _strip(
    tracks: Tracks,
    look: Look,
    window: Window,
    k: int,
    crops: Mapping[tuple[int, int], NDArray[Any]],
    movie: Frames,
) -> Strip:
    shown = _frames(tracks, look, movie)
    known = [crops[k, frame] for frame in shown if (k, frame) in crops]
    width = len(shown) * (PANEL_PX + GAP_PX) - GAP_PX
    starts = {frame: n * (PANEL_PX + GAP_PX) for n, frame in enumerate(shown)}
    sheet = np.full((PANEL_PX, width, 3), 255, np.uint8)
    limits = grey_limits(np.concatenate(known)) if known else []
    for frame, start in starts.items():
        if (k, frame) in crops:
            panel = _scaled(stretched(crops[k, frame], limits))
        else:
            panel = np.zeros((PANEL_PX, PANEL_PX, 3), np.uint8)
        sheet[:, start : start + PANEL_PX] = panel
    marks = list(_marks(tracks, look, window, starts))
    picture = layers.photo(sheet, sheet.shape[:2]) if known else b""
    return Strip(picture, width, PANEL_PX, [(x, frame) for frame, x in starts.items()], marks)


def _scaled(panel: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from PIL import Image

    image = Image.fromarray(panel)
    how = Image.Resampling.BOX if panel.shape[0] > PANEL_PX else Image.Resampling.BICUBIC
    return np.asarray(image.resize((PANEL_PX, PANEL_PX), how))


def _marks(
    tracks: Tracks, look: Look, window: Window, starts: Mapping[int, int]
) -> Iterator[dict[str, Any]]:
    at = tracks.positions
    y, x = at["y_px"].to_numpy(float), at["x_px"].to_numpy(float)
    factor = PANEL_PX / window.edge
    for point in look.points:
        if point.frame not in starts:
            continue
        away = y[point.row] - window.y, x[point.row] - window.x
        down, along = ((float(value) + 0.5) * factor for value in away)
        if not (0 <= down <= PANEL_PX and 0 <= along <= PANEL_PX):
            continue
        yield {
            "x": round(starts[point.frame] + along, 1), "y": round(down, 1),
            "kind": point.kind, "letter": point.letter,
        }  # fmt: skip
