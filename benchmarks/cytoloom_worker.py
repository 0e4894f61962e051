"""Train cytoloom for so long and predict: the other lane of the race.

python -m benchmarks.cytoloom_worker plan.json out --minutes 10 --seed 0
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import cytoloom as cl


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    started = time.monotonic()
    plan = json.loads(given.plan.read_text())
    spacing = plan.get("spacing_um")
    model = cl.train(
        data(plan["train"], spacing),
        validation=data(plan["validation"], spacing),
        trainer=cl.Trainer(minutes=given.minutes),
        seed=given.seed,
        out=given.out / "model",
        progress=False,
    )
    trained = time.monotonic()
    found = cl.predict(model, data(plan["test"], spacing), progress=False)
    import tifffile

    for name, labels in found:
        tifffile.imwrite(given.out / f"{name}.tif", labels.astype("uint16"))
    facts = {
        "train_s": trained - started,
        "tune_s": 0.0,
        "predict_s": time.monotonic() - trained,
        "iterations": model.info["training"]["iterations"],
    }
    (given.out / "result.json").write_text(json.dumps(facts))


def data(pairs: list[tuple[str, str]], spacing_um: list[float] | None) -> Any:
    """Take the plan's files."""
    images, labels = zip(*pairs, strict=True)
    known = {} if spacing_um is None else {"pixel_size_um": tuple(spacing_um)}
    return cl.Data.from_pairs(images, labels, **known)


if __name__ == "__main__":
    main()
