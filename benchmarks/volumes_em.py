"""Tasks that divide electron microscopy into bodies, by steps: what splits, what merges.

The first three fifths of `flyem_medulla_em_3d` along z are learned from (the last fifth of these
chooses weights and thresholds), the rest is scored against the connected pieces of its bodies.
Every way is a cell that runs alone, appends its row to ``cells.csv`` in `--out` and is not run
again:

- ``affinities``: `Affinities(ndim=3)`;
- ``lsds``: the same with local shape descriptors;
- ``boundary``: `Boundary()`;
- ``distance``: `Instances()`, seeds by the distance to other objects.

Steps instead of minutes, so that cells may run beside other work; `--minutes` instead gives each
that time, on a machine that does nothing else.

    python -m benchmarks.volumes_em --out volumes --steps 2000 8000 --record
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import cytoloom as cl

from . import machine, records

WAYS: dict[str, cl.tasks.Task] = {
    "affinities": cl.tasks.Affinities(ndim=3),
    "lsds": cl.tasks.Affinities(ndim=3, lsds=True),
    "boundary": cl.tasks.Boundary(),
    "distance": cl.tasks.Instances(),
}
SCORES = ("voi", "voi_split", "voi_merge", "rand_error", "ap50")
COLUMNS = ("way", "length", "seeds", *SCORES, "bodies", "found", "train_s", "predict_s")
SPACING_UM = (0.01, 0.01, 0.01)


def parts(folder: Path, planes: int | None = None) -> dict[str, tuple[Any, np.ndarray]]:
    """Return image and labels to learn from, to choose by and to score; `planes` of each at most.

    The bodies of the last are its connected pieces: what is joined outside of it nobody can know.
    """
    from skimage.measure import label

    (image,), (bodies,) = (
        [cl.images.read(file).array[..., 0] for file in sorted((folder / kind).glob("*.tif"))]
        for kind in ("images", "labels")
    )
    learned = 3 * len(image) // 5
    ends = {"train": (0, 4 * learned // 5), "choose": (4 * learned // 5, learned)}
    found = {}
    for name, (start, stop) in (ends | {"test": (learned, len(image))}).items():
        own = slice(start, stop if planes is None else min(stop, start + planes))
        truth = bodies[own].astype(np.int32)
        if name == "test":
            truth = label(truth, connectivity=1).astype(np.int32)
        found[name] = cl.images.Image(image[own][..., None], "zyxc", SPACING_UM), truth
    return found


def scores(truth: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Score bodies found.

    Examples
    --------
    >>> scores(np.array([[[1, 1, 1, 1]]]), np.array([[[1, 1, 2, 2]]]))["voi"]
    1.0
    """
    split, merge = cl.metrics.variation_of_information(truth, found)
    return {
        "voi": split + merge,
        "voi_split": split,
        "voi_merge": merge,
        "rand_error": cl.metrics.adapted_rand_error(truth, found),
        "ap50": cl.metrics.average_precision(truth, found),
        "bodies": len(np.unique(truth[truth > 0])),
        "found": len(np.unique(found[found > 0])),
    }


def run(
    way: str, trainer: cl.Trainer, seed: int, volume: dict[str, tuple[Any, np.ndarray]]
) -> dict[str, Any]:
    """Train one cell, and score what it finds in what it has not seen."""
    (image, labels), (other, chosen), (test, truth) = volume.values()
    began = time.perf_counter()
    model = cl.train(
        ([image], [labels]),
        task=WAYS[way],
        trainer=trainer,
        validation=([other], [chosen]),
        seed=seed,
        progress=False,
    )
    trained = time.perf_counter()
    found = model.predict(test.array)
    took = {"train_s": trained - began, "predict_s": time.perf_counter() - trained}
    return {"way": way, "seed": seed, **scores(truth, found), **took}


def cells(out: Path) -> pd.DataFrame:
    """Return the rows that there are."""
    path = out / "cells.csv"
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["way", "length", "seed"])


def table(out: Path) -> Iterable[dict[str, Any]]:
    """Return a row for each way and length: means over seeds."""
    for (length, way), own in cells(out).groupby(["length", "way"], sort=True):
        means = {name: float(own[name].mean()) for name in COLUMNS[3:]}
        yield {"way": way, "length": length, "seeds": own["seed"].nunique(), **means}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.volumes_em", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the cells")
    parser.add_argument("--steps", type=int, nargs="+", default=[])
    parser.add_argument("--minutes", type=float, nargs="+", default=[])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--planes", type=int, help="of each part at most, for a trial")
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    volume = parts(records.data_folder() / "flyem_medulla_em_3d", given.planes)
    lengths = {f"{n} steps": cl.Trainer(iterations=n) for n in given.steps}
    lengths |= {f"{n:g} minutes": cl.Trainer(minutes=n) for n in given.minutes}
    for seed, length, way in itertools.product(given.seeds, lengths, given.ways):
        done = cells(given.out)[["way", "length", "seed"]]
        if (way, length, seed) not in set(done.itertuples(index=False, name=None)):
            row = {**run(way, lengths[length], seed, volume), "length": length}
            every = pd.concat([cells(given.out), pd.DataFrame([row])], ignore_index=True)
            every.to_csv(given.out / "cells.csv", index=False)
    text = f"{records.markdown(list(table(given.out)), COLUMNS)}\n\nMachine: {machine.describe()}"
    print(text)
    if given.record:
        records.append("Bodies in electron microscopy", text)


if __name__ == "__main__":
    main()
