"""After learning: how far to trust what is found, fitted to images that were not learned from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from ..messages import counted
from ..patches.sample import Reader
from ..tasks.found import Found
from ..tasks.task import Task, Truth
from ..uncertainty.calibration import Calibration, fit_temperature, tempered, tempered_share
from ..uncertainty.evidence import evidence_of
from ..uncertainty.judged import Judged, judge
from ..uncertainty.linear import share
from ..uncertainty.reliability import reliability
from ..uncertainty.trust import (
    FEWEST,
    LEAST_OBJECTS,
    RANKED,
    counts_words,
    fit_trust,
    held_counts,
    is_broken,
    said_unseen,
)
from .stages import Planned

Maps = Mapping[str, np.ndarray]
Rows = list[dict[str, Any]]
RELIABILITY_PX = 1_000_000
"""Pixels of which it is counted how often what was said is so, evenly over all there are."""


class Seen(NamedTuple):
    """What was predicted of validation images, of the last one perhaps a part.

    Attributes
    ----------
    maps, truths : list
        As for `Task.tune`.
    readers : list of Reader
        Of the same images.
    sources : list of Source
        The images themselves, as far as they were predicted.
    """

    maps: list[Maps]
    truths: list[Truth]
    readers: list[Reader]
    sources: list[Any]


def together(images: Iterable[Seen]) -> Seen:
    """Return the images of several as one.

    Parameters
    ----------
    images : iterable of Seen
        Of members of an ensemble.
    """
    return Seen(*(list(chain.from_iterable(of)) for of in zip(*images, strict=True)))


class Told(NamedTuple):
    """What was fitted for trust, and how often what is said is so.

    Attributes
    ----------
    calibration : Calibration
        With what was fitted to objects and images.
    reliability : list of dict
        Rows of `Record.reliability`.
    """

    calibration: Calibration
    reliability: Rows


def groups_of(planned: Planned) -> dict[str, str | None]:
    """Return whose each validation image is, by its name."""
    return {item.id: item.group for item in planned.split.validation.items}


def calibrated(task: Task, images: Seen) -> tuple[Seen, Calibration, Rows]:
    """Fit the temperature to images; these with it, and how reliable pixels are before and after.

    Parameters
    ----------
    task : Task
        Says which heads are probabilities of classes.
    images : Seen
        From `seen`.
    """
    calibration = calibrate(task, images.maps, images.truths)
    after = images._replace(maps=[honest(task, own, calibration) for own in images.maps])
    rows = [*_of_pixels(task, images, "before"), *_of_pixels(task, after, "after")]
    return after, calibration, rows


def trusted(calibration: Calibration, judged: Sequence[Judged], pixels: Rows) -> Told:
    """Fit what is to be said of objects and images, and how reliable that is of objects.

    Parameters
    ----------
    calibration : Calibration
        Of pixels.
    judged : sequence of Judged
        Images that the network had not seen.
    pixels : list of dict
        How reliable these are.
    """
    trust = fit_trust(judged)
    if trust is None:
        return Told(calibration, pixels)
    so = np.concatenate([one.real for one in judged])
    plain = np.concatenate([share(one.evidence.objects[:, 0]) for one in judged])
    rows = [
        *_told("objects", "before", plain, so),
        *_told("objects", "after", *said_unseen(judged)),
    ]
    return Told(replace(calibration, trust=trust), [*pixels, *rows])


def as_kept(told: Told, by_mean: Sequence[Judged]) -> Told:
    """Take back intervals of counts that the mean of all members breaks where it is at its best.

    Parameters
    ----------
    told : Told
        Fitted to what single members found.
    by_mean : sequence of Judged
        Images of the training, as the mean of all finds them.
    """
    trust = told.calibration.trust
    if trust is None or not is_broken(held_counts(trust, by_mean), len(by_mean)):
        return told
    return told._replace(calibration=replace(told.calibration, trust=replace(trust, reach=None)))


def _of_pixels(task: Task, images: Seen, when: str) -> Rows:
    """Count how often the surer class of pixels is the true one."""
    said, so = [], []
    for both, true in _classes(task, images.maps, images.truths):
        said.append(both.max(axis=-1))
        so.append(both.argmax(axis=-1) == true)
    if not said:
        return []
    every = max(1, sum(map(len, said)) // RELIABILITY_PX)
    return _told("pixels", when, np.concatenate(said)[::every], np.concatenate(so)[::every])


def _told(of: str, when: str, said: np.ndarray, so: np.ndarray) -> Rows:
    """Return rows of how often what was said is so, of bins that have any."""
    table = reliability(said, so)
    return [{"of": of, "when": when, **row} for row in table[table["n"] > 0].to_dict("records")]


def _classes(
    task: Task, maps: Sequence[Maps], truths: Sequence[Truth]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give the probabilities of classes (n, classes) of known pixels, and their true classes."""
    for head in task.class_heads:
        two = task.heads[head].activation == "sigmoid"
        for own, (labels, known) in zip(maps, truths, strict=True):
            said = own[head][known]
            both = np.concatenate([1 - said, said], -1) if two else said
            yield both, (labels[known] > 0).astype(int) if two else labels[known]


def calibrate(task: Task, maps: Sequence[Maps], truths: Sequence[Truth]) -> Calibration:
    """Fit the temperature of the probabilities of classes.

    Parameters
    ----------
    task : Task
        Says which heads are such.
    maps, truths : sequence
        From `seen`.
    """
    pairs = list(_classes(task, maps, truths))
    return Calibration(fit_temperature([said for said, _ in pairs], [true for _, true in pairs]))


def honest(task: Task, maps: Maps, calibration: Calibration) -> Maps:
    """Return maps as a calibration makes them."""
    heads = {head: task.heads[head].activation for head in task.class_heads}
    by = {"sigmoid": tempered_share, "softmax": tempered}
    return {
        head: by[heads[head]](one, calibration.temperature) if head in heads else one
        for head, one in maps.items()
    }


def judge_each(
    task: Task,
    images: Seen,
    each: Iterable[tuple[Found, Mapping[str, float]]],
    groups: Mapping[str, str | None],
) -> list[Judged]:
    """Hold what was found in each image against the truth; see `judge`.

    Parameters
    ----------
    task : Task
        By which it was found.
    images : Seen
        The images.
    each : iterable of (Found, dict)
        What was found in each, and its scores.
    groups : dict of str to str or None
        Whose each image is.
    """
    judged = []
    for (found, scores), maps, (truth, known), reader, source in zip(each, *images, strict=True):
        labels, stats, by = found.objects_labels, reader.stats, reader.normalize
        evidence = evidence_of(task, maps, labels, source, stats, by)
        judged.append(judge(task, evidence, found, truth, known, scores, groups.get(reader.id)))
    return judged


def trust_words(planned: Planned, calibration: Calibration, images: int) -> Iterator[str]:
    """Say where too little was held out to know how far to trust what is found."""
    split, trust = planned.split, calibration.trust
    parts = {item.id for item in split.train.items} & {item.id for item in split.validation.items}
    held = f"{'regions of ' if parts else ''}{counted(images, 'image')}"
    needed = f"{FEWEST} images with {LEAST_OBJECTS} objects are needed, {RANKED} are better"
    if trust is None:
        yield f"Held out: {held}, too few to say how sure objects, counts and scores are; {needed}."
    elif trust.images < RANKED:
        yield f"Held out: {held}; intervals of counts and scores are wide, {RANKED} are better."
    if trust is not None and trust.reach is None:
        yield f"Counts come {counts_words(trust)}."
