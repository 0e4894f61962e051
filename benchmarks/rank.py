"""Models ranked without truth, beside the order that truth gives.

The members of an ensemble alone, the ensemble, other models, one that finds nothing and one that
finds everything: Spearman's correlation of consistency and mean AP at IoU 0.5 over those that find
objects, and whether the others are last.

    python -m benchmarks.rank data/test --ensemble ensemble.cytoloom --models a.cytoloom --record
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

import cytoloom as cl
from cytoloom.datasets.data import as_data
from cytoloom.models.engine import Engine

from . import machine, records
from .calibration import alone

COLUMNS = ("rank", "model", "consistency", "low", "high", "ap50", "true rank", "words")


def always(path: str, logit: float) -> cl.Model:
    """Return a model that says the same of every pixel."""
    model = cl.load(path)
    heads = {name: head.channels for name, head in model.task.heads.items()}

    def forward(images: np.ndarray) -> dict[str, np.ndarray]:
        shape = images.shape[:-1]
        return {name: np.full((*shape, n), logit, np.float32) for name, n in heads.items()}

    model.engine = Engine("always the same", forward, 1, 1)
    return model


def candidates(ensemble: str, others: list[str]) -> dict[str, cl.Model]:
    """Return the models by name."""
    whole = cl.load(ensemble)
    found = {f"member {k}": alone(whole, k) for k in range(1, whole.members + 1)}
    found |= {"ensemble": whole} | {path.split("/")[-1]: cl.load(path) for path in others}
    return found | {"nothing": always(ensemble, -20), "everything": always(ensemble, 20)}


def beside_truth(models: Mapping[str, cl.Model], data: Any) -> tuple[pd.DataFrame, float]:
    """Rank without truth and with it; return the table and Spearman's correlation."""
    table = cl.rank(dict(models), data).ranking
    true = {}
    for name, model in models.items():
        scores = cl.evaluate(model, data, progress=False).summary
        true[name] = float(scores.set_index("metric").loc["ap50", "value"])
    table["ap50"] = table["model"].map(true)
    table["true rank"] = table["ap50"].rank(ascending=False)
    usable = table[table["consistency"].notna()]
    return table, float(usable["consistency"].corr(usable["ap50"], method="spearman"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rank", description=__doc__)
    parser.add_argument("data", help="images with labels that no model has seen")
    parser.add_argument("--ensemble", required=True)
    parser.add_argument("--models", nargs="*", default=[])
    parser.add_argument("--every", type=int, default=1, help="take each n-th image")
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    given = parser.parse_args()
    data = as_data(given.data)
    data = replace(data, items=data.items[:: given.every])
    table, rho = beside_truth(candidates(given.ensemble, given.models), data)
    rows = table.to_dict("records")
    said = (
        f"Spearman {rho:.2f} over the {int(table['consistency'].notna().sum())} that find objects"
    )
    text = f"{records.markdown(rows, COLUMNS)}\n\n{said}, {len(data.items)} images."
    text = f"{text}\n\nMachine: {machine.describe()}"
    print(text)
    if given.record:
        records.append("Ranking without truth", text)


if __name__ == "__main__":
    main()
