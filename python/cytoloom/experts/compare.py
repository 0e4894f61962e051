"""How each expert does beside the consensus, and beside each of the others."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..images.labels import values_of
from ..metrics.instances import IOUS_50_95, average_precision
from ..metrics.overlap import Overlap
from ..segmentation.objects import areas, components
from .instances import agreed_objects, fates
from .numbers import Said
from .patterns import Array, Patterns
from .staple import Staple, staple
from .voting import fleiss_kappa, majority, shares

METHODS = ("staple", "majority", "soft")
WHAT = ("drew", "split", "merged")


@dataclass(frozen=True, eq=False)
class Agreed:
    """What came of one image.

    Attributes
    ----------
    labels : integer array
        The consensus, in the numbers of the experts.
    shares : float32 array (..., classes) or None
        The share of experts that said each label, where it is asked for.
    row : dict
        Of the table per image.
    labelled, pairs, objects : list of dict
        Rows of the tables per label image, pair and object.
    """

    labels: Array
    shares: Array | None
    row: dict[str, Any]
    labelled: list[dict[str, Any]]
    pairs: list[dict[str, Any]]
    objects: list[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Decided:
    """The consensus of one image, without comparisons.

    Attributes
    ----------
    answer : integer array
        Class of each pattern of answers.
    estimate : Staple or None
        Of "staple".
    labels : integer array
        The consensus, in the numbers of the experts.
    """

    answer: Array
    estimate: Staple | None
    labels: Array


def consensus_of(said: Said, method: str) -> Decided:
    """Find what experts agree on; the parameters are those of `agree`."""
    found = said.patterns
    estimate = staple(found) if method == "staple" else None
    answer = majority(found) if estimate is None else estimate.answer
    labels = said.values[answer][found.code]
    if said.objects is not None:
        labels = agreed_objects(said.objects, answer[found.code] > 0)
    return Decided(answer, estimate, labels)


def agree(said: Said, method: str, every: Array) -> Agreed:
    """Find the consensus of one image, and compare.

    Parameters
    ----------
    said : Said
        What the experts said.
    method : {"staple", "majority", "soft"}
        How.
    every : integer array
        The labels that there are in all images: of each there is a share.
    """
    found = said.patterns
    decided = consensus_of(said, method)
    answer, estimate, labels = decided.answer, decided.estimate, decided.labels
    soft = None
    if method == "soft":
        soft = _soft(found, np.searchsorted(every, said.values), len(every))
    pieces = _pieces(said, labels)
    drawn = [_pieces(said, own) for own in said.objects or _drawn(said)]
    labelled = [
        {
            "expert": name,
            "objects": _count(own),
            **_overlap(found.overlap(answer, found.votes[k])),
            **_objects(pieces, own),
            **rates(found, k, answer, estimate),
        }
        for k, (name, own) in enumerate(zip(said.experts, drawn, strict=True))
    ]
    pairs = [
        {
            "expert": a,
            "other": b,
            **_overlap(found.overlap(*found.votes[[i, j]])),
            "ap50": math.nan if said.objects is None else _objects(drawn[i], drawn[j])["ap50"],
        }
        for (i, a), (j, b) in itertools.combinations(enumerate(said.experts), 2)
    ]
    objects = [] if said.objects is None else _fates(labels, said)
    row = {
        "experts": len(said.experts),
        "objects": _count(pieces),
        "disputed": sum(bool(one["split_by"] or one["merged_by"]) for one in objects),
        "foreground": float((answer > 0) @ found.pixels / found.pixels.sum()),
        "kappa": fleiss_kappa(found),
        "pair_dice": mean([pair["dice"] for pair in pairs]),
        "dice": mean([one["dice"] for one in labelled]),
        "pair_ap50": mean([pair["ap50"] for pair in pairs]),
        "ap50": mean([one["ap50"] for one in labelled]),
    }
    return Agreed(labels, soft, row, labelled, pairs, objects)


def _soft(found: Patterns, place: Array, classes: int) -> Array:
    """Return shares as an image with a channel for each class."""
    each = np.zeros((classes, len(found.pixels)), np.float32)
    each[place] = shares(found)
    return each.T[found.code]


def mean(values: Sequence[float]) -> float:
    """Return the mean of the numbers among values; NaN of none.

    Examples
    --------
    >>> mean([1.0, math.nan, 2.0]), mean([math.nan])
    (1.5, nan)
    """
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _overlap(found: Overlap) -> dict[str, float]:
    """Return Dice and IoU, the mean over the classes that one of the two has; NaN without any."""
    here = (found.tp + found.fp + found.fn) > 0
    return {
        name: float(getattr(found, name)[here].mean()) if here.any() else math.nan
        for name in ("dice", "iou")
    }


def _drawn(said: Said) -> list[Array]:
    """Return what each expert drew, in labels."""
    return [said.values[votes][said.patterns.code] for votes in said.patterns.votes]


def _pieces(said: Said, labels: Array) -> list[Array]:
    """Return objects, or the connected pieces of each class, numbered."""
    if said.objects is not None:
        return [labels]
    return [components(labels == value) for value in said.values[1:]]


def _count(pieces: Sequence[Array]) -> int:
    """Count objects of all classes."""
    return sum(int((values_of(one) > 0).sum()) for one in pieces)


def _objects(agreed: Sequence[Array], own: Sequence[Array]) -> dict[str, float]:
    """Return the average precision of objects, the mean over classes that one of the two has."""
    both = [(a, b) for a, b in zip(agreed, own, strict=True) if a.any() or b.any()]
    each = [average_precision(a, b, IOUS_50_95) for a, b in both]
    return {
        "ap50": mean([float(by_iou[0]) for by_iou in each]),
        "ap": mean([float(by_iou.mean()) for by_iou in each]),
    }


def _fates(labels: Array, said: Said) -> list[dict[str, Any]]:
    """Return a row for each object: how large it is, who drew, split, merged and missed it."""
    assert said.objects is not None
    each = {
        name: {what: set(getattr(fates(labels, own), what).tolist()) for what in WHAT}
        for name, own in zip(said.experts, said.objects, strict=True)
    }
    size = areas(labels)
    rows = []
    for number in range(1, len(size)):
        by = {what: [name for name, of in each.items() if number in of[what]] for what in WHAT}
        missed = [name for name in each if not any(name in names for names in by.values())]
        rows.append({
            "object": number,
            "area_px": int(size[number]),
            "drawn_by": len(by["drew"]),
            "split_by": ", ".join(by["split"]),
            "merged_by": ", ".join(by["merged"]),
            "missed_by": ", ".join(missed),
        })  # fmt: skip
    return rows


def rates(found: Patterns, k: int, answer: Array, estimate: Staple | None) -> dict[str, float]:
    """Return how often one expert says what is true, of foreground and of background.

    The estimate's own rates where there is one, else counted against the consensus. Of several
    classes of foreground the mean; NaN of what is nowhere.
    """
    if estimate is not None:
        right = np.diagonal(estimate.rates[k])
    else:
        true = answer == np.arange(found.classes)[:, None]
        total = true @ found.pixels
        hit = (true & (found.votes[k] == answer)) @ found.pixels
        right = np.where(total > 0, hit / np.maximum(total, 1), np.nan)
    return {"sensitivity": mean(right[1:].tolist()), "specificity": float(right[0])}
