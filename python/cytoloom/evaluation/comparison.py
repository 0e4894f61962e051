"""How two models do on the same images: tables of differences, and words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import invalid
from ..messages import counted
from ..storage.results import COMPARED, COMPARED_IMAGES, RUNS, put_in_place, staged, write_run
from ..tasks.labels import EMPTY
from ..uncertainty.intervals import Mean, mean_difference
from .scores import SCALE, Scores, unpromised

if TYPE_CHECKING:
    import pandas as pd

    from ..tasks.task import Task

RUN = RUNS["compare"]
FILES = (RUN, COMPARED_IMAGES, COMPARED)
A_BETTER, B_BETTER, NEITHER = "a is better", "b is better", "no difference shown"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Which of two models is better on the same images.

    Attributes
    ----------
    summary : DataFrame
        metric, a and b (means of the models over the images of which both have a score),
        difference (mean of a - b), low, high (95 % interval of the mean difference over all such
        images or, where they have groups, groups), n (images), better: "a is better", "b is
        better" or "no difference shown". More is better, but of errors, distances and
        `n_found_on_empty`, objects found where there are none; other counts are in `per_image`
        alone.
    per_image : DataFrame
        image, metric, a, b, difference: a row for each image and metric.
    names : tuple of str
        What the folders of a and b are called; empty for models that have none.
    metric : str
        What `words` are about: that by which such models are known, if an image has it.
    run : dict
        What made this, as plain values; in comparison_run.json.
    """

    summary: pd.DataFrame
    per_image: pd.DataFrame
    names: tuple[str, str]
    metric: str
    run: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """Say in a sentence which model is better."""
        row = self.summary.set_index("metric").loc[self.metric]
        a, b = (f"{k} ({one})" if one else k for k, one in zip("ab", self.names, strict=True))
        said = {
            A_BETTER: f"{a} is better than {b}",
            B_BETTER: f"{b} is better than {a}",
            NEITHER: f"No difference shown between {a} and {b}",
        }[row["better"]]
        if not row["n"]:
            return f"{said}: no image has {self.metric} of both."
        images = counted(int(row["n"]), "image")
        known = f"95 % interval {row['low']:.3f} to {row['high']:.3f}"
        interval = "no interval" if math.isnan(row["low"]) else known
        means = f"mean {self.metric} {row['a']:.3f} and {row['b']:.3f}"
        return f"{said}: {means}, a - b {row['difference']:.3f} ({interval}, {images})."

    def __str__(self) -> str:
        table = self.summary.to_string(index=False, float_format="%.3f")
        return f"{self.words}\n{table}"


def write_comparison(folder: Path, found: Comparison) -> None:
    """Write the tables of a comparison; the summary last, by which it is known."""
    tables = {COMPARED_IMAGES: found.per_image, COMPARED: found.summary}
    with staged(folder) as stage:
        write_run(found.run, stage / RUN)
        put_in_place(stage, folder, tables, [RUN])


def comparison(
    scores: Sequence[Scores],
    tasks: Sequence[Task],
    groups: Sequence[str | None],
    names: tuple[str, str],
) -> tuple[Comparison, list[str]]:
    """Compare two models by their scores, and say of which differences there is no interval.

    Parameters
    ----------
    scores : sequence of Scores
        Of a and of b, on the same images in the same order.
    tasks : sequence of Task
        Theirs; they know the ranges of their metrics.
    groups : sequence of str or None
        Of each image.
    names : (str, str)
        What the models are called.

    Raises
    ------
    InvalidError
        No metric that both have.
    """
    import pandas as pd

    a, b = (one.per_image for one in scores)
    shared = _shared(scores, tasks)
    rows, long = [], []
    means: dict[str, Mean] = {}
    for metric in shared:
        pair = pd.DataFrame({"image": a["image"], "metric": metric, "a": a[metric], "b": b[metric]})
        pair["difference"] = pair["a"] - pair["b"]
        long.append(pair)
        if not _judged(metric):
            continue
        # of what is in no image there is no mean
        known = pair["difference"].notna() & (not any(_is_nowhere(one, metric) for one in scores))
        differences = pair["difference"].where(known).to_numpy(float)
        mean = mean_difference(differences, groups, _bounds(metric, tasks))
        means[metric] = mean
        of_models = (float(pair[side][known].mean()) for side in "ab")
        ends = mean.value, mean.low, mean.high, mean.n
        less = any(task.less_is_better(metric) for task in tasks)
        rows.append((metric, *of_models, *ends, better(mean, less)))
    columns = ["metric", "a", "b", "difference", "low", "high", "n", "better"]
    summary = pd.DataFrame(rows, columns=columns)
    order = [m for task in tasks for m in task.main_scores if m in means] + list(means)
    main = next((metric for metric in order if means[metric].n), order[0])
    found = Comparison(summary, pd.concat(long, ignore_index=True), names, main)
    return found, unpromised(means)


def better(difference: Mean, less: bool = False) -> str:
    """Say which of two models is better: the one on whose side the whole interval is.

    Examples
    --------
    >>> better(Mean(0.1, 0.02, 0.2)), better(Mean(3, 1, 5), less=True)
    ('a is better', 'b is better')
    >>> better(Mean(0.1, -0.02, 0.2)), better(Mean(0.1))
    ('no difference shown', 'no difference shown')
    """
    more, less = (B_BETTER, A_BETTER) if less else (A_BETTER, B_BETTER)
    return more if difference.low > 0 else less if difference.high < 0 else NEITHER


def _shared(scores: Sequence[Scores], tasks: Sequence[Task]) -> list[str]:
    """List the metrics that both models have, in the order of the first."""
    mine, others = (
        [name for name in one.summary["metric"] if name in one.per_image and name != SCALE]
        for one in scores
    )
    found = [name for name in mine if name in others]
    if not any(map(_judged, found)):
        kinds = " and ".join(type(task).__name__ for task in tasks)
        raise invalid(
            "model_b",
            expected="a model with a score that the other one has, too",
            received=f"tasks {kinds}, scored by {', '.join(mine)} and by {', '.join(others)}",
        )
    return found


def _judged(metric: str) -> bool:
    """Whether more of it is better, or worse; of other counts nobody knows."""
    return metric.startswith(EMPTY) or not metric.startswith("n_")


def _is_nowhere(scores: Scores, metric: str) -> bool:
    """Whether a metric has no mean: no image has what it is about."""
    return bool(scores.summary.set_index("metric")["value"].isna()[metric])


def _bounds(metric: str, tasks: Sequence[Task]) -> tuple[float, float]:
    """Return the least and the largest difference of a metric."""
    ends = [task.score_range(metric) for task in tasks]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    return low - high, high - low
