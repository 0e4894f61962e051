"""How well a model does: tables per metric, image and object."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..storage.results import SCORED
from ..storage.tables import write_table
from .bootstrap import _interval

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Scores:
    """How well a model does on images with truth.

    Attributes
    ----------
    summary : DataFrame
        metric, value (mean over images), low, high (95 % interval), n (images). Intervals are
        percentiles of 2000 bootstrap means; where images have groups, groups are drawn.
    per_image : DataFrame
        image, then one column per metric; a last column `problem` where a file failed.
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
        write_table(self.summary, folder / SCORED)
        write_table(self.per_image, folder / "scores_per_image.csv")
        write_table(self.per_object, folder / "scores_per_object.csv")


def _tables(
    rows: list[dict[str, Any]], objects: list[dict[str, Any]], groups: list[str | None]
) -> Scores:
    import pandas as pd

    per_image = pd.DataFrame(rows)
    metrics = [name for name in per_image.columns if name != "image"]
    # by name, so that intervals do not hang on the order in which images were given
    order = per_image["image"].argsort(kind="stable").to_numpy()
    named, drawn = per_image.iloc[order], [groups[k] for k in order]
    summary = pd.DataFrame(
        [{"metric": m, **_interval(named[m].to_numpy(float), drawn)} for m in metrics],
        columns=["metric", "value", "low", "high", "n"],
    )
    columns = ["image", "truth", "found", "iou", "matched"]
    return Scores(summary, per_image, pd.DataFrame(objects, columns=columns))
