"""Predict one image of about 1000 nuclei with the models of the race: cytoloom beside StarDist.

The image has 1024 x 1024 px, put together from the fullest pieces of the race's test images. Both
methods load the model that they trained longest, each in a process of its own, in turn; what
counts is the time from pixels in memory to labels in memory, the first call left out, and
average precision. "process s" is from starting Python to labels on disk, five calls less.

    python -m benchmarks.time_to_quality --minutes 20
    python -m benchmarks.beside_stardist --record
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from skimage.segmentation import relabel_sequential

import cytoloom as cl
from cytoloom.datasets.items import read_labels
from cytoloom.metrics import average_precision

from . import blocks, machine, records
from .time_to_quality import METHODS, VENV, images, read_rows

PIECE_PX = 256
PIECES = 4
BLOCKS = 5
TIMES = 5


def mosaic(data: cl.Data) -> tuple[np.ndarray, np.ndarray]:
    """Put the pieces with most nuclei side by side: image and labels, `PIECES` each way.

    Pieces of an image do not overlap. Each image is brought to 8 bits by its own extremes.
    """
    found = []
    for item in data.items:
        pixels, labels = item.image.read()[..., 0], read_labels(item, data.unknown)[0]
        low, high = float(pixels.min()), float(pixels.max())
        eight = ((pixels - low) / max(high - low, 1) * 255).astype(np.uint8)
        for y, x in itertools.product(*(range(0, n - PIECE_PX + 1, PIECE_PX) for n in eight.shape)):
            at = slice(y, y + PIECE_PX), slice(x, x + PIECE_PX)
            found.append((np.unique(labels[at]).size, eight[at], labels[at]))
    found.sort(key=lambda piece: -piece[0])
    image = np.zeros((PIECES * PIECE_PX,) * 2, np.uint8)
    truth = np.zeros(image.shape, np.int32)
    for k, (row, column) in enumerate(itertools.product(range(PIECES), repeat=2)):
        _, pixels, labels = found[k % len(found)]
        at = tuple(slice(n * PIECE_PX, (n + 1) * PIECE_PX) for n in (row, column))
        image[at] = pixels
        ids, own = np.unique(labels, return_inverse=True)
        numbers = np.where(ids > 0, truth.max() + 1 + np.arange(len(ids)), 0)
        truth[at] = numbers[own].reshape(labels.shape)
    return image, relabel_sequential(truth)[0]


def predict_apart(method: str, run: Path, image: Path, labels: Path) -> dict[str, Any]:
    """Predict in a fresh process; return its seconds, and those of the whole process."""
    given = [str(image), str(labels), "--times", str(TIMES)]
    if method == "stardist":
        worker = str(Path(__file__).with_name("stardist_predict.py"))
        command = [str(VENV / "bin" / "python"), worker, str(run), *given]
    else:
        model = str(run / "model")
        command = [sys.executable, "-m", "benchmarks.beside_stardist", "--child", model, *given]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "KERAS_"))}
    texts: list[str] = []

    def start() -> None:
        done = subprocess.run(
            command, cwd=records.ROOT, env=clean, check=True, capture_output=True, text=True
        )
        texts.append(done.stdout.splitlines()[-1])

    whole = blocks.once(start)
    told = json.loads(texts[0])
    seconds = told if isinstance(told, list) else told["seconds"]
    engine = "" if isinstance(told, list) else told["engine"]
    return {"seconds": seconds, "process": whole - sum(seconds), "engine": engine}


def child(model: str, image: str, labels: str, times: int) -> None:
    """Predict one image several times and print how long each took."""
    loaded, pixels = cl.load(model), np.load(image)
    found = loaded.predict(pixels)
    seconds = [blocks.once(lambda: loaded.predict(pixels)) for _ in range(times)]
    tifffile.imwrite(labels, found.astype(np.uint16))
    print(json.dumps({"seconds": seconds, "engine": loaded.engine.name}))


def compare(folder: Path, name: str, minutes: float, seed: int) -> list[dict[str, Any]]:
    """Return a row for each method."""
    work = folder / "mosaic"
    work.mkdir(exist_ok=True)
    image, truth = mosaic(images(name)[1])
    np.save(work / "image.npy", image)
    found: dict[str, list[dict[str, Any]]] = {method: [] for method in METHODS}
    for block in range(BLOCKS):
        for method in METHODS if block % 2 == 0 else METHODS[::-1]:
            run, labels = folder / name / f"{method}-{minutes:g}-seed{seed}", work / f"{method}.tif"
            found[method].append(predict_apart(method, run, work / "image.npy", labels))
    rows = []
    for method, parts in found.items():
        medians = [statistics.median(part["seconds"]) for part in parts]
        precision = average_precision(truth, tifffile.imread(work / f"{method}.tif"), (0.5, 0.7))
        rows.append(
            {
                "method": method,
                "minutes": minutes,
                "s": round(statistics.median(medians), 3),
                "lowest": round(min(medians), 3),
                "highest": round(max(medians), 3),
                "process s": round(statistics.median(part["process"] for part in parts), 1),
                "AP@0.5": float(precision[0]),
                "AP@0.7": float(precision[1]),
                "nuclei": int(truth.max()),
                "found": int(tifffile.imread(work / f"{method}.tif").max()),
                "engine": parts[0]["engine"],
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.beside_stardist")
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, default=records.ROOT / "build" / "race")
    parser.add_argument("--record", action="store_true", help="append to RESULTS.md")
    given = parser.parse_args()
    done = read_rows(given.out / "runs.jsonl")
    both = [
        (row["minutes"], -row["seed"], row["set"])
        for row in done
        if row["method"] == METHODS[0]
        and any(
            other["method"] == METHODS[1]
            and all(other[key] == row[key] for key in ("set", "minutes", "seed"))
            for other in done
        )
    ]
    if not both:
        raise SystemExit(f"{given.out}: no finished race. Run benchmarks.time_to_quality first.")
    minutes, seed, name = max(both)
    rows = compare(given.out, name, minutes, -seed)
    text = records.markdown(rows, list(rows[0]))
    print(f"{text}\n\nMachine: {machine.describe()}")
    if given.record:
        records.append("One image", text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:5], times=int(sys.argv[6]))
    else:
        main()
