"""Race cytoloom against StarDist: the same images, the same minutes, one after the other.

Both train on the same part of ``train/``, choose weights and thresholds on the same rest of it,
and are scored by the same code on ``test/``. StarDist runs in an environment of its own,
``.venv-stardist``, made when it is not there. Finished runs are kept in `--out`, so that the
race can be stopped and gone on with. The machine must be left alone meanwhile; with `--core` each
has so many minutes of that core's own work, and may run beside other work.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import cytoloom as cl
from cytoloom.datasets.data import as_data
from cytoloom.datasets.items import read_labels
from cytoloom.datasets.splits import split
from cytoloom.metrics import average_precision

from . import machine, records
from .real_data import SETS

VENV = records.ROOT / ".venv-stardist"
REQUIREMENTS = ("tensorflow-cpu==2.15.1", "numpy<2", "stardist==0.9.2")
METHODS = ("cytoloom", "stardist")
IOUS = tuple(round(0.5 + 0.05 * k, 2) for k in range(9))
COLUMNS = {
    "set": "set",
    "method": "method",
    "minutes": "minutes",
    "seed": "seed",
    "AP@0.5": "ap50",
    "AP@0.7": "ap70",
    "mean AP 0.5:0.9": "ap",
    "n": "n",
    "iterations": "iterations",
    "train s": "train_s",
    "thresholds s": "tune_s",
    "predict s": "predict_s",
}
TOY_MINUTES = 1 / 3


def make_environment(python: str) -> Path:
    """Make StarDist's environment unless it is there; return its Python."""
    found = VENV / "bin" / "python"
    done = VENV / "installed"
    if not done.exists():
        subprocess.run([python, "-m", "venv", str(VENV)], check=True)
        pip = [str(found), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        subprocess.run([*pip, *REQUIREMENTS], check=True)
        done.touch()
    return found


def write_plan(train: cl.Data, test: cl.Data, seed: int, folder: Path) -> Path:
    """Write the images that both methods get as arrays, and their list; return the list."""
    kept, held, _ = split(train, 0.2, seed)
    parts = {"train": kept, "validation": held, "test": test}
    plan: dict[str, Any] = {name: _write_part(part, folder / name) for name, part in parts.items()}
    spacing = kept.items[0].spacing_um
    if spacing is not None:
        plan["spacing_um"] = spacing
    path = folder / "plan.json"
    path.write_text(json.dumps(plan))
    return path


def _write_part(part: cl.Data, folder: Path) -> list[tuple[str, str]]:
    pairs = []
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for item in part.items:
        image, name = item.image.read(), item.id.replace("/", "_")
        files = folder / "images" / f"{name}.npy", folder / "labels" / f"{name}.npy"
        np.save(files[0], image[..., 0] if image.shape[-1] == 1 else image)
        np.save(files[1], read_labels(item, part.unknown)[0].astype(np.int32))
        pairs.append((str(files[0]), str(files[1])))
    return pairs


def run(
    method: str,
    plan: Path,
    out: Path,
    minutes: float,
    seed: int,
    grid: int,
    core: int | None = None,
) -> dict[str, Any]:
    """Train and predict in a process of its own, then score."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    here = Path(__file__).parent
    given = [str(plan), str(out), "--minutes", str(minutes), "--seed", str(seed)]
    clock = [] if core is None else [str(here / "one_core.py"), str(core)]
    if method == "stardist":
        worker = str(here / "stardist_worker.py")
        command = [str(VENV / "bin" / "python"), *clock, worker, *given, "--grid", str(grid)]
    else:
        command = [sys.executable, *clock, "-m", "benchmarks.cytoloom_worker", *given]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "KERAS_"))}
    with open(out / "log.txt", "w") as log:
        streams: dict[str, Any] = {"stdout": log, "stderr": log}
        done = subprocess.run(command, cwd=records.ROOT, env=clean, check=False, **streams)
    if done.returncode:
        raise SystemExit(f"{method} failed:\n{(out / 'log.txt').read_text()[-3000:]}")
    facts = json.loads((out / "result.json").read_text())
    return {**{k: round(v, 1) for k, v in facts.items()}, **score(plan, out)}


def score(plan: Path, out: Path) -> dict[str, float | int]:
    """Average precision on the test images, one value per image, averaged over images."""
    import tifffile

    values = [
        average_precision(np.load(label), tifffile.imread(out / f"{Path(image).stem}.tif"), IOUS)
        for image, label in json.loads(plan.read_text())["test"]
    ]
    mean = np.mean(values, axis=0)
    return {
        "ap50": float(mean[0]),
        "ap70": float(mean[IOUS.index(0.7)]),
        "ap": float(mean.mean()),
        "n": len(values),
    }


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows as a Markdown table."""
    order = sorted(rows, key=lambda r: (r["set"], r["minutes"], r["seed"], r["method"]))
    shown = [{title: row.get(key) for title, key in COLUMNS.items()} for row in order]
    return records.markdown(shown, list(COLUMNS))


def plot(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw scores and seconds to predict over minutes; lines are means over seeds."""
    from matplotlib.figure import Figure

    titles = {"ap50": "AP@0.5", "ap70": "AP@0.7", "ap": "mean AP 0.5:0.9", "predict_s": "predict s"}
    figure = Figure(figsize=(12, 3), layout="constrained")
    for axes, (key, title) in zip(figure.subplots(1, len(titles)), titles.items(), strict=True):
        for method in METHODS:
            own = [row for row in rows if row["method"] == method]
            times = sorted({row["minutes"] for row in own})
            means = [np.mean([row[key] for row in own if row["minutes"] == t]) for t in times]
            (line,) = axes.plot(times, means, label=method)
            axes.plot(
                [r["minutes"] for r in own], [r[key] for r in own], ".", color=line.get_color()
            )
        axes.set(title=title, xlabel="minutes of training", ylim=(0, None))
    axes.legend()
    figure.savefig(path, dpi=120)


def read_rows(file: Path) -> list[dict[str, Any]]:
    """Return the finished runs."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def images(name: str) -> tuple[cl.Data, cl.Data]:
    """Return training and test images of a set, or simulated ones."""
    if name not in SIMULATED:
        folder = records.data_folder() / name
        return SETS[name].read(folder, "train"), SETS[name].read(folder, "test")
    pairs, for_training = SIMULATED[name]()
    parts = pairs[:for_training], pairs[for_training:]
    made = [as_data(list(part)) for part in parts]
    return made[0], made[1]


def toy() -> tuple[list[Any], int]:
    """Return small planes with their labels, and how many of them are for training."""
    return [cl.simulate.nuclei((96, 96), 8, seed=k, touching=0.2) for k in range(8)], 6


def stacks() -> tuple[list[Any], int]:
    """Return stacks of 20 nuclei, half of them touching another, and how many are for training."""
    spacing = (1.0, 0.5, 0.5)
    made = [cl.simulate.nuclei_3d(seed=k, spacing_um=spacing) for k in range(12)]
    return [(cl.images.Image(image, "zyx", spacing), labels) for image, labels in made], 8


SIMULATED = {"toy": toy, "nuclei_3d": stacks}


def race(
    name: str,
    minutes: Sequence[float],
    seeds: Sequence[int],
    out: Path,
    grid: int,
    core: int | None = None,
) -> None:
    """Do the runs that are not done yet, the methods taking turns in going first."""
    file = out / "runs.jsonl"
    train, test = images(name)
    for k, seed in enumerate(seeds):
        plan = write_plan(train, test, seed, out / name / f"seed{seed}")
        for length in minutes:
            for method in METHODS if k % 2 == 0 else METHODS[::-1]:
                key = {"set": name, "method": method, "minutes": length, "seed": seed}
                if any(key.items() <= row.items() for row in read_rows(file)):
                    continue
                print(f"{name}: {method}, {length:g} minutes, seed {seed} ...", file=sys.stderr)
                labels = out / name / f"{method}-{length:g}-seed{seed}"
                found = run(method, plan, labels, length, seed, grid, core)
                with open(file, "a") as stream:
                    stream.write(json.dumps(key | found) + "\n")


def main() -> None:
    instances = [name for name, chosen in SETS.items() if chosen.task == "instances"]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.time_to_quality")
    parser.description = __doc__
    parser.add_argument("--set", choices=[*instances, "nuclei_3d"], default="dsb2018_fluo")
    parser.add_argument("--minutes", nargs="+", type=float, default=[2.0, 5.0, 10.0, 20.0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--out", type=Path, default=records.ROOT / "build" / "race")
    parser.add_argument("--stardist-grid", type=int, default=2, help="as its example; 1: default")
    parser.add_argument("--core", type=int, help="minutes of this core's own work for each")
    parser.add_argument("--python", default="python3.11", help="3.9 to 3.11, for StarDist")
    parser.add_argument("--toy", action="store_true", help="only that it runs: 20 seconds each")
    parser.add_argument("--record", action="store_true", help="append to RESULTS.md, plot beside")
    given = parser.parse_args()
    name, minutes = ("toy", [TOY_MINUTES]) if given.toy else (given.set, given.minutes)
    given.out.mkdir(parents=True, exist_ok=True)
    make_environment(given.python)
    race(name, minutes, given.seeds, given.out, given.stardist_grid, given.core)
    rows = [row for row in read_rows(given.out / "runs.jsonl") if row["set"] == name]
    plot(rows, given.out / f"race-{name}.png")
    print(f"{table(rows)}\n\nPlot: {given.out}/race-{name}.png\nMachine: {machine.describe()}")
    if given.record:
        picture = records.RESULTS.with_name(f"race-{name}.png")
        shutil.copy(given.out / picture.name, picture)
        records.append("Race", table(rows))


if __name__ == "__main__":
    main()
