"""How well a model does: tables per metric, image and object."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..storage.results import SCORED
from ..storage.tables import write_table
from ..tasks.labels import EMPTY
from .bootstrap import _interval

if TYPE_CHECKING:
    import pandas as pd


TABLES = ("scores_per_image.csv", "scores_per_object.csv", SCORED)


@dataclass(frozen=True, eq=False)
class Scores:
    """How well a model does on images with truth.

    Attributes
    ----------
    summary : DataFrame
        metric, value (mean over images), low, high (95 % interval), n (images). Intervals are
        percentiles of 2000 bootstrap means; where images have groups, groups are drawn. `n`
        counts the images in which there is something to measure: where there is nothing to find
        and nothing was found a metric is NaN, and what is in no image has no mean.
    per_image : DataFrame
        image, then one column per metric. ``n_found_on_empty``, the objects found on an image
        that has none, is there where an image has none, and NaN for the others.
    per_object : DataFrame
        image, truth, found, iou, matched; a missing partner's id is 0.
    """

    summary: pd.DataFrame
    per_image: pd.DataFrame
    per_object: pd.DataFrame

    def __str__(self) -> str:
        return str(self.summary.to_string(index=False, float_format="%.3f"))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write scores.csv (summary), scores_per_image.csv and scores_per_object.csv."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        # the summary last: by it the others are known
        tables = (self.per_image, self.per_object, self.summary)
        for name, table in zip(TABLES, tables, strict=True):
            write_table(table, folder / name)


def _tables(
    rows: list[dict[str, Any]], objects: list[dict[str, Any]], groups: list[str | None]
) -> Scores:
    import pandas as pd

    per_image = pd.DataFrame(rows)
    # counts on empty images may turn up anywhere, since only such images have them
    order = sorted(
        per_image.columns, key=lambda name: (name.startswith(EMPTY), EMPTY in name and name)
    )
    per_image = per_image[order]
    metrics = [name for name in per_image.columns if name != "image"]
    # by name, so that intervals do not hang on the order in which images were given
    by_name = per_image["image"].argsort(kind="stable").to_numpy()
    named, drawn = per_image.iloc[by_name], [groups[k] for k in by_name]
    named = named.assign(**dict.fromkeys(_nowhere(named), math.nan))
    summary = pd.DataFrame(
        [{"metric": m, **_interval(named[m].to_numpy(float), drawn)} for m in metrics],
        columns=["metric", "value", "low", "high", "n"],
    )
    columns = ["image", "truth", "found", "iou", "matched"]
    return Scores(summary, per_image, pd.DataFrame(objects, columns=columns))


def _nowhere(per_image: pd.DataFrame) -> list[str]:
    """Metrics of what no image has: a class, or anything at all. They have no mean.

    What is found of it has a column of its own.
    """
    absent = [c for c in per_image.columns if c.startswith(EMPTY) and per_image[c].notna().all()]
    kinds = [c.removeprefix(EMPTY) for c in absent]
    scores = [c for c in per_image.columns if c != "image" and not c.startswith("n_")]
    return [c for c in scores if any(c.endswith(kind) for kind in kinds)]
