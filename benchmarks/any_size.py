"""Block by block into OME-Zarr, against one prediction of the whole image into a folder.

The same pixels, labels and tables either way; what blocks add is their margin, what is kept of
each and read again, the pyramid. Then two workers of Dask against one process with two threads,
and what Dask's scheduler takes for a block with nothing in it.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import cytoloom as cl
from cytoloom.volumes.work import each_block, workers_of

from . import blocks, reference
from .blocks import Row
from .prediction_speed import tiled

EDGE = {"full": 8192, "quick": 4096, "toy": 128}
BLOCK = {"full": None, "quick": 2048, "toy": 128}
EMPTY = {"full": 10_000, "quick": 1000, "toy": 10}


def nothing(job: Any, k: int, workers: int | None = None) -> str:
    """Do nothing with a block."""
    return "done"


def rows(size: str, work: Path) -> list[Row]:
    """Compare blocks with the whole, workers with threads, and count what a block costs."""
    model = reference.nuclei_model(work, size)
    image = {"a": tiled(EDGE[size], 0.2)}
    _ = model.engine  # started, before anything is timed

    def predicted(**how: Any) -> float:
        """Return the seconds of a prediction into a place of its own."""
        out = Path(how.pop("out"))
        shutil.rmtree(out, ignore_errors=True)
        return blocks.once(
            lambda: cl.predict(model, image, rescale=None, out=out, progress=False, **how)
        )

    cut = {"out": work / "blocks.zarr", "block_px": BLOCK[size]}
    found = [
        blocks.ratio(
            f"any size: seconds in blocks / of the whole, {EDGE[size]} x {EDGE[size]} px",
            lambda: predicted(**cut),
            lambda: predicted(out=work / "whole"),
            3,
            aim=1.25,
            at_least=False,
        ),
        blocks.ratio(
            "any size: speed of two workers / of one process with two threads",
            lambda: 1 / predicted(**cut, workers=2),
            lambda: 1 / predicted(**cut),
            2,
            aim=0.9,
            note="starting workers included",
        ),
    ]
    return [*found, scheduled(EMPTY[size])]


def scheduled(count: int) -> Row:
    """Measure what Dask takes for each of so many blocks with nothing in them."""
    with workers_of(2) as client:
        began = time.perf_counter()
        for _, finish in each_block(nothing, {}, range(count), client):
            finish()
        each = 1000 * (time.perf_counter() - began) / count
    question = f"any size: scheduler, for each of {count} empty blocks"
    return Row(question, each, each, each, "ms", aim=5.0, at_least=False)


if __name__ == "__main__":
    blocks.main(rows, __doc__)
