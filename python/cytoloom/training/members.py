"""An ensemble: members that each hold out a fold, thresholds and scores from what none has seen."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from ..components import to_plain
from ..datasets.folds import Fold
from ..datasets.items import shown_names
from ..events import Event, Work, note, warn
from ..messages import Argument, counted, say
from ..models.folder import ModelFolder
from ..models.model import Model
from .learn import Learned
from .out_of_fold import OutOfFold, in_part, judged_by_all, mean_scores, score_each
from .prepare import read_folds, ready
from .provenance import model_of, recorded
from .recipe import Plan
from .resume import kept_in
from .segment import taught
from .stages import Given, Planned
from .trainer import Trainer, replayed
from .trust import as_kept, calibrated, groups_of, judge_each, together, trust_words, trusted
from .tune import doubts, fit, means, seen, tune_px, tuned_on

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Member:
    """One member once it has learned.

    Attributes
    ----------
    planned : Planned
        With its own images.
    model : Model
        Of it alone, thresholds as they were.
    learned : Learned
        What came of it.
    """

    planned: Planned
    model: Model
    learned: Learned


def ensemble(
    given: Given,
    data: Any,
    validation: Any,
    folder: ModelFolder | None,
    started: float,
    keep_interrupted: bool,
    *,
    members: int,
    count: int | None,
) -> Work[Model]:
    """Train members one after the other, each without one fold of the images.

    Parameters
    ----------
    given, data, validation
        As for `session.training`.
    folder, started, keep_interrupted
        As for `learn`.
    members : int
        How many; never more than folds.
    count : int or None
        How many folds, see `folds`; None: as many as members, so that each image is held out.

    Returns
    -------
    Model
        Of all members; fewer where it was interrupted.
    """
    found, folds = yield from read_folds(given, data, validation, count or members)
    number = min(members, len(folds))
    yield from _said(found.train, folds, number, members, validation)
    trainer = _share(given.trainer, number)
    whole = yield from ready(replace(found, given=replace(given, trainer=trainer)))
    done: list[Member] = []
    own = folder
    for k in range(number):
        planned = _planned(whole, folds[k], (k + 1, number))
        own = None if folder is None else folder.of_member(k + 1)
        begun = started if k == 0 else time.monotonic()
        lesson, learned = yield from taught(planned, own, begun, keep_interrupted)
        bare = model_of(
            lesson, learned, planned.trainer, precision=planned.precision, started=begun
        )
        done.append(Member(planned, bare, learned))
        if learned.interrupted:
            break
    with kept_in(own):
        yield Event("progress", "scoring each image by the member that has not seen it", 1, 1)
        return (yield from _together(whole, done, given, started))


def _said(
    images: Sequence[Any], folds: Sequence[Fold], number: int, asked: int, validation: Any
) -> Iterable[Event]:
    """Say how images are parted, and what of the arguments counts."""
    if number < asked:
        yield note(f"{number} members: there are {len(folds)} folds.")
    sizes = sorted({len(fold) for fold in folds[:number]})
    held = counted(sizes[-1], "image") if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]} images"
    yield note(f"{number} members, each without {held} of {len(images)}, by which it is scored.")
    # what is left of the default says nothing of what was wanted
    if isinstance(validation, float) and validation != 0.2:
        yield note(say("{} is not used: each member holds out a fold.", Argument("validation")))


def _share(trainer: Trainer, number: int) -> Trainer:
    """Give each member its part of the time; iterations and epochs are each member's."""
    minutes = trainer.length(1)[1]
    return trainer if minutes is None else replace(trainer, minutes=minutes / number)


def _planned(whole: Planned, held: Fold, turn: tuple[int, int]) -> Planned:
    """Return what is planned for one member: its images, and a seed of its own."""
    seen_all, split = whole.surveyed, whole.split
    out = [item.id in held for item in split.train.items]
    into = [not one for one in out]
    parts = {"train": into, "validation": out}
    seed = int(np.random.SeedSequence([split.given.seed, turn[0]]).generate_state(1)[0] >> 1)
    own = replace(
        split,
        given=replace(split.given, seed=seed, turn=turn),
        train=replace(split.train, items=_of(split.train.items, into)),
        validation=replace(split.train, items=_of(split.train.items, out)),
        note=f"{sum(out)} of {len(out)} images held out",
    )
    surveyed = replace(
        seen_all,
        split=own,
        stats={name: _of(seen_all.stats["train"], part) for name, part in parts.items()},
        manifest={
            name: list(_of(seen_all.manifest["train"], part)) for name, part in parts.items()
        },
        filled=_of(seen_all.filled, into),
    )
    readers, validation = _of(whole.readers, into), _of(whole.readers, out)
    own_plan = _replayed(whole.plan, split.given, turn[0])
    return replace(
        whole, surveyed=surveyed, plan=own_plan, readers=readers, validation_readers=validation
    )


def _replayed(plan: Plan, given: Given, member: int) -> Plan:
    """Go by the steps of a member that is trained again, if it was by time."""
    if not given.replays:
        return plan
    once = given.replays[member - 1]
    return replace(plan, trainer=replayed(plan.trainer, once.iterations, once.knots))


def _of(values: Iterable[T], chosen: Iterable[bool]) -> tuple[T, ...]:
    return tuple(compress(values, chosen))


def _together(whole: Planned, done: Sequence[Member], given: Given, started: float) -> Work[Model]:
    """Put members together: thresholds of their out-of-fold maps, and what these score."""
    first = done[0]
    name, spacing = first.model.name, whole.split.spacing_um
    networks = {(k, name): one.model.keras for k, one in enumerate(done, start=1)}
    mean = replace(first.model, members=len(done), networks=networks)
    parts = [OutOfFold.of(one.planned, one.model) for one in done]
    apart = not whole.validation_readers
    images = together(part.images for part in parts) if apart else seen(whole, mean, tune_px(whole))
    images, calibration, pixels = calibrated(mean.task, images)
    task, each, coherence = fit(mean.task, images.maps, images.truths, spacing)
    # of single members, whose thresholds are their own
    large = [one.id for one in whole.readers if in_part(one)]
    if large:
        text = "{}: too large to be scored as a whole; each by a part of at most {} pixels."
        yield note(say(text, shown_names(large), parts[0].pixels))
    rows, judged = score_each(mean.task, [p.calibrated(calibration) for p in parts], spacing)
    if not apart:
        judged = judge_each(task, images, each, groups_of(whole))
    told = trusted(calibration, judged, pixels)
    if apart and len(done) > 1:
        part = replace(mean.part, calibration=calibration)
        of_all = judged_by_all(replace(mean, parts={name: part}), task, parts, spacing)
        told = as_kept(told, of_all)
    # the thresholds of all have seen all images
    scores = mean_scores(rows) if apart else means([own for _, own in each])
    shown = first.planned if apart else whole
    tuned = tuned_on(shown, mean, told, task, scores, coherence)
    steps = min(one.learned.state.iteration for one in done)
    for text in doubts(whole.trainer, steps, tuned.task, tuned.scores):
        yield warn(text)
    for text in trust_words(whole, told.calibration, len(judged)):
        yield note(text)
    model = recorded(mean, whole, tuned, started)
    # of all members together, as it was given
    trainer = to_plain(replace(whole.trainer, minutes=given.trainer.minutes))
    info = {**model.info, "trainer": trainer, "seed": given.seed}
    return _of_members(replace(model, info=info), done, rows)


def _of_members(model: Model, done: Sequence[Member], rows: list[dict[str, Any]]) -> Model:
    """Write down of what members were made, and how they score what they had not seen."""
    each = [
        {
            "seed": one.planned.split.given.seed,
            "iterations": one.learned.state.iteration,
            **{
                key: one.model.info["training"][key] for key in ("score", "best_iteration", "knots")
            },
            "held_out": [item.id for item in one.planned.split.validation.items],
        }
        for one in done
    ]
    known = [one["score"] for one in each if one["score"] is not None]
    images = len(model.info["data"]["train"])
    own = model.info["data"]["validation"]
    words = "each image by the member that has not seen it"
    training = {
        **model.info["training"],
        "images": images,
        "iterations": sum(one["iterations"] for one in each),
        "score": float(np.mean(known)) if known else None,
        "knots": [],
        "validation": f"{counted(len(own), 'image')} of their own" if own else words,
        "members": each,
        "out_of_fold": rows,
    }
    interrupted = any(one.learned.interrupted for one in done)
    info = {**model.info, "interrupted": interrupted, "training": training}
    history = pd.concat(
        [one.model.history.assign(member=k) for k, one in enumerate(done, start=1)],
        ignore_index=True,
    )
    return replace(model, info=info, history=history)
