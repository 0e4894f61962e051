"""How often do the printed 95 % intervals cover the truth? Real scores of images, resampled.

The scores of 250 images of nuclei (a model of four minutes on dsb2018_fluo) stand for all images
there are, so that the truth is their mean. Samples of a few of them, or of a few groups, are
drawn with replacement, and each interval is looked at. Scores of one's own:
``python -m benchmarks.interval_coverage scores/scores_per_image.csv``.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cytoloom.tasks import Task
from cytoloom.uncertainty.intervals import mean_interval

SCORES = Path(__file__).resolve().parents[1] / "tests" / "python" / "per_image_scores.csv"
SIZES = (2, 3, 5, 10, 20, 50)
GROUP = 4
"""Images in a group, all near one score as films or plates are."""


def coverage(values: np.ndarray, n: int, bounds: tuple[float, float], samples: int) -> float:
    """Share of the intervals given that hold the mean of all values.

    Parameters
    ----------
    values : ndarray of float
        All there are.
    n : int
        Images in a sample.
    bounds : (float, float)
        Range of the metric.
    samples : int
        How many; those without an interval count nowhere.
    """
    rng, truth, held = np.random.default_rng(n), values.mean(), []
    for _ in range(samples):
        found = mean_interval(rng.choice(values, n), bounds=bounds)
        held += [] if found.why else [found.low <= truth <= found.high]
    return float(np.mean(held))


def coverage_of_groups(
    values: np.ndarray, n: int, bounds: tuple[float, float], samples: int
) -> float:
    """Count the same for groups of images with neighbouring scores; `n` groups in a sample."""
    kept = np.sort(values)[: len(values) // GROUP * GROUP]
    groups, truth = kept.reshape(-1, GROUP), kept.mean()
    names = [str(k // GROUP) for k in range(n * GROUP)]
    rng, held = np.random.default_rng(n), []
    for _ in range(samples):
        drawn = groups[rng.integers(len(groups), size=n)].ravel()
        found = mean_interval(drawn, names, bounds)
        held += [] if found.why else [found.low <= truth <= found.high]
    return float(np.mean(held))


def shapes(scores: pd.DataFrame) -> Mapping[str, np.ndarray]:
    """Columns of the scores, and what other sets look like."""
    rng = np.random.default_rng(0)
    good = scores["ap50"].to_numpy(float)
    made = {
        "ap50 of a poor model": 1 - good,
        "ap50, 3 of 10 images at 0": np.where(rng.random(good.size) < 0.3, 0, good),
        "dice, 8 of 10 images at 1": np.where(rng.random(good.size) < 0.8, 1, good),
        "n of Poisson's, mean 14": rng.poisson(14, 2000),
        "n, half of the images empty": np.where(rng.random(2000) < 0.5, 0, rng.poisson(14, 2000)),
    }
    columns = {name: scores[name].dropna() for name in scores.columns if name != "image"}
    return {name: np.asarray(v, float) for name, v in {**columns, **made}.items()}


def table(values: Mapping[str, np.ndarray], sizes: Sequence[int], samples: int) -> str:
    """Return a Markdown table: a row per metric, a column per number of images."""
    rows = [f"| metric | {' | '.join(map(str, sizes))} |", "|---" * (len(sizes) + 1) + "|"]
    for name, own in values.items():
        bounds = Task().score_range("n_" if name.startswith("n") else name)
        ways = {name: coverage, f"{name}, groups of {GROUP}": coverage_of_groups}
        for words, way in ways.items():
            if way is coverage or name in ("ap50", "n_truth"):
                cells = (f"{100 * way(own, n, bounds, samples):.1f}" for n in sizes)
                rows.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interval_coverage")
    parser.add_argument("scores", nargs="?", type=Path, default=SCORES, help="a table per image")
    parser.add_argument("--samples", type=int, default=2000)
    given = parser.parse_args()
    print(table(shapes(pd.read_csv(given.scores)), SIZES, given.samples))


if __name__ == "__main__":
    main()
