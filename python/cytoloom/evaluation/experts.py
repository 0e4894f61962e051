"""How well annotators do beside the others: what a model's scores may be held against."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..datasets.items import Item
from ..experts.agreed import agreed, kind_of
from ..messages import counted
from ..tasks.classed import found_drawn
from ..tasks.found import Found

if TYPE_CHECKING:
    import pandas as pd

    from ..tasks.task import Task

LOW, HIGH, BESIDE = "experts_low", "experts_high", "beside_experts"
Range = tuple[float, float]


def score_experts(
    item: Item, task: Task, unknown: int | None = None
) -> dict[str, dict[str, float]]:
    """Score each annotator of an image against the consensus that is made without them.

    Parameters
    ----------
    item : Item
        With two annotations or more.
    task : Task
        What is scored.
    unknown : int, optional
        The label value that counts nowhere.

    Returns
    -------
    dict of dict
        Metrics by annotator.
    """
    kind = kind_of(task)
    names = item.annotators or [f"expert_{k}" for k in range(1, len(item.annotations) + 1)]
    scores = {}
    for k, (name, own) in enumerate(zip(names, item.annotations, strict=True)):
        others = [one for j, one in enumerate(item.annotations) if j != k]
        without = agreed(others, task, unknown).read()
        drawn = np.asarray(own.read())
        known = np.ones(drawn.shape, bool)
        if unknown is not None:
            known = (drawn != unknown) & (without != unknown)
        truth, found = (
            task.prepare(np.where(known, one, 0).astype(np.int32)) for one in (without, drawn)
        )
        classes = len(task.object_classes)
        drawn_by = Found(found, True) if kind != "instances" else found_drawn(found, classes)
        scores[name] = task.score(truth, drawn_by, known, item.spacing_um)[0]
    return scores


def ranges(scored: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, Range]:
    """Return from which to which mean annotators go, by metric.

    Parameters
    ----------
    scored : sequence of dict of dict
        Of each image, from `score_experts`.

    Examples
    --------
    >>> ranges([{"ann": {"dice": 0.5}, "ben": {"dice": 1.0}}, {"ann": {"dice": 0.75}}])
    {'dice': (0.625, 1.0)}
    """
    each: dict[tuple[str, str], list[float]] = defaultdict(list)
    for image in scored:
        for expert, metrics in image.items():
            for metric, value in metrics.items():
                if not np.isnan(value) and not metric.startswith("n_"):
                    each[expert, metric].append(value)
    means: dict[str, list[float]] = defaultdict(list)
    for (_, metric), values in each.items():
        means[metric].append(float(np.mean(values)))
    return {metric: (min(values), max(values)) for metric, values in means.items()}


def with_ranges(summary: pd.DataFrame, found: Mapping[str, Range]) -> pd.DataFrame:
    """Put the range of the annotators beside each mean, and say where in it that is."""
    low, high = (
        summary["metric"].map({name: ends[k] for name, ends in found.items()}) for k in (0, 1)
    )
    where = np.select(
        [low.isna() | summary["value"].isna(), summary["value"] < low, summary["value"] > high],
        ["", "below", "above"],
        "inside",
    )
    return summary.assign(**{LOW: low.astype(float), HIGH: high.astype(float), BESIDE: where})


def range_words(summary: pd.DataFrame, metrics: Sequence[str], images: int) -> Iterator[str]:
    """Say of the metrics that matter where a model is beside the annotators."""
    for row in summary.itertuples():
        where = getattr(row, BESIDE)
        if row.metric in metrics and where:
            low, high = getattr(row, LOW), getattr(row, HIGH)
            yield (
                f"{row.metric} {row.value:.3f}: {where} the experts' range, {low:.3f} to "
                f"{high:.3f} (each against the consensus of the others, "
                f"{counted(images, 'image')})."
            )
