"""Cells that live: they grow, move, press against each other, divide and die."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .bodies import Body

Floats = NDArray[np.float64]

_FULL = 0.55
"""Share of the room that cells may fill: they divide no more where it is reached."""
_MITOSIS, _DYING = 2, 3
"""Frames in which a cell is seen to divide, and to die."""
_PERSISTENCE = 0.7
"""How much of its step a cell keeps from frame to frame."""
_UNLIKE = 0.1
"""Standard deviation of the logarithm of cycle lengths, among sisters and among families."""
_MEDIAN_LENGTH = {2: 1.177, 3: 1.538}
"""Of vectors of normal numbers, by their dimension."""
_ROUNDS = 12
"""How often cells are pushed apart in a frame."""


HABITS = ("crowding", "speed", "division_rate", "death_rate")


@dataclass(frozen=True)
class Room:
    """Where cells can be: a box around the image, or the ellipsoid of an embryo within it."""

    shape: tuple[int, ...]
    spacing_um: tuple[float, ...]
    margin_um: Floats
    round: bool

    @property
    def size_um(self) -> Floats:
        """Size of the image."""
        return np.array(self.shape) * np.array(self.spacing_um)

    @property
    def volume(self) -> float:
        """How much room there is, in um^2 or um^3."""
        sides = self.size_um + 2 * self.margin_um
        share = math.pi / (2 * len(sides)) if self.round else 1.0
        return float(np.prod(sides)) * share

    def drawn(self, rng: Generator) -> Floats:
        """Draw a place."""
        while True:
            place = rng.uniform(-self.margin_um, self.size_um + self.margin_um)
            if not self.round or np.linalg.norm(2 * place / self.size_um - 1) < 1:
                return place

    def held(self, places: Floats, radius: Floats) -> Floats:
        """Put back what has come out."""
        if not self.round:
            return np.clip(places, -self.margin_um, self.size_um + self.margin_um)
        middle = self.size_um / 2
        half = np.maximum(middle - radius[:, None], 1e-6)
        away = np.linalg.norm((places - middle) / half, axis=1)
        return middle + (places - middle) / np.maximum(away, 1.0)[:, None]

    def shown(self, place: Floats) -> bool:
        """Return whether a place is in the image."""
        return bool(((place >= 0) & (place < self.size_um)).all())


@dataclass(frozen=True)
class Habits:
    """How cells live; the arguments of `culture` and `embryo` say what each means."""

    diameter_um: tuple[float, float]
    crowding: float
    speed: float
    division_rate: float
    death_rate: float

    @property
    def cycle(self) -> float:
        """Frames from division to division."""
        return math.log(2) / self.division_rate if self.division_rate else math.inf

    @property
    def contact(self) -> float:
        """How near two cells come, as a share of the sum of their radii."""
        return 1.3 - 0.45 * self.crowding


@dataclass
class Cell:
    """One cell; `number` is that of its label, 0 while it is not in the image."""

    place: Floats
    step: Floats
    volume_at_birth: float
    age: float
    cycle: float
    turn: Floats
    stretch: Floats
    look: Look
    number: int = 0
    mother: int = 0
    dying: int = 0
    born: int = -9

    @property
    def volume(self) -> float:
        """Double at the end of the cycle; a dying cell shrinks."""
        grown = self.volume_at_birth * 2 ** min(self.age / self.cycle, 1.0)
        return grown * 0.72**self.dying

    @property
    def radius(self) -> float:
        """That of a disk or ball of the same volume."""
        if len(self.place) == 2:
            return math.sqrt(self.volume / math.pi)
        return (self.volume * 3 / (4 * math.pi)) ** (1 / 3)

    @property
    def dividing(self) -> int:
        """Frames that it takes part in a division: 0 none, then 1 to `_MITOSIS`."""
        left = self.cycle - self.age
        return 0 if self.dying or left > _MITOSIS else _MITOSIS - max(math.ceil(left) - 1, 0)

    def body(self, spacing_um: tuple[float, ...]) -> Body:
        """Return the shape it has now, in pixels."""
        step = np.array(spacing_um)
        stretch = self.stretch.copy()
        if self.dividing:
            stretch = np.where(np.arange(len(stretch)) == 0, 1.0 + 0.25 * self.dividing, 1.0)
        semi_axes = self.radius * stretch / np.prod(stretch) ** (1 / len(stretch))
        return Body(
            centre=self.place / step - 0.5,
            matrix=step[:, None] * self.turn / semi_axes,
            waves=self.look.waves,
            phases=self.look.phases,
            radius=self.radius,
            reach=1.25 * semi_axes.max() / step,
        )


@dataclass(frozen=True, eq=False)
class Look:
    """What stays the same of a cell: its outline, its grain, how bright it is."""

    waves: Floats
    phases: Floats
    grain: Floats
    shift: Floats
    light: float

    @classmethod
    def drawn(cls, rng: Generator, ndim: int) -> Look:
        """Draw how a cell looks."""
        return cls(rng.normal(0, 2.0, (ndim, 3)), rng.uniform(0, 2 * np.pi, 3),
                   rng.normal(0, 5.0, (ndim, 8)), rng.uniform(0, 2 * np.pi, 8),
                   float(np.exp(rng.normal(0, 0.25))))  # fmt: skip


@dataclass
class Lives:
    """All cells of a movie, frame by frame."""

    room: Room
    habits: Habits
    rng: Generator
    cells: list[Cell] = field(default_factory=list)

    def begin(self, count: int) -> None:
        """Place cells: as many in the image as asked for, others around it."""
        inside = np.prod(self.room.size_um)
        around = round(count * (self.room.volume / inside - 1)) if not self.room.round else 0
        wanted = [True] * count + [False] * around
        for shown in wanted:
            self.cells.append(self._first(shown))
        for _ in range(20):
            self.push(_ROUNDS)

    def _first(self, shown: bool) -> Cell:
        rng, ndim = self.rng, len(self.room.shape)
        best, most = None, -math.inf
        for _ in range(30):
            place = self.room.drawn(rng)
            if self.room.shown(place) != shown:
                continue
            gaps = [float(np.linalg.norm(place - one.place)) for one in self.cells]
            if min(gaps, default=math.inf) > most:
                best, most = place, min(gaps, default=math.inf)
            if most > max(self.habits.diameter_um) * self.habits.contact:
                break
        place = self.room.size_um / 2 if best is None else best
        cycle = self._cycle(float(rng.normal(0, _UNLIKE)))
        # of cells that double there are twice as many new ones as ones about to divide
        age = -self.habits.cycle * math.log2(1 - rng.random() / 2) if cycle < math.inf else 0.0
        diameter = rng.uniform(*self.habits.diameter_um)
        volume = math.pi / (2 * ndim) * diameter**ndim
        age = min(age, cycle - _MITOSIS - 1)
        cell = Cell(place, rng.normal(size=ndim), volume, age, cycle, _turn(rng, ndim),
                    rng.uniform(0.8, 1.25, ndim), Look.drawn(rng, ndim))  # fmt: skip
        cell.stretch[0] = max(cell.stretch[0], 1.05)
        return cell

    def _cycle(self, family: float) -> float:
        if self.habits.cycle == math.inf:
            return math.inf
        own = float(self.rng.normal(0, _UNLIKE))
        return max(self.habits.cycle * math.exp(family + own), _MITOSIS + 1.0)

    def go_on(self, frame: int) -> None:
        """Live for one frame."""
        alive = [one for one in self.cells if one.dying < _DYING]
        room = sum(one.volume for one in alive) < _FULL * self.room.volume
        self.cells = [new for one in alive for new in self._aged(one, room, frame)]
        spacing = self._spacing()
        for one in self.cells:
            fresh = self.rng.normal(size=one.step.size)
            one.step = _PERSISTENCE * one.step + math.sqrt(1 - _PERSISTENCE**2) * fresh
            length = _MEDIAN_LENGTH[one.step.size]
            one.place = one.place + one.step * self.habits.speed * spacing / length
            one.turn = _turned(one.turn, 0.08, self.rng)
        self.push(_ROUNDS)

    def _aged(self, cell: Cell, room: bool, frame: int) -> Iterator[Cell]:
        dies = self.rng.random() < self.habits.death_rate
        if cell.dying or (dies and not cell.dividing):
            cell.dying += 1
        elif cell.age + 1 >= cell.cycle and room:
            yield from self._divided(cell, frame)
            return
        else:
            cell.age = min(cell.age + 1, cell.cycle - 1e-6)
            if not room and cell.dividing:
                cell.age = cell.cycle - _MITOSIS - 1
        yield cell

    def _divided(self, cell: Cell, frame: int) -> Iterator[Cell]:
        """Cut a cell across its first axis; what both have together is what it had."""
        volume, family = cell.volume, float(self.rng.normal(0, _UNLIKE))
        share = float(np.clip(self.rng.normal(0.5, 0.03), 0.4, 0.6))
        for sign, part in ((1, share), (-1, 1 - share)):
            rng, ndim = self.rng, cell.place.size
            stretch = rng.uniform(0.85, 1.15, ndim)
            stretch[0] = 1.1
            light = cell.look.light * float(np.exp(rng.normal(0, 0.08)))
            away = sign * 0.72 * cell.radius * cell.turn[:, 0]
            yield Cell(cell.place + away, sign * cell.turn[:, 0], part * volume, 0.0,
                       self._cycle(family), _across(cell.turn), stretch,
                       replace(Look.drawn(rng, ndim), light=light),
                       mother=cell.number, born=frame)  # fmt: skip

    def _spacing(self) -> float:
        """Return the median distance from a cell to the nearest other one, in um."""
        from scipy.spatial import cKDTree

        if len(self.cells) < 2:
            return 2.0 * max((one.radius for one in self.cells), default=0.0)
        places = np.stack([one.place for one in self.cells])
        return float(np.median(cKDTree(places).query(places, k=2)[0][:, 1]))

    def push(self, rounds: int) -> None:
        """Move cells apart that are too near, and, where they crowd, together."""
        from scipy.spatial import cKDTree

        if not self.cells:
            return
        places = np.stack([one.place for one in self.cells])
        radius = np.array([one.radius for one in self.cells])
        if self.habits.crowding and len(places) > 1:
            near = cKDTree(places).query(places, k=min(4, len(places)))[1][:, 1:]
            gap = places[near].mean(axis=1) - places
            length = np.maximum(np.linalg.norm(gap, axis=1, keepdims=True), 1e-9)
            apart = np.maximum(length - 2 * radius[:, None], 0)
            places = places + 0.25 * self.habits.crowding * apart * gap / length
        for _ in range(rounds):
            pairs = cKDTree(places).query_pairs(2.7 * radius.max(), output_type="ndarray")
            pairs = pairs[np.lexsort(pairs.T)]
            a, b = pairs.T
            way = places[b] - places[a]
            length = np.maximum(np.linalg.norm(way, axis=1), 1e-9)
            over = self.habits.contact * (radius[a] + radius[b]) - length
            if not (over > 0.01).any():
                break
            move = 0.35 * np.maximum(over, 0)[:, None] * way / length[:, None]
            np.add.at(places, a, -move)
            np.add.at(places, b, move)
            places = self.room.held(places, radius)
        for one, place in zip(self.cells, self.room.held(places, radius), strict=True):
            one.place = place


def _turn(rng: Generator, ndim: int) -> Floats:
    turn: Floats = np.linalg.qr(rng.normal(size=(ndim, ndim)))[0]
    return turn


def _turned(turn: Floats, by: float, rng: Generator) -> Floats:
    q, r = np.linalg.qr(turn + by * rng.normal(size=turn.shape))
    turned: Floats = q * np.sign(np.diag(r))
    return turned


def _across(turn: Floats) -> Floats:
    """Let the second axis come first: daughters lie across the way they parted."""
    return np.roll(turn, 1, axis=1)
