"""Types of white blood cells: how often the class is right, and how sure one may be of it.

Every image of `wbc_nucleus_cytoplasm` shows one cell of a known type. Folds of equal mixture are
scored by what has learned from the others, of which every fourth chooses weights and thresholds.
Beside the share of right classes: that of the commonest one, and that of the five nearest cells by
size and mean colours of the true masks. Beside the expected calibration error of
``class_probability`` (15 bins of as many objects): what one temperature, fitted to the objects that
chose weights, leaves of it, and what chance alone would show, were all that is said right.

A fold is run once: what is said of each object is kept in ``objects.csv`` in `--out`.

    python -m benchmarks.cell_types --out cell-types --steps 600 --record
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import cytoloom as cl
from cytoloom.segmentation.classed import class_sums
from cytoloom.uncertainty.calibration import fit_temperature, tempered

from . import machine, records

TYPES = ("neutrophil", "lymphocyte", "monocyte", "eosinophil")
"""The fifth, basophils, has one image: a cell whose type is not known, and not scored."""
BINS, NEAREST = 15, 5
COLUMNS = (
    "steps", "folds", "cells", "found", "right", "commonest", "by colour and size",
    "temperature", "ECE", "ECE after", "by chance", "surprise", "surprise after",
)  # fmt: skip


class Cells(NamedTuple):
    """Images of one cell each.

    Attributes
    ----------
    images, truths : list of ndarray
        Pixels (y, x, 3) and labels (y, x), 1 where the cell is.
    types : int array (n,)
        From 1 on, in the order of `TYPES`; 0 is none of them.
    """

    images: list[np.ndarray]
    truths: list[np.ndarray]
    types: np.ndarray

    def taken(self, places: Sequence[int]) -> Cells:
        """Return some of them."""
        own = [[every[i] for i in places] for every in (self.images, self.truths)]
        return Cells(*own, self.types[list(places)])


def cells(folder: Path) -> Cells:
    """Read both parts of the set, `train/` and `test/`."""
    images, truths, types = [], [], []
    for part in sorted(folder.glob("dataset*")):
        table = pd.read_csv(part / "class_labels.csv", dtype={"image": str})
        for row in table.itertuples():
            file = f"{row.image}.png"
            images.append(cl.images.read(part / row.split / "images" / file).array)
            mask = cl.images.read_labels(part / row.split / "masks" / file)
            truths.append((mask > 0).astype(np.int32))
            types.append(row.wbc_class if row.wbc_class <= len(TYPES) else 0)
    return Cells(images, truths, np.array(types))


def parts(types: np.ndarray, folds: int, fold: int) -> dict[str, np.ndarray]:
    """Divide places into those to learn from, to choose by and to score, of equal mixture.

    Examples
    --------
    >>> divided = parts(np.repeat([1, 2], 8), 2, 0)
    >>> {name: len(places) for name, places in divided.items()}
    {'train': 6, 'choose': 2, 'test': 8}
    """
    order = np.random.default_rng(0).permutation(len(types))
    order = order[np.argsort(types[order], kind="stable")]
    test = order[fold::folds]
    rest = order[~np.isin(order, test)]
    return {"train": np.delete(rest, np.s_[::4]), "choose": rest[::4], "test": test}


def said(model: cl.Model, own: Cells) -> pd.DataFrame:
    """Say of each cell of a known type how large the shares of the classes are, NaN if missed."""
    rows = []
    for image, truth, kind in zip(*own, strict=True):
        if not kind:
            continue
        maps = model.predict_maps(image)
        found = model.task.decode(maps).labels
        sums = class_sums(found, maps["class"], int(found.max(initial=0)))
        pairs = [one for one in cl.metrics.match(truth, found).objects() if one["matched"]]
        own_sums = sums[pairs[0]["found"]] if pairs else np.full(len(TYPES), np.nan)
        share = own_sums / own_sums.sum()
        rows.append({"type": int(kind), **dict(zip(TYPES, share, strict=True))})
    return pd.DataFrame(rows)


def nearest(learned: Cells, own: Cells) -> np.ndarray:
    """Name the type that most of the nearest cells have, by size and mean colours of the truth."""
    traits = []
    for of in (learned, own):
        tables = [
            cl.measure(*pair, progress=False) for pair in zip(of.truths, of.images, strict=True)
        ]
        table = pd.concat(tables).filter(regex="^(area_px|mean_intensity)")
        traits.append(np.column_stack([np.log(table["area_px"]), table.drop(columns="area_px")]))
    middle, spread = traits[0].mean(0), traits[0].std(0)
    known, asked = ((one - middle) / spread for one in traits)
    away = ((asked[:, None] - known[None]) ** 2).sum(-1)
    near = learned.types[np.argsort(away, axis=1, kind="stable")[:, :NEAREST]]
    return np.array([np.bincount(one).argmax() for one in near])


def error(sure: np.ndarray, right: np.ndarray) -> float:
    """Return the expected calibration error in bins of as many objects.

    Examples
    --------
    >>> round(error(np.repeat([0.5, 0.9], 15), np.repeat([1, 1], 15)), 3)
    0.3
    """
    order = np.argsort(sure, kind="stable")
    bins = zip(np.array_split(sure[order], BINS), np.array_split(right[order], BINS), strict=True)
    off = sum(abs(s.mean() - r.mean()) * len(s) for s, r in bins if len(s))
    return float(off / len(sure)) if len(sure) else float("nan")


def by_chance(sure: np.ndarray, times: int = 1000) -> float:
    """Return the error where each class is right with the probability that is said of it."""
    rng = np.random.default_rng(0)
    return float(np.mean([error(sure, rng.random(len(sure)) < sure) for _ in range(times)]))


def run(own: Cells, folds: int, fold: int, steps: int) -> pd.DataFrame:
    """Train without one fold; what is said of it, and of what weights were chosen by."""
    divided = {name: own.taken(places) for name, places in parts(own.types, folds, fold).items()}
    train, choose = (_data(divided[name]) for name in ("train", "choose"))
    model = cl.train(
        train,
        task=cl.tasks.Instances(classes=TYPES),
        trainer=cl.Trainer(iterations=steps),
        validation=choose,
        progress=False,
    )
    scored = {name: said(model, divided[name]) for name in ("choose", "test")}
    known = divided["test"].types > 0
    guessed = nearest(
        Cells(*(a + b for a, b in zip(divided["train"][:2], divided["choose"][:2], strict=True)),
              np.concatenate([divided["train"].types, divided["choose"].types])),
        divided["test"],
    )[known]  # fmt: skip
    scored["test"]["nearest"] = guessed
    return pd.concat([one.assign(part=name) for name, one in scored.items()]).assign(
        folds=folds, fold=fold, steps=steps
    )


def _data(own: Cells) -> cl.Data:
    maps = [truth * kind for truth, kind in zip(own.truths, own.types, strict=True)]
    return cl.Data.from_pairs(own.images, own.truths, object_classes=maps)


def row(table: pd.DataFrame) -> dict[str, Any]:
    """Put the folds of one length together."""
    before, after, true, temperatures = [], [], [], []
    for _, fold in table.groupby("fold"):
        seen = fold.dropna(subset=list(TYPES))
        chosen, test = (seen[seen["part"] == name] for name in ("choose", "test"))
        temperature = fit_temperature(
            [chosen[list(TYPES)].to_numpy()], [chosen["type"].to_numpy(int) - 1]
        )
        before.append(test[list(TYPES)].to_numpy())
        after.append(tempered(before[-1], temperature))
        true.append(test["type"].to_numpy(int) - 1)
        temperatures.append(temperature)
    whole, kinds = table[table["part"] == "test"], np.concatenate(true)
    plain, mended = np.concatenate(before), np.concatenate(after)
    right = plain.argmax(1) == kinds
    at = np.arange(len(kinds)), kinds
    return {
        "steps": int(table["steps"].iloc[0]),
        "folds": table["fold"].nunique(),
        "cells": len(whole),
        "found": len(kinds) / len(whole),
        "right": _mean(right),
        "commonest": float((whole["type"] == whole["type"].mode()[0]).mean()),
        "by colour and size": float((whole["nearest"] == whole["type"]).mean()),
        "temperature": ", ".join(f"{t:.2f}" for t in temperatures),
        "ECE": error(plain.max(1), right),
        "ECE after": error(mended.max(1), right),
        "by chance": by_chance(mended.max(1)),
        "surprise": _mean(-np.log(np.maximum(plain[at], 1e-7))),
        "surprise after": _mean(-np.log(np.maximum(mended[at], 1e-7))),
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cell_types", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of what is said")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    own = cells(records.data_folder() / "wbc_nucleus_cytoplasm")
    file = given.out / "objects.csv"
    how = ["folds", "fold", "steps"]
    for fold in range(given.folds):
        table = pd.read_csv(file) if file.exists() else pd.DataFrame(columns=how)
        done = set(table[how].itertuples(index=False, name=None))
        if (given.folds, fold, given.steps) not in done:
            made = run(own, given.folds, fold, given.steps)
            pd.concat([table, made], ignore_index=True).to_csv(file, index=False)
    table = pd.read_csv(file)
    same = (table["folds"] == given.folds) & (table["steps"] == given.steps)
    text = f"{records.markdown([row(table[same])], COLUMNS)}\n\nMachine: {machine.describe()}"
    print(text)
    if given.record:
        records.append("Types of cells", text)


if __name__ == "__main__":
    main()
