"""Cells of each frame, by a network that finds their centres."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..errors import invalid
from ..events import Event, Work, warn
from ..images.image import AnyArray
from ..messages import Argument, say
from ..models.model import Model
from ..models.record import NETWORK
from ..models.rescale import Factors, scaled_maps
from ..tasks.centres import Centres
from ..volumes.work import Hands
from .frames import Frames
from .graph import Floats
from .kept import each_frame
from .matching import usual_distance

CENTRES, LINK, DIVISION = "centres", "link", "division"
"""Names of the networks of a model that tracks."""
SURE = 0.1
"""Detections less likely to be cells are left out."""
ALIKE = 1.2
"""Pixels so many times as large are taken as they are."""
UNLIKE = 1.6
"""Neighbours so many times nearer, or further, than in training are told."""
BALL, AROUND = 0.25, 0.6
"""Of the usual distance of neighbours: radius of the ball in which a cell's intensity is measured,
and of that around it."""


def alone(model: Model, name: str) -> Model:
    """Return a model of one of the networks, as if it were the only one.

    Parameters
    ----------
    model : Model
        Of several.
    name : str
        Of the network.
    """
    keys = {key: (key[0], NETWORK) for key in model.keys() if key[1] == name}
    networks = {new: model.network_of(*key) for key, new in keys.items()}
    training = {**model.info["training"], **model.info["training"].get(name, {})}
    return Model({NETWORK: model.parts[name]}, {**model.info, "training": training},
                 model.history, members=model.members, networks=networks)  # fmt: skip


def as_detector(model: Model, argument: str = "model") -> Model:
    """Return the model of what finds centres, of a model that tracks or one of it alone."""
    if CENTRES in model.parts:
        return alone(model, CENTRES)
    if isinstance(model.task, Centres):
        return model
    raise invalid(argument, expected="a model that finds centres",
                  received=f"one of {', '.join(model.parts)}",
                  remedy=say("Say where cells are: track and score_links take {}.",
                             Argument("positions")))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Finding:
    """What is done with one frame: a model, a recording, and how many times as large it is seen."""

    model: Model
    frames: Frames
    factors: Factors


def find(job: Finding, k: int, workers: int | None) -> dict[str, np.ndarray]:
    """Find the cells of a frame; see `volumes.work.each_block`."""
    model, frames = job.model, job.frames
    source, task = frames.sources[k], model.task
    assert isinstance(task, Centres)
    image = frames.frame(k)
    maps = scaled_maps(model, source, model.normalize.fit(source), job.factors, workers=workers)
    places, heights = task.points(maps, frames.spacing_um, min(task.threshold, _level(task)))
    p = task.probability(heights)
    own = (p >= SURE) | (heights >= task.threshold)
    # in an order that does not hang on heights, whose last digits differ from machine to machine
    order = np.lexsort(np.round(places[own], 3).T[::-1])
    places, p = places[own][order], p[own][order]
    spacing = frames.spacing_um or (1.0,) * len(frames.axes)
    usual = usual_distance_of(model, frames.spacing_um)
    return {"places": places, "p": p, **intensities(image, places, spacing, usual)}


def detected(
    model: Model, frames: Frames, kept: Any = None, hands: Hands | None = None
) -> Work[pd.DataFrame]:
    """Find the cells of each frame of a recording.

    Parameters
    ----------
    model : Model
        From `as_detector`.
    frames : Frames
        The recording.
    kept : Kept, optional
        Where what was found of each frame is kept.
    hands : Hands, optional
        Who finds them.

    Returns
    -------
    DataFrame
        frame, object (from 1 in each frame), [z_px,] y_px, x_px, probability, and by channel
        mean_intensity and surrounding_intensity, as stored.
    """
    fitting(model, frames)
    factors = factors_of(model, frames)
    if factors is not None:
        yield warn(say("{}: pixels of another size than in training; frames are seen {} times as "
                       "large.", frames.name, [round(one, 3) for one in factors]))  # fmt: skip
    found: dict[int, dict[str, np.ndarray]] = {}
    job = Finding(model, frames, factors)
    for k, held in each_frame(find, job, range(frames.count), "detected", kept, hands):
        found[k] = held
        yield Event("progress", f"{frames.name}: cells of {len(found)} of {frames.count} frames",
                    len(found), frames.count)  # fmt: skip
    parts = []
    for k in range(frames.count):
        held = found[k]
        table = pd.DataFrame({"frame": k, "object": np.arange(1, len(held["p"]) + 1)})
        for axis, along in zip(frames.axes, held["places"].T, strict=True):
            table[f"{axis}_px"] = along
        table["probability"] = held["p"]
        more = {name: held[name] for name in held if "intensity" in name}
        parts.append(table.assign(**more))
    whole = pd.concat(parts, ignore_index=True)
    yield from _unlike(model, frames, whole)
    return whole


def _unlike(model: Model, frames: Frames, found: pd.DataFrame) -> Iterator[Event]:
    """Say so where cells are much nearer to each other, or further, than those of training."""
    spacing = np.asarray(frames.spacing_um or (1.0,) * len(frames.axes))
    places = found[[f"{axis}_px" for axis in frames.axes]].to_numpy(float) * spacing
    away = 2 * usual_distance(found["frame"].to_numpy(np.int64), places)
    usual = usual_distance_of(model, frames.spacing_um)
    if np.isfinite(away) and not 1 / UNLIKE < away / usual < UNLIKE:
        unit = "um" if frames.spacing_um is not None else "px"
        yield warn(
            f"{frames.name}: cells lie {away:.3g} {unit} apart, in training {usual:.3g}: "
            "those that are nearer than a third of that are taken for one. Is the size of pixels "
            "right? If it is, train on such a movie, too."
        )


def _level(task: Centres) -> float:
    """Return from which height on a peak is likely enough to be a cell."""
    heights = np.linspace(0.02, 0.98, 97)
    enough = heights[task.probability(heights) >= SURE]
    return float(enough[0]) if len(enough) else 1.0


def usual_distance_of(model: Model, spacing_um: tuple[float, ...] | None) -> float:
    """Return the usual distance of neighbours in um, or px where images have no size."""
    task = model.task
    assert isinstance(task, Centres)
    if task.distance_um is not None and spacing_um is not None:
        return task.distance_um
    return (task.distance_px or 10.0) * (min(spacing_um) if spacing_um else 1.0)


def fitting(model: Model, frames: Frames) -> None:
    """Refuse a movie that is not of the kind that the model was trained on."""
    if len(frames.axes) != model.ndim:
        raise invalid("movie", expected=f"{model.ndim}-D images, as in training",
                      received=f"{frames.name}: {len(frames.axes)}-D")  # fmt: skip
    if frames.channels != model.channels:
        raise invalid("movie", expected=f"{model.channels} channels, as in training",
                      received=f"{frames.name}: {frames.channels}",
                      remedy=say("Say which with {}.", Argument("channels")))  # fmt: skip
    frames.refuse_sizes()


def factors_of(model: Model, frames: Frames) -> Factors:
    """Return how many times as large a movie is seen, by the size of its pixels."""
    known = model.info["pixel_size_um"]
    if not known or frames.spacing_um is None:
        return None
    factors = [own / ours for own, ours in zip(frames.spacing_um, known, strict=True)]
    return factors if any(max(f, 1 / f) > ALIKE for f in factors) else None


def intensities(
    image: AnyArray, places: Floats, spacing: tuple[float, ...], usual: float
) -> dict[str, np.ndarray]:
    """Measure the intensity of cells and of what is around them.

    Parameters
    ----------
    image : ndarray (spatial..., c)
        As stored.
    places : ndarray (n, axes)
        In px.
    spacing : tuple of float
        Of pixels.
    usual : float
        Distance of neighbours, in the same unit: a quarter of it is the radius of the ball in
        which a cell is measured, six tenths that of its surrounding.

    Returns
    -------
    dict of ndarray (n,)
        ``mean_intensity`` and ``surrounding_intensity``, of several channels with their numbers.

    Examples
    --------
    >>> image = np.zeros((9, 9, 1))
    >>> image[4, 4] = 5
    >>> found = intensities(image, np.array([[4.0, 4.0]]), (1.0, 1.0), 4.0)
    >>> {name: values.tolist() for name, values in found.items()}
    {'mean_intensity': [1.0], 'surrounding_intensity': [0.0]}
    """
    reach = [max(0, int(AROUND * usual / s)) for s in spacing]
    along = np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij")
    offsets = np.stack([a.ravel() for a in along], axis=-1)
    away = np.linalg.norm(offsets * np.asarray(spacing), axis=1)
    own = (away <= BALL * usual) | (away == 0)
    around = ~own & (away <= AROUND * usual)
    at = np.rint(places).astype(int)[:, None] + offsets[None]
    size = np.asarray(image.shape[:-1])
    there = ((at >= 0) & (at < size)).all(axis=-1)
    at = np.clip(at, 0, size - 1)
    values = np.asarray(image)[tuple(np.moveaxis(at, -1, 0))].astype(float)
    found = {}
    for c in range(image.shape[-1]):
        end = f"_{c + 1}" if image.shape[-1] > 1 else ""
        for name, some in (("mean_intensity", own), ("surrounding_intensity", around)):
            inside = there & some
            total = np.where(inside, values[..., c], 0).sum(axis=1)
            with np.errstate(invalid="ignore", divide="ignore"):
                found[f"{name}{end}"] = np.round(total / inside.sum(axis=1), 4)
    return found
