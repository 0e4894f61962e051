"""A simulated plate and all that is made of it: what the verb `cells_demo` composes."""

from __future__ import annotations

import os
from pathlib import Path

from ..components.arguments import checked_seed
from ..errors import invalid
from ..events import Event, Work, note
from ..messages import Setting, say
from ..phenotypes.collect import Asked
from ..phenotypes.collect import collect as gather
from ..phenotypes.detectors import need_sklearn
from ..phenotypes.measured import measure_features
from ..phenotypes.search import searched
from ..simulate.screens import screen
from ..storage.atomic import make_folder, meant
from ..storage.tables import write_table
from . import page
from .screen import collect as page_of

CONTROLS, CELLS, SHAPE = 12, 20, (192, 192)
CONTROL = {"control": "negative"}


def demonstrated(out: str | os.PathLike[str], overwrite: bool, seed: int) -> Work[Path]:
    """Simulate a plate, and make all of it; the parameters are those of the verb."""
    page.need_templates()
    need_sklearn()
    seed = checked_seed(seed)
    folder = meant(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not overwrite:
        remedy = say("Pass {} to replace it, or another name.", Setting("overwrite", True))
        raise invalid("out", expected="a new folder", received=str(folder), remedy=remedy)
    make_folder(folder, folder)
    yield Event("progress", "simulating the plate", 0, 4)
    made = screen(controls=CONTROLS, count=CELLS, shape=SHAPE, seed=seed)
    write_table(made.plate, folder / "plate.csv")
    asked = Asked(made.images, made.labels, plate=made.plate, controls=CONTROL)
    cells = yield from gather(asked, folder / "cells", overwrite)
    features = yield from measure_features(
        cells, None, None, None, False, folder / "features.csv", overwrite
    )
    found = yield from searched(
        features, CONTROL, "mahalanobis", 0.05, "treatment", None, None, folder / "novelty",
        overwrite, seed,
    )  # fmt: skip
    place = yield from page_of(found, folder / "report.html", cells, overwrite)
    yield note(f"All that it was made of is in {folder}.")
    return place
