"""Movies with tracks to learn from: which images, which annotation, and what part of it counts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..datasets.given import is_file
from ..datasets.items import Item
from ..datasets.pairing import natural_order
from ..errors import InvalidError, invalid
from ..images.channels import Channels
from ..images.image import AnyArray
from ..messages import Argument, Either, counted, say
from ..storage.spreadsheets import read_spreadsheet
from .ctc import lines_in
from .found import Tracks
from .frames import Frames, frames_of
from .graph import Ints
from .matching import usual_distance
from .movies import TABLES
from .reading import tracks_of
from .table import COLUMNS
from .tracklets import rows_at

UNKNOWN = -1
"""Label of pixels outside of the region that is annotated."""
ENDINGS = (".aut", ".json", ".xml", ".geff", ".csv", ".tsv", ".autlist")
MARGIN = 0.25
"""Around annotated points the region goes on for this part of the distance of neighbours."""
_FOLDER = "a folder with movies and files of tracks beside them"
_DATA = say("{}", Either(
    "images with tracks: (images, tracks), a list or dict of such pairs, a table with columns "
    f"images and tracks, or {_FOLDER}",
    "movies with tracks: list(images = , tracks = ), a named list of these, a data frame with "
    f"columns images and tracks, or {_FOLDER}",
    f"{_FOLDER}, or a CSV with columns images and tracks",
))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Annotated:
    """One recording with its tracks.

    Parameters
    ----------
    frames : Frames
        Its images.
    positions : DataFrame
        frame, object, [z_px,] y_px, x_px, sorted by frame: cells within the region.
    source, target : ndarray of int (links,)
        Rows of the positions that are the same cell, or mother and daughter, in two frames.
    low, high : ndarray of int (frames, axes)
        The region of each frame, in px, the end not included; empty where a frame has none.
    cut : int
        Positions that lie outside of the region.
    """

    frames: Frames
    positions: pd.DataFrame
    source: Ints
    target: Ints
    low: Ints
    high: Ints
    cut: int = 0

    @property
    def name(self) -> str:
        """What the recording is called."""
        return self.frames.name

    @property
    def places(self) -> np.ndarray:
        """Positions in px (n, axes)."""
        return self.positions[[f"{axis}_px" for axis in self.frames.axes]].to_numpy(float)

    @property
    def at(self) -> Ints:
        """The frame of each position."""
        return self.positions["frame"].to_numpy(np.int64)

    @property
    def dividing(self) -> np.ndarray:
        """Which positions have two daughters in the next frame."""
        found: np.ndarray = np.bincount(self.source, minlength=len(self.positions)) > 1
        return found

    @property
    def known(self) -> list[int]:
        """Frames that are annotated."""
        return [k for k in range(self.frames.count) if (self.high[k] > self.low[k]).all()]

    def neighbours(self) -> float:
        """Return the median distance to the nearest neighbour, in um, or px without a size."""
        spacing = np.asarray(self.frames.spacing_um or (1.0,) * len(self.frames.axes))
        return 2 * usual_distance(self.at, self.places * spacing)

    def inside(self, frame: Ints, places: np.ndarray) -> np.ndarray:
        """Say which places lie in the region of their frames."""
        found: np.ndarray = (
            (places >= self.low[frame] - 0.5) & (places < self.high[frame] - 0.5)
        ).all(axis=1)
        return found

    def items(self, frames: Sequence[int], split: str) -> Iterator[Item]:
        """Return frames as images with labels, for networks that learn where cells are."""
        at, places = self.at, self.places
        for k in frames:
            marks = Marks(self.frames, k, places[at == k], self.low[k], self.high[k])
            yield Item(
                f"{self.name}_t{k:04d}", self.frames.sources[k], (marks,),
                group=f"{self.name}, {split}", split=split, spacing_um=self.frames.spacing_um,
            )  # fmt: skip


class Marks:
    """Positions of one frame as labels: a mark for each, and what is not annotated unknown.

    Parameters
    ----------
    frames : Frames
        The recording.
    k : int
        Which frame.
    places : ndarray (n, axes)
        In px.
    low, high : ndarray of int (axes,)
        The region.
    """

    dtype = np.dtype(np.int32)

    def __init__(self, frames: Frames, k: int, places: np.ndarray, low: Ints, high: Ints) -> None:
        self.shape, self.spacing_um = frames.shape, frames.spacing_um
        self.axes, self.name = "".join(frames.axes), f"{frames.name}, frame {k}"
        self._places, self._low, self._high = places, low, high

    def read(self, slices: tuple[slice, ...] | None = None) -> AnyArray:
        """Return the labels, or those of a box."""
        labels = np.full(self.shape, UNKNOWN, np.int32)
        labels[tuple(map(slice, self._low, self._high))] = 0
        for number, place in enumerate(np.rint(self._places).astype(int), start=1):
            box = tuple(slice(max(p - 1, 0), p + 2) for p in place)
            labels[box] = np.where(labels[box] == UNKNOWN, UNKNOWN, number)
        return labels if slices is None else labels[slices]


def annotated(
    data: Any,
    *,
    channels: Channels = None,
    spacing_um: Any = None,
    region: Any = None,
    argument: str = "data",
) -> tuple[list[Annotated], list[str]]:
    """Read movies with their tracks.

    Parameters
    ----------
    data : pair, list or dict of pairs, table, path, or what `simulate` makes
        Images (see `frames_of`) and tracks (see `read_tracks`).
    channels : int, str or sequence of them, optional
        Channels to keep.
    spacing_um : float or tuple of float, optional
        Micrometres per pixel; default as images say, else as tracks say.
    region : dict, optional
        Of each recording, or of all, the part that is annotated: from the names of axes, and
        ``"frames"``, to first and last; or a list of such dicts, each with its frames, where it
        changes. Default: the box of the annotated points, in the frames that have some.

    Returns
    -------
    (list of Annotated, list of str)
        Recordings, and what is worth knowing of them.

    Raises
    ------
    InvalidError
        Nothing of these, positions beyond the image, all links outside of the region.
    """
    found, notes = [], []
    for _, _, read in movies_of(data, channels, spacing_um, argument):
        recordings, words = read()
        notes += words
        for frames, tracks, recording in recordings:
            one, words = put_together(frames, recording, tracks, region, argument)
            found.append(one)
            notes += [f"{one.name}: {text}" for text in words]
    names = [one.name for one in found]
    twice = {one for one in names if names.count(one) > 1}
    if twice:  # several movies without a name of their own
        found = [replace(one, frames=replace(one.frames, name=f"{one.name}_{k}"))
                 if one.name in twice else one
                 for k, one in enumerate(found, start=1)]  # fmt: skip
    return found, notes


Recordings = tuple[list[tuple[Frames, Tracks, str]], list[str]]


def movies_of(
    data: Any, channels: Channels = None, spacing_um: Any = None, argument: str = "data"
) -> Iterator[tuple[str, Any, Callable[[], Recordings]]]:
    """Yield what there is to read, and what reads it.

    The parameters are those of `annotated`.

    Yields
    ------
    (str, object, callable)
        A name, if it has one; its tracks as they were given; what returns its recordings (images,
        tracks, the name of the recording in these) and what had to be guessed, or raises.
    """
    for name, images, tracks in _pairs(data, argument):

        def read(name: str = name, images: Any = images, tracks: Any = tracks) -> Recordings:
            """Read images' headers, and tracks."""
            try:
                given = frames_of(images, channels=channels, argument=argument, cached=True)
                said, words = tracks_of(_linked(tracks), spacing_um, argument=argument)
            except InvalidError as error:
                raise error if not name else error.renamed(f"{argument}: {name}") from None
            sizes = spacing_um, said.spacing_um
            found = [
                (frames.matching(next((s for s in (sizes[0], frames.spacing_um, sizes[1])
                                       if s is not None), None)), said, recording)
                for frames, recording in _recordings(given, said, name, argument)
            ]  # fmt: skip
            return found, [f"{name}: {text}" if name else text for text in words]

        yield name, tracks, read


def _linked(tracks: Any) -> Any:
    """Return positions that nobody linked, as napari saves clicked ones, as a track each."""
    if is_file(tracks) and str(tracks).lower().endswith(TABLES) and Path(tracks).is_file():
        beside = Path(tracks).with_name("edges.csv")
        table = None if beside.is_file() else read_spreadsheet(Path(tracks).expanduser())
    else:
        table = tracks if hasattr(tracks, "columns") else None
    if table is None:
        return tracks
    known = {name for key in ("track", "id", "parent") for name in COLUMNS[key]}
    plain = {re.sub(r"\W+", "_", str(own).strip().lower()) for own in table.columns}
    return tracks if plain & known else table.assign(track=np.arange(1, len(table) + 1))


def _pairs(data: Any, argument: str) -> list[tuple[str, Any, Any]]:
    """Return name, images and tracks of each recording."""
    if hasattr(data, "images") and hasattr(data, "links") and hasattr(data, "positions"):
        truth = Tracks.of(data.positions, data.links, spacing_um=data.spacing_um,
                          minutes_per_frame=data.minutes_per_frame)  # fmt: skip
        return [("", data.images, truth)]
    if (
        isinstance(data, Mapping)
        and {"images", "tracks"} <= set(data)
        and not hasattr(data["images"], "keys")
    ):
        return [("", data["images"], data["tracks"])]
    if hasattr(data, "columns") or (is_file(data) and str(data).lower().endswith(TABLES)):
        return _of_table(data, argument)
    if is_file(data):
        return _of_folder(Path(data).expanduser(), argument)
    if isinstance(data, Mapping):
        return [(str(name), *_pair(one, argument)) for name, one in data.items()]
    if isinstance(data, (list, tuple)) and data:
        if _is_pair(data):
            return [("", *data)]
        return [one for part in data for one in _pairs(part, argument)]
    raise invalid(argument, expected=_DATA, received=data)


def _is_pair(data: Any) -> bool:
    """Whether this is images and their tracks, not two recordings."""
    return len(data) == 2 and not any(
        isinstance(one, tuple) or (hasattr(one, "links") and hasattr(one, "images")) for one in data
    )


def _pair(one: Any, argument: str) -> tuple[Any, Any]:
    ((_, images, tracks), *more) = _pairs(one, argument)
    if more:
        raise invalid(argument, expected="one recording of each name", received=len(more) + 1)
    return images, tracks


def _of_table(data: Any, argument: str) -> list[tuple[str, Any, Any]]:
    beside = Path(data).expanduser().parent if is_file(data) else Path()
    table = read_spreadsheet(Path(data).expanduser()) if is_file(data) else pd.DataFrame(data)
    missing = [name for name in ("images", "tracks") if name not in table]
    if missing:
        raise invalid(argument, expected=f"columns images and tracks, also {missing[0]}",
                      received=say("columns {}", [str(c) for c in table.columns]))  # fmt: skip
    rows = []
    for k, row in table.iterrows():
        name = str(row["recording"]) if "recording" in table else f"recording_{int(str(k)) + 1}"
        rows.append((name, *(beside / str(row[column]) for column in ("images", "tracks"))))
    return rows


def _of_folder(folder: Path, argument: str) -> list[tuple[str, Any, Any]]:
    """Find movies with tracks beside them: 01 and 01_GT, or two files of one name."""
    if not folder.is_dir():
        raise invalid(argument, expected=_FOLDER, received=str(folder))
    inside = sorted(folder.iterdir(), key=lambda p: natural_order(p.name))
    found: list[tuple[str, Any, Any]] = []
    for path in inside:
        truth = folder / f"{path.name}_GT"
        if path.is_dir() and truth.is_dir() and lines_in(truth):
            found.append((path.name, path, truth))
    for tracks in (p for p in inside if p.suffix.lower() in ENDINGS):
        same = [p for p in inside if p != tracks and p.name.split(".")[0] == tracks.stem
                and p.suffix.lower() not in ENDINGS]  # fmt: skip
        if same:
            found.append((tracks.stem, same[0], tracks))
    if not found:
        # what `simulate` writes: images with masks of the Cell Tracking Challenge beside them
        if (
            (folder / "images").is_dir()
            and (folder / "labels").is_dir()
            and (lines_in(folder / "labels") or lines_in(folder))
        ):
            place = folder / "labels" if lines_in(folder / "labels") else folder
            return [(folder.name, folder / "images", place)]
        raise invalid(argument, expected=_DATA, received=f"{folder}, with no such pair")
    return found


def _recordings(
    given: Sequence[Frames], tracks: Tracks, name: str, argument: str
) -> list[tuple[Frames, str]]:
    """Pair recordings of images with those of tracks, by their names where there are several."""
    names = tracks.positions["recording"].drop_duplicates().tolist()
    if len(given) == 1 and len(names) == 1:
        return [(replace(given[0], name=name or given[0].name), names[0])]
    there = {one.name: one for one in given}
    missing = [one for one in names if one not in there]
    if missing:
        raise invalid(argument, expected=f"images of every recording, of {missing[0]}, too",
                      received=", ".join(there))  # fmt: skip
    return [(there[one], one) for one in names]


def put_together(
    frames: Frames, recording: str, tracks: Tracks, region: Any, argument: str
) -> tuple[Annotated, list[str]]:
    """Put a recording together; what lies outside of its region counts nowhere."""
    rows = tracks.positions
    own = (rows["recording"] == recording) & rows["track"].notna()
    axes = [f"{axis}_px" for axis in frames.axes]
    if len(tracks.axes) != len(axes):
        expected = f"tracks of {len(axes)}-D images, as those of {frames.name}"
        raise invalid(argument, expected=expected,
                      received=f"{len(tracks.axes)}-D tracks")  # fmt: skip
    table = rows[own].sort_values(["frame", "object"], kind="stable").reset_index(drop=True)
    places, at = table[axes].to_numpy(float), table["frame"].to_numpy(np.int64)
    frames.refuse_sizes()
    _refuse_beyond(frames, places, at, argument)
    low, high = _regions(frames, places, at, region, argument)
    whole = Annotated(frames, table, *(np.zeros(0, np.int64),) * 2, low, high)
    inside = whole.inside(at, places)
    links = tracks.links[tracks.links["chosen"] & (tracks.links["recording"] == recording)]
    table = table[inside].reset_index(drop=True)
    source, target = rows_at(table, links)
    both = (source >= 0) & (target >= 0)
    if not len(table):
        raise invalid(argument, expected="annotated positions in the region",
                      received=f"{frames.name}: none of {len(inside)}",
                      remedy=say("Give another {}.", Argument("region")))  # fmt: skip
    found = replace(whole, positions=table, source=source[both], target=target[both],
                    cut=int((~inside).sum()))  # fmt: skip
    words = []
    if found.cut:
        words.append(f"{counted(found.cut, 'position')} outside of the region, which count nowhere")
    if len(links) and not both.any():
        raise invalid(argument, expected="links within the region",
                      received=f"{frames.name}: all {len(links)} lead out of it",
                      remedy=say("Give another {}.", Argument("region")))  # fmt: skip
    return found, words


def _refuse_beyond(frames: Frames, places: np.ndarray, at: Ints, argument: str) -> None:
    """Refuse positions that cannot be of these images, and say of which axis."""
    size = np.asarray(frames.shape)
    if len(at) and at.max() >= frames.count:
        raise invalid(argument, expected=f"positions in frames 0 to {frames.count - 1} of "
                      f"{frames.name}", received=f"frame {at.max()}")  # fmt: skip
    beyond = (places < -0.5) | (places > size - 0.5)
    if not beyond.any():
        return
    axis = int(beyond.sum(axis=0).argmax())
    row = int(np.flatnonzero(beyond[:, axis])[0])
    remedy = "Is their unit or the order of their axes another one? " + turned(frames, places)
    raise invalid(
        argument,
        expected=f"positions within the image of {frames.name}, {frames.axes[axis]} from 0 to "
        f"{size[axis] - 1} px",
        received=f"{frames.axes[axis]} = {places[row, axis]:.4g} in frame {at[row]}, and "
        f"{counted(int(beyond.any(axis=1).sum()), 'position')} outside in all",
        remedy=remedy.strip(),
    )  # fmt: skip


def turned(frames: Frames, places: np.ndarray) -> str:
    """Say what would make positions fit."""
    size = np.asarray(frames.shape)

    def fits(of: np.ndarray) -> bool:
        return bool(((of >= -0.5) & (of <= size - 0.5)).all())

    if fits(places[:, ::-1]):
        return f"They fit as {', '.join(frames.axes[::-1])}."
    if frames.spacing_um is not None and fits(places / np.asarray(frames.spacing_um)):
        return "They fit as micrometres."
    return ""


def _regions(
    frames: Frames, places: np.ndarray, at: Ints, region: Any, argument: str
) -> tuple[Ints, Ints]:
    """Return the box of each frame that is annotated."""
    size = np.asarray(frames.shape)
    low = np.tile(size, (frames.count, 1))
    high = np.zeros((frames.count, len(size)), np.int64)
    parts = region
    if isinstance(region, Mapping) and frames.name in region:
        parts = region[frames.name]
    if parts is None:
        spacing = np.asarray(frames.spacing_um or (1.0,) * len(size))
        away = 2 * usual_distance(at, places * spacing)
        margin = np.ceil(MARGIN * away / spacing) if np.isfinite(away) else np.full(len(size), 5.0)
        if len(at):
            low[at.min() : at.max() + 1] = np.maximum(np.floor(places.min(axis=0) - margin), 0)
            high[at.min() : at.max() + 1] = np.minimum(
                np.ceil(places.max(axis=0) + margin) + 1, size
            )
        return low, high
    for part in [parts] if isinstance(parts, Mapping) else list(parts):
        known = {*frames.axes, "frames"}
        ends = {key: _ends(value) for key, value in part.items() if key in known}
        if len(ends) != len(part) or not ends or not all(ends.values()):
            raise invalid("region", expected=f"first and last px of {', '.join(frames.axes)}, and "
                          "frames", received=part)  # fmt: skip
        first, last = ends.get("frames") or (0, frames.count - 1)
        sizes = zip(frames.axes, frames.shape, strict=True)
        box = [ends.get(axis) or (0, n - 1) for axis, n in sizes]
        some = slice(max(0, int(first)), int(last) + 1)
        low[some] = [max(0, int(a)) for a, _ in box]
        high[some] = [min(n, int(b) + 1) for (_, b), n in zip(box, size, strict=True)]
    return low, high


def _ends(value: Any) -> tuple[float, float] | None:
    """Return the first and the last of something; None where these are not two numbers in order."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        return None
    if not all(isinstance(one, Real) and math.isfinite(one) for one in value):
        return None
    first, last = map(float, value)
    return (first, last) if first <= last else None
