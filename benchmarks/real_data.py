"""How good is a default training of so many minutes on real images? Scored on images never seen.

Each set and seed is trained in a process of its own on the set's ``train/``, with part of it
held out by `train` itself, and scored on ``test/``, which is used for nothing else.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

import cytoloom as cl
from cytoloom.datasets.items import Item
from cytoloom.datasets.sources import ArraySource
from cytoloom.datasets.splits import split
from cytoloom.tasks import resolve

from . import machine, records

COLUMNS = {
    "set": "set",
    "AP@0.5": "ap50",
    "AP@0.7": "ap70",
    "mean AP": "ap",
    "Dice": "dice",
    "n": "n",
    "seed": "seed",
    "minutes": "minutes",
    "iterations": "iterations",
    "predict s": "predict_s",
    "cores": "cores",
    "precision": "precision",
}


@dataclass(frozen=True)
class Set:
    """A set of real images.

    Parameters
    ----------
    task : str
        What to learn.
    labels : str
        Folder of the truth.
    parts : tuple of str
        Folders with ``train/`` and ``test/``, all taken together.
    divided : {"folders", "images", "stack"}
        "images": no such folders, a quarter of the images is for testing (seed 0). "stack": one
        stack, tested on its end along x that holds a third of the pixels of objects.
    stack : str
        Which, where there are several.
    """

    task: str
    labels: str = "labels"
    parts: tuple[str, ...] = ("",)
    divided: Literal["folders", "images", "stack"] = "folders"
    stack: str = ""

    def read(self, folder: Path, part: str) -> cl.Data:
        """Return the images of "train" or "test"."""
        if self.divided == "stack":
            return self._part(folder / self.parts[0], part == "train")
        if self.divided == "images":
            whole = cl.Data.from_pairs(folder / "images", folder / self.labels)
            train, test, _ = split(whole, 0.25, 0)
            return train if part == "train" else test
        items = []
        for name in self.parts:
            inside = folder / name / part
            found = cl.Data.from_pairs(inside / "images", inside / self.labels)
            prefix = f"{name}/" if name else ""
            items += [replace(item, id=prefix + item.id) for item in found.items]
        return cl.Data(tuple(items))

    def _part(self, folder: Path, first: bool) -> cl.Data:
        items = cl.Data.from_pairs(folder / "images", folder / self.labels).items
        (item,) = (one for one in items if self.stack in ("", one.id))
        whole = item.annotations[0].read()
        # objects may all lie at one end: a third of the pixels had none in qcanet_mouse_embryo_3d
        pixels = np.cumsum((whole > 0).sum(axis=tuple(range(whole.ndim - 1))))
        middle = int(np.searchsorted(pixels, pixels[-1] * 2 / 3)) + 1
        x = slice(None, middle) if first else slice(middle, None)
        image = ArraySource(item.image.read()[..., x, :], item.image.axes)
        labels = ArraySource(whole[..., x], role="labels")
        return cl.Data((Item(item.id, image, (labels,)),))


SETS = {
    "dsb2018_fluo": Set("instances"),
    "bbbc030_cho": Set("binary", "masks"),
    "isbi2012_em": Set("binary", "masks"),
    "wbc_nucleus_cytoplasm": Set(
        "classes:background,cytoplasm,nucleus", "masks", ("dataset1", "dataset2")
    ),
    "cpm15_he": Set("instances"),
    "coelho2009_u2os": Set("instances"),
    "dsb2018_color": Set("instances", divided="images"),
    "stardist_examples": Set("instances", parts=("3d",), divided="stack"),
    "plantseg_ovule_3d": Set("instances", divided="stack", stack="nuclei_1135"),
    "qcanet_mouse_embryo_3d": Set("instances", divided="stack"),
}


def measure(
    train: cl.Data,
    test: cl.Data,
    *,
    task: Any,
    minutes: float,
    seed: int,
    trainer: cl.Trainer | None = None,
    **components: Any,
) -> dict[str, Any]:
    """Train for so long, predict and score; return a row of the table."""
    model = cl.train(
        train,
        task=resolve(task),
        trainer=replace(trainer or cl.Trainer(), minutes=minutes),
        seed=seed,
        progress=False,
        **components,
    )
    begun = time.perf_counter()
    cl.predict(model, test, progress=False)
    seconds = time.perf_counter() - begun
    summary = cl.evaluate(model, test, progress=False).summary.set_index("metric")
    value = summary["value"].to_dict()
    return {
        **{key: float(value[key]) for key in ("ap50", "ap70", "ap", "dice") if key in value},
        "n": int(summary["n"].max()),
        "seed": seed,
        "minutes": round(model.info["training"]["seconds"] / 60, 2),
        "iterations": model.info["training"]["iterations"],
        "predict_s": round(seconds, 1),
        "cores": model.info["threads"],
        "precision": model.info["precision"],
    }


def one(name: str, minutes: float, seed: int) -> dict[str, Any]:
    """Measure one set."""
    chosen, folder = SETS[name], records.data_folder() / name
    train, test = chosen.read(folder, "train"), chosen.read(folder, "test")
    return {"set": name, **measure(train, test, task=chosen.task, minutes=minutes, seed=seed)}


def table(rows: list[dict[str, Any]]) -> str:
    """Write rows as a Markdown table."""
    shown = [{title: row.get(key) for title, key in COLUMNS.items()} for row in rows]
    return records.markdown(shown, list(COLUMNS))


def _apart(name: str, minutes: float, seed: int) -> dict[str, Any]:
    given = ["--sets", name, "--minutes", str(minutes), "--seeds", str(seed), "--one"]
    command = [sys.executable, "-m", "benchmarks.real_data", *given]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=records.ROOT)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real_data", description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--minutes", type=float, default=10.0, help="of each training")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.sets[0], given.minutes, given.seeds[0])))
        return
    records.data_folder()
    rows = []
    for name in given.sets:
        for seed in given.seeds:
            print(f"{name}, seed {seed} ...", file=sys.stderr, flush=True)
            rows.append(_apart(name, given.minutes, seed))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    text = table(rows)
    print(f"{text}\n\nMachine: {machine.describe()}")
    if given.record:
        records.append("Real data", text)


if __name__ == "__main__":
    main()
