"""What was given to review: results of others, or images, with or without labels."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..datasets.data import Data, as_data
from ..datasets.given import is_file
from ..datasets.ids import named
from ..datasets.items import Item
from ..datasets.layouts import layout_of
from ..datasets.unlabelled import gather_images
from ..errors import InvalidError, invalid
from ..evaluation.scores import Scores
from ..events import Work, note
from ..experts.result import Consensus
from ..measurement.given import as_label_images
from ..messages import Argument, say
from ..models.saving import read_manifest
from ..pages.collect import items_of
from ..pages.given import Shown, shown
from ..prediction.predictions import Predictions
from ..prediction.reopened import is_predicted, results
from ..storage.atomic import meant
from ..storage.results import AGREED, SCORED, UNFINISHED
from .corrected import FOLDER
from .subjects import Subject, refuse_none, subjects_of

PREDICTED = "predicted"
"""Below the folder of what is corrected: what a model found to begin with."""
Reader = Callable[[], NDArray[Any]] | None


@dataclass(frozen=True, eq=False)
class Reviewed:
    """What is reviewed.

    Attributes
    ----------
    shown : Shown
        As a page shows it.
    title : str
        Of the page.
    subjects : dict of str to Subject
        The images.
    folder : Path
        For what is corrected.
    of : str
        What is reviewed, where the folder is not within it.
    notes : tuple of str
        What is to say.
    model : str, optional
        Where the model is from which a training goes on.
    """

    shown: Shown
    title: str
    subjects: Mapping[str, Subject]
    folder: Path
    of: str = ""
    notes: tuple[str, ...] = ()
    model: str | None = None


def opened(given: Any, images: Any, model: Any, out: Any) -> Work[Reviewed]:
    """Open what was given; the parameters are those of the verb."""
    if _are_results(given):
        return replace(_of_results(given, images, out), model=_path_of(model))
    if images is not None:
        expected = "results, where images are given apart"
        raise invalid("results", expected=expected, received=given)
    folder = _beside(given) if out is None else meant(out)
    if model is not None:
        found = yield from _predicted(given, model, folder / PREDICTED)
        return replace(_of_results(found, given, folder, _said(given)), model=_path_of(model))
    return _of_images(given, folder)


def _are_results(given: Any) -> bool:
    if isinstance(given, (Shown, Predictions, Scores, Consensus)):
        return True
    folder = meant(given) if is_file(given) and str(given) else None
    if folder is None or not folder.is_dir():
        return False
    others = (SCORED, AGREED, UNFINISHED)
    return is_predicted(folder) or any((folder / name).exists() for name in others)


def _of_results(given: Any, images: Any, out: Any, of: str = "") -> Reviewed:
    found = shown(given)
    if found.kind == "scores":
        raise invalid(
            "results",
            expected="results with labels: those of a prediction or a consensus",
            received="scores, which have none",
        )
    place = _place(given)
    folder = _folder(place, out)
    _refuse_classes(given, found)
    items, text = items_of(found, images)
    failed = _failed(found)
    subjects = subjects_of(found.names, items, _reader(found), failed)
    refuse_none(subjects, "results")
    inside = place is not None and place in (folder.parent, folder)
    title = place.name if place is not None else folder.name
    whose = of or ("" if inside or place is None else str(place))
    return Reviewed(found, title, subjects, folder, whose, (text,) if text else ())


def _folder(place: Path | None, out: Any) -> Path:
    """Return the folder for what is corrected: by default in that of the results."""
    if out is not None:
        return meant(out)
    if place is None:
        expected = "a folder for what is corrected, as these results are in none"
        raise invalid("out", expected=expected, received=None)
    return place / FOLDER


def _path_of(model: Any) -> str | None:
    """Return where a model is; None of none, and of one that was never saved.

    Raises
    ------
    InvalidError
        There is none at a path, which a training from the page would find out much later.
    """
    if not is_file(model):
        path = getattr(model, "path", None)
        return None if path is None else str(meant(path))
    try:
        read_manifest(meant(model))
    except InvalidError as error:
        raise error.renamed("model", of="path") from None
    return str(meant(model))


def _place(given: Any) -> Path | None:
    """Return the folder of results, where they are in one."""
    if is_file(given):
        return meant(given)
    out = getattr(given, "out", None)
    return None if out is None else meant(out)


def _reader(found: Shown) -> Callable[[str], Reader]:
    """Return what makes, of the name of an image, what reads its labels."""
    read = found.labels
    return lambda name: None if read is None else lambda: read(name)


def _failed(found: Shown) -> dict[str, str]:
    if "status" not in found.images:
        return {}
    pairs = zip(found.images["image"].astype(str), found.images["status"].astype(str), strict=True)
    return {name: status for name, status in pairs if status != "ok"}


def _refuse_classes(given: Any, found: Shown) -> None:
    """Raise where labels are numbers of classes, in which there are no objects to correct."""
    names = {str(name) for name in found.objects.get("class", ()) if name and name == name}
    known = as_label_images(given) if isinstance(given, Predictions) or is_file(given) else None
    if found.kind == "predictions" and known is not None:
        names |= set(map(str, known.names.values()))
    agreed = found.run.get("settings", {}).get("task") if found.kind == "consensus" else ""
    if len(names) > 1 or agreed == "classes":
        raise invalid(
            "results",
            expected="labels of objects, or masks",
            received="labels that are classes",
            remedy="Correct these in QuPath, as GeoJSON.",
        )


def _predicted(given: Any, model: Any, out: Path) -> Work[Predictions]:
    """Let a model find what there is to begin with, or take what it has found there before."""
    from ..models.identity import model_sha256
    from ..models.load import load
    from ..prediction.predict import predict

    model = load(model) if is_file(model) else model
    names = [item.id for item in named(_unlabelled(given))[0]]
    if is_predicted(out):
        before = results(out)
        same = before.run.get("model", {}).get("sha256") == model_sha256(model)
        if same and before.files["image"].tolist() == names:
            yield note(f"What this model has found before in {out} is taken.")
            return before
    found: Predictions | None = None
    for event in predict.events(model, given, out=out, overwrite=is_predicted(out)):
        if event.kind == "result":
            found = event.value
        else:
            yield event
    assert found is not None
    return found


def _of_images(given: Any, folder: Path) -> Reviewed:
    import pandas as pd

    items = named(_items(given))[0]
    by_name = {item.id: item for item in items}
    images = pd.DataFrame({"image": list(by_name)})
    found = Shown("images", images, pd.DataFrame({"image": []}), {}, None, {})
    subjects = subjects_of(by_name, by_name, lambda name: _drawn(by_name[name]), {})
    refuse_none(subjects, "results")
    title = Path(given).name if is_file(given) else folder.name
    return Reviewed(found, title, subjects, folder, _said(given))


def _items(given: Any) -> list[Item]:
    """Take images, with their labels where they have any."""
    if isinstance(given, Data):
        return list(given.items)
    if is_file(given):
        try:
            data = as_data(given)
            if data.items and any(item.annotations for item in data.items):
                return list(data.items)
        except InvalidError:
            pass
    return _unlabelled(given)


def _unlabelled(given: Any) -> list[Item]:
    try:
        return list(gather_images(given).items)
    except InvalidError as error:
        expected = say("results, or {}", error.expected)
        raise invalid(
            "results", expected=expected, received=error.received, remedy=error.remedy
        ) from None


def _drawn(item: Item) -> Reader:
    """Return what reads the labels that an image comes with, by the first who drew it."""
    return item.annotations[0].read if item.annotations else None


def _said(given: Any) -> str:
    """Return where images are, as one text; empty of what is in memory."""
    return os.path.abspath(meant(given)) if is_file(given) else ""


def _beside(given: Any) -> Path:
    """Return the folder for what is corrected of images: beside that which they are in."""
    if not is_file(given) or not str(given):
        _items(given)  # which says where there is none
        raise invalid(
            "out",
            expected="a folder for what is corrected, as these images are in none",
            received=None,
            remedy=say("Pass {}.", Argument("out")),
        )
    path = meant(given)
    if not path.is_dir():
        return path.parent / FOLDER
    try:
        return layout_of(path).images_folder.parent / FOLDER
    except InvalidError:
        return path.parent / FOLDER
