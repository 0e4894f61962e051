"""Ensembles beside single models of the same number of steps, on images that none has seen.

Every way of spending them is a cell that runs alone, appends its row to ``cells.csv`` in `--out`
and is not run again:

- ``single``: one network that holds out a fifth of the images;
- ``members``: five, each without a fifth, with a fifth of the steps;
- ``snapshots``: one network that holds out a fifth, its learning rate begun anew five times; the
  five states that it comes to are the members;
- ``heads``: one network with its last layer five times, each learned from a half of the patches.

Steps instead of minutes, so that cells may run beside other work: `--steps` are those of all
members together. Scores are paired by image, means over seeds first. Agreement is the Dice of the
foregrounds that models of two seeds find.

    python -m benchmarks.ensembles --steps 7500 --record
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.ndimage import label

import cytoloom as cl
from cytoloom.components import component
from cytoloom.datasets.data import as_data
from cytoloom.datasets.items import read_labels
from cytoloom.datasets.splits import split
from cytoloom.tasks import Instances
from cytoloom.training.tune import fit
from cytoloom.uncertainty.intervals import mean_difference
from cytoloom.uncertainty.reliability import calibration_error, reliability

from . import machine, records

CELLS = Path(__file__).with_name("cells") / "ensembles"
"""Cells that were run are kept with the figures, to go on from; masks, for agreement, are not."""
COPIES = 5
SCORES = ("ap50", "ap70", "dice")
MORE = tuple(f"{name} more" for name in SCORES)
COLUMNS = ("way", "steps", "seeds", *SCORES, *MORE, "ece", "agreement", "train_s")


@component
@dataclass(frozen=True)
class SeveralHeads(Instances):
    """Instances whose heads are there several times, each learned from a half of the patches."""

    copies: int = COPIES

    @property
    def heads(self) -> dict[str, Any]:
        """Each head of `Instances` once for every copy."""
        own = super().heads
        return {f"{name}_{k}": head for k in range(self.copies) for name, head in own.items()}

    @property
    def class_heads(self) -> tuple[str, ...]:
        """The foregrounds."""
        return tuple(f"foreground_{k}" for k in range(self.copies))

    def target(self, sample: Any) -> Any:
        """As of `Instances`; a copy does not see the patches that chance keeps from it."""
        own = super().target(sample)
        chance = np.random.default_rng(int(sample["labels"].astype(np.int64).sum()) + 1)
        sees = chance.random(self.copies) < 0.5
        return {
            f"{name}_{k}": (value, weight * np.float32(sees[k]))
            for k in range(self.copies)
            for name, (value, weight) in own.items()
        }

    def _mean(self, maps: Any) -> Any:
        if "foreground" in maps:
            return maps
        names = super().heads
        each = range(self.copies)
        return {name: np.mean([maps[f"{name}_{k}"] for k in each], axis=0) for name in names}

    def decode(self, maps: Any, spacing_um: Any = None) -> Any:
        """Of the mean of all copies, as all that follows."""
        return super().decode(self._mean(maps), spacing_um)

    def tune(self, maps: Any, truths: Any, spacing_um: Any = None) -> Any:
        """See `decode`."""
        return super().tune([self._mean(one) for one in maps], truths, spacing_um)

    def kept(self, maps: Any, found: Any) -> Any:
        """See `decode`."""
        return super().kept(self._mean(maps), found)

    def evidence(self, maps: Any, labels: Any) -> Any:
        """See `decode`."""
        return super().evidence(self._mean(maps), labels)

    def coherence(self, maps: Any, found: Any) -> float:
        """See `decode`."""
        return super().coherence(self._mean(maps), found)

    def foreground(self, maps: Any) -> Any:
        """See `decode`."""
        return self._mean(maps)["foreground"][..., 0]


def single(data: cl.Data, steps: int, seed: int) -> cl.Model:
    """One network."""
    return cl.train(data, trainer=cl.Trainer(iterations=steps), seed=seed, progress=False)


def members(data: cl.Data, steps: int, seed: int) -> cl.Model:
    """Five networks, each without a fifth of the images."""
    trainer = cl.Trainer(iterations=steps // COPIES)
    return cl.train(data, members=COPIES, trainer=trainer, seed=seed, progress=False)


def heads(data: cl.Data, steps: int, seed: int) -> cl.Model:
    """One network with its last layer five times."""
    trainer = cl.Trainer(iterations=steps)
    return cl.train(data, task=SeveralHeads(), trainer=trainer, seed=seed, progress=False)


def snapshots(data: cl.Data, steps: int, seed: int) -> cl.Model:
    """Five states of one network; thresholds fitted to the images that it holds out."""
    trainer, each = cl.Trainer(iterations=steps // COPIES), []
    for _ in range(COPIES):
        start = each[-1] if each else None
        each.append(cl.train(data, start=start, trainer=trainer, seed=seed, progress=False))
    last = each[-1]
    networks = {(k, last.name): one.network_of(1) for k, one in enumerate(each, start=1)}
    whole = replace(last, members=COPIES, networks=networks, _engine=None)
    held = split(data, 0.2, seed)[1].items
    maps = [whole.source_maps(item.image, whole.normalize.fit(item.image)) for item in held]
    task = fit(whole.task, maps, [(read_labels(item)[0], None) for item in held])[0]
    return replace(whole, parts={whole.name: replace(whole.part, task=task)}, _engine=whole.engine)


def parted(folder: Path, laid_out: Path) -> tuple[cl.Data, cl.Data]:
    """Return the images to learn from and those that no network sees.

    Of a set without such parts, a lab of cfos_multiexpert, every fourth image is of the second
    kind, and the objects are the components of the published estimate of all its annotators.
    """
    if (folder / "train").is_dir():
        return as_data(folder / "train"), as_data(folder / "test")
    for k, file in enumerate(sorted((folder / "images").iterdir())):
        own = laid_out / ("train" if k % 4 else "test")
        for name in ("images", "labels"):
            (own / name).mkdir(parents=True, exist_ok=True)
        (own / "images" / file.name).symlink_to(file)
        truth = label(cl.images.read_labels(folder / "masks" / "est_GT" / file.name) > 0)[0]
        cl.images.write_labels(own / "labels" / f"{file.stem}.tif", truth)
    return as_data(laid_out / "train"), as_data(laid_out / "test")


WAYS: dict[str, Callable[[cl.Data, int, int], cl.Model]] = {
    "single": single,
    "members": members,
    "snapshots": snapshots,
    "heads": heads,
}


def scored(model: cl.Model, test: cl.Data) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Score a model image by image; the table, with the error of all pixels, and what it finds."""
    table = cl.evaluate(model, test, rescale=None, progress=False).per_image
    found, said, so = {}, [], []
    for item in test.items:
        maps = model.source_maps(item.image, model.normalize.fit(item.image))
        said.append(model.task.foreground(maps).ravel())
        so.append((read_labels(item)[0] > 0).ravel())
        found[item.id] = np.asarray(model.task.decode(maps).labels) > 0
    share, true = np.concatenate(said), np.concatenate(so)
    right = (share > 0.5) == true
    error = calibration_error(reliability(np.maximum(share, 1 - share), right))
    return table.assign(ece=error), found


def run(way: str, steps: int, seed: int, train: cl.Data, test: cl.Data, out: Path) -> None:
    """Run one cell and append its rows, one for each image."""
    began = time.perf_counter()
    model = WAYS[way](train, steps, seed)
    seconds = time.perf_counter() - began
    table, found = scored(model, test)
    np.savez_compressed(out / f"{way}-{steps}-{seed}.npz", **found)
    rows = table.assign(way=way, steps=steps, seed=seed, train_s=seconds)
    pd.concat([cells(out), rows], ignore_index=True).to_csv(out / "cells.csv", index=False)


def cells(out: Path) -> pd.DataFrame:
    """Return the rows that there are."""
    path = out / "cells.csv"
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["way", "steps", "seed"])


def agreement(way: str, steps: int, out: Path) -> float | None:
    """Return the mean Dice of what models of each two seeds find, over all images."""
    each = [np.load(file) for file in sorted(out.glob(f"{way}-{steps}-*.npz"))]
    pairs = [
        cl.metrics.dice(one[name], other[name])
        for one, other in itertools.combinations(each, 2)
        for name in one.files
    ]
    return float(np.mean(pairs)) if pairs else None


def table(out: Path) -> Iterable[dict[str, Any]]:
    """Return a row for each way and number of steps: means over seeds, and what it has more."""
    for (steps, way), own in cells(out).groupby(["steps", "way"], sort=True):
        row = {"way": way, "steps": steps, "seeds": own["seed"].nunique()}
        row |= {name: float(own[name].mean()) for name in (*SCORES, "ece", "train_s")}
        yield (
            row | {"agreement": agreement(way, steps, out)} | beside_single(cells(out), own, steps)
        )


def beside_single(every: pd.DataFrame, own: pd.DataFrame, steps: int) -> dict[str, Any]:
    """Return how much better each score is than that of single models, paired by image."""
    single = every[(every["way"] == "single") & (every["steps"] == steps)]
    single = single[single["seed"].isin(own["seed"])]
    found = {}
    for name in SCORES:
        both = [one.groupby("image")[name].mean() for one in (own, single)]
        mean = mean_difference((both[0] - both[1]).to_numpy(), None, (-1, 1))
        found[f"{name} more"] = f"{mean.value:+.3f} ({mean.low:+.3f} to {mean.high:+.3f})"
    return found if own["way"].iloc[0] != "single" and len(single) else {}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ensembles", description=__doc__)
    parser.add_argument("--out", type=Path, default=CELLS, help="folder of the cells")
    parser.add_argument("--set", default="dsb2018_fluo", help="train/ and test/, or a lab")
    parser.add_argument("--steps", type=int, nargs="+", default=[])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    folder = records.data_folder() / given.set
    with tempfile.TemporaryDirectory() as laid_out:
        train, test = parted(folder, Path(laid_out))
        for seed, steps, way in itertools.product(given.seeds, given.steps, given.ways):
            done = cells(given.out)[["way", "steps", "seed"]].drop_duplicates()
            if (way, steps, seed) not in set(done.itertuples(index=False, name=None)):
                run(way, steps, seed, train, test, given.out)
    text = f"{records.markdown(list(table(given.out)), COLUMNS)}\n\nMachine: {machine.describe()}"
    print(text)
    if given.record:
        records.append("Ensembles", text)


if __name__ == "__main__":
    main()
