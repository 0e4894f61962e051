"""How each expert does beside the consensus, and beside each of the others."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..metrics.instances import average_precision
from ..metrics.overlap import Overlap
from ..segmentation.objects import components
from .patterns import Array, Patterns
from .staple import Staple, staple
from .voting import fleiss_kappa, majority, shares

METHODS = ("staple", "majority", "soft")


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
    labelled, pairs : list of dict
        Rows of the tables per label image and per pair.
    """

    labels: Array
    shares: Array | None
    row: dict[str, Any]
    labelled: list[dict[str, Any]]
    pairs: list[dict[str, Any]]


def agree(
    found: Patterns, values: Array, method: str, experts: Sequence[str], every: Array
) -> Agreed:
    """Find the consensus of one image, and compare.

    Parameters
    ----------
    found : Patterns
        What was said.
    values : integer array (classes,)
        The label of each class.
    method : {"staple", "majority", "soft"}
        How.
    experts : sequence of str
        Names, in the order of the votes.
    every : integer array
        The labels that there are in all images: of each there is a share.
    """
    estimate = staple(found) if method == "staple" else None
    answer = majority(found) if estimate is None else estimate.answer
    soft = _soft(found, np.searchsorted(every, values), len(every)) if method == "soft" else None
    drawn = [votes.astype(np.uint8)[found.code] for votes in found.votes]
    pieces = _pieces(answer.astype(np.uint8)[found.code], found.classes)
    labelled = [
        {
            "expert": name,
            **_overlap(found.overlap(answer, votes)),
            "ap50": _objects(pieces, _pieces(own, found.classes)),
            **rates(found, k, answer, estimate),
        }
        for k, (name, votes, own) in enumerate(zip(experts, found.votes, drawn, strict=True))
    ]
    pairs = [
        {"expert": experts[a], "other": experts[b], **_overlap(found.overlap(*found.votes[[a, b]]))}
        for a, b in itertools.combinations(range(len(experts)), 2)
    ]
    row = {
        "experts": len(experts),
        "foreground": float((answer > 0) @ found.pixels / found.pixels.sum()),
        "kappa": fleiss_kappa(found),
        "pair_dice": mean([pair["dice"] for pair in pairs]),
        "dice": mean([one["dice"] for one in labelled]),
    }
    return Agreed(values[answer][found.code], soft, row, labelled, pairs)


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


def _pieces(labels: Array, classes: int) -> list[Array]:
    """Return the connected pieces of each class but background, numbered."""
    return [components(labels == k) for k in range(1, classes)]


def _objects(agreed: Sequence[Array], own: Sequence[Array]) -> float:
    """Return the average precision of pieces, the mean over the classes that one of the two has."""
    both = zip(agreed, own, strict=True)
    return mean([average_precision(a, b) for a, b in both if a.any() or b.any()])


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
