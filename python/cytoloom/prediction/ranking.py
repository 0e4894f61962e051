"""Models in the order of how consistent they are: a table, and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..messages import counted
from ..storage.results import RANKED, RANKED_IMAGES, RUNS, put_in_place, staged, write_run
from ..uncertainty.intervals import mean_difference, mean_interval
from .consistency import Looked, odd_findings

if TYPE_CHECKING:
    import pandas as pd

RUN = RUNS["rank"]
FILES = (RUN, RANKED_IMAGES, RANKED)
MOST = "most consistent"
LESS = "less consistent than the first"
ALIKE = "no difference shown from the first"


@dataclass(frozen=True, eq=False)
class Ranking:
    """Models ranked without truth: by how far they find the same in gently changed images.

    Attributes
    ----------
    ranking : DataFrame
        rank, model, consistency (mean over images of the agreement between what is found in an
        image and in changed versions of it), low, high (its 95 % interval over all such images or,
        where they have groups, groups), objects (found in the images), words. Models that find
        nothing, nearly everything or one blob are last; their consistency says nothing, and is
        missing.
    per_image : DataFrame
        image, model, consistency, objects: of each model and image.
    metric : str
        By which agreement is measured.
    run : dict
        What made this, as plain values; in ranking_run.json.
    """

    ranking: pd.DataFrame
    per_image: pd.DataFrame
    metric: str
    run: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """Say in a sentence which model is most consistent."""
        first = self.ranking.iloc[0]
        images = counted(self.per_image["image"].nunique(), "image")
        if first["words"] != MOST:
            return f"None of the models finds objects that could be compared ({images})."
        of = f"{self.metric} {first['consistency']:.3f} between images and changed versions"
        alike = int((self.ranking["words"] == ALIKE).sum())
        others = f"; of {counted(alike, 'other')} no difference is shown" if alike else ""
        return f"{first['model']} is most consistent: {of} ({images}){others}."

    def __str__(self) -> str:
        return f"{self.words}\n{self.ranking.to_string(index=False, float_format='%.3f')}"


def write_ranking(folder: Path, found: Ranking) -> None:
    """Write the tables of a ranking; that of the models last, by which it is known."""
    tables = {RANKED_IMAGES: found.per_image, RANKED: found.ranking}
    with staged(folder) as stage:
        write_run(found.run, stage / RUN)
        put_in_place(stage, folder, tables, [RUN])


def ranked(
    looked: Mapping[str, Mapping[str, Looked]],
    groups: Mapping[str, str | None],
    metric: str,
) -> Ranking:
    """Put models in order.

    Parameters
    ----------
    looked : dict of dict
        By model and image, the same images for all.
    groups : dict of str to (str or None)
        Of each image.
    metric : str
        By which they were compared.
    """
    import pandas as pd

    odd = dict(zip(looked, odd_findings(list(looked.values())), strict=True))
    values = _values({name: of for name, of in looked.items() if not odd[name]}, list(groups))
    of = [groups[image] for image in groups]
    means = {name: mean_interval(one, of) for name, one in values.items()}
    order = sorted(values, key=lambda name: -np.nan_to_num(means[name].value, nan=-1))
    order += [name for name in looked if odd[name]]
    rows = []
    for k, name in enumerate(order):
        mean = means.get(name)
        ends = (mean.value, mean.low, mean.high) if mean else (np.nan,) * 3
        objects = sum(one.objects for one in looked[name].values())
        words = odd[name] or _beside_first(values, order, k, of)
        rows.append((k + 1, name, *ends, objects, words))
    columns = ["rank", "model", "consistency", "low", "high", "objects", "words"]
    each = [
        (image, name, one.consistency, one.objects)
        for name in order
        for image, one in looked[name].items()
    ]
    per_image = pd.DataFrame(each, columns=["image", "model", "consistency", "objects"])
    return Ranking(pd.DataFrame(rows, columns=columns), per_image, metric)


def _values(
    looked: Mapping[str, Mapping[str, Looked]], images: Sequence[str]
) -> dict[str, np.ndarray]:
    """Return consistencies by model: 0 where nothing is found though most models find something.

    Of an image in which others find nothing, either, it is not known.
    """
    each = {
        name: np.array([of[image].consistency for image in images]) for name, of in looked.items()
    }
    if not each:
        return {}
    most = np.mean([~np.isnan(one) for one in each.values()], axis=0) > 0.5
    return {name: np.where(np.isnan(one) & most, 0.0, one) for name, one in each.items()}


def _beside_first(
    values: Mapping[str, np.ndarray], order: Sequence[str], k: int, groups: Sequence[str | None]
) -> str:
    """Say whether a model is less consistent than the first, image by image."""
    if k == 0:
        return MOST
    apart = mean_difference(values[order[0]] - values[order[k]], groups, (-1.0, 1.0))
    return LESS if apart.low > 0 else ALIKE
