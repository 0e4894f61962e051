"""What a folder of many images costs beside the network: CPU time and memory of each image.

``python -m benchmarks.many_files 2000`` predicts so many tiny images, by a rule instead of a
network, with ``objects="parquet"``; ``--parts 4`` by parts and the call that puts them together.
Each of these is a process of its own. CPU time, so that other work does not count.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

import cytoloom as cl
from cytoloom.models.engine import Engine

MODEL = Path(__file__).parents[1] / "inst" / "extdata" / "simulated.cytoloom"
KINDS = 50


def make(folder: Path, count: int) -> None:
    """Write images of two blobs on 32 x 32 px, of a few kinds."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32]
    made = []
    for _ in range(KINDS):
        image = rng.normal(100, 3, (32, 32))
        for at_y, at_x in ((8, 8), (22, 20)):
            image += 400 * np.exp(-((y - at_y - rng.uniform(-2, 2)) ** 2 + (x - at_x) ** 2) / 12)
        path = folder / "w000000.tif"
        tifffile.imwrite(path, image.astype(np.uint16))
        made.append(path.read_bytes())
    for k in range(count):
        (folder / f"w{k:06d}.tif").write_bytes(made[k % KINDS])


def by_rule() -> cl.Model:
    """Return a model whose logits are brightness, without a backend."""
    model = cl.load(MODEL)
    channels = {name: head.channels for name, head in model.task.heads.items()}

    def forward(images: np.ndarray) -> dict[str, np.ndarray]:
        logits = 9 * (images[..., :1] - 0.5)
        return {head: np.repeat(logits, count, axis=-1) for head, count in channels.items()}

    model.engine = Engine("a rule", forward, 1, 2)
    return model


def used() -> tuple[float, int]:
    """Return the CPU seconds and the most MB of memory that this process has used."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime, spent.ru_maxrss // 1024


def predict(images: Path, out: Path, part: str | None) -> None:
    """Predict all, or a part, and say what it took."""
    model, start = by_rule(), used()
    images_done: list[tuple[float, int]] = []
    how: dict[str, Any] = {"rescale": None, "objects": "parquet", "part": part}
    for event in cl.predict.events(model, images, out=out, **how):
        if event.kind == "progress" and event.message.startswith("image "):
            images_done.append(used())
    (after, peak), ended = images_done[-1] if images_done else start, used()
    print(
        f"{part or 'all'}: {after - start[0]:.1f} s with {peak} MB for {len(images_done)} images, "
        f"{ended[0] - after:.1f} s with {ended[1]} MB for what is after them"
    )


def main() -> None:
    """Make images, and start a process for each call."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("count", type=int)
    ask.add_argument("--parts", type=int, default=0)
    ask.add_argument("--in", dest="folder", type=Path, help=argparse.SUPPRESS)
    ask.add_argument("--part", help=argparse.SUPPRESS)
    asked = ask.parse_args()
    if asked.folder:
        predict(asked.folder / "images", asked.folder / "out", asked.part)
        return
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder) / "images", asked.count)
        call = [sys.executable, "-m", "benchmarks.many_files", str(asked.count), "--in", folder]
        for k in range(asked.parts):
            subprocess.run([*call, "--part", f"{k + 1}/{asked.parts}"], check=True)
        subprocess.run(call, check=True)


if __name__ == "__main__":
    main()
