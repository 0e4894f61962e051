"""Consensus of the experts of cfos_multiexpert: beside the published estimate, and its time.

For each lab the images whose labels by STAPLE equal the published estimate in every pixel, the
pixels that differ by majority instead, and seconds of an image of 1024 x 1024 px, read from
files, with labels and tables.

    python -m benchmarks.consensus --record
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

import cytoloom as cl

from . import machine, records

COLUMNS = ("lab", "experts", "images", "equal", "majority differs px", "s / image", "slowest s")


def differing(found: cl.Consensus, truth: Path) -> list[int]:
    """Count the pixels of each image that differ from a published mask."""
    published = {name: cl.images.read_labels(truth / f"{name}.png") > 0 for name in found.names}
    return [int(np.count_nonzero((labels > 0) != published[name])) for name, labels in found]


def measured(masks: Path) -> dict[str, Any]:
    """Return the row of one lab."""
    experts, seconds = sorted(masks.glob("expert_*")), []
    # first, as decoded files are kept in memory
    for file in sorted((masks / "est_GT").iterdir()):
        one = {path.name: {file.stem: path / file.name} for path in experts}
        began = time.perf_counter()
        cl.consensus(one, progress=False)
        seconds.append(time.perf_counter() - began)
    found = cl.consensus(experts, progress=False)
    by_majority = cl.consensus(experts, "majority", progress=False)
    return {
        "lab": masks.parent.name,
        "experts": len(experts),
        "images": len(found),
        "equal": differing(found, masks / "est_GT").count(0),
        "majority differs px": sum(differing(by_majority, masks / "est_GT")),
        "s / image": statistics.median(seconds),
        "slowest s": max(seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.consensus", description=__doc__)
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    given = parser.parse_args()
    labs = sorted((records.data_folder() / "cfos_multiexpert").glob("lab-*"))
    text = records.markdown([measured(lab / "masks") for lab in labs], COLUMNS)
    print(f"{text}\n\nMachine: {machine.describe()}")
    if given.record:
        records.append("Experts", text)


if __name__ == "__main__":
    main()
