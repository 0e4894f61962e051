"""Train an autoencoder on cells: what the verb `train` composes where cells are given."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import invalid
from ..events import Event, Work, note
from ..messages import Argument, counted, say
from ..models.folder import ModelFolder
from ..models.model import Model
from ..models.record import Part
from ..networks.autoencoder import Autoencoder
from ..runtime import backend
from ..tasks.reconstruction import Reconstruction
from ..training.learn import learn
from ..training.provenance import model_of
from ..training.stages import Given
from .lesson import WATCHED, Crops

BATCH = 128
LEAST = 8
"""Cells from which on there is something to learn."""


def trained(
    cells: Any,
    given: Given,
    validation: Any,
    folder: ModelFolder | None,
    started: float,
    keep_interrupted: bool,
) -> Work[Model]:
    """Train on cells; the arguments are those of `training.session.training`."""
    task = _task(cells, given)
    network = _network(cells, given)
    learned_from, watched = _split(cells, task, validation, given.seed)
    stats = cells.stats()
    rng = np.random.default_rng([given.seed, 1])
    most = min(task.samples, len(learned_from))
    drawn = np.sort(rng.choice(learned_from, most, replace=False))
    seen = np.sort(rng.choice(watched, min(WATCHED, len(watched)), replace=False))
    yield note(
        f"{counted(len(drawn), 'cell')} to learn from, {len(seen)} of other wells to watch it on."
    )
    with tempfile.TemporaryDirectory(prefix="cytoloom-") as place:
        crops = yield from _kept(cells, drawn, stats, Path(place) / "crops.npy")
        held_out = yield from _kept(cells, seen, stats, Path(place) / "held_out.npy")
        part = Part(task, network, cells.normalize, {"image": task.channels})
        facts = {
            "cells": len(cells),
            "drawn": most,
            "size_px": list(cells.cut.size_px),
            # that the images are the same: some of their light
            "light": float(crops[:: max(1, most // 64)].sum(dtype=np.float64)),
        }
        size = given.trainer.batch_size or min(BATCH, most)
        lesson = Crops(part, crops, held_out, size, given.seed, facts, given.start)
        precision = backend.resolve_precision(given.trainer.precision)
        learned = yield from learn(
            lesson, given.trainer, precision=precision, folder=folder, started=started,
            keep_interrupted=keep_interrupted,
        )  # fmt: skip
        model = model_of(lesson, learned, given.trainer, precision=precision, started=started)
        del crops, held_out, lesson
    return _told(model, cells, drawn)


def _task(cells: Any, given: Given) -> Reconstruction:
    if not isinstance(given.task, Reconstruction):
        expected = say("{} for cells", '"autoencoder"')
        raise invalid("task", expected=expected, received=type(given.task).__name__)
    return replace(given.task, channels=cells.items[0].image.shape[-1])


def _network(cells: Any, given: Given) -> Autoencoder:
    """Return the network for crops of this size."""
    if len(cells.cut.size_px) != 2:
        expected = "crops (y, x): autoencoders are two-dimensional"
        raise invalid("cells", expected=expected, received="crops of stacks")
    network = given.network or Autoencoder.for_size(cells.cut.size_px)
    if not isinstance(network, Autoencoder):
        raise invalid("network", expected="an Autoencoder for cells", received=network)
    if network.size_px not in (None, cells.cut.size_px):
        expected = say("that of the cells, {} px", cells.cut.size_px)
        raise invalid("size_px", expected=expected, received=say("{}", network.size_px))
    network = replace(network, size_px=cells.cut.size_px)
    network.refuse_size()
    return network


def _split(
    cells: Any, task: Reconstruction, validation: Any, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Part rows into those that are learned from and those of wells held out."""
    if (
        isinstance(validation, bool)
        or not isinstance(validation, (int, float))
        or not 0 < validation < 1
    ):
        raise invalid("validation", expected="a share of the wells", received=validation)
    own = cells.are_controls if task.of == "controls" else np.ones(len(cells), bool)
    units = cells.units.to_numpy(str)
    names = np.unique(units[own])
    if len(names) < 2:
        raise invalid(
            "cells",
            expected="cells of 2 or more wells, one of which is held out",
            received=f"{counted(int(own.sum()), 'cell')} of {counted(len(names), 'well')}",
            remedy=say("Name more wells as {}.", Argument("controls")),
        )
    rng = np.random.default_rng([seed, 0])
    count = min(len(names) - 1, max(1, round(validation * len(names))))
    out = set(rng.permutation(names)[:count])
    held = np.array([unit in out for unit in units])
    learned, watched = np.flatnonzero(own & ~held), np.flatnonzero(own & held)
    if len(learned) < LEAST:
        raise invalid(
            "cells", expected=f"{LEAST} cells or more to learn from", received=len(learned)
        )
    return learned, watched


def _kept(
    cells: Any, rows: NDArray[np.intp], stats: Mapping[str, Any], file: Path
) -> Work[NDArray[np.float16]]:
    """Cut cells out into a file, as numbers of 16 bits: any may be asked for then."""
    shape = (len(rows), *cells.cut.size_px, cells.items[0].image.shape[-1])
    kept = np.lib.format.open_memmap(file, "w+", np.float16, shape)
    place = {int(row): k for k, row in enumerate(rows)}
    done = 0
    for own, crops in cells.crops(rows, stats):
        kept[[place[int(row)] for row in own]] = np.clip(crops, -6e4, 6e4)
        done += len(own)
        yield Event("progress", f"cell {done}/{len(rows)} cut out", done, len(rows))
    return kept


def _told(model: Model, cells: Any, drawn: NDArray[np.intp]) -> Model:
    """Add what a model must know of cells to describe others alike."""
    training = {
        **model.info["training"],
        "validation": "cells of wells held out",
        "cells": {
            "size_px": list(cells.cut.size_px),
            "others": cells.cut.others,
            "turned": cells.cut.turned,
            "scaled": cells.scaled,
            "illumination": "plate" if cells.illumination else None,
            "learned_from": len(drawn),
        },
    }
    names = list(cells.channel_names)
    channels = {"count": len(names), "names": None if all(n.isdecimal() for n in names) else names}
    return replace(model, info={**model.info, "training": training, "channels": channels})


def pieces(count: int, size: int) -> Iterator[slice]:
    """Yield slices of at most so many.

    Examples
    --------
    >>> list(pieces(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    yield from (slice(k, min(k + size, count)) for k in range(0, count, size))
