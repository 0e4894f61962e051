"""How unlike those of a training an image looks, on a scale of which 1 is the end of the usual."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..components import component

Array = NDArray[Any]
ALARM = 0.05
"""Share of images like those of the training that lie beyond 1."""
LEAST_SPREAD = 0.05
"""Traits are logarithms and shares: smaller differences mean nothing."""


@component
@dataclass(frozen=True)
class Likeness:
    """How images of a training look, and how far from them such images may lie.

    Distances are Mahalanobis', with correlations shrunk towards none by how few images there are.

    Parameters
    ----------
    middle : tuple of float
        Mean of each trait.
    shape : tuple of tuple of float
        Inverse of the covariance.
    limit : float
        Distance beyond which one in twenty such images lies, each left out of the others in turn.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> usual = likeness(rng.normal(size=(200, 3)))
    >>> round(float(np.mean([usual.unlikeness(x) > 1 for x in rng.normal(size=(1000, 3))])), 2)
    0.05
    >>> usual.unlikeness(np.array([9.0, 0.0, 0.0])) > 2
    True
    """

    middle: tuple[float, ...]
    shape: tuple[tuple[float, ...], ...]
    limit: float

    def unlikeness(self, look: Array) -> float:
        """Return the distance of an image over the limit."""
        return _distance(look, np.array(self.middle), np.array(self.shape)) / self.limit


def likeness(looks: Array) -> Likeness:
    """Measure how the images of a training look.

    Parameters
    ----------
    looks : float array (n, k)
        Traits of each, see `Evidence.look`; NaN where missing.
    """
    away = [_distance(own, *_measured(np.delete(looks, k, axis=0))) for k, own in enumerate(looks)]
    rank = min(len(away), math.ceil((len(away) + 1) * (1 - ALARM)))
    middle, shape = _measured(looks)
    rows = tuple(tuple(map(float, row)) for row in shape)
    return Likeness(tuple(map(float, middle)), rows, max(float(np.sort(away)[rank - 1]), 1e-6))


def _measured(looks: Array) -> tuple[Array, Array]:
    """Return the mean and the inverse of the shrunk covariance."""
    known = np.isfinite(looks)
    count, traits = looks.shape
    middle = np.where(known, looks, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    away = np.where(known, looks - middle, 0)
    covariance = away.T @ away / max(count - 1, 1)
    own = np.diag(np.diag(covariance))
    shrunk = traits / (count + traits)
    mixed = (1 - shrunk) * covariance + shrunk * own + LEAST_SPREAD**2 * np.eye(traits)
    return middle, np.linalg.inv(mixed)


def _distance(look: Array, middle: Array, shape: Array) -> float:
    away = np.nan_to_num(np.asarray(look, float) - middle, nan=0.0)
    return math.sqrt(max(float(away @ shape @ away), 0.0))
