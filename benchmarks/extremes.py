"""Train by default for a minute on data far from the usual, and see whether that is of use.

Simulated, so that truth is exact: three images; one of 8000 x 8000 px; objects 6 and 400 px
across; foreground of 0.1 %; twelve channels of which one shows the objects. Scored on images that
were not trained on.

    python -m benchmarks.extremes --minutes 1 --record
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import cytoloom as cl
from cytoloom.datasets.items import Item
from cytoloom.datasets.sources import ArraySource

from . import machine, records

Pairs = list[tuple[np.ndarray, np.ndarray]]


def nuclei(edge: int, count: int, images: int, diameter_px: tuple[float, float]) -> Pairs:
    """Simulate nuclei, some of them touching."""
    given: dict[str, Any] = {"touching": 0.2, "diameter_px": diameter_px}
    return [cl.simulate.nuclei((edge, edge), count, seed=k, **given) for k in range(images)]


def few(share: float = 1.0) -> Pairs:
    """Three images to train on, and one more."""
    return nuclei(round(512 * share), round(120 * share**2), 4, (16.0, 30.0))


def large(share: float = 1.0) -> Pairs:
    """One large image, a piece repeated, and a small one."""
    piece, labels = nuclei(round(1000 * share), round(400 * share**2), 1, (16.0, 30.0))[0]
    rows = []
    for row in range(8):
        shifts = [labels.max() * (8 * row + column) for column in range(8)]
        rows.append(np.hstack([np.where(labels > 0, labels + s, 0) for s in shifts]))
    return [(np.tile(piece, (8, 8)), np.vstack(rows)), few(share)[3]]


def specks(share: float = 1.0) -> Pairs:
    """Objects of 6 px."""
    return nuclei(round(384 * share), round(500 * share**2), 8, (5.0, 7.0))


def giants(share: float = 1.0) -> Pairs:
    """Objects of 400 px."""
    across = (360 * share, 440 * share)
    return nuclei(round(1600 * share), 6, 8, across)


def rare(share: float = 1.0) -> Pairs:
    """Two nuclei in a million pixels: 0.1 % foreground."""
    return nuclei(round(1024 * share), 2, 8, (20.0 * share, 28.0 * share))


def channels(share: float = 1.0) -> Pairs:
    """Twelve channels; nuclei in the sixth, in the others nuclei that are not labelled."""
    shown = nuclei(round(256 * share), round(40 * share**2), 8 * 12, (16.0, 30.0))
    found = []
    for k in range(8):
        own = shown[12 * k : 12 * k + 12]
        found.append((np.stack([image for image, _ in own], axis=-1), own[5][1]))
    return found


SCENES: dict[str, Callable[..., Pairs]] = {
    "3 images": few,
    "one image of 8000 x 8000 px": large,
    "objects of 6 px": specks,
    "objects of 400 px": giants,
    "0.1 % foreground": rare,
    "12 channels": channels,
}


def one(name: str, trainer: cl.Trainer, **settings: Any) -> dict[str, Any]:
    """Train on all images but the last (of eight, the last two) and score these."""
    pairs = SCENES[name](**settings)
    apart = 2 if len(pairs) == 8 else 1
    train, test = data(pairs[:-apart]), data(pairs[-apart:])
    model = cl.train(train, trainer=trainer, seed=0, progress=False)
    summary = cl.evaluate(model, test, progress=False).summary.set_index("metric")
    value = summary["value"].to_dict()
    net, info = model.network, model.info["training"]
    return {
        "images": name,
        "AP@0.5": float(value["ap50"]),
        "AP@0.7": float(value["ap70"]),
        "Dice": float(value["dice"]),
        "stem": net.stem_stride if isinstance(net.stem_stride, int) else net.stem_stride[-1],
        "depth": net.depth,
        "patch px": info["patch_px"][-1],
        "batch": info["batch_size"],
        "percentile": model.normalize.high,
        "minutes": round(info["seconds"] / 60, 2),
        "iterations": info["iterations"],
    }


def data(pairs: Pairs) -> cl.Data:
    """Name the axes, so that twelve channels are not taken for a stack."""
    return cl.Data(
        tuple(
            Item(
                f"image {k}",
                ArraySource(image, "yxc"[: image.ndim]),
                (ArraySource(labels, role="labels"),),
            )
            for k, (image, labels) in enumerate(pairs)
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extremes", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--minutes", type=float, default=1.0, help="of each training")
    parser.add_argument("--only", nargs="+", choices=list(SCENES), default=list(SCENES))
    parser.add_argument("--record", action="store_true", help="append to RESULTS.md")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one, cl.Trainer(minutes=given.minutes))))
        return
    rows = []
    for name in given.only:
        again = [sys.executable, "-m", "benchmarks.extremes", "--minutes", str(given.minutes)]
        command = [*again, "--one", name]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=records.ROOT)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(rows[-1], file=sys.stderr, flush=True)
    text = records.markdown(rows, list(rows[0]))
    print(f"{text}\n\nMachine: {machine.describe()}")
    if given.record:
        records.append("Extremes", text)


if __name__ == "__main__":
    main()
