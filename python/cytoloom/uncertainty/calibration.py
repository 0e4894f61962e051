"""Calibration: probabilities that are as often right as they say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..components import component
from ..components.rules import positive
from .trust import Trust

Array = NDArray[Any]
WIDEST = 10.0
"""Temperatures are sought from a tenth to ten times as sure."""
MOST_PX = 250_000
"""Pixels that a temperature is fitted to, evenly over all there are."""
LEAST = 1e-7


@component
@dataclass(frozen=True)
class Calibration:
    """What makes the probabilities of a network honest.

    Parameters
    ----------
    temperature : float, default 1.0
        By which logits of classes are divided before the activation: above 1 where the network was
        surer than it was right (temperature scaling, doi:10.48550/arXiv.1706.04599). It moves no
        pixel past another, and thresholds are fitted after it.
    trust : Trust, optional
        Which objects are real, how many there are and how good a result will be; None where
        there were too few images to say.

    Examples
    --------
    >>> Calibration(2.0).temperature
    2.0
    """

    temperature: float = positive(1.0)
    trust: Trust | None = None


def fit_temperature(probabilities: Sequence[Array], truths: Sequence[Array]) -> float:
    """Find the temperature with which truth is likeliest.

    Parameters
    ----------
    probabilities : sequence of ndarray (n, classes)
        Of pixels of images, summing to 1. Each image counts by its pixels.
    truths : sequence of integer ndarray (n,)
        Their true classes.

    Returns
    -------
    float
        1 where there is nothing to fit to.

    Examples
    --------
    A network that is always 99 % sure and right three times of four:

    >>> p = np.array([[0.99, 0.01]] * 4)
    >>> round(fit_temperature([p], [np.array([0, 0, 0, 1])]), 2)
    4.18
    """
    from scipy.optimize import minimize_scalar

    total = sum(len(one) for one in truths)
    if not total:
        return 1.0
    step = max(1, total // MOST_PX)
    logits = np.log(np.clip(np.concatenate([p[::step] for p in probabilities]), LEAST, 1))
    rows = np.concatenate([one[::step] for one in truths])
    right = np.arange(len(rows)), rows

    def surprise(log_temperature: float) -> float:
        scaled = logits / math.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        return float((np.log(np.exp(scaled).sum(axis=1)) - scaled[right]).mean())

    ends = -math.log(WIDEST), math.log(WIDEST)
    return math.exp(float(minimize_scalar(surprise, bounds=ends, method="bounded").x))


def tempered(probabilities: Array, temperature: float) -> Array:
    """Return probabilities (..., classes) as a temperature makes them.

    Examples
    --------
    >>> tempered(np.array([[0.9, 0.1]]), 2.0).round(3)
    array([[0.75, 0.25]])
    """
    scaled = np.clip(probabilities, LEAST, 1) ** (1 / temperature)
    return np.asarray(scaled / scaled.sum(axis=-1, keepdims=True))


def tempered_share(probabilities: Array, temperature: float) -> Array:
    """Do the same to the probability of one of two classes, which has no channel for the other.

    Examples
    --------
    >>> tempered_share(np.array([0.9, 0.5]), 2.0)
    array([0.75, 0.5 ])
    """
    own = np.clip(probabilities, LEAST, 1 - LEAST) ** (1 / temperature)
    other = np.clip(1 - probabilities, LEAST, 1 - LEAST) ** (1 / temperature)
    return np.asarray(own / (own + other))
