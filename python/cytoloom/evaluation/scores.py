"""How well a model does: tables per metric, image and object."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..storage.results import (
    PER_IMAGE,
    PER_OBJECT,
    RUNS,
    SCORED,
    claimed,
    put_in_place,
    refuse_results,
    staged,
    write_run,
)
from ..tasks.found import nowhere
from ..tasks.labels import EMPTY
from ..uncertainty.intervals import Mean, coherent, mean_interval

if TYPE_CHECKING:
    import pandas as pd

    from ..tasks.task import Task

UNPROMISED = (
    "No interval: of a single image or group, and of counts that are all alike, nothing can be "
    "promised of others."
)


TABLES = (PER_IMAGE, PER_OBJECT, SCORED)
RUN = RUNS["evaluate"]
FILES = (RUN, *TABLES)
CLASS_COLUMNS = ["class_truth", "class_found"]
"""What tables say of each object besides, where objects have classes."""
SCALE = "scale"
"""Column of the factors by which images were enlarged."""


@dataclass(frozen=True, eq=False)
class Scores:
    """How well a model does on images with truth.

    Attributes
    ----------
    summary : DataFrame
        metric, value (mean over images), low, high (95 % interval of the mean over all such
        images; where images have groups, over all such groups), n (images). `n` counts the
        images in which there is something to measure: where there is nothing to find and
        nothing was found a metric is NaN, and what is in no image has no mean. Without two
        images or groups, and for counts that are all alike, low and high are NaN. Where images
        have labels of several annotators also experts_low and experts_high, the range of their
        means, each against the consensus that is made without them, and beside_experts: "inside",
        "below" or "above".
    per_image : DataFrame
        image, scale (the factor by which it was enlarged for the network), then one column per
        metric. ``n_found_on_empty``, the objects found on an image that has none, is there where
        an image has none, and NaN for the others.
    per_object : DataFrame
        image, truth, found, iou, matched; a missing partner's id is 0. Where objects have classes
        also class_truth and class_found, missing where there is none. Without rows where images
        of a training are scored without data.
    run : dict
        What made this, as plain values: verb, version, model, settings, and where the images are
        if they are files; in scores_run.json.
    """

    summary: pd.DataFrame
    per_image: pd.DataFrame
    per_object: pd.DataFrame
    run: Mapping[str, Any] = field(default_factory=dict)

    @property
    def confusion(self) -> pd.DataFrame | None:
        """How many objects of which class were found as which; None where objects have none.

        Columns class_truth, class_found and objects. Matched objects have both; class_found is
        missing for objects that were not found, class_truth for found ones that are none, and
        for those whose class is not known.
        """
        return confusion_of(self.per_object)

    def __str__(self) -> str:
        table = str(self.summary.to_string(index=False, float_format="%.3f"))
        short = self.summary["low"].isna() & (self.summary["n"] > 0)
        return f"{table}\n{UNPROMISED}" if short.any() else table

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write scores.csv (summary), scores_per_image.csv and scores_per_object.csv.

        Parameters
        ----------
        path : path
            Folder to write to; made if missing.
        overwrite : bool, default False
            Replace scores that are there; other files, and those changed since, never are.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        InvalidError
            Tables that are there, and are not to be replaced.
        """
        with claimed(path, "evaluate", "path") as (folder, _):
            refuse_results(folder, FILES, overwrite, "path")
            write_scores(folder, self)
        return folder


def write_scores(folder: Path, scores: Scores) -> None:
    """Write the tables of scores; the summary last, by which the others are known."""
    made = scores.per_image, scores.per_object, scores.summary
    with staged(folder) as stage:
        write_run(scores.run, stage / RUN)
        put_in_place(stage, folder, dict(zip(TABLES, made, strict=True)), [RUN])


def tables(
    rows: list[dict[str, Any]],
    objects: list[dict[str, Any]],
    groups: list[str | None],
    task: Task,
) -> tuple[Scores, list[str]]:
    """Put the tables together, and say of which means there is no interval, and why.

    Parameters
    ----------
    rows, objects : list of dict
        Of `Scores.per_image` and `Scores.per_object`.
    groups : list of str or None
        Of each image.
    task : Task
        Knows the ranges of its metrics, and which are never below which.
    """
    import pandas as pd

    per_image = pd.DataFrame(rows)
    # counts on empty images may turn up anywhere, since only such images have them
    columns = sorted(per_image.columns, key=lambda c: (c.startswith(EMPTY), EMPTY in c and c))
    per_image = per_image[columns]
    scored = [name for name in columns if name not in ("image", SCALE)]
    empty = [c for c in scored if c.startswith(EMPTY) and per_image[c].notna().all()]
    absent = nowhere(scored, empty)
    means = {
        name: mean_interval(
            per_image[name].to_numpy(float) * (math.nan if name in absent else 1),
            groups,
            task.score_range(name),
        )
        for name in scored
    }
    means = coherent(means, task.never_below)
    summary = pd.DataFrame(
        [(name, m.value, m.low, m.high, m.n) for name, m in means.items()],
        columns=["metric", "value", "low", "high", "n"],
    )
    classed = CLASS_COLUMNS if task.object_classes else []
    columns = ["image", "truth", "found", "iou", "matched", *classed]
    pairs = pd.DataFrame(objects, columns=columns)
    pairs = pairs.astype(dict.fromkeys(classed, object))
    return Scores(summary, per_image, pairs), unpromised(means)


def confusion_of(per_object: pd.DataFrame) -> pd.DataFrame | None:
    """Count objects by the class that they have and the one that they were found as.

    Examples
    --------
    >>> import pandas as pd
    >>> found = ["live", "dead", "dead", None]
    >>> table = pd.DataFrame({"class_truth": ["live", "live", None, "dead"], "class_found": found})
    >>> confusion_of(table)
      class_truth class_found  objects
    0        dead        None        1
    1        live        dead        1
    2        live        live        1
    3        None        dead        1
    """
    import pandas as pd

    if not set(CLASS_COLUMNS) <= set(per_object.columns):
        return None
    pairs = per_object[CLASS_COLUMNS].fillna("")
    counts = pairs[(pairs != "").any(axis=1)].groupby(CLASS_COLUMNS, as_index=False).size()
    found = pd.DataFrame({name: counts[name].astype(object) for name in CLASS_COLUMNS})
    found = found.where(found != "", None).assign(objects=counts["size"].astype("int64"))
    return found.sort_values(CLASS_COLUMNS, na_position="last", ignore_index=True)


def unpromised(means: Mapping[str, Mean]) -> list[str]:
    """One sentence for each reason why means have no interval."""
    reasons: dict[str, list[str]] = {}
    for name, mean in means.items():
        if mean.why:
            reasons.setdefault(mean.why, []).append(name)
    return [f"No 95 % interval for {', '.join(names)}: {why}." for why, names in reasons.items()]
