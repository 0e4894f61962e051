"""Whether `rescale="auto"` finds the factor that is best for a folder, and what finding it costs.

A model of a default training on dsb2018_fluo is applied to folders of other nuclei: with "auto",
and with each factor from 1/16 to 8 in half octaves. Each of the two for a folder is a cell: it runs
in a process of its own, adds its row to a file, and is not run again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import cytoloom as cl
from cytoloom.metrics import average_precision

from . import records

Pairs = dict[str, tuple[np.ndarray, np.ndarray]]
IMAGES = 4
MOST_PX = 2**21
"""Factors that enlarge an image beyond this are left out: they are far from good on all folders."""
COLUMNS = (
    "folder", "images", "auto", "AP@0.5", "best fixed", "its AP@0.5", "as they are",
    "core s / given", "px / given", "looks core s", "looks px",
)  # fmt: skip


def _files(images: str, labels: str) -> Callable[[], Pairs]:
    """Return what reads some images of a folder, evenly taken."""

    def read() -> Pairs:
        """Read them."""
        folders = [records.data_folder() / folder for folder in (images, labels)]
        found = [sorted(p for p in f.iterdir() if p.suffix in (".tif", ".png")) for f in folders]
        chosen = {round(k) for k in np.linspace(0, len(found[0]) - 1, IMAGES)}
        pairs = [(found[0][k], found[1][k]) for k in sorted(chosen)]
        return {p.stem: (cl.images.read(p).array, cl.images.read_labels(q)) for p, q in pairs}

    return read


def _simulated(scale: float) -> Callable[[], Pairs]:
    """Return what simulates nuclei of so many times the usual size, of 16 to 30 px."""

    def make() -> Pairs:
        """Simulate them; fewer where they are large."""
        edge = 768 if scale > 2 else 512
        count = max(12, round(0.8 * 40 * (edge / 256 / scale) ** 2))
        sizes = (16 * scale, 30 * scale)
        return {
            f"{k}": cl.simulate.nuclei((edge, edge), count, seed=100 + k, diameter_px=sizes)
            for k in range(IMAGES)
        }

    return make


FOLDERS: dict[str, Callable[[], Pairs]] = {
    "coelho2009_u2os": _files("coelho2009_u2os/test/images", "coelho2009_u2os/test/labels"),
    "ctc_fluo_n2dl_hela_seg": _files(
        "ctc_fluo_n2dl_hela_seg/images", "ctc_fluo_n2dl_hela_seg/labels"
    ),
    "ctc_fluo_n2dh_sim": _files("ctc_fluo_n2dh_sim/01", "ctc_fluo_n2dh_sim/01_GT/SEG"),
    "stardist_examples": _files("stardist_examples/2d/images", "stardist_examples/2d/labels"),
    **{f"simulated x {scale:g}": _simulated(scale) for scale in (0.25, 0.5, 1, 2, 4)},
    "dsb2018_fluo": _files("dsb2018_fluo/test/images", "dsb2018_fluo/test/labels"),
}


def trained(path: Path) -> cl.Model:
    """Load the model, trained first where it is not there: what ten minutes made of two cores."""
    if path.exists():
        return cl.load(path)
    images = records.data_folder() / "dsb2018_fluo" / "train"
    return cl.train(images, task="instances", trainer=cl.Trainer(iterations=1800), out=path)


class Counted:
    """A model of which is counted how many pixels its network is shown."""

    def __init__(self, model: cl.Model) -> None:
        from dataclasses import replace

        self.model, self.pixels, forward = model, 0, model.engine.forward

        def counting(batch: np.ndarray) -> dict[str, np.ndarray]:
            """Count and run."""
            self.pixels += int(np.prod(batch.shape[:-1]))
            return forward(batch)

        # one at a time: what is counted and timed does not depend on threads
        engine = {"forward": counting, "image_workers": 1, "tile_workers": 1}
        model.engine = replace(model.engine, **engine)

    def predict(self, pairs: Pairs, rescale: Any) -> dict[str, Any]:
        """Predict and score; return the factor, AP@0.5, seconds of a core and network pixels."""
        before, begun = self.pixels, time.process_time()
        images = {name: image for name, (image, _) in pairs.items()}
        found = cl.predict(self.model, images, rescale=rescale, progress=False)
        seconds = time.process_time() - begun
        scores = [average_precision(truth, found[name]) for name, (_, truth) in pairs.items()]
        factor = float(found.files["scale"].iloc[0])
        ap50 = float(np.mean(scores))
        return {"factor": factor, "ap50": ap50, "s": seconds, "px": self.pixels - before}


def measure_fixed(name: str, model: cl.Model) -> dict[str, Any]:
    """Score each fixed factor on some images of a folder."""
    pairs, counted = FOLDERS[name](), Counted(model)
    largest = max(image.shape[0] * image.shape[1] for image, _ in pairs.values())
    smallest = min(min(image.shape[:2]) for image, _ in pairs.values())
    factors = [float(f"{2.0 ** (k / 2):.3g}") for k in range(-8, 7)]
    fit = [f for f in factors if f * f * largest <= MOST_PX and f * smallest >= 32]
    return {f"{f:g}": round(counted.predict(pairs, f)["ap50"], 3) for f in fit}


def measure_auto(name: str, model: cl.Model) -> dict[str, Any]:
    """Score "auto" on the same images, and compare its cost with that of its factor, given."""
    pairs, counted = FOLDERS[name](), Counted(model)
    factor = counted.predict(pairs, "auto")["factor"]
    # in turns, and the quickest of each: others may compute meanwhile, for which no core's
    # seconds are counted, but which slow down what is
    given, auto = [], []
    for _ in range(2):
        given.append(counted.predict(pairs, factor))
        auto.append(counted.predict(pairs, "auto"))
    seconds = [min(one["s"] for one in runs) for runs in (auto, given)]
    return {
        "images": len(pairs),
        "factor": factor,
        "ap50": round(auto[0]["ap50"], 3),
        "looks core s": round(seconds[0] - seconds[1], 2),
        "looks px": auto[0]["px"] - given[0]["px"],
        "core s / given": round(seconds[0] / seconds[1], 2),
        "px / given": round(auto[0]["px"] / given[0]["px"], 2),
    }


MEASURES = {"fixed": measure_fixed, "auto": measure_auto}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rescaling", description=__doc__)
    parser.add_argument("--folders", nargs="+", choices=list(FOLDERS), default=list(FOLDERS))
    parser.add_argument("--model", type=Path, default=Path("rescaling.cytoloom"))
    parser.add_argument("--rows", type=Path, default=Path("rescaling.jsonl"))
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    parser.add_argument("--one", choices=list(MEASURES), help=argparse.SUPPRESS)
    given = parser.parse_args()
    cells = [(name, kind) for kind in MEASURES for name in given.folders]
    if given.one:
        name, kind = given.folders[0], given.one
        row = {"folder": name, "kind": kind, **MEASURES[kind](name, trained(given.model))}
        with given.rows.open("a") as stream:
            stream.write(json.dumps(row) + "\n")
        return
    for name, kind in cells:
        if (name, kind) not in _rows(given.rows):
            print(f"{name}, {kind} ...", file=sys.stderr, flush=True)
            more = ["--folders", name, "--model", str(given.model.resolve())]
            more += ["--rows", str(given.rows.resolve()), "--one", kind]
            command = [sys.executable, "-m", "benchmarks.rescaling", *more]
            subprocess.run(command, check=True, cwd=records.ROOT)
    text = records.markdown(table(_rows(given.rows), given.folders), COLUMNS)
    print(text)
    if given.record:
        records.append("Rescaling", text)


def table(rows: Mapping[tuple[str, str], Any], folders: Sequence[str]) -> list[dict[str, Any]]:
    """Put the cells of each folder into one row."""
    shown = []
    for name in folders:
        auto, fixed = rows[name, "auto"], rows[name, "fixed"]
        factors = {key: value for key, value in fixed.items() if key not in ("folder", "kind")}
        best = max(factors, key=lambda key: factors[key])
        row = {"folder": name, "auto": auto["factor"], "AP@0.5": auto["ap50"], "best fixed": best}
        row |= {"its AP@0.5": factors[best], "as they are": factors["1"]}
        shown.append(row | {key: auto[key] for key in COLUMNS if key in auto})
    return shown


def _rows(path: Path) -> dict[tuple[str, str], Any]:
    if not path.exists():
        return {}
    rows = (json.loads(line) for line in path.read_text().splitlines())
    return {(row["folder"], row["kind"]): row for row in rows}


if __name__ == "__main__":
    main()
