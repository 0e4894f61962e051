"""What cells look like: which features find what is new, hit lists of known truth, and speed.

``sets``: a detector learns one kind of cells and is asked for others that it has not seen:
neutrophils of `wbc_nucleus_cytoplasm` (dataset1) against other white blood cells, and negative
against positive control wells of `cellprofiler_sbs_plate` (rows A and E to learn from, C and G to
score; nuclei by Otsu's threshold and a watershed). Area under the curve of every detector, and the
share of right kinds among the five nearest. Ways: what is measured; codes of a random encoder and
of an autoencoder that learned for `--minutes`, of one view (as the original) and of eight; both
together. ``screens``: simulated plates with treatments of graded prevalence; what of a hit list is
true. ``speed``: cells encoded in a second beside the bare network, and memory.

Every cell runs alone, appends its row in `--out`, and is not run again.

    python -m benchmarks.phenotypes sets --minutes 3 --seeds 0 1 2 --out phenotypes
    python -m benchmarks.phenotypes screens --seeds 0 1 2 --out phenotypes
    python -m benchmarks.phenotypes speed --out phenotypes
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import cytoloom as cl
from cytoloom.phenotypes.detectors import METHODS, Scaler, fit
from cytoloom.phenotypes.measured import feature_names

from . import machine, records

SETS = ("wbc", "sbs")
QUIET: dict[str, Any] = {"progress": False}
LEARNING = ("A", "E")
PREVALENCES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
INERT, WELLS, CONTROLS, COUNT = 8, 4, 16, 25
LEVELS = (0.05, 0.1)


def wbc(folder: Path) -> cl.Cells:
    """Gather the white blood cells of dataset1, an image each; neutrophils are controls."""
    images, labels, rows = {}, {}, []
    table = pd.read_csv(folder / "dataset1" / "class_labels.csv", dtype={"image": str})
    for row in table.itertuples():
        name = f"{row.split}_{row.image}"
        place = folder / "dataset1" / row.split
        images[name] = cl.images.read(place / "images" / f"{row.image}.png").array
        mask = cl.images.read_labels(place / "masks" / f"{row.image}.png")
        labels[name] = (mask > 0).astype(np.int32)
        own = row.split == "train" and row.wbc_class == 1
        rows.append((name, row.split, int(row.wbc_class), "learn" if own else "no"))
    plate = pd.DataFrame(rows, columns=["image", "split", "kind", "control"])
    return cl.cells(images, labels=labels, plate=plate, controls="learn", size_px=96, **QUIET)


def sbs(folder: Path) -> cl.Cells:
    """Gather the nuclei of the plate; controls are the negative wells of the rows to learn from."""
    plate = pd.read_csv(folder / "plate.csv", dtype=str)
    plate = plate[plate["control"].isin(["negative", "positive"])]
    images, labels = {}, {}
    for well in plate["well"]:
        pair = [cl.images.read(folder / "images" / f"{well}_ch{c}.png").array for c in (1, 2)]
        images[well] = np.concatenate(pair, axis=-1)
        labels[well] = _nuclei(pair[1][..., 0])
    plate = plate.assign(
        split=np.where(plate["row"].isin(LEARNING), "train", "test"),
        kind=(plate["control"] == "positive").astype(int) + 1,
    )
    learn = (plate["split"] == "train") & (plate["kind"] == 1)
    plate["control"] = np.where(learn, "learn", "no")
    return cl.cells(images, labels=labels, plate=plate, controls="learn", size_px=32, **QUIET)


def _nuclei(image: np.ndarray) -> np.ndarray:
    """Outline nuclei by Otsu's threshold, and part them by a watershed of distances."""
    from scipy import ndimage
    from skimage.feature import peak_local_max
    from skimage.filters import gaussian, threshold_otsu
    from skimage.measure import label
    from skimage.segmentation import watershed

    smooth = gaussian(image.astype(float), 1)
    mask = ndimage.binary_fill_holes(smooth > threshold_otsu(smooth))
    depth = gaussian(ndimage.distance_transform_edt(mask), 1)
    peaks = peak_local_max(depth, min_distance=5, labels=label(mask))
    seeds = np.zeros(image.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    found = watershed(-depth, seeds, mask=mask).astype(np.int32)
    small = np.bincount(found.ravel()) < 40
    found[small[found]] = 0
    return found


def ways(cells: cl.Cells, minutes: float, seed: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """Describe the cells in every way."""
    measured = cl.features(cells, **QUIET)
    yield "measured", measured
    model = cl.train(
        cells, task="autoencoder", trainer=cl.Trainer(minutes=minutes), seed=seed, **QUIET
    )
    from cytoloom.events import drain, with_result
    from cytoloom.phenotypes.encoded import encoder_for, random_encoder

    for name, encoder in (("random", random_encoder(cells, seed)),
                          ("learned", encoder_for(model, cells))):  # fmt: skip
        for views in (1, 8):
            table = pd.DataFrame(drain(with_result(encoder.codes(cells, views)), False))
            if "reconstruction_error" in table and views == 1:
                yield (
                    "reconstruction",
                    table[["reconstruction_error"]].rename(
                        columns={"reconstruction_error": "learned_error"}
                    ),
                )
            table = table.drop(columns="reconstruction_error", errors="ignore")
            yield f"{name}, {views} view{'s' * (views > 1)}", table
            if views == 8:
                yield f"measured + {name}, 8 views", pd.concat([measured, table], axis=1)


def scored(cells: cl.Cells, table: pd.DataFrame) -> dict[str, float]:
    """Return the area under the curve of each detector, and how often the nearest are alike."""
    from sklearn.metrics import roc_auc_score
    from sklearn.neighbors import KNeighborsClassifier

    about = cells.table
    train, kind = (about["split"] == "train").to_numpy(), about["kind"].to_numpy(int)
    own, test = cells.are_controls, ~train
    values = np.nan_to_num(table[feature_names(table)].to_numpy(float))
    scale = Scaler.of(values[own])
    values = np.clip(scale(values), -50, 50)
    new = kind[test] != 1
    found = {
        method: float(roc_auc_score(new, fit(method, values[own])(values[test])))
        for method in METHODS
    }
    near = KNeighborsClassifier(5).fit(values[train], kind[train])
    found["nearest"] = float((near.predict(values[test]) == kind[test]).mean())
    return found


def run_sets(given: argparse.Namespace) -> None:
    """Run the cells of ``sets`` that were not run."""
    for name in given.sets:
        folder = {"wbc": "wbc_nucleus_cytoplasm", "sbs": "cellprofiler_sbs_plate"}[name]
        cells = None
        for seed in given.seeds:
            key = {"set": name, "minutes": given.minutes, "seed": seed}
            if _done(given.out / "sets.jsonl", key):
                continue
            cells = cells or {"wbc": wbc, "sbs": sbs}[name](records.data_folder() / folder)
            rows = [
                {**key, "way": way, **scored(cells, table)}
                for way, table in ways(cells, given.minutes, seed)
            ]
            _append(given.out / "sets.jsonl", rows)


def run_screens(given: argparse.Namespace) -> None:
    """Run the simulated screens that were not run."""
    for seed in given.seeds:
        if _done(given.out / "screens.jsonl", {"seed": seed}):
            continue
        effects = {f"{what} {p:g}": (what, 1.0, p, WELLS)
                   for what in ("translocated", "condensed") for p in PREVALENCES}  # fmt: skip
        effects |= {f"inert {k}": ("none", 0.0, 0.0, WELLS) for k in range(INERT)}
        made = cl.simulate.screen(effects, controls=CONTROLS, count=COUNT, seed=seed)
        cells = cl.cells(made.images, labels=made.labels, plate=made.plate, controls="negative",
                         **QUIET)  # fmt: skip
        found = cl.novelty(cl.features(cells, **QUIET), controls="negative", seed=seed, **QUIET)
        rows = found.hits[["treatment", "outliers", "effect", "low", "p", "q"]].to_dict("records")
        _append(given.out / "screens.jsonl", [{"seed": seed, **row} for row in rows])


def screens_table(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return precision, recall and the rate of false discoveries of all lists, by level.

    Examples
    --------
    >>> rows = pd.DataFrame({"seed": 0, "treatment": ["inert 0", "condensed 0.5"], "effect": 0.4,
    ...                      "q": [0.04, 0.01]})
    >>> screens_table(rows)[0]["false discoveries"]
    0.5
    """
    inert = rows["treatment"].str.startswith("inert")
    table = []
    for level in LEVELS:
        hit = (rows["q"] <= level) & (rows["effect"] > 0)
        lists = [own for _, own in rows.assign(hit=hit, false=hit & inert).groupby("seed")]
        wrong = [own["false"].sum() / max(1, own["hit"].sum()) for own in lists]
        row: dict[str, Any] = {"q": level, "screens": len(lists),
                               "false discoveries": float(np.mean(wrong)),
                               "precision": float(1 - (hit & inert).sum() / max(1, hit.sum())),
                               "recall": float(hit[~inert].mean())}  # fmt: skip
        for what in ("translocated", "condensed"):
            for p in PREVALENCES:
                own = rows["treatment"] == f"{what} {p:g}"
                row[f"{what} {p:g}"] = float(hit[own].mean()) if own.any() else None
        table.append(row)
    return table


def run_speed(given: argparse.Namespace) -> None:
    """Measure encoding in processes of their own, so that their memory is theirs."""
    for count in given.counts:
        if _done(given.out / "speed.jsonl", {"cells": count, "views": given.views}):
            continue
        command = [sys.executable, "-m", "benchmarks.phenotypes", "one", "--out", str(given.out),
                   "--counts", str(count), "--views", str(given.views)]  # fmt: skip
        subprocess.run(command, check=True, cwd=records.ROOT)


def run_one(given: argparse.Namespace) -> None:
    """Encode so many cells of files, and as many crops by the bare network."""
    from cytoloom.events import drain, with_result
    from cytoloom.phenotypes.encoded import random_encoder
    from cytoloom.phenotypes.views import turned

    (count,), views, own = given.counts, given.views, 400
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(prefix="cytoloom-bench-") as work:
        folder, rows = Path(work), []
        for k in range(-(-count // own)):
            image = rng.integers(0, 4096, (1024, 1024), np.uint16)
            cl.images.write_labels(folder / f"{k:05d}.tif", image)
            at = rng.integers(40, 984, (min(own, count - k * own), 2))
            rows.append(pd.DataFrame({"image": f"{k:05d}", "y": at[:, 0], "x": at[:, 1]}))
        cells = cl.cells(folder, positions=pd.concat(rows), size_px=60, **QUIET)
        encoder = random_encoder(cells)
        crops = np.zeros((256, 60, 60, 1), np.float32)
        encoder.run(crops)
        began = time.perf_counter()
        drain(with_result(encoder.codes(cells, views)), False)
        took = time.perf_counter() - began
        began = time.perf_counter()
        for _ in range(max(1, min(count, 10_240) // 256)):
            for v in range(views):
                encoder.run(np.ascontiguousarray(turned(crops, v)))
        bare = (time.perf_counter() - began) / (max(1, min(count, 10_240) // 256) * 256)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        row = {"cells": count, "views": views, "cells_per_s": count / took,
               "of_bare": bare / (took / count), "peak_gb": peak,
               "times_regionprops": regionprops_s() / (took / count)}  # fmt: skip
        _append(given.out / "speed.jsonl", [row])


def regionprops_s() -> float:
    """Return the seconds that scikit-image takes for the properties of one cell of 60 x 60 px."""
    from skimage.measure import regionprops_table

    labels = np.zeros((1200, 1200), np.int32)
    y, x = np.ogrid[:60, :60]
    disc = (y - 30) ** 2 + (x - 30) ** 2 < 22**2
    for k in range(400):
        at = np.s_[k // 20 * 60 :, k % 20 * 60 :]
        labels[at][:60, :60][disc] = k + 1
    image = np.random.default_rng(0).integers(0, 4096, labels.shape)
    names = ("area", "perimeter", "major_axis_length", "minor_axis_length", "eccentricity",
             "solidity", "intensity_mean", "intensity_max", "intensity_min")  # fmt: skip
    began = time.perf_counter()
    regionprops_table(labels, image, properties=names)
    return (time.perf_counter() - began) / 400


def _done(file: Path, key: dict[str, Any]) -> bool:
    lines = file.read_text().splitlines() if file.exists() else []
    return any(key.items() <= json.loads(line).items() for line in lines)


def _append(file: Path, rows: list[dict[str, Any]]) -> None:
    with file.open("a") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)


def _read(file: Path) -> pd.DataFrame:
    return pd.read_json(file, lines=True) if file.exists() else pd.DataFrame()


def tables(out: Path) -> str:
    """Return what was measured as Markdown."""
    parts = []
    sets = _read(out / "sets.jsonl")
    if len(sets):
        numbers = [*METHODS, "nearest"]
        means = sets.groupby(["set", "minutes", "way"], sort=False)[numbers].agg(["mean", "std"])
        rows = [
            {"set": name, "minutes": minutes, "way": way, "seeds": int(count),
             **{n: f"{own[n, 'mean']:.3f} ± {own[n, 'std']:.3f}" for n in numbers}}
            for ((name, minutes, way), own), count in zip(
                means.iterrows(), sets.groupby(["set", "minutes", "way"], sort=False).size(),
                strict=True)
        ]  # fmt: skip
        parts.append(records.markdown(rows, ["set", "minutes", "way", "seeds", *numbers]))
    screens = _read(out / "screens.jsonl")
    if len(screens):
        rows = screens_table(screens)
        parts.append(records.markdown(rows, list(rows[0])))
    speed = _read(out / "speed.jsonl")
    if len(speed):
        parts.append(records.markdown(speed.to_dict("records"), list(speed)))
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.phenotypes", description=__doc__)
    parser.add_argument("part", choices=("sets", "screens", "speed", "one", "show"))
    parser.add_argument("--out", type=Path, required=True, help="folder of the cells")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--record", action="store_true", help="append the tables to RESULTS.md")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    runs = {"sets": run_sets, "screens": run_screens, "speed": run_speed, "one": run_one}
    if given.part in runs:
        runs[given.part](given)
    if given.part == "one":
        return
    text = f"{tables(given.out)}\n\nMachine: {machine.describe()}"
    print(text)
    if given.record:
        records.append("What cells look like", text)


if __name__ == "__main__":
    main()
