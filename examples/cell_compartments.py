"""Find cytoplasm and nuclei in two-channel images of which only a part was annotated.

Run it: python examples/cell_compartments.py --out compartments-out

Annotating whole images is tedious. Here only a strip of each is annotated, the rest has the label
255, declared unknown: it counts neither in training nor in scores.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

import cytoloom as cl

CLASSES = ("background", "cytoplasm", "nucleus")
UNKNOWN = 255


def main() -> None:
    """Train on strips, apply to whole images, measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("compartments-out"))
    parser.add_argument("--iterations", type=int, default=200)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)

    pairs = [cl.simulate.cells(shape=(192, 192), count=10, seed=s) for s in range(10)]
    images = [image for image, _ in pairs]
    labels = [strip_only(labels) for _, labels in pairs]
    model = cl.train(
        cl.Data.from_pairs(images, labels, unknown=UNKNOWN),
        task=cl.tasks.Classes(CLASSES),
        network=cl.UNet(filters=8, depth=3),
        trainer=cl.Trainer(iterations=arguments.iterations, batch_size=4, patch_px=96),
    )

    image, truth = cl.simulate.cells(shape=(192, 192), count=10, seed=99)
    found = model.predict(image)
    for number, name in enumerate(CLASSES):
        dice = cl.metrics.dice(truth == number, found == number)
        print(f"{name:<12} Dice {dice:.3f} on an image the model has not seen")
    measured = compartments(image, found)
    measured.to_csv(arguments.out / "compartments.csv", index=False)
    print(measured.to_string(index=False))
    cl.plots.save(cl.plots.overlay(image, found), arguments.out / "cells.png")


def strip_only(labels: np.ndarray) -> np.ndarray:
    """Keep the labels of the middle half of the rows; the rest is unknown."""
    kept = np.full_like(labels, UNKNOWN)
    quarter = labels.shape[0] // 4
    kept[quarter:-quarter] = labels[quarter:-quarter]
    return kept


def compartments(image: np.ndarray, found: np.ndarray) -> pd.DataFrame:
    """Area and mean intensity of both channels in each class."""
    rows = [
        {
            "class": name,
            "area_px": int((found == number).sum()),
            "mean_cytoplasm_channel": float(image[found == number, 0].mean()),
            "mean_nucleus_channel": float(image[found == number, 1].mean()),
        }
        for number, name in enumerate(CLASSES)
        if (found == number).any()
    ]
    return pd.DataFrame(rows)


if __name__ == "__main__":
    main()
