"""Score a model image by image: what the verb `evaluate` composes."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..datasets.checks import check
from ..datasets.data import Data, given_data
from ..datasets.files import pixel_sha256, values_sha256
from ..datasets.given import told_where
from ..datasets.ids import named
from ..datasets.items import Item, beside, read_labels, renamed_beside
from ..datasets.stored import as_trained, taken_for
from ..datasets.views import CachedSource
from ..errors import InvalidError, invalid
from ..events import Event, Work, note, warn
from ..experts.agreed import with_consensus
from ..messages import Setting, VerbName, say
from ..models.contrast import held_down_words
from ..models.each_image import each_image
from ..models.identity import run_of
from ..models.inputs import (
    as_grey,
    as_stacks,
    fitting_source,
    image_model,
    same_channels,
    unlike,
)
from ..models.padding import without_padding
from ..models.rescale import Factors, check_rescale, factors_for, scale_of, scaled_maps
from ..models.turned import check_views, seen_in
from ..prediction.blockwise.looked_through import InBlocks
from ..storage.tables import typed
from .by_blocks import (
    Room,
    Scored,
    check_in_blocks,
    is_large,
    left_out,
    refuse_without_blocks,
    room_for,
    score_in_blocks,
    without_words,
)
from .experts import range_words, ranges, score_experts, with_ranges
from .scores import SCALE, Scores, tables

if TYPE_CHECKING:
    from ..models.model import Model
    from ..tasks.task import Task


def score(
    model: Model | str | os.PathLike[str],
    data: Any,
    allow_training_images: bool,
    rescale: Any = "auto",
    views: int = 1,
    room: Room | None = None,
    how: InBlocks | None = None,
) -> Work[Scores]:
    """Check the images, score each and put the tables together.

    Blocks of large images are kept in the `room`, which the caller clears, and worked on as `how`
    says, without its views.
    """
    how = replace(how or InBlocks(), views=views)
    check_rescale(rescale)
    check_views(views)
    check_in_blocks(how)
    model = image_model(model)
    if data is None:
        if views != 1:
            expected = "1 without images: these were scored so"
            raise invalid("views", expected=expected, received=views)
        if rescale not in ("auto", None):
            expected = say('"auto" or {} without images: these were scored as they are', None)
            raise invalid("rescale", expected=expected, received=rescale)
        refuse_without_blocks(how, [], model.ndim)
        scores = yield from _out_of_fold(model)
        return replace(scores, run=run_of("evaluate", model, {}, {}))
    found = yield from checked(model, data)
    refuse_without_blocks(how, found.items, model.ndim)
    seen = {} if allow_training_images else images_seen(model)
    asked = {"rescale": rescale, "views": views, "allow_training_images": allow_training_images}
    if room is not None:
        return (yield from scored(model, found, seen, asked, by_first(model), room, how))
    with room_for(None) as room:
        return (yield from scored(model, found, seen, asked, by_first(model), room, how))


def by_first(model: Model) -> bool:
    """Whether a model was trained on labels of the first annotator alone, so is scored by these."""
    return not model.info["trainer"] or model.info["trainer"].get("annotators") == "first"


def scored(
    model: Model,
    found: Data,
    seen: Mapping[str, str],
    asked: Mapping[str, Any],
    first: bool,
    room: Room,
    how: InBlocks,
) -> Work[Scores]:
    """Score each image and put the tables together.

    Parameters
    ----------
    model : Model
        What to score.
    found : Data
        Images that were `checked` for it.
    seen : dict of str to str
        Images that are refused, see `images_seen`.
    asked : dict
        The settings, with ``"rescale"``.
    first : bool
        By labels of the first annotator, where there are several, else by what all agree on.
    room : Room
        Where blocks of large images are kept.
    how : InBlocks
        Who works on them, and in how many views the network sees each tile, of any image.
    """
    # blocks go to other processes with the model as it is
    plain, model = model, (yield from seen_in(model, how.views))
    drawn = found.items
    if not first:
        found = replace(found, items=with_consensus(drawn, model.task, found.unknown))
    rows: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    faint: list[str] = []

    def work(item: Any, workers: int) -> Scored | None:
        _refuse_seen(item, seen)
        if is_large(item):
            return None  # by itself, when it is its turn
        return _score(model, item, found, factors[item.id], workers)

    if model.engine.note:
        yield note(model.engine.note)
    if model.engine.warning is not None:
        yield warn(model.engine.warning)
    factors = yield from factors_for(model, found.items, asked["rescale"])
    scales = {item.id: scale_of(factors[item.id]) for item in found.items}
    yield note(_said(scales))
    with each_image(model, found.items, work) as results:
        for k, (item, finish) in enumerate(results):
            yield Event("progress", f"scoring {item.id}", k, len(found.items))
            one = finish()
            if one is None:
                missing = left_out(model.task, model.ndim)
                if missing:
                    yield warn(without_words(item.id, missing))
                known = {name: asked[name] for name in ("rescale", "views") if name in asked}
                begun = room.begun(item.id)
                one = yield from score_in_blocks(
                    plain, item, found.unknown, factors[item.id], begun, known, how
                )
            metrics, pairs, held_down = one
            faint += [item.id] if held_down else []
            rows.append({"image": item.id, SCALE: scales[item.id], **metrics})
            objects += [{"image": item.id, **pair} for pair in pairs]
    for text in held_down_words(faint):
        yield warn(text)
    groups = [item.group for item in found.items]
    scores, without = tables(rows, objects, groups, model.task)
    for text in without:
        yield note(text)
    scores = yield from _beside_experts(scores, drawn, found.unknown, model.task)
    for text in renamed_beside([scores.per_image.columns], found.items):
        yield warn(text)
    run = run_of("evaluate", model, found.origin, asked)
    return replace(_with_columns(scores, found.items), run=run)


def _beside_experts(
    scores: Scores, items: Sequence[Item], unknown: int | None, task: Task
) -> Work[Scores]:
    """Hold scores against what annotators score, where images have several."""
    several = [item for item in items if len(item.annotations) > 1]
    if not several:
        return scores
    each = []
    for k, item in enumerate(several):
        yield Event("progress", f"scoring the experts of {item.id}", k, len(several))
        each.append(score_experts(item, task, unknown))
    summary = with_ranges(scores.summary, ranges(each))
    for text in range_words(summary, task.main_scores, len(several)):
        yield note(text)
    return replace(scores, summary=summary)


def _out_of_fold(model: Model) -> Work[Scores]:
    """Put together what members scored on images that they had not seen."""
    kept = model.info["training"].get("out_of_fold")
    if not kept:
        raise invalid(
            "data",
            expected="images with labels",
            received="none, and a model of a single network",
            remedy=say("Only of an ensemble ({}) is it known without.", Setting("members", 5)),
        )
    told = ("image", "group", "member")
    rows = [
        {"image": row["image"], SCALE: 1.0, **{k: v for k, v in row.items() if k not in told}}
        for row in ({k: math.nan if v is None else v for k, v in row.items()} for row in kept)
    ]
    yield note(
        "Scores of the images of the training, each by the member that had not seen it; of their "
        "objects no table was kept."
    )
    scores, without = tables(rows, [], [row.get("group") for row in kept], model.task)
    for text in without:
        yield note(text)
    return scores


def _with_columns(scores: Scores, items: Sequence[Item]) -> Scores:
    """Put what a table says of images besides into the table per image."""
    import pandas as pd

    rows = [beside(scores.per_image.columns, item.columns) for item in items]
    more = typed(pd.DataFrame(rows, dtype=object))
    return replace(scores, per_image=pd.concat([scores.per_image, more], axis=1))


def checked(model: Model, data: Any) -> Work[Data]:
    """Take the images with the channels and the unknown value of training, and check them."""
    found: Data = same_channels(given_data(data).of_task(model.task), model)
    remembered = model.info["training"].get("unknown")
    if remembered is not None and found.unknown is None:
        found = found.with_unknown(remembered)
        yield note(f"Label value {remembered} counts nowhere, as in training.")
    elif remembered is not None and found.unknown != remembered:
        yield warn(f"Label value {found.unknown} counts nowhere, in training it was {remembered}.")
    items, texts = named(as_trained(found.items, model.pixel_type))
    for text in texts:
        yield warn(text)
    yield from taken_for(items)
    items = yield from as_stacks(items, model)
    items = yield from as_grey(items, model)
    found = replace(found, items=tuple(items))
    report = check(found, model.task, training=False)
    if not report.ok:
        raise invalid("data", expected="images with labels", received=str(report))
    for text in report.notes:
        yield note(text)
    for text in report.warnings:
        yield warn(text)
    yield from unlike(found.items, model)
    for item in found.items:
        try:
            fitting_source(model, item, "Give each z slice as an image with labels of its own.")
        except InvalidError as error:
            raise told_where(error) from None
    return found


def images_seen(model: Model, of: str = "") -> dict[str, str]:
    """Hash to name and part of every image that training used, `of` which model.

    By its values; models of before know that of its pixels in the type that they had.
    """
    parts: Mapping[str, Any] = model.info["data"]
    return {
        row.get("values_sha256", row["image_sha256"]): f"{row['id']} ({part}{of})"
        for part in parts
        for row in parts[part]
    }


def _refuse_seen(item: Any, seen: Mapping[str, str]) -> None:
    hashes = (of(item.image) for of in (values_sha256, pixel_sha256)) if seen else ()
    known = next((seen[one] for one in hashes if one in seen), None)
    if known:
        raise invalid(
            "data",
            expected="images that the model was not trained on",
            received=f"{item.id}, the same pixels as {known}",
            remedy=say(
                "Use other images, or {} for a score of little worth.",
                Setting("allow_training_images", True),
            ),
        )


def _said(scales: Mapping[str, float]) -> str:
    """Say at which size images are scored."""
    if set(scales.values()) == {1.0}:
        return say("Scored at the size that images have, as {} finds with {}.",
                   VerbName("predict"), Setting("rescale", None))  # fmt: skip
    if len(set(scales.values())) > 1:
        return say("Scored at several sizes: see scale in the table of images.")
    (factor,) = set(scales.values())
    return say("Scored as {} finds with {}.", VerbName("predict"), Setting("rescale", factor))


def _score(
    model: Model, item: Any, data: Data, factors: Factors, workers: int
) -> tuple[dict[str, float], list[dict[str, Any]], bool]:
    source = CachedSource(item.image)
    stats = model.normalize.fit(source)
    maps = scaled_maps(model, source, stats, factors, workers=workers)
    source.release()
    labels, known = read_labels(item, data.unknown)
    truth = model.task.prepare(labels)
    decoded = without_padding(model.task.decode(maps, item.spacing_um), source, stats)
    scores, pairs = model.task.score(truth, decoded, known, item.spacing_um)
    return scores, pairs, model.normalize.held_down(stats)
