"""OpenVINO beside Keras: the forward pass of each, and what `predict` adds to the faster one.

Needs the extra `fast`; without it there is nothing to measure.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cytoloom.models import engines
from cytoloom.runtime.parallel import side_by_side

from . import blocks, reference
from .blocks import Row
from .prediction_speed import tiled

EDGE = {"full": 1024, "quick": 1024, "toy": 96}
LARGE = {"full": 4096, "quick": 2048, "toy": 128}


def rows(size: str, work: Path) -> list[Row]:
    """Compare forward passes, then images of few and of many nuclei with the forward pass."""
    if engines.installed() is None:
        missing = "OpenVINO is not installed, or CYTOLOOM_ENGINE keeps it out."
        raise SystemExit(f"{missing} Run: pip install 'cytoloom[fast]'; unset CYTOLOOM_ENGINE")
    folder = work / "fast"
    folder.mkdir(exist_ok=True)
    model = reference.nuclei_model(folder, size)
    fast = model.engine
    if size != "toy" and not fast.name.startswith("OpenVINO"):
        raise SystemExit(f"The model is computed by {fast.name}. {fast.note}")
    usual = engines.keras_engine(model)
    edge = EDGE[size]
    image = np.random.default_rng(0).random((1, edge, edge, 1), np.float32)
    for engine in (fast, usual):
        engine.forward(image)

    def passes(engine: engines.Engine) -> float:
        """Forward passes per second, as many at once as suits the engine."""
        count = 2 * engine.tile_workers

        def work() -> None:
            images, workers = [image] * count, engine.tile_workers
            with side_by_side(images, engine.forward, workers) as parts:
                for _, finish in parts:
                    finish()

        return count / blocks.once(work)

    found = [
        blocks.ratio(
            f"fast: forward passes/s of {fast.name} / of {usual.name}, {edge} x {edge} px",
            lambda: passes(fast),
            lambda: passes(usual),
        )
    ]
    for name, density in (("few", 0.02), ("many", 0.4)):
        large = tiled(LARGE[size], density)
        model.predict(large)
        share = large.size / image.size
        found.append(
            blocks.ratio(
                f"fast: pixels/s of Model.predict / of {fast.name}'s forward pass, {name} nuclei",
                lambda large=large, share=share: share / blocks.once(lambda: model.predict(large)),  # type: ignore[misc]
                lambda: passes(fast),
                aim=0.85,
                note=f"{large.shape[0]} x {large.shape[1]} px",
            )
        )
    return found


if __name__ == "__main__":
    blocks.main(rows, __doc__)
