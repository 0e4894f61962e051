"""Trust of an ensemble held against the truth: objects, counts, predicted scores, unlike images.

On the images of its training, each seen by the member that has not learned it and judged by what
was fitted to four fifths of the others, and on images that no member has seen, by what was fitted
to all of the training. Beside it what would be said without: the mean foreground of an object as
its probability, and the number found with a constant share of error. Images of other collections,
grey, are ranked by unlikeness beside the unseen ones.

    python -m benchmarks.trust model.cytoloom --train data/train --test data/test \
        --others data/sections data/em --record
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta, rankdata, spearmanr

import cytoloom as cl
from cytoloom.datasets.data import as_data
from cytoloom.datasets.items import read_labels
from cytoloom.datasets.sources import ArraySource
from cytoloom.datasets.unlabelled import gather_images
from cytoloom.uncertainty.evidence import Evidence, evidence_of
from cytoloom.uncertainty.judged import Judged, judge
from cytoloom.uncertainty.linear import share
from cytoloom.uncertainty.reliability import calibration_error, reliability
from cytoloom.uncertainty.trust import Trust, fit_trust

from . import machine, records
from .calibration import alone

MOST_OTHERS, OTHERS_PX = 50, 700
"""Of each other collection so many images, and of each so many pixels from its corner."""


def evidence(model: cl.Model, source: Any) -> tuple[Evidence, Any]:
    """Predict one image; what it says of what was found, and that."""
    stats = model.normalize.fit(source)
    maps = model.source_maps(source, stats)
    found = model.task.decode(maps)
    labels = found.objects_labels
    return evidence_of(model.task, maps, labels, source, stats, model.normalize), found


def judged(model: cl.Model, item: Any) -> Judged:
    """Predict one image and hold it against the truth."""
    own, found = evidence(model, item.image)
    truth, known = read_labels(item)[0], None
    scores = model.task.score(truth, found, known)[0]
    return judge(model.task, own, found, truth, known, scores, item.group)


def row(images: str, by: str, pairs: Sequence[tuple[Trust, Judged]], off: float) -> dict[str, Any]:
    """Compare what was said with what is so; `off` is the error of counts as a share of them."""
    said = np.concatenate([trust.probabilities(one.evidence) for trust, one in pairs])
    so = np.concatenate([one.real for _, one in pairs])
    plain = np.concatenate([share(one.evidence.objects[:, 0]) for _, one in pairs])
    ends = np.array([trust.interval(one.evidence) for trust, one in pairs])
    true = np.array([one.count for _, one in pairs])
    found = np.array([len(one.real) for _, one in pairs])
    wide = np.stack([np.round(found * (1 - off)), np.round(found * (1 + off))], 1)
    scored = {name: forecast(pairs, name) for name in ("dice", "ap50")}
    return {
        "images of": images,
        "by": by,
        "images": len(pairs),
        "ECE of objects": calibration_error(reliability(said, so)),
        "by mean foreground": calibration_error(reliability(plain, so)),
        "counts within": within(ends, true),
        "median width": float(np.median(ends[:, 1] - ends[:, 0])),
        "constant share within": within(wide, true),
        "its width": float(np.median(wide[:, 1] - wide[:, 0])),
        "rho of Dice": spearmanr(*scored["dice"])[0],
        "rho of AP50": spearmanr(*scored["ap50"])[0],
        "worst tenth in first quarter": worst_first(*scored["ap50"]),
        "flagged": f"{sum(t.look.unlikeness(one.evidence.look) > 1 for t, one in pairs)}",
    }


def within(ends: np.ndarray, true: np.ndarray) -> str:
    """Return the share of true counts between ends, and its 95 % interval (Clopper-Pearson)."""
    hits, n = int(((ends[:, 0] <= true) & (true <= ends[:, 1])).sum()), len(true)
    low = beta.ppf(0.025, hits, n - hits + 1) if hits else 0.0
    high = beta.ppf(0.975, hits + 1, n - hits) if hits < n else 1.0
    return f"{hits / n:.2f} ({low:.2f} to {high:.2f})"


def forecast(pairs: Sequence[tuple[Trust, Judged]], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return what a score was said to be, and what it is, where there is one."""
    each = [(t.forecasts(one.evidence)[name][0], one.scores[name]) for t, one in pairs]
    said, so = np.array(each).T
    return said[np.isfinite(so)], so[np.isfinite(so)]


def worst_first(said: np.ndarray, so: np.ndarray) -> float:
    """Return the share of the worst tenth that is within the first quarter by what was said."""
    worst = set(np.argsort(so)[: max(1, len(so) // 10)].tolist())
    first = set(np.argsort(said)[: -(-len(so) // 4)].tolist())
    return len(worst & first) / len(worst)


def constant_share(images: Sequence[Judged]) -> float:
    """Return the share of the number found by which 90 % of true counts differ at most."""
    off = [max(0.0, abs(one.count - len(one.real)) - 0.5) / max(1, len(one.real)) for one in images]
    return float(np.sort(off)[int(np.ceil((len(off) + 1) * 0.9)) - 1])


def crossed(images: Sequence[Judged]) -> list[tuple[Trust, Judged]]:
    """Return each image with what was fitted to four fifths of the others."""
    pairs = []
    for k in range(5):
        trust = fit_trust([one for i, one in enumerate(images) if i % 5 != k])
        assert trust is not None
        pairs += [(trust, one) for i, one in enumerate(images) if i % 5 == k]
    return pairs


def unlike(model: cl.Model, trust: Trust, folder: str) -> list[float]:
    """Return the unlikeness of images of another collection, as grey."""
    found = []
    for item in gather_images(folder).items[:MOST_OTHERS]:
        pixels = np.asarray(item.image.read())[:OTHERS_PX, :OTHERS_PX]
        grey = pixels[..., :3].mean(axis=-1, keepdims=True).astype(pixels.dtype)
        own, _ = evidence(model, ArraySource(grey, "yxc"))
        found.append(trust.look.unlikeness(own.look))
    return found


def auroc(usual: Sequence[float], other: Sequence[float]) -> float:
    """Return how often another image is further away than a usual one."""
    ranks = rankdata([*usual, *other])[len(usual) :]
    return float((ranks.sum() - len(other) * (len(other) + 1) / 2) / len(other) / len(usual))


def measured(model: cl.Model, train: Any, test: Any) -> tuple[list[dict[str, Any]], Trust, Any]:
    """Return the rows of the table, the trust fitted to all of the training, and unseen images."""
    calibration = model.part.calibration
    each = [alone(model, k, calibration) for k in range(1, model.members + 1)]
    by = {name: k for k, one in enumerate(model.info["training"]["members"])
          for name in one["held_out"]}  # fmt: skip
    own = [judged(each[by[item.id]], item) for item in as_data(train).items]
    trust, off = fit_trust(own), constant_share(own)
    assert trust is not None
    rows = [row("the training", "who has not seen it", crossed(own), off)]
    for who, one in (("the first member", each[0]), ("the mean of all", model)):
        unseen = [judged(one, item) for item in as_data(test).items]
        rows.append(row("no training", who, [(trust, image) for image in unseen], off))
    return rows, trust, unseen


def others(model: cl.Model, trust: Trust, usual: Any, folders: Iterable[str]) -> str:
    """Say how far images of other collections lie."""
    near = [trust.look.unlikeness(one.evidence.look) for one in usual]
    rows = []
    for folder in folders:
        far = unlike(model, trust, folder)
        flagged = f"{sum(one > 1 for one in far)} of {len(far)}"
        name = "/".join(Path(folder).parts[-3:])
        rows.append({"images": name, "AUROC": auroc(near, far), "flagged": flagged})
    return records.markdown(rows, ("images", "AUROC", "flagged"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trust", description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--train", required=True, help="what it was trained on")
    parser.add_argument("--test", required=True, help="what it has not seen")
    parser.add_argument("--others", nargs="*", default=[], help="folders of other images")
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    given = parser.parse_args()
    model = cl.load(given.model)
    rows, trust, usual = measured(model, given.train, given.test)
    text = records.markdown(rows, tuple(rows[0]))
    if given.others:
        text += "\n\n" + others(model, trust, usual, given.others)
    text += f"\n\nMachine: {machine.describe()}"
    print(text)
    if given.record:
        records.append("Trust", text)


if __name__ == "__main__":
    main()
