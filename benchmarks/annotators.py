"""Uses of several annotators beside each other: honest probabilities, and what they score.

Members on the images of a lab of cfos_multiexpert, each image judged by the one that has not seen
it: Dice with the consensus of all, and the expected calibration error of foreground, held against
the consensus and against what each annotator drew, with and without the temperature that is
fitted to the consensus. Every use and seed is a cell that runs alone, appends its row to
``cells.csv`` in `--out` and is not run again.

    python -m benchmarks.annotators --record
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import cytoloom as cl
from cytoloom.datasets.data import as_data
from cytoloom.datasets.items import read_labels
from cytoloom.experts.agreed import each_drawn
from cytoloom.uncertainty.reliability import calibration_error, reliability

from . import machine, records
from .calibration import alone, foreground

CELLS = Path(__file__).with_name("cells") / "annotators"
"""Cells that were run are kept with the figures, to go on from."""
MEMBERS = 4
USES = ("consensus", "soft", "draw", "first")
SHOWN = (
    "dice",
    "low",
    "high",
    "consensus",
    "consensus, fitted",
    "annotators",
    "annotators, fitted",
)
COLUMNS = ("use", "steps", "seeds", *SHOWN)


def drawn(lab: Path, folder: Path) -> cl.Data:
    """Lay out a lab as training takes it: images, and a folder of labels for each annotator."""
    parts = {"images": lab / "images"}
    parts |= {f"labels/{one.name}": one for one in lab.glob("masks/expert_*")}
    for name, own in parts.items():
        (folder / name).mkdir(parents=True)
        for file in own.iterdir():
            (folder / name / file.name).symlink_to(file)
    return as_data(folder)


def measured(use: str, steps: int, seed: int, data: cl.Data, truth: Path) -> dict[str, Any]:
    """Train one cell and return its row."""
    trainer = cl.Trainer(iterations=steps // MEMBERS, annotators=use)
    how = {"task": "binary", "members": MEMBERS, "trainer": trainer, "seed": seed}
    model = cl.train(data, **how, progress=False)
    dice = cl.evaluate(model, progress=False).summary.set_index("metric").loc["dice"]
    by = {name: k for k, one in enumerate(model.info["training"]["members"], start=1)
          for name in one["held_out"]}  # fmt: skip
    row = {"dice": dice["value"], "low": dice["low"], "high": dice["high"]}
    for fitted, calibration in (("", None), (", fitted", model.part.calibration)):
        each = {k: alone(model, k, calibration) for k in set(by.values())}
        said, agreed, each_drew = [], [], []
        for item in data.items:
            share = foreground(each[by[item.id]], item)
            own = [read_labels(one)[0] > 0 for one in each_drawn(item)]
            said.append((share, len(own)))
            agreed.append((cl.images.read_labels(truth / f"{item.id}.png") > 0).ravel())
            each_drew.append(np.stack(own).ravel())
        shares = np.concatenate([share for share, _ in said])
        repeated = np.concatenate([np.tile(share, n) for share, n in said])
        against = ((shares, agreed, "consensus"), (repeated, each_drew, "annotators"))
        for share, so, name in against:
            row[name + fitted] = calibration_error(reliability(share, np.concatenate(so)))
    return {"use": use, "steps": steps, "seed": seed, **row}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.annotators", description=__doc__)
    parser.add_argument("--out", type=Path, default=CELLS, help="folder of the cells")
    parser.add_argument("--lab", default="lab-wue1")
    parser.add_argument("--steps", type=int, default=1600, help="of all members together")
    parser.add_argument("--uses", nargs="+", choices=USES, default=list(USES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    path, lab = given.out / "cells.csv", records.data_folder() / "cfos_multiexpert" / given.lab
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    done = {(row["use"], row["steps"], row["seed"]) for row in rows}
    for seed, use in itertools.product(given.seeds, given.uses):
        if (use, given.steps, seed) in done:
            continue
        with tempfile.TemporaryDirectory() as folder:
            data = drawn(lab, Path(folder))
            rows.append(measured(use, given.steps, seed, data, lab / "masks" / "est_GT"))
        pd.DataFrame(rows).to_csv(path, index=False)
    means = pd.DataFrame(rows).groupby(["use", "steps"])
    shown = means[list(SHOWN)].mean().assign(seeds=means["seed"].nunique()).reset_index()
    text = f"{records.markdown(shown.to_dict('records'), COLUMNS)}\n\nMachine: {machine.describe()}"
    print(text)
    if given.record:
        records.append("Experts", text)


if __name__ == "__main__":
    main()
