"""Trust: which objects are real, how many there are, how good an image's result will be.

All of it is fitted to images that the network had not seen: those held out by members of an
ensemble, or the validation images of a single model. What is fitted is small, a handful of
weights, and how far it is off is measured on images that each fit has not seen in turn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..components import component
from ..messages import counted
from .evidence import Evidence
from .judged import AREA, Judged
from .likeness import Likeness, likeness
from .linear import Linear, logistic, odds, ridge, share

Array = NDArray[Any]
LEVEL = 0.9
"""Of intervals of single images."""
FEWEST, RANKED = 3, 9
"""Images from which on there is anything to say; from which on intervals are by rank, not by
Student's t: two-sided ones of 90 % need nine."""
LEAST_OBJECTS = 10
"""Fewer tell nothing of which objects are real."""
FOLDS = 5
STRENGTH_OF_OBJECTS, STRENGTH_OF_IMAGES = 3.0, 20.0
"""Penalties: there are hundreds of objects, but only tens of images."""
UNLIKELY = 0.02
"""Chance of what is not put down to chance."""
WOBBLES = (0.0, 0.02, 0.05, 0.1, 0.2)
"""Shares of a count by which images differ for reasons of their own."""


@component
@dataclass(frozen=True)
class Forecast:
    """What one score of an image will be.

    Parameters
    ----------
    metric : str
        Its name.
    line : Linear
        From traits of an image to its log odds; of ``"area"`` to its logarithm.
    reach : float or None
        How far it is off in 90 % of images, in standard deviations; None: of too few is it known.

    Examples
    --------
    >>> Forecast("dice", Linear(2.2, (0.0,), (0.0,), (1.0,)), 0.2)(np.array([1.0]))
    (0.9, 0.834, 0.967)
    """

    metric: str
    line: Linear
    reach: float | None

    def __call__(self, traits: Array) -> tuple[float, float, float]:
        """Return the score with its interval, NaN where there is none."""
        middle = float(self.line(traits[None])[0])
        far = math.nan if self.reach is None else self.reach
        if self.metric == AREA:
            ends = (math.exp(middle), math.exp(middle - far), math.exp(middle + far))
            return tuple(round(end, 3) for end in ends)  # type: ignore[return-value]
        value = float(share(np.array(middle)))
        far *= spread_of(value)
        ends = (value, max(0.0, value - far), min(1.0, value + far))
        return tuple(round(end, 3) for end in ends)  # type: ignore[return-value]


def spread_of(value: float) -> float:
    """How far scores near a value spread, as shares do; never nothing."""
    return math.sqrt(value * (1 - value) + 0.02)


@component
@dataclass(frozen=True)
class Trust:
    """How much to trust what a model finds.

    Parameters
    ----------
    images, objects : int
        To how many it was fitted.
    usual_px : float
        Median area of real objects, as the network sees them.
    real : Linear
        From traits of an object to the log odds that it is real: that a true object matches at
        IoU 0.5.
    holds : Linear
        From traits of an object to the number of true objects in it.
    spread : float
        Variance of that number over p (1 - p) of its probability p.
    missed : tuple of float
        True objects missed for each object's area of foreground that belongs to none, and for each
        object found.
    wobble : float
        By what share of a count images differ for reasons of their own.
    reach : float or None
        How far counts are off in 90 % of images, in standard deviations; None: of too few images
        is it known, or the mean of an ensemble finds other counts than its members did.
    scores : tuple of Forecast
        What scores of an image will be.
    look : Likeness
        How the images of the training look.
    """

    images: int
    objects: int
    usual_px: float
    real: Linear
    holds: Linear
    spread: float
    missed: tuple[float, float]
    wobble: float
    reach: float | None
    scores: tuple[Forecast, ...]
    look: Likeness

    def probabilities(self, evidence: Evidence) -> Array:
        """Return for each object the probability that it is real (n,)."""
        return share(self.real(_traits(evidence, self.usual_px)))

    def count(self, evidence: Evidence) -> tuple[float, float]:
        """Return the number of true objects to be expected, and its standard deviation."""
        traits = _traits(evidence, self.usual_px)
        inside = np.clip(self.holds(traits), 0, None).sum()
        missed = float(np.dot(_unseen(evidence, self.usual_px), self.missed))
        p = share(self.real(traits))
        expected = float(inside) + missed
        variance = self.spread * float((p * (1 - p)).sum()) + missed + 0.05
        return expected, math.sqrt(variance + (self.wobble * expected) ** 2)

    def interval(self, evidence: Evidence) -> tuple[int, int] | None:
        """Return the ends between which 90 % of true counts lie; None where that is not known."""
        if self.reach is None:
            return None
        expected, deviation = self.count(evidence)
        low, high = (round(expected + sign * self.reach * deviation) for sign in (-1, 1))
        return max(0, low), max(0, high)

    def forecasts(self, evidence: Evidence) -> dict[str, tuple[float, float, float]]:
        """Return what scores will be, each with its interval, by metric."""
        return {one.metric: one(evidence.image) for one in self.scores}


def fit_trust(images: Sequence[Judged]) -> Trust | None:
    """Fit trust to images that the network had not seen; None where there are too few.

    Parameters
    ----------
    images : sequence of Judged
        With the evidence of each, and what is true.
    """
    found = sum(len(one.real) for one in images)
    if len(images) < FEWEST or found < LEAST_OBJECTS:
        return None
    bare, crossed = _fitted(images), _crossed(images)
    if len(crossed) < FEWEST:
        return None
    true = np.array([one.count for _, one in crossed], float)
    wobble = min(WOBBLES, key=lambda one: _surprise(true, crossed, one))
    counted = [replace(own, wobble=wobble).count(one.evidence) for own, one in crossed]
    off = [max(0.0, abs(t - e) - 0.5) / d for t, (e, d) in zip(true, counted, strict=True)]
    return replace(
        bare,
        wobble=wobble,
        reach=_reach(off),
        scores=tuple(_with_reach(one, images, crossed) for one in bare.scores),
    )


def held_counts(trust: Trust, images: Sequence[Judged]) -> int:
    """Return of how many images the true count lies between the ends that are said."""
    ends = [(trust.interval(one.evidence), one.count) for one in images]
    return sum(pair is not None and pair[0] <= true <= pair[1] for pair, true in ends)


def counts_words(trust: Trust | None) -> str:
    """Say whether counts have intervals, and if not, why.

    Examples
    --------
    >>> counts_words(None)
    'without intervals: how far they are off is known from 3 held-out images with 10 objects on'
    """
    if trust is None:
        return (
            f"without intervals: how far they are off is known from {FEWEST} held-out images "
            f"with {LEAST_OBJECTS} objects on"
        )
    if trust.reach is None:
        return "without intervals: members alone find other numbers than their mean does"
    held = f"{counted(trust.objects, 'object')} in {counted(trust.images, 'image')} held out"
    return f"with intervals that hold {LEVEL:.0%}, fitted to {held}"


def is_broken(held: int, images: int) -> bool:
    """Whether a promise of `LEVEL` that held for so few images is none: by chance one in fifty.

    Examples
    --------
    >>> is_broken(15, 20), is_broken(14, 20), is_broken(0, 1)
    (False, True, False)
    """
    from scipy.stats import binom

    return bool(binom.cdf(held, images, LEVEL) < UNLIKELY)


def said_unseen(images: Sequence[Judged]) -> tuple[Array, Array]:
    """Return what is said of objects by what was fitted to other images, and whether it is so.

    Parameters
    ----------
    images : sequence of Judged
        As for `fit_trust`, not too few.

    Returns
    -------
    (float array (n,), boolean array (n,))
        Probabilities that objects are real, and whether they are.
    """
    pairs = _crossed(images)
    said = [trust.probabilities(one.evidence) for trust, one in pairs]
    return np.concatenate(said), np.concatenate([one.real for _, one in pairs])


def _fitted(images: Sequence[Judged]) -> Trust:
    """Fit all but what is measured on images that a fit has not seen."""
    real = np.concatenate([one.real for one in images])
    area = np.concatenate([one.evidence.area_px for one in images])
    usual = float(np.median(area[real] if real.any() else area))
    traits = np.concatenate([_traits(one.evidence, usual) for one in images])
    yes = logistic(traits, real, STRENGTH_OF_OBJECTS)
    true = np.concatenate([one.holds for one in images])
    holds = ridge(traits, true, STRENGTH_OF_OBJECTS)
    p = share(yes(traits))
    off = ((true - np.clip(holds(traits), 0, None)) ** 2).sum()
    return Trust(
        images=len(images),
        objects=len(real),
        usual_px=usual,
        real=yes,
        holds=holds,
        spread=float(off / max((p * (1 - p)).sum(), 1e-9)),
        missed=_missed(images, usual),
        wobble=0.0,
        reach=None,
        scores=_forecasts(images),
        look=likeness(np.stack([one.evidence.look for one in images])),
    )


def _missed(images: Sequence[Judged], usual: float) -> tuple[float, float]:
    """Fit how many true objects were missed: those with most of their pixels in none."""
    from scipy.optimize import nnls

    unseen = np.array([_unseen(one.evidence, usual) for one in images])
    missed = np.array([one.count - one.holds.sum() for one in images])
    # counts vary as they are large
    scale = np.sqrt(unseen.sum(axis=1) + 1)
    first, second = nnls(unseen / scale[:, None], missed / scale)[0]
    return float(first), float(second)


def _forecasts(images: Sequence[Judged]) -> tuple[Forecast, ...]:
    """Fit a forecast of each score that enough images have."""
    made = []
    for metric in dict.fromkeys(name for one in images for name in one.scores):
        known = [one for one in images if math.isfinite(one.scores.get(metric, math.nan))]
        if len(known) < FEWEST:
            continue
        traits = np.stack([one.evidence.image for one in known])
        values = np.array([one.scores[metric] for one in known])
        says = np.log(values) if metric == AREA else odds(values, 0.02)
        # of an image with few objects a score is hardly more than chance
        sizes = np.array([max(one.count, len(one.real)) for one in known], float)
        line = ridge(traits, says, STRENGTH_OF_IMAGES, (sizes + 1) / (sizes + 10))
        made.append(Forecast(metric, line, None))
    return tuple(made)


def _with_reach(one: Forecast, images: Sequence[Judged], crossed: Any) -> Forecast:
    """Measure how far a forecast is off, on images that it was not fitted to."""
    off = []
    for own, image in crossed:
        true = image.scores.get(one.metric, math.nan)
        said = next((f for f in own.scores if f.metric == one.metric), None)
        if said is None or not math.isfinite(true):
            continue
        middle = float(said.line(image.evidence.image[None])[0])
        if one.metric == AREA:
            off.append(abs(math.log(true) - middle))
        else:
            value = float(share(np.array(middle)))
            off.append(abs(true - value) / spread_of(value))
    return replace(one, reach=_reach(off))


def _crossed(images: Sequence[Judged]) -> list[tuple[Trust, Judged]]:
    """Return images with what was fitted to others, groups held out as a whole.

    Images are left out where all others have no object.
    """
    names = [one.group if one.group is not None else f"\0{k}" for k, one in enumerate(images)]
    groups = list(dict.fromkeys(names))
    folds = max(2, min(FOLDS, len(groups)))
    fold = {name: k % folds for k, name in enumerate(groups)}
    made: list[tuple[Trust, Judged]] = []
    for k in range(folds):
        out = [one for one, name in zip(images, names, strict=True) if fold[name] == k]
        rest = [one for one, name in zip(images, names, strict=True) if fold[name] != k]
        if out and sum(len(one.real) for one in rest):
            fitted = _fitted(rest)
            made += [(fitted, one) for one in out]
    order = {id(one): k for k, one in enumerate(images)}
    return sorted(made, key=lambda pair: order[id(pair[1])])


def _surprise(true: Array, crossed: Sequence[tuple[Trust, Judged]], wobble: float) -> float:
    """Return how unlikely true counts are, were errors normal."""
    each = [replace(own, wobble=wobble).count(one.evidence) for own, one in crossed]
    expected, deviation = np.array(each).T
    return float((np.log(deviation) + ((true - expected) / deviation) ** 2 / 2).mean())


def _reach(off: Sequence[float]) -> float | None:
    """Return how far 90 % of what comes will be off at most: by rank, of few by Student's t.

    Examples
    --------
    >>> _reach([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])
    9.0
    >>> round(_reach([1.0, 1.0, 1.0, 1.0]), 2), _reach([1.0, 2.0]) is None
    (2.38, True)
    """
    n = len(off)
    if n < FEWEST:
        return None
    if n >= RANKED:
        return float(np.sort(off)[math.ceil((n + 1) * LEVEL) - 1])
    from scipy.stats import t

    rough = math.sqrt(float(np.mean(np.square(off))))
    return float(rough * t.ppf((1 + LEVEL) / 2, n) * math.sqrt(1 + 1 / n))


def _traits(evidence: Evidence, usual: float) -> Array:
    """Return the traits of objects, with their size beside the usual: below it, and above."""
    size = np.log(np.maximum(evidence.area_px, 1) / usual)
    return np.column_stack([evidence.objects, np.minimum(size, 0), np.maximum(size, 0)])


def _unseen(evidence: Evidence, usual: float) -> tuple[float, float]:
    """Return in what missed objects show: areas of foreground left over, and how many there are."""
    return evidence.left_px / usual, float(len(evidence.area_px))
