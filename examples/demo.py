"""Simulate nuclei with known truth, train, evaluate and predict, and compare with Otsu.

Run it: python examples/demo.py --out demo-out

This is what `make demo` runs. The number of iterations is fixed, so the result does not depend on
how fast the machine is.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy import ndimage
from skimage.filters import threshold_otsu

import cytoloom as cl

ITERATIONS = 260
TRAIN, TEST = 24, 6
SPECK_PX = 30
EXPECTED = {"ap50": 0.90, "dice": 0.95}


def main() -> None:
    """Run the whole demo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("demo-out"))
    parser.add_argument("--iterations", type=int, default=ITERATIONS)
    arguments = parser.parse_args()
    values = demo(arguments.out, arguments.iterations)
    short = [m for m, least in EXPECTED.items() if values[m] < least]
    if short and arguments.iterations >= ITERATIONS:
        sys.exit(f"The demo should reach {EXPECTED}; something is wrong.")


def demo(out: Path, iterations: int) -> dict[str, float]:
    """Leave model, tables, labels and pictures in `out`; return the scores."""
    began = time.monotonic()
    shutil.rmtree(out, ignore_errors=True)
    say(f"Simulating {TRAIN} images to learn from and {TEST} to be tested on")
    cl.simulate.write(out / "train", kind="nuclei", images=TRAIN, seed=1)
    cl.simulate.write(out / "test", kind="nuclei", images=TEST, seed=2)

    say(f"Training {iterations} iterations, a few minutes on a laptop")
    model = cl.train(
        out / "train",
        task="instances",
        # at full resolution from the start: these nuclei are small and close to each other
        network=cl.UNet(filters=12, depth=3, stem_stride=1),
        trainer=cl.Trainer(iterations=iterations, batch_size=8, patch_px=96),
        out=out / "nuclei.cytoloom",
        seed=0,
    )
    cl.plots.save(cl.plots.history(model.history), out / "history.png")

    say("Scoring the test images, which the model has never seen")
    scores = cl.evaluate(model, out / "test", out=out)
    found = cl.predict(model, out / "test" / "images", out=out, overwrite=True)

    cl.plots.save(side_by_side(out, found), out / "overlay.png", dpi=100)
    values = scores.summary.set_index("metric")["value"].to_dict()
    report(out, values, len(found.objects), time.monotonic() - began)
    return values


def side_by_side(out: Path, found: cl.Predictions) -> Figure:
    """Draw the first test image: as it is, with Otsu's outlines, with the model's."""
    name = found.names[0]
    image = cl.images.read(out / "test" / "images" / f"{name}.tif").array
    figure = Figure(figsize=(12, 4.3), layout="constrained")
    drawn = {"image": None, "Otsu's threshold": otsu(image[..., 0]), "cytoloom": found[name]}
    for ax, (title, labels) in zip(figure.subplots(1, 3), drawn.items(), strict=True):
        cl.plots.overlay(image, labels, title=title, ax=ax)
    return figure


def otsu(image: np.ndarray) -> np.ndarray:
    """Smooth, threshold, label, drop specks: what one would do without a model."""
    smooth = ndimage.gaussian_filter(image.astype(np.float32), 1)
    labels, _ = ndimage.label(smooth > threshold_otsu(smooth))
    labels[np.bincount(labels.ravel())[labels] < SPECK_PX] = 0
    return labels


def baseline(folder: Path) -> tuple[float, float]:
    """Mean AP at IoU 0.5 and mean Dice of `otsu` on a folder of images and labels."""
    precisions, dices = [], []
    for path in sorted((folder / "images").iterdir()):
        truth = cl.images.read_labels(folder / "labels" / path.name)
        found = otsu(cl.images.read(path).array[..., 0])
        precisions.append(cl.metrics.average_precision(truth, found, iou=0.5))
        dices.append(cl.metrics.dice(truth > 0, found > 0))
    return float(np.mean(precisions)), float(np.mean(dices))


def report(out: Path, values: dict[str, float], objects: int, seconds: float) -> None:
    """Print the scores beside the baseline's, and where to look."""
    otsu_precision, otsu_dice = baseline(out / "test")
    print(f"\n{'on the test images':<32}{'AP@0.5':>8}{'Dice':>8}")
    print(f"{'Otsu + connected components':<32}{otsu_precision:8.3f}{otsu_dice:8.3f}")
    print(f"{'cytoloom':<32}{values['ap50']:8.3f}{values['dice']:8.3f}")
    print(f"\n{objects} nuclei measured, {seconds:.0f} s in all. Look at:")
    for file, what in {
        "overlay.png": "a test image, with Otsu's outlines and with the model's",
        "objects.csv": "one row per nucleus: area, position, intensity",
        "scores.csv": "the scores with 95 % intervals",
        "labels/": "label images that ImageJ opens",
        "history.png": "how training went",
        "nuclei.cytoloom/": "the model, with its README.md",
    }.items():
        print(f"  {out / file!s:<32}{what}")


def say(message: str) -> None:
    """Head a stage of the demo."""
    print(f"\n== {message}", flush=True)


if __name__ == "__main__":
    main()
