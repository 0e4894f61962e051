"""Movies with exactly known truth: which cell is where, and which is whose mother."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..components.arguments import checked
from ..errors import invalid
from .bodies import seams
from .lives import HABITS, Cell, Habits, Lives, Room
from .optics import Optics, lamp_of
from .scenes import Image, Labels, Seed, seeded

if TYPE_CHECKING:
    import pandas as pd

_LEAST_PX = 6
"""Smaller slivers, at the borders, are not shown."""
_MOST_DIVISIONS = 0.2
_PACKED = 0.45
"""Share of the room that the first cells may fill."""
RECORDING = "movie"
MOVIES = {"culture": (0.5, 0.5), "embryo": (1.5, 0.5, 0.5)}
"""Micrometres per pixel of those that are written to files."""


@dataclass(frozen=True, eq=False)
class Movie:
    """A movie with known truth.

    Attributes
    ----------
    images : uint16 array (t, y, x) or (t, z, y, x)
        The pictures.
    labels : int32 array of the same shape
        Exact truth before blur: 0 background, else the number of the cell. A cell keeps its number
        from division to division, while it is in the image; one that comes back has another.
    positions : DataFrame
        A row per cell and frame: recording, frame (from 0), object (its label), z_px (3-D only),
        y_px, x_px, the centre of its pixels.
    links : DataFrame
        A row per step of a cell from frame to frame, and per daughter: recording, frame_from,
        object_from, frame_to, object_to.
    spacing_um : tuple of float
        Micrometres per pixel, (y, x) or (z, y, x).
    minutes_per_frame : float
        Time between frames.
    """

    images: Image
    labels: Labels
    positions: pd.DataFrame
    links: pd.DataFrame
    spacing_um: tuple[float, ...]
    minutes_per_frame: float

    @property
    def tracks(self) -> pd.DataFrame:
        """A row per number, as in ``man_track.txt``: label, begin, end, parent (0: none)."""
        frames = self.positions.groupby("object")["frame"]
        same = self.links["object_from"] == self.links["object_to"]
        mothers = self.links[~same].set_index("object_to")["object_from"]
        table = frames.agg(begin="min", end="max").rename_axis("label").reset_index()
        table["parent"] = table["label"].map(mothers).fillna(0).astype(np.int64)
        return table


class Frame(NamedTuple):
    """One frame of a movie: picture, labels, and the mother of each cell that is new."""

    image: Image
    labels: Labels
    mothers: dict[int, int]


@checked
def culture(
    frames: int = 40,
    shape: tuple[int, int] = (256, 256),
    count: int = 12,
    seed: Seed = 0,
    *,
    spacing_um: tuple[float, float] = (0.5, 0.5),
    minutes_per_frame: float = 10.0,
    diameter_um: tuple[float, float] = (8.0, 11.0),
    crowding: float = 0.4,
    speed: float = 0.15,
    division_rate: float = 0.02,
    death_rate: float = 0.002,
    bleaching: float = 0.003,
    optics: Optics | None = None,
) -> Movie:
    """Make a movie of nuclei in a dish that grow, move, divide and die.

    Cells come into the image and leave it, for there are others around it.

    Parameters
    ----------
    frames : int, default 40
        How many; a longer movie begins as a shorter one of the same seed does.
    shape : (int, int), default (256, 256)
        Size of a frame in pixels, (y, x).
    count : int, default 12
        Cells in the image in the first frame.
    seed : int or sequence of int, default 0
        The same seed gives the same movie.
    spacing_um : (float, float), default (0.5, 0.5)
        Micrometres per pixel, (y, x).
    minutes_per_frame : float, default 10
        Time between frames; it is told and changes nothing, rates are per frame.
    diameter_um : (float, float), default (8, 11)
        Smallest and largest mean diameter of a cell that was just born; to its division its volume
        (in 2-D its area) doubles.
    crowding : float, default 0.4
        0: cells keep apart, 1: they gather, and press against each other.
    speed : float, default 0.15
        Step from frame to frame as a share of the median distance to the nearest neighbour. From
        0.5 on the nearest cell of the next frame is often another one.
    division_rate : float, default 0.02
        Share of cells that divide in a frame, 0 to 0.2; there are no divisions where cells already
        fill half of the image.
    death_rate : float, default 0.002
        Share of cells that begin to die in a frame; they shrink, brighten, and are gone.
    bleaching : float, default 0.003
        Share of the light that is lost from frame to frame.
    optics : Optics, optional
        Blur, light and noise.

    Returns
    -------
    Movie
        Images, labels, positions and links.

    Raises
    ------
    InvalidError
        Shares out of their range, or more cells than find room.

    Examples
    --------
    >>> movie = culture(frames=3, shape=(64, 64), count=3, seed=1)
    >>> movie.images.shape, sorted(set(movie.positions["frame"]))
    ((3, 64, 64), [0, 1, 2])
    """
    habits = Habits(diameter_um, crowding, speed, division_rate, death_rate)
    made = film(shape, count, seed, spacing_um, habits, False, bleaching, 0.0, optics)
    return _movie(made, frames, shape, spacing_um, minutes_per_frame)


@checked
def embryo(
    frames: int = 30,
    shape: tuple[int, int, int] = (24, 128, 128),
    count: int = 8,
    seed: Seed = 0,
    *,
    spacing_um: tuple[float, float, float] = (1.5, 0.5, 0.5),
    minutes_per_frame: float = 3.0,
    diameter_um: tuple[float, float] = (7.0, 9.0),
    crowding: float = 0.4,
    speed: float = 0.15,
    division_rate: float = 0.03,
    death_rate: float = 0.0,
    bleaching: float = 0.003,
    attenuation_per_um: float = 0.01,
    optics: Optics | None = None,
) -> Movie:
    """Make a movie of the nuclei of an embryo: stacks, sampled and blurred more coarsely along z.

    Cells stay within an ellipsoid that fills the image.

    Parameters
    ----------
    frames : int, default 30
        How many; a longer movie begins as a shorter one of the same seed does.
    shape : (int, int, int), default (24, 128, 128)
        Size of a frame in pixels, (z, y, x).
    count : int, default 8
        Cells in the first frame.
    seed : int or sequence of int, default 0
        The same seed gives the same movie.
    spacing_um : (float, float, float), default (1.5, 0.5, 0.5)
        Micrometres between planes, rows and columns.
    minutes_per_frame : float, default 3
        Time between frames; it is told and changes nothing, rates are per frame.
    diameter_um : (float, float), default (7, 9)
        Smallest and largest mean diameter of a cell that was just born; its volume doubles to its
        division.
    crowding : float, default 0.4
        0: cells keep apart, 1: they gather, and press against each other.
    speed : float, default 0.15
        Step from frame to frame as a share of the median distance to the nearest neighbour.
    division_rate : float, default 0.03
        Share of cells that divide in a frame, 0 to 0.2; there are no divisions where cells already
        fill half of the embryo.
    death_rate : float, default 0
        Share of cells that begin to die in a frame; they shrink, brighten, and are gone.
    bleaching : float, default 0.003
        Share of the light that is lost from frame to frame.
    attenuation_per_um : float, default 0.01
        How much light is lost with depth: of what is seen in plane 0, ``exp(-attenuation * z)``.
    optics : Optics, optional
        Blur, light and noise.

    Returns
    -------
    Movie
        Images, labels, positions and links.

    Raises
    ------
    InvalidError
        Shares out of their range, or more cells than find room.

    Examples
    --------
    >>> movie = embryo(frames=2, shape=(8, 48, 48), count=2, seed=1)
    >>> movie.labels.shape, movie.tracks["begin"].tolist()
    ((2, 8, 48, 48), [0, 0])
    """
    habits = Habits(diameter_um, crowding, speed, division_rate, death_rate)
    made = film(shape, count, seed, spacing_um, habits, True, bleaching, attenuation_per_um, optics)
    return _movie(made, frames, shape, spacing_um, minutes_per_frame)


def usual(kind: str, seed: Seed) -> Iterator[Frame]:
    """Return the movie that `culture` or `embryo` makes with its defaults, frame by frame."""
    import inspect

    make = {"culture": culture, "embryo": embryo}[kind]
    how = {name: one.default for name, one in inspect.signature(make).parameters.items()}
    habits = Habits(how["diameter_um"], *(how[name] for name in HABITS))
    fading = how.get("attenuation_per_um", 0.0)
    return film(how["shape"], how["count"], seed, how["spacing_um"], habits, kind == "embryo",
                how["bleaching"], fading, None)  # fmt: skip


def film(
    shape: tuple[int, ...],
    count: int,
    seed: Seed,
    spacing_um: tuple[float, ...],
    habits: Habits,
    within: bool,
    bleaching: float,
    attenuation_per_um: float,
    optics: Optics | None,
) -> Iterator[Frame]:
    """Return a movie frame by frame, without an end; `within`: cells stay in an ellipsoid."""
    margin = np.zeros(len(shape)) if within else np.full(len(shape), 1.5 * habits.diameter_um[1])
    room = Room(tuple(shape), tuple(spacing_um), margin, within)
    _check_movie(room, count, habits, bleaching, attenuation_per_um)
    one, other = seeded(seed).spawn(2)
    lives = Lives(room, habits, np.random.default_rng(one))
    lives.begin(count)
    depth = np.arange(shape[0]) * spacing_um[0] if len(shape) == 3 else np.zeros(1)
    fading = np.exp(-attenuation_per_um * depth).reshape(-1, *[1] * (len(shape) - 1))
    return _filmed(lives, np.random.default_rng(other), optics or Optics(), fading, bleaching)


def _filmed(
    lives: Lives, rng: Generator, camera: Optics, fading: NDArray[np.float64], bleaching: float
) -> Iterator[Frame]:
    spacing, lamp, frame, last = lives.room.spacing_um, lamp_of(rng), 0, 0
    while True:
        labels, depth = _drawn(lives)
        last, mothers = _numbered(lives, labels, last)
        signal = _light(lives.cells, labels, depth, spacing)
        signal *= (fading * (1 - bleaching) ** frame).astype(np.float32)
        image = camera.expose(signal, rng, spacing if len(spacing) == 3 else None, lamp)
        names = np.array([0, *(one.number for one in lives.cells)], np.int32)
        yield Frame(image, names[labels], mothers)
        frame += 1
        lives.go_on(frame)


def _drawn(lives: Lives) -> tuple[Labels, NDArray[np.float32]]:
    """Return labels, numbered as the cells stand in their list, and depth in the own cell."""
    from scipy import ndimage

    shape = lives.room.shape
    labels, depth = np.zeros(shape, np.int32), np.ones(shape, np.float32)
    for index, one in enumerate(lives.cells, start=1):
        body = one.body(lives.room.spacing_um)
        if (body.centre + body.reach < 0).any() or (body.centre - body.reach > shape).any():
            continue
        box, radius = body.depth(shape)
        wins = radius < depth[box]
        labels[box][wins], depth[box][wins] = index, radius[wins]
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        own = labels[box] == index
        pieces, n = ndimage.label(own)
        sizes = np.bincount(pieces[own])
        largest = int(sizes.argmax()) if sizes.max() >= _LEAST_PX else -1
        if n > 1 or largest < 0:
            labels[box][own & (pieces != largest)] = 0
    depth[labels == 0] = 1
    return labels, depth


def _numbered(lives: Lives, labels: Labels, last: int) -> tuple[int, dict[int, int]]:
    """Give numbers to cells that are new in the image; return the last one, and their mothers."""
    seen = np.bincount(labels.ravel(), minlength=len(lives.cells) + 1) > 0
    mothers = {}
    for index, one in enumerate(lives.cells, start=1):
        if not seen[index]:
            one.number = 0
        elif not one.number:
            last += 1
            one.number, mothers[last] = last, one.mother
        one.mother = 0
    return last, mothers


def _light(
    cells: list[Cell], labels: Labels, depth: NDArray[np.float32], spacing: tuple[float, ...]
) -> NDArray[np.float32]:
    """Grainy nuclei, bright where they divide or die, dimmer towards the rim and at contacts."""
    light = np.zeros(labels.shape, np.float32)
    for index, one in enumerate(cells, start=1):
        body = one.body(spacing)
        low = np.maximum(np.floor(body.centre - body.reach).astype(int), 0)
        high = np.maximum(np.ceil(body.centre + body.reach).astype(int) + 1, 0)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        own = labels[box] == index
        if not own.any():
            continue
        inner = (np.argwhere(own) + low - body.centre) @ body.matrix
        grain = np.cos(inner @ one.look.grain + one.look.shift).sum(axis=1) / 2
        dense = 1 + 0.35 * one.dividing + 0.5 * one.dying
        light[box][own] = one.look.light * dense * np.clip(1 + 0.16 * grain, 0.4, 1.8)
    light *= 0.55 + 0.45 * np.sqrt(np.maximum(1 - depth**2, 0))
    light[seams(labels)] *= 0.5
    return light


def _movie(
    made: Iterator[Frame],
    frames: int,
    shape: tuple[int, ...],
    spacing_um: tuple[float, ...],
    minutes_per_frame: float,
) -> Movie:
    import pandas as pd

    for name, value in (("frames", frames), ("minutes_per_frame", minutes_per_frame)):
        if not value > 0:
            expected = "1 or more" if name == "frames" else "above 0"
            raise invalid(name, expected=expected, received=value)
    images = np.zeros((frames, *shape), np.uint16)
    labels = np.zeros((frames, *shape), np.int32)
    positions, links = [], []
    before: set[int] = set()
    for t, frame in zip(range(frames), made, strict=False):
        images[t], labels[t] = frame.image, frame.labels
        present, centres = _centres(frame.labels)
        positions += [(RECORDING, t, k, *c) for k, c in zip(present, centres, strict=True)]
        links += [(RECORDING, t - 1, k, t, k) for k in present if k in before]
        links += [(RECORDING, t - 1, m, t, k) for k, m in frame.mothers.items() if m in before]
        before = set(present)
    axes = [f"{axis}_px" for axis in "zyx"[-len(shape) :]]
    columns = ["frame_from", "object_from", "frame_to", "object_to"]
    return Movie(
        images,
        labels,
        pd.DataFrame(positions, columns=["recording", "frame", "object", *axes]),
        pd.DataFrame(links, columns=["recording", *columns]),
        tuple(spacing_um),
        minutes_per_frame,
    )


def _centres(labels: Labels) -> tuple[list[int], list[list[float]]]:
    from scipy import ndimage

    present = np.unique(labels[labels > 0])
    centres = ndimage.center_of_mass(labels > 0, labels, present) if len(present) else []
    return present.tolist(), [[float(v) for v in c] for c in centres]


def _check_movie(
    room: Room, count: int, habits: Habits, bleaching: float, attenuation_per_um: float
) -> None:
    if min(room.shape) < 1:
        raise invalid("shape", expected="1 or more pixels along each axis", received=room.shape)
    if not min(room.spacing_um) > 0:
        raise invalid("spacing_um", expected="numbers above 0", received=room.spacing_um)
    low, high = habits.diameter_um
    if not 0 < low <= high:
        raise invalid("diameter_um", expected="the smallest and the largest, above 0",
                      received=habits.diameter_um)  # fmt: skip
    shares: dict[str, tuple[Any, float]] = {
        "crowding": (habits.crowding, 1), "speed": (habits.speed, 2),
        "division_rate": (habits.division_rate, _MOST_DIVISIONS),
        "death_rate": (habits.death_rate, 1), "bleaching": (bleaching, 1),
    }  # fmt: skip
    for name, (value, most) in shares.items():
        if not 0 <= value <= most:
            raise invalid(name, expected=f"0 to {most}", received=value)
    if not attenuation_per_um >= 0:
        raise invalid("attenuation_per_um", expected="0 or more", received=attenuation_per_um)
    ndim = len(room.shape)
    size = room.volume if room.round else float(np.prod(room.size_um))
    most_cells = int(_PACKED * size / (np.pi / (2 * ndim) * high**ndim))
    if not 0 <= count <= most_cells:
        expected = f"0 to {most_cells}, for more find no room in the image"
        raise invalid("count", expected=expected, received=count)
