"""What networks say of detections: codes of crops, whether they divide, which are the same."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..events import Event, Work
from ..images.normalize import Normalize
from ..inference.tiled import activate
from ..models.model import Model
from ..networks.siamese import CODE, STEP, decider_of, encoder_of
from ..runtime import backend
from ..tasks.division import Division
from ..tasks.link import Link
from ..volumes.work import Hands
from .crops import Grid
from .detected import DIVISION, LINK
from .frames import Frames
from .graph import Floats, Ints
from .kept import each_frame
from .lesson import steps_as_input

AT_ONCE = 256
"""Crops, or pairs, that go through a network together."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What was seen around detections of one recording.

    Parameters
    ----------
    codes : ndarray (n, k)
        Of each, by the encoder of the network that compares.
    divides : ndarray (n,) or None
        Probability that each divides before the next frame; None: there is no network for that.
    """

    codes: NDArray[np.float32]
    divides: Floats | None


def grid_of(model: Model, spacing_um: tuple[float, ...] | None) -> Grid:
    """Return where crops of a movie with such pixels are sampled, as in training."""
    told = model.info["training"]["tracks"]
    spacing = spacing_um if told["unit"] == "um" and spacing_um else (1.0,) * len(told["step"])
    return Grid(tuple(told["size_px"]), tuple(told["step"]), tuple(spacing))


def windows(
    frames: Frames, normalize: Normalize, wanted: set[int], around: bool = True
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield frames scaled, each with the one before and the one after as more channels.

    Parameters
    ----------
    frames : Frames
        The recording.
    normalize : Normalize
        Scaling.
    wanted : set of int
        Which frames.
    around : bool, default True
        Whether with their neighbours; the first and the last are their own.
    """
    held: dict[int, NDArray[np.float32]] = {}

    def scaled(k: int) -> NDArray[np.float32]:
        """Read a frame, or take it again."""
        k = min(max(k, 0), frames.count - 1)
        if k not in held:
            source = frames.sources[k]
            held[k] = normalize.apply(frames.frame(k), normalize.fit(source))
        return held[k]

    for k in sorted(wanted):
        for old in [one for one in held if one < k - 1]:
            del held[old]
        near = (k - 1, k, k + 1) if around else (k,)
        yield k, np.concatenate([scaled(one) for one in near], axis=-1)


class Looking:
    """What is done with the detections of one frame.

    Parameters
    ----------
    model : Model
        With networks ``"link"`` and perhaps ``"division"``.
    frames : Frames
        The recording.
    frame : ndarray of int (n,)
        Of each detection.
    places : ndarray (n, axes)
        In px.
    """

    def __init__(self, model: Model, frames: Frames, frame: Ints, places: Floats) -> None:
        self.model, self.frames, self.frame, self.places = model, frames, frame, places
        self.grid, self.divides = grid_of(model, frames.spacing_um), DIVISION in model.parts

    def __getstate__(self) -> dict[str, Any]:
        compiled = ("encode", "judge")
        return {name: value for name, value in vars(self).items() if name not in compiled}

    @functools.cached_property
    def encode(self) -> Any:
        """From crops to codes; compiled once in each process."""
        return backend.forward(encoder_of(self.model.network_of(1, LINK)))

    @functools.cached_property
    def judge(self) -> Any:
        """From crops of three frames to whether cells divide."""
        return backend.forward(self.model.network_of(1, DIVISION))

    def at(self, k: int) -> dict[str, np.ndarray]:
        """Look at a frame: the codes of its detections, in their order, and what divides."""
        images = windows(self.frames, self.model.parts[LINK].normalize, {k}, self.divides)
        ((_, image),) = images
        channels = self.frames.channels
        crops = self.grid.cut(image, self.places[self.frame == k])
        own = crops[..., channels : 2 * channels] if self.divides else crops
        found = {"codes": np.concatenate([self.encode(part)[CODE] for part in _parts(own)])}
        if self.divides:
            task = self.model.parts[DIVISION].task
            assert isinstance(task, Division)
            logits = [self.judge({"crop": part})["divides"][:, 0] for part in _parts(crops)]
            said = activate(np.concatenate(logits), "sigmoid")
            found["divides"] = task.probability(said)
        return found


def look(job: Looking, k: int, workers: int | None) -> dict[str, np.ndarray]:
    """Look at a frame; see `volumes.work.each_block`."""
    return job.at(k)


def looked_at(
    model: Model, frames: Frames, frame: Ints, places: Floats, kept: Any = None,
    hands: Hands | None = None,
) -> Work[Seen]:  # fmt: skip
    """Look at the detections of a recording.

    Parameters
    ----------
    model : Model
        With networks ``"link"`` and perhaps ``"division"``.
    frames : Frames
        Its images.
    frame : ndarray of int (n,)
        Of each detection, in their order.
    places : ndarray (n, axes)
        In px.
    kept : Kept, optional
        Where what was seen of each frame is kept.
    hands : Hands, optional
        Who looks.
    """
    wanted = sorted(set(frame.tolist()))
    job = Looking(model, frames, frame, places)
    found: dict[int, dict[str, np.ndarray]] = {}
    # of these very detections: others may be given for the same movie
    sign = hashlib.sha256(frame.tobytes() + np.ascontiguousarray(places).tobytes()).hexdigest()
    for k, held in each_frame(look, job, wanted, f"seen_{sign[:16]}", kept, hands):
        found[k] = held
        yield Event("progress", f"{frames.name}: looked at {len(found)} of {len(wanted)} frames",
                    len(found), len(wanted))  # fmt: skip
    codes = np.concatenate([found[k]["codes"] for k in wanted])
    divides = [found[k]["divides"] for k in wanted] if job.divides else None
    return Seen(codes, None if divides is None else np.concatenate(divides))


def same(
    model: Model, seen: Seen, source: Ints, target: Ints, step: Floats, scale: float, gaps: Ints
) -> NDArray[np.float32]:
    """Return what the network says of pairs being the same cell, before it is made honest.

    Parameters
    ----------
    model : Model
        With a network ``"link"``.
    seen : Seen
        Of the detections.
    source, target : ndarray of int (m,)
        Rows of the detections.
    step : ndarray (m, axes)
        From one to the other, without drift.
    scale : float
        How far cells usually move, in the same unit.
    gaps : ndarray of int (m,)
        How many frames on.
    """
    task = model.parts[LINK].task
    assert isinstance(task, Link)
    decide = backend.forward(decider_of(model.network_of(1, LINK)))
    steps = steps_as_input(step, scale, gaps)
    found = [np.zeros(0, np.float32)]
    for a in range(0, len(source), 16 * AT_ONCE):
        part = slice(a, a + 16 * AT_ONCE)
        logits = decide(
            {
                f"{CODE}0": seen.codes[source[part]],
                f"{CODE}1": seen.codes[target[part]],
                STEP: steps[part],
            }
        )
        found.append(activate(logits["same"], "sigmoid")[:, 0])
    return np.concatenate(found)


def _parts(crops: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    yield from (crops[k : k + AT_ONCE] for k in range(0, len(crops), AT_ONCE))
