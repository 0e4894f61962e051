"""What is shown on a page: the results of one of three verbs, by the same names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.given import is_file
from ..errors import InvalidError, invalid
from ..evaluation.reopened import scores_in
from ..evaluation.scores import Scores
from ..experts.reopened import consensus_in
from ..experts.result import Consensus
from ..measurement.given import label_images, read_object_labels
from ..phenotypes.found import Novelty
from ..phenotypes.reopened import is_novelty, novelty_in
from ..prediction.predictions import Predictions
from ..prediction.reopened import is_predicted, results
from ..storage.atomic import meant
from ..storage.results import AGREED, RUNS, SCORED, WITHIN, read_run

if TYPE_CHECKING:
    import pandas as pd

WHAT = "predictions, scores, a consensus, hits, tracks, or the folder of such results"


@dataclass(frozen=True, eq=False)
class Shown:
    """Results as a page shows them.

    Attributes
    ----------
    kind : {"predictions", "scores", "consensus", "images"}
        What they are; "images" are those without results.
    images : DataFrame
        A row per image, with a column image.
    objects : DataFrame
        A row per object, perhaps without rows.
    tables : dict of DataFrame
        What is told of all images together, by title.
    labels : callable
        From the name of an image to its labels; an error where it has none.
    run : dict
        What made them.
    maps : dict of str to Path
        Where the probabilities of images are, of those that have any.
    """

    kind: str
    images: pd.DataFrame
    objects: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]
    labels: Callable[[str], np.ndarray] | None
    run: Mapping[str, Any]
    maps: Mapping[str, Path] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Images in order."""
        return [str(name) for name in self.images["image"]]


def shown(given: Any) -> Shown:
    """Take results, or those of a folder.

    Raises
    ------
    InvalidError
        Anything else, and results of no image.
    """
    found = _shown(given)
    if found.images.empty:
        expected = "results of at least one image"
        got = f"none in {given}" if is_file(given) else "none"
        raise invalid("results", expected=expected, received=got)
    return found


def novelty_given(given: Any) -> Novelty | None:
    """Return what `novelty` found, read where its folder is given; None of other results."""
    if isinstance(given, Novelty):
        return given
    return novelty_in(meant(given)) if is_file(given) and is_novelty(meant(given)) else None


def _shown(given: Any) -> Shown:
    if isinstance(given, Shown):
        return given
    if is_file(given) and str(given):
        given = _opened(meant(given))
    if isinstance(given, Predictions):
        return _of_predictions(given)
    if isinstance(given, Scores):
        return _of_scores(given)
    if isinstance(given, Consensus):
        return _of_consensus(given)
    raise invalid("results", expected=WHAT, received=given)


def _opened(folder: Path) -> Any:
    """Open the results of a folder; those of a prediction where there are several."""
    if is_predicted(folder / WITHIN):  # a label image in a store
        folder = folder / WITHIN
    try:
        if is_predicted(folder):
            return results(folder)
        if (folder / SCORED).is_file():
            return scores_in(folder)
        if (folder / AGREED).is_file():
            return consensus_in(folder)
    except InvalidError as error:
        own = error.name in ("folder", "out")
        raise (error.renamed("results") if own else error) from None
    if not folder.exists():
        raise invalid("results", expected=WHAT, received=f"{folder}, which is not there")
    remedy = "Give the folder that `predict`, `evaluate`, `consensus`, `novelty` or `track` wrote."
    got = f"{folder}, in which there are none" if folder.is_dir() else f"{folder}, a file"
    raise invalid("results", expected=WHAT, received=got, remedy=remedy)


def _of_predictions(found: Predictions) -> Shown:
    files = found.files.drop(columns=["low", "high", "labels"], errors="ignore")
    files = _beside(files, found.summary)
    maps = {}
    if found.out is not None:
        stems = {str(r.image): Path(r.labels).stem for r in found.files.itertuples() if r.labels}
        there = {name: found.out / "maps" / f"{stem}.tif" for name, stem in stems.items()}
        maps = {name: path for name, path in there.items() if path.is_file()}
    return Shown("predictions", files, found.objects, {}, found.__getitem__, found.run, maps)


def _beside(files: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Put what a summary says of images behind what is said of their files."""
    told = summary.dropna(axis="columns", how="all").drop(columns=["count"], errors="ignore")
    own = files.drop(columns=[n for n in files.columns if n in told and n != "image"])
    return own.merge(told, on="image", how="left") if "image" in told else own


def _of_scores(scores: Scores) -> Shown:
    tables = {"Scores": scores.summary}
    return Shown("scores", scores.per_image, scores.per_object, tables, None, scores.run)


def _of_consensus(found: Consensus) -> Shown:
    images = found.per_image.drop(columns=["labels"], errors="ignore")
    tables = {"Experts": found.per_expert}
    return Shown("consensus", images, found.objects, tables, found.__getitem__, found.run)


def of_tables(kind: str, tables: Mapping[str, Any], labels: Any, run: Mapping[str, Any]) -> Shown:
    """Take results that are tables and labels apart, as R holds them.

    Parameters
    ----------
    kind : {"found", "scores", "consensus"}
        What they are.
    tables : dict of DataFrame
        By the names of attributes.
    labels : LabelImages, dict or list of arrays, or None
        Of the images that have any, in their order, or by name.
    run : dict
        What made them.
    """
    if kind == "scores":
        return _of_scores(Scores(**tables, run=run))
    if kind == "found":
        found = _of_predictions(Predictions(**tables, out=None, _labels={}, run=run))
    else:
        named = {**tables, "method": "", "task": "", "out": None, "classes": ()}
        found = _of_consensus(Consensus(**named, _labels={}, _soft={}, run=run))
    return replace(found, labels=labels_by_name(*label_images(labels)) if labels else None)


def run_beside(labels: Iterable[str]) -> dict[str, Any]:
    """Read what made the prediction that wrote these label images; nothing of several."""
    folders = {Path(path).absolute().parents[1] for path in labels if path}
    return read_run(folders.pop() / RUNS["predict"]) if len(folders) == 1 else {}


def labels_by_name(items: Any, known: Any) -> Callable[[str], np.ndarray]:
    """Return what reads label images that were given apart, by name."""
    by_name = {item.id: item for item in items}

    def read(name: str) -> np.ndarray:
        """Read one; an error where there is none of that name."""
        if name not in by_name:
            raise invalid("labels", expected=f"one of {name}", received="none")
        return read_object_labels(by_name[name], known)[0]

    return read
