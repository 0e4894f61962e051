"""Calibration of an ensemble: probabilities of foreground beside the truth, before and after.

Out of fold, each image by the member that has not seen it, and on images that no member has seen,
by the first member alone and by the mean of all. Expected calibration error (15 bins) of the surer
of two classes and of foreground, and the mean surprise (negative log-likelihood) of a pixel.

    python -m benchmarks.calibration model.cytoloom --train data/train --test data/test --record
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import cytoloom as cl
from cytoloom.datasets.data import as_data
from cytoloom.datasets.items import read_labels
from cytoloom.models.record import Record
from cytoloom.uncertainty.calibration import fit_temperature, tempered_share
from cytoloom.uncertainty.reliability import calibration_error, reliability

from . import machine, records

COLUMNS = ("images of", "by", "temperature", "ECE", "ECE of foreground", "surprise")


def alone(model: cl.Model, member: int, calibration: Any = None) -> cl.Model:
    """Return one member as a model of its own, calibrated otherwise."""
    networks = {(1, model.name): model.network_of(member)}
    parts = {model.name: replace(model.part, calibration=calibration)}
    return replace(model, members=1, parts=parts, networks=networks, _engine=None)


def foreground(model: Record, item: Any) -> np.ndarray:
    """Return the probability of foreground of each pixel."""
    found = model.source_maps(item.image, model.normalize.fit(item.image))
    return model.task.probabilities(found)[..., 1:].sum(-1).ravel()


def row(
    images: str, by: str, said: Sequence[np.ndarray], so: Sequence[np.ndarray], temperature: float
) -> dict[str, Any]:
    """Compare what was said with what is so."""
    share = tempered_share(np.concatenate(said), temperature)
    true = np.concatenate(so)
    surer = np.maximum(share, 1 - share)
    return {
        "images of": images,
        "by": by,
        "temperature": temperature,
        "ECE": calibration_error(reliability(surer, (share > 0.5) == true)),
        "ECE of foreground": calibration_error(reliability(share, true)),
        "surprise": float(-np.log(np.clip(np.where(true, share, 1 - share), 1e-7, 1)).mean()),
    }


def measured(model: cl.Model, train: Any, test: Any) -> Iterable[dict[str, Any]]:
    """Return the rows of the table."""
    each = [alone(model, k) for k in range(1, model.members + 1)]
    by = {name: k for k, one in enumerate(model.info["training"]["members"])
          for name in one["held_out"]}  # fmt: skip
    items = as_data(train).items
    said = [foreground(each[by[item.id]], item) for item in items]
    so = [(read_labels(item)[0] > 0).ravel() for item in items]
    temperature = fit_temperature(
        [np.stack([1 - one, one], -1) for one in said], [one.astype(int) for one in so]
    )
    for t in (1.0, temperature):
        yield row("the training", "who has not seen it", said, so, t)
    items = as_data(test).items
    so = [(read_labels(item)[0] > 0).ravel() for item in items]
    apart = [[foreground(one, item) for item in items] for one in each]
    mean = [np.mean(of, axis=0) for of in zip(*apart, strict=True)]
    for who, said in (("the first member", apart[0]), ("the mean of all", mean)):
        for t in (1.0, temperature):
            yield row("no training", who, said, so, t)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--train", required=True, help="what it was trained on")
    parser.add_argument("--test", required=True, help="what it has not seen")
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    given = parser.parse_args()
    rows = list(measured(cl.load(given.model), given.train, given.test))
    text = f"{records.markdown(rows, COLUMNS)}\n\nMachine: {machine.describe()}"
    print(text)
    if given.record:
        records.append("Calibration", text)


if __name__ == "__main__":
    main()
