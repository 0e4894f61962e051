"""Train what tracks: cells' centres, divisions and links, in one model under one budget."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..components import to_plain
from ..datasets.data import Data
from ..errors import invalid
from ..events import Event, Work, note, warn
from ..images.normalize import Normalize
from ..messages import Argument, Setting, counted, say
from ..models.folder import ModelFolder, open_model_folder
from ..models.inputs import as_model
from ..models.model import Model
from ..models.record import Part
from ..networks.siamese import STEP, Siamese
from ..runtime import backend
from ..tasks.centres import Centres
from ..tasks.division import Division
from ..tasks.link import Link
from ..training.learn import learn
from ..training.prepare import read, ready
from ..training.provenance import model_of, recorded
from ..training.resume import Ended, kept_in
from ..training.segment import taught as centres_taught
from ..training.session import asked
from ..training.stages import Given
from ..training.trainer import Trainer
from ..training.tune import doubts, tune
from .annotated import UNKNOWN, Annotated, annotated
from .crops import Grid
from .detected import CENTRES, DIVISION, LINK, alone
from .graph import Ints
from .honest import honest
from .lesson import Examples, OfCrops
from .linked import moving
from .margins import edges
from .points import Points
from .seen import windows

SHARES = {CENTRES: 0.65, LINK: 0.25, DIVISION: 0.10}
"""Of the time for each network."""
HELD = 0.2
"""Share of the recordings, or of the frames at the end of each, that is not learned from."""
FEWEST_FRAMES = 4
MOST_CROPS = 5000
"""Positions around which crops are cut, to learn from; a fifth of that to watch."""
MOST_FRAMES = 300
"""Frames of all recordings that centres are learned from."""
TUNED = 12
"""Frames held out that thresholds are fitted to."""
FEWEST_DIVISIONS = 3
DAUGHTERS = 5.0
"""Links to daughters are drawn so many times as often."""
ENOUGH = {"positions": 200, "links": 150, "divisions": 10}
"""Below these, more annotation helps most."""


@dataclass(frozen=True, eq=False)
class Asked:
    """What a tracker is trained by.

    Attributes
    ----------
    recordings : list of Annotated
        Movies with their tracks.
    held : list of (list of int, list of int)
        By recording: frames that are learned from, and frames held out.
    wanted : tuple of str
        Networks to train.
    trainer : Trainer
        Budget of all.
    network : Network or None
        For centres.
    normalize : Normalize or None
        Scaling.
    seed : int
        Decides everything.
    start : Model or None
        Gone on from.
    neighbours : float
        Usual distance, in um or px.
    """

    recordings: list[Annotated]
    held: list[tuple[list[int], list[int]]]
    wanted: tuple[str, ...]
    trainer: Trainer
    network: Any
    normalize: Normalize | None
    seed: int
    start: Model | None
    neighbours: float

    @property
    def unit(self) -> str:
        """Of lengths."""
        return "um" if all(r.frames.spacing_um for r in self.recordings) else "px"

    def turn(self, name: str) -> tuple[int, int]:
        """Say which network of how many this is."""
        return self.wanted.index(name) + 1, len(self.wanted)

    def share(self, name: str) -> Trainer:
        """Return the trainer of one network, with its part of the time."""
        minutes = self.trainer.length(1)[1]
        if minutes is None:
            return self.trainer
        whole = sum(SHARES[one] for one in self.wanted)
        return replace(self.trainer, minutes=minutes * SHARES[name] / whole)


def tracker(
    data: Any,
    *,
    networks: Sequence[str],
    network: Any,
    trainer: Trainer | None,
    normalize: Normalize | None,
    channels: Any,
    region: Any,
    spacing_um: Any,
    start: Any,
    out: str | os.PathLike[str] | None,
    overwrite: bool,
    seed: int,
    started: float,
    keep_interrupted: bool = False,
) -> Work[Model]:
    """Train a model that tracks; the parameters are those of the verb."""
    base = None if start is None else as_model(start, "start")
    odd = [name for name in networks if name not in SHARES]
    if odd or not networks:
        raise invalid("networks", expected=f"some of {', '.join(SHARES)}",
                      received=", ".join(odd) or "none")  # fmt: skip
    recordings, notes = annotated(data, channels=channels, spacing_um=spacing_um, region=region)
    for text in notes:
        yield warn(text)
    # settings are checked, and the backend is begun, before anything is read
    asked(Centres(), network, trainer, normalize, None, seed)
    given = _asked(recordings, networks, network, trainer, normalize, seed, base)
    yield from _surveyed(given)
    if DIVISION in networks and DIVISION not in given.wanted:
        yield note("Fewer than 3 divisions to learn from: trained without them.")
    folder = open_model_folder(out, overwrite)
    try:
        if folder is not None:
            folder.refuse_started(2)
        model = yield from _trained(given, folder, started, keep_interrupted)
        if folder is not None:
            with kept_in(folder):
                folder.save(model)
            if not model.info["interrupted"]:
                folder.clear()
            yield note(f"Model written to {folder.path}.")
        return model
    except Ended:
        assert folder is not None
        folder.clear()
        yield note(f"That training has ended: its model is in {folder.path}.")
        return as_model(folder.path, "out")
    finally:
        backend.forget_kernels()
        if folder is not None:
            folder.leave()


def _asked(
    recordings: list[Annotated], networks: Sequence[str], network: Any, trainer: Trainer | None,
    normalize: Normalize | None, seed: int, base: Model | None,
) -> Asked:  # fmt: skip
    dims = {len(r.frames.axes) for r in recordings}
    if len(dims) > 1:
        raise invalid("data", expected="recordings of 2-D or of 3-D images", received="both")
    held = _held_out(recordings)
    divisions = sum(int(r.dividing[np.isin(r.at, learned)].sum())
                    for r, (learned, _) in zip(recordings, held, strict=True))  # fmt: skip
    wanted = tuple(
        name for name in SHARES
        if name in networks and (name != DIVISION or divisions >= FEWEST_DIVISIONS)
    )  # fmt: skip
    links = sum(len(r.source) for r in recordings)
    if not links and set(wanted) != {CENTRES}:
        raise invalid("data", expected="links between positions to learn from", received="none",
                      remedy=say("Train {} alone, or link some.",
                                 Setting("networks", "centres")))  # fmt: skip
    away = [r.neighbours() for r in recordings]
    known = [one for one in away if np.isfinite(one)]
    spacing = recordings[0].frames.spacing_um
    usual = float(np.median(known)) if known else 20.0 * (min(spacing) if spacing else 1.0)
    return Asked(recordings, held, wanted, trainer or Trainer(), network, normalize, seed, base,
                 round(usual, 4))  # fmt: skip


def _held_out(recordings: Sequence[Annotated]) -> list[tuple[list[int], list[int]]]:
    """Hold out whole recordings of three or more, else the last frames of each.

    Never some frames among others, which would be nearly the same.
    """
    found = []
    several = len(recordings) >= 3
    count = max(1, round(HELD * len(recordings)))
    for k, one in enumerate(recordings):
        known = one.known
        if several:
            out = k >= len(recordings) - count
            found.append(([], known) if out else (known, []))
            continue
        if len(known) < FEWEST_FRAMES:
            raise invalid(
                "data", expected=f"{FEWEST_FRAMES} annotated frames or more, of which some are "
                "held out, or three recordings", received=f"{one.name}: {len(known)}",
            )  # fmt: skip
        last = max(2, round(HELD * len(known)))
        # a frame between them belongs to neither
        apart = 1 if len(known) - last > FEWEST_FRAMES else 0
        found.append((known[: len(known) - last - apart], known[len(known) - last :]))
    return found


def _surveyed(given: Asked) -> Iterable[Event]:
    """Say what there is to learn from, and whether that is enough."""
    total = {"positions": 0, "links": 0, "divisions": 0}
    for one, (learned, held) in zip(given.recordings, given.held, strict=True):
        counts = {"positions": len(one.positions), "links": len(one.source),
                  "divisions": int(one.dividing.sum())}  # fmt: skip
        total = {key: total[key] + counts[key] for key in total}
        words = ", ".join(counted(n, key[:-1]) for key, n in counts.items())
        yield note(f"{one.name}: {words}; {len(learned)} frames to learn from, {len(held)} held "
                   "out.")  # fmt: skip
    unsized = [one.name for one in given.recordings if not one.frames.spacing_um]
    if unsized:
        flat = len(given.recordings[0].frames.axes) == 2
        yield warn(say(
            "{}: the size of pixels is not known, so all lengths are in pixels{}. Give {}.",
            ", ".join(unsized), "" if flat else ", and planes are taken to be as far apart",
            Argument("pixel_size_um"),
        ))  # fmt: skip
    few = [f"{total[key]} {key} (of {least} or more)" for key, least in ENOUGH.items()
           if total[key] < least]  # fmt: skip
    if few:
        yield warn(f"Little to learn from: {', '.join(few)}. More annotation helps most.")
    yield note(f"Neighbours are {given.neighbours:.3g} {given.unit} apart.")


def _trained(
    given: Asked, folder: ModelFolder | None, started: float, keep_interrupted: bool
) -> Work[Model]:
    models: dict[str, Model] = {}
    begun = started
    if CENTRES in given.wanted:
        own = None if folder is None else folder.of_member(given.turn(CENTRES)[0])
        models[CENTRES] = yield from _centres(given, own, begun, keep_interrupted)
        begun = time.monotonic()
    crops = [name for name in given.wanted if name != CENTRES]
    if crops and not any(one.info["interrupted"] for one in models.values()):
        scaling = _scaling(given, models.get(CENTRES))
        grid = Grid.for_cells(given.neighbours, _spacing(given))
        with tempfile.TemporaryDirectory(prefix="cytoloom-") as place:
            cut = yield from _cut(given, grid, scaling, Path(place))
            for name in crops:
                own = None if folder is None else folder.of_member(given.turn(name)[0])
                models[name] = yield from _of_crops(given, name, grid, scaling, cut, own, begun,
                                                    keep_interrupted)  # fmt: skip
                begun = time.monotonic()
                if models[name].info["interrupted"]:
                    break
            del cut
        told = {"size_px": list(grid.size_px), "step": list(grid.step), "unit": given.unit,
                "usual": given.neighbours}  # fmt: skip
    else:
        told = {}
    model = _together(given, models, told, started)
    if LINK in model.parts:
        model = yield from honest(model, given.recordings, given.held)
    return model


def _spacing(given: Asked) -> tuple[float, ...]:
    """Return the median size of pixels."""
    axes = len(given.recordings[0].frames.axes)
    if given.unit == "px":
        return (1.0,) * axes
    sizes = [r.frames.spacing_um for r in given.recordings]
    return tuple(float(v) for v in np.median(np.array(sizes, float), axis=0))


def _centres(
    given: Asked, folder: ModelFolder | None, started: float, keep_interrupted: bool
) -> Work[Model]:
    """Train the network that finds cells, on frames with marks."""
    frames = sum(len(learned) for learned, _ in given.held)
    every = max(1, -(-frames // MOST_FRAMES))
    few = max(1, -(-sum(len(held) for _, held in given.held) // TUNED))
    items = []
    for one, (learned, held) in zip(given.recordings, given.held, strict=True):
        items += one.items(learned[::every], "train")
        items += one.items(held[::few], "validation")
    task = Centres(**{f"distance_{given.unit}": given.neighbours})
    base = None
    if given.start is not None and CENTRES in given.start.parts:
        base = alone(given.start, CENTRES)
    asked_for = asked(task, given.network, given.share(CENTRES), given.normalize, base, given.seed)
    asked_for = replace(asked_for, turn=given.turn(CENTRES))
    model = yield from _images(asked_for, Data(tuple(items), unknown=UNKNOWN), folder, started,
                               keep_interrupted)  # fmt: skip
    return model


def _images(
    given: Given, data: Data, folder: ModelFolder | None, started: float, keep_interrupted: bool
) -> Work[Model]:
    found = yield from read(given, data, 0.0)
    planned = yield from ready(found)
    lesson, learned = yield from centres_taught(planned, folder, started, keep_interrupted)
    with kept_in(folder):
        yield Event("progress", "fitting the threshold on frames held out", 1, 1)
        bare = model_of(lesson, learned, planned.trainer, precision=planned.precision,
                        started=started)  # fmt: skip
        tuned = tune(planned, bare)
        for text in doubts(planned.trainer, learned.state.iteration, tuned.task, tuned.scores):
            yield warn(text)
        return recorded(bare, planned, tuned, started)


def _scaling(given: Asked, centres: Model | None) -> Normalize:
    """Return one scaling for all networks."""
    if centres is not None:
        return centres.normalize
    scaling = given.normalize or Normalize()
    sources = [r.frames.sources[k] for r, (learned, _) in
               zip(given.recordings, given.held, strict=True) for k in learned[::10]]  # fmt: skip
    return scaling.with_floor([scaling.fit(one) for one in sources])


@dataclass(frozen=True, eq=False)
class Placed:
    """Positions of a recording.

    Attributes
    ----------
    points : Points
        Without drift.
    step : float
        How far they usually move.
    source, target : ndarray of int (m,)
        Candidates, and all that are true.
    out : ndarray of bool (n,)
        Which are held out.
    crop : ndarray of int (n,)
        The crop of each, -1 where there is none.
    """

    points: Points
    step: float
    source: Ints
    target: Ints
    out: np.ndarray
    crop: Ints


@dataclass(frozen=True, eq=False)
class Cut:
    """Crops around positions, and what is known of these.

    Attributes
    ----------
    crops : ndarray float16 (n, wider size..., 3 c)
        Of three frames.
    light : float
        That the images are the same: some of it.
    places : list of Placed
        By recording.
    """

    crops: np.ndarray
    light: float
    places: list[Placed]


def _cut(given: Asked, grid: Grid, scaling: Normalize, place: Path) -> Work[Cut]:
    """Cut out what both networks see."""
    chosen, known = [], []
    left = {True: MOST_CROPS // 5, False: MOST_CROPS}
    total = sum(len(r.positions) for r in given.recordings)
    for one, (learned, held) in zip(given.recordings, given.held, strict=True):
        placed = yield from _placed(one, given.unit, held)
        own = np.zeros(len(one.positions), bool)
        for side, frames in ((False, learned), (True, held)):
            most = max(200, int(left[side] * len(one.positions) / max(1, total)))
            own |= _some(one, placed, np.isin(one.at, frames), most)
        chosen.append(own)
        known.append(placed)
    wide = grid.wider()
    channels = 3 * given.recordings[0].frames.channels
    count = sum(int(own.sum()) for own in chosen)
    file = np.lib.format.open_memmap(place / "crops.npy", "w+", np.float16,
                                     (count, *wide.size_px, channels))  # fmt: skip
    at = 0
    for one, own, placed in zip(given.recordings, chosen, known, strict=True):
        spacing = one.frames.spacing_um if given.unit == "um" else (1.0,) * len(one.frames.axes)
        here = replace(wide, spacing=tuple(spacing or ()))
        frames = one.at
        for k, image in windows(one.frames, scaling, set(frames[own].tolist())):
            some = np.flatnonzero(own & (frames == k))
            crops = here.cut(image, one.places[some])
            file[at : at + len(some)] = np.clip(crops, -6e4, 6e4)
            placed.crop[some] = np.arange(at, at + len(some))
            at += len(some)
            yield Event("progress", f"{one.name}: cell {at}/{count} cut out", at, count)
    file.flush()
    light = float(np.asarray(file[:: max(1, count // 64)], float).sum())
    return Cut(file, round(light, 3), known)


def _placed(one: Annotated, unit: str, held: Sequence[int]) -> Work[Placed]:
    """Return positions with how they move, and pairs as they will be asked about."""
    spacing = one.frames.spacing_um if unit == "um" else (1.0,) * len(one.frames.axes)
    table = one.positions.assign(probability=np.nan)
    points = Points.of(table[[c for c in table if c not in ("area_px", "volume_px")]],
                       tuple(spacing or ()), one.frames.shape)  # fmt: skip
    source, target, step = one.source, one.target, points.spacing() / 8
    if len(np.unique(points.frame)) > 1:
        course = yield from moving(points, None, True, True, True)
        points, step, n = course.points, course.motion.step, len(points.frame)
        a, b, _ = edges(course.graph)
        keys = np.unique(np.concatenate([a * n + b, source * n + target]))
        source, target = keys // n, keys % n
    return Placed(points, float(step), source, target, np.isin(one.at, held),
                  np.full(len(points.frame), -1))  # fmt: skip


def _some(one: Annotated, placed: Placed, among: np.ndarray, most: int) -> np.ndarray:
    """Choose positions: all in some blocks of frames, and those around divisions."""
    if among.sum() <= most:
        return among
    frames = np.unique(one.at[among])
    per_frame = among.sum() / len(frames)
    block = 3
    blocks = max(1, int(most / (block * per_frame)))
    starts = np.unique(np.linspace(0, max(0, len(frames) - block), blocks).astype(int))
    kept = np.unique((starts[:, None] + np.arange(block)).ravel())
    chosen = among & np.isin(one.at, frames[kept[kept < len(frames)]])
    mothers = one.dividing & among
    daughters = one.target[mothers[one.source]]
    chosen |= mothers
    chosen[daughters] = True
    # and what a daughter may be taken for, or a mother
    source, target = placed.source, placed.target
    chosen[source[np.isin(target, daughters)]] = True
    chosen[target[mothers[source]]] = True
    return chosen & among


def _of_crops(
    given: Asked, name: str, grid: Grid, scaling: Normalize, cut: Cut, folder: ModelFolder | None,
    started: float, keep_interrupted: bool,
) -> Work[Model]:  # fmt: skip
    """Train one of the networks that look at crops."""
    channels = given.recordings[0].frames.channels
    inputs: dict[str, int]
    task: Link | Division
    if name == LINK:
        task = Link()
        inputs = {"earlier": channels, "later": channels, STEP: len(grid.size_px) + 1}
        sides = [_pairs(given, cut, channels, held) for held in (False, True)]
    else:
        task, inputs = Division(), {"crop": 3 * channels}
        sides = [_cells(given, cut, held) for held in (False, True)]
    network = _network(grid)
    part = Part(task, network, scaling, inputs)
    learned_from, watched = sides
    if not len(watched) or watched.right.all() or not watched.right.any():
        watched = learned_from
    yield note(f"{name}: {len(learned_from)} examples, {int(learned_from.right.sum())} of them "
               "right.")  # fmt: skip
    base = given.start
    earlier = base.network_of(1, name) if base is not None and name in base.parts else None
    facts = {
        "data": [len(learned_from), cut.light, hashlib.sha256(
            learned_from.rows.tobytes() + learned_from.right.tobytes()).hexdigest()],
        "grid": to_plain([list(grid.size_px), list(grid.step), given.neighbours]),
        "start": None if earlier is None else float(sum(np.abs(w).sum() for w in
                                                        earlier.get_weights())),
    }  # fmt: skip
    seed = int(np.random.SeedSequence([given.seed, given.turn(name)[0]]).generate_state(1)[0] >> 1)
    backend.require(given.trainer.threads, len(grid.size_px))
    turn = given.turn(name)
    lesson = OfCrops(part, name, grid, learned_from, watched, seed, facts, turn, earlier)
    trainer = given.share(name)
    precision = backend.resolve_precision(trainer.precision)
    if precision == "bfloat16":
        precision = "float32"  # crops are small, and feature maps of few planes
    learned = yield from learn(lesson, trainer, precision=precision, folder=folder, started=started,
                               keep_interrupted=keep_interrupted)  # fmt: skip
    return model_of(lesson, learned, trainer, precision=precision, started=started)


def _network(grid: Grid) -> Siamese:
    filters = (16, 32, 48) if len(grid.size_px) == 2 else (12, 24, 48)
    return Siamese(size_px=grid.size_px, filters=filters)


def _pairs(given: Asked, cut: Cut, channels: int, held: bool) -> Examples:
    """Return pairs of positions in frames that are learned from, or held out."""
    rows, steps, scale, gaps, right, often = [], [], [], [], [], []
    for one, placed in zip(given.recordings, cut.places, strict=True):
        points, crop, source, target = placed.points, placed.crop, placed.source, placed.target
        true = set(zip(one.source.tolist(), one.target.tolist(), strict=True))
        after: dict[int, list[int]] = {}
        for a, b in true:
            after.setdefault(a, []).append(b)
        side = placed.out if held else ~placed.out
        here = (crop[source] >= 0) & (crop[target] >= 0) & side[source] & side[target]
        a, b = source[here], target[here]
        rows.append(np.stack([crop[a], crop[b]], axis=-1))
        steps.append(points.at[b] - points.at[a])
        scale.append(np.full(len(a), placed.step))
        gaps.append(points.frame[b] - points.frame[a])
        same = [(i, j) in true or any((k, j) in true for k in after.get(i, ()))
                for i, j in zip(a.tolist(), b.tolist(), strict=True)]  # fmt: skip
        right.append(np.array(same, bool))
        often.append(np.where(one.dividing[a], DAUGHTERS, 1.0))
    parts = (np.concatenate(each) for each in (rows, steps, scale, gaps, right, often))
    return Examples(cut.crops[..., channels : 2 * channels], *parts)


def _cells(given: Asked, cut: Cut, held: bool) -> Examples:
    """Return cells of which it is known whether they divide before the next frame."""
    rows, right = [], []
    for one, placed in zip(given.recordings, cut.places, strict=True):
        goes_on = np.bincount(one.source, minlength=len(placed.crop)) > 0
        side = placed.out if held else ~placed.out
        own = np.flatnonzero((placed.crop >= 0) & goes_on & side)
        rows.append(placed.crop[own])
        right.append(one.dividing[own])
    row, divides = np.concatenate(rows), np.concatenate(right)
    none = np.zeros((len(row), len(given.recordings[0].frames.axes)))
    ones = np.ones(len(row))
    return Examples(cut.crops, row[:, None], none, ones, ones.astype(int), divides, ones)


def _together(
    given: Asked, models: dict[str, Model], told: dict[str, Any], started: float
) -> Model:
    """Put the networks into one model."""
    first = next(iter(models.values()))
    parts = {name: one.part for name, one in models.items()}
    networks = {(1, name): one.keras for name, one in models.items()}
    each = {name: one.info["training"] for name, one in models.items()}
    spacing = list(_spacing(given)) if given.unit == "um" else None
    learned = sum(len(frames) for frames, _ in given.held)
    training = {
        **first.info["training"],
        **each,
        "images": learned,
        "iterations": sum(one["iterations"] for one in each.values()),
        "seconds": time.monotonic() - started,
        "validation": "recordings held out" if len(given.recordings) >= 3 else
        "the last frames of each recording",
        "tracks": {
            **told,
            "recordings": [
                {"name": one.name, "positions": len(one.positions), "links": len(one.source),
                 "divisions": int(one.dividing.sum()), "held_out": held}
                for one, (_, held) in zip(given.recordings, given.held, strict=True)
            ],
        },
    }  # fmt: skip
    info = {
        **first.info,
        "trainer": to_plain(given.trainer),
        "channels": {**first.info["channels"], "count": given.recordings[0].frames.channels},
        "pixel_size_um": spacing,
        "seed": given.seed,
        "interrupted": any(one.info["interrupted"] for one in models.values()),
        "training": training,
    }
    history = pd.concat(
        [one.history.assign(network=name) for name, one in models.items()], ignore_index=True
    )
    return Model(parts, info, history, networks=networks)
